/** Values of fields as text: strings in quotes, lists in brackets, safe to print. */
import { nameConstant } from '../catalogue/constants.js';
import { fieldByName } from '../catalogue/fields.js';
import { clipped, printable } from './text.js';

export function valueText(value: unknown, limit = 200): string {
  if (typeof value === 'string') return printable(clipped(quoted(value), limit));
  if (Array.isArray(value)) {
    const shown = value.slice(0, 12).map((item) => valueText(item, limit));
    if (value.length > shown.length) shown.push(`… ${value.length - shown.length} more`);
    return clipped(`[${shown.join(', ')}]`, limit * 2);
  }
  if (typeof value === 'object' && value !== null)
    return clipped(printable(JSON.stringify(value)), limit * 2);
  return printable(String(value));
}

/** In quotes; bytes that were no UTF-8 and control characters are both `\\xNN`. */
const quoted = (text: string): string =>
  JSON.stringify(text).replace(
    /\\(?:\\(x?)|u00([0-9a-f]{2})|.)/g,
    (whole, byte?: string, control?: string) =>
      byte === 'x' ? '\\x' : control === undefined ? whole : `\\x${control}`,
  );

/** The value of a field, with the names of constants where it has them: `O_WRONLY|O_CREAT`; modes are octal. */
export function fieldText(field: string, value: unknown, limit = 200): string {
  if (typeof value === 'number' && /\.(mode|rights)$/.test(field)) return `0${value.toString(8)}`;
  const group = typeof value === 'number' ? fieldByName(field)?.constants : undefined;
  return (group === undefined ? undefined : nameConstant(group, value as number)) ?? valueText(value, limit);
}
