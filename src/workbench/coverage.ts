/**
 * Which parts of the rules the tests reach: every leaf on every event that the rule is shown, without short
 * circuit. What happens in a test that names the rule is *asserted*; everything else is only *seen*.
 */
import { createHash } from 'node:crypto';
import type { BoolNode, Leaf, LiteralNode, Trace } from '../language/index.js';
import type { LoadedRule, Observer } from '../rules/index.js';
import { lookup } from '../support/lookup.js';
import { nodeText } from './account.js';
import { decide } from './doubt.js';
import { fits } from './glob.js';
import { literalsOf } from './leaf.js';
import type { CoverageReport, LeafCoverage, RuleCoverage } from './results.js';
import type { RulesInUse } from './ruleset.js';

interface LeafCount {
  seenTrue: number;
  seenFalse: number;
  decided: number;
  readonly members: number[];
}

interface RuleCount {
  fired: number;
  readonly leaves: LeafCount[];
  /** How often each action ran, by its place in the rule. */
  readonly actions: number[];
}

/** Leaves whose flip alone would flip the rule: those with no sibling that settles a node above them. */
export function decisive(node: BoolNode, trace: Trace, found: number[] = []): number[] {
  const value = (one: BoolNode): boolean =>
    decide(one, (leaf) => trace.leaves[leaf]?.value ?? false) === true;
  switch (node.kind) {
    case 'test':
    case 'truth':
      found.push(node.leaf);
      break;
    case 'not':
      decisive(node.operand, trace, found);
      break;
    case 'macro':
      decisive(node.body, trace, found);
      break;
    case 'and':
    case 'or': {
      const settles = node.kind === 'or';
      const settling = node.operands.filter((operand) => value(operand) === settles);
      for (const operand of node.operands) {
        if (settling.length === 0 || (settling.length === 1 && settling[0] === operand))
          decisive(operand, trace, found);
      }
      break;
    }
    default:
  }
  return found;
}

/** What a rule is without counts: from the loaded rules, or from the report of another shard. */
type Skeleton = Omit<RuleCoverage, 'fired'>;

export class CoverageBook {
  readonly #rules = new Map<string, Skeleton>();
  /** Session (rules, recording, context) → rule → counts. */
  readonly #sessions = new Map<string, Map<string, RuleCount>>();
  /** `session \n rule` of what a test's expectations name. */
  readonly #asserted = new Set<string>();

  /** `root` is left out of the names of sessions, so that shards on several machines agree on them. */
  constructor(readonly root: string) {}

  rules(inUse: RulesInUse): void {
    for (const rule of inUse.rules.rules) this.#rules.set(keyOf(rule), skeletonOf(rule, inUse));
  }

  /** Says that a test names rules on a session. */
  assert(session: string, inUse: RulesInUse, patterns: readonly string[]): void {
    for (const rule of inUse.rules.rules) {
      if (patterns.some((pattern) => fits(pattern, rule.id) || fits(pattern, rule.sourceId)))
        this.#asserted.add(`${this.#name(session)}\n${keyOf(rule)}`);
    }
  }

  observer(session: string): Observer {
    const counts = new Map<string, RuleCount>();
    this.#sessions.set(this.#name(session), counts);
    return {
      rule: (rule, _event, value, trace) => {
        const count = lookup(counts, keyOf(rule), () => emptyCount(skeletonCounts(rule)));
        if (value) count.fired += 1;
        const seen = trace();
        for (const leaf of seen.leaves) {
          const of = count.leaves[leaf.leaf];
          if (of === undefined) continue;
          if (leaf.value) of.seenTrue += 1;
          else of.seenFalse += 1;
          for (const index of leaf.rightMatched) of.members[index] = (of.members[index] ?? 0) + 1;
        }
        for (const leaf of decisive(rule.rule.root, seen)) count.leaves[leaf]!.decided += 1;
      },
      acted: (rule, action) => {
        const count = counts.get(keyOf(rule));
        if (count !== undefined) count.actions[action] = (count.actions[action] ?? 0) + 1;
      },
    };
  }

