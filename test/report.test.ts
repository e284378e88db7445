/** The HTML report in a real browser: what a reader sees, clicks and types. Skipped where there is no chromium. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import t from 'tap';
import { mutationHeadline } from '../src/outputs/mutation.js';
import type { ReportData } from '../src/outputs/report/data.js';
import { reportPage } from '../src/outputs/report/page.js';
import { testReport } from '../src/outputs/report/tests.js';
import { tracerAvailability } from '../src/tracer/index.js';
import { inspect } from '../src/workbench/inspect.js';
import { replay } from '../src/workbench/replay.js';
import type { Survivor, TestResult, TestSummary } from '../src/workbench/results.js';
import { runTests } from '../src/workbench/test.js';
import { obeyed, recordHostile } from './hostile.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const story = join(root, 'recordings', 'story.seccam');
const browsers = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = browsers.find((path) => existsSync(path));

async function replayed(recordings: readonly string[]): Promise<ReportData> {
  for await (const item of replay({
    cwd: root,
    recordings,
    rules: ['rules', 'fixtures/story/scratch.policy'],
    report: true,
  }))
    if (item.kind === 'report') return item.data;
  throw new Error('no report');
}

t.test('a report holds every event, and its values come back', async (t) => {
  const data = await replayed([story]);
  const { events, types, values } = data;
  for (const column of Object.values(events)) t.equal(column.length, events.type.length);
  t.equal(
    types.reduce((sum, type) => sum + (Object.values(type.columns)[0]?.length ?? 0), 0),
    events.type.length,
  );
  const next = types.map(() => 0);
  const place = events.type.map((type) => next[type]!++);
  let row = 0;
  for await (const item of inspect({ cwd: root, recording: story, view: 'events' })) {
    if (item.kind !== 'event') continue;
    const type = types[events.type[row]!]!;
    const { event } = item;
    t.equal(type.name, event.type);
    t.equal(events.seq[row], event.seq);
    for (const [name, value] of Object.entries(event.fields)) {
      const have = values[type.columns[name]?.[place[row]!] ?? 0];
      if (value === 0 || value === '' || value === false || (Array.isArray(value) && value.length === 0)) {
        if (have !== null) t.fail(`${name} of event ${event.seq} is ${String(have)}`);
      } else if (JSON.stringify(have) !== JSON.stringify(value)) t.fail(`${name} of event ${event.seq}`);
    }
    row += 1;
  }
  t.equal(row, events.type.length);
});

t.test('each detection shows the conditions of its own rule, also of several at one event', async (t) => {
  const cwd = mkdtempSync(join(tmpdir(), 'seccam-report-'));
  t.teardown(() => rmSync(cwd, { recursive: true }));
  writeFileSync(
    join(cwd, 'two.policy'),
    `rules:
  - {id: by_name, expression: 'exec.file.name == "cat"'}
  - {id: by_path, expression: 'exec.file.path == "/usr/bin/cat" && exec.args != "no"'}
  - {id: by_user, expression: 'process.uid >= 0 && exec.file.name != ""'}
`,
  );
  let data: ReportData | undefined;
  const recordings = [join(root, 'fixtures', 'project', 'recordings', 'web-shell.seccam')];
  for await (const item of replay({ cwd, recordings, rules: ['two.policy'], noLimits: true, report: true }))
    if (item.kind === 'report') data = item.data;
  const { rules, detections } = data!;
  const cat = detections.filter((one) => rules[one.rule]!.id === 'by_path').map((one) => one.event);
  t.ok(cat.length > 0);
  const first = detections.filter((one) => one.event === cat[0]);
  t.same(
    first.map((one) => rules[one.rule]!.id),
    ['by_name', 'by_path', 'by_user'],
  );
  t.same(
    first.slice(0, 2).map((one) => one.leaves?.[0]?.have),
    ['"cat"', '"/usr/bin/cat"'],
  );
  t.same(
    first.map((one) => one.leaves?.length),
    [1, 2, 2],
  );
  t.ok(detections.every((one) => one.leaves?.every((leaf) => leaf.value)));
});

t.test(
  'in a browser',
  executablePath === undefined ? { skip: 'chromium is not installed' } : {},
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'seccam-report-'));
    let browser: Browser | undefined;
    t.teardown(async () => {
      await browser?.close();
      rmSync(folder, { recursive: true });
    });
    browser = await chromium.launch({
      executablePath: executablePath!,
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-dev-shm-usage'],
      timeout: 120_000,
    });
    const open = async (name: string, data: ReportData): Promise<Page> => {
      const path = join(folder, `${name}.html`);
      writeFileSync(path, reportPage(data));
      const page = await browser!.newPage();
      page.setDefaultTimeout(60_000);
      page.on('pageerror', (error) => t.fail(`the page fails: ${error.message}`));
      page.on('request', (request) => {
        if (!request.url().startsWith('file:')) t.fail(`the page asks for ${request.url()}`);
      });
      await page.goto(pathToFileURL(path).href);
      await page.waitForSelector('body[data-ready]');
      return page;
    };
    const lines = (page: Page): Promise<string[]> => page.locator('.row').allInnerTexts();
    const filter = async (page: Page, text: string): Promise<string> => {
      await page.keyboard.press('/');
      await page.keyboard.type(text);
      await page.keyboard.press('Enter');
      const told = await page.locator('#told').innerText();
      await page.keyboard.press('Escape');
      return told;
    };

    await t.test('detections, their trees, and the way to the event', async (t) => {
      const page = await open('story', await replayed([story]));
      const found = await lines(page);
      t.ok(found.length >= 5);
      t.match(found.join('\n'), /web_server_spawned_shell/);
      await page.getByText('private_key_read').first().click();
      const tree = await page.locator('aside .detection').innerText();
      t.match(tree, /private_key_read/);
      t.match(tree, /✓ .*open\.file\.path/);
      t.match(tree, /id_ed25519/);
      await page.getByText('among the others').click();
      t.match(await page.locator('.row.on').innerText(), /open.*id_ed25519/s);
      t.equal(await page.locator('[data-view=events]').getAttribute('aria-selected'), 'true');
      await page.close();
    });

    await t.test('keys: views, lines, the filter', async (t) => {
      const page = await open('keys', await replayed([story]));
      await page.keyboard.press('2');
      t.match((await lines(page)).join('\n'), /nginx[\s\S]*└ dash[\s\S]*└ cat/);
      await page.keyboard.press('3');
      await page.keyboard.press('End');
      const last = await page.locator('.row.on').innerText();
      await page.keyboard.press('k');
      t.not(await page.locator('.row.on').innerText(), last);
      await page.keyboard.press('Escape');
      t.equal(await page.locator('aside').count(), 0);
      const cases: readonly (readonly [filter: string, told: RegExp, line: RegExp | undefined])[] = [
        ['open.file.name =~ "id_*"', /^[1-9]\d* of /, /id_ed25519/],
        [
          'exec.file.name in ["bash", "dash"] && process.ancestors.file.name == "nginx"',
          /^[1-9]\d* of /,
          /exec/,
        ],
        ['connect.addr.ip in 127.0.0.0/8', /^[1-9]\d* of /, /127\.0\.0\.1/],
        ['open.flags & (O_WRONLY|O_RDWR) > 0 && process.file.name == "cat"', /^0 of /, undefined],
        ['open.file.pth == "x"', /open\.file\.path/, undefined],
        ['id_ed25519', /lines with/, /id_ed25519/],
        ['exec', /events of type exec/, /exec/],
      ];
      for (const [text, told, line] of cases) {
        t.match(await filter(page, text), told, text);
        if (line !== undefined) t.match((await lines(page)).join('\n'), line, text);
      }
      await page.close();
    });

    await t.test('the browser decides a filter as replay does', async (t) => {
      const page = await open('agreement', await replayed([story]));
      for (const where of [
        'open.file.path in [~"/etc/**", ~"/usr/lib/**"]',
        'open.flags & O_CREAT > 0',
        'process.uid == 0 && exec.args != ""',
        'process.ancestors.file.name in ["dash"]',
        'open.retval < 0 || open.file.mode & 0111 > 0',
      ]) {
        let matches = 0;
        for await (const item of inspect({ cwd: root, recording: story, view: 'events', where }))
          if (item.kind === 'event') matches += 1;
        t.match(await filter(page, where), new RegExp(`^${matches} of `), where);
      }
      await page.close();
    });

    await t.test('texts of a recording are shown, not obeyed', async (t) => {
      const data = await replayed([story]);
      const bad = '</script><img src=x onerror=alert(1)>\u202e\u0007';
      const page = await open('hostile', {
        ...data,
        title: bad,
        values: data.values.map((value) => (typeof value === 'string' ? bad : value)),
      });
      t.equal(await page.locator('img').count(), 0);
      t.match(await page.locator('h1').innerText(), '</script><img src=x onerror=alert(1)>\\u{202e}\\x07');
      await page.close();
    });

    const cannotTrace = tracerAvailability().problems[0]?.message ?? false;
    await t.test(
      'names that a real program opens and runs are shown, not obeyed',
      { skip: cannotTrace },
      async (t) => {
        const cwd = join(folder, 'names');
        mkdirSync(cwd);
        const rule = `rules:
  - {id: reads, expression: 'open.file.path in [~"/**"] && process.file.name == "cat"'}
  - {id: runs, expression: 'exec.file.path in [~"/**"]'}
`;
        writeFileSync(join(cwd, 'names.policy'), rule);
        const output = '<img src=x onerror=alert(2)>.seccam';
        await recordHostile(cwd, output);
        let data: ReportData | undefined;
        for await (const item of replay({
          cwd,
          recordings: [output],
          rules: ['names.policy'],
          noLimits: true,
          report: true,
        }))
          if (item.kind === 'report') data = item.data;
        const page = await open('names', data!);
        page.on('dialog', (dialog) => t.fail(`the page says ${dialog.message()}`));
        const sound = async (where: string): Promise<string> => {
          if ((await page.locator('img, iframe, object, embed, link').count()) > 0) t.fail(where);
          const text = await page.locator('body').innerText();
          const left = text.replaceAll(/[\n\t]/g, '');
          const bad = obeyed.exec(left);
          if (bad !== null)
            t.fail(`${where}: ${JSON.stringify(left.slice((bad?.index ?? 0) - 40, (bad?.index ?? 0) + 40))}`);
          return text;
        };
        for (const key of ['1', '2', '3', '4']) {
          await page.keyboard.press(key);
          await page.keyboard.press('Home');
          const seen: string[] = [];
          for (let line = 0; line < Math.min(80, data!.events.type.length); line += 3) {
            const text = await sound(`view ${key}, line ${line}`);
            seen.push(text);
            for (let down = 0; down < 3; down++) await page.keyboard.press('j');
          }
          const all = seen.join('\n');
          for (const shown of [
            'not utf-8 \\xff\\xfe',
            '\\x1b]0;owned\\x07',
            '\\u{202e}',
            '</script><img src=x',
          ])
            t.ok(all.includes(shown), `view ${key} shows ${shown}`);
        }
        t.match(await filter(page, 'open.file.name == ~"*owned*"'), /^[1-9]\d* of /);
        t.match(await filter(page, '</script><img src=x onerror=alert(3)>'), /./);
        await sound('after a filter');
        await page.close();
      },
    );

    await t.test('tests, coverage and mutation', async (t) => {
      const results: TestResult[] = [];
      let summary: TestSummary | undefined;
      const project = join(root, 'fixtures', 'project');
      for await (const item of runTests({ cwd: project, ci: true, coverage: true, mutate: true })) {
        if (item.kind === 'test') results.push(item.test);
        if (item.kind === 'summary') summary = item.summary;
      }
      const page = await open('tests', testReport(results, summary!, '0'));
      t.equal(await page.locator('details.test').count(), results.length);
      await page.keyboard.press('2');
      t.match(await page.locator('h2').innerText(), /rules fired \d+\/\d+ · leaves decided/);
      await page.locator('details.coverage summary').first().click();
      t.ok((await page.locator('details[open] .leaf').count()) > 0);

      await page.keyboard.press('3');
      const mutation = summary!.mutation!;
      t.equal(await page.locator('h2').innerText(), mutationHeadline(mutation));
      t.equal(await page.locator('.mutant').count(), mutation.survivors.length);
      const told = async (one: Survivor): Promise<string> => {
        const box = page.locator('details.mutants', { hasText: one.name }).first();
        if ((await box.getAttribute('open')) === null) await box.locator('summary').click();
        const place = `${one.span.start.line}:${one.span.start.column}  ${one.operator}`;
        const found = box.locator('.mutant').filter({ hasText: place }).filter({ hasText: one.said });
        return (await found.first().innerText()).replaceAll(/\s+/g, ' ');
      };
      const unseen = mutation.survivors.find((one) => one.missing !== undefined && one.of === 'rule')!;
      const text = await told(unseen);
      t.match(text, unseen.expression!.replaceAll(/\s+/g, ' ').trim(), 'the whole wrong version');
      t.match(
        text,
        `unseen: no ${unseen.missing!.type} ${unseen.missing!.text}`,
        'the event that is missing',
      );
      const unasserted = mutation.survivors.find((one) => one.differs?.expectation !== undefined)!;
      t.match(await told(unasserted), unasserted.differs!.expectation!, 'the expectation that is missing');
      await page.close();
    });
  },
);
