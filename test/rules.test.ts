/**
 * Policies and the engine: what loads, what is said of what does not, which rules match, what is set and
 * what is delivered. Events are made by hand (rules-world.ts).
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { derivedFields } from '../src/catalogue/derived.js';
import type { Event } from '../src/catalogue/event.js';
import { eventRows } from '../src/catalogue/events.js';
import { allFields } from '../src/catalogue/fields.js';
import { readDocument, Section, type Text } from '../src/rules/document.js';
import {
  applyFixes,
  cannotFire,
  createModel,
  type Detection,
  Engine,
  type EngineOptions,
  formatPolicy,
  type LoadOptions,
  lintRules,
  loadPolicies,
  loadRules,
} from '../src/rules/index.js';
import { makeLimiter } from '../src/rules/limit.js';
import { readPlainYaml } from '../src/rules/plain-yaml.js';
import type { LoadedRule } from '../src/rules/ruleset.js';
import { policyShape } from '../src/rules/shape.js';
import { type Diagnostic, renderDiagnostic } from '../src/support/diagnostic.js';
import { StringTable } from '../src/support/strings.js';
import { TestWorld } from './rules-world.js';

const fixtures = join(import.meta.dirname, '..', 'fixtures', 'rules');

/** The diagnostics as `line:column code`. */
function places(list: readonly Diagnostic[]): string[] {
  return list.map((item) => `${item.span?.start.line ?? 0}:${item.span?.start.column ?? 0} ${item.code}`);
}

function load(text: string, options: Partial<LoadOptions> = {}) {
  return loadPolicies([{ file: 'a.policy', text }], { strings: new StringTable(), ...options });
}

function rule(id: string, expression: string, more = ''): string {
  return `  - id: ${id}\n    expression: '${expression.replaceAll("'", "''")}'\n${more}`;
}

/** Loads rules without any complaint and gives an engine. */
function engineOf(
  test: Pick<typeof t, 'same'>,
  world: TestWorld,
  text: string,
  options: EngineOptions = {},
): Engine {
  const { rules, diagnostics } = loadPolicies(
    [
      {
        file: 'a.policy',
        text: text.startsWith('rules:') || text.includes('\nrules:') ? text : `rules:\n${text}`,
      },
    ],
    { strings: world.strings },
  );
  test.same(
    diagnostics.map((item) => renderDiagnostic(item)),
    [],
    'the policy loads without complaint',
  );
  return new Engine(rules, options);
}

const ids = (found: readonly Detection[]): string[] => found.map((item) => item.ruleId);

/** Reads the `#^ code` marks of a fixture: what must be reported, and where. */
function marks(text: string): string[] {
  const found: string[] = [];
  let line = 0;
  for (const [index, content] of text.split('\n').entries()) {
    const mark = /^\s*#([\^<]) ([\w-]+)$/.exec(content);
    if (mark === null) line = index + 1;
    else found.push(`${line}:${mark[1] === '<' ? 1 : content.indexOf('#^') + 2} ${mark[2]}`);
  }
  return found;
}

t.test('seeded mistakes are all reported in one run, each at its place', (t) => {
  for (const name of ['mistakes.policy', 'doubtful.policy']) {
    const file = join(fixtures, 'bad', name);
    const text = readFileSync(file, 'utf8');
    const { rules, diagnostics } = loadRules([file], { strings: new StringTable() });
    const lint = name === 'doubtful.policy' ? lintRules(rules) : [];
    const wanted = marks(text);
    t.ok(wanted.length >= 16, `${name} holds mistakes`);
    t.same(places([...diagnostics, ...lint]).sort(), wanted.sort(), name);
  }
  t.end();
});

t.test('the policies of docs/policies.md load', (t) => {
  const text = readFileSync(join(import.meta.dirname, '..', 'docs', 'policies.md'), 'utf8');
  const blocks = [...text.matchAll(/```yaml\n(.*?)```/gs)].map(([, block]) => block!);
  t.ok(blocks.length >= 4);
  for (const block of blocks) {
    const { rules, diagnostics } = loadPolicies([{ file: 'docs', text: block }], {
      strings: new StringTable(),
    });
    t.same(
      diagnostics.map((item) => renderDiagnostic(item)),
      [],
    );
    t.ok(rules.rules.length > 0);
  }
  t.end();
});

t.test('the JSON schema accepts what loads and says what does not', async (t) => {
  const { policyJsonSchema, policySchema } = await import('../src/rules/schema.js');
  const { parse } = await import('yaml');
  for (const name of ['shapes.policy', 'large.policy']) {
    const result = policySchema.safeParse(parse(readFileSync(join(fixtures, 'good', name), 'utf8')));
    t.ok(result.success, `${name}: ${JSON.stringify(result.error?.issues.slice(0, 3))}`);
  }
  t.notOk(policySchema.safeParse({ rules: [{ id: 'a', expresion: 'x' }] }).success);
  t.notOk(policySchema.safeParse({ rules: [{ id: 'a', every: '5 minutes' }] }).success);
  const committed = JSON.parse(
    readFileSync(join(import.meta.dirname, '..', 'schema', 'policy.json'), 'utf8'),
  ) as unknown;
  t.same(policyJsonSchema(), committed, 'schema/policy.json is current');
  t.end();
});

t.test('every shape of policy loads', (t) => {
  const file = join(fixtures, 'good', 'shapes.policy');
  const { rules, diagnostics } = loadRules([file], { strings: new StringTable() });
  t.same(
    diagnostics.map((item) => renderDiagnostic(item)),
    [],
  );
  const status = Object.fromEntries(
    rules.entries.map((entry) => [entry.id, entry.errorKind ?? entry.status]),
  );
  t.equal(status['for_another_system'], 'agent_filter_error');
  t.equal(status['for_a_later_agent'], 'agent_version_error');
  t.equal(status['switched_off'], 'disabled');
  t.equal(rules.rules[0]?.id, 'kill_on_match', 'the higher priority goes first');
  t.equal(rules.rules.filter((item) => item.sourceId === 'written_file').length, 8);
  t.ok(rules.byId('__fim_expanded_rename_destination_fim_written_file'));
  t.end();
});

t.test('a large policy loads and every expression of it survives fmt', (t) => {
  const file = join(fixtures, 'good', 'large.policy');
  const text = readFileSync(file, 'utf8');
  const { rules, diagnostics } = loadRules([file], { strings: new StringTable() });
  t.same(
    diagnostics.map((item) => renderDiagnostic(item)),
    [],
  );
  t.ok(
    rules.rules.length >= 300 && rules.macros.size >= 50,
    `${rules.rules.length} rules, ${rules.macros.size} macros`,
  );
  t.ok([...rules.variables.values()].some((variable) => variable.inherited && variable.ttl > 0));
  t.ok([...rules.variables.values()].some((variable) => variable.scope === 'cgroup'));
  const formatted = formatPolicy(file, text);
  t.same(formatted.diagnostics, []);
  const again = loadPolicies([{ file, text: formatted.text }], { strings: new StringTable() });
  t.same(
    again.diagnostics.map((item) => renderDiagnostic(item)),
    [],
  );
  t.same(
    again.rules.rules.map((item) => item.rule.fields),
    rules.rules.map((item) => item.rule.fields),
  );
  t.equal(formatPolicy(file, formatted.text).text, formatted.text, 'fmt is idempotent');
  t.end();
});

