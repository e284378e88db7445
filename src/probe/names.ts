/** Names of users and groups, as the stream told them before the first event that refers to them. */
import type { World } from '../catalogue/event.js';
import type { StringId } from '../support/strings.js';

/** Names by id, per mount namespace in which /etc/passwd or /etc/group was read; 0 is the tracer's own. */
class NameTable {
  readonly #tables = new Map<number, Map<number, StringId>>();

  set(mountNamespace: number, id: number, name: StringId): void {
    let table = this.#tables.get(mountNamespace);
    if (table === undefined) {
      table = new Map();
      this.#tables.set(mountNamespace, table);
    }
    table.set(id, name);
  }

  keep(mark: (id: StringId) => void): void {
    for (const table of this.#tables.values()) for (const name of table.values()) mark(name);
  }

  /** A namespace of which nothing was told is taken to be the tracer's. */
  get(mountNamespace: number, id: number): StringId {
    const table = this.#tables.get(mountNamespace) ?? this.#tables.get(0);
    return table?.get(id) ?? 0;
  }
}

export class StreamWorld implements World {
  readonly users = new NameTable();
  readonly groups = new NameTable();
  hostname: StringId = 0;
  boottime = 0;
  os: StringId = 0;
  origin: StringId = 0;

  keep(mark: (id: StringId) => void): void {
    this.users.keep(mark);
    this.groups.keep(mark);
    for (const id of [this.hostname, this.os, this.origin]) mark(id);
  }

  user(uid: number, mountNamespace = 0): StringId {
    return this.users.get(mountNamespace, uid);
  }

  group(gid: number, mountNamespace = 0): StringId {
    return this.groups.get(mountNamespace, gid);
  }
}
