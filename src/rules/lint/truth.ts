/** Conditions that can never, or only, be true; constants that a field cannot have; rules that cannot fire here. */
import type { BoolNode, LiteralNode, Operand, TestNode } from '../../language/index.js';
import type { Diagnostic } from '../../support/diagnostic.js';
import { finding, type LintContext, type RuleCheck } from './finding.js';
import { literals, tests } from './operators.js';

/** What is known of a condition without an event: undefined is "it depends". */
type Known = boolean | undefined;

export const truth: RuleCheck = (rule) => {
  const found: Diagnostic[] = [];
  const fixed = new Map<BoolNode, boolean>();
  tests(rule.rule.root, (test) => {
    const reason = impossible(test);
    if (reason !== undefined) {
      fixed.set(test, test.negated);
      found.push(
        finding(
          test.negated ? 'always-true' : 'impossible-constant',
          reason.literal?.span ?? test.span,
          reason.message,
          { suggestions: reason.suggestions ?? [] },
        ),
      );
    }
    const mask = maskTruth(test);
    if (mask !== undefined) {
      fixed.set(test, mask.value);
      found.push(
        finding(mask.value ? 'always-true' : 'impossible-constant', test.span, mask.message, {
          suggestions: mask.suggestions,
        }),
      );
    }
  });
  const conflict = contradiction(rule.rule.root);
  if (conflict !== undefined) {
    found.push(
      finding(
        'never-true',
        conflict.second.span,
        `rule "${rule.sourceId}" can never be true: ${conflict.message}`,
        {
          notes: [{ message: 'it excludes this condition', span: conflict.first.span }],
          suggestions: conflict.suggestion === undefined ? [] : [conflict.suggestion],
        },
      ),
    );
  } else if (known(rule.rule.root, (node) => fixed.get(node)) === false) {
    found.push(
      finding(
        'never-true',
        rule.placement.span(0, rule.expression.length),
        `rule "${rule.sourceId}" can never be true`,
      ),
    );
  }
  return found;
};

/** Three-valued truth of the tree when some leaves are known. */
export function known(node: BoolNode, leaf: (node: BoolNode) => Known): Known {
  switch (node.kind) {
    case 'constant':
      return node.value;
    case 'not': {
      const inner = known(node.operand, leaf);
      return inner === undefined ? undefined : !inner;
    }
    case 'macro':
      return known(node.body, leaf);
    case 'and':
    case 'or': {
      const ends = node.kind === 'or';
      let depends = false;
      for (const operand of node.operands) {
        const value = known(operand, leaf);
        if (value === ends) return ends;
        if (value === undefined) depends = true;
      }
      return depends ? undefined : !ends;
    }
    default:
      return leaf(node);
  }
}

interface Reason {
  readonly message: string;
  readonly literal?: LiteralNode;
  readonly suggestions?: readonly string[];
}

const unsigned = /(^|\.)(pid|tid|ppid|sid|inode|mount_id|created_at|port|netns|mntns)$/;

/** A comparison for equality that no value of the field can satisfy, when all of its literals are so. */
function impossible(test: TestNode): Reason | undefined {
  if (test.op !== 'equal' || test.left.kind !== 'field') return undefined;
  const all = literals(test.right);
  const reasons = all.map((literal) => impossibleLiteral(test, literal));
  if (reasons.length === 0 || reasons.some((reason) => reason === undefined)) return undefined;
  return reasons[0];
}

function impossibleLiteral(test: TestNode, literal: LiteralNode): Reason | undefined {
  const { field } = test.left as Extract<Operand, { kind: 'field' }>;
  const { value } = literal;
  if (typeof value === 'number' && value < 0 && unsigned.test(field.name) && literal.constant === undefined)
    return { message: `"${field.name}" is never negative`, literal };
  if (typeof value !== 'string' || value === '' || literal.matcher?.kind === 'regexp') return undefined;
  const plain = literal.matcher === undefined || literal.matcher.kind === 'exact';
  if (
    test.text?.glob === true &&
    field.name.endsWith('file.path') &&
    !value.startsWith('/') &&
    !value.startsWith('*') &&
    !value.startsWith('memfd:') &&
    !/^\w+:/.test(value)
  ) {
    return {
      message: `"${field.name}" is an absolute path: "${value}" never is one`,
      literal,
      suggestions: [`"/${value}"`, `~"*/${value}"`],
    };
  }
  if (field.name.endsWith('.file.name') && value.includes('/')) {
    return {
      message: `"${field.name}" is a name without directories: it never holds a "/"`,
      literal,
      suggestions: [field.name.replace(/name$/, 'path'), `"${value.slice(value.lastIndexOf('/') + 1)}"`],
    };
  }
  if (plain && field.name.endsWith('.file.extension') && !value.startsWith('.'))
    return { message: `"${field.name}" begins with its dot`, literal, suggestions: [`".${value}"`] };
  if (plain && field.name.endsWith('.comm') && Buffer.byteLength(value) > 15)
    return {
      message: `"${field.name}" has at most 15 bytes: "${value}" has ${Buffer.byteLength(value)}`,
      literal,
      suggestions: [`"${value.slice(0, 15)}"`, field.name.replace(/comm$/, 'file.name')],
    };
  return undefined;
}

