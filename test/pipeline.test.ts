/**
 * Replay: bytes of a stream in, events and detections out, the same ones every time, from any checkpoint
 * on, however the bytes were cut.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import type { Address, ColumnValue, Context, Event, FileFacts, Process, StringList } from '../src/catalogue/event.js';
import { eventById, eventByName } from '../src/catalogue/events.js';
import { Pipeline, replay, Stream, type StreamSummary } from '../src/pipeline/index.js';
import { BlockKind, BlockSplitter } from '../src/recording/index.js';
import { RecordingWriter, type Values } from '../src/recording/writer.js';
import type { Detection } from '../src/rules/detection.js';
import { DiagnosticError } from '../src/support/diagnostic.js';
import { StringTable } from '../src/support/strings.js';
import { executable } from './traced.js';

const folder = mkdtempSync(join(tmpdir(), 'seccam-pipeline-'));
t.teardown(() => rmSync(folder, { recursive: true }));

const boottime = 90_000_000_000_000n;
const realtime = 1_700_000_000_123_456_789n;

/** One live process of a story. */
interface Living {
  ppid: number;
  path: string;
  argv: string[];
  uid: number;
  cwd: string;
}

/** Writes a recording as the tracer would: it keeps the live processes, to tell them at checkpoints. */
class Story {
  readonly blocks: Uint8Array[] = [];
  readonly writer: RecordingWriter;
  readonly living = new Map<number, Living>();
  #time = boottime;

  constructor(
    options: {
      readonly header?: Record<string, unknown>;
      readonly codec?: 'raw' | 'deflate';
      readonly blockBytes?: number;
    } = {},
  ) {
    this.writer = new RecordingWriter((bytes) => this.blocks.push(bytes.slice()), {
      header: {
        mode: 'synthetic',
        command: ['story'],
        started: { boottime: String(boottime), realtime: String(realtime) },
        host: { hostname: 'box', os: 'linux' },
        traced: ['exec', 'open'],
        ...options.header,
      },
      blockBytes: options.blockBytes ?? 2048,
      codec: options.codec ?? 'raw',
    });
    this.living.set(1, { ppid: 0, path: '/sbin/init', argv: ['init'], uid: 0, cwd: '/' });
    this.living.set(100, { ppid: 1, path: '/bin/sh', argv: ['sh'], uid: 0, cwd: '/root' });
    this.checkpoint();
  }

  checkpoint(): void {
    this.writer.checkpoint();
    this.writer.record('clock', { boottime, realtime });
    this.writer.record('user', { id: 33, name: 'www-data' });
    for (const [pid, { ppid, path, argv, uid, cwd }] of this.living) {
      this.writer.record('process', {
        pid,
        tid: pid,
        ppid,
        flags: 1 | 8,
        start_time: boottime - 1000n,
        comm: path.slice(path.lastIndexOf('/') + 1),
        cwd,
        file: { path, inode: path.length, mode: 0o100755 },
        argv,
        credentials: identity(uid),
      });
    }
  }

