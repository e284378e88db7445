/** Recordings that are cut, merged, redacted, upgraded and exported: what stays is what was there. */
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { currentSchema, type Schema } from '../src/catalogue/header.js';
import type { RawEvent, RawRecord } from '../src/catalogue/raw.js';
import {
  csvLine,
  type ExportedEvent,
  exportEvent,
  type Header,
  mergeRecordings,
  RecordingWriter,
  redactRecording,
  rewrite,
  StreamReader,
  trimRecording,
  upgradeRecording,
  type WriterOptions,
} from '../src/recording/index.js';
import { type Diagnostic, DiagnosticError } from '../src/support/diagnostic.js';
import { mergeFiles, redactFile, trimFile } from '../src/workbench/rewriting.js';

const header = {
  mode: 'synthetic',
  command: ['curl', '--token=abc', '/home/ann/x'],
  cwd: '/home/ann',
  host: { hostname: 'box', os: 'linux' },
  started: { boottime: '0', realtime: '1000' },
  traced: ['exec', 'fork', 'open', 'exit'],
};

function writes(tell: (writer: RecordingWriter) => void, options: Partial<WriterOptions> = {}): Buffer {
  const parts: Uint8Array[] = [];
  const writer = new RecordingWriter((bytes) => parts.push(bytes), { header, ...options });
  tell(writer);
  writer.end();
  return Buffer.concat(parts);
}

interface Read {
  readonly events: ExportedEvent[];
  readonly records: { readonly name: string; readonly columns: readonly unknown[] }[];
  readonly diagnostics: Diagnostic[];
  header: Header | undefined;
  readonly epochs: number[];
}

function reads(bytes: Uint8Array): Read {
  const found: Read = { events: [], records: [], diagnostics: [], header: undefined, epochs: [] };
  const reader = new StreamReader();
  const sink = {
    header: (given: Header) => (found.header = given),
    checkpoint: (epoch: number) => found.epochs.push(epoch),
    event: (raw: RawEvent) => found.events.push(exportEvent(raw, reader.strings)),
    record: (raw: RawRecord) => found.records.push({ name: raw.schema.name, columns: [...raw.columns] }),
    diagnostic: (item: Diagnostic) => found.diagnostics.push(item),
  };
  reader.push(bytes, sink);
  reader.end(sink);
  return found;
}

/** The bytes that `make` gives out. */
async function made(
  make: (emit: (bytes: Uint8Array) => void) => Promise<{ readonly diagnostics: readonly Diagnostic[] }>,
): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  const done = await make((bytes) => parts.push(bytes));
  t.strictSame(done.diagnostics, []);
  return Buffer.concat(parts);
}

/** A shell 10 (child of 1) that starts 20 processes 100…119, each of which opens three files; two epochs. */
function story(): Buffer {
  return writes(
    (writer) => {
      let time = 1;
      const process = (pid: number, ppid: number) =>
        writer.record('process', { pid, tid: pid, ppid, comm: `p${pid}`, argv: [`p${pid}`] });
      for (const [epoch, from] of [0, 10].entries()) {
        writer.checkpoint();
        writer.record('clock', { boottime: BigInt(time), realtime: 1_000_000n });
        process(1, 0);
        process(10, 1);
        if (epoch === 1) process(99, 1);
        for (let pid = 100 + from; pid < 110 + from; pid++) {
          writer.event(
            'fork',
            { pid: 10, time: time++, retval: pid },
            { child: pid, child_tid: pid, ppid: 10 },
          );
          writer.event(
            'exec',
            { pid, time: time++ },
            {
              file: { path: `/usr/bin/tool${pid}`, content: { hashes: ['sha256:1'] } },
              argv: [`tool${pid}`, '--token=s3cret', '/home/ann/in'],
              envp: { members: ['PATH'], total: 9 },
            },
          );
          for (let n = 0; n < 3; n++)
            writer.event(
              'open',
              { pid, time: time++, retval: -13, missing: ['mode'] },
              { file: { path: `/home/ann/data/${pid}/${n}` }, named: `${n}`, flags: n },
            );
          writer.event('exit', { pid, time: time++ }, { group: 1 });
        }
      }
      writer.record('end', { events: BigInt(writer.events) });
    },
    { blockBytes: 900 },
  );
}

t.test('a copy without conditions is the same', async (t) => {
  const bytes = story();
  const before = reads(bytes);
  t.equal(before.events.length, 120);
  for (const codec of ['raw', 'deflate'] as const) {
    const copy = reads(await made((emit) => rewrite(() => [bytes], emit, { name: 'x', codec })));
    t.strictSame(copy.events, before.events, codec);
    t.equal(copy.records.length, before.records.length);
    t.strictSame(copy.epochs, before.epochs);
    t.strictSame(copy.header?.json, before.header?.json);
  }
});