/** `field & MASK op N` whose result is always the same. */
function maskTruth(test: TestNode): { value: boolean; message: string; suggestions: string[] } | undefined {
  const { left, right } = test;
  if (
    left.kind !== 'arithmetic' ||
    left.op !== '&' ||
    right.kind !== 'literal' ||
    typeof right.value !== 'number'
  )
    return undefined;
  const mask = constant(left.right) ?? constant(left.left);
  if (mask === undefined) return undefined;
  const want = right.value;
  const name = printed(left.right) ?? printed(left.left) ?? String(mask);
  const outcome = (value: boolean): boolean => value !== test.negated;
  if (mask === 0) {
    const holds =
      test.op === 'equal'
        ? want === 0
        : test.op === 'greater'
          ? 0 > want
          : test.op === 'greater-equal'
            ? 0 >= want
            : test.op === 'less'
              ? 0 < want
              : 0 <= want;
    return {
      value: outcome(holds),
      message: `${name} is 0, so this is ${outcome(holds) ? 'always' : 'never'} true`,
      suggestions: name === 'O_RDONLY' ? ['(open.flags & O_ACCMODE) == O_RDONLY'] : [],
    };
  }
  if (
    test.op === 'equal' &&
    want !== 0 &&
    Number.isSafeInteger(mask) &&
    (BigInt(want) & ~BigInt(mask)) !== 0n
  ) {
    return {
      value: outcome(false),
      message: `${printed(right) ?? want} has bits outside the mask ${name}, so this is ${outcome(false) ? 'always' : 'never'} true`,
      suggestions: [],
    };
  }
  return undefined;
}

function constant(operand: Operand): number | undefined {
  if (operand.kind === 'literal') return typeof operand.value === 'number' ? operand.value : undefined;
  if (operand.kind === 'arithmetic') {
    const left = constant(operand.left);
    const right = constant(operand.right);
    if (left === undefined || right === undefined) return undefined;
    if (operand.op === '|') return Number(BigInt(left) | BigInt(right));
    if (operand.op === '+') return left + right;
  }
  return undefined;
}

function printed(operand: Operand): string | undefined {
  if (operand.kind === 'literal') return operand.constant;
  return operand.kind === 'arithmetic'
    ? [printed(operand.left), printed(operand.right)].filter((part) => part !== undefined).join(operand.op) ||
        undefined
    : undefined;
}

interface Conflict {
  readonly first: TestNode;
  readonly second: TestNode;
  readonly message: string;
  readonly suggestion?: string;
}

/** Two conditions that must both hold and exclude each other. */
function contradiction(root: BoolNode): Conflict | undefined {
  const needed: TestNode[] = [];
  const collect = (node: BoolNode): void => {
    if (node.kind === 'and') for (const operand of node.operands) collect(operand);
    else if (node.kind === 'macro') collect(node.body);
    else if (node.kind === 'test') needed.push(node);
  };
  collect(root);
  const byField = new Map<string, TestNode[]>();
  for (const test of needed) {
    const { left } = test;
    if (left.kind !== 'field' || left.multi || left.register !== undefined || test.age !== undefined)
      continue;
    if ((test.text?.aliases?.length ?? 0) > 0) continue;
    byField.set(left.field.name, [...(byField.get(left.field.name) ?? []), test]);
  }
  for (const [name, group] of byField) {
    for (const [index, second] of group.entries()) {
      for (const first of group.slice(0, index)) {
        const conflict = excludes(name, first, second);
        if (conflict !== undefined) return conflict;
      }
    }
  }
  return undefined;
}

