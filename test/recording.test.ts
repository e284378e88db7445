/**
 * Recordings: what is written is what is read, however it is cut; damage and hostility end in a diagnostic
 * after a correct prefix; what newer writers add does no harm.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { currentSchema, type Schema } from '../src/catalogue/header.js';
import { membersOf } from '../src/catalogue/members.js';
import type { RawEvent, RawRecord } from '../src/catalogue/raw.js';
import { BlockKind, RecordingWriter, StreamReader, type Values, type WriterOptions } from '../src/recording/index.js';
import type { Diagnostic } from '../src/support/diagnostic.js';
import { decodeBytes, StringTable } from '../src/support/strings.js';

const header = { mode: 'synthetic', command: ['true'], host: { hostname: 'box', os: 'linux' }, started: { boottime: '1000', realtime: '1700000000000000000' }, traced: ['open'] };

/** Writes a recording; `tell` says what is in it. */
function writes(tell: (writer: RecordingWriter) => void, options: Partial<WriterOptions> = {}): Buffer {
  const parts: Uint8Array[] = [];
  const writer = new RecordingWriter((bytes) => parts.push(bytes), { header, ...options });
  tell(writer);
  writer.end();
  return Buffer.concat(parts);
}

interface Read {
  readonly events: string[];
  readonly records: string[];
  readonly epochs: number[];
  readonly diagnostics: Diagnostic[];
  readonly strings: StringTable;
}

/** A value with texts instead of numbers of the table, so that two readings can be compared. */
function plain(value: unknown, type: string | undefined, strings: StringTable): unknown {
  if (type === 'string') return strings.text(value as number);
  if (typeof value !== 'object' || value === null) return value;
  if ('items' in value) return { ...value, items: (value.items as number[]).map((id) => strings.text(id)) };
  if ('path' in value) return { ...Object.fromEntries(membersOf(value)), path: strings.text(value.path as number), name: 'name' in value ? strings.text(value.name as number) : '', ...texts(value, strings) };
  if ('cgroupId' in value) return { ...value, cgroupId: strings.text(value.cgroupId as number) };
  return value;
}

function texts(value: object, strings: StringTable): object {
  const found: Record<string, string> = {};
  for (const name of ['ownPath', 'extension', 'filesystem', 'ip']) if (name in value) found[name] = strings.text((value as Record<string, number>)[name]!);
  return found;
}

function line(raw: RawEvent, strings: StringTable): string {
  const types = raw.row === undefined ? raw.schema.columns.map((column) => column.type) : Object.values(raw.row.columns).map((column) => column.type);
  const columns = raw.columns.map((value, index) => plain(value, types[index], strings));
  const { seq, pid, tid, syscall, arch, flags, missing, cut, timeLow, timeHigh, retval, duration } = raw;
  return JSON.stringify({ type: raw.schema.name, seq, pid, tid, syscall, arch, flags, missing, cut, timeLow, timeHigh, retval, duration, columns });
}

/** Reads bytes that come in pieces of `piece` bytes. Whatever they are, nothing is thrown. */
function reads(bytes: Uint8Array, piece = bytes.length, strings = new StringTable()): Read {
  const found: Read = { events: [], records: [], epochs: [], diagnostics: [], strings };
  const reader = new StreamReader({ strings, name: 'x.seccam' });
  const sink = {
    checkpoint: (epoch: number) => found.epochs.push(epoch),
    event: (raw: RawEvent) => found.events.push(line(raw, strings)),
    record: (raw: RawRecord) => found.records.push(JSON.stringify([raw.schema.name, raw.columns.map((value, index) => plain(value, raw.schema.columns[index]?.type, strings))])),
    diagnostic: (item: Diagnostic) => found.diagnostics.push(item),
  };
  for (let from = 0; from < bytes.length; from += Math.max(1, piece)) reader.push(bytes.subarray(from, from + Math.max(1, piece)), sink);
  reader.end(sink);
  return found;
}

const codes = (read: Read): string[] => read.diagnostics.map((item) => item.code);

/** The rows that the sample uses: a short header makes many readings quick. */
const short: Schema = (() => {
  const now = currentSchema();
  return {
    ...now,
    events: now.events.filter((row) => ['open', 'connect', 'setsid'].includes(row.name)),
    records: now.records.filter((row) => ['clock', 'process', 'counters', 'end'].includes(row.name)),
  };
})();

