import { readFileSync } from 'node:fs';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { CoverageReport, TestItem, TestResult, TestSummary } from '../outputs/answers.js';
import { testReport } from '../outputs/report/tests.js';
import type { TestFormat, TestFormatName } from '../outputs/tests/index.js';
import { testFormatNames, testFormats } from '../outputs/tests/index.js';
import { paintFor, printable } from '../outputs/text.js';
import { packageVersion } from '../support/package.js';
import type { TestOptions } from '../workbench/results.js';
import { SeccamCommand } from './base.js';
import { allCodes } from './code-tables.js';
import { badUsage, given, recordingFlags, recordingOptions, shardOf, thresholdsOf } from './flags.js';
import { formatFlag, openSink, targets } from './format.js';
import { writePage } from './report.js';

export default class Test extends SeccamCommand {
  static override summary = 'Run the tests of the rules.';
  static override description =
    'Without a path: the tests of seccam.yaml. Exits with 0 when all pass, 1 when one fails or is inconclusive, 2 when there was nothing to run.';
  static override examples = [
    'seccam test',
    'seccam test tests/web-shell.test.yaml:12 --format pretty --format junit=out/junit.xml',
  ];
  static override strict = false;
  static override args = { path: Args.string({ description: 'PATH or PATH:LINE, one or more' }) };
  static override flags = {
    ...recordingFlags,
    format: formatFlag([...testFormatNames, 'html']),
    name: Flags.string({
      char: 't',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'TEXT',
      description: 'tests whose name holds this, or matches /this/',
    }),
    rule: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'GLOB',
      description: 'tests that name such a rule',
    }),
    changed: Flags.string({
      helpValue: 'REF',
      description: 'tests that changes since this revision can affect',
    }),
    failed: Flags.boolean({ description: 'tests that failed last time' }),
    bail: Flags.boolean({ description: 'stop at the first failure' }),
    shard: Flags.string({ helpValue: 'I/N', description: 'the I-th of N parts' }),
    jobs: Flags.integer({ char: 'j', min: 1, description: 'recordings at a time' }),
    watch: Flags.boolean({
      char: 'w',
      description: 'run again what a change affects; keys: a all, f failed, u update, e explanations, q quit',
    }),
    update: Flags.boolean({ char: 'u', description: 'rewrite the snapshots of the tests that are run' }),
    pin: Flags.option({ options: ['missing', 'always', 'never'] as const })({
      description: 'when to record the `run:` of a test',
    }),
    allow: Flags.option({ options: ['inconclusive'] as const, multiple: true, multipleNonGreedy: true })({
      description: 'outcomes that do not fail the run',
    }),
    coverage: Flags.boolean({ description: 'show what the tests cover' }),
    'coverage-from': Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'FILE',
      description: 'add what another shard covered: its --coverage --format json',
    }),
    threshold: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'NAME=PERCENT',
      description: 'fail below this: rules, decided, members (of coverage), score (of mutation)',
    }),
    mutate: Flags.boolean({
      description: 'make wrong versions of the rules and show which ones no test notices',
    }),
    since: Flags.string({
      helpValue: 'REF',
      description: 'mutate only rules that changed since this revision',
    }),
  };

  override async run(): Promise<number> {
    const { argv, flags } = await this.parse(Test);
    const thresholds = flags.threshold === undefined ? undefined : thresholdsOf(flags.threshold);
    const covered = Object.keys(thresholds ?? {}).some((name) => name !== 'score');
    const options = {
      ...recordingOptions(flags),
      ...(argv.length > 0 ? { paths: argv.map(String) } : {}),
      ...given('names', flags.name),
      ...given('ruleIds', flags.rule),
      ...given('changed', flags.changed),
      ...given('shard', flags.shard === undefined ? undefined : shardOf(flags.shard)),
      ...given('jobs', flags.jobs),
      ...given('pin', flags.pin),
      ...given('allow', flags.allow),
      ...given('thresholds', thresholds),
      ...given('since', flags.since),
      failed: flags.failed,
      bail: flags.bail,
      update: flags.update,
      ...given('coverageFrom', flags['coverage-from']?.map(coverageOf)),
      coverage: flags.coverage || covered || flags['coverage-from'] !== undefined,
      mutate: flags.mutate || flags.since !== undefined || thresholds?.['score'] !== undefined,
    };
    if (flags.watch) return this.#watch(options, flags.format);
    const { runTests } = await import('../workbench/test.js');
    const outputs = openOutputs(flags.format);
    let answer = 2;
    for await (const item of runTests(options)) answer = this.#tell(item, outputs) ?? answer;
    return answer;
  }

  /** Until the key q or ^C. The exit status is that of the last run. */
  async #watch(options: TestOptions, format: readonly string[]): Promise<number> {
    const { watch, WatchControl } = await import('../workbench/watch.js');
    const ending = new AbortController();
    const control = new WatchControl();
    process.once('SIGINT', () => ending.abort());
    if (process.stdin.isTTY) {
      process.stdin.setRawMode(true);
      process.stdin.on('data', (bytes) => {
        const key = bytes.toString();
        if (key === 'q' || key === '\u0003') ending.abort();
        else control.key(key);
      });
    }
    let outputs = openOutputs(format);
    let answer = 2;
    for await (const item of watch({ ...options, signal: ending.signal, control })) {
      if (item.kind === 'begin') {
        outputs = openOutputs(format);
        this.remark(`${item.why.map(printable).join(', ')} …`);
      } else if (item.kind === 'waiting')
        this.remark(`${Math.round(item.ms)} ms; a all, f failed, u update, e explanations, q quit`);
      else {
        answer = this.#tell(item, outputs) ?? answer;
      }
    }
    if (process.stdin.isTTY) process.stdin.setRawMode(false);
    process.stdin.pause();
    return answer;
  }

  /** Gives the answer when the item holds it. */
  #tell(item: TestItem, outputs: readonly ((item: TestItem) => void)[]): number | undefined {
    if (item.kind === 'diagnostic') this.report([item.diagnostic]);
    if (item.kind === 'test') this.report(item.test.diagnostics);
    for (const output of outputs) output(item);
    return item.kind === 'summary' ? item.summary.answer : undefined;
  }
}

function coverageOf(file: string): CoverageReport {
  let read: unknown;
  try {
    read = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw badUsage(
      `"${file}" cannot be read as JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const report = (read as TestSummary | null)?.coverage ?? (read as CoverageReport | null);
  if (report?.schema !== 'seccam/coverage@1')
    throw badUsage(`"${file}" holds no coverage`, `seccam test --coverage --format json=${file}`);
  return report;
}

function openOutputs(values: readonly string[]): ((item: TestItem) => void)[] {
  const codes = new Map(allCodes().map((item) => [item.code, item.doc]));
  return targets(values).map((target) => {
    if (target.name === 'html') {
      const results: TestResult[] = [];
      return (item) => {
        if (item.kind === 'test') results.push(item.test);
        if (item.kind === 'summary') writePage(target, testReport(results, item.summary, packageVersion()));
      };
    }
    const sink = openSink(target);
    const format: TestFormat = testFormats[target.name as TestFormatName]({
      paint: paintFor(sink),
      version: packageVersion(),
      codes,
    });
    return (item) => {
      if (item.kind === 'plan') sink.write(format.begin?.(item) ?? '');
      else if (item.kind === 'test') sink.write(format.test(item.test));
      else if (item.kind === 'summary') {
        sink.write(format.end(item.summary));
        sink.end();
      }
    };
  });
}
