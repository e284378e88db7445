/**
 * How well the tests would notice that a rule is wrong: every mutant is decided on every event that the tests
 * have, in the one replay that decides the rules, and each test that sees it differ is judged again.
 */
import type { Input } from '../pipeline/index.js';
import type { LoadedMacro, LoadedRule } from '../rules/index.js';
import type { Span } from '../support/diagnostic.js';
import { lookup } from '../support/lookup.js';
import { StringTable } from '../support/strings.js';
import { revisionSources } from './diff.js';
import { actionOperators, operators, setOperators } from './mutants.js';
import { type Delta, inOrder, MutantSession, type SessionQuestion } from './mutantsession.js';
import { type Mutant, MutantSet } from './mutantset.js';
import type { CheckResult, MutationReport, Survivor } from './results.js';
import { type RulesInUse, rulesOfTexts } from './ruleset.js';
import {
  conditionKey,
  type Facts,
  runScenario,
  type SeenDetection,
  type WhereCondition,
} from './scenario.js';
import { type SnapshotEntry, snapshotEntries } from './snapshot.js';
import type { TestCase } from './suite.js';
import type { Expectation, TestEntry } from './testfile.js';
import { judge } from './verdict.js';

/** A test that is good with the rules as they are. */
export interface MutationCase {
  readonly test: TestCase;
  readonly inUse: RulesInUse;
  readonly inputs: readonly MutationInput[];
  /** Outcomes that do not fail the run. */
  readonly tolerated: readonly string[];
}

/** What a test runs on; cases with the same key share the replay. */
export interface MutationInput {
  readonly key: string;
  readonly input: Input;
  /** As the user would type it. */
  readonly recording: string;
  /** Types that can be seen in synthetic events; undefined: a recording. */
  readonly types?: ReadonlySet<string>;
}

export interface MutationOptions {
  readonly cwd: string;
  readonly since?: string;
  readonly threshold?: number;
  readonly allResults: boolean;
  readonly snapshot: Parameters<typeof snapshotEntries>[1];
}

interface Session {
  readonly input: MutationInput;
  readonly inUse: RulesInUse;
  readonly cases: MutationCase[];
  facts?: Facts;
  deltas?: ReadonlyMap<string, Delta>;
}

/** What became of one mutant. */
interface Fate {
  readonly mutant: Mutant;
  killed: boolean;
  differs?: { readonly session: Session; readonly delta: Delta };
  difference?: NonNullable<Survivor['differs']>;
}

export async function mutation(
  cases: readonly MutationCase[],
  options: MutationOptions,
): Promise<MutationReport> {
  const run = new MutationRun(cases, options);
  return run.report();
}

class MutationRun {
  readonly #sets = new Map<RulesInUse, MutantSet>();
  readonly #sessions = new Map<string, Session>();
  readonly #fates = new Map<string, Fate>();
  readonly #judged = new Set<MutationCase>();
  #events = 0;

