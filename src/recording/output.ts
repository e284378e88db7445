/** The file that a tool writes: called `NAME.partial` while it grows, mode 0600, never through a link. */
import { closeSync, constants, lstatSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { recordingCodes } from './codes.js';

export interface OutputFile {
  write(bytes: Uint8Array): void;
  /** Gives the file its name. */
  finish(): void;
  /** Takes away what was written; does nothing after `finish`. */
  abandon(): void;
}

function refuse(code: 'output-exists' | 'output-unwritable', message: string, ...suggestions: string[]): DiagnosticError {
  return new DiagnosticError([diagnostic(recordingCodes, code, message, { suggestions })]);
}

function why(error: unknown): string {
  return error instanceof Error ? error.message.replace(/^[A-Z]+: /, '').replace(/, \w+ '.*$/, '') : String(error);
}

/** Throws a `DiagnosticError` when the file is there (without `force`) or cannot be made. */
export function openOutput(path: string, force: boolean): OutputFile {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there !== undefined && !force) throw refuse('output-exists', `The file "${path}" is there already.`, 'another name with -o, or --force to replace it');
  if (there !== undefined && !there.isFile()) throw refuse('output-unwritable', `"${path}" is not a regular file; seccam writes only to regular files.`);
  const partial = `${path}.partial`;
  let descriptor: number;
  try {
    if (force) rmSync(partial, { force: true });
    descriptor = openSync(partial, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  } catch (error) {
    throw refuse('output-unwritable', `The file "${partial}" cannot be made: ${why(error)}.`);
  }
  let open = true;
  const close = () => {
    if (open) closeSync(descriptor);
    open = false;
  };
  return {
    write(bytes) {
      try {
        for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
      } catch (error) {
        throw refuse('output-unwritable', `The file "${partial}" cannot be written: ${why(error)}.`);
      }
    },
    finish() {
      close();
      renameSync(partial, path);
    },
    abandon() {
      if (!open) return;
      close();
      rmSync(partial, { force: true });
    },
  };
}
