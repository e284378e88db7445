import { DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { nearest } from '../support/suggestion.js';
import { workbenchCodes } from './codes.js';
import { checkRevision } from './diff.js';
import { digest, LastRun } from './lastrun.js';
import { mutation } from './mutation.js';
import { projectOf } from './project.js';
import type { TestItem, TestOptions, TestOutcome, TestResult, TestSummary } from './results.js';
import { Run } from './run.js';
import { places, rulesNamed, select } from './selection.js';
import { readSuite, type TestCase } from './suite.js';

/** Runs the selected tests. Throws a `DiagnosticError` when there is nothing to run. */
export async function* runTests(options: TestOptions = {}): AsyncGenerator<TestItem> {
  const began = performance.now();
  const cwd = options.cwd ?? process.cwd();
  const ci = options.ci ?? isCi();
  const project = projectOf({ cwd });
  if (options.since !== undefined) checkRevision(options.since, cwd);
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
      run.replays.ahead();
      early.set(test, await run.test(test));
    }
  }
  const counts: Record<TestOutcome, number> = { pass: 0, fail: 0, inconclusive: 0, skip: 0, todo: 0 };
  let synthetic = 0;
  let events = 0;
  let bad = false;
  for (const test of chosen) {
    for (const item of run.loadDiagnostics(test)) yield { kind: 'diagnostic', diagnostic: item };
    run.replays.ahead();
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
    ...(suite.diagnostics.length === 0 ? {} : { diagnostics: suite.diagnostics }),
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

/** In an order that the number decides alone. */
function shuffled<T>(list: readonly T[], seed: number): T[] {
  const key = (index: number): string => digest(`${seed} ${index}`);
  return list
    .map((item, index) => ({ item, key: key(index) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ item }) => item);
}
