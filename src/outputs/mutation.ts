/** Which wrong versions of the rules no test notices: the headline, and each survivor with what is missing. */
import type { MutationReport, Survivor } from './answers.js';
import type { Paint } from './text.js';
import { counted, printable } from './text.js';

/** `mutants noticed 812/1040 (78 %) · unseen 150 · unasserted 78` */
export function mutationHeadline(report: MutationReport): string {
  const since = report.since === undefined ? '' : ` since ${report.since}`;
  return [
    `mutants${since} noticed ${report.killed}/${report.mutants} (${report.score} %)`,
    `unseen ${report.unseen}`,
    `unasserted ${report.unasserted}`,
  ].join(' · ');
}

export function mutationText(report: MutationReport, paint: Paint): string[] {
  const lines = [
    paint.bold(printable(mutationHeadline(report))),
    paint.dim(
      `  on ${counted(report.events, 'event')} of ${counted(report.inputs, 'input')}; not counted: ${report.equal} that mean the same, ${report.refused} that do not load`,
    ),
  ];
  let file: string | undefined;
  let name: string | undefined;
  for (const one of report.survivors) {
    if (one.span.file !== file) {
      lines.push('', paint.bold(printable(one.span.file)));
      file = one.span.file;
      name = undefined;
    }
    if (one.name !== name) {
      const row = report.perRule.find((rule) => rule.rule === one.name);
      const score = row === undefined ? '' : `  noticed ${row.killed}/${row.mutants}`;
      const kind = one.of === 'macro' ? 'macro ' : '';
      lines.push(`  ${kind}${printable(one.name)}${paint.dim(score)}`);
      name = one.name;
    }
    lines.push(...survivorLines(one, paint));
  }
  const rows = report.perOperator.filter((row) => row.mutants > 0);
  if (rows.length > 0) lines.push('', paint.bold('by operator'));
  for (const row of rows)
    lines.push(
      `  ${row.operator.padEnd(22)} ${`${row.killed}/${row.mutants}`.padStart(9)}  ${paint.dim(row.doc)}`,
    );
  const { threshold } = report;
  if (threshold !== undefined) {
    const mark = threshold.met ? paint.green('✓') : paint.red('✗');
    lines.push(
      '',
      `${mark} score ${threshold.have} %, ${threshold.met ? 'at least' : 'want at least'} ${threshold.want} %`,
    );
  }
  return lines;
}

/** How often the rule and its wrong version match. */
export function timesText([rule, mutant]: readonly [number, number]): string {
  return `${rule} there, this ${mutant === rule ? 'as often, but otherwise' : mutant}`;
}

function survivorLines(one: Survivor, paint: Paint): string[] {
  const { line, column } = one.span.start;
  const mark = one.state === 'unseen' ? paint.dim('○') : paint.yellow('◐');
  const lines = [`    ${mark} ${paint.dim(`${line}:${column}`)}  ${one.operator}  ${printable(one.said)}`];
  if (one.missing !== undefined)
    lines.push(`        unseen: no ${printable(one.missing.type)} ${paint.dim(printable(one.missing.text))}`);
  const { differs } = one;
  if (differs === undefined) return lines;
  lines.push(
    `        unasserted: event ${differs.seq} of ${printable(differs.recording)}: ${printable(differs.rule)} matches ${timesText(differs.matches)}`,
  );
  const { expectation, test } = differs;
  if (expectation !== undefined)
    lines.push(
      `        add  ${paint.bold(printable(expectation))}${test === undefined ? '' : paint.dim(`  to ${printable(test.file)}:${test.span.start.line}`)}`,
    );
  return lines;
}
