/** The part of the checker that judges comparisons: which operator two operands have, and what it means there. */

import { parseAddress } from './address.js';
import type { CompareExpression, Expression, MembershipExpression } from './ast.js';
import type { Checker } from './checker.js';
import { matcherProblem } from './matcher.js';
import type { ConstantValue, Scalar, TextSemantics } from './model.js';
import { type OperatorRow, operatorBySymbol, operators } from './operators.js';
import type { FieldNode, LiteralNode, Matcher, Node, Operand, SetNode, TestNode, TestOp } from './tree.js';
import { isCondition, typeName, typeOf } from './types.js';

/** Sets whose members were given their meaning for a kind of field before, by `glob` and `fold`. */
const adapted = new WeakMap<SetNode, Map<string, SetNode>>();

export class Comparer {
  constructor(readonly checker: Checker) {}

  compare(
    node: CompareExpression | MembershipExpression,
    givenLeft: Node,
    givenRight: Node,
  ): TestNode | undefined {
    const row = operatorBySymbol.get(node.op)!;
    const left = asOperand(givenLeft);
    const right = asOperand(givenRight);
    const { checker } = this;

    if (row.membership && !right.multi && right.type !== 'cidr' && !isElement(right)) {
      const want = typeName({ type: left.type, multi: true });
      return checker.report(
        'type-mismatch',
        `"${row.symbol}" needs a list on its right side: have ${typeName(right)}, want ${want}`,
        checker.span(node.right),
      );
    }
    if (left.type !== right.type) {
      const want = typeName({ type: left.type, multi: row.membership });
      const hint = otherwise(left, right, checker.scope.model.constants);
      return checker.report(
        'type-mismatch',
        `"${row.symbol}" needs the same type on both sides: have ${typeName(right)}, want ${want}`,
        checker.span(node.right),
        hint,
      );
    }
    if (!row.types.includes(left.type)) {
      const known = operators.filter((item) => item.types.includes(left.type)).map((item) => item.symbol);
      return checker.report(
        'unknown-operator',
        `There is no "${row.symbol}" for ${typeName(left)}: want ${known.join(', ')}`,
        checker.span(node),
      );
    }
    if (!row.membership && left.multi && right.multi) {
      return checker.report(
        'type-mismatch',
        `"${row.symbol}" compares with a single value: have ${typeName(right)}, want ${left.type}`,
        checker.span(node.right),
        [`"in" holds when two lists have a member in common`],
      );
    }
    if (row.op === 'equal') this.#literalsArePossible(left, right, node);

    const base = {
      kind: 'test',
      leaf: -1,
      negated: row.negated,
      symbol: row.symbol,
      absent: 'zero',
      span: checker.span(node),
    } as const;
    switch (left.type) {
      case 'string':
        return this.#text(base, row, node, left, right);
      case 'int':
        return this.#ints(base, row, node, left, right);
      default: {
        const every =
          row.symbol === 'allin' &&
          left.type === 'cidr' &&
          (isSeveral(left) || isSeveral(right)) &&
          everyApplies(left, right);
        return { ...base, op: every ? 'every' : row.op, left, right };
      }
    }
  }

