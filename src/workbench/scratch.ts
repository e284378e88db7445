/**
 * Records a program in a scratch world: own namespaces, the host's root under a throw-away overlay, loopback
 * only. The static tracer runs inside (native/scratch.c makes the world and starts it), its stream comes out
 * over an inherited descriptor and is written here.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  createWriteStream,
  existsSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { replay } from '../pipeline/index.js';
import { DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { makeFolder } from '../support/folder.js';
import { packageRoot } from '../support/package.js';
import type { TraceOutcome, WrapOptions } from '../tracer/index.js';
import { workbenchCodes } from './codes.js';
import type { ScratchOptions } from './results.js';

export interface ScratchRun extends ScratchOptions {
  readonly command: readonly string[];
  /** Absolute. */
  readonly output: string;
  readonly force?: boolean;
  readonly events: readonly string[];
  /** What else the tracer is told: what is hidden, kept and read of programs. */
  readonly tracer?: Pick<
    WrapOptions,
    | 'uid'
    | 'gid'
    | 'keepEnvironment'
    | 'redactArguments'
    | 'content'
    | 'ancestors'
    | 'disableSeccomp'
    | 'extra'
  >;
}

/** The environment of a scratch world: the same on every machine. */
const bare = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LANG: 'C.UTF-8',
};

const executable = (name: string): string => join(packageRoot(), 'native', 'build', name);

/** Why no scratch world can be made here, one sentence; undefined: it can. */
export function scratchProblem(): string | undefined {
  if (process.platform !== 'linux') return 'a scratch world needs Linux';
  for (const name of ['seccam-scratch', 'seccam-trace']) {
    if (!existsSync(executable(name))) return `native/build/${name} is not built (npm run build:native)`;
  }
  const tried = spawnSync(executable('seccam-scratch'), ['--', '/bin/true'], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  if (tried.status === 0) return undefined;
  return (
    tried.stderr.trim().replace(/^seccam-scratch: /, '') ||
    `seccam-scratch ended with ${tried.status ?? tried.signal}`
  );
}

export async function recordInScratch(run: ScratchRun): Promise<TraceOutcome> {
  const problem = scratchProblem();
  if (problem !== undefined)
    throw new DiagnosticError(
      [
        diagnostic(workbenchCodes, 'no-scratch-world', `No scratch world can be made here: ${problem}`, {
          suggestions: ['seccam doctor'],
        }),
      ],
      125,
    );
  if (existsSync(run.output) && run.force !== true)
    throw new DiagnosticError(
      [diagnostic(workbenchCodes, 'file-exists', `"${run.output}" exists`, { suggestions: ['--force'] })],
      125,
    );
  const folder = mkdtempSync(join(tmpdir(), 'seccam-files-'));
  try {
    const options: string[] = [];
    Object.entries(run.files ?? {}).forEach(([path, content], index) => {
      const source = join(folder, String(index));
      writeFileSync(source, content);
      options.push('--file', `${path}=${source}`);
    });
    const seconds = Math.max(1, Math.ceil((run.timeout ?? 60_000) / 1000));
    const wrapper = join(folder, 'tracer');
    const environment = { ...bare, ...run.environment };
    const assignments = Object.entries(environment).map(([name, value]) => quoted(`${name}=${value}`));
    const line = [
      '/usr/bin/env',
      '-i',
      ...assignments,
      ...[executable('seccam-scratch'), ...options, '--timeout', String(seconds), '--'].map(quoted),
      quoted(executable('seccam-trace')),
    ];
    writeFileSync(wrapper, `#!/bin/sh\nexec ${line.join(' ')} "$@"\n`);
    chmodSync(wrapper, 0o755);
    makeFolder(dirname(run.output));
    const { spawnTracer } = await import('../tracer/index.js');
    const tracer = spawnTracer({
      command: run.command,
      executable: wrapper,
      events: run.events,
      onTracerDeath: 'kill',
      ...run.tracer,
    });
    const partial = `${run.output}.partial`;
    await pipeline(tracer.stream, createWriteStream(partial, { mode: 0o600 }));
    const outcome = await tracer.finished;
    if (outcome.status === 125) {
      rmSync(partial, { force: true });
      throw new DiagnosticError(
        outcome.diagnostics.length > 0
          ? outcome.diagnostics
          : [
              diagnostic(
                workbenchCodes,
                'no-scratch-world',
                'The program could not be recorded in a scratch world',
              ),
            ],
        125,
      );
    }
    renameSync(partial, run.output);
    const { events, processes } = await replay([run.output]);
    const { size } = statSync(run.output);
    return {
      ...outcome,
      output: run.output,
      counters: { ...outcome.counters, events, processes, bytes: size },
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
