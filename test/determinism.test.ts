/**
 * One recording, one answer: every committed recording replayed a hundred times gives one hash over all
 * fields of all events, and what the live pipeline sees of a program equals the replay of the stream
 * that it saw, field by field.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { fieldsOfEvent } from '../src/catalogue/index.js';
import { goldens, layOut } from '../scripts/golden.js';
import { Stream } from '../src/pipeline/index.js';
import { detectionLine } from '../src/pipeline/line.js';
import { createModel, Engine, loadPolicies } from '../src/rules/index.js';
import { StringTable } from '../src/support/strings.js';
import { spawnTracer } from '../src/tracer/index.js';

const root = join(import.meta.dirname, '..');

function recordingsUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? recordingsUnder(path) : path.endsWith('.seccam') ? [path] : [];
    })
    .sort();
}

const asText = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner));

/** Takes chunks of a stream; one line of text for each event with everything that a rule can ask for, and for each detection. */
class Reader {
  readonly lines: string[] = [];
  /** Ids of rules that were delivered, and those that a limit or another reason kept back. */
  readonly delivered = new Set<string>();
  readonly keptBack = new Set<string>();
  /** Types of events, with a mark where the scanner told of them. */
  readonly types = new Set<string>();
  readonly #stream: Stream;

  constructor(policy?: string) {
    const strings = new StringTable();
    const loaded =
      policy === undefined ? undefined : loadPolicies([{ file: 'live.policy', text: policy }], { strings });
    const errors = loaded?.diagnostics.filter((item) => item.severity === 'error') ?? [];
    if (errors.length > 0) throw new Error(errors.map((item) => item.message).join('\n'));
    const model = loaded?.rules.model ?? createModel(strings);
    const readable = new Map<string, readonly string[]>();
    this.#stream = new Stream('determinism', {
      strings,
      ...(loaded === undefined ? {} : { engine: new Engine(loaded.rules) }),
      onDetection: (detection, event) => {
        (detection.delivered ? this.delivered : this.keptBack).add(detection.ruleId);
        const told = detection.delivered ? detectionLine(detection, event, model) : detection.suppressedBy;
        this.lines.push(`${detection.ruleId} ${detection.seq} ${asText(told)}`);
      },
      onEvent: (event, shown) => {
        let names = readable.get(event.type);
        if (names === undefined) {
          names = fieldsOfEvent(event.type)
            .map((field) => field.name)
            .filter((field) => model.unavailable(field) === undefined);
          readable.set(event.type, names);
        }
        const values = names.map((name) => model.read(name, event));
        this.types.add(
          model.read('event.async', event) === true ? `${event.type} of the scanner` : event.type,
        );
        this.lines.push(`${event.seq} ${event.type} ${event.timestamp()} ${shown} ${asText(values)}`);
      },
    });
  }

  push(chunk: Uint8Array): void {
    this.#stream.push(chunk);
  }

  end(): string[] {
    this.#stream.end();
    return this.lines;
  }
}

function replayed(bytes: Uint8Array, chunk = bytes.length, policy?: string): string[] {
  const reader = new Reader(policy);
  for (let at = 0; at < bytes.length; at += chunk) reader.push(bytes.subarray(at, at + chunk));
  return reader.end();
}

const hash = (lines: readonly string[]): string =>
  createHash('sha256').update(lines.join('\n')).digest('hex');

t.test('a recording replayed again and again has one hash', async (t) => {
  const paths = ['recordings', 'fixtures/project/recordings'].flatMap((folder) =>
    recordingsUnder(join(root, folder)),
  );
  t.ok(paths.length >= 10, `${paths.length} recordings`);
  for (const path of paths) {
    const bytes = readFileSync(path);
    // What costs more is replayed less often, in other chunks each time.
    const times = bytes.length < 12_000 ? 100 : 10;
    const hashes = new Set<string>();
    let events = 0;
    for (let n = 0; n < times; n++) {
      const lines = replayed(bytes, n % 2 === 0 ? bytes.length : 1 + n * 37);
      events = lines.length;
      hashes.add(hash(lines));
    }
    t.equal(hashes.size, 1, `${path.slice(root.length + 1)}: ${events} events, ${times} times`);
    t.ok(events > 0, 'and there is something to see');
  }
});

