/**
 * The live processes and the images that they came from.
 *
 * A process is found by its pid and is one thread group. Its images form a chain through `parent`: an
 * image stays as long as a live process descends from it, and is released when none does, so memory is
 * bounded by what is alive and its ancestry. Images never change their parent; only `ppid` follows the
 * kernel when a parent dies.
 */
import type { StringId, StringTable } from '../support/strings.js';
import { Image, type Inherited, type Made, noInheritance, Program } from './image.js';

/** A live process. */
export interface Task {
  readonly pid: number;
  image: Image;
  /** As the kernel sees it now: after the death of a parent, who adopted it. Null: outside of what is known. */
  parent: Task | null;
  /** Null until there is one: most processes have none. */
  children: Set<Task> | null;
  /** Boot ns at which it began; tells a reused pid. 0: not known. */
  readonly startTime: number;
  pgid: number;
  /** Asked to adopt orphans (PR_SET_CHILD_SUBREAPER). */
  subreaper: boolean;
  /** The first process of its pid namespace: adopts orphans of it. */
  namespaceInit: boolean;
}

/**
 * An ancestry is cut to half of this number when it grows so long, and that is counted: only a chain of
 * forks or execs without end reaches it.
 */
export const deepest = 4096;

/** Counts images over all streams of a run, so that `node` is unique among them. */
export class NodeCounter {
  #last = 0;

  next(): number {
    this.#last += 1;
    return this.#last;
  }
}

export class ProcessTree {
  readonly #tasks = new Map<number, Task>();
  readonly #strings: StringTable;
  readonly #nodes: NodeCounter;
  readonly #release: (image: Image) => void;
  #seen = 0;
  #held = 0;
  #cut = 0;

  constructor(strings: StringTable, nodes: NodeCounter, release: (image: Image) => void) {
    this.#strings = strings;
    this.#nodes = nodes;
    this.#release = release;
  }

