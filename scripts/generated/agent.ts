/** `schema/agent.json` and the table of settings in `docs/agent.md`, from the agent's one schema. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readConfiguration, variableOf } from '../../src/agent/configuration.js';
import { settingsJsonSchema } from '../../src/agent/settings.js';

interface Node {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Node>>;
}

const BEGIN = '<!-- settings: generated, see scripts/generated/agent.ts -->';
const END = '<!-- end of settings -->';

function describe(name: string): string {
  let at: Node | undefined = settingsJsonSchema() as Node;
  for (const part of name.split('.')) at = at?.properties?.[part];
  return at?.description ?? '';
}

function settingsTable(): string {
  const rows = readConfiguration({ file: '', environment: {} }).entries.map(
    ({ name, value }) =>
      `| \`${name}\` | \`${JSON.stringify(value)}\` | \`${variableOf(name)}\` | ${describe(name).replaceAll('|', '\\|')} |`,
  );
  return ['| setting | default | variable | |', '|---|---|---|---|', ...rows].join('\n');
}

export function agentFiles(root: string): [string, string][] {
  const page = readFileSync(join(root, 'docs/agent.md'), 'utf8');
  const before = page.slice(0, page.indexOf(BEGIN) + BEGIN.length);
  const after = page.slice(page.indexOf(END));
  return [
    ['schema/agent.json', `${JSON.stringify(settingsJsonSchema(), null, 2)}\n`],
    ['docs/agent.md', `${before}\n\n${settingsTable()}\n\n${after}`],
  ];
}
