/**
 * `fim.write.file.…` stands for eight rules: everything by which the content or the facts of a file change.
 * The reference replaces text; so do we, but only names, and each piece keeps its place in the policy.
 */
import type { Placement } from './placement.js';

export interface ExpandedRule {
  readonly id: string;
  readonly expression: string;
  readonly placement: Placement;
}

const writes = 'open.flags & (O_CREAT|O_TRUNC|O_APPEND|O_RDWR|O_WRONLY) > 0';
const owner =
  '((chown.file.destination.uid != -1 && chown.file.destination.uid != chown.file.uid) || (chown.file.destination.gid != -1 && chown.file.destination.gid != chown.file.gid))';

/** What the name becomes, and the condition that is added. */
const expansions: readonly { readonly name: string; readonly prefix: string; readonly also?: string }[] = [
  { name: 'open', prefix: 'open.file.', also: writes },
  { name: 'chmod', prefix: 'chmod.file.', also: '(chmod.file.destination.mode != chmod.file.mode)' },
  { name: 'chown', prefix: 'chown.file.', also: owner },
  { name: 'link', prefix: 'link.file.' },
  { name: 'rename', prefix: 'rename.file.' },
  { name: 'rename_destination', prefix: 'rename.file.destination.' },
  { name: 'unlink', prefix: 'unlink.file.' },
  { name: 'utimes', prefix: 'utimes.file.' },
];

const fim = 'fim.write.file.';

/** The rule itself, or the eight that it stands for, with ids `__fim_expanded_<event>_<group>_<id>`. */
export function expandFim(
  id: string,
  groupId: string | undefined,
  expression: string,
  placement: Placement,
): readonly ExpandedRule[] {
  if (!expression.includes(fim)) return [{ id, expression, placement }];
  return expansions.map(({ name, prefix, also }) => {
    const pieces = expression.split(fim);
    const before = also === undefined ? 0 : 1;
    const text = pieces.join(prefix);
    return {
      id: `__fim_expanded_${name}_${groupId ?? ''}_${id}`,
      expression: also === undefined ? text : `(${text}) && ${also}`,
      placement: moved(placement, pieces, prefix, before, expression.length),
    };
  });
}

/** Maps offsets of the expanded text back to the text that was written; what was added points at its whole. */
function moved(
  placement: Placement,
  pieces: readonly string[],
  prefix: string,
  before: number,
  length: number,
): Placement {
  const original = (offset: number): number => {
    let from = before;
    let source = 0;
    for (const [index, piece] of pieces.entries()) {
      if (offset <= from + piece.length || index === pieces.length - 1)
        return Math.min(length, source + Math.max(0, offset - from));
      from += piece.length;
      source += piece.length;
      if (offset < from + prefix.length) return source;
      from += prefix.length;
      source += fim.length;
    }
    return length;
  };
  const end =
    before + pieces.reduce((sum, piece) => sum + piece.length, 0) + prefix.length * (pieces.length - 1);
  return {
    file: placement.file,
    span(start, stop) {
      if (start >= end + before) return placement.span(0, length);
      const first = original(start);
      return placement.span(first, Math.max(first, stop >= end ? length : original(stop)));
    },
  };
}
