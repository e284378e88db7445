/** All mutants of a rule set over one replay: what each detects otherwise than the rules do. */
import type { Event } from '../catalogue/event.js';
import { type Condition, type Detection, Engine, type LoadedRule } from '../rules/index.js';
import { lookup } from '../support/lookup.js';
import { type Doubt, Doubts } from './doubt.js';
import { fits } from './glob.js';
import type { Mutant, MutantSet, Variant } from './mutantset.js';
import {
  type Companion,
  conditionKey,
  type Facts,
  groupByType,
  type SeenDetection,
  type WhereCondition,
} from './scenario.js';
import type { SnapshotLine } from './snapshot.js';

/** What one mutant gives on one recording where it differs from the rules. */
export interface Delta {
  /** Detections of the rules that the mutant affects, in order. */
  readonly detections: readonly SeenDetection[];
  /** By rule id, of those rules. */
  readonly doubts: ReadonlyMap<string, readonly Doubt[]>;
  readonly finally: ReadonlyMap<string, boolean | undefined> | undefined;
  /** False: only what can be doubted differs. */
  readonly seen: boolean;
}

export interface SessionQuestion {
  readonly conditions: readonly WhereCondition[];
  readonly finals: readonly string[];
  /** Snapshots are compared. */
  readonly lines: boolean;
  /** What is left after rate limits is counted. */
  readonly delivered: boolean;
}

/** Detections of one mutant that are kept beyond those of the rules: no test counts further. */
const mostKept = 1000;

interface Running {
  readonly variant: Variant;
  readonly engine: Engine;
  readonly doubts: Doubts;
  readonly finals: readonly { readonly text: string; readonly condition: Condition | undefined }[];
}

export class MutantSession implements Companion {
  readonly #running: Running[];
  readonly #detections = new Map<Mutant, SeenDetection[]>();
  readonly #finals = new Map<Mutant, Map<string, boolean | undefined>>();
  readonly #conditions = new Map<Engine, Map<string, Condition | undefined>>();
  /** Matches of the rules so far, by place. */
  #counts: readonly number[] = [];
  /** Matches of the event at hand that the engine need not make a detection of. */
  #taken: LoadedRule[] = [];

