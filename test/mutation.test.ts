/** `test --mutate`: its verdicts are those of really changing the policy and running the tests. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { isMap, isSeq, parseDocument, type YAMLMap } from 'yaml';
import { execute } from '../scripts/tutorial.js';
import { checkRule } from '../src/language/index.js';
import { reachOf } from '../src/outputs/coverage.js';
import { mutationText } from '../src/outputs/mutation.js';
import { plain } from '../src/outputs/text.js';
import { evaluate } from '../src/workbench/eval.js';
import { meansTheSame } from '../src/workbench/meaning.js';
import { type Mutant, MutantSet } from '../src/workbench/mutantset.js';
import type { MutationReport, TestOptions, TestResult, TestSummary } from '../src/workbench/results.js';
import { RuleSets } from '../src/workbench/ruleset.js';
import { newTest } from '../src/workbench/scaffold.js';
import { runTests } from '../src/workbench/test.js';

const root = mkdtempSync(join(tmpdir(), 'seccam-mutation-'));
process.env['XDG_CACHE_HOME'] = join(root, 'cache');
t.teardown(() => rmSync(root, { recursive: true, force: true }));

const repository = join(import.meta.dirname, '..');
let copies = 0;
/** A copy of the user-shaped project that may be changed. */
function project(): string {
  const cwd = join(root, `project-${copies++}`);
  cpSync(join(repository, 'fixtures', 'project'), cwd, { recursive: true });
  return cwd;
}

async function run(
  cwd: string,
  options: TestOptions = {},
): Promise<{ tests: Map<string, TestResult>; summary: TestSummary }> {
  const tests = new Map<string, TestResult>();
  let summary: TestSummary | undefined;
  for await (const item of runTests({ cwd, ci: true, explain: false, jobs: 1, ...options })) {
    if (item.kind === 'test') tests.set(`${item.test.file} ${item.test.name}`, item.test);
    if (item.kind === 'summary') summary = item.summary;
  }
  return { tests, summary: summary! };
}

const original = project();
const whole = run(original, { mutate: true });
const mutantsOf = (cwd: string): readonly Mutant[] =>
  new MutantSet(new RuleSets(cwd).load(['rules']), () => true).mutants;
const survives = (report: MutationReport, mutant: Mutant): boolean =>
  report.survivors.some(
    (one) =>
      one.name === mutant.name &&
      one.operator === mutant.operator &&
      one.said === mutant.said &&
      one.span.start.offset === mutant.span.start.offset,
  );

const never = 'process.pid == -7';

/** The `set` action that a mutant is about, and what it is set to. */
function setting(item: YAMLMap, mutant: Mutant): [set: YAMLMap, value: string | undefined] {
  const [, name, value] = /^\$\{(?:\w+\.)?(\w+)\} is (?:set to (.*))?/.exec(mutant.said)!;
  const sets = (item.get('actions') as { items: YAMLMap[] }).items.map((one) => one.get('set') as YAMLMap);
  return [sets.find((one) => one?.get('name') === name)!, value];
}

