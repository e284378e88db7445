/**
 * Tuples `file`: the most frequent by far, since a file has another one whenever it changes. They stay in
 * words; whoever is given one gets a view of it, and what is asked is read then.
 */
import { noFile } from '../catalogue/absent.js';
import type { FileExtra, FileFacts } from '../catalogue/event.js';
import type { StringId, StringTable } from '../support/strings.js';

const TWO32 = 4294967296;

/** Words of one file in a chunk, in this order; from `inode` on two each. Strings are numbers of the run's table. */
const at = {
  path: 0,
  own_path: 1,
  filesystem: 2,
  flags: 3,
  mode: 4,
  uid: 5,
  gid: 6,
  links: 7,
  inode: 8,
  device: 10,
  size: 12,
  modification_time: 14,
  change_time: 16,
  mount_id: 18,
} as const;
const wordsPerFile = 20;
/** A file that is kept for long keeps its chunk: 16 KiB. */
const filesPerChunk = 204;

class Chunk {
  readonly words = new Uint32Array(wordsPerFile * filesPerChunk);
  /** Place of a file → what its content is known to be: few have that. */
  readonly extras = new Map<number, FileExtra | null>();

  constructor(readonly strings: StringTable) {}
}

/** Two views of one file are equal in all that they tell, also in what one of them was told later. */
class FileView implements FileFacts {
  readonly path: StringId;
  readonly #chunk: Chunk;
  readonly #base: number;

  constructor(chunk: Chunk, base: number) {
    this.#chunk = chunk;
    this.#base = base;
    this.path = chunk.words[base]!;
  }

  get extra(): FileExtra | null {
    return this.#chunk.extras.get(this.#base) ?? null;
  }
  set extra(extra: FileExtra | null) {
    this.#chunk.extras.set(this.#base, extra);
  }
  get ownPath(): StringId {
    return this.#word(at.own_path);
  }
  get flags(): number {
    return this.#word(at.flags);
  }
  get name(): StringId {
    return this.#chunk.strings.nameOf(this.path);
  }
  get extension(): StringId {
    return this.#chunk.strings.extensionOf(this.path);
  }
  get inode(): number {
    return this.#unsigned(at.inode);
  }
  get dev(): number {
    return this.#unsigned(at.device);
  }
  get mode(): number {
    return this.#word(at.mode);
  }
  get uid(): number {
    return this.#word(at.uid);
  }
  get gid(): number {
    return this.#word(at.gid);
  }
  get size(): number {
    return this.#unsigned(at.size);
  }
  get nlink(): number {
    return this.#word(at.links);
  }
  get changeTime(): number {
    return this.#signed(at.change_time);
  }
  get modificationTime(): number {
    return this.#signed(at.modification_time);
  }
  get filesystem(): StringId {
    return this.#word(at.filesystem);
  }
  get mountId(): number {
    return this.#unsigned(at.mount_id);
  }

  /** All of it, as `FileFacts` lists it. */
  toJSON(): FileFacts {
    const { path, ownPath, name, extension, inode, dev, mode, uid, gid, size, nlink, changeTime, modificationTime, filesystem, mountId, flags, extra } = this;
    return { path, ownPath, name, extension, inode, dev, mode, uid, gid, size, nlink, changeTime, modificationTime, filesystem, mountId, flags, extra };
  }

  #word(offset: number): number {
    return this.#chunk.words[this.#base + offset]!;
  }

  #unsigned(offset: number): number {
    const { words } = this.#chunk;
    return words[this.#base + offset]! + words[this.#base + offset + 1]! * TWO32;
  }

  #signed(offset: number): number {
    const { words } = this.#chunk;
    return words[this.#base + offset]! + (words[this.#base + offset + 1]! | 0) * TWO32;
  }
}

/** The files of an epoch by their ids. */
export class FileStore {
  readonly #strings: StringTable;
  /** What is copied: word in the tuple, word in the chunk. */
  readonly #from: Uint8Array;
  readonly #to: Uint8Array;
  readonly #chunks: Chunk[] = [];
  /** How many there are; their ids go from 1 to this. */
  count = 0;

  /** `offsets`: member → word offset in the content of the tuple, −1 where the header does not have it. */
  constructor(strings: StringTable, offsets: Readonly<Record<string, number>>) {
    this.#strings = strings;
    const copy = Object.entries(at).flatMap(([name, to]) => {
      const from = offsets[name] ?? -1;
      if (from < 0) return [];
      return to < at.inode ? [[from, to] as const] : [[from, to] as const, [from + 1, to + 1] as const];
    });
    this.#from = Uint8Array.from(copy, ([from]) => from);
    this.#to = Uint8Array.from(copy, ([, to]) => to);
  }

  clear(): void {
    this.#chunks.length = 0;
    this.count = 0;
  }

  /** The file whose tuple's content begins at word `base` of `frame`, its strings as numbers of the run's table. */
  add(frame: Uint32Array, base: number, path: StringId, ownPath: StringId, filesystem: StringId, extra: FileExtra | null): void {
    const place = (this.count % filesPerChunk) * wordsPerFile;
    if (place === 0) this.#chunks.push(new Chunk(this.#strings));
    const chunk = this.#chunks[this.#chunks.length - 1]!;
    const { words } = chunk;
    const from = this.#from;
    const to = this.#to;
    for (let index = 0; index < from.length; index++) words[place + to[index]!] = frame[base + from[index]!]!;
    words[place + at.path] = path;
    words[place + at.own_path] = ownPath === 0 ? path : ownPath;
    words[place + at.filesystem] = filesystem;
    if (extra !== null) chunk.extras.set(place, extra);
    this.count += 1;
  }

  /** The file of an id; undefined when that is not defined. */
  get(id: number): FileFacts | undefined {
    if (id === 0) return noFile;
    if (id > this.count) return undefined;
    const chunk = this.#chunks[Math.floor((id - 1) / filesPerChunk)]!;
    return new FileView(chunk, ((id - 1) % filesPerChunk) * wordsPerFile);
  }
}
