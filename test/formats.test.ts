/** What other programs read of a test run, held against their own parsers: JUnit, SARIF, TAP, with every odd name. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ValidateFunction } from 'ajv';
import Ajv from 'ajv-draft-04';
import { parse as parseJunit } from 'junit2json';
import type { Log } from 'sarif';
import t from 'tap';
import { Parser } from 'tap-parser';
import ts from 'typescript';
import { validateXML } from 'xmllint-wasm';
import { type TestFormatName, testFormats } from '../src/outputs/tests/index.js';
import { plain, printable } from '../src/outputs/text.js';
import type { TestOptions, TestResult } from '../src/workbench/results.js';
import { runTests } from '../src/workbench/test.js';

const root = mkdtempSync(join(tmpdir(), 'seccam-formats-'));
process.env['XDG_CACHE_HOME'] = join(root, 'cache');
t.teardown(() => rmSync(root, { recursive: true, force: true }));

const odd = [
  '<tag a="b">&amp; \'x\' ]]> <![CDATA[',
  'new\nline\r\nand\ttab',
  'control \u0000\u0001\u001b[31m\u007f\u0085',
  'emoji 👩‍🚀 combining e\u0301 right to left \u202eabc',
  'not ok 7 - # SKIP never # TODO later',
  'back\\slash \\# and \\\\ at the end \\',
  '::error file=a::b %0A %25, 100 %',
  'separators \u2028\u2029\ufeff and a half \ud83d character',
  '{{not a matrix}} ${nor} %{this}',
  ' blanks around ',
];

// biome-ignore lint/suspicious/noControlCharactersInRegex: what XML cannot hold
const forbidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f]|\p{Surrogate}/gu;

const project = join(root, 'project');
for (const [name, content] of Object.entries({
  'seccam.yaml': 'version: 1\n',
  'rules/a.policy':
    'rules:\n  - {id: opened, expression: open.file.path == "/a"}\n  - {id: off, disabled: true, expression: open.file.path == "/a"}\n',
  'tests/odd <&>" #\'.test.yaml': `version: 1\ntests: ${JSON.stringify(
    odd
      .filter((text) => !text.startsWith('{{'))
      .flatMap((text) => [
        { name: `${text} passes`, expect: ['opened'] },
        {
          name: `${text} fails`,
          never: ['opened'],
          expect: [{ rule: 'opened', where: 'open.file.name == "<&>"' }],
        },
        { name: `${text} is inconclusive`, never: ['off'] },
        { name: `${text} is left out`, skip: text, expect: ['opened'] },
        { name: `${text} is to do`, todo: text, never: ['opened'] },
        { name: `${text} is known`, fails: text, never: ['opened'] },
      ])
      .map((test) => ({ ...test, events: [{ type: 'open', fields: { 'open.file.path': '/a' } }] })),
  )}\n`,
  'tests/wrong.test.yaml': `version: 1\ntests:\n  - {name: no such recording, recording: nothing.seccam, expect: [opened]}\n  - {name: no such rule, recording: nothing.seccam, expect: ["{{x}}"]}\n`,
})) {
  mkdirSync(dirname(join(project, name)), { recursive: true });
  writeFileSync(join(project, name), content);
}

async function written(
  options: TestOptions = {},
): Promise<{ readonly text: Record<TestFormatName, string>; readonly tests: readonly TestResult[] }> {
  const settings = { paint: plain, version: '1.2.3', codes: new Map<string, string>() };
  const names = Object.keys(testFormats) as TestFormatName[];
  const formats = names.map((name) => [name, testFormats[name](settings)] as const);
  const text = Object.fromEntries(names.map((name) => [name, ''])) as Record<TestFormatName, string>;
  const tests: TestResult[] = [];
  for await (const item of runTests({ cwd: project, ci: true, ...options })) {
    if (item.kind === 'test') tests.push(item.test);
    for (const [name, format] of formats) {
      if (item.kind === 'plan') text[name] += format.begin?.(item) ?? '';
      if (item.kind === 'test') text[name] += format.test(item.test);
      if (item.kind === 'summary') text[name] += format.end(item.summary);
    }
  }
  return { text, tests };
}

t.test('every format holds every odd name', async (tt) => {
  const { text, tests } = await written();
  tt.equal(tests.length, 9 * 6 + 2);
  const count = (outcome: string): number => tests.filter((test) => test.outcome === outcome).length;
  tt.same(['pass', 'fail', 'inconclusive', 'skip', 'todo'].map(count), [18, 11, 9, 9, 9]);

  await tt.test('JUnit: valid against its schema, and read back whole', async (ttt) => {
    const schema = readFileSync(join(import.meta.dirname, '..', 'fixtures', 'schemas', 'junit.xsd'), 'utf8');
    const valid = await validateXML({ xml: { fileName: 'junit.xml', contents: text.junit }, schema });
    ttt.same(valid.errors, []);
    ttt.ok(valid.valid);
    ttt.notOk(
      (await validateXML({ xml: text.junit.replace('<failure ', '<failed '), schema })).valid,
      'the schema would notice',
    );
    const read = await parseJunit(text.junit);
    if (read === undefined || read === null || !('testsuite' in read)) throw new Error('no suites');
    const kept = (name: string): string => name.replace(forbidden, '\ufffd');
    const cases = (read.testsuite ?? []).flatMap((suite) => suite.testcase ?? []);
    ttt.same(
      cases.map((one) => [one.name, one.classname]),
      tests.map((test) => [kept(test.name), test.file]),
    );
    ttt.same(
      cases.map((one) =>
        one.failure !== undefined ? 'failed' : one.skipped !== undefined ? 'skipped' : 'passed',
      ),
      tests.map(({ outcome }) =>
        outcome === 'pass' ? 'passed' : outcome === 'skip' || outcome === 'todo' ? 'skipped' : 'failed',
      ),
    );
    ttt.same([read.tests, read.failures], [tests.length, 20]);
  });

  await tt.test('TAP: every test point is read, no line is left over', async (ttt) => {
    const events = Parser.parse(text.tap);
    const points = events.flatMap((event) => (event[0] === 'assert' ? [event[1]] : []));
    ttt.same(
      events.filter(([kind]) => kind === 'extra' || kind === 'bailout'),
      [],
    );
    ttt.same(
      points.map((point) => [point.ok, point.name]),
      tests.map((test) => [
        test.outcome === 'pass' || test.outcome === 'skip',
        printable(`${test.file}: ${test.name}`).trim(),
      ]),
    );
    ttt.same(
      points.map((point) => [point.skip, point.todo]),
      tests.map(({ outcome, reason = '' }) => [
        outcome === 'skip' && printable(reason).trim(),
        outcome === 'todo' && printable(reason).trim(),
      ]),
    );
    const results = events.flatMap((event) => (event[0] === 'complete' ? [event[1]] : []))[0];
    ttt.match(results, {
      count: tests.length,
      fail: 29,
      skip: 9,
      todo: 9,
      plan: { start: 1, end: tests.length },
    });
    ttt.same(
      points.filter((point) => !point.ok).map((point) => (point.diag as { outcome?: string }).outcome),
      tests.filter(({ outcome }) => outcome !== 'pass' && outcome !== 'skip').map(({ outcome }) => outcome),
      'what did not pass says how, in YAML that is read',
    );
  });

  await tt.test('SARIF: valid against its schema and types, with a place for each failure', async (ttt) => {
    const [errors, noticed] = typeErrors(
      text.sarif,
      text.sarif.replace('"level": "error"', '"level": "bad"'),
    );
    ttt.same(errors, []);
    ttt.match(noticed, [/"bad"/], 'the types would notice');
    const valid = sarifSchema();
    ttt.ok(valid(JSON.parse(text.sarif)), JSON.stringify(valid.errors));
    ttt.notOk(
      valid(JSON.parse(text.sarif.replace('"level": "error"', '"level": "bad"'))),
      'the schema would notice',
    );
    const { runs } = JSON.parse(text.sarif) as Log;
    const [run] = runs;
    const told = (test: TestResult): boolean =>
      run?.results?.some(({ locations }) => {
        const place = locations?.[0]?.physicalLocation;
        return (
          decodeURIComponent(place?.artifactLocation?.uri ?? '') === test.file &&
          (place?.region?.startLine ?? 0) >= test.span.start.line
        );
      }) === true;
    const failing = tests.filter(({ outcome }) => outcome === 'fail' || outcome === 'inconclusive');
    ttt.same(
      failing.filter((test) => !told(test)),
      [],
    );
    for (const { ruleId, ruleIndex = -1, locations = [], relatedLocations = [] } of run?.results ?? []) {
      ttt.equal(run?.tool.driver.rules?.[ruleIndex]?.id, ruleId);
      for (const { physicalLocation } of [...locations, ...relatedLocations]) {
        const { startLine = 0, startColumn = 0, endLine = 0, endColumn = 0 } = physicalLocation?.region ?? {};
        ttt.ok(startLine >= 1 && startColumn >= 1 && endLine >= startLine && endColumn >= 1);
        ttt.ok(URL.canParse(physicalLocation?.artifactLocation?.uri ?? '', 'file:///'));
      }
    }
  });

  await tt.test('GitHub: one command a line, JSON: one document', async (ttt) => {
    const lines = text.github.trimEnd().split('\n');
    ttt.same(
      lines
        .slice(0, -1)
        .filter(
          (line) => !/^::(error|notice) file=[^,:]+,line=\d+,col=\d+,title=[^,:]*::[^\n\r]+$/.test(line),
        ),
      [],
    );
    const document = JSON.parse(text.json) as { readonly results?: readonly unknown[] };
    ttt.match(JSON.stringify(document), /no such recording/);
  });
});

t.test('a test file that cannot be read leaves no format green', async (tt) => {
  const cwd = join(root, 'broken');
  for (const [name, content] of Object.entries({
    'seccam.yaml': 'version: 1\n',
    'rules/a.policy': 'rules: [{id: opened, expression: open.file.path == "/a"}]\n',
    'tests/good.test.yaml':
      'version: 1\ntests:\n  - {name: good, events: [{type: open, fields: {open.file.path: /a}}], expect: [opened]}\n',
    'tests/no <&>, yaml.test.yaml': 'version: 1\ntests: {\n',
    'tests/empty.test.yaml': '',
  })) {
    mkdirSync(dirname(join(cwd, name)), { recursive: true });
    writeFileSync(join(cwd, name), content);
  }
  const { text, tests } = await written({ cwd });
  tt.same(
    tests.map((test) => test.outcome),
    ['pass'],
  );
  const schema = readFileSync(join(import.meta.dirname, '..', 'fixtures', 'schemas', 'junit.xsd'), 'utf8');
  const { errors } = await validateXML({ xml: { fileName: 'junit.xml', contents: text.junit }, schema });
  tt.same(errors, []);
  tt.match(text.junit, /<testsuites name="seccam" tests="3" failures="2" errors="0" skipped="0"/);
  tt.match(
    text.junit,
    /<testsuite name="tests\/no &lt;&amp;&gt;, yaml\.test\.yaml" tests="1" failures="1" errors="0"/,
  );
  tt.ok(Parser.parse(text.tap).some(([kind, said]) => kind === 'bailout' && /test file/.test(String(said))));
  const log = JSON.parse(text.sarif) as { runs: { results: { ruleId: string }[] }[] };
  tt.same(log.runs[0]?.results.map((result) => result.ruleId).sort(), ['not-yaml', 'wrong-type']);
  tt.equal(text.github.match(/^::error file=tests\//gm)?.length, 2);
  tt.match(JSON.parse(text.json), { answer: 2, diagnostics: [{ code: 'wrong-type' }, { code: 'not-yaml' }] });
});

t.test('TAP of a run that stopped early says so', async (tt) => {
  const { text, tests } = await written({ bail: true });
  tt.equal(tests.at(-1)?.outcome, 'fail');
  tt.ok(Parser.parse(text.tap).some(([kind]) => kind === 'bailout'));
});

/** The published JSON schema of SARIF 2.1.0 (schemastore, Apache-2.0). */
function sarifSchema(): ValidateFunction {
  const schema = readFileSync(
    join(import.meta.dirname, '..', 'fixtures', 'schemas', 'sarif-2.1.0.json'),
    'utf8',
  );
  return new Ajv.default({ strict: false, validateFormats: false, unicodeRegExp: false }).compile(
    JSON.parse(schema) as object,
  );
}

/** Problems that the compiler finds when each document is written down as a value of the type `Log`. */
function typeErrors(...documents: readonly string[]): string[][] {
  const sources = new Map(
    documents.map((json, index) => [
      join(import.meta.dirname, `sarif-document-${index}.ts`),
      `import type { Log } from 'sarif';\nexport const log: Log = ${json};\n`,
    ]),
  );
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    lib: ['lib.es5.d.ts'],
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
  };
  const host = ts.createCompilerHost(options);
  const usual = host.getSourceFile.bind(host);
  const exists = host.fileExists.bind(host);
  host.getSourceFile = (file, ...rest) => {
    const source = sources.get(file);
    return source === undefined
      ? usual(file, ...rest)
      : ts.createSourceFile(file, source, ts.ScriptTarget.ES2022);
  };
  host.fileExists = (file) => sources.has(file) || exists(file);
  const program = ts.createProgram([...sources.keys()], options, host);
  return [...sources.keys()].map((file) =>
    ts
      .getPreEmitDiagnostics(program, program.getSourceFile(file))
      .map((item) => ts.flattenDiagnosticMessageText(item.messageText, '\n')),
  );
}
