/**
 * Keeps the state of the traced world and makes events of raw events. Synchronous; it reads nothing but
 * what it is given, so live and replayed streams give the same events.
 */
import { noList } from '../catalogue/absent.js';
import { dnsMessageOf } from '../catalogue/derived.js';
import type { ColumnValue, Event, FileFacts, Process } from '../catalogue/event.js';
import { write } from '../catalogue/events/data.js';
import { dns } from '../catalogue/events/network.js';
import type { RawEvent, RawRecord } from '../catalogue/raw.js';
import { ProcessFlag, recordRows, updateKinds } from '../catalogue/records.js';
import type { EventRow } from '../catalogue/row.js';
import type { StringId, StringTable } from '../support/strings.js';
import { Clock } from './clock.js';
import {
  address,
  addressPosition,
  context,
  credentials,
  file,
  isPresent,
  namespaces,
  number,
  positions,
  targetPosition,
} from './columns.js';
import { CurrentEvent } from './current.js';
import { type Effect, effects, facts, programOf, type State, succeeded } from './effects.js';
import { Hosts } from './hosts.js';
import { Image, type Made, noInheritance, Program } from './image.js';
import { StreamWorld } from './names.js';
import { type NodeCounter, ProcessTree, type Task } from './tree.js';
import { Writes } from './writes.js';

export interface ProbeOptions {
  readonly strings: StringTable;
  /** Shared by the streams of a run. */
  readonly nodes: NodeCounter;
  /** Nobody can ask for this image any more. */
  readonly release?: (image: Process) => void;
}

/** What the probe wants of a stream's header. */
export interface StreamFacts {
  readonly hostname: string;
  readonly boottime: bigint;
  readonly realtime: bigint;
}

/** What is done for the events of one row. */
interface Plan {
  readonly row: EventRow;
  readonly effect: Effect | undefined;
  readonly facts: ReturnType<typeof facts>;
  /** Column of the second process, or −1. */
  readonly target: number;
  /** Column of an address, or −1. */
  readonly address: number;
  /** What is learnt or derived once the event is complete. */
  readonly after: ((raw: RawEvent) => void) | undefined;
}

/** What a checkpoint has told so far. */
interface Told {
  readonly pids: Set<number>;
  /** By number: those that were known before, and those told. */
  readonly images: Map<number, Image>;
  /** Images of the past that were made of it. */
  readonly past: Image[];
}

const noNames: readonly StringId[] = [];
const recordAt = Object.fromEntries(recordRows.map((row) => [row.name, positions(row)])) as {
  readonly [R in (typeof recordRows)[number] as R['name']]: { readonly [K in keyof R['columns']]: number };
};

/** Records that tell how things are: a checkpoint consists of them. */
const ofCheckpoint: ReadonlySet<string> = new Set([
  'clock',
  'process',
  'user',
  'group',
  'mount',
  'descriptor',
]);

const dnsAt = positions(dns);
const writeAt = positions(write);

export class Probe {
  readonly world = new StreamWorld();
  readonly #tree: ProcessTree;
  readonly #strings: StringTable;
  readonly #clock = new Clock();
  readonly #event: CurrentEvent;
  readonly #plans: (Plan | undefined)[] = [];
  readonly #state: State;
  readonly #hosts: Hosts;
  readonly #writes: Writes;
  /** The row of the event that is to be made of the last raw event beside it. */
  #also: EventRow | undefined;
  #alsoColumns: readonly ColumnValue[] = [];
  /** The process that ends when the current event has been decided. */
  #ending = 0;
  #ofThread = false;
  /** Events were lost since the last checkpoint: the next one is believed more than what was seen. */
  #gapped = false;
  /** The checkpoint that is being read; undefined outside of one. */
  #told: Told | undefined;

  constructor(options: ProbeOptions) {
    this.#strings = options.strings;
    this.#tree = new ProcessTree(options.strings, options.nodes, options.release ?? (() => {}));
    this.#hosts = new Hosts(options.strings);
    this.#writes = new Writes(options.strings);
    this.#state = { tree: this.#tree, strings: options.strings };
    const nobody = new Image(
      options.strings,
      {
        node: 0,
        pid: 0,
        ppid: 0,
        parent: null,
        createdAt: 0,
        isExec: false,
        isKworker: false,
        comm: 0,
        program: Program.unknown,
      },
      noInheritance,
    );
    this.#event = new CurrentEvent(nobody, this.world, this.#clock, options.strings);
    this.world.origin = options.strings.intern('ebpfless');
    this.world.os = options.strings.intern('linux');
    options.strings.hold(this);
  }

