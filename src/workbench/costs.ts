/**
 * What rules cost: each rule, and each of its conditions alone, decided by code of its own with a clock around
 * it. A profile is slower than the ordinary path, in which rules share work and most are never looked at.
 */
import type { Event } from '../catalogue/event.js';
import { compileRule, type Evaluate } from '../language/index.js';
import { Engine, type EngineOptions, type LoadedRule } from '../rules/index.js';
import { lookup } from '../support/lookup.js';
import { nodeText } from './account.js';
import type { PredicateCost, RuleCost } from './results.js';
import type { RulesInUse } from './ruleset.js';

interface Cost {
  evaluations: number;
  nanoseconds: number;
  matches: number;
}

interface Timed {
  readonly decide: Evaluate<Event>;
  readonly cost: Cost;
}

export class Costs {
  readonly #rules = new Map<string, Cost>();
  readonly #predicates = new Map<string, Cost & { readonly rules: Set<string> }>();
  readonly #overhead = overheadOfClock();
  #timed = new Map<LoadedRule, readonly Timed[]>();

  constructor(public inUse: RulesInUse) {
    this.take(inUse);
  }

  /** Other rules decide from here on. */
  take(inUse: RulesInUse): void {
    this.inUse = inUse;
    this.#timed = new Map(inUse.rules.rules.map((rule) => [rule, this.#compiled(rule)]));
  }

  /** The rule first, then its conditions; the same condition of several rules has one cost. */
  #compiled(rule: LoadedRule): Timed[] {
    const { model } = this.inUse.rules;
    const empty = (): Cost => ({ evaluations: 0, nanoseconds: 0, matches: 0 });
    return [
      { decide: compileRule(rule.rule, model), cost: lookup(this.#rules, rule.id, empty) },
      ...rule.rule.leaves.map((leaf) => {
        const cost = lookup(this.#predicates, nodeText(leaf, rule, this.inUse), () => ({
          ...empty(),
          rules: new Set<string>(),
        }));
        cost.rules.add(rule.id);
        return { decide: compileRule({ ...rule.rule, root: leaf }, model), cost };
      }),
    ];
  }

  engine(options: EngineOptions): Engine {
    const engine: Engine = new Engine(this.inUse.rules, {
      ...options,
      observer: {
        rule: (rule, event) => {
          engine.variables.aside(() => {
            for (const { decide, cost } of this.#timed.get(rule) ?? []) {
              const began = performance.now();
              const value = decide(event, event.wall, engine.variables);
              const taken = (performance.now() - began) * 1e6 - this.#overhead;
              cost.nanoseconds +=
                taken < longest || cost.evaluations === 0
                  ? Math.min(taken, longest)
                  : cost.nanoseconds / cost.evaluations;
              cost.evaluations += 1;
              if (value) cost.matches += 1;
            }
          });
        },
      },
    });
    return engine;
  }

  rules(): RuleCost[] {
    return dearest(
      [...this.#rules].map(([rule, cost]) => ({ rule, ...rounded(cost) })),
      (one) => one.rule,
    );
  }

  predicates(): PredicateCost[] {
    return dearest(
      [...this.#predicates].map(([predicate, { rules, ...cost }]) => ({
        predicate,
        rules: [...rules].sort(),
        ...rounded(cost),
      })),
      (one) => one.predicate,
    );
  }
}

/** ns: what took longer was interrupted, by another program or by the collection of garbage, and counts as usual. */
const longest = 300_000;

const rounded = (cost: Cost): Cost => ({ ...cost, nanoseconds: Math.max(0, Math.round(cost.nanoseconds)) });

function dearest<T extends Cost>(list: T[], name: (item: T) => string): T[] {
  return list.sort((a, b) => b.nanoseconds - a.nanoseconds || (name(a) < name(b) ? -1 : 1));
}

/** What asking the clock twice takes, in ns, when nothing comes in between. */
function overheadOfClock(): number {
  const taken = Array.from({ length: 20_000 }, () => {
    const began = performance.now();
    return (performance.now() - began) * 1e6;
  });
  return taken.sort((a, b) => a - b)[1000]!;
}
