/**
 * Events that are writes to certain files: kernel parameters, membership of cgroups, SELinux. The row of
 * each says `derivedFrom: 'write'`.
 */
import type { FileFacts } from '../catalogue/event.js';
import { cgroup_write, selinux, sysctl } from '../catalogue/events/world.js';
import type { EventRow } from '../catalogue/row.js';
import type { StringId, StringTable } from '../support/strings.js';

/** Tells what a write to a file is beside a write; decided once for each path. */
export class Writes {
  readonly #kinds = new Map<StringId, EventRow | undefined>();
  readonly #strings: StringTable;

  constructor(strings: StringTable) {
    this.#strings = strings;
    strings.hold(this);
  }

  forget(): void {
    this.#kinds.clear();
  }

  kind(file: FileFacts): EventRow | undefined {
    if (this.#kinds.has(file.path)) return this.#kinds.get(file.path);
    const kind = this.#decide(this.#strings.text(file.path), this.#strings.text(file.filesystem));
    this.#kinds.set(file.path, kind);
    return kind;
  }

  #decide(path: string, filesystem: string): EventRow | undefined {
    if (path.startsWith('/proc/sys/')) return sysctl;
    if (path.startsWith('/sys/fs/selinux/') || filesystem === 'selinuxfs') return selinux;
    const member = /\/(?:cgroup\.procs|cgroup\.threads|tasks)$/.test(path);
    return member && (filesystem.startsWith('cgroup') || path.startsWith('/sys/fs/cgroup/'))
      ? cgroup_write
      : undefined;
  }
}
