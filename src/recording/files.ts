/**
 * Tuples `file`: the most frequent by far, since a file has another one whenever it changes. What nearly
 * every event asks of a file is kept as members; the rest stays in words until somebody asks.
 */
import type { FileExtra, FileFacts } from '../catalogue/event.js';
import type { StringId, StringTable } from '../support/strings.js';

const TWO32 = 4294967296;

/** Words of one file in a chunk, in this order; from `inode` on two each. */
const at = { mode: 0, uid: 1, gid: 2, links: 3, inode: 4, device: 6, size: 8, modification_time: 10, change_time: 12, mount_id: 14, filesystem: 16 } as const;
const wordsPerFile = 17;
/** A file that is kept for long keeps its chunk: 16 KiB. */
const filesPerChunk = 240;

class StoredFile implements FileFacts {
  readonly #strings: StringTable;
  readonly #words: Uint32Array;
  readonly #base: number;

  constructor(
    strings: StringTable,
    words: Uint32Array,
    base: number,
    readonly path: StringId,
    readonly ownPath: StringId,
    readonly flags: number,
    public extra: FileExtra | null,
  ) {
    this.#strings = strings;
    this.#words = words;
    this.#base = base;
  }

  get name(): StringId {
    return this.#strings.nameOf(this.path);
  }
  get extension(): StringId {
    return this.#strings.extensionOf(this.path);
  }
  get inode(): number {
    return this.#unsigned(at.inode);
  }
  get dev(): number {
    return this.#unsigned(at.device);
  }
  get mode(): number {
    return this.#words[this.#base + at.mode]!;
  }
  get uid(): number {
    return this.#words[this.#base + at.uid]!;
  }
  get gid(): number {
    return this.#words[this.#base + at.gid]!;
  }
  get size(): number {
    return this.#unsigned(at.size);
  }
  get nlink(): number {
    return this.#words[this.#base + at.links]!;
  }
  get changeTime(): number {
    return this.#signed(at.change_time);
  }
  get modificationTime(): number {
    return this.#signed(at.modification_time);
  }
  get filesystem(): StringId {
    return this.#words[this.#base + at.filesystem]!;
  }
  get mountId(): number {
    return this.#unsigned(at.mount_id);
  }

  /** All of it, as `FileFacts` lists it. */
  toJSON(): FileFacts {
    const { path, ownPath, name, extension, inode, dev, mode, uid, gid, size, nlink, changeTime, modificationTime, filesystem, mountId, flags, extra } = this;
    return { path, ownPath, name, extension, inode, dev, mode, uid, gid, size, nlink, changeTime, modificationTime, filesystem, mountId, flags, extra };
  }

  #unsigned(offset: number): number {
    return this.#words[this.#base + offset]! + this.#words[this.#base + offset + 1]! * TWO32;
  }

  #signed(offset: number): number {
    return this.#words[this.#base + offset]! + (this.#words[this.#base + offset + 1]! | 0) * TWO32;
  }
}

export class FileStore {
  readonly #strings: StringTable;
  /** What is copied: word in the tuple, word in the chunk. */
  readonly #from: Uint8Array;
  readonly #to: Uint8Array;
  #chunk = new Uint32Array(wordsPerFile * filesPerChunk);
  #used = 0;

  /** `offsets`: member → word offset in the content of the tuple, −1 where the header does not have it. */
  constructor(strings: StringTable, offsets: Readonly<Record<string, number>>) {
    this.#strings = strings;
    const copy = Object.entries(at).flatMap(([name, to]) => {
      const from = offsets[name] ?? -1;
      if (from < 0 || name === 'filesystem') return [];
      return to < at.inode ? [[from, to] as const] : [[from, to] as const, [from + 1, to + 1] as const];
    });
    this.#from = Uint8Array.from(copy, ([from]) => from);
    this.#to = Uint8Array.from(copy, ([, to]) => to);
  }

  /** The file whose tuple's content begins at word `base` of `frame`. */
  add(frame: Uint32Array, base: number, path: StringId, ownPath: StringId, filesystem: StringId, flags: number, extra: FileExtra | null): FileFacts {
    if (this.#used === this.#chunk.length) {
      this.#chunk = new Uint32Array(this.#chunk.length);
      this.#used = 0;
    }
    const chunk = this.#chunk;
    const place = this.#used;
    this.#used = place + wordsPerFile;
    const from = this.#from;
    const to = this.#to;
    for (let index = 0; index < from.length; index++) chunk[place + to[index]!] = frame[base + from[index]!]!;
    chunk[place + at.filesystem] = filesystem;
    return new StoredFile(this.#strings, chunk, place, path, ownPath === 0 ? path : ownPath, flags, extra);
  }
}
