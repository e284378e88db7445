/** Columns, captures and fields that many rows have in common. */
import { type Capture, CWD, type Column, type FieldRow, NONE, PathMode } from '../row.js';

export const u32 = (doc: string) => ({ type: 'u32', doc }) as const satisfies Column;
export const i32 = (doc: string) => ({ type: 'i32', doc }) as const satisfies Column;
export const u64 = (doc: string) => ({ type: 'u64', doc }) as const satisfies Column;
export const i64 = (doc: string) => ({ type: 'i64', doc }) as const satisfies Column;
export const string = (doc: string) => ({ type: 'string', doc }) as const satisfies Column;
export const list = (doc: string) => ({ type: 'list', doc }) as const satisfies Column;
export const file = (doc: string) => ({ type: 'file', doc }) as const satisfies Column;
export const address = (doc: string) => ({ type: 'address', doc }) as const satisfies Column;
export const named = string('The path as the program named it.');

/** Results that are shown to rules beside success: refused. */
export const refused = ['EACCES', 'EPERM'] as const;

export const word = (arg: number): Capture => ({ kind: 'word', args: [arg], at: 'entry' });
export const text = (arg: number): Capture => ({ kind: 'string', args: [arg], at: 'both' });
export const memory = (arg: number, offset = 0): Capture => ({ kind: 'memory', args: [arg], at: 'entry', param: offset });
export const constant = (value: number): Capture => ({ kind: 'constant', args: [], at: 'entry', param: value });
export const task: Capture = { kind: 'task', args: [], at: 'exit' };
export const descriptor = (arg: number): Capture => ({ kind: 'descriptor', args: [arg], at: 'entry' });
export const path = (dirfd: number, pointer: number, param: number, flags: number = NONE): Capture => ({
  kind: 'path',
  args: [dirfd, pointer, flags],
  at: 'entry',
  param,
});
/** The same after the call, for files that it makes. */
export const pathAfter = (dirfd: number, pointer: number, param: number = PathMode.parent): Capture => ({
  kind: 'path',
  args: [dirfd, pointer, NONE],
  at: 'exit',
  param,
});
export const follow = (pointer: number): Capture => path(CWD, pointer, PathMode.follow);
export const noFollow = (pointer: number): Capture => path(CWD, pointer, 0);

export const retval: FieldRow = { type: 'int', doc: 'Result of the call; −errno when it failed.', from: 'retval', constants: 'errno' };
export const syscallPath: FieldRow = { type: 'string', doc: 'The path as the program named it.', from: 'named', path: true };

export const int = (from: string, doc: string, constants?: string): FieldRow => ({
  type: 'int',
  doc,
  from,
  ...(constants === undefined ? {} : { constants }),
});
export const str = (from: string, doc: string): FieldRow => ({ type: 'string', doc, from });
export const bool = (from: string, doc: string): FieldRow => ({ type: 'bool', doc, from, as: 'bool' });
export const absent = (type: FieldRow['type'], doc: string, reason: string): FieldRow => ({
  type,
  doc,
  from: 'derived',
  unavailable: reason,
});
