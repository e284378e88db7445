/** Answers each test of a run: from what its replays gave, its verdict, its snapshot and its explanation. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Input } from '../pipeline/index.js';
import { type Diagnostic, DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { lookup } from '../support/lookup.js';
import { workbenchCodes } from './codes.js';
import { checkCase } from './conditions.js';
import { CoverageBook } from './coverage.js';
import { declaredFields } from './declared.js';
import { explainFailures } from './failure.js';
import { digest, type LastRun, stamp } from './lastrun.js';
import type { MutationCase, MutationInput } from './mutation.js';
import { pinnedRecording } from './pin.js';
import { type Project, shown } from './project.js';
import { Replays } from './replays.js';
import type { CheckResult, TestOptions, TestOutcome, TestResult } from './results.js';
import { RuleSets, type RulesInUse } from './ruleset.js';
import type { Facts } from './scenario.js';
import { rulesNamed } from './selection.js';
import { SnapshotFile, snapshotEntries, snapshotPath } from './snapshot.js';
import type { TestCase } from './suite.js';
import { syntheticRecording } from './synthetic.js';
import { judge } from './verdict.js';

/** One run of tests. */
export class Run {
  readonly sets: RuleSets;
  readonly coverage: CoverageBook;
  readonly replays: Replays;
  /** Something kept a test from being answered at all: no rules, a recording that cannot be read. */
  unanswered = false;
  /** Tests that would not fail the run, with what they ran on: what mutants are judged by. */
  readonly mutable: MutationCase[] = [];
  readonly #told = new Set<RulesInUse>();
  readonly #snapshots = new Map<string, SnapshotFile>();
  readonly #inputs = new Map<TestCase, readonly MutationInput[]>();

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
    this.replays = new Replays(options, cwd, chosen, this.sets, this.coverage);
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
    await this.replays.end();
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
        facts = await this.replays.of(test, recordings, inUse);
        this.#inputs.set(
          test,
          recordings.map((file) => ({
            key: this.replays.key(test, file),
            input: file,
            recording: shown(file, this.cwd),
          })),
        );
      } else {
        const made = synthetic(test);
        inputs = [made.input];
        const key = `${test.absolute}\n${test.name}`;
        this.#inputs.set(test, [
          { key, input: made.input, recording: `events of "${test.name}"`, types: made.types },
        ]);
        facts = [await this.replays.once(test, made.input, made.types, inUse)];
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
    const unreadable = facts.find((one) => !one.readable && !one.cut);
    if (unreadable !== undefined) {
      this.unanswered = true;
      const reason = unreadable.diagnostics[0]?.message ?? `"${unreadable.recording}" cannot be read`;
      return { ...counted, outcome: 'fail', reason };
    }
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
}

function synthetic(test: TestCase): { input: Input; types: ReadonlySet<string> } {
  const made = syntheticRecording(test.entry.events ?? [], (path) =>
    test.document.span([...test.path, 'events', ...path]),
  );
  if (made.bytes === undefined) throw new DiagnosticError(made.diagnostics);
  return { input: { name: `${test.file} (events)`, bytes: [made.bytes] }, types: made.types };
}

function verdictOf(checks: readonly CheckResult[]): 'pass' | 'fail' | 'inconclusive' {
  if (checks.some((check) => check.outcome === 'fail')) return 'fail';
  return checks.some((check) => check.outcome === 'inconclusive') ? 'inconclusive' : 'pass';
}

const sum = <T>(list: readonly T[], pick: (item: T) => number): number =>
  list.reduce((total, item) => total + pick(item), 0);

function isProgram(name: string): boolean {
  if (name.includes('/')) return existsSync(name);
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .some((folder) => folder !== '' && existsSync(join(folder, name)));
}
