/**
 * Writes recordings: for tools that rewrite, for tests, and for events that are told and not recorded.
 * The C core writes the same format in native/frame.c.
 */
import { crc32, deflateRawSync } from 'node:zlib';
import { currentSchema, type Schema, type SchemaRow } from '../catalogue/header.js';
import { type ColumnType, columnWords } from '../catalogue/row.js';
import { expects } from '../support/assert.js';
import { BlockKind } from './blocks.js';
import { BLOCK_HEADER, BLOCK_MAGIC, Codec, EVENT_HEAD, FORMAT_MAJOR, FORMAT_MINOR, FrameKind, LIST, MAGIC, NO_SYSCALL, RECORD_HEAD, TUPLE_HEAD } from './format.js';

/** Bytes of which a string column holds a part. */
export interface CutText {
  readonly bytes: Uint8Array;
  /** Number of bytes before the cut. */
  readonly original: number;
}

export interface CutList {
  readonly members: readonly TextValue[];
  readonly total: number;
}

export type TextValue = string | Uint8Array | CutText;
/** A tuple, by member; members that are not named are 0. */
export interface TupleValue {
  readonly [member: string]: Value;
}
/** By the type of the column: a number, a text, a list of texts, a tuple; or the id of what was interned. */
export type Value = number | bigint | TextValue | readonly TextValue[] | CutList | TupleValue;
export type Values = Readonly<Record<string, Value>>;

export interface EventHead {
  readonly pid: number;
  readonly tid?: number;
  /** By default one more than the event before. */
  readonly seq?: number;
  /** CLOCK_BOOTTIME in ns. */
  readonly time: number | bigint;
  readonly retval?: number | bigint;
  readonly syscall?: number;
  readonly arch?: number;
  readonly flags?: number;
  /** Names of columns that could not be read. */
  readonly missing?: readonly string[];
  readonly duration?: number;
}

export interface WriterOptions {
  /** Members of the header's JSON beside `format` and `catalogue`. */
  readonly header: Readonly<Record<string, unknown>>;
  readonly schema?: Schema;
  readonly codec?: 'raw' | 'deflate';
  /** A block is written when its payload has reached this size. */
  readonly blockBytes?: number;
  /** Number of the first event. */
  readonly firstSeq?: number;
}

interface IndexEntry {
  readonly offset: number;
  readonly seq: number;
  readonly time: bigint;
  readonly epoch: number;
  readonly kind: number;
}

const DEFAULT_BLOCK = 1 << 18;
const INDEX_ENTRIES = 65536;
const align = (length: number): number => (length + 7) & ~7;

export class RecordingWriter {
  readonly schema: Schema;
  readonly #emit: (bytes: Uint8Array) => void;
  readonly #codec: number;
  readonly #blockBytes: number;
  #buffer = Buffer.alloc(1 << 16);
  #used = 0;
  #frames = 0;
  #kind: number = BlockKind.header;
  #epoch = 0;
  #blockSeq: number;
  #blockTime = 0n;
  #seq: number;
  #time = 0n;
  #offset = 0;
  #index: IndexEntry[] = [];
  readonly #strings = new Map<string, number>();
  #stringCount = 0;
  readonly #tuples = new Map<string, number>();
  readonly #tupleCounts = new Map<number, number>();
  readonly #events: ReadonlyMap<string, SchemaRow>;
  readonly #records: ReadonlyMap<string, SchemaRow>;
  readonly #kinds: ReadonlyMap<string, SchemaRow>;
  /** Events that were written. */
  events = 0;

