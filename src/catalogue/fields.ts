/**
 * The flat list of fields that rules see, with the source of each value. `scope` of rules, `list fields`,
 * docs/fields.md and completion are made from it.
 *
 * `.length` (of texts and lists) and `.root_domain` are suffixes of the language, not fields.
 */
import { type CommonFieldName, type ContextFieldRow, commonFields, type FileFieldRow, fileFields, type NetworkFieldName, networkFields, type ProcessFieldName, processFields } from './context.js';
import { eventRows } from './events.js';
import type { Conversion, EventRow, FieldType } from './row.js';

export type FieldSource =
  /** A word of the event's head. */
  | { readonly kind: 'head'; readonly word: 'retval' | 'nr' | 'arch' | 'duration' }
  /** A column (its index in the row), a member of its tuple (`mode`, `content.hashes`), a conversion. */
  | { readonly kind: 'column'; readonly column: string; readonly index: number; readonly member?: string; readonly as?: Conversion; readonly mask?: number }
  /** A field of a process: which process, and which field of it. */
  | { readonly kind: 'process'; readonly of: ProcessOf; readonly field: ProcessFieldName }
  /** A field of a file of a process. */
  | { readonly kind: 'process-file'; readonly of: ProcessOf; readonly file: 'file' | 'interpreter'; readonly member: string; readonly as?: Conversion; readonly mask?: number }
  | { readonly kind: 'common'; readonly field: CommonFieldName }
  /** Of the message of the event: columns server, local, direction, socket, message. */
  | { readonly kind: 'network'; readonly field: NetworkFieldName }
  /** A function of the probe with the field's full name. */
  | { readonly kind: 'derived'; readonly needs: readonly string[] }
  | { readonly kind: 'unavailable'; readonly reason: string };

/** `target`: the second process of the event (tracee of ptrace, target of a signal). */
export type ProcessOf = 'self' | 'parent' | 'ancestors' | 'target' | 'target-parent' | 'target-ancestors';

export interface Field {
  readonly name: string;
  readonly type: FieldType;
  readonly doc: string;
  /** Events that have it; undefined: every event. */
  readonly events: readonly string[] | undefined;
  readonly source: FieldSource;
  /** The name of the list that is walked, such as `process.ancestors`: one value for each ancestor. */
  readonly iterator?: string;
  /** A pattern on it is a path glob. */
  readonly path?: true;
  readonly ignoreCase?: true;
  readonly constants?: string;
}

type Traits = Pick<Field, 'path' | 'ignoreCase' | 'constants'>;

function traits(row: { readonly path?: true; readonly ignoreCase?: true; readonly constants?: string }): Traits {
  return {
    ...(row.path === undefined ? {} : { path: row.path }),
    ...(row.ignoreCase === undefined ? {} : { ignoreCase: row.ignoreCase }),
    ...(row.constants === undefined ? {} : { constants: row.constants }),
  };
}

function conversion(row: { readonly as?: Conversion; readonly mask?: number }): { as?: Conversion; mask?: number } {
  return { ...(row.as === undefined ? {} : { as: row.as }), ...(row.mask === undefined ? {} : { mask: row.mask }) };
}

const under = (prefix: string, name: string): string => (prefix === '' || name === '' ? `${prefix}${name}` : `${prefix}.${name}`);

/** The rows of context.ts with their optional members. */
type Named<Name extends string> = readonly (ContextFieldRow & { readonly name: Name })[];
const processRows: Named<ProcessFieldName> = processFields;
const commonRows: Named<CommonFieldName> = commonFields;
const networkRows: Named<NetworkFieldName> = networkFields;
const fileRows: readonly FileFieldRow[] = fileFields;

/** The fields of a process under `prefix`. */
function ofProcess(prefix: string, of: ProcessOf, events: readonly string[] | undefined): Field[] {
  const iterator = of === 'ancestors' || of === 'target-ancestors' ? { iterator: prefix } : {};
  const plain = processRows.map(
    (row): Field => ({
      name: under(prefix, row.name),
      type: row.type,
      doc: row.doc,
      events,
      source: row.unavailable === undefined ? { kind: 'process', of, field: row.name } : { kind: 'unavailable', reason: row.unavailable },
      ...iterator,
      ...traits(row),
    }),
  );
  const files = (['file', 'interpreter'] as const).flatMap((file) =>
    fileRows.map((row): Field => {
      const name = file === 'file' ? `file.${row.name}` : `interpreter.file.${row.name}`;
      return {
        name: under(prefix, name),
        type: row.type,
        doc: `${file === 'file' ? 'Program' : 'Interpreter'}: ${row.doc}`,
        events,
        source: { kind: 'process-file', of, file, member: row.member, ...conversion(row) },
        ...iterator,
        ...traits(row),
      };
    }),
  );
  return [...plain, ...files];
}

function columnSource(row: EventRow, from: string, given: { readonly as?: Conversion; readonly mask?: number }): FieldSource {
  const [column = '', ...members] = from.split('.');
  if (column === 'retval' || column === 'nr' || column === 'arch' || column === 'duration') return { kind: 'head', word: column };
  return {
    kind: 'column',
    column,
    index: Object.keys(row.columns).indexOf(column),
    ...(members.length === 0 ? {} : { member: members.join('.') }),
    ...conversion(given),
  };
}

