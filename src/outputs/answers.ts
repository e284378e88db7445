/**
 * What use cases answer and outputs draw: plain data, printable as JSON as it stands. It lies here, below
 * the workbench, so that an output never imports a use case. Times are decimal strings of ns, paths are as
 * the user would type them.
 */
import type { Diagnostic, Span } from '../support/diagnostic.js';
import type { ReportData } from './report/data.js';

/** Exit status of everything but `record`, `trace` and `agent start -- CMD`: yes, no, could not answer. */
export type Answer = 0 | 1 | 2;

// ---------------------------------------------------------------- replay and inspect

/** One event as `inspect --events --format json`, `events:` of a test and `eval --event` write it. */
export interface EventLine {
  readonly seq: number;
  readonly type: string;
  /** Wall ns. */
  readonly timestamp: string;
  /** ns since the start of the recording. */
  readonly elapsed: string;
  readonly pid: number;
  readonly tid: number;
  readonly retval: number;
  readonly process: ProcessLine;
  /** SECL name → value of what belongs to the event's type; absent values are left out. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Names of fields whose text was not UTF-8 and is written with `\xNN`. */
  readonly escaped?: readonly string[];
  /** False when rules do not see this result. */
  readonly shown: boolean;
  /** Calls without a row of their own. */
  readonly syscall?: string;
  /** Facts that are missing, cut, redacted: words such as `argument-changed`, `truncated`, `unknown-result`. */
  readonly flags?: readonly string[];
}

export interface ProcessLine {
  readonly pid: number;
  readonly path: string;
  readonly args: string;
  readonly uid: number;
  readonly user?: string;
  readonly container?: string;
  readonly ancestors: readonly { readonly pid: number; readonly path: string; readonly args?: string }[];
}

/** A detection as a JSON line. */
export interface DetectionLine {
  readonly rule_id: string;
  readonly policy: string;
  readonly description?: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly event: {
    readonly seq: number;
    readonly type: string;
    /** Wall ns. */
    readonly timestamp: string;
    /** ns since the start of the recording. */
    readonly elapsed: string;
    readonly retval: number;
  };
  readonly process: ProcessLine;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly matched: readonly {
    readonly field?: string;
    readonly value: unknown;
    readonly start: number;
    readonly end: number;
  }[];
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly actions?: readonly unknown[];
  readonly escaped?: readonly string[];
  /** Present when more than one recording is replayed. */
  readonly recording?: string;
  /** Only without `--no-limits`; never false in the output then. */
  readonly delivered: boolean;
}

/** Where the rules of a run came from, for the line that says which. */
export interface RulesOrigin {
  readonly from: 'flags' | 'test' | 'project' | 'starter' | 'recorded';
  readonly paths: readonly string[];
}

export type ReplayItem =
  | {
      readonly kind: 'start';
      readonly recordings: readonly string[];
      readonly newest: boolean;
      readonly rules: RulesOrigin;
    }
  | { readonly kind: 'detection'; readonly detection: DetectionLine }
  | { readonly kind: 'diagnostic'; readonly diagnostic: Diagnostic }
  | { readonly kind: 'report'; readonly data: ReportData }
  | { readonly kind: 'summary'; readonly summary: ReplaySummary };

export interface ReplaySummary {
  readonly events: number;
  readonly rulesLoaded: number;
  /** Rules whose event type or a field is not in any of the recordings. */
  readonly cannotFire: readonly { readonly rule: string; readonly reason: string }[];
  readonly detections: number;
  readonly suppressed: number;
  /** Of `suppressed`, those of rules that are `silent`: never shown. */
  readonly silent?: number;
  /** With a security profile: of `suppressed`, those on what it explains; and what it does not explain. */
  readonly explained?: number;
  readonly anomalies?: number;
  /** With no detection: the rule that came closest. */
  readonly closest?: {
    readonly rule: string;
    readonly distance: number;
    readonly seq: number;
    readonly recording: string;
  };
  /** With `--profile`: dearest first. */
  readonly profile?: readonly RuleCost[];
  readonly predicates?: readonly PredicateCost[];
  readonly answer: Answer;
}

export interface RuleCost {
  readonly rule: string;
  readonly evaluations: number;
  readonly nanoseconds: number;
  readonly matches: number;
}

/** One condition, decided on every event of its rules; conditions of the same text are one. */
export interface PredicateCost {
  readonly predicate: string;
  readonly rules: readonly string[];
  readonly evaluations: number;
  readonly nanoseconds: number;
  readonly matches: number;
}

export type InspectView = 'summary' | 'events' | 'tree' | 'files' | 'network' | 'timeline' | 'private';

export type InspectItem =
  | { readonly kind: 'summary'; readonly summary: RecordingSummary }
  | { readonly kind: 'event'; readonly event: EventLine }
  | { readonly kind: 'process'; readonly process: TreeLine }
  | { readonly kind: 'row'; readonly row: Readonly<Record<string, unknown>> }
  | { readonly kind: 'diagnostic'; readonly diagnostic: Diagnostic }
  | { readonly kind: 'report'; readonly data: ReportData }
  | { readonly kind: 'end'; readonly events: number; readonly answer: Answer };

export interface RecordingSummary {
  readonly schema: 'seccam/recording@1';
  readonly file: string;
  readonly bytes: number;
  readonly mode: string;
  readonly command: readonly string[];
  readonly started: string;
  readonly durationNs: string;
  readonly host: Readonly<Record<string, unknown>>;
  readonly catalogue: string;
  readonly traced: readonly string[];
  readonly events: number;
  readonly processes: number;
  readonly byType: Readonly<Record<string, number>>;
  readonly gaps: readonly string[];
  readonly blindSpots: readonly string[];
  readonly complete: boolean;
  readonly exit?: number;
  readonly trimmed?: unknown;
}

/** One image of the process tree, in order of first appearance, parents before children. */
export interface TreeLine {
  readonly pid: number;
  readonly depth: number;
  readonly path: string;
  readonly args: string;
  readonly uid: number;
  readonly seq: number;
  readonly exit?: string;
  readonly events: number;
}

// ---------------------------------------------------------------- test

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
  readonly coverage?: CoverageReport;
  readonly mutation?: MutationReport;
  readonly durationMs: number;
  readonly answer: Answer;
}

/** What `test --format json` writes. */
export interface TestDocument extends TestSummary {
  readonly results: readonly TestResult[];
}

// ---------------------------------------------------------------- explain

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

// ---------------------------------------------------------------- coverage

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

// ---------------------------------------------------------------- mutation

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

// ---------------------------------------------------------------- check, eval, diff, scaffold, watch

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
