/** Changed rules that are worth a try when a rule stayed silent: made from the leaves that were false at the closest event. */
import { checkRule, type Leaf, type LiteralNode, matchPattern } from '../language/index.js';
import type { LoadedRule } from '../rules/index.js';
import { editDistance } from '../support/suggestion.js';
import { approachTo, bothEnds, crossing, globOf, looserRegexps } from './nearness.js';
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
    for (const value of texts) {
      for (const member of nearestOf(members, value)) {
        if (member.span.file !== own || typeof member.value !== 'string') continue;
        const { start, end } = relative(member);
        for (const literal of wider(member, member.value, value)) {
          const changed = text.slice(0, start) + literal + text.slice(end);
          yield literal.startsWith('~') && leaf.right.kind === 'literal' && member.prefixed !== true
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

/** The members that a text came nearest to. */
function nearestOf(members: readonly LiteralNode[], have: string): LiteralNode[] {
  const near = members.map((member) => approachTo(member)?.(have) ?? -1);
  const best = Math.max(...near);
  return members.filter((_, index) => near[index] === best);
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
  const quoted = (text: string): string => (text.includes('*') ? `~"${text}"` : JSON.stringify(text));
  switch (kind) {
    case 'glob':
      yield* widerGlobs(want, have, quoted);
      break;
    case 'pattern':
      if (matchPattern(want, have, true)) yield quoted(recased(want, have));
      for (const loose of [`${want}*`, `*${want}`, `*${want}*`].map((text) => text.replace(/\*+/g, '*')))
        if (matchPattern(loose, have)) yield quoted(loose);
      break;
    case 'regexp':
      if (matchPattern(crossing(globOf(want)), have)) yield quoted(globOf(want));
      for (const { text, fold } of looserRegexps(want)) yield `r"${fold ? '(?i)' : ''}${text}"`;
  }
  // The text itself, when it has enough of the pattern to be what was meant.
  if ((approachTo(member)?.(have) ?? 0) * 2 >= want.replaceAll('*', '').length) yield JSON.stringify(have);
}

/** Globs that take in the path and stay near the one that was written. */
function* widerGlobs(want: string, have: string, quoted: (glob: string) => string): Generator<string> {
  const above = want.replace(/\/\*[^/]*$/, '');
  if (above !== want && have.startsWith(`${above.split('*')[0]}`)) yield quoted(`${above}/**`);
  if (want.endsWith('/**') && globs(want.slice(0, -3), have)) yield quoted(want.slice(0, -3));
  const folders = want.split('/');
  const parts = have.split('/');
  // Where the two part, the folders of the path: as they are, or any in their place.
  const { front, back, firm } = bothEnds(folders, parts);
  const between = parts.slice(front, parts.length - back);
  const around = (middle: readonly string[]): string =>
    quoted([...folders.slice(0, front), ...middle, ...folders.slice(folders.length - back)].join('/'));
  if (firm > 0) {
    if (back > 0) yield around(between.map(() => '*'));
    yield around(between);
    const ending = /[^*]\.[^.*]+$/.exec(parts.at(-1)!)?.[0].slice(1);
    if (back === 0 && between.length === 1) yield around([ending === undefined ? '*' : `*${ending}`]);
  }
  if (matchPattern(crossing(want), have, true) && folders.length === parts.length)
    yield quoted(folders.map((folder, index) => recased(folder, parts[index]!)).join('/'));
}

/** A pattern that fits a text but for upper and lower case, with the letters of the text. */
function recased(pattern: string, have: string): string {
  const lower = have.toLowerCase();
  let at = 0;
  return pattern
    .split('*')
    .map((part) => {
      const found = lower.indexOf(part.toLowerCase(), at);
      if (found < 0 || lower.length !== have.length) return part;
      at = found + part.length;
      return have.slice(found, at);
    })
    .join('*');
}

const globs = (pattern: string, text: string): boolean => matchPattern(pattern, text);

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
