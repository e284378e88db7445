/** The header block: what a recording tells of itself. Its JSON is untrusted, and checked here. */
import type { Schema, SchemaColumn, SchemaRow } from '../catalogue/header.js';
import type { ColumnType } from '../catalogue/row.js';

export interface Header {
  /** The whole JSON, with members that this version does not know. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly catalogue: Schema;
  readonly mode: string;
  readonly command: readonly string[];
  readonly cwd: string;
  readonly hostname: string;
  readonly os: string;
  readonly kernel: string;
  readonly arch: string;
  /** ns of CLOCK_BOOTTIME and CLOCK_REALTIME when the recording began. */
  readonly boottime: bigint;
  readonly realtime: bigint;
  /** Names of the events that the recorder was told to record; undefined: not told. */
  readonly traced: readonly string[] | undefined;
  readonly tool: { readonly name: string; readonly version: string };
  /** What was redacted, as the recorder tells it; undefined: nothing. */
  readonly redacted: unknown;
  /** What a tool has cut; undefined: nothing. */
  readonly trimmed: unknown;
}

/** Thrown for a header that is not one; the message is a clause without a full stop. */
export class HeaderError extends Error {}

const ROWS = 4096;
const COLUMNS = 128;

type Json = Readonly<Record<string, unknown>>;

function object(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []);

function nanoseconds(value: unknown): bigint {
  if (typeof value === 'string' && /^-?\d{1,20}$/.test(value)) return BigInt.asIntN(64, BigInt(value));
  return typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : 0n;
}

function column(value: unknown, row: string): SchemaColumn {
  const { name, type } = object(value);
  if (typeof name !== 'string' || typeof type !== 'string') throw new HeaderError(`a column of "${row}" has no name or no type`);
  // Names become members of objects and types are looked up in tables.
  for (const word of [name, type]) if (!/^[\w.-]{1,100}$/.test(word) || word in Object.prototype) throw new HeaderError(`"${word.slice(0, 100)}" is no name of a column or type`);
  return { name, type: type as ColumnType };
}

function schemaRows(value: unknown, what: string): SchemaRow[] {
  if (!Array.isArray(value)) throw new HeaderError(`its catalogue has no list of ${what}`);
  if (value.length > ROWS) throw new HeaderError(`its catalogue has more than ${ROWS} ${what}`);
  const ids = new Set<number>();
  return value.map((item) => {
    const { id, name, columns } = object(item);
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id > 0xffff) throw new HeaderError(`one of its ${what} has no id from 0 to 65535`);
    if (typeof name !== 'string' || name.length > 100) throw new HeaderError(`number ${id} of its ${what} has no name`);
    if (!Array.isArray(columns) || columns.length > COLUMNS) throw new HeaderError(`"${name}" of its ${what} has no list of at most ${COLUMNS} columns`);
    if (ids.has(id)) throw new HeaderError(`number ${id} of its ${what} is told twice`);
    ids.add(id);
    return { id, name, columns: columns.map((given) => column(given, name)) };
  });
}

/** Reads the JSON of the HEADER frame. Throws a `HeaderError`. */
export function parseHeader(source: string): Header {
  let parsed: unknown;
  try {
    parsed = JSON.parse(source);
  } catch {
    throw new HeaderError('its header is not JSON');
  }
  const json = object(parsed);
  const catalogue = object(json['catalogue']);
  const host = object(json['host']);
  const started = object(json['started']);
  const tool = object(json['tool']);
  return {
    json,
    catalogue: {
      version: text(catalogue['version']),
      events: schemaRows(catalogue['events'], 'events'),
      records: schemaRows(catalogue['records'], 'records'),
      tuples: schemaRows(catalogue['tuples'], 'tuples'),
    },
    mode: text(json['mode']),
    command: texts(json['command']),
    cwd: text(json['cwd']),
    hostname: text(host['hostname']),
    os: text(host['os']),
    kernel: text(host['kernel']),
    arch: text(host['arch']),
    boottime: nanoseconds(started['boottime']),
    realtime: nanoseconds(started['realtime']),
    traced: Array.isArray(json['traced']) ? texts(json['traced']) : undefined,
    tool: { name: text(tool['name']), version: text(tool['version']) },
    redacted: json['redacted'],
    trimmed: json['trimmed'],
  };
}