  event(name: string, pid: number, columns: Values = {}, retval = 0, more: { flags?: number } = {}): void {
    this.#time += 1_234_567n;
    this.writer.event(
      name,
      { pid, time: this.#time, retval, syscall: 257, arch: 1, duration: 99, ...more },
      columns,
    );
  }

  open(pid: number, path: string, retval = 3): void {
    this.event(
      'open',
      pid,
      { file: { path, inode: path.length, uid: 33, mode: 0o100644 }, named: path, flags: 0 },
      retval,
    );
  }

  fork(pid: number, child: number): void {
    const parent = this.#live(pid);
    this.event('fork', pid, { child, child_tid: child, ppid: pid, child_start: this.#time }, child);
    this.living.set(child, { ...parent, ppid: pid });
  }

  exec(pid: number, path: string, ...argv: string[]): void {
    const name = path.slice(path.lastIndexOf('/') + 1);
    const process = this.#live(pid);
    this.event('exec', pid, {
      file: { path, inode: path.length, mode: 0o100755 },
      named: path,
      argv: [name, ...argv],
      comm: name,
      cwd: process.cwd,
      ppid: process.ppid,
      credentials: identity(process.uid),
    });
    Object.assign(process, { path, argv: [name, ...argv] });
  }

  become(pid: number, uid: number): void {
    this.event('setuid', pid, { credentials: identity(uid) });
    this.#live(pid).uid = uid;
  }

  exit(pid: number): void {
    this.event('exit', pid, { code: 0, group: 1 });
    this.living.delete(pid);
    for (const other of this.living.values()) if (other.ppid === pid) other.ppid = 1;
  }

  #live(pid: number): Living {
    const process = this.living.get(pid);
    if (process === undefined) throw new Error(`no process ${pid}`);
    return process;
  }

  bytes(end = true): Buffer {
    if (end) {
      this.writer.record('end', { reason: 1, status: 0, events: this.writer.events, boottime: this.#time });
      this.writer.end();
    } else this.writer.flush();
    return Buffer.concat(this.blocks);
  }
}

const identity = (uid: number): Values => ({ uid, euid: uid, suid: uid, fsuid: uid, auid: 0xffffffff });

/** A longer story with `count` rounds, a checkpoint after each `every`. */
function rounds(count: number, every = 50, options: ConstructorParameters<typeof Story>[0] = {}): Story {
  const story = new Story(options);
  for (let round = 0; round < count; round++) {
    const pid = 200 + (round % 7);
    if (!story.living.has(pid)) {
      story.fork(100, pid);
      story.exec(pid, round % 3 === 0 ? '/usr/bin/cat' : '/bin/sh', '-c', `round ${round}`);
    }
    story.open(pid, `/data/${round % 11}.txt`, round % 5 === 0 ? -2 : 3);
    if (round % 4 === 0) story.become(pid, 33);
    if (round % 9 === 8) story.exit(pid);
    if (round % every === every - 1) story.checkpoint();
  }
  return story;
}

/** Everything of an event as text, in a form that does not depend on the numbers of strings. */
function describe(
  event: Event,
  strings: StringTable,
  options: { readonly ancestors?: boolean } = {},
): string {
  const row = eventById(event.id);
  const columns = Object.entries(row?.columns ?? {}).map(
    ([name, { type }], index) => `${name}=${describeColumn(event.columns[index], type, strings)}`,
  );
  const process = (image: Process): string => {
    const names: string[] = [];
    if (options.ancestors !== false)
      for (let at: Process | null = image.parent; at !== null; at = at.parent)
        names.push(strings.text(at.file.path));
    return [
      image.pid,
      image.ppid,
      strings.text(image.file.path),
      image.argv.items.map((id) => strings.text(id)).join(' '),
      image.credentials.uid,
      strings.text(image.cwd),
      strings.text(image.comm),
      ...names,
    ].join(' ');
  };
  return [
    event.seq,
    event.type,
    event.timestamp(),
    event.elapsed,
    event.retval,
    event.duration,
    event.pid,
    event.tid,
    process(event.process),
    event.target === null ? '' : process(event.target),
    ...columns,
    strings.text(event.world.user(33)),
  ].join('|');
}

function describeColumn(value: ColumnValue | undefined, type: string, strings: StringTable): string {
  if (type === 'string') return strings.text(Number(value));
  if (type === 'list') return (value as StringList).items.map((id) => strings.text(id)).join(' ');
  if (type === 'file') {
    const file = value as FileFacts;
    return `${strings.text(file.path)} ${file.inode} ${file.mode} ${file.uid}`;
  }
  if (type === 'address') {
    const { family, port, path } = value as Address;
    return `${family} ${port} ${strings.text(path)}`;
  }
  if (type === 'context') return strings.text((value as Context).cgroupId);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The events of a stream, each as text. */
function eventsOf(
  bytes: Uint8Array,
  cuts: readonly number[] = [],
  options: { readonly ancestors?: boolean } = {},
): { readonly lines: string[]; readonly summary: StreamSummary } {
  const strings = new StringTable();
  const lines: string[] = [];
  const stream = new Stream('story', {
    strings,
    onEvent: (event, shown) => void lines.push(`${shown}|${describe(event, strings, options)}`),
  });
  let from = 0;
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    stream.push(bytes.subarray(from, cut));
    from = cut;
  }
  stream.push(bytes.subarray(from));
  return { lines, summary: stream.end() };
}

const hash = (lines: readonly string[]): string =>
  createHash('sha256').update(lines.join('\n')).digest('hex');

t.test('what a stream holds is counted and told', async (t) => {
  const story = new Story();
  story.open(100, '/etc/passwd');
  story.open(100, '/missing', -2);
  story.open(100, '/etc/shadow', -13);
  story.fork(100, 101);
  story.writer.record('gap', { reason: 1, lost: 7, pid: 0 });
  story.writer.record('gap', { reason: 2, lost: 0xffffffffffffffffn });
  story.writer.record('blind_spot', { reason: 1, pid: 101, detail: 'io_uring_setup' });
  story.writer.record('counters', { name: 'stops', value: 12 });
  story.exit(101);
  const { lines, summary } = eventsOf(story.bytes());
  t.equal(lines.length, 5);
  t.match(summary, {
    events: 5,
    shown: 4,
    processes: 3,
    lost: 7,
    unknown: 0,
    complete: true,
    damaged: false,
    gaps: [
      { reason: 'sink-full', lost: 7, pid: 0 },
      { reason: 'disk-full', lost: undefined },
    ],
    blindSpots: [{ reason: 'io-uring', pid: 101, detail: 'io_uring_setup' }],
    traced: ['exec', 'open'],
    began: realtime + 1_234_567n,
    ended: realtime + 5n * 1_234_567n,
    diagnostics: [],
  });
  t.strictSame(
    [...summary.byType].map(([type, count]) => `${type} ${count.events} ${count.shown}`),
    ['fork 1 1', 'exit 1 1', 'open 3 2'],
  );
  t.equal(summary.counters.get('stops'), 12);
  t.equal(summary.header?.hostname, 'box');
});

t.test('which results rules see', async (t) => {
  const rows: readonly (readonly [string, number, number, boolean])[] = [
    ['open', 0, 0, true],
    ['open', -13, 0, true],
    ['open', -1, 0, true],
    ['open', -2, 0, false],
    ['open', 5, 1, false],
    ['connect', -111, 0, true],
    ['connect', -115, 0, true],
    ['connect', -110, 0, true],
    ['connect', -101, 0, false],
    ['bind', -98, 0, true],
    ['accept', -103, 0, true],
    ['exec', -13, 0, false],
    ['exit', 0, 0, true],
  ];
  for (const [type, retval, flags, want] of rows) {
    const story = new Story();
    story.event(type, 100, type === 'exit' ? { group: 1 } : {}, retval, { flags });
    const bytes = story.bytes();
    for (const allResults of [false, true]) {
      let seen: boolean | undefined;
      const stream = new Stream('story', {
        allResults,
        onEvent: (_event, shown) => {
          seen = shown;
        },
      });
      stream.push(bytes);
      stream.end();
      t.equal(
        seen,
        want || allResults,
        `${type} ${retval} flags ${flags}${allResults ? ' with all results' : ''}`,
      );
    }
  }
  const threads = new Story();
  threads.event('fork', 100, { child: 100, child_tid: 105, flags: 0x10000 }, 105);
  threads.event('exit', 100, { group: 0 });
  const shown: boolean[] = [];
  const stream = new Stream('story', { allResults: true, onEvent: (_event, see) => void shown.push(see) });
  stream.push(threads.bytes());
  t.strictSame(shown, [false, false], 'threads are not shown');
});

t.test('100 replays, one hash', async (t) => {
  const path = join(folder, 'rounds.seccam');
  writeFileSync(path, rounds(300).bytes());
  const hashes = new Set<string>();
  for (let time = 0; time < 100; time++) {
    const strings = new StringTable();
    const lines: string[] = [];
    const { events } = await replay([path], {
      strings,
      onEvent: (event) => void lines.push(describe(event, strings)),
    });
    t.ok(events > 300 || time > 0);
    hashes.add(hash(lines));
  }
  t.equal(hashes.size, 1);
});

t.test('property: bytes may be cut anywhere, and blocks may be compressed', async (t) => {
  const bytes = rounds(120).bytes();
  const want = eventsOf(bytes).lines;
  t.strictSame(eventsOf(rounds(120, 50, { codec: 'deflate' }).bytes()).lines, want);
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 40 }), (cuts) => {
      const { lines, summary } = eventsOf(bytes, cuts);
      if (hash(lines) !== hash(want) || summary.damaged) throw new Error('differs');
    }),
    { numRuns: 60 },
  );
  const bytewise = rounds(20).bytes();
  t.strictSame(
    eventsOf(
      bytewise,
      Array.from({ length: bytewise.length }, (_unused, index) => index),
    ).lines,
    eventsOf(bytewise).lines,
    'byte by byte',
  );
});

