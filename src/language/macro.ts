/** Macros that are not written as text. */

import type { Span } from '../support/diagnostic.js';
import type { ListExpression, Primary } from './ast.js';
import { Source } from './source.js';
import type { Macro } from './tree.js';

/**
 * A macro of plain values (`values:` of a policy): all strings or all whole numbers. Strings are taken as they
 * are, never as patterns. `spans` gives each value's place, for diagnostics of its uses.
 */
export function valuesMacro(
  id: string,
  values: readonly (string | number)[],
  file = '<values>',
  spans?: readonly Span[],
): Macro {
  let text = '[';
  const members: Primary[] = values.map((value, index) => {
    if (index > 0) text += ', ';
    const start = text.length;
    text += typeof value === 'number' ? String(value) : JSON.stringify(value);
    return {
      kind: typeof value === 'number' ? 'int' : 'string',
      value: String(value),
      start,
      end: text.length,
    };
  });
  text += ']';
  const place =
    spans === undefined
      ? undefined
      : (start: number): Span =>
          spans[
            Math.max(
              0,
              members.findIndex((member) => member.end > start),
            )
          ] ?? spans[0]!;
  const tree: ListExpression = { kind: 'list', members, start: 0, end: text.length };
  return {
    id,
    text,
    file,
    kind: 'value',
    tree,
    source: new Source(text, file, place),
    fields: [],
    macros: [],
  };
}
