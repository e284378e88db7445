/**
 * The table of strings that recording, probe and rules share: every distinct string has one number,
 * so that a predicate over strings is decided once per distinct string and kept as a bit per number.
 *
 * Number 0 is the empty string and stands for "absent". Strings are bytes: text that is not UTF-8 is
 * kept as it was and decoded with `\xNN` for each byte that does not fit (see `decodeBytes`).
 *
 * A path is kept as the number of its directory and its last component, which is also how recordings
 * tell it: so a path that comes from a recording is found by a few bytes, and its text is made only
 * when somebody asks for it.
 */

/** The number of a string in a `StringTable`. */
export type StringId = number;

/** Numbers per string in `#rows`. */
const ROW = 8;
/** Number of the directory, or 0; place and length of the own bytes; characters of the whole; hash of directory and bytes. */
const PARENT = 0;
const START = 1;
const PART = 2;
const LENGTH = 3;
const HASH = 4;
/** Numbers of the last component and its extension, plus one; 0: not asked for yet. */
const NAME = 5;
const EXTENSION = 6;
const KIND = 7;

/**
 * What a string is: only a `path` can be the directory of another; `text` is kept in `#texts` and nowhere else;
 * `free` is a number that stands for nothing until it is given again.
 */
const Kind = { plain: 0, path: 1, text: 2, free: 3 } as const;

/** Who keeps string numbers, or answers by string number, over a `collect`. */
export interface StringHolder {
  /** Marks the numbers that it keeps. It must not intern. */
  keep?(mark: (id: StringId) => void): void;
  /** Numbers that nobody keeps stand for other strings from here on: answers by number must be dropped. */
  forget?(): void;
}

const SLASH = 0x2f;
const DOT = 0x2e;
const ROOT: StringId = 1;
/** Absolute texts up to this length are kept by their components. */
const longestPath = 4096;
/** Beyond this number of steps a string goes into a map instead: names that were chosen to collide cost no more. */
const longestProbe = 64;

const beginHash = 0x811c9dc5 | 0;
const mixHash = (hash: number, byte: number): number => Math.imul(hash ^ byte, 0x01000193);

export class StringTable {
  /** Texts that are not ASCII, and those that were asked for. */
  readonly #texts: (string | undefined)[] = [''];
  #rows = new Uint32Array(ROW * 512);
  /** The own bytes of all strings of kinds `plain` and `path`. */
  #bytes = new Uint8Array(1 << 13);
  #used = 0;
  #size = 1;
  /** Open addressing by hash; 0: free. At most half of it is used. */
  #table = new Uint32Array(1024);
  /** Strings whose place in the table is too far off: directory and bytes → number. */
  readonly #crowded = new Map<string, StringId>();
  /** Texts of kind `text`. */
  readonly #others = new Map<string, StringId>();
  /** Numbers whose bytes were not UTF-8. */
  readonly #escaped = new Set<StringId>();
  #scratch = Buffer.alloc(longestPath);
  /** Numbers to be given again, the smallest last. */
  #free: StringId[] = [];
  #added = 1;
  #collections = 0;
  #holders: WeakRef<StringHolder>[] = [];

  constructor() {
    this.#rows[KIND] = Kind.text;
    this.intern('/');
  }

  /** How many numbers are in use; every valid number is smaller. */
  get size(): number {
    return this.#size;
  }

  /** How many strings there are. */
  get kept(): number {
    return this.#size - this.#free.length;
  }

  /** How many strings were added since the table was made. */
  get added(): number {
    return this.#added;
  }

  /** How often `collect` was called: what is kept by number elsewhere is of one such time. */
  get collections(): number {
    return this.#collections;
  }

  /** Bytes of all strings but those that are not ASCII. */
  get bytesUsed(): number {
    return this.#used;
  }

  /** From here on `holder` is asked at each `collect`, for as long as somebody else keeps it. */
  hold(holder: StringHolder): void {
    this.#holders.push(new WeakRef(holder));
  }

