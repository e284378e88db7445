/** The language as rule writers meet it: what parses, what is refused and where, what it means, what it costs. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { RE2JS } from 're2js';
import t from 'tap';
import { decorated, type Event, modelOf, runVectors, type Vectors } from '../scripts/conformance.js';
import {
  approveAll,
  approvers,
  checkMacro,
  checkRule,
  checkValue,
  compileRule,
  compileSet,
  compileValue,
  type Field,
  languageCodes,
  type Macro,
  type Model,
  parse,
  parseMacro,
  print,
  type Rule,
  type Scope,
  Source,
  sameTree,
  traceRule,
  valuesMacro,
} from '../src/language/index.js';
import { compileRegexp } from '../src/language/regexp.js';
import { StringTable } from '../src/support/strings.js';

const vectors = JSON.parse(
  readFileSync(new URL('../fixtures/conformance/secl.json', import.meta.url), 'utf8'),
) as Vectors;
const model = modelOf(vectors.model);
const macros = new Map<string, Macro>();
const variables: Record<string, unknown> = { pid: 4242, str: 'aaa', list: ['x', 'AAA'], seen: true };
const scope: Scope<Event> = {
  model,
  macros,
  variable: (name) =>
    name === 'pid'
      ? { name, type: 'int' }
      : name === 'str'
        ? { name, type: 'string' }
        : name === 'list'
          ? { name, type: 'string', multi: true }
          : name === 'seen'
            ? { name, type: 'bool' }
            : undefined,
  variableNames: () => Object.keys(variables),
};
const reader = { get: (name: string): unknown => variables[name] };
const now = 1_700_000_000_000_000_000;

function accepts(text: string, among: Scope<Event> = scope): Rule {
  const { rule, diagnostics } = checkRule(text, among);
  if (rule === undefined) throw new Error(`${text}: ${diagnostics.map((item) => item.message).join('; ')}`);
  return rule;
}

/** `line:column code` of every diagnostic, in order. */
function places(text: string, among: Scope<Event> = scope): string[] {
  return checkRule(text, among).diagnostics.map(
    (item) => `${item.span?.start.line}:${item.span?.start.column} ${item.code}`,
  );
}

function decides(text: string, event: Event): boolean {
  const rule = accepts(text);
  const closure = compileRule(rule, model)(event, now, reader);
  if (traceRule(rule, model, event, now, reader).value !== closure)
    throw new Error(`${text}: trace and closure disagree`);
  return closure;
}

/** A model with the field names that the documentation's examples use. */
const named: Readonly<Record<string, Field<Event>['type']>> = {
  'open.file.path': 'string',
  'open.file.name': 'string',
  'open.flags': 'int',
  'open.retval': 'int',
  'exec.file.path': 'string',
  'process.file.path': 'string',
  'process.file.name': 'string',
  'process.uid': 'int',
  'process.created_at': 'int',
  'process.inode': 'int',
  'process.is_root': 'bool',
  'connect.addr.ip': 'cidr',
  'process.ancestors.pid': 'int',
  'process.ancestors.file.name': 'string',
  'dns.question.name': 'string',
};
const documented: Scope<Event> = {
  variable: (name) => (name === 'process.pid' ? { name, type: 'int' } : undefined),
  macros: new Map(),
  model: {
    name: 'documented',
    field: (name): Field<Event> | undefined => {
      const type = named[name];
      if (type === undefined) return undefined;
      const [event] = name.split('.');
      return {
        name,
        type,
        read: { kind: 'value', source: `event[${JSON.stringify(name)}]` },
        ...(event === 'process' ? {} : { event: event! }),
        ...(name.startsWith('process.ancestors') ? { iterator: 'process.ancestors' } : {}),
        ...(name.endsWith('.path') ? { text: { glob: true } } : {}),
        ...(name === 'process.uid'
          ? {
              validate: (value) =>
                typeof value === 'number' && value < 0 ? 'ids are not negative' : undefined,
            }
          : {}),
      };
    },
    iterator: (name) =>
      name === 'process.ancestors' ? { name, walk: { kind: 'array', source: 'event.ancestors' } } : undefined,
    fieldNames: () => Object.keys(named),
    constants: new Map<string, number | boolean>([
      ['true', true],
      ['false', false],
      ['EPERM', -1],
      ['O_CREAT', 64],
      ['O_WRONLY', 1],
    ]),
  },
};

