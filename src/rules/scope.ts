/**
 * Where the catalogue and the language meet: the model that rules are checked and compiled against. Every
 * field that is known has a row here, also those that nothing can fill (they read as zero).
 */
import { constants } from '../catalogue/constants.js';
import { derivedFields } from '../catalogue/derived.js';
import type { Event, FileFacts, Process } from '../catalogue/event.js';
import { eventByName } from '../catalogue/events.js';
import {
  allFields,
  type Field as CatalogueField,
  type FieldSource as CatalogueSource,
  fieldByName,
  fieldsOfEvent,
  type ProcessOf,
} from '../catalogue/fields.js';
import type { Conversion, FieldType } from '../catalogue/row.js';
import { FileFlag } from '../catalogue/tuples.js';
import type { BaseType, Field, Iterator, Model, Read, TextSemantics } from '../language/index.js';
import type { StringTable } from '../support/strings.js';
import { nearest } from '../support/suggestion.js';
import { conversions } from './conversion.js';
import { legacyFields } from './legacy.js';
import { commonSources, contentFlags, type FieldSource, fileMembers, processSources } from './sources.js';

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
  /** The file that the fields `${name}.path`, `${name}.inode`, … tell of; undefined: the event has none. */
  file(name: string, event: Event): FileFacts | undefined;
  /** All fields of the event's own type that can hold a value, by SECL name. Empty facts of packages and content are left out. */
  fieldsOf(event: Event): Readonly<Record<string, unknown>>;
  /** Name of the group of constants (`open-flags`) that make the field's values readable. */
  constantsOf(field: string): string | undefined;
}

/** A field with what the catalogue says of it. */
interface KnownField extends Field<Event> {
  readonly doc: string;
  readonly unavailable: string | undefined;
  readonly columns: readonly string[];
  /** Stands in the `fields` member of a line of JSON. */
  readonly own: boolean;
  /** … only when it is not empty: most lack it. */
  readonly sparse: boolean;
}