const addressFields = [
  { name: 'ip', type: 'cidr', doc: 'IP address.', as: 'ip' },
  { name: 'port', type: 'int', doc: 'Port.', member: 'port' },
  { name: 'is_public', type: 'bool', doc: 'The address is public: not private, not local, not reserved.', as: 'public' },
  { name: 'family', type: 'int', doc: 'Family (AF_*).', member: 'family', constants: 'address-family' },
  { name: 'path', type: 'string', doc: 'Path of a Unix socket; an abstract name begins with `@`.', member: 'path', path: true },
  { name: 'hostname', type: 'string[]', doc: 'Names for which a DNS answer that was seen before gave this address.', as: 'hostnames', ignoreCase: true },
] as const;

function ofEvent(row: EventRow): Field[] {
  const events = [row.name];
  const fields: Field[] = [];
  const unavailable = row.unavailable === undefined ? undefined : ({ kind: 'unavailable', reason: row.unavailable } as const);
  for (const [name, given] of Object.entries(row.fields)) {
    const source: FieldSource =
      given.unavailable !== undefined
        ? { kind: 'unavailable', reason: given.unavailable }
        : given.from === 'derived'
          ? { kind: 'derived', needs: given.needs ?? [] }
          : columnSource(row, given.from, given);
    fields.push({ name: under(row.name, name), type: given.type, doc: given.doc, events, source, ...traits(given) });
  }
  for (const [prefix, column] of Object.entries(row.files ?? {})) {
    for (const file of fileRows) {
      fields.push({
        name: under(row.name, under(prefix, file.name)),
        type: file.type,
        doc: file.doc,
        events,
        source: columnSource(row, `${column}.${file.member}`, file),
        ...traits(file),
      });
    }
  }
  for (const [prefix, column] of Object.entries(row.addresses ?? {})) {
    for (const part of addressFields) {
      const given: { readonly member?: string; readonly as?: Conversion; readonly path?: true; readonly ignoreCase?: true; readonly constants?: string } = part;
      const from = given.member === undefined ? column : `${column}.${given.member}`;
      fields.push({
        name: under(row.name, under(prefix, part.name)),
        type: part.type,
        doc: part.doc,
        events,
        source: columnSource(row, from, given),
        ...traits(given),
      });
    }
  }
  for (const [prefix, of] of Object.entries(row.processes ?? {})) {
    const name = under(row.name, prefix);
    fields.push(...ofProcess(name, of === 'self' ? 'self' : 'target', events));
    if (of !== 'self') {
      fields.push(...ofProcess(`${name}.parent`, 'target-parent', events), ...ofProcess(`${name}.ancestors`, 'target-ancestors', events));
    }
  }
  return unavailable === undefined ? fields : fields.map((field) => ({ ...field, source: unavailable }));
}

/** `network.*` stands under one name for several events; `packet.*` under the event's own. */
function ofMessages(): Field[] {
  const prefixes = new Map<string, EventRow[]>();
  for (const row of eventRows) {
    if (row.network !== undefined) prefixes.set(row.network, [...(prefixes.get(row.network) ?? []), row]);
  }
  return [...prefixes].flatMap(([prefix, rows]) =>
    networkRows.map((given): Field => {
      const reason = given.unavailable ?? rows.find((row) => row.unavailable !== undefined)?.unavailable;
      return {
        name: under(prefix, given.name),
        type: given.type,
        doc: given.doc,
        events: rows.map((row) => row.name),
        source: reason === undefined ? { kind: 'network', field: given.name } : { kind: 'unavailable', reason },
        ...traits(given),
      };
    }),
  );
}

function ofAll(): Field[] {
  return commonRows.map(
    (row): Field => ({
      name: row.name,
      type: row.type,
      doc: row.doc,
      events: undefined,
      source: row.unavailable === undefined ? { kind: 'common', field: row.name } : { kind: 'unavailable', reason: row.unavailable },
    }),
  );
}

/** Every field: first those of all events, then those of each event in the order of ids. */
export const allFields: readonly Field[] = [
  ...ofAll(),
  ...ofProcess('process', 'self', undefined),
  ...ofProcess('process.parent', 'parent', undefined),
  ...ofProcess('process.ancestors', 'ancestors', undefined),
  ...ofMessages(),
  ...eventRows.flatMap(ofEvent),
];

const byName = new Map<string, Field>();
for (const field of allFields) if (!byName.has(field.name)) byName.set(field.name, field);

export function fieldByName(name: string): Field | undefined {
  return byName.get(name);
}

const byEvent = new Map<string, readonly Field[]>();

/** The fields of one event's own (`open.flags`, `network.size` of dns), without those of every event. */
export function fieldsOfEvent(event: string): readonly Field[] {
  let found = byEvent.get(event);
  if (found === undefined) {
    found = allFields.filter((field) => field.events?.includes(event) === true);
    byEvent.set(event, found);
  }
  return found;
}
