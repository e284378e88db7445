/**
 * What the page is made of. Values stand once in `values` (0 is absent) and everything else names them by
 * number; events are columns by type, so that a hundred thousand of them stay small and quick to read.
 */
import type { CoverageReport, ExplainNode, MutationReport, TestResult, TestSummary } from '../answers.js';

export interface ReportField {
  readonly name: string;
  readonly type: 'bool' | 'int' | 'string' | 'cidr';
  readonly multi: boolean;
  /** The event type it belongs to. */
  readonly event?: string;
  /** Patterns are path globs. */
  readonly glob?: boolean;
  readonly fold?: boolean;
}

/** Events of one type; all columns are of one length. */
export interface ReportType {
  readonly name: string;
  readonly columns: Readonly<Record<string, readonly number[]>>;
}

export interface ReportProcess {
  readonly pid: number;
  /** Row of the parent image; -1: none. */
  readonly parent: number;
  readonly path: string;
  readonly args: string;
  readonly uid: number;
  readonly user: string;
  readonly exit?: string;
}

export interface ReportLeaf {
  readonly value: boolean;
  readonly have: string;
  readonly notes: readonly string[];
}

export interface ReportDetection {
  /** Row of the event. */
  readonly event: number;
  /** Index of the rule. */
  readonly rule: number;
  readonly delivered: boolean;
  /** By leaf; absent beyond the first detections of a rule. */
  readonly leaves?: readonly ReportLeaf[];
  readonly actions: readonly string[];
  readonly variables: Readonly<Record<string, unknown>>;
}

export interface ReportRule {
  readonly id: string;
  readonly place: string;
  readonly description: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly expression: string;
  readonly tree: Pick<ExplainNode, 'kind' | 'text' | 'leaf'> & {
    readonly children: readonly ReportRule['tree'][];
  };
}

export interface ReportEvents {
  /** Row → type, row within the type, process state, tid, result, ns since the start, sequence, 1 when rules see it. */
  readonly type: readonly number[];
  readonly process: readonly number[];
  readonly state: readonly number[];
  readonly tid: readonly number[];
  readonly result: readonly number[];
  readonly elapsed: readonly number[];
  readonly seq: readonly number[];
  readonly shown: readonly number[];
}

export interface ReportRecording {
  readonly name: string;
  /** Its first row. */
  readonly first: number;
  readonly command: string;
  readonly notes: readonly string[];
}

export interface ReportData {
  readonly title: string;
  readonly version: string;
  readonly recordings: readonly ReportRecording[];
  readonly values: readonly unknown[];
  readonly fields: readonly ReportField[];
  readonly constants: Readonly<Record<string, unknown>>;
  /** Field → value → as its constants say it: flags, families. */
  readonly words: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly events: ReportEvents;
  readonly types: readonly ReportType[];
  readonly processes: readonly ReportProcess[];
  /** Facts of processes (`process.uid` …) as columns; a state is a process while none of them changes. */
  readonly states: Readonly<Record<string, readonly number[]>>;
  readonly rules: readonly ReportRule[];
  readonly detections: readonly ReportDetection[];
  readonly tests?: readonly TestResult[];
  readonly summary?: Omit<TestSummary, 'coverage' | 'mutation'>;
  readonly coverage?: Omit<CoverageReport, 'sessions'>;
  readonly mutation?: MutationReport;
}
