/**
 * Two of the three tools for three kinds of wrong: `expects` (the caller is wrong) and `invariant`
 * (we are wrong). Both stay on in release. The third, for wrong input, is a diagnostic.
 */

export class InternalError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'InternalError';
  }
}

export function expects(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InternalError(`expects: ${message}`);
}

export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InternalError(`invariant: ${message}`);
}

/** For the default branch of a switch over a closed union: the compiler proves that it is never reached. */
export function unreachable(value: never): never {
  throw new InternalError(`unreachable: ${String(value)}`);
}
