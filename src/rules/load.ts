/** From paths or texts to a rule set: reads, combines, declares, checks; all complaints at once. */
import type { Event } from '../catalogue/event.js';
import type { RuleSet as CompiledRules } from '../language/index.js';
import { compileSet } from '../language/index.js';
import { type Diagnostic, diagnostic, sortDiagnostics } from '../support/diagnostic.js';
import type { StringTable } from '../support/strings.js';
import { ItemCheck } from './check.js';
import { ruleCodes } from './codes.js';
import { combineMacros, combineRules } from './combination.js';
import { acceptsVersion, agentVersion, defaultHost, HostConditions, type HostFacts } from './host.js';
import {
  findPolicies,
  type MacroDefinition,
  type Policy,
  type PolicySource,
  type RuleDefinition,
  readPolicy,
} from './policy.js';
import { type Entry, RuleBook } from './rulebook.js';
import type { LoadedRule, LoadResult, PolicyInfo, Ruleset } from './ruleset.js';
import { createModel, type ProductModel } from './scope.js';

export interface LoadOptions {
  /** The run's strings: the same table that events are decoded with. */
  readonly strings: StringTable;
  /** What `filters` of policies are decided on; default: a Linux host of which little is known. */
  readonly host?: Partial<HostFacts>;
  /** Event types that exist here; others give `event_type_disabled`. Default: those of the catalogue that can be recorded. */
  readonly model?: ProductModel;
  /** False: `kill` actions are refused, as the reference does with enforcement switched off. Default true. */
  readonly enforcement?: boolean;
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

class Loader {
  readonly #diagnostics: Diagnostic[];
  readonly #host: HostConditions;
  readonly #book: RuleBook;
  readonly #check: ItemCheck;

  constructor(
    readonly options: LoadOptions,
    diagnostics: readonly Diagnostic[],
  ) {
    this.#diagnostics = [...diagnostics];
    this.#host = new HostConditions({ ...defaultHost, ...options.host });
    this.#book = new RuleBook(this.#diagnostics);
    this.#check = new ItemCheck(
      options.model ?? createModel(options.strings),
      this.#book,
      this.#diagnostics,
      options.enforcement !== false,
    );
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
    this.#book.prune(
      new Set([...rules.definitions, ...rules.refused.keys()].map((definition) => definition.id)),
    );
    this.#diagnostics.push(...macros.refused.values());
    for (const [definition, refused] of rules.refused) this.#book.fail(definition, 'error', refused);
    // Disabled rules declare too: switching one off must not break those that read its variables.
    for (const definition of rules.definitions) this.#check.declarations.declare(definition);
    this.#check.allMacros(macros.definitions);
    const loaded = rules.definitions.flatMap((definition) => this.#check.rule(definition));
    this.#check.end();
    // Sorting is stable: rules of equal priority stay in load order.
    const ordered = loaded
      .sort((a, b) => b.priority - a.priority)
      .map((rule, index): LoadedRule => ({ ...rule, index }));
    const conclusion =
      ordered.length === 0 &&
      this.options.allowEmpty !== true &&
      (this.#book.entries.length > 0 || !this.#diagnostics.some((item) => item.severity === 'error'))
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
    this.#book.add(rule);
    const refusal = this.#conditions(rule);
    if (refusal !== undefined) this.#book.mark(rule, refusal);
    return refusal === undefined;
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

  #empty(named: string): Diagnostic {
    const { entries } = this.#book;
    const message =
      entries.length === 0
        ? `there are no rules in ${named === '' ? 'what was given' : `"${named}"`}`
        : `${entries.length === 1 ? 'the one rule' : `none of the ${entries.length} rules`} in "${named}" ${entries.length === 1 ? 'did not load' : 'loaded'}: ${entries[0]!.reason ?? 'see above'}`;
    return diagnostic(ruleCodes, 'no-rules', message, {
      suggestions: [
        entries.length === 0
          ? 'name a policy file, or a folder that holds *.policy files'
          : 'repair what did not load',
      ],
    });
  }

  #ruleset(policies: readonly Policy[], rules: readonly LoadedRule[]): Ruleset {
    const { model, loadedMacros, declarations, scope } = this.#check;
    let compiled: CompiledRules<Event> | undefined;
    const byId = new Map(rules.map((rule) => [rule.id, rule]));
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
      entries: this.#book.entries,
      macros: loadedMacros,
      variables: declarations.variables,
      scope,
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
