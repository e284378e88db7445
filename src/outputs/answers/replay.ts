/** Of a recording: its events, processes and detections. */
import type { Diagnostic } from '../../support/diagnostic.js';
import type { ReportData } from '../report/data.js';
import type { Answer } from './answer.js';

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
  /** Of the normalised event text, in the order of the processes' lineage. */
  | { readonly kind: 'line'; readonly line: string }
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
