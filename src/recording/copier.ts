/**
 * Copies events and records of one recording into another, frame by frame: only what the copied items
 * refer to is defined anew, unknown rows and columns come along, and texts may be changed on the way.
 */
import type { Schema, SchemaRow } from '../catalogue/header.js';
import { columnWords } from '../catalogue/row.js';
import { invariant } from '../support/assert.js';
import { EVENT_HEAD, FrameKind, LIST, RECORD_HEAD, TUPLE_HEAD } from './format.js';
import type { Frame } from './reader.js';
import type { EventHead, RecordingWriter } from './writer.js';

/** Gives the text that stands in the copy. `use` says where it stands: `argv`, `file.path`, `named`, … */
export type MapText = (text: Buffer, use: string) => Buffer;

interface StoredText {
  readonly parent: number;
  readonly part: Buffer;
  readonly original: number;
  whole: Buffer | undefined;
}

/** How the columns of a row of the source become those of the target. */
interface Moves {
  readonly target: SchemaRow;
  /** For each column of the target: type, name, word offset in the source or −1. */
  readonly columns: readonly { readonly type: string; readonly name: string; readonly from: number }[];
}

function moves(source: SchemaRow, target: SchemaRow): Moves {
  const at = new Map<string, { readonly from: number; readonly type: string }>();
  let word = 0;
  for (const column of source.columns) {
    if (!at.has(column.name)) at.set(column.name, { from: word, type: column.type });
    word += columnWords[column.type] ?? 1;
  }
  return {
    target,
    columns: target.columns.map(({ name, type }) => {
      const found = at.get(name);
      return { name, type, from: found === undefined || found.type !== type ? -1 : found.from };
    }),
  };
}

function movesOf(source: readonly SchemaRow[], target: readonly SchemaRow[]): Map<number, Moves> {
  const found = new Map<number, Moves>();
  for (const row of source) {
    const other = target.find((known) => known.id === row.id && known.name === row.name);
    if (other !== undefined) found.set(row.id, moves(row, other));
  }
  return found;
}

/** A schema with the rows and columns of `first`, and then those that only `second` has. */
export function unitedSchema(first: Schema, second: Schema): Schema {
  const unite = (ours: readonly SchemaRow[], theirs: readonly SchemaRow[]): SchemaRow[] => [
    ...ours.map((row) => {
      const other = theirs.find((known) => known.id === row.id && known.name === row.name);
      const more = other?.columns.filter((column) => !row.columns.some((known) => known.name === column.name)) ?? [];
      return more.length === 0 ? row : { ...row, columns: [...row.columns, ...more] };
    }),
    ...theirs.filter((row) => !ours.some((known) => known.id === row.id)),
  ];
  return {
    version: first.version,
    events: unite(first.events, second.events),
    records: unite(first.records, second.records),
    tuples: unite(first.tuples, second.tuples),
  };
}

export class Copier {
  readonly #writer: RecordingWriter;
  readonly #map: MapText | undefined;
  readonly #texts: StoredText[] = [];
  readonly #tuples = new Map<number, (readonly number[])[]>();
  readonly #kinds: ReadonlyMap<string, number>;
  readonly #eventMoves: ReadonlyMap<number, Moves>;
  readonly #recordMoves: ReadonlyMap<number, Moves>;
  readonly #tupleMoves: ReadonlyMap<number, Moves>;
  /** Numbers in the target of what was copied in this epoch. */
  readonly #copied = new Map<string, number>();
  #frame: Frame | undefined;
  /** Frames of unknown kinds are copied. */
  #copying = false;

  /** `source` is the schema of what is read; the writer's is that of the copy. */
  constructor(writer: RecordingWriter, source: Schema, map?: MapText) {
    this.#writer = writer;
    this.#map = map;
    this.#kinds = new Map(source.tuples.map((row) => [row.name, row.id]));
    this.#eventMoves = movesOf(source.events, writer.schema.events);
    this.#recordMoves = movesOf(source.records, writer.schema.records);
    this.#tupleMoves = movesOf(source.tuples, writer.schema.tuples);
  }

  /** The source begins an epoch; `alsoTarget`: so does the copy. */
  epoch(alsoTarget: boolean): void {
    this.#texts.length = 0;
    this.#tuples.clear();
    this.#copied.clear();
    this.#copying = alsoTarget;
    if (alsoTarget) this.#writer.checkpoint();
  }

  /** The copy began an epoch of its own: what was copied must be defined anew. */
  forget(): void {
    this.#copied.clear();
  }

  /** Takes a frame as the reader tells it: keeps definitions, and the place of events and records. */
  take(frame: Frame): void {
    const { words, bytes, at, size, kind, info } = frame;
    if (kind === FrameKind.string) {
      const start = (at + 6) * 4;
      const part = Buffer.from(bytes.subarray(start, start + words[at + 3]!));
      this.#texts[words[at + 2]!] = { parent: words[at + 5]!, part, original: words[at + 4]!, whole: undefined };
    } else if (kind === FrameKind.tuple) {
      let list = this.#tuples.get(info);
      if (list === undefined) {
        list = [[]];
        this.#tuples.set(info, list);
      }
      list.push(Array.from(words.subarray(at + TUPLE_HEAD, at + size)));
    } else if (kind === FrameKind.event || kind === FrameKind.record) {
      this.#frame = frame;
    } else if (this.#copying) {
      this.#writer.frame(bytes.subarray(at * 4, (at + size) * 4));
    }
  }

