/** `mixed-and-or`: unparenthesised mixes of `&&` and `||`. */
import { type Expression, parse, parseMacro } from '../../language/index.js';
import type { Diagnostic } from '../../support/diagnostic.js';
import { finding, type SetCheck, type WrittenExpression } from './finding.js';

export const grouping: SetCheck = (context) => {
  const found: Diagnostic[] = [];
  for (const written of expressions(context.rules)) {
    walk(written.tree, (node) => {
      if (node.kind !== 'logic' || new Set(node.ops).size < 2) return;
      const source = (from: number, to: number): string => slice(context, written, from, to);
      const span = written.placement.span(node.start, node.end);
      const meant = grouped(node.operands, node.ops, source);
      const other = byPrecedence(node.operands, node.ops, source);
      // The caret stands at the operator where the grouping turns.
      const turn = node.ops.findIndex((op, index) => index > 0 && op !== node.ops[index - 1]);
      const at = written.placement.span(node.operands[turn]!.start, node.operands[turn + 1]!.end);
      found.push(
        finding(
          'mixed-and-or',
          at,
          '"&&" and "||" are mixed without parentheses: they have the same precedence and group to the right',
          {
            suggestions: [
              { text: `${oneLine(meant)}   (what it means now)`, span, replacement: meant },
              `${oneLine(other)}   (if "&&" was meant to bind tighter)`,
            ],
          },
        ),
      );
    });
  }
  return found;
};

/** Every expression of the set, as it was written. */
export function expressions(rules: import('../ruleset.js').Ruleset): WrittenExpression[] {
  const found: WrittenExpression[] = [];
  const seen = new Set<string>();
  const add = (
    text: string,
    placement: WrittenExpression['placement'],
    tree: Expression | undefined,
  ): void => {
    const { file, start } = placement.span(0, 1);
    const key = `${file}:${start.offset}`;
    if (tree === undefined || seen.has(key)) return;
    seen.add(key);
    found.push({ text, placement, tree });
  };
  for (const rule of rules.rules)
    if (rule.id === rule.sourceId) add(rule.expression, rule.placement, parse(rule.expression).tree);
  for (const rule of rules.rules)
    if (rule.id !== rule.sourceId) add(rule.expression, rule.placement, parse(rule.expression).tree);
  for (const macro of rules.macros.values())
    if (macro.placement !== undefined)
      add(macro.macro.text, macro.placement, parseMacro(macro.macro.text).tree);
  return found;
}

export function walk(node: Expression, visit: (node: Expression) => void): void {
  visit(node);
  switch (node.kind) {
    case 'logic':
    case 'sum':
    case 'bits':
      for (const operand of node.operands) walk(operand, visit);
      break;
    case 'compare':
    case 'membership':
      walk(node.left, visit);
      walk(node.right, visit);
      break;
    case 'unary':
      walk(node.operand, visit);
      break;
    case 'group':
      walk(node.inner, visit);
      break;
    default:
  }
}

type Source = (from: number, to: number) => string;

/** The text between two offsets as the file has it, so that a fix keeps line breaks and indentation. */
function slice(
  context: Parameters<SetCheck>[0],
  written: WrittenExpression,
  from: number,
  to: number,
): string {
  const span = written.placement.span(from, to);
  return context.text(span.file)?.slice(span.start.offset, span.end.offset) ?? written.text.slice(from, to);
}

/** The text with the parentheses that it has without them: to the right. */
function grouped(operands: readonly Expression[], ops: readonly string[], source: Source): string {
  let open = '';
  let out = '';
  operands.forEach((operand, index) => {
    const turned = index > 0 && index < ops.length && ops[index] !== ops[index - 1];
    const before = index === 0 ? '' : source(operands[index - 1]!.end, operand.start);
    out += before;
    if (turned) {
      out += '(';
      open += ')';
    }
    out += source(operand.start, operand.end);
  });
  return out + open;
}

/** The text with the parentheses that most languages would give it. */
function byPrecedence(operands: readonly Expression[], ops: readonly string[], source: Source): string {
  let out = '';
  let index = 0;
  while (index < operands.length) {
    let last = index;
    while (ops[last] === '&&') last++;
    const text = source(operands[index]!.start, operands[last]!.end);
    out += last > index ? `(${text})` : text;
    if (last < ops.length) out += source(operands[last]!.end, operands[last + 1]!.start);
    index = last + 1;
  }
  return out;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}
