/** Events as plain data: the raw columns with texts, one JSON line or CSV line for each. */
import type { ColumnValue } from '../catalogue/event.js';
import type { RawEvent } from '../catalogue/raw.js';
import { callName } from '../catalogue/calls.js';
import { membersOf } from '../catalogue/members.js';
import type { StringTable } from '../support/strings.js';

/** Members of decoded tuples that are numbers of strings. */
const textMembers = new Set([
  'path',
  'ownPath',
  'name',
  'extension',
  'filesystem',
  'ip',
  'cgroupId',
  'containerId',
  'runtime',
  'containerImage',
  'unit',
  'version',
  'release',
  'sourceVersion',
  'sourceRelease',
  'sshUsername',
  'sshClientIp',
  'sshPublicKey',
]);
const textLists = new Set(['items', 'hashes', 'containerTags']);

function plainTuple(value: object, strings: StringTable): unknown {
  if ('items' in value) return (value.items as number[]).map((id) => strings.text(id));
  const found: Record<string, unknown> = {};
  for (const [name, member] of membersOf(value)) {
    if (name === 'ownPath' && member === (value as { readonly path?: unknown }).path) continue;
    if (typeof member === 'number') {
      if (textMembers.has(name)) {
        if (member !== 0) found[name] = strings.text(member);
      } else if (member !== 0) found[name] = member;
    } else if (Array.isArray(member)) {
      if (member.length > 0) found[name] = textLists.has(name) ? member.map((id) => strings.text(id as number)) : member;
    } else if (typeof member === 'object' && member !== null) found[name] = plainTuple(member, strings);
    else if (typeof member === 'boolean' && member) found[name] = member;
  }
  return found;
}

function plainValue(value: ColumnValue, type: string, strings: StringTable): unknown {
  if (typeof value === 'object') return plainTuple(value, strings);
  return type === 'string' ? strings.text(value) : value;
}

export interface ExportedEvent {
  readonly seq: number;
  /** CLOCK_BOOTTIME in ns, as a decimal string. */
  readonly time: string;
  readonly type: string;
  readonly pid: number;
  readonly tid: number;
  readonly call: string;
  readonly retval: number;
  readonly duration: number;
  readonly columns: Readonly<Record<string, unknown>>;
}

/** Columns that are absent or 0 are left out. */
export function exportEvent(raw: RawEvent, strings: StringTable): ExportedEvent {
  const types = raw.row === undefined ? raw.schema.columns.map((column) => [column.name, column.type] as const) : Object.entries(raw.row.columns).map(([name, column]) => [name, column.type] as const);
  const columns: Record<string, unknown> = {};
  for (const [index, [name, type]] of types.entries()) {
    const value = plainValue(raw.columns[index]!, type, strings);
    const empty = value === 0 || value === '' || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
    if (!empty) columns[name] = value;
  }
  return {
    seq: raw.seq,
    time: String((BigInt(raw.timeHigh) << 32n) | BigInt(raw.timeLow)),
    type: raw.schema.name,
    pid: raw.pid,
    tid: raw.tid,
    call: raw.syscall === 0xffffffff ? '' : (callName(raw.arch, raw.syscall) ?? String(raw.syscall)),
    retval: raw.retval,
    duration: raw.duration,
    columns,
  };
}

export const csvHeader = 'seq,time,type,pid,tid,call,retval,duration,columns';

function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** RFC 4180; the columns are one cell of JSON. */
export function csvLine(event: ExportedEvent): string {
  const { seq, time, type, pid, tid, call, retval, duration, columns } = event;
  return [seq, time, type, pid, tid, call, retval, duration, JSON.stringify(columns)].map((cell) => csvCell(String(cell))).join(',');
}
