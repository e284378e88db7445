/**
 * Where the text of a YAML scalar stands in its file, so that a diagnostic about an expression points at
 * the very character in the policy, inside block scalars and quoted strings too.
 */
import type { Position, Span } from '../support/diagnostic.js';

export interface Placement {
  readonly file: string;
  /** The stretch of the file that the offsets `start`..`end` of the scalar's value come from. */
  span(start: number, end: number): Span;
}

/** Finds lines and columns of a text: reads it once. */
export class LineIndex {
  readonly #starts: number[] = [0];
  #last = 0;

  constructor(
    readonly file: string,
    readonly text: string,
  ) {
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#starts.push(at + 1);
  }

  position(offset: number): Position {
    const at = Math.max(0, Math.min(offset, this.text.length));
    const starts = this.#starts;
    // Questions come in order: most are about the line of the last one.
    if (starts[this.#last]! <= at && at < (starts[this.#last + 1] ?? Number.POSITIVE_INFINITY))
      return { offset: at, line: this.#last + 1, column: at - starts[this.#last]! + 1 };
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle]! <= at) low = middle;
      else high = middle - 1;
    }
    this.#last = low;
    return { offset: at, line: low + 1, column: at - starts[low]! + 1 };
  }

  span(start: number, end: number): Span {
    return { file: this.file, start: this.position(start), end: this.position(Math.max(start, end)) };
  }
}

export type ScalarStyle = 'plain' | 'single' | 'double' | 'literal' | 'folded';

/**
 * Places the value of a scalar that stands at `start`..`end` of the file.
 *
 * YAML changes only white space (folding, indentation) and escapes, so value and source are aligned by their
 * other characters; the map is made at the first question, since most texts have no diagnostic.
 */
export function placeScalar(
  lines: LineIndex,
  value: string,
  style: ScalarStyle,
  start: number,
  end: number,
): Placement {
  // Most scalars stand on one line without escapes: there offset and place differ by a constant.
  const first = bodyStart(lines.text, style, start);
  if (
    style !== 'literal' &&
    style !== 'folded' &&
    lines.text.startsWith(value, first) &&
    first + value.length <= end
  ) {
    const last = value.length;
    return {
      file: lines.file,
      span: (from, to) =>
        lines.span(first + Math.min(from, last), first + Math.min(Math.max(from, to), last)),
    };
  }
  let map: Int32Array | undefined;
  return {
    file: lines.file,
    span(from, to) {
      map ??= align(lines.text, value, style, start, end);
      const first = map[Math.min(from, value.length)]!;
      // The end of the last character, not the start of the one after it: they differ across folded lines.
      const last = to > from ? afterUnit(lines.text, map[Math.min(to, value.length) - 1]!, style) : first;
      return lines.span(first, Math.max(first, last));
    },
  };
}

interface Unit {
  readonly char: string;
  readonly length: number;
}

/** Offset in the file of each character of the value, and of its end. */
function align(text: string, value: string, style: ScalarStyle, start: number, end: number): Int32Array {
  const map = new Int32Array(value.length + 1);
  let at = bodyStart(text, style, start);
  if (style === 'literal' || style === 'folded' || style === 'plain') {
    for (let index = 0; index < value.length; index++) {
      const wanted = value.charCodeAt(index);
      // White space may have been changed by folding; anything else is found again by skipping it.
      if (wanted > 32) while (at < end && text.charCodeAt(at) !== wanted) at++;
      map[index] = at;
      if (at < end && text.charCodeAt(at) === wanted) at++;
    }
    map[value.length] = Math.min(at, end);
    return map;
  }
  for (let index = 0; index < value.length; index++) {
    const wanted = value[index]!;
    if (isSpace(wanted)) {
      const unit = unitAt(text, at, style);
      map[index] = at;
      if (at < end && unit.char === wanted) at += unit.length;
      continue;
    }
    let scan = at;
    while (scan < end) {
      const unit = unitAt(text, scan, style);
      if (unit.char === wanted) break;
      scan += unit.length;
    }
    if (scan >= end) scan = at;
    map[index] = scan;
    at = scan + unitAt(text, scan, style).length;
  }
  map[value.length] = Math.min(at, end);
  return map;
}

function bodyStart(text: string, style: ScalarStyle, start: number): number {
  if (style === 'single' || style === 'double') return start + 1;
  if (style === 'plain') return start;
  const newline = text.indexOf('\n', start);
  return newline < 0 ? start : newline + 1;
}

function afterUnit(text: string, at: number, style: ScalarStyle): number {
  return at + unitAt(text, at, style).length;
}

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '0': '\0',
  a: '\x07',
  b: '\b',
  e: '\x1b',
  f: '\f',
  v: '\v',
  '\n': '',
};

/** One character of the value as the source writes it. */
function unitAt(text: string, at: number, style: ScalarStyle): Unit {
  const char = text[at] ?? '';
  if (style === 'single' && char === "'" && text[at + 1] === "'") return { char, length: 2 };
  if (style !== 'double' || char !== '\\') return { char, length: 1 };
  const next = text[at + 1] ?? '';
  const digits = next === 'x' ? 2 : next === 'u' ? 4 : next === 'U' ? 8 : 0;
  if (digits === 0) return { char: escapes[next] ?? next, length: 2 };
  const code = Number.parseInt(text.slice(at + 2, at + 2 + digits), 16);
  return {
    char: Number.isNaN(code) || code > 0x10ffff ? '' : String.fromCodePoint(code),
    length: 2 + digits,
  };
}

function isSpace(char: string): boolean {
  return char === ' ' || char === '\n' || char === '\t' || char === '\r';
}

/** A text that is its own file, or stands nowhere (`<expression>`). */
export function placeWhole(file: string, text: string): Placement {
  const lines = new LineIndex(file, text);
  return { file, span: (start, end) => lines.span(start, end) };
}
