/** What the tests reach: the headline, and each rule that is not reached in all its parts. */
import type { CoverageReport, LeafCoverage, RuleCoverage } from './answers.js';
import type { Paint } from './text.js';
import { clipped, counted, printable } from './text.js';

/** `rules fired 41/44 · leaves decided 131/162 · members matched 88/240` */
export function coverageHeadline(report: Pick<CoverageReport, 'rules' | 'leaves' | 'members'>): string {
  const { rules, leaves, members } = report;
  return [
    `rules fired ${rules.fired}/${rules.total}`,
    `leaves decided ${leaves.decided}/${leaves.total}`,
    `members matched ${members.matched}/${members.total}`,
  ].join(' · ');
}

/** How far tests that name the rule reach a condition; `seen`: only tests that do not name it do. */
export type Reach = 'whole' | 'blocks' | 'seen' | 'undecided' | 'always' | 'never' | 'unreached';

export const reachText: Readonly<Record<Reach, string>> = {
  whole: 'true, false, and the one that decides',
  blocks: 'decides, and each time keeps the rule from firing',
  seen: 'decided only in tests that do not name the rule',
  undecided: 'true and false, but never the one condition that decides',
  always: 'never false',
  never: 'never true',
  unreached: 'no event',
};

/** `fired`: the rule ever matched; when not, all that a condition ever decided is that it did not. */
export function reachOf(leaf: LeafCoverage, fired = true): Reach {
  if (leaf.seenTrue === 0 && leaf.seenFalse === 0) return 'unreached';
  if (leaf.seenTrue === 0) return 'never';
  if (leaf.seenFalse === 0) return 'always';
  if (leaf.decided > 0 && !fired) return 'blocks';
  if (leaf.asserted.decided > 0) return 'whole';
  return leaf.decided > 0 ? 'seen' : 'undecided';
}

/** A condition that counts as decided though something of it is missing is neither whole nor unmet. */
export function signOf(leaf: LeafCoverage, fired = true): keyof typeof signs {
  if (reachOf(leaf, fired) === 'whole') return '✓';
  return leaf.asserted.decided > 0 ? '◐' : '✗';
}

const signs = { '✓': 'green', '◐': 'yellow', '✗': 'red' } as const;

/** The rules by file, each condition with its counts; what is fully reached is one line. */
export function coverageText(report: CoverageReport, paint: Paint): string[] {
  const lines = [paint.bold(coverageHeadline(report))];
  let file: string | undefined;
  const rules = [...report.perRule].sort(
    (a, b) =>
      compare(a.span?.file ?? '', b.span?.file ?? '') ||
      (a.span?.start.line ?? 0) - (b.span?.start.line ?? 0),
  );
  for (const rule of rules) {
    const here = rule.span?.file ?? '';
    if (here !== file) {
      lines.push('', paint.bold(printable(here)));
      file = here;
    }
    lines.push(...ruleLines(rule, paint));
  }
  const macros = report.macros.filter((macro) => macro.uses > 1);
  if (macros.length > 0) lines.push('', paint.bold('macros, over all their uses'));
  for (const macro of macros) {
    lines.push(`  ${printable(macro.macro)}  ${paint.dim(counted(macro.uses, 'use'))}`);
    for (const leaf of macro.leaves) lines.push(...leafLines(leaf, paint));
  }
  if (report.thresholds.length > 0) lines.push('');
  for (const { name, want, have, met } of report.thresholds)
    lines.push(
      `${met ? paint.green('✓') : paint.red('✗')} ${name} ${have} %, ${met ? 'at least' : 'want at least'} ${want} %`,
    );
  return lines;
}

function ruleLines(rule: RuleCoverage, paint: Paint): string[] {
  const fired = rule.fired.asserted > 0;
  const idle = rule.actions.filter((action) => action.ran === 0);
  const whole =
    fired &&
    idle.length === 0 &&
    rule.leaves.every(
      (leaf) => reachOf(leaf) === 'whole' && leaf.members.every((member) => member.matched > 0),
    );
  const place = rule.span === undefined ? '' : `${rule.span.start.line}:${rule.span.start.column}`;
  const head = `  ${mark(whole ? 'whole' : fired ? 'partly' : 'not', paint)} ${printable(rule.rule)}  ${paint.dim(`${place}  ${firedText(rule)}`)}`;
  if (whole) return [head];
  return [
    head,
    ...rule.leaves.flatMap((leaf) => leafLines(leaf, paint, rule.fired.asserted + rule.fired.seen > 0)),
    ...(fired ? idle.map((action) => `        ${paint.yellow(`action ${action.kind} never ran`)}`) : []),
  ];
}

function firedText(rule: RuleCoverage): string {
  if (rule.fired.asserted > 0) return `fired ${counted(rule.fired.asserted)}`;
  return rule.fired.seen > 0
    ? `fired ${counted(rule.fired.seen)}, but no test names it there`
    : 'never fired';
}

function mark(state: 'whole' | 'partly' | 'not', paint: Paint): string {
  return state === 'whole' ? paint.green('✓') : state === 'partly' ? paint.yellow('◐') : paint.red('✗');
}

function leafLines(leaf: LeafCoverage, paint: Paint, fired = true): string[] {
  const reach = reachOf(leaf, fired);
  const mark = signOf(leaf, fired);
  const sign = reach === 'seen' ? paint.dim('✓') : paint[signs[mark]](mark);
  const counts = `true ${counted(leaf.seenTrue)}`.padEnd(11) + `false ${counted(leaf.seenFalse)}`.padEnd(13);
  const text = clipped(printable(leaf.text), 70);
  const lines = [
    `      ${sign} ${paint.dim(counts)} ${text}${reach === 'whole' ? '' : `  ${paint.yellow(reachText[reach])}`}`,
  ];
  const missed = leaf.members.filter((member) => member.matched === 0).map((member) => member.text);
  if (missed.length > 0 && leaf.members.length > 0) {
    const some = missed.slice(0, 6).map(printable).join(', ');
    const more = missed.length > 6 ? `, and ${missed.length - 6} more` : '';
    lines.push(
      `        ${' '.repeat(24)} ${paint.dim(`${leaf.members.length - missed.length} of ${counted(leaf.members.length, 'member')} matched; not: ${some}${more}`)}`,
    );
  }
  return lines;
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
