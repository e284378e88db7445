/**
 * The wrong versions of a rule set, ready to be decided beside it.
 *
 * A rule that sets no variable decides for itself: all its versions stand in one rule set with the rules
 * that set variables, at the place of the rule itself, so that one pass decides them all. A version that
 * changes what is set gets a rule set of its own, with every rule that can notice.
 */
import type { Event } from '../catalogue/event.js';
import {
  checkRule,
  checkValue,
  compileSet,
  compileValue,
  type Macro,
  parse,
  print,
} from '../language/index.js';
import {
  type Action,
  type LoadedMacro,
  type LoadedRule,
  type Ruleset,
  type SetAction,
  type VariableDeclaration,
} from '../rules/index.js';
import type { Span } from '../support/diagnostic.js';
import { isSameFunction, meaning } from './meaning.js';
import { type actionOperators, type Change, changes, operators, setOperators } from './mutants.js';
import type { MissingEvent, WrongVersion } from './results.js';
import type { RulesInUse } from './ruleset.js';
import { asWritten, oneLine, type Written } from './written.js';

export interface Mutant extends WrongVersion {
  /** The same in every rule set that has the rule. */
  readonly key: string;
  /** What was true of every match of the rule and may not be of the mutant's: SECL, shortest first. */
  readonly conditions: readonly string[];
  readonly missing: MissingEvent;
  /** By place in the rule set; undefined: never fires. */
  readonly changed: ReadonlyMap<number, LoadedRule | undefined>;
  readonly variables?: ReadonlyMap<string, VariableDeclaration>;
}

/** Rules to be decided beside the real ones, and which of them count as what. */
export interface Variant {
  readonly rules: Ruleset;
  /** By place in `rules`: whose detections they are; none: it only keeps variables. */
  readonly counts: ReadonlyMap<number, { readonly mutant: Mutant; readonly rule: LoadedRule }>;
}

export class MutantSet {
  readonly mutants: readonly Mutant[];
  /** All versions of rules that set nothing. */
  readonly plain: Variant;
  /** A rule set for each version that changes variables. */
  readonly setting: readonly Variant[];
  /** Versions whose expression means the same, or stands already among the others. */
  equal = 0;
  /** Versions that no longer load. */
  refused = 0;
  /** Rules that each mutant can change the detections of, by place in the rule set. */
  readonly affects = new Map<Mutant, ReadonlySet<number>>();

