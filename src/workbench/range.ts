/** Numbers of times and stretches of time, as test files write them. */

/** How often: `from` to `to`, both counted in; `to` is Infinity when open. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** `N`, `N..M`, `N..`, `..M`. */
export const rangePattern = /^(?:(\d{1,9})|(\d{1,9})?\.\.(\d{1,9})?)$/;

export const atLeastOnce: Range = { from: 1, to: Number.POSITIVE_INFINITY };

/** Undefined for a text that is no range, `..` alone, or one that ends before it begins. */
export function parseRange(value: number | string): Range | undefined {
  if (typeof value === 'number')
    return Number.isInteger(value) && value >= 0 ? { from: value, to: value } : undefined;
  const found = rangePattern.exec(value.trim());
  if (found === null) return undefined;
  if (found[1] !== undefined) return { from: Number(found[1]), to: Number(found[1]) };
  if (found[2] === undefined && found[3] === undefined) return undefined;
  const range = {
    from: Number(found[2] ?? 0),
    to: found[3] === undefined ? Number.POSITIVE_INFINITY : Number(found[3]),
  };
  return range.from > range.to ? undefined : range;
}

export function rangeText(range: Range): string {
  if (range.from === range.to) return times(range.from);
  if (range.to === Number.POSITIVE_INFINITY)
    return range.from === 1 ? 'at least once' : `at least ${range.from} times`;
  return range.from === 0 ? `at most ${times(range.to)}` : `${range.from} to ${range.to} times`;
}

const times = (count: number) => (count === 1 ? 'once' : `${count} times`);

export const durationPattern = /^(\d{1,9})(ns|us|ms|s|m|h)$/;
const units: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** ns of `10ms`, `2s`, `1m`; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  const found = durationPattern.exec(text.trim());
  return found === null ? undefined : Number(found[1]) * units[found[2]!]!;
}

export const sizePattern = /^(\d{1,9})\s*(B|KiB|MiB|GiB)?$/;
const sizes: Readonly<Record<string, number>> = { B: 1, KiB: 1 << 10, MiB: 1 << 20, GiB: 1 << 30 };

/** Bytes of `1MiB`; undefined when it is none. */
export function parseSize(text: string): number | undefined {
  const found = sizePattern.exec(text.trim());
  return found === null ? undefined : Number(found[1]) * sizes[found[2] ?? 'B']!;
}
