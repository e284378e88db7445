/** Checks the conditions and rule names of tests against the rules that they load: what `test` and `check` both say. */
import { checkRule, type Rule } from '../language/index.js';
import { actionKinds } from '../rules/index.js';
import { type Diagnostic, diagnostic } from '../support/diagnostic.js';
import { nearest } from '../support/suggestion.js';
import { workbenchCodes } from './codes.js';
import { checkContext } from './declared.js';
import type { Path } from './document.js';
import { named, nearRules, type RulesInUse } from './ruleset.js';
import type { TestCase } from './suite.js';

/** All findings at once; each at its place in the test file. */
export function checkCase(test: TestCase, inUse: RulesInUse): Diagnostic[] {
  const found: Diagnostic[] = [...test.diagnostics];
  const { entry, document } = test;
  const at = (path: Path) => document.span([...test.path, ...path]);
  const rules = inUse.rules;
  const name = (pattern: string, path: Path): void => {
    const { loaded, silent } = named(pattern, rules);
    if (loaded.length > 0 || silent.length > 0) return;
    found.push(
      diagnostic(workbenchCodes, 'unknown-rule', `No policy of this test has a rule "${pattern}"`, {
        span: at(path),
        suggestions: nearRules(pattern, rules).slice(0, 1),
      }),
    );
  };
  const condition = (text: string, path: Path, pattern: string | undefined): Rule | undefined => {
    const whole: Path = [...test.path, ...path];
    const checked = checkRule(text, rules.scope, {
      file: test.file,
      mapSpan: (start: number, end: number) => document.within(whole, start, end),
    });
    for (const item of checked.diagnostics) if (item.code !== 'no-event') found.push(item);
    const event = checked.rule?.event;
    if (event === undefined || pattern === undefined) return checked.rule;
    const types = [...new Set(named(pattern, rules).loaded.map((rule) => rule.eventType))];
    if (types.length > 0 && !types.includes(event)) {
      found.push(
        diagnostic(
          workbenchCodes,
          'bad-condition',
          `The condition reads fields of "${event}", and ${pattern} is about "${types.join('", "')}": it can never hold`,
          { span: at(path) },
        ),
      );
    }
    return checked.rule;
  };
  const action = (kind: string, path: Path): void => {
    if (actionKinds.some((known) => known === kind)) return;
    found.push(
      diagnostic(workbenchCodes, 'bad-value', `There is no action "${kind}"`, {
        span: at(path),
        suggestions:
          nearest(kind, actionKinds).length > 0
            ? nearest(kind, actionKinds).slice(0, 1)
            : [`one of ${actionKinds.join(', ')}`],
      }),
    );
  };
  (entry.expect ?? []).forEach((item, index) => {
    const rule = typeof item === 'string' ? item : item.rule;
    name(rule, typeof item === 'string' ? ['expect', index] : ['expect', index, 'rule']);
    if (typeof item !== 'string' && item.where !== undefined)
      condition(item.where, ['expect', index, 'where'], rule);
    if (typeof item !== 'string')
      (item.actions ?? []).forEach((kind, number) => void action(kind, ['expect', index, 'actions', number]));
  });
  (entry.never ?? []).forEach((rule, index) => void name(rule, ['never', index]));
  (entry.order ?? []).forEach((rule, index) => void name(rule, ['order', index]));
  if (typeof entry.at_most === 'object')
    for (const rule of Object.keys(entry.at_most.rules ?? {})) name(rule, ['at_most', 'rules', rule]);
  if (entry.finally !== undefined) {
    const checked = condition(entry.finally, ['finally'], undefined);
    for (const variable of checked?.variables ?? []) {
      const scope = rules.variables.get(variable)?.scope;
      if (scope === undefined || scope === 'global') continue;
      found.push(
        diagnostic(
          workbenchCodes,
          'bad-condition',
          `"finally" is about global variables, and each ${scope} has a "${variable}" of its own`,
          { span: at(['finally']), suggestions: ['"where" of an expectation'] },
        ),
      );
    }
  }
  for (const item of checkContext(test.context))
    found.push({ ...item, span: at(entry.set === undefined ? ['context'] : ['set']) });
  return found;
}
