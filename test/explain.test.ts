/** What `explain` says of a rule, on recordings of the project: the closest event, what would help, what held matches back. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { explanationText } from '../src/outputs/explanation.js';
import { plain } from '../src/outputs/text.js';
import { copiedHeader, rewrite } from '../src/recording/rewrite.js';
import { tracerAvailability } from '../src/tracer/index.js';
import { explain } from '../src/workbench/explain.js';
import { NearMisses } from '../src/workbench/nearmiss.js';
import { replay } from '../src/workbench/replay.js';
import type { ExplainResult, Explanation } from '../src/workbench/results.js';
import { obeyed, recordHostile } from './hostile.js';

const root = mkdtempSync(join(tmpdir(), 'seccam-explain-'));
t.teardown(() => rmSync(root, { recursive: true, force: true }));
const cannotTrace = tracerAvailability().problems[0]?.message ?? false;
const incident = join(import.meta.dirname, '..', 'fixtures', 'project', 'recordings', 'incident-0503.seccam');

let folders = 0;

/** A project of one policy. */
function project(policy: string): string {
  const cwd = join(root, `p${++folders}`);
  mkdirSync(cwd);
  writeFileSync(join(cwd, 'rules.policy'), policy);
  writeFileSync(join(cwd, 'seccam.yaml'), 'version: 1\nrules: [rules.policy]\n');
  return cwd;
}

const explained = (policy: string, ...ruleIds: string[]): Promise<ExplainResult> =>
  explain({ cwd: project(policy), recording: incident, ruleIds });

async function mine(expression: string): Promise<Explanation> {
  const { explanations } = await explained(
    `rules:\n  - id: mine\n    expression: |\n      ${expression}\n`,
    'mine',
  );
  return explanations[0]!;
}

// ---------------------------------------------------------------- what came near a pattern

const key = '/home/www/.ssh/id_ed25519';
const wrongPatterns: readonly (readonly [
  expression: string,
  closest: string,
  note: RegExp,
  attempt: string,
])[] = [
  [
    'open.file.path in [~"/home/*/id_*"]',
    key,
    /lies deeper than ~"\/home\/\*\/id_\*" reaches/,
    'open.file.path in [~"/home/*/*/id_*"]',
  ],
  ['open.file.path == ~"/home/*/id_*"', key, /deeper/, 'open.file.path == ~"/home/*/.ssh/id_*"'],
  [
    'open.file.path in [~"/var/*", ~"/home/*/.shh/id_*"]',
    key,
    /has "\.ssh" where ~"\/home\/\*\/\.shh\/id_\*" has "\.shh"/,
    'open.file.path in [~"/var/*", ~"/home/*/.ssh/id_*"]',
  ],
  ['open.file.path in [~"/home/*/*/*/id_*"]', key, /^$/, 'open.file.path in [~"/home/*/*/id_*"]'],
  [
    'open.file.path in [~"/etc/*.cnf"]',
    '/etc/nsswitch.conf',
    /has "nsswitch\.conf"/,
    'open.file.path in [~"/etc/*.conf"]',
  ],
  [
    'open.file.path in [~"/ETC/nsswitch.*"]',
    '/etc/nsswitch.conf',
    /upper and lower case only/,
    'open.file.path in [~"/etc/nsswitch.*"]',
  ],
  ['open.file.path in [~"*.conf"]', '/etc/nsswitch.conf', /deeper/, 'open.file.name in [~"*.conf"]'],
  ['open.file.path in [~"/home/www/*"]', key, /deeper/, 'open.file.path in [~"/home/www/**"]'],
  [
    'open.file.path in [~"/etc/cron.d/update/**"]',
    '/etc/cron.d/update',
    /is the folder itself/,
    'open.file.path in ["/etc/cron.d/update"]',
  ],
  ['open.file.name == ~"d_ed*"', key, /holds ~"d_ed\*", but more before/, 'open.file.name == ~"*d_ed*"'],
  ['open.file.name == r"^ID_ED"', key, /upper and lower case only/, 'open.file.name == r"(?i)^ID_ED"'],
  ['open.file.name == r"^ed25519$"', key, /not at its beginning or end/, 'open.file.name == r"ed25519"'],
  [
    'open.file.path == r"^/home/*/*/id_*"',
    key,
    /fits ~"\/home\/\*\/\*\/id_\*", a pattern/,
    'open.file.path == ~"/home/*/*/id_*"',
  ],
  [
    'open.file.name in [~"*.cnf", r"swich\\.c.nf"] && open.flags & O_WRONLY == 0',
    '/etc/nsswitch.conf',
    /^$/,
    'open.file.name in [~"*.cnf", "nsswitch.conf"] && open.flags & O_WRONLY == 0',
  ],
];