// More pairs or runs on a busy machine take longer than the default allows.
t.setTimeout(1_800_000);

t.test('every conformance case passes', (t) => {
  for (const outcome of runVectors(vectors))
    t.same(outcome.failures, [], `${outcome.group}: ${outcome.total} cases`);
  t.end();
});

t.test('all mistakes of a text are reported at once, each at its place', (t) => {
  const rows: readonly (readonly [text: string, ...places: string[]])[] = [
    [
      'process.name == 3 && open.filename == "a" && mkdir.mode == 1',
      '1:17 type-mismatch',
      '1:46 event-mismatch',
    ],
    ['process.uid == -1', '1:16 impossible-value'],
    ['process.uid > -1'],
    ['process.uid in [1, -1, -2]', '1:20 impossible-value', '1:24 impossible-value'],
    ['process.nam == "a" || process.uidd == 1', '1:1 unknown-field', '1:23 unknown-field'],
    ['process.uid in 22', '1:16 type-mismatch'],
    ['process.name in "a" && process.uid in ["a"]', '1:17 type-mismatch', '1:39 type-mismatch'],
    ['process.uid in ["a"]', '1:16 type-mismatch'],
    ['network.ip in 1.2.3.4', '1:15 type-mismatch'],
    [
      'process.nam in 22 && proces.uid == && retvall',
      '1:1 unknown-field',
      '1:16 type-mismatch',
      '1:22 unknown-field',
      '1:36 syntax-error',
      '1:39 unknown-field',
    ],
    [
      'process.uid = 1 && process.name = 3',
      '1:13 unknown-character',
      '1:33 unknown-character',
      '1:35 type-mismatch',
    ],
    ['process.uid @ 3 && x == 1', '1:13 unknown-character', '1:20 unknown-field'],
    ['process.name == "a', '1:17 unterminated-string'],
    ['process.uid == 1 @ 2 && 3 ==', '1:18 unknown-character', '1:29 syntax-error'],
    ['process.uid == (', '1:17 syntax-error'],
    ['', '1:1 syntax-error'],
    ['process.uid == 1 -2', '1:18 syntax-error'],
    [
      'process.name == "a" &&\n  process.uid ==\n  || retval == "x"',
      '3:3 syntax-error',
      '3:16 type-mismatch',
    ],
    [
      'process.name == "a" &&\n  process.uid == "b" &&\n\tretval == "x"',
      '2:18 type-mismatch',
      '3:12 type-mismatch',
    ],
    [
      'process.name =~ "/a/**/b" || process.argv0 =~ "a**" || process.argv0 == r"(a"',
      '1:17 invalid-pattern',
      '1:47 invalid-pattern',
      '1:73 invalid-regexp',
    ],
    ['process.name =~ process.argv0', '1:17 not-static'],
    ['process.name =~ "/proc/${pid}/*"', '1:17 not-static'],
    ['process.name > "a"', '1:1 unknown-operator'],
    ['process.created_at == 5s', '1:23 unknown-operator'],
    ['process.created_at < 5ss', '1:22 invalid-duration'],
    ['process.created_at < 5d', '1:23 syntax-error'],
    ['${nope} == 1 && "${pidd}" == "1"', '1:1 unknown-variable', '1:18 unknown-variable'],
    ['"%{process.nam}" == "a"', '1:2 unknown-field'],
    ['network.ip == 300.1.1.1', '1:15 invalid-address'],
    ['network.ip in [10.0.0.0/33]', '1:16 invalid-address'],
    ['process.list[_].key == 1', '1:1 register-error'],
    ['process.list[A].key == 1 && process.list[B].key == 1', '1:29 register-error'],
    ['process.list[A].key == 1 && process.array[A].key == 1', '1:29 register-error'],
    ['process.list.key[A] == 1', '1:1 register-error'],
    ['process.list[0].key == 1', '1:1 register-error'],
    ['process.name[0] == "a"', '1:1 register-error'],
    ['process.list.key[] == 1', '1:1 register-error'],
    ['retval in [EPERM, my_constant_1]', '1:19 mixed-constants'],
    ['retval in [EPERM, NOPE]', '1:19 mixed-constants'],
    ['open.filename in [EPERM]', '1:18 type-mismatch'],
    ['process.uid', '1:1 type-mismatch'],
    ['!process.uid && process.is_root', '1:2 type-mismatch'],
    ['process.list.key & 1 > 0', '1:1 type-mismatch'],
    ['process.list.value == process.array.value', '1:23 type-mismatch'],
    ['process.uid == 99999999999999999999 || retval == 08', '1:16 invalid-number', '1:50 invalid-number'],
    ['retval == 9007199254740993', '1:11 inexact-number'],
    ['process.name in ["/proc/${pid}/maps"]', '1:18 no-interpolation-in-list'],
    ['process.name in ["a", 3]', '1:23 syntax-error'],
    ['process.name == ["a"]', '1:17 syntax-error'],
    ['(process.uid == 1 && (retval == 2)', '1:35 syntax-error'],
  ];
  for (const [text, ...want] of rows) t.same(places(text), want, text);
  t.end();
});

