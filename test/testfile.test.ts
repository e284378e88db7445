/**
 * The test file: every key of the format, every code of an inconclusive answer, every mistake with the word
 * that was meant. Most run on synthetic events; what needs a recording with something missing writes one.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t from 'tap';
import { currentSchema } from '../src/catalogue/header.js';
import { RecordingWriter, type Value } from '../src/recording/index.js';
import { loadPolicies } from '../src/rules/index.js';
import { type Diagnostic, DiagnosticError } from '../src/support/diagnostic.js';
import { StringTable } from '../src/support/strings.js';
import { readDocument } from '../src/workbench/document.js';
import { expandMatrix } from '../src/workbench/matrix.js';
import { projectFileShape } from '../src/workbench/projectfile.js';
import { parseRange, rangeText } from '../src/workbench/range.js';
import type { TestItem, TestOptions, TestResult, TestSummary } from '../src/workbench/results.js';
import { slug } from '../src/workbench/suite.js';
import { runTests } from '../src/workbench/test.js';
import { testFileShape } from '../src/workbench/testfile.js';

const root = mkdtempSync(join(tmpdir(), 'seccam-testfile-'));
process.env['XDG_CACHE_HOME'] = join(root, 'cache');
t.teardown(() => rmSync(root, { recursive: true, force: true }));

// ---------------------------------------------------------------- vocabulary

const policy = `
rules:
  - {id: key_read, expression: 'open.file.path in [~"/home/*/.ssh/id_*"] && process.ancestors.file.name == "nginx"'}
  - id: web_shell
    expression: exec.file.name in ["sh", "bash"] && process.ancestors.file.name == "nginx"
    actions:
      - set: {name: web_child, value: true, scope: process, inherited: true}
      - set: {name: shells, expression: '\${shells} + 1', default_value: 0}
      - kill: {signal: SIGKILL, scope: process}
  - {id: passwd_read, expression: 'open.file.name == "passwd" && \${process.web_child} == true'}
  - {id: any_open, expression: 'open.file.path != ""', every: 10s}
  - {id: connects, expression: connect.addr.port == 4444}
  - {id: in_container, expression: 'open.file.name == "where" && container.id == "3f2a9c51d0e4" && container.tags in ["image_tag:1.4"]'}
  - {id: by_login, expression: 'open.file.name == "where" && process.auid == 1000'}
  - {id: long_arguments, expression: 'exec.file.name == "tool" && process.args =~ "*--evil*"'}
  - {id: switched_off, disabled: true, expression: 'open.file.name == "x"'}
  - {id: does_not_load, expression: 'open.file.pat == "x"'}