/** Writes the mutant into the policy as a hand would; false: it takes more than a change of one place. */
function edit(cwd: string, mutant: Mutant): boolean {
  const file = join(cwd, mutant.span.file.slice(mutant.span.file.indexOf('/rules/')));
  const document = parseDocument(readFileSync(file, 'utf8'));
  const list = document.get(mutant.of === 'macro' ? 'macros' : 'rules');
  if (!isSeq(list)) throw new Error(`${file} has no list`);
  const item = list.items.find((one): one is YAMLMap => isMap(one) && one.get('id') === mutant.name)!;
  const before = String(item.get('expression'));
  const action = (kind: string): YAMLMap =>
    (item.get('actions') as { items: YAMLMap[] }).items.find((one) => one.has(kind))!;
  switch (mutant.operator) {
    case 'disable-rule':
      item.set('expression', `(${before}) && ${never}`);
      break;
    case 'drop-action':
      action(mutant.said.split(' ').at(-1)!).set('filter', never);
      break;
    case 'drop-set':
    case 'drop-ttl':
    case 'change-scope': {
      const name = /\$\{(?:\w+\.)?(\w+)\}/.exec(mutant.said)![1]!;
      const actions = (item.get('actions') as { items: YAMLMap[] }).items;
      const setting = actions.find((one) => (one.get('set') as YAMLMap | undefined)?.get('name') === name)!;
      const set = setting.get('set') as YAMLMap;
      if (mutant.operator === 'drop-set') setting.set('filter', never);
      else if (mutant.operator === 'drop-ttl') set.delete('ttl');
      else if (mutant.said.endsWith('not inherited')) set.set('inherited', false);
      else return false;
      break;
    }
    case 'other-value':
    case 'flip-append': {
      const [set, value] = setting(item, mutant);
      if (mutant.operator === 'flip-append') set.set('append', set.get('append') !== true);
      else set.set('value', JSON.parse(value!));
      break;
    }
    default:
      if (mutant.expression === undefined) {
        const [set, value] = setting(item, mutant);
        set.set(set.has('field') ? 'field' : 'expression', value);
        break;
      }
      item.delete('values');
      item.set('expression', mutant.expression);
  }
  writeFileSync(file, document.toString({ lineWidth: 0 }));
  return true;
}

t.test('a mutant is noticed if and only if the tests fail with the policy really so changed', async (tt) => {
  const { summary, tests } = await whole;
  const report = summary.mutation!;
  const mutants = mutantsOf(original);
  tt.equal(report.mutants, mutants.length);
  tt.ok(report.mutants > 400 && report.killed > 200 && report.unseen > 0 && report.unasserted > 0);
  tt.equal(report.killed + report.unseen + report.unasserted, report.mutants);
  const every = Number(process.env['SECCAM_MUTANT_STEP'] ?? 29);
  const rare = new Set(['drop-action', 'drop-set', 'change-scope', 'drop-ttl', 'drop-flag-bit', 'regroup']);
  const sample = mutants.filter((mutant, index) => index % every === 0 || rare.has(mutant.operator));
  const cwd = project();
  const outcomes = { noticed: 0, not: 0 };
  for (const mutant of sample) {
    if (!edit(cwd, mutant)) continue;
    const changed = await run(cwd);
    const noticed = [...tests].some(
      ([name, test]) => test.outcome === 'pass' && changed.tests.get(name)?.outcome !== 'pass',
    );
    if (noticed === survives(report, mutant))
      tt.fail(
        `${mutant.operator} of ${mutant.name}: ${mutant.said}: ${noticed ? '' : 'not '}noticed when really made`,
      );
    outcomes[noticed ? 'noticed' : 'not'] += 1;
    cpSync(join(original, 'rules'), join(cwd, 'rules'), { recursive: true });
  }
  tt.comment(`${outcomes.noticed} noticed, ${outcomes.not} not`);
  tt.ok(outcomes.noticed > 5 && outcomes.not > 5, 'both kinds are in the sample');
});

/** Counters, lists and a rule of `fim.write`, with tests that notice some of what can be wrong with them. */
function counting(): string {
  const cwd = project();
  rmSync(join(cwd, 'rules'), { recursive: true });
  rmSync(join(cwd, 'tests'), { recursive: true });
  mkdirSync(join(cwd, 'rules'));
  mkdirSync(join(cwd, 'tests'));
  writeFileSync(
    join(cwd, 'rules', 'counting.policy'),
    `rules:
  - id: written
    expression: fim.write.file.path in [~"/home/**", "/etc/cron.d/update"] && process.file.name not in ["sshd", "tar"]
    actions:
      - set: {name: writes, expression: "\${writes} + 1 - 0", default_value: 0}
      - set: {name: writers, field: process.ancestors.file.name, append: true, default_value: [nobody]}
      - set: {name: level, value: 2}
      - set: {name: armed, value: true, scope: process, inherited: true}
      - hash: {}
  - id: second_write
    expression: open.file.name == "update" && \${writes} == 2
  - id: shell_wrote
    expression: exec.file.name == "cat" && "dash" in \${writers} && \${level} > 1
`.replaceAll('\\$', '$'),
  );
  writeFileSync(
    join(cwd, 'tests', 'counting.test.yaml'),
    `version: 1
tests:
  - name: what was written is counted
    recording: ../recordings/web-shell.seccam
    expect: [{rule: written, where: process.file.name != ""}, shell_wrote]
    finally: \${level} == 2
`.replaceAll('\\$', '$'),
  );
  return cwd;
}