t.test('errors point into scalars of every style', (t) => {
  const cases: [string, string][] = [
    ['rules:\n  - id: a\n    expression: exec.nme == "a"\n', '3:17'],
    ['rules:\n  - id: a\n    expression: "exec.nme == \\"a\\""\n', '3:18'],
    ["rules:\n  - id: a\n    expression: '\"it''s\" == exec.nme'\n", '3:29'],
    ['rules:\n  - id: a\n    expression: |\n      exec.uid == 0\n      && exec.nme == "a"\n', '5:10'],
    ['rules:\n  - id: a\n    expression: >\n      exec.uid == 0\n\n      && exec.nme == "a"\n', '6:10'],
    ['rules:\n  - id: a\n    expression: >2-\n        exec.uid == 0\n        && exec.nme == "a"\n', '5:12'],
    ['rules:\n  - id: a\n    expression: exec.uid == 0\n      && exec.nme == "a"\n', '4:10'],
    ['rules: [{id: a, expression: "exec.uid == 0 \\\n    && exec.nme == 1"}]\n', '2:8'],
    ['rules:\n  - id: a\n    expression: "\\u0065xec.uid == 0 && exec.nme == 1"\n', '3:40'],
    [
      'macros:\n  - id: M\n    values: [ok, ~"/a/**/b"]\nrules:\n  - {id: a, expression: open.file.path in M}\n',
      '3:18',
    ],
  ];
  const more: [string, string][] = [
    ['rules:\r\n  - id: a\r\n    expression: |\r\n      exec.uid == 0\r\n      && exec.nme == 1\r\n', '5:10'],
    ['rules:\r\n  - id: a\r\n    expression: "exec.uid == 0\r\n      && exec.nme == 1"\r\n', '4:10'],
    ['\ufeffrules:\n  - id: a\n    expression: exec.nme == 1\n', '3:17'],
    ['rules:\n  - id: a\n    expression: |-\n      exec.uid == 0\n      \t&& exec.nme == 1\n', '5:11'],
    ['rules:\n  - &r\n    id: a\n    expression: exec.nme == 1\n  - <<: *r\n    id: b\n', '4:17'],
    ['rules:\n  - id: a\n    expression: \'exec.args == "é🙂" && exec.nme == 1\'\n', '3:40'],
    [
      'rules:\n  - id: a\n    expression: >\n      exec.uid == 0\n        && exec.uid == 1\n\n\n      && exec.nme == 1\n',
      '8:10',
    ],
    ['rules:\n  - id: a\n    id: b\n    expression: exec.uid == 0\n', '3:5'],
    ['rules:\n  - {id: a, expression: exec.uid == 0}\n---\nrules:\n  - {id: b}\n', '4:1'],
  ];
  for (const [text, place] of [...cases, ...more])
    t.equal(places(load(text).diagnostics)[0]?.split(' ')[0], place, JSON.stringify(text));
  t.end();
});

t.test('files that are no policies are named for what they are', (t) => {
  const cases: [string, string, RegExp][] = [
    ['x.test.yaml', 'version: 1\ntests:\n  - name: a\n', /test file.*\n.*seccam test/s],
    ['seccam.yaml', 'version: 1\nrules: [rules]\ntests: ["a"]\n', /project file.*seccam check/s],
    ['x.snap.yaml', 'detections: []\n', /snapshot/],
    ['x.policy', 'just text\n', /not a policy/],
    ['x.policy', '', /empty/],
    ['x.policy', 'hello: 1\n', /without `rules:`/],
    ['x.policy', 'rules: 1\n', /"rules" has the wrong kind/],
  ];
  for (const [file, text, message] of cases) {
    const { rules, diagnostics } = loadPolicies([{ file, text }], { strings: new StringTable() });
    t.equal(rules.rules.length, 0);
    t.match(diagnostics.map((item) => renderDiagnostic(item)).join('\n'), message, file);
  }
  t.equal(load('[[[').diagnostics.length, 1, 'one slip is told once');
  const both = load(
    'rules:\n  - {id: a-b, expression: exec.nme == 1}\n  - {id: 2fa_changed, expression: exec.uid == 0}\n',
  );
  t.same(
    both.diagnostics.map((item) => item.code),
    ['wrong-id', 'unknown-field'],
  );
  t.same(
    both.rules.rules.map((item) => item.id),
    ['2fa_changed'],
  );
  t.same(
    load('rules: []\n').diagnostics.map((item) => item.code),
    ['no-rules'],
  );
  t.same(
    load('rules:\n  - {id: a, expression: exec.uid == 0, disabled: true}\n').diagnostics.map(
      (item) => item.code,
    ),
    ['no-rules'],
  );
  const broken = loadRules([join(fixtures, 'bad', 'not-yaml.policy'), '/nonexistent/x'], {
    strings: new StringTable(),
  });
  t.same([...new Set(broken.diagnostics.map((item) => item.code))].sort(), [
    'rules-not-found',
    'yaml-syntax',
  ]);
  t.end();
});

t.test('a folder is read with default.policy first and the rest by name', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'seccam-rules-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'sub'));
  const put = (name: string, id: string): void =>
    writeFileSync(join(folder, name), `rules:\n${rule(id, 'exec.uid == 0')}`);
  put('b.policy', 'b');
  put('a.policy.yaml', 'a');
  put('default.policy', 'first');
  put('sub/c.policy.yml', 'c');
  writeFileSync(join(folder, 'notes.txt'), 'no rules');
  writeFileSync(join(folder, 'd.policy'), `replace_policy_id: b\nrules:\n${rule('d', 'exec.uid == 0')}`);
  const { rules, diagnostics } = loadRules([folder], { strings: new StringTable() });
  t.same(
    rules.rules.map((item) => item.id),
    ['first', 'a', 'd', 'c'],
  );
  t.same(
    diagnostics.map((item) => item.code),
    ['policy-replaced'],
  );
  t.end();
});

