/**
 * Partial evaluation: what one field alone decides. A value that makes a rule false whatever the other fields
 * are is a discarder; a set of values without which a rule cannot be true are its approvers.
 */

import type { Address } from './address.js';
import { bitNot, calculate } from './integer.js';
import type { Iterator, Model, VariableReader } from './model.js';
import { type Circumstances, decideTest, elements, valuesOf } from './reading.js';
import { registerLimit } from './runtime.js';
import type { BoolNode, FieldNode, LiteralNode, Operand, Rule, TestNode } from './tree.js';

/** True, false, or not known from this field alone. */
export type Tri = boolean | undefined;

/** How a value that a field is compared with is meant. */
export type ValueKind = 'scalar' | 'pattern' | 'glob' | 'regexp' | 'variable' | 'bitmask' | 'range' | 'cidr';

export interface FieldValue {
  readonly kind: ValueKind;
  /** A text, number or truth value; networks and interpolated strings as written. */
  readonly value: boolean | number | string;
}

/** The values that a rule compares a field with, in textual order, each once. */
export function fieldValues(rule: Rule, field: string): FieldValue[] {
  const found: FieldValue[] = [];
  const add = (kind: ValueKind, value: FieldValue['value']): void => {
    if (!found.some((item) => item.kind === kind && item.value === value)) found.push({ kind, value });
  };
  const literals = (operand: Operand): readonly LiteralNode[] =>
    operand.kind === 'literal' ? [operand] : operand.kind === 'set' ? operand.members : [];
  const side = (node: TestNode, here: Operand, other: Operand): void => {
    masks(here, field, add);
    if (originField(here)?.field.name !== field) return;
    if (other.kind === 'text') add('variable', other.written);
    for (const literal of literals(other)) {
      const matcher = literal.matcher?.kind;
      const kind: ValueKind =
        literal.type === 'cidr'
          ? 'cidr'
          : matcher !== undefined && matcher !== 'exact'
            ? matcher
            : node.op === 'equal'
              ? 'scalar'
              : 'range';
      add(kind, typeof literal.value === 'object' ? (literal.value as Address).text : literal.value);
    }
  };
  walk(rule.root, (node) => {
    if (node.kind === 'truth') {
      if (node.operand.kind === 'field' && node.operand.field.name === field) add('scalar', true);
      return;
    }
    side(node, node.left, node.right);
    side(node, node.right, node.left);
  });
  return found;
}

/** The field that a comparison is really about: itself, or the one under masks and signs. */
function originField(operand: Operand): FieldNode | undefined {
  switch (operand.kind) {
    case 'field':
      return operand;
    case 'arithmetic':
      return originField(operand.left) ?? originField(operand.right);
    case 'unary':
      return originField(operand.operand);
    default:
      return undefined;
  }
}

function masks(operand: Operand, field: string, add: (kind: ValueKind, value: number) => void): void {
  if (operand.kind === 'unary') masks(operand.operand, field, add);
  if (operand.kind !== 'arithmetic') return;
  for (const [here, other] of [
    [operand.left, operand.right],
    [operand.right, operand.left],
  ] as const) {
    const about = here.kind === 'field' && here.field.name === field;
    if (about && operand.op === '&' && other.kind === 'literal') add('bitmask', other.value as number);
    masks(here, field, add);
  }
}

/** Visits every leaf, those inside conditions used as operands included. */
function walk(node: BoolNode, visit: (leaf: Extract<BoolNode, { kind: 'test' | 'truth' }>) => void): void {
  switch (node.kind) {
    case 'and':
    case 'or':
      for (const operand of node.operands) walk(operand, visit);
      return;
    case 'not':
      walk(node.operand, visit);
      return;
    case 'macro':
      walk(node.body, visit);
      return;
    case 'constant':
      return;
    case 'truth':
      if (node.operand.kind === 'condition') walk(node.operand.condition, visit);
      visit(node);
      return;
    case 'test':
      for (const operand of [node.left, node.right])
        if (operand.kind === 'condition') walk(operand.condition, visit);
      visit(node);
  }
}

