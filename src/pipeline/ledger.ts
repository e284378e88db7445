/** Counts what goes through a stream. Nothing is lost silently: gaps, blind spots and damage end here. */
import type { Event } from '../catalogue/event.js';
import type { RawRecord } from '../catalogue/raw.js';
import { blindSpotReasons, gapReasons } from '../catalogue/records.js';
import type { Header } from '../recording/index.js';
import type { Diagnostic } from '../support/diagnostic.js';
import type { StringTable } from '../support/strings.js';
import type { BlindSpot, Counts, Gap, StreamSummary } from './options.js';
import { recordValues } from './record.js';

const reasonNames = (table: Readonly<Record<string, number>>): ReadonlyMap<number, string> =>
  new Map(Object.entries(table).map(([name, value]) => [value, name]));
const gapNames = reasonNames(gapReasons);
const blindSpotNames = reasonNames(blindSpotReasons);

/** How a gap says that it does not know how many events were lost. */
const unknownCount = 0xffffffffffffffffn;

/** Gaps, blind spots and counters that are kept one by one: a stream may go on for weeks. */
const mostKept = 10_000;

interface Count {
  readonly type: string;
  events: number;
  shown: number;
}

export class Ledger implements Counts {
  events = 0;
  shown = 0;
  detections = 0;
  delivered = 0;
  lost = 0;
  unknown = 0;
  processes = 0;
  /** The first ones; `gapCount` counts on. */
  readonly gaps: Gap[] = [];
  gapCount = 0;
  blindSpotCount = 0;
  readonly blindSpots: BlindSpot[] = [];
  readonly diagnostics: Diagnostic[] = [];
  readonly counters = new Map<string, number>();
  /** The recording has told its end. */
  complete = false;
  #began = 0n;
  #last: bigint | undefined;
  /** By event id. */
  readonly #counts: (Count | undefined)[] = [];

  constructor(readonly name: string) {}

  get byType(): ReadonlyMap<string, { readonly events: number; readonly shown: number }> {
    return new Map(
      this.#counts.flatMap((count) =>
        count === undefined ? [] : [[count.type, { events: count.events, shown: count.shown }] as const],
      ),
    );
  }

  event(event: Event, shown: boolean): void {
    let count = this.#counts[event.id];
    if (count === undefined) {
      count = { type: event.type, events: 0, shown: 0 };
      this.#counts[event.id] = count;
    }
    if (this.events === 0) this.#began = event.timestamp();
    this.events += 1;
    count.events += 1;
    if (shown) {
      this.shown += 1;
      count.shown += 1;
    }
  }

  /** The time of the last event, told once at the end. */
  finish(last: bigint): void {
    this.#last = last;
  }

  record(raw: RawRecord, strings: StringTable): void {
    switch (raw.name) {
      case 'gap': {
        const { reason, lost, pid, begin } = recordValues(raw, strings);
        const known = raw.exact(2) !== unknownCount;
        const count = known ? Number(lost) : 0;
        this.lost += count;
        this.gapCount += 1;
        if (this.gaps.length >= mostKept) break;
        this.gaps.push({
          reason: gapNames.get(Number(reason)) ?? String(reason),
          lost: known ? count : undefined,
          pid: Number(pid),
          time: Number(begin),
        });
        break;
      }
      case 'blind_spot': {
        const { reason, pid, detail } = recordValues(raw, strings);
        this.blindSpotCount += 1;
        if (this.blindSpots.length >= mostKept) break;
        this.blindSpots.push({
          reason: blindSpotNames.get(Number(reason)) ?? String(reason),
          pid: Number(pid),
          detail: String(detail),
        });
        break;
      }
      case 'counters': {
        const { name, value } = recordValues(raw, strings);
        if (this.counters.size < mostKept || this.counters.has(String(name)))
          this.counters.set(String(name), Number(value));
        break;
      }
      case 'end':
        this.complete = true;
        break;
      default:
    }
  }

  summary(header: Header | undefined, processes: number): StreamSummary {
    this.processes = processes;
    return {
      name: this.name,
      events: this.events,
      shown: this.shown,
      byType: this.byType,
      processes,
      detections: this.detections,
      delivered: this.delivered,
      lost: this.lost,
      unknown: this.unknown,
      gaps: this.gaps,
      blindSpots: this.blindSpots,
      counters: this.counters,
      traced: header?.traced,
      began: this.#began,
      ended: this.#last ?? this.#began,
      complete: this.complete,
      damaged: this.diagnostics.some((item) => item.severity === 'error'),
      diagnostics: this.diagnostics,
      header,
    };
  }
}
