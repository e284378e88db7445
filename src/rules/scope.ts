/**
 * Where the catalogue and the language meet: the model that rules are checked and compiled against. Every
 * field that is known has a row here, also those that nothing can fill (they read as zero).
 */
import { constantGroups, constants } from '../catalogue/constants.js';
import type { Event } from '../catalogue/event.js';
import { eventByName, eventRows } from '../catalogue/events.js';
import type { Column, EventRow, FieldRow } from '../catalogue/row.js';
import type { BaseType, Field, Iterator, Model, Read, TextSemantics } from '../language/index.js';
import type { StringTable } from '../support/strings.js';
import { nearest } from '../support/suggestion.js';
import { conversions } from './conversion.js';
import { legacyFields } from './legacy.js';
import { commonFields, type FieldSource, fileFields, processFields } from './processfields.js';

/** The model of the product, with what only the product knows of its fields. */
export interface ProductModel extends Model<Event> {
  readonly strings: StringTable;
  /** Why the field can never hold a value here; undefined: it can. */
  unavailable(field: string): string | undefined;
  /** Why events of the type can never be seen here; undefined: they can, or the type is unknown. */
  unavailableEvent(type: string): string | undefined;
  /** What an absent value of the field reads as, in words. */
  zeroOf(field: string): string;
  /** Nearest names, as suggestions. */
  suggest(name: string): readonly string[];
  /** Columns of its event that the field is read from; empty for fields of processes and of the event itself. */
  columnsOf(field: string): readonly string[];
  /** The value of a field at an event, as JSON shows it: texts resolved, int64 beyond 2^53 as decimal strings. */
  read(field: string, event: Event): unknown;
  /** All fields of the event's own type that can hold a value, by SECL name. Empty facts of packages and content are left out. */
  fieldsOf(event: Event): Readonly<Record<string, unknown>>;
  /** Name of the group of constants (`open-flags`) that make the field's values readable. */
  constantsOf(field: string): string | undefined;
}

/** A field with what the catalogue says of it. */
interface KnownField extends Field<Event> {
  readonly unavailable: string | undefined;
  readonly columns: readonly string[];
  /** Stands in the `fields` member of a line of JSON. */
  readonly own: boolean;
}

/** Builds the model over the run's strings. Cheap enough to do once per run, not once per file. */
export function createModel(strings: StringTable): ProductModel {
  const build = new ModelBuilder(strings);
  const { fields, iterators } = build.build();
  const readers = new Map<string, Reader>();
  const byEvent = new Map<string, (event: Event) => Readonly<Record<string, unknown>>>();
  const reader = (name: string): Reader | undefined => {
    let found = readers.get(name);
    const field = fields.get(name);
    if (found === undefined && field !== undefined) {
      found = makeReader(field, strings, field.iterator === undefined ? undefined : iterators.get(field.iterator));
      readers.set(name, found);
    }
    return found;
  };
  return {
    name: 'seccam',
    strings,
    constants,
    legacy: legacyFields,
    eventType: 'event.type',
    field: (name) => fields.get(name),
    iterator: (name) => iterators.get(name),
    fieldNames: () => fields.keys(),
    unavailable: (name) => fields.get(name)?.unavailable,
    unavailableEvent: (type) => eventByName(type)?.unavailable,
    zeroOf: (name) => zeroWords(fields.get(name)),
    suggest: (name) => nearest(name, fields.keys()).map((near) => `"${near}"`),
    columnsOf: (name) => fields.get(name)?.columns ?? [],
    constantsOf: (name) => fields.get(name)?.constants,
    read: (name, event) => reader(name)?.(event),
    fieldsOf(event) {
      let all = byEvent.get(event.type);
      if (all === undefined) {
        all = makeFieldsOf([...fields.values()].filter((field) => field.own && field.event === event.type && field.unavailable === undefined), reader);
        byEvent.set(event.type, all);
      }
      return all(event);
    },
  };
}

class ModelBuilder {
  readonly fields = new Map<string, KnownField>();
  readonly iterators = new Map<string, Iterator<Event>>();

