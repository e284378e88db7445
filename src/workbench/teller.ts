/** Entries of `events:` taken as processes and columns: what was told of one event, by the words for it. */
import { eventByName, eventRows } from '../catalogue/events.js';
import { type Field, fieldByName } from '../catalogue/fields.js';
import type { Conversion, EventRow } from '../catalogue/row.js';
import { FileFlag } from '../catalogue/tuples.js';
import type { Value } from '../recording/index.js';
import { createModel } from '../rules/index.js';
import { type Diagnostic, diagnostic, type Span } from '../support/diagnostic.js';
import { StringTable } from '../support/strings.js';
import { nearest } from '../support/suggestion.js';
import { carriedColumns } from './carried.js';
import { workbenchCodes } from './codes.js';
import type { Path } from './document.js';
import type { EventEntry } from './testfile.js';
import { isNothing, number } from './toldvalue.js';

const firstPid = 1000;

/** What an entry tells, as columns of a recording. */
export interface Told {
  readonly entry: EventEntry;
  readonly row: EventRow;
  readonly image: Image;
  readonly columns: Columns;
  /** Full name → what it must read as. */
  readonly fields: Map<string, { readonly value: unknown; readonly path: Path }>;
  readonly pid: number;
  retval: number;
}

/** Column → its value, or the members of its tuple. */
export type Columns = Record<string, Value | Record<string, Value>>;

export interface Image {
  readonly pid: number;
  readonly parent: Image | undefined;
  readonly columns: Columns;
  /** An exec event makes it; until then the process runs what its parent runs. */
  made: 'checkpoint' | 'exec' | 'fork';
}

export class Teller {
  readonly diagnostics: Diagnostic[] = [];
  readonly images: Image[] = [];
  readonly users = new Map<
    string,
    { readonly kind: 'user' | 'group'; readonly id: number; readonly name: string }
  >();
  readonly #byKey = new Map<string, Image>();
  #pid = firstPid;

  constructor(readonly at: (path: Path) => Span) {}

