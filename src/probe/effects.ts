/**
 * What events change: one row per event that changes the state of the traced world, in two tables:
 * `effects` for those that need judgement, `told` for those that only tell how things are afterwards.
 * Calls that failed, or whose result is not known, change nothing.
 */
import type { ColumnValue, Process } from '../catalogue/event.js';
import { exec, exit, fork, prctl, setsid } from '../catalogue/events/process.js';
import type { RawEvent } from '../catalogue/raw.js';
import type { Column, EventRow } from '../catalogue/row.js';
import type { StringId, StringTable } from '../support/strings.js';
import { context, credentials, file, isPresent, list, namespaces, number, positions } from './columns.js';
import { Image, Program } from './image.js';
import type { ProcessTree, Task } from './tree.js';

/** Bits of `RawEvent.flags`. */
export const EventFlag = {
  resultUnknown: 1,
  argumentChanged: 2,
  incomplete: 4,
  scanned: 8,
  refused: 16,
  resultNotObserved: 32,
} as const;

const CLONE_THREAD = 0x10000;
const PR_SET_CHILD_SUBREAPER = 36;

/** What effects work on. */
export interface State {
  readonly tree: ProcessTree;
  readonly strings: StringTable;
}

export interface Outcome {
  /** Whose event it is, when that is not the image that acted. */
  readonly process: Process | undefined;
  /** The event is about one thread of a process and not about the process: rules do not see it. */
  readonly ofThread: boolean;
  /** The process is gone once the event has been decided. */
  readonly ends: boolean;
}

const nothing: Outcome = { process: undefined, ofThread: false, ends: false };
const threadOnly: Outcome = { process: undefined, ofThread: true, ends: false };
const gone: Outcome = { process: undefined, ofThread: false, ends: true };

/** `wall`: the event's wall time in ns. */
export type Effect = (state: State, raw: RawEvent, task: Task, wall: number) => Outcome;

export function succeeded(raw: RawEvent): boolean {
  return raw.retval >= 0 && (raw.flags & EventFlag.resultUnknown) === 0;
}

function effect<
  const R extends { readonly name: string; readonly columns: Readonly<Record<string, Column>> },
>(
  row: R,
  body: (
    state: State,
    raw: RawEvent,
    task: Task,
    wall: number,
    at: ReturnType<typeof positions<R>>,
  ) => Outcome,
): readonly [string, Effect] {
  const at = positions(row);
  return [row.name, (state, raw, task, wall) => body(state, raw, task, wall, at)];
}

export const effects: ReadonlyMap<string, Effect> = new Map([
  effect(fork, (state, raw, task, wall, at) => {
    if (!succeeded(raw)) return nothing;
    const { columns } = raw;
    // u64 columns are doubles: the flag is below bit 32.
    if ((number(columns, at.flags) & CLONE_THREAD) !== 0) return threadOnly;
    const ppid = number(columns, at.ppid);
    const child = state.tree.fork(
      task,
      number(columns, at.child),
      { startTime: number(columns, at.child_start), createdAt: wall },
      ppid !== 0 && ppid !== raw.pid,
    );
    const { image } = child;
    if (isPresent(columns, at.namespaces)) image.namespaces = namespaces(columns, at.namespaces);
    if (isPresent(columns, at.context)) image.context = context(columns, at.context);
    child.namespaceInit = number(columns, at.own_pid) === 1;
    image.number = number(columns, at.image);
    return { process: image, ofThread: false, ends: false };
  }),

  effect(exec, (state, raw, task, wall, at) => {
    const { columns } = raw;
    const program = programOf(state.strings, columns, at, task.image.cwd);
    const comm = number(columns, at.comm);
    if (!succeeded(raw)) {
      // Rules that see failures read the program that would have run; the process goes on as it was.
      const image = phantom(state.strings, task.image, program, wall);
      return { process: image, ofThread: false, ends: false };
    }
    const numbered = number(columns, at.image);
    // Of a process that the scanner found, a record has told everything.
    if ((raw.flags & EventFlag.scanned) !== 0 && numbered !== 0 && task.image.number === numbered)
      return { process: task.image, ofThread: false, ends: false };
    const image = state.tree.exec(task, program, comm, wall);
    if (isPresent(columns, at.credentials)) image.credentials = credentials(columns, at.credentials);
    if (isPresent(columns, at.namespaces)) image.namespaces = namespaces(columns, at.namespaces);
    if (isPresent(columns, at.context)) image.context = context(columns, at.context);
    image.cwd = number(columns, at.cwd) || image.cwd;
    if (known(raw, at.root)) image.root = number(columns, at.root);
    if (known(raw, at.tty)) image.tty = number(columns, at.tty);
    image.ppid = number(columns, at.ppid) || image.ppid;
    image.sid = number(columns, at.sid) || image.sid;
    task.pgid = number(columns, at.pgid) || task.pgid;
    image.number = numbered;
    return { process: image, ofThread: false, ends: false };
  }),

  effect(exit, (_state, raw, _task, _wall, at) => {
    return number(raw.columns, at.group) === 1 ? gone : threadOnly;
  }),

  effect(setsid, (_state, raw, task) => {
    if (!succeeded(raw)) return nothing;
    task.image.sid = raw.pid;
    task.pgid = raw.pid;
    task.image.tty = 0;
    return nothing;
  }),

  effect(prctl, (_state, raw, task, _wall, at) => {
    if (!succeeded(raw)) return nothing;
    if (number(raw.columns, at.option) === PR_SET_CHILD_SUBREAPER)
      task.subreaper = number(raw.columns, at.value) !== 0;
    return nothing;
  }),
]);

