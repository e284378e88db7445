/** Actions of a rule, checked. What carries them out is the engine (`set`, `log`) or its caller. */
import type { CompiledValue, VariableDeclaration } from './ruleset.js';

export interface SetAction {
  readonly kind: 'set';
  readonly variable: VariableDeclaration;
  readonly append: boolean;
  /** A constant, or a value read from the event. */
  readonly source:
    | { readonly kind: 'constant'; readonly value: unknown }
    | { readonly kind: 'computed'; readonly compiled: CompiledValue };
  /** Gives the pid of the process whose variable is set; undefined: the acting one. */
  readonly scopeField: CompiledValue | undefined;
  readonly filter: ActionFilter | undefined;
}

export interface KillAction {
  readonly kind: 'kill';
  readonly signal: string;
  /** Linux number. */
  readonly number: number;
  readonly scope: 'process' | 'container' | 'cgroup';
  readonly disableContainerDisarmer: boolean;
  readonly disableExecutableDisarmer: boolean;
  readonly filter: ActionFilter | undefined;
}

export interface HashAction {
  readonly kind: 'hash';
  readonly field: string;
  readonly maxFileSize: number | undefined;
  readonly filter: ActionFilter | undefined;
}

export interface LogAction {
  readonly kind: 'log';
  readonly level: string;
  readonly message: string;
  /** The message, taken apart. */
  readonly parts: readonly (
    | { readonly kind: 'text'; readonly text: string }
    | { readonly kind: 'variable' | 'field'; readonly name: string }
  )[];
  readonly filter: ActionFilter | undefined;
}

/** Known, loaded, reported as "not carried out". */
export interface ForeignAction {
  readonly kind: 'coredump' | 'network_filter';
  readonly options: Readonly<Record<string, unknown>>;
  readonly filter: ActionFilter | undefined;
}

export type Action = SetAction | KillAction | HashAction | LogAction | ForeignAction;

/** The keys of an action in a policy, and its kind in what is told of it. */
export const actionKinds = [
  'set',
  'kill',
  'hash',
  'log',
  'coredump',
  'network_filter',
] as const satisfies readonly Action['kind'][];

/** Decides on the event whether the action is carried out. */
export type ActionFilter = CompiledValue['evaluate'];
