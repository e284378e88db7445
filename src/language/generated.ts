/**
 * The module that is being generated: what its code names. Constants are passed in (`k0`, `k1` …), functions
 * are its own (`h0` …), and conditions that several rules repeat are decided once per event.
 */

import { runtime } from './runtime.js';

/** Stands in code for the number of memo slots, which is known at the end. No literal can hold it: JSON escapes it. */
export const memoSizeMark = '\u0002';

/** A shared condition in code; the digits are its number. No literal can hold these characters either. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: chosen because no literal can hold it
const sharedMark = /\u0001(\d+)\u0001/g;

export class GeneratedModule {
  /** Stands in memos for the module that wrote them. */
  readonly owner = {};
  readonly #constants: unknown[] = [];
  readonly #constantNames = new Map<unknown, string>();
  readonly #functions: string[] = [];
  readonly #functionNames = new Map<string, string>();
  /** Conditions that may be shared: code → number; their texts and uses. */
  readonly #shared: { readonly code: string; uses: number }[] = [];
  readonly #sharedByCode = new Map<string, number>();
  readonly #memoSlots = new Map<string, number>();

  /** The name of a value that the code is given. */
  constant(value: unknown): string {
    let name = this.#constantNames.get(value);
    if (name === undefined) {
      name = `k${this.#constants.length}`;
      this.#constants.push(value);
      this.#constantNames.set(value, name);
    }
    return name;
  }

  /** The name of a function `(event, now, V, item, y)`; equal bodies are one function. */
  function(given: string): string {
    const body = this.#inlined(given);
    let name = this.#functionNames.get(body);
    if (name === undefined) {
      name = `h${this.#functions.length}`;
      this.#functionNames.set(body, name);
      this.#functions.push(`function ${name}(event, now, V, item, y) { ${body} }`);
    }
    return name;
  }

  /** Loops have no cache at hand: shared conditions inside them are written out. */
  #inlined(code: string): string {
    return code.replace(sharedMark, (_, digits: string) => this.#inlined(this.#shared[Number(digits)]!.code));
  }

  /** Counts a use of a condition and gives the mark that stands for it until `resolve`. */
  share(code: string): string {
    let index = this.#sharedByCode.get(code);
    if (index === undefined) {
      index = this.#shared.length;
      this.#shared.push({ code, uses: 0 });
      this.#sharedByCode.set(code, index);
    }
    this.#shared[index]!.uses += 1;
    return `\u0001${index}\u0001`;
  }

  /** Replaces the marks of shared conditions; `slot` gives the place of one in `C`. */
  resolve(code: string, slot: (index: number) => number): string {
    return code.replace(sharedMark, (_, digits: string) => {
      const index = Number(digits);
      const { code: inner, uses } = this.#shared[index]!;
      const resolved = this.resolve(inner, slot);
      if (uses < 2) return resolved;
      const at = slot(index);
      return `((C[${at}] || (C[${at}] = ${resolved} ? 2 : 1)) === 2)`;
    });
  }

  /** The place of a predicate in the memos of elements. */
  memoSlot(test: string): number {
    let slot = this.#memoSlots.get(test);
    if (slot === undefined) {
      slot = this.#memoSlots.size;
      this.#memoSlots.set(test, slot);
    }
    return slot;
  }

  /** Runs `code` behind everything that it names, and gives what it returns. */
  load(code: string): unknown {
    const names = this.#constants.map((_, index) => `k${index} = K[${index}]`);
    const constants = names.length === 0 ? '' : `const ${names.join(', ')};\n`;
    const text = `'use strict';\n${constants}${this.#functions.join('\n')}\n${code}`.replaceAll(
      memoSizeMark,
      String(Math.max(1, this.#memoSlots.size)),
    );
    return new Function('R', 'K', text)(runtime, this.#constants);
  }
}
