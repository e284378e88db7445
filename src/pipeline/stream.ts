/**
 * One recording, or one tracer's connection: bytes in, detections out, synchronously. Everything that
 * whole blocks of what was pushed contain has been decided when `push` returns.
 */

import type { Event } from '../catalogue/event.js';
import { eventById } from '../catalogue/events.js';
import type { RawEvent, RawRecord } from '../catalogue/raw.js';
import type { EventRow } from '../catalogue/row.js';
import { NodeCounter, Probe } from '../probe/index.js';
import { type Header, StreamReader, type StreamSink } from '../recording/index.js';
import { StringTable } from '../support/strings.js';
import { Ledger } from './ledger.js';
import type { Engine, PipelineOptions, StreamSummary } from './options.js';
import { recordValues } from './record.js';
import { isShown } from './shown.js';

/** What the streams of a pipeline share. */
export interface Shared {
  readonly strings: StringTable;
  readonly nodes: NodeCounter;
  engine: Engine | undefined;
  /** The engine decides nothing else, so that the recording may tell with what state it begins. */
  readonly alone?: boolean;
}

export interface Range {
  readonly from: number;
  readonly to: number;
}

interface Later {
  readonly seq: number;
  readonly variables: readonly unknown[];
  readonly limits?: unknown;
}

/** `state.later` of a header, as far as it has the form. */
function laterOf(state: unknown): Later[] {
  const { later } = (state ?? {}) as { readonly later?: unknown };
  if (!Array.isArray(later)) return [];
  return later.filter(
    (one: Partial<Later> | null): one is Later =>
      typeof one === 'object' && one !== null && typeof one.seq === 'number' && Array.isArray(one.variables),
  );
}

export class Stream {
  readonly name: string;
  readonly probe: Probe;
  readonly #options: PipelineOptions;
  readonly #shared: Shared;
  readonly #reader: StreamReader;
  readonly #ledger: Ledger;
  readonly #range: Range;
  readonly #sink: StreamSink;
  #header: Header | undefined;
  /** Of the engine, when the recording does not begin with the program: what a flight recorder saved. */
  #state: unknown;
  /** What other streams of the agent set and used up meanwhile, by the event before which it holds. */
  #later: readonly Later[] = [];
  #ended: StreamSummary | undefined;
  /** The object that all events share. */
  #last: Event | undefined;

  constructor(
    name: string,
    options: PipelineOptions = {},
    shared: Shared = {
      strings: options.strings ?? new StringTable(),
      nodes: new NodeCounter(),
      engine: options.engine,
      alone: true,
    },
    range: Range = { from: 0, to: Number.POSITIVE_INFINITY },
  ) {
    this.name = name;
    this.#options = options;
    this.#shared = shared;
    this.#range = range;
    this.#ledger = new Ledger(name);
    this.#reader = new StreamReader({ strings: shared.strings, name });
    this.#sink = {
      header: (header) => {
        this.#header = header;
        if (this.#shared.alone === true) this.#state = header.json['state'];
        this.probe.start(header);
        this.#options.onHeader?.(header, this.name);
      },
      checkpoint: () => this.probe.checkpoint(),
      event: (raw) => this.#event(raw),
      record: (raw) => this.#record(raw),
      diagnostic: (item) => {
        this.#ledger.diagnostics.push(item);
        this.#options.onDiagnostic?.(item, this.name);
      },
    };
    this.probe = new Probe({ strings: shared.strings, nodes: shared.nodes });
  }

  get header(): Header | undefined {
    return this.#header;
  }

  /** Events and records so far; the same object until the stream ends. */
  get counts(): Ledger {
    return this.#ledger;
  }

  /** Takes the next bytes, cut anywhere. */
  push(chunk: Uint8Array): void {
    this.#reader.push(chunk, this.#sink);
  }

  /** What comes next cannot be read any more: the source may be left. */
  get dead(): boolean {
    return this.#reader.damaged;
  }

  /** No more bytes come. */
  end(): StreamSummary {
    if (this.#ended !== undefined) return this.#ended;
    this.#reader.end(this.#sink);
    this.probe.end();
    if (this.#last !== undefined) this.#ledger.finish(this.#last.timestamp());
    this.#ended = this.#ledger.summary(this.#header, this.probe.figures.seen);
    return this.#ended;
  }

  #event(raw: RawEvent): void {
    const { row } = raw;
    if (row === undefined) {
      this.#ledger.unknown += 1;
      return;
    }
    const event = this.probe.apply(raw);
    if (event === null) return;
    this.#decide(event, row, this.probe.ofThread);
    for (let more = this.probe.more(); more !== null; more = this.probe.more()) {
      const derived = eventById(more.id);
      if (derived !== undefined) this.#decide(more, derived, false);
    }
  }

  #record(raw: RawRecord): void {
    this.probe.applyRecord(raw);
    if (raw.name === undefined) return;
    this.#ledger.record(raw, this.#shared.strings);
    this.#options.onRecord?.(raw.name, recordValues(raw, this.#shared.strings), this.name);
  }

  /** What is about one thread only is never shown to rules. */
  #decide(event: Event, row: EventRow, ofThread: boolean): void {
    if (event.seq < this.#range.from || event.seq > this.#range.to) return;
    this.#last = event;
    const shown = !ofThread && (this.#options.allResults === true || isShown(row, event.retval, event.flags));
    this.#ledger.event(event, shown);
    this.#options.onEvent?.(event, shown);
    if (!shown) return;
    const { engine } = this.#shared;
    if (engine === undefined) return;
    if (this.#state !== undefined) {
      engine.restore?.(this.#state, event, this.probe.byNumber());
      this.#later = laterOf(this.#state);
      this.#state = undefined;
    }
    while (this.#later.length > 0 && this.#later[0]!.seq <= event.seq) {
      engine.restore?.(this.#later[0]!, event, this.probe.byNumber());
      this.#later = this.#later.slice(1);
    }
    for (const detection of engine.evaluate(event)) {
      this.#ledger.detections += 1;
      if (detection.delivered) this.#ledger.delivered += 1;
      this.#options.onDetection?.(detection, event);
    }
  }
}
