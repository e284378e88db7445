/**
 * The use cases behind the verbs, on real recordings: the story of a detection engineer from an empty folder
 * on, explain, diff, check, eval, scaffold, scratch worlds. Recording needs the built tracer.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { applyPatch } from 'diff';
import fc from 'fast-check';
import t from 'tap';
import { replay as pipeline } from '../src/pipeline/index.js';
import { Engine } from '../src/rules/index.js';
import { type Diagnostic, DiagnosticError } from '../src/support/diagnostic.js';
import { tracerAvailability } from '../src/tracer/index.js';
import { check } from '../src/workbench/check.js';
import { diffRecordings, diffRules } from '../src/workbench/diff.js';
import { decide } from '../src/workbench/doubt.js';
import { evaluate } from '../src/workbench/eval.js';
import { explain } from '../src/workbench/explain.js';
import { inspect } from '../src/workbench/inspect.js';
import { hunksOf, textDiff } from '../src/workbench/linediff.js';
import { isRandom, Normaliser } from '../src/workbench/normalise.js';
import { record } from '../src/workbench/record.js';
import { replay } from '../src/workbench/replay.js';
import type {
  EvalItem,
  ExplainNode,
  Explanation,
  InspectItem,
  ReplayItem,
  TestItem,
  TestOptions,
  TestResult,
  TestSummary,
} from '../src/workbench/results.js';
import { RuleSets } from '../src/workbench/ruleset.js';
import { init, newRule, newTest } from '../src/workbench/scaffold.js';
import { scratchProblem } from '../src/workbench/scratch.js';
import { runTests } from '../src/workbench/test.js';
import { WatchControl, watch } from '../src/workbench/watch.js';

const root = mkdtempSync(join(tmpdir(), 'seccam-workbench-'));
process.env['XDG_CACHE_HOME'] = join(root, 'cache');
t.teardown(() => rmSync(root, { recursive: true, force: true }));

const cannotTrace = tracerAvailability().problems[0]?.message ?? false;

// ---------------------------------------------------------------- vocabulary

let folders = 0;

function folder(files: Readonly<Record<string, string | Uint8Array>> = {}): string {
  const path = join(root, `f${++folders}`);
  mkdirSync(path);
  put(path, files);
  return path;
}

function put(path: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), content);
  }
}

async function tests(
  cwd: string,
  options: TestOptions = {},
): Promise<{ tests: TestResult[]; summary: TestSummary; diagnostics: Diagnostic[] }> {
  const found: TestResult[] = [];
  const diagnostics: Diagnostic[] = [];
  let summary: TestSummary | undefined;
  for await (const item of runTests({ cwd, ci: false, ...options }) as AsyncGenerator<TestItem>) {
    if (item.kind === 'test') found.push(item.test);
    else if (item.kind === 'diagnostic') diagnostics.push(item.diagnostic);
    else if (item.kind === 'summary') summary = item.summary;
  }
  return { tests: found, summary: summary!, diagnostics };
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

async function refusal(work: Promise<unknown>): Promise<Diagnostic | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof DiagnosticError) return error.diagnostics[0];
    throw error;
  }
}

/** The text of the condition that the closest event does not meet. */
function unmet(explanation: Explanation | undefined): string | undefined {
  const wrong = explanation?.at[0]?.leaves.find((leaf) => !leaf.value)?.leaf;
  const find = (node: ExplainNode): ExplainNode | undefined =>
    node.leaf === wrong ? node : node.children.map(find).find((one) => one !== undefined);
  return explanation === undefined || wrong === undefined ? undefined : find(explanation.tree)?.text;
}

