/**
 * Runs a file of conformance cases against the language: `npm run conformance -- FILE.json`.
 *
 * One line per group, `name passed/total`; every failure with expression, event, expected and got. Exits 1
 * when a case fails, 2 when the file cannot be read. The file brings its model along (its `model` block).
 *
 * Every `eval` case is decided four ways that must agree: one closure over plain strings, a set over interned
 * strings, and the tracing interpreter over each.
 */

import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import {
  type CheckedRule,
  checkMacro,
  checkRule,
  compileGlob,
  compileRule,
  compileSet,
  type Field,
  fieldValues,
  globContains,
  globProblem,
  type Iterator,
  isDiscarder,
  type Macro,
  type Model,
  matchPattern,
  parse,
  parseMacro,
  type Read,
  type Rule,
  type Scope,
  traceRule,
  type Variable,
} from '../src/language/index.js';
import { StringTable } from '../src/support/strings.js';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Event = Record<string, Json>;

interface FieldFact {
  readonly type: string;
  readonly note?: string;
  readonly op_override?: string;
  readonly validator?: string;
  readonly sub?: Record<string, string>;
}

interface ModelFacts {
  readonly event_types?: Record<string, string>;
  readonly fields: Record<string, FieldFact>;
  readonly constants?: Record<string, boolean | number | string>;
  readonly variables?: Record<string, VariableFact>;
}

interface VariableFact {
  readonly type: string;
  readonly value: Json;
}

interface Case extends Record<string, Json | undefined> {
  readonly expr?: string;
}

export interface Group {
  readonly name: string;
  readonly mode: string;
  readonly event?: Event;
  readonly cases: readonly Case[];
  readonly macros?: readonly { readonly id: string; readonly expression: string }[];
  readonly variables?: Record<string, VariableFact>;
  readonly legacy_fields?: Record<string, string>;
  readonly legacy_grammar?: boolean;
  readonly constants?: Record<string, boolean | number | string>;
  readonly note?: string;
}

export interface Vectors {
  readonly model: ModelFacts;
  readonly groups: readonly Group[];
}

export interface Failure {
  readonly group: string;
  readonly text: string;
  readonly event: Event | undefined;
  readonly expected: string;
  readonly got: string;
}

export interface Outcome {
  readonly group: string;
  readonly passed: number;
  readonly total: number;
  readonly failures: readonly Failure[];
}

/** A fixed wall clock for `now`, `now-4s`: nothing of the language may read the real one. */
const clock = 1_700_000_000_000_000_000;

// ------------------------------------------------------------------ model

/** How plain facts become a model; `strings`: texts are interned, as the product's are. */
export function modelOf(
  facts: ModelFacts,
  group: Pick<Group, 'legacy_fields' | 'constants' | 'note'> = {},
  strings?: StringTable,
): Model<Event> {
  const fields = new Map<string, Field<Event>>();
  const iterators = new Map<string, Iterator<Event>>();
  const event = (name: string): { event?: string } => {
    for (const [pattern, type] of Object.entries(facts.event_types ?? {})) {
      if (type.startsWith('(')) continue;
      if (pattern === name || (pattern.endsWith('.*') && name.startsWith(pattern.slice(0, -1))))
        return { event: type };
    }
    return {};
  };
  for (const [name, fact] of Object.entries(facts.fields)) {
    if (fact.type === 'iterator') {
      iterators.set(name, {
        name,
        ...event(name),
        walk: { kind: 'array', source: `event[${JSON.stringify(name)}]` },
      });
      for (const [sub, type] of Object.entries(fact.sub ?? {})) {
        if (sub === 'length') continue;
        const key = `${name}.${sub}`;
        fields.set(key, {
          name: key,
          ...typeOf(type),
          ...event(name),
          iterator: name,
          read: reading(`item[${JSON.stringify(sub)}]`, type, strings),
          ...(type.includes('ignores register') ? { ignoresRegister: true } : {}),
        });
      }
      continue;
    }
    fields.set(name, {
      name,
      ...typeOf(fact.type),
      ...event(name),
      read: readingOf(name, fact, strings),
      ...semantics(fact),
      ...validator(fact),
    });
  }
  const constants =
    group.note?.includes('constants map empty') === true ? {} : (group.constants ?? facts.constants ?? {});
  return {
    name: 'conformance',
    field: (name) => fields.get(name),
    iterator: (name) => iterators.get(name),
    fieldNames: () => fields.keys(),
    constants: new Map(Object.entries(constants)),
    legacy: new Map(Object.entries(group.legacy_fields ?? {})),
    ...(strings === undefined ? {} : { strings }),
  };
}

