/** Why a rule matched or did not: the funnel, the tree with its counts, the events, what would help. */
import type { ExplainedEvent, ExplainedLeaf, ExplainNode, Explanation } from './answers.js';
import { lineage } from './lineage.js';
import type { Paint } from './text.js';
import { clipped, counted, printable, sinceStart } from './text.js';
import { valueText } from './value.js';

const TEXT_WIDTH = 72;

export function explanationText(item: Explanation, paint: Paint): string[] {
  const place =
    item.span === undefined
      ? ''
      : `   ${printable(item.span.file)}:${item.span.start.line}:${item.span.start.column}`;
  const verdict =
    item.matched > 0 ? paint.green(`matched ${counted(item.matched, 'event')}`) : paint.red('did not match');
  const lines = [`${paint.bold(printable(item.rule))}${paint.dim(place)}   ${verdict}`, ''];
  if (item.blocked !== undefined)
    return [...lines, `  ${printable(item.blocked.message)} [${item.blocked.code}]`];
  const { events, ofType, shown, matched } = item.funnel;
  lines.push(
    `  ${counted(events, 'event')}  ›  ${counted(ofType)} ${item.eventType}  ›  ${counted(shown)} shown to rules  ›  ${counted(matched)} matched`,
  );
  lines.push(...hiddenLines(item), ...heldBackLines(item));
  if (ofType === 0)
    lines.push(
      `  Nothing to decide on: the recording holds no ${item.eventType} event ("seccam inspect" lists what it holds).`,
    );
  if (shown > 0) lines.push('', ...countedTree(item.tree, shown, paint));
  for (const [index, event] of item.at.entries())
    lines.push('', ...eventLines(item, event, index === 0, paint));
  if (item.tries.length > 0) lines.push('');
  for (const attempt of item.tries) {
    lines.push(`Try:  ${printable(attempt.text)}      would match ${counted(attempt.matches, 'event')} here`);
  }
  return lines;
}

function hiddenLines(item: Explanation): string[] {
  const entries = Object.entries(item.hidden).sort((a, b) => b[1] - a[1]);
  if (entries.length === 0) return [];
  const what = entries.map(([name, count]) => `${counted(count)} failed with ${name}`).join(', ');
  const also =
    item.shownResults.length === 0
      ? 'succeeded'
      : `succeeded or was refused (${item.shownResults.join(', ')})`;
  return [`  ${what}; rules see one that ${also}.`];
}

/** Why a rule that matched tells less than that. */
function heldBackLines({ heldBack, matched }: Explanation): string[] {
  if (heldBack === undefined) return [];
  if (heldBack.by === 'silent')
    return ['  The rule is silent: its actions run, and no match is told as a detection.'];
  const { matches, every, span, tokens } = heldBack;
  const limit =
    every === undefined
      ? 'the default limit of one in 100 ms after the first 40'
      : `its limit of one in ${duration(every)}${span === undefined ? '' : ` (every, ${printable(span.file)}:${span.start.line}:${span.start.column})`}`;
  const each = tokens === undefined ? '' : ` for each ${tokens.map(printable).join(', ')}`;
  return [
    `  ${counted(matched - matches)} of them told as ${matched - matches === 1 ? 'a detection' : 'detections'}, ${counted(matches)} kept back by ${limit}${each}; "seccam replay --no-limits" tells all.`,
  ];
}

/** `1h`, `90s`, `250ms`: as policies write it. */
function duration(ns: number): string {
  const unit = (
    [
      ['h', 3600e9],
      ['m', 60e9],
      ['s', 1e9],
    ] as const
  ).find(([, size]) => ns % size === 0);
  return unit === undefined ? `${ns / 1e6}ms` : `${ns / unit[1]}${unit[0]}`;
}

interface Row {
  readonly node: ExplainNode;
  /** The lines that lead to it: `│  ├─ `. */
  readonly lead: string;
  /** What stands under it continues with this. */
  readonly below: string;
}

function rows(node: ExplainNode, lead = '', below = ''): Row[] {
  const list: Row[] = [{ node, lead, below }];
  node.children.forEach((child, index) => {
    const last = index === node.children.length - 1;
    list.push(...rows(child, `${below}${last ? '└─ ' : '├─ '}`, `${below}${last ? '   ' : '│  '}`));
  });
  return list;
}