function known(raw: RawEvent, column: number): boolean {
  return (raw.missing & (1 << column)) === 0;
}

/** A new image of a failed exec: it has the caller as its parent and belongs to no process. */
function phantom(strings: StringTable, caller: Image, program: Program, wall: number): Image {
  return new Image(
    strings,
    {
      node: 0,
      pid: caller.pid,
      ppid: caller.ppid,
      parent: caller,
      createdAt: wall,
      isExec: true,
      isKworker: false,
      comm: caller.comm,
      program,
    },
    caller,
  );
}

/** The program that columns tell of; `cwd`: where it was started. */
export function programOf(
  strings: StringTable,
  columns: readonly ColumnValue[],
  at: {
    readonly file: number;
    readonly interpreter: number;
    readonly named: number;
    readonly argv: number;
    readonly envp: number;
  },
  cwd: StringId,
): Program {
  const other = alias(strings, number(columns, at.named), cwd, file(columns, at.file).path);
  return new Program(
    file(columns, at.file),
    file(columns, at.interpreter),
    other === 0 ? none : [other],
    other === 0 ? none : [baseName(strings, other)],
    list(columns, at.argv),
    list(columns, at.envp),
  );
}

/** The path by which a program was started, when that is another than the one it was found to be; else 0. */
function alias(strings: StringTable, named: StringId, cwd: StringId, path: StringId): StringId {
  if (named === 0 || named === path) return 0;
  const text = strings.text(named);
  const id = strings.intern(normalise(text.startsWith('/') ? text : `${strings.text(cwd)}/${text}`));
  return id === path ? 0 : id;
}

function baseName(strings: StringTable, path: StringId): StringId {
  const text = strings.text(path);
  return strings.intern(text.slice(text.lastIndexOf('/') + 1));
}

const none: readonly StringId[] = [];

function normalise(path: string): string {
  if (!/\/\.{0,2}(\/|$)/.test(path)) return path;
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return `/${parts.join('/')}`;
}

/**
 * Events whose columns tell how something of the acting task is after the call, and which columns these
 * are. Each has the name of the member of the process that it sets.
 */
const told: Readonly<Record<string, readonly ('credentials' | 'namespaces' | 'cwd' | 'root' | 'comm')[]>> = {
  chdir: ['cwd'],
  chroot: ['root'],
  pivot_root: ['root', 'cwd'],
  setns: ['namespaces', 'credentials', 'cwd', 'root'],
  unshare: ['namespaces', 'credentials'],
  setuid: ['credentials'],
  setgid: ['credentials'],
  setgroups: ['credentials'],
  capset: ['credentials'],
  prctl: ['comm'],
};

/** What `told` says of a row, ready to be carried out; undefined when it says nothing. */
export function facts(row: EventRow): ((raw: RawEvent, task: Task) => void) | undefined {
  const names = told[row.name];
  if (names === undefined) return undefined;
  const columns = Object.keys(row.columns);
  const steps = names.map((name) => [name, columns.indexOf(name)] as const);
  return (raw, task) => {
    if (!succeeded(raw)) return;
    for (const [name, at] of steps) {
      // A root of `/` is told as 0; otherwise what is absent was not told.
      if (!known(raw, at) || (name !== 'root' && !isPresent(raw.columns, at))) continue;
      if (name === 'credentials') task.image.credentials = credentials(raw.columns, at);
      else if (name === 'namespaces') task.image.namespaces = namespaces(raw.columns, at);
      else if (name !== 'comm' || raw.tid === raw.pid) task.image[name] = number(raw.columns, at);
    }
  };
}