  /** `wanted`: rules and macros to make wrong versions of. */
  constructor(
    readonly inUse: RulesInUse,
    wanted: (item: LoadedRule | LoadedMacro) => boolean,
  ) {
    const { rules } = inUse;
    const mutants: Mutant[] = [];
    for (const written of asWritten(rules.rules)) {
      if (!wanted(written.rules[0]!)) continue;
      mutants.push(...this.#ofExpression(written), ...this.#ofActions(written));
    }
    for (const macro of rules.macros.values()) if (wanted(macro)) mutants.push(...this.#ofMacro(macro));
    this.mutants = mutants;
    const sets = (rule: LoadedRule): boolean => rule.actions.some((action) => action.kind === 'set');
    const plain = mutants.filter(
      (mutant) =>
        mutant.variables === undefined && [...mutant.changed.keys()].every((at) => !sets(rules.rules[at]!)),
    );
    this.plain = variantOf(
      inUse,
      rules.rules.flatMap((rule): Placed[] => [
        ...(sets(rule) ? [{ rule }] : []),
        ...plain.flatMap((mutant): Placed[] => {
          const version = mutant.changed.get(rule.index);
          return version === undefined ? [] : [{ rule: version, mutant, original: rule }];
        }),
      ]),
    );
    for (const mutant of plain) this.affects.set(mutant, new Set(mutant.changed.keys()));
    const own = new Set(plain);
    this.setting = mutants
      .filter((mutant) => !own.has(mutant))
      .map((mutant) => {
        const affected = downstream(rules, mutant);
        this.affects.set(mutant, affected);
        return variantOf(
          inUse,
          rules.rules.flatMap((rule): Placed[] => {
            if (!affected.has(rule.index)) return sets(rule) ? [{ rule }] : [];
            const version = mutant.changed.has(rule.index) ? mutant.changed.get(rule.index) : rule;
            return version === undefined ? [] : [{ rule: version, mutant, original: rule }];
          }),
          mutant.variables,
        );
      });
  }

  #ofExpression(written: Written): Mutant[] {
    const { tree } = parse(written.expression);
    if (tree === undefined) return [];
    const found: Mutant[] = [];
    const known = new Set([written.rules.map((rule) => meaning(rule.rule.root)).join()]);
    for (const row of operators) {
      for (const change of changes(tree, row)) {
        const expression = print(change.tree);
        const changed = this.#versions(written, expression, known);
        if (changed === undefined) continue;
        const span = written.placement.span(change.start, change.end);
        found.push({
          ...named(written.id, 'rule', row.code, span, change.said),
          expression,
          conditions: written.isOne ? [...new Set([change.condition, oneLine(written.expression)])] : [],
          missing: written.missing(missing(written.eventType, change)),
          changed,
        });
      }
    }
    found.push({
      ...named(written.id, 'rule', 'disable-rule', written.span, 'it never fires'),
      conditions: [],
      missing: written.fires,
      changed: new Map(written.rules.map((rule) => [rule.index, undefined])),
    });
    return found;
  }

  /** The rules with another expression; undefined: it does not load, means the same, or was there before. */
  #versions(written: Written, expression: string, known: Set<string>): Map<number, LoadedRule> | undefined {
    const versions = written.expanded(expression).map(({ rule, text }) => ({
      rule,
      text,
      checked: checkRule(text, this.inUse.rules.scope, { file: rule.file }).rule,
    }));
    if (versions.length === 0 || versions.some(({ rule, checked }) => checked?.event !== rule.rule.event)) {
      this.refused += 1;
      return undefined;
    }
    const changed = new Map<number, LoadedRule>();
    const meanings: string[] = [];
    for (const { rule, text, checked } of versions) {
      meanings.push(meaning(checked!.root));
      if (meanings.at(-1) !== meaning(rule.rule.root) && !isSameFunction(rule.rule.root, checked!.root))
        changed.set(rule.index, { ...rule, expression: text, rule: checked! });
    }
    if (changed.size === 0 || known.has(meanings.join())) {
      this.equal += 1;
      return undefined;
    }
    known.add(meanings.join());
    return changed;
  }

  #ofActions(written: Written): Mutant[] {
    const found: Mutant[] = [];
    // Not every rule of `fim.write` has every action.
    const [rule] = [...written.rules].sort((a, b) => b.actions.length - a.actions.length);
    for (const [index, action] of rule!.actions.entries()) {
      const own = nameOf(rule!.actions, action);
      const put = (operator: string, span: Span, said: string, to: (of: Action) => Action): void => {
        found.push({
          ...named(written.id, 'rule', operator, span, said, String(index)),
          conditions: [],
          missing: written.fires,
          changed: new Map(
            written.rules.map((one) => [
              one.index,
              {
                ...one,
                actions: one.actions.map((was) => (nameOf(one.actions, was) === own ? to(was) : was)),
              },
            ]),
          ),
        });
      };
      const without = (of: Action): Action => ({ ...of, filter: never });
      if (action.kind !== 'set') {
        put('drop-action', written.span, `without the action ${action.kind}`, without);
        continue;
      }
      put('drop-set', written.span, `\${${action.variable.name}} is not set`, without);
      for (const { operator, span, said, to } of this.#ofSet(rule!, action))
        put(operator, span ?? written.span, said, (of) => (of.kind === 'set' ? { ...of, ...to } : of));
      found.push(...this.#ofVariable(written, action));
    }
    return found;
  }

  /** Other values that a `set` action may give. */
  #ofSet(rule: LoadedRule, action: SetAction): ChangedSet[] {
    const name = `\${${action.variable.name}}`;
    const found: ChangedSet[] = setOperators.flatMap((row) =>
      row
        .versions(action)
        .map(({ said, to }) => ({ operator: row.code, span: undefined, said: `${name} ${said}`, to })),
    );
    const { source } = action;
    const { scope, model } = this.inUse.rules;
    const value = source.kind === 'computed' ? source.compiled.value : undefined;
    const { tree } = value === undefined ? {} : parse(value.text);
    if (value === undefined || tree === undefined) return found;
    const known = new Set([meaning(value.root)]);
    for (const row of operators) {
      for (const change of changes(tree, row)) {
        const text = print(change.tree);
        const { value: checked } = checkValue(text, scope, { file: rule.file });
        const fits =
          checked !== undefined &&
          checked.type === value.type &&
          checked.multi === value.multi &&
          [...new Set(checked.fields.map((field) => model.field(field)?.event))].every(
            (event) => event === undefined || event === rule.eventType,
          );
        if (!fits) this.refused += 1;
        else if (known.has(meaning(checked.root))) this.equal += 1;
        else {
          known.add(meaning(checked.root));
          const compiled = { value: checked, evaluate: compileValue<Event>(checked, model) };
          found.push({
            operator: row.code,
            span: value.root.span,
            said: `${name} is set to ${text}`,
            to: { source: { kind: 'computed', compiled } },
          });
        }
      }
    }
    return found;
  }

