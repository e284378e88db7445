/**
 * Several recordings become one, in the order of wall time: what several tracers saw of one machine.
 * All of it is held in memory, and the copy has one epoch.
 */
import { currentSchema, type Schema } from '../catalogue/header.js';
import type { RawEvent, RawRecord } from '../catalogue/raw.js';
import { ProcessFlag } from '../catalogue/records.js';
import { columnWords } from '../catalogue/row.js';
import type { Diagnostic } from '../support/diagnostic.js';
import { Copier, unitedSchema } from './copier.js';
import type { Header } from './header.js';
import { StreamReader } from './reader.js';
import { copiedHeader, type Rewritten, type Source } from './rewrite.js';
import { type EventHead, RecordingWriter } from './writer.js';

interface Item {
  readonly time: bigint;
  readonly id: number;
  /** Undefined: a record. */
  readonly head: (Omit<EventHead, 'missing'> & { readonly missingBits: number }) | undefined;
  readonly columns: readonly number[];
}

export interface NamedSource {
  readonly name: string;
  readonly read: Source;
}

async function headerOf(source: NamedSource): Promise<Header | undefined> {
  const reader = new StreamReader({ name: source.name });
  const sink = { event: () => undefined, record: () => undefined, diagnostic: () => undefined };
  for await (const chunk of source.read()) {
    reader.push(chunk, sink);
    if (reader.header !== undefined || reader.damaged) break;
  }
  return reader.header;
}

/** Where the words of a column of `process` begin. */
function processPlaces(schema: Schema): (column: string) => number {
  const row = schema.records.find((record) => record.name === 'process');
  const places = new Map<string, number>();
  let at = 0;
  for (const { name, type } of row?.columns ?? []) {
    places.set(name, at);
    at += (columnWords as Readonly<Record<string, number>>)[type] ?? 1;
  }
  return (column) => places.get(column) ?? 0;
}

/** Events get new numbers; times are boot times of the first recording. */
export async function mergeRecordings(sources: readonly NamedSource[], emit: (bytes: Uint8Array) => void): Promise<Rewritten> {
  const diagnostics: Diagnostic[] = [];
  const headers = await Promise.all(sources.map(headerOf));
  const first = headers.find((header) => header !== undefined);
  const schema = headers.reduce((united, header) => (header === undefined ? united : unitedSchema(united, header.catalogue)), currentSchema());
  const processAt = processPlaces(schema);
  const traced = headers.map((header) => header?.traced);
  const writer = new RecordingWriter(emit, {
    schema,
    header: {
      ...(first === undefined ? {} : copiedHeader(first)),
      ...(traced.every((names) => names !== undefined) ? { traced: traced[0]!.filter((name) => traced.every((names) => names!.includes(name))) } : {}),
      merged: sources.map((source) => source.name),
    },
  });
  writer.checkpoint();
  const items: Item[] = [];
  const once = new Set<string>();
  let events = 0;
  for (const [index, source] of sources.entries()) {
    const header = headers[index];
    const shift = header === undefined || first === undefined ? 0n : header.realtime - header.boottime - (first.realtime - first.boottime);
    let copier: Copier | undefined;
    let time = 0n;
    const reader = new StreamReader({ name: source.name, frames: (frame) => copier?.take(frame) });
    const sink = {
      header: (given: Header) => (copier = new Copier(writer, given.catalogue)),
      checkpoint: () => copier!.epoch(false),
      event: (_raw: RawEvent) => {
        events += 1;
        const { id, head, columns } = copier!.columns();
        time = BigInt(head!.time) + shift;
        items.push({ time, id, head: { ...head!, time }, columns });
      },
      record: (raw: RawRecord) => {
        if (raw.name === 'end' || raw.name === 'counters' || (raw.name === 'clock' && index > 0)) return;
        const { id, columns } = copier!.columns();
        if (raw.name === 'process') {
          // Images are numbered per recording: in the merged one, lineage is that of the first and of parents.
          if ((columns[processAt('flags')]! & ProcessFlag.dead) !== 0) return;
          if (index > 0) columns.fill(0, processAt('image'), processAt('parent_image') + 1);
        }
        const pid = raw.name === 'process' ? `${columns[0]} ${columns[1]}` : columns.join();
        const key = `${id} ${pid}`;
        if (raw.name !== 'gap' && raw.name !== 'blind_spot' && once.has(key)) return;
        once.add(key);
        items.push({ time, id, head: undefined, columns });
      },
      diagnostic: (item: Diagnostic) => diagnostics.push(item),
    };
    for await (const chunk of source.read()) reader.push(chunk, sink);
    reader.end(sink);
  }
  const order = items.map((_, index) => index).sort((a, b) => (items[a]!.time < items[b]!.time ? -1 : items[a]!.time > items[b]!.time ? 1 : a - b));
  for (const index of order) {
    const { head, id, columns } = items[index]!;
    if (head === undefined) writer.recordWords(id, columns);
    else writer.eventWords(id, { ...head, seq: writer.nextSeq }, columns);
  }
  writer.record('end', { events: BigInt(events), boottime: order.length === 0 ? 0n : items[order.at(-1)!]!.time });
  writer.end();
  return { events, kept: events, diagnostics };
}