t.test('of equally distant events the one that comes nearest to a pattern is shown', async (t) => {
  for (const [expression, closest, note, attempt] of wrongPatterns) {
    const found = await mine(expression);
    t.equal(found.matched, 0, expression);
    const leaf = found.at[0]!.leaves[0]!;
    t.same(leaf.have, [expression.includes('.name') ? closest.split('/').at(-1) : closest], expression);
    t.match(leaf.notes.filter((one) => !one.startsWith('opened as')).join(), note, expression);
    const line = found.tries.find((one) => one.expression.trim() === attempt);
    t.ok(line, `${expression}: ${JSON.stringify(found.tries.map((one) => one.expression))}`);
    for (const one of found.tries) t.equal((await mine(one.expression)).matched, one.matches, one.text);
  }
});

t.test('conditions are shown as they were written, without what YAML asks to be escaped', async (t) => {
  const text = 'open.file.path in [~"/home/*/id_*"] && process.file.name != r"it\'s\\d"';
  const macro = `macros:\n  - id: SHELLS\n    expression: ${JSON.stringify('process.file.name in ["sh"]')}\n`;
  for (const scalar of [JSON.stringify(text), `'${text.replaceAll("'", "''")}'`, `|\n      ${text}`]) {
    const [one] = (await explained(`rules:\n  - id: mine\n    expression: ${scalar}\n`, 'mine')).explanations;
    const leaves = ['open.file.path in [~"/home/*/id_*"]', 'process.file.name != r"it\'s\\d"'];
    t.same(
      one?.tree?.children.map((child) => child.text),
      leaves,
      scalar,
    );
    t.match(one?.tries[0]?.text, /^open\.file\.path in \[~"\/home\/\*\/\*\/id_\*"\]/, scalar);
  }
  const rule = `rules:\n  - id: mine\n    expression: "open.file.path == \\"/nowhere\\" && SHELLS"\n`;
  const [one] = (await explained(macro + rule, 'mine')).explanations;
  t.same(one?.tree?.children[1]?.children[0]?.text, 'process.file.name in ["sh"]');
});

// ---------------------------------------------------------------- matches that are not told

const opens = 'expression: open.file.path != ""';
const limits = `rules:
  - {id: every_open, ${opens}}
  - {id: each_hour, every: 1h, ${opens}}
  - {id: each_program, every: 1h, limiter_token: [process.file.path], ${opens}}
  - {id: silent_open, silent: true, ${opens}}
  - {id: quiet, every: 1h, expression: open.file.path == "/etc/cron.d/update"}
  - {id: with_variable, every: 1h, expression: 'open.file.path != "" && \${seen} == 0'}
  - {id: setter, expression: open.file.path == "/nowhere", actions: [{set: {name: seen, value: 1}}]}
`;

t.test('a limit or silence that kept matches back is named; the counts are those of replay', async (t) => {
  const cwd = project(limits);
  const told = new Map<string, number>();
  for await (const item of replay({ cwd, recordings: [incident] }))
    if (item.kind === 'detection')
      told.set(item.detection.rule_id, (told.get(item.detection.rule_id) ?? 0) + 1);
  const rules = ['every_open', 'each_hour', 'each_program', 'silent_open', 'quiet', 'with_variable'];
  const { explanations } = await explain({ cwd, recording: incident, ruleIds: rules });
  const by = new Map(explanations.map((one) => [one.rule, one]));
  for (const one of explanations)
    t.equal(one.matched - (one.heldBack?.matches ?? 0), told.get(one.rule) ?? 0, one.rule);
  t.equal(told.get('each_hour'), 1);
  t.ok(told.get('each_program')! > 1 && told.get('each_program')! < told.get('every_open')!);
  t.equal(by.get('quiet')?.heldBack, undefined);
  const text = (rule: string): string => explanationText(by.get(rule)!, plain).join('\n');
  t.match(text('every_open'), /kept back by the default limit of one in 100 ms after the first 40/);
  t.match(
    text('each_hour'),
    /1 of them told as a detection, \d+ kept back by its limit of one in 1h \(every, \S*rules\.policy:3:\d+\); "seccam replay --no-limits"/,
  );
  t.match(text('each_program'), /of one in 1h \(.*\) for each process\.file\.path;/);
  t.match(text('silent_open'), /The rule is silent: its actions run, and no match is told/);
  t.notMatch(text('quiet'), /kept back|silent/);
});

