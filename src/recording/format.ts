/**
 * The numbers of the format. docs/recording-format.md is the law; the comments here say who holds it.
 *
 * - Every prefix of whole blocks is readable: the writer never leaves a block half described, the
 *   reader gives what whole blocks contain before it says that the rest is missing.
 * - A string or tuple is defined before its first use, with ids that count up from 1 without holes in
 *   each epoch: the writers count, the reader checks each frame.
 * - Only the schema of the header says where a column lies: the reader makes its plans from it
 *   (plans.ts), never from its own catalogue.
 * - Lengths, numbers and references are checked before they are used; memory that a file can make a
 *   reader keep is bounded by `limits`.
 */
import { BLOCK_HEADER, BLOCK_MAX, PREAMBLE } from './blocks.js';

export { BLOCK_HEADER, BLOCK_MAX, PREAMBLE };

export const FORMAT_MAJOR = 1;
export const FORMAT_MINOR = 0;
export const MAGIC = Uint8Array.of(0x89, 0x53, 0x45, 0x43, 0x43, 0x41, 0x4d, 0x0a);
export const BLOCK_MAGIC = 0x31424353;
export const FRAME_MAX = 4 << 20;

export const Codec = { raw: 0, deflate: 1 } as const;
export const FrameKind = { header: 1, string: 2, tuple: 3, event: 4, record: 5, index: 6 } as const;
/** Tuple kind of lists. */
export const LIST = 1;

/** Words of an event before its columns, frame head included. */
export const EVENT_HEAD = 14;
/** Words of a record before its columns. */
export const RECORD_HEAD = 2;
/** Words of a tuple before its content: length, kind, id. */
export const TUPLE_HEAD = 3;

export const NO_SYSCALL = 0xffffffff;

/** Bits 8–31 of word 6 of an event. */
export const EventFlag = {
  /** The call never returned. */
  resultUnknown: 1,
  /** What the entry showed differs from what was read after the call. */
  argumentChanged: 2,
  /** Some fact was cut or missing. */
  incomplete: 4,
  /** From a snapshot or the scanner of /proc. */
  scanned: 8,
  /** The tracer refused the call. */
  refused: 16,
  /** Seen at entry only. */
  resultNotObserved: 32,
} as const;

/** What a file can make a reader keep. */
export const limits = {
  /** Bytes of a whole text whose parents are put before it. */
  composed: 65536,
  /** Characters of distinct texts that one stream may add to the table of strings. */
  text: 1 << 30,
  /** Strings or tuples of one kind in an epoch. */
  ids: 1 << 24,
  /** A block may grow by this factor when it is inflated, above `inflateFree`. */
  inflateRatio: 400,
  inflateFree: 1 << 16,
} as const;