t.test('an unknown name is answered with the nearest of what could stand there', (t) => {
  const rows: readonly (readonly [text: string, suggestion: string])[] = [
    ['open.flags & O_CREATT > 0', 'Did you mean "O_CREAT"?'],
    ['retval == EPERMM', 'Did you mean "EPERM"?'],
    ['retval in [EPERM, EACCESS]', 'Did you mean "EACCES"?'],
    ['open.flag == 1', 'Did you mean "open.flags"?'],
    ['process.list[A].kei == 1', 'Did you mean "process.list.key"?'],
    ['${stra} == "a"', 'Did you mean "${str}"?'],
  ];
  for (const [text, suggestion] of rows) {
    const [first] = checkRule(text, scope).diagnostics[0]?.suggestions ?? [];
    t.equal(typeof first === 'object' ? first.text : first, suggestion, text);
  }
  t.end();
});

t.test('the habits of other languages are answered with how it is written here', (t) => {
  const rows: readonly (readonly [
    text: string,
    places: readonly string[],
    suggestion: string | undefined,
  ])[] = [
    [`open.file.name == 'a'`, ['1:19 unknown-character'], '"a"'],
    ['open.flags == 0x241', ['1:16 syntax-error'], '577: numbers are decimal, or octal with a 0 before them'],
    ['process.created_at > 5d', ['1:23 syntax-error'], '120h: durations have ms, s, m or h'],
    ['process.created_at > 5 s', ['1:24 syntax-error'], '5s: a duration is one word'],
    ['process.uid == 0 AND open.flags > 0', ['1:18 syntax-error'], '"and" in small letters, or "&&"'],
    ['open.file.name notin ["a"]', ['1:16 syntax-error'], '"not in"'],
    ['open.file.name contains "a"', ['1:16 syntax-error'], '=~ "*part*"'],
    ['open.file.name in ("a", "b")', ['1:19 syntax-error'], 'a list stands in square brackets: ["a", "b"]'],
    ['open.file.name && process.uid == 0', ['1:1 type-mismatch'], 'open.file.name != ""'],
    ['!open.flags', ['1:2 type-mismatch'], 'open.flags != 0'],
    ['open.flags == "1"', ['1:15 type-mismatch'], '1 without quotes'],
    ['open.flags == "O_CREAT"', ['1:15 type-mismatch'], 'O_CREAT without quotes'],
    ['open.file.name == O_CREAT', ['1:19 type-mismatch'], undefined],
    ['connect.addr.ip == "10.1.2.3"', ['1:20 type-mismatch'], '10.1.2.3 without quotes'],
    ['connect.addr.ip in ["10.0.0.0/8"]', ['1:20 type-mismatch'], '10.0.0.0/8 without quotes'],
    ['connect.addr.ip in "10.0.0.0/8"', ['1:20 type-mismatch'], '10.0.0.0/8'],
    ['connect.addr.ip in "10.0.0.1"', ['1:20 type-mismatch'], '[10.0.0.1]'],
    ['exec.retval == 0', ['1:1 unknown-field'], undefined],
  ];
  for (const [text, at, suggestion] of rows) {
    t.same(places(text, documented), at, text);
    const [first] = checkRule(text, documented).diagnostics[0]?.suggestions ?? [];
    t.equal(typeof first === 'object' ? first.text : first, suggestion, text);
  }
  t.end();
});

