/** Host names by address, learnt from DNS answers that the traced programs received. */
import type { StringId, StringTable } from '../support/strings.js';

/** Beyond this number of addresses the one that was told of first is forgotten. */
const limit = 65536;
/** Names kept for one address: the latest. */
const namesLimit = 16;

const none: readonly StringId[] = [];

export class Hosts {
  readonly #names = new Map<StringId, readonly StringId[]>();
  readonly #strings: StringTable;

  constructor(strings: StringTable) {
    this.#strings = strings;
    strings.hold(this);
  }

  keep(mark: (id: StringId) => void): void {
    for (const [address, names] of this.#names) {
      mark(address);
      for (const name of names) mark(name);
    }
  }

  /** `address` as columns give it. */
  names(address: StringId): readonly StringId[] {
    return this.#names.get(address) ?? none;
  }

  learn(address: string, names: readonly string[]): void {
    const id = this.#strings.intern(address);
    const known = this.#names.get(id) ?? none;
    const fresh = names.map((name) => this.#strings.intern(name)).filter((name) => !known.includes(name));
    if (fresh.length === 0) return;
    this.#names.delete(id);
    this.#names.set(id, [...known, ...fresh].slice(-namesLimit));
    if (this.#names.size <= limit) return;
    for (const oldest of this.#names.keys()) {
      this.#names.delete(oldest);
      break;
    }
  }
}
