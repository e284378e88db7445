/**
 * One link of one tracer, after the greeting: what it sends is saved, ordered, kept for the flight
 * recorder and decided, block by block and synchronously, so that nothing waits in the agent but the
 * beginning of a block that is not whole yet. Requests go back over the same link.
 */
import type { Duplex } from 'node:stream';
import type { Event } from '../catalogue/event.js';
import type { Stream } from '../pipeline/index.js';
import { type Block, BlockError, BlockKind, BlockSplitter, payloadOf } from '../recording/blocks.js';
import { type Diagnostic, diagnostic } from '../support/diagnostic.js';
import { agentCodes } from './codes.js';
import { ack, type ChannelStatus, type Hashed, type Hello, type Reply, readMessages } from './message.js';

/** Who is at the other end, by the kernel's word where it gives one. */
export interface Peer {
  readonly kind: 'unix' | 'tcp' | 'child' | 'file';
  readonly uid: number | undefined;
  readonly pid: number | undefined;
  readonly address: string;
}

/** What a stream does with each block besides deciding it, in this order. */
export interface BlockTaker {
  block(stream: LiveStream, block: Block): void;
  ended(stream: LiveStream): void;
}

export interface LiveStreamOptions {
  readonly name: string;
  readonly peer: Peer;
  readonly hello: Hello | undefined;
  readonly link: Duplex | undefined;
  readonly pipeline: Stream;
  readonly takers: readonly BlockTaker[];
  readonly enter: (stream: LiveStream | undefined) => void;
  readonly onReply?: (reply: Reply, stream: LiveStream) => void;
  readonly onHashed?: (hashed: Hashed) => void;
  readonly onProblem: (item: Diagnostic, stream: LiveStream) => void;
  /** The link ended without the end of the recording. */
  readonly onCut?: () => void;
  /** Bytes that one block may have. */
  readonly largestBlock: number;
}

const ACK_PERIOD = 100;

export class LiveStream {
  readonly name: string;
  readonly peer: Peer;
  readonly hello: Hello | undefined;
  readonly since = Date.now();
  readonly pipeline: Stream;
  readonly #options: LiveStreamOptions;
  readonly #splitter = new BlockSplitter();
  #status: ChannelStatus | undefined;
  #bytes = 0;
  #blocks = 0;
  #epoch = 0;
  /** CLOCK_BOOTTIME ns of the newest block. */
  #time = 0;
  /** Of the newest block's header. */
  #nextSeq = 0;
  #acked = -1;
  #ackedAt = Number.NEGATIVE_INFINITY;
  #ackTimer: NodeJS.Timeout | undefined;
  #ended = false;
  #damage: string | undefined;

