/** Records with the C core inside this process: a thread of its own traces and writes the file. */
import { statSync } from 'node:fs';
import { type Diagnostic, DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { traceArguments, transparencyArguments } from './arguments.js';
import { tracerAvailability } from './availability.js';
import { type TracerCode, tracerCodes } from './codes.js';
import type { RecordOptions, TraceCounters, TraceOutcome } from './options.js';

interface Library {
  create(count: number, list: readonly string[]): unknown;
  start(tracer: unknown): number;
  wait: { async(tracer: unknown, done: (error: unknown, status: number) => void): void };
  counters(tracer: unknown, out: BigUint64Array): void;
  signal(tracer: unknown, signal: number): number;
  stop(tracer: unknown): number;
  message(tracer: unknown): string;
  notice(tracer: unknown): string;
  destroy(tracer: unknown): void;
}

let loaded: Library | undefined;

async function load(path: string): Promise<Library> {
  if (loaded !== undefined) return loaded;
  const { default: koffi } = await import('koffi');
  const native = koffi.load(path);
  loaded = {
    create: native.func('void *seccam_create(int argc, const char **argv)'),
    start: native.func('int seccam_start(void *tracer)'),
    wait: native.func('int seccam_wait(void *tracer)') as unknown as Library['wait'],
    counters: native.func('void seccam_counters(void *tracer, uint64_t *out)'),
    signal: native.func('int seccam_signal(void *tracer, int signal)'),
    stop: native.func('int seccam_stop(void *tracer)'),
    message: native.func('const char *seccam_message(void *tracer)'),
    notice: native.func('const char *seccam_notice(void *tracer)'),
    destroy: native.func('void seccam_destroy(void *tracer)'),
  };
  return loaded;
}

/** Signals that whoever runs `record` means for the program. */
const forwarded = { SIGTERM: 15, SIGHUP: 1, SIGUSR1: 10, SIGUSR2: 12 } as const;
/** The terminal sends these to the program itself; we must only not die or stop of them. */
const endured = ['SIGINT', 'SIGQUIT', 'SIGTSTP'] as const;
/** Attached programs are let go of, and run on. */
const letGo = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const PROGRESS_MS = 250;

/** Makes a diagnostic of what the native code said: a code, a line break, a sentence. */
export function nativeDiagnostic(text: string): Diagnostic | undefined {
  const at = text.indexOf('\n');
  if (at < 0) return undefined;
  const code = text.slice(0, at);
  const known: TracerCode = code in tracerCodes ? (code as TracerCode) : 'internal-error';
  const sentence = text.slice(at + 1);
  return diagnostic(tracerCodes, known, `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.`, {
    suggestions: adviceOn(known, sentence) ?? advice[known] ?? [],
  });
}

const advice: Partial<Record<TracerCode, readonly string[]>> = {
  'output-exists': ['another name with -o, or --force to replace it'],
  'bad-output': ['-o FILE, in a folder where you may write'],
  'no-ptrace-permission': ['seccam doctor'],
  'no-guardian': ['--on-tracer-death kill', 'give the tracer CAP_SYS_PTRACE'],
  'unknown-event': ['seccam list events'],
  'no-seccomp': ['--disable-seccomp'],
};

/** Advice on what the sentence names, as far as the name and its file tell; undefined: no more than its code. */
function adviceOn(code: TracerCode, sentence: string): string[] | undefined {
  const name = /"(.+)"/.exec(sentence)?.[1] ?? '';
  if (code === 'program-not-found') {
    if (/^\w+=/.test(name)) return [`env ${name} PROGRAM`];
    if (/\s/.test(name)) return [`-- sh -c '${name.replaceAll("'", "'\\''")}'`];
    return builtins.has(name) ? ["-- sh -c '…': this is a word of the shell"] : undefined;
  }
  const file = name.includes('/') ? statSync(name, { throwIfNoEntry: false }) : undefined;
  if (file === undefined) return undefined;
  if (code === 'output-exists') return file.isDirectory() ? ['-o with the name of a file in it'] : undefined;
  if (code !== 'program-not-executable') return undefined;
  if (file.isDirectory()) return ['name a program: this is a directory'];
  if ((file.mode & 0o111) === 0) return [`chmod +x ${name}`, 'name its interpreter first, such as sh'];
  return /format/i.test(sentence)
    ? ['a script begins with #! and its interpreter; else name that first']
    : [];
}

const builtins: ReadonlySet<string> = new Set([
  'cd',
  'export',
  'source',
  '.',
  'alias',
  'exec',
  'eval',
  'ulimit',
  'umask',
  'set',
  'trap',
  'type',
  'unset',
]);

/**
 * Runs or attaches, and records until the traced tree is empty.
 *
 * Standard streams are not touched by this process meanwhile. Never rejects for what a program or a disk
 * does: that is in the outcome. Throws a `DiagnosticError` with status 125 when tracing cannot begin
 * because the native library is missing.
 */
export async function recordProgram(options: RecordOptions): Promise<TraceOutcome> {
  const { library, problems } = tracerAvailability();
  if (library === undefined) throw new DiagnosticError(problems, 125);
  const native = await load(library);
  const list = [
    '--output',
    options.output,
    '--mirror-stop',
    ...transparencyArguments(),
    ...traceArguments(options),
  ];
  if (options.force === true) list.push('--force');
  if ('command' in options) list.push('--', ...options.command);
  const tracer = native.create(list.length, list);
  const undo: (() => void)[] = [];
  const heed = (signal: NodeJS.Signals, action: () => void) => {
    process.on(signal, action);
    undo.push(() => process.off(signal, action));
  };
  try {
    if ('pids' in options) {
      for (const name of letGo) heed(name, () => native.stop(tracer));
    } else {
      for (const [name, number] of Object.entries(forwarded))
        heed(name as NodeJS.Signals, () => native.signal(tracer, number));
      for (const name of endured) heed(name, () => {});
    }
    const counters = () => readCounters(native, tracer);
    let status = 125;
    if (native.start(tracer) === 0) {
      const timer =
        options.onProgress === undefined
          ? undefined
          : setInterval(() => options.onProgress?.(counters()), PROGRESS_MS);
      try {
        status = await new Promise<number>((resolve, reject) =>
          native.wait.async(tracer, (error, result) => (error ? reject(error) : resolve(result))),
        );
      } finally {
        clearInterval(timer);
      }
    }
    const failed = nativeDiagnostic(native.message(tracer));
    const notice = nativeDiagnostic(native.notice(tracer));
    if (notice !== undefined) options.onNotice?.(notice.message);
    const finished = failed === undefined || failed.code === 'disk-full';
    return {
      status,
      counters: counters(),
      diagnostics: [notice, failed].filter((item) => item !== undefined),
      ...(finished ? { output: options.output } : {}),
    };
  } finally {
    for (const step of undo) step();
    native.destroy(tracer);
  }
}

function readCounters(native: Library, tracer: unknown): TraceCounters {
  const out = new BigUint64Array(8);
  native.counters(tracer, out);
  const [events, stops, bytes, dropped, tasks, processes, truncated, missing] = [...out].map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return { events, stops, bytes, dropped, tasks, processes, truncated: truncated + missing };
}