t.test('property: a prefix gives a prefix of the events and says that it is one', async (t) => {
  const bytes = rounds(120).bytes();
  const want = eventsOf(bytes).lines;
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), (length) => {
      const { lines, summary } = eventsOf(bytes.subarray(0, length));
      if (!summary.damaged || summary.diagnostics.length !== 1) throw new Error('no diagnostic');
      if (summary.complete && length < bytes.length - 1024) throw new Error('not complete');
      if (hash(lines) !== hash(want.slice(0, lines.length))) throw new Error('not a prefix');
    }),
    { numRuns: 200 },
  );
  t.pass('held');
});

t.test('a suffix that begins at a checkpoint gives the same events', async (t) => {
  const bytes = rounds(300, 40).bytes();
  const whole = eventsOf(bytes, [], { ancestors: false }).lines;
  const blocks = [...new BlockSplitter().push(bytes)];
  const starts = blocks.flatMap((block, index) =>
    block.kind === BlockKind.checkpoint && block.epoch !== blocks[index - 1]?.epoch ? [index] : [],
  );
  t.ok(starts.length >= 7, `${starts.length} checkpoints`);
  for (const start of starts) {
    const suffix = Buffer.concat([...blocks.slice(0, 2), ...blocks.slice(start)].map((block) => block.bytes));
    const { lines, summary } = eventsOf(suffix, [], { ancestors: false });
    t.strictSame(lines, whole.slice(whole.length - lines.length), `from block ${start}`);
    t.equal(summary.damaged, false);
  }
});

