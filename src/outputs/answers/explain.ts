/** Of explain: why a rule matched or did not. */
import type { Diagnostic, Span } from '../../support/diagnostic.js';
import type { Answer } from './answer.js';
import type { ProcessLine } from './replay.js';

export interface ExplainResult {
  readonly schema: 'seccam/explain@1';
  readonly recording: string;
  readonly events: number;
  readonly explanations: readonly Explanation[];
  readonly diagnostics: readonly Diagnostic[];
  /** 0: every rule asked for matched. 1: one did not. */
  readonly answer: Answer;
}

export interface Explanation {
  readonly rule: string;
  readonly span: Span | undefined;
  readonly expression: string;
  readonly eventType: string;
  readonly matched: number;
  /** events › of the type › shown to rules › matched */
  readonly funnel: {
    readonly events: number;
    readonly ofType: number;
    readonly shown: number;
    readonly matched: number;
  };
  /** Of the type but not shown: result name → count. */
  readonly hidden: Readonly<Record<string, number>>;
  /** Results that rules see beside success. */
  readonly shownResults: readonly string[];
  readonly tree: ExplainNode;
  /** Matches (when matched) or the closest events. */
  readonly at: readonly ExplainedEvent[];
  /** Events at the same distance as the first of `at`, beyond those shown. */
  readonly moreAtDistance: number;
  readonly tries: readonly TryLine[];
  /** Matches that are not told as detections, and why. */
  readonly heldBack?: {
    readonly by: 'silent' | 'rate-limit';
    readonly matches: number;
    /** ns; absent: the default limit. */
    readonly every?: number;
    /** Of `every`. */
    readonly span?: Span;
    /** `limiter_token`: one limit for each combination of their values. */
    readonly tokens?: readonly string[];
  };
  /** Why it can not match here at all, when so: an inconclusive code and a sentence. */
  readonly blocked?: { readonly code: string; readonly message: string };
}

/** The rule's tree as it is really grouped; `leaf` nodes are numbered in textual order. */
export interface ExplainNode {
  readonly kind: 'and' | 'or' | 'not' | 'macro' | 'leaf' | 'constant';
  readonly text: string;
  readonly span: Span;
  readonly leaf?: number;
  readonly macro?: string;
  /** On how many shown events it was true. */
  readonly trueOf: number;
  /** Running conjunction with its elder siblings (below an `and` only). */
  readonly soFar?: number;
  readonly neverTrue: boolean;
  readonly children: readonly ExplainNode[];
}

export interface ExplainedEvent {
  readonly seq: number;
  readonly type: string;
  /** ns since the start of the recording, decimal. */
  readonly elapsed: string;
  readonly process: ProcessLine;
  readonly distance: number;
  readonly value: boolean;
  readonly leaves: readonly ExplainedLeaf[];
}

export interface ExplainedLeaf {
  readonly leaf: number;
  readonly value: boolean;
  readonly have: readonly unknown[];
  readonly want: readonly unknown[];
  /** Texts of `have` are names of constants: flags, families. */
  readonly named?: boolean;
  /** The pair that satisfied the test. */
  readonly matchedBy?: { readonly have: unknown; readonly want: unknown };
  /** Sentences: `nearest: "nginx-debug" begins with the member "nginx"`, `set by r at event 4288, inherited from sh(9036)`. */
  readonly notes: readonly string[];
}

/** A changed rule that was really evaluated over the recording. */
export interface TryLine {
  readonly text: string;
  /** The leaf that was changed. */
  readonly leaf: number;
  readonly expression: string;
  readonly matches: number;
}
