/** Of `test --mutate`. */
import type { Span } from '../../support/diagnostic.js';

export interface MutationReport {
  readonly schema: 'seccam/mutation@1';
  /** With `--since`: only what changed since this revision was mutated. */
  readonly since?: string;
  readonly mutants: number;
  readonly killed: number;
  /** Rule and mutant agree on every event. */
  readonly unseen: number;
  /** They differ, and no expectation says which is right. */
  readonly unasserted: number;
  /** Not counted: mean the same as the rule, or as another mutant. */
  readonly equal: number;
  /** Not counted: do not load. */
  readonly refused: number;
  /** Percentage killed, rounded down. */
  readonly score: number;
  /** Recordings and lists of events that the mutants were decided on. */
  readonly inputs: number;
  readonly events: number;
  readonly perOperator: readonly {
    readonly operator: string;
    readonly doc: string;
    readonly mutants: number;
    readonly killed: number;
  }[];
  readonly perRule: readonly {
    readonly rule: string;
    readonly mutants: number;
    readonly killed: number;
  }[];
  readonly survivors: readonly Survivor[];
  readonly threshold?: { readonly want: number; readonly have: number; readonly met: boolean };
}

/** A wrong version of a rule or macro. */
export interface WrongVersion {
  readonly operator: string;
  readonly of: 'rule' | 'macro';
  /** Id of the rule or macro. */
  readonly name: string;
  /** Of what was changed. */
  readonly span: Span;
  /** What was changed, in words. */
  readonly said: string;
  /** The whole changed expression; absent when actions or variables changed. */
  readonly expression?: string;
}

/** An event that would tell a rule and its wrong version apart. */
export interface MissingEvent {
  readonly type: string;
  /** SECL, as far as it can be said in it; else empty. */
  readonly where: string;
  readonly text: string;
}

export interface Survivor extends WrongVersion {
  readonly state: 'unseen' | 'unasserted';
  /** Unseen: what no recording holds. */
  readonly missing?: MissingEvent;
  /** Unasserted: where they differ, and what would assert it. */
  readonly differs?: {
    readonly recording: string;
    readonly seq: number;
    readonly type: string;
    readonly rule: string;
    /** Matches of the rule there, and of the mutant. */
    readonly matches: readonly [rule: number, mutant: number];
    /** YAML for a test of the recording; it was tried: the rule passes it, the mutant does not. */
    readonly expectation?: string;
    /** The test that would take it. */
    readonly test?: { readonly file: string; readonly name: string; readonly span: Span };
  };
}