t.test('a suffix of what a program really did has the whole ancestry, also of the dead', (t) => {
  const script = [
    'cd /usr',
    'for i in 1 2 3; do',
    '  sh -c \'cd /tmp; (sleep 0.05; ls / >/dev/null; cat /etc/hostname >/dev/null) & exit 0\'',
    '  sh -c \'exec sh -c "exec sh -c \\"cat /etc/passwd; ls -l /tmp; true\\""\' >/dev/null',
    'done',
    '( ( sleep 0.1; sh -c "ls /usr; cat /etc/group; true" >/dev/null ) & )',
    'sleep 0.3; cat /etc/shells >/dev/null',
  ].join('\n');
  const path = join(folder, 'lineage.seccam');
  execFileSync(executable, ['-o', path, '--epoch-bytes', '4096', '--', 'sh', '-c', script], { stdio: 'inherit' });
  const bytes = readFileSync(path);
  const whole = eventsOf(bytes).lines;
  const blocks = [...new BlockSplitter().push(bytes)];
  const first = blocks.findIndex((block) => block.kind === BlockKind.checkpoint);
  const starts = blocks.flatMap((block, index) =>
    block.kind === BlockKind.checkpoint && block.epoch !== blocks[index - 1]?.epoch ? [index] : [],
  );
  t.ok(starts.length > 40, `${starts.length} checkpoints`);
  for (const start of starts) {
    const suffix = Buffer.concat([...blocks.slice(0, first), ...blocks.slice(start)].map((block) => block.bytes));
    const { lines, summary } = eventsOf(suffix);
    const want = whole.slice(whole.length - lines.length);
    const differs = lines.findIndex((line, index) => line !== want[index]);
    if (differs >= 0 || summary.damaged) t.equal(lines[differs], want[differs], `from block ${start}`);
  }
  t.ok(whole.some((line) => line.includes('cat /etc/hostname')), 'the orphans were seen');

  // The middle of the stream is lost: what comes after is bound to the same images again.
  const hole = [...blocks.slice(0, starts[10]), ...blocks.slice(starts[30])];
  const strings = new StringTable();
  const lines: string[] = [];
  const seen = new Stream('hole', {
    strings,
    onEvent: (event, shown) => void lines.push(`${shown}|${describe(event, strings)}`),
  });
  seen.push(Buffer.concat(hole.map((block) => block.bytes)));
  seen.end();
  const tail = whole.slice(whole.length - 50);
  t.strictSame(lines.slice(lines.length - 50), tail, 'after a hole');
  t.end();
});