t.test('definitions of one id are combined', (t) => {
  const combined = (...texts: string[]) => {
    const result = loadPolicies(
      texts.map((text, index) => ({ file: `${index}.policy`, text: `rules:\n${text}` })),
      { strings: new StringTable() },
    );
    return { rules: result.rules.rules, codes: result.diagnostics.map((item) => item.code) };
  };
  const first = rule('a', 'exec.uid == 0', '    tags: {x: one}\n    every: 5s\n');
  t.match(combined(first, first), { codes: [], rules: [{ id: 'a' }] }, 'another policy may say the same');
  t.match(combined(first + first), { codes: ['duplicate-id'] });
  t.match(combined(first, rule('a', 'exec.uid == 1')), {
    codes: ['duplicate-id'],
    rules: [{ expression: 'exec.uid == 0' }],
  });
  t.match(combined(first, rule('a', 'exec.uid == 1', '    combine: override\n    tags: {x: two}\n')), {
    codes: [],
    rules: [{ expression: 'exec.uid == 1', tags: { x: 'one' }, every: 5e9 }],
  });
  t.match(
    combined(
      first,
      rule(
        'a',
        'exec.uid == 1',
        '    combine: override\n    override_options: {fields: [tags, every]}\n    tags: {x: two}\n    every: 1s\n',
      ),
    ),
    { rules: [{ expression: 'exec.uid == 0', tags: { x: 'two' }, every: 1e9 }] },
  );
  t.match(
    combined(
      first,
      rule('a', 'exec.uid == 1', '    combine: override\n    override_options: {fields: [all]}\n'),
    ),
    { rules: [{ expression: 'exec.uid == 1', tags: {}, every: undefined }] },
  );
  t.equal(combined(first, '  - {id: a, disabled: true}\n').rules.length, 0);
  t.equal(
    combined('  - {id: a, expression: exec.uid == 0, disabled: true}\n', '  - {id: a, disabled: false}\n')
      .rules.length,
    1,
  );
  const macros = (a: string, b: string) =>
    load(
      `macros:\n  - {id: M, ${a}}\n  - {id: M, ${b}}\nrules:\n  - {id: r, expression: exec.file.name in M}\n`,
    );
  t.match(macros('values: [a]', 'values: [b], combine: merge').rules.macros.get('M')?.macro.text, /"a", "b"/);
  t.match(
    macros('values: [a]', 'values: [b], combine: override').rules.macros.get('M')?.macro.text,
    /^\["b"\]$/,
  );
  t.same(
    macros('expression: \'["a"]\'', 'values: [b], combine: merge').diagnostics.map((item) => item.code),
    ['cannot-merge'],
  );
  t.same(
    macros('values: [a]', 'values: [b]').diagnostics.map((item) => item.code),
    ['duplicate-id'],
  );
  t.end();
});

t.test('agent_version and filters decide what is loaded', (t) => {
  const loaded = (more: string, options: Partial<LoadOptions> = {}): boolean =>
    load(
      `rules:\n  - {id: other, expression: exec.uid == 1}\n${rule('a', 'exec.uid == 0', `    ${more}\n`)}`,
      options,
    ).rules.byId('a') !== undefined;
  for (const range of [
    '>= 7.42',
    '>=7.83',
    '7.83.x',
    '~7.83',
    '< 7.50 || > 7.60',
    '>= 7.34-0',
    '>= 7.42, < 8',
    '!= 7.50',
  ])
    t.ok(loaded(`agent_version: "${range}"`), range);
  for (const range of ['>= 7.84', '< 7.83', '!= 7.83', '^6', '>= 7.42, < 7.50'])
    t.notOk(loaded(`agent_version: "${range}"`), range);
  const host = { kernel: '5.15.0-91-generic', envs: ['A=1'], hostname: 'web-1', id: 'ubuntu' };
  for (const filter of [
    'os == "linux"',
    'kernel.version.major >= 5 && kernel.version.minor == 15',
    '"A=1" in envs',
    'hostname == ~"web-*"',
    'origin == "ebpfless"',
    'os.id == "ubuntu"',
    'kernel.version.flavor == "generic"',
  ])
    t.ok(loaded(`filters: ['${filter}']`, { host }), filter);
  for (const filter of ['os == "windows"', 'kernel.version.major < 5', 'os.is_debian'])
    t.notOk(loaded(`filters: ['${filter}']`, { host }), filter);
  t.ok(loaded(`filters: ['os == "windows"', 'os == "linux"']`), 'one of the filters is enough');
  t.end();
});

t.test('every field of the catalogue can be read in every event', (t) => {
  const world = new TestWorld();
  const model = createModel(world.strings);
  const init = world.process({ file: '/sbin/init' });
  const acting = world.process({ file: '/bin/sh', parent: init, argv: ['sh', '-c', 'x'] });
  for (const row of eventRows) {
    const event = world.event(row.name, acting, {}, { target: init });
    for (const field of allFields) {
      if (field.events !== undefined && !field.events.includes(row.name)) continue;
      const value = model.read(field.name, event);
      const kind = field.type.replace('[]', '');
      const wanted = kind === 'int' ? 'number' : kind === 'bool' ? 'boolean' : 'string';
      const flat = (Array.isArray(value) ? value : [value]).flat();
      if (flat.some((item) => typeof item !== wanted && !(wanted === 'number' && typeof item === 'string')))
        t.fail(`${field.name} of ${row.name} is ${JSON.stringify(value)}`);
    }
  }
  const unread = allFields
    .filter((field) => field.source.kind === 'derived' && !derivedFields.has(field.name))
    .map((field) => field.name);
  t.same(unread, [], 'every derived field has its function');
  t.end();
});

t.test('fields mean what the reference says', (t) => {
  const world = new TestWorld();
  const init = world.process({ file: '/sbin/init', pid: 1 });
  const web = world.process({ file: '/usr/sbin/nginx', parent: init, uid: 1000 });
  const sh = world.process({
    file: '/usr/bin/dash',
    parent: web,
    uid: 1000,
    aliases: ['/bin/sh'],
    argv: ['sh', '-xe', '--color=always', 'a.sh'],
    envp: ['LD_PRELOAD=/tmp/x.so', 'HOME'],
    container: 'c1',
    created: world.now - 30e9,
  });
  const open = (path: string, flags = 0, retval = 0): Event =>
    world.event(
      'open',
      sh,
      { file: world.file(path, { mode: 0o104755, changeTime: world.now - 2e9 }), flags, named: path },
      { retval },
    );
  const connect = (ip: string, port = 443): Event =>
    world.event('connect', sh, { address: world.address(ip, port, ip.includes(':') ? 10 : 2) });
  const truths: [string, Event][] = [
    ['exec.file.path == "/bin/sh"', world.exec(sh)],
    ['exec.file.path == "/usr/bin/dash" && exec.file.name in ["sh"]', world.exec(sh)],
    ['process.file.path in ["/bin/sh"] && open.file.name == "a"', open('/etc/a')],
    ['open.file.path =~ "/etc/*" && !(open.file.path =~ "/et*")', open('/etc/a')],
    ['!(open.file.path == ~"/etc/*")', open('/etc/x/a')],
    ['open.file.path == ~"/etc/**"', open('/etc/x/a')],
    [
      'process.ancestors.file.name == "nginx" && process.parent.file.name == "nginx" && open.flags == 0',
      open('/a'),
    ],
    ['process.ancestors.length == 2 && open.flags == 0', open('/a')],
    [
      'process.ancestors[A].file.name == "init" && process.ancestors[A].pid == 1 && open.flags == 0',
      open('/a'),
    ],
    [
      '!(process.ancestors[A].file.name == "nginx" && process.ancestors[A].pid == 1) && open.flags == 0',
      open('/a'),
    ],
    ['process.user == "alice" && process.uid == 1000 && open.flags == 0', open('/a')],
    ['open.retval == EACCES', open('/a', 0, -13)],
    ['open.file.rights == 04755 && open.file.mode & S_ISUID > 0', open('/a')],
    ['open.file.change_time < 5s && process.created_at > 20s', open('/a')],
    ['open.file.extension == ".so"', open('/a/b.so')],
    [
      'exec.args_flags in ["x"] && exec.args_flags in ["xe"] && exec.args_options in ["color=always"]',
      world.exec(sh),
    ],
    ['exec.args == "-xe --color=always a.sh" && exec.argv0 == "sh" && "a.sh" in exec.argv', world.exec(sh)],
    ['exec.envs in ["LD_PRELOAD"] && exec.envp in [~"LD_PRELOAD=/tmp/*"]', world.exec(sh)],
    ['container.id == "c1" && process.container.id != "" && exec.uid == 1000', world.exec(sh)],
    ['connect.addr.ip in [10.0.0.0/8] && connect.addr.is_public == false', connect('10.1.2.3')],
    [
      'connect.addr.ip == 10.1.2.3 && connect.addr.port == 443 && connect.addr.family == AF_INET',
      connect('10.1.2.3'),
    ],
    ['connect.addr.is_public && connect.addr.ip not in [10.0.0.0/8]', connect('8.8.8.8')],
    ['connect.addr.ip in [::/0] && connect.addr.is_public', connect('2001:4860:4860::8888')],
    [
      'connect.addr.hostname in ["Example.COM"]',
      world.event('connect', sh, { address: world.address('1.2.3.4', 1) }, { hostnames: ['example.com'] }),
    ],
    [
      'exec.file.name =~ "memfd*" && exec.file.path == ""',
      world.exec({ ...sh, file: world.file('memfd:payload', { flags: 4 }) } as typeof sh),
    ],
    ['exit.code == 3 && exit.cause == 0', world.event('exit', sh, { code: 3 })],
    ['event.hostname == "host-1" && event.os == "linux" && exec.uid >= 0', world.exec(sh)],
  ];
  const text = truths.map(([expression], index) => rule(`r${index}`, expression)).join('');
  const engine = engineOf(t, world, text, { limits: false });
  for (const [index, [expression, event]] of truths.entries()) {
    const again = Object.assign(event, {});
    t.ok(ids(engine.evaluate(again)).includes(`r${index}`), expression);
  }
  t.end();
});

