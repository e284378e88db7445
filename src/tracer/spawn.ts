/** Runs the static tracer as a process of its own and hands over its stream. */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Duplex, Readable } from 'node:stream';
import { type Diagnostic, DiagnosticError } from '../support/diagnostic.js';
import { traceArguments } from './arguments.js';
import { tracerAvailability } from './availability.js';
import type { RunningTracer, SpawnOptions, TraceCounters, TraceOutcome } from './options.js';
import { nativeDiagnostic } from './record.js';

const STREAM_FD = 3;
const MESSAGE_FD = 4;
const none: TraceCounters = {
  events: 0,
  stops: 0,
  bytes: 0,
  dropped: 0,
  tasks: 0,
  processes: 0,
  truncated: 0,
};

/**
 * Starts `seccam-trace`. Its stream comes over a socket pair; with `channel` it speaks docs/protocol.md
 * there, both ways, and without it sends the plain bytes of a recording and waits when nobody reads.
 * Throws a `DiagnosticError` with status 125 when the executable is missing.
 */
export function spawnTracer(options: SpawnOptions): RunningTracer {
  const found = tracerAvailability();
  const executable = options.executable ?? found.executable;
  if (executable === undefined) throw new DiagnosticError(found.problems, 125);
  const list = options.channel === true ? ['--channel', `fd:${STREAM_FD}`] : ['--fd', String(STREAM_FD)];
  if (options.buffer !== undefined) list.push('--buffer', String(options.buffer));
  if (options.onTracerDeath !== undefined) list.push('--on-tracer-death', options.onTracerDeath);
  list.push('--message-fd', String(MESSAGE_FD), ...traceArguments(options));
  if ('command' in options) list.push('--', ...options.command);
  const child = spawn(executable, list, { stdio: ['inherit', 'inherit', 'inherit', 'pipe', 'pipe'] });
  return attachTracer(child, child.stdio[STREAM_FD] as Duplex, child.stdio[MESSAGE_FD] as Readable);
}

function attachTracer(child: ChildProcess, stream: Duplex, messages: Readable): RunningTracer {
  let text = '';
  messages.setEncoding('utf8');
  messages.on('data', (chunk: string) => {
    text += chunk;
  });
  const finished = new Promise<TraceOutcome>((resolve) => {
    child.once('error', (error) =>
      resolve({ status: 125, counters: none, diagnostics: said(`internal-error\n${error.message}\0`) }),
    );
    child.once('close', (code, signal) => {
      const status = code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
      resolve({ status, counters: none, diagnostics: said(text) });
    });
  });
  return {
    stream,
    channel: stream,
    pid: child.pid ?? 0,
    finished,
    signal: (name) => {
      child.kill(name);
    },
  };
}

/** Messages end with a NUL each. */
function said(text: string): Diagnostic[] {
  return text
    .split('\0')
    .map((item) => nativeDiagnostic(item))
    .filter((item) => item !== undefined);
}
