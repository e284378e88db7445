/** Running commands and speaking of their times. */
import { spawnSync } from 'node:child_process';

export interface Timing {
  /** Seconds. */
  readonly wall: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function timed(
  command: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Timing {
  const env = { ...(options.env ?? process.env) };
  delete env['NODE_EXTRA_CA_CERTS'];
  const begin = process.hrtime.bigint();
  const run = spawnSync(command[0]!, command.slice(1), {
    ...options,
    env,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const wall = Number(process.hrtime.bigint() - begin) / 1e9;
  if (run.error !== undefined || run.status !== 0) {
    throw new Error(`${command.join(' ')}: ${run.error?.message ?? `exit ${run.status}`}\n${run.stderr}`);
  }
  return { wall, stdout: run.stdout, stderr: run.stderr };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** `12.3 (11.0–14.9)` in the unit of `scale`. */
export function spread(values: readonly number[], scale = 1, digits = 1): string {
  const shown = (value: number): string => (value * scale).toFixed(digits);
  return `${shown(median(values))} (${shown(Math.min(...values))}–${shown(Math.max(...values))})`;
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .join('  ');
  console.log(line(head));
  for (const row of rows) console.log(line(row));
}
