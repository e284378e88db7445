/** Compiles programs of fixtures/programs for tests; each once per test file. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './traced.js';

let folder: string | undefined;
const built = new Map<string, string>();

/** Path of the compiled program, `flags` after the source. */
export function program(name: string, flags: readonly string[] = []): string {
  const key = [name, ...flags].join(' ');
  const known = built.get(key);
  if (known !== undefined) return known;
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'seccam-programs-'));
    folder = made;
    process.on('exit', () => rmSync(made, { recursive: true, force: true }));
  }
  const path = join(folder, `${name}${built.size}`);
  execFileSync('cc', ['-O1', '-w', '-pthread', '-o', path, join(root, 'fixtures', 'programs', `${name}.c`), ...flags], { stdio: ['ignore', 'ignore', 'inherit'] });
  built.set(key, path);
  return path;
}
