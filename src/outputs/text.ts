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

/** Lays cells out in columns that are as wide as their widest cell; the last column is not padded. */
export function columns(rows: readonly (readonly string[])[], gap = 2): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  }
  return rows.map((row) =>
    row.map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(widths[index]! + gap))).join(''),
  );
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
