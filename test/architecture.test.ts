/** The law of imports: they point down, and rooms of one floor never import each other. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import t from 'tap';

const floors = [
  ['support'],
  ['catalogue', 'language'],
  ['tracer', 'recording', 'probe', 'rules', 'outputs'],
  ['pipeline'],
  ['workbench', 'agent'],
  ['commands'],
];
const floorOf = new Map(floors.flatMap((rooms, floor) => rooms.map((room) => [room, floor] as const)));
const source = join(import.meta.dirname, '..', 'src');

/** Each import of `text`: what it names, and whether only types come through it. */
function* imports(text: string): Generator<{ from: string; typesOnly: boolean }> {
  const pattern = /^\s*(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'(\.[^']+)'|import\('(\.[^']+)'\)/gm;
  for (const [, type, from, dynamic] of text.matchAll(pattern)) yield { from: (from ?? dynamic)!, typesOnly: type !== undefined };
}

/** What file `path` of src/ does wrong. */
function violations(path: string, text: string): string[] {
  const room = path.split('/')[0]!;
  const floor = floorOf.get(room);
  if (!path.includes('/')) return [];
  if (floor === undefined) return [`${path}: "${room}" is no room of the architecture`];
  const found: string[] = [];
  for (const { from, typesOnly } of imports(text)) {
    const target = posix.normalize(posix.join(posix.dirname(path), from)).split('/')[0]!;
    if (target === room) continue;
    if (room === 'outputs' && target === 'rules' && typesOnly) continue;
    if ((floorOf.get(target) ?? Number.POSITIVE_INFINITY) >= floor) found.push(`${path}: ${room} may not import ${target}`);
  }
  return found;
}

t.test('imports point down', (t) => {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
  t.ok(files.length > 50, 'the sources are found');
  const found = files.flatMap((path) => violations(path, readFileSync(join(source, path), 'utf8')));
  t.strictSame(found, []);
  t.end();
});

t.test('a wrong import is named with its file and the rule', (t) => {
  const cases: readonly (readonly [path: string, text: string, found: readonly string[]])[] = [
    ['probe/files.ts', "import { read } from '../recording/index.js';", ['probe/files.ts: probe may not import recording']],
    ['catalogue/row.ts', "import type { Node } from '../language/ast.js';", ['catalogue/row.ts: catalogue may not import language']],
    ['rules/scope.ts', "import { a } from '../catalogue/row.js';\nimport { b } from '../language/ast.js';", []],
    ['outputs/json.ts', "import type { Detection } from '../rules/detection.js';", []],
    ['outputs/json.ts', "import { Engine } from '../rules/engine.js';", ['outputs/json.ts: outputs may not import rules']],
    ['support/text.ts', "export * from '../catalogue/row.js';", ['support/text.ts: support may not import catalogue']],
    ['pipeline/a.ts', "const late = await import('../agent/b.js');", ['pipeline/a.ts: pipeline may not import agent']],
    ['probe/a.ts', "import {\n  one,\n  two,\n} from '../rules/c.js';", ['probe/a.ts: probe may not import rules']],
    ['helpers/a.ts', '', ['helpers/a.ts: "helpers" is no room of the architecture']],
    ['commands/deep/a.ts', "import { x } from '../../workbench/x.js';", []],
  ];
  for (const [path, text, found] of cases) t.strictSame(violations(path, text), found, path);
  t.end();
});

t.test('files are nouns of the domain', (t) => {
  const names = readdirSync(source, { recursive: true, encoding: 'utf8' });
  t.strictSame(
    names.filter((name) => /(^|\/)(utils?|helpers?|common|misc|manager)(\.ts)?$/.test(name)),
    [],
  );
  t.end();
});
