/** `trace`: the static tracer as it is, connected to an agent elsewhere; this process only waits for it. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { DiagnosticError } from '../support/diagnostic.js';
import { transparencyArguments } from '../tracer/arguments.js';
import { tracerAvailability } from '../tracer/index.js';

/** What Node has changed in this process, for a tracer that is a child: descriptors cannot be passed on. */
export function restoringArguments(): string[] {
  const list = transparencyArguments();
  return list.filter((word, index) => word !== '--inherit-fd' && list[index - 1] !== '--inherit-fd');
}

/** Runs `seccam-trace` with these arguments and gives its exit status, which is the program's. */
export function runTracer(args: readonly string[], command: readonly string[]): Promise<number> {
  const found = tracerAvailability();
  if (found.executable === undefined) throw new DiagnosticError(found.problems, 125);
  const child = spawn(
    found.executable,
    [...args, ...(command.length > 0 ? [...restoringArguments(), '--', ...command] : [])],
    { stdio: 'inherit' },
  );
  const ignored = (): void => undefined;
  const handlers = new Map<NodeJS.Signals, () => void>();
  // The terminal sends these to the program as well; what is sent to us alone is passed on.
  for (const name of ['SIGINT', 'SIGQUIT'] as const) handlers.set(name, ignored);
  for (const name of ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const)
    handlers.set(name, () => void child.kill(name));
  for (const [name, handler] of handlers) process.on(name, handler);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      for (const [name, handler] of handlers) process.off(name, handler);
      resolve(code ?? 128 + constants.signals[signal!]);
    });
  });
}
