/** Names with subscripts: `process.ancestors[A].file.name`, `process.argv[0]`, and their suffixes. */

import { nearest } from '../support/suggestion.js';
import { type FunctionRow, functionByName } from './functions.js';
import type { Field, Iterator, Model } from './model.js';

export interface FieldName {
  /** Without subscripts. */
  readonly name: string;
  readonly register?: { readonly name: string; readonly iterator: string };
  readonly index?: number;
}

/** Takes a written name apart, or says what is wrong with its subscript. */
export function splitName(written: string): FieldName | { problem: string } {
  const index = /^([^[\]]+)\[(\d+)\]$/.exec(written);
  if (index !== null) return { name: index[1]!, index: Number(index[2]) };
  const open = written.indexOf('[');
  if (open === -1) return written.includes(']') ? { problem: 'the brackets do not pair' } : { name: written };
  const found = /^([^[\]]+)\[([^[\]]*)\]([^[\]]*)$/.exec(written);
  if (found === null) return { problem: 'a name has at most one index' };
  const [, before, register, after] = found as unknown as [string, string, string, string];
  if (register === '') return { problem: 'the index is empty: want a name such as [A], or a number' };
  if (/^\d/.test(register))
    return { problem: 'a number as index stands only at the end of a field with several values' };
  return { name: before + after, register: { name: register, iterator: before } };
}

export interface ResolvedField {
  readonly field: Field<never> | undefined;
  readonly iterator: Iterator<never> | undefined;
  /** A suffix function that is left after the field's name. */
  readonly suffix: FunctionRow | undefined;
}

/** Finds the field of a name; `IT.length` of an iterator and `.length`/`.root_domain` of fields are implied. */
export function resolveField(model: Model<never>, written: string): ResolvedField | undefined {
  const name = model.legacy?.get(written) ?? written;
  const direct = model.field(name);
  if (direct !== undefined) return withIterator(model, direct, undefined);
  const dot = name.lastIndexOf('.');
  const suffix = dot === -1 ? undefined : functionByName.get(name.slice(dot + 1));
  if (suffix === undefined) return undefined;
  const base = name.slice(0, dot);
  const iterator = model.iterator(base);
  if (iterator !== undefined && suffix.name === 'length') return { field: undefined, iterator, suffix };
  const field = model.field(model.legacy?.get(base) ?? base);
  return field === undefined ? undefined : withIterator(model, field, suffix);
}

function withIterator(
  model: Model<never>,
  field: Field<never>,
  suffix: FunctionRow | undefined,
): ResolvedField {
  const iterator = field.iterator === undefined ? undefined : model.iterator(field.iterator);
  return { field, iterator, suffix };
}

/** The names nearest to an unknown one: those that begin as it does before all others. */
export function nearestFields(model: Model<never>, written: string): string[] {
  const name = written.replace(/\[[^\]]*\]/g, '');
  const first = name.slice(0, name.indexOf('.') + 1);
  const own = first === '' ? [] : [...model.fieldNames()].filter((known) => known.startsWith(first));
  const near = nearest(name, own, 2);
  // Of an event that is known, a field of another event was hardly meant.
  return near.length > 0 || own.length > 0 ? near : nearest(name, model.fieldNames(), 2);
}
