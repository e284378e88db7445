/** The rule that came nearest to matching, for a replay that detected nothing. */
import { replay } from '../pipeline/index.js';
import { Engine } from '../rules/index.js';
import { inputOf } from './replay.js';
import type { CommonOptions, ReplaySummary } from './results.js';
import type { RulesInUse } from './ruleset.js';

/** Tracing a condition costs about a hundred times an ordinary decision, so that only so many are looked at. */
const mostConditions = 500_000;

export async function closestRule(
  inUse: RulesInUse,
  recordings: readonly string[],
  cwd: string,
  options: CommonOptions,
): Promise<ReplaySummary['closest']> {
  let best: NonNullable<ReplaySummary['closest']> | undefined;
  let conditions = 0;
  const stop = new AbortController();
  for (const recording of recordings) {
    const engine = new Engine(inUse.rules, {
      limits: false,
      observer: {
        rule: (rule, event, _value, trace) => {
          if (conditions >= mostConditions) return;
          conditions += rule.rule.leaves.length;
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
    let bestMet = 0;
    await replay([inputOf(recording, cwd)], {
      strings: inUse.strings,
      engine,
      allResults: options.allResults === true,
      signal: stop.signal,
    });
    if (conditions >= mostConditions) break;
  }
  return best;
}
