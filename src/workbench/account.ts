/** What one rule showed over a recording: counts of its leaves, its closest events, its tree. */
import { constants } from '../catalogue/constants.js';
import type { Event } from '../catalogue/event.js';
import { eventByName } from '../catalogue/events.js';
import type { BoolNode, Trace } from '../language/index.js';
import { processLine } from '../pipeline/line.js';
import type { LoadedRule } from '../rules/index.js';
import { decide } from './doubt.js';
import { leafNotes, leafValues, literalsOf, type VariableLog } from './leaf.js';
import type { ExplainedEvent, ExplainNode, Explanation, TryLine } from './results.js';
import type { RulesInUse } from './ruleset.js';

interface Kept {
  readonly distance: number;
  /** How near its false leaves came. */
  readonly nearness: number;
  readonly explained: ExplainedEvent;
}

/** Which leaves are false, as a text; events with the same ones compete. */
type Pattern = string;

/** Beyond so many kinds of closest events the first ones stay. */
const mostPatterns = 64;

/** What one rule showed over the recording. */
export class Account {
  matched = 0;
  shownAt = false;
  readonly #seen = { events: 0 };
  readonly #leafTrue: number[];
  readonly #nodeTrue = new Map<BoolNode, number>();
  readonly #soFar = new Map<BoolNode, number>();
  readonly #kept = new Map<Pattern, Kept[]>();
  #least = Number.POSITIVE_INFINITY;
  #atLeast = 0;

  constructor(
    readonly rule: LoadedRule,
    readonly inUse: RulesInUse,
    readonly closest: number,
  ) {
    this.#leafTrue = rule.rule.leaves.map(() => 0);
  }