t.test('every code of the room is reached by its own example or by a row above', (t) => {
  const seen = new Set<string>();
  const note = (item: { readonly code: string }): void => {
    seen.add(item.code);
  };
  for (const [code, row] of Object.entries(languageCodes)) {
    const { example } = row as { example?: string };
    if (example !== undefined) checkRule(example, documented).diagnostics.forEach(note);
    t.match(row.doc, /\.$/, `${code} has a sentence of documentation`);
  }
  checkRule('process.uid == 1 && '.repeat(60_000), scope).diagnostics.forEach(note);
  checkRule(`${'('.repeat(1000)}process.is_root${')'.repeat(1000)}`, scope).diagnostics.forEach(note);
  const looping = new Map<string, Macro>();
  looping.set('a', checkMacro('a', 'process.is_root', { ...scope, macros: looping }).macro!);
  looping.set('b', checkMacro('b', 'a || process.is_root', { ...scope, macros: looping }).macro!);
  looping.set('a', checkMacro('a', 'b && process.is_root', { ...scope, macros: looping }).macro!);
  checkRule('a', { ...scope, macros: looping }).diagnostics.forEach(note);
  t.same(
    Object.keys(languageCodes).filter((code) => !seen.has(code)),
    [],
    'no code is dead',
  );
  t.end();
});

t.test('grouping is as written: one precedence, to the right; not binds one operand', (t) => {
  const event: Event = {};
  const rows: readonly (readonly [string, boolean])[] = [
    ['false && true || true', false],
    ['(false && true) || true', true],
    ['true || false && false', true],
    ['false and false or true', false],
    ['not true && false', false],
    ['not false || true && false', true],
    ['!(true && false)', true],
    ['1 + 2 & 2 == 3', true],
    ['4 | 1 & 2 == 4', true],
    ['8 - 2 - 1 == 5', true],
    ['- (3) == -3', true],
    ['^0 == -1', true],
    ['017 == 15', true],
    ['1h == 60m', true],
    ['"a\\"b" == "a\\"b"', true],
    ['"abc" =~ "a*"', true],
    ['"a/b" == ~"*"', true],
    ['9007199254740991 & 4294967296 == 4294967296', true],
    ['-1 & 1099511627776 == 1099511627776', true],
    ['true == (1 == 1)', true],
    ['1 == 1 == true', false],
  ];
  for (const [text, want] of rows) {
    if (text === '1 == 1 == true')
      t.same(places(text), ['1:11 type-mismatch'], 'comparisons chain to the right');
    else t.equal(decides(text, event), want, text);
  }
  t.end();
});

t.test('absent values, several values and ages', (t) => {
  const rows: readonly (readonly [string, Event, boolean])[] = [
    ['process.name == ""', {}, true],
    ['process.name != "a"', {}, true],
    ['process.uid == 0 && !process.is_root', {}, true],
    ['network.ip == 0.0.0.0', {}, false],
    ['network.ip != 0.0.0.0', {}, true],
    ['process.list.key == 0', {}, false],
    ['process.list.key != 0', {}, true],
    ['process.list.value in ["a"] || process.list.value =~ "*" || process.list.key > -1', {}, false],
    ['process.list.value not in ["a"] && process.list.value !~ "*"', {}, true],
    ['network.ips allin [0.0.0.0/0]', {}, false],
    ['process.list[A].key != 99', {}, false],
    ['process.list[A].key != 99', { 'process.list': [{ key: 1 }] }, true],
    [
      'process.list.length == 2 && process.list.value[1] == "b" && process.list.value[7] == ""',
      { 'process.list': [{ value: 'a' }, { value: 'b' }] },
      true,
    ],
    ['process.list.value in ${list}', { 'process.list': [{ value: 'AAA' }] }, true],
    ['${list} == "x" && ${list.length} == 2 && "${list}" == "x,AAA"', {}, true],
    ['process.created_at < 5s', { 'process.created_at': now - 4e9 }, true],
    ['process.created_at > 5s', { 'process.created_at': now - 6e9 }, true],
    ['5s < process.created_at', { 'process.created_at': now - 6e9 }, true],
    [
      'open.opened_at - process.created_at < 5s',
      { 'process.created_at': now - 60e9, 'open.opened_at': now - 58e9 },
      true,
    ],
    ['process.name.length == 3', { 'process.name': 'aé' }, true],
  ];
  for (const [text, event, want] of rows)
    t.equal(decides(text, event), want, `${text} on ${JSON.stringify(event)}`);
  t.end();
});

