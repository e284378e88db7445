/** What became of each rule of each policy: kept by the text of its id, in file order. */
import type { Diagnostic } from '../support/diagnostic.js';
import type { Text } from './document.js';
import type { RuleDefinition } from './policy.js';
import type { LoadErrorKind, RuleEntry, RuleStatus } from './ruleset.js';

/** A `RuleEntry` while loading goes on. */
export interface Entry {
  readonly id: string;
  readonly policy: string;
  status: RuleStatus;
  errorKind: LoadErrorKind | undefined;
  reason: string | undefined;
  readonly span: RuleEntry['span'];
}

export class RuleBook {
  /** By the text of the id, which a combined definition has from its first one. */
  readonly #entries = new Map<Text, Entry>();

  constructor(readonly diagnostics: Diagnostic[]) {}

  get entries(): readonly RuleEntry[] {
    return [...this.#entries.values()];
  }

  add(rule: RuleDefinition): void {
    this.#entries.set(rule.id, {
      id: rule.id.text,
      policy: rule.policy.name,
      status: 'loaded',
      errorKind: undefined,
      reason: undefined,
      span: rule.id.span,
    });
  }

  mark(definition: RuleDefinition, change: Partial<Entry>): void {
    const entry = this.#entries.get(definition.id);
    if (entry !== undefined) Object.assign(entry, change);
  }

  /** The rule does not load; says why. */
  fail(definition: RuleDefinition, kind: LoadErrorKind, ...found: Diagnostic[]): void {
    this.diagnostics.push(...found);
    const reason = (found.find((item) => item.severity === 'error') ?? found[0])?.message;
    this.mark(definition, { status: 'error', errorKind: kind, reason });
  }

  /** Drops accepted definitions that went into another one: those whose id text is not in `kept`. */
  prune(kept: ReadonlySet<Text>): void {
    for (const [id, entry] of this.#entries)
      if (entry.status === 'loaded' && !kept.has(id)) this.#entries.delete(id);
  }
}