function typeOf(text: string): Pick<Field<Event>, 'type' | 'multi'> {
  const word = /^[a-z]+/.exec(text)![0] as Field<Event>['type'];
  return text.startsWith(`${word}[]`) ? { type: word, multi: true } : { type: word };
}

function readingOf(name: string, fact: FieldFact, strings: StringTable | undefined): Read<Event> {
  const own = `event[${JSON.stringify(name)}]`;
  const dot = name.lastIndexOf('.');
  const parent = name.slice(0, dot);
  const member = JSON.stringify(name.slice(dot + 1));
  const source = fact.type.endsWith('[]')
    ? `(${own} ?? (event[${JSON.stringify(parent)}] ?? []).map((one) => one[${member}]))`
    : own;
  return reading(source, fact.type, strings);
}

function reading(source: string, type: string, strings: StringTable | undefined): Read<Event> {
  if (strings === undefined || !/^(?:string|cidr)/.test(type)) return { kind: 'value', source };
  const many = type.includes('[]');
  // Generated code cannot close over the table, so texts are interned before evaluation (see `interned`).
  return { kind: 'string-id', source: many ? `(${source} ?? [])` : source };
}

/** The event with every text that a string-id field reads replaced by its number. */
function interned(facts: ModelFacts, event: Event, strings: StringTable): Event {
  const number = (value: Json): Json =>
    typeof value === 'string' ? strings.intern(value) : Array.isArray(value) ? value.map(number) : value;
  const result: Event = {};
  for (const [name, value] of Object.entries(event)) {
    const fact = facts.fields[name];
    if (fact?.type === 'iterator' || fact === undefined) {
      result[name] = Array.isArray(value) ? value.map((item) => internedItem(item, number)) : value;
    } else result[name] = /^(?:string|cidr)/.test(fact.type) ? number(value) : value;
  }
  return result;
}

function internedItem(item: Json, number: (value: Json) => Json): Json {
  if (item === null || typeof item !== 'object' || Array.isArray(item)) return item;
  return Object.fromEntries(
    Object.entries(item).map(([key, value]) => [key, typeof value === 'string' ? number(value) : value]),
  );
}

function semantics(fact: FieldFact): Pick<Field<Event>, 'text'> {
  const hook = `${fact.op_override ?? ''}`;
  const set = /constant set \{([^}]*)\}/.exec(hook);
  if (set !== null) return { text: { set: set[1]!.split(',').map((item) => item.trim()) } };
  if (hook.startsWith('glob')) return { text: { glob: true } };
  if (/title/.test(hook)) return { text: { variants: ['title', 'upper'] } };
  if (/case.?insensitive/.test(hook)) return { text: { fold: true } };
  return {};
}

function validator(fact: FieldFact): Pick<Field<Event>, 'validate'> {
  const least = />=\s*(-?\d+)/.exec(fact.validator ?? '');
  if (least === null) return {};
  return {
    validate: (literal) =>
      typeof literal === 'number' && literal < Number(least[1]) ? `it is at least ${least[1]}` : undefined,
  };
}

// ------------------------------------------------------------------ cases

interface World {
  readonly facts: ModelFacts;
  readonly group: Group;
  readonly model: Model<Event>;
  readonly variables: Record<string, VariableFact>;
  readonly event: Event;
}

function scopeOf(world: World, model: Model<Event>): Scope<Event> {
  const variable = (name: string): Variable<Event> | undefined => {
    const fact = world.variables[name];
    return fact === undefined ? undefined : { name, ...typeOf(fact.type) };
  };
  const macros = new Map<string, Macro>();
  const scope: Scope<Event> = { model, variable, macros };
  for (const { id, expression } of world.group.macros ?? []) {
    const { macro } = checkMacro(id, expression, scope);
    if (macro !== undefined) macros.set(id, macro);
  }
  return scope;
}

function check(world: World, expr: string, model = world.model): CheckedRule {
  return checkRule(expr, scopeOf(world, model), { legacyRegisters: world.group.legacy_grammar === true });
}

function errors(checked: CheckedRule): string {
  return checked.diagnostics
    .map((item) => `${item.span?.start.column ?? 0}: ${item.message} [${item.code}]`)
    .join('; ');
}

