/**
 * Which leaves of one rule are true at an event, decided by compiled code: what `trace` says without the
 * values, at a small part of its price. Events that agree in every leaf share one pattern.
 */
import type { Event } from '../catalogue/event.js';
import {
  compileSet,
  compileValue,
  distanceTo,
  type EvaluateAll,
  type Operand,
  type Trace,
  truthOf,
  withAliases,
} from '../language/index.js';
import type { LoadedRule, ProductModel, VariableStore } from '../rules/index.js';

export interface Pattern {
  /** A digit for each leaf: the same for all events that agree in every leaf. */
  readonly key: string;
  /** By leaf. */
  readonly leaves: readonly boolean[];
  readonly value: boolean;
  /** As in `Trace`. */
  readonly distance: number;
  /** Events that had it since it was last forgotten. */
  count: number;
}

/** Beyond so many kinds of events the counts are handed on and the patterns forgotten. */
const mostPatterns = 4096;

export class Patterns {
  readonly #rule: LoadedRule;
  readonly #decide: EvaluateAll<Event> | undefined;
  readonly #variables: VariableStore;
  readonly #known = new Map<number | string, Pattern>();
  readonly #forget: (pattern: Pattern) => void;
  /** Leaves of the event that is looked at. */
  #bits = 0;
  #many: number[] = [];
  readonly #hit: (leaf: number) => void;
  #event!: Event;
  readonly #look = (): void => this.#decide?.(this.#event, this.#event.wall, this.#variables, this.#hit);

  /** `forget` takes the count of each pattern, once, sooner or later. */
  constructor(
    rule: LoadedRule,
    model: ProductModel,
    variables: VariableStore,
    forget: (pattern: Pattern) => void,
  ) {
    this.#rule = rule;
    this.#variables = variables;
    this.#forget = forget;
    const { leaves, registers } = rule.rule;
    this.#hit =
      leaves.length <= 30
        ? (leaf) => {
            this.#bits |= 1 << leaf;
          }
        : (leaf) => void this.#many.push(leaf);
    // With a register a leaf has a value at an element only, and which one is for `trace` to say.
    if (registers.size === 0)
      this.#decide = compileSet(
        leaves.map((leaf) => ({ ...rule.rule, root: leaf, leaves: [leaf] })),
        model,
      ).evaluator(rule.eventType);
  }

  /** Counts the event. */
  at(event: Event, trace: () => Trace): Pattern {
    if (this.#rule.rule.registers.size > 0) return this.#traced(trace());
    this.#bits = 0;
    this.#many = [];
    this.#event = event;
    this.#variables.aside(this.#look);
    const key = this.#rule.rule.leaves.length <= 30 ? this.#bits : this.#many.sort((a, b) => a - b).join();
    const known = this.#known.get(key);
    if (known !== undefined) {
      known.count += 1;
      return known;
    }
    const many = new Set(this.#many);
    const leaves = this.#rule.rule.leaves.map(({ leaf }) =>
      typeof key === 'number' ? (key & (1 << leaf)) !== 0 : many.has(leaf),
    );
    const valueAt = (leaf: number): boolean => leaves[leaf]!;
    const value = truthOf(this.#rule.rule.root, valueAt);
    return this.#keep(key, {
      key: keyOf(leaves),
      leaves,
      value,
      distance: value ? 0 : distanceTo(this.#rule.rule.root, valueAt).match,
      count: 1,
    });
  }

  /** Hands on all counts. */
  end(): void {
    for (const pattern of this.#known.values()) this.#forget(pattern);
    this.#known.clear();
  }

  #traced(trace: Trace): Pattern {
    const leaves = trace.leaves.map((leaf) => leaf.value);
    const key = `${leaves.map(Number).join('')} ${trace.distance} ${trace.value}`;
    const known = this.#known.get(key);
    if (known !== undefined) known.count += 1;
    return (
      known ??
      this.#keep(key, { key: keyOf(leaves), leaves, value: trace.value, distance: trace.distance, count: 1 })
    );
  }

  #keep(key: number | string, pattern: Pattern): Pattern {
    if (this.#known.size >= mostPatterns) this.end();
    this.#known.set(key, pattern);
    return pattern;
  }
}

const keyOf = (leaves: readonly boolean[]): string => leaves.map(Number).join('');

/**
 * Reads the texts of an operand, further names of the same thing included, as `LeafResult` lists them, and
 * gives each to `take`.
 */
export function textsOf(
  operand: Operand,
  model: ProductModel,
): (event: Event, variables: VariableStore, take: (text: string) => void) => void {
  const readers = withAliases(operand).map((root) =>
    compileValue<Event>(
      { text: '', file: '', root, type: root.type, multi: root.multi, fields: [], variables: [] },
      model,
    ),
  );
  const give = (value: unknown, take: (text: string) => void): void => {
    if (typeof value === 'string') take(value);
    else if (typeof value === 'object' && value !== null && 'text' in value) take(String(value.text));
  };
  return (event, variables, take) => {
    for (const read of readers) {
      const value = read(event, event.wall, variables);
      if (Array.isArray(value)) for (const one of value) give(one, take);
      else give(value, take);
    }
  };
}