  /** Takes in what another run (a shard) counted. A session that both ran counts once: it gives the same. */
  add(report: CoverageReport): void {
    for (const rule of report.perRule) {
      const key = `${rule.span?.file ?? ''}\n${rule.rule}`;
      if (!this.#rules.has(key)) this.#rules.set(key, rule);
    }
    for (const session of report.sessions) {
      const counts = lookup(this.#sessions, session.session, () => new Map<string, RuleCount>());
      for (const { rule, fired, leaves, actions } of session.rules) {
        if (counts.has(rule)) continue;
        counts.set(rule, {
          fired,
          leaves: leaves.map(([seenTrue, seenFalse, decided, members]) => ({
            seenTrue,
            seenFalse,
            decided,
            members: [...members],
          })),
          actions: [...actions],
        });
      }
      for (const rule of session.asserted) this.#asserted.add(`${session.session}\n${rule}`);
    }
  }

  report(wanted: Readonly<Record<string, number | undefined>>): CoverageReport {
    const perRule = [...this.#rules]
      .sort((a, b) => (a[0] < b[0] ? -1 : 1))
      .map(([key, skeleton]) => this.#rule(key, skeleton));
    const leaves = perRule.flatMap((rule) => rule.leaves);
    const members = leaves.flatMap((leaf) => leaf.members);
    const rules = { fired: perRule.filter((rule) => rule.fired.asserted > 0).length, total: perRule.length };
    const decided = {
      decided: leaves.filter((leaf) => leaf.asserted.decided > 0).length,
      total: leaves.length,
    };
    const matched = { matched: members.filter((member) => member.matched > 0).length, total: members.length };
    const have: Readonly<Record<string, number>> = {
      rules: percent(rules.fired, rules.total),
      decided: percent(decided.decided, decided.total),
      members: percent(matched.matched, matched.total),
    };
    const thresholds = Object.entries(wanted).flatMap(([name, want]) =>
      want === undefined || have[name] === undefined
        ? []
        : [{ name, want, have: have[name]!, met: have[name]! >= want }],
    );
    return {
      schema: 'seccam/coverage@1',
      rules,
      leaves: decided,
      members: matched,
      perRule,
      macros: macrosOf(perRule),
      thresholds,
      sessions: this.#sessionsOf(),
    };
  }

  #name(session: string): string {
    return createHash('sha256')
      .update(session.replaceAll(`${this.root}/`, ''))
      .digest('hex')
      .slice(0, 16);
  }

  #sessionsOf(): CoverageReport['sessions'] {
    const names = new Set([
      ...this.#sessions.keys(),
      ...[...this.#asserted].map((item) => item.slice(0, item.indexOf('\n'))),
    ]);
    return [...names].sort().map((session) => ({
      session,
      rules: [...(this.#sessions.get(session) ?? [])]
        .sort((a, b) => (a[0] < b[0] ? -1 : 1))
        .map(([rule, count]) => ({
          rule,
          fired: count.fired,
          leaves: count.leaves.map(
            (leaf) =>
              [leaf.seenTrue, leaf.seenFalse, leaf.decided, Array.from(leaf.members, (n) => n ?? 0)] as const,
          ),
          actions: Array.from(count.actions, (n) => n ?? 0),
        })),
      asserted: [...this.#asserted]
        .filter((item) => item.startsWith(`${session}\n`))
        .map((item) => item.slice(session.length + 1))
        .sort(),
    }));
  }

  #rule(key: string, skeleton: Skeleton): RuleCoverage {
    const all = emptyCount(skeleton);
    const asserted = emptyCount(skeleton);
    for (const [session, counts] of this.#sessions) {
      const count = counts.get(key);
      if (count === undefined) continue;
      add(all, count);
      if (this.#asserted.has(`${session}\n${key}`)) add(asserted, count);
    }
    return {
      ...skeleton,
      fired: { asserted: asserted.fired, seen: all.fired - asserted.fired },
      leaves: skeleton.leaves.map((leaf, index) =>
        counted(leaf, all.leaves[index]!, asserted.leaves[index]!),
      ),
      actions: skeleton.actions.map(({ kind }, index) => ({ kind, ran: asserted.actions[index] ?? 0 })),
    };
  }
}

function skeletonOf(rule: LoadedRule, inUse: RulesInUse): Skeleton {
  const macros = macroOf(rule.rule.root);
  return {
    rule: rule.id,
    span: rule.span,
    expression: rule.expression,
    leaves: rule.rule.leaves.map((leaf) => leafCoverage(leaf, macros.get(leaf.leaf), rule, inUse)),
    actions: rule.actions.map((action) => ({ kind: action.kind, ran: 0 })),
  };
}

const skeletonCounts = (rule: LoadedRule): { leaves: readonly unknown[] } => ({ leaves: rule.rule.leaves });

function counted(leaf: LeafCoverage, all: LeafCount, own: LeafCount): LeafCoverage {
  return {
    ...leaf,
    seenTrue: all.seenTrue,
    seenFalse: all.seenFalse,
    decided: all.decided,
    asserted: { seenTrue: own.seenTrue, seenFalse: own.seenFalse, decided: own.decided },
    members: leaf.members.map((member, index) => ({ ...member, matched: own.members[index] ?? 0 })),
  };
}

/** Leaves of macros, summed over the rules that use them. */
function macrosOf(rules: readonly RuleCoverage[]): CoverageReport['macros'] {
  const found = new Map<string, { macro: string; uses: number; leaves: LeafCoverage[] }>();
  for (const rule of rules) {
    const used = new Map<string, LeafCoverage[]>();
    for (const leaf of rule.leaves)
      if (leaf.macro !== undefined) lookup(used, leaf.macro, () => []).push(leaf);
    for (const [macro, leaves] of used) {
      const entry = lookup(found, macro, () => ({ macro, uses: 0, leaves: [] as LeafCoverage[] }));
      entry.uses += 1;
      for (const leaf of leaves) {
        const at = entry.leaves.findIndex(
          (one) => one.span.file === leaf.span.file && one.span.start.offset === leaf.span.start.offset,
        );
        if (at < 0) entry.leaves.push(leaf);
        else entry.leaves[at] = summed(entry.leaves[at]!, leaf);
      }
    }
  }
  return [...found.values()].sort((a, b) => (a.macro < b.macro ? -1 : 1));
}

function summed(a: LeafCoverage, b: LeafCoverage): LeafCoverage {
  return {
    ...a,
    seenTrue: a.seenTrue + b.seenTrue,
    seenFalse: a.seenFalse + b.seenFalse,
    decided: a.decided + b.decided,
    asserted: {
      seenTrue: a.asserted.seenTrue + b.asserted.seenTrue,
      seenFalse: a.asserted.seenFalse + b.asserted.seenFalse,
      decided: a.asserted.decided + b.asserted.decided,
    },
    members: a.members.map((member, index) => ({
      ...member,
      matched: member.matched + (b.members[index]?.matched ?? 0),
    })),
  };
}

function leafCoverage(
  leaf: Leaf,
  macro: string | undefined,
  rule: LoadedRule,
  inUse: RulesInUse,
): LeafCoverage {
  const members = leaf.kind === 'test' && leaf.right.kind === 'set' ? literalsOf(leaf.right) : [];
  return {
    leaf: leaf.leaf,
    span: leaf.span,
    text: nodeText(leaf, rule, inUse),
    ...(macro === undefined ? {} : { macro }),
    seenTrue: 0,
    seenFalse: 0,
    decided: 0,
    asserted: { seenTrue: 0, seenFalse: 0, decided: 0 },
    members: members.map((member) => ({ text: memberText(member), matched: 0 })),
  };
}

/** A member as one would write it. */
export function memberText(member: LiteralNode): string {
  if (member.matcher !== undefined) {
    const letter = { exact: '', pattern: '~', glob: '~', regexp: 'r' }[member.matcher.kind];
    return `${letter}"${member.matcher.text}"`;
  }
  if (member.constant !== undefined) return member.constant;
  if (typeof member.value === 'string') return `"${member.value}"`;
  return typeof member.value === 'object' ? member.value.text : String(member.value);
}

function macroOf(node: BoolNode, macro?: string, found = new Map<number, string>()): Map<number, string> {
  if (node.kind === 'test' || node.kind === 'truth') {
    if (macro !== undefined) found.set(node.leaf, macro);
  } else if (node.kind === 'macro') macroOf(node.body, node.id, found);
  else if (node.kind === 'not') macroOf(node.operand, macro, found);
  else if (node.kind === 'and' || node.kind === 'or')
    for (const operand of node.operands) macroOf(operand, macro, found);
  return found;
}

const keyOf = (rule: LoadedRule): string => `${rule.span.file}\n${rule.id}`;
const emptyCount = (rule: { readonly leaves: readonly unknown[] }): RuleCount => ({
  fired: 0,
  leaves: rule.leaves.map(() => ({ seenTrue: 0, seenFalse: 0, decided: 0, members: [] })),
  actions: [],
});

function add(sum: RuleCount, count: RuleCount): void {
  sum.fired += count.fired;
  count.actions.forEach((times, action) => {
    sum.actions[action] = (sum.actions[action] ?? 0) + (times ?? 0);
  });
  count.leaves.forEach((leaf, index) => {
    const into = sum.leaves[index]!;
    into.seenTrue += leaf.seenTrue;
    into.seenFalse += leaf.seenFalse;
    into.decided += leaf.decided;
    leaf.members.forEach((times, member) => {
      into.members[member] = (into.members[member] ?? 0) + (times ?? 0);
    });
  });
}

/** Rounded down, so that 100 means all. */
const percent = (part: number, whole: number): number =>
  whole === 0 ? 100 : Math.floor((part * 100) / whole);
