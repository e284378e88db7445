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
  /** A text that passes begins with one of these, and ends with one of those; undefined: nothing is known. */
  readonly beginnings: readonly string[] | undefined;
  readonly endings: readonly string[] | undefined;
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

interface Gated {
  readonly rule: number;
  readonly test: TextTest;
}

interface Branch {
  readonly next: Map<number, Branch>;
  readonly gated: Gated[];
}

/** Finds what was put under the beginnings of a text, or under its endings: one step per letter, few before it falls out. */
class Tree {
  readonly #root: Branch = { next: new Map(), gated: [] };

  constructor(readonly fromEnd: boolean) {}

  put(key: string, gated: Gated): void {
    let branch = this.#root;
    for (let index = 0; index < key.length; index++) {
      const code = key.charCodeAt(this.fromEnd ? key.length - 1 - index : index);
      let next = branch.next.get(code);
      if (next === undefined) {
        next = { next: new Map(), gated: [] };
        branch.next.set(code, next);
      }
      branch = next;
    }
    branch.gated.push(gated);
  }

  /** Adds the rules whose test lets the text through. */
  collect(text: string, found: number[]): void {
    let branch: Branch | undefined = this.#root;
    for (let index = 0; index < text.length; index++) {
      branch = branch.next.get(text.charCodeAt(this.fromEnd ? text.length - 1 - index : index));
      if (branch === undefined) return;
      for (const { rule, test } of branch.gated) if (test(text)) found.push(rule);
    }
  }
}

/** The rules that are gated by one field. */
export class Gate {
  /** By string number: 0 not known, else an answer of `candidates`. Read by generated code: `G.l[id] || G.f(id)`. */
  l: Int32Array<ArrayBuffer> = new Int32Array(64);
  /** By number of the text. */
  readonly #exact = new Map<number, number[]>();
  readonly #byBeginning = new Tree(false);
  readonly #byEnding = new Tree(true);
  readonly #others: Gated[] = [];
  /** Some rule needs more than that a text is one of `#exact`. */
  #reads = false;

  constructor(
    readonly strings: StringTable,
    readonly candidates: Candidates,
  ) {
    strings.hold(this);
  }

  keep(mark: (id: number) => void): void {
    for (const id of this.#exact.keys()) mark(id);
  }

  forget(): void {
    this.l.fill(0);
  }

  add(rule: number, need: Need): void {
    if (need.exact !== undefined) {
      for (const text of new Set(need.exact)) {
        const id = this.strings.intern(text);
        const list = this.#exact.get(id);
        if (list === undefined) this.#exact.set(id, [rule]);
        else list.push(rule);
      }
      return;
    }
    this.#reads = true;
    const gated = { rule, test: need.test };
    const { beginnings, endings } = need;
    const [tree, keys] =
      shortest(endings) > shortest(beginnings) ? [this.#byEnding, endings] : [this.#byBeginning, beginnings];
    if (keys === undefined || shortest(keys) === 0) this.#others.push(gated);
    else for (const key of new Set(keys)) tree.put(key, gated);
  }

  /** Finds and keeps the rules that string `id` lets through. */
  f(id: number): number {
    const answer = this.#answer(id);
    if (!Number.isInteger(id) || id < 0) return answer;
    if (id >= this.l.length) {
      const grown = new Int32Array(Math.max(id + 1, this.strings.size, this.l.length * 2));
      grown.set(this.l);
      this.l = grown;
    }
    this.l[id] = answer;
    return answer;
  }

  #answer(id: number): number {
    const exact = this.#exact.get(id);
    if (!this.#reads) return exact === undefined ? nobody : this.candidates.answer(exact);
    const found = exact === undefined ? [] : [...exact];
    const text = this.strings.text(id);
    this.#byBeginning.collect(text, found);
    this.#byEnding.collect(text, found);
    for (const { rule, test } of this.#others) if (test(text)) found.push(rule);
    return found.length === 0 ? nobody : this.candidates.answer([...new Set(found)].sort((x, y) => x - y));
  }
}

function shortest(keys: readonly string[] | undefined): number {
  return keys === undefined ? 0 : Math.min(...keys.map((key) => key.length));
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
    beginnings: both(a.beginnings, b.beginnings),
    endings: both(a.endings, b.endings),
    rank: Math.max(a.rank, b.rank),
  };
}

function both(
  a: readonly string[] | undefined,
  b: readonly string[] | undefined,
): readonly string[] | undefined {
  return a === undefined || b === undefined ? undefined : [...a, ...b];
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
    beginnings: variants.length === 0 ? firmParts(matchers, (parts) => parts[0]!) : undefined,
    endings: variants.length === 0 ? firmParts(matchers, (parts) => parts[parts.length - 1]!) : undefined,
    rank: Math.max(...matchers.map(rankOf)),
  };
}

/** A part of each matcher that stands in all texts it takes; undefined when one of them has none. */
function firmParts(
  matchers: readonly Matcher[],
  part: (parts: readonly string[]) => string,
): readonly string[] | undefined {
  if (matchers.some((matcher) => matcher.fold || matcher.kind === 'regexp')) return undefined;
  return matchers.map(({ kind, text }) => part(kind === 'exact' ? [text] : text.split('*')));
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