t.test(
  'a kept event reads as before: names that a process took, addresses that were asked for',
  async (t) => {
    const bytes = writes((writer) => {
      writer.checkpoint();
      writer.record('clock', { boottime: 1n, realtime: 1_000_000n });
      writer.record('process', { pid: 5, tid: 5, ppid: 1, comm: 'before' });
      writer.record('process', { pid: 6, tid: 6, ppid: 1, comm: 'other' });
      writer.event('prctl', { pid: 5, tid: 5, time: 2 }, { option: 15, comm: 'after' });
      writer.event('prctl', { pid: 6, tid: 6, time: 3 }, { option: 15, comm: 'unasked' });
      writer.event('dns', { pid: 6, tid: 6, time: 4 }, { message: 'question' });
      writer.event('dns', { pid: 6, tid: 6, time: 4 }, { message: 'answer', direction: 1 });
      writer.event('rmdir', { pid: 5, tid: 5, time: 5 }, { file: { path: '/a' } });
      writer.record('end', { events: BigInt(writer.events) });
    });
    const trimmed = reads(
      await made((emit) =>
        trimRecording(() => [bytes], emit, { name: 'x', keep: (raw) => raw.row?.name === 'rmdir' }),
      ),
    );
    t.strictSame(
      trimmed.events.map((event) => `${event.type} ${event.pid}`),
      ['prctl 5', 'dns 6', 'rmdir 5'],
    );
  },
);

t.test('trim keeps the events, their neighbours, and what their processes need', async (t) => {
  const bytes = story();
  const before = reads(bytes);
  const wanted = before.events.find((event) => event.type === 'open' && event.pid === 115)!;
  const trimmed = reads(
    await made((emit) =>
      trimRecording(() => [bytes], emit, {
        name: 'x',
        keep: (raw) => raw.seq === wanted.seq,
        reason: 'test',
      }),
    ),
  );
  t.strictSame(
    trimmed.events.map((event) => `${event.type} ${event.pid}`),
    ['fork 10', 'exec 115', 'open 115', 'exit 115'],
  );
  t.strictSame(trimmed.events[2], wanted, 'number, time and columns are kept');
  t.strictSame(trimmed.events[0]!.columns['child'], 115);
  t.strictSame(trimmed.epochs, [1], 'the epoch without a kept event is gone');
  t.strictSame(
    trimmed.records.filter((record) => record.name === 'process').map((record) => record.columns[0]),
    [1, 10],
    'ancestors only',
  );
  t.ok(trimmed.records.some((record) => record.name === 'end'));
  t.match(trimmed.header?.trimmed, { kept: 1, of: 120, reason: 'test' });
  const near = reads(
    await made((emit) =>
      trimRecording(() => [bytes], emit, { name: 'x', keep: (raw) => raw.seq === wanted.seq, near: 2 }),
    ),
  );
  t.equal(near.events.filter((event) => Math.abs(event.seq - wanted.seq) <= 2).length, 5);
  const first = reads(
    await made((emit) => trimRecording(() => [bytes], emit, { name: 'x', keep: (raw) => raw.pid === 101 })),
  );
  t.ok(first.events.every((event) => event.pid === 101 || event.pid === 10));
  t.ok(
    first.records.some((record) => record.name === 'end'),
    'the end of the recording is told even when its epoch is cut',
  );
  const none = await trimRecording(
    () => [bytes],
    () => undefined,
    { name: 'x', keep: () => false },
  );
  t.equal(none.wanted, 0);
});

t.test('redaction is consistent, and told in the header', async (t) => {
  const bytes = story();
  const redacted = await made((emit) =>
    redactRecording(() => [bytes], emit, {
      name: 'x',
      args: ['--token=(?<secret>\\S+)'],
      paths: { '/home/*': '/home/user' },
    }),
  );
  for (const secret of ['s3cret', '/home/ann', 'abc'])
    t.notOk(redacted.includes(secret), `"${secret}" is nowhere in the file`);
  const read = reads(redacted);
  t.equal(read.events.length, 120);
  const exec = read.events.find((event) => event.type === 'exec')!;
  t.match(exec.columns['argv'], ['tool100', /^--token=<redacted-\d>$/, '/home/user/in']);
  t.equal(
    new Set(
      read.events
        .filter((event) => event.type === 'exec')
        .map((event) => (event.columns['argv'] as string[])[1]),
    ).size,
    1,
    'one secret has one mark',
  );
  t.equal(
    (read.events.find((event) => event.type === 'open')!.columns['file'] as { path: string }).path,
    '/home/user/data/100/0',
  );
  t.match(read.header?.command, ['curl', /^--token=<redacted-\d>$/, '/home/user/x']);
  t.equal(read.header?.cwd, '/home/user');
  t.match(read.header?.redacted, { args: ['--token=(?<secret>\\S+)'], paths: ['/home/*=/home/user'] });
});

