/**
 * The flight recorder: keeps the newest blocks of each stream, whole epochs, so that what is kept is a
 * recording at any time, and writes it to a file when a detection asks for it.
 */
import { mkdirSync, readdirSync, renameSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Schema } from '../catalogue/header.js';
import { type Block, BlockKind, BlockSplitter } from '../recording/blocks.js';
import { FooterIndex } from '../recording/footer.js';
import { RecordingWriter, StreamReader } from '../recording/index.js';
import type { LimitMark, SharedMark } from '../rules/index.js';
import { StringTable } from '../support/strings.js';
import type { BlockTaker, LiveStream } from './stream.js';

export interface FlightOptions {
  readonly folder: string;
  /** ns of stream time that are kept at least, as far as `size` allows. */
  readonly keep: number;
  /** Bytes per stream. */
  readonly size: number;
  /** ms to go on after the detection. */
  readonly after: number;
  /** ms between two recordings of one rule. */
  readonly every: number;
  readonly wants: (rule: string) => boolean;
  readonly most: number;
  readonly onSaved: (path: string, rule: string, stream: LiveStream) => void;
  readonly onFailed: (error: Error, rule: string, stream: LiveStream) => void;
  /** What rules know before the epoch that begins in the stream. */
  readonly state: (stream: LiveStream) => unknown;
  /** Shared values of rules as they are now. */
  readonly shared: (marks: Iterable<SharedMark>) => readonly unknown[];
  /** Used limits of rules as they are now. */
  readonly limits: (marks: Iterable<LimitMark>) => readonly unknown[];
  /** Asks the tracer to begin an epoch, because the present one has grown too large to be kept with others. */
  readonly askEpoch: (stream: LiveStream) => void;
}

/** Values of other streams that are kept at most for each stream. */
const LATER_MAX = 10_000;

interface Later {
  readonly seq: number;
  readonly variables: readonly unknown[];
  readonly limits?: readonly unknown[];
}

interface Epoch {
  readonly began: number;
  readonly state: unknown;
  readonly blocks: Buffer[];
  /** What other streams set in shared variables and used of limits, by the event of this stream before which it holds. */
  readonly later: Later[];
  bytes: number;
  /** More was set than is kept. */
  incomplete: boolean;
}

interface Kept {
  prologue: Buffer[];
  epochs: Epoch[];
  bytes: number;
  /** The present epoch outgrew the size: nothing is kept until the next begins. */
  overflowed: boolean;
  asked: boolean;
  /** Set by other streams since the last block. */
  readonly foreign: Map<string, SharedMark>;
  readonly used: Map<string, LimitMark>;
  /** Entries of `later` in all epochs. */
  laterCount: number;
  readonly pending: Map<string, NodeJS.Timeout>;
}

export class FlightRecorder implements BlockTaker {
  readonly #kept = new Map<LiveStream, Kept>();
  readonly #lastSaved = new Map<string, number>();
  #saved = 0;

  constructor(readonly options: FlightOptions) {
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
  }

  get saved(): number {
    return this.#saved;
  }

  block(stream: LiveStream, block: Block): void {
    let kept = this.#kept.get(stream);
    if (kept === undefined) {
      kept = {
        prologue: [],
        epochs: [],
        bytes: 0,
        overflowed: false,
        asked: false,
        foreign: new Map(),
        used: new Map(),
        laterCount: 0,
        pending: new Map(),
      };
      this.#kept.set(stream, kept);
    }
    // A copy: the block shares memory with the whole chunk that came from the socket.
    const bytes = Buffer.from(block.bytes);
    if (block.kind === 0 || block.kind === BlockKind.header) {
      kept.prologue.push(bytes);
      return;
    }
    if (
      block.kind === BlockKind.checkpoint &&
      kept.epochs.at(-1)?.blocks.length !== 0 &&
      this.#begins(kept, block)
    ) {
      kept.epochs.push({
        began: block.time,
        state: this.options.state(stream),
        blocks: [],
        later: [],
        bytes: 0,
        incomplete: false,
      });
      kept.foreign.clear();
      kept.used.clear();
      kept.overflowed = false;
      kept.asked = false;
    }
    const epoch = kept.epochs.at(-1);
    if (epoch === undefined || kept.overflowed || block.kind === BlockKind.footer) return;
    if (kept.foreign.size + kept.used.size > 0) {
      const variables = this.options.shared(kept.foreign.values());
      const limits = this.options.limits(kept.used.values());
      kept.foreign.clear();
      kept.used.clear();
      const count = variables.length + limits.length;
      if (kept.laterCount + count > LATER_MAX) {
        epoch.incomplete = true;
      } else {
        kept.laterCount += count;
        epoch.later.push({ seq: block.seq, variables, ...(limits.length === 0 ? {} : { limits }) });
      }
    }
    epoch.blocks.push(bytes);
    epoch.bytes += bytes.length;
    kept.bytes += bytes.length;
    this.#trim(stream, kept, block.time);
  }

  ended(stream: LiveStream): void {
    const kept = this.#kept.get(stream);
    if (kept === undefined) return;
    for (const [rule, timer] of kept.pending) {
      clearTimeout(timer);
      this.#write(stream, kept, rule);
    }
    this.#kept.delete(stream);
  }

