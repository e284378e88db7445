/** Of tests: answers of expectations, tests and runs. */
import type { Diagnostic, Span } from '../../support/diagnostic.js';
import type { Answer } from './answer.js';
import type { CoverageReport } from './coverage.js';
import type { Explanation } from './explain.js';
import type { MutationReport } from './mutation.js';
import type { RulesOrigin } from './replay.js';

export type TestOutcome = 'pass' | 'fail' | 'inconclusive' | 'skip' | 'todo';

export type TestItem =
  | { readonly kind: 'plan'; readonly files: number; readonly tests: number; readonly selected: number }
  | { readonly kind: 'test'; readonly test: TestResult }
  | { readonly kind: 'diagnostic'; readonly diagnostic: Diagnostic }
  | { readonly kind: 'summary'; readonly summary: TestSummary };

export interface TestResult {
  readonly file: string;
  /** With matrix values: `name [shell=bash]`. */
  readonly name: string;
  /** Of the test's entry in its file. */
  readonly span: Span;
  readonly outcome: TestOutcome;
  /** One line: why it was skipped, is to do, failed or is inconclusive. */
  readonly reason?: string;
  readonly synthetic: boolean;
  /** Fields that the test's context declares instead of having them recorded. */
  readonly declared: readonly string[];
  readonly recordings: readonly string[];
  readonly rules: readonly string[];
  readonly events: number;
  readonly detections: number;
  readonly checks: readonly CheckResult[];
  /** Snapshots: `+added −removed` and the text to show (unified diff). */
  readonly snapshot?: SnapshotChange;
  readonly diagnostics: readonly Diagnostic[];
  /** Not part of any comparison or of machine formats that must be equal between runs but JUnit's time. */
  readonly durationMs: number;
}

export type CheckKey =
  | 'expect'
  | 'never'
  | 'at_most'
  | 'order'
  | 'finally'
  | 'others'
  | 'snapshot'
  | 'fails'
  | 'run'
  | 'load';

/** One expectation of a test with its answer. */
export interface CheckResult {
  readonly key: CheckKey;
  /** What was expected, in words: `web_shell_spawned at least once`. */
  readonly title: string;
  readonly outcome: 'pass' | 'fail' | 'inconclusive';
  /** Codes of inconclusive answers, and of failures that have one. */
  readonly code?: string;
  /** Have and want, one sentence; absent when it passed. */
  readonly message?: string;
  readonly span: Span;
  readonly rule?: string;
  readonly ruleSpan?: Span;
  readonly recording?: string;
  /** Detections that were counted, at most a few: for "seen at". */
  readonly seen?: readonly {
    readonly seq: number;
    readonly type: string;
    readonly process: string;
    readonly rule: string;
  }[];
  readonly explanation?: Explanation;
}

export interface SnapshotChange {
  readonly file: string;
  readonly state: 'same' | 'differs' | 'absent' | 'written' | 'updated';
  readonly added: number;
  readonly removed: number;
  readonly diff: string;
}

export interface TestSummary {
  readonly schema: 'seccam/test@1';
  readonly files: number;
  readonly tests: number;
  readonly pass: number;
  readonly fail: number;
  readonly inconclusive: number;
  readonly skip: number;
  readonly todo: number;
  readonly synthetic: number;
  readonly events: number;
  readonly rules: RulesOrigin | undefined;
  /** What kept test files from being read, or tests from being made of them. */
  readonly diagnostics?: readonly Diagnostic[];
  readonly coverage?: CoverageReport;
  readonly mutation?: MutationReport;
  readonly durationMs: number;
  readonly answer: Answer;
}

/** What `test --format json` writes. */
export interface TestDocument extends TestSummary {
  readonly results: readonly TestResult[];
}
