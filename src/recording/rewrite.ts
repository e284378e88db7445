/** One recording becomes another: the frame of `trim`, `redact` and `upgrade`. */
import type { Schema } from '../catalogue/header.js';
import type { RawEvent, RawRecord } from '../catalogue/raw.js';
import type { Diagnostic } from '../support/diagnostic.js';
import { Copier, type MapText } from './copier.js';
import type { Header } from './header.js';
import { StreamReader } from './reader.js';
import { RecordingWriter } from './writer.js';

/** The bytes of a recording, from the beginning each time it is called. */
export type Source = () => Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

export interface Rewriting {
  /** Stands for the source in messages. */
  readonly name: string;
  readonly codec?: 'raw' | 'deflate';
  /** Whether an event is copied. Default: all are. */
  readonly event?: (raw: RawEvent) => boolean;
  readonly record?: (raw: RawRecord) => boolean;
  /** Whether an epoch is copied; of one that is not, only the record `end` is. */
  readonly epoch?: (epoch: number) => boolean;
  readonly text?: MapText;
  /** The members of the copy's header beside format and catalogue. */
  readonly header?: (header: Header) => Readonly<Record<string, unknown>>;
  readonly schema?: (header: Header) => Schema;
}

export interface Rewritten {
  readonly events: number;
  readonly kept: number;
  readonly diagnostics: readonly Diagnostic[];
}

/** The header's members that a copy takes over. */
export function copiedHeader(header: Header): Record<string, unknown> {
  const { format: _format, catalogue: _catalogue, ...rest } = header.json as Record<string, unknown>;
  return rest;
}

/** Reads `source` once and gives the bytes of the copy to `emit`. A damaged source is copied as far as it can be read. */
export async function rewrite(source: Source, emit: (bytes: Uint8Array) => void, how: Rewriting): Promise<Rewritten> {
  const diagnostics: Diagnostic[] = [];
  let writer: RecordingWriter | undefined;
  let copier: Copier | undefined;
  let events = 0;
  let begun = false;
  let copying = true;
  const reader = new StreamReader({ name: how.name, frames: (frame) => copier?.take(frame) });
  const sink = {
    header: (header: Header) => {
      const schema = how.schema?.(header) ?? header.catalogue;
      writer = new RecordingWriter(emit, { header: how.header?.(header) ?? copiedHeader(header), schema, ...(how.codec === undefined ? {} : { codec: how.codec }) });
      copier = new Copier(writer, header.catalogue, how.text);
    },
    checkpoint: (epoch: number) => {
      copying = how.epoch?.(epoch) ?? true;
      copier!.epoch(copying);
      begun ||= copying;
    },
    event: (raw: RawEvent) => {
      events += 1;
      if (copying && (how.event?.(raw) ?? true)) copier!.event();
    },
    record: (raw: RawRecord) => {
      const last = raw.name === 'end' && begun;
      if (last && !copying) copier!.forget();
      if (last || (copying && (how.record?.(raw) ?? true))) copier!.record();
    },
    diagnostic: (item: Diagnostic) => diagnostics.push(item),
  };
  for await (const chunk of source()) reader.push(chunk, sink);
  reader.end(sink);
  writer?.end();
  return { events, kept: writer?.events ?? 0, diagnostics };
}
