/** How types are spoken of. */

import type { BaseType } from './model.js';
import type { BoolNode, Node, Operand } from './tree.js';

export interface Type {
  readonly type: BaseType;
  readonly multi: boolean;
}

export function isCondition(node: Node): node is BoolNode {
  switch (node.kind) {
    case 'and':
    case 'or':
    case 'not':
    case 'macro':
    case 'test':
    case 'truth':
    case 'constant':
      return true;
    default:
      return false;
  }
}

export function typeOf(node: Node): Type {
  return isCondition(node) ? { type: 'bool', multi: false } : { type: node.type, multi: node.multi };
}

const names: Readonly<Record<BaseType, string>> = {
  bool: 'bool',
  int: 'int',
  string: 'string',
  cidr: 'address',
};

/** `int`, `list of string`. */
export function typeName(type: Type): string {
  return type.multi ? `list of ${names[type.type]}` : names[type.type];
}

export function isStatic(node: Operand): boolean {
  return node.kind === 'literal' || node.kind === 'set';
}
