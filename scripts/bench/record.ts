/**
 * What recording adds to a program's time, against `strace -f -y --seccomp-bpf` with the same calls, in
 * both placements: `one-cpu` (everything under one taskset) and `free`. Start-up (the same tool on
 * `true`) is taken off and shown beside.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median, spread, table, timed } from './measure.js';

/** Calls that the default set traces, as strace names them: a leading `?` leaves out what the architecture lacks. */
async function tracedCalls(): Promise<string> {
  const { eventRows } = await import('../../src/catalogue/index.js');
  const names = new Set<string>();
  for (const row of eventRows) {
    if (row.preset === 'all') continue;
    for (const call of row.calls) {
      // strace cannot test arguments in its filter: calls that we stop on for some arguments only are left out of its set.
      if (call.when === undefined) names.add(call.name);
    }
  }
  return [...names].map((name) => `?${name}`).join(',');
}

interface Work {
  readonly name: string;
  readonly command: readonly string[];
  readonly cwd: string;
}

function works(folder: string): Work[] {
  const repository = join(folder, 'repository');
  mkdirSync(repository);
  for (let i = 0; i < 200; i++) {
    mkdirSync(join(repository, `d${i % 20}`), { recursive: true });
    writeFileSync(join(repository, `d${i % 20}`, `f${i}`), 'x\n'.repeat(i));
  }
  const git = (...args: string[]): void =>
    void execFileSync(
      'git',
      ['-C', repository, '-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args],
      { stdio: 'ignore' },
    );
  git('init', '-q');
  git('add', '.');
  git('commit', '-qm', 'begin');
  writeFileSync(join(folder, 'unit.c'), '#include <stdio.h>\nint main(void) { return puts("unit") < 0; }\n');
  const loop = (count: number, what: string): string[] => [
    'sh',
    '-c',
    `i=0; while [ $i -lt ${count} ]; do ${what}; i=$((i+1)); done`,
  ];
  return [
    { name: 'git status ×30', command: loop(30, 'git status > /dev/null'), cwd: repository },
    { name: 'gcc ×20', command: loop(20, 'gcc -c -o unit.o unit.c'), cwd: folder },
    { name: 'sh fork+exec ×400', command: loop(400, '/bin/true'), cwd: folder },
    { name: 'tar ×20', command: loop(20, 'tar cf /dev/null repository'), cwd: folder },
    { name: 'node start ×10', command: loop(10, 'node -e 0'), cwd: folder },
  ];
}

export async function run(rounds: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'seccam-bench-'));
  const seccam = [
    'node',
    join(import.meta.dirname, '..', '..', 'bin', 'seccam.js'),
    'record',
    '--quiet',
    '--force',
    '-o',
    join(folder, 'out.seccam'),
    '--',
  ];
  const strace = [
    'strace',
    '-f',
    '-y',
    '--seccomp-bpf',
    '-qqq',
    '-o',
    join(folder, 'out.strace'),
    '-e',
    'signal=none',
    '-e',
    `trace=${await tracedCalls()}`,
    '--',
  ];
  try {
    for (const placement of ['one-cpu', 'free'] as const) {
      const pin = placement === 'one-cpu' ? ['taskset', '-c', '0'] : [];
      const rows: string[][] = [];
      const startUp = { seccam: [] as number[], strace: [] as number[], plain: [] as number[] };
      for (let round = 0; round < rounds; round++) {
        startUp.plain.push(timed([...pin, 'true'], { cwd: folder }).wall);
        startUp.strace.push(timed([...pin, ...strace, 'true'], { cwd: folder }).wall);
        startUp.seccam.push(timed([...pin, ...seccam, 'true'], { cwd: folder }).wall);
      }
      const base = {
        seccam: median(startUp.seccam) - median(startUp.plain),
        strace: median(startUp.strace) - median(startUp.plain),
      };
      for (const work of works(mkdtempSync(join(folder, 'w-')))) {
        const times = { plain: [] as number[], strace: [] as number[], seccam: [] as number[] };
        timed([...pin, ...work.command], work);
        for (let round = 0; round < rounds; round++) {
          times.plain.push(timed([...pin, ...work.command], work).wall);
          times.strace.push(timed([...pin, ...strace, ...work.command], work).wall);
          times.seccam.push(timed([...pin, ...seccam, ...work.command], work).wall);
        }
        const added = (times_: readonly number[], start: number): number =>
          median(times_) - median(times.plain) - start;
        const ours = added(times.seccam, base.seccam);
        const theirs = added(times.strace, base.strace);
        rows.push([
          work.name,
          spread(times.plain, 1e3, 0),
          spread(times.strace, 1e3, 0),
          spread(times.seccam, 1e3, 0),
          (theirs * 1e3).toFixed(0),
          (ours * 1e3).toFixed(0),
          (ours / theirs).toFixed(2),
        ]);
      }
      console.log(
        `\n${placement}: ${rounds} interleaved rounds, ms: median (least–most); start-up taken off the added time: strace ${(base.strace * 1e3).toFixed(0)}, seccam ${(base.seccam * 1e3).toFixed(0)}`,
      );
      table(['work', 'untraced', 'strace', 'seccam record', 'strace adds', 'seccam adds', 'ratio'], rows);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