t.test(
  'actions that set variables and rules of fim.write have wrong versions, each as if really made',
  async (tt) => {
    const cwd = counting();
    const { summary, tests } = await run(cwd, { mutate: true });
    const report = summary.mutation!;
    tt.equal(summary.answer, 0, [...tests.values()].map((one) => one.reason).join());
    const mutants = mutantsOf(cwd);
    const ofWritten = mutants.filter((mutant) => mutant.name === 'written');
    const used = new Set(ofWritten.map((mutant) => mutant.operator));
    for (const operator of [
      'swap-plus-minus',
      'number-plus-minus-one',
      'other-value',
      'flip-append',
      'field-neighbour',
      'drop-member',
      'pattern-narrow',
      'disable-rule',
      'drop-set',
      'drop-action',
      'change-scope',
    ])
      tt.ok(used.has(operator), operator);
    tt.notMatch(JSON.stringify(report), /__fim_expanded/, 'rules are called as their author calls them');
    const outcomes = { noticed: 0, not: 0 };
    const other = counting();
    for (const mutant of mutants) {
      if (!edit(other, mutant)) continue;
      const changed = await run(other);
      const noticed = [...tests].some(
        ([name, test]) => test.outcome === 'pass' && changed.tests.get(name)?.outcome !== 'pass',
      );
      if (noticed === survives(report, mutant))
        tt.fail(`${mutant.operator}: ${mutant.said}: ${noticed ? '' : 'not '}noticed when really made`);
      outcomes[noticed ? 'noticed' : 'not'] += 1;
      cpSync(join(cwd, 'rules'), join(other, 'rules'), { recursive: true });
    }
    tt.comment(`${outcomes.noticed} noticed, ${outcomes.not} not, of ${mutants.length}`);
    tt.ok(outcomes.noticed > 5 && outcomes.not > 5, 'both kinds');
    const unseen = report.survivors.filter((one) => one.name === 'written' && one.missing !== undefined);
    tt.ok(unseen.some((one) => one.missing!.where !== ''));
    for (const one of unseen) {
      if (one.missing!.where === '' || one.expression === undefined) continue;
      for await (const item of evaluate({
        cwd,
        expression: one.missing!.where,
        recording: 'recordings/web-shell.seccam',
      }))
        if (item.kind === 'event') tt.fail(`${one.operator}: ${one.missing!.where}`);
    }
  },
);

t.test('what is said to be missing is missing, and what is said to help helps', async (tt) => {
  const report = (await whole).summary.mutation!;
  const unseen = report.survivors.filter((one) => one.state === 'unseen' && one.of === 'rule');
  const inputs = ['credentials', 'evasion', 'persistence', 'privilege', 'web-shell', 'incident-0503'];
  let asked = 0;
  for (const one of unseen.filter((_, index) => index % 9 === 0)) {
    if (one.missing!.where === '') continue;
    asked += 1;
    for (const name of inputs) {
      const options = {
        cwd: original,
        expression: one.missing!.where,
        recording: `recordings/${name}.seccam`,
      };
      for await (const item of evaluate(options))
        if (item.kind === 'event')
          tt.fail(`${one.operator} of ${one.name}: ${one.missing!.where} is in ${name}`);
    }
  }
  tt.ok(asked > 10);
  const unasserted = report.survivors.filter((one) => one.differs?.expectation !== undefined);
  tt.ok(unasserted.length > 0);
  for (const one of unasserted) {
    const { test, recording, expectation } = one.differs!;
    if (recording.startsWith('events of')) continue;
    const cwd = project();
    const text = `version: 1\ntests:\n  - name: added\n    recording: ../${recording}\n    ${expectation}\n`;
    writeFileSync(join(cwd, 'tests', 'added.test.yaml'), text);
    const added = await run(cwd, { mutate: true });
    tt.equal(added.tests.get('tests/added.test.yaml added')?.outcome, 'pass', `${expectation}`);
    const left = added.summary.mutation!.survivors.some(
      (other) => other.name === one.name && other.said === one.said && other.operator === one.operator,
    );
    tt.notOk(left, `${expectation} notices ${one.operator} of ${one.name}; ${test?.name}`);
  }
  const lines = mutationText(report, plain).join('\n');
  tt.match(lines, /mutants noticed \d+\/\d+ \(\d+ %\) · unseen \d+ · unasserted \d+/);
  tt.match(lines, /unseen: no open where .*"\/etc\/gshadow"/);
  tt.match(
    lines,
    /add {2}expect: \[\{rule: history_read, times: 1, where: 'process\.file\.name == "cat"'\}\]/,
  );
});

