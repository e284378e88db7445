/**
 * Operators of mutation: each makes small wrong versions of an expression, as an author's hand would slip.
 * Pure syntax: whether a version loads, and whether it means anything else, is decided by who asks.
 */
import { type Expression, print } from '../language/index.js';
import type { SetAction } from '../rules/index.js';

type Logic = Extract<Expression, { kind: 'logic' }>;

/** A wrong version of one node. */
interface Version {
  readonly to: Expression;
  /** The part that changed, for the place that is shown; default: the node. */
  readonly at?: Expression;
  /** What changed, in words; default: `before → after`. */
  readonly said?: string;
  /** When the two differ, given that the node decides: a condition; default: exactly one of both holds. */
  readonly difference?: string;
  /** A pattern or list takes in more, or less, than it did: they differ on one side only. */
  readonly takes?: 'more' | 'less';
  /** The operand of a chain that the difference is about: its neighbours must leave the decision to it. */
  readonly operand?: number;
}

export interface OperatorRow {
  readonly code: string;
  readonly doc: string;
  readonly example: readonly [before: string, after: string];
  readonly versions: (node: Expression) => readonly Version[];
}

/** A wrong version of a whole expression. */
export interface Change {
  readonly tree: Expression;
  readonly start: number;
  readonly end: number;
  readonly said: string;
  /** SECL: what an event must be like to tell both apart; empty: any. */
  readonly differs: string;
  /** The same in shorter words. */
  readonly words: string;
  /** The condition around what changed, as it was. */
  readonly condition: string;
}

const orders: Readonly<Record<string, '>' | '>=' | '<' | '<='>> = {
  '>': '>=',
  '>=': '>',
  '<': '<=',
  '<=': '<',
};
const loose: Readonly<Record<string, '=~' | '!~'>> = { '==': '=~', '=~': '=~', '!=': '!~', '!~': '!~' };

/** Fields that are easily taken for each other. */
const neighbours: readonly (readonly [RegExp, string])[] = [
  [/\.file\.path$/, '.file.name'],
  [/\.file\.name$/, '.file.path'],
  [/\.file\.destination\./, '.file.'],
  [/^process\.parent\./, 'process.'],
  [/^process\.ancestors\./, 'process.parent.'],
  [/^process\.ancestors\./, 'process.'],
  [/^process\.(?!parent\.|ancestors\.)(?=.)/, 'process.parent.'],
  [/\.source\./, '.destination.'],
  [/\.(?<!\.file\.)destination\.(?=ip|port|is_public)/, '.source.'],
];

const group = (inner: Expression): Expression =>
  inner.kind === 'logic' ? { kind: 'group', inner, start: inner.start, end: inner.end } : inner;
const not = (operand: Expression): Expression => ({
  kind: 'unary',
  op: '!',
  operand: { kind: 'group', inner: operand, start: operand.start, end: operand.end },
  start: operand.start,
  end: operand.end,
});
const opposites: Readonly<Record<string, string>> = {
  in: 'not in',
  'not in': 'in',
  '==': '!=',
  '!=': '==',
  '=~': '!~',
  '!~': '=~',
};
/** The text of what holds when a condition does not. */
function denied(node: Expression): string {
  const op = node.kind === 'compare' || node.kind === 'membership' ? opposites[node.op] : undefined;
  return op === undefined ? `!(${print(node)})` : print({ ...node, op } as Expression);
}
const chain = (node: Logic, operands: readonly Expression[], ops: Logic['ops']): Expression =>
  operands.length === 1 ? operands[0]! : { ...node, operands, ops };
const withoutAt = <T>(list: readonly T[], index: number): T[] => list.filter((_, other) => other !== index);

/** Texts that are more than text: put together at evaluation, escaped, or patterns already. */
const isPlainText = (value: string): boolean => value !== '' && !/[*%$\\]/.test(value);

