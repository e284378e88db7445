/**
 * Which parts of the rules the tests reach: every leaf on every event that the rule is shown, without short
 * circuit. What happens in a test that names the rule is *asserted*; everything else is only *seen*.
 */
import type { BoolNode, Leaf, Trace } from '../language/index.js';
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

export class CoverageBook {
  readonly #rules = new Map<string, { readonly rule: LoadedRule; readonly inUse: RulesInUse }>();
  /** Session (rules, recording, context) → rule → counts. */
  readonly #sessions = new Map<string, Map<string, RuleCount>>();
  /** `session \n rule` of what a test's expectations name. */
  readonly #asserted = new Set<string>();

  rules(inUse: RulesInUse): void {
    for (const rule of inUse.rules.rules) this.#rules.set(keyOf(rule), { rule, inUse });
  }

  /** Says that a test names rules on a session. */
  assert(session: string, inUse: RulesInUse, patterns: readonly string[]): void {
    for (const rule of inUse.rules.rules) {
      if (patterns.some((pattern) => fits(pattern, rule.id) || fits(pattern, rule.sourceId)))
        this.#asserted.add(`${session}\n${keyOf(rule)}`);
    }
  }

  observer(session: string): Observer {
    const counts = lookup(this.#sessions, session, () => new Map());
    const own = counts;
    return {
      rule: (rule, _event, value, trace) => {
        const key = keyOf(rule);
        const count = lookup(own, key, () => emptyCount(rule));
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
    };
  }

  report(wanted: Readonly<Record<string, number | undefined>>): CoverageReport {
    const perRule = [...this.#rules]
      .sort((a, b) => (a[0] < b[0] ? -1 : 1))
      .map(([key, { rule, inUse }]) => this.#rule(key, rule, inUse));
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
    return { schema: 'seccam/coverage@1', rules, leaves: decided, members: matched, perRule, thresholds };
  }

  #rule(key: string, rule: LoadedRule, inUse: RulesInUse): RuleCoverage {
    const all = emptyCount(rule);
    const asserted = emptyCount(rule);
    for (const [session, counts] of this.#sessions) {
      const count = counts.get(key);
      if (count === undefined) continue;
      add(all, count);
      if (this.#asserted.has(`${session}\n${key}`)) add(asserted, count);
    }
    const macros = macroOf(rule.rule.root);
    return {
      rule: rule.id,
      span: rule.span,
      expression: rule.expression,
      fired: { asserted: asserted.fired, seen: all.fired - asserted.fired },
      leaves: rule.rule.leaves.map((leaf) => leafCoverage(leaf, all, asserted, macros.get(leaf.leaf), inUse)),
      actions: rule.actions.map((action) => ({ kind: action.kind, ran: asserted.fired })),
    };
  }
}

function leafCoverage(
  leaf: Leaf,
  all: RuleCount,
  asserted: RuleCount,
  macro: string | undefined,
  inUse: RulesInUse,
): LeafCoverage {
  const count = all.leaves[leaf.leaf]!;
  const own = asserted.leaves[leaf.leaf]!;
  const members = leaf.kind === 'test' && leaf.right.kind === 'set' ? literalsOf(leaf.right) : [];
  return {
    leaf: leaf.leaf,
    span: leaf.span,
    text: nodeText(leaf, inUse),
    ...(macro === undefined ? {} : { macro }),
    seenTrue: count.seenTrue,
    seenFalse: count.seenFalse,
    decided: count.decided,
    asserted: { seenTrue: own.seenTrue, seenFalse: own.seenFalse, decided: own.decided },
    members: members.map((member, index) => ({
      text: member.matcher?.text ?? String(member.value),
      matched: own.members[index] ?? 0,
    })),
  };
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
const emptyCount = (rule: LoadedRule): RuleCount => ({
  fired: 0,
  leaves: rule.rule.leaves.map(() => ({ seenTrue: 0, seenFalse: 0, decided: 0, members: [] })),
});

function add(sum: RuleCount, count: RuleCount): void {
  sum.fired += count.fired;
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
