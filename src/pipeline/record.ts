/** Records of a stream as plain objects, for whoever shows them. */
import type { RawRecord } from '../catalogue/raw.js';
import { recordRows } from '../catalogue/records.js';
import type { Column } from '../catalogue/row.js';
import type { StringTable } from '../support/strings.js';

const columnsByName = new Map<string, readonly (readonly [string, Column])[]>(
  recordRows.map((row) => [row.name, Object.entries(row.columns)]),
);

/** Columns by name; strings as texts, tuples as their decoded objects (whose strings are still numbers). */
export function recordValues(raw: RawRecord, strings: StringTable): Readonly<Record<string, unknown>> {
  const values: Record<string, unknown> = {};
  (columnsByName.get(raw.name ?? '') ?? []).forEach(([name, column], index) => {
    const value = raw.columns[index];
    values[name] = column.type === 'string' ? strings.text(Number(value)) : value;
  });
  return values;
}
