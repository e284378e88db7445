/** Changed rules that are worth a try when a rule stayed silent: made from the leaves that were false at the closest event. */
import { checkRule, type Leaf, type LiteralNode } from '../language/index.js';
import type { LoadedRule } from '../rules/index.js';
import { editDistance } from '../support/suggestion.js';
import type { ExplainedEvent } from './results.js';
import type { RulesInUse } from './ruleset.js';

export interface Candidate {
  /** The changed leaf. */
  readonly text: string;
  readonly leaf: number;
  /** The whole rule with the change. */
  readonly expression: string;
}

const own = '<rule>';
const most = 12;

export function candidates(rule: LoadedRule, closest: ExplainedEvent, inUse: RulesInUse): Candidate[] {
  // Checked again without the policy's positions, so that spans are offsets into the expression.
  const { rule: plain } = checkRule(rule.expression, inUse.rules.scope, { file: own });
  if (plain === undefined) return [];
  const found: Candidate[] = [];
  const seen = new Set([rule.expression]);
  const put = (leaf: Leaf, text: string): void => {
    if (leaf.span.file !== own) return;
    const expression =
      rule.expression.slice(0, leaf.span.start.offset) + text + rule.expression.slice(leaf.span.end.offset);
    if (seen.has(expression)) return;
    seen.add(expression);
    found.push({ text: text.trim().replace(/\s+/g, ' '), leaf: leaf.leaf, expression });
  };
  const isField = (name: string): boolean => inUse.rules.model.field(name) !== undefined;
  for (const leaf of plain.leaves) {
    const at = closest.leaves[leaf.leaf];
    if (at === undefined || at.value || leaf.span.file !== own) continue;
    const text = rule.expression.slice(leaf.span.start.offset, leaf.span.end.offset);
    for (const changed of changes(leaf, text, at.have, isField)) put(leaf, changed);
  }
  return found.slice(0, most);
}

/** Texts that may stand in place of a leaf, nearest to it first. */
function* changes(
  leaf: Leaf,
  text: string,
  have: readonly unknown[],
  isField: (name: string) => boolean,
): Generator<string> {
  if (leaf.kind !== 'test') return;
  const texts = have.filter((value): value is string => typeof value === 'string' && value !== '');
  if (!leaf.negated && leaf.op === 'equal') {
    const members =
      leaf.right.kind === 'set' ? leaf.right.members : leaf.right.kind === 'literal' ? [leaf.right] : [];
    const relative = (member: LiteralNode): { start: number; end: number } => ({
      start: member.span.start.offset - leaf.span.start.offset,
      end: member.span.end.offset - leaf.span.start.offset,
    });
    for (const member of members) {
      if (member.span.file !== own || typeof member.value !== 'string') continue;
      const { start, end } = relative(member);
      for (const value of texts) {
        for (const literal of wider(member, member.value, value)) {
          const changed = text.slice(0, start) + literal + text.slice(end);
          yield literal.startsWith('~') && leaf.right.kind === 'literal' && / == /.test(text)
            ? changed.replace(' == ', ' =~ ')
            : changed;
        }
      }
    }
    if (leaf.left.kind === 'field') yield* neighbours(leaf.left.field.name, text, isField);
    // The value itself as a further member.
    if (
      leaf.right.kind === 'set' &&
      leaf.right.macro === undefined &&
      texts.length === 1 &&
      isRelated(texts[0]!, members)
    )
      yield text.replace(/\]\s*$/, `, ${JSON.stringify(texts[0])}]`);
  }
  if (leaf.left.kind === 'field' && leaf.op !== 'equal')
    yield* neighbours(leaf.left.field.name, text, isField);
}

/** Whether a text has anything to do with a list: the same last part, or the same first two folders as a member. */
function isRelated(text: string, members: readonly LiteralNode[]): boolean {
  const start = text.split('/').slice(0, 3).join('/');
  return members.some(
    (member) =>
      typeof member.value === 'string' &&
      (member.value.split('/').at(-1) === text.split('/').at(-1) ||
        (start.length > 2 && member.value.startsWith(`${start}/`))),
  );
}

/** The member, widened just so far that it takes in the value. */
function* wider(member: LiteralNode, want: string, have: string): Generator<string> {
  const kind = member.matcher?.kind ?? 'exact';
  if (kind === 'exact') {
    if (have.toLowerCase() === want.toLowerCase() || editDistance(have, want, 2) <= 2)
      yield JSON.stringify(have);
    if (have.startsWith(want) && want !== '') yield `~"${want}*"`;
    if (have.endsWith(want) && want.startsWith('/')) yield JSON.stringify(have);
    const last = have.split('/').at(-1);
    if (want.includes('/') && last === want.split('/').at(-1)) yield JSON.stringify(have);
    return;
  }
  if (kind === 'glob') {
    const above = want.replace(/\/\*[^/]*$/, '');
    if (above !== want && have.startsWith(`${above.split('*')[0]}`)) yield `~"${above}/**"`;
    const parts = have.split('/');
    const wanted = want.split('/');
    // One more folder than the pattern has: a `*` for it, where the two part.
    if (parts.length > wanted.length) {
      const extra = parts.length - wanted.length;
      const at = wanted.findIndex((part, index) => !globs(part, parts[index] ?? ''));
      if (at > 0)
        yield `~"${[...wanted.slice(0, at), ...Array.from({ length: extra }, () => '*'), ...wanted.slice(at)].join('/')}"`;
    } else if (parts.length === wanted.length) {
      yield `~"${wanted.map((part, index) => (globs(part, parts[index] ?? '') ? part : index === wanted.length - 1 ? '*' : parts[index]!)).join('/')}"`;
    }
  }
}

const globs = (pattern: string, text: string): boolean =>
  new RegExp(`^${pattern.replace(/[\\^$.|+()[\]{}?]/g, '\\$&').replaceAll('*', '.*')}$`).test(text);

/** Fields that are easily taken for each other. */
const pairs: readonly (readonly [RegExp, string])[] = [
  [/\.file\.path\b/, '.file.name'],
  [/\.file\.name\b/, '.file.path'],
  [/\bprocess\.parent\./, 'process.ancestors.'],
  [/\bprocess\.(?!parent\.|ancestors\.)/, 'process.ancestors.'],
  [/\bprocess\.(?!parent\.|ancestors\.)/, 'process.parent.'],
  [/\bprocess\.ancestors\./, 'process.'],
  [/\.file\.(?!destination\.)/, '.file.destination.'],
  [/\.file\.destination\./, '.file.'],
  [/\buid\b/, 'euid'],
];

function* neighbours(field: string, text: string, isField: (name: string) => boolean): Generator<string> {
  if (!text.includes(field)) return;
  for (const [from, to] of pairs) {
    const changed = field.replace(from, to);
    if (changed !== field && isField(changed)) yield text.replace(field, changed);
  }
}
