import type { CheckResult, TestResult, TestSummary } from '../answers.js';
import { printable } from '../text.js';
import { errorsOf, type TestFormat } from './format.js';

/** TAP version 14: one test point per test; what did not pass says so in a YAML block. */
export function tapTests(): TestFormat {
  let number = 0;
  let planned = 0;
  return {
    begin: ({ selected }) => {
      planned = selected;
      return `TAP version 14\n1..${selected}\n`;
    },
    test(test) {
      number++;
      const good = test.outcome === 'pass' || test.outcome === 'skip';
      const directive =
        test.outcome === 'skip'
          ? ` # SKIP ${escaped(test.reason ?? '')}`
          : test.outcome === 'todo'
            ? ` # TODO ${escaped(test.reason ?? '')}`
            : '';
      const line = `${good ? 'ok' : 'not ok'} ${number} - ${escaped(`${test.file}: ${test.name}`)}${directive.trimEnd()}\n`;
      return good ? line : `${line}${yamlBlock(test)}`;
    },
    end: (summary) =>
      `${bailOut(summary, number, planned)}# ${summary.pass} passed, ${summary.fail} failed, ${summary.inconclusive} inconclusive\n`,
  };
}

function bailOut(summary: TestSummary, number: number, planned: number): string {
  const [error, ...more] = errorsOf(summary);
  if (error !== undefined) {
    const { file, start } = error.span ?? { file: 'seccam', start: { line: 1 } };
    const others = more.length === 0 ? '' : ` (and ${more.length} more)`;
    return `Bail out! ${escaped(`${file}:${start.line}: ${error.message}${others}`)}\n`;
  }
  return number < planned ? `Bail out! Stopped after ${number} of ${planned} tests\n` : '';
}

/** `#` and `\` mean something in a description. */
function escaped(text: string): string {
  return printable(text).replaceAll('\\', '\\\\').replaceAll('#', '\\#');
}

/** A string of YAML on one line: what YAML or a reader of lines takes for an end of line is escaped. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function yamlBlock(test: TestResult): string {
  const lines = ['---', `outcome: ${test.outcome}`];
  if (test.reason !== undefined) lines.push(`message: ${quoted(test.reason)}`);
  lines.push(`at: ${quoted(`${test.span.file}:${test.span.start.line}`)}`);
  const wrong = test.checks.filter((check) => check.outcome !== 'pass');
  if (wrong.length > 0) lines.push('checks:', ...wrong.flatMap(checkItem));
  return `${[...lines, '...'].map((line) => `  ${line}\n`).join('')}`;
}

function checkItem(check: CheckResult): string[] {
  return [
    `  - expected: ${quoted(check.title)}`,
    `    outcome: ${check.outcome}`,
    ...(check.message === undefined ? [] : [`    message: ${quoted(check.message)}`]),
    ...(check.code === undefined ? [] : [`    code: ${check.code}`]),
    `    at: ${quoted(`${check.span.file}:${check.span.start.line}:${check.span.start.column}`)}`,
  ];
}
