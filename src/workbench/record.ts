/** Runs a program and records it. The native code is loaded only here, when recording begins. */
import { existsSync, mkdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { constants } from 'node:os';
import type { TraceCounters } from '../tracer/index.js';
import { isFolder } from './glob.js';
import { type Project, projectOf, recordingsFolder, rulesOrigin, shown } from './project.js';
import type { RecordOptions, RecordResult } from './results.js';
import { RuleSets } from './ruleset.js';

export async function record(options: RecordOptions): Promise<RecordResult> {
  const cwd = options.cwd ?? process.cwd();
  const project = projectOf({ cwd });
  const output = options.output === undefined ? freeName(options.command, project, cwd) : resolve(cwd, options.output);
  if (options.output === undefined) mkdirSync(dirname(output), { recursive: true });
  const { recordProgram } = await import('../tracer/index.js');
  const config = project.config.recordings ?? {};
  const began = performance.now();
  const command = options.scratch === undefined ? options.command : await scratchCommand(options);
  const outcome = await recordProgram({
    command,
    output,
    events: eventsOf(options, project, cwd),
    cwd,
    ...(options.force === true ? { force: true } : {}),
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
    ...(options.disableSeccomp === true ? { disableSeccomp: true } : {}),
    ...(config.keep_env === undefined ? {} : { keepEnvironment: config.keep_env }),
    ...(config.redact?.args === undefined ? {} : { redactArguments: config.redact.args }),
    ...(options.onNotice === undefined ? {} : { onNotice: options.onNotice }),
    ...(options.onProgress === undefined ? {} : { onProgress: (counters: TraceCounters) => options.onProgress?.(countersOf(counters)) }),
  });
  const recording = shown(outcome.output ?? output, cwd);
  const rulesOf = rulesOrigin({ cwd }, project);
  return {
    recording,
    status: outcome.status,
    signal: outcome.status > 128 ? signalName(outcome.status - 128) : undefined,
    counters: countersOf(outcome.counters),
    durationMs: performance.now() - began,
    rulesOf,
    diagnostics: outcome.diagnostics,
    next: `seccam replay ${quoted(recording)}`,
  };
}

/** Names of events, categories and presets: of `--trace`, of the rules of `--trace-for`, else of the project. */
function eventsOf(options: RecordOptions, project: Project, cwd: string): readonly string[] {
  if (options.traceFor !== undefined && options.traceFor.length > 0) {
    const { rules } = new RuleSets(cwd).load(options.traceFor).rules;
    return [...new Set(['exec', 'fork', 'exit', ...rules.map((rule) => rule.eventType)])];
  }
  const wanted = options.trace ?? project.config.recordings?.trace ?? 'default';
  return typeof wanted === 'string' ? wanted.split(',').map((word) => word.trim()) : wanted;
}

async function scratchCommand(options: RecordOptions): Promise<readonly string[]> {
  const { inScratchWorld } = await import('./scratch.js');
  return inScratchWorld(options.command, options.scratch ?? {});
}

/** `NAME-N.seccam` after the program, in the project's folder of recordings when there is a project. */
export function freeName(command: readonly string[], project: Project, cwd: string): string {
  const folder = project.file !== undefined || isFolder(recordingsFolder(project)) ? recordingsFolder(project) : cwd;
  const stem = basename(command[0] ?? 'recording').replace(/[^\w.-]/g, '_') || 'recording';
  for (let number = 1; ; number++) {
    const path = join(folder, number === 1 ? `${stem}.seccam` : `${stem}-${number}.seccam`);
    if (!existsSync(path) && !existsSync(`${path}.partial`)) return path;
  }
}

const countersOf = (counters: TraceCounters) => ({ events: counters.events, bytes: counters.bytes, processes: counters.processes });

export function signalName(number: number): string | undefined {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
}

const quoted = (text: string): string => (/^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