  /** A stream has set a value that others can read. */
  changed(by: LiveStream | undefined, mark: SharedMark): void {
    const key = `${mark.name} ${mark.scope ?? ''}`;
    for (const [stream, kept] of this.#kept)
      if (stream !== by && kept.epochs.length > 0) kept.foreign.set(key, mark);
  }

  /** A detection in a stream was delivered at the cost of others. */
  limited(by: LiveStream | undefined, mark: LimitMark): void {
    if (this.#kept.size < 2) return;
    const key = `${mark.rule} ${mark.token ?? ''}`;
    for (const [stream, kept] of this.#kept)
      if (stream !== by && kept.epochs.length > 0) kept.used.set(key, mark);
  }

  /** A rule has matched in a stream. */
  detection(stream: LiveStream, rule: string): void {
    if (!this.options.wants(rule)) return;
    const kept = this.#kept.get(stream);
    const now = performance.now();
    const last = this.#lastSaved.get(rule);
    if (
      kept === undefined ||
      kept.pending.has(rule) ||
      (last !== undefined && now - last < this.options.every)
    )
      return;
    this.#lastSaved.set(rule, now);
    const timer = setTimeout(() => {
      kept.pending.delete(rule);
      this.#write(stream, kept, rule);
    }, this.options.after);
    kept.pending.set(rule, timer);
  }

  /** Saves what is kept of a stream now; the path, or undefined when nothing is kept. */
  dump(stream: LiveStream, reason: string): string | undefined {
    const kept = this.#kept.get(stream);
    return kept === undefined ? undefined : this.#write(stream, kept, reason);
  }

  /** A checkpoint may be several blocks of one epoch. */
  #begins(kept: Kept, block: Block): boolean {
    const first = kept.epochs.at(-1)?.blocks[0];
    return first === undefined || first.readUInt32LE(20) !== block.epoch;
  }

  #trim(stream: LiveStream, kept: Kept, now: number): void {
    while (kept.epochs.length > 1) {
      const [oldest, next] = kept.epochs as [Epoch, Epoch];
      const old = next.began <= now - this.options.keep;
      if (!old && kept.bytes <= this.options.size) break;
      kept.epochs.shift();
      kept.bytes -= oldest.bytes;
      for (const { variables, limits } of oldest.later)
        kept.laterCount -= variables.length + (limits?.length ?? 0);
    }
    if (kept.bytes > this.options.size / 2 && !kept.asked) {
      kept.asked = true;
      this.options.askEpoch(stream);
    }
    if (kept.bytes > this.options.size) {
      kept.epochs = [];
      kept.bytes = 0;
      kept.laterCount = 0;
      kept.overflowed = true;
    }
  }

  #write(stream: LiveStream, kept: Kept, rule: string): string | undefined {
    if (kept.epochs.length === 0) return undefined;
    const { folder } = this.options;
    const stamp = new Date().toISOString().replaceAll(/[-:]/g, '').replace('T', '-').slice(0, 15);
    const path = join(
      folder,
      `${rule.replaceAll(/[^\w.-]/g, '_').slice(0, 80)}-${stamp}-${stream.name}-${++this.#saved}.seccam`,
    );
    try {
      writeFileSync(
        `${path}.partial`,
        recordingOf([
          withState(kept.prologue, stateOf(kept)),
          ...kept.epochs.flatMap((epoch) => epoch.blocks),
        ]),
        { mode: 0o600, flag: 'wx' },
      );
      renameSync(`${path}.partial`, path);
      this.#prune();
    } catch (error) {
      this.options.onFailed(error as Error, rule, stream);
      return undefined;
    }
    this.options.onSaved(path, rule, stream);
    return path;
  }

  #prune(): void {
    const { folder, most } = this.options;
    const files = readdirSync(folder)
      .filter((name) => name.endsWith('.seccam'))
      .map((name) => ({ name, time: statSync(join(folder, name)).mtimeMs }))
      .sort((a, b) => a.time - b.time);
    for (const { name } of files.slice(0, Math.max(0, files.length - most))) unlinkSync(join(folder, name));
  }
}

/** What rules knew before the oldest epoch, and what other streams added since. */
function stateOf({ epochs }: Kept): unknown {
  const later = epochs.flatMap((epoch) => epoch.later);
  return {
    ...(epochs[0]!.state as object),
    ...(later.length === 0 ? {} : { later }),
    ...(epochs.some((epoch) => epoch.incomplete)
      ? { incomplete: 'other streams set more shared values, or used more of limits, than is kept' }
      : {}),
  };
}

/** Preamble and header, which tells with what state of the rules the recording begins. */
function withState(prologue: readonly Buffer[], state: unknown): Buffer {
  const parts: Uint8Array[] = [];
  new StreamReader({ strings: new StringTable(), name: '' }).push(Buffer.concat(prologue), {
    header: ({ json }) => {
      const { catalogue, ...header } = json;
      new RecordingWriter((bytes) => parts.push(Uint8Array.from(bytes)), {
        header: { ...header, state },
        schema: catalogue as Schema,
      });
    },
    checkpoint: () => undefined,
    event: () => undefined,
    record: () => undefined,
    diagnostic: () => undefined,
  });
  return parts.length === 0 ? Buffer.concat(prologue) : Buffer.concat(parts);
}

/** A recording of whole blocks, closed with a footer. */
function recordingOf(parts: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(parts);
  const index = new FooterIndex();
  for (const block of new BlockSplitter().push(bytes)) index.add(block);
  return Buffer.concat([bytes, index.block()]);
}