const operatorText: Partial<Record<ExplainNode['kind'], string>> = { and: '&&', or: '||', not: '!' };

function nodeText(node: ExplainNode): string {
  const text = operatorText[node.kind];
  if (text !== undefined && node.children.length > 0) return text;
  return node.macro !== undefined && node.kind === 'macro'
    ? `macro ${printable(node.macro)}`
    : printable(node.text.replaceAll(/\s+/g, ' '));
}

function countedTree(tree: ExplainNode, shown: number, paint: Paint): string[] {
  const width = TEXT_WIDTH;
  const lines = [
    paint.dim(`${' '.repeat(width)}${`true of ${counted(shown)}`.padStart(15)}${'so far'.padStart(10)}`),
  ];
  for (const { node, lead } of rows(tree)) {
    const text = clipped(`${lead}${nodeText(node)}`, width);
    if (node.children.length > 0 && node.kind !== 'macro' && lead === '') {
      lines.push(`  ${text}`);
      continue;
    }
    const soFar = node.soFar === undefined ? '' : counted(node.soFar);
    const never = node.neverTrue ? paint.red('   ◀ never true') : '';
    lines.push(
      `  ${text.padEnd(width - 2)}${counted(node.trueOf).padStart(15)}${soFar.padStart(10)}${never}`.trimEnd(),
    );
  }
  return lines;
}

function eventLines(item: Explanation, event: ExplainedEvent, first: boolean, paint: Paint): string[] {
  const lines: string[] = [];
  if (first && item.matched === 0) {
    const more =
      item.moreAtDistance === 0 ? '' : ` (${counted(item.moreAtDistance)} more at the same distance)`;
    lines.push(`Closest: event ${event.seq}, ${counted(event.distance, 'condition')} away${more}`, '');
  }
  lines.push(
    `event ${event.seq}   ${paint.bold(event.type)}   ${sinceStart(Number(event.elapsed))}   ${lineage(event.process)}`,
    '',
  );
  const leaves = new Map(event.leaves.map((leaf) => [leaf.leaf, leaf]));
  for (const row of rows(item.tree)) {
    const leaf = row.node.leaf === undefined ? undefined : leaves.get(row.node.leaf);
    const value = leaf?.value ?? nodeValue(row.node, leaves);
    const mark = value === undefined ? '     ' : value ? paint.green('true ') : paint.red('false');
    const text = clipped(`${row.lead}${nodeText(row.node)}`, TEXT_WIDTH);
    const have = leaf === undefined ? '' : leafValue(leaf);
    const oneLine = have !== '' && text.length + have.length < 110;
    lines.push(`${mark}  ${oneLine ? `${text.padEnd(48)}  ${paint.dim(have)}` : text}`.trimEnd());
    if (leaf === undefined) continue;
    if (have !== '' && !oneLine) lines.push(`       ${row.below}   ${paint.dim(have)}`);
    for (const note of leaf.notes) lines.push(`       ${row.below}   ${printable(note)}`);
  }
  return lines;
}

/** What the leaf read: the pair that decided when it was true, else everything. */
function leafValue(leaf: ExplainedLeaf): string {
  if (leaf.matchedBy !== undefined) return haveText(leaf.matchedBy.have, leaf.named);
  return leaf.have
    .map((value) => haveText(value, leaf.named, 100))
    .slice(0, 12)
    .join(', ');
}

/** A value that a condition read; names of constants stand without quotes. */
export function haveText(value: unknown, named: boolean | undefined, limit?: number): string {
  return named === true && typeof value === 'string' ? printable(value) : valueText(value, limit);
}

/** The value of an operator from its children; undefined when a child's is not known. */
function nodeValue(node: ExplainNode, leaves: ReadonlyMap<number, ExplainedLeaf>): boolean | undefined {
  if (node.leaf !== undefined) return leaves.get(node.leaf)?.value;
  const values = node.children.map((child) => nodeValue(child, leaves));
  switch (node.kind) {
    case 'and':
      return values.includes(false) ? false : values.includes(undefined) ? undefined : true;
    case 'or':
      return values.includes(true) ? true : values.includes(undefined) ? undefined : false;
    case 'not':
      return values[0] === undefined ? undefined : !values[0];
    case 'macro':
      return values[0];
    case 'constant':
      return node.text === 'true' ? true : node.text === 'false' ? false : undefined;
    case 'leaf':
      return undefined;
  }
}
