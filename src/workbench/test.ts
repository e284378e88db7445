/**
 * Runs tests: reads and selects them, replays each recording once for all tests that share rules and context,
 * judges, and gives the answers in the order of files and tests.
 */
import { existsSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Input } from '../pipeline/index.js';
import type { LoadedRule, Observer } from '../rules/index.js';
import { type Diagnostic, DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { lookup } from '../support/lookup.js';
import { nearest } from '../support/suggestion.js';
import { workbenchCodes } from './codes.js';
import { checkCase } from './conditions.js';
import { CoverageBook } from './coverage.js';
import { Crew, usualJobs } from './crew.js';
import { declaredFields } from './declared.js';
import { explainFailures, mostExplained } from './failure.js';
import { digest, LastRun, stamp } from './lastrun.js';
import { type MutationCase, type MutationInput, mutation } from './mutation.js';
import { pinnedRecording } from './pin.js';
import { type Project, projectOf, shown } from './project.js';
import type { CheckResult, TestItem, TestOptions, TestOutcome, TestResult, TestSummary } from './results.js';
import { RuleSets, type RulesInUse } from './ruleset.js';
import { conditionKey, type Facts, runScenario, type WhereCondition } from './scenario.js';
import { places, rulesNamed, select } from './selection.js';
import { SnapshotFile, snapshotEntries, snapshotPath } from './snapshot.js';
import { readSuite, type TestCase } from './suite.js';
import { syntheticRecording } from './synthetic.js';
import { judge } from './verdict.js';

/** Runs the selected tests. Throws a `DiagnosticError` when there is nothing to run. */
export async function* runTests(options: TestOptions = {}): AsyncGenerator<TestItem> {
  const began = performance.now();
  const cwd = options.cwd ?? process.cwd();
  const ci = options.ci ?? isCi();
  const project = projectOf({ cwd });
  const wanted = places(options, project);
  const files = [...new Set(wanted.map((place) => place.file))];
  const suite = readSuite({ cwd, project, files, rules: options.rules, ci });
  const last = LastRun.open(project.root);
  const chosen = select(suite.cases, wanted, options, last);
  for (const item of suite.diagnostics) yield { kind: 'diagnostic', diagnostic: item };
  const broken = suite.diagnostics.some((item) => item.severity === 'error');
  const narrowed = [options.shard, options.changed, options.changedFiles].some((item) => item !== undefined);
  if (chosen.length === 0 && !broken && !narrowed) {
    const near = (options.names ?? []).flatMap((name) =>
      nearest(
        name,
        suite.cases.map((test) => test.name),
        1,
      ),
    );
    const nearRules = (options.ruleIds ?? []).flatMap((id) =>
      nearest(id, new Set(suite.cases.flatMap(rulesNamed)), 1),
    );
    const message =
      options.failed === true && last.known && !last.anyFailed
        ? 'No test failed in the run before, so there is none to run again'
        : `None of ${suite.cases.length} tests was selected`;
    throw new DiagnosticError([
      diagnostic(workbenchCodes, 'no-tests', message, {
        suggestions: [
          ...near.map((name) => `-t ${JSON.stringify(name)}`),
          ...nearRules.map((id) => `--rule ${id}`),
        ],
      }),
    ]);
  }
  yield { kind: 'plan', files: files.length, tests: suite.cases.length, selected: chosen.length };

  const order = options.shuffle === undefined ? chosen : shuffled(chosen, options.shuffle);
  const run = new Run(options, project, cwd, ci, order, last);
  const early = new Map<TestCase, TestResult>();
  if (order !== chosen) {
    for (const test of order) {
      run.ahead();
      early.set(test, await run.test(test));
    }
  }
  const counts: Record<TestOutcome, number> = { pass: 0, fail: 0, inconclusive: 0, skip: 0, todo: 0 };
  let synthetic = 0;
  let events = 0;
  let bad = false;
  for (const test of chosen) {
    for (const item of run.loadDiagnostics(test)) yield { kind: 'diagnostic', diagnostic: item };
    run.ahead();
    const result = early.get(test) ?? (await run.test(test));
    counts[result.outcome] += 1;
    if (result.synthetic) synthetic += 1;
    events += result.events;
    const tolerated = [...test.allow, ...(options.allow ?? [])];
    if (
      (result.outcome === 'fail' || result.outcome === 'inconclusive') &&
      !tolerated.includes(result.outcome)
    )
      bad = true;
    yield { kind: 'test', test: result };
    if (options.bail === true && bad) break;
  }
  await run.end();
  const coverage =
    options.coverage === true
      ? run.coverage.report(options.thresholds ?? project.config.test?.coverage ?? {})
      : undefined;
  for (const threshold of coverage?.thresholds ?? []) {
    if (threshold.met) continue;
    bad = true;
    yield {
      kind: 'diagnostic',
      diagnostic: diagnostic(
        workbenchCodes,
        'below-threshold',
        `Coverage of ${threshold.name} is ${threshold.have} %, want at least ${threshold.want} %`,
      ),
    };
  }
  const mutants =
    options.mutate === true
      ? await mutation(run.mutable, {
          cwd,
          ...(options.since === undefined ? {} : { since: options.since }),
          ...threshold(options.thresholds?.['score'] ?? project.config.test?.mutation?.score),
          allResults: options.allResults === true,
          snapshot: run.snapshotOptions,
        })
      : undefined;
  if (mutants?.threshold?.met === false) {
    bad = true;
    yield {
      kind: 'diagnostic',
      diagnostic: diagnostic(
        workbenchCodes,
        'below-threshold',
        `The mutation score is ${mutants.score} %, want at least ${mutants.threshold.want} %`,
      ),
    };
  }
  const summary: TestSummary = {
    schema: 'seccam/test@1',
    files: files.length,
    tests: chosen.length,
    ...counts,
    synthetic,
    events,
    rules: chosen[0]?.rules,
    ...(coverage === undefined ? {} : { coverage }),
    ...(mutants === undefined ? {} : { mutation: mutants }),
    durationMs: performance.now() - began,
    answer: broken || run.unanswered ? 2 : bad ? 1 : 0,
  };
  yield { kind: 'summary', summary };
}

const threshold = (want: number | undefined): { threshold?: number } =>
  want === undefined ? {} : { threshold: want };

export const isCi = (): boolean => !['', '0', 'false', undefined].includes(process.env['CI']);

/** What one recording under one rule set and context is asked, by all tests together. */
interface Question {
  readonly conditions: Map<string, WhereCondition>;
  readonly finals: Set<string>;
  lines: boolean;
}

class Run {
  readonly sets: RuleSets;
  readonly coverage: CoverageBook;
  /** Something kept a test from being answered at all: no rules, a recording that cannot be read. */
  unanswered = false;
  /** Tests that would not fail the run, with what they ran on: what mutants are judged by. */
  readonly mutable: MutationCase[] = [];
  readonly #questions = new Map<string, Question>();
  readonly #answers = new Map<string, Promise<Facts>>();
  readonly #users = new Map<string, number>();
  readonly #suspected = new Map<RulesInUse, readonly LoadedRule[]>();
  readonly #told = new Set<RulesInUse>();
  readonly #snapshots = new Map<string, SnapshotFile>();
  readonly #inputs = new Map<TestCase, readonly MutationInput[]>();
  /** Replays in threads; undefined: one after the other, here. */
  readonly #crew: Crew | undefined;
  #begun = 0;

  constructor(
    readonly options: TestOptions,
    readonly project: Project,
    readonly cwd: string,
    readonly ci: boolean,
    readonly chosen: readonly TestCase[],
    readonly last: LastRun,
  ) {
    this.sets = new RuleSets(cwd);
    this.coverage = new CoverageBook(project.root);
    for (const report of options.coverageFrom ?? []) this.coverage.add(report);
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
        const key = this.#key(test, recording);
        if (!this.#answers.has(key) && (this.#users.get(key) ?? 0) > 0)
          this.#answers.set(
            key,
            this.#replay(test, recording, this.sets.load(test.rules.paths), this.#questions.get(key)!),
          );
      }
    }
  }

  /** Errors and warnings of the rules of a test, once for each rule set. */
  loadDiagnostics(test: TestCase): readonly Diagnostic[] {
    if (test.entry.skip !== undefined) return [];
    const inUse = this.sets.load(test.rules.paths);
    if (this.#told.has(inUse)) return [];
    this.#told.add(inUse);
    if (this.options.coverage === true) this.coverage.rules(inUse);
    return inUse.diagnostics;
  }

  async test(test: TestCase): Promise<TestResult> {
    const began = performance.now();
    const outcome = await this.#answer(test);
    if (this.options.mutate === true) this.#keep(test, outcome.outcome);
    return { ...outcome, durationMs: performance.now() - began };
  }

  /** Tests that are bad already, or that nothing was run for, notice no mutant. */
  #keep(test: TestCase, outcome: TestOutcome): void {
    const inputs = this.#inputs.get(test);
    const tolerated = [...test.allow, ...(this.options.allow ?? [])];
    if (inputs === undefined || (outcome !== 'pass' && !tolerated.includes(outcome))) return;
    this.mutable.push({ test, inUse: this.sets.load(test.rules.paths), inputs, tolerated });
  }

  get snapshotOptions(): Parameters<typeof snapshotEntries>[1] {
    const { fields, mask } = this.project.config.snapshot ?? {};
    return { fields, masks: mask, work: this.project.root };
  }

  async end(): Promise<void> {
    for (const file of this.#snapshots.values()) file.save();
    this.last.save();
    await this.#crew?.end();
  }

  async #answer(test: TestCase): Promise<Omit<TestResult, 'durationMs'>> {
    const { entry } = test;
    const base = {
      file: test.file,
      name: test.name,
      span: test.span,
      synthetic: entry.events !== undefined,
      declared: declaredFields(test.context),
      recordings: test.recordings.map((file) => shown(file, this.cwd)),
      rules: rulesNamed(test),
      events: 0,
      detections: 0,
      checks: [] as CheckResult[],
      diagnostics: [] as readonly Diagnostic[],
    };
    if (entry.skip !== undefined) return { ...base, outcome: 'skip', reason: entry.skip };
    const missing = test.needs.filter((name) => !isProgram(name));
    if (missing.length > 0)
      return {
        ...base,
        outcome: 'skip',
        reason: `needs ${missing.join(', ')}, which ${missing.length === 1 ? 'is' : 'are'} not here`,
      };
    const inUse = this.sets.load(test.rules.paths);
    const found = checkCase(test, inUse);
    const errors = found.filter((item) => item.severity === 'error' && item.code !== 'unknown-rule');
    if (inUse.rules.rules.length === 0 && inUse.rules.entries.length === 0) {
      this.unanswered = true;
      return { ...base, outcome: 'fail', reason: 'no rule was loaded', diagnostics: found };
    }
    if (errors.length > 0) {
      const outcome = entry.todo === undefined ? 'fail' : 'todo';
      return {
        ...base,
        outcome,
        reason: errors.length === 1 ? errors[0]!.message : `${errors.length} mistakes in the test`,
        diagnostics: found,
      };
    }
    if (
      entry.todo !== undefined &&
      entry.recording === undefined &&
      entry.recordings === undefined &&
      entry.run === undefined &&
      entry.events === undefined
    )
      return { ...base, outcome: 'todo', reason: entry.todo };
    let recordings = test.recordings;
    if (entry.run !== undefined) {
      const pinned = await pinnedRecording(test, {
        project: this.project,
        cwd: this.cwd,
        pin: this.options.pin ?? (this.ci ? 'never' : (this.project.config.recordings?.pin ?? 'missing')),
      });
      if (pinned.outcome !== 'ready')
        return { ...base, outcome: pinned.outcome, reason: pinned.reason, diagnostics: pinned.diagnostics };
      recordings = [pinned.recording];
    }
    let facts: Facts[];
    let inputs: readonly Input[] = recordings;
    try {
      if (entry.events === undefined) {
        facts = await this.#replays(test, recordings, inUse);
        this.#inputs.set(
          test,
          recordings.map((file) => ({
            key: this.#key(test, file),
            input: file,
            recording: shown(file, this.cwd),
          })),
        );
      } else {
        const made = this.#synthetic(test);
        inputs = [made.input];
        const key = `${test.absolute}\n${test.name}`;
        this.#inputs.set(test, [
          { key, input: made.input, recording: `events of "${test.name}"`, types: made.types },
        ]);
        facts = [await this.#once(test, made.input, made.types, inUse)];
      }
    } catch (error) {
      if (!(error instanceof DiagnosticError)) throw error;
      const synthetic = entry.events !== undefined;
      if (!synthetic) this.unanswered = true;
      return {
        ...base,
        outcome: 'fail',
        reason: error.diagnostics[0]?.message ?? error.message,
        diagnostics: error.diagnostics,
      };
    }
    const told = facts.flatMap((one) => one.diagnostics);
    if (facts.some((one) => one.damaged) && this.options.acceptDamage !== true) this.unanswered = true;
    const counted = {
      ...base,
      recordings: recordings.map((file) => shown(file, this.cwd)),
      events: sum(facts, (one) => one.events),
      detections: sum(facts, (one) => one.detections.length),
      diagnostics: [...found, ...told],
    };
    if (facts.some((one) => one.cut) || sum(facts, (one) => one.tookMs) > test.timeoutMs) {
      return {
        ...counted,
        outcome: 'fail',
        reason: `it took longer than ${test.timeoutMs / 1000} s`,
        diagnostics: [
          ...counted.diagnostics,
          diagnostic(
            workbenchCodes,
            'timed-out',
            `"${test.name}" took longer than ${test.timeoutMs / 1000} s`,
            { span: test.span },
          ),
        ],
      };
    }
    let checks = judge(test, facts, inUse);
    const snapshot = entry.snapshot === true ? this.#snapshot(test, facts, checks) : undefined;
    checks =
      this.options.explain === false
        ? checks
        : await explainFailures(checks, test, inputs, facts, inUse, this.options.allResults === true);
    const verdict = verdictOf(checks);
    const outcome = this.#marked(test, verdict, checks);
    const answer = digest(
      JSON.stringify([
        checks
          .filter((check) => check.key !== 'snapshot')
          .map(({ title, outcome: one, message, seen }) => [title, one, message, seen]),
        facts.map((one) => one.detections.map((seen) => [seen.rule, seen.seq, seen.process, seen.delivered])),
      ]),
    );
    const given = digest(
      [
        JSON.stringify([entry, test.context]),
        ...inUse.rules.policies.map((policy) => policy.text),
        ...recordings.map(stamp),
      ].join('\n'),
    );
    if (this.last.contradicts(test, given, answer)) {
      checks.push({
        key: 'load',
        title: 'the same answer as before',
        outcome: 'fail',
        code: 'not-deterministic',
        message: 'The same rules and recordings gave another answer in the run before',
        span: test.span,
      });
      this.last.remember(test, 'fail', given, answer);
      return {
        ...counted,
        outcome: 'fail',
        reason: 'not deterministic: another answer on the same inputs',
        checks,
      };
    }
    this.last.remember(test, outcome.outcome, given, answer);
    return { ...counted, ...outcome, checks, ...(snapshot === undefined ? {} : { snapshot }) };
  }

  /** The marks `fails` and `todo` turn the verdict around or take it away. */
  #marked(
    test: TestCase,
    verdict: 'pass' | 'fail' | 'inconclusive',
    checks: CheckResult[],
  ): { outcome: TestOutcome; reason?: string } {
    const { fails, todo } = test.entry;
    if (todo !== undefined) return { outcome: 'todo', reason: todo };
    if (fails !== undefined) {
      if (verdict === 'fail') return { outcome: 'pass', reason: `known miss: ${fails}` };
      if (verdict === 'pass') {
        checks.push({
          key: 'fails',
          title: `fails: ${fails}`,
          outcome: 'fail',
          code: 'passes-unexpectedly',
          message: `The test passes although it is marked as failing ("${fails}"); take the mark away`,
          span: test.document.keySpan([...test.path, 'fails']),
        });
        return { outcome: 'fail', reason: 'passes although it is marked as failing' };
      }
    }
    const first = checks.find((check) => check.outcome === verdict);
    return verdict === 'pass' || first?.message === undefined
      ? { outcome: verdict }
      : { outcome: verdict, reason: first.message };
  }

  #snapshot(test: TestCase, facts: readonly Facts[], checks: CheckResult[]): TestResult['snapshot'] {
    const path = snapshotPath(test.absolute);
    const file = lookup(this.#snapshots, path, () => new SnapshotFile(path, shown(path, this.cwd)));
    const entries = snapshotEntries(
      facts.flatMap((one) => one.detections.flatMap((seen) => (seen.line === undefined ? [] : [seen.line]))),
      this.snapshotOptions,
    );
    const change = file.compare(test.name, entries);
    const span = test.document.keySpan([...test.path, 'snapshot']);
    const title = 'snapshot';
    if (change.state === 'same') checks.push({ key: 'snapshot', title, outcome: 'pass', span });
    else if (this.options.update === true || (change.state === 'absent' && !this.ci)) {
      file.set(test.name, entries);
      checks.push({ key: 'snapshot', title, outcome: 'pass', span });
      return { ...change, state: change.state === 'absent' ? 'written' : 'updated' };
    } else if (change.state === 'absent') {
      checks.push({
        key: 'snapshot',
        title,
        outcome: 'fail',
        code: 'snapshot-absent',
        message: `${change.file} holds no snapshot of this test, and CI is set; run "seccam test --update" and commit it`,
        span,
      });
    } else {
      checks.push({
        key: 'snapshot',
        title,
        outcome: 'fail',
        code: 'snapshot-differs',
        message: `+${change.added} −${change.removed} detections against ${change.file}`,
        span,
      });
    }
    return change;
  }

  #key(test: TestCase, recording: string): string {
    return [recording, test.rules.paths.join('\n'), JSON.stringify(test.context)].join('\n\n');
  }

  #ask(test: TestCase, recording: string): void {
    const key = this.#key(test, recording);
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

  async #replays(test: TestCase, recordings: readonly string[], inUse: RulesInUse): Promise<Facts[]> {
    const found: Facts[] = [];
    for (const recording of recordings) {
      const key = this.#key(test, recording);
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
      observer: this.#observer(this.#key(test, recording), test, inUse),
    });
  }

  #synthetic(test: TestCase): { input: Input; types: ReadonlySet<string> } {
    const made = syntheticRecording(test.entry.events ?? [], (path) =>
      test.document.span([...test.path, 'events', ...path]),
    );
    if (made.bytes === undefined) throw new DiagnosticError(made.diagnostics);
    return { input: { name: `${test.file} (events)`, bytes: [made.bytes] }, types: made.types };
  }

  /** Events that belong to one test alone. */
  #once(test: TestCase, input: Input, types: ReadonlySet<string>, inUse: RulesInUse): Promise<Facts> {
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

function verdictOf(checks: readonly CheckResult[]): 'pass' | 'fail' | 'inconclusive' {
  if (checks.some((check) => check.outcome === 'fail')) return 'fail';
  return checks.some((check) => check.outcome === 'inconclusive') ? 'inconclusive' : 'pass';
}

/** In an order that the number decides alone. */
function shuffled<T>(list: readonly T[], seed: number): T[] {
  const key = (index: number): string => digest(`${seed} ${index}`);
  return list
    .map((item, index) => ({ item, key: key(index) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ item }) => item);
}

function totalSize(files: Iterable<string>): number {
  let bytes = 0;
  for (const file of files) bytes += statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  return bytes;
}

const sum = <T>(list: readonly T[], pick: (item: T) => number): number =>
  list.reduce((total, item) => total + pick(item), 0);

export function isProgram(name: string): boolean {
  if (name.includes('/')) return existsSync(name);
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .some((folder) => folder !== '' && existsSync(join(folder, name)));
}