  tell(entry: EventEntry, path: Path): Told[] {
    const row = eventByName(entry.type);
    if (row === undefined || row.result === 'derived') {
      const names = eventRows.filter((one) => one.result !== 'derived').map((one) => one.name);
      this.#say(
        row === undefined
          ? `There is no event type "${entry.type}"`
          : `"${entry.type}" is made from "${row.derivedFrom}"; tell that event`,
        [...path, 'type'],
        nearest(entry.type, names, 1),
      );
      return [];
    }
    const { ancestors = [], ...own } = (entry.process ?? {}) as Record<string, unknown> & {
      ancestors?: Record<string, unknown>[];
    };
    const fields: Told['fields'] = new Map();
    const columns: Columns = {};
    let process: Record<string, unknown> = { ...own };
    let retval = entry.retval ?? 0;
    for (const [name, value] of Object.entries(entry.fields ?? {})) {
      const place: Path = [...path, 'fields', name];
      const field = fieldByName(name);
      if (field === undefined || (field.events !== undefined && !field.events.includes(row.name))) {
        this.#say(
          field === undefined
            ? `There is no field "${name}"`
            : `"${name}" is a field of "${field.events?.join('", "')}", not of "${row.name}"`,
          place,
          nearest(name, [...fieldNames(row)], 1),
        );
        continue;
      }
      fields.set(name, { value, path: place });
      if (isNothing(value)) continue;
      if (field.source.kind === 'process' && field.source.of === 'self')
        process = { [field.source.field]: value, ...process };
      else if (field.source.kind === 'process-file' && field.source.of === 'self')
        process = {
          [`${field.source.file === 'file' ? 'file' : 'interpreter.file'}.${shortName(field)}`]: value,
          ...process,
        };
      else if (field.source.kind === 'head' && field.source.word === 'retval') retval = Number(value);
      else if (!carries.has(row.name)) this.#column(columns, row, field, value);
    }
    if (carries.has(row.name)) Object.assign(columns, carriedColumns(row.name, fields));
    for (const [name, value] of Object.entries(own)) {
      if (aliases[name] === undefined && fieldByName(`process.${name}`) !== undefined)
        fields.set(`process.${name}`, { value, path: [...path, 'process', name] });
    }
    if (entry.pid !== undefined && process['pid'] === undefined) process = { ...process, pid: entry.pid };
    const made = row.name === 'exec' ? 'exec' : row.name === 'fork' ? 'fork' : 'checkpoint';
    const image = this.#image(process, ancestors, [...path, 'process'], made);
    return [
      {
        entry,
        row,
        image,
        columns,
        fields,
        retval,
        pid: made === 'fork' ? (image.parent?.pid ?? image.pid) : image.pid,
      },
    ];
  }

  /** The image of a process; the same words mean the same process. */
  #image(
    own: Record<string, unknown>,
    ancestors: readonly Record<string, unknown>[],
    path: Path,
    made: Image['made'],
  ): Image {
    const [next, ...rest] = ancestors;
    const parent =
      next === undefined ? undefined : this.#image(next, rest, [...path, 'ancestors', 0], 'checkpoint');
    const key = JSON.stringify([own['pid'] ?? own, parent?.pid]);
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const pid = typeof own['pid'] === 'number' ? own['pid'] : this.#pid++;
    const columns: Columns = {};
    for (const [name, value] of Object.entries(own))
      this.#process(columns, aliases[name] ?? name, value, [...path, name]);
    const image: Image = { pid, parent, columns, made };
    this.#byKey.set(key, image);
    this.images.push(image);
    return image;
  }

  /** One field of a process (without prefix) onto the columns of its record. */
  #process(columns: Columns, name: string, value: unknown, path: Path): void {
    const field = fieldByName(`process.${name}`);
    if (field === undefined) {
      if (known.has(name)) return;
      this.#say(`A process has no field "${name}"`, path, nearest(name, processNames(), 1));
      return;
    }
    // An effective id of 0 is told beside another real one.
    if (isNothing(value) && ids[name] === undefined) return;
    const file = /^(interpreter\.)?file\.(.+)$/.exec(name);
    if (file !== null) {
      const source = field.source;
      if (source.kind === 'process-file')
        this.#file(
          tuple(columns, file[1] === undefined ? 'file' : 'interpreter'),
          source.member,
          source.as,
          source.mask,
          value,
        );
      return;
    }
    const id = ids[name];
    if (id !== undefined) {
      const credentials = tuple(columns, 'credentials');
      credentials[id] = number(value);
      // What is not told of the effective ids is as of the real ones.
      if (id === 'uid') for (const other of ['euid', 'suid', 'fsuid']) credentials[other] ??= number(value);
      if (id === 'gid') for (const other of ['egid', 'sgid', 'fsgid']) credentials[other] ??= number(value);
      return;
    }
    const named = names[name];
    if (named !== undefined) {
      const credentials = tuple(columns, 'credentials');
      this.users.set(`${named.kind} ${String(value)}`, {
        kind: named.kind,
        id: Number(credentials[named.of] ?? 0),
        name: String(value),
      });
      return;
    }
    const context = contexts[name];
    if (context !== undefined) {
      tuple(columns, 'context')[context] = Array.isArray(value)
        ? value.map(String)
        : typeof value === 'number'
          ? value
          : String(value);
      return;
    }
    if (name === 'argv0')
      columns['argv'] = [String(value), ...((columns['argv'] as string[] | undefined)?.slice(1) ?? [])];
    else if (name === 'args') columns['argv'] ??= [programOf(columns), ...words(String(value))];
    else if (name === 'argv')
      columns['argv'] = [programOf(columns), ...(Array.isArray(value) ? value.map(String) : [String(value)])];
    else if (name === 'envp' || name === 'envs')
      columns['envp'] = Array.isArray(value) ? value.map(String) : [String(value)];
    else if (name === 'tty_name') columns['tty'] = String(value);
    else if (name === 'comm') columns['comm'] = String(value);
    else if (name === 'sid' || name === 'ppid' || name === 'tid') columns[name] = number(value);
    else if (name === 'netns') tuple(columns, 'namespaces')['net'] = number(value);
    else if (name === 'mntns') tuple(columns, 'namespaces')['mnt'] = number(value);
  }

  /** One field of the event onto its columns. Fields without a column of their own are only verified. */
  #column(columns: Columns, row: EventRow, field: Field, value: unknown): void {
    const { source } = field;
    if (source.kind === 'derived') {
      const name = field.name.slice(row.name.length + 1);
      for (const column of [name, ...source.needs]) {
        if (row.columns[column] !== undefined && columns[column] === undefined) {
          columns[column] =
            typeof value === 'number' || typeof value === 'boolean' ? Number(value) : String(value);
          break;
        }
      }
      return;
    }
    if (source.kind !== 'column') return;
    const type = row.columns[source.column]?.type;
    if (type === 'file') {
      this.#file(tuple(columns, source.column), source.member ?? 'path', source.as, source.mask, value);
      return;
    }
    if (type === 'address') {
      this.#address(tuple(columns, source.column), source.member, source.as, value);
      return;
    }
    if (type === 'credentials' || type === 'context' || type === 'namespaces' || type === 'content') {
      tuple(columns, source.column)[source.member ?? ''] = plain(value);
      return;
    }
    switch (source.as) {
      case 'user':
      case 'group':
        this.users.set(`${source.as} ${String(value)}`, {
          kind: source.as,
          id: Number(columns[source.column] ?? 0),
          name: String(value),
        });
        return;
      case 'bit':
        columns[source.column] =
          value === true
            ? Number(columns[source.column] ?? 0) | (source.mask ?? 1)
            : Number(columns[source.column] ?? 0);
        return;
      case 'socket-family':
        columns[source.column] = Number(columns[source.column] ?? 0) | number(value);
        return;
      case 'socket-type':
        columns[source.column] = Number(columns[source.column] ?? 0) | (number(value) << 8);
        return;
      case 'socket-protocol':
        columns[source.column] = Number(columns[source.column] ?? 0) | (number(value) << 16);
        return;
      case 'joined':
        columns[source.column] ??= words(String(value));
        return;
      case 'bool':
        columns[source.column] = value === true ? 1 : number(value);
        return;
      default:
        if (type === 'list')
          columns[source.column] = Array.isArray(value) ? value.map(String) : [String(value)];
        else if (type === 'string') columns[source.column] = String(value);
        else columns[source.column] = number(value);
    }
  }

  #file(
    file: Record<string, Value>,
    member: string,
    as: Conversion | undefined,
    mask: number | undefined,
    value: unknown,
  ): void {
    file['flags'] = Number(file['flags'] ?? 0) | FileFlag.exists;
    if (member.startsWith('content.')) {
      const content = (file['content'] as Record<string, Value> | undefined) ?? {};
      content[member.slice(8)] = plain(value);
      file['content'] = content;
    } else if (as === 'bit')
      file['flags'] = value === true ? Number(file['flags']) | (mask ?? 0) : Number(file['flags']);
    else if (as === 'basename') file['path'] ??= String(value);
    else if (as === 'extension') return;
    else if (as === 'user' || as === 'group')
      this.users.set(`${as} ${String(value)}`, {
        kind: as,
        id: Number(file[as === 'user' ? 'uid' : 'gid'] ?? 0),
        name: String(value),
      });
    else if (as === 'rights') file['mode'] = Number(file['mode'] ?? 0) | number(value);
    else file[member] = member === 'path' || member === 'filesystem' ? String(value) : number(value);
  }

  #address(
    address: Record<string, Value>,
    member: string | undefined,
    as: Conversion | undefined,
    value: unknown,
  ): void {
    if (as === 'ip') {
      const text = String(Array.isArray(value) ? value[0] : value).replace(/\/(32|128)$/, '');
      address['ip'] = text;
      address['family'] ??= number(text.includes(':') ? 'AF_INET6' : 'AF_INET');
    } else if (member !== undefined && as === undefined)
      address[member] = member === 'path' ? String(value) : number(value);
  }

  #say(message: string, path: Path, suggestions: readonly string[]): void {
    this.diagnostics.push(
      diagnostic(workbenchCodes, 'bad-event', message, { span: this.at(path), suggestions }),
    );
  }
}

