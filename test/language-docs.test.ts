/** docs/language.md: every example is executed, over the field names of the catalogue. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { constants } from '../src/catalogue/constants.js';
import { allFields } from '../src/catalogue/fields.js';
import {
  checkMacro,
  checkRule,
  compileRule,
  type Field,
  functions,
  type Macro,
  type Model,
  operators,
  type Scope,
  traceRule,
  type Variable,
} from '../src/language/index.js';

const text = readFileSync(new URL('../docs/language.md', import.meta.url), 'utf8');
const blocks = (kind: string): { body: string; line: number }[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${kind}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map((found) => ({
    body: found[1]!,
    line: text.slice(0, found.index).split('\n').length + 1,
  }));

type Event = Record<string, unknown>;
const now = 1_700_000_000_000_000_000;
const event = JSON.parse(blocks('json')[0]!.body) as Event;
for (const [name, value] of Object.entries(event)) if (value === 'now-4s') event[name] = now - 4e9;
event['event.timestamp'] = now;
const variables = event['variables'] as Record<string, unknown>;

const byName = new Map(allFields.map((field) => [field.name, field]));
const model: Model<Event> = {
  name: 'docs',
  field: (name): Field<Event> | undefined => {
    const row = byName.get(name);
    if (row === undefined) return undefined;
    const multi = row.type.endsWith('[]');
    const key = row.iterator === undefined ? name : name.slice(row.iterator.length + 1);
    return {
      name,
      type: row.type.replace('[]', '') as Field<Event>['type'],
      read: {
        kind: 'value',
        source: `${row.iterator === undefined ? 'event' : 'item'}[${JSON.stringify(key)}]`,
      },
      ...(multi ? { multi } : {}),
      ...(row.iterator === undefined ? {} : { iterator: row.iterator }),
      ...(row.events?.length === 1 ? { event: row.events[0]! } : {}),
      ...(row.path === true ? { text: { glob: true } } : {}),
      ...(/uid$/.test(name)
        ? {
            validate: (value) =>
              typeof value === 'number' && value < 0 ? 'ids are not negative' : undefined,
          }
        : {}),
    };
  },
  iterator: (name) =>
    name === 'process.ancestors'
      ? { name, walk: { kind: 'array', source: 'event["process.ancestors"]' } }
      : undefined,
  fieldNames: () => byName.keys(),
  constants: new Map([['true', true], ['false', false], ...constants]),
};
const macros = new Map<string, Macro>();
const scope: Scope<Event> = {
  model,
  macros,
  variable: (name): Variable<Event> | undefined => {
    const value = variables[name];
    if (value === undefined) return undefined;
    const one: unknown = Array.isArray(value) ? value[0] : value;
    const type = typeof one === 'boolean' ? 'bool' : typeof one === 'number' ? 'int' : 'string';
    return { name, type, ...(Array.isArray(value) ? { multi: true } : {}) };
  },
};
const reader = { get: (name: string): unknown => variables[name] };

t.test('macros', (t) => {
  for (const { body } of blocks('macros')) {
    for (const line of body.trim().split('\n')) {
      const [, id, expression] = /^(\w+): (.*)$/.exec(line)!;
      const { macro, diagnostics } = checkMacro(id!, expression!, scope);
      t.same(diagnostics, [], line);
      if (macro !== undefined) macros.set(id!, macro);
    }
  }
  t.end();
});

t.test('examples', (t) => {
  let count = 0;
  for (const { body, line } of blocks('secl')) {
    body
      .trimEnd()
      .split('\n')
      .forEach((example, index) => {
        const place = `docs/language.md:${line + index}: ${example}`;
        const outcome = /#\s*(true|false|(?:error|warning) [a-z-]+)$/.exec(example)?.[1];
        t.ok(outcome, `${place}: says its outcome`);
        const { rule, diagnostics } = checkRule(example, scope);
        count += 1;
        if (/^(error|warning)/.test(outcome ?? '')) {
          t.ok(
            diagnostics.some((item) => `${item.severity} ${item.code}` === outcome),
            `${place}: ${diagnostics.map((item) => item.code).join()}`,
          );
          return;
        }
        t.same(
          diagnostics.map((item) => item.message),
          [],
          place,
        );
        if (rule === undefined) return;
        t.equal(String(compileRule(rule, model)(event, now, reader)), outcome, place);
        t.equal(String(traceRule(rule, model, event, now, reader).value), outcome, `${place}, traced`);
      });
  }
  t.ok(count > 50, `${count} examples`);
  t.end();
});

t.test('operators and functions are all on the page', (t) => {
  for (const { symbol } of operators) t.match(text, `\`${symbol}\``, symbol);
  for (const { name } of functions) t.match(text, `\`.${name}\``, name);
  t.end();
});

t.test('the embedding example runs', (t) => {
  const { body } = blocks('ts')[0]!;
  const code = body
    .replace(/^import .*$/m, '')
    .replace(/: string\b/g, '')
    .replace(/ as const/g, '')
    .replace(/^evaluate\(/m, 'return evaluate(');
  const run = new Function('checkRule', 'compileRule', code) as (
    check: typeof checkRule,
    compile: typeof compileRule,
  ) => unknown;
  t.equal(run(checkRule, compileRule), true);
  t.end();
});