  /**
   * Lets go of all strings that no holder keeps; what is kept has the same number as before. Only for runs
   * without end: whoever calls it answers for it that everybody who keeps numbers is a holder.
   */
  collect(): void {
    const rows = this.#rows;
    const size = this.#size;
    const marks = new Uint8Array(size);
    const mark = (id: StringId): void => {
      for (let at = id; at > 0 && at < size && marks[at] === 0; at = rows[at * ROW]!) marks[at] = 1;
    };
    mark(ROOT);
    const holders = this.#holders.flatMap((reference) => reference.deref() ?? []);
    this.#holders = this.#holders.filter((reference) => reference.deref() !== undefined);
    for (const holder of holders) holder.keep?.(mark);
    const old = this.#bytes;
    let used = 0;
    for (let id = 1; id < size; id++) if (marks[id] === 1 && rows[id * ROW + KIND] !== Kind.text) used += rows[id * ROW + PART]!;
    this.#bytes = new Uint8Array(Math.max(1 << 13, used * 2));
    this.#used = 0;
    this.#free = [];
    this.#crowded.clear();
    for (let id = size - 1; id > 0; id--) {
      const row = id * ROW;
      if (marks[id] === 0) {
        if (rows[row + KIND] === Kind.text) this.#others.delete(this.#texts[id]!);
        rows.fill(0, row, row + ROW);
        rows[row + KIND] = Kind.free;
        this.#texts[id] = undefined;
        this.#escaped.delete(id);
        this.#free.push(id);
        continue;
      }
      for (const cached of [NAME, EXTENSION]) if (rows[row + cached]! > 1 && marks[rows[row + cached]! - 1] === 0) rows[row + cached] = 0;
      if (rows[row + KIND] === Kind.text) continue;
      this.#texts[id] = undefined;
      rows[row + START] = this.#keep(old, rows[row + START]!, rows[row + START]! + rows[row + PART]!);
    }
    let length = 1024;
    while (length < this.kept * 4) length *= 2;
    this.#fill(new Uint32Array(length));
    this.#collections += 1;
    for (const holder of holders) holder.forget?.();
  }