/** A small recording with everything in it, in several blocks and two epochs. */
function sample(options: Partial<WriterOptions> = {}): Buffer {
  return writes(
    (writer) => {
      for (let epoch = 0; epoch < 2; epoch++) {
        writer.checkpoint();
        writer.record('clock', { boottime: 1000n, realtime: 1_700_000_000_000_000_000n });
        writer.record('process', {
          pid: 7,
          tid: 7,
          comm: 'sh',
          argv: ['sh', '-c', 'x'],
          file: { path: '/usr/bin/dash', mode: 0o100755, inode: 5n, size: 9n, content: { hashes: ['sha256:00'], package_name: 'dash', type: 1 } },
          credentials: { uid: 1000, groups: '4 24 27', cap_effective: 0x1ffffffffffn },
          namespaces: { mnt: 4026531840 },
          context: { cgroup: '/user.slice', ssh_username: 'ann', ssh_client_ip: '10.0.0.1', container_tags: ['a:b'] },
        });
        for (let n = 0; n < 12; n++) {
          writer.event('open', { pid: 7, time: 5000 + n, retval: n % 3 === 0 ? -13 : 3, syscall: 257, arch: 1, duration: 10 }, { file: { path: `/etc/f${n}.conf`, inode: n, flags: 1 }, named: `f${n}.conf`, flags: 0o2000000 });
          writer.event('connect', { pid: 7, time: 6000 + n, retval: 0, missing: ['local'] }, { address: { family: 10, port: 443, ip: '2001:DB8::1' }, socket: 2 });
        }
        writer.record('counters', { name: 'stops', value: 44n });
      }
      writer.record('end', { events: 48n });
    },
    { blockBytes: 700, schema: short, ...options },
  );
}

t.test('what is written is what is read', (t) => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.constantFrom('', '/', '/a', '/a/b/c', '//x', '/a/', 'a//b', '/ü/é', '/proc/self/exe'),
    fc.uint8Array({ maxLength: 20 }),
    fc.record({ bytes: fc.uint8Array({ minLength: 1, maxLength: 12 }), original: fc.integer({ min: 13, max: 5000 }) }),
  );
  const word = fc.nat({ max: 0xffffffff });
  const wide = fc.bigInt({ min: 0n, max: (1n << 63n) - 1n });
  const file = fc.record({ path: text, mode: word, inode: wide, size: wide, modification_time: fc.bigInt({ min: -(1n << 62n), max: 1n << 62n }), flags: word }, { requiredKeys: [] });
  const open = fc.record({ file, named: text, flags: word, mode: word }, { requiredKeys: [] });
  const exec = fc.record({ file, argv: fc.array(text, { maxLength: 5 }), envp: fc.record({ members: fc.array(text, { minLength: 1, maxLength: 3 }), total: fc.integer({ min: 4, max: 99 }) }), cwd: text, sid: word }, { requiredKeys: [] });
  const head = fc.record({ pid: word, time: fc.nat({ max: 2 ** 52 }), retval: fc.integer(), syscall: word, arch: fc.nat({ max: 5 }), flags: fc.nat({ max: 63 }), duration: word });
  const items = fc.array(fc.oneof(fc.tuple(fc.constant('open' as const), head, open), fc.tuple(fc.constant('exec' as const), head, exec), fc.constant('checkpoint' as const)), { maxLength: 25 });
  fc.assert(
    fc.property(items, fc.boolean(), fc.integer({ min: 64, max: 4000 }), fc.integer({ min: 1, max: 900 }), (told, deflate, blockBytes, piece) => {
      let count = 0;
      const bytes = writes(
        (writer) => {
          writer.checkpoint();
          for (const item of told) {
            if (item === 'checkpoint') writer.checkpoint();
            else {
              writer.event(item[0], item[1], item[2] as Values);
              count += 1;
            }
          }
        },
        { codec: deflate ? 'deflate' : 'raw', blockBytes },
      );
      const read = reads(bytes, piece);
      if (read.diagnostics.length > 0) throw new Error(read.diagnostics[0]!.message);
      if (read.events.length !== count) throw new Error(`${read.events.length} events of ${count}`);
      let index = 0;
      for (const item of told) {
        if (item === 'checkpoint') continue;
        const event = JSON.parse(read.events[index]!) as { type: string; pid: number; retval: number; syscall: number; duration: number; flags: number; cut: number; columns: unknown[] };
        index += 1;
        const given = item[2] as Readonly<Record<string, unknown>>;
        const same = event.type === item[0] && event.pid === item[1].pid && event.retval === item[1].retval && event.syscall === item[1].syscall && event.duration === item[1].duration && event.flags === item[1].flags;
        if (!same) throw new Error(`head of ${JSON.stringify(event)}`);
        if (item[0] === 'open') {
          const named = given['named'];
          const expected = typeof named === 'string' ? named : undefined;
          if (expected !== undefined && Buffer.from(expected).toString() === expected && event.columns[1] !== expected) throw new Error(`named ${JSON.stringify(event.columns[1])} is not ${JSON.stringify(expected)}`);
          const isCut = typeof named === 'object' && named !== null && 'original' in named;
          if (((event.cut >> 1) & 1) !== (isCut ? 1 : 0)) throw new Error('cut');
          if (event.columns[2] !== (given['flags'] ?? 0)) throw new Error('flags');
        } else {
          const argv = event.columns[2] as { items: string[]; total: number };
          if (argv.items.length !== ((given['argv'] as unknown[]) ?? []).length) throw new Error('argv');
          const envp = event.columns[3] as { items: string[]; total: number; truncated: boolean };
          const wanted = given['envp'] as { members: unknown[]; total: number } | undefined;
          if (envp.total !== (wanted?.total ?? 0) || envp.truncated !== (wanted !== undefined)) throw new Error('envp');
        }
      }
    }),
    { numRuns: 300, seed: 20 },
  );
  t.end();
});