/** Builds the model over the run's strings; fields are made when they are first asked for. */
export function createModel(strings: StringTable): ProductModel {
  const build = new FieldBuilder(strings);
  const readers = new Map<string, Reader>();
  const files = new Map<string, (event: Event) => FileFacts | undefined>();
  const byEvent = new Map<string, (event: Event) => Readonly<Record<string, unknown>>>();
  const reader = (name: string): Reader | undefined => {
    let found = readers.get(name);
    const field = build.field(name);
    if (found === undefined && field !== undefined) {
      found = makeReader(
        field,
        strings,
        field.iterator === undefined ? undefined : build.iterator(field.iterator),
      );
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
    field: (name) => build.field(name),
    iterator: (name) => build.iterator(name),
    *fieldNames() {
      for (const field of allFields) yield field.name;
    },
    unavailable: (name) => build.field(name)?.unavailable,
    unavailableEvent: (type) => eventByName(type)?.unavailable,
    zeroOf: (name) => zeroWords(build.field(name)),
    suggest: (name) =>
      nearest(
        name,
        allFields.map((field) => field.name),
      ).map((near) => `"${near}"`),
    columnsOf: (name) => build.field(name)?.columns ?? [],
    constantsOf: (name) => build.field(name)?.constants,
    read: (name, event) => reader(name)?.(event),
    file: (name, event) => {
      let found = files.get(name);
      if (found === undefined) {
        found = makeFile(build.field(`${name}.inode`));
        files.set(name, found);
      }
      return found(event);
    },
    fieldsOf(event) {
      let all = byEvent.get(event.type);
      if (all === undefined) {
        const fields = fieldsOfEvent(event.type).map((row) => build.field(row.name)!);
        all = makeFieldsOf(
          fields.filter((field) => field.own && field.unavailable === undefined),
          reader,
        );
        byEvent.set(event.type, all);
      }
      return all(event);
    },
  };
}

/** Where a process stands in the code that reads it; `?` at the end: it may be missing. */
const processAt: Readonly<Record<ProcessOf, string>> = {
  self: 'event.process',
  parent: 'event.process.parent?',
  ancestors: 'item',
  target: 'event.target?',
  'target-parent': 'event.target?.parent?',
  'target-ancestors': 'item',
};

class FieldBuilder {
  readonly #fields = new Map<string, KnownField>();
  readonly #iterators = new Map<string, Iterator<Event>>();

  constructor(readonly strings: StringTable) {}

  field(name: string): KnownField | undefined {
    let field = this.#fields.get(name);
    if (field !== undefined) return field;
    const row = fieldByName(name);
    if (row === undefined) return undefined;
    field = this.#make(row, this.#read(row));
    this.#fields.set(name, field);
    return field;
  }

  /** The walk up from a process; its sub-fields are those of the catalogue that name it. */
  iterator(name: string): Iterator<Event> | undefined {
    if (!name.endsWith('.ancestors')) return undefined;
    const found = this.#iterators.get(name);
    if (found !== undefined) return found;
    const row = fieldByName(`${name}.pid`);
    if (row?.iterator !== name || row.source.kind === 'unavailable')
      return row?.iterator === name ? this.#iterator(name, row, 'undefined') : undefined;
    const of = row.source.kind === 'process' ? row.source.of : 'ancestors';
    return this.#iterator(
      name,
      row,
      of === 'target-ancestors' ? 'event.target?.parent' : 'event.process.parent',
    );
  }

  #iterator(name: string, row: CatalogueField, first: string): Iterator<Event> {
    const iterator: Iterator<Event> = {
      name,
      ...(row.events?.length === 1 ? { event: row.events[0]! } : {}),
      walk: { kind: 'chain', first, next: 'item.parent' },
      memo: 'item.memo',
      weight: 2000,
    };
    this.#iterators.set(name, iterator);
    return iterator;
  }

  #make(row: CatalogueField, read: ReadOf): KnownField {
    const { type, multi } = splitType(row.type);
    const event = row.events?.length === 1 ? row.events[0] : undefined;
    const { source } = row;
    return {
      name: row.name,
      type,
      ...(multi ? { multi: true } : {}),
      ...(event === undefined ? {} : { event }),
      ...(row.events === undefined || row.events.length < 2 ? {} : { events: row.events }),
      ...(row.iterator === undefined ? {} : { iterator: row.iterator }),
      ...(type === 'string' ? { text: textOf(row, read) } : {}),
      ...(read.fixed === true ? { fixed: true } : {}),
      ...(row.constants === undefined ? {} : { constants: row.constants }),
      read: read.read,
      doc: row.doc,
      unavailable: source.kind === 'unavailable' ? source.reason : undefined,
      columns: source.kind === 'column' ? [source.column] : source.kind === 'derived' ? source.needs : [],
      own:
        source.kind !== 'common' &&
        (!(source.kind === 'process' || source.kind === 'process-file') ||
          (event !== undefined && (source.of === 'self' || source.of === 'target'))),
      sparse: source.kind === 'process' || source.kind === 'process-file' || sparse.test(row.name),
    };
  }

  #read(row: CatalogueField): ReadOf {
    const { source } = row;
    switch (source.kind) {
      case 'unavailable':
        return { read: { kind: 'value', source: 'undefined' } };
      case 'head':
        return { read: { kind: 'value', source: head[source.word] } };
      case 'derived':
        return { read: derivedRead(row.name, this.strings) };
      case 'network':
        return { read: derivedRead(row.name, this.strings) };
      case 'common':
        return {
          read:
            source.field === 'event.service'
              ? serviceRead(this.strings)
              : readOf(commonSources[source.field]),
        };
      case 'process': {
        const given: FieldSource = processSources[source.field];
        return {
          read: readOf(given, processAt[source.of]),
          ...(given.fixed === true ? { fixed: true } : {}),
        };
      }
      case 'process-file': {
        const place = `${processAt[source.of]}.${source.file}`;
        const aliases =
          source.file !== 'file'
            ? undefined
            : row.name.endsWith('file.path')
              ? 'aliases'
              : row.name.endsWith('file.name')
                ? 'aliasNames'
                : undefined;
        return {
          read: fileRead(place, source, row, this.strings, processAt[source.of]),
          // Names of users can change while the image lives, and facts of content come late.
          ...(source.as === 'user' || source.as === 'group' || source.member.startsWith('content')
            ? {}
            : { fixed: true }),
          ...(aliases === undefined ? {} : { aliases: `${processAt[source.of]}.${aliases}` }),
        };
      }
      case 'column':
        return { read: columnRead(source, row, this.strings) };
    }
  }
}