  /** `emit` is given whole blocks, in order; their bytes are its own. Writes preamble and header at once. */
  constructor(emit: (bytes: Uint8Array) => void, options: WriterOptions) {
    this.#emit = emit;
    this.schema = options.schema ?? currentSchema();
    this.#codec = options.codec === 'deflate' ? Codec.deflate : Codec.raw;
    this.#blockBytes = options.blockBytes ?? DEFAULT_BLOCK;
    this.#seq = options.firstSeq ?? 1;
    this.#blockSeq = this.#seq;
    this.#events = new Map(this.schema.events.map((row) => [row.name, row]));
    this.#records = new Map(this.schema.records.map((row) => [row.name, row]));
    this.#kinds = new Map(this.schema.tuples.map((row) => [row.name, row]));
    const preamble = Buffer.alloc(16);
    preamble.set(MAGIC);
    preamble.writeUInt16LE(FORMAT_MAJOR, 8);
    preamble.writeUInt16LE(FORMAT_MINOR, 10);
    this.#hand(preamble);
    const json = Buffer.from(JSON.stringify({ format: FORMAT_MAJOR, ...options.header, catalogue: this.schema }));
    const length = align(8 + json.length);
    const at = this.#frame(length, FrameKind.header, 0);
    json.copy(this.#buffer, at + 8);
    this.#buffer.fill(0x20, at + 8 + json.length, at + length);
    this.#flush();
  }

  get nextSeq(): number {
    return this.#seq;
  }

  /** Begins an epoch. Records of the state follow; the first event after it ends the checkpoint block. */
  checkpoint(): void {
    this.#flush();
    this.#epoch += 1;
    this.#kind = BlockKind.checkpoint;
    this.#strings.clear();
    this.#stringCount = 0;
    this.#tuples.clear();
    this.#tupleCounts.clear();
  }

  /** The id of a string in this epoch; '' is 0. */
  text(value: TextValue): number {
    const bytes = typeof value === 'string' ? Buffer.from(value) : 'bytes' in value ? Buffer.from(value.bytes) : Buffer.from(value);
    const original = typeof value !== 'string' && 'bytes' in value ? value.original : bytes.length;
    expects(this.#epoch > 0, 'text() comes after checkpoint()');
    return this.#string(bytes, original);
  }

  #string(bytes: Buffer, original: number): number {
    if (bytes.length === 0 && original === 0) return 0;
    const text = bytes.toString('latin1');
    const key = original === bytes.length ? text : `${original}\u0000${text}\u0001`;
    const known = this.#strings.get(key);
    if (known !== undefined) return known;
    let parent = 0;
    let part = bytes;
    if (original === bytes.length && isPath(text) && bytes.length <= 4096) {
      const slash = text.lastIndexOf('/');
      parent = this.#string(slash === 0 ? bytes.subarray(0, 1) : bytes.subarray(0, slash), slash === 0 ? 1 : slash);
      part = bytes.subarray(slash + 1);
    }
    const id = this.#stringCount + 1;
    this.#stringCount = id;
    this.#strings.set(key, id);
    const at = this.#frame(align(24 + part.length), FrameKind.string, parent === 0 ? 0 : 1);
    this.#buffer.writeUInt32LE(id, at + 8);
    this.#buffer.writeUInt32LE(part.length, at + 12);
    this.#buffer.writeUInt32LE(original, at + 16);
    this.#buffer.writeUInt32LE(parent, at + 20);
    part.copy(this.#buffer, at + 24);
    return id;
  }

  /** The id of a list in this epoch; an empty one is 0. */
  list(members: readonly TextValue[], total = members.length): number {
    if (total === 0) return 0;
    return this.words(LIST, [total, members.length, ...members.map((member) => this.text(member))]);
  }

  /** The id of a tuple by the words of its content. */
  words(kind: number, content: readonly number[]): number {
    const key = `${kind}:${content.join(',')}`;
    const known = this.#tuples.get(key);
    if (known !== undefined) return known;
    const id = (this.#tupleCounts.get(kind) ?? 0) + 1;
    this.#tupleCounts.set(kind, id);
    this.#tuples.set(key, id);
    const at = this.#frame(align((TUPLE_HEAD + content.length) * 4), FrameKind.tuple, kind);
    this.#buffer.writeUInt32LE(id, at + 8);
    for (const [index, word] of content.entries()) this.#buffer.writeUInt32LE(word >>> 0, at + 12 + index * 4);
    return id;
  }

  /** The id of a tuple by its members. */
  tuple(kind: string, members: TupleValue): number {
    const row = this.#kinds.get(kind);
    expects(row !== undefined, `the schema has a tuple "${kind}"`);
    return this.words(row.id, this.#columns(row, members));
  }

  /** Writes an event of the schema. Columns that are not named are 0. */
  event(name: string, head: EventHead, values: Values = {}): void {
    const row = this.#events.get(name);
    expects(row !== undefined, `the schema has an event "${name}"`);
    let missing = 0;
    for (const column of head.missing ?? []) missing |= 1 << row.columns.findIndex((known) => known.name === column);
    this.eventWords(row.id, { ...head, missingBits: missing >>> 0 }, this.#columns(row, values));
  }

  /** Writes an event by the words of its columns. */
  eventWords(id: number, head: Omit<EventHead, 'missing'> & { readonly missingBits?: number }, columns: readonly number[]): void {
    expects(this.#epoch > 0, 'event() comes after checkpoint()');
    if (this.#kind === BlockKind.checkpoint) this.#flush(BlockKind.data, true);
    const seq = head.seq ?? this.#seq;
    const time = BigInt(head.time);
    if (this.#frames === 0) this.#blockTime = time;
    const retval = BigInt.asUintN(64, BigInt(head.retval ?? 0));
    const at = this.#frame(align((EVENT_HEAD + columns.length) * 4), FrameKind.event, id);
    const words = [
      seq >>> 0,
      head.pid,
      head.tid ?? head.pid,
      head.syscall ?? NO_SYSCALL,
      ((head.arch ?? 0) & 0xff) | ((head.flags ?? 0) << 8),
      head.missingBits ?? 0,
      Number(time & 0xffffffffn),
      Number(time >> 32n),
      Number(retval & 0xffffffffn),
      Number(retval >> 32n),
      Math.min(head.duration ?? 0, 0xffffffff),
      Math.floor(seq / 4294967296),
      ...columns,
    ];
    for (const [index, word] of words.entries()) this.#buffer.writeUInt32LE(word >>> 0, at + 8 + index * 4);
    this.#seq = seq + 1;
    this.#time = time;
    this.events += 1;
    if (this.#used >= this.#blockBytes) this.#flush();
  }

  /** Writes a record of the schema. */
  record(name: string, values: Values): void {
    const row = this.#records.get(name);
    expects(row !== undefined, `the schema has a record "${name}"`);
    this.recordWords(row.id, this.#columns(row, values));
  }

  recordWords(id: number, columns: readonly number[]): void {
    expects(this.#epoch > 0, 'record() comes after checkpoint()');
    const at = this.#frame(align((RECORD_HEAD + columns.length) * 4), FrameKind.record, id);
    for (const [index, word] of columns.entries()) this.#buffer.writeUInt32LE(word >>> 0, at + 8 + index * 4);
    if (this.#used >= this.#blockBytes) this.#flush(this.#kind);
  }

  /** Copies a frame of an unknown kind, head included. */
  frame(bytes: Uint8Array): void {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const at = this.#frame(bytes.length, 0, 0);
    view.copy(this.#buffer, at);
  }

  /** Hands out what waits. Needed only when a reader is to see it at once. */
  flush(): void {
    this.#flush(this.#kind);
  }

  /** Writes what waits and the footer. */
  end(): void {
    this.#flush(BlockKind.footer, this.#kind === BlockKind.checkpoint);
    const index = this.#index;
    for (let from = 0; from < index.length; from += INDEX_ENTRIES) {
      const part = index.slice(from, from + INDEX_ENTRIES);
      const at = this.#frame(8 + part.length * 32, FrameKind.index, 0);
      for (const [number, entry] of part.entries()) {
        const to = at + 8 + number * 32;
        this.#buffer.writeBigUInt64LE(BigInt(entry.offset), to);
        this.#buffer.writeBigUInt64LE(BigInt(entry.seq), to + 8);
        this.#buffer.writeBigUInt64LE(entry.time, to + 16);
        this.#buffer.writeUInt32LE(entry.epoch, to + 24);
        this.#buffer.writeUInt32LE(entry.kind, to + 28);
      }
    }
    this.#flush(BlockKind.footer, true);
  }

  #columns(row: SchemaRow, values: Values): number[] {
    const words: number[] = [];
    for (const name of Object.keys(values)) expects(row.columns.some((column) => column.name === name), `"${row.name}" has a column "${name}"`);
    for (const column of row.columns) this.#column(words, column.type, values[column.name]);
    return words;
  }

  #column(words: number[], type: ColumnType, value: Value | undefined): void {
    if (columnWords[type] === 2) {
      const wide = BigInt.asUintN(64, BigInt((value ?? 0) as number | bigint));
      words.push(Number(wide & 0xffffffffn), Number(wide >> 32n));
    } else if (value === undefined || typeof value === 'number' || typeof value === 'bigint') {
      words.push(Number(value ?? 0) >>> 0);
    } else if (type === 'string') {
      words.push(this.text(value as TextValue));
    } else if (type === 'list') {
      const given = value as readonly TextValue[] | CutList;
      words.push('members' in given ? this.list(given.members, given.total) : this.list(given));
    } else {
      words.push(this.tuple(type, value as TupleValue));
    }
  }

  /** Room for a frame; its two head words are written. Returns its offset in the block. */
  #frame(length: number, kind: number, info: number): number {
    if (this.#used >= this.#blockBytes && this.#kind !== BlockKind.footer) this.#flush(this.#kind);
    const at = this.#used;
    if (at + length > this.#buffer.length) {
      const grown = Buffer.alloc(Math.max(this.#buffer.length * 2, at + length));
      this.#buffer.copy(grown, 0, 0, at);
      this.#buffer = grown;
    }
    this.#buffer.fill(0, at, at + length);
    this.#buffer.writeUInt32LE(length, at);
    this.#buffer.writeUInt32LE((kind | (info << 16)) >>> 0, at + 4);
    this.#used += length;
    this.#frames += 1;
    return at;
  }

  #flush(next: number = BlockKind.data, evenEmpty = false): void {
    if (this.#frames > 0 || evenEmpty) {
      const payload = Buffer.from(this.#buffer.subarray(0, this.#used));
      const stored = this.#codec === Codec.deflate ? deflateRawSync(payload, { level: 1 }) : payload;
      const epoch = this.#kind === BlockKind.header ? 0 : this.#epoch;
      const block = Buffer.alloc(BLOCK_HEADER + align(stored.length));
      block.writeUInt32LE(BLOCK_MAGIC, 0);
      block.writeUInt16LE(this.#kind, 4);
      block.writeUInt16LE(this.#codec, 6);
      block.writeUInt32LE(stored.length, 8);
      block.writeUInt32LE(payload.length, 12);
      block.writeUInt32LE(this.#frames, 16);
      block.writeUInt32LE(epoch, 20);
      const time = this.#blockTime === 0n ? this.#time : this.#blockTime;
      block.writeBigUInt64LE(time, 24);
      block.writeBigUInt64LE(BigInt(this.#blockSeq), 32);
      block.writeUInt32LE(crc32(stored), 40);
      block.writeUInt32LE(crc32(block.subarray(0, 44)), 44);
      stored.copy(block, BLOCK_HEADER);
      this.#index.push({ offset: this.#offset, seq: this.#blockSeq, time, epoch, kind: this.#kind });
      this.#hand(block);
    }
    this.#kind = next;
    this.#used = 0;
    this.#frames = 0;
    this.#blockSeq = this.#seq;
    this.#blockTime = 0n;
  }

  #hand(bytes: Uint8Array): void {
    this.#offset += bytes.length;
    this.#emit(bytes);
  }
}

/** Text that is stored as (parent, last component): absolute, without empty components, not ending in a slash. */
function isPath(text: string): boolean {
  return text.length > 1 && text.startsWith('/') && !text.endsWith('/') && !text.includes('//');
}