  #ints(
    base: Base,
    row: OperatorRow,
    node: CompareExpression | MembershipExpression,
    left: Operand,
    right: Operand,
  ): TestNode | undefined {
    const rightIsAge = right.kind === 'literal' && right.duration === true && !isDuration(left);
    const leftIsAge = left.kind === 'literal' && left.duration === true && !isDuration(right);
    if (!rightIsAge && !leftIsAge) return { ...base, op: row.op, left, right };
    const other = rightIsAge ? left : right;
    if (row.membership || row.symbol === '!=')
      return this.#noDuration(row, rightIsAge ? node.right : node.left);
    if (other.kind === 'literal' || other.kind === 'arithmetic') return { ...base, op: row.op, left, right };
    if (row.op === 'equal') return this.#noDuration(row, rightIsAge ? node.right : node.left);
    return { ...base, op: row.op, left, right, age: rightIsAge ? 'left' : 'right' };
  }

  #noDuration(row: OperatorRow, at: Expression): undefined {
    return this.checker.report(
      'unknown-operator',
      `"${row.symbol}" cannot compare with a duration: want <, <=, > or >=`,
      this.checker.span(at),
    );
  }

  #text(
    base: Base,
    row: OperatorRow,
    node: CompareExpression | MembershipExpression,
    left: Operand,
    right: Operand,
  ): TestNode | undefined {
    const { checker } = this;
    if (row.pattern && right.kind !== 'literal') {
      const name =
        right.kind === 'field' ? right.field.name : checker.span(node.right).file && printed(right);
      return checker.report(
        'not-static',
        `The pattern on the right of "${row.symbol}" must be written out, "${name}" changes from event to event`,
        checker.span(node.right),
      );
    }
    const text = semantics(left) ?? semantics(right);
    const fold = text?.fold === true;
    const adapt = (operand: Operand, force: boolean): Operand | undefined => {
      if (operand.kind === 'literal') return this.#literal(operand, text, fold, force);
      if (operand.kind === 'set') return this.#set(operand, text, fold);
      return operand;
    };
    const a = adapt(left, false);
    const b = adapt(right, row.pattern);
    if (a === undefined || b === undefined) return undefined;
    return { ...base, op: row.op, left: a, right: b, ...(text === undefined ? {} : { text }) };
  }

  #literal(
    node: LiteralNode,
    text: TextSemantics | undefined,
    fold: boolean,
    force: boolean,
  ): LiteralNode | undefined {
    const given = node.matcher ?? { kind: 'exact', text: String(node.value), fold: false };
    const asPattern = given.kind === 'exact' && force ? 'pattern' : given.kind;
    const matcher: Matcher = {
      kind: asPattern === 'pattern' && text?.glob === true ? 'glob' : asPattern,
      text: given.text,
      fold,
    };
    const wrong = matcherProblem(matcher);
    if (wrong !== undefined) {
      const kind = wrong.code === 'invalid-regexp' ? 'regexp' : 'pattern';
      return this.checker.report(
        wrong.code,
        `Invalid ${kind} "${matcher.text}": ${wrong.problem}`,
        node.span,
      );
    }
    return { ...node, matcher };
  }

  #set(node: SetNode, text: TextSemantics | undefined, fold: boolean): SetNode | undefined {
    const key = `${text?.glob === true}${fold}`;
    const known = adapted.get(node)?.get(key);
    if (known !== undefined) return known;
    const members: LiteralNode[] = [];
    for (const member of node.members) {
      const literal = this.#literal(member, text, fold, false);
      if (literal !== undefined) members.push(literal);
    }
    if (members.length !== node.members.length) return undefined;
    const set: SetNode = { ...node, members };
    const byKey = adapted.get(node) ?? new Map<string, SetNode>();
    byKey.set(key, set);
    adapted.set(node, byKey);
    return set;
  }

  #literalsArePossible(left: Operand, right: Operand, node: CompareExpression | MembershipExpression): void {
    const test = (field: FieldNode | undefined, other: Operand): void => {
      const validate = field?.field.validate;
      if (validate === undefined) return;
      const literals = other.kind === 'literal' ? [other] : other.kind === 'set' ? other.members : [];
      for (const literal of literals) {
        if (typeof literal.value === 'object') continue;
        const problem = validate(literal.value as Scalar);
        if (problem !== undefined) {
          const span =
            literal.span.file === this.checker.span(node).file ? literal.span : this.checker.span(node);
          this.checker.report(
            'impossible-value',
            `"${field!.field.name}" can never be ${JSON.stringify(literal.value)}: ${problem}`,
            span,
          );
        }
      }
    };
    test(maskedField(left), right);
    test(maskedField(right), left);
  }
}

/** How the right side would be written to be of the type of the left. */
function otherwise(left: Operand, right: Operand, constants: ReadonlyMap<string, ConstantValue>): string[] {
  if (right.kind === 'set' && right.macro !== undefined)
    return left.type === right.type || left.type === 'string'
      ? []
      : [`what a macro has under "values" are texts: its "expression" may be a list, such as "[1, 2]"`];
  const given = right.kind === 'set' ? right.members[0] : right;
  if (given?.kind !== 'literal' || given.constant !== undefined) return [];
  if (left.type === 'string' && given.type === 'int' && given.duration !== true)
    return [`"${String(given.value)}" in quotes is a string`];
  if (given.type !== 'string' || given.prefixed === true) return [];
  const text = String(given.value);
  const fits =
    left.type === 'cidr'
      ? parseAddress(text) !== undefined
      : /^\d+$/.test(text)
        ? left.type === 'int'
        : typeof constants.get(text) === (left.type === 'bool' ? 'boolean' : 'number');
  return fits ? [`${text} without quotes`] : [];
}

type Base = Pick<TestNode, 'kind' | 'leaf' | 'negated' | 'symbol' | 'absent' | 'span'>;

function asOperand(node: Node): Operand {
  if (!isCondition(node)) return node;
  if (node.kind === 'constant')
    return { kind: 'literal', type: 'bool', multi: false, value: node.value, span: node.span };
  if (node.kind === 'truth') return node.operand;
  return { kind: 'condition', type: 'bool', multi: false, condition: node, span: node.span };
}

/** A sub-field under a register is a list of one: `10 in process.list[A].key`. */
function isElement(node: Operand): boolean {
  return node.kind === 'field' && node.register !== undefined;
}

function isSeveral(node: Operand): boolean {
  return typeOf(node).multi;
}

/** `allin` is real when one side has several addresses of an event or variable; a single left is `in`. */
function everyApplies(left: Operand, right: Operand): boolean {
  const dynamic = (node: Operand): boolean => node.multi && node.kind !== 'set';
  return dynamic(left) || (left.kind === 'set' && dynamic(right));
}

function isDuration(node: Operand): boolean {
  return node.kind === 'literal' && node.duration === true;
}

/** The field that a literal is really compared with: itself, or the field under a mask. */
function maskedField(node: Operand): FieldNode | undefined {
  if (node.kind === 'field') return node;
  return undefined;
}

function semantics(node: Operand): TextSemantics | undefined {
  if (node.kind === 'field') return node.field.text;
  return undefined;
}

function printed(node: Operand): string {
  switch (node.kind) {
    case 'variable':
      return `\${${node.variable.name}}`;
    case 'text':
      return node.written;
    case 'field':
      return node.field.name;
    default:
      return node.kind;
  }
}

export type { TestOp };