t.test('printing a tree and parsing it again gives the same tree', (t) => {
  const all = vectors.groups.flatMap((group) =>
    group.cases.flatMap((one) => (one.expr === undefined ? [] : [one.expr])),
  );
  for (const text of [
    ...all,
    '- 1 == -1',
    'not ~"a*"',
    '^(1) == 2',
    'not a in ["x"] or (b and c)',
    'a == - -3',
    '"\\"" == r"\\d+" # end',
  ]) {
    const { tree } = parse(text);
    if (tree === undefined) continue;
    for (const options of [{}, { width: 30 }]) {
      const again = parse(print(tree, options)).tree;
      t.ok(again !== undefined && sameTree(tree, again), `${text} → ${print(tree, options)}`);
    }
  }
  t.end();
});

t.test('any text gives a tree or diagnostics inside the text, never an exception', (t) => {
  const words = [
    'process.name',
    'process.list[A].key',
    'process.uid',
    '==',
    '!=',
    'in',
    'not',
    'and',
    '||',
    '(',
    ')',
    '[',
    ']',
    ',',
    '"a"',
    '~"a*"',
    'r"["',
    '1',
    '-2',
    '5s',
    '&',
    '|',
    '^',
    '-',
    '+',
    '10.0.0.1',
    '::1/64',
    '${pid}',
    '%{process.uid}',
    '"${str}"',
    'true',
    '#x',
    '\n',
    ' ',
    '"',
    '$',
    'allin',
    '=~',
    '<',
  ];
  const soup = fc.array(fc.constantFrom(...words), { maxLength: 30 }).map((list) => list.join(' '));
  fc.assert(
    fc.property(
      fc.oneof(soup, fc.string({ unit: 'binary', maxLength: 60 }), fc.string({ maxLength: 60 })),
      (text) => {
        for (const parsed of [parse(text), parseMacro(text)]) {
          if (parsed.tree === undefined && parsed.diagnostics.length === 0) return false;
          if (parsed.tree !== undefined) {
            const again = parseMacro(print(parsed.tree)).tree;
            if (again === undefined || !sameTree(again, parsed.tree)) return false;
          }
        }
        const { rule, diagnostics } = checkRule(text, scope);
        if (rule !== undefined) compileSet([rule], model);
        return diagnostics.every(
          (item) =>
            item.span !== undefined &&
            item.span.start.offset <= item.span.end.offset &&
            item.span.end.offset <= text.length,
        );
      },
    ),
    { numRuns: Number(process.env['SECCAM_FUZZ'] ?? 3000) },
  );
  t.end();
});

t.test('long and deep texts cost bounded work', (t) => {
  const chain = Array.from({ length: 6000 }, (_, index) => `process.uid != ${index}`).join(' && ');
  t.ok(chain.length > 100_000, `${chain.length} characters`);
  t.equal(compileRule(accepts(chain), model)({ 'process.uid': 5999 }, now, reader), false);
  t.equal(compileRule(accepts(chain), model)({ 'process.uid': 7000 }, now, reader), true);
  const list = `process.name in [${Array.from({ length: 9000 }, (_, index) => `"/bin/n${index}"`).join(', ')}]`;
  t.equal(compileRule(accepts(list), model)({ 'process.name': '/bin/n8999' }, now, reader), true);
  const masks = `process.uid & (${Array.from({ length: 9000 }, () => 'O_CREAT').join(' | ')}) == 64`;
  t.equal(compileRule(accepts(masks), model)({ 'process.uid': 64 }, now, reader), true);
  for (const text of [
    `${'('.repeat(50_000)}true${')'.repeat(50_000)}`,
    '!'.repeat(100_000),
    `${Array.from({ length: 20_000 }, (_, index) => `process.is_root ${index % 2 === 0 ? '&&' : '||'}`).join(' ')} true`,
    `process.uid == ${Array.from({ length: 20_000 }, () => 'process.uid').join(' & ')}`,
    Array.from({ length: 20_000 }, () => 'true').join(' == '),
  ]) {
    t.same(
      checkRule(text, scope).diagnostics.map((item) => item.code),
      ['too-deep'],
      `${text.slice(0, 30)}…`,
    );
  }
  const deep = `${'('.repeat(300)}process.is_root${')'.repeat(300)}`;
  t.equal(decides(deep, { 'process.is_root': true }), true, '300 parentheses are fine');
  const alternating =
    Array.from({ length: 300 }, (_, index) => `process.is_root ${index % 2 === 0 ? '&&' : '||'}`).join(' ') +
    ' true';
  t.equal(decides(alternating, { 'process.is_root': true }), true);
  t.end();
});

