/**
 * Several replays at a time, each in a thread of its own with its own copy of the rules. Only facts come back;
 * judging stays with who asked, in the order of the tests, so that no answer depends on how many there are.
 */
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { type Diagnostic, DiagnosticError } from '../support/diagnostic.js';
import { packageRoot } from '../support/package.js';
import type { Facts, ScenarioOptions } from './scenario.js';

/** A replay that a thread can be asked for: plain data. */
export interface Errand
  extends Omit<ScenarioOptions, 'rules' | 'observer' | 'input' | 'types' | 'explained'> {
  /** Absolute path of the recording. */
  readonly input: string;
  /** Paths, from the working directory of the crew. */
  readonly rules: readonly string[];
}

export interface ErrandMessage {
  readonly id: number;
  readonly errand: Errand;
}

export interface ErrandAnswer {
  readonly id: number;
  readonly facts?: Facts;
  /** Of the `DiagnosticError` that it ended with. */
  readonly diagnostics?: readonly Diagnostic[];
}

interface Waiting {
  resolve(facts: Facts): void;
  reject(error: unknown): void;
}

export class Crew {
  readonly #idle: Worker[] = [];
  readonly #all: Worker[] = [];
  readonly #queue: ErrandMessage[] = [];
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;

  constructor(
    readonly cwd: string,
    readonly size: number,
  ) {}

  /** Replays that are asked for and not yet answered. */
  get awaited(): number {
    return this.#waiting.size;
  }

  ask(errand: Errand): Promise<Facts> {
    const id = this.#next++;
    const answer = new Promise<Facts>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    // It may be awaited much later, or never when the run ends early.
    answer.catch(() => undefined);
    this.#queue.push({ id, errand });
    this.#work();
    return answer;
  }

  async end(): Promise<void> {
    this.#queue.length = 0;
    await Promise.all(this.#all.map((worker) => worker.terminate()));
  }

  #work(): void {
    while (this.#queue.length > 0) {
      const worker = this.#idle.pop() ?? (this.#all.length < this.size ? this.#hire() : undefined);
      if (worker === undefined) return;
      worker.postMessage(this.#queue.shift());
    }
  }

  #hire(): Worker {
    const worker = startWorker(this.cwd);
    this.#all.push(worker);
    worker.unref();
    worker.on('message', (answer: ErrandAnswer) => {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if (answer.facts !== undefined) waiting?.resolve(answer.facts);
      else waiting?.reject(new DiagnosticError(answer.diagnostics ?? []));
      this.#idle.push(worker);
      this.#work();
    });
    worker.on('error', (error) => {
      // A defect of ours: every answer that is still awaited would never come.
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    });
    return worker;
  }
}

/** From the built package its own entry; from source the source, which a thread must first learn to read. */
function startWorker(cwd: string): Worker {
  const options = { workerData: { cwd } };
  if (!import.meta.url.endsWith('.ts')) return new Worker(join(packageRoot(), 'bin', 'worker.js'), options);
  const loader = new URL('index.mjs', pathToFileURL(createRequire(import.meta.url).resolve('tsx/esm/api')));
  const source = new URL('./worker.ts', import.meta.url).href;
  const script = `import('${loader}').then(({ register }) => register() && import('${source}'))`;
  return new Worker(script, { ...options, eval: true, execArgv: [] });
}

/** Below this many bytes of recordings, starting threads costs more than it saves. */
const worthwhile = 8 << 20;

/** How many replays at a time, when nobody said. */
export function usualJobs(bytes: number): number {
  return bytes < worthwhile ? 1 : Math.min(4, availableParallelism());
}
