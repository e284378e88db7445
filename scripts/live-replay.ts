/**
 * Live equals replay under load, field by field: `npx tsx scripts/live-replay.ts build|servers [SECONDS] [RATE]`.
 *
 * A workload runs under the tracer with the scanner of /proc, hashes and packages; its stream is decided
 * as it comes, by rules with variables, limits and lists, and kept in a file. Then the file is replayed.
 * Every event gives a hash over its own fields and those of its process, parent and target, one of RATE
 * (default 50) over all fields of all ancestors; every detection gives its line. The two lists must be equal.
 * Wants to be root: `build` runs in a chroot on an overlay of this system, which stays as it is.
 */
import { createHash } from 'node:crypto';
import { createWriteStream, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Event } from '../src/catalogue/event.js';
import { allFields } from '../src/catalogue/fields.js';
import { replay } from '../src/pipeline/index.js';
import { detectionLine } from '../src/pipeline/line.js';
import { Stream } from '../src/pipeline/stream.js';
import { createModel, type Detection, Engine, loadPolicies } from '../src/rules/index.js';
import { StringTable } from '../src/support/strings.js';
import { spawnTracer } from '../src/tracer/index.js';

const [workload = 'build', seconds = '300', rate = '50'] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'seccam-live-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const policy = `
rules:
  - id: counts_opens
    expression: open.file.path =~ "/**" && open.flags & O_CREAT > 0
    actions:
      - set: {name: created, value: 1, append: false, scope: process}
      - set: {name: names, field: open.file.name, append: true, size: 64, ttl: 20s}
  - id: reads_what_was_created
    expression: open.file.name in \${names} && open.flags & O_CREAT == 0
    every: 1s
  - id: runs_something
    expression: exec.file.path != "" && process.ancestors.file.name in ["sh", "dash", "bash"]
    limiter_token: [process.file.name]
    every: 500ms
  - id: hashed
    expression: exec.file.hashes != "" && exec.file.package.name in ["coreutils", "dash"]
    every: 2s
  - id: found_by_the_scanner
    expression: exec.file.path != "" && event.async
  - id: ended_badly
    expression: exit.code > 0 && exit.cause in [SIGNALED, EXITED]
    every: 1s
  - id: connects
    expression: connect.addr.ip in [127.0.0.0/8] || connect.addr.family == AF_UNIX
    every: 1s
`;

const build = `
set -e
mount --make-rprivate /
mount -t tmpfs none ${folder}/layers; cd ${folder}/layers; mkdir upper work merged
mount -t overlay none -o lowerdir=/,upperdir=$PWD/upper,workdir=$PWD/work merged
mount -t proc proc merged/proc; mount --bind /dev merged/dev; mount -t tmpfs none merged/tmp
cat > merged/tmp/work.sh <<'END'
end=$(( $(date +%s) + ${seconds} ))
n=0
while [ $(date +%s) -lt $end ]; do
  n=$((n + 1)); rm -rf /tmp/b; mkdir -p /tmp/b/pkg/DEBIAN /tmp/b/pkg/usr/bin; cd /tmp/b
  for i in 1 2 3 4 5 6; do printf '#include <stdio.h>\\nint f%d(int x) { return printf("%%d", x + %d); }\\n' $i $n > f$i.c; done
  printf 'int f1(int); int main(void) { return f1(1) < 0; }\\n' > main.c
  for c in *.c; do gcc -O1 -c $c; done
  gcc -o pkg/usr/bin/seccam-trial *.o
  printf 'Package: seccam-trial\\nVersion: 1.%d\\nArchitecture: all\\nMaintainer: nobody <n@example.org>\\nDescription: trial\\n' $n > pkg/DEBIAN/control
  dpkg-deb --build pkg trial.deb > /dev/null 2>&1
  dpkg --install trial.deb > /dev/null 2>&1
  seccam-trial > /dev/null
  dpkg --purge seccam-trial > /dev/null 2>&1
  tar cf - /tmp/b | gzip -1 > /tmp/b.tgz
done
echo "$n builds, packages made, installed and removed"
END
exec chroot merged sh /tmp/work.sh
`;

const user = 'setpriv --reuid=postgres --regid=postgres --clear-groups';
const servers = `
cd ${folder}
mkdir data run; chown postgres data run; chmod 755 ${folder}
${user} initdb -D data -A trust > /dev/null
${user} postgres -D data -k ${folder}/run -h '' > /dev/null 2>&1 &
postgres=$!
redis-server --port 0 --unixsocket ${folder}/run/redis.sock --dir ${folder} --save '30 1' --appendonly yes > /dev/null &
redis=$!
for n in $(seq 100); do psql -h ${folder}/run -U postgres -c 'select 1' > /dev/null 2>&1 && break; sleep 0.2; done
pgbench -h ${folder}/run -U postgres -i -s 1 postgres > /dev/null 2>&1
end=$(( $(date +%s) + ${seconds} ))
while [ $(date +%s) -lt $end ]; do
  pgbench -h ${folder}/run -U postgres -n -C -c 2 -T 5 postgres > /dev/null 2>&1
  redis-benchmark -s ${folder}/run/redis.sock -q -n 5000 -c 20 -t set,get,lpush,incr > /dev/null
  psql -h ${folder}/run -U postgres -Atc 'select count(*) from pgbench_history' postgres > /dev/null
  redis-cli -s ${folder}/run/redis.sock bgrewriteaof > /dev/null
