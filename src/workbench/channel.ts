/**
 * Hands what a synchronous callback puts to an async iteration, in order. The producer is not slowed down by a
 * slow reader beyond its own awaits (between blocks of a recording), so what waits is what one block gave.
 */
export class Channel<T> implements AsyncIterable<T> {
  readonly #waiting: T[] = [];
  #wake: (() => void) | undefined;
  #ended = false;
  #error: unknown;

  put(item: T): void {
    this.#waiting.push(item);
    this.#wake?.();
  }

  /** Ends the iteration with the work that fills it; an error of the work is thrown to the reader. */
  follow(work: Promise<unknown>): void {
    work.then(
      () => this.#end(),
      (error: unknown) => {
        this.#error = error ?? new Error('the work failed');
        this.#end();
      },
    );
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      while (this.#waiting.length > 0) {
        const batch = this.#waiting.splice(0);
        yield* batch;
      }
      if (this.#error !== undefined) throw this.#error;
      if (this.#ended) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }

  #end(): void {
    this.#ended = true;
    this.#wake?.();
  }
}