t.test('events of a newer catalogue are counted and passed over', async (t) => {
  const story = new Story();
  const { schema } = story.writer;
  const newer = {
    ...schema,
    events: [
      ...schema.events.map((row) =>
        row.name === 'open'
          ? {
              ...row,
              columns: [
                { name: 'novel', type: 'u64' as const },
                ...row.columns,
                { name: 'more', type: 'string' as const },
              ],
            }
          : row,
      ),
      { id: 999, name: 'telepathy', columns: [{ name: 'thought', type: 'string' as const }] },
    ],
  };
  const blocks: Uint8Array[] = [];
  const writer = new RecordingWriter((bytes) => blocks.push(bytes.slice()), {
    header: { started: { boottime: '1', realtime: '1' } },
    schema: newer,
  });
  writer.checkpoint();
  writer.record('process', { pid: 1, tid: 1, file: { path: '/bin/a' } });
  writer.event('telepathy', { pid: 1, time: 10 }, { thought: 'hm' });
  writer.event(
    'open',
    { pid: 1, time: 11, missing: ['named'] },
    { novel: 5, file: { path: '/x' }, flags: 2, more: 'z' },
  );
  writer.end();
  const strings = new StringTable();
  const seen: string[] = [];
  const stream = new Stream('newer', {
    strings,
    onEvent: (event) => {
      const at = Object.keys(eventByName(event.type)?.columns ?? {});
      seen.push(
        `${event.type} ${strings.text((event.columns[at.indexOf('file')] as FileFacts).path)} ${event.columns[at.indexOf('flags')]} ${at.filter((_name, bit) => (event.missing >> bit) & 1).join()}`,
      );
    },
  });
  stream.push(Buffer.concat(blocks));
  t.match(stream.end(), { unknown: 1, events: 1, damaged: false });
  t.strictSame(seen, ['open /x 2 named'], 'columns and their bits are found by name');
});

t.test('several streams before one engine', async (t) => {
  const seen: string[] = [];
  const nodes = new Set<number>();
  const engineNamed = (name: string) => ({
    evaluate: (event: Event): readonly Detection[] => {
      seen.push(`${name} ${event.type} ${event.pid}`);
      nodes.add(event.process.node);
      return event.type === 'open' ? [{ ...detection, seq: event.seq, delivered: event.pid === 100 }] : [];
    },
  });
  const detection: Detection = {
    ruleId: 'r',
    policy: 'p',
    tags: {},
    description: '',
    ruleSpan: undefined,
    seq: 0,
    eventType: 'open',
    timestamp: 0n,
    delivered: true,
    suppressedBy: undefined,
    matched: [],
    actions: [],
    variables: {},
  };
  const handed: string[] = [];
  const pipeline = new Pipeline({
    engine: engineNamed('old'),
    onDetection: (found, event) => void handed.push(`${found.seq} ${event.type} ${event.seq}`),
  });
  const [a, b] = [pipeline.openStream('a'), pipeline.openStream('b')];
  const first = new Story();
  first.open(100, '/a');
  const second = new Story();
  second.fork(100, 101);
  second.open(101, '/b');
  a.push(first.bytes());
  t.strictSame(seen, ['old open 100'], 'decided when push returns');
  pipeline.engine = engineNamed('new');
  b.push(second.bytes());
  t.strictSame(seen, ['old open 100', 'new fork 100', 'new open 101']);
  t.equal(nodes.size, 2, 'images of different streams have different nodes');
  t.strictSame(handed, ['1 open 1', '2 open 2']);
  t.match(
    [a.end(), b.end()],
    [
      { detections: 1, delivered: 1 },
      { detections: 1, delivered: 0 },
    ],
  );
  t.equal(b.end(), b.end(), 'the end is the end');
});

t.test('replay of several inputs, a range, and what cannot be read', async (t) => {
  const path = join(folder, 'one.seccam');
  const story = new Story();
  for (let number = 0; number < 10; number++) story.open(100, `/${number}`);
  writeFileSync(path, story.bytes());
  const engines: string[] = [];
  const summary = await replay([path, { name: 'memory', bytes: [story.bytes(false)] }], {
    engineFor: (name) => {
      engines.push(name);
      return undefined;
    },
  });
  t.strictSame(engines, [path, 'memory']);
  t.match(summary, {
    events: 20,
    shown: 20,
    damaged: false,
    streams: [
      { name: path, events: 10 },
      { name: 'memory', events: 10 },
    ],
  });
  t.equal(summary.byType.get('open')?.events, 20);

  const seen: number[] = [];
  await replay([path], { from: 3, to: 5, onEvent: (event) => void seen.push(event.seq) });
  t.strictSame(seen, [3, 4, 5]);

  const missing = join(folder, 'missing.seccam');
  for (const [path, why] of [
    [missing, 'there is no such file'],
    [folder, 'it is a directory'],
  ] as const) {
    const error: unknown = await replay([path]).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    t.ok(error instanceof DiagnosticError);
    t.match(error, {
      status: 2,
      diagnostics: [
        { code: 'recording-unreadable', message: `The recording "${path}" cannot be read: ${why}.` },
      ],
    });
  }
  const text = await replay([
    { name: 'text', bytes: [Buffer.from('this is some other file, and not a short one')] },
  ]);
  t.match(text, { damaged: true, events: 0, diagnostics: [{ code: 'not-a-recording' }] });
});