  /** Each variable once, at the first rule that sets it. */
  #ofVariable(written: Written, action: SetAction): Mutant[] {
    const { variable } = action;
    if (variable.setBy[0] !== written.id) return [];
    const versions: { operator: keyof typeof actionOperators; said: string; to: VariableDeclaration }[] = [];
    const scoped = (said: string, to: Partial<VariableDeclaration>): void => {
      versions.push({ operator: 'change-scope', said, to: { ...variable, ...to } });
    };
    const name = `\${${variable.name}}`;
    if (variable.scope === 'global')
      scoped(`${name} is of the process`, { scope: 'process', inherited: true });
    else scoped(`${name} is one for all`, { scope: 'global' });
    if (variable.scope === 'process' && variable.inherited)
      scoped(`${name} is not inherited`, { inherited: false });
    if (variable.ttl > 0)
      versions.push({ operator: 'drop-ttl', said: `${name} has no ttl`, to: { ...variable, ttl: 0 } });
    const readers = this.inUse.rules.rules.filter((one) => reads(one).has(variable.name));
    return versions.map(({ operator, said, to }) => ({
      ...named(written.id, 'rule', operator, variable.span, said, variable.name),
      conditions: [],
      missing: {
        type: readers[0]?.eventType ?? written.eventType,
        where: '',
        text:
          operator === 'drop-ttl'
            ? `after the ttl, for a rule that reads ${name}`
            : `for a rule that reads ${name}, in a process ${to.scope === 'global' ? 'that does not come from the one it was set in' : 'that comes from another one than it was set in'}`,
      },
      changed: new Map(written.rules.map((rule) => [rule.index, rule])),
      variables: new Map([[variable.name, to]]),
    }));
  }

  #ofMacro(loaded: LoadedMacro): Mutant[] {
    const { macro, id } = loaded;
    const users = this.inUse.rules.rules.filter((rule) => rule.rule.macros.includes(id));
    if (users.length === 0) return [];
    const found: Mutant[] = [];
    const known = new Set([print(macro.tree)]);
    for (const row of operators) {
      for (const change of changes(macro.tree, row)) {
        const text = print(change.tree);
        if (known.has(text)) {
          this.equal += 1;
          continue;
        }
        known.add(text);
        const changed = this.#users(users, { ...macro, tree: change.tree, text });
        if (changed === undefined) continue;
        found.push({
          ...named(id, 'macro', row.code, macro.source.span(change.start, change.end), change.said),
          expression: text,
          conditions: [],
          missing:
            macro.kind === 'condition'
              ? missing(users[0]!.eventType, change)
              : {
                  type: users[0]!.eventType,
                  where: '',
                  text: `on which it matters to ${users.map((rule) => rule.id).join(', ')}: ${change.said}`,
                },
          changed,
        });
      }
    }
    return found;
  }

  /** The rules that use a macro, with another one in its place; undefined: none of them means anything else. */
  #users(users: readonly LoadedRule[], macro: Macro): Map<number, LoadedRule> | undefined {
    const { scope } = this.inUse.rules;
    const macros = new Map(scope.macros).set(macro.id, macro);
    const changed = new Map<number, LoadedRule>();
    for (const rule of users) {
      const { rule: checked } = checkRule(rule.expression, { ...bound(scope), macros }, { file: rule.file });
      if (checked === undefined || checked.event !== rule.rule.event) {
        this.refused += 1;
        return undefined;
      }
      if (meaning(checked.root) !== meaning(rule.rule.root) && !isSameFunction(rule.rule.root, checked.root))
        changed.set(rule.index, { ...rule, rule: checked });
    }
    if (changed.size > 0) return changed;
    this.equal += 1;
    return undefined;
  }
}