/** Their fields are read out of the message that they carry. */
const carries: ReadonlySet<string> = new Set(['dns', 'imds']);
/** Names that a line of `inspect --events` uses. */
const aliases: Readonly<Record<string, string>> = { path: 'file.path', container: 'container.id' };
/** Members of such a line that say nothing more. */
const known = new Set(['ancestors']);
const ids: Readonly<Record<string, string>> = Object.fromEntries(
  ['uid', 'gid', 'euid', 'egid', 'fsuid', 'fsgid', 'auid', 'cap_effective', 'cap_permitted'].map((name) => [
    name,
    name,
  ]),
);
const names: Readonly<Record<string, { kind: 'user' | 'group'; of: string }>> = {
  user: { kind: 'user', of: 'uid' },
  euser: { kind: 'user', of: 'euid' },
  fsuser: { kind: 'user', of: 'fsuid' },
  group: { kind: 'group', of: 'gid' },
  egroup: { kind: 'group', of: 'egid' },
  fsgroup: { kind: 'group', of: 'fsgid' },
};
const contexts: Readonly<Record<string, string>> = {
  'cgroup.id': 'cgroup',
  'cgroup.version': 'cgroup_version',
  'cgroup.file.inode': 'cgroup_inode',
  'cgroup.file.mount_id': 'cgroup_mount_id',
  'container.id': 'container_id',
  'container.created_at': 'container_created',
  'container.tags': 'container_tags',
  'user_session.ssh_username': 'ssh_username',
  'user_session.ssh_port': 'ssh_port',
  'user_session.ssh_client_ip': 'ssh_client_ip',
  'user_session.ssh_auth_method': 'ssh_auth_method',
  'user_session.ssh_public_key': 'ssh_public_key',
};