  constructor(readonly strings: StringTable) {}

  build(): this {
    for (const [name, source] of Object.entries(commonFields)) this.#add(name, source, {});
    this.#process('process', 'event.process', undefined);
    for (const row of eventRows) this.#event(row);
    return this;
  }

  #put(field: KnownField): void {
    if (!this.fields.has(field.name)) this.fields.set(field.name, field);
  }

  /** One field of a group (`fileFields`, `processFields`), read from `at`. */
  #add(name: string, source: FieldSource, place: { at?: string; event?: string; iterator?: string; columns?: readonly string[]; own?: boolean; unavailable?: string }): void {
    const code = place.at === undefined ? source.source : source.source.replaceAll('$.', `${place.at}.`);
    const text: TextSemantics | undefined =
      source.type !== 'string'
        ? undefined
        : {
            ...(source.path === true ? { glob: true } : {}),
            ...(source.aliases === undefined ? {} : { aliases: [{ read: { kind: 'string-id', source: source.aliases.replaceAll('$.', `${place.at ?? ''}.`) }, multi: true }] }),
          };
    this.#put({
      name,
      type: source.type,
      ...(source.multi === true ? { multi: true } : {}),
      ...(place.event === undefined ? {} : { event: place.event }),
      ...(place.iterator === undefined ? {} : { iterator: place.iterator }),
      ...(text === undefined ? {} : { text }),
      ...(source.fixed === true ? { fixed: true } : {}),
      ...(source.constants === undefined ? {} : { constants: source.constants }),
      read: { kind: source.ids === true ? 'string-id' : 'value', source: code },
      unavailable: place.unavailable ?? source.unavailable,
      columns: place.columns ?? [],
      own: place.own === true,
    });
  }

  /** Process fields under `prefix`, with those of the parent and the ancestors. */
  #process(prefix: string, at: string, event: string | undefined, unavailable?: string): void {
    const own = { ...(event === undefined ? {} : { event }), ...(unavailable === undefined ? {} : { unavailable }) };
    const chain = at.endsWith('?') ? at : at;
    for (const [name, source] of Object.entries(processFields)) this.#add(`${prefix}.${name}`, source, { ...own, at: chain });
    // `exec.parent` does not exist in the reference: the process of an exec event is the acting one.
    if (prefix === 'exec' || prefix === 'exit') return;
    for (const [name, source] of Object.entries(processFields)) this.#add(`${prefix}.parent.${name}`, source, { ...own, at: `${at}.parent?` });
    const iterator = `${prefix}.ancestors`;
    this.iterators.set(iterator, {
      name: iterator,
      ...(event === undefined ? {} : { event }),
      walk: { kind: 'chain', first: `${at}.parent`, next: 'item.parent' },
      memo: 'item.memo',
      weight: 2000,
    });
    for (const [name, source] of Object.entries(processFields)) this.#add(`${iterator}.${name}`, source, { ...own, at: 'item', iterator });
  }

  #event(row: EventRow): void {
    const { unavailable } = row;
    for (const [prefix, column] of Object.entries(row.files ?? {})) {
      const at = column === 'self' ? 'event.process.file' : columnSource(row, column);
      for (const [name, source] of Object.entries(fileFields)) {
        this.#add(`${row.name}.${prefix === '' ? '' : `${prefix}.`}${name}`, source, { at, event: row.name, columns: [column], own: true, ...(unavailable === undefined ? {} : { unavailable }) });
      }
    }
    for (const [prefix, column] of Object.entries(row.addresses ?? {})) this.#address(row, `${row.name}.${prefix === '' ? '' : `${prefix}.`}`, column);
    for (const [name, field] of Object.entries(row.fields)) this.#own(row, name, field);
    for (const [prefix, whose] of Object.entries(row.processes ?? {})) {
      const name = prefix === '' ? row.name : `${row.name}.${prefix}`;
      this.#process(name, whose === 'self' ? 'event.process' : 'event.target?', row.name, unavailable);
    }
    if (row.network !== undefined) this.#network(row, row.network);
  }

  /** A field that the row itself declares. */
  #own(row: EventRow, name: string, field: FieldRow): void {
    const full = `${row.name}.${name}`;
    const { type, multi } = splitType(field.type);
    const text: TextSemantics | undefined = type === 'string' ? { ...(field.path === true ? { glob: true } : {}), ...(field.ignoreCase === true ? { fold: true } : {}) } : undefined;
    const reason = field.unavailable ?? row.unavailable;
    this.#put({
      name: full,
      type,
      ...(multi ? { multi: true } : {}),
      event: row.name,
      ...(text === undefined ? {} : { text }),
      ...(field.constants === undefined ? {} : { constants: field.constants }),
      read: this.#readOwn(row, full, field),
      unavailable: reason,
      columns: field.from === 'derived' ? (field.needs ?? []) : field.from.split('.').slice(0, 1).filter((column) => column in row.columns),
      own: true,
    });
  }

  #readOwn(row: EventRow, full: string, field: FieldRow): Read<Event> {
    const { type, multi } = splitType(field.type);
    if (field.unavailable !== undefined || row.unavailable !== undefined) return { kind: 'value', source: 'undefined' };
    if (field.from === 'derived') return { kind: 'value', source: `event.derived(${JSON.stringify(full)})` };
    const source = columnSource(row, field.from);
    if (field.as !== undefined) return conversions[field.as](source, field, this.strings);
    const column = columnType(row, field.from);
    if (column === 'list') return { kind: 'string-id', source: `${source}?.items` };
    if (type === 'string' && !multi) return { kind: 'string-id', source };
    if (type === 'bool') return { kind: 'value', source: `!!${source}` };
    return { kind: type === 'string' ? 'string-id' : 'value', source };
  }

  #address(row: EventRow, prefix: string, column: string): void {
    const at = columnSource(row, column);
    const place = { event: row.name, columns: [column], own: true, unavailable: row.unavailable };
    const put = (name: string, type: BaseType, read: Read<Event>, more: Partial<KnownField> = {}): void => this.#put({ name: `${prefix}${name}`, type, read, ...place, ...more });
    put('ip', 'cidr', { kind: 'string-id', source: `${at}.ip` });
    put('port', 'int', { kind: 'value', source: `${at}.port` });
    put('family', 'int', { kind: 'value', source: `${at}.family` }, { constants: 'address-families' });
    put('is_public', 'bool', conversions.public(`${at}.ip`, undefined, this.strings));
    put('path', 'string', { kind: 'string-id', source: `${at}.path` }, { text: { glob: true } });
    put('hostname', 'string', { kind: 'string-id', source: 'event.hostnames' }, { multi: true, text: { fold: true } });
  }

  /** The packet fields that DNS, IMDS and packet events share. */
  #network(row: EventRow, prefix: string): void {
    const fields: readonly [string, BaseType][] = [
      ['device.netns', 'int'],
      ['device.ifname', 'string'],
      ['l3_protocol', 'int'],
      ['l4_protocol', 'int'],
      ['network_direction', 'int'],
      ['size', 'int'],
      ['type', 'int'],
      ['source.ip', 'cidr'],
      ['source.port', 'int'],
      ['source.is_public', 'bool'],
      ['destination.ip', 'cidr'],
      ['destination.port', 'int'],
      ['destination.is_public', 'bool'],
    ];
    for (const [name, type] of fields) {
      // `network.*` belongs to several event types: neutral, absent where the event has none.
      const full = `${prefix}.${name}`;
      this.#put({
        name: full,
        type,
        ...(prefix === row.name ? { event: row.name } : {}),
        read: { kind: 'value', source: `event.derived(${JSON.stringify(full)})` },
        unavailable: prefix === row.name ? row.unavailable : undefined,
        columns: [],
        own: prefix === row.name,
      });
    }
  }
}