  constructor(
    readonly cases: readonly MutationCase[],
    readonly options: MutationOptions,
  ) {
    for (const one of cases) {
      if (!this.#sets.has(one.inUse)) this.#sets.set(one.inUse, this.#mutants(one.inUse));
      for (const input of one.inputs) {
        const known = this.#sessions.get(input.key);
        if (known === undefined) this.#sessions.set(input.key, { input, inUse: one.inUse, cases: [one] });
        else if (!known.cases.includes(one)) known.cases.push(one);
      }
    }
  }

  #mutants(inUse: RulesInUse): MutantSet {
    const { since, cwd } = this.options;
    const set = new MutantSet(inUse, since === undefined ? () => true : changedSince(inUse, since, cwd));
    for (const mutant of set.mutants)
      if (!this.#fates.has(mutant.key)) this.#fates.set(mutant.key, { mutant, killed: false });
    return set;
  }

  async report(): Promise<MutationReport> {
    for (const session of this.#sessions.values()) {
      await this.#replay(session);
      for (const one of session.cases) {
        if (this.#judged.has(one)) continue;
        const sessions = one.inputs.map((input) => this.#sessions.get(input.key)!);
        if (sessions.some(({ facts }) => facts === undefined)) continue;
        this.#judged.add(one);
        this.#judge(one, sessions);
      }
    }
    await this.#ask();
    const fates = [...this.#fates.values()];
    const killed = fates.filter((fate) => fate.killed).length;
    const survivors = fates.filter((fate) => !fate.killed).map((fate) => this.#survivor(fate));
    survivors.sort(bySpan);
    const score = fates.length === 0 ? 100 : Math.floor((killed * 100) / fates.length);
    const sum = (pick: (set: MutantSet) => number): number =>
      [...this.#sets.values()].reduce((total, set) => total + pick(set), 0);
    const { threshold, since } = this.options;
    return {
      schema: 'seccam/mutation@1',
      ...(since === undefined ? {} : { since }),
      mutants: fates.length,
      killed,
      unseen: survivors.filter((one) => one.state === 'unseen').length,
      unasserted: survivors.filter((one) => one.state === 'unasserted').length,
      equal: sum((set) => set.equal),
      refused: sum((set) => set.refused),
      score,
      inputs: this.#sessions.size,
      events: this.#events,
      perOperator: perOperator(fates),
      perRule: perRule(fates),
      survivors,
      ...(threshold === undefined
        ? {}
        : { threshold: { want: threshold, have: score, met: score >= threshold } }),
    };
  }

  /**
   * Where counting does not tell a survivor from the rule, what the rule says may: asks once more, for all of
   * them, which detections it holds of.
   */
  async #ask(): Promise<void> {
    const asked = new Map<
      Session,
      { readonly fate: Fate; readonly conditions: readonly WhereCondition[] }[]
    >();
    for (const fate of this.#fates.values()) {
      const { mutant, killed, differs } = fate;
      if (killed || differs === undefined) continue;
      const { session, delta } = differs;
      fate.difference = this.#difference(mutant, session, delta, []);
      if (fate.difference.expectation !== undefined) continue;
      const { rule } = fate.difference;
      const expression = session.inUse.rules.byId(rule)?.expression.trim().replace(/\s+/g, ' ');
      const texts = [...mutant.conditions, ...(expression === undefined ? [] : [expression])];
      const conditions = [...new Set(texts)].map((text) => ({ rule, text }));
      lookup(asked, session, () => []).push({ fate, conditions });
    }
    for (const [session, list] of asked) {
      const again: Session = { ...session };
      await this.#replay(
        again,
        list.flatMap(({ conditions }) => conditions),
      );
      for (const { fate, conditions } of list) {
        const delta = again.deltas!.get(fate.mutant.key);
        if (delta !== undefined) fate.difference = this.#difference(fate.mutant, again, delta, conditions);
      }
    }
  }

  async #replay(session: Session, also: readonly WhereCondition[] = []): Promise<void> {
    const { input, inUse, cases } = session;
    const set = this.#sets.get(inUse)!;
    const question = questionOf(
      cases.map((one) => one.test.entry),
      also,
    );
    const companion = new MutantSession(set, question);
    const { test } = cases[0]!;
    const facts = await runScenario({
      input: input.input,
      recording: input.recording,
      rules: inUse,
      context: test.context,
      conditions: question.conditions,
      finallyConditions: question.finals,
      lines: question.lines,
      synthetic: input.types !== undefined,
      ...(input.types === undefined ? {} : { types: input.types }),
      allResults: this.options.allResults,
      limitMs: 3_600_000,
      companion,
    });
    if (also.length === 0) this.#events += facts.events;
    const deltas = new Map<string, Delta>();
    for (const [mutant, delta] of companion.deltas(facts)) {
      const fate = this.#fates.get(mutant.key)!;
      if (fate.killed) continue;
      deltas.set(mutant.key, delta);
      if (delta.seen) fate.differs ??= { session, delta };
    }
    session.facts = facts;
    session.deltas = deltas;
  }

  /** Judges one test again with each mutant that differs on what it runs on. */
  #judge(one: MutationCase, sessions: readonly Session[]): void {
    const set = this.#sets.get(one.inUse)!;
    const entries = this.#snapshot(
      one.test,
      sessions.map((session) => session.facts!),
    );
    if (
      !this.#isGood(
        one,
        sessions.map((session) => session.facts!),
        entries,
      )
    )
      return;
    const keys = new Set(sessions.flatMap((session) => [...session.deltas!.keys()]));
    const mutants = new Map(set.mutants.map((mutant) => [mutant.key, mutant]));
    for (const key of keys) {
      const fate = this.#fates.get(key)!;
      const mutant = mutants.get(key);
      if (fate.killed || mutant === undefined) continue;
      const facts = sessions.map((session) => mutated(session, mutant, set));
      if (!this.#isGood(one, facts, entries)) fate.killed = true;
    }
  }

  #snapshot(test: TestCase, facts: readonly Facts[]): readonly SnapshotEntry[] | undefined {
    if (test.entry.snapshot !== true) return undefined;
    return snapshotEntries(
      facts.flatMap((one) => one.detections.flatMap((seen) => (seen.line === undefined ? [] : [seen.line]))),
      this.options.snapshot,
    );
  }

