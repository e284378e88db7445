/** What a leaf saw, in values and sentences: have and want, the nearest member, where a variable came from. */
import { nameConstant } from '../catalogue/constants.js';
import type { Event, Process } from '../catalogue/event.js';
import {
  compileMatcher,
  type Leaf,
  type LeafResult,
  type LiteralNode,
  matchPattern,
  type Node,
  type Operand,
  type Seen,
} from '../language/index.js';
import type { Detection, ProductModel } from '../rules/index.js';
import { editDistance } from '../support/suggestion.js';
import { fieldsOf } from './doubt.js';
import { bothEnds, crossing, globOf, looserRegexps } from './nearness.js';
import type { ExplainedLeaf } from './results.js';
import type { RulesInUse } from './ruleset.js';

/** Which detection set a variable of which process, and when. */
export class VariableLog {
  readonly #last = new Map<string, { readonly rule: string; readonly seq: number }>();

  constructor(readonly inUse: RulesInUse) {}

  see(detection: Detection, event: Event): void {
    const rule = this.inUse.rules.byId(detection.ruleId);
    for (const action of rule?.actions ?? []) {
      if (action.kind !== 'set') continue;
      const { name, scope } = action.variable;
      const done = detection.actions.find((one) => one.kind === 'set' && one.detail['name'] === name);
      const owner = done === undefined ? event.process : ownerOf(done.detail['pid'], event);
      this.#last.set(scope === 'process' ? `${name} ${owner.node}` : name, {
        rule: detection.ruleId,
        seq: detection.seq,
      });
    }
  }

  /** `set by web_shell_spawned at event 4288, inherited from sh(9036)`, or that it never was. */
  provenance(name: string, event: Event): string {
    const declaration = this.inUse.rules.variables.get(name);
    if (declaration === undefined) return '';
    const never = `not set so far; ${declaration.setBy.join(', ')} set${declaration.setBy.length === 1 ? 's' : ''} it`;
    if (declaration.scope !== 'process') {
      const found = this.#last.get(name);
      return found === undefined ? never : `set by ${found.rule} at event ${found.seq}`;
    }
    for (let image: Process | null = event.process; image !== null; image = image.parent) {
      const found = this.#last.get(`${name} ${image.node}`);
      if (found !== undefined) {
        const from =
          image.node === event.process.node
            ? ''
            : `, inherited from ${this.inUse.strings.text(image.file.name)}(${image.pid})`;
        return `set by ${found.rule} at event ${found.seq}${from}`;
      }
      if (!declaration.inherited) break;
    }
    return never;
  }
}

/** The process whose variable was set: with `scope_field` an ancestor or the target of the acting one. */
function ownerOf(pid: unknown, event: Event): Process {
  if (event.target?.pid === pid && event.target !== null && event.target !== undefined) return event.target;
  for (let image: Process | null = event.process; image !== null; image = image.parent)
    if (image.pid === pid) return image;
  return event.process;
}

export function leafValues(
  leaf: Leaf,
  result: LeafResult,
  event: Event,
  model: ProductModel,
): Pick<ExplainedLeaf, 'have' | 'want' | 'named' | 'matchedBy'> {
  const group = groupOf(leaf, model);
  const have = result.left.map((value) => readable(value, group));
  const want = result.right.map((value) => readable(value, group));
  const single = rawField(leaf);
  const shown =
    single === undefined
      ? have
      : [readable(model.read(single, event) as Seen, model.constantsOf(single) ?? group)];
  const left = result.left[result.leftMatched[0] ?? -1];
  const right = result.right[result.rightMatched[0] ?? -1];
  return {
    have: shown,
    want,
    ...(result.left.some((value) => typeof value === 'number') &&
    shown.some((value) => typeof value === 'string')
      ? { named: true }
      : {}),
    ...(left === undefined || right === undefined
      ? {}
      : {
          matchedBy: {
            have: single === undefined ? readable(left, group) : shown[0],
            want: readable(right, group),
          },
        }),
  };
}

/** The one field of a leaf whose left side is calculated from it: its own value says more than the result. */
function rawField(leaf: Leaf): string | undefined {
  const left = leaf.kind === 'test' ? leaf.left : leaf.operand;
  if (left.kind !== 'arithmetic' && left.kind !== 'unary') return undefined;
  const fields = [...new Set(fieldsOf(left))];
  return fields.length === 1 ? fields[0] : undefined;
}

function groupOf(leaf: Leaf, model: ProductModel): string | undefined {
  for (const field of fieldsOf(leaf)) {
    const group = model.constantsOf(field);
    if (group !== undefined) return group;
  }
  return undefined;
}

function readable(value: Seen | undefined, group: string | undefined): unknown {
  if (typeof value !== 'number' || group === undefined) return value ?? null;
  return nameConstant(group, value) ?? value;
}