t.test('merge puts events in the order of wall time under new numbers', async (t) => {
  const one = story();
  const two = writes(
    (writer) => {
      writer.checkpoint();
      writer.record('clock', { boottime: 500n, realtime: 0n });
      writer.record('process', { pid: 10, tid: 10, ppid: 1, comm: 'p10' });
      writer.record('process', { pid: 7, tid: 7, ppid: 1, comm: 'p7' });
      writer.event('open', { pid: 7, time: 500 }, { named: 'first' });
      writer.event('open', { pid: 7, time: 1000 }, { named: 'last' });
    },
    { header: { ...header, started: { boottime: '500', realtime: '1000' }, traced: ['open'] } },
  );
  const merged = reads(
    await made((emit) =>
      mergeRecordings(
        [
          { name: 'one', read: () => [one] },
          { name: 'two', read: () => [two] },
        ],
        emit,
      ),
    ),
  );
  t.strictSame(merged.diagnostics, []);
  t.equal(merged.events.length, 122);
  t.strictSame(
    merged.events.map((event) => event.seq),
    Array.from({ length: 122 }, (_, index) => index + 1),
  );
  t.ok(
    merged.events.every(
      (event, index) => index === 0 || BigInt(event.time) >= BigInt(merged.events[index - 1]!.time),
    ),
  );
  t.equal(
    merged.events[0]!.columns['named'],
    'first',
    'its boot time 500 is the wall time of boot time 0 of the other',
  );
  t.equal(merged.events.at(-1)!.columns['named'], 'last');
  t.strictSame(merged.header?.traced, ['open'], 'what all of them traced');
  t.equal(merged.records.filter((record) => record.name === 'process' && record.columns[0] === 10).length, 1);
});

t.test('upgrade writes today’s columns and keeps what it does not know', async (t) => {
  const now = currentSchema();
  const old: Schema = {
    version: '0.0',
    events: [
      ...now.events.filter((row) => row.name === 'exec'),
      {
        id: 4,
        name: 'open',
        columns: [
          { name: 'colour', type: 'string' },
          { name: 'flags', type: 'u32' },
          { name: 'named', type: 'string' },
        ],
      },
      { id: 901, name: 'teleport', columns: [{ name: 'place', type: 'string' }] },
    ],
    records: now.records,
    tuples: now.tuples,
  };
  const bytes = writes(
    (writer) => {
      writer.checkpoint();
      writer.event('open', { pid: 1, time: 1, missing: ['named'] }, { colour: 'red', flags: 5, named: 'x' });
      writer.event('teleport', { pid: 1, time: 2 }, { place: 'moon' });
      writer.frame(Uint8Array.of(16, 0, 0, 0, 77, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8));
    },
    { schema: old },
  );
  const upgraded = await made((emit) => upgradeRecording(() => [bytes], emit, 'x'));
  const read = reads(upgraded);
  t.match(read.events, [
    { type: 'open', columns: { flags: 5, named: 'x' } },
    { type: 'teleport', columns: { place: 'moon' } },
  ]);
  const open = read.header!.catalogue.events.find((row) => row.name === 'open')!;
  t.strictSame(open.columns.map((column) => column.name).slice(0, 3), ['file', 'named', 'flags']);
  t.equal(open.columns.at(-1)!.name, 'colour');
  t.ok(upgraded.includes('red'));
  let missing = 0;
  const kinds = new Set<number>();
  new StreamReader({ frames: (frame) => kinds.add(frame.kind) }).push(upgraded, {
    event: (raw) => (missing ||= raw.missing),
    record: () => undefined,
    diagnostic: () => undefined,
  });
  t.equal(missing, 2, 'the bit of `named` moves with it');
  t.ok(kinds.has(77), 'a frame of an unknown kind comes along');
});

t.test('a damaged source is copied as far as it goes, and said to be', async (t) => {
  const bytes = story();
  const hurt = Buffer.from(bytes.subarray(0, bytes.length - 3000));
  const parts: Uint8Array[] = [];
  const done = await rewrite(
    () => [hurt],
    (part) => parts.push(part),
    { name: 'x.seccam' },
  );
  t.strictSame(
    done.diagnostics.map((item) => item.code),
    ['unfinished-recording'],
  );
  const read = reads(Buffer.concat(parts));
  t.strictSame(read.diagnostics, []);
  t.ok(read.events.length > 0 && read.events.length < 120);
  t.equal(done.kept, read.events.length);
});

