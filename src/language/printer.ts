/**
 * Syntax tree → text. Parsing the result gives the same tree: grouping is kept as written, words are
 * normalised (`and` → `&&`, `not` → `!`), comments are not part of the tree.
 */

import type { Expression } from './ast.js';

export interface PrintOptions {
  /** Break chains of && and || and long lists over lines of at most this width; default: one line. */
  readonly width?: number;
}

export function print(tree: Expression, options: PrintOptions = {}): string {
  const flat = line(tree);
  if (options.width === undefined || flat.length <= options.width) return flat;
  return broken(tree, options.width, '');
}

function line(tree: Expression): string {
  switch (tree.kind) {
    case 'logic':
    case 'sum':
    case 'bits':
      return tree.operands
        .map((operand, index) => (index === 0 ? line(operand) : `${tree.ops[index - 1]} ${line(operand)}`))
        .join(' ');
    case 'compare':
    case 'membership':
      return `${line(tree.left)} ${tree.op} ${line(tree.right)}`;
    case 'unary':
      return unary(tree.op, line(tree.operand));
    case 'group':
      return `(${line(tree.inner)})`;
    case 'list':
      return `[${tree.members.map(line).join(', ')}]`;
    case 'string':
      return `"${tree.value}"`;
    case 'pattern':
      return `~"${tree.value}"`;
    case 'regexp':
      return `r"${tree.value}"`;
    case 'variable':
      return `\${${tree.value}}`;
    case 'reference':
      return `%{${tree.value}}`;
    case 'broken':
      return '';
    default:
      return tree.value;
  }
}

/** `-` before a digit would be lexed as the number's sign, and `!` before `~"…"` as `!~`: they keep their distance. */
function unary(op: string, operand: string): string {
  const apart = (op === '-' && /^[0-9]/.test(operand)) || (op === '!' && operand.startsWith('~'));
  return apart ? `${op} ${operand}` : `${op}${operand}`;
}

function broken(tree: Expression, width: number, indent: string): string {
  const flat = line(tree);
  if (indent.length + flat.length <= width) return flat;
  switch (tree.kind) {
    case 'logic':
      return tree.operands
        .map(
          (operand, index) =>
            broken(operand, width, indent) + (index < tree.ops.length ? ` ${tree.ops[index]}` : ''),
        )
        .join(`\n${indent}`);
    case 'group':
      return `(\n${indent}  ${broken(tree.inner, width, `${indent}  `)}\n${indent})`;
    case 'unary':
      return unary(tree.op, broken(tree.operand, width, indent));
    case 'compare':
    case 'membership':
      return `${broken(tree.left, width, indent)} ${tree.op} ${broken(tree.right, width, indent)}`;
    case 'list':
      return `[\n${tree.members.map((member) => `${indent}  ${line(member)}`).join(',\n')}\n${indent}]`;
    default:
      return flat;
  }
}
