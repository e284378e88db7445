/**
 * Loads the built script with the code that V8 compiled for it in an earlier run, which halves the time to
 * start. The code lies beside the script, so that whoever could change it could change the script as well;
 * where that folder cannot be written nothing is kept. SECCAM_KEEP_CODE=1 keeps it anew.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';

export function loadScript() {
  const file = fileURLToPath(new URL('../dist/cli.cjs', import.meta.url));
  const source = readFileSync(file, 'utf8');
  const build = /^\/\* build ([0-9a-f]+) \*\//.exec(source)?.[1] ?? 'unknown';
  const kept = `${dirname(file)}/${build}-${process.versions.v8}-${process.arch}.code`;
  const cachedData = readKept(kept);
  const script = new vm.Script(`(function (exports, require, module, __filename, __dirname) {${source}\n})`, {
    filename: file,
    cachedData,
  });
  if (cachedData === undefined || script.cachedDataRejected) {
    process.once('exit', () => keep(kept, script));
  }
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(file), module, file, dirname(file));
  return module.exports;
}

function readKept(path) {
  if (process.env.SECCAM_KEEP_CODE === '1') return undefined;
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** At the end of the run, when V8 has compiled what the verb needed. Another run may do the same at once. */
function keep(path, script) {
  const partial = `${path}.${process.pid}`;
  try {
    writeFileSync(partial, script.createCachedData(), { mode: 0o644, flag: 'wx' });
    renameSync(partial, path);
  } catch {
    rmSync(partial, { force: true });
  }
}
