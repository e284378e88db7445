/** Differences of texts, line by line, as hunks with two lines of context. */
import { structuredPatch } from 'diff';

const context = 2;

/** So many lines that differ cost a second; beyond them the search for the fewest is given up. */
const mostEdits = 3000;

interface Hunk {
  readonly oldStart: number;
  readonly oldLines: number;
  readonly newStart: number;
  readonly newLines: number;
  /** Each with ` `, `-` or `+` before it. */
  readonly lines: readonly string[];
}

/** Hunks of a unified difference; empty when the texts are the same. */
export function textDiff(before: string, after: string, name: string): string {
  if (before === after) return '';
  const patch = structuredPatch(name, name, before, after, '', '', { context, maxEditLength: mostEdits });
  const hunks = patch?.hunks ?? hunksOf(linesOf(before), linesOf(after));
  return hunks
    .map((hunk) =>
      [`@@ -${hunk.oldStart},${hunk.oldLines} +${hunk.newStart},${hunk.newLines} @@`, ...hunk.lines].join(
        '\n',
      ),
    )
    .join('\n');
}

const linesOf = (text: string): string[] => text.replace(/\n$/, '').split('\n');

/** A difference that need not be the shortest; the time is that of sorting. */
export function hunksOf(before: readonly string[], after: readonly string[]): Hunk[] {
  const script = scriptOf(before, after);
  const hunks: Hunk[] = [];
  let [oldAt, newAt] = [0, 0];
  for (let at = 0; at < script.length; ) {
    if (script[at]!.startsWith(' ')) {
      at += 1;
      oldAt += 1;
      newAt += 1;
      continue;
    }
    const from = Math.max(0, at - context);
    // Up to where more lines stay than the contexts of two hunks take.
    let last = at;
    for (let to = at; to < script.length && to - last <= 2 * context; to++)
      if (!script[to]!.startsWith(' ')) last = to;
    const lines = script.slice(from, last + 1 + context);
    const count = (mark: string): number => lines.filter((line) => !line.startsWith(mark)).length;
    const [oldLines, newLines] = [count('+'), count('-')];
    // A side without a line is told by the line before it.
    hunks.push({
      oldStart: oldAt - (at - from) + (oldLines === 0 ? 0 : 1),
      oldLines,
      newStart: newAt - (at - from) + (newLines === 0 ? 0 : 1),
      newLines,
      lines,
    });
    for (; at <= last; at++) {
      if (!script[at]!.startsWith('+')) oldAt += 1;
      if (!script[at]!.startsWith('-')) newAt += 1;
    }
  }
  return hunks;
}

/** Every line of both, marked; what goes stands before what comes. */
function scriptOf(before: readonly string[], after: readonly string[]): string[] {
  const script: string[] = [];
  let [oldAt, newAt] = [0, 0];
  for (const [old, now] of [...commonLines(before, after), [before.length, after.length] as const]) {
    for (; oldAt < old; oldAt++) script.push(`-${before[oldAt]!}`);
    for (; newAt < now; newAt++) script.push(`+${after[newAt]!}`);
    if (oldAt < before.length && newAt < after.length) script.push(` ${before[oldAt++]!}`);
    newAt += 1;
  }
  return script;
}

/**
 * Places of lines that stay, ascending on both sides: the longest ascending row among pairs of equal lines, of
 * which the first on one side goes with the first on the other, and so on.
 */
function commonLines(before: readonly string[], after: readonly string[]): (readonly [number, number])[] {
  const places = new Map<string, number[]>();
  for (const [at, line] of after.entries()) {
    const known = places.get(line);
    if (known === undefined) places.set(line, [at]);
    else known.push(at);
  }
  for (const known of places.values()) known.reverse();
  const pairs: (readonly [number, number])[] = [];
  /** Of each length of a row, the pair with the least end; of each pair, the one before it. */
  const ends: number[] = [];
  const previous: number[] = [];
  for (const [at, line] of before.entries()) {
    const place = places.get(line)?.pop();
    if (place === undefined) continue;
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (pairs[ends[middle]!]![1] < place) low = middle + 1;
      else high = middle;
    }
    previous.push(low === 0 ? -1 : ends[low - 1]!);
    ends[low] = pairs.length;
    pairs.push([at, place]);
  }
  const row: (readonly [number, number])[] = [];
  for (let at = ends.at(-1) ?? -1; at >= 0; at = previous[at]!) row.push(pairs[at]!);
  return row.reverse();
}
