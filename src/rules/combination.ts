/**
 * Several definitions of one id become one, in load order: `combine`, `override_options`, and the bare
 * second definition that only changes `disabled`.
 */
import { type Diagnostic, diagnostic } from '../support/diagnostic.js';
import { ruleCodes } from './codes.js';
import type { MacroDefinition, RuleDefinition } from './policy.js';

export interface Combined<T> {
  /** In the order of each id's first definition. */
  readonly definitions: readonly T[];
  /** Definitions that were refused. */
  readonly refused: ReadonlyMap<T, Diagnostic>;
}

export function combineMacros(all: readonly MacroDefinition[]): Combined<MacroDefinition> {
  const found = new Map<string, MacroDefinition>();
  const refused = new Map<MacroDefinition, Diagnostic>();
  for (const next of all) {
    const before = found.get(next.id.text);
    if (before === undefined) {
      found.set(next.id.text, next);
    } else if (next.combine === 'override') {
      found.set(next.id.text, { ...next, description: next.description || before.description });
    } else if (next.combine === 'merge') {
      if (before.expression !== undefined || next.expression !== undefined) {
        refused.set(
          next,
          diagnostic(
            ruleCodes,
            'cannot-merge',
            `cannot merge macro "${next.id.text}": merging works on values, and ${next.expression === undefined ? 'the first definition' : 'this one'} is an expression`,
            {
              span: next.section.keySpan('combine'),
              notes: [{ message: 'first defined here', span: before.id.span }],
              suggestions: ['write `values:` in both, or `combine: override`'],
            },
          ),
        );
      } else {
        found.set(next.id.text, { ...before, values: [...before.values, ...next.values] });
      }
    } else if (
      !repeats(before, next, (item) => [item.expression?.text, ...item.values.map((value) => value.text)])
    ) {
      refused.set(next, conflict('macro', next.id, before.id));
    }
  }
  return { definitions: [...found.values()], refused };
}

export function combineRules(all: readonly RuleDefinition[]): Combined<RuleDefinition> {
  const found = new Map<string, RuleDefinition>();
  const refused = new Map<RuleDefinition, Diagnostic>();
  for (const next of all) {
    const before = found.get(next.id.text);
    if (before === undefined) found.set(next.id.text, next);
    else if (next.combine === 'override') found.set(next.id.text, override(before, next));
    else if (before.disabled !== next.disabled)
      found.set(next.id.text, { ...before, disabled: next.disabled });
    else if (!repeats(before, next, (item) => [item.expression?.text]))
      refused.set(next, conflict('rule', next.id, before.id));
  }
  return { definitions: [...found.values()], refused };
}

/**
 * Another policy says the same again: published packs carry the macros that they need, and share rules.
 * In one file it is a mistake all the same.
 */
function repeats<T extends MacroDefinition | RuleDefinition>(
  before: T,
  next: T,
  meaning: (item: T) => readonly unknown[],
): boolean {
  return before.policy !== next.policy && JSON.stringify(meaning(before)) === JSON.stringify(meaning(next));
}

function conflict(kind: string, id: MacroDefinition['id'], first: MacroDefinition['id']): Diagnostic {
  return diagnostic(ruleCodes, 'duplicate-id', `multiple definition with the same ID: ${kind} "${id.text}"`, {
    span: id.span,
    notes: [{ message: 'first defined here', span: first.span }],
    suggestions: [
      kind === 'rule'
        ? 'give it another id, or `combine: override` to replace the expression of the first'
        : 'give it another id, or `combine: merge` or `combine: override`',
    ],
  });
}

/** For safety the reference replaces only the expression unless told more. */
function override(before: RuleDefinition, next: RuleDefinition): RuleDefinition {
  const fields = new Set(next.overrideFields.length === 0 ? ['expression'] : next.overrideFields);
  if (fields.has('all')) return { ...next, combine: undefined };
  const result = { ...before, disabled: next.disabled };
  if (fields.has('expression') && next.expression !== undefined) result.expression = next.expression;
  if (fields.has('actions')) result.actions = next.actions;
  if (fields.has('every')) Object.assign(result, { every: next.every, everySpan: next.everySpan });
  if (fields.has('tags')) result.tags = next.tags;
  if (fields.has('product_tags')) result.productTags = next.productTags;
  return result;
}
