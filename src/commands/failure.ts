/** Turns whatever was thrown into diagnostics: a user never sees a stack trace. */

import { existsSync } from 'node:fs';
import type { Diagnostic } from '../support/diagnostic.js';
import { DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { didYouMean } from '../support/suggestion.js';
import { commandCodes } from './codes.js';

export interface Failure {
  readonly diagnostics: readonly Diagnostic[];
  /** Undefined: the verb's own status for a failure. */
  readonly status: number | undefined;
}

export function explainFailure(
  error: unknown,
  flags: Readonly<Record<string, unknown>> = {},
  verb = 'help',
): Failure {
  if (error instanceof DiagnosticError) return { diagnostics: error.diagnostics, status: error.status };
  const usage = usageFailure(error, flags, verb) ?? systemFailure(error);
  return { diagnostics: [usage ?? internalFailure(error)], status: undefined };
}

/** oclif's parser throws errors that carry what they found in `flags` or `args`. */
function usageFailure(
  error: unknown,
  flags: Readonly<Record<string, unknown>>,
  verb: string,
): Diagnostic | undefined {
  if (
    !(error instanceof Error) ||
    !('oclif' in error) ||
    !('parse' in error || 'skipOclifErrorHandling' in error)
  )
    return undefined;
  const unknown = 'flags' in error && Array.isArray(error.flags) ? error.flags.map(String) : [];
  if (unknown.length > 0) {
    const file = unknown.find((flag) => /\.\w+$/.test(flag) && existsSync(flag));
    const hint = didYouMean(unknown[0]!.replace(/^--?/, ''), Object.keys(flags));
    return diagnostic(
      commandCodes,
      'unknown-flag',
      `there is no flag ${unknown.map((flag) => `"${flag}"`).join(', ')} here`,
      {
        suggestions: [
          file === undefined
            ? (hint?.replaceAll(/"([^"]+)"/g, '"--$1"') ??
              `seccam ${verb}${verb === 'help' ? '' : ' --help'}`)
            : `./${file} for the file of that name`,
        ],
      },
    );
  }
  const message = plainMessage(error);
  const needed = /Missing required flag (\S+)$/.exec(message)?.[1];
  if (needed !== undefined)
    return diagnostic(commandCodes, 'bad-usage', `the flag --${needed} is needed`, {
      suggestions: [`seccam ${verb} --help`],
    });
  return diagnostic(commandCodes, 'bad-usage', wrongValue(message.trim()) ?? lowerFirst(message), {
    suggestions: [`seccam ${verb}${verb === 'help' ? '' : ' --help'}`],
  });
}

/** `parsing --at; Expected an integer but received: foo` in our words. */
function wrongValue(message: string): string | undefined {
  const found = /^Parsing --([\w-]+); Expected (.+?) but received: (.*)$/s.exec(message);
  if (found === null) return undefined;
  const [, flag, wanted, have] = found;
  return `"--${flag}" takes ${wanted}: have "${have}"`;
}

/** The parser's message without its hints, which speak of flags that take several words: ours take one. */
function plainMessage(error: Error): string {
  const missing = /^Missing \d+ required args?:\n([\s\S]*?)(?:\n\nNote: |\n+See more help|$)/.exec(
    error.message,
  )?.[1];
  if (missing === undefined)
    return error.message.replace(/\n+See more help with --help$/, '').replaceAll(/\s*\n\s*/g, '; ');
  const names = missing.split('\n').map((line) =>
    line
      .trim()
      .split(/\s{2,}/)[0]!
      .toUpperCase(),
  );
  return `missing ${names.filter((name) => name !== '').join(' and ')}`;
}

function systemFailure(error: unknown): Diagnostic | undefined {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return undefined;
  if (error.syscall === 'uv_cwd')
    return diagnostic(commandCodes, 'file-error', 'the working directory is not there any more', {
      suggestions: ['cd to one that is, and try again'],
    });
  const path = 'path' in error && typeof error.path === 'string' ? ` "${error.path}"` : '';
  const reason = reasons[String(error.code)] ?? systemText(error);
  return diagnostic(commandCodes, 'file-error', `cannot ${String(error.syscall)}${path}: ${reason}`);
}

/** The system's own words: node says `EFBIG: file too large, write`. */
function systemText(error: Error & { readonly code: unknown }): string {
  return /^[A-Z0-9]+: ([^,]+)/.exec(error.message)?.[1] ?? String(error.code);
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is not a folder',
  EEXIST: 'it exists already',
  ENOSPC: 'no space left on the device',
  EROFS: 'the file system is read-only',
  EMFILE: 'too many open files',
  ELOOP: 'too many symbolic links',
};

function internalFailure(error: unknown): Diagnostic {
  if (process.env['SECCAM_DEBUG'] === '1')
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  const what = error instanceof Error ? error.message : String(error);
  return diagnostic(commandCodes, 'internal-error', `seccam has a defect: ${what.split('\n')[0]}`, {
    suggestions: ['run it again with SECCAM_DEBUG=1 and report what it prints'],
  });
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
