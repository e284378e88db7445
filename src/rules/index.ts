/** Policies, rules, the engine that decides them, and what can be said of them. */
export type {
  Action,
  ActionFilter,
  ForeignAction,
  HashAction,
  KillAction,
  LogAction,
  SetAction,
} from './action.js';
export { actionKinds } from './action.js';
export { ruleCodes } from './codes.js';
export type { ActionReport, Detection, MatchedPart } from './detection.js';
export { type Condition, type Counts, Engine, type EngineOptions, restoreLimits } from './engine.js';
export { type ExpandedRule, expandFim } from './fim.js';
export { agentVersion, defaultHost, type HostFacts } from './host.js';
export { type Limiter, type LimitMark, makeLimiter } from './limit.js';
export {
  applyFixes,
  cannotFire,
  type FixResult,
  type FormatResult,
  formatPolicy,
  type LintOptions,
  lintCodes,
  lintRules,
} from './lint/index.js';
export { type LoadOptions, loadPolicies, loadRules, noRules } from './load.js';
export { type Placement, placeWhole } from './placement.js';
export { findPolicies, type PolicySource } from './policy.js';
export type {
  LoadErrorKind,
  LoadedMacro,
  LoadedRule,
  LoadResult,
  PolicyInfo,
  RuleEntry,
  RuleStatus,
  Ruleset,
  VariableDeclaration,
  VariableScope,
} from './ruleset.js';
export { createModel, type ProductModel } from './scope.js';
export { everySignal, wantsEverySignal } from './signals.js';
export type { Observer } from './trace.js';
export { type Origin, type SharedMark, VariableStore } from './variables.js';
