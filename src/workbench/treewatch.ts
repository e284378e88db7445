/**
 * Tells of changes below a folder. On Linux each folder is watched by itself: `fs.watch` with `recursive` follows
 * files there, and loses one for good when an editor or git puts another in its place.
 */
import { type FSWatcher, lstatSync, readdirSync, watch } from 'node:fs';
import { join, sep } from 'node:path';

/** Folders in which nothing is written by hand. */
const skipped = new Set(['node_modules', '.git']);

export class TreeWatch {
  readonly #folders = new Map<string, FSWatcher>();

  /** `changed` gets the path of what was written, made, moved or removed; it need not be there any more. */
  constructor(
    root: string,
    readonly changed: (path: string) => void,
  ) {
    if (process.platform === 'linux') this.#add(root, false);
    else
      this.#folders.set(
        root,
        watch(root, { recursive: true }, (_event, name) => {
          if (name !== null && !name.split(sep).some((part) => skipped.has(part))) changed(join(root, name));
        }),
      );
  }

  close(): void {
    for (const folder of [...this.#folders.keys()]) this.#drop(folder);
  }

  /** `fresh`: it came just now, and what is in it with it. */
  #add(folder: string, fresh: boolean): void {
    const watcher = watch(folder, (event, name) => {
      if (name !== null && !skipped.has(name)) this.#see(event, join(folder, name));
    });
    watcher.on('error', () => this.#drop(folder));
    this.#folders.set(folder, watcher);
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (skipped.has(entry.name)) continue;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) this.#tryAdd(path, fresh);
      else if (fresh) this.changed(path);
    }
  }

  #see(event: string, path: string): void {
    this.changed(path);
    if (event !== 'rename') return;
    for (const folder of [...this.#folders.keys()])
      if (folder === path || folder.startsWith(path + sep)) this.#drop(folder);
    if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true) this.#tryAdd(path, true);
  }

  /** A folder may be gone again. */
  #tryAdd(folder: string, fresh: boolean): void {
    try {
      this.#add(folder, fresh);
    } catch (error) {
      this.#drop(folder);
      if (!['ENOENT', 'ENOTDIR', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }

  #drop(folder: string): void {
    this.#folders.get(folder)?.close();
    this.#folders.delete(folder);
  }
}