t.test('live equals replay, field by field', async (t) => {
  const programs: Readonly<Record<string, readonly string[]>> = {
    'a shell with background jobs': [
      'sh',
      '-c',
      'ls /etc | wc -l > /dev/null; cat /etc/passwd > /dev/null; (sleep 0.1; id > /dev/null) & wait',
    ],
    'a loop of children': ['bash', '-c', 'for i in 1 2 3; do ls -l / > /dev/null; done'],
    'changes of identity and root': [
      'python3',
      '-c',
      'import os,tempfile\nd=tempfile.mkdtemp()\nos.chdir(d)\nopen("a","w").write("x")\nos.rename("a","b")\nos.chmod("b",0o600)\nos.unlink("b")\nos.rmdir(d)\nif os.fork()==0:\n os.setsid()\n if os.getuid()==0:\n  os.chroot("/usr"); os.setgid(65534); os.setuid(65534)\n os._exit(3)\nos.wait()',
    ],
  };
  for (const [name, command] of Object.entries(programs)) {
    const reader = new Reader();
    const saved: Uint8Array[] = [];
    const tracer = spawnTracer({ command });
    for await (const chunk of tracer.stream) {
      saved.push(chunk as Uint8Array);
      reader.push(chunk as Uint8Array);
    }
    await tracer.finished;
    const live = reader.end();
    const again = replayed(Buffer.concat(saved));
    t.ok(live.length > 5, `${name}: ${live.length} events`);
    t.strictSame(again, live, name);
  }
});

const policy = `
rules:
  - id: collects
    expression: open.file.path =~ "/**" && open.flags & O_CREAT > 0
    actions:
      - set: {name: created, value: 1, append: false, scope: process, inherited: true}
      - set: {name: names, field: open.file.name, append: true, size: 4, ttl: 20s}
      - set: {name: comms, field: process.comm, append: true, scope: cgroup}
  - id: uses_what_was_collected
    expression: open.file.name in \${names} && open.flags & O_CREAT == 0
  - id: opens_unlimited
    expression: open.file.path =~ "/**"
    every: 0s
  - id: limited
    expression: exec.file.path != "" && process.ancestors.file.name != "no-such-program"
    limiter_token: [process.file.name]
    every: 10s
  - id: hashed
    expression: exec.file.hashes != "" && exec.file.package.name != ""
    every: 1ms
  - id: found_by_the_scanner
    expression: exec.file.path != "" && event.async
    every: 1ms
  - id: ended
    expression: exit.code >= 0
    every: 1ms
`;

t.test('live equals replay for every program that a recording was made of', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'seccam-golden-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  layOut(folder);
  const names = recordingsUnder(join(root, 'recordings')).map((path) =>
    path.slice(root.length + 12, -'.seccam'.length),
  );
  t.strictSame(goldens.map((golden) => golden.name).sort(), names.sort(), 'each recording has its program');
  const delivered = new Set<string>();
  const keptBack = new Set<string>();
  const types = new Set<string>();
  for (const golden of goldens) {
    const reader = new Reader(policy);
    const saved: Uint8Array[] = [];
    const command = golden.prepare(folder);
    const scratch = command.find((word) => word.startsWith('/tmp/seccam-demo-') && !word.endsWith('/nginx'));
    if (scratch !== undefined) t.teardown(() => rmSync(scratch, { recursive: true, force: true }));
    const tracer = spawnTracer({
      command: ['sh', '-c', 'exec "$@" > /dev/null 2>&1', 'sh', ...command],
      cwd: folder,
      content: ['metadata', 'hashes', 'packages'],
      extra: ['--proc-scan-rate', '100ms'],
    });
    for await (const chunk of tracer.stream) {
      saved.push(chunk as Uint8Array);
      reader.push(chunk as Uint8Array);
    }
    await tracer.finished;
    const live = reader.end();
    t.ok(live.length > 20, `${golden.name}: ${live.length} events and detections`);
    t.equal(hash(replayed(Buffer.concat(saved), 4099, policy)), hash(live), golden.name);
    for (const id of reader.delivered) delivered.add(id);
    for (const id of reader.keptBack) keptBack.add(id);
    for (const type of reader.types) types.add(type);
  }
  const rules = [...policy.matchAll(/- id: (\w+)/g)].map((match) => match[1]!);
  t.strictSame(
    rules.filter((id) => !delivered.has(id)),
    [],
    'each rule had something to say',
  );
  t.ok(keptBack.has('limited'), 'and limits kept something back');
  t.ok(types.has('exec of the scanner'), [...types].sort().join(', '));
});
