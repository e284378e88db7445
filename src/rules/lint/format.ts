/**
 * `fmt`: expressions of a policy in one shape. Only the text of expressions is touched: comments, order,
 * quotes and blank lines of the YAML stay as they are. An expression that holds comments is left alone.
 */
import { parse, parseMacro, print, sameTree } from '../../language/index.js';
import type { Diagnostic } from '../../support/diagnostic.js';
import { readDocument, type Section, type Text } from '../document.js';
import { policyShape } from '../shape.js';

export interface FormatResult {
  readonly text: string;
  readonly changed: boolean;
  /** Why something was left as it is. */
  readonly diagnostics: readonly Diagnostic[];
}

const WIDTH = 100;

export function formatPolicy(file: string, text: string): FormatResult {
  const { root, diagnostics, lines } = readDocument(file, text, policyShape);
  if (root === undefined) return { text, changed: false, diagnostics };
  const problems: Diagnostic[] = [];
  const edits: { from: number; to: number; text: string }[] = [];
  const format = (written: Text | undefined, macro: boolean): void => {
    if (written === undefined || /(^|\s)(#|\/\/)/.test(stripTexts(written.text))) return;
    const parsed = macro
      ? parseMacro(written.text)
      : parse(written.text, { file, mapSpan: (start, end) => written.placement.span(start, end) });
    if (parsed.tree === undefined) {
      problems.push(...parsed.diagnostics);
      return;
    }
    const from = written.placement.span(0, 0).start.offset;
    const to = written.placement.span(0, written.text.trimEnd().length).end.offset;
    const column = lines.position(from).column - 1;
    const source = text.slice(from, to);
    const style = styleOf(text, from);
    const width = style === 'block' ? Math.max(40, WIDTH - column) : undefined;
    const printed = print(parsed.tree, width === undefined ? {} : { width });
    const replaced =
      style === 'block'
        ? printed.split('\n').join(`\n${' '.repeat(column)}`)
        : style === 'single'
          ? printed.replaceAll("'", "''")
          : style === 'double'
            ? printed.replaceAll('\\', '\\\\').replaceAll('"', '\\"')
            : printed;
    if (style === 'plain' && !plainIsSafe(printed)) return;
    // A flow or plain scalar over several lines becomes one line; too long for comfort, it is left.
    if (replaced === source || (style !== 'block' && source.includes('\n') && replaced.length > WIDTH))
      return;
    const again = macro ? parseMacro(printed) : parse(printed);
    if (again.tree === undefined || !sameTree(parsed.tree, again.tree)) return;
    edits.push({ from, to, text: replaced });
  };
  for (const macro of root.items('macros')) format(macro.text('expression'), true);
  for (const rule of root.items('rules')) {
    format(rule.text('expression'), false);
    for (const action of rule.items('actions')) {
      format(action.text('filter'), false);
      format(section(action, 'set')?.text('expression'), false);
    }
  }
  let out = '';
  let at = 0;
  for (const edit of edits.sort((a, b) => a.from - b.from)) {
    out += text.slice(at, edit.from) + edit.text;
    at = edit.to;
  }
  out += text.slice(at);
  return {
    text: out,
    changed: out !== text,
    diagnostics: [...diagnostics.filter((item) => item.severity === 'error'), ...problems],
  };
}

function section(from: Section, key: string): Section | undefined {
  return from.section(key);
}

/** Texts of the expression may hold `#` and `//`. */
function stripTexts(expression: string): string {
  return expression.replace(/"(?:[^"\\]|\\.)*"/g, '""');
}

/** How the scalar that begins at `from` is written. */
function styleOf(text: string, from: number): 'block' | 'single' | 'double' | 'plain' {
  const before = text[from - 1];
  const line = text.slice(text.lastIndexOf('\n', from - 1) + 1, from);
  if (/^\s*$/.test(line)) return 'block';
  if (before === "'") return 'single';
  if (before === '"' && !/[~r=]$/.test(line.slice(0, -1))) return 'double';
  return 'plain';
}

/** A plain scalar may not begin with an indicator or hold `: ` or ` #`. */
function plainIsSafe(text: string): boolean {
  return (
    !/^[[\]{},#&*!|>'"%@`?:-]/.test(text) &&
    !text.includes(': ') &&
    !text.includes(' #') &&
    !text.includes('\n')
  );
}
