/**
 * What is compared of a call, from the catalogue alone: every call of every event of the default set, with
 * its names, its words, its address, the paths of its descriptors and its result.
 */
import { archNumbers, callNumber } from '../../src/catalogue/calls.js';
import { eventRows } from '../../src/catalogue/events.js';
import type { ArgumentTest, Call, EventRow } from '../../src/catalogue/row.js';

export const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
export const archNumber = archNumbers[arch];

/** Events that are not system calls: told by ptrace, compared with what strace says of the same. */
const byPtrace = ['fork', 'exit'];

export const rows: readonly EventRow[] = eventRows.filter(
  (row) => row.preset !== 'all' && row.result !== 'derived',
);
export const comparedEvents: ReadonlySet<string> = new Set([
  ...rows.filter((row) => row.calls.length > 0).map((row) => row.name),
  ...byPtrace,
]);

const isHere = (call: Call): boolean =>
  (call.arches === undefined || call.arches.includes(arch)) && callNumber(arch, call.name) !== undefined;

/** Names of the calls, as strace has them. */
export const comparedCalls: readonly string[] = [
  ...new Set(rows.flatMap((row) => row.calls.filter(isHere).map((call) => call.name))),
];
export const forkCalls = ['clone', 'clone3', 'fork', 'vfork'].filter(
  (name) => callNumber(arch, name) !== undefined,
);

export type Compared = { readonly column: string; readonly index: number } & (
  | { readonly what: 'string' | 'descriptor' | 'address'; readonly argument: number }
  | { readonly what: 'word'; readonly argument: number; readonly signed: boolean }
  | { readonly what: 'result' }
);

/** Words that two runs never share (addresses, numbers of processes), or that the call does not have unless a flag says so. */
const unequal = new Set([
  'open.mode',
  'prctl.value',
  'prctl.new_name',
  'pidfd_getfd.descriptor',
  'keyctl.operation',
]);

/** The columns of an event by this call that strace prints as well. */
export function comparedColumns(row: EventRow, call: Call): readonly Compared[] {
  const names = Object.keys(row.columns);
  return Object.entries(call.captures).flatMap(([column, capture]): Compared[] => {
    const index = names.indexOf(column);
    const argument = capture.args[0] ?? 0;
    const type = row.columns[column]!.type;
    if (unequal.has(`${row.name}.${column}`)) return [];
    switch (capture.kind) {
      case 'string':
        return [{ column, index, what: 'string', argument }];
      case 'word':
        return type === 'u32' || type === 'i32'
          ? [{ column, index, what: 'word', argument, signed: type === 'i32' }]
          : [];
      case 'descriptor':
        return [{ column, index, what: 'descriptor', argument }];
      case 'address':
        return [{ column, index, what: 'address', argument }];
      case 'opened':
      case 'result-file':
        return [{ column, index, what: 'result' }];
      default:
        return [];
    }
  });
}

const holds = (item: ArgumentTest, value: bigint): boolean => {
  const low = value & 0xffffffffn;
  const values = item.values.map(BigInt);
  switch (item.test) {
    case 'any-bit':
      return (low & values[0]!) !== 0n;
    case 'no-bit':
      return (low & values[0]!) === 0n;
    case 'is':
      return values.includes(low);
    case 'is-not':
      return !values.includes(low);
    case 'null':
      return value === 0n;
    case 'not-null':
      return value !== 0n;
  }
};

/** The events that a call with these words is, each with the entry of the catalogue that says so. */
export function eventsOf(
  name: string,
  word: (argument: number) => bigint,
): { readonly row: EventRow; readonly call: Call }[] {
  return rows.flatMap((row) =>
    row.calls
      .filter(
        (call) =>
          call.name === name &&
          isHere(call) &&
          (call.when ?? []).every((item) => holds(item, word(item.arg))),
      )
      .map((call) => ({ row, call })),
  );
}

/** One line of the comparison. `parts`: column and value. */
export function line(
  event: string,
  call: string,
  parts: readonly (readonly [string, string])[],
  result: string,
): string {
  return `${event} ${call}(${parts.map(([name, value]) => `${name}=${value}`).join(' ')}) = ${result}`;
}

/** Where a descriptor leads; what has no path has a number of its own in every run. */
export function place(path: string): string {
  return path.replace(/ ?\(deleted\)$/, '').replace(/^(\w+):\[\d+\]$/, '$1');
}

/** A result that two runs share: addresses and numbers of processes are only told from failures. */
export function resultOf(event: string, value: bigint): string {
  return event === 'mmap' ||
    event === 'setsid' ||
    event === 'fork' ||
    event === 'personality' ||
    event === 'keyctl'
    ? 'ok'
    : String(value);
}
