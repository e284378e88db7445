/** Operators that do less, or other, than they seem to: on lists, with `allin`, with regexps and stars. */
import type { BoolNode, LiteralNode, Operand, TestNode } from '../../language/index.js';
import type { Diagnostic } from '../../support/diagnostic.js';
import { finding, type LintContext, type RuleCheck } from './finding.js';

/** Tests of a rule that stand in its own text (not in that of a macro). */
export function tests(node: BoolNode, visit: (test: TestNode) => void): void {
  switch (node.kind) {
    case 'and':
    case 'or':
      for (const operand of node.operands) tests(operand, visit);
      break;
    case 'not':
      tests(node.operand, visit);
      break;
    case 'macro':
      tests(node.body, visit);
      break;
    case 'test':
      visit(node);
      break;
    default:
  }
}

export function literals(operand: Operand): readonly LiteralNode[] {
  return operand.kind === 'literal' ? [operand] : operand.kind === 'set' ? operand.members : [];
}

export const operators: RuleCheck = (rule, context) => {
  const found: Diagnostic[] = [];
  tests(rule.rule.root, (test) => {
    found.push(...negatedList(test), ...allin(test, context), ...regexp(test), ...star(test));
  });
  return found;
};

function fieldName(operand: Operand): string | undefined {
  return operand.kind === 'field' ? operand.field.name : undefined;
}

function negatedList(test: TestNode): Diagnostic[] {
  const name = fieldName(test.left) ?? fieldName(test.right);
  const list =
    test.left.kind === 'field' && test.left.multi
      ? test.left
      : test.right.kind === 'field' && test.right.multi
        ? test.right
        : undefined;
  if (!test.negated || list === undefined || name === undefined) return [];
  const written = test.symbol;
  const iterator = list.iterator?.name;
  const some =
    iterator === undefined || list.register !== undefined
      ? ''
      : `, or \`${iterator}[A]${name.slice(iterator.length)} != …\` to say that some element differs`;
  return [
    finding(
      'negated-list',
      test.span,
      `"${written}" on "${name}", which has several values, is true only when none of them matches`,
      {
        severity: written === '!=' ? 'warning' : 'note',
        suggestions:
          written === '!='
            ? [`write \`${name} not in […]\` or \`!(… == …)\` to say that none is meant${some}`]
            : [],
      },
    ),
  ];
}

function allin(test: TestNode, context: LintContext): Diagnostic[] {
  if (test.symbol !== 'allin' || test.left.type === 'cidr') return [];
  const text =
    context.text(test.span.file)?.slice(test.left.span.end.offset, test.right.span.start.offset) ?? '';
  const at = text.indexOf('allin');
  const start = test.left.span.end.offset + at;
  const before = text.slice(0, at);
  const newline = before.lastIndexOf('\n');
  const position = {
    offset: start,
    line: test.left.span.end.line + before.split('\n').length - 1,
    column: newline < 0 ? test.left.span.end.column + at : at - newline,
  };
  const span =
    at < 0
      ? test.span
      : {
          file: test.span.file,
          start: position,
          end: { ...position, offset: start + 5, column: position.column + 5 },
        };
  return [
    finding(
      'allin-means-in',
      span,
      '"allin" asks about every element only for IP addresses; here one element is enough, as with "in"',
      {
        suggestions: [at < 0 ? 'write `in`' : { text: 'write `in`', span, replacement: 'in' }],
      },
    ),
  ];
}

function regexp(test: TestNode): Diagnostic[] {
  if (test.text?.glob !== true) return [];
  return literals(test.right)
    .filter((literal) => literal.matcher?.kind === 'regexp')
    .map((literal) => {
      const better = globOf(literal.matcher!.text);
      return finding(
        'regexp-on-path',
        literal.span,
        `a regular expression on the path "${fieldName(test.left) ?? ''}": the reference refuses it`,
        {
          suggestions: [
            better === undefined
              ? 'write a pattern: `~"/etc/*"`, or `~"/etc/**"` for all below'
              : { text: `~"${better}"`, span: literal.span, replacement: `~"${better}"` },
          ],
        },
      );
    });
}

/** The glob that says the same as a simple anchored regexp. */
function globOf(text: string): string | undefined {
  const match = /^\^?((?:\/[\w-]+|\/\[\^\/\]\*|\\\.)+?)(\/\.\*)?\$?$/.exec(text);
  if (match === null || !text.startsWith('^')) return undefined;
  return `${match[1]!.replaceAll('[^/]*', '*').replaceAll('\\.', '.')}${match[2] === undefined ? '' : '/**'}`;
}

function star(test: TestNode): Diagnostic[] {
  if (test.op !== 'equal' || test.left.type !== 'string') return [];
  return literals(test.right)
    .filter(
      (literal) =>
        literal.type === 'string' &&
        (literal.matcher === undefined || literal.matcher.kind === 'exact') &&
        typeof literal.value === 'string' &&
        /(^|[^\\])\*/.test(literal.value) &&
        literal.value.length > 1,
    )
    .map((literal) =>
      finding(
        'star-in-text',
        literal.span,
        `"${String(literal.value)}" is a text, not a pattern: its "*" stands for itself`,
        {
          suggestions: [
            {
              text: `~"${String(literal.value)}"`,
              span: literal.span,
              replacement: `~"${String(literal.value)}"`,
            },
          ],
        },
      ),
    );
}
