/** What rules cost, dearest first: `replay --profile`. */
import type { PredicateCost, RuleCost } from './answers.js';
import { clipped, counted, printable } from './text.js';

/** Beyond so many rules or conditions the rest is summed up; JSON has all. */
const most = 20;

export function costText(rules: readonly RuleCost[], predicates: readonly PredicateCost[]): string[] {
  const whole = rules.reduce((sum, one) => sum + one.nanoseconds, 0);
  return [
    `rules, each decided alone: ${spelled(whole)} of CPU`,
    ...table(rules, whole, (one) => one.rule),
    'conditions, each on every event of its rules',
    ...table(
      predicates,
      predicates.reduce((sum, one) => sum + one.nanoseconds, 0),
      (one) => `${one.predicate}${one.rules.length === 1 ? '' : `   (${one.rules.length} rules)`}`,
    ),
  ];
}

function table<T extends RuleCost | PredicateCost>(
  list: readonly T[],
  whole: number,
  name: (one: T) => string,
): string[] {
  const rows = list.filter((one) => one.evaluations > 0);
  const lines = rows.slice(0, most).map((one) => {
    const share = whole === 0 ? 0 : (one.nanoseconds * 100) / whole;
    return [
      `  ${spelled(one.nanoseconds).padStart(9)}`,
      `${share.toFixed(0).padStart(3)} %`,
      `${Math.round(one.nanoseconds / one.evaluations)} ns × ${counted(one.evaluations)}`.padEnd(20),
      `true ${counted(one.matches)}`.padEnd(12),
      clipped(printable(name(one)), 90),
    ].join('  ');
  });
  const rest = rows.slice(most);
  if (rest.length > 0)
    lines.push(
      `  ${spelled(rest.reduce((sum, one) => sum + one.nanoseconds, 0)).padStart(9)}  ${rest.length} more`,
    );
  const idle = list.length - rows.length;
  if (idle > 0) lines.push(`  ${' '.repeat(9)}  ${idle} never decided: no such event`);
  return lines;
}

const spelled = (nanoseconds: number): string =>
  nanoseconds >= 1e6 ? `${(nanoseconds / 1e6).toFixed(1)} ms` : `${(nanoseconds / 1e3).toFixed(1)} µs`;