/** The expression of a column, or of a member of its tuple, or of a word of the head. */
function columnSource(row: EventRow, from: string): string {
  const [name, ...members] = from.split('.') as [string, ...string[]];
  const index = Object.keys(row.columns).indexOf(name);
  if (index < 0) return head[name] ?? 'undefined';
  return `event.columns[${index}]${members.length === 0 ? '' : memberSource(row.columns[name]!, members)}`;
}

const head: Readonly<Record<string, string>> = { retval: 'event.retval', nr: 'event.syscall', arch: 'event.arch', duration: 'event.duration', pid: 'event.pid', tid: 'event.tid' };

/** Members of tuples by their names in the recording → as events hold them. */
const renamed: Readonly<Record<string, string>> = {
  links: 'nlink',
  device: 'dev',
  own_path: 'ownPath',
  'content.hashes': 'extra?.hashes',
  'content.size': 'extra?.metadata?.size',
  'content.type': 'extra?.metadata?.type',
  'content.architecture': 'extra?.metadata?.architecture',
  'content.abi': 'extra?.metadata?.abi',
  'content.compression': 'extra?.metadata?.compression',
  'content.flags': 'extra?.metadata',
  no_new_privs: 'noNewPrivileges',
};

function memberSource(column: Column, members: readonly string[]): string {
  void column;
  const name = members.join('.');
  return `.${renamed[name] ?? name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())}`;
}