  /** Whether the run would not fail for this test. */
  #isGood(one: MutationCase, facts: readonly Facts[], before: readonly SnapshotEntry[] | undefined): boolean {
    const { test, inUse } = one;
    if (test.entry.todo !== undefined) return true;
    let verdict = verdictOf(judge(test, facts, inUse));
    const entries = this.#snapshot(test, facts);
    if (entries !== before && JSON.stringify(entries) !== JSON.stringify(before)) verdict = 'fail';
    if (test.entry.fails !== undefined && verdict !== 'inconclusive')
      verdict = verdict === 'fail' ? 'pass' : 'fail';
    return verdict === 'pass' || one.tolerated.includes(verdict);
  }

  #survivor(fate: Fate): Survivor {
    const { mutant, difference } = fate;
    const about = {
      operator: mutant.operator,
      of: mutant.of,
      name: mutant.name,
      span: mutant.span,
      said: mutant.said,
      ...(mutant.expression === undefined ? {} : { expression: mutant.expression }),
    };
    if (difference === undefined) return { state: 'unseen', ...about, missing: mutant.missing };
    return { state: 'unasserted', ...about, differs: difference };
  }

  /** Where both differ first, and an expectation that was tried on both. */
  #difference(
    mutant: Mutant,
    session: Session,
    delta: Delta,
    conditions: readonly WhereCondition[],
  ): NonNullable<Survivor['differs']> {
    const set = this.#sets.get(session.inUse)!;
    const own = set.mutants.find((one) => one.key === mutant.key) ?? mutant;
    const ids = new Set([...set.affects.get(own)!].map((at) => session.inUse.rules.rules[at]!.id));
    const before = session.facts!.detections.filter((one) => ids.has(one.rule));
    const first = firstDifference(before, delta.detections);
    const rule = first?.sourceRule ?? session.inUse.rules.byId([...ids][0]!)!.sourceId;
    const count = (list: readonly SeenDetection[]): number =>
      list.filter((one) => one.sourceRule === rule).length;
    const matches = [count(before), count(delta.detections)] as const;
    const facts = [session.facts!, mutated(session, own, set)] as const;
    const [of] = session.cases;
    const expectation = candidates(rule, before, delta.detections, conditions).find(({ entry }) => {
      const test = { ...of!.test, entry: { name: '', ...entry } };
      const [good, bad] = facts.map((one) => verdictOf(judge(test, [one], session.inUse)));
      return good === 'pass' && bad !== 'pass';
    });
    return {
      recording: session.input.recording,
      seq: first?.seq ?? 0,
      type: first?.type ?? mutant.missing.type,
      rule,
      matches,
      ...(expectation === undefined ? {} : { expectation: expectation.text }),
      ...(of === undefined ? {} : { test: { file: of.test.file, name: of.test.name, span: of.test.span } }),
    };
  }
}

function questionOf(entries: readonly TestEntry[], also: readonly WhereCondition[]): SessionQuestion {
  const conditions = new Map(also.map((condition) => [conditionKey(condition), condition]));
  const expectations = entries.flatMap((entry) =>
    (entry.expect ?? []).filter((item): item is Expectation => typeof item !== 'string'),
  );
  for (const item of expectations) {
    if (item.where === undefined) continue;
    const condition = { rule: item.rule, text: item.where };
    conditions.set(conditionKey(condition), condition);
  }
  return {
    conditions: [...conditions.values()],
    finals: entries.flatMap((entry) => (entry.finally === undefined ? [] : [entry.finally])),
    lines: entries.some((entry) => entry.snapshot === true),
    delivered: expectations.some((item) => item.delivered !== undefined),
  };
}

/** The facts of a replay as they would be with the mutant. */
function mutated(session: Session, mutant: Mutant, set: MutantSet): Facts {
  const facts = session.facts!;
  const delta = session.deltas!.get(mutant.key);
  if (delta === undefined) return facts;
  const ids = new Set([...set.affects.get(mutant)!].map((at) => set.inUse.rules.rules[at]!.id));
  const doubts = new Map([...facts.doubts].filter(([rule]) => !ids.has(rule)));
  for (const [rule, list] of delta.doubts) doubts.set(rule, list);
  return {
    ...facts,
    detections: inOrder([...facts.detections.filter((one) => !ids.has(one.rule)), ...delta.detections], set),
    doubts,
    finally: delta.finally ?? facts.finally,
  };
}

function firstDifference(
  before: readonly SeenDetection[],
  after: readonly SeenDetection[],
): SeenDetection | undefined {
  for (let index = 0; index < Math.max(before.length, after.length); index++) {
    const [one, other] = [before[index], after[index]];
    if (one === undefined || other === undefined) return one ?? other;
    if (one.seq !== other.seq || one.rule !== other.rule) return one.seq <= other.seq ? one : other;
    if (one.actions.join() !== other.actions.join() || one.delivered !== other.delivered) return one;
  }
  return undefined;
}

