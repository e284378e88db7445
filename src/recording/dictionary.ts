/**
 * The dictionary of an epoch: strings as numbers of the run's table, tuples as plain objects, each
 * decoded once, when its frame is read. Ids index arrays whose member 0 is the absent one.
 */
import ipaddr from 'ipaddr.js';
import { noAddress, noContext, noCredentials, noList, noNamespaces } from '../catalogue/absent.js';
import type { Address, Context, Credentials, FileExtra, Namespaces, StringList, UserSession } from '../catalogue/event.js';
import type { Schema } from '../catalogue/header.js';
import { columnWords } from '../catalogue/row.js';
import { ContentFlag, type TupleName, tupleRows } from '../catalogue/tuples.js';
import type { StringId, StringTable } from '../support/strings.js';
import { Damage } from './damage.js';
import { FileStore } from './files.js';
import { LIST, limits, TUPLE_HEAD } from './format.js';

const TWO32 = 4294967296;
/** What a directory that a text implies takes beside its characters. */
const directoryCost = 32;

/** Member → word offset in the content of a tuple, −1 where the header does not have it. */
type Offsets = Readonly<Record<string, number>>;

/** Where the members that refer to something stand in tuples of files. */
interface FileOffsets {
  readonly path: number;
  readonly own_path: number;
  readonly filesystem: number;
  readonly content: number;
}

/** A tuple kind that this version knows, as the header lays it out. */
interface Layout {
  readonly name: TupleName;
  readonly at: Offsets;
  readonly words: number;
}

function layouts(schema: Schema): Map<number, Layout> {
  const found = new Map<number, Layout>();
  for (const row of schema.tuples) {
    const ours = tupleRows.find((known) => known.name === row.name);
    if (ours === undefined || row.id === LIST) continue;
    const at: Record<string, number> = Object.fromEntries(Object.keys(ours.columns).map((name) => [name, -1]));
    let words = 0;
    for (const column of row.columns) {
      if (at[column.name] === -1) at[column.name] = words;
      words += columnWords[column.type] ?? 1;
    }
    found.set(row.id, { name: ours.name, at, words });
  }
  return found;
}

export class Dictionary {
  readonly strings: StringTable;
  /** Stream id → number in the run's table. */
  ids = new Uint32Array(1024);
  /** Stream id → 1 when the string was cut. */
  cut = new Uint8Array(1024);
  #composed = new Uint32Array(1024);
  count = 0;

