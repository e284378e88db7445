/** Keeps streams as recordings, with the order in which they were consumed and the rules that decided. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OrderWriter, rulesFile, StreamFile } from '../pipeline/order.js';
import type { Block } from '../recording/blocks.js';
import type { LoadResult } from '../rules/index.js';
import { DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { agentCodes } from './codes.js';
import type { BlockTaker, LiveStream } from './stream.js';

export class Saver implements BlockTaker {
  readonly #order: OrderWriter;
  readonly #files = new Map<LiveStream, StreamFile>();
  readonly #timer: NodeJS.Timeout;

  constructor(
    readonly folder: string,
    readonly onFailed: (error: Error, name: string) => void,
  ) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    try {
      this.#order = new OrderWriter(folder);
    } catch (error) {
      const exists = (error as NodeJS.ErrnoException).code === 'EEXIST';
      throw new DiagnosticError([
        diagnostic(
          agentCodes,
          'save-failed',
          exists
            ? `the folder "${folder}" holds saved streams already`
            : `nothing can be saved in "${folder}": ${(error as Error).message}`,
          {
            suggestions: exists ? ['--save with another folder'] : [],
          },
        ),
      ]);
    }
    this.#timer = setInterval(() => this.#tick(), 1000);
    this.#timer.unref();
  }

  /** Every name of rules that the folder should hold the texts of, and does not yet. */
  readonly #rules = new Map<string, string>();

  /** The policies' texts lie beside the order file, so that the folder replays by itself. */
  rules(hash: string, loaded: LoadResult): void {
    this.#order.rules(hash);
    const policies = loaded.rules.policies.map(({ name, file, text }) => ({ name, file, text }));
    this.#rules.set(hash, JSON.stringify({ hash, policies }));
    const failed = this.#writeRules();
    if (failed !== undefined) this.onFailed(failed, rulesFile(hash));
  }

  #writeRules(): Error | undefined {
    for (const [hash, text] of this.#rules) {
      try {
        writeFileSync(join(this.folder, rulesFile(hash)), text, { mode: 0o600 });
        this.#rules.delete(hash);
      } catch (error) {
        return error as Error;
      }
    }
    return undefined;
  }

  #tick(): void {
    this.#writeRules();
    try {
      this.#order.flush();
    } catch {
      // What waits is bounded: the streams are told of as they fail.
    }
  }

  block(stream: LiveStream, block: Block): void {
    let file = this.#files.get(stream);
    if (file === undefined) {
      if (block.kind !== 0) return;
      try {
        file = new StreamFile(this.folder, stream.name);
      } catch (error) {
        this.onFailed(error as Error, stream.name);
        return;
      }
      this.#files.set(stream, file);
    }
    try {
      file.write(block);
      this.#order.block(stream.name, block);
    } catch (error) {
      this.#files.delete(stream);
      file.abandon();
      this.onFailed(error as Error, stream.name);
    }
  }

  ended(stream: LiveStream): void {
    const file = this.#files.get(stream);
    this.#files.delete(stream);
    if (file === undefined) return;
    try {
      this.#order.end(stream.name);
      file.finish();
    } catch (error) {
      this.onFailed(error as Error, stream.name);
    }
  }

  close(): void {
    clearInterval(this.#timer);
    for (const stream of [...this.#files.keys()]) this.ended(stream);
    const failed = this.#writeRules();
    if (failed !== undefined) this.onFailed(failed, 'rules');
    try {
      this.#order.close();
    } catch (error) {
      this.onFailed(error as Error, 'order');
    }
  }
}
