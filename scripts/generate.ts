/**
 * Writes every generated file. With `--check` it writes nothing, and exits with 1 when one is not current.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { nativeHeader } from '../src/catalogue/native.js';
import { agentFiles } from './generated/agent.js';
import { eventsPage, fieldsPage, fieldsSchema } from './generated/catalogue.js';
import { policyJsonSchema } from '../src/rules/schema.js';
import { commandsPage, errorsPage } from './generated/reference.js';
import { answerSchemas } from './generated/schemas.js';
import { workbenchFiles } from './generated/workbench.js';

const root = join(import.meta.dirname, '..');

/** path in the repository → its text. */
export function generatedFiles(): Map<string, string> {
  return new Map([
    ['native/catalogue.h', nativeHeader()],
    ['docs/events.md', eventsPage()],
    ['docs/fields.md', fieldsPage()],
    ['schema/fields.json', fieldsSchema()],
    ['schema/policy.json', `${JSON.stringify(policyJsonSchema(), null, 2)}\n`],
    ['docs/commands.md', commandsPage()],
    ['docs/errors.md', errorsPage()],
    ...answerSchemas(root),
    ...agentFiles(root),
    ...workbenchFiles(root),
  ]);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

export function staleFiles(): string[] {
  return [...generatedFiles()].filter(([path, text]) => read(join(root, path)) !== text).map(([path]) => path);
}

function main(): void {
  const stale = staleFiles();
  if (process.argv.includes('--check')) {
    for (const path of stale) process.stderr.write(`${path} is not current: run "npm run generate"\n`);
    process.exitCode = stale.length === 0 ? 0 : 1;
    return;
  }
  const files = generatedFiles();
  for (const path of stale) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), files.get(path)!);
    process.stdout.write(`${path}\n`);
  }
}

if (import.meta.filename === process.argv[1]) main();
