/** Any number of streams before one engine: the agent's view. */
import { NodeCounter } from '../probe/index.js';
import { StringTable } from '../support/strings.js';
import type { Engine, PipelineOptions } from './options.js';
import { type Shared, Stream } from './stream.js';

export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #shared: Shared;

  constructor(options: PipelineOptions = {}) {
    this.#options = options;
    this.#shared = {
      strings: options.strings ?? new StringTable(),
      nodes: new NodeCounter(),
      engine: options.engine,
    };
  }

  get strings(): StringTable {
    return this.#shared.strings;
  }

  get engine(): Engine | undefined {
    return this.#shared.engine;
  }

  /** Other rules from the next event on. */
  set engine(engine: Engine | undefined) {
    this.#shared.engine = engine;
  }

  openStream(name: string): Stream {
    return new Stream(name, this.#options, this.#shared);
  }
}
