/** Checked rules → functions. One generated module per set; one function per event type, in parts of a few rules. */

import { expects } from '../support/assert.js';
import { Emitter } from './emitter.js';
import type { Evaluate, EvaluateAll, RuleSet } from './evaluation.js';
import { Candidates, Gate, gateReads, type Need, needsOf } from './gate.js';
import { traceRule } from './interpreter.js';
import type { Model, VariableReader } from './model.js';
import { registerLimit } from './runtime.js';
import type { FieldNode, Rule, ValueExpression } from './tree.js';
import { isCondition } from './types.js';

/** Rules per generated function: small enough that the JIT takes each function. */
const rulesPerPart = 12;

/** Compiles one rule into one closure. */
export function compileRule<E>(rule: Rule, model: Model<E>): Evaluate<E> {
  const emitter = new Emitter(model as Model<never>, false);
  const body = ruleBody(emitter, rule);
  return emitter.module.load(`return function (event, now, V) { ${body} };`) as Evaluate<E>;
}

/** Compiles the value of an expression; several values come as an array, addresses as text or `Address`. */
export function compileValue<E>(
  value: ValueExpression,
  model: Model<E>,
): (event: E, now: number, variables: VariableReader<E>) => unknown {
  const emitter = new Emitter(model as Model<never>, false);
  const { root } = value;
  const code = isCondition(root)
    ? emitter.condition(root)
    : root.multi
      ? `[...${emitter.list(root)}]`
      : emitter.scalar(root);
  return emitter.module.load(`return function (event, now, V) { return ${code}; };`) as (
    event: E,
    now: number,
    variables: VariableReader<E>,
  ) => unknown;
}

/**
 * Compiles the rules of a set together: string predicates and conditions that several rules repeat are decided
 * once. A rule without an event type is evaluated on every event.
 */
export function compileSet<E>(rules: readonly Rule[], model: Model<E>): RuleSet<E> {
  const emitter = new Emitter(model as Model<never>, true);
  const events = new Set(rules.flatMap((rule) => (rule.event === undefined ? [] : [rule.event])));
  const neutral = rules.some((rule) => rule.event === undefined);
  const bodies = rules.map((rule) => ruleBody(emitter, rule));

  let slots = 0;
  const slotOf = new Map<number, number>();
  const slot = (index: number): number => {
    let known = slotOf.get(index);
    if (known === undefined) {
      known = slots++;
      slotOf.set(index, known);
    }
    return known;
  };
  const parts: string[] = [];
  const table: string[] = [];
  const names = rules.map((_, index) => `q${index}`);
  bodies.forEach((body, index) => {
    parts.push(`function ${names[index]}(event, now, V, C) { ${emitter.module.resolve(body, slot)} }`);
  });
  const add = (event: string | undefined): string => {
    const own = rules.flatMap((rule, index) =>
      rule.event === event || rule.event === undefined ? [index] : [],
    );
    const { gated, open, candidates } = gates(emitter, rules, own);
    const calls: string[] = [];
    for (let from = 0; from < open.length; from += rulesPerPart) {
      const name = `p${parts.length}`;
      const tests = open
        .slice(from, from + rulesPerPart)
        .map((index) => `if (${names[index]}(event, now, V, C)) hit(${index});`);
      parts.push(`function ${name}(event, now, V, hit, C) { ${tests.join(' ')} }`);
      calls.push(`${name}(event, now, V, hit, C);`);
    }
    const all = `const C = take(); ${calls.join(' ')} pool.push(C);`;
    if (gated === '') return `function (event, now, V, hit) { ${open.length === 0 ? '' : all} }`;
    return `function (event, now, V, hit) {
  let s = 0;
  ${gated}
  if (s === 0) { ${open.length === 0 ? 'return;' : `${all} return;`} }
  const C = take();
  const list = ${candidates}.lists[s];
  for (let i = 0; i < list.length; i++) { const rule = list[i]; if (Q[rule](event, now, V, C)) hit(rule); }
  pool.push(C);
}`;
  };
  for (const event of events) table.push(`[${JSON.stringify(event)}, ${add(event)}]`);
  const rest = neutral ? add(undefined) : 'undefined';
  const type = model.eventType;
  const code = `${parts.join('\n')}
const pool = [];
const Q = [${names.join(', ')}];
function take() { const C = pool.pop() ?? new Uint8Array(${slots}); C.fill(0); return C; }
return { table: new Map([${table.join(',\n')}]), rest: ${rest}, type: ${type === undefined ? 'undefined' : `function (event) { return (${type}); }`} };`;
  const module = emitter.module.load(code) as {
    table: Map<string, EvaluateAll<E>>;
    rest: EvaluateAll<E> | undefined;
    type: ((event: E) => string) | undefined;
  };

  return {
    rules,
    evaluator: (eventType) => module.table.get(eventType) ?? module.rest,
    evaluate: (event, now, variables, hit) => {
      expects(module.type !== undefined, 'the model says how an event gives its type');
      (module.table.get(module.type(event)) ?? module.rest)?.(event, now, variables, hit);
    },
    trace: (rule, event, now, variables) => traceRule(rules[rule]!, model, event, now, variables),
    figures: {
      predicates: emitter.predicates.size,
      decided: () => [...emitter.predicates.values()].reduce((sum, item) => sum + item.decided, 0),
      sourceLength: code.length,
    },
  };
}

/**
 * Code that finds in `s` the state of `candidates` for an event's strings, and the rules that have no gate and
 * run on every event.
 */
function gates(
  emitter: Emitter,
  rules: readonly Rule[],
  own: readonly number[],
): { gated: string; open: number[]; candidates: string } {
  const { strings } = emitter.model;
  const byField = new Map<
    string,
    { readonly field: FieldNode; readonly members: { readonly rule: number; readonly need: Need }[] }
  >();
  const open: number[] = [];
  for (const rule of own) {
    const needs = strings === undefined ? undefined : needsOf(rules[rule]!);
    if (needs === undefined) open.push(rule);
    for (const need of needs ?? []) {
      const { name } = need.field.field;
      const known = byField.get(name);
      if (known === undefined) byField.set(name, { field: need.field, members: [{ rule, need }] });
      else known.members.push({ rule, need });
    }
  }
  const lines: string[] = [];
  const candidates = new Candidates(open);
  const states = emitter.module.constant(candidates);
  for (const { field, members } of byField.values()) {
    const gate = new Gate(strings!, candidates);
    for (const { rule, need } of members) gate.add(rule, need);
    const name = emitter.module.constant(gate);
    const look = (id: string): string =>
      `{ const id = ${id}; const e = ${name}.l[id] || ${name}.f(id); if (e !== 1) s = ${states}.t.get(s * 16777216 + e) ?? ${states}.n(s, e); }`;
    for (const { read, multi } of gateReads(field)) {
      if (read.kind === 'call') continue;
      lines.push(
        multi
          ? `{ const ids = ${read.source}; if (ids) for (let i = 0; i < ids.length; i++) ${look('ids[i]')} }`
          : look(`(${read.source}) ?? 0`),
      );
    }
  }
  return { gated: lines.join('\n  '), open, candidates: states };
}

function ruleBody(emitter: Emitter, rule: Rule): string {
  const [register] = rule.registers.values();
  if (register === undefined) return `return ${emitter.condition(rule.root)};`;
  return emitter.withRegister(() => emitter.registered(register, rule.root, registerLimit));
}