  constructor(
    readonly set: MutantSet,
    readonly question: SessionQuestion,
  ) {
    const { strings } = set.inUse;
    this.#running = [set.plain, ...set.setting].map((variant) => {
      const light = !question.lines && !question.delivered;
      const engine: Engine = new Engine(variant.rules, {
        details: question.lines ? 'all' : 'delivered',
        take: (rule) => {
          if (!light || rule.actions.length > 0 || !variant.counts.has(rule.index)) return false;
          this.#taken.push(rule);
          return true;
        },
      });
      const counted = variant.rules.rules.filter((rule) => variant.counts.has(rule.index));
      return {
        variant,
        engine,
        doubts: new Doubts(strings, groupByType(counted)),
        finals:
          variant === set.plain
            ? []
            : question.finals.map((text) => ({ text, condition: engine.condition(text).condition })),
      };
    });
  }

  schema(events: ReadonlyMap<string, readonly string[]>, redacted: unknown): void {
    for (const { doubts } of this.#running) doubts.schema(events, redacted);
  }

  see(
    event: Event,
    counts: readonly number[],
    read: (detection: Detection, event: Event) => SnapshotLine | undefined,
  ): void {
    this.#counts = counts;
    for (const { variant, engine, doubts } of this.#running) {
      if (!engine.wants(event.type)) continue;
      doubts.see(event, (rule) => engine.trace(rule.index, event));
      const detections = engine.evaluate(event);
      for (const rule of this.#taken) this.#keep(variant, engine, rule, event, true, [], undefined);
      if (this.#taken.length > 0) this.#taken = [];
      for (const detection of detections) {
        const rule = variant.rules.byId(detection.ruleId);
        const counted = rule === undefined ? undefined : variant.counts.get(rule.index);
        if (rule === undefined || counted === undefined) continue;
        const actions = detection.actions.map((action) => action.kind);
        const line = this.question.lines ? read({ ...detection, ruleId: counted.rule.id }, event) : undefined;
        this.#keep(variant, engine, rule, event, detection.delivered, actions, line);
      }
    }
  }

  #keep(
    variant: Variant,
    engine: Engine,
    rule: LoadedRule,
    event: Event,
    delivered: boolean,
    actions: readonly string[],
    line: SnapshotLine | undefined,
  ): void {
    const { mutant, rule: original } = variant.counts.get(rule.index)!;
    const kept = lookup(this.#detections, mutant, () => []);
    if (kept.length >= mostKept && kept.length >= mostKept + this.#matched(mutant)) return;
    kept.push({
      rule: original.id,
      sourceRule: original.sourceId,
      seq: event.seq,
      type: event.type,
      process: '',
      delivered,
      actions,
      held: this.#held(engine, original, event),
      ...(line === undefined ? {} : { line }),
    });
  }

  /** How often the rules that it affects matched so far. */
  #matched(mutant: Mutant): number {
    let sum = 0;
    for (const at of this.set.affects.get(mutant)!) sum += this.#counts[at] ?? 0;
    return sum;
  }

  #held(engine: Engine, rule: LoadedRule, event: Event): ReadonlySet<string> {
    if (this.question.conditions.length === 0) return nothing;
    const compiled = lookup(this.#conditions, engine, () => new Map<string, Condition | undefined>());
    const held = new Set<string>();
    for (const condition of this.question.conditions) {
      if (!fits(condition.rule, rule.id) && !fits(condition.rule, rule.sourceId)) continue;
      const key = conditionKey(condition);
      if (!compiled.has(key)) compiled.set(key, engine.condition(condition.text).condition);
      if (compiled.get(key)?.decide(event) === true) held.add(key);
    }
    return held;
  }

  end(last: Event | undefined): void {
    for (const { variant, finals } of this.#running) {
      const [counted] = variant.counts.values();
      if (finals.length === 0 || counted === undefined) continue;
      const values = new Map<string, boolean | undefined>();
      for (const { text, condition } of finals)
        values.set(text, last === undefined ? undefined : condition?.decide(last));
      this.#finals.set(counted.mutant, values);
    }
  }

  /** Where mutants differ from `facts`, which are those of the rules on the same replay. */
  deltas(facts: Facts): Map<Mutant, Delta> {
    const base = new Map<string, SeenDetection[]>();
    for (const one of facts.detections) lookup(base, one.rule, () => []).push(one);
    const doubts = this.#doubts();
    const found = new Map<Mutant, Delta>();
    for (const mutant of this.set.mutants) {
      const ids = [...this.set.affects.get(mutant)!].map((at) => this.set.inUse.rules.rules[at]!.id);
      const kept = this.#detections.get(mutant) ?? [];
      const detections = ids.length === 1 ? kept : inOrder(kept, this.set);
      const before =
        ids.length === 1
          ? (base.get(ids[0]!) ?? [])
          : inOrder(
              ids.flatMap((id) => base.get(id) ?? []),
              this.set,
            );
      const own = doubts.get(mutant) ?? new Map<string, readonly Doubt[]>();
      const final = this.#finals.get(mutant);
      const seen =
        !this.#same(before, detections) ||
        (final !== undefined && [...final].some(([text, value]) => facts.finally.get(text) !== value));
      if (!seen && sameDoubts(ids, facts.doubts, own)) continue;
      found.set(mutant, { detections, doubts: own, finally: final, seen });
    }
    return found;
  }

  #same(before: readonly SeenDetection[], after: readonly SeenDetection[]): boolean {
    if (before.length !== after.length) return false;
    const { lines, delivered } = this.question;
    return before.every((one, index) => {
      const other = after[index]!;
      return (
        one.seq === other.seq &&
        one.rule === other.rule &&
        one.actions.join() === other.actions.join() &&
        [...one.held].join() === [...other.held].join() &&
        (!delivered || one.delivered === other.delivered) &&
        (!lines || JSON.stringify(one.line) === JSON.stringify(other.line))
      );
    });
  }

  #doubts(): Map<Mutant, Map<string, readonly Doubt[]>> {
    const found = new Map<Mutant, Map<string, readonly Doubt[]>>();
    for (const { variant, doubts } of this.#running) {
      for (const [id, list] of doubts.all()) {
        const rule = variant.rules.byId(id);
        const counted = rule === undefined ? undefined : variant.counts.get(rule.index);
        if (counted !== undefined)
          lookup(found, counted.mutant, () => new Map<string, readonly Doubt[]>()).set(counted.rule.id, list);
      }
    }
    return found;
  }
}

/** By event, then in the order in which rules decide. */
export function inOrder(list: readonly SeenDetection[], set: MutantSet): SeenDetection[] {
  const { rules } = set.inUse;
  const place = (one: SeenDetection): number => rules.byId(one.rule)?.index ?? 0;
  return [...list].sort((a, b) => a.seq - b.seq || place(a) - place(b));
}

function sameDoubts(
  ids: readonly string[],
  before: ReadonlyMap<string, readonly Doubt[]>,
  after: ReadonlyMap<string, readonly Doubt[]>,
): boolean {
  return ids.every((id) => JSON.stringify(before.get(id) ?? []) === JSON.stringify(after.get(id) ?? []));
}

const nothing: ReadonlySet<string> = new Set();