  /** Copies the event that the reader is at, as number `seq` when it is given, `shift` ns later. */
  event(seq?: number, shift = 0n): void {
    const frame = this.#frame;
    invariant(frame !== undefined && frame.kind === FrameKind.event, 'the reader is at an event');
    const row = this.#eventMoves.get(frame.info);
    invariant(row !== undefined, 'the schema of the copy has every event of the source');
    this.#writer.eventWords(row.target.id, { ...headOf(frame, shift), ...(seq === undefined ? {} : { seq }), missingBits: movedBits(row, frame) }, this.#columns(row, frame.words, frame.at + EVENT_HEAD, ''));
  }

  /** The words of the columns of the event or record that the reader is at, for the copy. */
  columns(): { readonly id: number; readonly name: string; readonly columns: number[]; readonly head: (Omit<EventHead, 'missing'> & { readonly missingBits: number }) | undefined } {
    const frame = this.#frame;
    invariant(frame !== undefined, 'the reader is at an event or record');
    const isEvent = frame.kind === FrameKind.event;
    const row = (isEvent ? this.#eventMoves : this.#recordMoves).get(frame.info);
    invariant(row !== undefined, 'the schema of the copy has every row of the source');
    const columns = this.#columns(row, frame.words, frame.at + (isEvent ? EVENT_HEAD : RECORD_HEAD), '');
    return { id: row.target.id, name: row.target.name, columns, head: isEvent ? { ...headOf(frame, 0n), missingBits: movedBits(row, frame) } : undefined };
  }

  /** Copies the record that the reader is at. */
  record(): void {
    const { id, columns } = this.columns();
    this.#writer.recordWords(id, columns);
  }

  #columns(row: Moves, words: ArrayLike<number>, base: number, prefix: string): number[] {
    const found: number[] = [];
    for (const { type, name, from } of row.columns) {
      const wide = (columnWords as Readonly<Record<string, number>>)[type] === 2;
      if (from < 0) {
        found.push(...(wide ? [0, 0] : [0]));
        continue;
      }
      const first = words[base + from]!;
      if (wide) found.push(first, words[base + from + 1]!);
      else if (type === 'string') found.push(this.#text(first, `${prefix}${name}`));
      else if (type === 'u32' || type === 'i32') found.push(first);
      else found.push(this.#tuple(this.#kinds.get(type), first, `${prefix}${name}`));
    }
    return found;
  }

  #whole(id: number): Buffer {
    const stored = this.#texts[id]!;
    if (stored.whole !== undefined) return stored.whole;
    if (stored.parent === 0) stored.whole = stored.part;
    else {
      const above = this.#whole(stored.parent);
      stored.whole = Buffer.concat(above.length === 1 && above[0] === 0x2f ? [above, stored.part] : [above, Buffer.from('/'), stored.part]);
    }
    return stored.whole;
  }

  #text(id: number, use: string): number {
    if (id === 0) return 0;
    const key = this.#map === undefined ? `s${id}` : `s${id} ${use}`;
    const known = this.#copied.get(key);
    if (known !== undefined) return known;
    const stored = this.#texts[id]!;
    const whole = this.#whole(id);
    const bytes = this.#map === undefined ? whole : this.#map(whole, use);
    const original = stored.original > whole.length ? Math.max(stored.original, bytes.length + 1) : bytes.length;
    const copy = this.#writer.text({ bytes, original });
    this.#copied.set(key, copy);
    return copy;
  }

  #tuple(kind: number | undefined, id: number, use: string): number {
    if (id === 0 || kind === undefined) return kind === undefined ? id : 0;
    const key = this.#map === undefined ? `${kind} ${id}` : `${kind} ${id} ${use}`;
    const known = this.#copied.get(key);
    if (known !== undefined) return known;
    const words = this.#tuples.get(kind)?.[id];
    invariant(words !== undefined, 'the reader has checked that the tuple is defined');
    let copy: number;
    if (kind === LIST) {
      const stored = words[1] ?? 0;
      copy = this.#writer.words(LIST, [words[0] ?? 0, stored, ...words.slice(2, 2 + stored).map((member) => this.#text(member, use))]);
    } else {
      const row = this.#tupleMoves.get(kind);
      invariant(row !== undefined, 'the schema of the copy has every tuple of the source');
      copy = this.#writer.words(row.target.id, this.#columns(row, words, 0, `${use}.`));
    }
    this.#copied.set(key, copy);
    return copy;
  }
}

function headOf(frame: Frame, shift: bigint): Omit<EventHead, 'missing'> {
  const { words, at } = frame;
  const wide = (low: number): bigint => BigInt(words[at + low]!) | (BigInt(words[at + low + 1]!) << 32n);
  return {
    seq: words[at + 2]! + words[at + 13]! * 4294967296,
    pid: words[at + 3]!,
    tid: words[at + 4]!,
    syscall: words[at + 5]!,
    arch: words[at + 6]! & 0xff,
    flags: words[at + 6]! >>> 8,
    time: wide(8) + shift,
    retval: BigInt.asIntN(64, wide(10)),
    duration: words[at + 12]!,
  };
}

function movedBits(row: Moves, frame: Frame): number {
  const missing = frame.words[frame.at + 7]!;
  if (missing === 0) return 0;
  const order = row.columns.map((column, index) => ({ index, from: column.from })).filter((column) => column.from >= 0);
  const sources = [...order].sort((a, b) => a.from - b.from);
  let moved = 0;
  for (const [bit, column] of sources.entries()) if (bit < 32 && column.index < 32 && (missing >>> bit) & 1) moved |= 1 << column.index;
  return moved >>> 0;
}
