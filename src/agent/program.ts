/** `agent start -- CMD`: the tracer as a child over a socket pair, its stream as one of the agent's. */
import type { Socket } from 'node:net';
import { everySignal, wantsEverySignal } from '../rules/index.js';
import { DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { spawnTracer } from '../tracer/index.js';
import { agentCodes } from './codes.js';
import { attachLink, type Daemon } from './daemon.js';
import { greet } from './greeting.js';
import type { LiveStream } from './stream.js';
import { restoringArguments } from './trace.js';

export interface ProgramOptions {
  readonly command: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
  readonly disableSeccomp?: boolean;
  /** What becomes of the program when the tracer is killed; default: a guardian takes over. */
  readonly onTracerDeath?: 'guardian' | 'kill' | 'accept-enosys';
  /** What is not stored of arguments, variables and paths: options of the native tracer. */
  readonly privacy?: readonly string[];
  readonly onNotice: (message: string) => void;
}

/**
 * Runs a program under the agent and gives its exit status for the shell. The terminal's signals reach
 * the program by themselves; SIGTERM and SIGHUP to the agent are passed on to it.
 */
export async function runProgram(daemon: Daemon, options: ProgramOptions): Promise<number> {
  const running = spawnTracer({
    command: options.command,
    channel: true,
    events: [
      'default',
      ...daemon.agent.wantedNames(),
      ...(daemon.agent.rules.rules.some(wantsEverySignal) ? [everySignal] : []),
    ],
    onNotice: options.onNotice,
    extra: [...restoringArguments(), ...(options.privacy ?? [])],
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
    ...(options.disableSeccomp === true ? { disableSeccomp: true } : {}),
    ...(options.onTracerDeath === undefined ? {} : { onTracerDeath: options.onTracerDeath }),
  });
  const pass = (name: NodeJS.Signals) => (): void => running.signal(name);
  const handlers = new Map<NodeJS.Signals, () => void>([
    ['SIGINT', () => undefined],
    ['SIGQUIT', () => undefined],
    ['SIGTERM', pass('SIGTERM')],
    ['SIGHUP', pass('SIGHUP')],
  ]);
  for (const [name, handler] of handlers) process.on(name, handler);
  try {
    const link = running.channel as Socket;
    const peer = {
      kind: 'child',
      uid: process.geteuid?.(),
      pid: running.pid,
      address: 'socket pair',
    } as const;
    const greeting = await greet(link, {
      token: undefined,
      timeout: 60_000,
      wanted: () => daemon.agent.wanted(),
    });
    if ('refused' in greeting) {
      const outcome = await running.finished;
      if (outcome.diagnostics.length > 0) throw new DiagnosticError(outcome.diagnostics, outcome.status);
      throw new DiagnosticError([
        diagnostic(agentCodes, 'stream-refused', `the tracer did not greet: ${greeting.refused}`, {
          severity: 'error',
        }),
      ]);
    }
    const stream = daemon.agent.open(peer, greeting.hello, link, options.command);
    attachLink(link, stream, greeting.rest);
    const outcome = await running.finished;
    await streamEnd(link, stream);
    if (outcome.diagnostics.some((item) => item.severity === 'error'))
      throw new DiagnosticError(outcome.diagnostics, outcome.status);
    return outcome.status;
  } finally {
    for (const [name, handler] of handlers) process.off(name, handler);
  }
}

/** What the tracer wrote before it ended may still be in the socket. */
async function streamEnd(link: NodeJS.ReadableStream, stream: LiveStream): Promise<void> {
  if (stream.ended) return;
  await new Promise<void>((resolve) => {
    link.once('close', () => resolve());
    link.once('end', () => resolve());
    setTimeout(resolve, 5000).unref();
  });
  stream.end();
}
