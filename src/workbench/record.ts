/** Runs a program and records it. The native code is loaded only here, when recording begins. */
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { everySignal, wantsEverySignal } from '../rules/index.js';
import { makeFolder } from '../support/folder.js';
import type { TraceCounters, TraceOutcome } from '../tracer/index.js';
import { type Diagnostic, diagnostic } from '../support/diagnostic.js';
import { workbenchCodes } from './codes.js';
import { isFolder } from './glob.js';
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
  makeFolder(dirname(output));
  const config = project.config.recordings ?? {};
  const began = performance.now();
  const hidden = hiddenOf(options, config);
  const events = eventsOf(options, project, cwd);
  const { names, unfit } = argumentNames(config.redact?.args ?? []);
  const told = {
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
    ...(options.disableSeccomp === true ? { disableSeccomp: true } : {}),
    ...(options.ancestors === false ? { ancestors: false } : {}),
    ...(config.keep_env === undefined ? {} : { keepEnvironment: config.keep_env }),
    ...(options.content === undefined ? {} : { content: options.content }),
    ...(hidden.length === 0 ? {} : { extra: hidden }),
    ...(names.length === 0 ? {} : { redactArguments: names }),
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
    next: `seccam replay ${quoted(recording)}`,
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

/**
 * The recorder hides values of arguments by the names before them, as patterns with `*`; the project has
 * regular expressions, most of which begin with such a name.
 */
function argumentNames(patterns: readonly string[]): { names: string[]; unfit: Diagnostic[] } {
  const names: string[] = [];
  const unfit: Diagnostic[] = [];
  for (const pattern of patterns) {
    const name = /^\^?(-{0,2}(?:[\w-]|\\?\.|\.\*)+)(?:=.*)?$/s.exec(pattern)?.[1];
    if (name !== undefined) names.push(name.replaceAll('.*', '*').replaceAll('\\.', '.'));
    else
      unfit.push(
        diagnostic(
          workbenchCodes,
          'redact-later',
          `"${pattern}" of recordings.redact.args was not applied while recording, where values are hidden by the name before them, such as "--token=(?<secret>\\S+)"`,
          { suggestions: ['seccam recording redact'] },
        ),
      );
  }
  return { names, unfit };
}

/** A disk that was full from the beginning leaves the name of what is unfinished. */
const written = (output: string): string =>
  !existsSync(output) && existsSync(`${output}.partial`) ? `${output}.partial` : output;

/** What is not to be stored, of the project and of this recording, as options of the tracer. */
function hiddenOf(options: RecordOptions, config: NonNullable<Project['config']['recordings']>): string[] {
  const paths = [
    ...Object.entries(config.redact?.paths ?? {}).map(([glob, as]) => (as === '' ? glob : `${glob}=${as}`)),
    ...(options.redactPaths ?? []),
  ];
  const environment = [...(config.redact?.env ?? []), ...(options.redactEnvironment ?? [])];
  return [
    ...paths.flatMap((path) => ['--redact-path', path]),
    ...environment.flatMap((name) => ['--redact-env', name]),
    ...(options.redactArguments ?? []).flatMap((name) => ['--redact', name]),
    ...(options.keepEnvironment ?? []).flatMap((name) => ['--keep-env', name]),
  ];
}

/** Names of events, categories and presets: of `--trace`, of the rules of `--trace-for`, else of the project. */
function eventsOf(options: RecordOptions, project: Project, cwd: string): readonly string[] {
  if (options.traceFor !== undefined && options.traceFor.length > 0) {
    const { rules } = new RuleSets(cwd).load(options.traceFor).rules;
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
