/** What one rule showed over a recording: counts of its leaves, its closest events, its tree. */
import { constants } from '../catalogue/constants.js';
import type { Event } from '../catalogue/event.js';
import { eventByName } from '../catalogue/events.js';
import { type BoolNode, type Trace, truthOf } from '../language/index.js';
import { processLine } from '../pipeline/line.js';
import { type Limiter, type LoadedRule, makeLimiter, type VariableStore } from '../rules/index.js';
import { lookup } from '../support/lookup.js';
import { leafNotes, leafValues, literalsOf, type VariableLog } from './leaf.js';
import { NearMisses } from './nearmiss.js';
import { type Approach, approachTo, nearestOfAll } from './nearness.js';
import { type Pattern, Patterns, textsOf } from './pattern.js';
import type { ExplainedEvent, ExplainNode, Explanation, TryLine } from './results.js';
import type { RulesInUse } from './ruleset.js';

interface Kept {
  readonly distance: number;
  /** How near its false leaves came. */
  readonly nearness: number;
  readonly explained: ExplainedEvent;
}

/** Beyond so many kinds of closest events the first ones stay. */
const mostPatterns = 64;

/** What one rule showed over the recording. */
export class Account {
  matched = 0;
  /** Matches that rate limits keep back. */
  limited = 0;
  shownAt = false;
  /** In the order of the recording; undefined: any event may be one, as of a rule with a register. */
  nearMisses: NearMisses | undefined;
  readonly limiter: Limiter;
  readonly #patterns: Patterns;
  readonly #nearness: Nearness;

  readonly #flips = new WeakMap<Pattern, readonly number[]>();
  #events = 0;
  readonly #leafTrue: number[];
  readonly #nodeTrue = new Map<BoolNode, number>();
  readonly #soFar = new Map<BoolNode, number>();
  readonly #kept = new Map<string, Kept[]>();
  #least = Number.POSITIVE_INFINITY;
  #atLeast = 0;

  constructor(
    readonly rule: LoadedRule,
    readonly inUse: RulesInUse,
    readonly closest: number,
    variables: VariableStore,
  ) {
    const { model } = inUse.rules;
    this.#leafTrue = rule.rule.leaves.map(() => 0);
    this.#patterns = new Patterns(rule, model, variables, (pattern) => this.#sum(pattern));
    this.#nearness = new Nearness(rule, inUse, variables);
    this.limiter = makeLimiter(rule, model);
    this.nearMisses = rule.rule.registers.size === 0 ? new NearMisses() : undefined;
  }