t.test('a score below the threshold is a failure, at it is not', async (tt) => {
  const { score } = (await whole).summary.mutation!;
  const missed = await run(original, { mutate: true, thresholds: { score: score + 1 } });
  tt.same(missed.summary.mutation?.threshold, { want: score + 1, have: score, met: false });
  tt.equal(missed.summary.answer, 1);
  const met = await run(original, { mutate: true, thresholds: { score } });
  tt.equal(met.summary.answer, 0);
});

t.test(
  '--since: only rules that a revision of a real repository does not have so, and those that read them',
  async (tt) => {
    const cwd = counting();
    const git = (...words: string[]): void =>
      void execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...words], {
        cwd,
        stdio: 'pipe',
      });
    const policy = join(cwd, 'rules', 'counting.policy');
    const change = (from: string, to: string): void => {
      const text = readFileSync(policy, 'utf8');
      tt.ok(text.includes(from), from);
      writeFileSync(policy, text.replace(from, to));
    };
    const mutated = async (since: string): Promise<MutationReport> =>
      (await run(cwd, { mutate: true, since })).summary.mutation!;
    const names = (report: MutationReport): string[] => report.perRule.map((row) => row.rule);
    git('init', '-q');
    git('add', '-A');
    git('commit', '-qm', 'first');
    const nothing = await mutated('HEAD');
    tt.same([nothing.mutants, nothing.score, nothing.since], [0, 100, 'HEAD'], 'nothing changed');
    change('"update" &&', '"update.new" &&');
    tt.same(names(await mutated('HEAD')), ['second_write']);
    git('commit', '-qam', 'second');
    change('not in ["sshd", "tar"]', 'not in ["sshd"]');
    tt.same(names(await mutated('HEAD')), ['written'], 'one that became eight');
    tt.same(names(await mutated('HEAD~1')).sort(), ['second_write', 'written']);
    change('{name: level, value: 2}', '{name: level, value: 3}');
    git('commit', '-qam', 'third');
    change('value: 3', 'value: 2');
    tt.same(names(await mutated('HEAD')), ['written'], 'an action');
    change('rules:\n', 'rules:\n  - {id: recent, expression: open.file.name == "hosts"}\n');
    tt.same(names(await mutated('HEAD')).sort(), ['recent', 'written'], 'a rule that is new');
    await tt.rejects(mutated('no-such-revision'), /"no-such-revision" is not a revision/);
    await tt.rejects(
      run(cwd, { mutate: true, since: 'no-such-revision', names: ['/nothing here fits/'] }),
      /"no-such-revision" is not a revision/,
      'whatever is run',
    );

    const ran = spawnSync(
      process.execPath,
      [join(repository, 'bin', 'seccam.js'), 'test', '--mutate', '--since', 'HEAD~1'],
      {
        cwd,
        encoding: 'utf8',
      },
    );
    tt.match(ran.stdout, /^mutants since HEAD~1 noticed \d+\/\d+ \(\d+ %\)/m);
    tt.notMatch(ran.stdout, /second_write/);
  },
);

