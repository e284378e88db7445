/** A named text and the way from its offsets to places in the file that the user sees. */

import type { Position, Span } from '../support/diagnostic.js';

/** Maps a stretch of an expression (0-based offsets) to its place in the file it was taken from. */
export type MapSpan = (start: number, end: number) => Span;

/** A span that also knows its place in the expression that it was taken from. */
export interface TextSpan extends Span {
  /** 0-based offsets into the text of the rule, or of the macro. */
  readonly from: number;
  readonly to: number;
  /** The macro whose text it is; absent: the rule's own. */
  readonly macro?: string;
}

export class Source {
  #lines: number[] | undefined;
  readonly #map: MapSpan | undefined;

  constructor(
    readonly text: string,
    readonly file = '<expression>',
    map?: MapSpan,
  ) {
    this.#map = map;
  }

  span(start: number, end: number): Span {
    if (this.#map !== undefined) return this.#map(start, end);
    return { file: this.file, start: this.position(start), end: this.position(end) };
  }

  place(start: number, end: number, macro?: string): TextSpan {
    const span = this.span(start, end);
    const place = { file: span.file, start: span.start, end: span.end, from: start, to: end };
    return macro === undefined ? place : { ...place, macro };
  }

  position(offset: number): Position {
    this.#lines ??= lineStarts(this.text);
    const lines = this.#lines;
    let low = 0;
    let high = lines.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (lines[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { offset, line: low + 1, column: offset - lines[low]! + 1 };
  }
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}
