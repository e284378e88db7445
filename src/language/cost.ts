/** How dear a node is to evaluate, for the order of short circuit. Units: about a nanosecond. */

import type { BoolNode, FieldNode, Node, Operand, TestNode } from './tree.js';
import { isCondition } from './types.js';

const matcherCost = { exact: 3, pattern: 30, glob: 40, regexp: 200 } as const;

export function costOf(node: Node): number {
  return isCondition(node) ? conditionCost(node) : operandCost(node);
}

function conditionCost(node: BoolNode): number {
  switch (node.kind) {
    case 'and':
    case 'or':
      return node.operands.reduce((sum, operand) => sum + conditionCost(operand), 0);
    case 'not':
      return conditionCost(node.operand);
    case 'macro':
      return conditionCost(node.body);
    case 'truth':
      return operandCost(node.operand);
    case 'constant':
      return 0;
    case 'test':
      return testCost(node);
  }
}

function testCost(node: TestNode): number {
  const sides = [node.left, node.right];
  const dynamic = sides.filter((side) => side.kind !== 'literal' && side.kind !== 'set');
  const base = dynamic.reduce((sum, side) => sum + operandCost(side), 0);
  if (node.left.type === 'cidr') return base + 40;
  if (node.left.type !== 'string') return base + 1;
  const interned = dynamic.every((side) => side.kind === 'field' && side.field.read.kind === 'string-id');
  if (interned) return base + 2;
  const literals = sides.flatMap((side) =>
    side.kind === 'literal' ? [side] : side.kind === 'set' ? side.members : [],
  );
  const matching = literals.reduce(
    (sum, item) =>
      sum +
      (item.matcher === undefined || item.matcher.kind === 'exact' ? 0 : matcherCost[item.matcher.kind]),
    3,
  );
  return base + matching;
}

function operandCost(node: Operand): number {
  switch (node.kind) {
    case 'literal':
    case 'set':
      return 0;
    case 'field':
      return fieldCost(node);
    case 'variable':
      return node.variable.read === undefined ? 60 : 10;
    case 'text':
      return node.parts.reduce(
        (sum, part) => sum + (typeof part === 'string' ? 10 : 10 + operandCost(part)),
        20,
      );
    case 'call':
      return operandCost(node.operand) + 20;
    case 'arithmetic':
      return operandCost(node.left) + operandCost(node.right) + 2;
    case 'unary':
      return operandCost(node.operand) + 1;
    case 'condition':
      return conditionCost(node.condition);
  }
}

function fieldCost(node: FieldNode): number {
  const own = 2 + (node.field.weight ?? 0) + (node.field.text?.aliases === undefined ? 0 : 5);
  const several = node.field.multi === true ? own * 8 : own;
  if (node.iterator === undefined || node.register !== undefined) return several;
  return several * (node.iterator.memo !== undefined && node.field.fixed === true ? 4 : 12);
}