  /**
   * The closest events: least distance first; among equals those whose met conditions are met most seldom
   * (an event that shares with the rule only what every event shares says nothing), then those whose unmet
   * ones came nearest, then the earliest.
   */
  get best(): readonly ExplainedEvent[] {
    const rarity = (kept: Kept): number => {
      const events = Math.max(1, this.#seen.events);
      return kept.explained.leaves.reduce(
        (sum, leaf) => (leaf.value ? sum - Math.log((this.#leafTrue[leaf.leaf] ?? 1) / events) : sum),
        0,
      );
    };
    return [...this.#kept.values()]
      .flat()
      .sort(
        (a, b) =>
          a.distance - b.distance ||
          rarity(b) - rarity(a) ||
          b.nearness - a.nearness ||
          a.explained.seq - b.explained.seq,
      )
      .slice(0, this.closest)
      .map((kept) => kept.explained);
  }

  see(event: Event, value: boolean, trace: Trace, log: VariableLog, focus: boolean): void {
    this.#seen.events += 1;
    if (value) this.matched += 1;
    for (const leaf of trace.leaves)
      if (leaf.value) this.#leafTrue[leaf.leaf] = (this.#leafTrue[leaf.leaf] ?? 0) + 1;
    this.#countNode(this.rule.rule.root, trace);
    if (!focus) return;
    this.shownAt = true;
    this.#keep(event, value, trace, log);
  }

  #countNode(node: BoolNode, trace: Trace): void {
    if (decide(node, (leaf) => trace.leaves[leaf]?.value ?? false) === true)
      this.#nodeTrue.set(node, (this.#nodeTrue.get(node) ?? 0) + 1);
    if (node.kind === 'not') this.#countNode(node.operand, trace);
    if (node.kind === 'macro') this.#countNode(node.body, trace);
    if (node.kind !== 'and' && node.kind !== 'or') return;
    let all = true;
    for (const operand of node.operands) {
      this.#countNode(operand, trace);
      all &&= decide(operand, (leaf) => trace.leaves[leaf]?.value ?? false) === true;
      if (all) this.#soFar.set(operand, (this.#soFar.get(operand) ?? 0) + 1);
    }
  }

  #keep(event: Event, value: boolean, trace: Trace, log: VariableLog): void {
    if (trace.distance < this.#least) {
      this.#least = trace.distance;
      this.#atLeast = 0;
    }
    if (trace.distance === this.#least) this.#atLeast += 1;
    if (trace.distance > this.#least + 1) return;
    const pattern = trace.leaves.map((leaf) => (leaf.value ? '1' : '0')).join('');
    const kept = this.#kept.get(pattern) ?? [];
    if (kept.length === 0 && this.#kept.size >= mostPatterns && !this.#forget()) return;
    const nearness = value ? 0 : nearnessOf(this.rule, trace);
    const worst = kept.at(-1);
    if (kept.length >= this.closest && worst !== undefined && nearness <= worst.nearness) return;
    const { model } = this.inUse.rules;
    const explained: ExplainedEvent = {
      seq: event.seq,
      type: event.type,
      elapsed: String(event.elapsed),
      process: processLine(event.process, event, model),
      distance: trace.distance,
      value,
      leaves: this.rule.rule.leaves.map((leaf) => {
        const result = trace.leaves[leaf.leaf]!;
        const values = leafValues(leaf, result, event, model);
        return {
          leaf: leaf.leaf,
          value: result.value,
          ...values,
          notes: leafNotes(leaf, result, event, this.inUse, log),
        };
      }),
    };
    kept.push({ distance: trace.distance, nearness, explained });
    kept.sort((a, b) => b.nearness - a.nearness || a.explained.seq - b.explained.seq);
    kept.length = Math.min(kept.length, this.closest);
    this.#kept.set(pattern, kept);
  }

  /** Makes room by dropping a pattern that is farther away than the nearest; false when there is none. */
  #forget(): boolean {
    for (const [pattern, kept] of this.#kept) {
      if ((kept[0]?.distance ?? 0) > this.#least) return this.#kept.delete(pattern);
    }
    return false;
  }

  explanation(
    events: number,
    ofType: { readonly events: number; readonly shown: number } | undefined,
    hidden: ReadonlyMap<number, number> | undefined,
    tries: readonly TryLine[],
  ): Explanation {
    const { rule } = this;
    const { best } = this;
    const names = new Map(
      [...constants]
        .filter(([name, value]) => /^E[A-Z0-9]+$/.test(name) && typeof value === 'number')
        .map(([name, value]) => [-Math.abs(Number(value)), name]),
    );
    const hiddenNames: Record<string, number> = {};
    for (const [result, count] of [...(hidden ?? [])].sort((a, b) => b[1] - a[1]))
      hiddenNames[names.get(result) ?? String(result)] = count;
    const shownResults = eventByName(rule.eventType)?.shown ?? [];
    return {
      rule: rule.id,
      span: rule.span,
      expression: rule.expression,
      eventType: rule.eventType,
      matched: this.matched,
      funnel: { events, ofType: ofType?.events ?? 0, shown: ofType?.shown ?? 0, matched: this.matched },
      hidden: hiddenNames,
      shownResults: shownResults === 'all' ? [] : shownResults,
      tree: this.#node(rule.rule.root),
      at: best,
      moreAtDistance: Math.max(
        0,
        this.#atLeast - best.filter((event) => event.distance === this.#least).length,
      ),
      tries,
    };
  }

  #node(node: BoolNode): ExplainNode {
    const trueOf =
      node.kind === 'test' || node.kind === 'truth'
        ? (this.#leafTrue[node.leaf] ?? 0)
        : (this.#nodeTrue.get(node) ?? 0);
    const soFar = this.#soFar.get(node);
    const children =
      node.kind === 'and' || node.kind === 'or'
        ? node.operands
        : node.kind === 'not'
          ? [node.operand]
          : node.kind === 'macro'
            ? [node.body]
            : [];
    return {
      kind: node.kind === 'test' || node.kind === 'truth' ? 'leaf' : node.kind,
      text: nodeText(node, this.inUse),
      span: node.span,
      ...(node.kind === 'test' || node.kind === 'truth' ? { leaf: node.leaf } : {}),
      ...(node.kind === 'macro' ? { macro: node.id } : {}),
      trueOf,
      soFar: soFar ?? 0,
      neverTrue: trueOf === 0 && this.#seen.events > 0,
      children: children.map((child) => this.#node(child)),
    };
  }
}

/** The text of a node as it stands in its policy, on one line. */
export function nodeText(node: BoolNode, inUse: RulesInUse): string {
  const { file, start, end } = node.span;
  const text =
    inUse.sources.get(file) ?? inUse.rules.policies.find((policy) => policy.file === file)?.text ?? '';
  return text.slice(start.offset, end.offset).trim().replace(/\s+/g, ' ');
}

/**
 * How near the false leaves came: the longest prefix that a text of the event shares with a literal; a text
 * with the same last part, or the same but for upper and lower case, is nearer than any prefix.
 */
function nearnessOf(rule: LoadedRule, trace: Trace): number {
  let nearest = 0;
  for (const leaf of rule.rule.leaves) {
    const result = trace.leaves[leaf.leaf];
    if (result === undefined || result.value || leaf.kind !== 'test') continue;
    for (const have of result.left) {
      if (typeof have !== 'string') continue;
      for (const member of literalsOf(leaf.right)) {
        if (typeof member.value === 'string') nearest = Math.max(nearest, nearnessOfText(have, member.value));
      }
    }
  }
  return nearest;
}

const whole = 10_000;

function nearnessOfText(have: string, want: string): number {
  if (have.toLowerCase() === want.toLowerCase()) return 2 * whole;
  const last = want.slice(want.lastIndexOf('/') + 1);
  if (last !== '' && have.slice(have.lastIndexOf('/') + 1) === last) return whole;
  let length = 0;
  while (length < want.length && length < have.length && want[length] === have[length]) length++;
  return length;
}
