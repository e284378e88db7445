/**
 * Where the text of a YAML scalar stands in its file, so that a diagnostic about an expression points at
 * the very character in the policy, inside block scalars and quoted strings too.
 */
import type { Span } from '../support/diagnostic.js';

export interface Placement {
  readonly file: string;
  /** The stretch of the file that the offsets `start`..`end` of the scalar's value come from. */
  span(start: number, end: number): Span;
}
