/**
 * Deterministic workloads of real programs. Each is prepared afresh in the same folder before every run,
 * so that two runs make the same calls but for random names, which `normalise` folds.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Workload } from './strace.js';

const programs = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'fixtures', 'programs');

export interface WorkloadRow {
  readonly name: string;
  /** Threads race for descriptor numbers: only whether a descriptor came is compared. */
  readonly racingDescriptors?: boolean;
  /** How often these come depends on time alone: only whether they come is compared. */
  readonly timely?: RegExp;
  /** Programs without which it cannot be run. */
  readonly needs?: readonly string[];
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
    // Only one of two jobs that run at once has the standard input; the other has a pipe.
    timely: /^dup dup2\(file=pipe /,
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
    name: 'npm ci from a cache, offline',
    racingDescriptors: true,
    prepare(folder) {
      const env = {
        ...plain,
        npm_config_cache: join(folder, 'cache'),
        npm_config_offline: 'true',
        npm_config_update_notifier: 'false',
        npm_config_audit: 'false',
        npm_config_fund: 'false',
        npm_config_loglevel: 'silent',
        npm_config_maxsockets: '1',
        UV_THREADPOOL_SIZE: '1',
      };
      const project = join(folder, 'project');
      mkdirSync(project);
      const names = ['first', 'second', 'third'];
      const packages: Record<string, unknown> = {};
      for (const name of names) {
        mkdirSync(join(folder, 'made', name, 'package', 'bin'), { recursive: true });
        const manifest = {
          name,
          version: '1.0.0',
          bin: { [name]: 'bin/run.js' },
          scripts: { postinstall: 'cat package.json >installed' },
        };
        writeFileSync(join(folder, 'made', name, 'package', 'package.json'), JSON.stringify(manifest));
        writeFileSync(join(folder, 'made', name, 'package', 'bin', 'run.js'), '#!/usr/bin/env node\n');
        const archive = join(folder, 'made', `${name}.tgz`);
        execFileSync(
          'tar',
          [
            '--sort=name',
            '--mtime=@0',
            '-I',
            'gzip -n',
            '-cf',
            archive,
            '-C',
            join(folder, 'made', name),
            'package',
          ],
          quiet,
        );
        packages[`node_modules/${name}`] = {
          version: '1.0.0',
          resolved: `https://registry.npmjs.org/${name}/-/${name}-1.0.0.tgz`,
          integrity: `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`,
          hasInstallScript: true,
          bin: { [name]: 'bin/run.js' },
        };
      }
      execFileSync('npm', ['cache', 'add', ...names.map((name) => join(folder, 'made', `${name}.tgz`))], {
        env,
        cwd: folder,
        ...quiet,
      });
      const dependencies = Object.fromEntries(names.map((name) => [name, '1.0.0']));
      const root = { name: 'project', version: '1.0.0', dependencies };
      writeFileSync(join(project, 'package.json'), JSON.stringify(root));
      writeFileSync(
        join(project, 'package-lock.json'),
        JSON.stringify({
          name: 'project',
          version: '1.0.0',
          lockfileVersion: 3,
          requires: true,
          packages: { '': root, ...packages },
        }),
      );
      return { command: ['npm', 'ci'], cwd: project, env };
    },
  },
  {
    name: 'redis-benchmark against redis',
    needs: ['redis-server', 'redis-benchmark', 'redis-cli'],
    // How many connections wait when the server looks; a look at its own memory in every tick.
    timely: /^accept .*EAGAIN|\/proc\/N\/(?:stat|smaps) /,
    racingDescriptors: true,
    prepare(folder) {
      const script = `
        exec 3< <(redis-server --port ${freePort()} --bind 127.0.0.1 --save 60 1 --appendonly yes --appendfsync no --dir ${folder} --hz 1 --dynamic-hz no)
        while read -r line <&3; do case $line in *'eady to accept connections tcp'*|*'eady to accept connections') break;; esac; done
        redis-benchmark -q -p ${freePort()} -c 5 -n 2000 -t set,get,lpush,mset >benchmark
        redis-cli -p ${freePort()} eval 'return redis.call("incr", KEYS[1])' 1 counter
        redis-cli -p ${freePort()} save
        redis-cli -p ${freePort()} shutdown nosave
        cat <&3 >/dev/null; wait`;
      writeFileSync(join(folder, 'script.sh'), script);
      return { command: ['bash', 'script.sh'], cwd: folder };
    },
  },
  {
    name: 'pgbench against PostgreSQL',
    needs: ['initdb', 'postgres', 'pgbench', 'psql', 'setpriv'],
    racingDescriptors: true,
    // Processes wake each other when they have to wait; who is the first to need a file of the log or a map of free space opens it.
    timely: /^signal kill|pg_wal\/0{7}|\/base\/\d+\/\d+_(?:vm|fsm) /,
    prepare(folder) {
      const user = process.getuid?.() === 0 ? 'setpriv --reuid=65534 --regid=65534 --clear-groups ' : '';
      const data = join(folder, 'data');
      const run = (command: string): unknown =>
        execFileSync('sh', ['-c', command], { env: { ...plain, HOME: folder }, cwd: folder, ...quiet });
      if (user !== '') chownSync(folder, 65534, 65534);
      chmodSync(folder, 0o755);
      run(`${user}initdb -D ${data} -A trust -U bench --no-sync --locale=C.UTF-8`);
      const settings = [
        'autovacuum=off',
        'max_parallel_workers=0',
        'bgwriter_lru_maxpages=0',
        'checkpoint_timeout=1h',
        'fsync=off',
        'jit=off',
        'max_worker_processes=0',
        'max_logical_replication_workers=0',
        'track_activities=off',
        `port=${freePort()}`,
        "listen_addresses='127.0.0.1'",
        `unix_socket_directories='${folder}'`,
        'logging_collector=off',
      ];
      const options = settings.map((item) => `-c ${item}`).join(' ');
      const at = `-h ${folder} -p ${freePort()} -U bench`;
      const script = `
        exec 3< <(${user}postgres -D ${data} ${options} 2>&1)
        while read -r line <&3; do case $line in *'ready to accept connections') break;; esac; done
        ${user}pgbench -q -i -s 1 ${at} postgres 2>/dev/null >&2
        ${user}pgbench -n -h 127.0.0.1 -p ${freePort()} -U bench -c 4 -j 1 -t 25 postgres 2>/dev/null | grep processed
        ${user}pgbench -n -S ${at} -c 2 -j 1 -t 50 postgres 2>/dev/null | grep processed
        ${user}psql ${at} -Atc 'select count(*) from pgbench_history; copy pgbench_tellers to program $$cat >/dev/null$$' postgres
        read -r pid <${data}/postmaster.pid; kill -TERM $pid
        cat <&3 >/dev/null; wait`;
      writeFileSync(join(folder, 'script.sh'), script);
      return { command: ['bash', 'script.sh'], cwd: folder, env: { ...plain, HOME: folder } };
    },
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

/** A port that was free a moment ago: the same in both runs. */
let port: number | undefined;
function freePort(): number {
  if (port === undefined) {
    const script =
      "const s=require('net').createServer();s.listen(0,'127.0.0.1',()=>{console.log(s.address().port);s.close()})";
    port = Number(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8', env: plain }));
  }
  return port;
}

/** Programs that the workload needs and that are not here. */
export function lacking(row: WorkloadRow): string[] {
  return (row.needs ?? []).filter((name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0);
}

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
    .replace(/(\.git\/t)[A-Za-z0-9]{6}(?=[ )])/g, '$1?')
    .replace(/\/proc\/\d+(?:\/task\/\d+)?/g, '/proc/N')
    .replace(/\d{4}-\d\d-\d\dT[\d_]+Z?/g, 'DATE')
    .replace(/(temp-(?:rewriteaof-)?)\d+/g, '$1N')
    .replace(/(PostgreSQL|xlogtemp|pg_internal\.init)\.\d+/g, '$1.N')
    .replace(/\/GM[A-Za-z0-9]{6}/g, '/GM?');
}

export function multiset(row: WorkloadRow, lines: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of lines) {
    const folded = normalise(line);
    const key =
      row.racingDescriptors && /^(?:open|accept|socket) /.test(folded)
        ? folded.replace(/ = \d+$/, ' = fd')
        : folded;
    counts.set(key, row.timely?.test(key) ? 1 : (counts.get(key) ?? 0) + 1);
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
