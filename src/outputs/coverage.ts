/** What tests cover of the rules: a headline, then the rules with leaves that no asserted test decided. */
import type { CoverageReport, LeafCoverage, RuleCoverage } from './answers.js';
import type { Paint } from './text.js';
import { clipped, columns, counted, printable } from './text.js';

export function coverageText(report: CoverageReport, paint: Paint): string[] {
  const { rules, leaves, members } = report;
  const lines = [
    `rules fired ${rules.fired}/${rules.total} · leaves decided ${leaves.decided}/${leaves.total} · members matched ${members.matched}/${members.total}`,
  ];
  for (const rule of report.perRule) {
    const open = rule.leaves.filter((leaf) => leaf.asserted.decided === 0);
    const silent = rule.leaves.flatMap((leaf) => leaf.members.filter((member) => member.matched === 0));
    if (rule.fired.asserted > 0 && open.length === 0 && silent.length === 0) continue;
    lines.push('', `${paint.bold(printable(rule.rule))}   ${firedText(rule, paint)}`);
    lines.push(
      ...columns(
        open.map((leaf) => [
          `  ${clipped(printable(leaf.text.replaceAll(/\s+/g, ' ')), 70)}`,
          leafText(leaf),
        ]),
      ),
    );
    if (silent.length > 0) {
      const names = silent.slice(0, 8).map((member) => printable(clipped(member.text, 40)));
      const more = silent.length > names.length ? `, … ${silent.length - names.length} more` : '';
      lines.push(paint.dim(`  never matched: ${names.join(', ')}${more}`));
    }
  }
  for (const threshold of report.thresholds) {
    const text = `${threshold.name}: have ${threshold.have.toFixed(1)} %, want ${threshold.want} %`;
    lines.push('', threshold.met ? paint.green(text) : paint.red(text));
  }
  return lines;
}

function firedText(rule: RuleCoverage, paint: Paint): string {
  const { asserted, seen } = rule.fired;
  if (asserted > 0) return `fired ${counted(asserted, 'time')} in tests that name it`;
  return seen > 0
    ? paint.yellow(`fired ${counted(seen, 'time')}, in no test that names it`)
    : paint.red('never fired');
}

function leafText(leaf: LeafCoverage): string {
  const { seenTrue, seenFalse } = leaf.asserted;
  if (seenTrue === 0 && seenFalse === 0) return 'never evaluated';
  if (seenTrue === 0) return `false ${counted(seenFalse)} times, never true`;
  if (seenFalse === 0) return `true ${counted(seenTrue)} times, never false`;
  return 'never decides';
}
