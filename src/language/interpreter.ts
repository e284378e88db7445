/**
 * The slow path with everything in it: every leaf of a rule decided without short circuit, with the values it
 * looked at, the distance to a match, and what made it true.
 */

import { costOf } from './cost.js';
import type { LeafResult, MatchedExpression, Seen, Trace } from './evaluation.js';
import type { Model, VariableReader } from './model.js';
import { type Circumstances, decideTest, elements, type Raw, valuesOf } from './reading.js';
import { registerLimit } from './runtime.js';
import type { TextSpan } from './source.js';
import type { BoolNode, FieldNode, LeafId, LiteralNode, Operand, Rule, TestNode, TruthNode } from './tree.js';

/** Traces one rule on one event. */
export function traceRule<E>(
  rule: Rule,
  model: Model<E>,
  event: E,
  now: number,
  variables: VariableReader<E>,
): Trace {
  const at = { model, event, now, variables } as unknown as Circumstances;
  const [register] = rule.registers.values();
  if (register === undefined) return traceAt(rule, at, undefined);
  const items = elements(register, at).slice(0, registerLimit);
  let best: Trace | undefined;
  for (const [index, item] of items.entries()) {
    const trace = traceAt(rule, { ...at, item }, index);
    if (trace.value) return trace;
    if (best === undefined || trace.distance < best.distance) best = trace;
  }
  if (best !== undefined) return best;
  const none = rule.leaves.map(
    (leaf): LeafResult => ({
      leaf: leaf.leaf,
      value: false,
      left: [],
      right: [],
      leftMatched: [],
      rightMatched: [],
    }),
  );
  return {
    value: false,
    leaves: none,
    distance: Math.max(1, distanceTo(rule.root, () => false).match),
    element: undefined,
    matched: [],
  };
}

function traceAt(rule: Rule, at: Circumstances, element: number | undefined): Trace {
  const results: LeafResult[] = rule.leaves.map((leaf) => resultOf(leaf, at));
  const valueAt = (leaf: LeafId): boolean => results[leaf]!.value;
  const value = truthOf(rule.root, valueAt);
  return {
    value,
    leaves: results,
    distance: value ? 0 : distanceTo(rule.root, valueAt).match,
    element,
    matched: value ? matchedOf(rule.root, results) : [],
  };
}

/** Decides a condition outright; used for conditions inside operands. */
export function decide(node: BoolNode, at: Circumstances): boolean {
  switch (node.kind) {
    case 'constant':
      return node.value;
    case 'and':
      return node.operands.every((operand) => decide(operand, at));
    case 'or':
      return node.operands.some((operand) => decide(operand, at));
    case 'not':
      return !decide(node.operand, at);
    case 'macro':
      return decide(node.body, at);
    default:
      return resultOf(node, at).value;
  }
}

function resultOf(leaf: TestNode | TruthNode, at: Circumstances): LeafResult {
  const inner = (node: BoolNode): boolean => decide(node, at);
  if (leaf.kind === 'truth') {
    const [value] = valuesOf(leaf.operand, at, inner);
    const holds = value === true;
    return {
      leaf: leaf.leaf,
      value: holds,
      left: [holds],
      right: [],
      leftMatched: holds ? [0] : [],
      rightMatched: [],
    };
  }
  const sides = decideTest(leaf, at, inner);
  return { ...sides, leaf: leaf.leaf, left: sides.left.map(seen), right: sides.right.map(seen) };
}

function seen(value: Raw): Seen {
  return typeof value === 'object' ? value.text : value;
}

/** The truth of a structure, given its leaves'. */
export function truthOf(node: BoolNode, valueAt: (leaf: LeafId) => boolean): boolean {
  switch (node.kind) {
    case 'constant':
      return node.value;
    case 'and':
      return node.operands.every((operand) => truthOf(operand, valueAt));
    case 'or':
      return node.operands.some((operand) => truthOf(operand, valueAt));
    case 'not':
      return !truthOf(node.operand, valueAt);
    case 'macro':
      return truthOf(node.body, valueAt);
    default:
      return valueAt(node.leaf);
  }
}

