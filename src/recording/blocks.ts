/**
 * Takes the bytes of a link apart into preamble and whole blocks, without looking into their payloads:
 * the unit of saving, of the order in which streams are consumed, and of the flight recorder.
 *
 * The input is untrusted: a header is checked (magic, lengths, checksum) before a byte of its payload is
 * waited for, so what a link can make us keep is one block of at most 16 MiB.
 */
import { crc32 } from 'node:zlib';

export const BLOCK_HEADER = 48;
export const BLOCK_MAX = 16 << 20;
export const PREAMBLE = 16;
const MAGIC = Buffer.from('895345434341' + '4d0a', 'hex');
const BLOCK_MAGIC = 0x31424353;

export const BlockKind = { header: 1, checkpoint: 2, data: 3, footer: 4, channel: 0x8000 } as const;

export interface Block {
  /** 0: the preamble. */
  readonly kind: number;
  readonly epoch: number;
  /** Seq of the next event at the start of the block. */
  readonly seq: number;
  /** CLOCK_BOOTTIME ns. */
  readonly time: number;
  readonly frames: number;
  /** The whole block with its header and padding. */
  readonly bytes: Buffer;
}

/** The payload as stored, without padding. */
export function payloadOf(block: Block): Buffer {
  return block.bytes.subarray(BLOCK_HEADER, BLOCK_HEADER + block.bytes.readUInt32LE(8));
}

export class BlockError extends Error {
  constructor(
    readonly offset: number,
    message: string,
    readonly code:
      | 'damaged-recording'
      | 'not-a-recording'
      | 'newer-format'
      | 'git-lfs-pointer' = 'damaged-recording',
    /** What the user can do. */
    readonly wayOut?: string,
  ) {
    super(message);
  }
}

export class BlockSplitter {
  /** The beginning of a block that is not whole yet: `#kept` bytes of `#buffer`, which grows as they come. */
  #buffer = Buffer.alloc(0);
  #kept = 0;
  #want = PREAMBLE;
  #begun = false;
  #offset = 0;

  /** Bytes that wait for the rest of their block. */
  get kept(): number {
    return this.#kept;
  }

  /** Bytes of whole blocks so far. */
  get offset(): number {
    return this.#offset;
  }

  /** Gives every block that is now whole, in order. Throws a `BlockError` at the first byte that cannot be one. */
  *push(chunk: Buffer): Generator<Block> {
    let rest = chunk;
    while (this.#kept > 0 && rest.length > 0) {
      const part = rest.subarray(0, this.#want - this.#kept);
      this.#keep(part);
      rest = rest.subarray(part.length);
      if (this.#kept < this.#want) return;
      const bytes = this.#buffer.subarray(0, this.#kept);
      const block = this.#read(bytes);
      if (block === undefined) continue;
      this.#buffer = Buffer.alloc(0);
      this.#kept = 0;
      yield block;
    }
    while (rest.length >= this.#want) {
      const block = this.#read(rest);
      if (block === undefined) continue;
      rest = rest.subarray(block.bytes.length);
      yield block;
    }
    if (rest.length > 0) this.#keep(rest);
  }

  /** A block when `bytes` hold the whole of it; else `#want` has grown to its length. */
  #read(bytes: Buffer): Block | undefined {
    if (!this.#begun) {
      checkPreamble(bytes);
      this.#begun = true;
      this.#want = BLOCK_HEADER;
      this.#offset += PREAMBLE;
      return { kind: 0, epoch: 0, seq: 0, time: 0, frames: 0, bytes: bytes.subarray(0, PREAMBLE) };
    }
    const length = this.#blockLength(bytes);
    if (bytes.length < length) {
      this.#want = length;
      return undefined;
    }
    this.#want = BLOCK_HEADER;
    this.#offset += length;
    return {
      kind: bytes.readUInt16LE(4),
      epoch: bytes.readUInt32LE(20),
      time: Number(bytes.readBigUInt64LE(24)),
      seq: Number(bytes.readBigUInt64LE(32)),
      frames: bytes.readUInt32LE(16),
      bytes: bytes.subarray(0, length),
    };
  }

  #keep(part: Buffer): void {
    const length = this.#kept + part.length;
    if (length > this.#buffer.length) {
      const grown = Buffer.allocUnsafeSlow(
        Math.max(BLOCK_HEADER, Math.min(this.#want, Math.max(length, this.#buffer.length * 2))),
      );
      this.#buffer.copy(grown, 0, 0, this.#kept);
      this.#buffer = grown;
    }
    part.copy(this.#buffer, this.#kept);
    this.#kept = length;
  }

  #blockLength(bytes: Buffer): number {
    if (bytes.readUInt32LE(0) !== BLOCK_MAGIC)
      throw new BlockError(this.#offset, 'a block does not begin with SCB1');
    if (crc32(bytes.subarray(0, 44)) !== bytes.readUInt32LE(44))
      throw new BlockError(this.#offset + 44, 'the checksum of a block header is wrong');
    const stored = bytes.readUInt32LE(8);
    if (stored > BLOCK_MAX || bytes.readUInt32LE(12) > BLOCK_MAX)
      throw new BlockError(this.#offset + 8, 'a block is larger than 16 MiB');
    return BLOCK_HEADER + ((stored + 7) & ~7);
  }
}

/** What people compress files with; a recording that is small by itself: `seccam recording upgrade --compress`. */
const packers = [
  { name: 'gzip', magic: Buffer.from([0x1f, 0x8b]), unpack: 'zcat' },
  { name: 'zstd', magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), unpack: 'zstdcat' },
  { name: 'xz', magic: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]), unpack: 'xzcat' },
];

function checkPreamble(bytes: Buffer): void {
  if (bytes.subarray(0, PREAMBLE).toString('latin1') === 'version https://') {
    throw new BlockError(0, 'this is a Git LFS pointer, not the recording itself', 'git-lfs-pointer');
  }
  const packer = packers.find(({ magic }) => bytes.subarray(0, magic.length).equals(magic));
  if (packer !== undefined)
    throw new BlockError(
      0,
      `this was compressed with ${packer.name}`,
      'not-a-recording',
      `${packer.unpack} FILE | seccam replay -`,
    );
  if (!bytes.subarray(0, 8).equals(MAGIC))
    throw new BlockError(0, 'this is not a recording: its first 8 bytes are others', 'not-a-recording');
  const major = bytes.readUInt16LE(8);
  if (major !== 1)
    throw new BlockError(8, `format ${major} is newer than this version knows, which is 1`, 'newer-format');
}