/** In the order in which they are tried: of two that make the same version, the first one names it. */
export const operators: readonly OperatorRow[] = [
  {
    code: 'drop-leaf',
    doc: 'A condition is left out.',
    example: ['a && b', 'a'],
    versions: (node) =>
      node.kind !== 'logic'
        ? []
        : node.operands.map((operand, index) => {
            const op = Math.min(index, node.ops.length - 1);
            return {
              to: chain(node, withoutAt(node.operands, index), withoutAt(node.ops, op)),
              at: operand,
              said: `without ${print(operand)}`,
              difference: node.ops[op] === '&&' ? denied(operand) : print(group(operand)),
              operand: index,
            };
          }),
  },
  {
    code: 'swap-and-or',
    doc: 'An "and" is an "or", or the other way round.',
    example: ['a && b', 'a || b'],
    versions: (node) =>
      node.kind !== 'logic'
        ? []
        : node.ops.map((op, index) => ({
            to: {
              ...node,
              ops: node.ops.map((one, other) => (other === index ? (op === '&&' ? '||' : '&&') : one)),
            },
            at: { ...node.operands[index]!, end: node.operands[index + 1]!.end },
            said: `${op} → ${op === '&&' ? '||' : '&&'} after ${print(node.operands[index]!)}`,
          })),
  },
  {
    code: 'regroup',
    doc: 'Mixed "and" and "or" are grouped the other way: a && b || c means a && (b || c).',
    example: ['a && b || c', '(a && b) || c'],
    versions: (node) => {
      if (node.kind !== 'logic') return [];
      const found: Version[] = [];
      node.ops.forEach((op, index) => {
        if (index === 0 || op === node.ops[index - 1]) return;
        const left = group(chain(node, node.operands.slice(0, index + 1), node.ops.slice(0, index)));
        found.push({
          to: { ...node, operands: [left, ...node.operands.slice(index + 1)], ops: node.ops.slice(index) },
        });
      });
      node.operands.forEach((operand, index) => {
        if (operand.kind !== 'group' || operand.inner.kind !== 'logic') return;
        const { inner } = operand;
        found.push({
          to: {
            ...node,
            operands: [
              ...node.operands.slice(0, index),
              ...inner.operands,
              ...node.operands.slice(index + 1),
            ],
            ops: [...node.ops.slice(0, index), ...inner.ops, ...node.ops.slice(index)],
          },
          at: operand,
          said: `without the parentheses of ${print(operand)}`,
        });
      });
      return found;
    },
  },
  {
    code: 'negate-leaf',
    doc: 'A condition is turned around.',
    example: ['a == 1', '!(a == 1)'],
    versions: (node) => {
      if (node.kind === 'compare' || node.kind === 'membership') return [{ to: not(node), difference: '' }];
      if (node.kind !== 'logic') return [];
      return node.operands.flatMap((operand, index): Version[] =>
        operand.kind === 'ident'
          ? [
              {
                to: { ...node, operands: node.operands.map((one, at) => (at === index ? not(one) : one)) },
                at: operand,
                said: `${print(operand)} → ${print(not(operand))}`,
                difference: '',
                operand: index,
              },
            ]
          : [],
      );
    },
  },
  {
    code: 'flip-comparison',
    doc: 'A bound is included, or no longer.',
    example: ['a > 5', 'a >= 5'],
    versions: (node) => {
      const op = node.kind === 'compare' ? orders[node.op] : undefined;
      return node.kind !== 'compare' || op === undefined ? [] : [{ to: { ...node, op } }];
    },
  },
  {
    code: 'drop-member',
    doc: 'A list lacks one of its members.',
    example: ['a in ["x", "y"]', 'a in ["x"]'],
    versions: (node) => {
      if (node.kind !== 'list' || node.members.length < 2) return [];
      return node.members.map((member, index) => ({
        to: { ...node, members: withoutAt(node.members, index) },
        at: member,
        said: `without the member ${print(member)}`,
        takes: 'less',
      }));
    },
  },
  {
    code: 'pattern-narrow',
    doc: 'A pattern matches less: ** within one folder only, * nothing, a folder is left out.',
    example: ['~"/etc/**"', '~"/etc/*"'],
    versions: (node) => {
      if ((node.kind !== 'string' && node.kind !== 'pattern') || !node.value.includes('*')) return [];
      if (/^\*+$/.test(node.value)) return [];
      const value = node.value.endsWith('/**')
        ? node.value.slice(0, -1)
        : node.value.replace(/\*+(?!.*\*)/s, '');
      const shorter = node.value.replace(/\/[^/*]+(\/[^/]*\*[^/]*)$/, '$1');
      return [
        { to: { ...node, value }, takes: 'less' },
        ...(shorter === node.value ? [] : [{ to: { ...node, value: shorter } }]),
      ];
    },
  },
  {
    code: 'pattern-widen',
    doc: 'A pattern or text matches more: * crosses folders, a name is only a beginning.',
    example: ['~"/etc/*"', '~"/etc/**"'],
    versions: (node) => {
      if (node.kind === 'pattern' && /\/\*$/.test(node.value))
        return [{ to: { ...node, value: `${node.value}*` }, takes: 'more' }];
      if (node.kind === 'compare' && node.right.kind === 'string' && isPlainText(node.right.value)) {
        const op = loose[node.op];
        const right = { ...node.right, kind: 'pattern' as const, value: `${node.right.value}*` };
        return op === undefined ? [] : [{ to: { ...node, op, right }, at: node.right, takes: 'more' }];
      }
      if (node.kind !== 'list') return [];
      return node.members.flatMap((member, index): Version[] =>
        member.kind !== 'string' || !isPlainText(member.value)
          ? []
          : [widenedMember(node, index, { ...member, kind: 'pattern', value: `${member.value}*` })],
      );
    },
  },
  {
    code: 'drop-flag-bit',
    doc: 'One flag of several is not asked for.',
    example: ['a & (X | Y) > 0', 'a & X > 0'],
    versions: (node) =>
      node.kind !== 'bits' || node.ops.some((op) => op !== '|')
        ? []
        : node.operands.map((operand, index) => {
            const operands = withoutAt(node.operands, index);
            return {
              to: operands.length === 1 ? operands[0]! : { ...node, operands, ops: node.ops.slice(1) },
              at: operand,
              said: `without ${print(operand)}`,
            };
          }),
  },
  {
    code: 'number-plus-minus-one',
    doc: 'A number is one too great or too small.',
    example: ['a > 1024', 'a > 1025'],
    versions: (node) => {
      if (node.kind !== 'int' || !/^\d{1,15}$/.test(node.value)) return [];
      const octal = /^0\d/.test(node.value);
      const value = Number.parseInt(node.value, octal ? 8 : 10);
      return [value + 1, value - 1]
        .filter((one) => one >= 0)
        .map((one) => ({ to: { ...node, value: octal ? `0${one.toString(8)}` : String(one) } }));
    },
  },
  {
    code: 'swap-plus-minus',
    doc: 'A sum is a difference, or the other way round.',
    example: ['a + 1', 'a - 1'],
    versions: (node) =>
      node.kind !== 'sum'
        ? []
        : node.ops.map((op, index) => ({
            to: { ...node, ops: node.ops.map((one, at) => (at === index ? (op === '+' ? '-' : '+') : one)) },
          })),
  },
  {
    code: 'field-neighbour',
    doc: 'A field beside the one that is meant: path and name, process and parent, source and destination.',
    example: ['exec.file.path == "x"', 'exec.file.name == "x"'],
    versions: (node) =>
      node.kind !== 'ident'
        ? []
        : neighbours
            .filter(([from]) => from.test(node.value))
            .map(([from, to]) => ({ to: { ...node, value: node.value.replace(from, to) } })),
  },
];

function widenedMember(
  node: Extract<Expression, { kind: 'list' }>,
  index: number,
  to: (typeof node.members)[number],
): Version {
  return {
    to: { ...node, members: node.members.map((one, other) => (other === index ? to : one)) },
    at: node.members[index]!,
    said: `${print(node.members[index]!)} → ${print(to)}`,
    takes: 'more',
  };
}

/** A wrong version of a `set` action. */
interface SetVersion {
  readonly said: string;
  readonly to: Partial<SetAction>;
}

export interface SetOperatorRow {
  readonly code: string;
  readonly doc: string;
  readonly example: readonly [before: string, after: string];
  readonly versions: (action: SetAction) => readonly SetVersion[];
}

const constant = (value: unknown): SetVersion => ({
  said: `is set to ${JSON.stringify(value)}`,
  to: { source: { kind: 'constant', value } },
});

/** Operators on actions that set a variable to a constant; those on expressions are the ones above. */
export const setOperators: readonly SetOperatorRow[] = [
  {
    code: 'other-value',
    doc: 'A variable is set to another value: true and false swapped, a number one too great or small, another text.',
    example: ['value: true', 'value: false'],
    versions: ({ source }) => {
      if (source.kind !== 'constant') return [];
      const { value } = source;
      if (typeof value === 'boolean') return [constant(!value)];
      if (typeof value === 'number') return [constant(value + 1), constant(value - 1)];
      return typeof value === 'string' ? [constant(`${value}_`)] : [];
    },
  },
  {
    code: 'flip-append',
    doc: 'A list takes the place of the one that a variable holds, or is added to it.',
    example: ['append: true', 'append: false'],
    versions: ({ append, source, variable: { initial } }) => {
      // A variable that is a list by its `append` alone is none without it, and what reads it does not load.
      const isList = Array.isArray(source.kind === 'constant' ? source.value : initial);
      if (!isList) return [];
      return [
        { said: append ? 'is replaced, not added to' : 'is added to, not replaced', to: { append: !append } },
      ];
    },
  },
];

/** Operators that change what a rule does, not what it matches. */
export const actionOperators = {
  'drop-action': 'An action is left out.',
  'drop-set': 'A variable is not set.',
  'change-scope': 'A variable of the process is one for all, or the other way round, or is not inherited.',
  'drop-ttl': 'A variable keeps its value for ever.',
  'disable-rule': 'The rule never fires.',
} as const;

/** The nearest condition around a node, and what around it must hold so that it decides. */
interface Frame {
  readonly condition: Expression;
  readonly around: readonly string[];
  /** The condition with another node in the place of the one that is looked at. */
  readonly changed: (to: Expression) => Expression;
}

/** Every wrong version that one operator makes of a tree. */
export function changes(tree: Expression, row: OperatorRow): Change[] {
  const found: Change[] = [];
  visit(
    tree,
    (node, frame, rebuild) => {
      for (const version of row.versions(node)) {
        const { to, at = node, operand, difference } = version;
        const around =
          operand === undefined || node.kind !== 'logic'
            ? frame.around
            : [...frame.around, ...besides(node, operand)];
        const differ =
          difference === undefined
            ? apart(frame.condition, frame.changed(to), version.takes)
            : [difference, difference];
        const [differs, words] = differ.map((part) =>
          [...around, part].filter((one) => one !== '').join(' && '),
        );
        found.push({
          tree: rebuild(to),
          start: at.start,
          end: at.end,
          said: version.said ?? `${print(node)} → ${print(to)}`,
          differs: differs!,
          words: words!,
          condition: print(frame.condition),
        });
      }
    },
    (to) => to,
    { condition: tree, around: [], changed: (to) => to },
  );
  return found;
}

/** When a condition and its wrong version differ: as SECL, and in words. */
function apart(before: Expression, after: Expression, takes: Version['takes']): [string, string] {
  const [a, b] = [print(before), print(after)];
  if (takes !== undefined && before.kind === 'membership' && after.kind === 'membership') {
    const [wide, narrow] = takes === 'more' ? [after.right, before.right] : [before.right, after.right];
    if (before.op !== 'allin' && wide.kind === 'list' && narrow.kind === 'list') {
      const known = new Set(narrow.members.map((member) => print(member)));
      const extra = { ...wide, members: wide.members.filter((member) => !known.has(print(member))) };
      const left = print(before.left);
      const text = `${left} in ${print(extra)}`;
      return [
        `${text} && ${left} not in ${print(narrow)}`,
        takes === 'more' ? `${text}, and not as it is` : text,
      ];
    }
  }
  if (takes !== undefined && before.kind === 'compare') {
    const grows = (takes === 'more') === (before.op === '==' || before.op === '=~');
    const text = grows ? `${b} && ${denied(before)}` : `${a} && ${denied(after)}`;
    return [text, text];
  }
  return [`((${a} && !(${b})) || (!(${a}) && ${b}))`, `exactly one of (${a}) and (${b}) holds`];
}

/** What the other operands of a chain must be so that one decides. `a && b || c` means `a && (b || c)`. */
function besides(node: Logic, index: number): string[] {
  const want = (part: Expression, value: boolean): string => (value ? print(group(part)) : denied(part));
  const found = node.operands
    .slice(0, index)
    .map((operand, before) => want(operand, node.ops[before] === '&&'));
  const rest = node.operands.slice(index + 1);
  if (rest.length > 0) {
    const after = chain(node, rest, node.ops.slice(index + 1));
    found.push(want(after, node.ops[index] === '&&'));
  }
  return found;
}

type Rebuild = (to: Expression) => Expression;

/** Calls `see` with each node, the condition around it, and what puts another node in its place in the tree. */
function visit(
  node: Expression,
  see: (node: Expression, frame: Frame, rebuild: Rebuild) => void,
  rebuild: Rebuild,
  frame: Frame,
): void {
  see(node, frame, rebuild);
  /** A part that is a condition of its own. */
  const inner = (part: Expression, put: Rebuild, around: readonly string[]): void =>
    visit(part, see, (to) => rebuild(put(to)), { condition: part, around, changed: (to) => to });
  /** A part of a comparison. */
  const within = (part: Expression, put: Rebuild): void =>
    visit(part, see, (to) => rebuild(put(to)), { ...frame, changed: (to) => frame.changed(put(to)) });
  switch (node.kind) {
    case 'logic':
      node.operands.forEach((operand, index) => {
        inner(
          operand,
          (to) => ({ ...node, operands: node.operands.map((one, other) => (other === index ? to : one)) }),
          [...frame.around, ...besides(node, index)],
        );
      });
      break;
    case 'unary':
      if (node.op === '!') inner(node.operand, (operand) => ({ ...node, operand }), frame.around);
      else within(node.operand, (operand) => ({ ...node, operand }));
      break;
    case 'group':
      if (node.inner.kind === 'bits' || node.inner.kind === 'sum')
        within(node.inner, (to) => ({ ...node, inner: to }));
      else if (frame.condition === node) inner(node.inner, (to) => ({ ...node, inner: to }), frame.around);
      else within(node.inner, (to) => ({ ...node, inner: to }));
      break;
    case 'sum':
    case 'bits':
      node.operands.forEach((operand, index) => {
        within(operand, (to) => ({
          ...node,
          operands: node.operands.map((one, other) => (other === index ? to : one)),
        }));
      });
      break;
    case 'compare':
    case 'membership':
      within(node.left, (left) => ({ ...node, left }));
      within(node.right, (right) => ({ ...node, right }));
      break;
    case 'list':
      node.members.forEach((member, index) => {
        within(member, (to) => ({
          ...node,
          members: node.members.map((one, other) => (other === index ? (to as typeof member) : one)),
        }));
      });
      break;
    default:
  }
}