t.test('what a rule says cannot become code', (t) => {
  const nasty = [
    '"); process.exit(7); ("',
    "' + process.exit(7) + '",
    '`${process.exit(7)}`',
    '\\u2028\u2028',
    '\u0001' + '0\u0001',
    '\u0002',
    '*/ process.exit(7) /*',
    '__proto__',
    'constructor',
  ];
  const among: Scope<Event> = {
    ...scope,
    variable: (name) =>
      name === 'constructor' || name === '__proto__' ? { name, type: 'string' } : scope.variable(name),
  };
  for (const text of nasty) {
    // `${` would be a variable here: what is tested is what reaches the generated code.
    const written = text.replaceAll('\\', '').replaceAll('${', '$ {').replaceAll('"', '\\"');
    const value = written;
    for (const rule of [
      `process.argv0 == "${written}"`,
      `process.argv0 in ["${written}", "x"]`,
      `process.list.value == "${written}"`,
      `"${written}-%{process.argv0}" != ""`,
    ]) {
      const checked = accepts(rule, among);
      const event: Event = { 'process.argv0': value, 'process.list': [{ value }] };
      let hits = 0;
      compileSet([checked, checked], model).evaluator('')?.(event, now, reader, () => {
        hits += 1;
      });
      // The text itself would confuse the report: it holds line separators and control characters.
      t.equal(hits, 2, encodeURIComponent(rule));
    }
  }
  t.equal(
    compileRule(accepts('${constructor} == "" && ${__proto__} == ""', among), model)({}, now, {
      get: () => undefined,
    }),
    true,
  );
  t.end();
});

t.test('regexps: RE2 syntax, RE2 meaning, also for hostile patterns', (t) => {
  for (const pattern of ['(?=a)', '(?<!a)', '(a)\\1', 'a{1001}', '(', '[z-a]', '*'])
    t.ok('problem' in compileRegexp(pattern, false), pattern);
  const hostile = compileRegexp('(a|a)*(a+)+$', false);
  t.equal('test' in hostile && hostile.test(`${'a'.repeat(20_000)}!`), false, 'decided without backtracking');
  const part = fc.constantFrom(
    'a',
    'b',
    '/',
    '.',
    '\\.',
    '[a-c]',
    '[^a]',
    '\\d',
    '(a|b)',
    '(?:ab)?',
    'é',
    '.*',
    'a+',
    'b?',
    'a{1,2}',
    '\\s',
    '\\b',
    '(a*)*',
  );
  const pattern = fc
    .tuple(
      fc.constantFrom('', '^', '.*'),
      fc.array(part, { maxLength: 5 }),
      fc.constantFrom('', '$', '.*', '|b'),
    )
    .map(([a, b, c]) => a + b.join('') + c);
  const text = fc
    .array(fc.constantFrom('a', 'b', 'c', '/', '.', '1', 'é', '\n', '\r', ' ', '😀'), { maxLength: 8 })
    .map((list) => list.join(''));
  fc.assert(
    fc.property(pattern, text, (re, value) => {
      const compiled = compileRegexp(re, false);
      return 'problem' in compiled || compiled.test(value) === RE2JS.compile(re).matcher(value).find();
    }),
    { numRuns: 2000 },
  );
  t.end();
});

t.test('a predicate on interned strings is decided once per distinct string, for all rules', (t) => {
  const strings = new StringTable();
  const interned = modelOf(vectors.model, {}, strings);
  const texts = [
    'process.name =~ "/usr/*/cat" && open.flags == 1',
    'process.name =~ "/usr/*/cat" && open.flags == 2',
    'process.name == ~"/usr/*/cat" && open.mode == 1',
  ];
  const rules = texts.map((text) => accepts(text, { ...scope, model: interned }));
  const set = compileSet(rules, interned);
  t.equal(set.figures.predicates, 1);
  const evaluate = set.evaluator('open')!;
  const found: number[] = [];
  for (let round = 0; round < 100; round++) {
    for (const name of ['/usr/bin/cat', '/usr/sbin/cat', '/etc/passwd']) {
      evaluate(
        { 'process.name': strings.intern(name), 'open.flags': 1, 'open.mode': 1 },
        now,
        reader,
        (rule) => found.push(rule),
      );
    }
  }
  t.equal(found.length, 400);
  t.equal(set.figures.decided(), 2, 'one predicate, two strings: the third lets no rule through');
  t.equal(set.evaluator('mkdir'), undefined, 'no rule is about mkdir');
  t.end();
});

