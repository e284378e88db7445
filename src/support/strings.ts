/**
 * The table of strings that recording, probe and rules share: every distinct string has one number,
 * so that a predicate over strings is decided once per distinct string and kept as a bit per number.
 *
 * Number 0 is the empty string and stands for "absent". Strings are bytes: text that is not UTF-8 is
 * kept as it was and decoded with `\xNN` for each byte that does not fit (see `decodeBytes`).
 */

/** The number of a string in a `StringTable`. */
export type StringId = number;

export class StringTable {
  readonly #texts: string[] = [''];
  readonly #numbers = new Map<string, StringId>([['', 0]]);
  /** Numbers whose bytes were not UTF-8. */
  readonly #escaped = new Set<StringId>();

  /** How many numbers are in use; every valid number is smaller. */
  get size(): number {
    return this.#texts.length;
  }

  intern(text: string): StringId {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const id = this.#texts.length;
    this.#texts.push(text);
    this.#numbers.set(text, id);
    return id;
  }

  internBytes(bytes: Uint8Array): StringId {
    const { text, escaped } = decodeBytes(bytes);
    const id = this.intern(text);
    if (escaped) this.#escaped.add(id);
    return id;
  }

  /** The text of a number; a number that was never given is a defect of the caller and reads as ''. */
  text(id: StringId): string {
    return this.#texts[id] ?? '';
  }

  /** The bytes behind a number: what `internBytes` was given. */
  bytes(id: StringId): Uint8Array {
    const text = this.text(id);
    return this.isEscaped(id) ? encodeEscaped(text) : Buffer.from(text, 'utf8');
  }

  isEscaped(id: StringId): boolean {
    return this.#escaped.has(id);
  }
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Decodes bytes as UTF-8; where they are not, each byte that does not fit becomes `\xNN`. */
export function decodeBytes(bytes: Uint8Array): { text: string; escaped: boolean } {
  let ascii = true;
  for (let index = 0; index < bytes.length; index++) {
    if (bytes[index]! > 0x7f) {
      ascii = false;
      break;
    }
  }
  if (ascii) return { text: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'), escaped: false };
  try {
    return { text: strict.decode(bytes), escaped: false };
  } catch {
    return { text: decodeEscaped(bytes), escaped: true };
  }
}

function decodeEscaped(bytes: Uint8Array): string {
  let text = '';
  for (let index = 0; index < bytes.length; ) {
    const length = sequenceLength(bytes, index);
    if (length === 0) {
      text += `\\x${bytes[index]!.toString(16).padStart(2, '0')}`;
      index += 1;
    } else {
      text += strict.decode(bytes.subarray(index, index + length));
      index += length;
    }
  }
  return text;
}

/** Undoes `decodeEscaped`, except that a `\xNN` which was written out in the bytes becomes one byte. */
function encodeEscaped(text: string): Uint8Array {
  const parts = text.split(/(\\x[0-9a-f]{2})/);
  return Buffer.concat(parts.map((part, index) => (index % 2 === 1 ? Buffer.from([Number.parseInt(part.slice(2), 16)]) : Buffer.from(part, 'utf8'))));
}

/** The length of the valid UTF-8 sequence at `index`, or 0. */
function sequenceLength(bytes: Uint8Array, index: number): number {
  const first = bytes[index]!;
  const length = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
  if (length === 0 || index + length > bytes.length) return 0;
  try {
    strict.decode(bytes.subarray(index, index + length));
    return length;
  } catch {
    return 0;
  }
}