t.test('limits that a flight recorder saved with the recording are counted on from there', async (t) => {
  const cwd = project(limits);
  const blocks: Uint8Array[] = [];
  await rewrite(
    () => [readFileSync(incident)],
    (bytes) => blocks.push(Uint8Array.from(bytes)),
    {
      name: 'incident',
      header: (header) => ({
        ...copiedHeader(header),
        state: {
          limits: [
            { rule: 'every_open', level: 0.5, at: Number(header.boottime) },
            { rule: 'each_hour', level: 0, at: Number(header.boottime) },
            { rule: 'with_variable', level: 0, at: Number(header.boottime) },
          ],
        },
      }),
    },
  );
  const recording = join(cwd, 'saved.seccam');
  writeFileSync(recording, Buffer.concat(blocks));
  const told = new Map<string, number>();
  for await (const item of replay({ cwd, recordings: [recording] }))
    if (item.kind === 'detection')
      told.set(item.detection.rule_id, (told.get(item.detection.rule_id) ?? 0) + 1);
  const rules = ['every_open', 'each_hour', 'each_program', 'with_variable'];
  const { explanations } = await explain({ cwd, recording, ruleIds: rules });
  for (const one of explanations)
    t.equal(one.matched - (one.heldBack?.matches ?? 0), told.get(one.rule) ?? 0, one.rule);
  t.equal(told.get('each_hour'), undefined, 'the saved limit lets nothing through');
  // Rules without variables go another way: without an engine that decides the others.
  const [alone] = (await explain({ cwd, recording, ruleIds: ['each_hour'] })).explanations;
  t.equal(alone?.heldBack?.matches, alone?.matched);
});

t.test('a rule that does not decide says why', async (t) => {
  const { explanations, answer } = await explained(
    `rules:
  - {id: off, disabled: true, ${opens}}
  - {id: elsewhere, filters: [os == "windows"], ${opens}}
  - {id: later, agent_version: "> 99.0", ${opens}}
  - {id: broken, expression: open.file.pth == ""}
  - {id: fine, ${opens}}
`,
    'off',
    'elsewhere',
    'later',
    'broken',
  );
  t.equal(answer, 1);
  t.match(
    explanations.map((one) => explanationText(one, plain).at(-1)),
    [
      /off does not decide: it is disabled \[rule-disabled\]/,
      /elsewhere does not decide: it is for another host: os == "windows" \[rule-disabled\]/,
      /later does not decide: it is for agent version > 99\.0, .* \[rule-disabled\]/,
      /broken was not loaded: .*open\.file\.pth.* \[rule-not-loaded\]/,
    ],
  );
});

// ---------------------------------------------------------------- names that would drive a terminal

