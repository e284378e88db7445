import type { CheckResult, TestResult, TestSummary } from '../answers.js';
import { coverageText } from '../coverage.js';
import { explanationText } from '../explanation.js';
import { mutationText } from '../mutation.js';
import type { Paint } from '../text.js';
import { counted, printable } from '../text.js';
import type { TestFormat } from './format.js';

const marks = { pass: '✓', fail: '✗', inconclusive: '?', skip: '-', todo: '·' } as const;

/** For people: a line per test, and under what did not pass its expectations with the reason. */
export function prettyTests(paint: Paint): TestFormat {
  let file: string | undefined;
  return {
    test(test) {
      const lines: string[] = [];
      if (test.file !== file) {
        lines.push(...(file === undefined ? [] : ['']), paint.bold(printable(test.file)));
        file = test.file;
      }
      lines.push(`  ${mark(test, paint)} ${printable(test.name)}${noteOf(test, paint)}`);
      for (const check of test.checks) if (check.outcome !== 'pass') lines.push(...checkLines(check, paint));
      if (test.snapshot !== undefined && test.snapshot.diff !== '')
        lines.push(...indented(test.snapshot.diff.split('\n').map(printable), 6));
      return `${lines.join('\n')}\n`;
    },
    end(summary) {
      const coverage = summary.coverage === undefined ? [] : [...coverageText(summary.coverage, paint), ''];
      const mutation = summary.mutation === undefined ? [] : [...mutationText(summary.mutation, paint), ''];
      return `\n${[...coverage, ...mutation, summaryLine(summary, paint)].join('\n')}\n`;
    },
  };
}

function mark(test: TestResult, paint: Paint): string {
  const colour =
    test.outcome === 'pass'
      ? paint.green
      : test.outcome === 'fail'
        ? paint.red
        : test.outcome === 'inconclusive'
          ? paint.yellow
          : paint.dim;
  return colour(marks[test.outcome]);
}

function noteOf(test: TestResult, paint: Paint): string {
  const notes: string[] = [];
  if (test.outcome !== 'pass') notes.push(test.outcome);
  if (test.reason !== undefined) notes.push(printable(test.reason));
  if (test.synthetic) notes.push('synthetic');
  if (test.declared.length > 0) notes.push(`declared: ${printable(test.declared.join(', '))}`);
  if (test.snapshot !== undefined && test.snapshot.state !== 'same') {
    notes.push(
      `snapshot ${test.snapshot.state}: +${test.snapshot.added} −${test.snapshot.removed} detections`,
    );
  }
  return notes.length === 0 ? '' : paint.dim(`  (${notes.join('; ')})`);
}

function checkLines(check: CheckResult, paint: Paint): string[] {
  const place = `${check.span.file}:${check.span.start.line}:${check.span.start.column}`;
  const code = check.code === undefined ? '' : ` [${check.code}]`;
  const lines = [
    `    ${paint.red(`${check.key}: ${printable(check.title)}`)}${code}`,
    `      ${printable(check.message ?? check.outcome)}`,
    `      ${paint.dim(`at ${printable(place)}`)}`,
  ];
  if (check.ruleSpan !== undefined)
    lines.push(
      `      ${paint.dim(`rule at ${printable(check.ruleSpan.file)}:${check.ruleSpan.start.line}:${check.ruleSpan.start.column}`)}`,
    );
  for (const seen of check.seen ?? [])
    lines.push(`      seen at event ${seen.seq}, ${seen.type}, ${printable(seen.process)}`);
  if (check.explanation !== undefined)
    lines.push('', ...indented(explanationText(check.explanation, paint), 6), '');
  return lines;
}

function indented(lines: readonly string[], by: number): string[] {
  return lines.map((line) => (line === '' ? '' : `${' '.repeat(by)}${line}`));
}

export function summaryLine(summary: TestSummary, paint: Paint): string {
  const parts = [
    paint.green(`${summary.pass} passed`),
    summary.fail === 0 ? '0 failed' : paint.red(`${summary.fail} failed`),
    ...(summary.inconclusive === 0 ? [] : [paint.yellow(`${summary.inconclusive} inconclusive`)]),
    ...(summary.skip === 0 ? [] : [`${summary.skip} skipped`]),
    ...(summary.todo === 0 ? [] : [`${summary.todo} to do`]),
  ];
  const synthetic = summary.synthetic === 0 ? '' : `, ${summary.synthetic} synthetic`;
  return `${parts.join(', ')}   ${counted(summary.tests, 'test')}${synthetic} in ${counted(summary.files, 'file')}, ${counted(summary.events, 'event')}, ${(summary.durationMs / 1000).toFixed(1)} s`;
}
