/** All rows, by id. Adding a row means: write it in a file of events/, and list it there. */
import { invariant } from '../support/assert.js';
import { dataEvents } from './events/data.js';
import { fileEvents } from './events/file.js';
import { kernelEvents } from './events/kernel.js';
import { networkEvents } from './events/network.js';
import { processEvents } from './events/process.js';
import { worldEvents } from './events/world.js';
import type { EventRow } from './row.js';

const rows = [...processEvents, ...fileEvents, ...dataEvents, ...networkEvents, ...kernelEvents, ...worldEvents] as const;

export type EventName = (typeof rows)[number]['name'];

export const eventRows: readonly EventRow[] = [...(rows as readonly EventRow[])].sort((a, b) => a.id - b.id);

const byName = new Map<string, EventRow>(eventRows.map((row) => [row.name, row]));
const byId = new Map<number, EventRow>(eventRows.map((row) => [row.id, row]));
invariant(byName.size === eventRows.length && byId.size === eventRows.length, 'each event name and id is used once');

export function eventByName(name: string): EventRow | undefined {
  return byName.get(name);
}

export function eventById(id: number): EventRow | undefined {
  return byId.get(id);
}

/** Events that stand in recordings: all but those that the probe derives. */
export const recordedRows: readonly EventRow[] = eventRows.filter((row) => row.result !== 'derived');
