/** Processes in a line of text: `cat(9040) ‹ sh(9036) ‹ nginx(9011)`. */
import type { ProcessLine } from './answers.js';
import { clipped, printable } from './text.js';

interface Named {
  readonly pid: number;
  readonly path: string;
}

/** The last component of the path, safe to print; `?` when the path is not known. */
export function programName(process: Named): string {
  const name = process.path.slice(process.path.lastIndexOf('/') + 1);
  return name === '' ? '?' : printable(clipped(name, 40));
}

/** The process and its ancestors, nearest first; beyond `limit` of them a count. */
export function lineage(process: ProcessLine, limit = 4): string {
  const all: Named[] = [process, ...process.ancestors];
  const shown = all.slice(0, limit).map((item) => `${programName(item)}(${item.pid})`);
  if (all.length > limit) shown.push(`… ${all.length - limit} more`);
  return shown.join(' ‹ ');
}

/** `cat /etc/passwd`, for lists of processes. */
export function commandText(process: { readonly path: string; readonly args: string }, limit = 100): string {
  const args = process.args === '' ? '' : ` ${process.args}`;
  return printable(clipped(`${process.path === '' ? '?' : process.path}${args}`, limit));
}
