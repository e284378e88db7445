/** Detections to a descriptor: standard output, or a file that grows until it is moved away. */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  openSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import type { DetectionLine } from '../../outputs/answers.js';
import type { DetectionFormat } from '../../outputs/detections/index.js';
import type { Output, OutputFacts } from './output.js';

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/**
 * Writes all bytes. A pipe that somebody made non-blocking and that is full is waited for, at most
 * `patience` ms in all. Standard streams are written like this, never through `process.stdout`, which would make
 * pipes that the traced program shares non-blocking.
 */
export function writeWhole(fd: number, bytes: Uint8Array, patience = 10_000): void {
  let waited = 0;
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(fd, bytes, done);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || waited >= patience) throw error;
      Atomics.wait(sleeper, 0, 0, 2);
      waited += 2;
    }
  }
}

export interface DescriptorOptions {
  readonly name: string;
  readonly fd: number;
  readonly format: DetectionFormat;
  /** Whether the descriptor takes some bytes without blocking. Default: it does. */
  readonly writable?: (fd: number) => boolean;
  /** Its reader has gone away; it takes no more. */
  readonly onClosed?: () => void;
  /** ms for which `close` waits for a reader that takes nothing; default: for ever. */
  readonly patience?: number;
}

/** What a pipe takes without blocking when it takes anything. */
const PIPE_CHUNK = 4096;
/** Characters that wait for a slow reader at most. */
const WAITING_MAX = 16 << 20;

/**
 * Standard output (or any descriptor that is open). A reader that is slow holds up nothing but itself: what it
 * does not take waits, a bounded amount, and is counted when it is dropped.
 */
export class DescriptorOutput implements Output {
  readonly name: string;
  readonly #options: DescriptorOptions;
  readonly #whole: boolean;
  #pending: string;
  #pendingLines = 0;
  #writing: Buffer = Buffer.alloc(0);
  #writingLines = 0;
  #done = 0;
  #timer: NodeJS.Timeout | undefined;
  #sent = 0;
  #dropped = 0;
  #problem: string | undefined;

  constructor(options: DescriptorOptions) {
    this.name = options.name;
    this.#options = options;
    this.#pending = options.format.begin?.() ?? '';
    this.#whole = isFile(options.fd);
  }

  detection(line: DetectionLine): void {
    if (this.#problem !== undefined || this.#pending.length > WAITING_MAX) {
      this.#dropped += 1;
      return;
    }
    this.#pending += this.#options.format.detection(line);
    this.#pendingLines += 1;
  }

  flush(): void {
    if (this.#timer === undefined) this.#drain();
  }

  async close(): Promise<void> {
    this.#pending += this.#options.format.end?.() ?? '';
    this.flush();
    const { patience = Number.POSITIVE_INFINITY } = this.#options;
    let since = performance.now();
    for (let left = this.waiting; left > 0 && this.#problem === undefined; ) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      const now = this.waiting;
      if (now < left) since = performance.now();
      else if (performance.now() - since > patience) this.#fail('its reader takes nothing');
      left = now;
    }
    clearTimeout(this.#timer);
  }

  get waiting(): number {
    return this.#pending.length + this.#writing.length - this.#done;
  }

  facts(): OutputFacts {
    return {
      name: this.name,
      sent: this.#sent,
      dropped: this.#dropped,
      waiting: this.waiting,
      problem: this.#problem,
    };
  }

  #drain(): void {
    while (this.#problem === undefined) {
      if (this.#done === this.#writing.length) {
        this.#sent += this.#writingLines;
        this.#writing = Buffer.from(this.#pending);
        this.#writingLines = this.#pendingLines;
        this.#done = this.#pendingLines = 0;
        this.#pending = '';
        if (this.#writing.length === 0) return;
      }
      if (!this.#write()) {
        this.#timer = setTimeout(() => {
          this.#timer = undefined;
          this.#drain();
        }, 2);
        return;
      }
    }
  }

  /** False: the descriptor takes nothing at present. */
  #write(): boolean {
    const { fd, writable } = this.#options;
    if (!this.#whole && writable?.(fd) === false) return false;
    const rest = this.#writing.length - this.#done;
    try {
      this.#done += writeSync(fd, this.#writing, this.#done, this.#whole ? rest : Math.min(rest, PIPE_CHUNK));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? String(error);
      if (code === 'EAGAIN') return false;
      this.#fail(code);
      this.#options.onClosed?.();
    }
    return true;
  }

