/**
 * Gates: most rules need one string field to have one of a few values. Which rules a string lets through is
 * found once per distinct string and kept, so an event costs one look-up per gated field instead of one test
 * per rule.
 */

import type { StringTable } from '../support/strings.js';
import { compileMatchers, textVariant } from './matcher.js';
import type { Read } from './model.js';
import type { TextTest } from './regexp.js';
import type { BoolNode, FieldNode, Matcher, Rule, TestNode } from './tree.js';

/** What a rule needs of one field's text; `exact`: it is one of these texts and nothing else. */
export interface Need {
  readonly field: FieldNode;
  readonly test: TextTest;
  readonly exact: readonly string[] | undefined;
  /** Lower is more selective. */
  readonly rank: number;
}

/** What a gate answers for a string that lets no rule through. */
const nobody = 1;

/**
 * The sets of rules that the strings of one event let through together, with the rules that have no gate. Every
 * set is made once: an event walks from state to state, one step per gate that lets something through.
 */
export class Candidates {
  /** `state * 2^24 + answer of a gate` → state. Read by generated code: `M.t.get(…) ?? M.n(s, e)`. */
  readonly t = new Map<number, number>();
  /** By state: the rules to evaluate, ascending. State 0 is "nothing so far". */
  readonly lists: (readonly number[])[];
  readonly #answers: (readonly number[])[] = [[], []];
  readonly #answerOf = new Map<string, number>([['', nobody]]);
  readonly #stateOf = new Map<string, number>();

  constructor(readonly open: readonly number[]) {
    this.lists = [open];
  }

  /** The number of a list of rules, the same for equal lists. */
  answer(rules: readonly number[]): number {
    const key = rules.join();
    let known = this.#answerOf.get(key);
    if (known === undefined) {
      known = this.#answers.length;
      this.#answers.push(rules);
      this.#answerOf.set(key, known);
    }
    return known;
  }