t.test('a later rule of the same event sees what an earlier one set', (t) => {
  const world = new TestWorld();
  const shell = world.process({ file: '/bin/sh' });
  const engine = engineOf(
    t,
    world,
    rule('reads', 'exec.uid == 0 && ${seen}') +
      rule(
        'sets',
        'exec.file.name == "sh"',
        '    priority: 1\n    actions:\n      - set: {name: seen, value: true}\n',
      ),
  );
  t.same(ids(engine.evaluate(world.exec(shell))), ['sets', 'reads']);
  t.same(engine.variables.globals(), { seen: true });
  t.end();
});

t.test('variables have scopes, ends and lengths', (t) => {
  const world = new TestWorld();
  const init = world.process({ file: '/sbin/init' });
  const web = world.process({ file: '/usr/sbin/nginx', parent: init, container: 'c1', cgroup: 'g1' });
  const child = world.process({ file: '/bin/sh', parent: web, container: 'c1', cgroup: 'g2' });
  const other = world.process({ file: '/bin/cat', parent: init, cgroup: 'g1' });
  const set = (id: string, options: string): string =>
    rule(id, `open.file.path == "/set/${id}"`, `    actions:\n      - set: {${options}}\n`);
  const get = (id: string, condition: string): string => rule(id, `open.file.path == "/get" && ${condition}`);
  const engine = engineOf(
    t,
    world,
    [
      set('own', 'name: own, scope: process, value: true'),
      set('inherited', 'name: marked, scope: process, value: 7, inherited: true'),
      set('container', 'name: box, scope: container, value: web'),
      set('cgroup', 'name: group, scope: cgroup, value: web'),
      set('short', 'name: short, value: true, ttl: 10s'),
      set('count', 'name: count, expression: "${count} + 1", default_value: 0'),
      set('list', 'name: names, field: open.file.path, append: true, size: 2, ttl: 1m'),
      set('more', 'name: names, value: x, append: true, size: 2, ttl: 1m'),
      set('parent', 'name: touched, scope: process, value: true, scope_field: process.parent.pid'),
      get('sees_own', '${process.own}'),
      get('sees_inherited', '${process.marked} == 7'),
      get('sees_container', '${container.box} == "web"'),
      get('sees_cgroup', '${cgroup.group} == "web"'),
      get('sees_short', '${short}'),
      get('sees_count', '${count} == 2'),
      get('sees_list', '${names.length} == 2 && ${names} not in ["/set/list"] && ${names} in ["x"]'),
      get('sees_touched', '${process.touched}'),
    ].join(''),
  );
  const open = (process: typeof web, path: string, after = 1000) =>
    ids(engine.evaluate(world.event('open', process, { file: path }, { after })));
  t.same(open(child, '/get'), []);
  for (const id of ['own', 'inherited', 'container', 'cgroup', 'short', 'count', 'count'])
    t.same(open(web, `/set/${id}`), [id]);
  t.same(open(web, '/get'), [
    'sees_own',
    'sees_inherited',
    'sees_container',
    'sees_cgroup',
    'sees_short',
    'sees_count',
  ]);
  t.same(
    open(child, '/get'),
    ['sees_inherited', 'sees_container', 'sees_short', 'sees_count'],
    'a child inherits what is marked so',
  );
  t.same(
    open(other, '/get'),
    ['sees_cgroup', 'sees_short', 'sees_count'],
    'a stranger shares the cgroup only',
  );
  t.same(open(other, '/get', 11e9), ['sees_cgroup', 'sees_count'], 'the time of events ends a value');
  t.same(open(child, '/set/parent'), ['parent']);
  t.ok(open(web, '/get').includes('sees_touched'), 'scope_field names another process by pid');
  for (const path of ['/set/list', '/set/more', '/set/list2', '/set/more']) open(web, path);
  t.notOk(open(web, '/get').includes('sees_list'), 'the list holds its first member still');
  engine.evaluate(world.event('open', web, { file: '/set/more' }));
  t.equal(
    engine.variables.origin('process.marked', world.event('open', child, { file: '/get' }))?.ruleId,
    'inherited',
  );
  t.same(
    open(other, '/set/container'),
    ['container'],
    'a process without a container matches, and sets nothing',
  );
  t.notOk(open(other, '/get').includes('sees_container'));
  const detection = new Engine(engine.rules).evaluate(
    world.event('open', other, { file: '/set/container' }),
  )[0];
  t.same(detection?.actions, []);
  t.end();
});

t.test('a list drops its oldest member', (t) => {
  const world = new TestWorld();
  const shell = world.process({ file: '/bin/sh' });
  const engine = engineOf(
    t,
    world,
    rule(
      'keep',
      'open.file.name == "a" || open.file.name == "b" || open.file.name == "c"',
      '    actions:\n      - set: {name: names, field: open.file.name, append: true, size: 2, ttl: 10s}\n',
    ),
  );
  const values: unknown[] = [];
  for (const [name, after] of [
    ['a', 1],
    ['b', 1],
    ['a', 1],
    ['c', 1],
    ['b', 9.5e9],
  ] as const) {
    const event = world.event('open', shell, { file: `/${name}` }, { after });
    engine.evaluate(event);
    values.push(engine.variables.get('names', event));
  }
  t.same(values, [['a'], ['a', 'b'], ['b', 'a'], ['a', 'c'], ['c', 'b']]);
  t.end();
});

