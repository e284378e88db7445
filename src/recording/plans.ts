/**
 * How the columns of a row of the header are read into the order of this version's row: made once for
 * each row, so that reading an event looks up nothing by name.
 */
import { noAddress, noContext, noCredentials, noFile, noList, noNamespaces } from '../catalogue/absent.js';
import type { ColumnValue } from '../catalogue/event.js';
import type { SchemaRow } from '../catalogue/header.js';
import { type Column, columnWords } from '../catalogue/row.js';
import { Damage } from './damage.js';
import type { Dictionary } from './dictionary.js';

/** Codes of column types. Types that this version does not know are one word, read as a number. */
const codes = {
  u32: 0,
  i32: 1,
  u64: 2,
  i64: 3,
  string: 4,
  list: 5,
  file: 6,
  credentials: 7,
  namespaces: 8,
  context: 9,
  address: 10,
  content: 11,
} as const;

const absent: Readonly<Record<string, ColumnValue>> = {
  list: noList,
  file: noFile,
  credentials: noCredentials,
  namespaces: noNamespaces,
  context: noContext,
  address: noAddress,
};

export interface Plan {
  readonly schema: SchemaRow;
  /** Code, word offset from the start of the frame, place in `values`; in the order of the header. */
  readonly code: Uint8Array;
  readonly word: Uint16Array;
  readonly target: Uint8Array;
  /** Words of the whole frame that must be there. */
  readonly words: number;
  /** Reused: the row's columns in this version's order. */
  readonly values: ColumnValue[];
  /** The order is the same, so that bits of `missing` are too. */
  readonly sameOrder: boolean;
}

const UNKNOWN = 255;

/** `columns`: those of this version's row, or undefined when it does not know the row. */
export function makePlan(schema: SchemaRow, columns: Readonly<Record<string, Column>> | undefined, head: number): Plan {
  const ours = columns === undefined ? schema.columns.map((column) => column.name) : Object.keys(columns);
  const count = schema.columns.length;
  const code = new Uint8Array(count);
  const word = new Uint16Array(count);
  const target = new Uint8Array(count);
  let at = head;
  for (const [index, column] of schema.columns.entries()) {
    const place = ours.indexOf(column.name);
    const known = columns?.[column.name];
    word[index] = at;
    at += columnWords[column.type] ?? 1;
    code[index] = codes[column.type] ?? codes.u32;
    // A column whose type has changed is not this version's column: it reads as absent.
    target[index] = place < 0 || (known !== undefined && known.type !== column.type) ? UNKNOWN : place;
  }
  return {
    schema,
    code,
    word,
    target,
    words: at,
    values: columns === undefined ? schema.columns.map((column) => absent[column.type] ?? 0) : Object.values(columns).map((column) => absent[column.type] ?? 0),
    sameOrder: target.every((place, index) => place === index),
  };
}

/** Reads the columns of the frame at word `at` into `plan.values`; returns the bits of those that were cut. */
export function readColumns(plan: Plan, frame: Uint32Array, at: number, words: Dictionary): number {
  const { code, word, target, values } = plan;
  let cut = 0;
  for (let index = 0; index < code.length; index++) {
    const place = target[index]!;
    if (place === UNKNOWN) continue;
    const from = at + word[index]!;
    const first = frame[from]!;
    let value: ColumnValue | undefined;
    switch (code[index]) {
      case 0:
        value = first;
        break;
      case 1:
        value = first | 0;
        break;
      case 2:
        value = first + frame[from + 1]! * 4294967296;
        break;
      case 3:
        value = first + (frame[from + 1]! | 0) * 4294967296;
        break;
      case 4:
        if (first === 0) value = 0;
        else if (first <= words.count) {
          value = words.ids[first]!;
          if (words.cut[first] === 1) cut |= 1 << place;
        }
        break;
      case 5: {
        const list = words.lists[first];
        if (list?.truncated === true) cut |= 1 << place;
        value = list;
        break;
      }
      case 6:
        value = words.files[first];
        break;
      case 7:
        value = words.credentials[first];
        break;
      case 8:
        value = words.namespaces[first];
        break;
      case 9:
        value = words.contexts[first];
        break;
      case 10:
        value = words.addresses[first];
        break;
      default:
        if (first === 0) value = 0;
        else value = words.contents[first];
    }
    if (value === undefined) throw new Damage(at, `column "${plan.schema.columns[index]!.name}" of "${plan.schema.name}" refers to number ${first}, which is not defined`);
    values[place] = value;
  }
  return cut;
}

/** Moves bits of `missing` from the header's order to this version's. Columns that the header lacks are missing. */
export function moveBits(plan: Plan, missing: number): number {
  if (plan.sameOrder) return missing;
  let moved = 0;
  for (let index = 0; index < Math.min(32, plan.target.length); index++) {
    if ((missing >>> index) & 1 && plan.target[index]! < 32) moved |= 1 << plan.target[index]!;
  }
  return moved >>> 0;
}