`;

/** The same without what does not decide. */
const loads = policy.replace(/.*switched_off.*\n/, '').replace(/.*does_not_load.*\n/, '');

let worlds = 0;

/** A project in a folder of its own. */
function world(files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = join(root, `world-${++worlds}`);
  for (const [name, content] of Object.entries({
    'seccam.yaml': 'version: 1\n',
    'rules/all.policy': policy,
    ...files,
  })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

interface Ran {
  readonly tests: TestResult[];
  readonly diagnostics: Diagnostic[];
  readonly summary: TestSummary;
}

async function run(cwd: string, options: TestOptions = {}): Promise<Ran> {
  const tests: TestResult[] = [];
  const diagnostics: Diagnostic[] = [];
  let summary: TestSummary | undefined;
  for await (const item of runTests({
    cwd,
    ci: false,
    explain: false,
    ...options,
  }) as AsyncGenerator<TestItem>) {
    if (item.kind === 'test') tests.push(item.test);
    if (item.kind === 'diagnostic') diagnostics.push(item.diagnostic);
    if (item.kind === 'summary') summary = item.summary;
  }
  return { tests, diagnostics, summary: summary! };
}

/** Runs the tests of one file, given from `tests:` on. */
async function runs(
  tests: string,
  options: TestOptions = {},
  files: Readonly<Record<string, string | Uint8Array>> = {},
): Promise<Ran> {
  return run(world({ 'tests/one.test.yaml': `version: 1\ntests:\n${tests}`, ...files }), options);
}

const below = 'ancestors: [{file.path: /usr/sbin/nginx}]';
const shell = `{file.path: /bin/sh, args: -c id, ${below}}`;
const events = `
      - {type: exec, process: ${shell}}
      - {type: open, process: ${shell}, fields: {open.file.path: /home/www/.ssh/id_rsa}}
      - {type: open, process: ${shell}, fields: {open.file.path: /home/www/.ssh/id_dsa}}
      - {type: open, process: ${shell}, fields: {open.file.path: /etc/passwd}}
      - {type: connect, process: ${shell}, fields: {connect.addr.ip: 10.0.0.1, connect.addr.port: 80}}`;

/** One test on the events of the web shell. */
const onEvents = (keys: string): string =>
  `  - name: it\n    events:${events}\n${keys.replace(/^/gm, '    ')}\n`;

interface Row {
  readonly keys: string;
  readonly outcome: TestResult['outcome'];
  readonly codes?: readonly string[];
  readonly message?: RegExp;
}

const answers = async (
  tt: Tap.Test,
  rows: Readonly<Record<string, Row>>,
  options: TestOptions = {},
): Promise<void> => {
  for (const [name, row] of Object.entries(rows)) {
    const { tests } = await runs(onEvents(row.keys), options);
    const [test] = tests;
    const shown = `${name}: ${JSON.stringify(test?.checks.map(({ title, outcome, message }) => [title, outcome, message]))} ${test?.reason} ${JSON.stringify(test?.diagnostics)}`;
    tt.equal(test?.outcome, row.outcome, shown);
    if (row.codes !== undefined)
      tt.same(
        test?.checks.filter((check) => check.outcome !== 'pass').map((check) => check.code),
        row.codes,
        `${name}: codes`,
      );
    if (row.message !== undefined)
      tt.match(test?.checks.map((check) => check.message ?? '').join('\n'), row.message, `${name}: message`);
  }
};

declare namespace Tap {
  type Test = Pick<typeof t, 'equal' | 'same' | 'match' | 'ok' | 'rejects' | 'notOk'>;
}

// ---------------------------------------------------------------- keys

t.test('expect: times, where, delivered, actions', async (tt) => {
  await answers(tt, {
    'a name alone means at least once': { keys: 'expect: [key_read]', outcome: 'pass' },
    'an exact count': { keys: 'expect: [{rule: key_read, times: 2}]', outcome: 'pass' },
    'another count': {
      keys: 'expect: [{rule: key_read, times: 1}]',
      outcome: 'fail',
      codes: ['count-differs'],
      message: /Have 2 detections of key_read, want 1/,
    },
    'a range': { keys: 'expect: [{rule: key_read, times: 1..3}]', outcome: 'pass' },
    'a range open upwards': {
      keys: 'expect: [{rule: key_read, times: 3..}]',
      outcome: 'fail',
      message: /want at least 3/,
    },
    'a range open downwards': {
      keys: 'expect: [{rule: key_read, times: ..1}]',
      outcome: 'fail',
      message: /want at most 1/,
    },
    'a pattern of names': { keys: 'expect: [{rule: "*_read", times: 3}]', outcome: 'pass' },
    'where counts only those': {
      keys: 'expect: [{rule: key_read, times: 1, where: open.file.name == "id_dsa"}]',
      outcome: 'pass',
    },
    'where that holds nowhere': {
      keys: 'expect: [{rule: key_read, where: open.file.name == "id_xyz"}]',
      outcome: 'fail',
      message: /no detection of key_read, want at least 1; 2 without the condition/,
    },
    'where reads variables': {
      keys: `expect: [{rule: passwd_read, where: '\${process.web_child} == true && process.args == "-c id"'}]`,
      outcome: 'pass',
    },
    'rate limits decide delivery, not detection': {
      keys: 'expect: [{rule: any_open, times: 3, delivered: 1}]',
      outcome: 'pass',
    },
    'delivered otherwise': {
      keys: 'expect: [{rule: any_open, delivered: 3}]',
      outcome: 'fail',
      message: /Have 1 detection of any_open, want 3; 3 before rate limits/,
    },
    'an action that enforce mode would carry out': {
      keys: 'expect: [{rule: web_shell, actions: [kill, set]}]',
      outcome: 'pass',
    },
    'an action that the rule has not': {
      keys: 'expect: [{rule: web_shell, actions: [hash]}]',
      outcome: 'fail',
    },
  });
});

t.test('never, at_most, order, finally, others', async (tt) => {
  await answers(tt, {
    'never holds': { keys: 'never: [connects]', outcome: 'pass' },
    'never is broken': { keys: 'never: ["key_*"]', outcome: 'fail', codes: ['never-fired'] },
    'at_most as a number is the total': {
      keys: 'at_most: 3',
      outcome: 'fail',
      codes: ['too-many'],
      message: /Have 7 detections, want at most 3/,
    },
    'at_most by rule': { keys: 'at_most: {rules: {key_read: 2, connects: 0}}', outcome: 'pass' },
    'at_most by rule is broken': {
      keys: 'at_most: {rules: {"*_read": 2}}',
      outcome: 'fail',
      codes: ['too-many'],
    },
    'at_most in each recording': {
      keys: 'at_most: {per_recording: 6}',
      outcome: 'fail',
      message: /7 detections, want at most 6/,
    },
    'order holds': { keys: 'order: [web_shell, key_read, passwd_read]', outcome: 'pass' },
    'order is broken': {
      keys: 'order: [key_read, web_shell]',
      outcome: 'fail',
      codes: ['order-differs'],
      message: /web_shell \(event 1\) came before key_read \(event 2\)/,
    },
    'order with a rule that did not fire': {
      keys: 'order: [web_shell, connects]',
      outcome: 'fail',
      message: /connects did not fire/,
    },
    'finally holds': { keys: `finally: '\${shells} == 1'`, outcome: 'pass' },
    'finally is false': { keys: `finally: '\${shells} > 1'`, outcome: 'fail', codes: ['finally-false'] },
    'others: allow is the default': { keys: 'expect: [key_read]\nothers: allow', outcome: 'pass' },
    'others: forbid is broken': {
      keys: 'expect: [key_read]\nothers: forbid',
      outcome: 'fail',
      codes: ['not-expected'],
      message: /web_shell, any_open, passwd_read|nothing counts/,
    },
  });
});

t.test('fails, skip, todo', async (tt) => {
  await answers(tt, {
    'fails: a known miss passes': { keys: 'fails: not yet\nexpect: [connects]', outcome: 'pass' },
    'fails: that it passes is the failure': {
      keys: 'fails: not yet\nexpect: [key_read]',
      outcome: 'fail',
      codes: ['passes-unexpectedly'],
    },
    skip: { keys: 'skip: no time\nexpect: [connects]', outcome: 'skip' },
    'todo is run and does not count': { keys: 'todo: later\nexpect: [connects]', outcome: 'todo' },
    'needs: a program that is not here': {
      keys: 'needs: [no-such-program-at-all]\nexpect: [key_read]',
      outcome: 'skip',
    },
    'needs: a program that is here': { keys: 'needs: [sh]\nexpect: [key_read]', outcome: 'pass' },
  });
  const { summary } = await runs(onEvents('todo: later\nexpect: [connects]'));
  tt.equal(summary.answer, 0, 'todo does not fail the run');
});

t.test('only leaves the others out, and is an error in CI', async (tt) => {
  const two = `  - {name: a, only: true, events: [{type: open, fields: {open.file.path: /etc/x}}], expect: [any_open]}
  - {name: b, events: [{type: open, fields: {open.file.path: /etc/x}}], expect: [any_open]}\n`;
  tt.same(
    (await runs(two)).tests.map((test) => [test.name, test.outcome]),
    [['a', 'pass']],
  );
  const inCi = await runs(two, { ci: true });
  tt.same(
    inCi.tests.map((test) => [test.name, test.outcome]),
    [
      ['a', 'fail'],
      ['b', 'pass'],
    ],
  );
  tt.match(inCi.tests[0]?.diagnostics[0], { code: 'only-in-ci' });
});

t.test('matrix: every combination, values in texts and names', async (tt) => {
  const { tests } = await runs(`  - name: "{{who}} reads"
    matrix: {who: [www, root], key: [id_rsa, id_x]}
    events: [{type: open, process: {${below}}, fields: {open.file.path: "/home/{{who}}/.ssh/{{key}}"}}]
    expect: [{rule: key_read, where: 'open.file.path == "/home/{{who}}/.ssh/{{key}}"'}]\n`);
  tt.same(
    tests.map((test) => [test.name, test.outcome]),
    [
      ['www reads [key=id_rsa]', 'pass'],
      ['www reads [key=id_x]', 'pass'],
      ['root reads [key=id_rsa]', 'pass'],
      ['root reads [key=id_x]', 'pass'],
    ],
  );
  const script = expandMatrix({
    name: 'n',
    matrix: { a: ['x'] },
    run: 'echo {{a}} ${a}',
    files: { '/{{a}}': '{{a}}' },
  })[0]!;
  tt.equal(script.entry.run, 'echo {{a}} ${a}', 'a script has environment variables instead');
  tt.same(script.entry.files, { '/x': 'x' });
});

t.test('context and set: declared facts', async (tt) => {
  const where = '    events: [{type: open, fields: {open.file.path: /tmp/where}}]\n';
  const project =
    'version: 1\ncontexts:\n  web: {container: {id: 3f2a9c51d0e4, image: "shop/web:1.4", privileged: false}, set: {process.auid: 1000}}\n';
  const named = await runs(
    `  - name: a\n    context: web\n${where}    expect: [in_container, by_login]\n  - name: b\n${where}    never: [in_container, by_login]\n`,
    {},
    { 'seccam.yaml': project },
  );
  tt.same(
    named.tests.map((test) => test.outcome),
    ['pass', 'pass'],
    JSON.stringify(named.tests.map((test) => test.reason)),
  );
  const inline = await runs(
    `  - name: a\n    context: {container: {id: 3f2a9c51d0e4, tags: ["image_tag:1.4"]}}\n    set: {process.auid: 1000}\n${where}    expect: [in_container, by_login]\n`,
  );
  tt.equal(inline.tests[0]?.outcome, 'pass', inline.tests[0]?.reason ?? '');
  tt.same(inline.tests[0]?.declared, [
    'container.id',
    'container.created_at',
    'container.tags',
    'process.auid',
  ]);
  const silent = await runs(`  - name: a\n    set: {process.auid: 1001}\n${where}    expect: [by_login]\n`, {
    explain: true,
  });
  tt.match(silent.tests[0]?.checks[0]?.explanation?.at[0]?.leaves, [
    {},
    { have: [1001], notes: ['process.auid: declared by the context, not recorded'] },
  ]);
  const unknown = await runs(
    `  - name: a\n    context: wbe\n${where}    expect: [in_container]\n`,
    {},
    { 'seccam.yaml': project },
  );
  tt.match(unknown.tests[0]?.diagnostics[0], { code: 'unknown-context', suggestions: [{ text: 'web' }] });
  const wrong = await runs(`  - name: a\n    set: {process.aiud: 1}\n${where}    expect: [in_container]\n`);
  tt.match(wrong.tests[0]?.diagnostics[0], { code: 'bad-value', suggestions: [{ text: 'process.auid' }] });
});

t.test('snapshot: written, compared, updated, demanded in CI', async (tt) => {
  const text = (path: string) =>
    `  - name: all\n    snapshot: true\n    events:\n      - {type: open, process: {file.path: /bin/cat, ${below}}, fields: {open.file.path: ${path}}}\n`;
  const folder = world({ 'tests/one.test.yaml': `version: 1\ntests:\n${text('/home/www/.ssh/id_rsa')}` });
  const absent = await run(folder, { ci: true });
  tt.match(absent.tests[0], { outcome: 'fail', checks: [{ code: 'snapshot-absent' }] });
  tt.match((await run(folder)).tests[0], { outcome: 'pass', snapshot: { state: 'written', added: 2 } });
  const written = readFileSync(join(folder, 'tests/one.test.snap.yaml'), 'utf8');
  tt.match(written, /rule: key_read\n {6}event: open\n {6}process: cat#1/);
  tt.match((await run(folder, { ci: true })).tests[0], { outcome: 'pass', snapshot: { state: 'same' } });
  writeFileSync(join(folder, 'tests/one.test.yaml'), `version: 1\ntests:\n${text('/etc/hosts')}`);
  const differs = await run(folder);
  tt.match(differs.tests[0], {
    outcome: 'fail',
    checks: [{ code: 'snapshot-differs', message: /\+1 −2|\+0 −1|\+1 −1/ }],
  });
  tt.match(differs.tests[0]?.snapshot?.diff, /^-.*key_read/m);
  tt.match((await run(folder, { update: true })).tests[0], {
    outcome: 'pass',
    snapshot: { state: 'updated' },
  });
  tt.equal((await run(folder, { ci: true })).tests[0]?.outcome, 'pass');
});

t.test('timeout', async (tt) => {
  const { tests } = await runs(
    `  - name: slow\n    timeout: 1ns\n    events:${events.repeat(200)}\n    expect: [key_read]\n`,
  );
  tt.match(tests[0], { outcome: 'fail', reason: /longer than/ });
});

t.test('rules of a file, of a test and of flags', async (tt) => {
  const own = 'rules:\n  - {id: mine, expression: \'open.file.name == "hosts"\'}\n';
  const one = '    events: [{type: open, fields: {open.file.path: /etc/hosts}}]\n';
  const folder = world({
    'other/own.policy': own,
    'tests/one.test.yaml': `version: 1\nrules: [../other]\ntests:\n  - name: a\n${one}    expect: [mine]\n  - name: b\n    rules: [../rules/all.policy]\n${one}    never: [key_read]\n`,
  });
  tt.same(
    (await run(folder)).tests.map((test) => test.outcome),
    ['pass', 'pass'],
  );
  const flags = await run(folder, { rules: ['other/own.policy'], names: ['a'] });
  tt.same(
    flags.tests.map((test) => test.outcome),
    ['pass'],
    'flags win',
  );
});

// ---------------------------------------------------------------- inconclusive

const boottime = 5_000_000_000n;

/** A recording of `cat` opening files, with one thing about it that is not whole. */
function recording(change: {
  readonly traced?: readonly string[];
  readonly without?: readonly string[];
  readonly args?: Value;
  readonly lost?: number;
  readonly missing?: readonly string[];
  readonly unfinished?: boolean;
  /** Paths of the opened file and of the program. */
  readonly path?: string;
  readonly program?: string;
  /** `redacted.paths` of the header. */
  readonly hidden?: readonly string[];
}): Uint8Array {
  const blocks: Uint8Array[] = [];
  const schema = currentSchema();
  const events_ = schema.events.map((row) =>
    row.name === 'open'
      ? { ...row, columns: row.columns.filter((column) => !(change.without ?? []).includes(column.name)) }
      : row,
  );
  const writer = new RecordingWriter((bytes) => blocks.push(Buffer.from(bytes)), {
    schema: { ...schema, events: events_ },
    header: {
      mode: 'wrap',
      command: ['cat'],
      started: { boottime: String(boottime), realtime: '1700000000000000000' },
      ...(change.hidden === undefined ? {} : { redacted: { paths: change.hidden } }),
      traced: change.traced ?? schema.events.map((row) => row.name),
    },
  });
  writer.checkpoint();
  writer.record('clock', { boottime, realtime: 1_700_000_000_000_000_000n, reason: 0 });
  writer.record('process', {
    pid: 10,
    tid: 10,
    flags: 25,
    file: { path: change.program ?? '/usr/bin/tool', flags: 1 },
    argv: change.args ?? ['tool', '--mild'],
    comm: 'tool',
  });
  writer.event(
    'exec',
    { pid: 10, time: boottime + 1n },
    { file: { path: change.program ?? '/usr/bin/tool', flags: 1 }, argv: change.args ?? ['tool', '--mild'] },
  );
  writer.event(
    'open',
    { pid: 10, time: boottime + 2n, ...(change.missing === undefined ? {} : { missing: change.missing }) },
    (change.without ?? []).includes('file') || change.missing !== undefined
      ? {}
      : { file: { path: change.path ?? '/etc/hosts', flags: 1 } },
  );
  if (change.lost !== undefined)
    writer.record('gap', { reason: 1, lost: change.lost, begin: boottime, end: boottime });
  if (change.unfinished !== true) {
    writer.record('end', { reason: 1, status: 0, events: 2, boottime });
    writer.end();
  } else writer.flush();
  return Buffer.concat(blocks);
}

/** Rules that hang on paths. */
const paths = `rules:
  - {id: key_opened, expression: 'open.file.path in [~"/home/*/.ssh/id_*", "/srv/keys/server.key"]'}
  - {id: started_from_home, expression: 'open.file.path != "" && process.file.path in [~"/home/**"]'}
