/**
 * What the use cases take and give: the contract between workbench and commands. Plain data; every result
 * can be printed as JSON as it stands (times are decimal strings of ns, paths are as the user would type them,
 * relative to `cwd`). Use cases print nothing and end no process; wrong input comes back as diagnostics, or,
 * where nothing can be answered at all, as a thrown `DiagnosticError` (status 2 unless it says otherwise).
 */
import type { CoverageReport, InspectView, RulesOrigin, TestOutcome } from '../outputs/answers.js';
import type { LoadedRule } from '../rules/index.js';
import type { Diagnostic } from '../support/diagnostic.js';

export type * from '../outputs/answers.js';

/** What every use case accepts. */
export interface CommonOptions {
  /** Default: `process.cwd()`. */
  readonly cwd?: string;
  /** Files or folders (`-r`). Default: the rules of seccam.yaml, else the shipped starter set. */
  readonly rules?: readonly string[];
  /** A damaged or unfinished recording is a warning (`--accept-damage`). */
  readonly acceptDamage?: boolean;
  /** Show every result to rules, failed calls too (`--all-results`). */
  readonly allResults?: boolean;
}

// ---------------------------------------------------------------- record

export interface RecordOptions {
  readonly command: readonly string[];
  /** Default `NAME-N.seccam` in the project's recordings folder, else in `cwd`. */
  readonly output?: string;
  readonly force?: boolean;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly disableSeccomp?: boolean;
  /** False: nothing of the processes above the program (`--no-ancestors`). */
  readonly ancestors?: boolean;
  /** `lean`, `default`, `all` or event names. */
  readonly trace?: string;
  /** Rule files: trace what they need (`--trace-for`). */
  readonly traceFor?: readonly string[];
  /** What is read of the files of programs. Default: `metadata`. */
  readonly content?: readonly ('metadata' | 'hashes' | 'packages' | 'none')[];
  /** Beside those of the project: variables whose values are kept, and hidden after all; argument names; paths. */
  readonly keepEnvironment?: readonly string[];
  readonly redactEnvironment?: readonly string[];
  readonly redactArguments?: readonly string[];
  readonly redactPaths?: readonly string[];
  readonly scratch?: ScratchOptions;
  readonly strict?: boolean;
  readonly onProgress?: (counters: RecordCounters) => void;
  /** A line that the user should see at once. */
  readonly onNotice?: (message: string) => void;
}

export interface ScratchOptions {
  /** Absolute path in the scratch world → content; a path that ends in `/` is a folder. */
  readonly files?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  /** ms */
  readonly timeout?: number;
}

export interface RecordCounters {
  readonly events: number;
  readonly bytes: number;
  readonly processes: number;
}

export interface RecordResult {
  readonly recording: string;
  /** What `record` exits with: CMD's status, or 128+n when a signal ended it. */
  readonly status: number;
  readonly signal: string | undefined;
  readonly counters: RecordCounters;
  readonly durationMs: number;
  readonly rulesOf: RulesOrigin;
  readonly diagnostics: readonly Diagnostic[];
  /** The next command to type. */
  readonly next: string;
}

// ---------------------------------------------------------------- replay and inspect

export interface ReplayOptions extends CommonOptions {
  /** None: the newest in the project's folder of recordings, else in `cwd`. */
  readonly recordings?: readonly string[];
  /** Show matches that rate limits keep back (`--no-limits`). */
  readonly noLimits?: boolean;
  /** False: with no detection, do not look for the rule that came closest. */
  readonly closest?: boolean;
  /** `--fail-on`: rule globs, `tag:K=V`, `*`. */
  readonly failOn?: readonly string[];
  readonly profile?: boolean;
  /** A profile of normal behaviour (`profile learn`) that events are held against. */
  readonly securityProfile?: string;
  /** Collect what the HTML report shows. */
  readonly report?: boolean;
  /** A recording's bytes instead of a file (`-`). */
  readonly stdin?: AsyncIterable<Uint8Array>;
}

export interface InspectOptions extends CommonOptions {
  readonly recording: string;
  readonly view?: InspectView;
  readonly types?: readonly string[];
  readonly pids?: readonly number[];
  /** A SECL condition. */
  readonly where?: string;
  readonly normalise?: boolean;
  /** Collect what the HTML report shows. */
  readonly report?: boolean;
}

// ---------------------------------------------------------------- test

export interface TestOptions extends CommonOptions {
  /** `PATH` or `PATH:LINE`. None: the tests of seccam.yaml. */
  readonly paths?: readonly string[];
  /** Parts of names, or `/regexp/` (`-t`). */
  readonly names?: readonly string[];
  /** Globs of rules that the tests must name (`--rule`). */
  readonly ruleIds?: readonly string[];
  /** Tests that files changed since this git revision can affect. */
  readonly changed?: string;
  /** Tests that these files (absolute paths) can affect. */
  readonly changedFiles?: readonly string[];
  /** Tests that failed last time. */
  readonly failed?: boolean;
  readonly bail?: boolean;
  readonly shard?: { readonly index: number; readonly count: number };
  /** Replays at a time; default by how much there is to replay. No answer depends on it. */
  readonly jobs?: number;
  /** Answer the tests in an order made from this number; they are told in the usual order. */
  readonly shuffle?: number;
  readonly update?: boolean;
  readonly pin?: 'missing' | 'always' | 'never';
  /** Default: the variable CI is set and not `false`. */
  readonly ci?: boolean;
  readonly allow?: readonly TestOutcome[];
  readonly coverage?: boolean;
  /** Reports of other shards, to be added. */
  readonly coverageFrom?: readonly CoverageReport[];
  readonly thresholds?: Readonly<Record<string, number>>;
  /** Make wrong versions of the rules and see which ones the tests notice. */
  readonly mutate?: boolean;
  /** Only of rules that changed since this git revision. */
  readonly since?: string;
  /** Explain failing expectations (default true). */
  readonly explain?: boolean;
  /** Rules that are likely to fail a test now: what explains them is gathered while the tests are replayed. */
  readonly suspect?: (rule: LoadedRule) => boolean;
}

// ---------------------------------------------------------------- explain

export interface ExplainOptions extends CommonOptions {
  readonly recording: string;
  readonly ruleIds?: readonly string[];
  readonly at?: number;
  readonly where?: string;
  /** How many closest events to show; default 1. */
  readonly closest?: number;
  readonly full?: boolean;
}

// ---------------------------------------------------------------- coverage

// ---------------------------------------------------------------- check, eval, diff, scaffold, watch

export interface CheckOptions extends CommonOptions {
  /** Policies, tests, project files, folders. None: the whole project. */
  readonly paths?: readonly string[];
  readonly fix?: boolean;
}

export interface EvalOptions extends CommonOptions {
  readonly expression: string;
  readonly recording?: string;
  /** One event in the shape of `EventLine`. */
  readonly event?: unknown;
}

export interface DiffRulesOptions extends CommonOptions {
  /** A git revision or a path. */
  readonly base: string;
  readonly recordings?: readonly string[];
}

export interface DiffRecordingsOptions extends CommonOptions {
  readonly left: string;
  readonly right: string;
}