done
psql -h ${folder}/run -U postgres -Atc 'select count(*) from pgbench_history' postgres
kill $redis $postgres; wait
`;

/** What one pass over the stream gives: a digest of each event, and each detection as its line. */
class Pass {
  readonly strings = new StringTable();
  readonly model = createModel(this.strings);
  readonly engine: Engine;
  readonly digests: string[] = [];
  readonly detections: string[] = [];
  events = 0;
  async = 0;
  values = 0;
  readonly #fields = new Map<string, { near: string[]; all: string[] }>();

  constructor() {
    const { rules, diagnostics } = loadPolicies([{ file: 'live.policy', text: policy }], {
      strings: this.strings,
    });
    const errors = diagnostics.filter((item) => item.severity === 'error');
    if (errors.length > 0) throw new Error(errors.map((item) => item.message).join('\n'));
    this.engine = new Engine(rules);
    this.model = rules.model;
  }

  see(event: Event, shown: boolean): void {
    this.events += 1;
    if ((event.flags & 8) !== 0) this.async += 1;
    const fields = this.#of(event.type);
    const names = event.seq % Number(rate) === 0 ? fields.all : fields.near;
    this.values += names.length;
    const text = JSON.stringify(
      names.map((name) => this.model.read(name, event)),
      (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value),
    );
    this.digests.push(
      `${event.seq} ${event.type} ${shown} ${createHash('md5').update(text).digest('base64')}`,
    );
  }

  detect(detection: Detection, event: Event): void {
    const line = detection.delivered
      ? JSON.stringify(detectionLine(detection, event, this.model), (_key, value: unknown) =>
          typeof value === 'bigint' ? String(value) : value,
        )
      : `${detection.ruleId} ${detection.seq} ${detection.suppressedBy}`;
    this.detections.push(createHash('md5').update(line).digest('base64') + detection.ruleId);
  }

  #of(type: string): { near: string[]; all: string[] } {
    let found = this.#fields.get(type);
    if (found === undefined) {
      const all = allFields
        .filter((field) => field.events === undefined || field.events.includes(type))
        .map((field) => field.name)
        .filter((name) => this.model.unavailable(name) === undefined);
      found = { all, near: all.filter((name) => !name.includes('ancestors.')) };
      this.#fields.set(type, found);
    }
    return found;
  }
}

const began = Date.now();
const path = join(folder, 'stream.seccam');
mkdirSync(join(folder, 'layers'));
const script = join(folder, 'run.sh');
writeFileSync(script, workload === 'build' ? build : servers);
const live = new Pass();
const stream = new Stream('live', {
  strings: live.strings,
  engine: live.engine,
  onEvent: (event, shown) => live.see(event, shown),
  onDetection: (detection, event) => live.detect(detection, event),
});
const tracer = spawnTracer({
  command: workload === 'build' ? ['unshare', '-m', 'sh', script] : ['sh', script],
  content: ['hashes', 'packages'],
  extra: ['--proc-scan-rate', '500ms'],
  ...(process.env['SECCAM_TRACER'] === undefined ? {} : { executable: process.env['SECCAM_TRACER'] }),
});
const file = createWriteStream(path);
for await (const chunk of tracer.stream) {
  file.write(chunk);
  stream.push(chunk as Uint8Array);
}
const { status } = await tracer.finished;
await new Promise<void>((resolve) => file.end(resolve));
const summary = stream.end();
console.log(
  `${workload}: status ${status}, ${summary.events} events of ${summary.processes} processes in ${((Date.now() - began) / 1000).toFixed(0)} s, ${statSync(path).size} bytes, ${live.detections.length} detections, ${live.async} events of the scanner, ${live.values} values read; lost ${summary.lost}, damaged ${summary.damaged}`,
);
console.log(`counters: ${JSON.stringify(Object.fromEntries(summary.counters))}`);

const again = new Pass();
const replayed = await replay([path], {
  strings: again.strings,
  engine: again.engine,
  onEvent: (event, shown) => again.see(event, shown),
  onDetection: (detection, event) => again.detect(detection, event),
});
const unequal = (a: readonly string[], b: readonly string[]): string[] => {
  const found: string[] = [];
  for (let n = 0; n < Math.max(a.length, b.length) && found.length < 5; n++)
    if (a[n] !== b[n]) found.push(`${n}: live ${a[n]}, replay ${b[n]}`);
  return found;
};
const events = unequal(live.digests, again.digests);
const detections = unequal(live.detections, again.detections);
console.log(
  `replay: ${replayed.events} events, ${again.detections.length} detections; unequal events: ${events.length === 0 ? 'none' : events.join('; ')}; unequal detections: ${detections.length === 0 ? 'none' : detections.join('; ')}`,
);
process.exitCode = events.length + detections.length === 0 && live.events > 100 ? 0 : 1;
