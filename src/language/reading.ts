/** Values of operands, taken from an event by walking the tree: for tracing and partial evaluation, not for speed. */

import { type Address, intersects, toAddress } from './address.js';
import { withAliases } from './aliases.js';
import { functionByName } from './functions.js';
import { bitNot, calculate } from './integer.js';
import { compileMatcher, matcherKey, textVariant } from './matcher.js';
import type { BaseType, Iterator, Model, Read, VariableReader } from './model.js';
import { foldCase } from './pattern.js';
import type { TextTest } from './regexp.js';
import { runtime } from './runtime.js';
import type { BoolNode, LiteralNode, Matcher, Operand, TestNode } from './tree.js';

/** What one evaluation looks at. */
export interface Circumstances {
  readonly model: Model<never>;
  readonly event: unknown;
  readonly now: number;
  readonly variables: VariableReader<never>;
  /** The register's element, when the rule has one. */
  readonly item?: unknown;
}

/** One value: its own type, or an address. */
export type Raw = boolean | number | string | Address;

type Accessor = (event: unknown, item: unknown, now: number) => unknown;
const accessors = new Map<string, Accessor>();

/** The function of a trusted source. */
function accessor(source: string): Accessor {
  let known = accessors.get(source);
  if (known === undefined) {
    known = new Function('event', 'item', 'now', `return (${source});`) as Accessor;
    accessors.set(source, known);
  }
  return known;
}

export function readRaw(read: Read<never>, at: Circumstances, item: unknown): unknown {
  if (read.kind === 'call') return (read.read as Accessor)(at.event, item, at.now);
  return accessor(read.source)(at.event, item, at.now);
}

/** The elements of an iterator. */
export function elements(iterator: Iterator<never>, at: Circumstances): unknown[] {
  const { walk } = iterator;
  if (walk.kind === 'array') return [...runtime.list(accessor(walk.source)(at.event, undefined, at.now))];
  if (walk.kind === 'call')
    return [...runtime.list((walk.items as (event: unknown) => readonly unknown[])(at.event))];
  const found: unknown[] = [];
  const next = accessor(walk.next);
  for (
    let item = accessor(walk.first)(at.event, undefined, at.now);
    item;
    item = next(at.event, item, at.now)
  )
    found.push(item);
  return found;
}

const zero: Readonly<Record<BaseType, Raw>> = { bool: false, int: 0, string: '', cidr: '' };

function scalars(read: Read<never>, type: BaseType, multi: boolean, at: Circumstances, item: unknown): Raw[] {
  const raw = readRaw(read, at, item);
  const list = multi ? runtime.list(raw) : [raw ?? (read.kind === 'string-id' ? 0 : zero[type])];
  return list.map((value) =>
    read.kind === 'string-id' ? (at.model.strings?.text(value as number) ?? '') : (value as Raw),
  );
}

/** All values of an operand, in order; exactly one when it is single-valued. */
export function valuesOf(operand: Operand, at: Circumstances, decide: (node: BoolNode) => boolean): Raw[] {
  switch (operand.kind) {
    case 'literal':
      return [operand.value as Raw];
    case 'set':
      return operand.members.map((member) => member.value as Raw);
    case 'field': {
      const { field, iterator } = operand;
      const items =
        iterator === undefined
          ? [undefined]
          : operand.register === undefined
            ? elements(iterator, at)
            : [at.item];
      const all = items.flatMap((item) => scalars(field.read, field.type, field.multi === true, at, item));
      return operand.index === undefined ? all : [all[operand.index] ?? zero[field.type]];
    }
    case 'variable': {
      const { variable } = operand;
      if (variable.read !== undefined)
        return scalars(variable.read, variable.type, operand.multi, at, undefined);
      const raw = at.variables.get(variable.name, at.event as never);
      return operand.multi ? ([...runtime.list(raw)] as Raw[]) : [(raw ?? zero[variable.type]) as Raw];
    }
    case 'text':
      return [
        operand.parts
          .map((part) => (typeof part === 'string' ? part : valuesOf(part, at, decide).join(',')))
          .join(''),
      ];
    case 'call': {
      const inner = operand.operand;
      if (inner.kind === 'field' && inner.field.name === `${inner.iterator?.name}.length`)
        return [elements(inner.iterator!, at).length];
      const values = valuesOf(inner, at, decide);
      if (operand.name === 'length' && inner.multi && !operand.multi) return [values.length];
      const { apply } = functionByName.get(operand.name)!;
      return values.map((value) => apply(String(value)));
    }
    case 'arithmetic': {
      const [a] = valuesOf(operand.left, at, decide);
      const [b] = valuesOf(operand.right, at, decide);
      return [calculate(operand.op, a as number, b as number)];
    }
    case 'unary': {
      const [value] = valuesOf(operand.operand, at, decide);
      return [operand.op === '-' ? 0 - (value as number) : bitNot(value as number)];
    }
    case 'condition':
      return [decide(operand.condition)];
  }
}