t.test('every member of a tuple comes back', (t) => {
  const read = reads(sample());
  t.strictSame(read.diagnostics, []);
  t.strictSame(read.epochs, [1, 2]);
  t.equal(read.events.length, 48);
  const process = JSON.parse(read.records.find((item) => item.startsWith('["process"'))!) as [string, Record<string, unknown>[]];
  const at = Object.fromEntries(currentSchema().records.find((row) => row.name === 'process')!.columns.map((column, index) => [column.name, index]));
  t.match(process[1][at['file']!], { path: '/usr/bin/dash', name: 'dash', mode: 0o100755, inode: 5, size: 9, extra: { metadata: { type: 1 } } });
  t.match(process[1][at['credentials']!], { uid: 1000, groups: [4, 24, 27], capEffective: 2 ** 41 - 1 });
  t.match(process[1][at['namespaces']!], { mnt: 4026531840, net: 0 });
  t.match(process[1][at['context']!], { cgroupId: '/user.slice', session: { sshPort: 0 } });
  const connect = JSON.parse(read.events[1]!) as { missing: number; columns: unknown[] };
  t.match(connect.columns[0], { family: 10, port: 443, ip: '2001:db8::1' }, 'addresses have one form');
  t.equal(connect.missing, 4, 'the column `local`');
  t.equal((JSON.parse(read.events[0]!) as { columns: { extension: string }[] }).columns[0]!.extension, '.conf');
  t.end();
});

t.test('bytes may come in pieces of any size, raw or deflated', (t) => {
  for (const codec of ['raw', 'deflate'] as const) {
    const bytes = sample({ codec });
    const whole = reads(bytes);
    t.equal(whole.events.length, 48, codec);
    for (const piece of [1, 7, 48, 49, 1000]) t.strictSame(reads(bytes, piece).events, whole.events, `${codec}, pieces of ${piece}`);
  }
  t.end();
});

t.test('a recording is read from a pipe', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'seccam-recording-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'a.seccam');
  writeFileSync(path, sample());
  const child = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const reader = new StreamReader();
  let count = 0;
  const sink = { event: () => (count += 1), record: () => undefined, diagnostic: (item: Diagnostic) => t.fail(item.message) };
  for await (const chunk of child.stdout) reader.push(chunk as Buffer, sink);
  reader.end(sink);
  t.equal(count, 48);
  t.ok(reader.finished);
});