const git = (cwd: string, ...args: string[]): string =>
  execFileSync(
    'git',
    [
      '-c',
      'user.name=t',
      '-c',
      'user.email=t@t',
      '-c',
      'init.defaultBranch=main',
      '-c',
      'commit.gpgsign=false',
      ...args,
    ],
    { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
  );

/** A web server that can be told what to do: a shell under another name. */
function webServer(cwd: string): string {
  const path = join(cwd, 'nginx');
  copyFileSync('/bin/sh', path);
  chmodSync(path, 0o755);
  return path;
}

const rule = (
  home: string,
  expression = `open.file.path in [~"${home}/home/*/.ssh/id_*"]\n      && process.ancestors.file.name in ["nginx", "httpd"]\n      && open.flags & (O_WRONLY|O_RDWR) == 0`,
): string =>
  `rules:
  - id: key_read
    expression: |
      ${expression}
  - id: web_shell
    expression: exec.file.name in ["sh", "dash", "bash"] && process.ancestors.file.name == "nginx"
    actions:
      - set: {name: web_child, value: true, scope: process, inherited: true}
  - id: child_reads
    expression: open.file.name == "passwd" && \${process.web_child} == true
`;

/** A project with a recorded attack. */
async function attacked(): Promise<{ cwd: string; recording: string }> {
  const cwd = folder();
  put(cwd, {
    'seccam.yaml': 'version: 1\n',
    'rules/web.policy': rule(cwd),
    'home/www/.ssh/id_ed25519': 'not a key\n',
    'home/www/.ssh/known_hosts': '',
  });
  const result = await record({
    cwd,
    command: [
      webServer(cwd),
      '-c',
      `sh -c 'cat home/www/.ssh/id_ed25519; cat home/www/.ssh/known_hosts /etc/passwd' > /dev/null; true`,
    ],
    output: 'recordings/attack.seccam',
  });
  t.equal(result.status, 0, JSON.stringify(result.diagnostics));
  return { cwd, recording: result.recording };
}

// ---------------------------------------------------------------- the story

t.test('from an empty folder to a lost detection that is noticed', { skip: cannotTrace }, async (tt) => {
  const cwd = folder();
  const made = await init({ cwd });
  tt.ok(
    made.files.every((file) => file.state === 'written'),
    JSON.stringify(made.files),
  );
  tt.same(
    (await init({ cwd })).files.map((file) => file.state),
    made.files.map(() => 'existed'),
    'nothing is overwritten',
  );
  const fresh = await tests(cwd);
  tt.same(
    fresh.tests.map((test) => test.outcome),
    ['pass', 'pass'],
    'what init writes passes',
  );
  tt.same(
    (await check({ cwd })).diagnostics.filter((item) => item.severity === 'error'),
    [],
  );

  rmSync(join(cwd, 'tests/web.test.yaml'));
  put(cwd, { 'rules/web.policy': rule(cwd), 'home/www/.ssh/id_ed25519': 'not a key\n' });
  const result = await record({
    cwd,
    command: [
      webServer(cwd),
      '-c',
      `sh -c 'cat home/www/.ssh/id_ed25519' > /dev/null; cat /etc/passwd > /dev/null; true`,
    ],
  });
  tt.equal(result.recording, 'recordings/nginx.seccam');
  tt.equal(result.next, 'seccam replay recordings/nginx.seccam');
  const written = await newTest({ cwd, from: 'recordings/nginx.seccam' });
  tt.same(written.files, [{ path: 'tests/nginx.test.yaml', state: 'written' }]);
  const green = await tests(cwd);
  tt.same(
    green.tests.map((test) => test.outcome),
    ['pass'],
    JSON.stringify(green.tests[0]?.checks),
  );
  git(cwd, 'init', '-q');
  git(cwd, 'add', '-A');
  git(cwd, 'commit', '-q', '-m', 'works');

  const bugs: readonly (readonly [name: string, expression: string, leaf: RegExp])[] = [
    [
      'wrong precedence',
      `open.file.name == "authorized_keys" && open.flags & O_WRONLY > 0 || open.file.path in [~"${cwd}/home/*/.ssh/id_*"] && process.ancestors.file.name in ["nginx", "httpd"]`,
      /open\.file\.name == "authorized_keys"/,
    ],
    [
      'wrong glob',
      `open.file.path in [~"${cwd}/home/*/id_*"] && process.ancestors.file.name in ["nginx", "httpd"]`,
      /open\.file\.path in/,
    ],
    [
      'wrong field',
      `open.file.path in [~"${cwd}/home/*/.ssh/id_*"] && process.file.name in ["nginx", "httpd"]`,
      /process\.file\.name in/,
    ],
  ];
  for (const [name, expression, leaf] of bugs) {
    put(cwd, { 'rules/web.policy': rule(cwd, expression) });
    const red = await tests(cwd);
    const diff = await diffRules({ cwd, base: 'HEAD' });
    if (name === 'wrong precedence') {
      // The mix is right associative: everything hangs on the first comparison.
      const warned = await check({ cwd });
      tt.ok(
        warned.diagnostics.some((item) => item.code === 'mixed-and-or'),
        `${name}: check warns: ${warned.diagnostics.map((item) => item.code)}`,
      );
    }
    const failed = red.tests[0]?.checks.find((one) => one.outcome === 'fail' && one.rule === 'key_read');
    tt.equal(red.tests[0]?.outcome, 'fail', name);
    tt.match(failed, { key: 'expect', code: 'count-differs', ruleSpan: { file: /web\.policy$/ } }, name);
    tt.match(unmet(failed?.explanation), leaf, `${name}: the explanation names the leaf`);
    tt.match(
      diff.changes,
      [
        {
          rule: 'key_read',
          state: 'lost',
          lost: 1,
          example: { recording: 'recordings/nginx.seccam', type: 'open', leaf },
        },
      ],
      `${name}: diff names the lost detection: ${JSON.stringify(diff.changes)}`,
    );
    tt.equal(diff.answer, 1);
  }
  put(cwd, { 'rules/web.policy': rule(cwd) });
  tt.equal((await diffRules({ cwd, base: 'HEAD' })).answer, 0, 'mended: no difference');
  tt.same((await tests(cwd, { changed: 'HEAD' })).tests, [], 'nothing changed, nothing to run');
  put(cwd, { 'rules/web.policy': rule(cwd, 'open.file.name == "x"') });
  tt.equal(
    (await tests(cwd, { changed: 'HEAD', explain: false })).tests.length,
    1,
    'a changed rule runs the tests that load it',
  );
});

// ---------------------------------------------------------------- replay, inspect, eval

t.test('replay: detections, which rules, what did not fire', { skip: cannotTrace }, async (tt) => {
  const { cwd, recording } = await attacked();
  const items = (await all(replay({ cwd }))) as ReplayItem[];
  tt.match(items[0], {
    kind: 'start',
    recordings: [recording],
    newest: true,
    rules: { from: 'project', paths: ['rules'] },
  });
  const lines = items.flatMap((item) => (item.kind === 'detection' ? [item.detection] : []));
  tt.same(
    lines.map((line) => line.rule_id),
    ['web_shell', 'key_read', 'child_reads'],
  );
  tt.match(lines[1], {
    event: { type: 'open', seq: Number, timestamp: /^\d{19}$/, elapsed: /^\d+$/ },
    process: { path: /\/cat$/, args: 'home/www/.ssh/id_ed25519', uid: process.getuid?.() ?? 0 },
    fields: { 'open.file.path': join(cwd, 'home/www/.ssh/id_ed25519') },
  });
  tt.equal(
    lines[1]?.process.ancestors[1]?.path,
    join(cwd, 'nginx'),
    'ancestry: the shell, then the web server',
  );
  tt.match(items.at(-1), { kind: 'summary', summary: { rulesLoaded: 3, detections: 3, answer: 0 } });
  const failing = (await all(replay({ cwd, failOn: ['key_*'] }))) as ReplayItem[];
  tt.match(failing.at(-1), { summary: { answer: 1 } });
  put(cwd, {
    'rules/web.policy':
      'rules:\n  - {id: near, expression: open.file.name == "passwd" && process.file.name == "nginx"}\n',
  });
  const silent = (await all(replay({ cwd }))) as ReplayItem[];
  tt.match(silent.at(-1), { summary: { detections: 0, closest: { rule: 'near', distance: 1 } } });
  tt.match(await refusal(all(replay({ cwd, recordings: ['recordings/atack.seccam'] }))), {
    code: 'no-such-file',
    suggestions: [{ text: 'recordings/attack.seccam' }],
  });
  put(cwd, { 'lfs.seccam': 'version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n' });
  tt.match(await refusal(all(replay({ cwd, recordings: ['lfs.seccam'] }))), {
    code: 'lfs-pointer',
    suggestions: [{ text: /git lfs pull/ }],
  });
  tt.match(await refusal(all(replay({ cwd, recordings: ['rules/web.policy'] }))), {
    code: 'not-a-recording',
  });
});

t.test('inspect: a line of events is an event of a test', { skip: cannotTrace }, async (tt) => {
  const { cwd, recording } = await attacked();
  const summary = ((await all(inspect({ cwd, recording }))) as InspectItem[]).find(
    (item) => item.kind === 'summary',
  );
  tt.match(summary, {
    summary: { mode: 'wrap', complete: true, exit: 0, gaps: [], command: [/nginx$/, '-c'] },
  });
  const lines = (
    (await all(
      inspect({ cwd, recording, types: ['open'], where: 'open.file.name in ["passwd", "known_hosts"]' }),
    )) as InspectItem[]
  ).flatMap((item) => (item.kind === 'event' ? [item.event] : []));
  tt.same(
    lines.map((line) => line.fields['open.file.name']),
    ['known_hosts', 'passwd'],
  );
  const back = (await all(
    evaluate({
      cwd,
      expression: 'open.file.name == "passwd" && process.file.name == "cat"',
      event: lines[1],
    }),
  )) as EvalItem[];
  tt.match(
    back,
    [
      { kind: 'value', value: true, type: 'bool' },
      { kind: 'end', matches: 1, answer: 0 },
    ],
    JSON.stringify(back),
  );
  const tree = ((await all(inspect({ cwd, recording, view: 'tree' }))) as InspectItem[]).flatMap((item) =>
    item.kind === 'process' ? [item.process] : [],
  );
  const names = tree.map((line) => line.path.split('/').at(-1));
  tt.same(
    names.slice(-4).map((name) => name === 'cat' || name === 'nginx' || /sh$/.test(name ?? '')),
    [true, true, true, true],
    names.join(' '),
  );
  tt.equal(tree.at(-1)?.exit, 'exited 0');
  const files = ((await all(inspect({ cwd, recording, view: 'files' }))) as InspectItem[]).filter(
    (item) => item.kind === 'row',
  );
  tt.ok(files.length > 3);
  tt.match(await refusal(all(inspect({ cwd, recording, types: ['opne'] }))), {
    code: 'bad-value',
    suggestions: [{ text: 'open' }],
  });
  tt.match(await refusal(all(inspect({ cwd, recording, where: 'open.file.nam == "x"' }))), {
    code: 'unknown-field',
  });
});

t.test('eval: conditions, values, mistakes', { skip: cannotTrace }, async (tt) => {
  const { cwd, recording } = await attacked();
  const found = (await all(
    evaluate({ cwd, recording, expression: 'open.file.name == "passwd"' }),
  )) as EvalItem[];
  tt.match(found.at(-1), { kind: 'end', matches: 1, answer: 0 });
  const none = (await all(
    evaluate({ cwd, recording, expression: 'open.file.name == "nothing"' }),
  )) as EvalItem[];
  tt.match(none, [{ kind: 'end', matches: 0, answer: 1 }]);
  tt.match(await refusal(all(evaluate({ cwd, recording, expression: 'open.file.nam == "x"' }))), {
    code: 'unknown-field',
  });
});

// ---------------------------------------------------------------- explain

t.test('explain: a rule that matched says why', { skip: cannotTrace }, async (tt) => {
  const { cwd, recording } = await attacked();
  const { explanations, answer } = await explain({ cwd, recording });
  tt.equal(answer, 0);
  tt.same(
    explanations.map((one) => [one.rule, one.matched]),
    [
      ['key_read', 1],
      ['web_shell', 1],
      ['child_reads', 1],
    ],
  );
  const [key, , child] = explanations;
  tt.match(key, {
    tree: { kind: 'and', children: [{ leaf: 0, trueOf: 1 }, { leaf: 1 }, { leaf: 2 }] },
    at: [{ distance: 0, value: true }],
    tries: [],
  });
  tt.match(key?.at[0]?.leaves[1], { value: true, matchedBy: { have: 'nginx', want: 'nginx' } });
  tt.match(
    child?.at[0]?.leaves[1]?.notes.join(),
    /\$\{process\.web_child\}: set by web_shell at event \d+, inherited from (sh|dash)\(\d+\)/,
  );
  tt.equal(key?.funnel.events, key?.funnel.events, 'the funnel narrows');
  tt.ok(
    (key?.funnel.events ?? 0) > (key?.funnel.ofType ?? 0) &&
      (key?.funnel.ofType ?? 0) >= (key?.funnel.shown ?? 0),
  );
});

t.test(
  'explain: a rule that did not match says what was closest, and tries what would',
  { skip: cannotTrace },
  async (tt) => {
    const { cwd, recording } = await attacked();
    const rows: readonly (readonly [
      expression: string,
      never: RegExp,
      note: RegExp,
      attempt: RegExp | undefined,
    ])[] = [
      [
        `open.file.path in [~"${cwd}/home/*/id_*"] && process.ancestors.file.name == "nginx"`,
        /open\.file\.path in/,
        /deeper than/,
        /home\/\*\/\*\/id_\*/,
      ],
      [
        `open.file.name == "id_ed25519" && process.ancestors.file.name in ["ngin", "httpd"]`,
        /process\.ancestors/,
        /"nginx" begins with the member "ngin"/,
        /"nginx"|~"ngin\*"/,
      ],
      [
        `open.file.name == "id_ed25519" && process.ancestors.file.name == "NGINX"`,
        /process\.ancestors/,
        /upper and lower case only/,
        /"nginx"/,
      ],
      [
        `open.file.name == "id_ed25519" && process.file.name == "nginx"`,
        /process\.file\.name/,
        /^$/,
        /process\.ancestors\.file\.name == "nginx"/,
      ],
      [
        `open.file.path == "id_ed25519" && process.file.name == "cat"`,
        /open\.file\.path/,
        /same last part/,
        /open\.file\.name == "id_ed25519"|id_ed25519"/,
      ],
    ];
    for (const [expression, leaf, note, attempt] of rows) {
      put(cwd, { 'rules/web.policy': `rules:\n  - id: mine\n    expression: '${expression}'\n` });
      const { explanations, answer } = await explain({ cwd, recording, ruleIds: ['mine'] });
      const [mine] = explanations;
      tt.equal(answer, 1, expression);
      tt.equal(mine?.matched, 0);
      tt.equal(mine?.at[0]?.distance, 1, `${expression}: one condition away`);
      tt.match(unmet(mine), leaf, expression);
      const wrong = mine?.at[0]?.leaves.filter((one) => !one.value) ?? [];
      tt.equal(wrong.length, 1);
      tt.match(wrong[0]?.notes.join(' ') ?? '', note, expression);
      if (attempt !== undefined) {
        const lines = mine?.tries ?? [];
        tt.ok(
          lines.some((line) => attempt.test(line.text) && line.matches > 0),
          `${expression}: ${JSON.stringify(lines)}`,
        );
        // What is printed was really evaluated: as a rule it matches as often.
        for (const line of lines) {
          put(cwd, { 'rules/web.policy': `rules:\n  - id: mine\n    expression: '${line.expression}'\n` });
          const again = await explain({ cwd, recording, ruleIds: ['mine'] });
          tt.equal(again.explanations[0]?.matched, line.matches, line.text);
        }
      }
    }
  },
);

t.test(
  'explain: real grouping, failures that rules do not see, rules that cannot answer',
  { skip: cannotTrace },
  async (tt) => {
    const { cwd, recording } = await attacked();
    put(cwd, {
      'rules/web.policy': `rules:
  - {id: mixed, expression: 'open.file.name == "a" && open.file.name == "b" || open.file.name == "c"'}
  - {id: off, disabled: true, expression: 'open.file.name == "a"'}
  - {id: wrong, expression: 'open.file.nam == "a"'}
`,
    });
    const { explanations } = await explain({ cwd, recording, ruleIds: ['mixed', 'off', 'wrong'] });
    const by = new Map(explanations.map((one) => [one.rule, one]));
    tt.match(
      by.get('mixed')?.tree,
      { kind: 'and', children: [{ kind: 'leaf' }, { kind: 'or', children: [{}, {}] }] },
      'the same precedence, right associative',
    );
    tt.match(by.get('off')?.blocked, { code: 'rule-disabled' });
    tt.match(by.get('wrong')?.blocked, { code: 'rule-not-loaded' });
    const hidden = by.get('mixed')?.hidden ?? {};
    tt.ok((hidden['ENOENT'] ?? 0) > 0, `opens that failed are told: ${JSON.stringify(hidden)}`);
    tt.same(by.get('mixed')?.shownResults, ['EACCES', 'EPERM']);
    tt.match(await refusal(explain({ cwd, recording, ruleIds: ['mixd'] })), {
      code: 'unknown-rule',
      suggestions: [{ text: '--rule mixed' }],
    });
    tt.match(await refusal(explain({ cwd, recording, at: 999_999 })), { code: 'no-such-event' });
    const at = await explain({ cwd, recording, ruleIds: ['mixed'], where: 'open.file.name == "passwd"' });
    tt.match(at.explanations[0]?.at, [{ type: 'open', distance: 2 }]);
  },
);

t.test('explain: counts are those of every leaf traced at every event', async (tt) => {
  const project = join(import.meta.dirname, '..', 'fixtures', 'project');
  const extra = `rules:
  - {id: register, expression: 'process.ancestors[A].file.name == "sh" && process.ancestors[A].uid == 0 && open.file.name == "passwd"'}
  - {id: nested, expression: '!(open.flags & O_WRONLY > 0 || open.file.path in [~"/etc/**", "/usr/lib/x"]) && (process.uid == 7 || open.file.name == "no")'}
  - {id: marks, expression: open.file.name =~ "*.so*", actions: [{set: {name: libraries, expression: '\${libraries} + 1', default_value: 0}}]}
  - {id: counted, expression: '\${libraries} > 3 && open.file.name == "nothing"'}
`;
  const cwd = folder({
    'seccam.yaml': `version: 1\nrules: [${join(project, 'rules')}, more.policy]\n`,
    'more.policy': extra,
  });
  const { rules, strings } = new RuleSets(cwd).load([join(project, 'rules'), 'more.policy']);
  for (const recording of readdirSync(join(project, 'recordings')).filter((name) =>
    name.endsWith('.seccam'),
  )) {
    const input = join(project, 'recordings', recording);
    const seen = new Map<string, { matched: number; least: number; leaves: number[]; events: number }>();
    const engine: Engine = new Engine(rules, {
      limits: false,
      observer: {
        rule: (one, _event, value, trace) => {
          const { leaves, distance } = trace();
          const count = seen.get(one.id) ?? { matched: 0, least: 99, leaves: leaves.map(() => 0), events: 0 };
          seen.set(one.id, count);
          count.events += 1;
          if (value) count.matched += 1;
          count.least = Math.min(count.least, distance);
          for (const { leaf, value: holds } of leaves) if (holds) count.leaves[leaf]! += 1;
        },
      },
    });
    await pipeline([input], { strings, engine });
    const { explanations } = await explain({
      cwd,
      recording: input,
      ruleIds: rules.rules.map(({ id }) => id),
    });
    for (const one of explanations) {
      const want = seen.get(one.rule);
      const leaves: number[] = [];
      const walk = (node: ExplainNode): void => {
        if (node.leaf !== undefined) leaves[node.leaf] = node.trueOf;
        node.children.forEach(walk);
      };
      walk(one.tree);
      tt.same(
        [one.matched, one.funnel.shown, one.at[0]?.distance, leaves],
        [want?.matched ?? 0, want?.events ?? 0, want?.least, want?.leaves ?? leaves.map(() => 0)],
        `${recording} ${one.rule}`,
      );
    }
  }
});

t.test('three values: an unknown leaf matters only when the answer hangs on it', (tt) => {
  const leaf = (id: number) => ({ kind: 'truth', leaf: id }) as never;
  const and = (...operands: never[]) => ({ kind: 'and', operands }) as never;
  const or = (...operands: never[]) => ({ kind: 'or', operands }) as never;
  const values = [true, false, undefined];
  const of = (id: number) => values[id];
  tt.equal(decide(and(leaf(0), leaf(2)), of), undefined);
  tt.equal(decide(and(leaf(1), leaf(2)), of), false);
  tt.equal(decide(or(leaf(0), leaf(2)), of), true);
  tt.equal(decide(or(leaf(1), leaf(2)), of), undefined);
  tt.equal(decide({ kind: 'not', operand: leaf(2) } as never, of), undefined);
  tt.end();
});

// ---------------------------------------------------------------- diff, check, scaffold

t.test(
  'diff of two recordings of one act: nothing; of two acts: what differs',
  { skip: cannotTrace },
  async (tt) => {
    const cwd = folder({ 'seccam.yaml': 'version: 1\n' });
    const act = async (name: string, script: string) =>
      record({ cwd, command: ['/bin/sh', '-c', script], output: `${name}.seccam` });
    await act('a', 'cat /etc/passwd > /dev/null; ls / > /dev/null');
    await act('b', 'cat /etc/passwd > /dev/null; ls / > /dev/null');
    await act('c', 'cat /etc/group > /dev/null; ls / > /dev/null');
    const same = await diffRecordings({ cwd, left: 'a.seccam', right: 'b.seccam' });
    tt.equal(same.answer, 0, same.diff);
    const other = await diffRecordings({ cwd, left: 'a.seccam', right: 'c.seccam' });
    tt.equal(other.answer, 1);
    tt.match(other.diff, /^-.*\/etc\/passwd/m);
    tt.match(other.diff, /^\+.*\/etc\/group/m);

    // As `git diff` shows it, by the line that `init` writes.
    const { files } = await init({ cwd, ci: 'none' });
    tt.match(files, [{}, {}, {}, { path: '.gitattributes' }]);
    const textconv = /textconv "npx seccam (.*)"/.exec(
      readFileSync(join(cwd, '.gitattributes'), 'utf8'),
    )?.[1];
    git(cwd, 'init', '-q');
    git(
      cwd,
      'config',
      'diff.seccam.textconv',
      `${process.execPath} ${join(process.cwd(), 'bin/seccam.js')} ${textconv}`,
    );
    git(cwd, 'add', '.');
    git(cwd, 'commit', '-qm', 'recorded');
    copyFileSync(join(cwd, 'b.seccam'), join(cwd, 'a.seccam'));
    tt.equal(git(cwd, 'diff', '--', 'a.seccam'), '', 'recorded once more: nothing to read');
    copyFileSync(join(cwd, 'c.seccam'), join(cwd, 'a.seccam'));
    const changed = git(cwd, 'diff', '-U0', '--', 'a.seccam')
      .split('\n')
      .filter((line) => /^[-+][^-+]/.test(line));
    tt.same(
      changed.length > 0 && changed.filter((line) => !/passwd|group/.test(line)),
      [],
      'what was done otherwise, and no more',
    );
    for (const line of changed) tt.ok(line.length < 600, 'a line that can be read');
  },
);

t.test('check: rules, tests and project at once, and what can be mended', async (tt) => {
  const cwd = folder({
    'seccam.yaml': 'version: 1\nrecordings: {foldr: x}\n',
    'rules/a.policy':
      'rules:\n  - {id: a, expression: open.file.pth == "x"}\n  - {id: b, expression: open.file.path == "x"}\n',
    'tests/a.test.yaml': 'version: 1\ntests:\n  - name: n\n    events: [{type: open}]\n    nevr: [b]\n',
  });
  const found = await check({ cwd });
  tt.equal(found.answer, 1);
  tt.same(found.files, [
    { file: 'rules/a.policy', kind: 'policy' },
    { file: 'seccam.yaml', kind: 'project' },
    { file: 'tests/a.test.yaml', kind: 'test' },
  ]);
  for (const code of ['unknown-key', 'unknown-field'])
    tt.ok(
      found.diagnostics.some((item) => item.code === code),
      `${code}: ${JSON.stringify(found.diagnostics)}`,
    );
  const fixed = await check({ cwd, fix: true });
  tt.ok(fixed.fixed >= 2, JSON.stringify(fixed.diagnostics));
  tt.match(readFileSync(join(cwd, 'tests/a.test.yaml'), 'utf8'), /never: \[b\]/);
  tt.match(readFileSync(join(cwd, 'seccam.yaml'), 'utf8'), /folder: x/);
  tt.match(await refusal(check({ cwd, paths: ['nothing.policy'] })), { code: 'no-such-file' });
});

t.test(
  'check: severities of the project, recordings that are large or unused',
  { skip: cannotTrace },
  async (tt) => {
    const { cwd, recording } = await attacked();
    put(cwd, {
      'seccam.yaml': 'version: 1\nrecordings: {max_size: 1KiB}\n',
      'tests/a.test.yaml': 'version: 1\ntests: [{name: n, events: [{type: open}], never: [child_reads]}]\n',
    });
    const codes = async () =>
      (await check({ cwd })).diagnostics
        .filter((item) => item.message.includes(recording))
        .map((item) => `${item.severity} ${item.code}`)
        .sort();
    tt.same(await codes(), ['warning large-recording', 'warning unused-recording']);
    put(cwd, {
      'seccam.yaml':
        'version: 1\nrecordings: {max_size: 1KiB}\ncheck: {codes: {large-recording: off, unused-recording: error}}\n',
    });
    tt.same(await codes(), ['error unused-recording']);
  },
);

t.test(
  'new rule from an event: candidates, most specific first, each with its count',
  { skip: cannotTrace },
  async (tt) => {
    const { cwd, recording } = await attacked();
    const [line] = (
      (await all(inspect({ cwd, recording, where: 'open.file.name == "id_ed25519"' }))) as InspectItem[]
    ).flatMap((item) => (item.kind === 'event' ? [item.event] : []));
    const made = await newRule({ cwd, from: recording, at: line!.seq, name: 'my rule' });
    tt.same(made.files, [{ path: 'rules/my_rule.policy', state: 'written' }]);
    const counts = made.candidates?.map((candidate) => candidate.matches) ?? [];
    tt.same(
      [...counts].sort((a, b) => a - b),
      counts,
    );
    tt.ok(counts.length > 3 && counts[0] === 1);
    tt.match(
      made.candidates?.[0]?.expression,
      /open\.file\.path == ".*id_ed25519" && process\.file\.name == "cat" && process\.ancestors\.file\.name == /,
    );
    tt.same(
      (await check({ cwd, paths: ['rules/my_rule.policy'] })).diagnostics.filter(
        (item) => item.severity === 'error',
      ),
      [],
    );
    tt.match(await refusal(newRule({ cwd, from: recording, name: 'my rule' })), { code: 'file-exists' });
  },
);

t.test('library: rules by flags, the shipped starter set without a project', async (tt) => {
  const cwd = folder({
    'tests/a.test.yaml':
      'version: 1\ntests: [{name: n, events: [{type: open, fields: {open.file.path: /etc/shadow}}], expect: [shadow_read]}]\n',
  });
  const { tests: found, summary } = await tests(cwd);
  tt.equal(summary.rules?.from, 'starter');
  tt.same(
    found.map((test) => test.outcome),
    ['pass'],
    found[0]?.reason ?? '',
  );
});

// ---------------------------------------------------------------- scratch

const noScratch = cannotTrace === false ? (scratchProblem() ?? false) : cannotTrace;

t.test('run: recorded once in a scratch world, then pinned', { skip: noScratch }, async (tt) => {
  const file = (script: string) => `version: 1
tests:
  - name: every reader is seen
    matrix: {reader: [cat, head]}
    needs: ["{{reader}}"]
    run: '"$reader" /home/www/.ssh/id_ed25519 > /dev/null${script}'
    files: {/home/www/.ssh/id_ed25519: "not a key\\n"}
    expect: [{rule: key, times: 1, where: 'process.file.name == "{{reader}}" && open.file.path == "/home/www/.ssh/id_ed25519"'}]
`;
  const cwd = folder({
    'seccam.yaml': 'version: 1\n',
    'rules/a.policy': 'rules:\n  - id: key\n    expression: open.file.path in [~"/home/*/.ssh/id_*"]\n',
    'tests/a.test.yaml': file(''),
  });
  const absent = await tests(cwd, { ci: true });
  tt.match(absent.tests[0]?.diagnostics[0], { code: 'pin-absent' });
  const first = await tests(cwd);
  tt.same(
    first.tests.map((test) => [test.name, test.outcome]),
    [
      ['every reader is seen [reader=cat]', 'pass'],
      ['every reader is seen [reader=head]', 'pass'],
    ],
    JSON.stringify(first.tests),
  );
  tt.ok(existsSync(join(cwd, 'recordings/pinned/tests/a/every-reader-is-seen-reader-cat.seccam')));
  tt.notOk(existsSync('/home/www/.ssh/id_ed25519'), 'nothing survives');
  tt.same(
    (await tests(cwd, { ci: true })).tests.map((test) => test.outcome),
    ['pass', 'pass'],
    'pinned: the same in CI',
  );
  put(cwd, { 'tests/a.test.yaml': file('; true') });
  const stale = await tests(cwd);
  tt.match(stale.tests[0], {
    outcome: 'fail',
    diagnostics: [{ code: 'pin-stale', suggestions: [{ text: /--pin always/ }] }],
  });
  tt.same(
    (await tests(cwd, { pin: 'always' })).tests.map((test) => test.outcome),
    ['pass', 'pass'],
  );
});

t.test(
  'record --scratch: own files, nothing survives, the status of the program',
  { skip: noScratch },
  async (tt) => {
    const cwd = folder();
    const result = await record({
      cwd,
      command: ['/bin/sh', '-c', 'echo x > /etc/seccam-scratch-test; cat /given; exit 7'],
      output: 'a.seccam',
      scratch: { files: { '/given': 'x' } },
    });
    tt.equal(result.status, 7);
    tt.notOk(existsSync('/etc/seccam-scratch-test'));
    const lines = (
      (await all(
        inspect({
          cwd,
          recording: 'a.seccam',
          where: 'open.file.path in ["/etc/seccam-scratch-test", "/given"]',
        }),
      )) as InspectItem[]
    ).filter((item) => item.kind === 'event');
    tt.equal(lines.length, 2, 'rules see real absolute paths');
  },
);

// ---------------------------------------------------------------- normalisation

t.test('normalisation: what differs from run to run is numbered by first appearance', (tt) => {
  const normaliser = new Normaliser({
    folders: { '/home/me': '<home>', '/home/me/work': '<work>' },
    masks: [{ in: '*.path', match: 'build-[0-9]+', as: 'build-N' }],
  });
  const rows: readonly (readonly [field: string, value: unknown, want: unknown])[] = [
    ['open.file.path', '/home/me/work/a', '<work>/a'],
    ['open.file.path', '/home/me/b', '<home>/b'],
    ['open.file.path', '/home/meadow', '/home/meadow'],
    ['open.file.inode', 1234, '<inode 1>'],
    ['open.file.inode', 99, '<inode 2>'],
    ['open.file.inode', 1234, '<inode 1>'],
    ['connect.addr.port', 443, 443],
    ['connect.addr.port', 51234, '<port 1>'],
    ['open.file.path', '/proc/4711/maps', '/proc/<pid 1>/maps'],
    ['process.pid', 4711, '<pid 1>'],
    ['open.file.path', '/tmp/tmp.aB3dE9xQ/x', '/tmp/<temporary 1>/x'],
    ['open.file.path', '/tmp/fixed/x', '/tmp/fixed/x'],
    ['open.file.path', 'pipe:[777]', 'pipe:[<inode 3>]'],
    ['open.file.change_time', 1, undefined],
    ['open.file.path', '/x/build-17', '/x/build-N'],
    ['process.args', 'build-17', 'build-17'],
  ];
  for (const [field, value, want] of rows)
    tt.equal(normaliser.value(field, value), want, `${field} ${String(value)}`);
  tt.equal(normaliser.counts.get('inode'), 4, 'what changed something is counted');
  for (const name of ['tmp.aB3dE9xQ', 'seccam-demo-x7Kq2P', 'ccAbC123.o', 'ccgpzle4.s', 'ccabcdef.res'])
    tt.ok(isRandom(name), name);
  for (const name of ['fixed', 'update', 'systemd-private', 'Makefile', 'python3'])
    tt.notOk(isRandom(name), name);
  tt.end();
});

// ---------------------------------------------------------------- watch

t.test('watch: a change runs the tests that it can affect, keys ask for others', async (tt) => {
  const open = (path: string) => `events: [{type: open, fields: {open.file.path: ${path}}}]`;
  const cwd = folder({
    'seccam.yaml': 'version: 1\n',
    'rules/a.policy': 'rules:\n  - {id: a, expression: open.file.path == "/a"}\n',
    'more/b.policy': 'rules:\n  - {id: b, expression: open.file.path == "/b"}\n',
    'tests/a.test.yaml': `version: 1\ntests: [{name: a fires, ${open('/a')}, expect: [a]}]\n`,
    'tests/b.test.yaml': `version: 1\nrules: [../more]\ntests: [{name: b fires, ${open('/b')}, expect: [b]}]\n`,
  });
  const stop = new AbortController();
  const control = new WatchControl();
  const rounds: string[] = [];
  const told: TestResult[] = [];
  let names: string[] = [];
  for await (const item of watch({ cwd, ci: false, signal: stop.signal, control })) {
    if (item.kind === 'begin') names = [];
    if (item.kind === 'test') names.push(`${item.test.name}: ${item.test.outcome}`);
    if (item.kind === 'test') told.push(item.test);
    if (item.kind !== 'waiting') continue;
    rounds.push(names.join(', '));
    const whole = (await tests(cwd)).tests;
    for (const { durationMs: _, ...answer } of told.splice(0))
      tt.match(
        whole,
        [...whole.map((one) => (one.name === answer.name ? answer : {}))],
        'as a whole run answers',
      );
    if (rounds.length === 1)
      put(cwd, { 'more/b.policy': 'rules:\n  - {id: b, expression: open.file.path == "/c"}\n' });
    if (rounds.length === 2) tt.ok(control.key('f'));
    if (rounds.length === 3)
      put(cwd, {
        'tests/b.test.yaml': `version: 1\nrules: [../more]\ntests: [{name: b fires, ${open('/c')}, expect: [b]}]\n`,
      });
    if (rounds.length === 4) tt.ok(control.key('a'));
    if (rounds.length === 5) stop.abort();
  }
  tt.same(rounds, [
    'a fires: pass, b fires: pass',
    'b fires: fail',
    'b fires: fail',
    'b fires: pass',
    'a fires: pass, b fires: pass',
  ]);
  tt.notOk(control.key('x'));
});

t.test('watch: files that are replaced, removed and come back, and new folders, are followed', async (tt) => {
  const rule = (path: string) => `rules:\n  - {id: opened, expression: open.file.path == "${path}"}\n`;
  const story = readFileSync('recordings/story.seccam');
  const cwd = folder({
    'seccam.yaml': 'version: 1\n',
    'rules/a.policy': rule('/etc/locale.alias'),
    'recordings/one.seccam': story,
    'tests/a.test.yaml': `version: 1
tests:
  - {name: one, recording: ../recordings/one.seccam, expect: [opened]}
  - {name: many, recordings: "../recordings/*.seccam", expect: [opened]}
  - {name: none, events: [{type: open, fields: {open.file.path: /x}}], never: [opened]}
`,
  });
  /** As editors and git write: another file takes the place of the old one. */
  const replace = (name: string, text: string): void => {
    put(cwd, { [`${name}.new`]: text });
    renameSync(join(cwd, `${name}.new`), join(cwd, name));
  };
  const wrong = 'one: fail, many: fail, none: pass';
  const right = 'one: pass, many: pass, none: pass';
  const steps: readonly (readonly [act: () => void, then: string])[] = [
    [() => replace('rules/a.policy', rule('/nowhere')), wrong],
    [() => replace('rules/a.policy', rule('/etc/locale.alias')), right],
    [() => put(cwd, { 'rules/a.policy': rule('/nowhere') }), wrong],
    [() => replace('rules/a.policy', rule('/etc/locale.alias')), right],
    [() => rmSync(join(cwd, 'recordings/one.seccam')), 'one: fail, many: fail'],
    [() => put(cwd, { 'recordings/one.seccam': story }), 'one: pass, many: pass'],
    [
      () => put(cwd, { 'rules/new/b.policy': 'rules: [{id: b, expression: open.file.path == "/b"}]\n' }),
      right,
    ],
    [() => replace('rules/new/b.policy', 'rules: [{id: b, expression: open.file.path == "/c"}]\n'), right],
    [() => rmSync(join(cwd, 'rules/new'), { recursive: true }), right],
    [
      () => put(cwd, { 'rules/new/b.policy': 'rules: [{id: b, expression: open.file.path == "/b"}]\n' }),
      right,
    ],
  ];
  const stop = new AbortController();
  const rounds: string[] = [];
  let names: string[] = [];
  let last = '';
  for await (const item of watch({ cwd, ci: false, explain: false, signal: stop.signal })) {
    if (item.kind === 'begin') names = [];
    if (item.kind === 'test') names.push(`${item.test.name}: ${item.test.outcome}`);
    if (item.kind !== 'waiting') continue;
    const said = names.join(', ');
    // A change that was seen in two parts may give a second round with the same answer.
    const awaited = rounds.length === 0 ? right : steps[rounds.length - 1]?.[1];
    if (said !== awaited && said === last) continue;
    last = said;
    rounds.push(said);
    if (rounds.length > steps.length) stop.abort();
    else steps[rounds.length - 1]![0]();
  }
  tt.same(rounds, [right, ...steps.map(([, then]) => then)]);
});

t.test('watch: what a changed rule makes fail is explained as a run of its own explains it', async (tt) => {
  const rule = (path: string) =>
    `rules:\n  - {id: key, expression: 'open.file.path == "${path}" && process.file.name == "cat"'}\n`;
  const wrong = ['/etc/locale.alia', '/etc/locales.alias'];
  const key = '/etc/locale.alias';
  const cwd = folder({
    'seccam.yaml': 'version: 1\n',
    'rules/a.policy': rule(key),
    'tests/a.test.yaml': `version: 1\ntests:\n  - {name: key, recording: ${join(process.cwd(), 'recordings/story.seccam')}, expect: [key]}\n`,
  });
  const stop = new AbortController();
  const outcomes: string[] = [];
  for await (const item of watch({ cwd, ci: false, signal: stop.signal })) {
    if (item.kind === 'test') {
      outcomes.push(item.test.outcome);
      const [alone] = (await tests(cwd)).tests;
      tt.same(item.test.checks, alone?.checks);
      if (item.test.outcome === 'fail')
        tt.match(item.test.checks[0]?.explanation, { matched: 0, tries: [{ matches: 1 }] });
    }
    if (item.kind !== 'waiting') continue;
    const next = wrong.shift();
    if (next !== undefined) put(cwd, { 'rules/a.policy': rule(next) });
    else if (outcomes.length === 3) put(cwd, { 'rules/a.policy': rule(key) });
    else stop.abort();
  }
  tt.same(outcomes, ['pass', 'fail', 'fail', 'pass']);
});

// ---------------------------------------------------------------- the user-shaped project

t.test('fixtures/project: all green, twice the same, in shards and whole', async (tt) => {
  const cwd = join(import.meta.dirname, '..', 'fixtures', 'project');
  const whole = await tests(cwd, { ci: true, coverage: true });
  tt.same(
    whole.tests.filter((test) => test.outcome !== 'pass').map((test) => [test.name, test.reason]),
    [],
  );
  tt.ok(whole.tests.length >= 30);
  tt.equal(whole.summary.answer, 0);
  const bare = (list: readonly TestResult[]) =>
    JSON.stringify(list.map(({ durationMs: _, ...rest }) => rest));
  tt.equal(bare((await tests(cwd, { ci: true })).tests), bare(whole.tests), 'coverage changes no answer');
  const parts = [1, 2, 3].map((index) =>
    tests(cwd, { ci: true, coverage: true, shard: { index, count: 3 } }),
  );
  const shards = await Promise.all(parts);
  tt.equal(
    shards.reduce((sum, shard) => sum + shard.tests.length, 0),
    whole.tests.length,
    'disjoint and complete',
  );
  const fired = (summary: TestSummary) =>
    new Set(summary.coverage?.perRule.filter((rule) => rule.fired.asserted > 0).map((rule) => rule.rule));
  const together = new Set(shards.flatMap((shard) => [...fired(shard.summary)]));
  tt.same(
    [...together].sort(),
    [...fired(whole.summary)].sort(),
    'coverage of the shards is that of the whole',
  );
  tt.same(
    (await check({ cwd })).diagnostics.filter((item) => item.severity === 'error'),
    [],
  );
});

t.test('coverage: a leaf is decided when its flip alone flips the rule', async (tt) => {
  const events = (path: string, program: string) =>
    `{type: open, process: {file.path: /bin/${program}}, fields: {open.file.path: ${path}}}`;
  const cwd = folder({
    'seccam.yaml': 'version: 1\n',
    'rules/a.policy': `rules:\n  - {id: two, expression: 'open.file.path in ["/a", "/b"] && process.file.name == "x"'}\n  - {id: unseen, expression: 'open.file.path == "/a"'}\n`,
    'tests/a.test.yaml': `version: 1\ntests:\n  - {name: n, events: [${events('/a', 'x')}, ${events('/c', 'x')}], expect: [two]}\n`,
  });
  const { summary } = await tests(cwd, { coverage: true, thresholds: { decided: 90 } });
  const two = summary.coverage?.perRule.find((rule) => rule.rule === 'two');
  // The first event decides both leaves, the second the first one again.
  tt.same(
    two?.leaves.map((leaf) => [leaf.seenTrue, leaf.seenFalse, leaf.asserted.decided]),
    [
      [1, 1, 2],
      [2, 0, 1],
    ],
  );
  tt.match(two?.leaves[0]?.members, [
    { text: /\/a/, matched: 1 },
    { text: /\/b/, matched: 0 },
  ]);
  tt.match(
    summary.coverage?.perRule.find((rule) => rule.rule === 'unseen')?.fired,
    { asserted: 0, seen: 1 },
    'what no expectation names is seen only',
  );
  tt.match(summary.coverage, {
    rules: { fired: 1, total: 2 },
    leaves: { decided: 2, total: 3 },
    members: { matched: 1, total: 2 },
  });
  tt.same(summary.coverage?.thresholds, [{ name: 'decided', want: 90, have: 66, met: false }]);
  tt.equal(summary.answer, 1);
});

t.test('differences of lines: what they take away and add makes the one text of the other', async (tt) => {
  const line = fc.constantFrom('open a', 'open b', 'exec c', 'exit', 'x');
  const applies = (before: readonly string[], after: readonly string[]): void => {
    const text = (lines: readonly string[]): string => `${lines.join('\n')}\n`;
    const patch = { oldFileName: 'a', newFileName: 'a', oldHeader: '', newHeader: '' };
    const hunks = hunksOf(before, after).map((hunk) => ({ ...hunk, lines: [...hunk.lines] }));
    tt.equal(applyPatch(text(before), { ...patch, hunks, index: 'a' }), text(after));
  };
  fc.assert(
    fc.property(
      fc.array(line, { minLength: 1, maxLength: 20 }),
      fc.array(line, { minLength: 1, maxLength: 20 }),
      applies,
    ),
    { numRuns: 300, seed: 7 },
  );
  // Too many differences to look for the fewest of them.
  const before = Array.from({ length: 20_000 }, (_, at) => `event ${at} of ${at % 7}`);
  const after = before.map((text, at) => (at % 3 === 0 ? `${text} too` : text));
  applies(before, after);
  const shown = textDiff(`${before.join('\n')}\n`, `${after.join('\n')}\n`, 'events').split('\n');
  tt.equal(shown.filter((text) => text.startsWith('-')).length, 6_667);
  tt.equal(shown.filter((text) => text.startsWith('+')).length, 6_667);
  tt.equal(textDiff('a\nb\n', 'a\nb\n', 'events'), '');
});