type Judge = (world: World, one: Case) => { expected: Json; got: Json | undefined };

function evaluated(world: World, expr: string): Json {
  const checked = check(world, expr);
  if (checked.rule === undefined) return `error: ${errors(checked)}`;
  const variables = { get: (name: string): unknown => world.variables[name]?.value };
  const closure = compileRule(checked.rule, world.model)(world.event, clock, variables);
  const traced = traceRule(checked.rule, world.model, world.event, clock, variables).value;

  const strings = new StringTable();
  const model = modelOf(world.facts, world.group, strings);
  const rule = check(world, expr, model).rule as Rule;
  const event = interned(world.facts, world.event, strings);
  const set = compileSet([rule, rule], model);
  let hits = 0;
  set.evaluator(rule.event ?? '')?.(event, clock, variables, () => {
    hits += 1;
  });
  const tracedSet = set.trace(0, event, clock, variables).value;
  const agreed =
    closure === traced && (hits === 2) === closure && tracedSet === closure && (hits === 0) === !closure;
  return agreed ? closure : `closure ${closure}, trace ${traced}, set ${hits}/2, trace of set ${tracedSet}`;
}

const judges: Readonly<Record<string, Judge>> = {
  eval: (world, one) => {
    const got = evaluated(world, one.expr!);
    if (one['compile_error'] === true)
      return { expected: 'a compile error', got: String(got).startsWith('error') ? 'a compile error' : got };
    return { expected: one['expected']!, got };
  },
  error: (world, one) => {
    const checked = check(world, one.expr!);
    const columns = checked.diagnostics
      .filter((item) => item.severity === 'error')
      .map((item) => item.span?.start.column ?? 0);
    return { expected: one['compile_error_column']!, got: columns[0] ?? 'no error' };
  },
  compile: (world, one) => ({ expected: one['compiles']!, got: check(world, one.expr!).rule !== undefined }),
  partial: (world, one) => {
    const checked = check(world, one.expr!);
    if (checked.rule === undefined)
      return { expected: one['is_discarder']!, got: `error: ${errors(checked)}` };
    return {
      expected: one['is_discarder']!,
      got: isDiscarder(checked.rule, world.model, String(one['field']), world.event, clock),
    };
  },
  fieldvalue: (world, one) => {
    const checked = check(world, one.expr!);
    if (checked.rule === undefined) return { expected: one['value']!, got: `error: ${errors(checked)}` };
    const found = fieldValues(checked.rule, String(one['field']));
    const kinds: Record<string, string[]> = { pattern: ['pattern', 'glob'], ipnet: ['cidr'] };
    const wanted = String(one['value_type']);
    const match = found.find(
      (item) => item.value === one['value'] && (item.kind === wanted || kinds[wanted]?.includes(item.kind)),
    );
    return {
      expected: `${wanted} ${String(one['value'])}`,
      got: match === undefined ? JSON.stringify(found) : `${wanted} ${String(match.value)}`,
    };
  },
  recorded: (world, one) => {
    const checked = check(world, one.expr!);
    if (checked.rule === undefined) return { expected: one['recorded']!, got: `error: ${errors(checked)}` };
    const found = fieldValues(checked.rule, String(one['field']));
    if (one['recorded'] !== true) return { expected: false, got: found.length > 0 };
    const value = one['recorded_value'];
    return {
      expected: value ?? true,
      got:
        value === undefined
          ? found.length > 0
          : (found.find((item) => item.value === value)?.value ?? JSON.stringify(found)),
    };
  },
  subexpr: (world, one) => {
    const checked = check(world, one.expr!);
    if (checked.rule === undefined) return { expected: one['decorated']!, got: `error: ${errors(checked)}` };
    const variables = { get: (name: string): unknown => world.variables[name]?.value };
    return {
      expected: one['decorated']!,
      got: decorated(one.expr!, traceRule(checked.rule, world.model, world.event, clock, variables).matched),
    };
  },
  glob: (_, one) => {
    const problem = globProblem(String(one['pattern']));
    const got =
      problem ?? compileGlob(String(one['pattern']), one['case_insensitive'] === true)(String(one['value']));
    return { expected: one['expected']!, got };
  },
  glob_contains: (_, one) => ({
    expected: one['expected']!,
    got: globContains(String(one['pattern']), String(one['value']), one['case_insensitive'] === true),
  }),
  glob_compile: (_, one) => ({
    expected: one['compiles']!,
    got: globProblem(String(one['pattern'])) === undefined,
  }),
  pattern: (_, one) => ({
    expected: one['expected']!,
    got: matchPattern(String(one['pattern']), String(one['value']), one['case_insensitive'] === true),
  }),
  parse: (_, one) => ({ expected: one['parses']!, got: parse(one.expr!).tree !== undefined }),
  parse_macro: (_, one) => ({ expected: one['parses']!, got: parseMacro(one.expr!).tree !== undefined }),
};