t.test('every prefix is readable', (t) => {
  const bytes = sample();
  const whole = reads(bytes);
  const strings = new StringTable();
  let least = 0;
  const wrong: string[] = [];
  for (let length = 0; length < bytes.length; length++) {
    const read = reads(bytes.subarray(0, length), length, strings);
    if (codes(read).length !== 1) wrong.push(`${length}: ${codes(read).join()}`);
    else if (codes(read)[0] !== (length < 16 ? 'not-a-recording' : 'unfinished-recording')) wrong.push(`${length}: ${codes(read)[0]}`);
    if (!read.diagnostics[0]?.message.includes(length < 16 ? `${length} bytes` : 'byte ')) wrong.push(`${length}: no offset`);
    if (read.events.length < least) wrong.push(`${length}: fewer events than with less`);
    least = read.events.length;
    if (read.events.some((event, index) => event !== whole.events[index])) wrong.push(`${length}: another event`);
  }
  t.strictSame(wrong, []);
  t.equal(least, 48, 'the footer is the last that may lack');
  t.end();
});

/** A generator of numbers that is the same in every run. */
function dice(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 4294967296) * below);
  };
}

function damage(bytes: Buffer, roll: (below: number) => number): Buffer {
  const copy = Buffer.from(bytes);
  const at = roll(copy.length);
  switch (roll(7)) {
    case 0:
      copy[at] = copy[at]! ^ (1 << roll(8));
      return copy;
    case 1:
      copy[at] = roll(256);
      return copy;
    case 2:
      return Buffer.concat([copy.subarray(0, at), copy.subarray(at + 1 + roll(64))]);
    case 3:
      return Buffer.concat([copy.subarray(0, at), Buffer.alloc(1 + roll(64), roll(256)), copy.subarray(at)]);
    case 4:
      copy.fill(roll(2) * 255, at, Math.min(copy.length, at + roll(512)));
      return copy;
    case 5:
      copy.writeUInt32LE([0xffffffff, 0x7fffffff, 0, 8, 0x80000000][roll(5)]!, Math.min(at & ~3, copy.length - 4));
      return copy;
    default:
      copy.copy(copy, at, roll(copy.length), roll(copy.length));
      return copy;
  }
}

/** Makes the checksums of all blocks right again, as one who means harm would. */
function repair(bytes: Buffer): Buffer {
  for (let at = 16; at + 48 <= bytes.length && bytes.readUInt32LE(at) === 0x31424353; ) {
    const stored = bytes.readUInt32LE(at + 8);
    if (at + 48 + stored > bytes.length) break;
    bytes.writeUInt32LE(crc32(bytes.subarray(at + 48, at + 48 + stored)), at + 40);
    bytes.writeUInt32LE(crc32(bytes.subarray(at, at + 44)), at + 44);
    at += 48 + ((stored + 7) & ~7);
  }
  return bytes;
}

t.test('10,000 damages: a diagnostic after a correct prefix, or nothing was hurt', (t) => {
  const originals = [sample(), sample({ codec: 'deflate' })];
  const wholes = originals.map((bytes) => reads(bytes));
  const strings = new StringTable();
  const roll = dice(1);
  const wrong: string[] = [];
  let hurt = 0;
  for (let n = 0; n < 10_000 && wrong.length < 5; n++) {
    const which = n & 1;
    const read = reads(damage(originals[which]!, roll), 100_000, strings);
    const whole = wholes[which]!;
    if (read.events.some((event, index) => event !== whole.events[index])) wrong.push(`damage ${n}: an event differs`);
    if (read.events.length < whole.events.length && read.diagnostics.length !== 1) wrong.push(`damage ${n}: ${read.diagnostics.length} diagnostics for a shorter reading`);
    if (read.diagnostics.some((item) => item.code === 'damaged-recording' && !/at byte \d+/.test(item.message))) wrong.push(`damage ${n}: no offset`);
    if (read.diagnostics.length > 0) hurt += 1;
  }
  t.strictSame(wrong, []);
  t.ok(hurt > 8000, `${hurt} were noticed; the others hit padding`);
  t.end();
});

