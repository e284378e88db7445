/** Detections to a descriptor: standard output, or a file that grows until it is moved away. */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
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

/** Standard output (or any descriptor that is open). When its reader goes away, it takes no more. */
export class DescriptorOutput implements Output {
  #pending = '';
  #sent = 0;
  #dropped = 0;
  #problem: string | undefined;
  readonly #format: DetectionFormat;

  constructor(
    readonly name: string,
    readonly fd: number,
    format: DetectionFormat,
    readonly onClosed?: () => void,
  ) {
    this.#format = format;
    this.#pending = format.begin?.() ?? '';
  }

  detection(line: DetectionLine): void {
    if (this.#problem !== undefined) {
      this.#dropped += 1;
      return;
    }
    this.#pending += this.#format.detection(line);
    this.#sent += 1;
  }

  flush(): void {
    if (this.#pending === '' || this.#problem !== undefined) return;
    const bytes = Buffer.from(this.#pending);
    this.#pending = '';
    try {
      writeWhole(this.fd, bytes);
    } catch (error) {
      this.#problem = (error as NodeJS.ErrnoException).code ?? String(error);
      this.onClosed?.();
    }
  }

  async close(): Promise<void> {
    this.#pending += this.#format.end?.() ?? '';
    this.flush();
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
  #size: number;
  #pending = '';
  #lines = 0;
  #sent = 0;
  #dropped = 0;
  #problem: string | undefined;

  constructor(readonly options: FileOutputOptions) {
    this.name = `file:${options.path}`;
    this.#fd = this.#open(options.truncate === true);
    this.#size = fstatSync(this.#fd).size;
    if (this.#size === 0) this.#pending = options.format.begin?.() ?? '';
  }

  detection(line: DetectionLine): void {
    this.#pending += this.options.format.detection(line);
    this.#lines += 1;
  }

  flush(): void {
    if (this.#pending === '') return;
    const bytes = Buffer.from(this.#pending);
    try {
      if (this.options.maxSize > 0 && this.#size > 0 && this.#size + bytes.length > this.options.maxSize)
        this.#rotate();
      writeWhole(this.#fd, bytes);
      this.#size += bytes.length;
      this.#sent += this.#lines;
      this.#problem = undefined;
    } catch (error) {
      this.#problem = (error as NodeJS.ErrnoException).code ?? String(error);
      this.#dropped += this.#lines;
    }
    this.#pending = '';
    this.#lines = 0;
  }

  async close(): Promise<void> {
    this.#pending += this.options.format.end?.() ?? '';
    this.flush();
    closeSync(this.#fd);
  }

  reopen(): void {
    this.flush();
    this.#replace();
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
    this.#size = fstatSync(fd).size;
  }
}
