/** The processes of a recording as a tree of images, in order of first appearance. */
import type { Event, Process } from '../catalogue/event.js';
import type { ProductModel } from '../rules/index.js';
import type { TreeLine } from './results.js';

interface Branch {
  readonly image: Process;
  readonly seq: number;
  readonly path: string;
  readonly args: string;
  readonly uid: number;
  readonly children: Branch[];
  events: number;
  exit: string | undefined;
}

export class ProcessTree {
  readonly #branches = new Map<number, Branch>();
  readonly #roots: Branch[] = [];

  constructor(readonly model: ProductModel) {}

  see(event: Event): void {
    const branch = this.#of(event.process, event.seq);
    branch.events += 1;
    if (event.type === 'exit' && event.pid === event.process.pid) {
      const fields = this.model.fieldsOf(event);
      const cause = Number(fields['exit.cause'] ?? 0);
      branch.exit =
        cause === 0
          ? `exited ${String(fields['exit.code'] ?? 0)}`
          : `killed by signal ${String(fields['exit.code'] ?? '?')}`;
    }
  }

  /** A fork that called exec at once is one line with what it became. */
  lines(): TreeLine[] {
    const found: TreeLine[] = [];
    const walk = (branch: Branch, depth: number, before = 0): void => {
      const next = branch.children[0];
      if (
        branch.children.length === 1 &&
        next !== undefined &&
        next.image.pid === branch.image.pid &&
        !branch.image.isExec
      ) {
        walk(next, depth, before + branch.events);
        return;
      }
      const { image, seq, path, args, uid, events, exit } = branch;
      found.push({
        pid: image.pid,
        depth,
        path,
        args,
        uid,
        seq,
        events: before + events,
        ...(exit === undefined ? {} : { exit }),
      });
      for (const child of branch.children) walk(child, depth + 1);
    };
    for (const root of this.#roots) walk(root, 0);
    return found;
  }

  #of(image: Process, seq: number): Branch {
    const known = this.#branches.get(image.node);
    if (known !== undefined) return known;
    const { strings } = this.model;
    const branch: Branch = {
      image,
      seq,
      path: strings.text(image.file.path) || strings.text(image.comm),
      args: strings.text(image.derived.args),
      uid: image.credentials.uid,
      children: [],
      events: 0,
      exit: undefined,
    };
    this.#branches.set(image.node, branch);
    if (image.parent === null) this.#roots.push(branch);
    else this.#of(image.parent, seq).children.push(branch);
    return branch;
  }
}
