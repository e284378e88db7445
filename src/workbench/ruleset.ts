/** Rule sets of a run: each list of paths is loaded once, onto one table of strings that all its replays share. */

import { resolve } from 'node:path';
import {
  type LoadedRule,
  loadPolicies,
  loadRules,
  type PolicySource,
  type RuleEntry,
  type Ruleset,
} from '../rules/index.js';
import type { Diagnostic } from '../support/diagnostic.js';
import { StringTable } from '../support/strings.js';
import { nearest } from '../support/suggestion.js';
import { fits } from './glob.js';

export interface RulesInUse {
  readonly paths: readonly string[];
  readonly rules: Ruleset;
  readonly strings: StringTable;
  readonly diagnostics: readonly Diagnostic[];
  readonly sources: ReadonlyMap<string, string>;
}

export class RuleSets {
  readonly #loaded = new Map<string, RulesInUse>();

  constructor(readonly cwd: string) {}

  load(paths: readonly string[]): RulesInUse {
    const key = paths.join('\n');
    let found = this.#loaded.get(key);
    if (found === undefined) {
      const strings = new StringTable();
      const { rules, diagnostics, sources } = loadRules(
        this.cwd === process.cwd() ? paths : paths.map((path) => resolve(this.cwd, path)),
        { strings },
      );
      found = { paths, rules, strings, diagnostics, sources };
      this.#loaded.set(key, found);
    }
    return found;
  }
}

/** Rules whose texts are kept elsewhere, onto a table of strings that is in use. */
export function rulesOfTexts(sources: readonly PolicySource[], strings: StringTable): RulesInUse {
  const { rules, diagnostics, sources: texts } = loadPolicies(sources, { strings });
  return { paths: sources.map((source) => source.file), rules, strings, diagnostics, sources: texts };
}

/** What a name or pattern of a test stands for in a rule set. */
export interface Named {
  readonly loaded: readonly LoadedRule[];
  /** Named but not deciding: errors, disabled, filtered out. */
  readonly silent: readonly RuleEntry[];
}

export function named(pattern: string, rules: Ruleset): Named {
  const loaded = rules.rules.filter((rule) => fits(pattern, rule.id) || fits(pattern, rule.sourceId));
  const deciding = new Set(loaded.map((rule) => rule.sourceId));
  const silent = rules.entries.filter(
    (entry) => entry.status !== 'loaded' && fits(pattern, entry.id) && !deciding.has(entry.id),
  );
  return { loaded, silent };
}

export function nearRules(pattern: string, rules: Ruleset): string[] {
  return nearest(pattern, new Set(rules.entries.map((entry) => entry.id)));
}