  intern(text: string): StringId {
    const { length } = text;
    if (length === 0) return 0;
    if (length > this.#scratch.length) this.#scratch = Buffer.alloc(length * 2);
    const scratch = this.#scratch;
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code > 0x7f) return this.#internText(text);
      scratch[index] = code;
    }
    return this.#internAscii(scratch, 0, length);
  }

  internBytes(bytes: Uint8Array): StringId {
    return this.internWhole(bytes, 0, bytes.length);
  }

  /** The number of the bytes from `start` to `end`. */
  internWhole(bytes: Uint8Array, start: number, end: number): StringId {
    if (start === end) return 0;
    for (let index = start; index < end; index++) {
      if (bytes[index]! <= 0x7f) continue;
      const { text, escaped } = decodeBytes(bytes.subarray(start, end));
      const id = this.intern(text);
      if (escaped) this.#escape(id);
      return id;
    }
    return this.#internAscii(bytes, start, end);
  }

  /** The number of the text of `parent`, a slash (unless that is `/`), and the bytes. */
  internUnder(parent: StringId, bytes: Uint8Array, start: number, end: number): StringId {
    const above = parent * ROW;
    const length = this.#rows[above + LENGTH]! + (parent === ROOT ? 0 : 1) + end - start;
    if (this.#rows[above + KIND] === Kind.path && length <= longestPath && start < end) {
      let hash = beginHash ^ parent;
      let index = start;
      for (; index < end; index++) {
        const byte = bytes[index]!;
        if (byte > 0x7f || byte === SLASH) break;
        hash = mixHash(hash, byte);
      }
      if (index === end) return this.#find(parent, hash, bytes, start, end, length);
    }
    const directory = this.bytes(parent);
    const slash = directory.length === 1 && directory[0] === SLASH ? [] : [Buffer.from('/')];
    return this.internBytes(Buffer.concat([directory, ...slash, bytes.subarray(start, end)]));
  }

  /** The text of a number; a number that was never given is a defect of the caller and reads as ''. */
  text(id: StringId): string {
    return this.#texts[id] ?? this.#compose(id);
  }

  /** The bytes behind a number: what `internBytes` was given. */
  bytes(id: StringId): Uint8Array {
    const text = this.text(id);
    return this.isEscaped(id) ? encodeEscaped(text) : Buffer.from(text, 'utf8');
  }

  isEscaped(id: StringId): boolean {
    return this.#escaped.has(id);
  }

  /** The last component of a path: what follows the last slash. */
  nameOf(path: StringId): StringId {
    const known = this.#rows[path * ROW + NAME] ?? 1;
    if (known !== 0) return known - 1;
    let name: StringId;
    if (this.#rows[path * ROW + PARENT] !== 0) {
      const start = this.#rows[path * ROW + START]!;
      name = this.#internPlain(this.#bytes, start, start + this.#rows[path * ROW + PART]!);
    } else {
      const text = this.text(path);
      name = this.intern(text.slice(text.lastIndexOf('/') + 1));
    }
    this.#rows[path * ROW + NAME] = name + 1;
    return name;
  }

  /** The end of the last component from its last dot on; 0 when it has none. */
  extensionOf(path: StringId): StringId {
    const known = this.#rows[path * ROW + EXTENSION] ?? 1;
    if (known !== 0) return known - 1;
    const name = this.nameOf(path);
    let extension: StringId = 0;
    if (this.#rows[name * ROW + KIND] === Kind.text) {
      const text = this.text(name);
      const dot = text.lastIndexOf('.');
      if (dot >= 0) extension = this.intern(text.slice(dot));
    } else {
      const start = this.#rows[name * ROW + START]!;
      const end = start + this.#rows[name * ROW + PART]!;
      const dot = this.#bytes.subarray(start, end).lastIndexOf(DOT);
      if (dot >= 0) extension = this.#internPlain(this.#bytes, start + dot, end);
    }
    this.#rows[path * ROW + EXTENSION] = extension + 1;
    return extension;
  }

  #escape(id: StringId): void {
    this.#escaped.add(id);
    // What lies under it is put together from bytes and not from its text.
    if (this.#rows[id * ROW + KIND] === Kind.path) this.#rows[id * ROW + KIND] = Kind.plain;
  }

  #internText(text: string): StringId {
    const known = this.#others.get(text);
    if (known !== undefined) return known;
    const id = this.#add(0, 0, 0, 0, text.length, Kind.text);
    this.#texts[id] = text;
    this.#others.set(text, id);
    return id;
  }

  #internAscii(bytes: Uint8Array, start: number, end: number): StringId {
    if (!isPath(bytes, start, end)) return this.#internPlain(bytes, start, end);
    let parent: StringId = ROOT;
    let from = start + 1;
    let hash = beginHash ^ parent;
    for (let index = from; index <= end; index++) {
      if (index < end && bytes[index] !== SLASH) {
        hash = mixHash(hash, bytes[index]!);
        continue;
      }
      parent = this.#find(parent, hash, bytes, from, index, index - start);
      hash = beginHash ^ parent;
      from = index + 1;
    }
    return parent;
  }

  #internPlain(bytes: Uint8Array, start: number, end: number): StringId {
    let hash = beginHash;
    for (let index = start; index < end; index++) hash = mixHash(hash, bytes[index]!);
    return this.#find(0, hash, bytes, start, end, end - start);
  }

  /** The number of the string with the directory and the bytes, which is added when it is new. */
  #find(parent: StringId, hashed: number, bytes: Uint8Array, start: number, end: number, length: number): StringId {
    const hash = (hashed ^ (hashed >>> 15)) >>> 0;
    const table = this.#table;
    const mask = table.length - 1;
    const rows = this.#rows;
    let slot = hash & mask;
    let steps = 0;
    for (; steps < longestProbe; steps++) {
      const id = table[slot]!;
      if (id === 0) break;
      const row = id * ROW;
      if (rows[row + HASH] === hash && rows[row] === parent && this.#same(row, bytes, start, end)) return id;
      slot = (slot + 1) & mask;
    }
    const isCrowded = steps === longestProbe;
    if (isCrowded || this.#crowded.size > 0) {
      const known = this.#crowded.get(crowdedKey(parent, bytes, start, end));
      if (known !== undefined) return known;
    }
    const id = this.#add(parent, this.#keep(bytes, start, end), end - start, hash, length, parent !== 0 || (length === 1 && bytes[start] === SLASH) ? Kind.path : Kind.plain);
    if (isCrowded) this.#crowded.set(crowdedKey(parent, bytes, start, end), id);
    else table[slot] = id;
    if (this.#size * 2 > table.length) this.#spread();
    return id;
  }

  #same(row: number, bytes: Uint8Array, start: number, end: number): boolean {
    const length = end - start;
    if (this.#rows[row + PART] !== length) return false;
    const own = this.#bytes;
    const from = this.#rows[row + START]!;
    for (let index = 0; index < length; index++) if (own[from + index] !== bytes[start + index]) return false;
    return true;
  }

  /** Keeps bytes, which may be some that are kept already; gives their place. */
  #keep(bytes: Uint8Array, start: number, end: number): number {
    const at = this.#used;
    const needed = at + end - start;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    const own = this.#bytes;
    for (let from = start, to = at; from < end; from++, to++) own[to] = bytes[from]!;
    this.#used = needed;
    return at;
  }

  #add(parent: StringId, start: number, part: number, hash: number, length: number, kind: number): StringId {
    const id = this.#free.pop() ?? this.#size;
    const row = id * ROW;
    this.#added += 1;
    if (row >= this.#rows.length) {
      const grown = new Uint32Array(this.#rows.length * 2);
      grown.set(this.#rows);
      this.#rows = grown;
    }
    const rows = this.#rows;
    rows[row + PARENT] = parent;
    rows[row + START] = start;
    rows[row + PART] = part;
    rows[row + LENGTH] = length;
    rows[row + HASH] = hash;
    rows[row + NAME] = 0;
    rows[row + EXTENSION] = 0;
    rows[row + KIND] = kind;
    if (id === this.#size) {
      this.#size = id + 1;
      this.#texts.push(undefined);
    }
    return id;
  }

  /** Makes the table larger and puts all strings into it again. */
  #spread(): void {
    this.#fill(new Uint32Array(this.#table.length * 4));
  }

  #fill(table: Uint32Array<ArrayBuffer>): void {
    const mask = table.length - 1;
    const rows = this.#rows;
    const crowded = new Set(this.#crowded.values());
    for (let id = 1; id < this.#size; id++) {
      if (rows[id * ROW + KIND]! >= Kind.text || crowded.has(id)) continue;
      let slot = rows[id * ROW + HASH]! & mask;
      let steps = 0;
      while (table[slot] !== 0 && steps < longestProbe) {
        slot = (slot + 1) & mask;
        steps += 1;
      }
      if (steps < longestProbe) table[slot] = id;
      else {
        const start = rows[id * ROW + START]!;
        this.#crowded.set(crowdedKey(rows[id * ROW]!, this.#bytes, start, start + rows[id * ROW + PART]!), id);
      }
    }
    this.#table = table;
  }

  #compose(id: StringId): string {
    if (!(id > 0 && id < this.#size)) return '';
    const rows = this.#rows;
    const length = rows[id * ROW + LENGTH]!;
    if (length > this.#scratch.length) this.#scratch = Buffer.alloc(length * 2);
    const scratch = this.#scratch;
    const own = this.#bytes;
    let at = length;
    for (let part = id; ; ) {
      const row = part * ROW;
      const start = rows[row + START]!;
      for (let from = start + rows[row + PART]! - 1; from >= start; from--) scratch[--at] = own[from]!;
      part = rows[row]!;
      if (part === 0) break;
      scratch[--at] = SLASH;
      if (part === ROOT) break;
    }
    const text = scratch.toString('latin1', 0, length);
    this.#texts[id] = text;
    return text;
  }
}

/** Whether the bytes are kept by their components: absolute, none of them empty, not too long. */
function isPath(bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  if (length < 2 || length > longestPath || bytes[start] !== SLASH || bytes[end - 1] === SLASH) return false;
  for (let index = start + 1; index < end; index++) if (bytes[index] === SLASH && bytes[index - 1] === SLASH) return false;
  return true;
}

function crowdedKey(parent: StringId, bytes: Uint8Array, start: number, end: number): string {
  return `${parent}/${Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')}`;
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