/** Least numbers of leaves to flip to make a structure true (`match`) or false (`miss`); Infinity: impossible. */
export function distanceTo(
  node: BoolNode,
  valueAt: (leaf: LeafId) => boolean,
): { match: number; miss: number } {
  switch (node.kind) {
    case 'constant':
      return node.value
        ? { match: 0, miss: Number.POSITIVE_INFINITY }
        : { match: Number.POSITIVE_INFINITY, miss: 0 };
    case 'not': {
      const inner = distanceTo(node.operand, valueAt);
      return { match: inner.miss, miss: inner.match };
    }
    case 'macro':
      return distanceTo(node.body, valueAt);
    case 'and':
    case 'or': {
      let sumMatch = 0;
      let sumMiss = 0;
      let leastMatch = Number.POSITIVE_INFINITY;
      let leastMiss = Number.POSITIVE_INFINITY;
      for (const operand of node.operands) {
        const inner = distanceTo(operand, valueAt);
        sumMatch += inner.match;
        sumMiss += inner.miss;
        leastMatch = Math.min(leastMatch, inner.match);
        leastMiss = Math.min(leastMiss, inner.miss);
      }
      return node.kind === 'and'
        ? { match: sumMatch, miss: leastMiss }
        : { match: leastMatch, miss: sumMiss };
    }
    default:
      return valueAt(node.leaf) ? { match: 0, miss: 1 } : { match: 1, miss: 0 };
  }
}

/**
 * What made a true structure true: all of an `&&`, the cheapest true operand of an `||` (the one that
 * evaluation stops at), nothing of a negation.
 */
function matchedOf(root: BoolNode, results: readonly LeafResult[]): MatchedExpression[] {
  const found: MatchedExpression[] = [];
  const valueAt = (leaf: LeafId): boolean => results[leaf]!.value;
  const visit = (node: BoolNode): void => {
    switch (node.kind) {
      case 'constant':
      case 'not':
        return;
      case 'macro':
        visit(node.body);
        return;
      case 'and':
        for (const operand of node.operands) visit(operand);
        return;
      case 'or': {
        const holding = node.operands.filter((operand) => truthOf(operand, valueAt));
        const costs = holding.map(costOf);
        visit(holding[costs.indexOf(Math.min(...costs))]!);
        return;
      }
      case 'truth':
        found.push(...sides(node.operand, results[node.leaf]!.left, [0], node.leaf));
        return;
      case 'test': {
        const result = results[node.leaf]!;
        if (node.negated || !(reads(node.left) || reads(node.right))) return;
        found.push(...sides(node.left, result.left, result.leftMatched, node.leaf));
        found.push(...sides(node.right, result.right, result.rightMatched, node.leaf));
        return;
      }
    }
  };
  visit(root);
  return found;
}

/** Whether an operand depends on the event or on variables. */
function reads(operand: Operand): boolean {
  switch (operand.kind) {
    case 'literal':
    case 'set':
      return false;
    case 'arithmetic':
      return reads(operand.left) || reads(operand.right);
    case 'unary':
      return reads(operand.operand);
    default:
      return true;
  }
}

function sides(
  operand: Operand,
  values: readonly Seen[],
  matched: readonly number[],
  leaf: LeafId,
): MatchedExpression[] {
  const [first] = matched;
  const value = values[first ?? 0] ?? '';
  switch (operand.kind) {
    case 'set': {
      if (first === undefined) return [];
      const from = operand.members[first]!;
      const to = operand.members[matched[matched.length - 1]!]!;
      const span = { ...quoted(from), end: to.span.end, to: to.span.to };
      return [{ span, value, field: undefined, computed: false, leaf }];
    }
    case 'literal':
      return [{ span: quoted(operand), value, field: undefined, computed: false, leaf }];
    case 'field':
      return [{ span: operand.span, value, field: operand.field.name, computed: false, leaf }];
    case 'arithmetic':
    case 'unary':
      return fieldsIn(operand).map((node) => ({
        span: node.span,
        value,
        field: node.field.name,
        computed: false,
        leaf,
      }));
    case 'call':
      return [
        {
          span: operand.span,
          value,
          field: operand.operand.kind === 'field' ? operand.operand.field.name : undefined,
          computed: operand.operand.kind !== 'field',
          leaf,
        },
      ];
    default:
      return [{ span: operand.span, value, field: undefined, computed: true, leaf }];
  }
}

/** The span of a pattern or regexp begins at its quote, so that what is marked is the text. */
function quoted(literal: LiteralNode): TextSpan {
  const { span } = literal;
  if (literal.prefixed !== true) return span;
  return {
    ...span,
    from: span.from + 1,
    start: { offset: span.start.offset + 1, line: span.start.line, column: span.start.column + 1 },
  };
}

function fieldsIn(operand: Operand): FieldNode[] {
  switch (operand.kind) {
    case 'field':
      return [operand];
    case 'arithmetic':
      return [...fieldsIn(operand.left), ...fieldsIn(operand.right)];
    case 'unary':
      return fieldsIn(operand.operand);
    default:
      return [];
  }
}
