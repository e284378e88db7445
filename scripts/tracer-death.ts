/**
 * Kills the tracer of a busy program with SIGKILL again and again, and whoever takes over from it, and
 * says what the program noticed.
 *
 *   npx tsx scripts/tracer-death.ts [KILLS] [THREADS] [FRESH]
 *
 * First KILLS kills of the one who traces a program at that time: the tracer, then guardian after
 * guardian. Then FRESH times a new program whose tracer, in the middle of its work, is killed once.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { tracerOf } from '../test/tracers.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const [kills = 200, threads = 4, fresh = 50] = process.argv.slice(2).map(Number);
const folder = mkdtempSync(join(tmpdir(), 'seccam-death-'));
const program = join(folder, 'busy-threads');
execFileSync('cc', ['-O1', '-pthread', '-o', program, join(root, 'fixtures', 'programs', 'busy-threads.c')]);

/* A pipe of our own: Node closes the one that it makes when the tracer dies. */
const gate = join(folder, 'gate');
execFileSync('mkfifo', [gate]);
const standardInput = openSync(gate, 'r+');

function start(): ChildProcess {
  const tracer = process.env['TRACER'] ?? join(root, 'native', 'build', 'seccam-trace');
  return spawn(tracer, ['--fd', '3', '--', program, String(threads)], {
    stdio: [standardInput, 'pipe', 'ignore', openSync('/dev/null', 'w')],
  });
}

async function until(child: ChildProcess, pattern: RegExp, seen: { text: string }): Promise<RegExpExecArray> {
  for (;;) {
    const found = pattern.exec(seen.text);
    if (found !== null) return found;
    if (child.stdout!.readableEnded) throw new Error(`the program is gone: ${seen.text}`);
    await pause(2);
  }
}

/** Runs the program, kills `times` tracers of it one after the other, and ends it. */
async function round(
  times: number,
): Promise<{ calls: number; failed: number; other: number; bursts: number; longest: number }> {
  const child = start();
  const seen = { text: '' };
  child.stdout!.on('data', (data: Buffer) => {
    seen.text += String(data);
  });
  const pid = Number((await until(child, /pid=(\d+)/, seen))[1]);
  const dead = new Set<number>();
  for (let n = 0; n < times; n++) {
    const tracer = await tracerOf(pid, dead).catch((error: Error) => {
      throw new Error(`after ${n} kills: ${error.message}`);
    });
    await pause(5 + Math.random() * 20);
    process.kill(tracer, 'SIGKILL');
    dead.add(tracer);
  }
  await tracerOf(pid, dead);
  writeSync(standardInput, 'x');
  const [, calls, failed, other, bursts, longest] = (
    await until(child, /calls=(\d+) failed=(\d+) other=(\d+) bursts=(\d+) longest_us=(\d+)/, seen)
  ).map(Number) as [number, number, number, number, number, number];
  return { calls, failed, other, bursts, longest };
}

try {
  const chain = await round(kills);
  console.log(
    `one program, ${threads} threads, ${kills} kills: alive; of ${chain.calls} calls ${chain.failed} failed with ENOSYS and ${chain.other} otherwise, in ${chain.bursts} bursts, the longest ${chain.longest} µs`,
  );
  const rounds: Awaited<ReturnType<typeof round>>[] = [];
  for (let n = 0; n < fresh; n++) rounds.push(await round(1));
  const total = (name: 'calls' | 'failed' | 'other') => rounds.reduce((sum, item) => sum + item[name], 0);
  const sorted = rounds.map((item) => item.longest).sort((a, b) => a - b);
  if (fresh > 0)
    console.log(
      `${fresh} programs whose tracer is killed once: all alive; of ${total('calls')} calls ${total('failed')} failed with ENOSYS and ${total('other')} otherwise; ` +
        `without a failure ${rounds.filter((item) => item.failed === 0).length}; gap median ${sorted[fresh >> 1]} µs, longest ${sorted.at(-1)} µs`,
    );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
