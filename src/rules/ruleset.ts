/**
 * What loading gives: rules, macros and variables that were checked, in the order in which they decide.
 *
 * A rule set is bound to the run's `StringTable` (predicates are kept per string number) and serves any
 * number of engines, one after the other or in turn: everything that changes while events go by lives in
 * `Engine`.
 */
import type { Event } from '../catalogue/event.js';
import type {
  RuleSet as CompiledRules,
  Macro,
  Rule,
  Scope,
  ValueExpression,
  Variable,
} from '../language/index.js';
import type { Diagnostic, Span } from '../support/diagnostic.js';
import type { Action } from './action.js';
import type { Placement } from './placement.js';
import type { ProductModel } from './scope.js';

/** Why an item of a policy did not load: the reference's five kinds. */
export type LoadErrorKind =
  | 'agent_version_error'
  | 'agent_filter_error'
  | 'event_type_disabled'
  | 'syntax_error'
  | 'error';

/** What became of a rule: the state that `list rules` and `ruleset_loaded` show. */
export type RuleStatus = 'loaded' | 'disabled' | 'filtered' | 'error';

/** A rule as it stands in a policy, loaded or not. */
export interface RuleEntry {
  readonly id: string;
  readonly policy: string;
  readonly status: RuleStatus;
  readonly errorKind: LoadErrorKind | undefined;
  /** Why it is not loaded, one sentence; undefined when it is. */
  readonly reason: string | undefined;
  /** Where its `id` stands. */
  readonly span: Span;
}

/** A rule that decides. */
export interface LoadedRule {
  /** Position in `Ruleset.rules`: the order of evaluation (priority, then load order). */
  readonly index: number;
  readonly id: string;
  /** The id in the policy file: differs from `id` for the eight rules that `fim.write` becomes. */
  readonly sourceId: string;
  readonly groupId: string | undefined;
  /** Base name of the policy file, as detections show it. */
  readonly policy: string;
  /** Its path. */
  readonly file: string;
  readonly version: string | undefined;
  readonly description: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly productTags: readonly string[];
  readonly priority: number;
  readonly silent: boolean;
  /** ns between two that are delivered; undefined: the default limit. */
  readonly every: number | undefined;
  /** Where `every` stands. */
  readonly everySpan: Span | undefined;
  readonly limiterToken: readonly string[];
  readonly actions: readonly Action[];
  readonly eventType: string;
  readonly expression: string;
  /** Of the rules that `fim.write` becomes: the expression as it stands in the policy. */
  readonly written?: { readonly expression: string; readonly placement: Placement };
  readonly rule: Rule;
  /** Of the id. */
  readonly span: Span;
  /** Maps offsets of `expression` (and of macros used) into the policy file. */
  readonly placement: Placement;
}

/** A macro that was checked. */
export interface LoadedMacro {
  readonly id: string;
  readonly policy: string;
  readonly description: string;
  readonly macro: Macro;
  readonly span: Span;
  readonly placement: Placement | undefined;
  /** Ids of rules and macros that name it. */
  readonly usedBy: readonly string[];
}

export type VariableScope = 'global' | 'process' | 'container' | 'cgroup';

/** A variable that some `set` action declares. */
export interface VariableDeclaration {
  /** As rules name it: `process.web_child`, `seen_paths`. */
  readonly name: string;
  readonly scope: VariableScope;
  readonly type: 'bool' | 'int' | 'string' | 'cidr';
  readonly multi: boolean;
  readonly inherited: boolean;
  readonly private: boolean;
  /** ns; 0: none. */
  readonly ttl: number;
  /** Greatest number of elements of a list; the oldest goes first. */
  readonly size: number;
  readonly initial: unknown;
  readonly variable: Variable<Event>;
  readonly span: Span;
  /** Ids of the rules that set it. */
  readonly setBy: readonly string[];
}

export interface PolicyInfo {
  readonly name: string;
  readonly file: string;
  readonly version: string | undefined;
  readonly type: string;
  readonly replaces: string | undefined;
  readonly text: string;
}

export interface Ruleset {
  readonly policies: readonly PolicyInfo[];
  /** Those that decide, in the order of evaluation. */
  readonly rules: readonly LoadedRule[];
  /** Every rule of every policy in file order, with what became of it. */
  readonly entries: readonly RuleEntry[];
  readonly macros: ReadonlyMap<string, LoadedMacro>;
  readonly variables: ReadonlyMap<string, VariableDeclaration>;
  /** For checking further expressions (`where:`, `eval`) against the same model, macros and variables. */
  readonly scope: Scope<Event>;
  readonly model: ProductModel;
  /** Compiled on first use; its indices are those of `rules`. */
  readonly compiled: CompiledRules<Event>;
  byId(id: string): LoadedRule | undefined;
}

export interface LoadResult {
  readonly rules: Ruleset;
  /** Sorted; every error of every file. */
  readonly diagnostics: readonly Diagnostic[];
  /** Text of each file by the name that spans use: for excerpts. */
  readonly sources: ReadonlyMap<string, string>;
}

/** A `set` action's value, ready to evaluate. */
export interface CompiledValue {
  readonly value: ValueExpression;
  readonly evaluate: (
    event: Event,
    now: number,
    variables: import('../language/index.js').VariableReader<Event>,
  ) => unknown;
}
