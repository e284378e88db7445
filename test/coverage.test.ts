/** What `test --coverage` counts, over a project with real recordings. */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { coverageHeadline, coverageText } from '../src/outputs/coverage.js';
import { plain } from '../src/outputs/text.js';
import { replay } from '../src/workbench/replay.js';
import type { CoverageReport, ReplaySummary, TestOptions, TestSummary } from '../src/workbench/results.js';
import { runTests } from '../src/workbench/test.js';

const project = fileURLToPath(new URL('../fixtures/project', import.meta.url));

async function summaryOf(options: TestOptions): Promise<TestSummary> {
  let summary: TestSummary | undefined;
  for await (const item of runTests({ cwd: project, ci: true, explain: false, coverage: true, ...options }))
    if (item.kind === 'summary') summary = item.summary;
  return summary!;
}

async function coverageOf(options: TestOptions): Promise<CoverageReport> {
  return (await summaryOf(options)).coverage!;
}

const whole = coverageOf({});

t.test('the sum over shards is what one run counts, in any order', async (t) => {
  const serial = await whole;
  t.ok(serial.rules.fired > serial.rules.total / 2, 'most rules fire');
  const shards: CoverageReport[] = [];
  for (const index of [1, 2, 3]) shards.push(await coverageOf({ shard: { index, count: 3 } }));
  t.ok(
    shards.every((shard) => shard.rules.fired < serial.rules.fired),
    'no shard covers it alone',
  );
  const last = await coverageOf({
    shard: { index: 1, count: 3 },
    // As they come from files.
    coverageFrom: JSON.parse(JSON.stringify([shards[2], shards[1]])) as CoverageReport[],
  });
  t.same(last, serial);
});

t.test('a condition is seen true, seen false and decides; what no test names is only seen', async (t) => {
  const one = await coverageOf({ names: ['/deploy key/'] });
  const all = await whole;
  const rules = new Map(all.perRule.map((rule) => [rule.rule, rule]));
  const wrong = all.perRule.filter(
    (rule) =>
      (rule.fired.asserted + rule.fired.seen > 0 && rule.leaves.every((leaf) => leaf.decided === 0)) ||
      rule.leaves.some(
        (leaf) =>
          leaf.asserted.decided > leaf.decided ||
          leaf.asserted.seenTrue > leaf.seenTrue ||
          leaf.decided > leaf.seenTrue + leaf.seenFalse,
      ),
  );
  t.same(wrong, []);
  const key = rules.get('key_read')!;
  const [path, name] = key.leaves;
  t.match(path?.members, [{ text: '~"/home/*/.ssh/id_*"' }, { text: '~"/root/.ssh/id_*"', matched: 0 }]);
  t.equal(path?.macro, undefined, 'a list that is a macro is a member list, not a condition of the macro');
  t.ok(name!.seenTrue > 0 && name!.seenFalse > 0);
  t.ok(one.rules.fired <= all.rules.fired);
  const text = coverageText(all, plain).join('\n');
  t.match(text, coverageHeadline(all));
  t.match(text, /key_read .*\n.*\n.*1 of 2 members matched; not: ~"\/root\/\.ssh\/id_\*"/);
});

t.test('the marks of conditions add up to the headline', async (t) => {
  const report = await whole;
  const lines = coverageText({ ...report, macros: [] }, plain);
  const marked = (mark: string): number =>
    lines.filter((line) => line.startsWith(`      ${mark} true `)).length;
  const folded = report.perRule.filter((rule) => lines.some((line) => line.startsWith(`  ✓ ${rule.rule} `)));
  const hidden = folded.reduce((sum, rule) => sum + rule.leaves.length, 0);
  const seen = lines.filter((line) => line.includes('decided only in tests that do not name')).length;
  t.ok(folded.length > 0 && marked('◐') > 0 && marked('✗') > 0);
  t.equal(hidden + marked('✓') + marked('◐') - seen, report.leaves.decided);
  t.equal(marked('✗') + seen, report.leaves.total - report.leaves.decided);
});

t.test('thresholds: below is a failure, at is not', async (t) => {
  const { rules } = await whole;
  const percent = Math.floor((rules.fired * 100) / rules.total);
  const met = await coverageOf({ thresholds: { rules: percent, members: 0 } });
  t.ok(met.thresholds.every((one) => one.met));
  const missed = await summaryOf({ thresholds: { rules: percent + 1 } });
  t.match(missed.coverage?.thresholds, [{ name: 'rules', have: percent, want: percent + 1, met: false }]);
  t.ok(missed.answer > 0);
});

t.test(
  'replay --profile: each rule and each condition on every event it is asked of, dearest first',
  async (t) => {
    const recordings = [`${project}/recordings/web-shell.seccam`];
    const summaries: ReplaySummary[] = [];
    for (const profile of [false, true])
      for await (const item of replay({ cwd: project, recordings, profile, noLimits: true }))
        if (item.kind === 'summary') summaries.push(item.summary);
    const [usual, profiled] = summaries;
    t.equal(usual!.profile, undefined);
    t.equal(profiled!.detections, usual!.detections, 'looking changes nothing');
    const rules = profiled!.profile!;
    const conditions = profiled!.predicates!;
    t.equal(rules.length, profiled!.rulesLoaded);
    t.equal(
      rules.reduce((sum, rule) => sum + rule.matches, 0),
      usual!.detections,
    );
    for (const list of [rules, conditions]) {
      const costs = list.map((one) => one.nanoseconds);
      t.same(
        costs,
        [...costs].sort((a, b) => b - a),
      );
      t.ok(costs[0]! > 0);
    }
    const reads = rules.find((one) => one.rule === 'web_shell_reads_key')!;
    const servers = conditions.find((one) => one.predicate === 'process.ancestors.file.name in web_servers')!;
    t.ok(servers.rules.includes('web_shell_reads_key') && servers.rules.length > 3);
    t.ok(servers.evaluations > reads.evaluations && servers.matches > reads.matches);
  },
);