export interface Sides {
  readonly value: boolean;
  readonly left: readonly Raw[];
  readonly right: readonly Raw[];
  readonly leftMatched: readonly number[];
  readonly rightMatched: readonly number[];
}

/** Decides a comparison and says which values satisfied it, first by the left value, then by the member. */
export function decideTest(node: TestNode, at: Circumstances, decide: (node: BoolNode) => boolean): Sides {
  const left = withAliases(node.left).flatMap((item) => valuesOf(item, at, decide));
  const right = withAliases(node.right).flatMap((item) => valuesOf(item, at, decide));
  const compare = pairTest(node, at.now);
  if (node.op === 'every') {
    const all =
      left.length > 0 && right.length > 0 && left.every((a, i) => right.every((b, j) => compare(a, b, i, j)));
    const indices = (list: readonly Raw[]): number[] => (all ? list.map((_, index) => index) : []);
    return {
      value: all !== node.negated,
      left,
      right,
      leftMatched: indices(left),
      rightMatched: indices(right),
    };
  }
  const order = exactFirst(node.right);
  for (let i = 0; i < left.length; i++) {
    for (let k = 0; k < right.length; k++) {
      const j = order === undefined ? k : order[k]!;
      if (compare(left[i]!, right[j]!, i, j)) {
        return { value: !node.negated, left, right, leftMatched: [i], rightMatched: [j] };
      }
    }
  }
  return { value: node.negated, left, right, leftMatched: [], rightMatched: [] };
}

/** Plain members of a mixed list are looked at before its patterns. */
function exactFirst(right: Operand): number[] | undefined {
  if (right.kind !== 'set' || right.type !== 'string') return undefined;
  const indices = right.members.map((_, index) => index);
  const plain = (index: number): boolean => right.members[index]!.matcher?.kind === 'exact';
  return [...indices.filter(plain), ...indices.filter((index) => !plain(index))];
}

type PairTest = (a: Raw, b: Raw, i: number, j: number) => boolean;

function pairTest(node: TestNode, now: number): PairTest {
  switch (node.left.type) {
    case 'string':
      return textTest(node);
    case 'cidr':
      return (a, b) => {
        const x = toAddress(a);
        const y = toAddress(b);
        return x !== undefined && y !== undefined && intersects(x, y);
      };
    default:
      return (given, other) => {
        const a = node.age === 'left' ? now - (given as number) : given;
        const b = node.age === 'right' ? now - (other as number) : other;
        switch (node.op) {
          case 'less':
            return a < b;
          case 'less-equal':
            return a <= b;
          case 'greater':
            return a > b;
          case 'greater-equal':
            return a >= b;
          default:
            return a === b;
        }
      };
  }
}

function textTest(node: TestNode): PairTest {
  const { text } = node;
  const variants = text?.variants ?? [];
  if (text?.set !== undefined) {
    const { set } = text;
    const fieldIsLeft = node.left.kind === 'field';
    return (a, b) => set.includes(String(fieldIsLeft ? a : b));
  }
  const matcherAt = (operand: Operand, index: number): LiteralNode | undefined =>
    operand.kind === 'literal' ? operand : operand.kind === 'set' ? operand.members[index] : undefined;
  const matches = (literal: LiteralNode, value: string): boolean => {
    const test = testOf(literal.matcher ?? { kind: 'exact', text: String(literal.value), fold: false });
    return test(value) || variants.some((kind) => test(textVariant(kind, value)));
  };
  return (a, b, i, j) => {
    const right = matcherAt(node.right, j);
    if (right !== undefined) return matches(right, String(a));
    const left = matcherAt(node.left, i);
    if (left !== undefined) return matches(left, String(b));
    if (variants.length > 0) return runtime.variantEqual(String(a), String(b), variants);
    return text?.fold === true ? foldCase(String(a)) === foldCase(String(b)) : a === b;
  };
}

const tests = new Map<string, TextTest>();

function testOf(matcher: Matcher): TextTest {
  const key = matcherKey(matcher);
  let known = tests.get(key);
  if (known === undefined) {
    if (tests.size > 4096) tests.clear();
    known = compileMatcher(matcher);
    tests.set(key, known);
  }
  return known;
}
