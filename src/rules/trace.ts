/**
 * The evaluation interface that explain, coverage and mutation plug into: every leaf of a rule with the
 * values it saw, without short circuit.
 */
import type { Event } from '../catalogue/event.js';
import type { Trace } from '../language/index.js';
import type { LoadedRule } from './ruleset.js';

/**
 * Called for every rule of the event's type, in order of evaluation, with the variables as they were when
 * the rule was decided (before its own actions). `trace` is lazy: not called, it costs nothing.
 */
export interface Observer {
  rule(rule: LoadedRule, event: Event, value: boolean, trace: () => Trace): void;
  /** An action of a rule that matched was not held back by its filter; `action` is its place in the rule. */
  acted?(rule: LoadedRule, action: number): void;
}