t.test('what a hit does is seen by the rules after it', (t) => {
  const set = compileSet(
    ['process.uid == 1 && ${seen}', 'process.uid == 1', 'process.uid == 1 && ${seen}'].map((text) =>
      accepts(text),
    ),
    model,
  );
  let seen = false;
  const found: number[] = [];
  set.evaluator('')!({ 'process.uid': 1 }, now, { get: () => seen }, (rule) => {
    found.push(rule);
    seen = true;
  });
  t.same(found, [1, 2]);
  t.end();
});

t.test('ancestors: results on unchanging fields are kept per element and per set', (t) => {
  interface Node {
    readonly name: number;
    readonly parent: Node | undefined;
    reads: number;
    memo?: unknown;
  }
  const strings = new StringTable();
  let reads = 0;
  const node = (name: string, parent?: Node): Node => {
    const id = strings.intern(name);
    return {
      get name() {
        reads += 1;
        return id;
      },
      parent,
      reads: 0,
    };
  };
  const anc: Model<{ parent?: Node }> = {
    name: 'ancestors',
    field: (name) =>
      name === 'a.name'
        ? {
            name,
            type: 'string',
            iterator: 'a',
            fixed: true,
            read: { kind: 'string-id', source: 'item.name' },
          }
        : undefined,
    iterator: (name) =>
      name === 'a'
        ? { name, walk: { kind: 'chain', first: 'event.parent', next: 'item.parent' }, memo: 'item.memo' }
        : undefined,
    fieldNames: () => ['a.name'],
    constants: new Map(),
    strings,
  };
  const among = { model: anc, macros: new Map<string, Macro>(), variable: () => undefined };
  const rule = (text: string): Rule => checkRule(text, among).rule!;
  const root = node('init');
  const shell = node('sh', node('nginx', root));
  const one = compileSet([rule('a.name == "nginx"')], anc);
  const other = compileSet([rule('a.name == "bash"')], anc);
  const hits = (set: typeof one, event: { parent?: Node }): number => {
    let count = 0;
    set.evaluator('')!(event, now, reader as never, () => {
      count += 1;
    });
    return count;
  };
  t.same([hits(one, { parent: shell }), hits(one, { parent: root }), hits(one, {})], [1, 0, 0]);
  const before = reads;
  for (let round = 0; round < 50; round++) hits(one, { parent: shell });
  t.equal(reads, before, 'nothing is read again');
  t.same(
    [hits(other, { parent: shell }), hits(one, { parent: shell })],
    [0, 1],
    'another set has its own results',
  );
  t.end();
});

t.test('macros stand for lists, values and conditions, nested, and are checked where they are used', (t) => {
  const own = new Map<string, Macro>();
  const among: Scope<Event> = { ...scope, macros: own };
  const define = (id: string, text: string): void => void own.set(id, checkMacro(id, text, among).macro!);
  define('names', '["/bin/cat", ~"/usr/bin/*"]');
  define('reads', 'process.name in names');
  define('both', 'reads && process.uid == limit_uid');
  t.same(
    checkMacro('x', 'process.name in nothing', among).diagnostics.map((item) => item.code),
    ['unknown-field'],
  );
  define('limit_uid', '33');
  t.match(checkMacro('both', 'reads && process.uid == limit_uid', among), {
    macro: { kind: 'condition', macros: ['limit_uid', 'names', 'reads'] },
  });
  define('both', 'reads && process.uid == limit_uid');
  own.set('listed', valuesMacro('listed', ['/bin/cat', '*']));
  const rule = accepts('both || process.name in listed', among);
  t.same(rule.fields, ['process.name', 'process.uid']);
  t.same(rule.leaves.length, 3);
  const run = compileRule(rule, model);
  t.equal(run({ 'process.name': '/usr/bin/x', 'process.uid': 33 }, now, reader), true);
  t.equal(run({ 'process.name': '/usr/bin/x', 'process.uid': 3 }, now, reader), false);
  t.equal(
    run({ 'process.name': '*', 'process.uid': 3 }, now, reader),
    true,
    'values of a values macro are no patterns',
  );
  const trace = traceRule(rule, model, { 'process.name': '/usr/bin/x', 'process.uid': 3 }, now, reader);
  t.equal(trace.distance, 1);
  t.end();
});

