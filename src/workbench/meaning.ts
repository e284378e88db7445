/** When two conditions are the same but for how they are written. */
import type { BoolNode, Node, Rule } from '../language/index.js';
import { lookup } from '../support/lookup.js';

/** Whether two rules are the same but for how they are written. */
export const meansTheSame = (a: Rule, b: Rule): boolean =>
  meaning(a.root) === meaning(b.root) || isSameFunction(a.root, b.root);

/** A condition or value as text in which places and ways of writing are left out. */
export function meaning(root: Node): string {
  return JSON.stringify(root, (key, value: unknown) => {
    if (skipped.has(key)) return undefined;
    if (key === 'field' || key === 'iterator' || key === 'variable')
      return (value as { readonly name: string } | undefined)?.name;
    let node = value as { readonly kind?: string; readonly body?: unknown } | null;
    while (node !== null && typeof node === 'object' && node.kind === 'macro')
      node = node.body as typeof node;
    return node;
  });
}

const skipped = new Set(['span', 'leaf', 'symbol', 'constant', 'duration', 'prefixed', 'macro', 'written']);

/** More conditions than this are not compared case by case. */
const mostCompared = 10;

/** Whether two conditions hold in the same cases, whatever their leaves mean. */
export function isSameFunction(a: BoolNode, b: BoolNode): boolean {
  const names = new Map<string, number>();
  const left = shapeOf(a, names);
  const right = shapeOf(b, names);
  if (names.size > mostCompared) return false;
  for (let cases = 0; cases < 1 << names.size; cases++) if (left(cases) !== right(cases)) return false;
  return true;
}

/** A function of the cases: bit i is the truth of the i-th leaf, before negation. */
function shapeOf(node: BoolNode, names: Map<string, number>): (cases: number) => boolean {
  switch (node.kind) {
    case 'constant':
      return () => node.value;
    case 'not': {
      const inner = shapeOf(node.operand, names);
      return (cases) => !inner(cases);
    }
    case 'macro':
      return shapeOf(node.body, names);
    case 'and':
    case 'or': {
      const parts = node.operands.map((operand) => shapeOf(operand, names));
      return node.kind === 'and'
        ? (cases) => parts.every((part) => part(cases))
        : (cases) => parts.some((part) => part(cases));
    }
    default: {
      const negated = node.kind === 'test' && node.negated;
      const bit = lookup(names, meaning(negated ? { ...node, negated: false } : node), () => names.size);
      return (cases) => ((cases >> bit) & 1) === (negated ? 0 : 1);
    }
  }
}