  /**
   * The closest events: least distance first; among equals those whose met conditions are met most seldom
   * (an event that shares with the rule only what every event shares says nothing), then those whose unmet
   * ones came nearest, then the earliest.
   */
  get best(): readonly ExplainedEvent[] {
    this.#patterns.end();
    const rarity = (kept: Kept): number => {
      const events = Math.max(1, this.#events);
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

  /** An event that the rule is shown, with the variables as they are before its own actions. */
  see(event: Event, trace: () => Trace, log: VariableLog, focus: boolean): void {
    const pattern = this.#patterns.at(event, trace);
    this.#events += 1;
    if (pattern.value) {
      this.matched += 1;
      if (!this.rule.silent && !this.limiter.allow(event, event.elapsed)) this.limited += 1;
    } else if (pattern.distance === 1) this.#miss(event, pattern);
    if (!focus) return;
    this.shownAt = true;
    this.#keep(event, pattern, trace, log);
  }

  #miss(event: Event, pattern: Pattern): void {
    if (this.nearMisses?.add(event, this.#flipsOf(pattern)) === false) this.nearMisses = undefined;
  }

  #flipsOf(pattern: Pattern): readonly number[] {
    return lookup(this.#flips, pattern, () =>
      pattern.leaves.flatMap((value, leaf) =>
        !value && truthOf(this.rule.rule.root, (at) => at === leaf || pattern.leaves[at]!) ? [leaf] : [],
      ),
    );
  }

  #sum(pattern: Pattern): void {
    pattern.leaves.forEach((value, leaf) => {
      if (value) this.#leafTrue[leaf]! += pattern.count;
    });
    this.#countNode(this.rule.rule.root, pattern);
  }

  #countNode(node: BoolNode, pattern: Pattern): void {
    const holds = (one: BoolNode): boolean => truthOf(one, (leaf) => pattern.leaves[leaf]!);
    if (holds(node)) this.#nodeTrue.set(node, (this.#nodeTrue.get(node) ?? 0) + pattern.count);
    if (node.kind === 'not') this.#countNode(node.operand, pattern);
    if (node.kind === 'macro') this.#countNode(node.body, pattern);
    if (node === this.rule.rule.root && node.kind !== 'and' && node.kind !== 'or' && holds(node))
      this.#soFar.set(node, (this.#soFar.get(node) ?? 0) + pattern.count);
    if (node.kind !== 'and' && node.kind !== 'or') return;
    let all = true;
    for (const operand of node.operands) {
      this.#countNode(operand, pattern);
      all &&= holds(operand);
      if (all) this.#soFar.set(operand, (this.#soFar.get(operand) ?? 0) + pattern.count);
    }
  }

  #keep(event: Event, pattern: Pattern, trace: () => Trace, log: VariableLog): void {
    const { distance, value } = pattern;
    if (distance < this.#least) {
      this.#least = distance;
      this.#atLeast = 0;
    }
    if (distance === this.#least) this.#atLeast += 1;
    if (distance > this.#least + (this.closest > 1 ? 1 : 0)) return;
    const kept = this.#kept.get(pattern.key) ?? [];
    if (kept.length === 0 && this.#kept.size >= mostPatterns && !this.#forget()) return;
    const full = kept.length >= this.closest;
    // What matched is as near as can be: the first ones stay.
    const nearness =
      value || (full && kept.at(-1)!.nearness >= nearestOfAll) ? 0 : this.#nearness.of(event, pattern);
    if (full && nearness <= kept.at(-1)!.nearness) return;
    const { model } = this.inUse.rules;
    const { leaves } = trace();
    const explained: ExplainedEvent = {
      seq: event.seq,
      type: event.type,
      elapsed: String(event.elapsed),
      process: processLine(event.process, event, model),
      distance,
      value,
      leaves: this.rule.rule.leaves.map((leaf) => {
        const result = leaves[leaf.leaf]!;
        const values = leafValues(leaf, result, event, model);
        return {
          leaf: leaf.leaf,
          value: result.value,
          ...values,
          notes: leafNotes(leaf, result, event, this.inUse, log),
        };
      }),
    };
    kept.push({ distance, nearness, explained });
    kept.sort((a, b) => b.nearness - a.nearness || a.explained.seq - b.explained.seq);
    kept.length = Math.min(kept.length, this.closest);
    this.#kept.set(pattern.key, kept);
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
      ...this.#heldBack(),
    };
  }

  /** Why there are fewer detections than matches. */
  #heldBack(): Pick<Explanation, 'heldBack'> {
    const { rule, matched, limited } = this;
    if (rule.silent && matched > 0) return { heldBack: { by: 'silent', matches: matched } };
    if (limited === 0) return {};
    const { every, everySpan, limiterToken } = rule;
    return {
      heldBack: {
        by: 'rate-limit',
        matches: limited,
        ...(every === undefined || every === 0 ? {} : { every }),
        ...(everySpan === undefined ? {} : { span: everySpan }),
        ...(limiterToken.length === 0 ? {} : { tokens: limiterToken }),
      },
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
      text: nodeText(node, this.rule, this.inUse),
      span: node.span,
      ...(node.kind === 'test' || node.kind === 'truth' ? { leaf: node.leaf } : {}),
      ...(node.kind === 'macro' ? { macro: node.id } : {}),
      trueOf,
      soFar: soFar ?? 0,
      neverTrue: trueOf === 0 && this.#events > 0,
      children: children.map((child) => this.#node(child)),
    };
  }
}

/** The text of a node as it was written, on one line: without what YAML asks to be escaped. */
export function nodeText(node: BoolNode, rule: LoadedRule, inUse: RulesInUse): string {
  const { file, start, end, macro, from, to } = node.span;
  const text = macro === undefined ? rule.rule.text : inUse.rules.macros.get(macro)?.macro.text;
  const written =
    text === undefined || (macro === undefined && rule.written !== undefined)
      ? (
          inUse.sources.get(file) ??
          inUse.rules.policies.find((policy) => policy.file === file)?.text ??
          ''
        ).slice(start.offset, end.offset)
      : text.slice(from, to);
  return written.trim().replace(/\s+/g, ' ');
}

interface Approached {
  readonly approaches: readonly Approach[];
  readonly known: Map<string, number>;
}

/** How near the false leaves of an event came to their literals: the nearest one counts. */
class Nearness {
  readonly #leaves: readonly (Approached & {
    readonly leaf: number;
    readonly texts: ReturnType<typeof textsOf>;
    readonly take: (have: string) => void;
  })[];
  #nearest = 0;
  #event!: Event;
  #pattern!: Pattern;
  readonly #look = (): void => this.#see();

  constructor(
    rule: LoadedRule,
    inUse: RulesInUse,
    readonly variables: VariableStore,
  ) {
    this.#leaves = rule.rule.leaves.flatMap((leaf) => {
      if (leaf.kind !== 'test' || rule.rule.registers.size > 0) return [];
      const approaches = literalsOf(leaf.right).flatMap((literal) => approachTo(literal) ?? []);
      if (approaches.length === 0) return [];
      const texts = textsOf(leaf.left, inUse.rules.model);
      const approached: Approached = { approaches, known: new Map() };
      return [
        { ...approached, leaf: leaf.leaf, texts, take: (have: string) => this.#take(approached, have) },
      ];
    });
  }

  of(event: Event, pattern: Pattern): number {
    this.#nearest = 0;
    this.#event = event;
    this.#pattern = pattern;
    this.variables.aside(this.#look);
    return this.#nearest;
  }

  #see(): void {
    for (const leaf of this.#leaves) {
      if (this.#pattern.leaves[leaf.leaf] === true) continue;
      leaf.texts(this.#event, this.variables, leaf.take);
    }
  }

  #take({ approaches, known }: Approached, have: string): void {
    let near = known.get(have);
    if (near === undefined) {
      if (known.size > mostTexts) known.clear();
      near = 0;
      for (const approach of approaches) near = Math.max(near, approach(have));
      known.set(have, near);
    }
    if (near > this.#nearest) this.#nearest = near;
  }
}

/** Texts whose nearness is known at a time. */
const mostTexts = 100_000;