  /** Traced processes that ever were, live ones of all, images that are held, and ancestries that were cut. */
  get figures(): {
    readonly seen: number;
    readonly live: number;
    readonly images: number;
    readonly cut: number;
  } {
    return { seen: this.#seen, live: this.#tasks.size, images: this.#held, cut: this.#cut };
  }

  find(pid: number): Task | undefined {
    return this.#tasks.get(pid);
  }

  live(): IterableIterator<Task> {
    return this.#tasks.values();
  }

  /** The process of an event; one that the stream never told of is made up, with nothing known but its pid. */
  expect(pid: number): Task {
    return (
      this.#tasks.get(pid) ??
      this.place(
        pid,
        null,
        0,
        { ppid: 0, createdAt: 0, isExec: false, isKworker: false, comm: 0, program: Program.unknown },
        noInheritance,
      )
    );
  }

  /** An image for a process that is outside of what the stream tells: it is not kept. */
  stranger(pid: number): Image {
    const made = {
      node: this.#nodes.next(),
      pid,
      ppid: 0,
      parent: null,
      createdAt: 0,
      isExec: false,
      isKworker: false,
      comm: 0,
      program: Program.unknown,
    };
    return new Image(this.#strings, made, noInheritance);
  }

  /**
   * Puts a process into the tree whose ancestry is that of `parent`'s image, or `from` when that is told. A
   * process that had the pid is gone.
   */
  place(
    pid: number,
    parent: Task | null,
    startTime: number,
    made: Omit<Made, 'node' | 'pid' | 'parent'>,
    inherited: Inherited,
    isTraced = true,
    from: Image | null = parent?.image ?? null,
  ): Task {
    this.end(pid);
    const image = this.#make({ ...made, pid, parent: from }, inherited);
    const task: Task = {
      pid,
      image,
      parent,
      children: null,
      startTime,
      pgid: parent?.pgid ?? 0,
      subreaper: false,
      namespaceInit: false,
    };
    this.#tasks.set(pid, task);
    if (parent !== null) adopt(parent, task);
    if (isTraced) this.#seen += 1;
    return task;
  }

  /**
   * A child of `parent` begins as a copy of it. With CLONE_PARENT (`sibling`) the kernel's parent is the
   * parent's parent, while the ancestry still goes through the one that forked.
   */
  fork(
    parent: Task,
    pid: number,
    time: { readonly startTime: number; readonly createdAt: number },
    sibling: boolean,
  ): Task {
    const { image } = parent;
    const task = this.place(
      pid,
      parent,
      time.startTime,
      {
        ppid: sibling ? image.ppid : parent.pid,
        createdAt: time.createdAt,
        isExec: false,
        isKworker: false,
        comm: image.comm,
        program: image.program,
      },
      image,
    );
    if (sibling) {
      parent.children?.delete(task);
      task.parent = parent.parent;
      if (task.parent !== null) adopt(task.parent, task);
    }
    return task;
  }

  /** An image of the past, which no process has: kept until it is let go of, and then by those that come from it. */
  past(made: Omit<Made, 'node'>, inherited: Inherited): Image {
    return this.#make(made, inherited);
  }

  /** The process has had another image for some time, while nobody looked. */
  become(task: Task, made: Omit<Made, 'node' | 'pid'>): Image {
    const old = task.image;
    task.image = this.#make({ ...made, pid: task.pid }, noInheritance);
    this.#drop(old);
    return task.image;
  }

  letGo(image: Image): void {
    this.#drop(image);
  }

  /** The process goes on as a new image, which has the old one as its parent. */
  exec(task: Task, program: Program, comm: StringId, createdAt: number): Image {
    const old = task.image;
    const image = this.#make(
      {
        pid: task.pid,
        ppid: old.ppid,
        parent: old,
        createdAt,
        isExec: true,
        isKworker: false,
        comm,
        program,
      },
      old,
    );
    task.image = image;
    this.#drop(old);
    return image;
  }

  /** The process is gone; its children go to whom the kernel gives them. */
  end(pid: number): void {
    const task = this.#tasks.get(pid);
    if (task === undefined) return;
    this.#tasks.delete(pid);
    if (task.children !== null && task.children.size > 0) {
      const heir = this.#heir(task);
      for (const child of task.children) {
        child.parent = heir;
        child.image.ppid = heir?.pid ?? 1;
        if (heir !== null) adopt(heir, child);
      }
      task.children = null;
    }
    task.parent?.children?.delete(task);
    this.#drop(task.image);
  }

  /** The nearest ancestor that adopts: a subreaper, or the first process of the pid namespace. */
  #heir(task: Task): Task | null {
    for (let up = task.parent; up !== null; up = up.parent) {
      if (up.subreaper || up.namespaceInit) return up;
    }
    return this.#tasks.get(1) ?? null;
  }

  #make(made: Omit<Made, 'node'>, inherited: Inherited): Image {
    const image = new Image(this.#strings, { ...made, node: this.#nodes.next() }, inherited);
    image.references = 1;
    if (image.parent !== null) image.parent.references += 1;
    this.#held += 1;
    if (image.depth >= deepest && image.depth % (deepest / 2) === 0) this.#shorten(image);
    return image;
  }

  #shorten(image: Image): void {
    let top = image;
    for (let count = 0; count < deepest / 2 && top.parent !== null; count++) {
      top.memo = undefined;
      top = top.parent;
    }
    const above = top.parent;
    if (above === null) return;
    top.memo = undefined;
    top.parent = null;
    this.#cut += 1;
    this.#drop(above);
  }

  /** One reference less; what nobody refers to is released, and so on upwards. */
  #drop(image: Image): void {
    for (let at: Image | null = image; at !== null; at = at.parent) {
      at.references -= 1;
      if (at.references > 0) return;
      this.#held -= 1;
      this.#release(at);
    }
  }
}

function adopt(parent: Task, child: Task): void {
  parent.children ??= new Set();
  parent.children.add(child);
}
