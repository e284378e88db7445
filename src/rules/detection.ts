/** What the engine says when a rule matched: the type that outputs, workbench and agent share. */

import type { Diagnostic, Span } from '../support/diagnostic.js';
import type { Action } from './action.js';

export interface MatchedPart {
  /** Stretch of the rule's expression (of the macro's, when `macro` is there), 0-based offsets into its text. */
  readonly start: number;
  readonly end: number;
  readonly field: string | undefined;
  /** As JSON shows it; int64 beyond 2^53 as a decimal string. */
  readonly value: unknown;
  /** Where that is in the policy file. */
  readonly span?: Span;
  /** The macro that it stands in. */
  readonly macro?: string;
}

export interface ActionReport {
  readonly kind: Action['kind'];
  /** What was done, or with `simulated` what enforce mode would have done. */
  readonly detail: Readonly<Record<string, unknown>>;
  readonly simulated: boolean;
}

export interface Detection {
  readonly ruleId: string;
  readonly policy: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly description: string;
  readonly ruleSpan: Span | undefined;
  readonly seq: number;
  readonly eventType: string;
  /** Wall ns. */
  readonly timestamp: bigint;
  /** False when a rate limit, `silent` or a profile keeps it from being sent; it is a match all the same. */
  readonly delivered: boolean;
  readonly suppressedBy: 'rate-limit' | 'silent' | 'profile' | undefined;
  readonly matched: readonly MatchedPart[];
  readonly actions: readonly ActionReport[];
  /** Values of the variables that the rule reads, as they were at the event. */
  readonly variables: Readonly<Record<string, unknown>>;
}

export interface LoadReport {
  readonly diagnostics: readonly Diagnostic[];
}
