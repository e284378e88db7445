/** Names that nobody uses, or that stand for two things; `every: 0s`. */
import type { Diagnostic } from '../../support/diagnostic.js';
import type { Action } from '../action.js';
import { finding, type RuleCheck, type SetCheck } from './finding.js';

export const names: SetCheck = (context) => {
  const found: Diagnostic[] = [];
  const { rules } = context;
  for (const macro of rules.macros.values()) {
    if (macro.usedBy.length === 0)
      found.push(finding('unused-macro', macro.span, `macro "${macro.id}" is not used`));
    const what =
      rules.model.field(macro.id) !== undefined
        ? 'field'
        : rules.model.constants.has(macro.id)
          ? 'constant'
          : undefined;
    if (what !== undefined)
      found.push(
        finding(
          'shadowed-variable',
          macro.span,
          what === 'field'
            ? `macro "${macro.id}" hides the field of the same name`
            : `macro "${macro.id}" has the name of a constant: it stands for the macro only to the right of "in"`,
          { suggestions: ['give the macro another name'] },
        ),
      );
  }
  const read = variablesRead(context);
  const byShort = new Map<string, string>();
  for (const variable of rules.variables.values()) {
    const short = variable.name.slice(variable.name.indexOf('.') + 1);
    const other = byShort.get(short);
    if (other === undefined) byShort.set(short, variable.name);
    else {
      const first = rules.variables.get(other)!;
      found.push(
        finding(
          'shadowed-variable',
          variable.span,
          `variables "\${${other}}" and "\${${variable.name}}" have the same name in two scopes: each keeps its own value`,
          {
            notes: [{ message: 'the other is set here', span: first.span }],
            suggestions: ['use two names, so that no rule reads the wrong one'],
          },
        ),
      );
    }
    if (!read.has(variable.name))
      found.push(finding('unread-variable', variable.span, `nothing reads variable "\${${variable.name}}"`));
  }
  return found;
};

function variablesRead(context: Parameters<SetCheck>[0]): ReadonlySet<string> {
  const read = new Set<string>();
  for (const rule of context.rules.rules) {
    for (const name of rule.rule.variables) read.add(name);
    for (const action of rule.actions) for (const name of ofAction(action)) read.add(name);
  }
  for (const policy of context.rules.policies) {
    // Filters, messages and rules that did not load: what the text names is read.
    for (const [, name] of policy.text.matchAll(/\$\{([\w.]+?)(?:\.length)?\}/g)) read.add(name!);
  }
  return read;
}

function ofAction(action: Action): readonly string[] {
  if (action.kind === 'set' && action.source.kind === 'computed')
    return action.source.compiled.value.variables;
  return [];
}

export const limits: RuleCheck = (rule) => {
  const { every } = rule;
  if (every !== undefined && every > 0 && every < 1e6) {
    return [
      finding(
        'every-zero',
        rule.everySpan ?? rule.span,
        `"every" of rule "${rule.sourceId}" is ${every} ns, which limits nothing: a number without a unit is in nanoseconds`,
        { suggestions: [`every: ${every}s`] },
      ),
    ];
  }
  return every === 0
    ? [
        finding(
          'every-zero',
          rule.everySpan ?? rule.span,
          `"every: 0s" of rule "${rule.sourceId}" is not a limit: the default of one per 100 ms with a burst of 40 applies`,
          { suggestions: ['every: 1s, or no `every`'] },
        ),
      ]
    : [];
};
