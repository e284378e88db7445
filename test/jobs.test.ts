/** One suite, whatever the order and the number of replays at a time: the same bytes in every format. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { type TestFormatName, testFormats } from '../src/outputs/tests/index.js';
import { plain } from '../src/outputs/text.js';
import { runTests } from '../src/workbench/test.js';

const root = mkdtempSync(join(tmpdir(), 'seccam-jobs-'));
process.env['XDG_CACHE_HOME'] = join(root, 'cache');
t.teardown(() => rmSync(root, { recursive: true, force: true }));

/** The user-shaped project, with one rule broken so that every kind of answer is among them. */
const cwd = join(root, 'project');
cpSync(join(import.meta.dirname, '..', 'fixtures', 'project'), cwd, { recursive: true });
writeFileSync(
  join(cwd, 'tests', 'wrong.test.yaml'),
  `version: 1
tests:
  - {name: fails, recording: ../recordings/web-shell.seccam, never: [web_shell_spawned]}
  - {name: cannot be answered, recording: ../recordings/web-shell.seccam, never: [module_loaded], rules: [../rules, ../broken.policy]}
  - {name: left out, skip: no reason, recording: ../recordings/web-shell.seccam, never: [web_shell_spawned]}
  - {name: not there, recording: ../recordings/web.seccam, never: [web_shell_spawned]}
`,
);
writeFileSync(join(cwd, 'broken.policy'), 'rules: [{id: broken, expression: open.nothing == 1}]\n');

/** All formats one after the other, without times. */
async function text(options: { readonly jobs: number; readonly shuffle?: number }): Promise<string> {
  const settings = { paint: plain, version: '1', codes: new Map<string, string>() };
  const formats = (Object.keys(testFormats) as TestFormatName[]).map((name) => testFormats[name](settings));
  const written = formats.map(() => '');
  const add = (pick: (format: (typeof formats)[number]) => string | undefined): void =>
    formats.forEach((format, index) => {
      written[index] += pick(format) ?? '';
    });
  for await (const item of runTests({ cwd, ci: true, ...options })) {
    if (item.kind === 'plan') add((format) => format.begin?.(item));
    if (item.kind === 'test') add((format) => format.test({ ...item.test, durationMs: 0 }));
    if (item.kind === 'diagnostic') written[0] += JSON.stringify(item.diagnostic);
    if (item.kind === 'summary') add((format) => format.end({ ...item.summary, durationMs: 0 }));
  }
  return written.join('\n');
}

t.test('order and jobs change no byte', async (tt) => {
  const first = await text({ jobs: 1 });
  tt.match(first, /fails[\s\S]*left out[\s\S]*not there/, 'in the order of the file');
  const rounds = Number(process.env['SECCAM_SHUFFLE_ROUNDS'] ?? 4);
  for (let round = 1; round <= rounds; round++) {
    const jobs = round % 2 === 0 ? 1 : 4;
    tt.ok((await text({ jobs, shuffle: round })) === first, `order ${round}, ${jobs} at a time`);
  }
});
