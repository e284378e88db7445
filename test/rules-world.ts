/** Processes, files and events made by hand, for tests of the rules room. */
import {
  noAddress,
  noContext,
  noCredentials,
  noFile,
  noList,
  noNamespaces,
} from '../src/catalogue/absent.js';
import { deriveArguments } from '../src/catalogue/arguments.js';
import { derivedFields } from '../src/catalogue/derived.js';
import type {
  Address,
  ColumnValue,
  Context,
  Credentials,
  Event,
  FileFacts,
  Process,
  StringList,
  World,
} from '../src/catalogue/event.js';
import { eventByName } from '../src/catalogue/events.js';
import { StringTable } from '../src/support/strings.js';

const SECOND = 1e9;

export interface ProcessShape {
  readonly pid?: number;
  readonly file?: string;
  readonly argv?: readonly string[];
  readonly envp?: readonly string[];
  readonly aliases?: readonly string[];
  readonly parent?: Process | null;
  readonly comm?: string;
  readonly container?: string;
  readonly cgroup?: string;
  readonly uid?: number;
  readonly created?: number;
  readonly credentials?: Partial<Credentials>;
}

type ColumnShape = number | string | readonly string[] | FileFacts | Address | StringList;

export class TestWorld {
  readonly strings = new StringTable();
  readonly users: Record<number, string> = { 0: 'root', 1000: 'alice' };
  now = 1_700_000_000 * SECOND;
  readonly start = this.now;
  seq = 0;
  node = 0;

  readonly world: World = {
    user: (uid) => this.id(this.users[uid] ?? ''),
    group: (gid) => this.id(this.users[gid] ?? ''),
    hostname: this.id('host-1'),
    os: this.id('linux'),
    origin: this.id('ebpfless'),
  } as World;

  id(text: string): number {
    return this.strings.intern(text);
  }

  list(items: readonly string[]): StringList {
    return { items: items.map((item) => this.id(item)), total: items.length, truncated: false };
  }

  file(path: string, more: Partial<FileFacts> = {}): FileFacts {
    const name = path.slice(path.lastIndexOf('/') + 1);
    const dot = name.lastIndexOf('.');
    return {
      ...noFile,
      path: this.id(path),
      ownPath: this.id(path),
      name: this.id(name),
      extension: this.id(dot < 0 ? '' : name.slice(dot)),
      flags: 1,
      mode: 0o100644,
      ...more,
    };
  }

  address(ip: string, port: number, family = 2): Address {
    return { ...noAddress, family, ip: this.id(ip), port };
  }

  process(shape: ProcessShape = {}): Process {
    const file = shape.file === undefined ? noFile : this.file(shape.file);
    const argv = shape.argv === undefined ? noList : this.list(shape.argv);
    const envp = shape.envp === undefined ? noList : this.list(shape.envp);
    const parent = shape.parent ?? null;
    const uid = shape.uid ?? 0;
    const context: Context = {
      ...noContext,
      containerId: this.id(shape.container ?? ''),
      cgroupId: this.id(shape.cgroup ?? ''),
    };
    this.node += 1;
    const pid = shape.pid ?? 100 + this.node;
    return {
      node: this.node,
      pid,
      tid: pid,
      ppid: parent?.pid ?? 0,
      sid: 1,
      parent,
      depth: (parent?.depth ?? -1) + 1,
      createdAt: shape.created ?? this.now,
      isExec: true,
      isThread: false,
      isKworker: false,
      comm: this.id(shape.comm ?? (shape.file ?? '').slice((shape.file ?? '').lastIndexOf('/') + 1)),
      tty: 0,
      cwd: this.id('/'),
      root: 0,
      file,
      interpreter: noFile,
      aliases: (shape.aliases ?? []).map((path) => this.id(path)),
      aliasNames: (shape.aliases ?? []).map((path) => this.id(path.slice(path.lastIndexOf('/') + 1))),
      argv,
      envp,
      credentials: {
        ...noCredentials,
        uid,
        euid: uid,
        fsuid: uid,
        suid: uid,
        gid: uid,
        egid: uid,
        ...shape.credentials,
      },
      namespaces: noNamespaces,
      context,
      session: null,
      capsAttempted: 0,
      capsUsed: 0,
      derived: deriveArguments(argv, envp, this.strings),
      memo: undefined,
    } as Process;
  }

  /** An event; columns by name, texts and lists as they are. `after`: ns since the one before. */
  event(
    type: string,
    process: Process,
    columns: Readonly<Record<string, ColumnShape>> = {},
    more: { after?: number; retval?: number; target?: Process; hostnames?: string[] } = {},
  ): Event {
    const row = eventByName(type);
    if (row === undefined) throw new Error(`no event "${type}"`);
    for (const name of Object.keys(columns))
      if (!(name in row.columns)) throw new Error(`"${type}" has no column "${name}"`);
    this.now += more.after ?? 1000;
    this.seq += 1;
    const { now, seq, strings } = this;
    const absent: Record<string, ColumnValue> = {
      file: noFile,
      address: noAddress,
      list: noList,
      credentials: noCredentials,
      namespaces: noNamespaces,
      context: noContext,
    };
    const values = Object.entries(row.columns).map(([name, column]): ColumnValue => {
      const given = columns[name];
      if (given === undefined) return absent[column.type] ?? 0;
      if (typeof given === 'string') return column.type === 'file' ? this.file(given) : this.id(given);
      return Array.isArray(given) ? this.list(given) : (given as ColumnValue);
    });
    const event = {
      id: row.id,
      type,
      seq,
      pid: process.pid,
      tid: process.tid,
      retval: more.retval ?? 0,
      elapsed: now - this.start,
      wall: now,
      duration: 0,
      flags: 0,
      missing: 0,
      cut: 0,
      syscall: 0,
      arch: 1,
      process,
      columns: values,
      target: more.target ?? null,
      hostnames: (more.hostnames ?? []).map((name) => this.id(name)),
      world: this.world,
      timestamp: () => BigInt(now),
      derived: (name: string) => derivedFields.get(name)?.(event as unknown as Event, strings),
    };
    return event as unknown as Event;
  }

  exec(process: Process, more: { after?: number } = {}): Event {
    return this.event('exec', process, { file: process.file }, more);
  }
}