export function leafNotes(
  leaf: Leaf,
  result: LeafResult,
  event: Event,
  inUse: RulesInUse,
  log: VariableLog,
): string[] {
  const notes: string[] = [];
  for (const name of variablesOf(leaf)) {
    const from = log.provenance(name, event);
    if (from !== '') notes.push(`\${${name}}: ${from}`);
  }
  const path = fieldsOf(leaf).find((field) => field === `${event.type}.file.path`);
  if (path !== undefined) {
    const named = inUse.rules.model.read(`${event.type}.syscall.path`, event);
    if (typeof named === 'string' && named !== '' && !result.left.includes(named))
      notes.push(`opened as "${named}"`);
  }
  if (!result.value && leaf.kind === 'test' && !leaf.negated && leaf.op === 'equal') {
    const near = nearestMember(result, literalsOf(leaf.right));
    if (near !== undefined) notes.push(near.note);
  }
  return notes;
}

export function variablesOf(node: Node): string[] {
  switch (node.kind) {
    case 'variable':
      return [node.variable.name];
    case 'test':
    case 'arithmetic':
      return [...variablesOf(node.left), ...variablesOf(node.right)];
    case 'truth':
    case 'unary':
    case 'not':
      return variablesOf(node.operand);
    case 'call':
      return variablesOf(node.operand);
    case 'text':
      return node.parts.flatMap((part) => (typeof part === 'string' ? [] : variablesOf(part)));
    default:
      return [];
  }
}

export function literalsOf(operand: Operand): readonly LiteralNode[] {
  return operand.kind === 'literal' ? [operand] : operand.kind === 'set' ? operand.members : [];
}

export type NearKind = 'case' | 'prefix' | 'suffix' | 'basename' | 'deeper' | 'inside' | 'folder' | 'typo';

export interface Near {
  readonly kind: NearKind;
  readonly have: string;
  readonly member: LiteralNode;
  readonly note: string;
}

/** The member of a list that a text came nearest to, with the way in which it misses. */
export function nearestMember(result: LeafResult, members: readonly LiteralNode[]): Near | undefined {
  let best: { near: Near; score: number } | undefined;
  for (const have of result.left) {
    if (typeof have !== 'string' || have === '') continue;
    for (const member of members) {
      if (typeof member.value !== 'string') continue;
      const near = compare(have, member, member.value);
      if (near !== undefined && (best === undefined || near.score < best.score)) best = near;
    }
  }
  return best?.near;
}

function compare(have: string, member: LiteralNode, want: string): { near: Near; score: number } | undefined {
  const say = (kind: NearKind, score: number, how: string) => ({
    score,
    near: { kind, have, member, note: `nearest: "${have}" ${how}` },
  });
  const matcher = member.matcher?.kind ?? 'exact';
  if (matcher === 'exact') {
    if (want === '') return undefined;
    if (have.toLowerCase() === want.toLowerCase())
      return say('case', 0, `differs from the member "${want}" in upper and lower case only`);
    if (have.startsWith(want)) return say('prefix', 2, `begins with the member "${want}"`);
    if (have.endsWith(want) && want.startsWith('/')) return say('suffix', 2, `ends in the member "${want}"`);
    if (want.includes('/') !== have.includes('/') && have.split('/').at(-1) === want.split('/').at(-1))
      return say('basename', 1, `has the same last part as the member "${want}"`);
    if (want.includes('/') && have.split('/').at(-1) === want.split('/').at(-1))
      return say('basename', 3, `is the member "${want}" in another folder`);
    const limit = Math.max(1, Math.floor(want.length / 4));
    if (editDistance(have, want, limit) <= limit) return say('typo', 4, `is almost the member "${want}"`);
    return undefined;
  }
  const glob = `~"${want}"`;
  if (matcher === 'regexp') {
    for (const { text, fold } of looserRegexps(want)) {
      if (!compileMatcher({ kind: 'regexp', text, fold })(have)) continue;
      return fold
        ? say('case', 2, `differs from r"${want}" in upper and lower case only`)
        : say('inside', 2, `holds what r"${want}" wants, but not at its beginning or end`);
    }
    const meant = globOf(want);
    return matchPattern(crossing(meant), have)
      ? say('inside', 2, `fits ~"${meant}", a pattern, and not r"${want}", a regular expression`)
      : undefined;
  }
  if (matchPattern(crossing(want), have))
    return say('deeper', 1, `lies deeper than ${glob} reaches: "*" stays within one folder`);
  if (matchPattern(crossing(want), have, true))
    return say('case', 2, `differs from ${glob} in upper and lower case only`);
  if (matcher === 'pattern')
    return matchPattern(`*${crossing(want)}*`, have)
      ? say('inside', 2, `holds ${glob}, but more before or after it`)
      : undefined;
  if (want === `${have}/**`) return say('folder', 1, `is the folder itself: ${glob} takes what lies in it`);
  const folders = want.split('/');
  const parts = have.split('/');
  const { front, back } = bothEnds(folders, parts);
  if (front < 2 || front + back < folders.length - 1 || folders.length !== parts.length) return undefined;
  return say('folder', 3, `has "${parts[front]}" where ${glob} has "${folders[front]}"`);
}
