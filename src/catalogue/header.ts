/** The part of a recording's header that tells the schema: `catalogue` of the header's JSON. */
import { recordedRows } from './events.js';
import { recordRows } from './records.js';
import type { Column, ColumnType } from './row.js';
import { tupleRows } from './tuples.js';

/** Counts the versions of the rows: raised with every release that adds to them. */
export const catalogueVersion = '0.1';

export interface SchemaColumn {
  readonly name: string;
  readonly type: ColumnType;
}

export interface SchemaRow {
  readonly id: number;
  readonly name: string;
  readonly columns: readonly SchemaColumn[];
}

export interface Schema {
  readonly version: string;
  readonly events: readonly SchemaRow[];
  readonly records: readonly SchemaRow[];
  readonly tuples: readonly SchemaRow[];
}

function schemaRow(row: { readonly id: number; readonly name: string; readonly columns: Readonly<Record<string, Column>> }): SchemaRow {
  return { id: row.id, name: row.name, columns: Object.entries(row.columns).map(([name, column]) => ({ name, type: column.type })) };
}

/** The schema of this version, as it is written into recordings. */
export function currentSchema(): Schema {
  return {
    version: catalogueVersion,
    events: recordedRows.map(schemaRow),
    records: recordRows.map(schemaRow),
    tuples: tupleRows.map(schemaRow),
  };
}
