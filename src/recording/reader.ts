/**
 * Reads a stream: bytes are pushed as they come, cut anywhere, and everything that whole blocks hold
 * has been given to the sink when `push` returns.
 *
 * The bytes are untrusted. At the first thing that is wrong the reader tells a diagnostic with the
 * offset and takes nothing more; what it gave before is a correct prefix.
 */
import { crc32, inflateRawSync } from 'node:zlib';
import type { SchemaRow } from '../catalogue/header.js';
import { eventById } from '../catalogue/events.js';
import type { RawEvent, RawRecord } from '../catalogue/raw.js';
import { type RecordName, recordRows } from '../catalogue/records.js';
import type { EventRow } from '../catalogue/row.js';
import { type Diagnostic, diagnostic } from '../support/diagnostic.js';
import { StringTable } from '../support/strings.js';
import { type Block, BlockError, BlockKind, BlockSplitter, payloadOf } from './blocks.js';
import { recordingCodes } from './codes.js';
import { Damage } from './damage.js';
import { Dictionary } from './dictionary.js';
import { BLOCK_HEADER, Codec, EVENT_HEAD, FRAME_MAX, FrameKind, limits, RECORD_HEAD } from './format.js';
import { type Header, HeaderError, parseHeader } from './header.js';
import { makePlan, moveBits, type Plan, readColumns } from './plans.js';

/** What takes the items of a stream. Objects given to `event` and `record` are reused for the next. */
export interface StreamSink {
  header?(header: Header): void;
  /** An epoch begins: records of the state follow. */
  checkpoint?(epoch: number): void;
  event(raw: RawEvent): void;
  record(raw: RawRecord): void;
  diagnostic(item: Diagnostic): void;
}

export interface StreamReaderOptions {
  /** The run's strings; a new table when absent. */
  readonly strings?: StringTable;
  /** Stands for the recording in messages. */
  readonly name?: string;
  /**
   * Told of each frame as it stands, for tools that copy: of strings and tuples once they were found
   * sound, of events and records before the sink is.
   */
  readonly frames?: (frame: Frame) => void;
}

/** Where a frame lies; reused for the next. */
export interface Frame {
  words: Uint32Array;
  bytes: Buffer;
  /** Word at which it begins. */
  at: number;
  /** Its words. */
  size: number;
  kind: number;
  info: number;
}

interface EventPlan extends Plan {
  readonly id: number;
  readonly row: EventRow | undefined;
}

interface RecordPlan extends Plan {
  readonly id: number;
  readonly name: RecordName | undefined;
}

const noSchema: SchemaRow = { id: 0, name: '', columns: [] };

/** Words at the place of `bytes`, copied when they are not aligned. */
function wordsOf(bytes: Buffer): { words: Uint32Array; bytes: Buffer } {
  if ((bytes.byteOffset & 3) === 0)
    return { words: new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2), bytes };
  const copy = Buffer.from(new Uint8Array(bytes).buffer);
  return { words: new Uint32Array(copy.buffer, copy.byteOffset, copy.length >>> 2), bytes: copy };
}

/** The decoded payload of a block, its checksum and lengths checked. Throws `Damage`. */
export function decodePayload(block: Block): Buffer {
  const { bytes } = block;
  const codec = bytes.readUInt16LE(6);
  const stored = bytes.readUInt32LE(8);
  const decoded = bytes.readUInt32LE(12);
  const payload = payloadOf(block);
  if (crc32(payload) !== bytes.readUInt32LE(40)) throw new Damage(0, 'the checksum of a block is wrong');
  if ((decoded & 7) !== 0) throw new Damage(0, 'the length of a block is not a multiple of 8');
  if (codec === Codec.raw) {
    if (stored !== decoded) throw new Damage(0, 'the two lengths of a block differ');
    return payload;
  }
  if (codec !== Codec.deflate)
    throw new Damage(0, `a block is written in codec ${codec}, which this version does not know`);
  if (decoded > limits.inflateFree && decoded > stored * limits.inflateRatio)
    throw new Damage(0, 'a block grows too much when it is inflated');
  let inflated: Buffer;
  try {
    inflated = inflateRawSync(payload, { maxOutputLength: Math.max(decoded, 1) });
  } catch {
    throw new Damage(0, 'a block cannot be inflated');
  }
  if (inflated.length !== decoded) throw new Damage(0, 'a block is not as long when inflated as it says');
  return inflated;
}

