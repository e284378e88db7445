/**
 * Names processes by their way down from the first one (`sh#1/cat#2`), so that two runs of one program can be
 * compared: a process is numbered among those of the same program below the same parent, in order of appearance.
 */
import type { Event, Process } from '../catalogue/event.js';
import type { StringTable } from '../support/strings.js';

export class Lineage {
  readonly #names = new Map<number, string>();
  readonly #counts = new Map<string, number>();
  /** pid → name of the process, for images that take over (exec). */
  #first: number | undefined;

  constructor(readonly strings: StringTable) {}

  /** Must see every event, in order. */
  see(event: Event): void {
    this.#first ??= event.process.depth;
    this.of(event.process);
  }

  /** `sh#1/cat#2`. Images above the first process of the recording are left out. */
  of(image: Process): string {
    const known = this.#names.get(image.node);
    if (known !== undefined) return known;
    const parent = nameParent(image);
    const above = parent === null || parent.depth < (this.#first ?? 0) ? '' : this.of(parent);
    const program = this.strings.text(image.file.name) || this.strings.text(image.comm) || '?';
    const key = above === '' ? program : `${above}/${program}`;
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    const name = `${key}#${count}`;
    this.#names.set(image.node, name);
    return name;
  }
}

/** The image above: a fork that soon calls exec is one process with what it becomes. */
function nameParent(image: Process): Process | null {
  let parent = image.parent;
  while (parent !== null && image.isExec && !parent.isExec && parent.pid === image.pid)
    parent = parent.parent;
  return parent;
}