t.test('4,000 damages with right checksums: no crash, no hang, bounded', (t) => {
  const original = sample();
  const strings = new StringTable();
  const roll = dice(2);
  const wrong: string[] = [];
  let refused = 0;
  for (let n = 0; n < 4000; n++) {
    let bytes = original;
    for (let more = 0; more <= n % 3; more++) bytes = damage(bytes, roll);
    const read = reads(repair(bytes), 100_000, strings);
    if (read.events.length > 2000) wrong.push(`${n}: ${read.events.length} events of ${bytes.length} bytes`);
    if (read.diagnostics.length > 1) wrong.push(`${n}: ${codes(read).join()}`);
    refused += read.diagnostics.length;
  }
  t.strictSame(wrong, []);
  t.ok(refused > 2000);
  t.end();
});

/** A block with right checksums, whatever its payload says. */
function block(kind: number, epoch: number, payload: Buffer, frames: number, change: Partial<{ stored: number; decoded: number; codec: number; magic: number }> = {}): Buffer {
  const padded = Buffer.alloc((payload.length + 7) & ~7);
  payload.copy(padded);
  const head = Buffer.alloc(48);
  head.writeUInt32LE(change.magic ?? 0x31424353, 0);
  head.writeUInt16LE(kind, 4);
  head.writeUInt16LE(change.codec ?? 0, 6);
  head.writeUInt32LE(change.stored ?? payload.length, 8);
  head.writeUInt32LE(change.decoded ?? payload.length, 12);
  head.writeUInt32LE(frames, 16);
  head.writeUInt32LE(epoch, 20);
  head.writeUInt32LE(crc32(payload), 40);
  head.writeUInt32LE(crc32(head.subarray(0, 44)), 44);
  return Buffer.concat([head, padded]);
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value >>> 0, index * 4);
  return bytes;
}

/** A STRING frame of 8 bytes of text. */
const stringFrame = (id: number, parent: number, stored = 8, original = 8): Buffer => words(32, 2 | ((parent === 0 ? 0 : 1) << 16), id, stored, original, parent, 0x61616161, 0x61616161);
const preamble = sample().subarray(0, 16);
const headerBlock = (() => {
  const bytes = sample();
  return bytes.subarray(16, 16 + 48 + ((bytes.readUInt32LE(24) + 7) & ~7));
})();
const start = Buffer.concat([preamble, headerBlock]);
const checkpoint = (payload: Buffer, frames: number, change = {}): Buffer => Buffer.concat([start, block(BlockKind.checkpoint, 1, payload, frames, change)]);
const jsonHeader = (json: string): Buffer => {
  const text = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8));
  return Buffer.concat([preamble, block(BlockKind.header, 0, Buffer.concat([words(8 + text.length, 1), text]), 1)]);
};