t.test('CSV cells are quoted', (t) => {
  const event = {
    seq: 1,
    time: '2',
    type: 'open',
    pid: 3,
    tid: 3,
    call: 'openat',
    retval: -2,
    duration: 0,
    columns: { named: 'a"b,c\nd' },
  };
  t.equal(csvLine(event), '1,2,open,3,3,openat,-2,0,"{""named"":""a\\""b,c\\nd""}"');
  t.end();
});

t.test('files: what rules detect decides what is kept', async (t) => {
  const cwd = mkdtempSync(join(tmpdir(), 'seccam-rewriting-'));
  t.teardown(() => rmSync(cwd, { recursive: true }));
  writeFileSync(join(cwd, 'story.seccam'), story());
  writeFileSync(
    join(cwd, 'a.policy'),
    [
      'rules:',
      '  - id: marks',
      '    expression: exec.file.path == "/usr/bin/tool103"',
      '    actions: [{set: {name: seen, value: true}}]',
      '  - id: reads_after',
      '    expression: open.file.path == "/home/ann/data/117/2" && ${seen} == true',
    ].join('\n'),
  );
  const rules = ['a.policy'];
  const trimmed = await trimFile({
    cwd,
    recording: 'story',
    output: 'trimmed.seccam',
    rules,
    rule: ['reads_*'],
  });
  t.strictSame([trimmed.events, trimmed.kept, trimmed.diagnostics.length], [120, 4, 0]);
  const shrunk = await trimFile({
    cwd,
    recording: 'story.seccam',
    output: 'shrunk.seccam',
    rules,
    rule: ['reads_after'],
    shrink: true,
  });
  const left = reads(readFileSync(join(cwd, 'shrunk.seccam')));
  t.ok(shrunk.kept <= 8, `${shrunk.kept} events are left`);
  t.ok(
    left.events.some((event) => event.type === 'exec' && event.pid === 103),
    'what sets the variable is found to be needed',
  );
  t.strictSame(left.header?.traced, ['open']);
  const where = await trimFile({
    cwd,
    recording: 'story',
    output: 'where.seccam',
    rules,
    rule: ['none'],
    where: 'open.file.path =~ "/home/ann/data/109/*"',
  });
  t.equal(where.kept, 6);
  t.equal(statSync(join(cwd, 'where.seccam')).mode & 0o777, 0o600);

  const codesOf = async (act: () => Promise<unknown>): Promise<string[]> => {
    try {
      await act();
      return [];
    } catch (error) {
      if (error instanceof DiagnosticError) return error.diagnostics.map((item) => item.code);
      throw error;
    }
  };
  symlinkSync('elsewhere', join(cwd, 'link.seccam'));
  writeFileSync(join(cwd, 'short.seccam'), story().subarray(0, 5));
  const cases: readonly (readonly [what: string, act: () => Promise<unknown>, codes: readonly string[]])[] = [
    [
      'the output is there',
      () => redactFile({ cwd, recording: 'story', output: 'where.seccam' }),
      ['output-exists'],
    ],
    [
      'the output is a link',
      () => redactFile({ cwd, recording: 'story', output: 'link.seccam', force: true }),
      ['output-unwritable'],
    ],
    [
      'the folder is not there',
      () => redactFile({ cwd, recording: 'story', output: 'no/such.seccam' }),
      ['output-unwritable'],
    ],
    [
      'a wrong pattern',
      () => redactFile({ cwd, recording: 'story', output: 'x.seccam', args: ['('] }),
      ['bad-value'],
    ],
    [
      'no such recording',
      () => mergeFiles({ cwd, recordings: ['story', 'stry'], output: 'x.seccam' }),
      ['no-such-file'],
    ],
    [
      'nothing to keep',
      () => trimFile({ cwd, recording: 'story', output: 'x.seccam', rules, rule: ['none'] }),
      ['nothing-to-trim'],
    ],
    [
      'a wrong condition',
      () => trimFile({ cwd, recording: 'story', output: 'x.seccam', rules, where: 'open.flags ==' }),
      ['syntax-error'],
    ],
  ];
  for (const [what, act, codes] of cases) t.strictSame(await codesOf(act), codes, what);
  t.strictSame(
    readdirSync(cwd).filter((name) => name.endsWith('.partial')),
    [],
    'nothing half written is left',
  );
});