interface ReadOf {
  readonly read: Read<Event>;
  readonly fixed?: boolean;
  /** Further values for equality: an expression that gives a list of string numbers. */
  readonly aliases?: string;
}

type ColumnSource = Extract<CatalogueSource, { kind: 'column' }>;
type FilePart = { readonly member?: string; readonly as?: Conversion; readonly mask?: number };

const head = {
  retval: 'event.retval',
  nr: 'event.syscall',
  arch: 'event.arch',
  duration: 'event.duration',
} as const;

function readOf(given: FieldSource, at = ''): Read<Event> {
  return {
    kind: given.ids === true ? 'string-id' : 'value',
    source: given.source.replaceAll('$.', `${at}.`),
  };
}

/** A member of a file tuple that stands at `at`. */
function fileRead(
  at: string,
  part: FilePart,
  row: CatalogueField,
  strings: StringTable,
  process = 'event.process',
): Read<Event> {
  const member = part.member ?? 'path';
  if (part.as === 'basename') return { kind: 'string-id', source: `${at}.name` };
  if (part.as === 'extension') return { kind: 'string-id', source: `${at}.extension` };
  if (part.as === 'user' || part.as === 'group')
    return {
      kind: 'string-id',
      source: `event.world.${part.as}(${at}.${member}, ${process}.namespaces.mnt)`,
    };
  if (member === 'content.flags')
    return { kind: 'value', source: `${at}.${contentFlags[part.mask ?? 0] ?? 'extra?.metadata?.flags'}` };
  // A memory file has a name (`memfd:NAME`) and no path, as in the reference.
  if (member === 'path' && part.as === undefined)
    return { kind: 'string-id', source: `(${at}.flags & ${FileFlag.memfd}) === 0 ? ${at}.path : 0` };
  const source = `${at}.${fileMembers[member] ?? member}`;
  if (part.as !== undefined) return conversions[part.as](source, part.mask, strings);
  return { kind: row.type.startsWith('string') ? 'string-id' : 'value', source };
}

function columnRead(source: ColumnSource, row: CatalogueField, strings: StringTable): Read<Event> {
  const at = `event.columns[${source.index}]`;
  const column = Object.values(eventByName(row.events?.[0] ?? '')?.columns ?? {})[source.index];
  if (column?.type === 'file') return fileRead(at, source, row, strings);
  if (column?.type === 'content') return contentRead(at, source, row);
  const member = source.member === undefined ? at : `${at}.${camel(source.member)}`;
  if (source.as !== undefined) return conversions[source.as](member, source.mask, strings);
  if (column?.type === 'list') return { kind: 'string-id', source: `${member}.items` };
  if (row.type === 'bool') return { kind: 'value', source: `!!${member}` };
  return {
    kind: row.type.startsWith('string') || row.type === 'cidr' ? 'string-id' : 'value',
    source: member,
  };
}

/** A member of the facts of a file's content, which stand in a column of their own. */
function contentRead(at: string, part: FilePart, row: CatalogueField): Read<Event> {
  const member =
    part.member === 'flags' ? contentFlags[part.mask ?? 0] : fileMembers[`content.${part.member ?? ''}`];
  return {
    kind: row.type.startsWith('string') ? 'string-id' : 'value',
    source: `${at}?.${(member ?? 'extra?.hashes').slice('extra?.'.length)}`,
  };
}

