/**
 * The wrong versions of a rule set, ready to be decided beside it.
 *
 * A rule that sets no variable decides for itself: all its versions stand in one rule set with the rules
 * that set variables, at the place of the rule itself, so that one pass decides them all. A version that
 * changes what is set gets a rule set of its own, with every rule that can notice.
 */
import type { Event } from '../catalogue/event.js';
import {
  type BoolNode,
  checkRule,
  compileSet,
  type Macro,
  parse,
  print,
  type Rule,
} from '../language/index.js';
import type { LoadedMacro, LoadedRule, Ruleset, SetAction, VariableDeclaration } from '../rules/index.js';
import type { Span } from '../support/diagnostic.js';
import { lookup } from '../support/lookup.js';
import { type actionOperators, type Change, changes, operators } from './mutants.js';
import type { RulesInUse } from './ruleset.js';

export interface Mutant {
  /** The same in every rule set that has the rule. */
  readonly key: string;
  readonly operator: string;
  readonly of: 'rule' | 'macro';
  /** Id of the rule or macro. */
  readonly name: string;
  /** What was changed. */
  readonly span: Span;
  readonly said: string;
  /** The whole changed expression; absent when it is not the expression that changed. */
  readonly expression?: string;
  /** What was true of every match of the rule and may not be of the mutant's: SECL, shortest first. */
  readonly conditions: readonly string[];
  /** What an event must be like to tell both apart. */
  readonly missing: MissingEvent;
  /** By place in the rule set; undefined: never fires. */
  readonly changed: ReadonlyMap<number, LoadedRule | undefined>;
  readonly variables?: ReadonlyMap<string, VariableDeclaration>;
}