  readonly lists: StringList[] = [noList];
  readonly files: FileStore;
  readonly #fileOffsets: FileOffsets;
  readonly credentials: Credentials[] = [noCredentials];
  readonly namespaces: Namespaces[] = [noNamespaces];
  readonly contexts: Context[] = [noContext];
  readonly addresses: Address[] = [noAddress];
  readonly contents: (FileExtra | undefined)[] = [undefined];
  /** Tuples of kinds that this version does not know: counted, so that their ids are checked. */
  readonly #others = new Map<number, number>();
  readonly #layouts: Map<number, Layout>;
  /** Characters that were added to the table of strings. */
  #text = 0;
  constructor(strings: StringTable, schema: Schema) {
    this.strings = strings;
    strings.hold(this);
    this.#layouts = layouts(schema);
    const offsets = [...this.#layouts.values()].find((layout) => layout.name === 'file')?.at ?? {};
    const { path = -1, own_path = -1, filesystem = -1, content = -1 } = offsets;
    this.#fileOffsets = { path, own_path, filesystem, content };
    this.files = new FileStore(strings, offsets);
  }

  /** All that an epoch has told of is kept until the next begins. */
  keep(mark: (id: StringId) => void): void {
    for (let id = 1; id <= this.count; id++) mark(this.ids[id]!);
    for (const address of this.addresses) mark(address.ip);
  }

  /** What earlier epochs had added to the table is gone, so they no longer count. */
  forget(): void {
    this.#text = 0;
  }

  /** A new epoch: all ids begin again. */
  clear(): void {
    this.count = 0;
    this.lists.length = 1;
    this.files.clear();
    this.credentials.length = 1;
    this.namespaces.length = 1;
    this.contexts.length = 1;
    this.addresses.length = 1;
    this.contents.length = 1;
    this.#others.clear();
  }

  /** Takes a STRING frame of `words` words at word `at`; `bytes` is the same memory. */
  string(frame: Uint32Array, bytes: Buffer, at: number, words: number, info: number): void {
    if (words < 6) throw new Damage(at, 'a string frame is too short');
    const id = frame[at + 2]!;
    const stored = frame[at + 3]!;
    const original = frame[at + 4]!;
    const parent = frame[at + 5]!;
    if (id !== this.count + 1) throw new Damage(at, `string ${id} is defined where ${this.count + 1} is due`);
    if (id > limits.ids) throw new Damage(at, `an epoch defines more than ${limits.ids} strings`, 'recording-too-large');
    if (stored > words * 4 - 24) throw new Damage(at, `string ${id} is longer than its frame`);
    if (info > 1 || (info === 0) !== (parent === 0)) throw new Damage(at, `string ${id} is of an unknown form`);
    const start = (at + 6) * 4;
    const end = start + stored;
    let composed = stored;
    let number: StringId;
    const before = this.strings.added;
    if (info === 0) {
      number = this.strings.internWhole(bytes, start, end);
    } else {
      if (parent > this.count) throw new Damage(at, `string ${id} refers to string ${parent}, which is not defined`);
      composed += this.#composed[parent]! + 1;
      if (composed > limits.composed) throw new Damage(at, `string ${id} is a path of more than ${limits.composed} bytes`);
      number = this.strings.internUnder(this.ids[parent]!, bytes, start, end);
    }
    const added = this.strings.added - before;
    if (added > 0) {
      this.#text += composed + (added - 1) * directoryCost;
      if (this.#text > limits.text) throw new Damage(at, `the recording holds more than ${limits.text} characters of distinct text`, 'recording-too-large');
    }
    if (id >= this.ids.length) this.#grow();
    this.ids[id] = number;
    this.#composed[id] = composed;
    this.cut[id] = composed < original ? 1 : 0;
    this.count = id;
  }

  #grow(): void {
    const length = this.ids.length * 2;
    const ids = new Uint32Array(length);
    ids.set(this.ids);
    const cut = new Uint8Array(length);
    cut.set(this.cut);
    const composed = new Uint32Array(length);
    composed.set(this.#composed);
    this.ids = ids;
    this.cut = cut;
    this.#composed = composed;
  }

  #number(id: number, at: number): StringId {
    if (id > this.count) throw new Damage(at, `string ${id} is not defined`);
    return id === 0 ? 0 : this.ids[id]!;
  }

  /** Takes a TUPLE frame. */
  tuple(frame: Uint32Array, at: number, words: number, kind: number): void {
    if (words < TUPLE_HEAD) throw new Damage(at, 'a tuple frame is too short');
    const id = frame[at + 2]!;
    if (id > limits.ids) throw new Damage(at, `an epoch defines more than ${limits.ids} tuples of a kind`, 'recording-too-large');
    if (kind === LIST) {
      this.#due(id, this.lists.length, 'list', at);
      this.lists.push(this.#list(frame, at, words));
      return;
    }
    const layout = this.#layouts.get(kind);
    if (layout === undefined) {
      const due = (this.#others.get(kind) ?? 0) + 1;
      this.#due(id, due, 'tuple', at);
      this.#others.set(kind, due);
      return;
    }
    if (words < TUPLE_HEAD + layout.words) throw new Damage(at, `a ${layout.name} tuple is too short`);
    const base = at + TUPLE_HEAD;
    switch (layout.name) {
      case 'file':
        this.#due(id, this.files.count + 1, 'file', at);
        this.#file(frame, base, this.#fileOffsets, at);
        break;
      case 'credentials':
        this.#due(id, this.credentials.length, 'credentials', at);
        this.credentials.push(this.#credentials(frame, base, layout.at, at));
        break;
      case 'namespaces':
        this.#due(id, this.namespaces.length, 'namespaces', at);
        this.namespaces.push(namespaces(frame, base, layout.at));
        break;
      case 'context':
        this.#due(id, this.contexts.length, 'context', at);
        this.contexts.push(this.#context(frame, base, layout.at, at));
        break;
      case 'address':
        this.#due(id, this.addresses.length, 'address', at);
        this.addresses.push(this.#address(frame, base, layout.at, at));
        break;
      case 'content':
        this.#due(id, this.contents.length, 'content', at);
        this.contents.push(this.#content(frame, base, layout.at, at));
        break;
      case 'list':
        break;
    }
  }

  #due(id: number, due: number, what: string, at: number): void {
    if (id !== due) throw new Damage(at, `${what} ${id} is defined where ${due} is due`);
  }

  #list(frame: Uint32Array, at: number, words: number): StringList {
    const total = words > 3 ? frame[at + 3]! : 0;
    const stored = words > 4 ? frame[at + 4]! : 0;
    if (stored > words - 5 || stored > total) throw new Damage(at, 'a list has more members than its frame');
    const items = new Array<StringId>(stored);
    let truncated = stored < total;
    for (let index = 0; index < stored; index++) {
      const id = frame[at + 5 + index]!;
      items[index] = this.#number(id, at);
      if (this.cut[id] === 1) truncated = true;
    }
    return { items, total, truncated };
  }

  #file(frame: Uint32Array, base: number, o: FileOffsets, at: number): void {
    const content = word(frame, base, o.content);
    if (content >= this.contents.length) throw new Damage(at, `content ${content} is not defined`);
    this.files.add(
      frame,
      base,
      this.#number(word(frame, base, o.path), at),
      this.#number(word(frame, base, o.own_path), at),
      this.#number(word(frame, base, o.filesystem), at),
      this.contents[content] ?? null,
    );
  }

  #credentials(frame: Uint32Array, base: number, o: Offsets, at: number): Credentials {
    const groups = this.strings.text(this.#number(word(frame, base, o['groups']!), at));
    return {
      uid: word(frame, base, o['uid']!),
      euid: word(frame, base, o['euid']!),
      suid: word(frame, base, o['suid']!),
      fsuid: word(frame, base, o['fsuid']!),
      gid: word(frame, base, o['gid']!),
      egid: word(frame, base, o['egid']!),
      sgid: word(frame, base, o['sgid']!),
      fsgid: word(frame, base, o['fsgid']!),
      auid: o['auid']! < 0 ? 0xffffffff : word(frame, base, o['auid']!),
      groups: groups === '' ? [] : groups.trim().split(/\s+/).map(Number),
      capEffective: unsigned(frame, base, o['cap_effective']!),
      capPermitted: unsigned(frame, base, o['cap_permitted']!),
      capInheritable: unsigned(frame, base, o['cap_inheritable']!),
      capAmbient: unsigned(frame, base, o['cap_ambient']!),
      capBounding: unsigned(frame, base, o['cap_bounding']!),
      noNewPrivileges: word(frame, base, o['no_new_privs']!) !== 0,
    };
  }

  #context(frame: Uint32Array, base: number, o: Offsets, at: number): Context {
    const text = (name: string): StringId => this.#number(word(frame, base, o[name]!), at);
    const tags = word(frame, base, o['container_tags']!);
    const list = this.lists[tags];
    if (list === undefined) throw new Damage(at, `list ${tags} is not defined`);
    const session: UserSession = {
      sshUsername: text('ssh_username'),
      sshPort: word(frame, base, o['ssh_port']!),
      sshClientIp: text('ssh_client_ip'),
      sshAuthMethod: word(frame, base, o['ssh_auth_method']!),
      sshPublicKey: text('ssh_public_key'),
    };
    return {
      cgroupId: text('cgroup'),
      cgroupVersion: word(frame, base, o['cgroup_version']!),
      cgroupInode: unsigned(frame, base, o['cgroup_inode']!),
      cgroupMountId: unsigned(frame, base, o['cgroup_mount_id']!),
      cgroupCreatedAt: signed(frame, base, o['cgroup_created']!),
      containerId: text('container_id'),
      runtime: text('container_runtime'),
      containerCreatedAt: signed(frame, base, o['container_created']!),
      containerTags: list.items,
      containerImage: text('container_image'),
      unit: text('unit'),
      session: session.sshUsername === 0 && session.sshClientIp === 0 && session.sshPort === 0 ? null : session,
    };
  }

  #address(frame: Uint32Array, base: number, o: Offsets, at: number): Address {
    return {
      family: word(frame, base, o['family']!),
      ip: this.#ip(this.#number(word(frame, base, o['ip']!), at)),
      port: word(frame, base, o['port']!),
      path: this.#number(word(frame, base, o['path']!), at),
    };
  }

  /** One form for one address, so that equal addresses have equal numbers; what is no address is absent. */
  #ip(id: StringId): StringId {
    if (id === 0) return 0;
    const text = this.strings.text(id);
    return ipaddr.isValid(text) ? this.strings.intern(ipaddr.parse(text).toString()) : 0;
  }

  #content(frame: Uint32Array, base: number, o: Offsets, at: number): FileExtra {
    const text = (name: string): StringId => this.#number(word(frame, base, o[name]!), at);
    const hashes = word(frame, base, o['hashes']!);
    const list = this.lists[hashes];
    if (list === undefined) throw new Damage(at, `list ${hashes} is not defined`);
    const flags = word(frame, base, o['flags']!);
    const name = text('package_name');
    const type = word(frame, base, o['type']!);
    const size = unsigned(frame, base, o['size']!);
    return {
      hashes: [...list.items],
      package:
        name === 0
          ? null
          : {
              name,
              version: text('package_version'),
              epoch: word(frame, base, o['package_epoch']!),
              release: text('package_release'),
              sourceVersion: text('package_source_version'),
              sourceEpoch: word(frame, base, o['package_source_epoch']!),
              sourceRelease: text('package_source_release'),
            },
      metadata:
        type === 0 && size === 0
          ? null
          : {
              size,
              type,
              isExecutable: (flags & ContentFlag.executable) !== 0,
              architecture: word(frame, base, o['architecture']!),
              abi: word(frame, base, o['abi']!),
              isUpxPacked: (flags & ContentFlag.upxPacked) !== 0,
              compression: word(frame, base, o['compression']!),
              isGarbleObfuscated: (flags & ContentFlag.garbleObfuscated) !== 0,
            },
    };
  }
}

function word(frame: Uint32Array, base: number, offset: number): number {
  return offset < 0 ? 0 : frame[base + offset]!;
}

function unsigned(frame: Uint32Array, base: number, offset: number): number {
  return offset < 0 ? 0 : frame[base + offset]! + frame[base + offset + 1]! * TWO32;
}

function signed(frame: Uint32Array, base: number, offset: number): number {
  return offset < 0 ? 0 : frame[base + offset]! + (frame[base + offset + 1]! | 0) * TWO32;
}

function namespaces(frame: Uint32Array, base: number, o: Offsets): Namespaces {
  return {
    mnt: word(frame, base, o['mnt']!),
    net: word(frame, base, o['net']!),
    pid: word(frame, base, o['pid']!),
    user: word(frame, base, o['user']!),
    uts: word(frame, base, o['uts']!),
    ipc: word(frame, base, o['ipc']!),
    cgroup: word(frame, base, o['cgroup']!),
    time: word(frame, base, o['time']!),
  };
}