/** Evaluates a rule with only `field` of `event` known. Variables and every other field are unknown. */
export function evaluatePartially<E>(rule: Rule, model: Model<E>, field: string, event: E, now = 0): Tri {
  const at = { model, event, now, variables: nothing } as unknown as Circumstances;
  const [register] = rule.registers.values();
  if (register === undefined) return partially(rule.root, field, at);
  const known = rule.fields.includes(field) && belongs(rule, field, register);
  if (!known) return partially(rule.root, field, at);
  let result: Tri = false;
  for (const item of elements(register, at).slice(0, registerLimit)) {
    result = or(result, partially(rule.root, field, { ...at, item }));
  }
  return result;
}

/** Whether the value that `event` has for `field` rules the rule out. */
export function isDiscarder<E>(rule: Rule, model: Model<E>, field: string, event: E, now = 0): boolean {
  return evaluatePartially(rule, model, field, event, now) === false;
}

const nothing: VariableReader<never> = { get: () => undefined };

function belongs(rule: Rule, name: string, register: Iterator<never>): boolean {
  let found = false;
  walk(rule.root, (leaf) => {
    for (const operand of leaf.kind === 'truth' ? [leaf.operand] : [leaf.left, leaf.right]) {
      const field = originField(operand.kind === 'call' ? operand.operand : operand);
      if (field?.field.name === name && field.iterator?.name === register.name) found = true;
    }
  });
  return found;
}

function and(a: Tri, b: Tri): Tri {
  return a === false || b === false ? false : a === true && b === true ? true : undefined;
}

function or(a: Tri, b: Tri): Tri {
  return a === true || b === true ? true : a === false && b === false ? false : undefined;
}

function partially(node: BoolNode, field: string, at: Circumstances): Tri {
  switch (node.kind) {
    case 'constant':
      return node.value;
    case 'and':
      return node.operands.reduce<Tri>((result, operand) => and(result, partially(operand, field, at)), true);
    case 'or':
      return node.operands.reduce<Tri>((result, operand) => or(result, partially(operand, field, at)), false);
    case 'not': {
      const inner = partially(node.operand, field, at);
      return inner === undefined ? undefined : !inner;
    }
    case 'macro':
      return partially(node.body, field, at);
    case 'truth':
      if (node.operand.kind === 'condition') return partially(node.operand.condition, field, at);
      return known(node.operand, field) ? valuesOf(node.operand, at, () => false)[0] === true : undefined;
    case 'test': {
      const sides = [node.left, node.right].map((side) =>
        side.kind === 'condition' ? partially(side.condition, field, at) : side,
      );
      if (sides.some((side) => typeof side === 'boolean' || side === undefined)) {
        const values = sides.map((side): Tri => {
          if (typeof side === 'boolean' || side === undefined) return side;
          return known(side, field) && !side.multi ? valuesOf(side, at, () => false)[0] === true : undefined;
        });
        if (values.some((value) => value === undefined)) return undefined;
        return (values[0] === values[1]) !== node.negated;
      }
      if (!known(node.left, field) || !known(node.right, field)) return undefined;
      return decideTest(node, at, () => false).value;
    }
  }
}

/** Whether an operand's value follows from the field alone. */
function known(operand: Operand, field: string): boolean {
  switch (operand.kind) {
    case 'literal':
    case 'set':
      return true;
    case 'field':
      return operand.field.name === field;
    case 'call':
      return known(operand.operand, field);
    case 'arithmetic':
      return known(operand.left, field) && known(operand.right, field);
    case 'unary':
      return known(operand.operand, field);
    case 'text':
      return operand.parts.every((part) => typeof part === 'string' || known(part, field));
    case 'variable':
    case 'condition':
      return false;
  }
}