t.test('names of a recording reach no terminal as they are', { skip: cannotTrace }, async (t) => {
  const cwd = project(`rules:
  - {id: reads, expression: 'open.file.path in [~"/**"] && process.file.name == "cat"'}
  - {id: runs, expression: 'exec.file.path in [~"/**"] && exec.args == ~"*script*"'}
  - {id: misses, expression: 'open.file.name in [~"*NOT UTF-8*", ~"*OWNED*", "<!-- <SCRIPT>alert(1)<"]'}
  - {id: near, expression: 'open.file.name == ~"two*" && open.file.name == ~"two"'}
`);
  await recordHostile(cwd, 'hostile.seccam');
  const script = join(import.meta.dirname, '..', 'bin', 'seccam.js');
  const outputs: readonly (readonly [words: readonly string[], says: RegExp])[] = [
    [['explain', 'hostile.seccam', '--rule', 'reads', '--closest', '30'], /not utf-8 \\xff\\xfe/],
    [['explain', 'hostile.seccam', '--rule', 'runs', '--closest', '30'], /<\/script><img src=x/],
    [
      ['explain', 'hostile.seccam', '--rule', 'misses', '--closest', '30'],
      /Try: +open\.file\.name in \[~"\*NOT UTF-8\*", ~"\*owned\*"/,
    ],
    [['explain', 'hostile.seccam', '--rule', 'near', '--closest', '9'], /two\\nlines/],
    [
      ['explain', 'hostile.seccam', '--where', 'open.file.name == ~"*owned*"'],
      /\\x1b\]0;owned\\x07\\x1b\[2J/,
    ],
    [['replay', 'hostile.seccam', '--no-limits'], /\\u\{202e\}/],
    [['inspect', 'hostile.seccam', '--events'], /\\u\{202e\}/],
    [['inspect', 'hostile.seccam', '--tree'], /run \\x1b\[7m\\xff/],
    [['inspect', 'hostile.seccam', '--files'], /two\\nlines/],
    [['inspect', 'hostile.seccam', '--timeline'], /./],
  ];
  for (const [words, says] of outputs) {
    for (const colour of ['0', '1']) {
      const env = { ...process.env, FORCE_COLOR: colour };
      const ran = spawnSync(process.execPath, [script, ...words], { cwd, encoding: 'utf8', env });
      const told = `${ran.stdout}${ran.stderr}`;
      // Colours alone, which are ours.
      // biome-ignore lint/suspicious/noControlCharactersInRegex: as above
      const left = told.replaceAll(/\u001b\[\d{1,2}m/g, '');
      const bad = obeyed.exec(left);
      t.equal(
        bad,
        null,
        `${words.join(' ')}: ${JSON.stringify(left.slice((bad?.index ?? 0) - 60, (bad?.index ?? 0) + 30))}`,
      );
      if (colour === '0') t.equal(told, left, 'no colour, no escape');
      t.match(left, says, words.join(' '));
    }
    if (words[0] !== 'explain') continue;
    const json = spawnSync(process.execPath, [script, ...words, '--format', 'json'], { cwd });
    t.ok(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json.stdout)), 'JSON is UTF-8');
  }
});

t.test('what is kept of near misses gives the Try lines of a replay of all events', async (t) => {
  const ofMine = [
    'open.file.path == "/home/www/.ssh/id_ed25518"',
    'open.file.path == "/home/www/.ssh/id_ed25518" && process.file.name == "cat"',
    'open.file.name in [~"id_rs*"] && process.uid == 33',
    'open.file.path == ~"/home/*/.ssh/id_*" && process.file.name == "caty"',
    'open.file.path == ~"/home/*/.ssh/id_*" && process.ancestors.file.path == "nginx"',
    'open.file.path == ~"/home/*/.ssh/id_*" && process.args == "/home/www"',
    '!(open.file.path != "/home/www/.ssh/id_ed25518" || open.flags & O_CREAT > 0)',
  ];
  // A field that changes while a process lives: what is kept does not tell.
  const ofMany = ['exec.file.name == "cat" && process.parent.comm == "ngin"'];
  const policy = `rules:\n${[...ofMine, ...ofMany]
    .map((text, index) => `  - id: r${index}\n    expression: |\n      ${text}\n`)
    .join('')}`;
  const { matches } = NearMisses.prototype;
  const told: (number | undefined)[] = [];
  t.teardown(() => {
    NearMisses.prototype.matches = matches;
  });
  NearMisses.prototype.matches = function (...asked) {
    const count = matches.apply(this, asked);
    told.push(count);
    return count;
  };
  const given = { cwd: project(policy), recording: incident, ruleIds: ['r*'] };
  const kept = await explain(given);
  NearMisses.prototype.matches = () => undefined;
  const replayed = await explain(given);
  t.same(kept.explanations, replayed.explanations);
  t.ok(
    kept.explanations.filter(({ tries }) => tries.length > 0).length >= 5,
    'most of them have something to try',
  );
  t.ok(told.filter((count) => count !== undefined && count > 0).length >= 5, 'told from what is kept');
  t.ok(told.includes(undefined), 'or left to the replay');
});