/** Expectations that may tell the rule from the mutant, shortest first. */
function candidates(
  rule: string,
  before: readonly SeenDetection[],
  after: readonly SeenDetection[],
  conditions: readonly WhereCondition[],
): { readonly text: string; readonly entry: Omit<TestEntry, 'name'> }[] {
  const own = before.filter((one) => one.sourceRule === rule);
  const other = after.filter((one) => one.sourceRule === rule);
  if (own.length === 0) return [{ text: `never: [${rule}]`, entry: { never: [rule] } }];
  const found: { text: string; entry: Omit<TestEntry, 'name'> }[] = [];
  const add = (text: string, expectation: Expectation | string): void => {
    found.push({ text: `expect: [${text}]`, entry: { expect: [expectation] } });
  };
  if (other.length === 0) add(rule, rule);
  add(`{rule: ${rule}, times: ${own.length}}`, { rule, times: own.length });
  const lost = new Set(other.flatMap((one) => one.actions));
  const actions = [...new Set(own.flatMap((one) => one.actions))].filter((kind) => !lost.has(kind));
  if (actions.length > 0)
    add(`{rule: ${rule}, actions: [${actions.join(', ')}]}`, {
      rule,
      actions: actions as NonNullable<Expectation['actions']>,
    });
  const delivered = own.filter((one) => one.delivered).length;
  add(`{rule: ${rule}, delivered: ${delivered}}`, { rule, delivered });
  for (const { text } of conditions) {
    const times = own.filter((one) => one.held.has(conditionKey({ rule, text }))).length;
    const quoted = `'${text.replaceAll("'", "''")}'`;
    add(`{rule: ${rule}, times: ${times}, where: ${quoted}}`, { rule, times, where: text });
  }
  return found;
}

function verdictOf(checks: readonly CheckResult[]): 'pass' | 'fail' | 'inconclusive' {
  if (checks.some((check) => check.outcome === 'fail')) return 'fail';
  return checks.some((check) => check.outcome === 'inconclusive') ? 'inconclusive' : 'pass';
}

/** Rules and macros that a revision does not have as they are now, and rules that use such a macro. */
function changedSince(
  inUse: RulesInUse,
  revision: string,
  cwd: string,
): (item: LoadedRule | LoadedMacro) => boolean {
  const sources = inUse.paths.flatMap((path) => revisionSources(revision, path, cwd));
  const { rules: old } = rulesOfTexts(sources, new StringTable());
  const oldMacro = (id: string): string | undefined => old.macros.get(id)?.macro.text;
  const changedMacros = new Set(
    [...inUse.rules.macros.values()]
      .filter(({ id, macro }) => oldMacro(id) !== macro.text)
      .map(({ id }) => id),
  );
  return (item) => {
    if ('macro' in item) return changedMacros.has(item.id);
    const before = old.byId(item.id);
    return (
      before === undefined ||
      before.expression !== item.expression ||
      actionsText(before) !== actionsText(item) ||
      item.rule.macros.some((id) => changedMacros.has(id))
    );
  };
}

function actionsText(rule: LoadedRule): string {
  return JSON.stringify(rule.actions, (key, value: unknown) => {
    if (key === 'compiled' || key === 'scopeField')
      return (value as { readonly value: { readonly text: string } } | undefined)?.value.text;
    if (key === 'filter') return value === undefined ? undefined : 'filter';
    if (key === 'span' || key === 'setBy') return undefined;
    return value;
  });
}

function perOperator(fates: readonly Fate[]): MutationReport['perOperator'] {
  const rows = [
    ...[...operators, ...setOperators].map(({ code, doc }) => ({ operator: code, doc })),
    ...Object.entries(actionOperators).map(([operator, doc]) => ({ operator, doc })),
  ];
  return rows.map((row) => ({
    ...row,
    ...counted(fates.filter((fate) => fate.mutant.operator === row.operator)),
  }));
}

function perRule(fates: readonly Fate[]): MutationReport['perRule'] {
  const names = [...new Set(fates.map(({ mutant }) => mutant.name))];
  return names.map((rule) => ({ rule, ...counted(fates.filter(({ mutant }) => mutant.name === rule)) }));
}

const counted = (fates: readonly Fate[]): { mutants: number; killed: number } => ({
  mutants: fates.length,
  killed: fates.filter((fate) => fate.killed).length,
});

function bySpan(a: { readonly span: Span }, b: { readonly span: Span }): number {
  if (a.span.file !== b.span.file) return a.span.file < b.span.file ? -1 : 1;
  return a.span.start.offset - b.span.start.offset;
}