t.test('hostile files are refused with a reason', (t) => {
  const deep = `${'['.repeat(200_000)}`;
  const twice = JSON.stringify({ catalogue: { events: [1, 1].map(() => ({ id: 1, name: 'a', columns: [] })), records: [], tuples: [] } });
  const bomb = deflateRawSync(Buffer.alloc(16 << 20));
  const cases: readonly (readonly [what: string, bytes: Buffer, code: string, says: RegExp])[] = [
    ['an empty file', Buffer.alloc(0), 'not-a-recording', /0 bytes/],
    ['text', Buffer.from('rules:\n  - id: a\n    expression: open.file.path == "/x"\n'), 'not-a-recording', /first 8 bytes/],
    ['a Git LFS pointer', Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n'), 'git-lfs-pointer', /LFS/],
    ['a newer format', Buffer.concat([preamble.subarray(0, 8), Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]), headerBlock]), 'newer-format', /format 2 is newer/],
    ['a block of 4 GiB', Buffer.concat([start, block(BlockKind.data, 1, Buffer.alloc(8), 1, { stored: 0xfffffff0, decoded: 0xfffffff0 })]), 'damaged-recording', /16 MiB/],
    ['a block that inflates to much more', Buffer.concat([start, block(BlockKind.checkpoint, 1, bomb, 1, { codec: 1, decoded: 16 << 20 })]), 'damaged-recording', /grows too much/],
    ['a block that inflates to more than it says', Buffer.concat([start, block(BlockKind.checkpoint, 1, bomb, 1, { codec: 1, decoded: 65536 })]), 'damaged-recording', /inflated/],
    ['an unknown codec', checkpoint(Buffer.alloc(8), 1, { codec: 9 }), 'damaged-recording', /codec 9/],
    ['a frame of length 0', checkpoint(words(0, 2), 1), 'damaged-recording', /length 0/],
    ['a frame longer than its block', checkpoint(words(0xfffffff8, 2), 1), 'damaged-recording', /length 4294967288/],
    ['more frames than it says', checkpoint(Buffer.concat([stringFrame(1, 0), stringFrame(2, 0)]), 1), 'damaged-recording', /1 frames, and has 2/],
    ['a string that is its own parent', checkpoint(stringFrame(1, 1), 1), 'damaged-recording', /string 1 refers to string 1/],
    ['a string whose parent comes later', checkpoint(stringFrame(1, 2), 1), 'damaged-recording', /refers to string 2/],
    ['a string longer than its frame', checkpoint(stringFrame(1, 0, 9999, 9999), 1), 'damaged-recording', /longer than its frame/],
    ['a hole in the ids', checkpoint(stringFrame(5, 0), 1), 'damaged-recording', /string 5 is defined where 1 is due/],
    ['a list with more members than words', checkpoint(words(24, 3 | (1 << 16), 1, 0xffffffff, 0x7fffffff, 0), 1), 'damaged-recording', /more members/],
    ['a list of strings that are not there', checkpoint(words(24, 3 | (1 << 16), 1, 1, 1, 77), 1), 'damaged-recording', /string 77 is not defined/],
    ['a tuple that is too short', checkpoint(words(16, 3 | (2 << 16), 1, 0), 1), 'damaged-recording', /too short/],
    ['an event that the header does not know', checkpoint(words(64, 4 | (999 << 16), ...Array<number>(14).fill(0)), 1), 'damaged-recording', /event 999/],
    ['an event that is too short', checkpoint(words(64, 4 | (4 << 16), ...Array<number>(14).fill(0)), 1), 'damaged-recording', /too short/],
    ['data before a checkpoint', Buffer.concat([start, block(BlockKind.data, 1, stringFrame(1, 0), 1)]), 'damaged-recording', /before the first checkpoint/],
    ['data of another epoch', Buffer.concat([checkpoint(stringFrame(1, 0), 1), block(BlockKind.data, 2, stringFrame(2, 0), 1)]), 'damaged-recording', /epoch 2 stands in epoch 1/],
    ['a checkpoint before the header', Buffer.concat([preamble, block(BlockKind.checkpoint, 1, stringFrame(1, 0), 1)]), 'damaged-recording', /before the header/],
    ['two headers', Buffer.concat([start, headerBlock]), 'damaged-recording', /second header/],
    ['a block after the footer', Buffer.concat([sample(), headerBlock]), 'damaged-recording', /follows the footer/],
    ['a header that is no JSON', jsonHeader('{"catalogue": '), 'damaged-recording', /not JSON/],
    ['a header nested deep', jsonHeader(deep), 'damaged-recording', /not JSON/],
    ['a header without rows', jsonHeader('{}'), 'damaged-recording', /no list of events/],
    ['a header with an id twice', jsonHeader(twice), 'damaged-recording', /told twice/],
    ['a header with a type that is no word', jsonHeader('{"catalogue":{"events":[{"id":1,"name":"a","columns":[{"name":"b","type":"constructor"}]}]}}'), 'damaged-recording', /"constructor" is no name/],
    ['a header with a name that is no word', jsonHeader('{"catalogue":{"events":[{"id":1,"name":"a","columns":[{"name":"__proto__","type":"u32"}]}]}}'), 'damaged-recording', /"__proto__" is no name/],
    ['a header with an id that is none', jsonHeader('{"catalogue":{"events":[{"id":-1,"name":"a","columns":[]}]}}'), 'damaged-recording', /no id/],
  ];
  for (const [what, bytes, code, says] of cases) {
    const read = reads(bytes);
    t.strictSame(codes(read), [code], what);
    t.match(read.diagnostics[0]?.message, says, what);
  }
  t.end();
});

