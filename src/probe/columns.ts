/** Typed access to the columns of a row by name, decided once and not per event. */
import { noAddress, noContext, noCredentials, noFile, noList, noNamespaces } from '../catalogue/absent.js';
import type {
  Address,
  ColumnValue,
  Context,
  Credentials,
  FileFacts,
  Namespaces,
  StringList,
} from '../catalogue/event.js';
import type { Column, EventRow } from '../catalogue/row.js';

/** Column → its position. */
export function positions<const R extends { readonly columns: Readonly<Record<string, Column>> }>(
  row: R,
): { readonly [K in keyof R['columns']]: number } {
  return Object.fromEntries(Object.keys(row.columns).map((name, index) => [name, index])) as {
    [K in keyof R['columns']]: number;
  };
}

/** The column of the pid of the second process of an event, or −1. */
export function targetPosition(row: EventRow): number {
  const column = Object.values(row.processes ?? {}).find((name) => name !== 'self');
  return column === undefined ? -1 : Object.keys(row.columns).indexOf(column);
}

/** The first column of type address, or −1. */
export function addressPosition(row: EventRow): number {
  return Object.values(row.columns).findIndex((column) => column.type === 'address');
}

type Values = readonly ColumnValue[];

export function number(values: Values, at: number): number {
  const value = values[at];
  return typeof value === 'number' ? value : 0;
}

/** A reader gives tuples in tuple columns; what an older recording lacks reads as absent. */
function tuple<T extends object>(absent: T): (values: Values, at: number) => T {
  return (values, at) => {
    const value = values[at];
    return typeof value === 'object' ? (value as unknown as T) : absent;
  };
}

export const file = tuple<FileFacts>(noFile);
export const list = tuple<StringList>(noList);
export const credentials = tuple<Credentials>(noCredentials);
export const namespaces = tuple<Namespaces>(noNamespaces);
export const context = tuple<Context>(noContext);
export const address = tuple<Address>(noAddress);

const absent: ReadonlySet<ColumnValue | undefined> = new Set<ColumnValue | undefined>([
  0,
  undefined,
  noFile,
  noList,
  noCredentials,
  noNamespaces,
  noContext,
  noAddress,
]);

/** Whether a column tells something. */
export function isPresent(values: Values, at: number): boolean {
  return at >= 0 && !absent.has(values[at]);
}