`;

t.test('one test for each code of an inconclusive answer', async (tt) => {
  const rows: Readonly<
    Record<string, { readonly keys: string; readonly file: Uint8Array; readonly code: string | undefined }>
  > = {
    'whole: an answer': { keys: 'never: [key_read, long_arguments]', file: recording({}), code: undefined },
    'a rule with an error': { keys: 'never: [does_not_load]', file: recording({}), code: 'rule-not-loaded' },
    'a rule that there is not': { keys: 'never: [kye_read]', file: recording({}), code: 'rule-not-loaded' },
    'a disabled rule': { keys: 'never: [switched_off]', file: recording({}), code: 'rule-disabled' },
    'an event that was not traced': {
      keys: 'never: [connects]',
      file: recording({ traced: ['exec', 'open'] }),
      code: 'event-not-recorded',
    },
    'expect on an event that was not traced': {
      keys: 'expect: [connects]',
      file: recording({ traced: ['exec', 'open'] }),
      code: 'event-not-recorded',
    },
    'a column that the recording lacks': {
      keys: 'never: [any_open]',
      file: recording({ without: ['file'] }),
      code: 'field-not-recorded',
    },
    'a column that could not be read': {
      keys: 'at_most: {rules: {any_open: 0}}',
      file: recording({ missing: ['file'] }),
      code: 'field-not-recorded',
    },
    'redacted arguments': {
      keys: 'never: [long_arguments]',
      file: recording({ args: ['tool', '--token=<redacted:1a2b>'] }),
      code: 'field-redacted',
    },
    'arguments that the recorder hid': {
      keys: 'never: [long_arguments]',
      file: recording({ args: ['tool', '--token=********'] }),
      code: 'field-redacted',
    },
    'a hidden path that may be one of those': {
      keys: 'never: [key_opened]',
      file: recording({ path: '/home/redacted-0a1b2c3d', hidden: ['/home/*'] }),
      code: 'field-redacted',
    },
    'a hidden path that has a text in its place': {
      keys: 'never: [key_opened]',
      file: recording({ path: '/srv/x/server.key', hidden: ['/srv/*=/srv/x'] }),
      code: 'field-redacted',
    },
    'a hidden path that is none of those': {
      keys: 'never: [key_opened]',
      file: recording({ path: '/etc/redacted-0a1b2c3d', hidden: ['/etc/private/*', '/srv/*=/srv/x'] }),
      code: undefined,
    },
    'a text that stands nowhere for a hidden path': {
      keys: 'never: [key_opened]',
      file: recording({ path: '/etc/srv/xy/server.key', hidden: ['/srv/*=/srv/x'] }),
      code: undefined,
    },
    'a hidden path of a program': {
      keys: 'never: [started_from_home]',
      file: recording({ program: '/redacted-0a1b2c3d', hidden: ['/*'] }),
      code: 'field-redacted',
    },
    'cut arguments': {
      keys: 'expect: [{rule: long_arguments, times: 0}]',
      file: recording({ args: { members: ['tool', '-v'], total: 900 } }),
      code: 'field-truncated',
    },
    'lost events': { keys: 'never: [key_read]', file: recording({ lost: 12 }), code: 'gap-in-recording' },
    'lost events, and others forbidden': {
      keys: 'expect: [any_open]\nothers: forbid',
      file: recording({ lost: 12 }),
      code: undefined,
    },
    'cut arguments of another program do not matter': {
      keys: 'never: [web_shell]',
      file: recording({ args: { members: ['tool', '-v'], total: 900 } }),
      code: undefined,
    },
    'a count that is already reached': {
      keys: 'expect: [any_open]',
      file: recording({ lost: 12 }),
      code: undefined,
    },
  };
  for (const [name, { keys, file, code }] of Object.entries(rows)) {
    const folder = world({
      ...(name.includes('forbidden') ? { 'rules/all.policy': loads } : {}),
      'rules/paths.policy': paths,
      'recordings/one.seccam': file,
      'tests/one.test.yaml': `version: 1\ntests:\n  - name: it\n    recording: ../recordings/one.seccam\n${keys.replace(/^/gm, '    ')}\n`,
    });
    const { tests, summary } = await run(folder);
    const doubts =
      tests[0]?.checks.filter((check) => check.outcome === 'inconclusive').map((check) => check.code) ?? [];
    const detail = `${name}: ${JSON.stringify(tests[0]?.checks)} ${JSON.stringify(tests[0]?.diagnostics)}`;
    if (name.includes('forbidden')) tt.same(doubts, ['gap-in-recording'], detail);
    else tt.same(doubts, code === undefined ? [] : [code], detail);
    tt.equal(tests[0]?.outcome, doubts.length > 0 ? 'inconclusive' : 'pass', detail);
    tt.equal(summary.answer, doubts.length > 0 ? 1 : 0, detail);
    if (doubts.length > 0)
      tt.equal((await run(folder, { allow: ['inconclusive'] })).summary.answer, 0, `${name}: allowed`);
  }
});

t.test('an unfinished recording is read, and answers with 2', async (tt) => {
  const folder = world({
    'recordings/one.seccam': recording({ unfinished: true }),
    'tests/one.test.yaml':
      'version: 1\ntests:\n  - {name: it, recording: ../recordings/one.seccam, never: [key_read]}\n',
  });
  const { tests, summary } = await run(folder);
  tt.match(tests[0], { outcome: 'inconclusive', checks: [{ code: 'gap-in-recording' }] });
  tt.equal(summary.answer, 2);
  tt.equal((await run(folder, { acceptDamage: true })).summary.answer, 1);
});

t.test('recordings: patterns, each counted, the first worst one named', async (tt) => {
  const folder = world({
    'rules/all.policy': loads,
    'recordings/a/one.seccam': recording({}),
    'recordings/b/two.seccam': recording({}),
    'tests/one.test.yaml': `version: 1
