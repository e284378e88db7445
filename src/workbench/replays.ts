/** The replays of a run of tests: each recording once for all tests that share rules and context, here or in threads. */
import { statSync } from 'node:fs';
import type { Input } from '../pipeline/index.js';
import type { LoadedRule, Observer } from '../rules/index.js';
import { lookup } from '../support/lookup.js';
import type { CoverageBook } from './coverage.js';
import { Crew, usualJobs } from './crew.js';
import { mostExplained } from './failure.js';
import { shown } from './project.js';
import type { TestOptions } from './results.js';
import type { RuleSets, RulesInUse } from './ruleset.js';
import { conditionKey, type Facts, runScenario, type WhereCondition } from './scenario.js';
import { rulesNamed } from './selection.js';
import type { TestCase } from './suite.js';

/** What one recording under one rule set and context is asked, by all tests together. */
interface Question {
  readonly conditions: Map<string, WhereCondition>;
  readonly finals: Set<string>;
  lines: boolean;
}

export class Replays {
  readonly #questions = new Map<string, Question>();
  readonly #answers = new Map<string, Promise<Facts>>();
  readonly #users = new Map<string, number>();
  readonly #suspected = new Map<RulesInUse, readonly LoadedRule[]>();
  /** Replays in threads; undefined: one after the other, here. */
  readonly #crew: Crew | undefined;
  #begun = 0;

  constructor(
    readonly options: TestOptions,
    readonly cwd: string,
    readonly chosen: readonly TestCase[],
    readonly sets: RuleSets,
    readonly coverage: CoverageBook,
  ) {
    for (const test of chosen) for (const recording of test.recordings) this.#ask(test, recording);
    const recordings = new Set(chosen.flatMap((test) => test.recordings));
    const jobs = Math.min(options.jobs ?? usualJobs(totalSize(recordings)), this.#questions.size);
    // What rules saw of each event is summed up here, and would be more to carry over than to do.
    if (jobs > 1 && options.coverage !== true) this.#crew = new Crew(cwd, jobs);
  }

  /** Begins replays of the tests to come: as many as keep the crew busy, not so many that facts pile up. */
  ahead(): void {
    const crew = this.#crew;
    if (crew === undefined) return;
    for (; this.#begun < this.chosen.length && crew.awaited < 2 * crew.size; this.#begun++) {
      const test = this.chosen[this.#begun]!;
      if (test.entry.skip !== undefined || test.diagnostics.length > 0) continue;
      for (const recording of test.recordings) {
        const key = this.key(test, recording);
        if (!this.#answers.has(key) && (this.#users.get(key) ?? 0) > 0)
          this.#answers.set(
            key,
            this.#replay(test, recording, this.sets.load(test.rules.paths), this.#questions.get(key)!),
          );
      }
    }
  }

  /** What each of the recordings gives. */
  async of(test: TestCase, recordings: readonly string[], inUse: RulesInUse): Promise<Facts[]> {
    const found: Facts[] = [];
    for (const recording of recordings) {
      const key = this.key(test, recording);
      if (!this.#questions.has(key)) this.#ask(test, recording);
      let answer = this.#answers.get(key);
      if (answer === undefined) {
        answer = this.#replay(test, recording, inUse, this.#questions.get(key)!);
        this.#answers.set(key, answer);
      } else if (this.options.coverage === true) this.coverage.assert(key, inUse, rulesNamed(test));
      const facts = await answer;
      found.push(facts);
      const left = (this.#users.get(key) ?? 1) - 1;
      this.#users.set(key, left);
      // What a short time limit cut is no answer for a test with a longer one.
      if (left <= 0 || facts.cut) this.#answers.delete(key);
    }
    return found;
  }

  /** Events that belong to one test alone. */
  once(test: TestCase, input: Input, types: ReadonlySet<string>, inUse: RulesInUse): Promise<Facts> {
    const conditions = (test.entry.expect ?? []).flatMap((item) =>
      typeof item === 'string' || item.where === undefined ? [] : [{ rule: item.rule, text: item.where }],
    );
    const session = `${test.absolute}\n${test.name}`;
    return runScenario({
      input,
      recording: typeof input === 'string' ? input : input.name,
      rules: inUse,
      context: test.context,
      conditions,
      finallyConditions: test.entry.finally === undefined ? [] : [test.entry.finally],
      lines: test.entry.snapshot === true,
      synthetic: true,
      types,
      allResults: this.options.allResults === true,
      limitMs: test.timeoutMs,
      observer: this.#observer(session, test, inUse),
    });
  }

  async end(): Promise<void> {
    await this.#crew?.end();
  }

  /** What a replay is known by: recording, rules and context. */
  key(test: TestCase, recording: string): string {
    return [recording, test.rules.paths.join('\n'), JSON.stringify(test.context)].join('\n\n');
  }

  #ask(test: TestCase, recording: string): void {
    const key = this.key(test, recording);
    const question = lookup(this.#questions, key, () => ({
      conditions: new Map(),
      finals: new Set(),
      lines: false,
    }));
    for (const item of test.entry.expect ?? []) {
      if (typeof item === 'string' || item.where === undefined) continue;
      const condition = { rule: item.rule, text: item.where };
      question.conditions.set(conditionKey(condition), condition);
    }
    if (test.entry.finally !== undefined) question.finals.add(test.entry.finally);
    if (test.entry.snapshot === true) question.lines = true;
    this.#users.set(key, (this.#users.get(key) ?? 0) + 1);
  }

  #replay(test: TestCase, recording: string, inUse: RulesInUse, question: Question): Promise<Facts> {
    const options = {
      input: recording,
      recording: shown(recording, this.cwd),
      context: test.context,
      conditions: [...question.conditions.values()],
      finallyConditions: [...question.finals],
      lines: question.lines,
      synthetic: false,
      allResults: this.options.allResults === true,
      limitMs: test.timeoutMs,
    };
    if (this.#crew !== undefined) return this.#crew.ask({ ...options, rules: test.rules.paths });
    return runScenario({
      ...options,
      rules: inUse,
      explained: this.#suspects(inUse),
      observer: this.#observer(this.key(test, recording), test, inUse),
    });
  }

  /** Rules whose explanation is likely to be asked for; each is asked about once. */
  #suspects(inUse: RulesInUse): readonly LoadedRule[] {
    const { suspect, explain } = this.options;
    if (suspect === undefined || explain === false) return [];
    return lookup(this.#suspected, inUse, () => inUse.rules.rules.filter(suspect).slice(0, mostExplained));
  }

  #observer(session: string, test: TestCase, inUse: RulesInUse): Observer | undefined {
    if (this.options.coverage !== true) return undefined;
    this.coverage.assert(session, inUse, rulesNamed(test));
    return this.coverage.observer(session);
  }
}

function totalSize(files: Iterable<string>): number {
  let bytes = 0;
  for (const file of files) bytes += statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  return bytes;
}
