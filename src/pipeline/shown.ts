/**
 * Which events rules see: those that succeeded, and those whose failure the row names. Every result is
 * in the recording; `--all-results` lifts the filter.
 */
import { constants } from '../catalogue/index.js';
import type { EventRow } from '../catalogue/row.js';

const RESULT_UNKNOWN = 1;

/** By event id: the results below zero that are shown, or all. */
const cache: (ReadonlySet<number> | 'all' | undefined)[] = [];

/** A call that never returned has no result and is not shown. */
export function isShown(row: EventRow, retval: number, flags: number): boolean {
  const shown = cache[row.id] ?? results(row);
  if (shown === 'all') return true;
  return (flags & RESULT_UNKNOWN) === 0 && (retval >= 0 || shown.has(retval));
}

function results(row: EventRow): ReadonlySet<number> | 'all' {
  const shown =
    row.shown === 'all' ? 'all' : new Set(row.shown.map((name) => -Math.abs(Number(constants.get(name)))));
  cache[row.id] = shown;
  return shown;
}
