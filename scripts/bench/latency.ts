/**
 * Latency from the end of a call to the bytes of its detection at the reader of the agent's stdout.
 *
 *   tsx scripts/bench/latency.ts [EVENTS-PER-SECOND=20000] [SECONDS=10]
 *
 * A program opens files at a steady rate; one open in a hundred is a detection. Prints percentiles with the
 * load of the machine.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask } from '../../src/agent/control.js';
import { packageRoot } from '../../src/support/package.js';

const [rate = '20000', seconds = '10'] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'seccam-latency-'));
const at = (name: string): string => join(folder, name);
process.on('exit', () => rmSync(folder, { recursive: true }));

// Bursts of a thousandth of a second; one open in a hundred is the one that matches.
writeFileSync(
  at('load.c'),
  `#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
int main(int argc, char **argv) {
  long per = atol(argv[1]) / 1000, ticks = atol(argv[2]) * 1000, n = 0;
  struct timespec at;
  (void)argc;
  clock_gettime(CLOCK_MONOTONIC, &at);
  for (long tick = 0; tick < ticks; tick++) {
    for (long i = 0; i < per; i++) { int fd = open(++n % 100 ? "/etc/hostname" : "/etc/passwd", O_RDONLY); close(fd); }
    at.tv_nsec += 1000000;
    if (at.tv_nsec >= 1000000000) { at.tv_sec++; at.tv_nsec -= 1000000000; }
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
  }
  return 0;
}
`,
);
execFileSync('cc', ['-O2', '-o', at('load'), at('load.c')]);
writeFileSync(
  at('rules.policy'),
  `version: 1.0.0\nrules:\n  - id: hit\n    expression: open.file.path == "/etc/passwd" && process.file.name == "load"\n    every: 1us\n${Array.from(
    { length: 99 },
    (_, n) => `  - id: r${n}\n    expression: open.file.path == "/etc/secret${n}"\n`,
  ).join('')}`,
);
const agent = spawn(
  process.execPath,
  [
    join(packageRoot(), 'bin/seccam.js'),
    ...['agent', 'start', '-r', at('rules.policy'), '--format', 'json'],
    ...['--socket', at('s'), '--control', at('c')],
  ],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
const latencies: number[] = [];
let text = '';
const now = (): number => performance.timeOrigin + performance.now();
agent.stdout.on('data', (chunk: Buffer) => {
  const came = now();
  text += chunk.toString('latin1');
  const lines = text.split('\n');
  text = lines.pop()!;
  for (const line of lines) {
    const stamp = /"timestamp":"(\d+)"/.exec(line)?.[1];
    if (stamp !== undefined) latencies.push(came - Number(BigInt(stamp) / 1000n) / 1000);
  }
});
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
while (!existsSync(at('c'))) await pause(50);
await pause(500);
const load = (): string => readFileSync('/proc/loadavg', 'utf8').split(' ')[0]!;
const before = load();
const tracer = spawn(
  join(packageRoot(), 'native/build/seccam-trace'),
  ['--socket', at('s'), '--verbose', '--', at('load'), rate, seconds],
  { stdio: ['ignore', 'inherit', 'inherit'] },
);
const began = performance.now();
await new Promise((resolve) => tracer.once('exit', resolve));
const took = (performance.now() - began) / 1000;
await pause(1000);
const { status } = (await ask(at('c'), { verb: 'status' })) as unknown as {
  status: { events: number; lost: number; cpu_ms: number };
};
agent.kill();
// The first two seconds are those of starting: code that is not compiled yet works off what came meanwhile.
const warm = latencies.slice(Math.floor((latencies.length / Number(seconds)) * 2)).sort((a, b) => a - b);
const part = (share: number): string =>
  warm[Math.min(warm.length - 1, Math.floor(warm.length * share))]?.toFixed(2) ?? '?';
process.stdout.write(
  `${status.events} events in ${took.toFixed(1)} s (${Math.round(status.events / took)}/s), lost ${status.lost}, ${latencies.length} detections; agent ${(status.cpu_ms / 1000).toFixed(1)} s CPU\n` +
    `latency ms: p50 ${part(0.5)}, p90 ${part(0.9)}, p99 ${part(0.99)}, p99.9 ${part(0.999)}, most ${part(1)}; load ${before} to ${load()}\n`,
);