t.test('limits decide delivery and never what is detected', (t) => {
  const world = new TestWorld();
  const shell = world.process({ file: '/bin/sh' });
  const burst = (
    engine: Engine,
    times: number,
    after: number,
    path = (_: number): string => '/a',
  ): number => {
    let delivered = 0;
    for (let index = 0; index < times; index++)
      for (const found of engine.evaluate(world.event('open', shell, { file: path(index) }, { after })))
        delivered += found.delivered ? 1 : 0;
    return delivered;
  };
  const any = (more = ''): string => rule('any', 'open.file.path != ""', more);
  const plain = engineOf(t, world, any());
  t.equal(burst(plain, 100, 0), 40, 'a burst of 40');
  t.equal(burst(plain, 10, 100e6), 10, 'then one per 100 ms');
  t.same(plain.counts, { matched: [110], delivered: [50] });
  t.equal(burst(engineOf(t, world, any('    every: 1s\n')), 50, 100e6), 5, 'every: one in each interval');
  t.equal(
    burst(
      engineOf(t, world, any('    every: 1h\n    limiter_token: [open.file.path]\n')),
      30,
      1,
      (index) => `/${index % 3}`,
    ),
    3,
    'one for each value of the token',
  );
  t.equal(burst(engineOf(t, world, any(), { limits: false }), 100, 0), 100);
  const silent = engineOf(t, world, any('    silent: true\n'));
  t.match(silent.evaluate(world.event('open', shell, { file: '/a' })), [
    { delivered: false, suppressedBy: 'silent' },
  ]);
  t.end();
});

t.test('a limit knows no order: events of streams that come in blocks cost each other nothing', (t) => {
  const limit = (every: number | undefined) => {
    const limiter = makeLimiter(
      { every, limiterToken: [] } as unknown as LoadedRule,
      createModel(new StringTable()),
    );
    return (time: number): boolean => limiter.allow({} as Event, time);
  };
  const each = limit(1000);
  let delivered = 0;
  for (let block = 0; block < 20; block++)
    for (let stream = 0; stream < 4; stream++)
      for (let index = 0; index < 50; index++)
        delivered += each((block * 50 + index) * 4000 + stream * 1000) ? 1 : 0;
  t.equal(delivered, 4000, 'a microsecond apart, one each microsecond');
  const lagging = limit(1000);
  let late = 0;
  for (let block = 0; block < 2; block++)
    for (let stream = 0; stream < 6; stream++)
      for (let index = 0; index < 5000; index++)
        late += lagging((block * 5000 + index) * 6000 + stream * 1000) ? 1 : 0;
  t.equal(late, 60_000, 'also where streams lag behind each other by thousands');
  let seed = 1;
  const below = (bound: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % bound;
  };
  for (const every of [1000, 7000, undefined]) {
    const allow = limit(every);
    const taken: number[] = [];
    for (let index = 0; index < 3000; index++) {
      const time = index * (every === undefined ? 20e6 : 1000) + below(40) * 1000;
      if (allow(time)) taken.push(time);
    }
    const again = limit(every);
    t.ok(taken.length > 300, `${every}: ${taken.length}`);
    t.ok(
      taken.sort((a, b) => a - b).every((time) => again(time)),
      'never more than in order',
    );
  }
  const used = limit(3600e9);
  t.same([5e9, 4e9, 3e9, 6e9, 3604e9, 3605e9].map(used), [true, false, false, false, false, true]);
  t.end();
});

t.test('a reload keeps what is used of limits of rules that have the same', (t) => {
  const world = new TestWorld();
  const shell = world.process({ file: '/bin/sh' });
  const text = (every: string): string => rule('any', 'open.file.path != ""', `    every: ${every}\n`);
  const told = (engine: Engine): boolean | undefined =>
    engine.evaluate(world.event('open', shell, { file: '/a' }))[0]?.delivered;
  const first = engineOf(t, world, text('1h'));
  t.equal(told(first), true);
  const second = engineOf(t, world, text('1h'));
  second.adopt(first);
  t.equal(told(second), false);
  const third = engineOf(t, world, text('2h'));
  third.adopt(second);
  t.equal(told(third), true, 'another limit begins anew');
  t.end();
});

t.test('a detection carries what matched, where it stands, and what was done', (t) => {
  const world = new TestWorld();
  const web = world.process({ file: '/usr/sbin/nginx' });
  const shell = world.process({ file: '/bin/sh', parent: web, pid: 4242 });
  const engine = engineOf(
    t,
    world,
    'macros:\n  - {id: SERVERS, values: [nginx]}\nrules:\n' +
      rule(
        'spawn',
        'exec.file.name in ["sh", "bash"] && process.ancestors.file.name in SERVERS',
        '    description: A shell\n    tags: {team: web}\n    actions:\n      - kill: {signal: SIGKILL, scope: container}\n      - hash: {}\n      - log: {level: info, message: "%{exec.file.path} as ${process.pid}"}\n      - filter: exec.uid == 99\n        kill: {signal: SIGTERM}\n',
      ),
  );
  const [found] = engine.evaluate(world.exec(shell));
  t.match(found, {
    ruleId: 'spawn',
    policy: 'a.policy',
    description: 'A shell',
    tags: { team: 'web' },
    eventType: 'exec',
    delivered: true,
  });
  t.match(found?.matched, [
    { field: 'exec.file.name', value: 'sh', start: 0, end: 14, span: { start: { line: 5, column: 18 } } },
    { field: 'process.ancestors.file.name', value: 'nginx', span: { start: { line: 5, column: 54 } } },
  ]);
  t.equal(found?.matched.length, 2, 'the literal that a field equals is not repeated');
  t.match(found?.actions, [
    { kind: 'kill', simulated: true, detail: { signal: 'SIGKILL', scope: 'container', pid: 4242 } },
    { kind: 'hash', detail: { path: '/bin/sh' } },
    { kind: 'log', detail: { message: '/bin/sh as 4242' } },
  ]);
  t.equal(found?.actions.length, 3, 'a filter that is false keeps the action back');
  t.end();
});

t.test('the observer sees each rule with the variables as they were, and changes nothing', (t) => {
  const world = new TestWorld();
  const shell = world.process({ file: '/bin/sh' });
  const text =
    rule(
      'sets',
      'exec.file.name == "sh" && ${seen} == false',
      '    actions:\n      - set: {name: seen, value: true, default_value: false}\n',
    ) +
    rule('reads', 'exec.uid == 0 && ${seen}') +
    rule('misses', 'exec.uid == 1 && exec.file.name == "sh"');
  const seen: [string, boolean, number][] = [];
  const watched = engineOf(t, world, text, {
    observer: { rule: (rule, _event, value, trace) => void seen.push([rule.id, value, trace().distance]) },
  });
  const plain = engineOf(t, world, text);
  const event = world.exec(shell);
  t.same(ids(watched.evaluate(event)), ids(plain.evaluate(event)));
  t.same(seen, [
    ['sets', true, 0],
    ['reads', true, 0],
    ['misses', false, 1],
  ]);
  t.end();
});

t.test('conditions are asked with the variables of that moment', (t) => {
  const world = new TestWorld();
  const shell = world.process({ file: '/bin/sh' });
  const engine = engineOf(
    t,
    world,
    rule(
      'sets',
      'exec.file.name == "sh"',
      '    actions:\n      - set: {name: seen, scope: process, value: true, inherited: true}\n',
    ),
  );
  const { condition, diagnostics } = engine.condition('${process.seen} == true && process.file.name == "sh"');
  t.same(diagnostics, []);
  const event = world.exec(shell);
  t.equal(condition?.decide(event), false);
  engine.evaluate(event);
  t.equal(condition?.decide(event), true);
  t.equal(engine.condition('exec.nothing == 1').condition, undefined);
  t.equal(engine.value('process.file.name').read?.(event), 'sh');
  t.end();
});

