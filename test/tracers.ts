/** Who traces a program at this moment: the tracer, or whoever took over from one that was killed. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** A number of /proc/PID/status; 0 when it is gone. */
export function status(pid: number, field: string): number {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(new RegExp(`^${field}:\\s*(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Waits until the program has a tracer that is none of `dead`, and that one a guardian that is ready. */
export async function tracerOf(pid: number, dead: ReadonlySet<number>): Promise<number> {
  for (let tries = 0; tries < 20_000; tries++) {
    // The thread that traces, and the process that it belongs to.
    const tracer = status(status(pid, 'TracerPid'), 'Tgid');
    if (
      tracer > 0 &&
      !dead.has(tracer) &&
      spawnSync('pgrep', ['-x', '-P', String(tracer), 'seccam-guardian']).status === 0
    )
      return tracer;
    await pause(1);
  }
  throw new Error(`nobody traces process ${pid}`);
}