  get figures(): ProcessTree['figures'] {
    return this.#tree.figures;
  }

  /** The current event is about one thread of a process: rules do not see it. */
  get ofThread(): boolean {
    return this.#ofThread;
  }

  /** The image of a live process. */
  find(pid: number): Process | undefined {
    return this.#tree.find(pid)?.image;
  }

  /** The images of all live processes, in order of their appearance. */
  *live(): Generator<Process> {
    for (const task of this.#tree.live()) yield task.image;
  }

  /** Marks the strings of all images that are in use, and of the world: see `StringTable.collect`. */
  keep(mark: (id: StringId) => void): void {
    const done = new Set<Image>();
    const keepAncestry = (from: Image): void => {
      for (let image: Image | null = from; image !== null && !done.has(image); image = image.parent) {
        done.add(image);
        image.keep(mark);
      }
    };
    for (const task of this.#tree.live()) keepAncestry(task.image);
    // In the middle of a checkpoint those that come from these have not been told yet.
    for (const image of this.#told?.past ?? []) keepAncestry(image);
    this.world.keep(mark);
  }

  start(header: StreamFacts): void {
    this.world.hostname = this.#strings.intern(header.hostname);
    this.world.boottime = Number(header.boottime);
    this.#clock.start(header.boottime, header.realtime);
  }

  /**
   * The event of a raw event, with the state as rules are to see it; undefined rows give null. The object
   * is the same for every event. What an event ends (a process) ends when the next item is taken.
   */
  apply(raw: RawEvent): Event | null {
    this.#settle();
    const { row } = raw;
    if (row === undefined) return null;
    const plan = this.#plans[row.id] ?? this.#plan(row);
    const task = this.#tree.find(raw.pid) ?? this.#tree.expect(raw.pid);
    const event = this.#event;
    const elapsed = this.#clock.elapsed(raw.timeLow, raw.timeHigh);
    event.id = row.id;
    event.type = row.name;
    event.seq = raw.seq;
    event.pid = raw.pid;
    event.tid = raw.tid;
    event.retval = raw.retval;
    event.timeLow = raw.timeLow;
    event.timeHigh = raw.timeHigh;
    event.elapsed = elapsed;
    event.wall = this.#clock.wall(elapsed);
    event.duration = raw.duration;
    event.flags = raw.flags;
    event.missing = raw.missing;
    event.cut = raw.cut;
    event.syscall = raw.syscall;
    event.arch = raw.arch;
    event.columns = raw.columns;
    event.process = task.image;
    this.#ofThread = false;
    if (plan.effect !== undefined) {
      const outcome = plan.effect(this.#state, raw, task, event.wall);
      if (outcome.process !== undefined) event.process = outcome.process;
      if (outcome.ends) this.#ending = raw.pid;
      this.#ofThread = outcome.ofThread;
    }
    plan.facts?.(raw, task);
    task.image.tid = raw.tid;
    event.target = plan.target < 0 ? null : this.#target(row, number(raw.columns, plan.target), task);
    event.hostnames = plan.address < 0 ? noNames : this.#hosts.names(address(raw.columns, plan.address).ip);
    if (plan.after !== undefined) plan.after(raw);
    return event;
  }

  /** Events that the probe made of the last raw event beside it, one at a time. */
  more(): Event | null {
    const row = this.#also;
    if (row === undefined) return null;
    this.#also = undefined;
    const event = this.#event;
    event.id = row.id;
    event.type = row.name;
    event.columns = this.#alsoColumns;
    return event;
  }

  applyRecord(raw: RawRecord): void {
    this.#settle(ofCheckpoint.has(raw.name ?? ''));
    const { columns } = raw;
    switch (raw.name) {
      case 'clock':
        this.#clock.tie(raw.exact(recordAt.clock.boottime), raw.exact(recordAt.clock.realtime));
        break;
      case 'process':
        this.#process(raw);
        break;
      case 'user': {
        const at = recordAt.user;
        this.world.users.set(
          number(columns, at.mount_namespace),
          number(columns, at.id),
          number(columns, at.name),
        );
        break;
      }
      case 'group': {
        const at = recordAt.group;
        this.world.groups.set(
          number(columns, at.mount_namespace),
          number(columns, at.id),
          number(columns, at.name),
        );
        break;
      }
      case 'update':
        this.#update(columns);
        break;
      case 'gap':
        this.#gapped = true;
        break;
      default:
    }
  }

  /** An epoch begins: the state is told again in full by the records that follow. */
  checkpoint(): void {
    this.#settle();
    this.#told = { pids: new Set(), images: this.#numbered(), past: [] };
  }

  /** The stream is over. */
  end(): void {
    this.#settle();
  }

  #settle(inCheckpoint = false): void {
    if (this.#ending !== 0) {
      this.#tree.end(this.#ending);
      this.#ending = 0;
    }
    if (this.#told !== undefined && !inCheckpoint && this.#told.pids.size > 0)
      this.#closeCheckpoint(this.#told);
  }

  /** The records of a checkpoint are over: after a gap, who was not told of has gone unseen. */
  #closeCheckpoint(told: Told): void {
    this.#told = undefined;
    for (const image of told.past) this.#tree.letGo(image);
    if (!this.#gapped) return;
    this.#gapped = false;
    for (const { pid } of [...this.#tree.live()]) {
      if (!told.pids.has(pid)) this.#tree.end(pid);
    }
  }

  /** Images that are known by their number in checkpoints: those of live processes and what they come from. */
  byNumber(): ReadonlyMap<number, Process> {
    return this.#numbered();
  }

  #numbered(): Map<number, Image> {
    const images = new Map<number, Image>();
    for (const task of this.#tree.live()) {
      for (let image: Image | null = task.image; image !== null; image = image.parent) {
        if (image.number === 0) continue;
        if (images.has(image.number)) break;
        images.set(image.number, image);
      }
    }
    return images;
  }

  #plan(row: EventRow): Plan {
    const plan: Plan = {
      row,
      effect: effects.get(row.name),
      facts: facts(row),
      target: targetPosition(row),
      address: addressPosition(row),
      after:
        row.name === 'dns'
          ? (raw) => this.#learn(raw)
          : row.name === 'write'
            ? (raw) => this.#write(raw)
            : undefined,
    };
    this.#plans[row.id] = plan;
    return plan;
  }

  /** A fact that came late holds from here on. */
  #update(columns: readonly ColumnValue[]): void {
    const at = recordAt.update;
    const task = this.#tree.find(number(columns, at.pid));
    switch (number(columns, at.kind)) {
      case updateKinds.content: {
        const about = file(columns, at.file);
        const content = columns[at.content];
        if (about.path === 0 || typeof content !== 'object' || !('hashes' in content)) break;
        for (const { image } of this.#tree.live()) {
          for (const known of [image.file, image.interpreter])
            if (isSameFile(known, about)) known.extra = content;
        }
        break;
      }
      case updateKinds.context:
        if (task !== undefined && isPresent(columns, at.context))
          task.image.context = context(columns, at.context);
        break;
      case updateKinds.comm:
        if (task !== undefined) task.image.comm = number(columns, at.text);
        break;
      case updateKinds.login:
        if (task !== undefined)
          task.image.credentials = { ...task.image.credentials, auid: number(columns, at.number) };
        break;
      case updateKinds.terminal:
        if (task !== undefined) task.image.tty = number(columns, at.text);
        break;
      default:
    }
  }

  /** A DNS answer that a program received: its addresses have names from the next event on. */
  #learn(raw: RawEvent): void {
    if (!succeeded(raw) || number(raw.columns, dnsAt.direction) !== 1) return;
    const message = dnsMessageOf(this.#event, this.#strings);
    if (message === null || !message.isAnswer) return;
    for (const [ip, names] of message.addresses) this.#hosts.learn(ip, names);
  }

  #write(raw: RawEvent): void {
    const written = file(raw.columns, writeAt.file);
    this.#also = this.#writes.kind(written);
    if (this.#also !== undefined)
      this.#alsoColumns = [written, number(raw.columns, writeAt.bytes), number(raw.columns, writeAt.before)];
  }

  #target(row: EventRow, pid: number, task: Task): Process | null {
    if (pid === 0) return row.name === 'setrlimit' ? task.image : null;
    return pid > 0 ? (this.#tree.find(pid)?.image ?? this.#tree.stranger(pid)) : null;
  }

  #process(raw: RawRecord): void {
    const { columns } = raw;
    const at = recordAt.process;
    const flags = number(columns, at.flags);
    if ((flags & ProcessFlag.thread) !== 0) return;
    const numbered = number(columns, at.image);
    if ((flags & ProcessFlag.dead) !== 0) this.#past(raw, numbered);
    else this.#present(raw, flags, numbered);
  }

  /** An image of the past is kept until the checkpoint is over, and then by those that come from it. */
  #past(raw: RawRecord, numbered: number): void {
    const told = this.#told;
    if (told === undefined || numbered === 0 || told.images.has(numbered)) return;
    const parent = told.images.get(number(raw.columns, recordAt.process.parent_image)) ?? null;
    const made = this.#made(raw);
    const image = this.#tree.past(
      { ...made, pid: number(raw.columns, recordAt.process.pid), parent },
      noInheritance,
    );
    this.#describe(image, raw, numbered);
    told.images.set(numbered, image);
    told.past.push(image);
  }

  #present(raw: RawRecord, flags: number, numbered: number): void {
    const { columns } = raw;
    const at = recordAt.process;
    const pid = number(columns, at.pid);
    const startTime = number(columns, at.start_time);
    const parent = this.#tree.find(number(columns, at.ppid)) ?? null;
    const told = this.#told;
    told?.pids.add(pid);
    let from = parent?.image ?? null;
    if (numbered !== 0 && told !== undefined)
      from = told.images.get(number(columns, at.parent_image)) ?? null;
    let task = this.#tree.find(pid);
    if (task !== undefined && this.#gapped && isOther(task, startTime)) task = undefined;
    if (task === undefined) {
      const isTraced = (flags & ProcessFlag.traced) !== 0;
      task = this.#tree.place(pid, parent, startTime, this.#made(raw), noInheritance, isTraced, from);
    } else if (this.#gapped && numbered !== 0 && task.image.number !== 0) {
      if (task.image.number !== numbered) this.#tree.become(task, { ...this.#made(raw), parent: from });
    } else if (this.#gapped) {
      const made = this.#made(raw);
      if (ranAnother(task.image, made.program))
        this.#tree.exec(task, made.program, made.comm, made.createdAt);
    }
    const { image } = task;
    this.#describe(image, raw, numbered);
    told?.images.set(numbered, image);
    task.pgid = number(columns, at.pgid);
    task.namespaceInit = number(columns, at.own_pid) === 1;
  }

  /** What a `process` record says of an image that is to be made. */
  #made(raw: RawRecord): Omit<Made, 'node' | 'pid' | 'parent'> {
    const { columns } = raw;
    const at = recordAt.process;
    const flags = number(columns, at.flags);
    const executed = number(columns, at.exec_time) || number(columns, at.start_time);
    return {
      ppid: number(columns, at.ppid),
      createdAt: number(columns, at.created_at) || this.#clock.wallOf(executed),
      isExec: (flags & ProcessFlag.execed) !== 0,
      isKworker: (flags & ProcessFlag.kernel) !== 0,
      comm: number(columns, at.comm),
      program: programOf(this.#strings, columns, at, number(columns, at.cwd)),
    };
  }

  #describe(image: Image, raw: RawRecord, numbered: number): void {
    const { columns } = raw;
    const at = recordAt.process;
    if (image.number === 0) image.number = numbered;
    image.ppid = number(columns, at.ppid);
    image.comm = number(columns, at.comm);
    image.sid = number(columns, at.sid);
    image.tty = number(columns, at.tty);
    image.cwd = number(columns, at.cwd);
    image.root = number(columns, at.root);
    if (isPresent(columns, at.credentials)) image.credentials = credentials(columns, at.credentials);
    if (isPresent(columns, at.namespaces)) image.namespaces = namespaces(columns, at.namespaces);
    if (isPresent(columns, at.context)) image.context = context(columns, at.context);
  }
}

function isSameFile(a: FileFacts, b: FileFacts): boolean {
  return a.path === b.path && a.inode === b.inode && a.dev === b.dev;
}

/** A pid was used again while nobody looked. Start times of forks and of /proc differ by what a stop takes. */
function isOther(task: Task, startTime: number): boolean {
  return task.startTime !== 0 && startTime !== 0 && Math.abs(task.startTime - startTime) > 1e9;
}

/** The process called exec while nobody looked. */
function ranAnother(image: Image, program: Program): boolean {
  if (program.file.path === 0) return false;
  if (image.file.path !== program.file.path) return true;
  const known = image.argv === noList ? [] : image.argv.items;
  return (
    program.argv.items.length > 0 &&
    (known.length !== program.argv.items.length ||
      known.some((id, index) => id !== program.argv.items[index]))
  );
}
