/** Where this package lies, from a source checkout as from the built and bundled script. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { invariant } from './assert.js';

let found: string | undefined;

/**
 * The folder that holds our `package.json`: everything shipped beside the code (`native/build`, `rules`,
 * `schema`) is found from here, since a bundled module does not lie where its source did.
 */
export function packageRoot(): string {
  if (found !== undefined) return found;
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) {
      found = folder;
      return folder;
    }
    invariant(folder !== dirname(folder), 'the code does not lie inside its package');
  }
}

let version: string | undefined;

/** Our version, as in `package.json`. */
export function packageVersion(): string {
  version ??= String(
    (JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: unknown }).version,
  );
  return version;
}