/** What a program of fixtures/programs says of itself after an act: see say.h there. */
interface Said {
  readonly pid: number;
  readonly type: string;
  readonly retval: number;
  readonly ppid: number;
  readonly sid: number;
  readonly cwd: string;
  readonly comm: string;
  readonly uid: number;
  readonly euid: number;
  readonly suid: number;
  readonly gid: number;
  readonly egid: number;
  readonly sgid: number;
  readonly capEffective: string;
  readonly mnt: number;
  readonly net: number;
  readonly user: number;
}

const programs = new URL('../fixtures/programs/', import.meta.url).pathname;
const tracer = new URL('../native/build/seccam-trace', import.meta.url).pathname;

/** Builds a fixture program and records it. */
function recordProgram(
  name: string,
  args: readonly string[] = [],
): { readonly status: number | null; readonly out: string; readonly path: string } {
  const program = join(folder, name);
  execFileSync('cc', ['-O1', '-pthread', '-o', program, `${programs}${name}.c`]);
  const path = join(folder, `${name}.seccam`);
  const { status, stdout, stderr, error } = spawnSync(
    tracer,
    ['-o', path, '--force', '--', program, ...args],
    { encoding: 'utf8', cwd: folder },
  );
  if (error !== undefined)
    throw new Error(`${tracer} cannot be run (${error.message}): npm run build:native makes it`);
  if (stderr !== '') t.comment(stderr);
  return { status, out: stdout, path };
}

t.test('what the probe makes of a recording is what the program saw of itself', async (t) => {
  const jail = join(folder, 'jail');
  mkdirSync(jail);
  for (const [name, args, least] of [
    ['process-tree', [], 11],
    ['identity', [], 15],
    ['place', [jail], 11],
  ] as const) {
    await t.test(name, async (t) => {
      const { status, out, path } = recordProgram(name, args);
      if (status === 77) {
        t.comment('not root: skipped');
        return;
      }
      t.equal(status, 0);
      const said = out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Said);
      t.ok(said.length >= least, `${said.length} acts`);
      const strings = new StringTable();
      const waiting = new Map<string, Said[]>();
      for (const line of said)
        waiting.set(`${line.type} ${line.pid}`, [...(waiting.get(`${line.type} ${line.pid}`) ?? []), line]);
      const wrong: string[] = [];
      const { streams } = await replay([path], {
        strings,
        onEvent: (event) => {
          const line = waiting.get(`${event.type} ${event.process.pid}`)?.shift();
          if (line === undefined) return;
          const { process } = event;
          const { credentials, namespaces } = process;
          const compare = (what: string, have: unknown, want: unknown): void => {
            if (have !== want)
              wrong.push(
                `event ${event.seq} ${event.type} of ${line.pid}: ${what}: have ${String(have)}, want ${String(want)}`,
              );
          };
          if (line.type !== 'fork' && line.type !== 'exec') compare('result', event.retval, line.retval);
          compare('ppid', process.ppid, line.ppid);
          compare('sid', process.sid, line.sid);
          for (const id of ['uid', 'euid', 'suid', 'gid', 'egid', 'sgid'] as const)
            compare(id, credentials[id], line[id]);
          // In a root without /proc the program cannot see the rest, and its paths begin elsewhere.
          if (line.comm === '') return;
          compare('cwd', strings.text(process.cwd), line.cwd);
          compare('comm', strings.text(process.comm), line.comm);
          compare(
            'capEffective',
            credentials.capEffective.toString(16).padStart(16, '0'),
            line.capEffective.padStart(16, '0'),
          );
          for (const which of ['mnt', 'net', 'user'] as const) compare(which, namespaces[which], line[which]);
        },
      });
      t.strictSame(wrong, []);
      t.strictSame(
        [...waiting].filter(([, rest]) => rest.length > 0).map(([what]) => what),
        [],
        'every act is an event',
      );
      t.match(streams, [{ complete: true, damaged: false, lost: 0, diagnostics: [] }]);
    });
  }
});
