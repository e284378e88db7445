/** Lint: what `check` says of rules that load. */
import { type Diagnostic, sortDiagnostics } from '../../support/diagnostic.js';
import type { Ruleset } from '../ruleset.js';
import type { LintContext, LintOptions, RuleCheck, SetCheck } from './finding.js';
import { grouping } from './grouping.js';
import { limits, names } from './names.js';
import { operators } from './operators.js';
import { reach, truth, whyCannotFire } from './truth.js';

export { lintCodes } from './codes.js';
export type { LintOptions } from './finding.js';
export { applyFixes, type FixResult } from './fix.js';
export { type FormatResult, formatPolicy } from './format.js';

const ruleChecks: readonly RuleCheck[] = [operators, truth, reach, limits];
const setChecks: readonly SetCheck[] = [grouping, names];

/** Every finding, sorted; equal ones (the eight rules of `fim.write`, macros used often) once. */
export function lintRules(rules: Ruleset, options: LintOptions = {}): readonly Diagnostic[] {
  const context = contextOf(rules, options);
  const found = new Map<string, Diagnostic>();
  const add = (items: readonly Diagnostic[]): void => {
    for (const item of items) {
      const key = `${item.code} ${item.span?.file ?? ''} ${item.span?.start.offset ?? ''} ${item.span?.end.offset ?? ''}`;
      if (!found.has(key)) found.set(key, item);
    }
  };
  for (const check of setChecks) add(check(context));
  for (const rule of rules.rules) for (const check of ruleChecks) add(check(rule, context));
  return sortDiagnostics([...found.values()]);
}

/** The rules that cannot fire where only `events` are recorded, with the reason of each. */
export function cannotFire(rules: Ruleset, options: LintOptions = {}): ReadonlyMap<string, string> {
  const context = contextOf(rules, options);
  const found = new Map<string, string>();
  for (const rule of rules.rules) {
    const why = whyCannotFire(rule, context);
    if (why !== undefined) found.set(rule.id, why);
  }
  return found;
}

function contextOf(rules: Ruleset, options: LintOptions): LintContext {
  const texts = new Map(rules.policies.map((policy) => [policy.file, policy.text]));
  return { rules, options, text: (file) => texts.get(file) };
}