  constructor(options: LiveStreamOptions) {
    this.#options = options;
    this.name = options.name;
    this.peer = options.peer;
    this.hello = options.hello;
    this.pipeline = options.pipeline;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get damaged(): boolean {
    return this.#damage !== undefined;
  }

  /** Takes bytes of the link. False: they cannot be a recording; the stream has ended and the link is of no more use. */
  take(chunk: Buffer): boolean {
    if (this.#ended) return false;
    this.#bytes += chunk.length;
    this.#options.enter(this);
    try {
      for (const block of this.#splitter.push(chunk)) this.#block(block);
      if (this.#splitter.kept > this.#options.largestBlock)
        throw new BlockError(this.#splitter.offset, 'a block is larger than the buffer of a stream');
    } catch (error) {
      if (!(error instanceof BlockError)) throw error;
      this.#fail(`${error.message} (at byte ${error.offset})`);
      return false;
    } finally {
      this.#options.enter(undefined);
    }
    this.#acknowledge();
    return !this.#ended;
  }

  /** The link has ended; `byUs`: the agent is stopping. */
  end(byUs = false): void {
    if (this.#ended) return;
    if (!byUs && this.#damage === undefined && !this.pipeline.counts.complete) {
      this.#options.onCut?.();
      this.#options.onProblem(
        diagnostic(
          agentCodes,
          'stream-cut',
          `the stream "${this.name}" ended before its recording did: what its tracer still held is lost`,
        ),
        this,
      );
    }
    this.#sendAck();
    this.#ended = true;
    this.#options.enter(this);
    this.pipeline.end();
    this.#options.enter(undefined);
    for (const taker of this.#options.takers) taker.ended(this);
  }

  /** Sends a message to the tracer; false when there is no way to it. */
  send(message: Buffer): boolean {
    const { link } = this.#options;
    if (link === undefined || this.#ended || link.destroyed || !link.writable) return false;
    if (link.writableLength > 1 << 20) return false;
    link.write(message);
    return true;
  }

  /** CLOCK_BOOTTIME ns of an event of this stream; 0 when the header does not tell. */
  boottimeOf(event: Event): bigint {
    const started = (
      this.pipeline.header as { readonly started?: { readonly boottime?: unknown } } | undefined
    )?.started?.boottime;
    return typeof started === 'string' && /^\d+$/.test(started)
      ? BigInt(started) + BigInt(Math.round(event.elapsed))
      : 0n;
  }

  cut(reason: string): void {
    this.#damage = reason;
    this.#options.link?.destroy();
  }

  /** Facts for `agent streams`. */
  facts(): StreamFacts {
    const { counts } = this.pipeline;
    return {
      name: this.name,
      stream: this.hello?.stream,
      link: this.hello?.link,
      command: this.hello?.command ?? [],
      peer: this.peer,
      since: new Date(this.since).toISOString(),
      events: counts.events,
      detections: counts.detections,
      lost: counts.lost,
      gaps: counts.gapCount,
      blind_spots: counts.blindSpotCount,
      bytes: this.#bytes,
      blocks: this.#blocks,
      epoch: this.#epoch,
      unread_block_bytes: this.#splitter.kept,
      tracer: this.#status,
      damage: this.#damage,
    };
  }

  #block(block: Block): void {
    if (block.kind === BlockKind.channel) {
      for (const message of readMessages(payloadOf(block))) {
        if (message.kind === 'status') this.#status = message.status;
        else if (message.kind === 'hashed') this.#options.onHashed?.(message.hashed);
        else this.#options.onReply?.(message.reply, this);
      }
      return;
    }
    this.#blocks += 1;
    if (block.kind !== 0) {
      this.#epoch = Math.max(this.#epoch, block.epoch);
      this.#time = Math.max(this.#time, block.time);
      this.#nextSeq = Math.max(this.#nextSeq, block.seq);
    }
    for (const taker of this.#options.takers) taker.block(this, block);
    this.pipeline.push(block.bytes);
    if (this.pipeline.counts.diagnostics.some((item) => item.severity === 'error')) {
      this.#fail(this.pipeline.counts.diagnostics.find((item) => item.severity === 'error')!.message);
    }
  }

  #fail(message: string): void {
    this.#damage = message;
    this.#options.onProblem(
      diagnostic(agentCodes, 'stream-damaged', `the stream "${this.name}" is cut: ${message}`),
      this,
    );
    this.#options.link?.destroy();
    this.end();
  }

  /** Tells the tracer how far we are: at once when the last time is long ago, else soon. */
  #acknowledge(): void {
    if (this.#nextSeq <= this.#acked || this.#ackTimer !== undefined) return;
    const wait = this.#ackedAt + ACK_PERIOD - performance.now();
    if (wait <= 0) {
      this.#sendAck();
      return;
    }
    this.#ackTimer = setTimeout(() => {
      this.#ackTimer = undefined;
      this.#sendAck();
    }, wait);
    this.#ackTimer.unref();
  }

  #sendAck(): void {
    if (this.#ended) return;
    this.#ackedAt = performance.now();
    this.#acked = this.#nextSeq;
    this.send(ack(this.#nextSeq, this.#epoch));
  }
}

export interface StreamFacts {
  readonly name: string;
  readonly stream: string | undefined;
  readonly link: number | undefined;
  readonly command: readonly string[];
  readonly peer: Peer;
  readonly since: string;
  readonly events: number;
  readonly detections: number;
  readonly lost: number;
  readonly gaps: number;
  readonly blind_spots: number;
  readonly bytes: number;
  readonly blocks: number;
  readonly epoch: number;
  readonly unread_block_bytes: number;
  readonly tracer: ChannelStatus | undefined;
  readonly damage: string | undefined;
}
