/** Text for people: colours only where they are wanted, and nothing from the input can drive a terminal. */
import { visible } from '../support/diagnostic.js';

/**
 * Makes `text` safe to print inside a line: control characters become `\xNN`, a newline `\n`, and the
 * characters that reorder or hide text (bidirectional controls, zero width, line separators) `\u{…}`.
 */
export function printable(text: string): string {
  return visible(text)
    .replaceAll('\n', '\\n')
    .replace(
      /[\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g,
      (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`,
    );
}

/** As a shell takes it for one word. */
export function shellWord(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) && !text.startsWith('-') ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Cuts to `limit` characters with an ellipsis in place of what is lost. */
export function clipped(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1)}…`;
}

export interface Paint {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly cyan: (text: string) => string;
}

const codes = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const;

function painter(colours: boolean): Paint {
  const entries = Object.entries(codes).map(([name, [on, off]]) => [
    name,
    colours ? (text: string) => `\x1b[${on}m${text}\x1b[${off}m` : (text: string) => text,
  ]);
  return Object.fromEntries(entries) as unknown as Paint;
}

export const plain: Paint = painter(false);
export const coloured: Paint = painter(true);

/** Colours on a terminal only; NO_COLOR (any value) turns them off, FORCE_COLOR (but 0) on. */
export function paintFor(
  stream: { readonly isTTY?: boolean },
  environment: NodeJS.ProcessEnv = process.env,
): Paint {
  if (environment['NO_COLOR'] !== undefined && environment['NO_COLOR'] !== '') return plain;
  const forced = environment['FORCE_COLOR'];
  if (forced !== undefined && forced !== '') return forced === '0' ? plain : coloured;
  return stream.isTTY === true && environment['TERM'] !== 'dumb' ? coloured : plain;
}

/** Columns of a terminal; a pipe or file takes lines of any length, and nothing is broken for it. */
export function widthFor(
  stream: { readonly isTTY?: boolean; readonly columns?: number | undefined },
  environment: NodeJS.ProcessEnv = process.env,
): number {
  if (stream.isTTY !== true) return Number.POSITIVE_INFINITY;
  const width = stream.columns || Number(environment['COLUMNS']);
  return width > 0 ? width : Number.POSITIVE_INFINITY;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the colours that `Paint` sets
const colour = /\x1b\[\d+m/g;
const lengthOf = (cell: string): number => cell.replace(colour, '').length;
const padded = (cell: string, width: number): string =>
  cell + ' '.repeat(Math.max(0, width - lengthOf(cell)));

/** Least width that the last column is given, and that others are narrowed to. */
const leastLast = 24;
const least = 12;

/**
 * Lays cells out in columns that are as wide as their widest cell; the last column is not padded. One text for
 * each row. In rows that are wider than `width`, the last cell goes on in lines below its beginning, and a
 * cell that is longer than the others leave room for has a line of its own: nothing is left out.
 */
export function columns(
  rows: readonly (readonly string[])[],
  { gap = 2, width = Number.POSITIVE_INFINITY }: { readonly gap?: number; readonly width?: number } = {},
): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, lengthOf(cell));
  }
  const last = widths.length - 1;
  const sum = (): number => widths.reduce((total, one) => total + one + gap, -gap);
  if (last > 0 && sum() > width) widths[last] = Math.min(widths[last]!, leastLast);
  while (last > 0 && sum() > width) {
    const widest = widths.indexOf(Math.max(...widths.slice(0, last)));
    if (widths[widest]! <= least) break;
    widths[widest] = Math.max(least, widths[widest]! - (sum() - width));
  }
  return rows.map((row) => {
    let text = '';
    let at = 0;
    for (const [index, cell] of row.entries()) {
      const begin = widths.slice(0, index).reduce((total, one) => total + one + gap, 0);
      if (at > begin) {
        text = `${text.trimEnd()}\n`;
        at = 0;
      }
      if (index === row.length - 1)
        return text + ' '.repeat(begin - at) + wrapped(cell, width - begin, begin);
      text += padded(' '.repeat(begin - at) + cell, begin - at + widths[index]! + gap);
      at = begin + Math.max(widths[index]!, lengthOf(cell)) + gap;
    }
    return text;
  });
}

/** Breaks at blanks into lines of `width` characters; what has no blank stays whole. */
function wrapped(cell: string, width: number, indent: number): string {
  if (lengthOf(cell) <= width) return cell;
  const lines: string[] = [''];
  for (const word of cell.split(' ')) {
    const line = lines.at(-1)!;
    if (line !== '' && lengthOf(line) + 1 + lengthOf(word) > width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.join(`\n${' '.repeat(indent)}`);
}

/** Seconds since the first event, `+1.391 s`. */
export function sinceStart(elapsed: number): string {
  return `+${(elapsed / 1e9).toFixed(3)} s`;
}

/** `12408` → `12,408`. */
export function counted(count: number, noun?: string): string {
  const number = count.toLocaleString('en-US');
  return noun === undefined ? number : `${number} ${noun}${count === 1 ? '' : 's'}`;
}
