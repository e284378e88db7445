/** Of rules and projects: check, eval, diff, scaffolds. */
import type { Diagnostic } from '../../support/diagnostic.js';
import type { Answer } from './answer.js';
import type { EventLine } from './replay.js';

export interface CheckSummary {
  readonly schema: 'seccam/check@1';
  readonly files: readonly {
    readonly file: string;
    readonly kind: 'policy' | 'test' | 'snapshot' | 'project' | 'recording';
  }[];
  readonly rules: number;
  readonly tests: number;
  readonly diagnostics: readonly Diagnostic[];
  readonly fixed: number;
  readonly answer: Answer;
}

export type EvalItem =
  /** No recording was named: the newest is taken. */
  | { readonly kind: 'start'; readonly recording: string }
  | { readonly kind: 'event'; readonly event: EventLine }
  | { readonly kind: 'value'; readonly value: unknown; readonly type: string }
  | { readonly kind: 'diagnostic'; readonly diagnostic: Diagnostic }
  | { readonly kind: 'end'; readonly events: number; readonly matches: number; readonly answer: Answer };

export interface RulesDiff {
  readonly schema: 'seccam/diff-rules@1';
  readonly base: string;
  readonly recordings: readonly string[];
  readonly events: number;
  readonly changes: readonly RuleChange[];
  readonly notes: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
  /** 0 nothing differs, 1 something does. */
  readonly answer: Answer;
}

export interface RuleChange {
  readonly rule: string;
  readonly state: 'gained' | 'lost' | 'changed' | 'added' | 'removed' | 'actions';
  readonly before: number;
  readonly after: number;
  readonly gained: number;
  readonly lost: number;
  readonly example?: {
    readonly recording: string;
    readonly seq: number;
    readonly type: string;
    readonly process: string;
    readonly leaf?: string;
  };
}

export interface RecordingsDiff {
  readonly schema: 'seccam/diff-recordings@1';
  readonly left: string;
  readonly right: string;
  /** Differences of catalogue versions or traced events, stated first. */
  readonly notes: readonly string[];
  readonly added: number;
  readonly removed: number;
  readonly diff: string;
  readonly diagnostics: readonly Diagnostic[];
  readonly answer: Answer;
}

export interface ScaffoldResult {
  /** What was written, in order; `existed` files were left alone. */
  readonly files: readonly { readonly path: string; readonly state: 'written' | 'existed' | 'changed' }[];
  /** What to type next, one command a line. */
  readonly next: readonly string[];
  /** With `--from`: what the new test expects, and candidate expressions, most specific first. */
  readonly candidates?: readonly { readonly expression: string; readonly matches: number }[];
  readonly diagnostics: readonly Diagnostic[];
}
