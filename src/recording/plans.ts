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
  /** Word offset from the start of the frame, and place in `values`; in the order of the header. */
  readonly word: Uint16Array;
  readonly target: Uint8Array;
  /** Words of the whole frame that must be there. */
  readonly words: number;
  /** Reused: the row's columns in this version's order. */
  readonly values: ColumnValue[];
  /** The order is the same, so that bits of `missing` are too. */
  readonly sameOrder: boolean;
  /** Made on first use: most rows of a header have no event. */
  read: ReadColumns | undefined;
  readonly code: Uint8Array;
  readonly refuse: (index: number, id: number, at: number) => never;
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
    read: undefined,
    refuse: (index, id, at) => {
      throw new Damage(at, `column "${schema.columns[index]!.name}" of "${schema.name}" refers to number ${id}, which is not defined`);
    },
  };
}

/** Reads the columns of the frame at word `at` into `values`; returns the bits of those that were cut. */
export type ReadColumns = (frame: Uint32Array, at: number, words: Dictionary, values: ColumnValue[], refuse: (index: number, id: number, at: number) => never) => number;

const arrays: Readonly<Record<number, string>> = {
  [codes.list]: 'lists',
  [codes.credentials]: 'credentials',
  [codes.namespaces]: 'namespaces',
  [codes.context]: 'contexts',
  [codes.address]: 'addresses',
  [codes.content]: 'contents',
};

/**
 * One statement for each column, without a loop or a switch. The code is made of numbers that
 * `makePlan` computed and of the names above; no text of the header goes into it.
 */
function compile(code: Uint8Array, word: Uint16Array, target: Uint8Array): ReadColumns {
  const lines = ['const { ids, cut, count } = d;', 'let bits = 0, n = 0, v;'];
  for (let index = 0; index < code.length; index++) {
    const place = target[index]!;
    if (place === UNKNOWN) continue;
    const low = `f[at + ${word[index]!}]`;
    const high = `f[at + ${word[index]! + 1}]`;
    const bit = place < 32 ? `bits |= ${1 << place};` : '';
    switch (code[index]) {
      case codes.u32:
        lines.push(`o[${place}] = ${low};`);
        break;
      case codes.i32:
        lines.push(`o[${place}] = ${low} | 0;`);
        break;
      case codes.u64:
        lines.push(`o[${place}] = ${low} + ${high} * 4294967296;`);
        break;
      case codes.i64:
        lines.push(`o[${place}] = ${low} + (${high} | 0) * 4294967296;`);
        break;
      case codes.string:
        lines.push(`n = ${low}; if (n === 0) o[${place}] = 0; else { if (n > count) refuse(${index}, n, at); o[${place}] = ids[n]; if (cut[n] === 1) { ${bit} } }`);
        break;
      case codes.file:
        lines.push(`n = ${low}; v = d.files.get(n); if (v === undefined) refuse(${index}, n, at); o[${place}] = v;`);
        break;
      case codes.content:
        lines.push(`n = ${low}; if (n === 0) o[${place}] = 0; else { v = d.contents[n]; if (v === undefined) refuse(${index}, n, at); o[${place}] = v; }`);
        break;
      default: {
        const list = code[index] === codes.list ? ` if (v.truncated) { ${bit} }` : '';
        lines.push(`n = ${low}; v = d.${arrays[code[index]!]}[n]; if (v === undefined) refuse(${index}, n, at);${list} o[${place}] = v;`);
      }
    }
  }
  lines.push('return bits;');
  return new Function('f', 'at', 'd', 'o', 'refuse', lines.join('\n')) as ReadColumns;
}

/** Reads the columns of the frame at word `at` into `plan.values`; returns the bits of those that were cut. Throws `Damage`. */
export function readColumns(plan: Plan, frame: Uint32Array, at: number, words: Dictionary): number {
  plan.read ??= compile(plan.code, plan.word, plan.target);
  return plan.read(frame, at, words, plan.values, plan.refuse);
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
