/** The footer of a recording that grows block by block, for those who save what others write. */
import { crc32 } from 'node:zlib';
import { type Block, BlockKind } from './blocks.js';
import { BLOCK_HEADER, BLOCK_MAGIC, FrameKind } from './format.js';

/** With more blocks than this only checkpoints are indexed: seeking needs no more, and memory stays bounded. */
const INDEX_MOST = 16_384;
const ENTRY = 32;
/** Entries in one frame: a frame has at most 4 MiB. */
const FRAME_ENTRIES = 65_536;

interface Entry {
  readonly offset: number;
  readonly seq: number;
  readonly time: number;
  readonly epoch: number;
  readonly kind: number;
}

export class FooterIndex {
  #entries: Entry[] = [];
  #all = true;
  #offset = 0;
  #last: Entry = { offset: 0, seq: 0, time: 0, epoch: 0, kind: 0 };
  #closed = false;

  /** Takes note of the next part of the file: the preamble (kind 0) or a block. */
  add(block: Block): void {
    const entry = {
      offset: this.#offset,
      seq: block.seq,
      time: block.time,
      epoch: block.epoch,
      kind: block.kind,
    };
    this.#offset += block.bytes.length;
    if (block.kind === 0) return;
    this.#last = entry;
    this.#closed = block.kind === BlockKind.footer;
    if (!this.#all && block.kind !== BlockKind.checkpoint) return;
    this.#entries.push(entry);
    if (this.#all && this.#entries.length > INDEX_MOST) {
      this.#all = false;
      this.#entries = this.#entries.filter((one) => one.kind !== BlockKind.data);
    }
  }

  /** The footer block; empty when the file has one. */
  block(): Buffer {
    if (this.#closed) return Buffer.alloc(0);
    const frames: Buffer[] = [];
    for (let from = 0; from < this.#entries.length; from += FRAME_ENTRIES) {
      const part = this.#entries.slice(from, from + FRAME_ENTRIES);
      const frame = Buffer.alloc(8 + part.length * ENTRY);
      frame.writeUInt32LE(frame.length, 0);
      frame.writeUInt32LE(FrameKind.index, 4);
      part.forEach((entry, number) => {
        const at = 8 + number * ENTRY;
        frame.writeBigUInt64LE(BigInt(entry.offset), at);
        frame.writeBigUInt64LE(BigInt(entry.seq), at + 8);
        frame.writeBigUInt64LE(BigInt(entry.time), at + 16);
        frame.writeUInt32LE(entry.epoch, at + 24);
        frame.writeUInt32LE(entry.kind, at + 28);
      });
      frames.push(frame);
    }
    const payload = Buffer.concat(frames);
    const header = Buffer.alloc(BLOCK_HEADER);
    header.writeUInt32LE(BLOCK_MAGIC, 0);
    header.writeUInt16LE(BlockKind.footer, 4);
    header.writeUInt32LE(payload.length, 8);
    header.writeUInt32LE(payload.length, 12);
    header.writeUInt32LE(frames.length, 16);
    header.writeUInt32LE(this.#last.epoch, 20);
    header.writeBigUInt64LE(BigInt(this.#last.time), 24);
    header.writeBigUInt64LE(BigInt(this.#last.seq), 32);
    header.writeUInt32LE(crc32(payload), 40);
    header.writeUInt32LE(crc32(header.subarray(0, 44)), 44);
    return Buffer.concat([header, payload]);
  }
}
