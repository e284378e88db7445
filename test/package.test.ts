/** The package as it is installed: packed, put into an empty folder outside of the checkout, and used there. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';

const root = new URL('..', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'seccam-package-'));
t.teardown(() => rmSync(folder, { recursive: true }));

interface Ran {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

function run(program: string, words: readonly string[], cwd = folder): Ran {
  const env = { ...process.env, NO_COLOR: '1', npm_config_loglevel: 'error' };
  const ran = spawnSync(program, words, { cwd, env, input: '', encoding: 'utf8', maxBuffer: 1 << 26 });
  return { status: ran.status, out: ran.stdout, err: ran.stderr };
}

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

const pack = run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], root);
t.equal(pack.status, 0, 'npm pack');
const parsed = JSON.parse(pack.out) as readonly Packed[] | Readonly<Record<string, Packed>>;
const packed = Object.values(parsed)[0]!;
const installed = join(folder, 'node_modules/seccam');

t.test('it holds what is used and nothing else', async (t) => {
  const paths = packed.files.map((file) => file.path);
  for (const needed of [
    'bin/seccam.js',
    'dist/cli.cjs',
    'dist/index.js',
    'dist/index.d.ts',
    'dist/language.js',
    'dist/language.d.ts',
    'oclif.manifest.json',
    'rules/starter.policy',
    'schema/detection.json',
    'LICENSE',
    'README.md',
  ]) {
    t.ok(paths.includes(needed), needed);
  }
  if (process.platform === 'linux') {
    for (const built of ['native/build/libseccam.so', 'native/build/seccam-trace'])
      t.ok(paths.includes(built), built);
  }
  const stray = paths.filter(
    (path) => /^(src|test|scripts|recordings|fixtures|node_modules)\//.test(path) || path.endsWith('.o'),
  );
  t.same(stray, []);
});

t.test('it is installed with its one dependency', async (t) => {
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'user', private: true, type: 'module' }),
  );
  // Unpacked by hand, so that no registry is asked: the native loader is that of the checkout.
  mkdirSync(installed, { recursive: true });
  t.equal(
    run('tar', ['-xzf', join(folder, packed.filename), '--strip-components=1', '-C', installed]).status,
    0,
  );
  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  t.same(Object.keys(dependencies), ['koffi']);
  cpSync(join(root, 'node_modules/koffi'), join(folder, 'node_modules/koffi'), { recursive: true });
  for (const scope of ['@koromix']) {
    if (existsSync(join(root, 'node_modules', scope)))
      cpSync(join(root, 'node_modules', scope), join(folder, 'node_modules', scope), { recursive: true });
  }
});

const seccam = (...words: string[]): Ran =>
  run(process.execPath, [join(installed, 'bin/seccam.js'), ...words]);

t.test('its verbs work outside of the checkout', { skip: process.platform !== 'linux' }, async (t) => {
  t.equal(seccam('doctor').status, 0, 'doctor');
  const recorded = seccam('record', '-o', 'shadow.seccam', '--', 'cat', '/etc/shadow');
  t.match(recorded.err, /shadow\.seccam: [\d,]+ events? of 1 process/);
  t.match(recorded.err, /next: seccam replay shadow\.seccam/);
  const replayed = seccam('replay', '--format', 'json');
  t.equal(replayed.status, 0);
  t.match(replayed.err, /newest recording, shadow\.seccam/);
  t.match(replayed.err, /shipped starter rules/);
  const lines = replayed.out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { rule_id: string });
  t.same(
    lines.map((line) => line.rule_id),
    ['shadow_read'],
  );
  t.match(seccam('inspect', 'shadow.seccam', '--type', 'open').out, '"/etc/shadow"');
  t.equal(seccam('explain', 'shadow.seccam', '--rule', 'shadow_read').status, 0, 'explain');
  t.equal(
    seccam('explain', 'shadow.seccam', '--rule', 'preload_planted').status,
    1,
    'explain of a rule that did not match',
  );
  t.equal(seccam('replay', 'shadow.seccam', '--fail-on', 'shadow_*').status, 1, '--fail-on');
  writeFileSync(join(folder, 'seccam.yaml'), 'version: 1\nrules: [own.policy]\ntests: ["*.test.yaml"]\n');
  writeFileSync(
    join(folder, 'own.policy'),
    'version: "1.0.0"\nrules:\n  - id: reads_shadow\n    expression: open.file.path == "/etc/shadow"\n',
  );
  writeFileSync(
    join(folder, 'own.test.yaml'),
    'version: 1\ntests:\n  - name: cat reads the hashes\n    recording: shadow.seccam\n    expect: [reads_shadow]\n',
  );
  const tested = seccam('test');
  t.equal(tested.status, 0, tested.err);
  t.match(tested.out, /1 passed, 0 failed/);
  t.equal(seccam('check').status, 0, 'check');
});

t.test('its library works outside of the checkout', { skip: process.platform !== 'linux' }, async (t) => {
  writeFileSync(
    join(folder, 'use.mjs'),
    `import { loadRules, openRecording, replay, explain, record, DiagnosticError } from 'seccam';
import { parse, print } from 'seccam/language';
const made = await record({ command: ['cat', '/etc/shadow'], output: 'library.seccam' });
const { rules, diagnostics } = await loadRules(['own.policy']);
const found = await replay('library.seccam', { rules }).toArray();
const events = [];
for await (const event of (await openRecording('library.seccam')).events({ types: ['exec'] })) events.push(event.type);
const why = await explain({ recording: 'library.seccam', rules, ruleIds: ['reads_shadow'] });
const refused = await replay('absent.seccam', { rules }).toArray().catch((error) => error instanceof DiagnosticError && error.diagnostics[0].code);
console.error(JSON.stringify({ status: made.status, diagnostics: diagnostics.length, rules: found.map((line) => line.rule_id), events, why: why.explanations[0].matched, refused, printed: print(parse('a==1').tree) }));
`,
  );
  const ran = run(process.execPath, ['use.mjs']);
  t.equal(ran.status, 0, ran.err);
  t.same(JSON.parse(ran.err.trimEnd().split('\n').at(-1)!), {
    status: 0,
    diagnostics: 0,
    rules: ['reads_shadow'],
    events: ['exec'],
    why: 1,
    refused: 'no-such-file',
    printed: 'a == 1',
  });
});

t.test('the user-shaped project is green outside of the checkout', async (t) => {
  const project = join(folder, 'project');
  cpSync(join(root, 'fixtures/project'), project, { recursive: true });
  const at = (...words: string[]): Ran =>
    run(process.execPath, [join(installed, 'bin/seccam.js'), ...words], project);
  const tested = at('test', '--format', 'pretty', '--format', 'junit=out/junit.xml', '--jobs', '2');
  t.equal(tested.status, 0, `${tested.out}${tested.err}`);
  t.match(tested.out, /[3-9]\d passed, 0 failed/);
  t.match(readFileSync(join(project, 'out/junit.xml'), 'utf8'), /<\/testsuites>\n$/);
  t.equal(at('check').status, 0, 'check');
  t.match(at('check', '--print-config').out, /recordings\.max_size +"256KiB" +\(seccam\.yaml:\d+:\d+\)/);
  const replayed = at('replay', 'recordings/web-shell.seccam', '--format', 'json');
  t.match(replayed.out, /"rule_id":"web_shell_spawned"/);
  for (const [place, says] of [
    ['tests:5', /folder, which has no line 5/],
    ['tests/web.test.yaml:0', /no line 0/],
    ['tests/web.test.yaml:99999', /no line 99999/],
  ] as const) {
    const refused = at('test', place);
    t.equal(refused.status, 2, place);
    t.match(refused.err, says);
  }
  if (process.platform === 'linux') {
    const refused = at('test', '--format', 'junit=/proc/no/such/place.xml');
    t.equal(refused.status, 2, 'an output that cannot be');
    t.match(refused.err, /\[file-error\]/);
  }
});

t.test('what is offline works without the native parts', async (t) => {
  rmSync(join(installed, 'native'), { recursive: true, force: true });
  rmSync(join(folder, 'node_modules/koffi'), { recursive: true });
  t.equal(seccam('replay', 'shadow.seccam').status, 0, 'replay');
  t.equal(seccam('test').status, 0, 'test');
  const ill = seccam('doctor');
  t.equal(ill.status, 1, 'doctor tells');
  const refused = seccam('record', '--', 'true');
  t.equal(refused.status, 125);
  t.match(refused.err, /^error: .*\[[a-z-]+\]$/m);
  t.notMatch(refused.err, /internal-error|^ {4}at /m);
});
