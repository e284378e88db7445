/**
 * The one shape of everything that we tell a user about their input, and the one place that draws it.
 *
 * A diagnostic is data: rooms make it, `renderDiagnostic` draws it in the shape that editors read
 * (`file:line:column: severity: message [code]`), and JSON formats print it as it is.
 */

export type Severity = 'error' | 'warning' | 'note';

/** A place in a text. Lines and columns are 1-based and count UTF-16 units; offsets are 0-based. */
export interface Position {
  readonly offset: number;
  readonly line: number;
  readonly column: number;
}

/** A half-open stretch of a named text. `end` may equal `start` (a point). */
export interface Span {
  /** The path as the user would type it, or a name in angle brackets such as `<expression>`. */
  readonly file: string;
  readonly start: Position;
  readonly end: Position;
}

export interface Suggestion {
  /** What to try, as a sentence or a piece of text to type. */
  readonly text: string;
  /** When the suggestion is mechanical: replace this stretch of the source by `replacement`. */
  readonly span?: Span;
  readonly replacement?: string;
}

export interface Note {
  readonly message: string;
  readonly span?: Span;
}

export interface Diagnostic {
  readonly severity: Severity;
  /** A kebab word that is documented in `docs/errors.md` and never changes its meaning. */
  readonly code: string;
  /** One sentence; the thing in double quotes; what we have and what we want. */
  readonly message: string;
  readonly span?: Span;
  readonly notes: readonly Note[];
  readonly suggestions: readonly Suggestion[];
}

/** What a code means: the row behind `list codes`, `docs/errors.md` and the types of the rooms. */
export interface CodeRow {
  readonly severity: Severity;
  /** What is wrong, why it matters, and what to do. One to three sentences. */
  readonly doc: string;
  /** A minimal example that causes it, when one fits in a line or two. */
  readonly example?: string;
}

export type CodeTable = Readonly<Record<string, CodeRow>>;

/** Makes a diagnostic of a code in `table`; the severity is the row's unless `extra` overrides it. */
export function diagnostic<T extends CodeTable>(
  table: T,
  code: Extract<keyof T, string>,
  message: string,
  extra: {
    readonly span?: Span;
    readonly severity?: Severity;
    readonly notes?: readonly (string | Note)[];
    readonly suggestions?: readonly (string | Suggestion)[];
  } = {},
): Diagnostic {
  const row = table[code] as CodeRow;
  return {
    severity: extra.severity ?? row.severity,
    code,
    message,
    ...(extra.span === undefined ? {} : { span: extra.span }),
    notes: (extra.notes ?? []).map((note) => (typeof note === 'string' ? { message: note } : note)),
    suggestions: (extra.suggestions ?? []).map((item) => (typeof item === 'string' ? { text: item } : item)),
  };
}

/** Orders by file, then position, then code, so that output never depends on who found what first. */
export function sortDiagnostics(list: readonly Diagnostic[]): Diagnostic[] {
  return [...list].sort(
    (a, b) =>
      compare(a.span?.file ?? '', b.span?.file ?? '') ||
      (a.span?.start.offset ?? -1) - (b.span?.start.offset ?? -1) ||
      compare(a.code, b.code),
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Finds line and column of 0-based `offset` in `text`. */
export function positionAt(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  return { offset, line, column: offset - (before.lastIndexOf('\n') + 1) + 1 };
}

export function spanAt(file: string, text: string, start: number, end: number): Span {
  return { file, start: positionAt(text, start), end: positionAt(text, end) };
}

/**
 * An error that carries diagnostics up to the command, which prints them and exits with `status`
 * (2, "could not answer", unless said otherwise; see the table of exit statuses in docs/commands.md).
 */
export class DiagnosticError extends Error {
  constructor(
    readonly diagnostics: readonly Diagnostic[],
    readonly status = 2,
  ) {
    super(diagnostics.map((item) => `${item.message} [${item.code}]`).join('\n'));
    this.name = 'DiagnosticError';
  }
}

/** The source text of a file that spans point into, or undefined when it cannot be shown. */
export type SourceText = (file: string) => string | undefined;

/**
 * Draws one diagnostic: the gcc-shaped line, the excerpt with its caret, notes, then `Try:` lines.
 * Control characters of the excerpt and the message are made visible, so no input can drive a terminal.
 */
export function renderDiagnostic(item: Diagnostic, source: SourceText = () => undefined): string {
  const lines = [`${place(item.span)}${item.severity}: ${visible(item.message)} [${item.code}]`];
  lines.push(...excerpt(item.span, source));
  for (const note of item.notes) {
    lines.push(`${place(note.span)}note: ${visible(note.message)}`, ...excerpt(note.span, source));
  }
  for (const suggestion of item.suggestions) lines.push(`   Try: ${visible(suggestion.text)}`);
  return lines.join('\n');
}

function place(span: Span | undefined): string {
  return span === undefined ? '' : `${visible(span.file)}:${span.start.line}:${span.start.column}: `;
}

const EXCERPT_WIDTH = 160;

function excerpt(span: Span | undefined, source: SourceText): string[] {
  if (span === undefined) return [];
  const line = source(span.file)?.split('\n')[span.start.line - 1];
  if (line === undefined) return [];
  const column = span.start.column - 1;
  const from = column > EXCERPT_WIDTH - 20 ? column - 40 : 0;
  const shown = visible(line.slice(from, from + EXCERPT_WIDTH).replaceAll('\t', ' '));
  const end = span.end.line === span.start.line ? span.end.column - 1 : line.length;
  const width = Math.max(1, Math.min(end, from + EXCERPT_WIDTH, line.length) - column);
  const number = String(span.start.line).padStart(4);
  return [`${number} | ${shown}`, `     | ${' '.repeat(column - from)}${'^'.repeat(width)}`];
}

/** Replaces control characters (C0 but newline, DEL, C1) by visible escapes such as `\x1b`. */
export function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not reach a terminal
  return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, (char) =>
    `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
