/**
 * The probe: what the state of the traced world is after events and records. The events are made here,
 * as the reader would hand them over; `replay` of real recordings is the subject of pipeline.test.ts.
 */
import fc from 'fast-check';
import t from 'tap';
import { noContext, noCredentials, noFile, noList, noNamespaces } from '../src/catalogue/absent.js';
import { argumentFlags, argumentOptions } from '../src/catalogue/arguments.js';
import type {
  ColumnValue,
  Credentials,
  Event,
  FileFacts,
  Namespaces,
  Process,
  StringList,
} from '../src/catalogue/event.js';
import { eventByName } from '../src/catalogue/events.js';
import type { RawEvent, RawRecord } from '../src/catalogue/raw.js';
import { recordRows } from '../src/catalogue/records.js';
import { NodeCounter, Probe } from '../src/probe/index.js';
import { StringTable } from '../src/support/strings.js';

const boottime = 5_000_000_000n;
const realtime = 1_700_000_000_000_000_000n;

/** A stream that is told event by event. */
class Told {
  readonly strings = new StringTable();
  readonly released: number[] = [];
  readonly probe: Probe;
  #seq = 0;
  #time = Number(boottime);

  constructor(nodes = new NodeCounter()) {
    this.probe = new Probe({
      strings: this.strings,
      nodes,
      release: (image) => this.released.push(image.node),
    });
    this.probe.start({ hostname: 'box', boottime, realtime });
  }

  text(id: number): string {
    return this.strings.text(id);
  }

  file(path: string, more: Partial<FileFacts> = {}): FileFacts {
    return {
      ...noFile,
      path: this.strings.intern(path),
      ownPath: this.strings.intern(path),
      name: this.strings.intern(path.slice(path.lastIndexOf('/') + 1)),
      ...more,
    };
  }

  list(...texts: string[]): StringList {
    return { items: texts.map((text) => this.strings.intern(text)), total: texts.length, truncated: false };
  }