t.test('paths that grow by their parents are bounded', (t) => {
  const frames = Array.from({ length: 20_000 }, (_, index) => stringFrame(index + 1, index, 8, 8));
  const read = reads(checkpoint(Buffer.concat(frames), frames.length));
  t.strictSame(codes(read), ['damaged-recording']);
  t.match(read.diagnostics[0]!.message, /a path of more than 65536 bytes/);
  t.end();
});

t.test('order is held', (t) => {
  const told = (seqs: readonly number[]) =>
    writes((writer) => {
      writer.checkpoint();
      for (const seq of seqs) writer.event('setsid', { pid: 1, time: 1, seq });
    });
  t.equal(reads(told([1, 2, 9, 2 ** 33])).events.length, 4, 'gaps and numbers beyond 32 bits');
  t.match(reads(told([1, 2, 2])).diagnostics[0]!.message, /event number 2 follows event number 2/);
  t.match(reads(told([5, 4])).diagnostics[0]!.message, /event number 4 follows event number 5/);
  t.end();
});

t.test('any suffix that begins with header and checkpoint is readable', (t) => {
  const bytes = sample();
  const whole = reads(bytes);
  const offsets: number[] = [];
  for (let at = 16; at < bytes.length; at += 48 + ((bytes.readUInt32LE(at + 8) + 7) & ~7)) {
    if (bytes.readUInt16LE(at + 4) === BlockKind.checkpoint && bytes.readUInt32LE(at + 20) === 2) offsets.push(at);
  }
  const read = reads(Buffer.concat([start, bytes.subarray(offsets[0])]));
  t.strictSame(read.diagnostics, []);
  t.strictSame(read.events, whole.events.slice(24));
  t.end();
});

t.test('what a newer writer adds is kept or skipped, and does no harm', (t) => {
  const now = currentSchema();
  const rows = now.events.map((row) =>
    row.name === 'open'
      ? { ...row, columns: [{ name: 'colour', type: 'string' as const }, ...[...row.columns].reverse(), { name: 'mood', type: 'mood' as never }] }
      : row,
  );
  const schema: Schema = {
    version: '9.9',
    events: [...rows, { id: 900, name: 'teleport', columns: [{ name: 'place', type: 'string' }, { name: 'size', type: 'u64' }] }],
    records: [...now.records, { id: 90, name: 'weather', columns: [{ name: 'rain', type: 'u32' }] }],
    tuples: [...now.tuples.map((row) => (row.name === 'file' ? { ...row, columns: [...row.columns, { name: 'smell', type: 'string' as const }] } : row)), { id: 50, name: 'mood', columns: [{ name: 'level', type: 'u32' }] }],
  };
  const bytes = writes(
    (writer) => {
      writer.checkpoint();
      writer.record('weather', { rain: 3 });
      writer.event('open', { pid: 1, time: 1, missing: ['flags', 'mood'] }, { colour: 'red', file: { path: '/x/y.z', smell: 'sweet', mode: 5 }, named: 'y.z', mode: 6, mood: { level: 4 } });
      writer.event('teleport', { pid: 2, time: 2 }, { place: 'moon', size: 2n ** 40n });
      writer.frame(words(16, 77, 1, 2));
      writer.event('chdir', { pid: 3, time: 3 }, { cwd: '/y' });
    },
    { schema },
  );
  const read = reads(bytes);
  t.strictSame(read.diagnostics, []);
  const [open, teleport, chdir] = read.events.map((item) => JSON.parse(item) as { type: string; missing: number; columns: unknown[] });
  t.match(open!.columns[0], { path: '/x/y.z', name: 'y.z', extension: '.z', mode: 5 });
  t.strictSame(open!.columns.slice(1), ['y.z', 0, 6, 0]);
  t.equal(open!.missing, 4, 'bits are moved to the order of this version');
  t.strictSame(teleport!.columns, ['moon', 2 ** 40], 'an unknown event is shown as its header tells it');
  t.equal(chdir!.columns[2], '/y');
  t.ok(read.records.includes('["weather",[3]]'));
  t.end();
});

