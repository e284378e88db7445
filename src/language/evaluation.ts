/**
 * What a compiled rule can be asked. The two paths: `Evaluate` (fast, short circuit) and `Trace` (every leaf,
 * with values; used by explain, coverage, mutation and for the matched sub-expressions of a detection).
 */

import type { VariableReader } from './model.js';
import type { TextSpan } from './source.js';
import type { LeafId, Rule } from './tree.js';

/** Decides one rule on one event. `now` is the event's wall time in ns; ages are measured against it. */
export type Evaluate<E> = (event: E, now: number, variables: VariableReader<E>) => boolean;

/**
 * Decides all rules of one event type, in order of index, and calls `hit` synchronously at each match before
 * the next rule is evaluated, so that a later rule sees the variables that `hit` set.
 */
export type EvaluateAll<E> = (
  event: E,
  now: number,
  variables: VariableReader<E>,
  hit: (rule: number) => void,
) => void;

export interface RuleSet<E> {
  readonly rules: readonly Rule[];
  /** The function for one event type, or undefined when no rule is about it. Keep it: it is the fast path. */
  evaluator(eventType: string): EvaluateAll<E> | undefined;
  /** Dispatches on `Model.eventType`. */
  readonly evaluate: EvaluateAll<E>;
  /** Traces one rule by index, without short circuit. */
  trace(rule: number, event: E, now: number, variables: VariableReader<E>): Trace;
  /** Distinct string predicates and how many (predicate, string) pairs were decided so far: for `bench`. */
  readonly figures: {
    readonly predicates: number;
    readonly decided: () => number;
    readonly sourceLength: number;
  };
}

/** One value that a leaf looked at: texts are resolved, CIDRs are text. */
export type Seen = boolean | number | string;

export interface LeafResult {
  readonly leaf: LeafId;
  readonly value: boolean;
  /** The operand's values: one when single-valued, all when multi-valued. Absent when the leaf has no such side. */
  readonly left: readonly Seen[];
  readonly right: readonly Seen[];
  /** Indices into `left` / `right` of the pair(s) that satisfied the test, before negation. */
  readonly leftMatched: readonly number[];
  readonly rightMatched: readonly number[];
}

export interface Trace {
  readonly value: boolean;
  /** By leaf id. With a register: at the element that made the rule true, else at the one nearest to it. */
  readonly leaves: readonly LeafResult[];
  /** Least number of leaves whose flip would make the rule true; 0 when it is true. */
  readonly distance: number;
  /** The element index of the register, when the rule has one and the iterator has elements. */
  readonly element: number | undefined;
  /** What made it true: empty when it is false. */
  readonly matched: readonly MatchedExpression[];
}

/** One side of a comparison that made the rule true. */
export interface MatchedExpression {
  /** Where it stands in its file; `from` and `to` are offsets into the text of the rule, or of `macro`. */
  readonly span: TextSpan;
  readonly value: Seen;
  /** The field, when this side is one. */
  readonly field: string | undefined;
  /** A variable or interpolated string: the value does not stand in the text. */
  readonly computed: boolean;
  readonly leaf: LeafId;
}
