/** Runs a program and records it. The native code is loaded only here, when recording begins. */
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { everySignal, wantsEverySignal } from '../rules/index.js';
import { DiagnosticError } from '../support/diagnostic.js';
import { makeFolder } from '../support/folder.js';
import type { TraceCounters, TraceOutcome } from '../tracer/index.js';
import { isFolder } from './glob.js';
import { hidden } from './privacy.js';
import { type Project, projectOf, recordingsFolder, rulesOrigin, shown } from './project.js';
import type { RecordOptions, RecordResult, ScratchOptions } from './results.js';
import { RuleSets } from './ruleset.js';

export async function record(options: RecordOptions): Promise<RecordResult> {
  const cwd = options.cwd ?? process.cwd();
  const project = projectOf({ cwd });
  const output =
    options.output === undefined
      ? freeName(options.command, project, cwd, options.force)
      : resolve(cwd, options.output);
  const config = project.config.recordings ?? {};
  const began = performance.now();
  const events = eventsOf(options, project, cwd);
  makeFolder(dirname(output));
  const { tracer, unfit } = hidden(config, options);
  const told = {
    ...tracer,
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
    ...(options.disableSeccomp === true ? { disableSeccomp: true } : {}),
    ...(options.ancestors === false ? { ancestors: false } : {}),
    ...(options.content === undefined ? {} : { content: options.content }),
  };
  const outcome = options.scratch === undefined ? await plain() : await scratch(options.scratch);
  const recording = shown(written(outcome.output ?? output), cwd);
  return {
    recording: outcome.output === undefined ? '' : recording,
    status: outcome.status,
    signal: outcome.status > 128 ? signalName(outcome.status - 128) : undefined,
    counters: countersOf(outcome.counters),
    durationMs: performance.now() - began,
    rulesOf: rulesOrigin({ cwd }, project),
    diagnostics: [...outcome.diagnostics, ...unfit],
    next: [
      'seccam replay',
      quoted(recording),
      ...(options.traceFor ?? []).map((path) => `-r ${quoted(path)}`),
    ].join(' '),
  };

  async function scratch(world: ScratchOptions): Promise<TraceOutcome> {
    const { recordInScratch } = await import('./scratch.js');
    return recordInScratch({
      ...world,
      command: options.command,
      output,
      events,
      force: options.force === true,
      tracer: told,
    });
  }

  async function plain(): Promise<TraceOutcome> {
    const { recordProgram } = await import('../tracer/index.js');
    return recordProgram({
      command: options.command,
      output,
      events,
      cwd,
      ...(options.force === true ? { force: true } : {}),
      ...told,
      ...(options.onNotice === undefined ? {} : { onNotice: options.onNotice }),
      ...(options.onProgress === undefined
        ? {}
        : { onProgress: (counters: TraceCounters) => options.onProgress?.(countersOf(counters)) }),
    });
  }
}

/** A disk that was full from the beginning leaves the name of what is unfinished. */
const written = (output: string): string =>
  !existsSync(output) && existsSync(`${output}.partial`) ? `${output}.partial` : output;

/** Names of events, categories and presets: of `--trace`, of the rules of `--trace-for`, else of the project. */
function eventsOf(options: RecordOptions, project: Project, cwd: string): readonly string[] {
  if (options.traceFor !== undefined && options.traceFor.length > 0) {
    const inUse = new RuleSets(cwd).load(options.traceFor);
    // What a rule that did not load needs would silently not be recorded.
    const wrong = inUse.diagnostics.filter((item) => item.severity === 'error');
    if (wrong.length > 0) throw new DiagnosticError(wrong, 125);
    const { rules } = inUse.rules;
    return [
      ...new Set([
        'exec',
        'fork',
        'exit',
        ...rules.map((rule) => (wantsEverySignal(rule) ? everySignal : rule.eventType)),
      ]),
    ];
  }
  const wanted = options.trace ?? project.config.recordings?.trace ?? 'default';
  return typeof wanted === 'string' ? wanted.split(',').map((word) => word.trim()) : wanted;
}

/**
 * `NAME-N.seccam` after the program, in the project's folder of recordings when there is a project; with `force`
 * the first name, taken or not.
 */
export function freeName(command: readonly string[], project: Project, cwd: string, force = false): string {
  const folder =
    project.file !== undefined || isFolder(recordingsFolder(project)) ? recordingsFolder(project) : cwd;
  const stem = basename(command[0] ?? 'recording').replace(/[^\w.-]/g, '_') || 'recording';
  for (let number = 1; ; number++) {
    const path = join(folder, number === 1 ? `${stem}.seccam` : `${stem}-${number}.seccam`);
    if (force || (!existsSync(path) && !existsSync(`${path}.partial`))) return path;
  }
}

const countersOf = (counters: TraceCounters) => ({
  events: counters.events,
  bytes: counters.bytes,
  processes: counters.processes,
});

export function signalName(number: number): string | undefined {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
}

const quoted = (text: string): string =>
  /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
