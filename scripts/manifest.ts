/**
 * Writes `oclif.manifest.json` from the built script, so that help needs to load no command; with
 * `--check` compares it instead and exits with 1 when it is stale.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Plugin } from '@oclif/core/config';

const root = fileURLToPath(new URL('..', import.meta.url));
const file = `${root}oclif.manifest.json`;

const plugin = new Plugin({ root, type: 'core', ignoreManifest: true, errorOnManifestCreate: true });
await plugin.load();
const text = `${JSON.stringify(plugin.manifest, undefined, 2)}\n`;
if (!process.argv.includes('--check')) writeFileSync(file, text);
else if (readFileSync(file, 'utf8') !== text) {
  console.error('oclif.manifest.json is stale: run "npm run build" and commit it');
  process.exitCode = 1;
}
