/** Values as entries of `events:` tell them. */
import { constants } from '../catalogue/constants.js';

/** A number, or names of constants joined by `|`. */
export function number(value: unknown): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return Number(value);
  let sum = 0;
  for (const word of String(value)
    .split('|')
    .map((part) => part.trim())) {
    const constant = constants.get(word);
    sum |= typeof constant === 'number' ? constant : Number.isNaN(Number(word)) ? 0 : Number(word);
  }
  return sum;
}

/** What a field reads as when nothing was told of it. */
export const isNothing = (value: unknown): boolean =>
  value === null ||
  value === undefined ||
  value === '' ||
  value === 0 ||
  value === false ||
  (Array.isArray(value) && value.length === 0);
