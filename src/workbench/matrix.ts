/** Expands the matrix of a test: every combination of values, in the order in which they stand. */
import type { TestEntry } from './testfile.js';

export type MatrixValues = Readonly<Record<string, string | number | boolean>>;

export interface Expanded {
  readonly entry: TestEntry;
  /** `name [shell=bash]`, or the name with its placeholders filled in. */
  readonly name: string;
  readonly values: MatrixValues;
  /** Placeholders that stand for nothing. */
  readonly unknown: readonly string[];
}

const placeholder = /\{\{\s*([A-Za-z_][\w-]*)\s*\}\}/g;

export function expandMatrix(entry: TestEntry): Expanded[] {
  const axes = Object.entries(entry.matrix ?? {});
  let rows: MatrixValues[] = [{}];
  for (const [name, values] of axes)
    rows = rows.flatMap((row) => values.map((value) => ({ ...row, [name]: value })));
  return rows.map((values) => {
    const unknown = new Set<string>();
    // A script gets the values as environment variables, and files may hold braces of their own.
    const { run, files, ...rest } = entry;
    const filled = fill(rest, values, unknown) as TestEntry;
    const whole = {
      ...filled,
      ...(run === undefined ? {} : { run }),
      ...(files === undefined ? {} : { files: fill(files, values, undefined) as Record<string, string> }),
    };
    const left = axes.filter(([name]) => !new RegExp(`\\{\\{\\s*${name}\\s*\\}\\}`).test(entry.name));
    const suffix = left.length === 0 ? '' : ` [${left.map(([name]) => `${name}=${values[name]}`).join(' ')}]`;
    return { entry: whole, name: filled.name + suffix, values, unknown: [...unknown] };
  });
}

function fill(value: unknown, values: MatrixValues, unknown: Set<string> | undefined): unknown {
  if (typeof value === 'string') {
    return value.replace(placeholder, (text, name: string) => {
      const found = values[name];
      if (found !== undefined) return String(found);
      unknown?.add(name);
      return text;
    });
  }
  if (Array.isArray(value)) return value.map((item) => fill(item, values, unknown));
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [fill(key, values, unknown), fill(item, values, unknown)]),
    );
  }
  return value;
}
