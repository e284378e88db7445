/** The schemas of test and project files, and the tables of keys in docs/tests.md, from their shapes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import { inconclusiveCodes, workbenchCodes } from '../../src/workbench/codes.js';
import { jsonSchema, type Schema } from '../../src/workbench/document.js';
import { projectFileShape } from '../../src/workbench/projectfile.js';
import { testFileShape } from '../../src/workbench/testfile.js';

const begin = '<!-- keys: written by "npm run generate" -->';
const end = '<!-- end of keys -->';

export function workbenchFiles(root: string): [string, string][] {
  return [
    ['schema/test.json', schemaText(testFileShape, 'test')],
    ['schema/project.json', schemaText(projectFileShape, 'project')],
    ['docs/tests.md', withTables(readFileSync(join(root, 'docs/tests.md'), 'utf8'))],
  ];
}

function schemaText(shape: z.ZodType, name: string): string {
  return `${JSON.stringify({ $id: `seccam/schema/${name}.json`, ...jsonSchema(shape) }, null, 2)}\n`;
}

/** Puts the generated tables between their marks. */
function withTables(page: string): string {
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error('docs/tests.md lacks the marks of its tables');
  return page.slice(0, from + begin.length) + tables() + page.slice(to);
}

function tables(): string {
  const file = jsonSchema(testFileShape);
  const test = file.properties?.['tests']?.items;
  const expectation = test?.properties?.['expect']?.items?.anyOf?.find((item) => item.type === 'object');
  const parts: [string, Schema | undefined][] = [
    ['The file', file],
    ['A test', test],
    ['An item of `expect`', expectation],
    ['`at_most`', test?.properties?.['at_most']?.anyOf?.find((item) => item.type === 'object')],
    ['An item of `events`', test?.properties?.['events']?.items],
    ['A context', test?.properties?.['context']?.anyOf?.find((item) => item.type === 'object')],
    ['The project file `seccam.yaml`', jsonSchema(projectFileShape)],
  ];
  const keys = parts.map(([title, schema]) => `\n### ${title}\n${table(schema)}`).join('');
  const codes = inconclusiveCodes
    .map((code) => `| \`${code}\` | ${workbenchCodes[code].doc.replace('Inconclusive: ', '')} |`)
    .join('\n');
  return `${keys}\n### Codes of inconclusive answers\n| code | what it says |\n|---|---|\n${codes}\n`;
}

function table(schema: Schema | undefined, prefix = ''): string {
  return prefix === ''
    ? `| key | takes | meaning |\n|---|---|---|\n${rows(schema, '')}`
    : rows(schema, prefix);
}

function rows(schema: Schema | undefined, prefix: string): string {
  return Object.entries(schema?.properties ?? {})
    .map(([key, value]) => {
      const required = schema?.required?.includes(key) === true ? ', needed' : '';
      const nested =
        value.type === 'object' && value.properties !== undefined && prefix.split('.').length < 3;
      const own = `| \`${prefix}${key}\` | ${kind(value)}${required} | ${cell(value.description ?? '')}${example(value)} |\n`;
      return own + (nested ? rows(value, `${prefix}${key}.`) : '');
    })
    .join('');
}

function kind(schema: Schema): string {
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(kind))].join(' or ');
  if (schema.enum !== undefined) return schema.enum.map((word) => `\`${String(word)}\``).join(', ');
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.type === 'array') return schema.items === undefined ? 'list' : `list of ${kind(schema.items)}`;
  if (schema.type === 'object') return 'map';
  if (schema.type === 'integer') return 'number';
  return schema.type === 'string' ? 'text' : (schema.type ?? 'anything');
}

function example(schema: Schema): string {
  const [first] = schema.examples ?? [];
  return first === undefined
    ? ''
    : `, such as \`${cell(typeof first === 'string' ? first : JSON.stringify(first))}\``;
}

const cell = (text: string): string => text.replaceAll('|', '\\|');