t.test('a trace says what every leaf saw, how far a match is, and what made it', (t) => {
  const rule = accepts(
    'process.name in ["/bin/sh", ~"/usr/*/cat"] && (process.uid == 0 || process.list[A].key > 10) && process.argv0 != "-x"',
  );
  const event: Event = {
    'process.name': '/usr/bin/cat',
    'process.uid': 5,
    'process.argv0': '-a',
    'process.list': [{ key: 3 }, { key: 30 }],
  };
  const trace = traceRule(rule, model, event, now, reader);
  t.equal(trace.element, 1);
  t.same(
    trace.leaves.map((leaf) => [leaf.value, leaf.left, leaf.rightMatched]),
    [
      [true, ['/usr/bin/cat'], [1]],
      [false, [5], []],
      [true, [30], [0]],
      [true, ['-a'], []],
    ],
  );
  t.equal(
    decorated(rule.text, trace.matched),
    '«process.name» in ["/bin/sh", ~«"/usr/*/cat"»] && (process.uid == 0 || «process.list[A].key» > «10») && process.argv0 != "-x"',
  );
  const miss = traceRule(
    rule,
    model,
    { ...event, 'process.name': '/bin/ls', 'process.list': [{ key: 1 }] },
    now,
    reader,
  );
  t.same([miss.value, miss.distance, miss.matched], [false, 2, []]);
  t.equal(
    traceRule(accepts('false && process.uid == 1'), model, {}, now, reader).distance,
    Number.POSITIVE_INFINITY,
  );
  t.end();
});

t.test('approvers: the values that every rule of an event needs', (t) => {
  const rules = [
    'open.filename == "/etc/shadow" && process.uid == 0',
    'open.filename in ["/a", ~"/b*"] && open.flags & O_CREAT > 0',
  ].map((text) => accepts(text));
  t.same(approvers(rules[0]!, 'open.filename'), [{ kind: 'scalar', value: '/etc/shadow' }]);
  t.same(approvers(rules[1]!, 'open.flags'), [
    { kind: 'bitmask', value: 64 },
    { kind: 'range', value: 0 },
  ]);
  t.match(approveAll(rules, ['open.flags', 'open.filename']), {
    field: 'open.filename',
    values: { length: 3 },
  });
  t.equal(approvers(accepts('open.filename != "/a"'), 'open.filename'), undefined);
  t.equal(approvers(accepts('open.filename == "/a" || process.uid == 0'), 'open.filename'), undefined);
  t.end();
});

t.test('values of expressions', (t) => {
  const rows: readonly (readonly [string, Event, unknown])[] = [
    ['process.uid + 1', { 'process.uid': 4 }, 5],
    ['"${str}:%{process.uid}"', { 'process.uid': 4 }, 'aaa:4'],
    ['process.list.value', { 'process.list': [{ value: 'a' }, { value: 'b' }] }, ['a', 'b']],
    ['process.uid == 4 && process.is_root', { 'process.uid': 4, 'process.is_root': true }, true],
    ['["a", "b"]', {}, ['a', 'b']],
    ['${list}', {}, ['x', 'AAA']],
    ['process.name.length', { 'process.name': 'abc' }, 3],
  ];
  for (const [text, event, want] of rows) {
    const { value, diagnostics } = checkValue(text, scope);
    t.same(diagnostics, []);
    t.same(compileValue(value!, model)(event, now, reader), want, text);
  }
  t.match(checkValue('process.list.value', scope).value, { type: 'string', multi: true });
  t.end();
});

t.test('spans follow the map of the file that the text stands in', (t) => {
  const source = new Source('a:\n  b == 1', 'rules/x.policy');
  const { diagnostics } = checkRule('b == 1', scope, {
    file: 'rules/x.policy',
    mapSpan: (start, end) => source.span(start + 5, end + 5),
  });
  t.match(diagnostics, [{ span: { file: 'rules/x.policy', start: { line: 2, column: 3 } } }]);
  t.end();
});
