/** Of `test --coverage`. */
import type { Span } from '../../support/diagnostic.js';

export interface CoverageReport {
  readonly schema: 'seccam/coverage@1';
  readonly rules: { readonly fired: number; readonly total: number };
  readonly leaves: { readonly decided: number; readonly total: number };
  readonly members: { readonly matched: number; readonly total: number };
  readonly perRule: readonly RuleCoverage[];
  /** Conditions of macros, summed over their uses. */
  readonly macros: readonly {
    readonly macro: string;
    readonly uses: number;
    readonly leaves: readonly LeafCoverage[];
  }[];
  /** What was counted, by replay: `--coverage-from` adds the reports of other shards. */
  readonly sessions: readonly {
    readonly session: string;
    readonly rules: readonly {
      readonly rule: string;
      readonly fired: number;
      /** True, false, decided, matches of each member. */
      readonly leaves: readonly (readonly [number, number, number, readonly number[]])[];
      readonly actions: readonly number[];
    }[];
    /** Rules that a test names on it. */
    readonly asserted: readonly string[];
  }[];
  readonly thresholds: readonly {
    readonly name: string;
    readonly want: number;
    readonly have: number;
    readonly met: boolean;
  }[];
}

export interface RuleCoverage {
  readonly rule: string;
  readonly span: Span | undefined;
  readonly expression: string;
  /** Matches in tests that name the rule, and in the others. */
  readonly fired: { readonly asserted: number; readonly seen: number };
  readonly leaves: readonly LeafCoverage[];
  readonly actions: readonly { readonly kind: string; readonly ran: number }[];
}

export interface LeafCoverage {
  readonly leaf: number;
  readonly span: Span;
  readonly text: string;
  readonly macro?: string;
  readonly seenTrue: number;
  readonly seenFalse: number;
  readonly decided: number;
  readonly asserted: { readonly seenTrue: number; readonly seenFalse: number; readonly decided: number };
  readonly members: readonly { readonly text: string; readonly matched: number }[];
}
