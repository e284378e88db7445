/** Puts the explanation of its rule beside each expectation that counted too little or too much. */
import type { Input } from '../pipeline/index.js';
import type { LoadedRule } from '../rules/index.js';
import { explainRules } from './explain.js';
import type { LookedAt } from './look.js';
import type { CheckResult, Explanation } from './results.js';
import { named, type RulesInUse } from './ruleset.js';
import type { Facts } from './scenario.js';
import type { TestCase } from './suite.js';

const explained = new Set(['count-differs', 'order-differs', 'never-fired']);
/** A failing run of a whole suite stays readable: rules beyond these are left to `seccam explain`. */
export const mostExplained = 3;

export async function explainFailures(
  checks: CheckResult[],
  test: TestCase,
  inputs: readonly Input[],
  facts: readonly Facts[],
  inUse: RulesInUse,
  allResults: boolean,
): Promise<CheckResult[]> {
  const failing = checks.filter(
    (check) =>
      check.outcome === 'fail' &&
      check.code !== undefined &&
      explained.has(check.code) &&
      check.rule !== undefined,
  );
  const rules = [
    ...new Set(failing.flatMap((check) => named(check.rule!, inUse.rules).loaded.slice(0, 1))),
  ].slice(0, mostExplained);
  if (rules.length === 0 || inputs.length === 0) return checks;
  const found = new Map<string, Explanation>();
  for (const [index, input] of inputs.slice(0, 4).entries()) {
    const { explanations } = await explainRules(
      inUse,
      rules,
      { input, context: test.context, closest: 1, tries: 1, allResults },
      lookedAt(facts[index], rules),
    );
    for (const explanation of explanations) {
      const known = found.get(explanation.rule);
      if (
        known === undefined ||
        (explanation.at[0]?.distance ?? Number.POSITIVE_INFINITY) <
          (known.at[0]?.distance ?? Number.POSITIVE_INFINITY)
      )
        found.set(explanation.rule, explanation);
    }
  }
  return checks.map((check) => {
    const rule =
      check.rule === undefined || !failing.includes(check)
        ? undefined
        : named(check.rule, inUse.rules).loaded[0];
    const explanation = rule === undefined ? undefined : found.get(rule.id);
    return explanation === undefined ? check : { ...check, explanation };
  });
}

/** The look of the replay itself, when it looked at these rules. */
function lookedAt(facts: Facts | undefined, rules: readonly LoadedRule[]): LookedAt | undefined {
  const { look } = facts ?? {};
  if (facts === undefined || look === undefined || facts.cut) return undefined;
  return rules.every((rule) => look.accounts.has(rule.index)) ? { ...facts, look } : undefined;
}
