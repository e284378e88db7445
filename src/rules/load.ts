/** From paths or texts to a rule set: reads, combines, declares, checks; all complaints at once. */
import type { Event } from '../catalogue/event.js';
import type { RuleSet as CompiledRules, Macro, Scope } from '../language/index.js';
import { checkMacro, checkRule, compileSet, valuesMacro } from '../language/index.js';
import { type Diagnostic, diagnostic, sortDiagnostics } from '../support/diagnostic.js';
import type { StringTable } from '../support/strings.js';
import { checkActions } from './actions.js';
import { ruleCodes } from './codes.js';
import { combineMacros, combineRules } from './combination.js';
import { Declarations } from './declaration.js';
import type { Text } from './document.js';
import { expandFim } from './fim.js';
import { acceptsVersion, agentVersion, defaultHost, HostConditions, type HostFacts } from './host.js';
import type { Placement } from './placement.js';
import {
  findPolicies,
  isIdentifier,
  type MacroDefinition,
  type Policy,
  type PolicySource,
  type RuleDefinition,
  readPolicy,
} from './policy.js';
import type {
  LoadErrorKind,
  LoadedMacro,
  LoadedRule,
  LoadResult,
  PolicyInfo,
  RuleEntry,
  RuleStatus,
  Ruleset,
} from './ruleset.js';
import { createModel, type ProductModel } from './scope.js';
import { builtinVariables } from './variables.js';

export interface LoadOptions {
  /** The run's strings: the same table that events are decoded with. */
  readonly strings: StringTable;
  /** What `filters` of policies are decided on; default: a Linux host of which little is known. */
  readonly host?: Partial<HostFacts>;
  /** Event types that exist here; others give `event_type_disabled`. Default: those of the catalogue that can be recorded. */
  readonly model?: ProductModel;
  /** An empty rule set is an error (`no-rules`) unless this is true. */
  readonly allowEmpty?: boolean;
}

/** Loads files and folders. Never throws on input: see `LoadResult.diagnostics`. */
export function loadRules(paths: readonly string[], options: LoadOptions): LoadResult {
  const found = findPolicies(paths);
  return new Loader(options, found.diagnostics).load(found.sources, paths.join(', '));
}

/** Loads texts that are in memory. */
export function loadPolicies(sources: readonly PolicySource[], options: LoadOptions): LoadResult {
  return new Loader(options, []).load(sources, sources.map((source) => source.file).join(', '));
}

/** A rule set without rules, for reading fields and conditions. */
export function noRules(strings: StringTable): Ruleset {
  return loadPolicies([], { strings, allowEmpty: true }).rules;
}

interface Entry {
  readonly id: string;
  readonly policy: string;
  status: RuleStatus;
  errorKind: LoadErrorKind | undefined;
  reason: string | undefined;
  readonly span: RuleEntry['span'];
}

class Loader {
  readonly #diagnostics: Diagnostic[];
  readonly #model: ProductModel;
  readonly #host: HostConditions;
  /** By the text of the id, which a combined definition has from its first one. */
  readonly #entries = new Map<Text, Entry>();
  readonly #macros = new Map<string, Macro>();
  readonly #loadedMacros = new Map<string, LoadedMacro>();
  readonly #users = new Map<string, Set<string>>();
  readonly #declarations: Declarations;
  readonly #scope: Scope<Event>;

