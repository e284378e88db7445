/** What pipelines are asked and what they answer: the contract with commands, workbench and agent. */
import type { Event } from '../catalogue/event.js';
import type { Detection } from '../rules/detection.js';
import type { Diagnostic } from '../support/diagnostic.js';
import type { StringTable } from '../support/strings.js';

/** A recording's path, or bytes that arrive (a socket, a pipe, a buffer) with a name for messages. */
export type Input = string | { readonly name: string; readonly bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array> };

/** What the pipeline needs of an engine; `src/rules` provides it. Synchronous. */
export interface Engine {
  /** Decides all rules on the event; calls its own `onDetection` for each match, in order of rules. */
  evaluate(event: Event): void;
  /** A process ended or was forgotten: values of variables with its scope may go. */
  forget?(node: number): void;
  /** Seals the run: what is pending by time. */
  end?(): void;
}

export interface StreamOptions {
  /** The run's strings: the same table that the engine's model reads. A new one when absent. */
  readonly strings?: StringTable;
  readonly engine?: Engine;
  /** Every event, before the engine sees it; `shown`: whether rules see it. The object is reused. Return false to stop. */
  readonly onEvent?: (event: Event, shown: boolean) => boolean | void;
  /** Records that are no events (gap, blind_spot, counters, end …), as plain objects with resolved texts. */
  readonly onRecord?: (name: string, values: Readonly<Record<string, unknown>>) => void;
  /** As they are found; they are in the summary as well. */
  readonly onDiagnostic?: (item: Diagnostic) => void;
  /** The header's JSON, before the first event. */
  readonly onHeader?: (header: Readonly<Record<string, unknown>>) => void;
  /** Rules see events whatever their result was. */
  readonly allResults?: boolean;
  /** Stops between blocks. */
  readonly signal?: AbortSignal;
}

export interface StreamSummary {
  readonly name: string;
  readonly events: number;
  /** Events that rules saw. */
  readonly shown: number;
  /** Type → how many, shown or not, in order of the catalogue. */
  readonly byType: ReadonlyMap<string, { readonly events: number; readonly shown: number }>;
  readonly processes: number;
  /** Events that the recording says were lost. */
  readonly lost: number;
  readonly gaps: readonly { readonly kind: string; readonly first: number; readonly count: number; readonly text: string }[];
  readonly blindSpots: readonly { readonly kind: string; readonly pid: number; readonly text: string }[];
  /** Names of event types that the tracer was asked to record; undefined: not told. */
  readonly traced: readonly string[] | undefined;
  /** Wall ns of the first and last event; 0n when there was none. */
  readonly began: bigint;
  readonly ended: bigint;
  /** The stream ended as its writer meant it to: with its `end` record. */
  readonly complete: boolean;
  /** Something could not be read: exit status 2 unless damage is accepted. */
  readonly damaged: boolean;
  readonly diagnostics: readonly Diagnostic[];
  readonly header: Readonly<Record<string, unknown>> | undefined;
}

export interface ReplayOptions extends StreamOptions {
  /** Called before each input with its name: an engine with fresh state for it. Wins over `engine`. */
  readonly engineFor?: (name: string) => Engine | undefined;
  /** From this seq on events are handed out (the state is still built from the checkpoint before). */
  readonly from?: number;
  /** Up to and with this seq. */
  readonly to?: number;
}

/** The sum over all inputs, which were replayed in the order given. */
export interface Summary extends Omit<StreamSummary, 'name' | 'traced' | 'header' | 'gaps' | 'blindSpots'> {
  readonly streams: readonly StreamSummary[];
}

export type { Detection };
