/** Fields that have further names for the same thing, such as the symlinks through which a program was started. */

import type { FieldNode, Operand } from './tree.js';

/** The operand and, for a field with further names of the same thing, these as fields of their own. */
export function withAliases(operand: Operand): Operand[] {
  if (operand.kind !== 'field' || operand.field.text?.aliases === undefined) return [operand];
  const aliases = operand.field.text.aliases.map((alias): FieldNode => {
    const { multi: _, ...field } = operand.field;
    const several =
      alias.multi === true || (operand.iterator !== undefined && operand.register === undefined);
    return {
      ...operand,
      field: { ...field, read: alias.read, ...(alias.multi === true ? { multi: true } : {}) },
      multi: several,
    };
  });
  return [operand, ...aliases];
}