tests:
  - {name: both, recordings: "../recordings/**/*.seccam", expect: [{rule: any_open, times: 2}], at_most: {total: 2, per_recording: 1}}
  - {name: list, recordings: [../recordings/a/*.seccam, ../recordings/b/two.seccam], expect: [{rule: any_open, times: 2}]}
  - {name: none, recordings: "../recordings/c/*.seccam", expect: [any_open]}
  - {name: typo, recording: ../recordings/a/onee.seccam, expect: [any_open]}
`,
  });
  const { tests } = await run(folder);
  tt.same(
    tests.map((test) => test.outcome),
    ['pass', 'pass', 'fail', 'fail'],
    JSON.stringify(tests.map((test) => test.checks)),
  );
  tt.match(tests[3]?.diagnostics[0], {
    code: 'no-such-file',
    suggestions: [{ text: '../recordings/a/one.seccam' }],
  });
});

// ---------------------------------------------------------------- mistakes

t.test('a misspelt key is answered with the right one, wherever it stands', (tt) => {
  const rows: readonly (readonly [
    yaml: string,
    code: string,
    place: string,
    suggestion: string | undefined,
  ])[] = [
    ['verison: 1\ntests: [{name: a}]', 'unknown-key', '1:1', 'version:'],
    ['version: 1\ntest: [{name: a}]', 'unknown-key', '2:1', 'tests:'],
    ['version: 1\ntests:\n  - nmae: a\n', 'unknown-key', '3:5', 'name:'],
    ['version: 1\ntests:\n  - name: a\n    expects: [x]\n', 'unknown-key', '4:5', 'expect:'],
    [
      'version: 1\ntests:\n  - name: a\n    expect:\n      - {rule: x, time: 1}\n',
      'unknown-key',
      '5:19',
      'times:',
    ],
    ['version: 1\ntests:\n  - name: a\n    at_most: {totl: 1}\n', 'unknown-key', '4:15', 'total:'],
    ['version: 1\ntests:\n  - name: a\n    events: [{typ: open}]\n', 'unknown-key', '4:15', 'type:'],
    ['version: 1\ntests:\n  - name: a\n    context: {contaner: {}}\n', 'unknown-key', '4:15', 'container:'],
    ['version: 1\ntests:\n  - name: a\n    others: forbidd\n', 'bad-value', '4:13', 'forbid'],
    ['version: 1\ntests:\n  - name: [a]\n', 'wrong-type', '3:11', undefined],
    [
      'version: 1\ntests:\n  - name: a\n    expect:\n      - {rule: x, times: 1...3}\n',
      'bad-value',
      '5:26',
      undefined,
    ],
    ['version: 2\ntests:\n  - name: a\n', 'newer-version', '1:10', 'a newer seccam'],
    ['version: 1\ntests:\n  - {recording: a}\n', 'missing-key', '3:5', undefined],
    ['version: 1\ntests: [{name: a}\n', 'not-yaml', '', undefined],
    ['version: 1\nversion: 1\ntests: [{name: a}]\n', 'not-yaml', '', undefined],
  ];
  for (const [yaml, code, place, suggestion] of rows) {
    const { diagnostics } = readDocument(yaml, 'f', testFileShape, 'test file');
    const found = diagnostics.find((item) => item.code === code);
    const at = found?.span?.start;
    tt.ok(found, `${JSON.stringify(yaml)}: ${JSON.stringify(diagnostics)}`);
    if (place !== '') tt.equal(`${at?.line}:${at?.column}`, place, yaml);
    if (suggestion !== undefined) tt.equal(found?.suggestions[0]?.text, suggestion, yaml);
  }
  tt.equal(
    readDocument(
      'version: 1\ntests:\n  - nmae: a\n  - {name: b, expet: [], nevr: []}\n',
      'f',
      testFileShape,
      'test file',
    ).diagnostics.length,
    3,
    'all at once, and no echo of a misspelt key',
  );
  tt.end();
});

t.test('every key of both formats: misspelt, it is answered with itself', (tt) => {
  type Schema = {
    readonly properties?: Readonly<Record<string, Schema>>;
    readonly items?: Schema;
    readonly anyOf?: readonly Schema[];
    readonly additionalProperties?: Schema | boolean;
    readonly $ref?: string;
  };
  type Wrap = (inner: unknown) => unknown;
  for (const [file, read, least] of [
    ['test', (text: string) => readDocument(text, 'f', testFileShape, 'test file'), 45],
    ['project', (text: string) => readDocument(text, 'f', projectFileShape, 'project file'), 35],
  ] as const) {
    const schema = JSON.parse(
      readFileSync(join(import.meta.dirname, '..', 'schema', `${file}.json`), 'utf8'),
    ) as Schema & { readonly $defs?: Readonly<Record<string, Schema>> };
    const seen = new Set<string>();
    const walk = (node: Schema, path: string, wrap: Wrap): void => {
      const name = node.$ref?.replace('#/$defs/', '');
      if (name !== undefined) {
        walk(schema.$defs?.[name] ?? {}, path, wrap);
        return;
      }
      for (const one of node.anyOf ?? []) walk(one, path, wrap);
      if (node.items !== undefined) walk(node.items, `${path}[]`, (inner) => wrap([inner]));
      if (typeof node.additionalProperties === 'object')
        walk(node.additionalProperties, `${path}.*`, (inner) => wrap({ any: inner }));
      for (const [key, inner] of Object.entries(node.properties ?? {})) {
        const place = `${path}.${key}`;
        // Fields of events stand beside such keys, and are told apart when the event is made.
        if (seen.has(place) || typeof node.additionalProperties === 'object') continue;
        seen.add(place);
        const wrong = key[0]! + key;
        const { diagnostics } = read(JSON.stringify(wrap({ [wrong]: 1 })));
        tt.match(
          diagnostics.find((item) => item.code === 'unknown-key' && item.message.includes(`"${wrong}"`)),
          { suggestions: [{ text: `${key}:` }] },
          `${place}: ${JSON.stringify(diagnostics.map((item) => item.message))}`,
        );
        walk(inner, place, (value) => wrap({ [key]: value }));
      }
    };
    walk(schema, file, (inner) => inner);
    tt.ok(seen.size >= least, `${file}: ${seen.size} keys`);
  }
  tt.end();
});

t.test('mistakes that only rules and events can tell', async (tt) => {
  const rows: readonly (readonly [keys: string, code: string, message: RegExp])[] = [
    ['expect: [{rule: key_read, where: open.file.pth == "x"}]', 'unknown-field', /open\.file\.pth/],
    [
      'expect: [{rule: key_read, where: exec.file.path == "x"}]',
      'bad-condition',
      /fields of "exec", and key_read is about "open"/,
    ],
    ['finally: "${shels} == 1"', 'unknown-variable', /shels/],
    ['expect: [kye_read]', 'unknown-rule', /kye_read/],
    ['expect: []', 'no-expectation', /expects nothing/],
    ['recording: x.seccam\nexpect: [key_read]', 'several-inputs', /"recording" and "events"/],
    ['files: {/a: b}\nexpect: [key_read]', 'bad-value', /laid out for a "run"/],
    ['expect: [{rule: key_read, times: 3..1}]', 'bad-value', /N not above M/],
    ['expect: [{rule: "{{x}}"}]', 'unknown-matrix-value', /\{\{x\}\}/],
    ['never: []', 'no-expectation', /expects nothing/],
    ['at_most: {}', 'no-expectation', /expects nothing/],
    ['at_most: {rules: {}}', 'no-expectation', /expects nothing/],
    ['expect: [{rule: web_shell, actions: [kil]}]', 'bad-value', /no action "kil"/],
    ['finally: "${process.web_child} == true"', 'bad-condition', /each process has a "process\.web_child"/],
  ];
  for (const [keys, code, message] of rows) {
    const { tests } = await runs(onEvents(keys));
    const found = tests[0]?.diagnostics.find((item) => item.code === code);
    tt.ok(found, `${keys}: ${JSON.stringify(tests[0]?.diagnostics)}`);
    tt.match(found?.message, message);
    tt.ok(found?.span, `${keys}: has a place`);
    tt.not(tests[0]?.outcome, 'pass', keys);
  }
  const twice = await runs(`${onEvents('expect: [key_read]')}${onEvents('expect: [key_read]')}`);
  tt.match(twice.tests[1]?.diagnostics[0], { code: 'duplicate-test' });
  const ran = ['+', '-'].map((sign) => `  - {name: "a ${sign}", run: "true", never: [key_read]}\n`).join('');
  tt.match((await runs(ran)).tests[1]?.diagnostics[0], {
    code: 'duplicate-test',
    message: /"a -" and "a \+"/,
  });
  const nothing = await runs('  - {name: a, expect: [key_read]}\n');
  tt.match(nothing.tests[0]?.diagnostics[0], { code: 'no-input' });
  const none = await runs('  - {name: a, recordings: [], never: [key_read]}\n');
  tt.match(none.tests[0], { outcome: 'fail', diagnostics: [{ message: /"recordings" is empty/ }] });
});

t.test('what is no recording fails by its name, and is no silence', async (tt) => {
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'4d'.repeat(32)}\nsize 12345\n`;
  const rows: readonly (readonly [file: string, content: string, says: RegExp])[] = [
    ['lfs.seccam', pointer, /^"recordings\/lfs\.seccam" cannot be read: this is a Git LFS pointer/],
    ['empty.seccam', '', /^"recordings\/empty\.seccam" is not a recording: it has 0 bytes/],
    [
      'text.seccam',
      'version: 1\n'.repeat(20),
      /^"recordings\/text\.seccam" cannot be read: this is not a recording/,
    ],
  ];
  for (const [file, content, says] of rows) {
    const tests = `  - {name: a, recording: ../recordings/${file}, never: [key_read]}\n`;
    const ran = await runs(
      tests,
      { allow: ['inconclusive'], acceptDamage: true },
      { [`recordings/${file}`]: content },
    );
    tt.match(ran.tests[0], { outcome: 'fail', reason: says }, file);
    tt.equal(ran.summary.answer, 2, file);
  }
});

t.test('files as editors and people leave them', async (tt) => {
  const wanted = 'expect: [web_shell]';
  const crlf = `version: 1\ntests:\n${onEvents(wanted)}`.replaceAll('\n', '\r\n');
  const anchored = `version: 1
tests:
  - &base
    name: an anchor
    events: &all [{type: exec, process: ${shell}}]
    expect: &wanted [web_shell]
  - {name: an alias, events: *all, expect: *wanted}
  - <<: *base
    name: a merge key
`;
  const good: readonly (readonly [name: string, text: string, tests: number])[] = [
    ['CRLF', crlf, 1],
    ['BOM', `\ufeff${crlf}`, 1],
    ['anchors, aliases and merge keys', anchored, 3],
  ];
  for (const [name, text, count] of good) {
    const { tests, diagnostics } = await run(world({ 'tests/one.test.yaml': text }));
    tt.same(
      tests.map((test) => test.outcome),
      Array(count).fill('pass'),
      `${name}: ${JSON.stringify(diagnostics)}`,
    );
  }
  const bad: readonly (readonly [name: string, text: string, says: RegExp])[] = [
    ['empty', '', /have nothing, want a map of keys/],
    ['a comment', '# nothing yet\n', /have nothing, want a map of keys/],
    ['no tests', 'version: 1\ntests: []\n', /"tests": have an empty list, want at least 1/],
    ['two documents', '---\nversion: 1\n---\nversion: 1\n', /is one document, and a second one begins here/],
    ['a key twice', 'version: 1\nversion: 1\n', /unique/],
    ['bytes', '\u0000\u0001', /want a map of keys|not-yaml|control/i],
  ];
  for (const [name, text, says] of bad) {
    const { diagnostics, summary } = await run(world({ 'tests/one.test.yaml': text }));
    tt.match(diagnostics.map((item) => item.message).join('\n'), says, name);
    tt.equal(summary.answer, 2, name);
  }
});

t.test('events: what cannot be is not made', async (tt) => {
  const rows: readonly (readonly [event: string, message: RegExp, suggestion?: string])[] = [
    ['{type: opne}', /no event type "opne"/, 'open'],
    ['{type: open, fields: {open.file.pth: /x}}', /no field "open.file.pth"/, 'open.file.path'],
    ['{type: open, fields: {exec.file.path: /x}}', /a field of "exec", not of "open"/],
    ['{type: open, process: {flie.path: /x}}', /no field "flie.path"/, 'file.path'],
    [
      '{type: open, fields: {open.file.path: /etc/hosts, open.file.name: passwd}}',
      /"open.file.name" cannot be "passwd" here: the event gives "hosts"/,
    ],
    [
      '{type: dns, fields: {dns.question.name: a.example, dns.question.count: 2}}',
      /"dns.question.count" cannot be 2 here: the event gives 1/,
    ],
    [
      '{type: chmod, fields: {chmod.file.destination.mode: 420, chmod.file.destination.rights: 0}}',
      /"chmod.file.destination.rights" cannot be 0 here: the event gives 420/,
    ],
  ];
  for (const [event, message, suggestion] of rows) {
    const { tests } = await runs(`  - name: a\n    events: [${event}]\n    expect: [any_open]\n`);
    tt.match(tests[0], { outcome: 'fail', diagnostics: [{ code: 'bad-event', message }] }, event);
    if (suggestion !== undefined) tt.equal(tests[0]?.diagnostics[0]?.suggestions[0]?.text, suggestion);
    tt.equal(tests[0]?.diagnostics[0]?.span?.file, 'tests/one.test.yaml');
  }
});

t.test('events of every kind that people write', async (tt) => {
  const rows: readonly (readonly [event: string, expression: string])[] = [
    [
      '{type: open, fields: {open.flags: O_WRONLY|O_CREAT, open.file.path: /x, open.file.destination.mode: 420}}',
      'open.flags & O_CREAT > 0 && open.file.destination.mode == 0644',
    ],
    ['{type: open, retval: -13, fields: {open.file.path: /x}}', 'open.retval == EACCES'],
    [
      '{type: exec, process: {file.path: /usr/bin/python3, argv: ["-c", "import os"], uid: 33, user: www-data, envs: [LD_PRELOAD]}}',
      'exec.file.path == "/usr/bin/python3" && process.args == "-c import os" && process.uid == 33 && process.user == "www-data" && process.envs == "LD_PRELOAD"',
    ],
    [
      '{type: exec, fields: {exec.file.path: /tmp/a, exec.args: "x y", exec.uid: 5}}',
      'exec.file.name == "a" && exec.args == "x y" && exec.uid == 5',
    ],
    [
      '{type: chmod, fields: {chmod.file.path: /x, chmod.file.destination.mode: 2541}}',
      'chmod.file.destination.mode & S_ISUID > 0',
    ],
    [
      '{type: connect, fields: {connect.addr.ip: "10.1.2.3", connect.addr.port: 443}}',
      'connect.addr.ip in 10.0.0.0/8 && connect.addr.port == 443 && connect.addr.family == AF_INET && connect.addr.is_public == false',
    ],
    ['{type: connect, fields: {connect.addr.ip: "2001:db8::1"}}', 'connect.addr.ip in 2001:db8::/32'],
    [
      '{type: rename, fields: {rename.file.path: /a, rename.file.destination.path: /b}}',
      'rename.file.path == "/a" && rename.file.destination.path == "/b"',
    ],
    ['{type: setuid, fields: {setuid.uid: 0, setuid.euid: 0}, process: {uid: 1000}}', 'setuid.uid == 0'],
    [
      '{type: load_module, process: {file.path: /usr/sbin/insmod, uid: 0, ancestors: [{file.path: /bin/sh}, {file.path: /usr/bin/runc}]}, fields: {load_module.name: diag, load_module.loaded_from_memory: true}}',
      'load_module.name == "diag" && load_module.loaded_from_memory == true && process.ancestors.file.name == "runc"',
    ],
    [
      '{type: unlink, process: {container.id: abc, container.tags: ["a:b"]}, fields: {unlink.file.path: /x}}',
      'unlink.file.path == "/x" && container.id == "abc" && container.tags == "a:b"',
    ],
    ['{type: exit, process: {file.path: /bin/false}, fields: {exit.code: 1}}', 'exit.code == 1'],
    [
      '{type: open, process: {uid: 1000, euid: 0}, fields: {open.file.path: /x}}',
      'open.file.path == "/x" && process.uid == 1000 && process.euid == 0 && process.uid != process.euid',
    ],
    [
      '{type: connect, fields: {connect.addr.ip: "::ffff:169.254.169.254", connect.addr.port: 80}}',
      'connect.addr.ip == 169.254.169.254 && connect.addr.family == AF_INET6',
    ],
    [
      '{type: dns, fields: {dns.question.name: Pool.Miner.example, dns.question.type: TXT, network.destination.ip: 10.0.0.53, network.destination.port: 53}}',
      'dns.question.name =~ "*.miner.EXAMPLE" && dns.question.type == TXT && network.destination.ip in 10.0.0.0/8 && network.destination.port == 53 && network.network_direction == 1',
    ],
    [
      '{type: dns, fields: {dns.question.name: gone.example, dns.response.code: 3, network.source.ip: "2001:db8::53"}}',
      'dns.question.name.root_domain == "gone.example" && dns.response.code == 3 && network.source.ip in 2001:db8::/32 && network.network_direction == 2',
    ],
    [
      '{type: imds, fields: {imds.url: /latest/meta-data/iam/security-credentials/, imds.host: 169.254.169.254, imds.user_agent: curl/8, imds.type: request, imds.cloud_provider: aws}}',
      'imds.type == "request" && imds.cloud_provider == "aws" && imds.url =~ "/latest/meta-data/iam/*" && imds.user_agent =~ "curl*" && imds.aws.is_imds_v2 == false',
    ],
    [
      '{type: imds, fields: {imds.type: response, imds.aws.security_credentials.type: AWS-HMAC}}',
      'imds.type == "response" && imds.aws.security_credentials.type == "AWS-HMAC"',
    ],
  ];
  for (const [event, expression] of rows) {
    const { tests } = await runs(
      `  - name: a\n    events: [${event}]\n    expect: [mine]\n`,
      {},
      { 'rules/all.policy': `rules:\n  - id: mine\n    expression: '${expression}'\n` },
    );
    tt.equal(
      tests[0]?.outcome,
      'pass',
      `${event}: ${tests[0]?.reason} ${JSON.stringify(tests[0]?.diagnostics)}`,
    );
  }
});

t.test('expressions decide over told events as they should, and what is none is refused', async (tt) => {
  const { events, decided, refused } = JSON.parse(
    readFileSync(new URL('../fixtures/conformance/told.json', import.meta.url), 'utf8'),
  ) as {
    events: Record<string, object>;
    decided: [event: string, expression: string, holds: boolean][];
    refused: string[];
  };
  const rules = decided.map(([, expression], index) => ({ id: `row_${index}`, expression }));
  const ids = (event: string, holds: boolean): string[] =>
    decided.flatMap((row, index) => (row[0] === event && row[2] === holds ? [`row_${index}`] : []));
  const tests = Object.entries(events).map(([name, event]) => ({
    name,
    events: [event],
    expect: ids(name, true),
    ...(ids(name, false).length === 0 ? {} : { never: ids(name, false) }),
  }));
  const cwd = world({
    'rules/all.policy': JSON.stringify({ rules }),
    'tests/one.test.yaml': JSON.stringify({ version: 1, tests }),
  });
  let answered = 0;
  for await (const item of runTests({ cwd })) {
    if (item.kind !== 'test') continue;
    tt.same(
      item.test.diagnostics.map(({ message }) => message),
      [],
      item.test.name,
    );
    for (const { outcome, rule, message } of item.test.checks) {
      answered += 1;
      const [, expression] = decided[Number(rule?.slice(4))] ?? [];
      if (outcome !== 'pass') tt.fail(`${item.test.name}: ${expression}: ${message}`);
    }
  }
  tt.equal(answered, decided.length);
  for (const expression of refused) {
    const text = JSON.stringify({ rules: [{ id: 'row', expression }] });
    const { rules: loaded } = loadPolicies([{ file: 'row.policy', text }], { strings: new StringTable() });
    tt.equal(loaded.rules.length, 0, expression);
  }
});

t.test('the project file has the same care', (tt) => {
  const rows: readonly (readonly [yaml: string, code: string, suggestion?: string])[] = [
    ['version: 1\nrecordings: {foldr: x}\n', 'unknown-key', 'folder:'],
    ['version: 1\ntest: {coverage: {rulez: 1}}\n', 'unknown-key', 'rules:'],
    ['version: 1\ntest: {coverage: {rules: 101}}\n', 'bad-value'],
    ['version: 1\ncheck: {codes: {a: eror}}\n', 'bad-value', 'error'],
    ['version: 1\nrecordings: {max_size: 1MB}\n', 'bad-value'],
    ['version: 1\nrules: rules\n', 'wrong-type'],
  ];
  for (const [yaml, code, suggestion] of rows) {
    const { diagnostics } = readDocument(yaml, 'seccam.yaml', projectFileShape, 'project file');
    tt.match(diagnostics, [{ code }], yaml);
    if (suggestion !== undefined) tt.equal(diagnostics[0]?.suggestions[0]?.text, suggestion, yaml);
  }
  tt.end();
});

// ---------------------------------------------------------------- selection and refusals

t.test('which tests are run', async (tt) => {
  const one = 'events: [{type: open, fields: {open.file.path: /etc/hosts}}]';
  const folder = world({
    'tests/a.test.yaml': `version: 1\ntests:\n  - name: first\n    ${one}\n    expect: [any_open]\n  - name: second\n    ${one}\n    expect: [key_read]\n`,
    'tests/b.test.yaml': `version: 1\ntests:\n  - {name: third, ${one}, never: [key_read]}\n`,
  });
  const names = async (options: TestOptions) => (await run(folder, options)).tests.map((test) => test.name);
  tt.same(await names({}), ['first', 'second', 'third']);
  tt.same(await names({ failed: true }), ['second']);
  tt.same(await names({ paths: ['tests/b.test.yaml'] }), ['third']);
  tt.same(await names({ paths: ['tests/a.test.yaml:4'] }), ['first']);
  tt.same(await names({ paths: ['tests/a.test.yaml:7'] }), ['second']);
  tt.same(await names({ names: ['ir'] }), ['first', 'third']);
  tt.same(await names({ names: ['/^s/'] }), ['second']);
  tt.same(await names({ ruleIds: ['key_*'] }), ['second', 'third']);
  tt.same(await names({ shard: { index: 1, count: 2 } }), ['first', 'third']);
  tt.same(await names({ shard: { index: 2, count: 2 } }), ['second']);
  tt.same(await names({ bail: true }), ['first', 'second'], 'stops after the first failure');
  const refusal = async (work: Promise<unknown>): Promise<Diagnostic | undefined> => {
    const error = await work.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    return error instanceof DiagnosticError ? error.diagnostics[0] : undefined;
  };
  tt.match(await refusal(run(folder, { names: ['secnd'] })), {
    code: 'no-tests',
    suggestions: [{ text: '-t "second"' }],
  });
  tt.match(await refusal(run(folder, { paths: ['tests/c.test.yaml'] })), { code: 'no-such-file' });
  tt.match(await refusal(run(world({}))), { code: 'no-tests' }, 'a project without tests is never green');
});

t.test('a run without rules, or with files that are none, is never green', async (tt) => {
  const one = '  - {name: a, events: [{type: open}], never: [x]}\n';
  const empty = await runs(one, {}, { 'rules/all.policy': 'rules: []\n' });
  tt.equal(empty.summary.answer, 2, JSON.stringify(empty));
  const wrong = await run(
    world({
      'tests/p.test.yaml': policy,
      'tests/q.test.yaml': `version: 1\ntests:\n${onEvents('expect: [key_read]')}`,
    }),
  );
  tt.equal(wrong.summary.answer, 2);
  tt.same(
    wrong.tests.map((test) => test.outcome),
    ['pass'],
    'the other file is run all the same',
  );
  tt.ok(
    wrong.diagnostics.some((item) => item.code === 'not-a-test'),
    JSON.stringify(wrong.diagnostics),
  );
});

t.test('the same inputs and another answer: not deterministic', async (tt) => {
  const folder = world({ 'tests/one.test.yaml': `version: 1\ntests:\n${onEvents('expect: [key_read]')}` });
  tt.equal((await run(folder)).tests[0]?.outcome, 'pass');
  tt.equal((await run(folder)).tests[0]?.outcome, 'pass', 'twice the same');
  const cache = join(root, 'cache', 'seccam', 'runs');
  const { readdirSync } = await import('node:fs');
  for (const name of readdirSync(cache)) {
    const path = join(cache, name);
    writeFileSync(path, readFileSync(path, 'utf8').replace(/"answer":"[0-9a-f]+"/g, '"answer":"other"'));
  }
  tt.match((await run(folder)).tests[0], { outcome: 'fail', reason: /not deterministic/ });
});

t.test('names of pinned recordings tell tests apart', (tt) => {
  tt.equal(slug('A shell (below nginx) reads "it"'), 'a-shell-below-nginx-reads-it');
  const long = 'a name that is long '.repeat(6);
  const alike: readonly (readonly [string, string])[] = [
    ['测试一', '测试二'],
    ['!', '?'],
    [`${long}one`, `${long}two`],
    ['größe', 'gr-e'],
  ];
  for (const [one, other] of alike) {
    tt.not(slug(one), slug(other), one);
    tt.equal(slug(one), slug(one));
    tt.match(slug(one), /^[a-z0-9][a-z0-9-]{0,79}$/);
  }
  tt.end();
});

t.test('ranges', (tt) => {
  for (const [text, words] of [
    ['3', '3 times'],
    ['1..', 'at least once'],
    ['..2', 'at most 2 times'],
    ['2..4', '2 to 4 times'],
    ['0', '0 times'],
  ] as const) {
    tt.equal(rangeText(parseRange(text)!), words);
  }
  for (const text of ['..', '3..1', '-1', '1.5', 'x', '']) tt.equal(parseRange(text), undefined, text);
  tt.end();
});
