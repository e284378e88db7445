/** What generated code calls: everything that is not worth inlining. Passed to it as `R`. */

import { type Address, intersects, toAddress } from './address.js';
import { functionByName } from './functions.js';
import { bitAnd, bitNot, bitOr, bitXor } from './integer.js';
import { textVariant } from './matcher.js';
import { foldCase } from './pattern.js';
import { Memo } from './predicate.js';

/** A rule with a register looks at this many elements at most, as the reference engine does. */
export const registerLimit = 100;

export const runtime = {
  Memo,
  and: bitAnd,
  or: bitOr,
  xor: bitXor,
  not: bitNot,

  /** Whether an address (text, Address or absent) intersects some network. */
  within(value: unknown, networks: readonly Address[]): boolean {
    const address = toAddress(value);
    if (address === undefined) return false;
    for (const network of networks) if (intersects(address, network)) return true;
    return false;
  },

  meets(a: unknown, b: unknown): boolean {
    const x = toAddress(a);
    const y = toAddress(b);
    return x !== undefined && y !== undefined && intersects(x, y);
  },

  /** Whether every pair intersects; false when a side is empty. */
  every(left: readonly unknown[], right: readonly unknown[]): boolean {
    if (left.length === 0 || right.length === 0) return false;
    return left.every((a) => right.every((b) => runtime.meets(a, b)));
  },

  foldEqual(a: string, b: string): boolean {
    return a === b || foldCase(a) === foldCase(b);
  },

  variantEqual(a: string, b: string, kinds: readonly ('title' | 'upper' | 'lower')[]): boolean {
    return a === b || kinds.some((kind) => textVariant(kind, a) === b || textVariant(kind, b) === a);
  },

  byteLength(text: string): number {
    return Buffer.byteLength(text);
  },

  rootDomain(text: string): string {
    return String(functionByName.get('root_domain')!.apply(text));
  },

  /** The text of a value inside an interpolated string. */
  join(values: readonly unknown[]): string {
    return values.join(',');
  },

  list(value: unknown): readonly unknown[] {
    return Array.isArray(value) || ArrayBuffer.isView(value) ? (value as unknown as readonly unknown[]) : [];
  },
};

export type Runtime = typeof runtime;
