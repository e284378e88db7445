/** The rule that came nearest to matching, for a replay that detected nothing. */
import { replay, type Summary } from '../pipeline/index.js';
import { Engine } from '../rules/index.js';
import { inputOf } from './replay.js';
import type { CommonOptions, ReplaySummary } from './results.js';
import type { RulesInUse } from './ruleset.js';

/**
 * Tracing a condition costs about a hundred times an ordinary decision, so that only about so many are looked at:
 * each rule at every so-manieth of its events, from the first to the last.
 */
const mostConditions = 50_000;

export async function closestRule(
  inUse: RulesInUse,
  recordings: readonly string[],
  cwd: string,
  options: CommonOptions,
  byType: Summary['byType'],
): Promise<ReplaySummary['closest']> {
  let best: NonNullable<ReplaySummary['closest']> | undefined;
  const conditions = inUse.rules.rules.reduce(
    (sum, rule) => sum + (byType.get(rule.eventType)?.shown ?? 0) * rule.rule.leaves.length,
    0,
  );
  const stride = Math.max(1, Math.ceil(conditions / mostConditions));
  const seen = new Map<string, number>();
  let bestMet = 0;
  for (const recording of recordings) {
    const engine = new Engine(inUse.rules, {
      limits: false,
      observer: {
        rule: (rule, event, _value, trace) => {
          const count = seen.get(rule.id) ?? 0;
          seen.set(rule.id, count + 1);
          if (count % stride !== 0) return;
          const { distance } = trace();
          // At the same distance the rule with more conditions met is the nearer one.
          const met = rule.rule.leaves.length - distance;
          if (
            best === undefined ||
            distance < best.distance ||
            (distance === best.distance && met > bestMet)
          ) {
            best = { rule: rule.id, distance, seq: event.seq, recording };
            bestMet = met;
          }
        },
      },
    });
    await replay([inputOf(recording, cwd)], {
      strings: inUse.strings,
      engine,
      allResults: options.allResults === true,
    });
  }
  return best;
}
