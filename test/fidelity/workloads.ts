/**
 * Deterministic workloads of real programs. Each is prepared afresh in the same folder before every run,
 * so that two runs make the same calls but for random names, which `normalise` folds.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Workload } from './strace.js';

const programs = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'fixtures', 'programs');

export interface WorkloadRow {
  readonly name: string;
  /** Threads race for descriptor numbers: only whether a descriptor came is compared. */
  readonly racingDescriptors?: boolean;
  /** Lays out what the workload needs in an empty folder and gives the command. */
  prepare(folder: string): Workload & { readonly env?: NodeJS.ProcessEnv };
}

/** The environment of workloads: nothing of the test runner's, whose preloaded modules would be part of every node. */
const plain = { PATH: process.env['PATH'], HOME: process.env['HOME'] ?? '/', LANG: 'C.UTF-8' };
const quiet = { stdio: 'ignore' } as const;
const git = {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_DATE: '2026-01-01T00:00:00Z',
  GIT_COMMITTER_DATE: '2026-01-01T00:00:00Z',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@example.org',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@example.org',
};

export const workloads: readonly WorkloadRow[] = [
  {
    name: 'git clone of a local repository',
    prepare(folder) {
      const origin = join(folder, 'origin');
      mkdirSync(origin);
      const env = { ...plain, ...git };
      execFileSync('git', ['init', '-q', '-b', 'main', origin], { env, ...quiet });
      for (let i = 0; i < 12; i++) {
        mkdirSync(join(origin, `d${i % 3}`), { recursive: true });
        writeFileSync(join(origin, `d${i % 3}`, `file${i}`), `${i}\n`.repeat(i + 1));
      }
      execFileSync('git', ['-C', origin, 'add', '.'], { env, ...quiet });
      execFileSync('git', ['-C', origin, 'commit', '-qm', 'begin'], { env, ...quiet });
      return {
        command: ['git', 'clone', '-q', '--no-local', origin, join(folder, 'clone')],
        cwd: folder,
        env: { ...env, GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'pack.threads', GIT_CONFIG_VALUE_0: '1' },
      };
    },
  },
  {
    name: 'gcc build of ten files with make -j2',
    prepare(folder) {
      const names = Array.from({ length: 10 }, (_, i) => `unit${i}`);
      for (const name of names)
        writeFileSync(
          join(folder, `${name}.c`),
          `#include <stdio.h>\nint ${name}(void) { return printf("${name}\\n"); }\n`,
        );
      writeFileSync(join(folder, 'main.c'), 'int unit0(void);\nint main(void) { return unit0() < 0; }\n');
      const objects = [...names, 'main'].map((name) => `${name}.o`).join(' ');
      writeFileSync(
        join(folder, 'Makefile'),
        `program: ${objects}\n\tgcc -o $@ ${objects}\n%.o: %.c\n\tgcc -O1 -c -o $@ $<\n`,
      );
      return { command: ['make', '-s', '-j2'], cwd: folder };
    },
  },
  {
    name: 'shell pipeline with redirections and background jobs',
    prepare(folder) {
      const script = `
        echo one two three | tr ' ' '\\n' | sort > sorted
        cat < sorted > copy 2>> errors & wait
        ls /nonexistent 2> missing || true
        (mkdir -p a/b/c; cd a/b; touch c/x; mv c/x ../y; rm ../y; rmdir c)
        cat sorted copy | wc -l >> count & cat sorted > /dev/null & wait
        ln sorted hard; ln -s sorted soft; cat soft; rm hard soft; cat nothing 2>/dev/null
        exec ./missing-program`;
      writeFileSync(join(folder, 'script.sh'), script);
      return { command: ['sh', 'script.sh'], cwd: folder };
    },
  },
  {
    name: 'npm --version',
    racingDescriptors: true,
    prepare: (folder) => ({
      command: ['npm', '--version'],
      cwd: folder,
      env: { ...plain, npm_config_cache: join(folder, 'cache'), npm_config_update_notifier: 'false' },
    }),
  },
  {
    name: 'eight threads that open, rename and unlink',
    racingDescriptors: true,
    prepare(folder) {
      execFileSync(
        'cc',
        ['-pthread', '-o', join(folder, 'threads'), join(programs, 'threads-files.c')],
        quiet,
      );
      return { command: ['./threads', '8', '50'], cwd: folder };
    },
  },
  {
    name: 'tar and cp -a of a tree',
    prepare(folder) {
      for (let i = 0; i < 30; i++) {
        mkdirSync(join(folder, 'tree', `d${i % 5}`), { recursive: true });
        writeFileSync(join(folder, 'tree', `d${i % 5}`, `f${i}`), 'x'.repeat(i * 100));
      }
      return {
        command: [
          'sh',
          '-c',
          'tar cf t.tar tree && mkdir out && tar xf t.tar -C out && cp -a out copy && rm -r out',
        ],
        cwd: folder,
      };
    },
  },
  {
    name: 'connections: refused, Unix sockets that are missing, IPv6',
    prepare(folder) {
      const script = `bash -c 'exec 3<>/dev/tcp/127.0.0.1/1' 2>/dev/null; bash -c 'exec 3<>/dev/udp/127.0.0.1/9'; bash -c 'exec 3<>/dev/tcp/::1/1' 2>/dev/null; getent passwd nobody-of-that-name; true`;
      writeFileSync(join(folder, 'script.sh'), script);
      return { command: ['sh', 'script.sh'], cwd: folder };
    },
  },
];

export function fresh(folder: string, row: WorkloadRow): Workload {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { command, cwd, env = plain } = row.prepare(folder);
  // `env -i`: a test runner puts itself into the environment of every child that it sees.
  const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return { command: ['env', '-i', ...settings, ...command], cwd };
}

/** Folds what differs between any two runs: random suffixes of temporary files, pids in paths, dates of logs. */
export function normalise(line: string): string {
  return line
    .replace(/\/cc[A-Za-z0-9]{6}\b/g, '/cc?')
    .replace(/(tmp_(?:obj|pack|idx|rev)_)[A-Za-z0-9]{6}/g, '$1?')
    .replace(/(\.git\/t)[A-Za-z0-9]{6}(?= =)/g, '$1?')
    .replace(/\/proc\/\d+(?:\/task\/\d+)?/g, '/proc/N')
    .replace(/\d{4}-\d\d-\d\dT[\d_]+Z?/g, 'DATE')
    .replace(/\/GM[A-Za-z0-9]{6}/g, '/GM?');
}

export function multiset(row: WorkloadRow, lines: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of lines) {
    const folded = normalise(line);
    const key =
      row.racingDescriptors && folded.startsWith('open ') ? folded.replace(/ = \d+$/, ' = fd') : folded;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** Lines whose counts differ, as `line: a × / b ×`, sorted. */
export function differences(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): string[] {
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((key) => (a.get(key) ?? 0) !== (b.get(key) ?? 0))
    .map((key) => `${key}: ${a.get(key) ?? 0} × / ${b.get(key) ?? 0} ×`)
    .sort();
}