export class StreamReader {
  readonly strings: StringTable;
  readonly #name: string;
  readonly #frames: ((frame: Frame) => void) | undefined;
  readonly #frame: Frame = {
    words: new Uint32Array(0),
    bytes: Buffer.alloc(0),
    at: 0,
    size: 0,
    kind: 0,
    info: 0,
  };
  readonly #splitter = new BlockSplitter();
  #offset = 0;
  #header: Header | undefined;
  #dictionary: Dictionary | undefined;
  readonly #events: (EventPlan | undefined)[] = [];
  readonly #records: (RecordPlan | undefined)[] = [];
  #epoch = 0;
  #seq = -1;
  #finished = false;
  /** Nothing more is read: the stream is damaged, and that was told. */
  #dead = false;
  #told = false;
  readonly #event: RawEvent = {
    id: 0,
    row: undefined,
    schema: noSchema,
    seq: 0,
    pid: 0,
    tid: 0,
    syscall: 0,
    arch: 0,
    flags: 0,
    missing: 0,
    cut: 0,
    timeLow: 0,
    timeHigh: 0,
    retval: 0,
    duration: 0,
    columns: [],
  };
  /** Where the present record lies, for `exact`. */
  #words: Uint32Array = new Uint32Array(0);
  #at = 0;
  #plan: RecordPlan | undefined;
  readonly #record: RawRecord = {
    name: undefined,
    id: 0,
    schema: noSchema,
    columns: [],
    exact: (column) => this.#exact(column),
  };

  constructor(options: StreamReaderOptions = {}) {
    this.strings = options.strings ?? new StringTable();
    this.#name = options.name ?? '<recording>';
    this.#frames = options.frames;
  }

  get header(): Header | undefined {
    return this.#header;
  }

  /** The footer was read: the writer closed the recording. */
  get finished(): boolean {
    return this.#finished;
  }

  get damaged(): boolean {
    return this.#dead;
  }

  /** Takes the next bytes. Errors that the sink throws pass through. */
  push(chunk: Uint8Array, sink: StreamSink): void {
    if (this.#dead || chunk.length === 0) return;
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    try {
      for (const block of this.#splitter.push(bytes)) this.#take(block, sink);
    } catch (error) {
      this.#fail(error, sink);
    }
  }

  /** Takes one block that was split before, in the order of the stream. */
  take(block: Block, sink: StreamSink): void {
    if (this.#dead) return;
    try {
      this.#take(block, sink);
    } catch (error) {
      this.#fail(error, sink);
    }
  }

  /** No more bytes come: tells what is missing. */
  end(sink: Pick<StreamSink, 'diagnostic'>): void {
    if (this.#dead || this.#told) return;
    this.#told = true;
    if (this.#finished && this.#splitter.kept === 0) return;
    const tell = (
      code: 'not-a-recording' | 'git-lfs-pointer' | 'unfinished-recording' | 'damaged-recording',
      message: string,
      ...suggestions: string[]
    ) => {
      this.#dead = true;
      sink.diagnostic(diagnostic(recordingCodes, code, message, { suggestions }));
    };
    if (this.#finished) {
      tell(
        'damaged-recording',
        `"${this.#name}" goes on after its footer, at byte ${this.#splitter.offset}.`,
      );
    } else if (this.#splitter.offset === 0 && this.#header === undefined) {
      tell(
        'not-a-recording',
        `"${this.#name}" is not a recording: it has ${this.#splitter.kept} bytes.`,
        'seccam record -o NAME.seccam -- COMMAND',
      );
    } else {
      const cut =
        this.#splitter.kept > 0
          ? `ends inside the block that begins at byte ${this.#splitter.offset}`
          : `ends at byte ${this.#splitter.offset} without its footer`;
      tell(
        'unfinished-recording',
        `"${this.#name}" ${cut}; what comes before was read.`,
        '--accept-damage makes this a warning',
      );
    }
  }

  #fail(error: unknown, sink: StreamSink): void {
    this.#dead = true;
    if (error instanceof BlockError) {
      const suggestions =
        error.code === 'git-lfs-pointer'
          ? ['git lfs pull']
          : error.wayOut === undefined
            ? []
            : [error.wayOut];
      const message =
        error.code === 'damaged-recording'
          ? `"${this.#name}" is damaged at byte ${error.offset}: ${error.message}; what comes before was read.`
          : `"${this.#name}" cannot be read: ${error.message}.`;
      sink.diagnostic(diagnostic(recordingCodes, error.code, message, { suggestions }));
    } else if (error instanceof Damage) {
      const message = `"${this.#name}" is damaged in the block at byte ${this.#offset}, near byte ${this.#offset + BLOCK_HEADER + error.word * 4}: ${error.message}; what comes before was read.`;
      sink.diagnostic(diagnostic(recordingCodes, error.code, message));
    } else {
      throw error;
    }
  }

  #take(block: Block, sink: StreamSink): void {
    if (block.kind === 0) {
      this.#offset = block.bytes.length;
      return;
    }
    if (this.#finished) throw new Damage(0, 'a block follows the footer');
    const payload = decodePayload(block);
    switch (block.kind) {
      case BlockKind.header:
        this.#takeHeader(payload, sink);
        break;
      case BlockKind.checkpoint:
        this.#begin(block.epoch, sink);
        this.#takeFrames(block, payload, sink);
        break;
      case BlockKind.data:
        if (this.#epoch === 0) throw new Damage(0, 'a data block comes before the first checkpoint');
        if (block.epoch !== this.#epoch)
          throw new Damage(0, `a block of epoch ${block.epoch} stands in epoch ${this.#epoch}`);
        this.#takeFrames(block, payload, sink);
        break;
      case BlockKind.footer:
        if (this.#header === undefined) throw new Damage(0, 'the footer comes before the header');
        this.#finished = true;
        break;
      default:
        // A kind of a newer minor version, or of the link between tracer and agent.
        break;
    }
    this.#offset += block.bytes.length;
  }

  #takeHeader(payload: Buffer, sink: StreamSink): void {
    if (this.#header !== undefined) throw new Damage(0, 'there is a second header');
    const { words, bytes } = wordsOf(payload);
    const length = words[0] ?? 0;
    if (words.length < 2 || length !== payload.length || (words[1]! & 0xffff) !== FrameKind.header)
      throw new Damage(0, 'the header block does not hold one header frame');
    let header: Header;
    try {
      header = parseHeader(bytes.toString('utf8', 8));
    } catch (error) {
      if (error instanceof HeaderError) throw new Damage(2, error.message);
      throw error;
    }
    for (const schema of header.catalogue.events) {
      const row = eventById(schema.id);
      const ours = row !== undefined && row.name === schema.name ? row : undefined;
      this.#events[schema.id] = { ...makePlan(schema, ours?.columns, EVENT_HEAD), id: schema.id, row: ours };
    }
    for (const schema of header.catalogue.records) {
      const row = recordRows.find((known) => known.id === schema.id && known.name === schema.name);
      this.#records[schema.id] = {
        ...makePlan(schema, row?.columns, RECORD_HEAD),
        id: schema.id,
        name: row?.name,
      };
    }
    this.#header = header;
    this.#dictionary = new Dictionary(this.strings, header.catalogue);
    sink.header?.(header);
  }

  #begin(epoch: number, sink: StreamSink): void {
    if (this.#dictionary === undefined) throw new Damage(0, 'a checkpoint comes before the header');
    if (epoch === this.#epoch) return;
    if (epoch < this.#epoch || epoch === 0)
      throw new Damage(0, `epoch ${epoch} follows epoch ${this.#epoch}`);
    this.#epoch = epoch;
    this.#dictionary.clear();
    sink.checkpoint?.(epoch);
  }

  #takeFrames(block: Block, payload: Buffer, sink: StreamSink): void {
    const { words, bytes } = wordsOf(payload);
    const dictionary = this.#dictionary!;
    const total = words.length;
    let count = 0;
    for (let at = 0; at < total; ) {
      const length = words[at]!;
      const size = length >>> 2;
      if (length < 8 || (length & 7) !== 0 || length > FRAME_MAX || size > total - at)
        throw new Damage(at, `a frame has the length ${length}`);
      const second = words[at + 1]!;
      const kind = second & 0xffff;
      const info = second >>> 16;
      switch (kind) {
        case FrameKind.event:
          this.#tell(words, bytes, at, size, kind, info);
          this.#takeEvent(words, at, size, info, sink);
          break;
        case FrameKind.string:
          dictionary.string(words, bytes, at, size, info);
          this.#tell(words, bytes, at, size, kind, info);
          break;
        case FrameKind.tuple:
          dictionary.tuple(words, at, size, info);
          this.#tell(words, bytes, at, size, kind, info);
          break;
        case FrameKind.record:
          this.#tell(words, bytes, at, size, kind, info);
          this.#takeRecord(words, at, size, info, sink);
          break;
        default:
          this.#tell(words, bytes, at, size, kind, info);
          break;
      }
      count += 1;
      at += size;
    }
    if (count !== block.frames)
      throw new Damage(total, `a block says that it has ${block.frames} frames, and has ${count}`);
  }

  #tell(words: Uint32Array, bytes: Buffer, at: number, size: number, kind: number, info: number): void {
    if (this.#frames === undefined) return;
    const frame = this.#frame;
    frame.words = words;
    frame.bytes = bytes;
    frame.at = at;
    frame.size = size;
    frame.kind = kind;
    frame.info = info;
    this.#frames(frame);
  }

  #takeEvent(words: Uint32Array, at: number, size: number, id: number, sink: StreamSink): void {
    const plan = this.#events[id];
    if (plan === undefined) throw new Damage(at, `event ${id} is not in the header`);
    if (size < plan.words) throw new Damage(at, `an event "${plan.schema.name}" is too short`);
    const seq = words[at + 2]! + words[at + 13]! * 4294967296;
    if (seq <= this.#seq) throw new Damage(at, `event number ${seq} follows event number ${this.#seq}`);
    this.#seq = seq;
    const event = this.#event;
    const flags = words[at + 6]!;
    event.cut = readColumns(plan, words, at, this.#dictionary!);
    event.id = id;
    event.row = plan.row;
    event.schema = plan.schema;
    event.seq = seq;
    event.pid = words[at + 3]!;
    event.tid = words[at + 4]!;
    event.syscall = words[at + 5]!;
    event.arch = flags & 0xff;
    event.flags = flags >>> 8;
    event.missing = plan.sameOrder ? words[at + 7]! : moveBits(plan, words[at + 7]!);
    event.timeLow = words[at + 8]!;
    event.timeHigh = words[at + 9]!;
    event.retval = words[at + 10]! + (words[at + 11]! | 0) * 4294967296;
    event.duration = words[at + 12]!;
    event.columns = plan.values;
    sink.event(event);
  }

  #takeRecord(words: Uint32Array, at: number, size: number, id: number, sink: StreamSink): void {
    const plan = this.#records[id];
    if (plan === undefined) throw new Damage(at, `record ${id} is not in the header`);
    if (size < plan.words) throw new Damage(at, `a record "${plan.schema.name}" is too short`);
    const record = this.#record;
    readColumns(plan, words, at, this.#dictionary!);
    record.name = plan.name;
    record.id = id;
    record.schema = plan.schema;
    record.columns = plan.values;
    this.#words = words;
    this.#at = at;
    this.#plan = plan;
    sink.record(record);
  }

  #exact(column: number): bigint {
    const plan = this.#plan;
    const index = plan?.target.indexOf(column) ?? -1;
    if (plan === undefined || index < 0) return 0n;
    const at = this.#at + plan.word[index]!;
    const type = plan.schema.columns[index]!.type;
    const low = this.#words[at]!;
    if (type !== 'u64' && type !== 'i64') return BigInt(type === 'i32' ? low | 0 : low);
    const wide = (BigInt(this.#words[at + 1]!) << 32n) | BigInt(low);
    return type === 'i64' ? BigInt.asIntN(64, wide) : wide;
  }
}
