#!/usr/bin/env node
import { readFileSync } from 'node:fs';

const words = process.argv.slice(2);
if (words.length === 1 && (words[0] === '--version' || words[0] === '-V')) {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  process.stdout.on('error', ({ code, message }) => {
    if (code !== 'EPIPE') process.stderr.write(`error: cannot write: ${message}\n`);
    process.exit(code === 'EPIPE' ? 0 : 2);
  });
  process.stdout.write(`seccam ${version}\n`);
} else {
  const { loadScript } = await import('./script.js');
  await loadScript().main(words);
}