/** Puts « » around what made a rule true. Only what stands in the rule's own text with its own value is marked. */
export function decorated(text: string, matched: ReturnType<typeof traceRule>['matched']): string {
  const about = new Set(matched.filter((item) => item.field !== undefined).map((item) => item.leaf));
  const marks = matched.filter((item) => {
    if (item.computed || !about.has(item.leaf) || item.span.macro !== undefined) return false;
    const written = text.slice(item.span.from, item.span.to);
    return (
      item.field !== undefined || !/^[A-Za-z_]/.test(written) || written === 'true' || written === 'false'
    );
  });
  const inserts = new Map<number, string>();
  for (const { span } of marks) {
    inserts.set(span.from, '«');
    inserts.set(span.to, '»');
  }
  let result = '';
  for (let at = 0; at <= text.length; at++) result += (inserts.get(at) ?? '') + (text[at] ?? '');
  return result;
}

/** `now`, `now-4s`, `now+2s` in an event become ns on the fixed clock. */
function dated(event: Event): Event {
  const units: Record<string, number> = { ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };
  const value = (item: Json): Json => {
    const found = typeof item === 'string' ? /^now(?:([+-])(\d+)(ms|s|m|h))?$/.exec(item) : null;
    if (found === null) return item;
    return clock + (found[1] === '-' ? -1 : 1) * Number(found[2] ?? 0) * (units[found[3] ?? 's'] ?? 0);
  };
  return Object.fromEntries(Object.entries(event).map(([name, item]) => [name, value(item)]));
}

export function runGroup(facts: ModelFacts, group: Group): Outcome {
  const judge = judges[group.mode];
  const failures: Failure[] = [];
  const model = modelOf(facts, group);
  const variables = { ...facts.variables, ...group.variables };
  for (const one of group.cases) {
    const own = one['event'] as Event | undefined;
    const world: World = { facts, group, model, variables, event: dated({ ...group.event, ...own }) };
    const text = one.expr ?? `${String(one['pattern'])} on ${String(one['value'] ?? '')}`;
    let result: { expected: Json; got: Json | undefined };
    try {
      result = judge === undefined ? { expected: 'a known mode', got: group.mode } : judge(world, one);
    } catch (error) {
      result = {
        expected: one['expected'] ?? null,
        got: `an exception: ${error instanceof Error ? error.message : String(error)}`,
      };
    }
    if (result.got !== result.expected) {
      failures.push({
        group: group.name,
        text,
        event: world.event,
        expected: JSON.stringify(result.expected),
        got: JSON.stringify(result.got),
      });
    }
  }
  return {
    group: group.name,
    passed: group.cases.length - failures.length,
    total: group.cases.length,
    failures,
  };
}

export function runVectors(vectors: Vectors): Outcome[] {
  return vectors.groups.map((group) => runGroup(vectors.model, group));
}

function main(file: string | undefined): number {
  if (file === undefined) {
    process.stderr.write('usage: npm run conformance -- FILE.json\n');
    return 2;
  }
  let vectors: Vectors;
  try {
    vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors;
  } catch (error) {
    process.stderr.write(
      `${file}: error: cannot be read as a file of cases: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    return 2;
  }
  let failed = 0;
  let total = 0;
  for (const outcome of runVectors(vectors)) {
    failed += outcome.failures.length;
    total += outcome.total;
    process.stdout.write(`${outcome.group} ${outcome.passed}/${outcome.total}\n`);
    for (const failure of outcome.failures) {
      process.stdout.write(
        `  expression: ${failure.text}\n  event:      ${JSON.stringify(failure.event)}\n  expected:   ${failure.expected}\n  got:        ${failure.got}\n`,
      );
    }
  }
  process.stdout.write(`total ${total - failed}/${total}\n`);
  return failed === 0 ? 0 : 1;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = main(process.argv[2]);
}