function columnType(row: EventRow, from: string): string | undefined {
  return from.includes('.') ? undefined : row.columns[from]?.type;
}

function splitType(type: FieldRow['type']): { type: BaseType; multi: boolean } {
  return type.endsWith('[]') ? { type: type.slice(0, -2) as BaseType, multi: true } : { type: type as BaseType, multi: false };
}

function zeroWords(field: Field<Event> | undefined): string {
  if (field?.multi === true) return 'an empty list';
  return field?.type === 'int' ? '0' : field?.type === 'bool' ? 'false' : 'empty';
}

type Reader = (event: Event) => unknown;

/** A reader for people and JSON: not for the fast path. */
function makeReader(field: KnownField, strings: StringTable, iterator: Iterator<Event> | undefined): Reader {
  const { read } = field;
  const raw: (event: Event, item: unknown) => unknown =
    read.kind === 'call' ? (event, item) => read.read(event, item, event.wall) : (new Function('event', 'item', `'use strict'; return (${read.source});`) as (event: Event, item: unknown) => unknown);
  const one = (value: unknown): unknown => {
    if (read.kind === 'string-id') return strings.text((value as number | undefined) ?? 0);
    if (typeof value === 'number') return Number.isSafeInteger(value) ? value : BigInt(Math.trunc(value)).toString();
    return value ?? (field.type === 'int' ? 0 : field.type === 'bool' ? false : '');
  };
  const at = (event: Event, item: unknown): unknown => {
    const value = raw(event, item);
    return field.multi === true ? ((value as readonly unknown[] | undefined | null) ?? []).map(one) : one(value);
  };
  if (iterator === undefined) return (event) => at(event, undefined);
  const first = iterator.walk.kind === 'chain' ? (new Function('event', `'use strict'; return (${iterator.walk.first});`) as (event: Event) => unknown) : () => undefined;
  return (event) => {
    const list: unknown[] = [];
    for (let item = first(event); item !== null && item !== undefined; item = (item as { parent: unknown }).parent) list.push(at(event, item));
    return list;
  };
}

/** Facts that most files lack: shown only when they are there. */
const sparse = /\.(hashes|package\.\w+|metadata\.\w+|mount_visible|mount_detached|in_upper_layer)$/;

function makeFieldsOf(fields: readonly KnownField[], reader: (name: string) => Reader | undefined): (event: Event) => Readonly<Record<string, unknown>> {
  const readers = fields.map((field) => ({ name: field.name, read: reader(field.name)!, sparse: sparse.test(field.name) }));
  return (event) => {
    const found: Record<string, unknown> = {};
    for (const { name, read, sparse: optional } of readers) {
      const value = read(event);
      if (optional && (value === 0 || value === '' || value === false || (Array.isArray(value) && value.length === 0))) continue;
      found[name] = value;
    }
    return found;
  };
}

export { constantGroups };
