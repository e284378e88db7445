/**
 * What an event is to a profile: acts of an executable on programs, files and sockets, and calls that
 * have no object.
 */
import type { Address, Event, FileFacts, Process } from '../../catalogue/event.js';
import { eventById } from '../../catalogue/events.js';
import type { EventRow } from '../../catalogue/row.js';
import type { StringTable } from '../../support/strings.js';

export type ActKind = 'exec' | 'file' | 'socket' | 'call';

export interface Act {
  readonly kind: ActKind;
  /** A path, a socket such as `connect tcp 10.0.0.1:443`, or the type of the event. */
  readonly what: string;
  /** Of files: `read`, `write`, `create`, or the type of the event. Else empty. */
  readonly access: readonly string[];
}

/** Life of processes and their places are no acts, and a descriptor that is copied was opened before. */
const ignored: ReadonlySet<string> = new Set(['fork', 'exit', 'chdir', 'setsid', 'dup', 'syscall']);
/** Opening it says nothing about who does: it is normal for every executable, and in no profile. */
const NULL_DEVICE = '/dev/null';

const O_ACCMODE = 3;
const O_CREAT = 0o100;
const families: Readonly<Record<number, string>> = {
  2: 'ip',
  10: 'ip',
  16: 'netlink',
  17: 'packet',
  40: 'vsock',
};
/** Ports from here on are given out by the kernel and say nothing. */
const EPHEMERAL = 32768;

interface Plan {
  readonly row: EventRow;
  readonly files: readonly number[];
  readonly addresses: readonly number[];
  /** Column of the flags of open, or −1. */
  readonly flags: number;
}

const plans: (Plan | undefined)[] = [];

function planOf(event: Event): Plan | undefined {
  const known = plans[event.id];
  if (known !== undefined) return known;
  const row = eventById(event.id);
  if (row === undefined) return undefined;
  const columns = Object.keys(row.columns);
  const plan = {
    row,
    files: Object.values(row.files ?? {}).map((name) => columns.indexOf(name)),
    addresses: Object.values(row.addresses ?? {}).map((name) => columns.indexOf(name)),
    flags: row.name === 'open' ? columns.indexOf('flags') : -1,
  };
  plans[event.id] = plan;
  return plan;
}

/** Whose act it is: for exec the program that called it. */
export function actor(event: Event): Process {
  return event.type === 'exec' ? (event.process.parent ?? event.process) : event.process;
}

/** Whether all that the event does is to open what everybody opens. */
export function opensNothing(event: Event, strings: StringTable): boolean {
  const column = event.type === 'open' ? planOf(event)?.files[0] : undefined;
  return column !== undefined && strings.text((event.columns[column] as FileFacts).path) === NULL_DEVICE;
}

export function actsOf(event: Event, strings: StringTable): Act[] {
  if (event.type === 'exec')
    return [{ kind: 'exec', what: strings.text(event.process.file.path), access: [] }];
  const plan = ignored.has(event.type) || opensNothing(event, strings) ? undefined : planOf(event);
  if (plan === undefined) return [];
  const acts: Act[] = [];
  for (const column of plan.files) {
    const { path } = event.columns[column] as FileFacts;
    const what = strings.text(path);
    if (what !== '') acts.push({ kind: 'file', what, access: accessOf(event, plan) });
  }
  for (const column of plan.addresses)
    acts.push({
      kind: 'socket',
      what: `${event.type} ${socketText(event.columns[column] as Address, strings)}`,
      access: [],
    });
  if (plan.files.length + plan.addresses.length === 0)
    acts.push({ kind: 'call', what: event.type, access: [] });
  return acts;
}

function accessOf(event: Event, plan: Plan): readonly string[] {
  if (plan.flags < 0) return [event.type];
  const flags = Number(event.columns[plan.flags]);
  const mode = flags & O_ACCMODE;
  return [
    ...(mode === 1 ? [] : ['read']),
    ...(mode === 0 ? [] : ['write']),
    ...((flags & O_CREAT) === 0 ? [] : ['create']),
  ];
}

function socketText({ family, ip, port, path }: Address, strings: StringTable): string {
  if (family === 1) return `unix ${strings.text(path)}`;
  const name = families[family] ?? `family ${family}`;
  if (ip === 0) return name;
  const text = strings.text(ip);
  return `${name} ${text.includes(':') ? `[${text}]` : text}:${port >= EPHEMERAL ? '*' : port}`;
}