  n(state: number, answer: number): number {
    const all = [...new Set([...this.lists[state]!, ...this.#answers[answer]!])].sort((a, b) => a - b);
    const key = all.join();
    let next = this.#stateOf.get(key);
    if (next === undefined) {
      next = this.lists.length;
      this.lists.push(all);
      this.#stateOf.set(key, next);
    }
    this.t.set(state * 16_777_216 + answer, next);
    return next;
  }
}

/** The rules that are gated by one field. */
export class Gate {
  /** By string number: 0 not known, else an answer of `candidates`. Read by generated code: `G.l[id] || G.f(id)`. */
  l: Int32Array<ArrayBuffer> = new Int32Array(64);
  readonly #exact = new Map<string, number[]>();
  readonly #others: { readonly rule: number; readonly test: TextTest }[] = [];

  constructor(
    readonly strings: StringTable,
    readonly candidates: Candidates,
  ) {}

  add(rule: number, need: Need): void {
    if (need.exact === undefined) {
      this.#others.push({ rule, test: need.test });
      return;
    }
    for (const text of new Set(need.exact)) {
      const list = this.#exact.get(text);
      if (list === undefined) this.#exact.set(text, [rule]);
      else list.push(rule);
    }
  }

  /** Finds and keeps the rules that string `id` lets through. */
  f(id: number): number {
    const text = this.strings.text(id);
    const found = [...(this.#exact.get(text) ?? [])];
    for (const { rule, test } of this.#others) if (test(text)) found.push(rule);
    const answer = this.candidates.answer(found.sort((a, b) => a - b));
    if (!Number.isInteger(id) || id < 0) return answer;
    if (id >= this.l.length) {
      const grown = new Int32Array(Math.max(id + 1, this.strings.size, this.l.length * 2));
      grown.set(this.l);
      this.l = grown;
    }
    this.l[id] = answer;
    return answer;
  }
}

/** The best needs of a rule, one of which must hold; undefined: it is evaluated on every event. */
export function needsOf(rule: Rule): readonly Need[] | undefined {
  let best: readonly Need[] | undefined;
  for (const conjunct of conjuncts(rule.root)) {
    const needs = needsOfCondition(conjunct);
    if (needs !== undefined && (best === undefined || rankOfAll(needs) < rankOfAll(best))) best = needs;
  }
  return best;
}

function rankOfAll(needs: readonly Need[]): number {
  return Math.max(...needs.map((need) => need.rank)) + needs.length;
}

function conjuncts(node: BoolNode): BoolNode[] {
  if (node.kind === 'and') return node.operands.flatMap(conjuncts);
  return node.kind === 'macro' ? conjuncts(node.body) : [node];
}

/** A positive test on an interned field, or an `||` of conditions that each have one; one need per field. */
function needsOfCondition(node: BoolNode): readonly Need[] | undefined {
  if (node.kind === 'macro') return needsOfCondition(node.body);
  if (node.kind === 'test') {
    const need = needOfTest(node);
    return need === undefined ? undefined : [need];
  }
  if (node.kind === 'and') {
    const own = node.operands.map(needsOfCondition).filter((needs) => needs !== undefined);
    return own.sort((x, y) => rankOfAll(x) - rankOfAll(y))[0];
  }
  if (node.kind !== 'or') return undefined;
  const byField = new Map<string, Need>();
  for (const operand of node.operands) {
    const needs = needsOfCondition(operand);
    if (needs === undefined) return undefined;
    for (const need of needs) {
      const { name } = need.field.field;
      const known = byField.get(name);
      byField.set(name, known === undefined ? need : either(known, need));
    }
  }
  return [...byField.values()];
}

function either(a: Need, b: Need): Need {
  const exact = a.exact !== undefined && b.exact !== undefined ? [...a.exact, ...b.exact] : undefined;
  return {
    field: a.field,
    test: (text) => a.test(text) || b.test(text),
    exact,
    rank: Math.max(a.rank, b.rank),
  };
}

function needOfTest(node: TestNode): Need | undefined {
  const [field, other] = node.left.kind === 'field' ? [node.left, node.right] : [node.right, node.left];
  if (node.negated || node.op !== 'equal' || field.kind !== 'field' || field.type !== 'string')
    return undefined;
  if (other.kind !== 'literal' && other.kind !== 'set') return undefined;
  if (
    field.multi ||
    field.iterator !== undefined ||
    field.index !== undefined ||
    field.field.read.kind !== 'string-id'
  )
    return undefined;
  const { text } = node;
  if (text?.set !== undefined || (text?.aliases ?? []).some((alias) => alias.read.kind !== 'string-id'))
    return undefined;
  const members = other.kind === 'set' ? other.members : [other];
  const matchers = members.map(
    (member): Matcher => member.matcher ?? { kind: 'exact', text: String(member.value), fold: false },
  );
  const plain = compileMatchers(matchers);
  const variants = text?.variants ?? [];
  const test: TextTest =
    variants.length === 0
      ? plain
      : (given) => plain(given) || variants.some((kind) => plain(textVariant(kind, given)));
  const simple =
    variants.length === 0 && matchers.every((matcher) => matcher.kind === 'exact' && !matcher.fold);
  return {
    field,
    test,
    exact: simple ? matchers.map((matcher) => matcher.text) : undefined,
    rank: Math.max(...matchers.map(rankOf)),
  };
}

/** How much of all texts a matcher may take: texts of a few letters and open patterns take the most. */
function rankOf(matcher: Matcher): number {
  if (matcher.text === '') return 1000;
  if (matcher.kind === 'exact') return matcher.text.length > 3 ? 0 : 5;
  const firm = Math.max(0, ...matcher.text.split('*').map((part) => part.length));
  return (matcher.kind === 'regexp' ? 200 : 100) - Math.min(50, firm);
}

/** The reads of the texts that a gate looks at: the field and its aliases. */
export function gateReads(
  field: FieldNode,
): readonly { readonly read: Read<never>; readonly multi: boolean }[] {
  const aliases = (field.field.text?.aliases ?? []).map((alias) => ({
    read: alias.read,
    multi: alias.multi === true,
  }));
  return [{ read: field.field.read, multi: false }, ...aliases];
}