t.test('docs/tests.md prints what it says of coverage and mutation', (tt) => {
  const written = readFileSync(join(repository, 'docs', 'tests.md'), 'utf8');
  const { markdown, steps } = execute(written);
  tt.equal(steps.length, 2);
  for (const step of steps) tt.equal(step.status, step.want, `${step.command}\n${step.output}`);
  const took = (text: string): string => text.replaceAll(/[\d.]+ s$/gm, 'N s');
  tt.equal(took(markdown), took(written), 'npx tsx scripts/tutorial.ts writes it anew');
  tt.end();
});

// ---------------------------------------------------------------- the three mistakes of the tutorial

const key = 'open.file.path in [~"/tmp/seccam-demo-*/home/*/.ssh/id_*"]';
const server = 'process.ancestors.file.name in ["nginx", "httpd"]';
const reading = 'open.flags & (O_WRONLY|O_RDWR) == 0';
const writing = 'open.file.name == "authorized_keys" && open.flags & O_WRONLY > 0';
const mistakes = [
  {
    name: 'precedence',
    right: `(${writing}) || (${key} && ${server} && ${reading})`,
    wrong: `${writing} || ${key} && ${server} && ${reading}`,
    leaf: 'open.file.name == "authorized_keys"',
    operator: 'regroup',
  },
  {
    name: 'a glob',
    right: `${key} && ${server} && ${reading}`,
    wrong: `open.file.path in [~"/tmp/seccam-demo-*/home/*/id_*"] && ${server} && ${reading}`,
    leaf: 'open.file.path in [~"/tmp/seccam-demo-*/home/*/id_*"]',
    operator: 'pattern-narrow',
  },
  {
    name: 'a field',
    right: `${key} && ${server} && ${reading}`,
    wrong: `${key} && process.file.name in ["nginx", "httpd"] && ${reading}`,
    leaf: 'process.file.name in ["nginx", "httpd"]',
    operator: 'field-neighbour',
  },
] as const;

for (const { name, right, wrong, leaf, operator } of mistakes) {
  t.test(`${name}: explain names the condition, coverage shows it, the mutant is noticed`, async (tt) => {
    const cwd = join(root, name.replace(' ', '-'));
    mkdirSync(join(cwd, 'rules'), { recursive: true });
    mkdirSync(join(cwd, 'recordings'));
    cpSync(join(repository, 'recordings', 'story.seccam'), join(cwd, 'recordings', 'story.seccam'));
    writeFileSync(join(cwd, 'seccam.yaml'), 'version: 1\nrules: [rules]\ntests: ["tests/**/*.test.yaml"]\n');
    const policy = (expression: string): void =>
      writeFileSync(
        join(cwd, 'rules', 'web.policy'),
        `rules:\n  - id: key_read\n    expression: |\n      ${expression}\n`,
      );
    policy(right);
    await newTest({ cwd, from: 'recordings/story.seccam' });

    const good = await run(cwd, { mutate: true });
    tt.equal(good.summary.answer, 0, 'the test that new test wrote passes');
    const { scope } = new RuleSets(cwd).load(['rules']).rules;
    const bug = checkRule(wrong, scope).rule!;
    const equal = mutantsOf(cwd).filter((mutant) =>
      [...mutant.changed.values()].some((rule) => rule !== undefined && meansTheSame(rule.rule, bug)),
    );
    tt.same(
      equal.map((mutant) => mutant.operator),
      [operator],
      'one mutant is the mistake',
    );
    tt.notOk(survives(good.summary.mutation!, equal[0]!), 'the test notices it');

    policy(wrong);
    const bad = await run(cwd, { explain: true, coverage: true });
    tt.equal(bad.summary.answer, 1);
    const explanation = [...bad.tests.values()].flatMap((test) =>
      test.checks.flatMap((check) => check.explanation ?? []),
    )[0]!;
    tt.equal(explanation.matched, 0);
    const { at } = explanation;
    const first = at[0]!.leaves.find((one) => !one.value)!;
    const [rule] = bad.summary.coverage!.perRule;
    const covered = rule!.leaves.find((one) => one.text === leaf)!;
    tt.equal(first.leaf, covered.leaf, 'the condition that stood in the way');
    tt.equal(rule!.fired.asserted, 0);
    tt.not(reachOf(covered, false), 'whole', `coverage: ${reachOf(covered, false)}`);
  });
}