function tuple(columns: Columns, name: string): Record<string, Value> {
  const known_ = columns[name];
  if (known_ !== undefined && typeof known_ === 'object') return known_ as Record<string, Value>;
  const made: Record<string, Value> = {};
  columns[name] = made;
  return made;
}

const plain = (value: unknown): Value =>
  Array.isArray(value)
    ? value.map(String)
    : typeof value === 'number'
      ? value
      : typeof value === 'boolean'
        ? Number(value)
        : String(value);
const words = (text: string): string[] => (text === '' ? [] : text.split(' '));
const programOf = (columns: Columns): string =>
  (
    (columns['argv'] as string[] | undefined)?.[0] ??
    String((columns['file'] as Record<string, Value> | undefined)?.['path'] ?? '')
  )
    .split('/')
    .at(-1)!;
/** `path` of `process.interpreter.file.path`. */
const shortName = (field: Field): string => field.name.slice(field.name.lastIndexOf('file.') + 5);

function* fieldNames(row: EventRow): Generator<string> {
  const model = createModel(new StringTable());
  for (const name of model.fieldNames())
    if (name.startsWith(`${row.name}.`) || name.startsWith('process.')) yield name;
}

function processNames(): string[] {
  return [...createModel(new StringTable()).fieldNames()]
    .filter(
      (name) =>
        name.startsWith('process.') &&
        !name.startsWith('process.ancestors.') &&
        !name.startsWith('process.parent.'),
    )
    .map((name) => name.slice(8));
}
