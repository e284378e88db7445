/**
 * Predicates over strings of a `StringTable`, decided once per distinct string: a byte per string number,
 * 0 unknown, 1 false, 2 true.
 */

import type { StringTable } from '../support/strings.js';
import type { TextTest } from './regexp.js';

export class Predicate {
  /** Read by generated code: `(P.b[id] || P.f(id)) === 2`. Replaced when it grows. */
  b: Uint8Array<ArrayBuffer> = new Uint8Array(64);
  /** How many strings were decided. */
  decided = 0;

  constructor(
    readonly strings: StringTable,
    readonly test: TextTest,
  ) {
    strings.hold(this);
  }

  forget(): void {
    this.b.fill(0);
  }

  /** Decides string `id` and keeps the answer: 1 or 2. */
  f(id: number): number {
    const answer = this.test(this.strings.text(id)) ? 2 : 1;
    if (!Number.isInteger(id) || id < 0) return answer;
    if (id >= this.b.length) {
      const grown = new Uint8Array(Math.max(id + 1, this.strings.size, this.b.length * 2));
      grown.set(this.b);
      this.b = grown;
    }
    this.b[id] = answer;
    this.decided += 1;
    return answer;
  }
}

/** Lengths in bytes of strings of a table, computed once each. */
export class Lengths {
  readonly #known: number[] = [];

  constructor(readonly strings: StringTable) {
    strings.hold(this);
  }

  forget(): void {
    this.#known.length = 0;
  }

  of(id: number): number {
    const known = this.#known[id];
    if (known !== undefined) return known;
    const length = Buffer.byteLength(this.strings.text(id));
    this.#known[id] = length;
    return length;
  }
}

/** What generated code keeps on an iterator's element: one byte per predicate of one compiled set. */
export class Memo {
  readonly bytes: Uint8Array;

  constructor(
    readonly owner: object,
    size: number,
  ) {
    this.bytes = new Uint8Array(size);
  }
}