  event(
    type: string,
    pid: number,
    columns: Record<string, ColumnValue | string> = {},
    head: Partial<RawEvent> = {},
  ): Event {
    const row = eventByName(type);
    if (row === undefined) throw new Error(`no event ${type}`);
    this.#seq += 1;
    this.#time += 1000;
    const raw: RawEvent = {
      id: row.id,
      row,
      schema: { id: row.id, name: row.name, columns: [] },
      seq: this.#seq,
      pid,
      tid: pid,
      syscall: 0xffffffff,
      arch: 1,
      flags: 0,
      missing: 0,
      cut: 0,
      timeLow: this.#time % 4294967296,
      timeHigh: Math.floor(this.#time / 4294967296),
      retval: 0,
      duration: 10,
      columns: Object.entries(row.columns).map(([name, column]) => this.#value(columns[name], column.type)),
      ...head,
    };
    for (const name of Object.keys(columns))
      if (!(name in row.columns)) throw new Error(`${type} has no column ${name}`);
    const event = this.probe.apply(raw);
    if (event === null) throw new Error(`${type} gives no event`);
    return event;
  }

  record(
    name: (typeof recordRows)[number]['name'],
    columns: Record<string, ColumnValue | string | bigint>,
  ): void {
    const row = recordRows.find((candidate) => candidate.name === name);
    if (row === undefined) throw new Error(`no record ${name}`);
    const names = Object.entries(row.columns);
    const raw: RawRecord = {
      id: row.id,
      name,
      schema: { id: row.id, name, columns: [] },
      columns: names.map(([column, { type }]) => {
        const value = columns[column];
        return this.#value(typeof value === 'bigint' ? Number(value) : value, type);
      }),
      exact: (column) => BigInt(columns[names[column]?.[0] ?? ''] as bigint | number),
    };
    this.probe.applyRecord(raw);
  }

  #value(value: ColumnValue | string | undefined, type: string): ColumnValue {
    if (typeof value === 'string') return this.strings.intern(value);
    if (value !== undefined) return value;
    const absent: Record<string, ColumnValue> = {
      file: noFile,
      list: noList,
      credentials: noCredentials,
      namespaces: noNamespaces,
      context: noContext,
    };
    return absent[type] ?? 0;
  }

  /** A live process with a program, placed by a record. */
  process(pid: number, ppid: number, path: string, more: Record<string, ColumnValue | string> = {}): void {
    this.record('process', {
      pid,
      tid: pid,
      ppid,
      flags: 1 | 8,
      start_time: 1_000_000_000 + pid,
      comm: path.slice(path.lastIndexOf('/') + 1),
      cwd: '/',
      file: this.file(path),
      argv: this.list(path),
      ...more,
    });
  }

  fork(pid: number, child: number, more: Record<string, ColumnValue | string> = {}): Process {
    return this.event('fork', pid, { child, child_tid: child, ppid: pid, ...more }, { retval: child })
      .process;
  }

  exec(
    pid: number,
    path: string,
    more: Record<string, ColumnValue | string> = {},
    head: Partial<RawEvent> = {},
  ): Process {
    const name = path.slice(path.lastIndexOf('/') + 1);
    return this.event(
      'exec',
      pid,
      { file: this.file(path), named: path, argv: this.list(name), comm: name, ...more },
      head,
    ).process;
  }

  exit(pid: number, more: Record<string, ColumnValue | string> = {}): Process {
    return this.event('exit', pid, { group: 1, ...more }).process;
  }

  /** Base names from a process upwards. */
  lineage(process: Process | undefined): string {
    const names: string[] = [];
    for (let at: Process | null | undefined = process; at; at = at.parent)
      names.push(this.text(at.file.name) || '?');
    return names.join(' < ');
  }

  ids(pid: number): string {
    const { credentials } = this.live(pid);
    return `${credentials.uid}/${credentials.euid}`;
  }

  live(pid: number): Process {
    const process = this.probe.find(pid);
    if (process === undefined) throw new Error(`process ${pid} is not alive`);
    return process;
  }
}

const ids = (uid: number, more: Partial<Credentials> = {}): Credentials => ({
  ...noCredentials,
  uid,
  euid: uid,
  suid: uid,
  fsuid: uid,
  ...more,
});
const spaces = (mnt: number): Namespaces => ({ ...noNamespaces, mnt, pid: mnt });

t.test('images: fork shares the program, exec adds an ancestor', async (t) => {
  const told = new Told();
  told.process(1, 0, '/sbin/init');
  told.process(100, 1, '/usr/sbin/nginx');
  const child = told.fork(100, 101);
  t.equal(told.lineage(child), 'nginx < nginx < init');
  t.match(child, { pid: 101, ppid: 100, isExec: false, isThread: true });
  t.equal(child.argv, told.live(100).argv, 'fork shares the arguments');

  const shell = told.exec(101, '/bin/sh', { argv: told.list('sh', '-c', 'exec cat x') });
  t.match(shell, { pid: 101, ppid: 100, isExec: true, isThread: false });
  t.equal(told.lineage(shell), 'sh < nginx < nginx < init');
  const cat = told.exec(101, '/bin/cat');
  t.equal(
    told.lineage(cat),
    'cat < sh < nginx < nginx < init',
    "sh -c 'exec cat' keeps sh among the ancestors",
  );
  t.equal(cat.depth, 4);
  t.equal(told.text(cat.parent?.derived.args ?? 0), '-c exec cat x');
  t.ok(cat.node > shell.node, 'nodes count up');
  t.equal(child.argv, told.live(100).argv, 'the old image is as it was');
});

t.test('a failed exec changes nothing and shows what would have run', async (t) => {
  const told = new Told();
  told.process(10, 1, '/bin/bash');
  const process = told.exec(10, '/root/secret', {}, { retval: -13 });
  t.equal(told.text(process.file.path), '/root/secret');
  t.equal(told.lineage(process), 'secret < bash');
  t.equal(told.lineage(told.live(10)), 'bash');
});

t.test('the path by which a program was started is an alias', async (t) => {
  const told = new Told();
  told.process(10, 1, '/bin/bash', { cwd: '/usr/bin' });
  for (const [named, want] of [
    ['/usr/bin/python', '/usr/bin/python'],
    ['./python', '/usr/bin/python'],
    ['../bin/python', '/usr/bin/python'],
    ['/usr/bin/python3.11', ''],
    ['python3.11', ''],
  ] as const) {
    const process = told.exec(10, '/usr/bin/python3.11', { named });
    t.equal(process.aliases.map((id) => told.text(id)).join(), want, named);
    t.equal(process.aliasNames.map((id) => told.text(id)).join(), want === '' ? '' : 'python', named);
  }
});

t.test('what exec tells replaces, what it does not tell is inherited', async (t) => {
  const told = new Told();
  told.process(10, 1, '/bin/login', { credentials: ids(0), sid: 7, tty: 'tty1', cwd: '/root' });
  const same = told.exec(10, '/bin/a', { tty: 'tty1' });
  t.match({ ...same.credentials }, { uid: 0 });
  t.equal(told.text(same.cwd), '/root');
  t.equal(same.sid, 7);
  const other = told.exec(10, '/bin/su', {
    credentials: ids(1000, { euid: 0 }),
    cwd: '/tmp',
    sid: 10,
    ppid: 3,
    tty: 'pts9',
  });
  t.equal(told.ids(10), '1000/0');
  t.equal(told.text(other.cwd), '/tmp');
  t.match(other, { sid: 10, ppid: 3 });
  t.equal(told.text(other.tty), 'pts9');
  t.equal(told.text(same.tty), 'tty1', 'the ancestor keeps its own');
});

t.test('threads', async (t) => {
  const told = new Told();
  told.process(10, 1, '/usr/bin/java');
  const before = told.live(10);
  const event = told.event('fork', 10, { child: 10, child_tid: 11, flags: 0x10f00, ppid: 1 }, { retval: 11 });
  t.equal(event.process, before, 'a thread is no process');
  t.equal(told.probe.ofThread, true);
  t.equal(told.event('open', 10, {}, { tid: 11 }).process, before, 'threads share the process');
  t.equal(before.tid, 11);
  told.event('exit', 10, { group: 0 }, { tid: 11 });
  t.equal(told.probe.ofThread, true);
  t.equal(told.live(10), before, 'the end of a thread is not the end of the process');
  const after = told.exec(10, '/bin/true', { caller_tid: 12 });
  t.equal(told.lineage(after), 'true < java', 'exec by another thread than the leader');
  t.equal(told.live(10).tid, 10);
});

t.test('exit: seen once more, then gone; children are adopted; ancestors stay', async (t) => {
  const told = new Told();
  told.process(1, 0, '/sbin/init');
  told.process(50, 1, '/usr/bin/supervisor');
  told.event('prctl', 50, { option: 36, value: 1 });
  told.fork(50, 60);
  told.exec(60, '/bin/sh');
  told.fork(60, 61);
  told.exec(61, '/usr/bin/daemon');
  const last = told.exit(60);
  t.equal(last.pid, 60, 'the event of the end still has its process');
  t.equal(told.probe.find(60)?.pid, 60, 'until the next item is taken');
  told.event('open', 61);
  t.equal(told.probe.find(60), undefined);
  t.equal(told.live(61).ppid, 50, 'the subreaper adopts');
  t.equal(told.lineage(told.live(61)), 'daemon < sh < sh < supervisor < supervisor < init');
  told.exit(50);
  told.event('open', 61);
  t.equal(told.live(61).ppid, 1, 'then the first process');
});

t.test('orphans of a pid namespace go to its first process', async (t) => {
  const told = new Told();
  told.process(1, 0, '/sbin/init');
  told.process(70, 1, '/usr/bin/unshare');
  told.fork(70, 71, { own_pid: 1, namespaces: spaces(99) });
  told.fork(71, 72, { own_pid: 2 });
  told.fork(72, 73, { own_pid: 3 });
  told.exit(72);
  told.event('open', 73);
  t.equal(told.live(73).ppid, 71);
  t.equal(told.live(73).namespaces.mnt, 99, 'namespaces are inherited');
});

t.test('CLONE_PARENT: the ancestry goes through the caller, the parent is the grandparent', async (t) => {
  const told = new Told();
  told.process(5, 1, '/bin/a');
  told.fork(5, 6);
  told.exec(6, '/bin/b');
  const child = told.fork(6, 7, { ppid: 5 });
  t.equal(child.ppid, 5);
  t.equal(told.lineage(child), 'b < b < a < a');
  told.exit(6);
  told.event('open', 7);
  t.equal(told.live(7).ppid, 5, 'not an orphan');
});

t.test('a pid that is used again is another process', async (t) => {
  const told = new Told();
  told.process(5, 1, '/bin/a');
  const first = told.fork(5, 6);
  told.exit(6);
  const second = told.fork(5, 6);
  t.not(first.node, second.node);
  const lost = told.fork(5, 6);
  t.not(second.node, lost.node, 'even when its end was not seen');
});

t.test('a process of which nothing was told', async (t) => {
  const told = new Told();
  const event = told.event('open', 4711);
  t.match(event.process, { pid: 4711, ppid: 0, parent: null });
  t.equal(told.event('open', 4711).process, event.process, 'is made up once');
});

t.test('state that events change', async (t) => {
  const rows: readonly (readonly [
    string,
    string,
    Record<string, ColumnValue | string>,
    number,
    (told: Told) => unknown,
    unknown,
  ])[] = [
    ['chdir', 'chdir', { cwd: '/tmp' }, 0, (told) => told.text(told.live(5).cwd), '/tmp'],
    ['chdir that failed', 'chdir', { cwd: '/tmp' }, -2, (told) => told.text(told.live(5).cwd), '/'],
    ['chroot', 'chroot', { root: '/jail' }, 0, (told) => told.text(told.live(5).root), '/jail'],
    ['chroot that was refused', 'chroot', { root: '/jail' }, -1, (told) => told.text(told.live(5).root), ''],
    [
      'pivot_root',
      'pivot_root',
      { root: '/new', cwd: '/new' },
      0,
      (told) => [told.text(told.live(5).root), told.text(told.live(5).cwd)].join(),
      '/new,/new',
    ],
    [
      'mount tells a root that is not the root of the process',
      'mount',
      { root: '/sub' },
      0,
      (told) => told.text(told.live(5).root),
      '',
    ],
    ['setuid', 'setuid', { credentials: ids(33) }, 0, (told) => told.ids(5), '33/33'],
    ['setuid that failed', 'setuid', { credentials: ids(0) }, -1, (told) => told.ids(5), '1000/1000'],
    ['setgid', 'setgid', { credentials: ids(33, { gid: 4 }) }, 0, (told) => told.live(5).credentials.gid, 4],
    [
      'setgroups',
      'setgroups',
      { credentials: ids(33, { groups: [4, 5] }) },
      0,
      (told) => told.live(5).credentials.groups.join(),
      '4,5',
    ],
    [
      'capset',
      'capset',
      { credentials: ids(33, { capEffective: 8 }) },
      0,
      (told) => told.live(5).credentials.capEffective,
      8,
    ],
    ['unshare', 'unshare', { namespaces: spaces(7) }, 0, (told) => told.live(5).namespaces.mnt, 7],
    [
      'setns',
      'setns',
      { namespaces: spaces(7), cwd: '/x', root: '/r' },
      0,
      (told) =>
        `${told.live(5).namespaces.mnt} ${told.text(told.live(5).cwd)} ${told.text(told.live(5).root)}`,
      '7 /x /r',
    ],
    [
      'prctl(PR_SET_NAME)',
      'prctl',
      { option: 15, comm: 'worker' },
      0,
      (told) => told.text(told.live(5).comm),
      'worker',
    ],
    ['setsid', 'setsid', {}, 5, (told) => told.live(5).sid, 5],
    ['open', 'open', { file: noFile }, 3, (told) => told.text(told.live(5).cwd), '/'],
  ];
  for (const [name, type, columns, retval, read, want] of rows) {
    const told = new Told();
    told.process(5, 1, '/bin/a', { credentials: ids(1000) });
    told.event(type, 5, columns, { retval });
    t.equal(read(told), want, name);
  }
  const told = new Told();
  told.process(5, 1, '/bin/a', { credentials: ids(1000) });
  told.event('setuid', 5, { credentials: ids(0) }, { flags: 1 });
  t.equal(told.ids(5), '1000/1000', 'a call that never returned changes nothing');
  told.event('setuid', 5, { credentials: ids(0) }, { missing: 1 });
  t.equal(told.ids(5), '1000/1000', 'what could not be read changes nothing');
});

t.test('the second process of an event', async (t) => {
  const told = new Told();
  told.process(5, 1, '/bin/a');
  told.process(6, 1, '/bin/b');
  const target = (type: string, columns: Record<string, ColumnValue>): string => {
    const event = told.event(type, 5, columns);
    return event.target === null ? 'none' : `${event.target.pid} ${told.lineage(event.target)}`;
  };
  t.equal(target('signal', { target: 6, type: 9 }), '6 b');
  t.equal(target('signal', { target: 0, type: 9 }), 'none', 'a group is no process');
  t.equal(target('signal', { target: -1, type: 9 }), 'none');
  t.equal(target('signal', { target: 999, type: 9 }), '999 ?', 'a process that is not traced');
  t.equal(told.probe.find(999), undefined, 'is not made up');
  t.equal(target('setrlimit', { target: 0 }), '5 a', 'prlimit(0) means the caller');
  t.equal(target('setrlimit', { target: 6 }), '6 b');
  t.equal(target('ptrace', { target: 6, request: 16 }), '6 b');
  t.equal(target('open', {}), 'none');
});

t.test('names of users and groups, per mount namespace', async (t) => {
  const told = new Told();
  told.record('user', { id: 33, name: 'www-data', mount_namespace: 0 });
  told.record('user', { id: 33, name: 'nginx', mount_namespace: 77 });
  told.record('group', { id: 4, name: 'adm', mount_namespace: 0 });
  const { world } = told.event('open', 5);
  t.equal(told.text(world.user(33)), 'www-data');
  t.equal(told.text(world.user(33, 77)), 'nginx');
  t.equal(told.text(world.user(4, 77)), '', 'not told of there: not borrowed from the host');
  t.equal(told.text(world.user(33, 5)), 'www-data', "a namespace of which nothing was told is the tracer's");
  t.equal(told.text(world.group(4)), 'adm');
  t.equal(told.text(world.hostname), 'box');
});

t.test('time', async (t) => {
  const told = new Told();
  const event = told.event('open', 5);
  t.equal(event.elapsed, 1000);
  t.equal(event.timestamp(), realtime + 1000n);
  t.equal(event.wall, Number(realtime + 1000n));
  told.record('clock', { boottime: boottime + 1000n, realtime: realtime + 3_600_000_001_000n, reason: 1 });
  const later = told.event('open', 5);
  t.equal(later.elapsed, 2000, 'boot time does not care for the wall clock');
  t.equal(later.timestamp(), realtime + 3_600_000_002_000n, 'wall time follows it');
});

t.test('a checkpoint tells the state again', async (t) => {
  const told = new Told();
  told.process(1, 0, '/sbin/init');
  told.process(10, 1, '/bin/sh');
  told.fork(10, 11);
  told.exec(11, '/bin/cat');
  const before = told.live(11);
  const again = (): void => {
    told.probe.checkpoint();
    told.process(1, 0, '/sbin/init');
    told.process(10, 1, '/bin/sh');
    told.process(11, 10, '/bin/cat', { argv: told.list('cat'), cwd: '/moved', credentials: ids(5) });
  };
  again();
  const event = told.event('open', 11);
  t.equal(event.process, before, 'the same image');
  t.equal(told.lineage(event.process), 'cat < sh < sh < init', 'no ancestor is lost');
  t.equal(told.text(event.process.cwd), '/moved', 'facts are as told');
  t.equal(told.ids(11), '5/5');

  told.fork(10, 12);
  told.record('gap', { reason: 1, lost: 100 });
  again();
  told.event('open', 10);
  t.equal(told.probe.find(12), undefined, 'after a gap, who is not told of has gone');
  told.record('gap', { reason: 1, lost: 100 });
  told.probe.checkpoint();
  told.process(1, 0, '/sbin/init');
  told.process(10, 1, '/bin/sh');
  told.process(11, 10, '/bin/tac', { argv: told.list('tac') });
  told.event('open', 10);
  t.equal(
    told.lineage(told.live(11)),
    'tac < cat < sh < sh < init',
    'an exec in the gap is an image of its own',
  );

  const fresh = new Told();
  fresh.probe.checkpoint();
  fresh.process(1, 0, '/sbin/init');
  fresh.process(10, 1, '/bin/sh');
  fresh.process(11, 10, '/bin/cat', { argv: fresh.list('cat') });
  t.equal(
    fresh.lineage(fresh.event('open', 11).process),
    'cat < sh < init',
    'a suffix begins with what is told',
  );
});

t.test('texts of the past survive a collection in the middle of a checkpoint', async (t) => {
  const told = new Told();
  told.probe.checkpoint();
  // Dead, and nobody has been told of who comes from it: 8 execed, 64 dead.
  told.process(20, 1, '/opt/gone', { flags: 8 | 64, image: 7, argv: told.list('gone', '--before') });
  told.strings.collect();
  told.strings.intern('something that takes a number which is free');
  told.process(21, 20, '/opt/child', { image: 8, parent_image: 7 });
  const child = told.event('open', 21).process;
  t.equal(told.lineage(child), 'child < gone');
  t.equal(told.text(child.parent!.argv.items[1]!), '--before');
});

t.test('what the scanner found: one image, and another after an exec', async (t) => {
  const told = new Told();
  told.process(1, 0, '/sbin/init');
  told.process(30, 1, '/bin/found', { flags: 8 | 32, image: 5 });
  const scanned = { flags: 8 };
  const first = told.exec(30, '/bin/found', { image: 5 }, scanned);
  t.equal(told.lineage(first), 'found < init', 'the record has told of it');
  t.equal(told.lineage(told.exec(30, '/bin/next', { image: 6 }, scanned)), 'next < found < init');
  told.event('exit', 30, { group: 1 }, { flags: 8 | 1 });
  told.probe.end();
  t.equal(told.probe.find(30), undefined);
});

t.test('facts that come late', async (t) => {
  const told = new Told();
  told.process(5, 1, '/bin/a');
  const program = told.file('/bin/b', { inode: 7, dev: 8 });
  const process = told.exec(5, '/bin/b', { file: program });
  told.record('update', { kind: 3, pid: 5, text: 'renamed' });
  t.equal(told.text(process.comm), 'renamed');
  told.record('update', {
    kind: 2,
    pid: 5,
    context: { ...noContext, containerId: told.strings.intern('c0ffee') },
  });
  t.equal(told.text(process.context.containerId), 'c0ffee');
  const content = { hashes: [told.strings.intern('sha256:00')], package: null, metadata: null };
  told.record('update', { kind: 1, file: told.file('/bin/b', { inode: 9, dev: 8 }), content });
  t.equal(process.file.extra, null, 'another file of that name');
  told.record('update', { kind: 1, file: told.file('/bin/b', { inode: 7, dev: 8 }), content });
  t.equal(process.file.extra, content);
});

t.test('DNS answers give addresses their names', async (t) => {
  const told = new Told();
  told.process(5, 1, '/usr/bin/curl');
  const ip = told.strings.intern('93.184.216.34');
  const connect = () =>
    told
      .event('connect', 5, { address: { family: 2, ip, port: 443, path: 0 } })
      .hostnames.map((id) => told.text(id))
      .join();
  t.equal(connect(), '');
  const { encode } = await import('dns-packet');
  const message = (answers: boolean): number =>
    told.strings.internBytes(
      encode({
        type: answers ? 'response' : 'query',
        id: 0x8001,
        flags: answers ? 0x180 : 0x100,
        questions: [{ type: 'A', name: 'www.Example.com', class: 'IN' }],
        answers: answers
          ? [
              { type: 'CNAME', name: 'www.Example.com', data: 'edge.example.net', ttl: 5 },
              { type: 'A', name: 'edge.example.net', data: '93.184.216.34', ttl: 5 },
            ]
          : [],
      }),
    );
  const question = told.event('dns', 5, { message: message(false), direction: 0 });
  t.strictSame(
    [
      'dns.id',
      'dns.question.name',
      'dns.question.type',
      'dns.question.class',
      'dns.question.count',
      'dns.response.code',
    ].map((name) => question.derived(name)),
    [0x8001, 'www.Example.com', 1, 1, 1, 0],
  );
  t.equal(connect(), '', 'a question is no answer');
  told.event('dns', 5, { message: message(true), direction: 0 });
  t.equal(connect(), '', 'an answer that the program sends itself is not believed');
  told.event('dns', 5, { message: message(true), direction: 1 });
  t.equal(connect(), 'www.Example.com,edge.example.net');
  const garbled = told.event('dns', 5, {
    message: told.strings.internBytes(Buffer.from([1, 2, 3, 0xff])),
    direction: 1,
  });
  t.equal(garbled.derived('dns.question.name'), '', 'bytes that are no message');
});

t.test('writes to kernel files are events of their own', async (t) => {
  const rows: readonly (readonly [string, string, string, Record<string, unknown>])[] = [
    [
      '/proc/sys/kernel/core_pattern',
      '|/bin/x\n',
      'sysctl',
      { 'sysctl.name': 'kernel/core_pattern', 'sysctl.value': '|/bin/x' },
    ],
    ['/sys/fs/cgroup/a/cgroup.procs', '42\n', 'cgroup_write', { 'cgroup_write.pid': 42 }],
    [
      '/sys/fs/selinux/enforce',
      '0',
      'selinux',
      { 'selinux.enforce.status': 'permissive', 'selinux.bool.name': '' },
    ],
    [
      '/sys/fs/selinux/booleans/httpd_can',
      '1',
      'selinux',
      { 'selinux.bool.name': 'httpd_can', 'selinux.bool.state': 'on' },
    ],
    ['/tmp/cgroup.procs', '42\n', '', {}],
    ['/etc/passwd', 'x', '', {}],
  ];
  for (const [path, bytes, type, fields] of rows) {
    const told = new Told();
    told.event('write', 5, { file: told.file(path), bytes });
    const more = told.probe.more();
    t.equal(more?.type ?? '', type, path);
    for (const [name, want] of Object.entries(fields)) t.equal(more?.derived(name), want, name);
    t.equal(told.probe.more(), null, 'once');
  }
});

t.test('arguments', async (t) => {
  const rows: readonly (readonly [string, string, string])[] = [
    ['-abc', 'a b c abc', ''],
    ['-x', 'x', ''],
    ['--name', 'name', ''],
    ['--n', '', ''],
    ['--name=value', '', 'name=value'],
    ['-n value', 'n', 'n=value'],
    ['--name value', 'name', 'name=value'],
    ['-n -m', 'n m', ''],
    ['-a=b', '', 'a=b'],
    ['-a_b', 'a_b', ''],
    ['- --', '', ''],
    ['plain', '', ''],
    ['-1 2', '1', '1=2'],
    ['-x ""', 'x', 'x='],
  ];
  for (const [line, flags, options] of rows) {
    const args = line.split(' ').map((part) => (part === '""' ? '' : part));
    t.equal(argumentFlags(args).join(' '), flags, `flags of ${line}`);
    t.equal(argumentOptions(args).join(' '), options, `options of ${line}`);
  }
  const told = new Told();
  told.process(5, 1, '/bin/a');
  const process = told.exec(5, '/bin/tar', {
    argv: told.list('tar', '-xf', 'a.tar'),
    envp: told.list('PATH=/bin', 'HOME', 'A=b=c'),
  });
  t.strictSame(
    {
      argv0: told.text(process.derived.argv0),
      args: told.text(process.derived.args),
      argv: process.derived.argv.map((id) => told.text(id)),
      envs: process.derived.envs.map((id) => told.text(id)),
    },
    { argv0: 'tar', args: '-xf a.tar', argv: ['-xf', 'a.tar'], envs: ['PATH', 'HOME', 'A'] },
  );
  t.equal(told.fork(5, 6).derived, process.derived, 'derived once for all images that share the arguments');
});

t.test('the ssh session of the environment', async (t) => {
  const rows: readonly (readonly [string[], string])[] = [
    [
      ['SSH_CONNECTION=10.0.0.7 51234 10.0.0.1 22', 'USER=ann', 'SSH_CLIENT=1.1.1.1 1 22'],
      'ann 10.0.0.7 51234',
    ],
    [['SSH_CLIENT=fe80::1 51234 22', 'LOGNAME=bob'], 'bob fe80::1 51234'],
    [['USER=ann', 'SSH_CONNECTION'], 'none'],
  ];
  for (const [envp, want] of rows) {
    const told = new Told();
    told.process(5, 1, '/usr/sbin/sshd');
    told.exec(5, '/bin/bash', { envp: told.list(...envp) });
    const { session } = told.fork(5, 6);
    t.equal(
      session === null
        ? 'none'
        : `${told.text(session.sshUsername)} ${told.text(session.sshClientIp)} ${session.sshPort}`,
      want,
    );
  }
});

t.test('memory is bounded by what is alive', async (t) => {
  const told = new Told();
  told.process(1, 0, '/bin/sh');
  for (let round = 0; round < 2000; round++) {
    const pid = 100 + (round % 50);
    told.fork(1, pid);
    told.exec(pid, '/bin/true');
    told.exit(pid);
  }
  told.event('open', 1);
  t.match(told.probe.figures, { seen: 2001, live: 1, images: 1 });
  t.equal(told.released.length, 4000, 'each image is released once');
  t.equal(new Set(told.released).size, 4000);

  for (let round = 0; round < 20_000; round++) told.exec(1, '/bin/again');
  t.ok(told.probe.figures.images <= 4097, 'an ancestry without end is cut');
  t.ok(told.probe.figures.cut > 0, 'and that is counted');
});

t.test('property: the tree agrees with a plain model of pids, parents and programs', async (t) => {
  const operation = fc.tuple(
    fc.constantFrom('fork', 'exec', 'exit', 'setuid', 'checkpoint'),
    fc.nat(),
    fc.nat(),
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 120 }), (operations) => {
      const told = new Told();
      told.process(1, 0, '/sbin/init');
      interface Plain {
        ppid: number;
        lineage: string[];
        uid: number;
      }
      const model = new Map<number, Plain>([[1, { ppid: 0, lineage: ['init'], uid: 0 }]]);
      let nextPid = 2;
      for (const [kind, a, b] of operations) {
        const pids = [...model.keys()];
        const pid = pids[a % pids.length] ?? 1;
        const plain = model.get(pid);
        if (plain === undefined) continue;
        if (kind === 'fork') {
          const child =
            b % 3 === 0
              ? nextPid++
              : (Array.from({ length: nextPid }, (_unused, index) => index + 1).find(
                  (free) => !model.has(free),
                ) ?? nextPid++);
          nextPid = Math.max(nextPid, child + 1);
          told.fork(pid, child);
          model.set(child, {
            ppid: pid,
            lineage: [plain.lineage[0] ?? '', ...plain.lineage],
            uid: plain.uid,
          });
        } else if (kind === 'exec') {
          told.exec(pid, `/bin/p${b % 5}`);
          plain.lineage.unshift(`p${b % 5}`);
        } else if (kind === 'setuid') {
          told.event('setuid', pid, { credentials: ids(b % 1000) });
          plain.uid = b % 1000;
        } else if (kind === 'exit' && pid !== 1) {
          told.exit(pid);
          model.delete(pid);
          for (const other of model.values()) if (other.ppid === pid) other.ppid = 1;
        } else if (kind === 'checkpoint') {
          told.probe.checkpoint();
          for (const [each, { ppid, lineage, uid }] of model)
            told.process(each, ppid, `/bin/${lineage[0]}`, { credentials: ids(uid) });
        }
      }
      told.event('open', 1);
      const got = [...told.probe.live()].map(({ pid }) => pid).sort((x, y) => x - y);
      const want = [...model.keys()].sort((x, y) => x - y);
      if (got.join() !== want.join()) throw new Error(`alive: have ${got.join()}, want ${want.join()}`);
      for (const [pid, { ppid, lineage, uid }] of model) {
        const process = told.live(pid);
        if (
          process.ppid !== ppid ||
          told.lineage(process) !== lineage.join(' < ') ||
          process.credentials.uid !== uid
        ) {
          throw new Error(
            `process ${pid}: have ${process.ppid} ${told.lineage(process)} ${process.credentials.uid}, want ${ppid} ${lineage.join(' < ')} ${uid}`,
          );
        }
      }
      const reachable = new Set<Process>();
      for (const process of told.probe.live())
        for (let at: Process | null = process; at !== null; at = at.parent) reachable.add(at);
      if (told.probe.figures.images !== reachable.size)
        throw new Error(`holds ${told.probe.figures.images} images, ${reachable.size} are reachable`);
    }),
    { numRuns: 300 },
  );
  t.pass('agreed');
});
