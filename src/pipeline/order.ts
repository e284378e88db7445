/**
 * A folder of saved streams: one recording per link and `order.jsonl`, which says in which order the
 * agent consumed their blocks, so that rules with shared variables decide the same again.
 *
 * Lines of the order file:
 *   {"format":1}
 *   {"stream":"1-nginx","blocks":3,"epoch":1,"from":1,"to":57}   the next 3 blocks of 1-nginx.seccam (the
 *                                                                preamble counts as one); seq at which the
 *                                                                first and the last of them begin
 *   {"stream":"1-nginx","end":true}                              nothing came after this
 *   {"rules":"sha256:…"}                                         from here on these rules decided
 */
import {
  closeSync,
  existsSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Block, BlockSplitter } from '../recording/blocks.js';
import { FooterIndex } from '../recording/footer.js';
import { DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { pipelineCodes } from './codes.js';

export const ORDER_FILE = 'order.jsonl';

/** Bytes of lines that wait for room on the disk. */
const WAITING_MAX = 1 << 20;

interface Turn {
  readonly stream: string;
  blocks: number;
  epoch: number;
  readonly from: number;
  to: number;
}

/** Writes the order file; turns of one stream that follow each other become one line. */
export class OrderWriter {
  readonly #fd: number;
  #turn: Turn | undefined;
  /** What could not be written yet. */
  #text: Buffer = Buffer.alloc(0);

  /** Begins a new order file, mode 0600. */
  constructor(folder: string) {
    this.#fd = openSync(join(folder, ORDER_FILE), 'wx', 0o600);
    this.#line({ format: 1 });
  }

  /** The next block that was consumed. */
  block(stream: string, block: Block): void {
    const turn = this.#turn;
    if (turn !== undefined && turn.stream === stream && (turn.epoch === block.epoch || turn.epoch === 0)) {
      turn.blocks += 1;
      turn.epoch = block.epoch;
      turn.to = Math.max(turn.to, block.seq);
      return;
    }
    this.flush();
    this.#turn = { stream, blocks: 1, epoch: block.epoch, from: block.seq, to: block.seq };
  }

  end(stream: string): void {
    this.flush();
    this.#line({ stream, end: true });
  }

  /** The rules that decide from here on, by the hash of their texts. */
  rules(hash: string): void {
    this.flush();
    this.#line({ rules: hash });
  }

  /** Writes the turn that is open. */
  flush(): void {
    if (this.#turn !== undefined) this.#line(this.#turn);
    this.#turn = undefined;
  }

  close(): void {
    this.flush();
    closeSync(this.#fd);
  }

  /** A disk that is full for a while takes nothing away: lines wait. Throws when too much waits. */
  #line(value: object): void {
    this.#text = Buffer.concat([this.#text, Buffer.from(`${JSON.stringify(value)}\n`)]);
    try {
      while (this.#text.length > 0) this.#text = this.#text.subarray(writeSync(this.#fd, this.#text));
    } catch (error) {
      if (this.#text.length > WAITING_MAX) throw error;
    }
  }
}

/** One recording of a stream while it grows: `NAME.seccam.partial`, renamed when the stream has ended. */
export class StreamFile {
  readonly path: string;
  readonly #partial: string;
  readonly #fd: number;
  readonly #index = new FooterIndex();
  #size = 0;

  constructor(folder: string, name: string) {
    this.path = join(folder, `${name}.seccam`);
    this.#partial = `${this.path}.partial`;
    this.#fd = openSync(this.#partial, 'wx', 0o600);
  }

  write(block: Block): void {
    this.#append(block.bytes);
    this.#index.add(block);
  }

  /** Ends the recording with its footer and gives it its name. Throws when there is no room for it: it is unfinished then. */
  finish(): void {
    try {
      this.#append(this.#index.block());
    } finally {
      closeSync(this.#fd);
    }
    renameSync(this.#partial, this.path);
  }

  /** Leaves it as it is, unfinished. */
  abandon(): void {
    closeSync(this.#fd);
  }

  #append(bytes: Uint8Array): void {
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done);
      this.#size += bytes.length;
    } catch (error) {
      // After a failure the file ends with the last block that went in whole.
      ftruncateSync(this.#fd, this.#size);
      throw error;
    }
  }
}

export type OrderItem =
  | { readonly kind: 'bytes'; readonly stream: string; readonly bytes: Uint8Array }
  | { readonly kind: 'end'; readonly stream: string }
  | { readonly kind: 'rules'; readonly hash: string };

/** The text of a policy as the agent had loaded it. */
export interface SavedPolicy {
  readonly file: string;
  readonly text: string;
}

/** Where the texts of rules lie beside the order file. */
export const rulesFile = (hash: string): string => `rules-${hash.replace(/^sha256:/, '').slice(0, 12)}.json`;

/** The policies that decided under `hash`. Throws a `DiagnosticError` when they are not in the folder. */
export function readSavedRules(folder: string, hash: string): SavedPolicy[] {
  const path = join(folder, rulesFile(hash));
  try {
    const saved = JSON.parse(readFileSync(path, 'utf8')) as {
      readonly hash: unknown;
      readonly policies: unknown;
    };
    if (saved.hash === hash && Array.isArray(saved.policies)) {
      const policies = saved.policies as Partial<SavedPolicy>[];
      if (policies.every(({ file, text }) => typeof file === 'string' && typeof text === 'string'))
        return policies as SavedPolicy[];
    }
  } catch {}
  throw new DiagnosticError([
    diagnostic(
      pipelineCodes,
      'order-unreadable',
      `"${path}" does not hold the rules by which the agent decided from some point on`,
      { suggestions: ['-r RULES decides everything by rules of yours'] },
    ),
  ]);
}

/** The hash of the rules with which the agent began; undefined: the order file does not tell. */
export function firstRules(folder: string): string | undefined {
  for (const item of readOrder(folder)) return item.kind === 'rules' ? item.hash : undefined;
  return undefined;
}

/** Whether `path` is a folder of saved streams. */
export function isStreamFolder(path: string): boolean {
  return existsSync(join(path, ORDER_FILE));
}

/**
 * Gives what the agent consumed, in its order. A recording that is shorter than the order file says
 * (the agent was killed) gives what it has. Throws a `DiagnosticError` when there is no order to read.
 */
export function* readOrder(folder: string): Generator<OrderItem> {
  const sources = new Map<string, BlockSource>();
  const path = join(folder, ORDER_FILE);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    throw new DiagnosticError([
      diagnostic(
        pipelineCodes,
        'order-unreadable',
        `"${path}" cannot be read, so the order of the streams in "${folder}" is not known`,
      ),
    ]);
  }
  try {
    for (const line of text.split('\n').slice(0, -1)) {
      const value = parseLine(path, line);
      if (typeof value['rules'] === 'string') yield { kind: 'rules', hash: value['rules'] };
      const stream = value['stream'];
      if (typeof stream !== 'string') continue;
      let source = sources.get(stream);
      if (source === undefined) {
        source = new BlockSource(streamPath(folder, stream));
        sources.set(stream, source);
      }
      if (value['end'] === true) {
        // What is left is the footer, which the agent wrote when it saved the stream.
        for (let block = source.next(); block !== undefined; block = source.next())
          yield { kind: 'bytes', stream, bytes: block.bytes };
        source.close();
        yield { kind: 'end', stream };
        continue;
      }
      for (let left = Number(value['blocks'] ?? 0); left > 0; left--) {
        const block = source.next();
        if (block === undefined) break;
        yield { kind: 'bytes', stream, bytes: block.bytes };
      }
    }
  } finally {
    for (const source of sources.values()) source.close();
  }
}

function parseLine(path: string, line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {}
  throw new DiagnosticError([
    diagnostic(
      pipelineCodes,
      'order-unreadable',
      `"${path}" has a line that is no JSON object: ${line.slice(0, 80)}`,
    ),
  ]);
}

function streamPath(folder: string, stream: string): string {
  if (!/^[\w.@+-]+$/.test(stream) || stream.startsWith('.')) {
    throw new DiagnosticError([
      diagnostic(
        pipelineCodes,
        'order-unreadable',
        `"${stream}" in "${join(folder, ORDER_FILE)}" is no name of a stream`,
      ),
    ]);
  }
  const path = join(folder, `${stream}.seccam`);
  return existsSync(path) ? path : `${path}.partial`;
}

class BlockSource {
  readonly #fd: number | undefined;
  readonly #splitter = new BlockSplitter();
  #ready: Block[] = [];
  #open = true;

  constructor(path: string) {
    try {
      this.#fd = openSync(path, 'r');
    } catch {
      throw new DiagnosticError([
        diagnostic(
          pipelineCodes,
          'recording-unreadable',
          `The recording "${path}", which the order file names, cannot be read`,
        ),
      ]);
    }
  }

  next(): Block | undefined {
    while (this.#ready.length === 0 && this.#open && this.#fd !== undefined) {
      const chunk = Buffer.allocUnsafe(1 << 18);
      const length = readSync(this.#fd, chunk, 0, chunk.length, null);
      if (length === 0) return undefined;
      this.#ready = [...this.#splitter.push(chunk.subarray(0, length))];
    }
    return this.#ready.shift();
  }

  close(): void {
    if (this.#open && this.#fd !== undefined) closeSync(this.#fd);
    this.#open = false;
  }
}