/** Names an action among those of its rule: the third `hash`, the first that sets a variable. */
function nameOf(actions: readonly Action[], action: Action): string {
  const short = (one: Action): string => (one.kind === 'set' ? `set ${one.variable.name}` : one.kind);
  const before = actions.slice(0, actions.indexOf(action)).filter((one) => short(one) === short(action));
  return `${short(action)} ${before.length}`;
}

/** A `set` action that gives something else. */
interface ChangedSet {
  readonly operator: string;
  readonly span: Span | undefined;
  readonly said: string;
  readonly to: Partial<SetAction>;
}

const never = (): boolean => false;

/** The members of a scope that stand on its class. */
const bound = (scope: Ruleset['scope']): Ruleset['scope'] => ({
  model: scope.model,
  macros: scope.macros,
  variable: (name) => scope.variable(name),
  ...(scope.variableNames === undefined ? {} : { variableNames: () => scope.variableNames!() }),
});

function named(
  name: string,
  of: Mutant['of'],
  operator: string,
  span: Span,
  said: string,
  more = '',
): Pick<Mutant, 'key' | 'operator' | 'of' | 'name' | 'span' | 'said'> {
  const key = [span.file, of, name, operator, span.start.offset, span.end.offset, said, more].join('\n');
  return { key, operator, of, name, span, said };
}

function missing(type: string, { differs, words }: Change): MissingEvent {
  return { type, where: differs, text: differs === '' ? 'at all' : `where ${words}` };
}

interface Placed {
  readonly rule: LoadedRule;
  readonly mutant?: Mutant;
  readonly original?: LoadedRule;
}

function variantOf(
  inUse: RulesInUse,
  placed: readonly Placed[],
  variables: ReadonlyMap<string, VariableDeclaration> = new Map(),
): Variant {
  const { rules } = inUse;
  const counts = new Map<number, { readonly mutant: Mutant; readonly rule: LoadedRule }>();
  const list = placed.map(({ rule, mutant, original }, index): LoadedRule => {
    if (mutant === undefined || original === undefined) return { ...rule, index };
    counts.set(index, { mutant, rule: original });
    return { ...rule, index, id: `${original.id}\n${index}` };
  });
  let compiled: Ruleset['compiled'] | undefined;
  const byId = new Map(list.map((rule) => [rule.id, rule]));
  return {
    counts,
    rules: {
      policies: rules.policies,
      rules: list,
      entries: rules.entries,
      macros: rules.macros,
      variables: new Map([...rules.variables, ...variables]),
      scope: rules.scope,
      model: rules.model,
      get compiled() {
        compiled ??= compileSet<Event>(
          list.map((rule) => rule.rule),
          rules.model,
        );
        return compiled;
      },
      byId: (id) => byId.get(id),
    },
  };
}

/** Names of variables that a rule reads, in its condition or its actions. */
function reads(rule: LoadedRule): Set<string> {
  const found = new Set(rule.rule.variables);
  for (const action of rule.actions) {
    if (action.kind !== 'set') continue;
    if (action.source.kind === 'computed')
      for (const name of action.source.compiled.value.variables) found.add(name);
    for (const name of action.scopeField?.value.variables ?? []) found.add(name);
  }
  return found;
}

/** The rules whose detections a change can reach: by place. A filter may read anything. */
function downstream(rules: Ruleset, mutant: Mutant): Set<number> {
  const found = new Set(mutant.changed.keys());
  const changed = new Set<string>(mutant.variables?.keys());
  for (let size = -1; size !== found.size + changed.size; ) {
    size = found.size + changed.size;
    for (const at of found)
      for (const action of rules.rules[at]!.actions)
        if (action.kind === 'set') changed.add(action.variable.name);
    for (const rule of rules.rules) {
      const filtered = rule.actions.some((action) => action.filter !== undefined);
      const watched = reads(rule);
      const sets = rule.actions.some((action) => action.kind === 'set' && changed.has(action.variable.name));
      if (filtered || sets || [...changed].some((name) => watched.has(name))) found.add(rule.index);
    }
  }
  return found;
}
