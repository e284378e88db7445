/** Values of fields as text: strings in quotes, lists in brackets, safe to print. */
import { clipped, printable } from './text.js';

export function valueText(value: unknown, limit = 200): string {
  if (typeof value === 'string')
    return printable(clipped(JSON.stringify(value).replaceAll('\\\\x', '\\x'), limit));
  if (Array.isArray(value)) {
    const shown = value.slice(0, 12).map((item) => valueText(item, limit));
    if (value.length > shown.length) shown.push(`… ${value.length - shown.length} more`);
    return clipped(`[${shown.join(', ')}]`, limit * 2);
  }
  if (typeof value === 'object' && value !== null)
    return clipped(printable(JSON.stringify(value)), limit * 2);
  return printable(String(value));
}
