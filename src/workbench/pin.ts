/**
 * The recordings of `run:`: made once in a scratch world, then pinned beside the project's recordings with a
 * hash of everything that they depend on, so that a test runs the same everywhere.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type Diagnostic, DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { workbenchCodes } from './codes.js';
import { digest } from './lastrun.js';
import { hidden } from './privacy.js';
import { type Project, shown } from './project.js';
import { recordInScratch, scratchProblem } from './scratch.js';
import { pinnedPath, type TestCase } from './suite.js';

export type Pinned =
  | { readonly outcome: 'ready'; readonly recording: string; readonly recorded: boolean }
  | {
      readonly outcome: 'skip' | 'fail';
      readonly reason: string;
      readonly diagnostics: readonly Diagnostic[];
    };

export interface PinOptions {
  readonly project: Project;
  readonly cwd: string;
  readonly pin: 'missing' | 'always' | 'never';
}

/** Of the script, its files and the values of the matrix. */
export const pinHash = (test: TestCase): string =>
  digest(JSON.stringify([test.entry.run, test.entry.files ?? {}, test.values]));

export async function pinnedRecording(test: TestCase, options: PinOptions): Promise<Pinned> {
  const path = pinnedPath(test, options.project);
  const name = shown(path, options.cwd);
  const span = test.document.keySpan([...test.path, 'run']);
  const hash = pinHash(test);
  if (existsSync(path) && options.pin !== 'always') {
    if (hashOf(path) === hash) return { outcome: 'ready', recording: path, recorded: false };
    const message = `The script, its files or the matrix changed since "${name}" was recorded`;
    return {
      outcome: 'fail',
      reason: message,
      diagnostics: [
        diagnostic(workbenchCodes, 'pin-stale', message, {
          span,
          suggestions: [`seccam test ${test.file}:${span.start.line} --pin always`],
        }),
      ],
    };
  }
  if (options.pin === 'never') {
    const message = `"${name}" is not there, and this run records nothing (--pin never, or CI is set)`;
    return {
      outcome: 'fail',
      reason: message,
      diagnostics: [
        diagnostic(workbenchCodes, 'pin-absent', message, {
          span,
          suggestions: [`seccam test ${test.file}:${span.start.line}, then commit "${name}"`],
        }),
      ],
    };
  }
  const problem = scratchProblem();
  if (problem !== undefined)
    return { outcome: 'skip', reason: `no scratch world here: ${problem}`, diagnostics: [] };
  try {
    const trace = options.project.config.recordings?.trace ?? 'default';
    await recordInScratch({
      command: ['/bin/sh', '-c', test.entry.run!],
      output: path,
      force: true,
      events: typeof trace === 'string' ? [trace] : trace,
      files: test.entry.files ?? {},
      environment: Object.fromEntries(
        Object.entries(test.values).map(([key, value]) => [key, String(value)]),
      ),
      timeout: test.timeoutMs,
      tracer: hidden(options.project.config.recordings ?? {}).tracer,
    });
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    return {
      outcome: 'fail',
      reason: error.diagnostics[0]?.message ?? 'the script could not be recorded',
      diagnostics: error.diagnostics,
    };
  }
  writeFileSync(`${path}.pin`, `${JSON.stringify({ version: 1, hash, test: test.name })}\n`);
  return { outcome: 'ready', recording: path, recorded: true };
}

function hashOf(recording: string): string | undefined {
  try {
    return (JSON.parse(readFileSync(`${recording}.pin`, 'utf8')) as { hash?: string }).hash;
  } catch {
    return undefined;
  }
}