/**
 * The values of `field` that a match needs: an event whose field matches none of them cannot match the rule.
 * Undefined when the field decides nothing.
 */
export function approvers(rule: Rule, field: string): FieldValue[] | undefined {
  const values = fieldValues(rule, field);
  if (values.length === 0) return undefined;
  return withoutValues(rule.root, field) === false ? values : undefined;
}

/** The rule's outcome when the field has none of the values that the rule names. */
function withoutValues(node: BoolNode, field: string): Tri {
  switch (node.kind) {
    case 'constant':
      return node.value;
    case 'and':
      return node.operands.reduce<Tri>((result, operand) => and(result, withoutValues(operand, field)), true);
    case 'or':
      return node.operands.reduce<Tri>((result, operand) => or(result, withoutValues(operand, field)), false);
    case 'not': {
      const inner = withoutValues(node.operand, field);
      return inner === undefined ? undefined : !inner;
    }
    case 'macro':
      return withoutValues(node.body, field);
    case 'truth':
      return node.operand.kind === 'field' && node.operand.field.name === field ? false : undefined;
    case 'test':
      return testWithoutValues(node, field);
  }
}

function testWithoutValues(node: TestNode, field: string): Tri {
  const [here, other] =
    node.left.kind === 'literal' || node.left.kind === 'set'
      ? [node.right, node.left]
      : [node.left, node.right];
  if (other.kind !== 'literal' && other.kind !== 'set') return undefined;
  if (here.kind === 'literal')
    return decideTest(node, { model: noModel, event: undefined, now: 0, variables: nothing }, () => false)
      .value;
  if (here.kind === 'field' && here.field.name === field)
    return node.age === undefined ? node.negated : undefined;
  const masked = maskedZero(here, field);
  if (masked === undefined || other.kind !== 'literal') return undefined;
  const zeroed: LiteralNode = { kind: 'literal', type: 'int', multi: false, value: masked, span: here.span };
  const test = here === node.left ? { ...node, left: zeroed } : { ...node, right: zeroed };
  return decideTest(test, { model: noModel, event: undefined, now: 0, variables: nothing }, () => false)
    .value;
}

const noModel = {
  name: 'none',
  constants: new Map(),
  field: () => undefined,
  iterator: () => undefined,
  fieldNames: () => [],
};

/** The value of an expression over masks of the field when none of the masks' bits is set. */
function maskedZero(operand: Operand, field: string): number | undefined {
  if (operand.kind === 'literal') return operand.value as number;
  if (operand.kind === 'unary') {
    const inner = maskedZero(operand.operand, field);
    return inner === undefined ? undefined : operand.op === '-' ? 0 - inner : bitNot(inner);
  }
  if (operand.kind !== 'arithmetic') return undefined;
  const isField = (side: Operand): boolean => side.kind === 'field' && side.field.name === field;
  if (
    operand.op === '&' &&
    ((isField(operand.left) && operand.right.kind === 'literal') ||
      (isField(operand.right) && operand.left.kind === 'literal'))
  )
    return 0;
  const left = maskedZero(operand.left, field);
  const right = maskedZero(operand.right, field);
  return left === undefined || right === undefined ? undefined : calculate(operand.op, left, right);
}

export interface Approval {
  /** The chosen field. */
  readonly field: string;
  readonly values: readonly FieldValue[];
}

/**
 * One field whose values every rule of an event needs, so that events with none of them can be dropped before
 * rules are evaluated; undefined when there is none ("accept mode"). Fields are tried in the given order.
 */
export function approveAll(rules: readonly Rule[], candidates: readonly string[]): Approval | undefined {
  for (const field of candidates) {
    const values: FieldValue[] = [];
    const all = rules.every((rule) => {
      const own = approvers(rule, field);
      for (const item of own ?? [])
        if (!values.some((other) => other.kind === item.kind && other.value === item.value))
          values.push(item);
      return own !== undefined;
    });
    if (all && rules.length > 0) return { field, values };
  }
  return undefined;
}
