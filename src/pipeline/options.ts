/** What pipelines are asked and what they answer: the contract with commands, workbench and agent. */
import type { Event, Process } from '../catalogue/event.js';
import type { Header } from '../recording/index.js';
import type { Detection } from '../rules/detection.js';
import type { Diagnostic } from '../support/diagnostic.js';
import type { StringTable } from '../support/strings.js';

/** A recording's path (`-`: standard input), or bytes that arrive, with a name for messages. */
export type Input =
  | string
  | { readonly name: string; readonly bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array> };

/** What the pipeline needs of an engine; the one of `src/rules` fits. Synchronous. */
export interface Engine {
  /** The matches of the event, in order of evaluation; a shared empty array when there are none. */
  evaluate(event: Event): readonly Detection[];
  /** Goes on from the state in a recording's header, before its first event. */
  restore?(state: unknown, event: Event, images: ReadonlyMap<number, Process>): void;
}

export interface PipelineOptions {
  /** The run's strings: the same table that the engine's model reads. A new one when absent. */
  readonly strings?: StringTable;
  readonly engine?: Engine | undefined;
  /** Every event, before the engine sees it; `shown`: whether rules see it. The object is reused: keep nothing of it. */
  readonly onEvent?: (event: Event, shown: boolean) => void;
  /** Each match, at once, while the event is still the current one; those not delivered as well. */
  readonly onDetection?: (detection: Detection, event: Event) => void;
  /** Records that are no events (gap, blind_spot, counters, end, …), as plain objects with texts. */
  readonly onRecord?: (name: string, values: Readonly<Record<string, unknown>>, stream: string) => void;
  /** As they are found; they are in the summary as well. */
  readonly onDiagnostic?: (item: Diagnostic, stream: string) => void;
  /** The header's JSON, before the first event of the stream. */
  readonly onHeader?: (header: Header, stream: string) => void;
  /** Rules see events whatever their result was. */
  readonly allResults?: boolean;
}

export interface Gap {
  /** As in `gapReasons`. */
  readonly reason: string;
  /** How many events were lost; undefined: not known. */
  readonly lost: number | undefined;
  /** The process it happened to; 0: all. */
  readonly pid: number;
  /** Boot ns at which it began. */
  readonly time: number;
}

export interface BlindSpot {
  /** As in `blindSpotReasons`. */
  readonly reason: string;
  readonly pid: number;
  readonly detail: string;
}

export interface Counts {
  readonly events: number;
  /** Events that rules saw. */
  readonly shown: number;
  /** Type → how many; in order of first appearance. */
  readonly byType: ReadonlyMap<string, { readonly events: number; readonly shown: number }>;
  readonly processes: number;
  readonly detections: number;
  readonly delivered: number;
  /** Events that the stream itself says were lost. */
  readonly lost: number;
  /** Events of types that this version does not know: counted, not shown to rules. */
  readonly unknown: number;
}

export interface StreamSummary extends Counts {
  readonly name: string;
  readonly gaps: readonly Gap[];
  readonly blindSpots: readonly BlindSpot[];
  /** The recorder's own counters, last values: `stops`, `truncated`, `dropped`, … */
  readonly counters: ReadonlyMap<string, number>;
  /** Names of the event types that the tracer was asked to record; undefined: not told. */
  readonly traced: readonly string[] | undefined;
  /** Wall ns of the first and last event; 0n when there was none. */
  readonly began: bigint;
  readonly ended: bigint;
  /** The stream ended as its writer meant it to. */
  readonly complete: boolean;
  /** Something could not be read, or the end is missing: exit status 2 unless damage is accepted. */
  readonly damaged: boolean;
  readonly diagnostics: readonly Diagnostic[];
  readonly header: Header | undefined;
}

export interface ReplayOptions extends PipelineOptions {
  /** Called before each input with its name: an engine with fresh state for it. Wins over `engine`. */
  readonly engineFor?: (name: string) => Engine | undefined;
  /** Events outside `from`..`to` (seq, both included) build the state and are not handed out. */
  readonly from?: number;
  readonly to?: number;
  /**
   * Distinct texts in memory from which those that nobody needs any more are let go. Only for callers that keep
   * no string number from one event to the next; default: never.
   */
  readonly collectFrom?: number;
  /** Stops between chunks; the summary is then of what was read. */
  readonly signal?: AbortSignal;
}

/** The sum over all inputs, in the order given. */
export interface Summary extends Counts {
  readonly streams: readonly StreamSummary[];
  readonly damaged: boolean;
  readonly diagnostics: readonly Diagnostic[];
}
