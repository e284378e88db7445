/** Runs the tests again whenever a policy, test, recording or project file changes: only those it can affect. */
import type { LoadedRule } from '../rules/index.js';
import { DiagnosticError } from '../support/diagnostic.js';
import { projectOf, shown } from './project.js';
import type { TestItem, TestOptions } from './results.js';
import { runTests } from './test.js';
import { TreeWatch } from './treewatch.js';

export interface WatchOptions extends TestOptions {
  /** Ends the watch. */
  readonly signal: AbortSignal;
  readonly control?: WatchControl;
}

export type WatchItem =
  | TestItem
  /** A run begins: the files that changed (as the user would type them), or the key that asked for it. */
  | { readonly kind: 'begin'; readonly why: readonly string[] }
  /** Everything is said; a change or a key is awaited. `ms` since the change was seen. */
  | { readonly kind: 'waiting'; readonly ms: number };

/** What keys ask for: `a` all, `f` failed, `u` update snapshots, `e` explanations on or off. */
export class WatchControl {
  #ask: ((what: 'all' | 'failed' | 'update') => void) | undefined;
  explain = true;

  /** True when the key means something. */
  key(name: string): boolean {
    const what = { a: 'all', f: 'failed', u: 'update', e: 'all' }[name] as
      | 'all'
      | 'failed'
      | 'update'
      | undefined;
    if (name === 'e') this.explain = !this.explain;
    if (what !== undefined) this.#ask?.(what);
    return what !== undefined;
  }

  onAsk(listener: (what: 'all' | 'failed' | 'update') => void): void {
    this.#ask = listener;
  }
}

/** Editors write in several steps; changes within this many ms belong together. */
const settle = 10;

export async function* watch(options: WatchOptions): AsyncGenerator<WatchItem> {
  const cwd = options.cwd ?? process.cwd();
  const { root } = projectOf({ cwd });
  const changes = new Changes(root, options.signal);
  options.control?.onAsk((what) => changes.ask(what));
  const suspect = changedRules();
  try {
    yield* round({ ...options, suspect }, {}, ['start'], performance.now());
    for (;;) {
      const next = await changes.next();
      if (next === undefined) return;
      const why = next.asked === undefined ? next.files.map((file) => shown(file, cwd)) : [next.asked];
      const choice: TestOptions =
        next.asked === 'all'
          ? {}
          : next.asked === 'failed'
            ? { failed: true }
            : next.asked === 'update'
              ? { update: true }
              : { changedFiles: next.files };
      yield* round({ ...options, suspect }, choice, why, next.at);
    }
  } finally {
    changes.close();
  }
}

async function* round(
  options: WatchOptions,
  choice: TestOptions,
  why: readonly string[],
  began: number,
): AsyncGenerator<WatchItem> {
  const { signal: _signal, control, ...rest } = options;
  yield { kind: 'begin', why };
  try {
    yield* runTests({ ...rest, ...choice, explain: control?.explain ?? options.explain ?? true });
  } catch (error) {
    // A file that is half written, or no test left: the next change may mend it.
    if (!(error instanceof DiagnosticError)) throw error;
    for (const item of error.diagnostics) yield { kind: 'diagnostic', diagnostic: item };
  }
  yield { kind: 'waiting', ms: performance.now() - began };
}

/** Tells the rules whose text is another than when it was asked about them last. */
function changedRules(): (rule: LoadedRule) => boolean {
  const known = new Map<string, string>();
  return (rule) => {
    const key = `${rule.span.file}\n${rule.id}`;
    const before = known.get(key);
    known.set(key, rule.expression);
    return before !== undefined && before !== rule.expression;
  };
}

interface Change {
  readonly files: readonly string[];
  readonly asked: 'all' | 'failed' | 'update' | undefined;
  /** `performance.now()` of the first of them. */
  readonly at: number;
}

class Changes {
  readonly #watcher: TreeWatch;
  readonly #files = new Set<string>();
  #asked: Change['asked'];
  #at = 0;
  #timer: NodeJS.Timeout | undefined;
  #wake: (() => void) | undefined;
  #ended = false;

  constructor(
    readonly root: string,
    signal: AbortSignal,
  ) {
    this.#watcher = new TreeWatch(root, (path) => {
      if (!matters(path)) return;
      this.#files.add(path);
      this.#soon();
    });
    signal.addEventListener('abort', () => {
      this.#ended = true;
      this.#wake?.();
    });
    this.#ended = signal.aborted;
  }

  ask(what: NonNullable<Change['asked']>): void {
    this.#asked = what;
    this.#soon();
  }

  /** The next change, or undefined when the watch ends. */
  async next(): Promise<Change | undefined> {
    for (;;) {
      if (this.#ended) return undefined;
      if (this.#timer === undefined && (this.#files.size > 0 || this.#asked !== undefined)) {
        const change = { files: [...this.#files].sort(), asked: this.#asked, at: this.#at };
        this.#files.clear();
        this.#asked = undefined;
        return change;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#watcher.close();
  }

  #soon(): void {
    if (this.#timer === undefined && this.#files.size <= 1) this.#at = performance.now();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#wake?.();
    }, settle);
  }
}

const matters = (path: string): boolean =>
  /\.(policy|ya?ml|seccam)$/.test(path) && !/\.snap\.ya?ml$/.test(path);