t.test('the same events give the same detections, uuid included', (t) => {
  const text = rule(
    'a',
    'exec.uid == 0 && "${builtins.uuid4}" != ""',
    '    actions:\n      - set: {name: key, scope: process, expression: \'"k_${builtins.uuid4}_${builtins.uuid4}"\', default_value: ""}\n',
  );
  const run = (options: EngineOptions = {}): string => {
    const world = new TestWorld();
    const engine = engineOf(t, world, text, options);
    const all: unknown[] = [];
    for (let index = 0; index < 60; index++)
      all.push(...engine.evaluate(world.exec(world.process({ file: '/bin/sh' }))));
    return JSON.stringify(all, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  };
  const keys = (output: string): (string | undefined)[] =>
    [...output.matchAll(/k_([0-9a-f-]{36})_([0-9a-f-]{36})/g)].flatMap(([, a, b]) => [a, b]);
  const first = run();
  t.equal(run(), first);
  t.equal(new Set(keys(first)).size, 120, 'each read gives another one');
  t.same(
    keys(run({ details: 'all', limits: false })),
    keys(first),
    'looking at what matched changes nothing',
  );
  t.same(keys(run({ observer: { rule: (_rule, _event, _value, trace) => void trace() } })), keys(first));
  t.end();
});

t.test('a reload takes over variables', (t) => {
  const world = new TestWorld();
  const shell = world.process({ file: '/bin/sh' });
  const sets = rule(
    'sets',
    'exec.file.name == "sh"',
    '    actions:\n      - set: {name: seen, scope: process, value: true}\n      - set: {name: n, value: 1}\n',
  );
  const before = engineOf(t, world, sets);
  before.evaluate(world.exec(shell));
  const after = engineOf(
    t,
    world,
    `${sets}${rule('reads', 'open.flags == 0 && ${process.seen} && ${n} == 1')}`,
  );
  after.adopt(before);
  t.same(ids(after.evaluate(world.event('open', shell, { file: '/a' }))), ['reads']);
  t.end();
});

t.test('wrong actions are named, and the rest of the rule loads', (t) => {
  const said = (action: string, expression = 'exec.uid == 0', options: Partial<LoadOptions> = {}): string => {
    const { rules, diagnostics } = load(
      `rules:\n${rule('a', expression, `    actions: [${action}]\n`)}`,
      options,
    );
    t.equal(rules.rules.length, 1, action);
    t.ok(
      diagnostics.every((item) => item.span !== undefined),
      'each has its place',
    );
    return diagnostics.map((item) => item.message).join('; ');
  };
  const cases: [string, string | RegExp, string?][] = [
    ['set: {value: 1}', 'variable name is empty'],
    ['set: {name: a-b, value: 1}', 'invalid variable name "a-b"'],
    ['set: {name: x}', `either "value", "field" or "expression" must be specified`],
    ['set: {name: x, value: 1, field: exec.uid}', 'have value and field'],
    ['set: {name: x, expression: exec.uid}', 'failed to infer type for variable "x"'],
    [
      'set: {name: x, value: 1, inherited: true}',
      'only variables scoped to process can be marked as inherited',
    ],
    ['set: {name: x, value: 1, scope: cgroup, scope_field: exec.pid}', 'can have a custom scope_field'],
    ['set: {name: x, value: 1, default_value: a}', 'must be of the same type'],
    ['set: {name: x, value: []}', 'unable to infer item type'],
    ['set: {name: x, field: exec.argv}', 'can only be used with "append"'],
    ['set: {name: x, field: open.flags}', '"open" is not compatible with "exec" rules'],
    ['set: {name: x, field: exec.nothing}', /exec\.nothing/],
    ['set: {name: x, field: network.size}', 'available in dns and imds events, not in "exec" rules'],
    ['{filter: network.size > 1, kill: {signal: SIGKILL}}', 'reads a field of dns and imds events'],
    ['set: {name: uid, scope: process, value: 1}', 'conflicts with a field'],
    ['set: {name: O_CREAT, value: 1}', 'conflicts with a constant'],
    [
      '{set: {name: x, value: 1}}, {set: {name: x, value: a}}',
      'conflicting types (int and string) for variable "x"',
    ],
    ['{set: {name: x, value: 1}}, {set: {name: x, value: 2, private: true}}', 'conflicting private flag'],
    ['kill: {scope: process}', 'a valid signal has to be specified'],
    ['kill: {signal: KILL}', 'unsupported signal "KILL"'],
    ['{kill: {signal: SIGKILL}, log: {level: info}}', 'only one action can be specified'],
    ['filter: exec.uid == 1', 'an action has one of set, kill'],
    ['{filter: open.flags == 1, kill: {signal: SIGKILL}}', 'the filter is about "open" events'],
    ['log: {message: a}', 'a valid log level must be specified'],
    ['hash: {field: exec.nothing}', '"exec.nothing" is not a file'],
    ['hash: {}', '"field" is mandatory', 'connect.addr.port == 1'],
    ['coredump: {process: true}', 'reported with each match but not carried out'],
    ['network_filter: {filter: port 1, policy: drop}', 'reported with each match but not carried out'],
  ];
  for (const [action, message, expression] of cases) t.match(said(action, expression), message, action);
  t.match(
    said('kill: {signal: SIGKILL}', 'exec.uid == 0', { enforcement: false }),
    '"kill" action is disabled globally',
  );
  t.end();
});

t.test('damaged policies give diagnostics, never a crash', (t) => {
  const texts = ['shapes.policy', 'large.policy'].map((name) =>
    readFileSync(join(fixtures, 'good', name), 'utf8').slice(0, 9000),
  );
  const parts = [
    '"',
    "'",
    '\n',
    ': ',
    '- ',
    '[',
    ']',
    '{',
    '}',
    '|',
    '>',
    '&a ',
    '*a ',
    '<<: *a',
    '#',
    '\t',
    '~"',
    'r"(',
    '${',
    '%{',
    '0x',
    '\u0000',
    '!!int ',
    '\\',
    '🙂',
  ];
  let state = 12345;
  const random = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  let found = 0;
  for (let round = 0; round < 150; round++) {
    let text = texts[round % texts.length]!;
    for (let edit = 0; edit <= random(4); edit++) {
      const at = random(text.length);
      text = text.slice(0, at) + parts[random(parts.length)] + text.slice(at + random(12));
    }
    const { diagnostics } = load(text);
    found += diagnostics.length;
    for (const item of diagnostics) renderDiagnostic(item, () => text);
  }
  t.ok(found > 150, `${found} diagnostics`);
  t.end();
});

t.test('a macro that cannot be used here says why', (t) => {
  const said = (macros: string): string[] =>
    load(
      `macros:\n${macros}rules:\n${rule('r', 'N || exec.uid == 2')}${rule('ok', 'exec.uid == 0')}`,
    ).diagnostics.map((item) => `${item.span?.start.line} ${item.code}: ${item.message}`);
  t.match(said(rule('N', 'M || exec.uid == 1') + rule('M', 'exec.uid == 0')), [
    /^3 unknown-field: .*"M" cannot be used here: it is defined after this one/,
    /^8 unknown-field: .*"N" cannot be used here: it did not load/,
  ]);
  t.match(said(rule('N', 'N || exec.uid == 1')), [
    /^3 recursive-macro: /,
    /^6 unknown-field: .*did not load/,
  ]);
  t.same(said(rule('M', 'exec.uid == 0') + rule('N', 'M || exec.uid == 1')), []);
  // A is a constant (of DNS types): right of "in" the macro of that name is meant.
  const list = 'macros:\n  - id: A\n    values: [sh]\nrules:\n';
  t.same(load(list + rule('r', 'exec.file.name in A && exec.file.name not in A')).diagnostics, []);
  t.match(load(list + rule('r', 'exec.file.name == A')).diagnostics, [{ code: 'type-mismatch' }]);
  t.end();
});

t.test('slips of YAML: one diagnostic each, with a way out', (t) => {
  const begin = 'rules:\n  - id: a\n    expression: ';
  const cases: [text: string, code: string, message: RegExp, way: RegExp][] = [
    [`${begin}!exec.is_thread\n`, 'wrong-shape', /"!exec\.is_thread" is a tag to YAML/, /in quotes/],
    [`${begin}*shells\n`, 'wrong-shape', /"\*shells" is an alias that nothing/, /in quotes/],
    [`${begin}%{exec.file.name} == "a"\n`, 'yaml-syntax', /directive indicator/, /in quotes/],
    [`${begin}"exec.file.name == "a""\n`, 'yaml-syntax', /node end/, /as a block/],
    [`${begin}["a"]\n`, 'wrong-shape', /have a list, want a text/, /^$/],
    [`${begin}{a: b}\n`, 'wrong-shape', /have a mapping, want a text/, /^$/],
    ['rules:\n  id: a\n  expression: exec.uid == 0\n', 'wrong-shape', /have a mapping, want a list/, /"- "/],
    [`${begin}exec.uid == 0\n    actions: [kill]\n`, 'wrong-shape', /want an action with its keys/, /^$/],
    ['- rule: shell\n  condition: evt.type = execve\n', 'not-a-policy', /a list of Falco rules/, /SECL/],
    [`${begin}exec.file.name == “sh”\n`, 'unknown-character', /in double quotes/, /^"sh"$/],
    [`${begin}exec.uid\u00a0== 0\n`, 'unknown-character', /\(U\+00A0\)/, /^$/],
    [
      'macros:\n  - {id: ids, values: [1, 2]}\nrules:\n  - {id: a, expression: exec.uid in ids}\n',
      'type-mismatch',
      /have list of string/,
      /under "values" are texts/,
    ],
  ];
  for (const [text, code, message, way] of cases) {
    const diagnostics = load(text).diagnostics.filter((item) => item.code !== 'no-rules');
    t.same(
      diagnostics.map((item) => item.code),
      [code],
      text,
    );
    t.match(diagnostics[0]?.message, message, text);
    t.match(diagnostics[0]?.suggestions[0]?.text ?? '', way, text);
  }
  t.end();
});

t.test('nothing after a key is the key left out', (t) => {
  const said = (text: string): string[] => load(text).diagnostics.map((item) => item.code);
  for (const nothing of ['', 'null', '~']) {
    t.same(said(`rules:\n  - id: ${nothing}\n    expression: exec.uid == 0\n`), ['missing-id']);
    t.same(said(`rules:\n  - id: a\n    expression: ${nothing}\n`), ['missing-expression', 'no-rules']);
    t.same(
      said(`rules:\n${rule('a', 'exec.uid == 0')}    description: ${nothing}\n    every: ${nothing}\n`),
      [],
    );
  }
  t.end();
});

t.test('a field is read in the events that have it, and the diagnostic names them', (t) => {
  const said = (expression: string, more = ''): string =>
    load(`rules:\n${rule('a', expression, more)}`)
      .diagnostics.filter((item) => item.severity === 'error')
      .map((item) => `${item.span?.start.column} ${item.code}: ${renderDiagnostic(item)}`)
      .join('\n');
  const cases: [string, RegExp | ''][] = [
    ['dns.question.name == "a" && network.destination.port == 53', ''],
    ['imds.cloud_provider == "AWS" && network.size > 10', ''],
    ['network.size > 10 && dns.question.name == "a"', ''],
    ['open.file.name == "a" && network.size > 10', /^43 event-mismatch: .*"open" events.*"dns", "imds"/s],
    ['network.size > 10 && open.file.name == "a"', /^18 event-mismatch: .*"open" events.*"dns", "imds"/s],
    ['packet.size > 10 && network.size > 10', /event-mismatch: .*"packet" events.*"dns", "imds"/s],
    ['network.size > 10', /no-event.*dns, imds/s],
    ['dns.question.name == "a" && imds.url == "b"', /event-mismatch: .*"imds".*"dns"/s],
  ];
  for (const [expression, message] of cases)
    if (message === '') t.notMatch(said(expression), /event-mismatch|no-event/, expression);
    else t.match(said(expression), message, expression);
  const token = '    limiter_token: [network.size]\n';
  t.match(said('exec.uid == 0', token), /^21 wrong-limiter-token: .*"exec" events.*dns, imds/s);
  // Every restriction of the catalogue is one of the model.
  const model = createModel(new StringTable());
  for (const field of allFields) {
    const known = model.field(field.name);
    const events = known?.event === undefined ? known?.events : [known.event];
    if (JSON.stringify(events) !== JSON.stringify(field.events)) t.fail(field.name);
  }
  t.end();
});

/** All that a document says, places too, as text. */
function told(text: string, quick: boolean): string {
  const show = (value: unknown): unknown => {
    if (value instanceof Section) {
      const members = [...value.members].map(([key, member]) => [
        key,
        member.keySpan(),
        member.span(),
        show(member.value),
      ]);
      return [value.span, members];
    }
    if (Array.isArray(value)) return value.map(show);
    if (typeof value !== 'object' || value === null || !('placement' in value)) return value;
    const { text, span, placement } = value as Text;
    const half = text.length >> 1;
    return [text, span, placement.span(0, text.length), placement.span(half, half + 1)];
  };
  const read = readDocument('a', text, policyShape, quick);
  return JSON.stringify([read.topKeys, read.diagnostics, show(read.root)]);
}

const plainYaml = `---
version: 1.0
# all that the quick reader takes
macros:
  - id: A
    values:
    - a
    - "b\\"c\\\\"
    - 'it''s'
    - 0x1f
  - id: B
    expression: >-
      ["a",

      "b"]
rules:
- id: r1
  expression: |-
    exec.uid == 0

    && exec.file.name == "x" # c
  tags: {a: 1, b: "x", c: -1.5e3, d: ~}
  every: 10s
  disabled: no
- id: r2 # c
  expression: open.file.name in [ "a", 'b' ]
  description: >
    one
    two
  actions:
  - set: {name: x, value: [1,
      2], ttl: 1h}
  - set:
      name: y
      value: true
  product_tags: ["a:b", c]
  agent_version: < 7.1
- id: wrapped
  expression: exec.file.name == "a" &&
    exec.uid == 0
    || exec.uid == 1
  description: 'it''s
    long'
  version: "a \\"b
      c\\\\"
- id: r3   
`;

t.test('the quick reader of YAML reads what it takes as the whole language does', (t) => {
  const large = readFileSync(join(fixtures, 'good', 'large.policy'), 'utf8');
  for (const text of [plainYaml, large]) {
    t.ok(readPlainYaml(text) !== undefined, 'it is plain');
    t.ok(told(text, true) === told(text, false), 'and says the same');
  }
  const others = [
    'rules: &a []\n',
    'rules: *a\n',
    'rules: !!seq []\n',
    '<<: {a: 1}\n',
    'rules:\n  - id: a\n    expression: x\n\n      y\n',
    'rules:\n  - id: a\n    expression: x # c\n      y\n',
    'rules:\n  - id: "a\n      b\\\n      c"\n',
    'rules:\n  - id: "a\n\n      b"\n',
    'rules:\n  - id: "a\n  b"\n',
    'rules:\n\t- id: a\n',
    'rules:\r\n  - id: a\r\n',
    'rules:\n  - id: a: b\n',
    'rules:\n  - id: [a, # c\n      b]\n',
    'rules:\n  - id: [a: b]\n',
    'rules:\n  - id: |+\n      a\n',
    'rules:\n  - id: |2\n      a\n',
    'rules:\n  - id: >\n      a\n        b\n',
    'rules:\n  - id: "\\u0041"\n',
    'rules:\n  - id: @a\n',
    'rules:\n  - id: a\n  b: c\n',
    'rules:\n  - id: a\n...\n',
    '? a\n: b\n',
    'rules:\n  - id: a',
    'rules:\n',
    '"rules": []\n',
    'rules: .inf\n',
    '- a\n',
    '',
  ];
  for (const text of others) t.equal(readPlainYaml(text), undefined, JSON.stringify(text));

  const bits =
    '" \' : - [ ] { } | > |- >- & * # , ~ null 1 .5 .nan 08 ! \\ \\n 🙂 ? % @ ` --- ... + = << \u00a0 \u2028 \ufeff \0 \u0085 \r y'
      .split(' ')
      .flatMap((bit) => [bit, ` ${bit}`, `${bit} `, `\n${bit}`])
      .concat(['\t', '\n', '\n  ', '\n    ', ' ', '   ']);
  const seeds = large.split(/\n(?= {2}- id:)/);
  let state = 4711;
  const random = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  let taken = 0;
  const rounds = Number(process.env['SECCAM_FUZZ'] ?? 2000);
  for (let round = 0; round < rounds; round++) {
    let text =
      round % 3 === 0
        ? plainYaml
        : `rules:\n${seeds[random(seeds.length)]}\n${seeds[random(seeds.length)]}\n`;
    for (let edit = 0; edit <= random(3); edit++) {
      const at = random(text.length);
      const bit = random(3) === 0 ? '' : bits[random(bits.length)]!;
      text = text.slice(0, at) + bit + text.slice(at + random(random(2) === 0 ? 1 : 9));
    }
    if (readPlainYaml(text) === undefined) continue;
    taken += 1;
    if (told(text, true) !== told(text, false)) t.fail(JSON.stringify(text));
  }
  t.ok(taken > rounds / 8, `${taken} of ${rounds} were plain`);
  t.end();
});

t.test('small texts that stand for endless ones are refused in bounded time', (t) => {
  const rule = (line: string) =>
    `version: "1"\nrules:\n  - &r {id: r, expression: 'open.file.name == "a"', ${line}}\n`;
  const codes = (text: string) =>
    loadPolicies([{ file: 'p', text }], { strings: new StringTable() }).diagnostics.map((item) => item.code);
  t.same(codes(rule('<<: *r')), [], 'a rule that merges itself');
  t.same(codes(rule('<<: [*r, *r, *r]')), []);
  t.match(codes(rule('tags: *r')), [], 'a rule that holds itself');
  const doubling = Array.from(
    { length: 60 },
    (_, n) => `  - {id: m${n + 1}, expression: 'm${n} || m${n}'}\n`,
  );
  const found = codes(
    `version: "1"\nmacros:\n  - {id: m0, expression: 'open.file.name == "a"'}\n${doubling.join('')}rules: []\n`,
  );
  t.ok(found.includes('too-long'), 'macros that use macros twice');
  t.end();
});

t.test('lint: fixes are mechanical, and what cannot fire is named', (t) => {
  const file = join(fixtures, 'bad', 'doubtful.policy');
  const text = readFileSync(file, 'utf8');
  const { rules } = loadRules([file], { strings: new StringTable() });
  const found = lintRules(rules);
  const { text: fixed, fixed: done } = applyFixes(file, text, found);
  t.same([...new Set(done.map((item) => item.code))].sort(), [
    'allin-means-in',
    'mixed-and-or',
    'regexp-on-path',
    'star-in-text',
  ]);
  t.match(fixed, 'exec.file.name == "a" && (exec.uid == 0 || exec.uid == 1)');
  const again = lintRules(loadPolicies([{ file, text: fixed }], { strings: new StringTable() }).rules);
  t.notOk(
    again.some((item) => done.some((before) => before.code === item.code)),
    'a fix leaves nothing of its kind',
  );
  const negated = `version: "1"
rules:
  - {id: r, expression: 'open.file.path == "/a" && process.ancestors.file.path != "/b"'}`;
  const [advice] = lintRules(
    loadPolicies([{ file: 'n', text: negated }], { strings: new StringTable() }).rules,
  );
  const named = /`(process\.ancestors\[A\][a-z.]+) != …`/.exec(advice?.suggestions[0]?.text ?? '')?.[1];
  t.same(
    loadPolicies([{ file: 'n', text: negated.replace('process.ancestors.file.path', `${named}`) }], {
      strings: new StringTable(),
    }).diagnostics,
    [],
    'the register of the advice stands where one may stand',
  );
  const why = cannotFire(rules, { events: new Set(['exec']), mode: 'this recording' });
  t.match(why.get('star'), '"open" events are not in this recording');
  t.match(why.get('not_available'), 'k8s_username');
  t.notOk(why.has('mixed'));
  t.end();
});

t.test('fmt keeps comments, quotes and what it cannot improve', (t) => {
  const text = `# head
rules:
  - id: a   # after
    expression: (exec.file.name=="a"  and   exec.uid==0)
  - id: b
    expression: 'exec.file.name   ==   "it''s"'
  - id: c
    # in between
    expression: |-
      exec.file.name == "c"   # the third
      && exec.uid == 0
  - id: d
    expression: exec.file.name ==
`;
  const { text: formatted, diagnostics } = formatPolicy('a.policy', text);
  t.match(formatted, '    expression: (exec.file.name == "a" && exec.uid == 0)\n');
  t.match(formatted, `    expression: 'exec.file.name == "it''s"'\n`);
  t.match(formatted, '      exec.file.name == "c"   # the third\n');
  t.match(formatted, '# head\nrules:\n  - id: a   # after\n');
  t.match(formatted, '    expression: exec.file.name ==\n');
  t.ok(diagnostics.length > 0, 'what could not be read is said');
  t.end();
});
