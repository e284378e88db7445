/** Patterns of file names and of rule ids: `*`, `?`, `{a,b}`, and for paths `**` over any number of folders. */
import { readdirSync, statSync } from 'node:fs';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';

export const isPattern = (text: string): boolean => /[*?{[]/.test(text);

/** Compiles a pattern of slash-separated paths; `*` stays within a segment. */
export function pathPattern(pattern: string): RegExp {
  let source = '';
  let braces = 0;
  for (let index = 0; index < pattern.length; index++) {
    const char = pattern[index]!;
    if (char === '*' && pattern[index + 1] === '*') {
      const slash = pattern[index + 2] === '/';
      source += slash ? '(?:[^/]+/)*' : '.*';
      index += slash ? 2 : 1;
    } else if (char === '*') source += '[^/]*';
    else if (char === '?') source += '[^/]';
    else if (char === '{') {
      braces++;
      source += '(?:';
    } else if (char === '}' && braces > 0) {
      braces--;
      source += ')';
    } else if (char === ',' && braces > 0) source += '|';
    else source += char.replace(/[\\^$.|+()[\]{}]/g, '\\$&');
  }
  return new RegExp(`^${source}$`, 's');
}

const compiled = new Map<string, RegExp>();

/** Whether an id fits a name that may hold `*` and `?`. */
export function fits(pattern: string, id: string): boolean {
  if (!/[*?]/.test(pattern)) return pattern === id;
  let expression = compiled.get(pattern);
  if (expression === undefined) {
    const source = pattern
      .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.');
    expression = new RegExp(`^${source}$`, 's');
    compiled.set(pattern, expression);
  }
  return expression.test(id);
}

/** Absolute paths of the files that the pattern (relative to `base`) names, sorted; a plain name is given as it is when it exists. */
export function findFiles(pattern: string, base: string): string[] {
  const whole = isAbsolute(pattern) ? pattern : join(base, pattern);
  if (!isPattern(pattern)) return exists(whole) ? [resolve(whole)] : [];
  const parts = whole.split(sep);
  const first = parts.findIndex(isPattern);
  const folder = parts.slice(0, first).join(sep) || sep;
  const expression = pathPattern(parts.slice(first).join('/'));
  return walk(folder)
    .filter((file) => expression.test(relative(folder, file).split(sep).join('/')))
    .sort(byName);
}

/** All files below a folder, without `node_modules` and folders that begin with a dot; bounded in depth. */
export function walk(folder: string, depth = 16): string[] {
  let entries: import('node:fs').Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
  const found: string[] = [];
  for (const entry of entries.sort((a, b) => byName(a.name, b.name))) {
    if (entry.name === 'node_modules' || entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (depth > 0) found.push(...walk(path, depth - 1));
    } else if (entry.isFile() || (entry.isSymbolicLink() && isFile(path))) found.push(path);
  }
  return found;
}

export const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

export function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  } catch {
    return false;
  }
}