  #fail(problem: string): void {
    this.#problem = problem;
    this.#dropped += this.#writingLines + this.#pendingLines;
    this.#writingLines = this.#pendingLines = this.#done = 0;
    this.#writing = Buffer.alloc(0);
    this.#pending = '';
  }
}

function isFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile();
  } catch {
    return false;
  }
}

export interface FileOutputOptions {
  readonly path: string;
  readonly format: DetectionFormat;
  /** Bytes after which the file is moved to PATH.1; 0: never. */
  readonly maxSize: number;
  readonly keep: number;
  /** Begin an empty file instead of going on at its end. */
  readonly truncate?: boolean;
}

/** A file with mode 0600, never through a link at its last component. A failed write is tried again with the next. */
export class FileOutput implements Output {
  readonly name: string;
  #fd: number;
  #pending = '';
  #lines = 0;
  #sent = 0;
  #dropped = 0;
  #problem: string | undefined;

  constructor(readonly options: FileOutputOptions) {
    this.name = `file:${options.path}`;
    this.#fd = this.#open(options.truncate === true);
    if (!sizeOf(this.#fd)) this.#pending = options.format.begin?.() ?? '';
  }

  detection(line: DetectionLine): void {
    this.#pending += this.options.format.detection(line);
    this.#lines += 1;
  }

  flush(): void {
    if (this.#pending === '') return;
    const bytes = Buffer.from(this.#pending);
    this.#problem = this.#rotateWhenDue(bytes.length);
    // Somebody else may have made it shorter (logrotate, copytruncate).
    const size = sizeOf(this.#fd);
    try {
      writeWhole(this.#fd, bytes);
      this.#sent += this.#lines;
    } catch (error) {
      this.#problem = (error as NodeJS.ErrnoException).code ?? String(error);
      this.#dropped += this.#lines;
      // A part of a line would spoil the next one too.
      try {
        if (size !== undefined) ftruncateSync(this.#fd, size);
      } catch {}
    }
    this.#pending = '';
    this.#lines = 0;
  }

  async close(): Promise<void> {
    this.#pending += this.options.format.end?.() ?? '';
    this.flush();
    closeSync(this.#fd);
  }

  /** What cannot be opened again leaves the file as it is. */
  reopen(): void {
    this.flush();
    try {
      this.#replace();
    } catch (error) {
      this.#problem = `it cannot be opened again: ${(error as NodeJS.ErrnoException).code}`;
    }
  }

  /** A file that cannot be moved away grows on: why. */
  #rotateWhenDue(more: number): string | undefined {
    const { maxSize } = this.options;
    if (maxSize === 0) return undefined;
    const size = sizeOf(this.#fd) ?? 0;
    if (size === 0 || size + more <= maxSize) return undefined;
    try {
      this.#rotate();
      return undefined;
    } catch (error) {
      return `it cannot be moved away: ${(error as NodeJS.ErrnoException).code}`;
    }
  }

  facts(): OutputFacts {
    return {
      name: this.name,
      sent: this.#sent,
      dropped: this.#dropped,
      waiting: this.#pending.length,
      problem: this.#problem,
    };
  }

  #open(truncate: boolean): number {
    const flags =
      constants.O_WRONLY |
      constants.O_CREAT |
      constants.O_NOFOLLOW |
      (truncate ? constants.O_TRUNC : constants.O_APPEND);
    const fd = openSync(this.options.path, flags, 0o600);
    if (fstatSync(fd).isFile()) fchmodSync(fd, 0o600);
    return fd;
  }

  #rotate(): void {
    const { path, keep } = this.options;
    for (let number = keep; number >= 1; number--) {
      const from = number === 1 ? path : `${path}.${number - 1}`;
      try {
        renameSync(from, `${path}.${number}`);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
    if (keep === 0) unlinkSync(path);
    this.#replace();
  }

  #replace(): void {
    const fd = this.#open(false);
    closeSync(this.#fd);
    this.#fd = fd;
  }
}

/** Bytes of a regular file; undefined: it is none. */
function sizeOf(fd: number): number | undefined {
  const stat = fstatSync(fd);
  return stat.isFile() ? stat.size : undefined;
}
