/** What an explanation looks at in a recording: gathered by a replay of its own, or along with one that runs anyway. */
import type { Event } from '../catalogue/event.js';
import type { Trace } from '../language/index.js';
import { type Detection, type Engine, type LoadedRule, restoreLimits } from '../rules/index.js';
import type { Diagnostic } from '../support/diagnostic.js';
import { lookup } from '../support/lookup.js';
import { Account } from './account.js';
import { VariableLog } from './leaf.js';
import type { RulesInUse } from './ruleset.js';

/**
 * The first look at a recording: counts every leaf of the asked rules at every event that they are shown.
 * Of rules without variables it needs no engine that decides the others, and may go along with any replay
 * of the recording.
 */
export class Look {
  readonly accounts: ReadonlyMap<number, Account>;
  readonly #byType = new Map<string, Account[]>();
  readonly #hidden = new Map<string, Map<number, number>>();
  readonly #log: VariableLog;
  /** What rate limits knew when the recording began, until the first event. */
  #state: unknown;

  /** `engine` decides single rules; its variables are those that the rules read. */
  constructor(
    inUse: RulesInUse,
    rules: readonly LoadedRule[],
    closest: number,
    readonly engine: Engine,
  ) {
    this.#log = new VariableLog(inUse);
    this.accounts = new Map(
      rules.map((rule) => [rule.index, new Account(rule, inUse, closest, engine.variables)]),
    );
    for (const account of this.accounts.values())
      lookup(this.#byType, account.rule.eventType, () => []).push(account);
  }

  /** Takes the state in the header of a recording that a flight recorder saved. */
  begin(header: { readonly state?: unknown }): void {
    this.#state = header.state;
  }

  #restore(event: Event): void {
    const byId = new Map([...this.accounts.values()].map((account) => [account.rule.id, account.limiter]));
    restoreLimits(this.#state, event, event.elapsed, (id) => byId.get(id));
    this.#state = undefined;
  }

  /** A decision of an engine that decides all rules. `focus`: may stand among the closest events. */
  decided(rule: LoadedRule, event: Event, trace: () => Trace, focus: boolean): void {
    if (this.#state !== undefined) this.#restore(event);
    this.accounts.get(rule.index)?.see(event, trace, this.#log, focus);
  }

  /** An event that rules are shown, of rules that no variable ties to others. */
  shown(event: Event, focus: boolean): void {
    if (this.#state !== undefined) this.#restore(event);
    for (const account of this.#byType.get(event.type) ?? [])
      account.see(event, () => this.engine.trace(account.rule.index, event), this.#log, focus);
  }

  /** An event that rules are not shown. */
  hidden(event: Event): void {
    const results = lookup(this.#hidden, event.type, () => new Map());
    results.set(event.retval, (results.get(event.retval) ?? 0) + 1);
  }

  detected(detection: Detection, event: Event): void {
    this.#log.see(detection, event);
  }

  hiddenOf(type: string): ReadonlyMap<number, number> | undefined {
    return this.#hidden.get(type);
  }
}

/** Rules that a look may take along with a replay: no variable, whose values other rules would have to give. */
export const standsAlone = (rule: LoadedRule): boolean => rule.rule.variables.length === 0;

/** What a replay was that a look went along with. */
export interface LookedAt {
  readonly look: Look;
  readonly events: number;
  readonly byType: ReadonlyMap<string, { readonly events: number; readonly shown: number }>;
  readonly diagnostics: readonly Diagnostic[];
  readonly damaged: boolean;
}
