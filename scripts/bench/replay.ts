/**
 * CPU time of replay per event, over a recording of real programs: decoding alone, with the probe, and
 * with 1, 25, 100 and 1,000 rules. Cold: a fresh table of strings, as one `seccam replay` has it. Warm:
 * the strings and their predicates are known, as in an agent that has been running.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Stream } from '../../src/pipeline/index.js';
import { StreamReader } from '../../src/recording/index.js';
import { Engine, loadPolicies } from '../../src/rules/index.js';
import { StringTable } from '../../src/support/strings.js';
import { median, spread, table } from './measure.js';
import { policyOf } from './rules.js';

const tracer = new URL('../../native/build/seccam-trace', import.meta.url).pathname;
/** Events that the recording is to have; SECCAM_BENCH_EVENTS says otherwise. */
const wanted = Number(process.env['SECCAM_BENCH_EVENTS'] ?? 1_000_000);

/** One round of the recorded work: compiling, shells with short programs, a search through many files. */
const work = `
set -e
i=0
while [ $i -lt "$1" ]; do
  for n in 1 2 3 4 5 6 7 8 9 10; do
    printf '#include <stdio.h>\\n#include <stdlib.h>\\n#include <pthread.h>\\nint f%s(void) { return %s; }\\n' $n $i > f$n.c
    cc -c -o f$n.o f$n.c
  done
  for n in 1 2 3 4 5 6 7 8 9 10; do
    sh -c 'ls /usr/lib > out; wc -l < out > count; id > /dev/null; cat /etc/passwd | sort | head -3 > /dev/null'
  done
  find /usr/include /etc -type d > /dev/null
  grep -r no-such-text /usr/include/linux > /dev/null || true
  i=$((i + 1))
done
`;

/** Records until there are enough events; gives the bytes and how many events they hold. */
function realRecording(folder: string): Buffer {
  const kept = process.env['SECCAM_BENCH_RECORDING'];
  if (kept !== undefined && existsSync(kept)) return readFileSync(kept);
  const path = kept ?? join(folder, 'work.seccam');
  const record = (rounds: number): number => {
    const run = spawnSync(tracer, ['-o', path, '--force', '--', 'sh', '-c', work, 'work', String(rounds)], {
      cwd: folder,
      encoding: 'utf8',
    });
    if (run.error !== undefined || run.status !== 0)
      throw new Error(`recording failed: ${run.error?.message ?? run.stderr}`);
    return countEvents(readFileSync(path));
  };
  const one = record(1);
  const rounds = Math.ceil(wanted / one);
  console.log(`recording ${rounds} rounds of real work, ${one} events each`);
  record(rounds);
  return readFileSync(path);
}

function countEvents(bytes: Buffer): number {
  const stream = new Stream('count');
  stream.push(bytes);
  return stream.end().events;
}

/** CPU ns of this process. */
function cpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

interface Way {
  readonly name: string;
  /** Makes ready, outside of what is measured; what it gives is measured and returns how many detections there were. */
  prepare(): () => number;
}

const chunk = 1 << 20;

function pushAll(bytes: Buffer, push: (part: Buffer) => void): void {
  for (let at = 0; at < bytes.length; at += chunk) push(bytes.subarray(at, at + chunk));
}

function ways(bytes: Buffer): Way[] {
  const replayed = (strings: StringTable, engine: Engine | undefined): number => {
    const stream = new Stream('bench', { strings, engine });
    pushAll(bytes, (part) => stream.push(part));
    return stream.end().detections;
  };
  const engineOf = (strings: StringTable, count: number): Engine => {
    const { rules, diagnostics } = loadPolicies([{ file: 'bench.policy', text: policyOf(count) }], {
      strings,
    });
    const error = diagnostics.find((item) => item.severity === 'error');
    if (error !== undefined || rules.rules.length !== count)
      throw new Error(`the rules of the bench do not load: ${error?.message}`);
    return new Engine(rules);
  };
  const decode: Way = {
    name: 'decode',
    prepare: () => () => {
      const reader = new StreamReader();
      const sink = { event: () => {}, record: () => {}, diagnostic: () => {} };
      pushAll(bytes, (part) => reader.push(part, sink));
      return 0;
    },
  };
  const probe: Way = { name: 'decode, probe', prepare: () => () => replayed(new StringTable(), undefined) };
  return [
    decode,
    probe,
    ...[1, 25, 100, 1000].flatMap((count): Way[] => {
      const warmStrings = new StringTable();
      const warmEngine = engineOf(warmStrings, count);
      return [
        {
          name: `${count} rules, cold`,
          prepare: () => {
            const strings = new StringTable();
            const engine = engineOf(strings, count);
            return () => replayed(strings, engine);
          },
        },
        {
          name: `${count} rules, warm`,
          prepare: () => {
            replayed(warmStrings, warmEngine);
            return () => replayed(warmStrings, warmEngine);
          },
        },
      ];
    }),
  ];
}

export async function run(rounds: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'seccam-bench-'));
  try {
    const bytes = realRecording(folder);
    const events = countEvents(bytes);
    const kept = process.env['SECCAM_BENCH_RECORDING'];
    console.log(
      `${events.toLocaleString('en')} events, ${(bytes.length / events).toFixed(0)} bytes each${kept === undefined ? '' : `, ${kept} (${statSync(kept).mtime.toISOString()})`}`,
    );
    const all = ways(bytes);
    const times = new Map<string, number[]>(all.map((way) => [way.name, []]));
    const detections = new Map<string, number>();
    for (let round = 0; round < rounds; round++) {
      for (const way of all) {
        const measured = way.prepare();
        globalThis.gc?.();
        const before = cpu();
        detections.set(way.name, measured());
        times.get(way.name)!.push((cpu() - before) / events);
      }
    }
    table(
      ['', 'CPU ns/event (median, range)', 'events per CPU second', 'detections'],
      all.map(({ name }) => {
        const ns = times.get(name)!;
        return [name, spread(ns, 1, 0), `${(1e3 / median(ns)).toFixed(2)} M`, String(detections.get(name))];
      }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
