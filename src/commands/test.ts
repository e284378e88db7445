import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { TestItem } from '../outputs/answers.js';
import type { TestFormat, TestFormatName } from '../outputs/tests/index.js';
import { testFormatNames, testFormats } from '../outputs/tests/index.js';
import { paintFor } from '../outputs/text.js';
import { packageVersion } from '../support/package.js';
import { SeccamCommand } from './base.js';
import { allCodes } from './code-tables.js';
import { given, recordingFlags, recordingOptions, shardOf, thresholdsOf } from './flags.js';
import { formatFlag, openSink, targets } from './format.js';

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
    format: formatFlag(testFormatNames),
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
    update: Flags.boolean({ char: 'u', description: 'rewrite the snapshots of the tests that are run' }),
    pin: Flags.option({ options: ['missing', 'always', 'never'] as const })({
      description: 'when to record the `run:` of a test',
    }),
    allow: Flags.option({ options: ['inconclusive'] as const, multiple: true, multipleNonGreedy: true })({
      description: 'outcomes that do not fail the run',
    }),
    coverage: Flags.boolean({ description: 'show what the tests cover' }),
    threshold: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'NAME=PERCENT',
      description: 'fail below this coverage: rules, decided, members',
    }),
  };

  override async run(): Promise<number> {
    const { argv, flags } = await this.parse(Test);
    const { runTests } = await import('../workbench/test.js');
    const outputs = openOutputs(flags.format);
    let answer = 2;
    for await (const item of runTests({
      ...recordingOptions(flags),
      ...(argv.length > 0 ? { paths: argv.map(String) } : {}),
      ...given('names', flags.name),
      ...given('ruleIds', flags.rule),
      ...given('changed', flags.changed),
      ...given('shard', flags.shard === undefined ? undefined : shardOf(flags.shard)),
      ...given('jobs', flags.jobs),
      ...given('pin', flags.pin),
      ...given('allow', flags.allow),
      ...given('thresholds', flags.threshold === undefined ? undefined : thresholdsOf(flags.threshold)),
      failed: flags.failed,
      bail: flags.bail,
      update: flags.update,
      coverage: flags.coverage || flags.threshold !== undefined,
    })) {
      if (item.kind === 'diagnostic') this.report([item.diagnostic]);
      if (item.kind === 'test') this.report(item.test.diagnostics);
      if (item.kind === 'summary') answer = item.summary.answer;
      for (const output of outputs) output(item);
    }
    return answer;
  }
}

function openOutputs(values: readonly string[]): ((item: TestItem) => void)[] {
  const codes = new Map(allCodes().map((item) => [item.code, item.doc]));
  return targets(values).map((target) => {
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
