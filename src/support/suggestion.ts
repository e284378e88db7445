/** Finds the nearest known word, for "Did you mean". */

/** The edit distance (insert, delete, replace, swap of neighbours), or `limit + 1` when it is larger. */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, before[j - 2]! + 1);
      row.push(cost);
      least = Math.min(least, cost);
    }
    if (least > limit) return limit + 1;
    before = previous;
    previous = row;
  }
  return previous[b.length]!;
}

/** The known words nearest to `word`, best first, at most `count`; none when nothing is near. */
export function nearest(word: string, known: Iterable<string>, count = 3): string[] {
  // Of one or two letters everything short would be near.
  const limit = word.length < 3 ? 0 : Math.max(1, Math.floor(word.length * 0.34));
  const lower = word.toLowerCase();
  const found: { name: string; distance: number }[] = [];
  for (const name of known) {
    const distance = editDistance(lower, name.toLowerCase(), limit);
    if (distance <= limit) found.push({ name, distance });
  }
  found.sort((x, y) => x.distance - y.distance || (x.name < y.name ? -1 : 1));
  return found.slice(0, count).map((item) => item.name);
}

/** `Did you mean "open.file.path"?`, or undefined when nothing is near. */
export function didYouMean(word: string, known: Iterable<string>): string | undefined {
  const names = nearest(word, new Set(known));
  if (names.length === 0) return undefined;
  return `Did you mean ${names.map((name) => `"${name}"`).join(' or ')}?`;
}