t.test('what an older writer lacks reads as absent', (t) => {
  const now = currentSchema();
  const schema: Schema = {
    ...now,
    events: now.events.filter((row) => row.name === 'exec').map((row) => ({ ...row, columns: [{ name: 'named', type: 'string' as const }, { name: 'file', type: 'file' as const }] })),
    tuples: now.tuples.map((row) => (row.name === 'file' ? { ...row, columns: [{ name: 'path', type: 'string' as const }] } : row)),
  };
  const bytes = writes(
    (writer) => {
      writer.checkpoint();
      writer.event('exec', { pid: 1, time: 1 }, { named: 'sh', file: { path: '/bin/sh' } });
    },
    { schema },
  );
  const event = JSON.parse(reads(bytes).events[0]!) as { columns: unknown[] };
  t.match(event.columns[0], { path: '/bin/sh', name: 'sh', mode: 0, extra: null });
  t.equal(event.columns[1], 'sh');
  t.match(event.columns[2], { items: [], total: 0 });
  t.match(event.columns[5], { uid: 0, auid: 0xffffffff });
  t.end();
});

t.test('a recording that was cut by the death of its recorder tells what is missing', (t) => {
  const bytes = sample();
  const read = reads(bytes.subarray(0, bytes.length - 20));
  t.match(read.diagnostics[0]!.message, /^"x\.seccam" ends inside the block that begins at byte \d+; what comes before was read\.$/);
  t.equal(read.diagnostics[0]!.severity, 'error');
  t.end();
});

t.test('property: one text has one number, however it comes', (t) => {
  const component = fc.oneof(fc.constantFrom('', '.', 'a', 'b.c', 'é', '/', 'a/b', '\u{1f600}', '.so', 'x'.repeat(3000)), fc.string({ maxLength: 4 }));
  const bytesOf = (text: string): fc.Arbitrary<Uint8Array> => fc.oneof(fc.constant(Buffer.from(text)), fc.uint8Array({ maxLength: 3 }));
  fc.assert(
    fc.property(fc.array(component.chain(bytesOf), { minLength: 1, maxLength: 6 }), fc.boolean(), (components, absolute) => {
      // By text, by bytes and by components, each first in a table of its own; then all in each table.
      const ways: ((table: StringTable) => number)[] = [];
      const whole = components.reduce<Buffer>((path, part, index) => {
        if (index === 0) return Buffer.concat([Buffer.from(absolute ? '/' : ''), part]);
        return Buffer.concat([path, Buffer.from(path.toString() === '/' ? '' : '/'), part]);
      }, Buffer.alloc(0));
      ways.push((table) => table.internBytes(whole));
      ways.push((table) => table.intern(decodeBytes(whole).text));
      ways.push((table) =>
        components.reduce((parent, part, index) => {
          if (index > 0) return table.internUnder(parent, part, 0, part.length);
          return absolute ? (part.length === 0 ? table.intern('/') : table.internUnder(table.intern('/'), part, 0, part.length)) : table.internBytes(part);
        }, 0),
      );
      for (const first of ways) {
        const table = new StringTable();
        const id = first(table);
        const { text } = decodeBytes(whole);
        if (table.text(id) !== text) throw new Error(`${JSON.stringify(table.text(id))} is not ${JSON.stringify(text)}`);
        const name = text.slice(text.lastIndexOf('/') + 1);
        const extension = name.includes('.') ? name.slice(name.lastIndexOf('.')) : '';
        if (table.text(table.nameOf(id)) !== name || table.text(table.extensionOf(id)) !== extension) throw new Error(`name of ${text}`);
        for (const way of ways) if (way(table) !== id) throw new Error(`two numbers for ${JSON.stringify(text)}`);
      }
    }),
    { numRuns: 2000, seed: 3 },
  );
  const many = new StringTable();
  const ids = Array.from({ length: 50_000 }, (_, index) => many.intern(`/d${index % 50}/name-${index}.x${index % 3}`));
  t.equal(new Set(ids).size, ids.length);
  t.ok(ids.every((id, index) => many.text(id) === `/d${index % 50}/name-${index}.x${index % 3}` && many.text(many.extensionOf(id)) === `.x${index % 3}`));
  t.ok(ids.every((id, index) => many.intern(`/d${index % 50}/name-${index}.x${index % 3}`) === id));
  t.end();
});
