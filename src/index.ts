/**
 * The library. What is wrong with an input comes back as diagnostics; what cannot be answered at all (no such
 * file, no rule loaded) rejects with a `DiagnosticError`. Nothing is printed, no process is ended.
 *
 * ```ts
 * const { rules, diagnostics } = await loadRules(['rules']);
 * const found = await replay('recordings/web-shell.seccam', { rules }).toArray();
 * ```
 */
import type {
  DetectionLine,
  EventLine,
  ExplainResult,
  RecordingSummary,
  RecordingsDiff,
  ReplaySummary,
  RulesDiff,
} from './outputs/answers.js';
import type { Diagnostic } from './support/diagnostic.js';
import { DiagnosticError } from './support/diagnostic.js';
import type { ListedRule } from './workbench/list.js';
import type {
  CommonOptions,
  DiffRecordingsOptions,
  DiffRulesOptions,
  ExplainOptions,
  RecordOptions,
  RecordResult,
  TestItem,
  TestOptions,
} from './workbench/results.js';

export type { Diagnostic, Note, Position, Severity, Span, Suggestion } from './support/diagnostic.js';
export { DiagnosticError, renderDiagnostic } from './support/diagnostic.js';
export type { ListedRule } from './workbench/list.js';
export type * from './workbench/results.js';

/** Rules that were found good or bad, to hand to `replay` and `explain`. */
export interface Rules {
  readonly paths: readonly string[];
  /** Every rule with what became of it. */
  readonly list: readonly ListedRule[];
}

/** Loads policies: files, or folders of them. Without paths: those of seccam.yaml, else the starter set. */
export async function loadRules(
  paths?: readonly string[],
  options: { readonly cwd?: string } = {},
): Promise<{ rules: Rules; diagnostics: readonly Diagnostic[] }> {
  const { listRules } = await import('./workbench/list.js');
  const { origin, rules, diagnostics } = listRules({
    ...options,
    ...(paths === undefined ? {} : { rules: paths }),
  });
  return { rules: { paths: origin.paths, list: rules }, diagnostics };
}

/** Where rules come from: a loaded set, or paths. */
export type RulesOption = Omit<CommonOptions, 'rules'> & { readonly rules?: Rules | readonly string[] };

function withPaths<T extends object>(options: T & { readonly rules?: Rules | readonly string[] }): Omit<T, 'rules'> & { rules?: readonly string[] } {
  const { rules, ...rest } = options;
  return rules === undefined ? rest : { ...rest, rules: 'paths' in rules ? rules.paths : rules };
}

/** Detections of one or more recordings, in order. Iterate it once. */
export class Replay implements AsyncIterable<DetectionLine> {
  /** Filled while the detections are read. */
  readonly diagnostics: Diagnostic[] = [];
  /** Known when the last detection was read. */
  summary: ReplaySummary | undefined;

  constructor(
    readonly recordings: readonly string[],
    readonly options: RulesOption & { readonly noLimits?: boolean },
  ) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<DetectionLine> {
    const { replay: run } = await import('./workbench/replay.js');
    for await (const item of run({ ...withPaths(this.options), recordings: this.recordings })) {
      if (item.kind === 'detection') yield item.detection;
      else if (item.kind === 'diagnostic') this.diagnostics.push(item.diagnostic);
      else if (item.kind === 'summary') this.summary = item.summary;
    }
  }

  async toArray(): Promise<DetectionLine[]> {
    const all: DetectionLine[] = [];
    for await (const line of this) all.push(line);
    return all;
  }
}

/** Replays recordings through rules. */
export function replay(
  recordings: string | readonly string[],
  options: RulesOption & { readonly noLimits?: boolean } = {},
): Replay {
  return new Replay(typeof recordings === 'string' ? [recordings] : recordings, options);
}

/** Runs a program and records what it does. Linux only. */
export async function record(options: RecordOptions): Promise<RecordResult> {
  return (await import('./workbench/record.js')).record(options);
}

export interface OpenRecording {
  readonly summary: RecordingSummary;
  readonly diagnostics: readonly Diagnostic[];
  /** Its events in order; `where` is a condition in the language of rules. */
  events(choice?: {
    readonly types?: readonly string[];
    readonly pids?: readonly number[];
    readonly where?: string;
  }): AsyncGenerator<EventLine>;
}

/** Reads a recording's summary; its events on request. */
export async function openRecording(
  recording: string,
  options: Omit<CommonOptions, 'rules'> = {},
): Promise<OpenRecording> {
  const { inspect } = await import('./workbench/inspect.js');
  const diagnostics: Diagnostic[] = [];
  let summary: RecordingSummary | undefined;
  for await (const item of inspect({ ...options, recording, view: 'summary' })) {
    if (item.kind === 'summary') summary = item.summary;
    else if (item.kind === 'diagnostic') diagnostics.push(item.diagnostic);
  }
  if (summary === undefined) throw new DiagnosticError(diagnostics);
  return {
    summary,
    diagnostics,
    async *events(choice = {}) {
      for await (const item of inspect({ ...options, ...choice, recording, view: 'events' })) {
        if (item.kind === 'event') yield item.event;
      }
    },
  };
}

/** Runs tests; the items are those that `seccam test` prints, in its order. */
export async function* runTests(options: TestOptions = {}): AsyncGenerator<TestItem> {
  yield* (await import('./workbench/test.js')).runTests(options);
}

/** Tells why rules matched a recording or did not. */
export async function explain(options: Omit<ExplainOptions, 'rules'> & RulesOption): Promise<ExplainResult> {
  return (await import('./workbench/explain.js')).explain(withPaths(options));
}

/** Compares two recordings (`left`, `right`), or the working rules with those of `base`. */
export async function diff(options: DiffRecordingsOptions): Promise<RecordingsDiff>;
export async function diff(options: DiffRulesOptions): Promise<RulesDiff>;
export async function diff(
  options: DiffRecordingsOptions | DiffRulesOptions,
): Promise<RecordingsDiff | RulesDiff> {
  const { diffRecordings, diffRules } = await import('./workbench/diff.js');
  return 'base' in options ? diffRules(options) : diffRecordings(options);
}