function excludes(name: string, first: TestNode, second: TestNode): Conflict | undefined {
  const a = allowed(first);
  const b = allowed(second);
  if (a === undefined || b === undefined) return undefined;
  const suggestion =
    first.op === 'equal' && second.op === 'equal' && !first.negated && !second.negated
      ? `${name} in […] when one of the values is enough`
      : undefined;
  const conflict = (message: string): Conflict => ({
    first,
    second,
    message,
    ...(suggestion === undefined ? {} : { suggestion }),
  });
  if (
    a.values !== undefined &&
    b.values !== undefined &&
    ![...a.values].some((value) => b.values!.has(value))
  )
    return conflict(`"${name}" cannot have two values at once`);
  for (const [some, other] of [
    [a, b],
    [b, a],
  ] as const) {
    if (
      some.values !== undefined &&
      other.not !== undefined &&
      [...some.values].every((value) => other.not!.has(value))
    )
      return conflict(`"${name}" cannot have a value and not have it`);
    if (
      some.values !== undefined &&
      other.low !== undefined &&
      [...some.values].every(
        (value) => typeof value === 'number' && (value < other.low! || value > other.high!),
      )
    )
      return conflict(`"${name}" cannot be ${[...some.values].join(' or ')} and ${range(other)}`);
  }
  if (a.low !== undefined && b.low !== undefined && (a.low > b.high! || b.low > a.high!))
    return conflict(`"${name}" cannot be ${range(a)} and ${range(b)}`);
  return undefined;
}

interface Allowed {
  readonly values?: ReadonlySet<unknown>;
  readonly not?: ReadonlySet<unknown>;
  readonly low?: number;
  readonly high?: number;
}

function range(allowed: Allowed): string {
  if (allowed.low === Number.NEGATIVE_INFINITY) return `at most ${allowed.high}`;
  if (allowed.high === Number.POSITIVE_INFINITY) return `at least ${allowed.low}`;
  return `from ${allowed.low} to ${allowed.high}`;
}

/** The values of the field with which a test holds, when that can be said. */
function allowed(test: TestNode): Allowed | undefined {
  const all = literals(test.right);
  if (all.length === 0 || all.some((literal) => literal.type === 'cidr' || literal.duration === true))
    return undefined;
  if (test.op === 'equal') {
    const exact = all.every(
      (literal) =>
        literal.matcher === undefined || (literal.matcher.kind === 'exact' && !literal.matcher.fold),
    );
    if (!exact || test.text?.fold === true || (test.text?.variants?.length ?? 0) > 0) return undefined;
    const values = new Set(all.map((literal) => literal.value));
    return test.negated ? { not: values } : { values };
  }
  const value = all[0]!.value;
  if (test.negated || typeof value !== 'number' || all.length > 1) return undefined;
  if (test.op === 'less') return { low: Number.NEGATIVE_INFINITY, high: value - 1 };
  if (test.op === 'less-equal') return { low: Number.NEGATIVE_INFINITY, high: value };
  if (test.op === 'greater') return { low: value + 1, high: Number.POSITIVE_INFINITY };
  if (test.op === 'greater-equal') return { low: value, high: Number.POSITIVE_INFINITY };
  return undefined;
}

/** Why a rule cannot fire where only some events are recorded and some fields are never filled; undefined: it can. */
export function whyCannotFire(rule: Parameters<RuleCheck>[0], context: LintContext): string | undefined {
  const { events, mode } = context.options;
  if (events !== undefined && !events.has(rule.eventType))
    return `"${rule.eventType}" events are not in ${mode ?? 'what is recorded'}`;
  const { model } = context.rules;
  const empty = new Set<string>();
  const value = known(rule.rule.root, (node) => {
    if (node.kind === 'truth')
      return node.operand.kind === 'field' && model.unavailable(node.operand.field.name) !== undefined
        ? note(node.operand.field.name, false)
        : undefined;
    if (
      node.kind !== 'test' ||
      node.left.kind !== 'field' ||
      model.unavailable(node.left.field.name) === undefined ||
      node.op !== 'equal'
    )
      return undefined;
    const all = literals(node.right);
    if (
      all.length === 0 ||
      all.some((literal) => literal.matcher !== undefined && literal.matcher.kind !== 'exact')
    )
      return undefined;
    const holds =
      !node.left.multi &&
      all.some((literal) => literal.value === 0 || literal.value === '' || literal.value === false);
    return note(node.left.field.name, holds !== node.negated);
  });
  function note(name: string, result: boolean): boolean {
    empty.add(name);
    return result;
  }
  if (value !== false || empty.size === 0) return undefined;
  const [name] = empty;
  return `"${name}" is never filled here: ${model.unavailable(name!)}`;
}

export const reach: RuleCheck = (rule, context) => {
  const why = whyCannotFire(rule, context);
  return why === undefined
    ? []
    : [finding('cannot-fire', rule.span, `rule "${rule.sourceId}" cannot fire: ${why}`)];
};