function camel(name: string): string {
  return name === 'no_new_privs'
    ? 'noNewPrivileges'
    : name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function derivedRead(name: string, strings: StringTable): Read<Event> {
  const derive = derivedFields.get(name);
  return derive === undefined
    ? { kind: 'value', source: `event.derived(${JSON.stringify(name)})` }
    : { kind: 'call', read: (event) => derive(event, strings) };
}

/** DD_SERVICE of the process, or of its nearest ancestor that has one. */
function serviceRead(strings: StringTable): Read<Event> {
  const known = new WeakMap<Process, string>();
  const find = (image: Process | null): string => {
    if (image === null) return '';
    let service = known.get(image);
    if (service === undefined) {
      const own = image.envp.items
        .map((id) => strings.text(id))
        .find((item) => item.startsWith('DD_SERVICE='));
      service = own === undefined ? find(image.parent) : own.slice('DD_SERVICE='.length);
      known.set(image, service);
    }
    return service;
  };
  return { kind: 'call', read: (event) => find(event.process) };
}

function textOf(row: CatalogueField, read: ReadOf): TextSemantics {
  return {
    ...(row.path === true ? { glob: true } : {}),
    ...(row.ignoreCase === true ? { fold: true } : {}),
    ...(read.aliases === undefined
      ? {}
      : { aliases: [{ read: { kind: 'string-id', source: read.aliases }, multi: true }] }),
  };
}

function splitType(type: FieldType): { type: BaseType; multi: boolean } {
  return type.endsWith('[]')
    ? { type: type.slice(0, -2) as BaseType, multi: true }
    : { type: type as BaseType, multi: false };
}

function zeroWords(field: Field<Event> | undefined): string {
  if (field?.multi === true) return 'an empty list';
  return field?.type === 'int' ? '0' : field?.type === 'bool' ? 'false' : 'empty';
}

type Reader = (event: Event) => unknown;

/** A reader for people and JSON: not for the fast path. */
/** `inode` is read straight from the facts of its file, whatever holds them. */
function makeFile(inode: KnownField | undefined): (event: Event) => FileFacts | undefined {
  const place =
    inode?.read.kind === 'value' && inode.iterator === undefined
      ? /^(.*)\.inode$/.exec(inode.read.source)?.[1]
      : undefined;
  if (place === undefined) return () => undefined;
  return new Function('event', `'use strict'; return (${place});`) as (event: Event) => FileFacts | undefined;
}

function makeReader(field: KnownField, strings: StringTable, iterator: Iterator<Event> | undefined): Reader {
  const { read } = field;
  const raw: (event: Event, item: unknown) => unknown =
    read.kind === 'call'
      ? (event, item) => read.read(event, item, event.wall)
      : (new Function('event', 'item', `'use strict'; return (${read.source});`) as (
          event: Event,
          item: unknown,
        ) => unknown);
  const one = (value: unknown): unknown => {
    if (read.kind === 'string-id') return strings.text((value as number | undefined) ?? 0);
    if (typeof value === 'number')
      return Number.isSafeInteger(value) ? value : BigInt(Math.trunc(value)).toString();
    return value ?? (field.type === 'int' ? 0 : field.type === 'bool' ? false : '');
  };
  const at = (event: Event, item: unknown): unknown => {
    const value = raw(event, item);
    return field.multi === true
      ? ((value as readonly unknown[] | undefined | null) ?? []).map(one)
      : one(value);
  };
  if (iterator === undefined) return (event) => at(event, undefined);
  const first =
    iterator.walk.kind === 'chain'
      ? (new Function('event', `'use strict'; return (${iterator.walk.first});`) as (event: Event) => unknown)
      : () => undefined;
  return (event) => {
    const list: unknown[] = [];
    for (
      let item = first(event);
      item !== null && item !== undefined;
      item = (item as { parent: unknown }).parent
    )
      list.push(at(event, item));
    return list;
  };
}

/** Facts that most files lack: shown only when they are there. */
const sparse = /\.(hashes|package\.\w+|metadata\.\w+|mount_visible|mount_detached|in_upper_layer)$/;

function makeFieldsOf(
  fields: readonly KnownField[],
  reader: (name: string) => Reader | undefined,
): (event: Event) => Readonly<Record<string, unknown>> {
  const readers = fields.map((field) => ({
    name: field.name,
    read: reader(field.name)!,
    sparse: field.sparse,
  }));
  return (event) => {
    const found: Record<string, unknown> = {};
    for (const { name, read, sparse: optional } of readers) {
      const value = read(event);
      if (
        optional &&
        (value === 0 || value === '' || value === false || (Array.isArray(value) && value.length === 0))
      )
        continue;
      found[name] = value;
    }
    return found;
  };
}