  constructor(
    readonly options: LoadOptions,
    diagnostics: readonly Diagnostic[],
  ) {
    this.#diagnostics = [...diagnostics];
    this.#model = options.model ?? createModel(options.strings);
    this.#host = new HostConditions({ ...defaultHost, ...options.host });
    const builtins = new Map(builtinVariables.map((variable) => [variable.name, variable]));
    const scope: Scope<Event> = {
      model: this.#model,
      variable: (name) => this.#declarations.variables.get(name)?.variable ?? builtins.get(name),
      macros: this.#macros,
      variableNames: () => [...this.#declarations.variables.keys(), ...builtins.keys()],
    };
    this.#scope = scope;
    this.#declarations = new Declarations(scope, this.#diagnostics);
  }

  load(sources: readonly PolicySource[], named: string): LoadResult {
    const policies = this.#replace(
      sources.map((source) => this.#read(source)).filter((policy) => policy !== undefined),
    );
    const macros = combineMacros(
      policies.flatMap((policy) => policy.macros.filter((macro) => this.#acceptsMacro(macro))),
    );
    const rules = combineRules(
      policies.flatMap((policy) => policy.rules.filter((rule) => this.#acceptsRule(rule))),
    );
    const last = new Set<Text>(
      [...rules.definitions, ...rules.refused.keys()].map((definition) => definition.id),
    );
    for (const policy of policies)
      for (const { id } of policy.rules)
        if (!last.has(id) && this.#entries.get(id)?.status === 'loaded') this.#entries.delete(id);
    for (const refused of macros.refused.values()) this.#diagnostics.push(refused);
    for (const [definition, refused] of rules.refused) this.#fail(definition, 'error', refused);
    // Disabled rules declare too: switching one off must not break those that read its variables.
    for (const definition of rules.definitions) this.#declarations.declare(definition);
    for (const macro of macros.definitions) this.#checkMacro(macro);
    const loaded = rules.definitions.flatMap((definition) => this.#checkRule(definition));
    // Sorting is stable: rules of equal priority stay in load order.
    const ordered = loaded
      .sort((a, b) => b.priority - a.priority)
      .map((rule, index): LoadedRule => ({ ...rule, index }));
    const conclusion =
      ordered.length === 0 &&
      this.options.allowEmpty !== true &&
      (this.#entries.size > 0 || !this.#diagnostics.some((item) => item.severity === 'error'))
        ? [this.#empty(named)]
        : [];
    return {
      rules: this.#ruleset(policies, ordered),
      diagnostics: [...sortDiagnostics(this.#diagnostics), ...conclusion],
      sources: new Map(sources.map((source) => [source.file, source.text])),
    };
  }

  #read(source: PolicySource): Policy | undefined {
    const { policy, diagnostics } = readPolicy(source);
    this.#diagnostics.push(...diagnostics);
    return policy;
  }

  /** `replace_policy_id` names a policy by its file name, with or without `.policy`. */
  #replace(policies: readonly Policy[]): readonly Policy[] {
    const replaced = new Map<string, Policy>();
    for (const policy of policies)
      if (policy.replaces !== undefined) replaced.set(policy.replaces.text, policy);
    return policies.filter((policy) => {
      const by = replaced.get(policy.name) ?? replaced.get(policy.name.replace(/\.policy(\.ya?ml)?$/, ''));
      if (by === undefined || by === policy) return true;
      this.#diagnostics.push(
        diagnostic(
          ruleCodes,
          'policy-replaced',
          `policy "${policy.name}" is not loaded: "${by.name}" replaces it`,
          { span: by.replaces!.span },
        ),
      );
      return false;
    });
  }

  #acceptsMacro(macro: MacroDefinition): boolean {
    return this.#conditions(macro) === undefined;
  }

  #acceptsRule(rule: RuleDefinition): boolean {
    const entry: Entry = {
      id: rule.id.text,
      policy: rule.policy.name,
      status: 'loaded',
      errorKind: undefined,
      reason: undefined,
      span: rule.id.span,
    };
    this.#entries.set(rule.id, entry);
    const refusal = this.#conditions(rule);
    if (refusal === undefined) return true;
    Object.assign(entry, refusal);
    return false;
  }

  /** Undefined: the conditions of the item hold. */
  #conditions(
    item: MacroDefinition | RuleDefinition,
  ): Pick<Entry, 'status' | 'errorKind' | 'reason'> | undefined {
    const range = item.section.text('agent_version');
    if (range !== undefined && range.text.trim() !== '') {
      const accepted = acceptsVersion(range.text);
      if (accepted === undefined) {
        this.#diagnostics.push(
          diagnostic(
            ruleCodes,
            'wrong-agent-version',
            `"agent_version" is a range of versions: have "${range.text}"`,
            { span: range.span, suggestions: ['agent_version: ">= 7.42"'] },
          ),
        );
        return {
          status: 'error',
          errorKind: 'agent_version_error',
          reason: `"${range.text}" is not a range of versions`,
        };
      }
      if (!accepted)
        return {
          status: 'filtered',
          errorKind: 'agent_version_error',
          reason: `it is for agent version ${range.text}, and this engine stands for ${agentVersion.replace(/\.0$/, '')}`,
        };
    }
    const before = this.#diagnostics.length;
    const filters = item.section.texts('filters');
    if (this.#host.accepts(filters, this.#diagnostics)) return undefined;
    const wrong = this.#diagnostics.length > before;
    return {
      status: wrong ? 'error' : 'filtered',
      errorKind: 'agent_filter_error',
      reason: wrong
        ? 'a filter has an error'
        : `it is for another host: ${filters.map((filter) => filter.text).join(' or ')}`,
    };
  }

  #fail(definition: RuleDefinition, kind: LoadErrorKind, ...found: Diagnostic[]): void {
    this.#diagnostics.push(...found);
    this.#mark(definition, {
      status: 'error',
      errorKind: kind,
      reason: found.find((item) => item.severity === 'error')?.message ?? found[0]?.message,
    });
  }

  #mark(definition: RuleDefinition, change: Partial<Entry>): void {
    const entry = this.#entries.get(definition.id);
    if (entry !== undefined) Object.assign(entry, change);
  }

  #checkMacro(definition: MacroDefinition): void {
    const id = definition.id.text;
    const { expression, values } = definition;
    let macro: Macro | undefined;
    if (expression !== undefined && values.length > 0) {
      this.#diagnostics.push(
        diagnostic(
          ruleCodes,
          'two-macro-bodies',
          `only one of "expression" and "values" can be defined: macro "${id}" has both`,
          {
            span: definition.section.keySpan('values'),
            notes: [{ message: 'the expression is here', span: expression.span }],
          },
        ),
      );
      return;
    }
    if (expression !== undefined) {
      const checked = checkMacro(id, expression.text, this.#scope, place(expression.placement));
      this.#diagnostics.push(...checked.diagnostics);
      macro = checked.macro;
    } else if (values.length > 0) {
      macro = this.#valuesMacro(id, values);
    } else {
      this.#diagnostics.push(
        diagnostic(ruleCodes, 'missing-expression', `macro "${id}" has neither "expression" nor "values"`, {
          span: definition.id.span,
        }),
      );
    }
    if (macro === undefined || !isIdentifier(id)) return;
    this.#macros.set(id, macro);
    for (const used of macro.macros) this.#use(used, id);
    const usedBy: string[] = [];
    this.#loadedMacros.set(id, {
      id,
      policy: definition.policy.name,
      description: definition.description,
      macro,
      span: definition.id.span,
      placement: expression?.placement,
      usedBy,
    });
  }

  /** The list is checked as text, so that each member keeps its place in the file; `~"…"` and `r"…"` are meant as such. */
  #valuesMacro(id: string, values: readonly Text[]): Macro | undefined {
    const members = values.map((value) => (/^(~|r)".*"$/s.test(value.text) ? value.text : `"${value.text}"`));
    if (values.some((value, index) => value.text !== members[index] && /["\\]/.test(value.text)))
      return valuesMacro(
        id,
        values.map((value) => value.text),
      );
    const { macro, diagnostics } = checkMacro(
      id,
      `[${members.join(', ')}]`,
      this.#scope,
      place(placeMembers(values, members)),
    );
    this.#diagnostics.push(...diagnostics);
    return macro;
  }

  #use(macro: string, user: string): void {
    const users = this.#users.get(macro) ?? new Set();
    users.add(user);
    this.#users.set(macro, users);
  }

  #checkRule(definition: RuleDefinition): Omit<LoadedRule, 'index'>[] {
    if (definition.disabled) {
      this.#mark(definition, { status: 'disabled', reason: 'it is disabled' });
      return [];
    }
    const { expression } = definition;
    if (expression === undefined) {
      this.#fail(
        definition,
        'error',
        diagnostic(ruleCodes, 'missing-expression', `rule "${definition.id.text}" has no "expression"`, {
          span: definition.id.span,
        }),
      );
      return [];
    }
    const expanded = expandFim(definition.id.text, definition.groupId, expression.text, expression.placement);
    const loaded: Omit<LoadedRule, 'index'>[] = [];
    const said = new Set<string>();
    for (const { id, expression: text, placement } of expanded) {
      const { rule, diagnostics } = checkRule(text, this.#scope, place(placement));
      // The eight rules of `fim.write` repeat each other's complaints.
      const fresh = diagnostics.filter((item) => !said.has(identity(item)));
      for (const item of diagnostics) said.add(identity(item));
      if (rule === undefined) {
        this.#fail(
          definition,
          fresh.some((item) => syntaxCodes.has(item.code)) ? 'syntax_error' : 'error',
          ...fresh,
        );
        continue;
      }
      this.#diagnostics.push(...fresh);
      if (rule.event === undefined) {
        this.#fail(
          definition,
          'error',
          diagnostic(
            ruleCodes,
            'no-event',
            `no event in the rule definition: nothing in "${definition.id.text}" says which type of event it is about`,
            {
              span: expression.span,
              suggestions: ['add a field of an event, such as `exec.file.path != ""`'],
            },
          ),
        );
        continue;
      }
      const unavailable = this.#model.unavailableEvent(rule.event);
      if (unavailable !== undefined) {
        this.#fail(
          definition,
          'event_type_disabled',
          diagnostic(
            ruleCodes,
            'event-not-available',
            `rule "${definition.id.text}" is not loaded: "${rule.event}" events are not recorded. ${unavailable}`,
            { span: expression.placement.span(0, expression.text.length) },
          ),
        );
        continue;
      }
      for (const name of rule.macros) this.#use(name, id);
      this.#warnUnavailable(rule.fields, placement, text, said);
      loaded.push({
        id,
        sourceId: definition.id.text,
        groupId: definition.groupId,
        policy: definition.policy.name,
        file: definition.policy.file,
        version: definition.version,
        description: definition.description,
        tags: definition.tags,
        productTags: definition.productTags,
        priority: definition.priority,
        silent: definition.silent,
        every: definition.every,
        everySpan: definition.everySpan,
        limiterToken: this.#limiterToken(definition, rule.event, said),
        actions: checkActions(definition.actions, rule, {
          scope: this.#scope,
          declarations: this.#declarations,
          diagnostics: this.#diagnosticsOnce(said),
        }),
        eventType: rule.event,
        expression: text,
        rule,
        span: definition.id.span,
        placement,
      });
    }
    if (!isIdentifier(definition.id.text)) {
      this.#mark(definition, { status: 'error', errorKind: 'error', reason: 'its id is not a name' });
      return [];
    }
    return loaded;
  }

  /** A list that passes on what was not said before. */
  #diagnosticsOnce(said: Set<string>): Diagnostic[] {
    const list: Diagnostic[] = [];
    list.push = (...items: Diagnostic[]): number => {
      for (const item of items) {
        if (said.has(identity(item))) continue;
        said.add(identity(item));
        this.#diagnostics.push(item);
      }
      return this.#diagnostics.length;
    };
    return list;
  }

  #warnUnavailable(fields: readonly string[], placement: Placement, text: string, said: Set<string>): void {
    for (const field of fields) {
      const reason = this.#model.unavailable(field);
      if (reason === undefined || said.has(`unavailable ${field}`)) continue;
      said.add(`unavailable ${field}`);
      const at = text.indexOf(field);
      this.#diagnostics.push(
        diagnostic(
          ruleCodes,
          'field-not-available',
          `"${field}" is not available here and reads as ${this.#model.zeroOf(field)}: ${reason}`,
          { span: at < 0 ? placement.span(0, text.length) : placement.span(at, at + field.length) },
        ),
      );
    }
  }

  #limiterToken(definition: RuleDefinition, event: string, said: Set<string>): readonly string[] {
    const names: string[] = [];
    for (const token of definition.limiterToken) {
      const field = this.#model.field(token.text);
      if (field !== undefined && (field.event === undefined || field.event === event)) names.push(token.text);
      else if (!said.has(`token ${token.text}`)) {
        said.add(`token ${token.text}`);
        this.#diagnostics.push(
          diagnostic(
            ruleCodes,
            'wrong-limiter-token',
            `"${token.text}" in "limiter_token" is not a field of "${event}" events`,
            { span: token.span, suggestions: this.#model.suggest(token.text) },
          ),
        );
      }
    }
    return names;
  }

  #empty(named: string): Diagnostic {
    const entries = [...this.#entries.values()];
    const message =
      entries.length === 0
        ? `there are no rules in ${named === '' ? 'what was given' : `"${named}"`}`
        : `none of the ${entries.length} rule${entries.length === 1 ? '' : 's'} in "${named}" loaded: ${entries[0]!.reason ?? 'see above'}`;
    return diagnostic(ruleCodes, 'no-rules', message, {
      suggestions: [
        entries.length === 0
          ? 'name a policy file, or a folder that holds *.policy files'
          : 'repair what did not load',
      ],
    });
  }

  #ruleset(policies: readonly Policy[], rules: readonly LoadedRule[]): Ruleset {
    const model = this.#model;
    let compiled: CompiledRules<Event> | undefined;
    const byId = new Map(rules.map((rule) => [rule.id, rule]));
    for (const [id, users] of this.#users) {
      const macro = this.#loadedMacros.get(id);
      if (macro !== undefined) (macro.usedBy as string[]).push(...users);
    }
    const infos: PolicyInfo[] = policies.map((policy) => ({
      name: policy.name,
      file: policy.file,
      version: policy.version,
      type: policy.type,
      replaces: policy.replaces?.text,
      text: policy.text,
    }));
    return {
      policies: infos,
      rules,
      entries: [...this.#entries.values()],
      macros: this.#loadedMacros,
      variables: this.#declarations.variables,
      scope: this.#scope,
      model,
      get compiled() {
        compiled ??= compileSet(
          rules.map((rule) => rule.rule),
          model,
        );
        return compiled;
      },
      byId: (id) => byId.get(id) ?? rules.find((rule) => rule.sourceId === id),
    };
  }
}

const syntaxCodes = new Set([
  'syntax-error',
  'unknown-character',
  'unterminated-string',
  'invalid-duration',
  'invalid-number',
  'too-long',
  'too-deep',
]);

function place(placement: Placement): { file: string; mapSpan: Placement['span'] } {
  return { file: placement.file, mapSpan: (start, end) => placement.span(start, end) };
}

/** Places the text `[a, b]` at the values that it was made of. */
function placeMembers(values: readonly Text[], members: readonly string[]): Placement {
  return {
    file: values[0]!.placement.file,
    span(start, end) {
      let from = 1;
      for (const [index, member] of members.entries()) {
        const value = values[index]!;
        if (start < from + member.length || index === members.length - 1) {
          const quote = member === value.text ? 0 : 1;
          const at = (offset: number): number =>
            Math.max(0, Math.min(value.text.length, offset - from - quote));
          return value.placement.span(at(start), Math.max(at(start), at(end)));
        }
        from += member.length + 2;
      }
      return values[0]!.span;
    },
  };
}

function identity(item: Diagnostic): string {
  return `${item.code} ${item.span?.start.offset ?? ''} ${item.message.replace(/"(open|chmod|chown|link|rename|unlink|utimes)[.\w]*"/g, '')}`;
}