export interface MissingEvent {
  readonly type: string;
  /** SECL; empty: only words can say it. */
  readonly where: string;
  readonly text: string;
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
    for (const rule of rules.rules) {
      if (!wanted(rule)) continue;
      mutants.push(...this.#ofExpression(rule), ...this.#ofActions(rule));
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

  #ofExpression(rule: LoadedRule): Mutant[] {
    // The eight rules that one of `fim.write` becomes are not what its author wrote.
    if (rule.id !== rule.sourceId) return [];
    const { tree } = parse(rule.expression);
    if (tree === undefined) return [];
    const found: Mutant[] = [];
    const known = new Set([meaning(rule.rule.root)]);
    for (const row of operators) {
      for (const change of changes(tree, row)) {
        const expression = print(change.tree);
        const { rule: checked } = checkRule(expression, this.inUse.rules.scope, { file: rule.file });
        if (!this.#isNew(rule.rule, checked, known)) continue;
        const span = rule.placement.span(change.start, change.end);
        found.push({
          ...named(rule.id, 'rule', row.code, span, change.said),
          expression,
          conditions: [...new Set([change.condition, oneLine(rule.expression)])],
          missing: missing(rule.eventType, change),
          changed: new Map([[rule.index, { ...rule, expression, rule: checked! }]]),
        });
      }
    }
    found.push({
      ...named(rule.id, 'rule', 'disable-rule', rule.span, 'it never fires'),
      conditions: [],
      missing: { type: rule.eventType, where: oneLine(rule.expression), text: 'that the rule matches' },
      changed: new Map([[rule.index, undefined]]),
    });
    return found;
  }

  /** Loads, means something else than the rule, and was not there before. */
  #isNew(rule: Rule, version: Rule | undefined, known: Set<string>): boolean {
    if (version === undefined || version.event !== rule.event) {
      this.refused += 1;
      return false;
    }
    const text = meaning(version.root);
    if (known.has(text) || isSameFunction(rule.root, version.root)) {
      this.equal += 1;
      return false;
    }
    known.add(text);
    return true;
  }

  #ofActions(rule: LoadedRule): Mutant[] {
    if (rule.id !== rule.sourceId) return [];
    const found: Mutant[] = [];
    const fires = { type: rule.eventType, where: oneLine(rule.expression) };
    rule.actions.forEach((action, index) => {
      const operator = action.kind === 'set' ? 'drop-set' : 'drop-action';
      const what = action.kind === 'set' ? `\${${action.variable.name}}` : action.kind;
      const actions = rule.actions.map((one, at) => (at === index ? { ...one, filter: never } : one));
      found.push({
        ...named(
          rule.id,
          'rule',
          operator,
          rule.span,
          action.kind === 'set' ? `${what} is not set` : `without the action ${what}`,
          String(index),
        ),
        conditions: [],
        missing: { ...fires, text: 'that the rule matches' },
        changed: new Map([[rule.index, { ...rule, actions }]]),
      });
      if (action.kind === 'set') found.push(...this.#ofVariable(rule, action));
    });
    return found;
  }

  /** Each variable once, at the first rule that sets it. */
  #ofVariable(rule: LoadedRule, action: SetAction): Mutant[] {
    const { variable } = action;
    if (variable.setBy[0] !== rule.id) return [];
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
      ...named(rule.id, 'rule', operator, variable.span, said, variable.name),
      conditions: [],
      missing: {
        type: readers[0]?.eventType ?? rule.eventType,
        where: '',
        text:
          operator === 'drop-ttl'
            ? `after the ttl, for a rule that reads ${name}`
            : `for a rule that reads ${name}, in a process ${to.scope === 'global' ? 'that does not come from the one it was set in' : 'that comes from another one than it was set in'}`,
      },
      changed: new Map([[rule.index, rule]]),
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

const never = (): boolean => false;
const oneLine = (text: string): string => text.trim().replace(/\s+/g, ' ');

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

/** Whether two rules are the same but for how they are written. */
export const meansTheSame = (a: Rule, b: Rule): boolean =>
  meaning(a.root) === meaning(b.root) || isSameFunction(a.root, b.root);

/** A condition as text in which places and ways of writing are left out. */
function meaning(root: BoolNode): string {
  return JSON.stringify(root, (key, value: unknown) => {
    if (skipped.has(key)) return undefined;
    if (key === 'field' || key === 'iterator' || key === 'variable')
      return (value as { readonly name: string } | undefined)?.name;
    let node = value as { readonly kind?: string; readonly body?: unknown } | null;
    while (node !== null && typeof node === 'object' && node.kind === 'macro')
      node = node.body as typeof node;
    return node;
  });
}

const skipped = new Set(['span', 'leaf', 'symbol', 'constant', 'duration', 'prefixed', 'macro', 'written']);

/** More conditions than this are not compared case by case. */
const mostCompared = 10;

/** Whether two conditions hold in the same cases, whatever their leaves mean. */
function isSameFunction(a: BoolNode, b: BoolNode): boolean {
  const names = new Map<string, number>();
  const left = shapeOf(a, names);
  const right = shapeOf(b, names);
  if (names.size > mostCompared) return false;
  for (let cases = 0; cases < 1 << names.size; cases++) if (left(cases) !== right(cases)) return false;
  return true;
}

/** A function of the cases: bit i is the truth of the i-th leaf, before negation. */
function shapeOf(node: BoolNode, names: Map<string, number>): (cases: number) => boolean {
  switch (node.kind) {
    case 'constant':
      return () => node.value;
    case 'not': {
      const inner = shapeOf(node.operand, names);
      return (cases) => !inner(cases);
    }
    case 'macro':
      return shapeOf(node.body, names);
    case 'and':
    case 'or': {
      const parts = node.operands.map((operand) => shapeOf(operand, names));
      return node.kind === 'and'
        ? (cases) => parts.every((part) => part(cases))
        : (cases) => parts.some((part) => part(cases));
    }
    default: {
      const negated = node.kind === 'test' && node.negated;
      const bit = lookup(names, meaning(negated ? { ...node, negated: false } : node), () => names.size);
      return (cases) => ((cases >> bit) & 1) === (negated ? 0 : 1);
    }
  }
}
