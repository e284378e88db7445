/** The command line as its users meet it: the built script, its exit statuses, what it says when it is misused. */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { endReasons, gapReasons } from '../src/catalogue/records.js';
import { codeTables } from '../src/commands/code-tables.js';
import { commandCodes } from '../src/commands/codes.js';
import { COMMANDS } from '../src/commands/table.js';
import { treeText } from '../src/outputs/recording/summary.js';
import { coloured, columns, plain, widthFor } from '../src/outputs/text.js';
import { RecordingWriter } from '../src/recording/index.js';

const root = new URL('..', import.meta.url).pathname;
const script = join(root, 'bin/seccam.js');
const folder = mkdtempSync(join(tmpdir(), 'seccam-commands-'));
t.teardown(() => rmSync(folder, { recursive: true }));

interface Ran {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

function seccam(
  words: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly input?: string | Buffer } = {},
): Ran {
  const env = { ...process.env, NO_COLOR: '1', ...options.env };
  const ran = spawnSync(process.execPath, [script, ...words], {
    cwd: folder,
    env,
    input: options.input ?? '',
    encoding: 'utf8',
  });
  return { status: ran.status, out: ran.stdout, err: ran.stderr };
}

/** Every way of misuse ends with this status and one diagnostic of this code, and with no stack trace. */
function refuses(t: Test, words: readonly string[], status: number, code: string, says: RegExp): void {
  const ran = seccam(words);
  const name = `seccam ${words.join(' ')}`;
  t.equal(ran.status, status, `${name}: status`);
  t.equal(ran.out, '', `${name}: nothing on standard output`);
  t.match(ran.err, new RegExp(`^error: .* \\[${code}\\]$`, 'm'), `${name}: ${code}`);
  t.match(ran.err, says, `${name}: way out`);
  t.notMatch(ran.err, /^ {4}at /m, `${name}: no stack trace`);
}

t.test('without a verb: five lines', async (t) => {
  const ran = seccam([]);
  t.equal(ran.status, 0);
  t.same(
    ran.out
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' ')[0]),
    ['record', 'replay', 'test', 'explain', 'doctor'],
  );
});

t.test('the version', async (t) => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  t.same(seccam(['--version']), { status: 0, out: `seccam ${version}\n`, err: '' });
});

t.test('misuse is answered with a way out', async (t) => {
  refuses(t, ['reply'], 2, 'unknown-command', /Did you mean "replay"/);
  refuses(t, ['run', 'ls'], 2, 'unknown-command', /Try: seccam record/);
  refuses(t, ['watch'], 2, 'unknown-command', /Try: seccam test --watch/);
  refuses(t, ['lint'], 2, 'unknown-command', /Try: seccam check/);
  refuses(t, ['report'], 2, 'unknown-command', /Try: seccam replay --format html/);
  refuses(t, ['list'], 2, 'unknown-command', /Try: seccam list codes/);
  refuses(t, ['list', 'codez'], 2, 'unknown-command', /Try: seccam list codes/);
  refuses(t, ['list', 'codes', '--formt', 'json'], 2, 'unknown-flag', /"--format"/);
  refuses(t, ['list', 'codes', '--format'], 2, 'bad-usage', /seccam list codes --help/);
  refuses(t, ['list', 'codes', '--format', 'jsn'], 2, 'unknown-format', /"json"/);
  refuses(t, ['list', 'codes', '--format', 'json', '--format', 'pretty'], 2, 'bad-usage', /=FILE/);
  refuses(t, ['list', 'codes', 'one', 'two'], 2, 'bad-usage', /seccam list codes --help/);
  refuses(t, ['list', 'codes', 'bad-usge'], 2, 'no-such-code', /"bad-usage"/);
  refuses(t, ['list', 'codes', '--format', `json=${folder}`], 2, 'file-error', /it is a folder/);
});

t.test('the flag that no verb has is refused by every verb', async (t) => {
  for (const [id, verb] of Object.entries(COMMANDS)) {
    refuses(t, [...id.split(':'), '--no-such-flag'], verb.failure, 'unknown-flag', /Try: /);
  }
});

t.test('every verb has help that names it, and reads nothing else', async (t) => {
  for (const id of Object.keys(COMMANDS)) {
    const words = id.split(':');
    const ran = seccam([...words, '--help']);
    t.equal(ran.status, 0, `${words.join(' ')} --help`);
    t.match(ran.out, `$ seccam ${words.join(' ')}`);
  }
  t.match(seccam(['help']).out, /USAGE/);
  for (const word of ['--help', '-h', 'help'])
    t.match(seccam(['list', word]), { status: 0, out: /list codes/ }, `list ${word}`);
});

t.test('formats go to their targets, folders are made', async (t) => {
  const file = join(folder, 'deep/er/codes.json');
  const ran = seccam(['list', 'codes', '--format', 'pretty', '--format', `json=${file}`]);
  t.equal(ran.status, 0);
  t.match(ran.out, /^bad-usage /m);
  const document = JSON.parse(readFileSync(file, 'utf8')) as { schema: string; codes: { code: string }[] };
  t.equal(document.schema, 'seccam/codes@1');
  const codes = document.codes.map((item) => item.code);
  for (const table of Object.values(codeTables))
    for (const code of Object.keys(table)) t.ok(codes.includes(code), code);
});

t.test('a reader that goes away is no error', async (t) => {
  const ran = spawnSync(
    'bash',
    ['-c', `set -o pipefail; "${process.execPath}" "${script}" list codes --format json | head -n 1`],
    { cwd: folder, encoding: 'utf8' },
  );
  t.same([ran.status, ran.stdout, ran.stderr], [0, '{\n', '']);
});

t.test(
  'a full disk under the answer is one line, not a stack trace',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const full = openSync('/dev/full', 'w');
    const ran = spawnSync(process.execPath, [script, 'list', 'codes'], {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', full, 'pipe'],
    });
    closeSync(full);
    t.equal(ran.status, 2);
    t.match(ran.stderr, /^error: cannot write: no space left on the device \[file-error\]\n$/);
  },
);

t.test('colours only where they are wanted', async (t) => {
  const coloured = (env: NodeJS.ProcessEnv) =>
    seccam(['list', 'codes', 'bad-usage'], { env }).out.includes('\x1b[');
  t.equal(coloured({ NO_COLOR: undefined }), false, 'a pipe is no terminal');
  t.equal(coloured({ NO_COLOR: undefined, FORCE_COLOR: '1' }), true);
  t.equal(coloured({ NO_COLOR: '1', FORCE_COLOR: '1' }), false);
});

t.test('the manifest is that of the built script', async (t) => {
  const manifest = JSON.parse(readFileSync(join(root, 'oclif.manifest.json'), 'utf8')) as {
    commands: Record<string, { flags: object }>;
  };
  t.same(Object.keys(manifest.commands).sort(), Object.keys(COMMANDS).sort());
  for (const [id, verb] of Object.entries(COMMANDS))
    t.same(Object.keys(manifest.commands[id]!.flags).sort(), Object.keys(verb.flags).sort(), id);
});

t.test('codes are kebab words with a sentence', async (t) => {
  for (const [room, table] of Object.entries(codeTables)) {
    for (const [code, row] of Object.entries(table)) {
      t.match(code, /^[a-z]+(-[a-z0-9]+)*$/, `${room}: ${code}`);
      t.match(row.doc, /[.:]$|\.\)$/, `${room}: ${code} ends its sentence`);
    }
  }
  t.ok('internal-error' in commandCodes);
});

t.test('record: what stands in the way of a program', { skip: process.platform !== 'linux' }, async (t) => {
  writeFileSync(join(folder, 'there.seccam'), 'mine');
  refuses(t, ['record', '--', 'no-such-program'], 127, 'program-not-found', /no-such-program/);
  refuses(t, ['record', '--', '/etc/passwd'], 126, 'program-not-executable', /chmod \+x \/etc\/passwd/);
  refuses(t, ['record', '--', 'ls -l'], 127, 'program-not-found', /-- sh -c 'ls -l'/);
  refuses(t, ['record', '--', 'A=1', 'true'], 127, 'program-not-found', /env A=1 PROGRAM/);
  refuses(t, ['record', '--', 'cd', '/'], 127, 'program-not-found', /a word of the shell/);
  refuses(t, ['record', '-o', '.', '--', 'true'], 125, 'output-exists', /name of a file in it/);
  refuses(t, ['record', '--', '/etc'], 126, 'program-not-executable', /this is a directory/);
  writeFileSync(join(folder, 'words'), 'words', { mode: 0o755 });
  refuses(t, ['record', '--', './words'], 126, 'program-not-executable', /begins with #!/);
  refuses(t, ['record', '-o', 'there.seccam', '--', 'true'], 125, 'output-exists', /--force/);
  refuses(t, ['record'], 125, 'bad-usage', /seccam record -o/);
  refuses(t, ['record', '--trace', 'opne', '--', 'true'], 125, 'unknown-event', /Try: /);
  t.equal(readFileSync(join(folder, 'there.seccam'), 'utf8'), 'mine', 'what was there is untouched');
});

t.test(
  'record: exit statuses and streams are those of the program',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const statusOf = (...program: string[]) =>
      seccam(['record', '-q', '--force', '-o', 'status.seccam', '--', ...program]).status;
    t.equal(statusOf('true'), 0);
    t.equal(statusOf('sh', '-c', 'exit 7'), 7);
    t.equal(statusOf('sh', '-c', 'kill -TERM $$'), 143);
    t.equal(statusOf('sh', '-c', 'kill -KILL $$'), 137);
    const ran = seccam(
      [
        'record',
        '-q',
        '--force',
        '-o',
        'cat.seccam',
        'sh',
        '-c',
        'cat; echo "to stderr: $1" >&2',
        '--',
        '--quiet',
      ],
      { input: 'in\n' },
    );
    t.same(
      ran,
      { status: 0, out: 'in\n', err: 'to stderr: --quiet\n' },
      'flags after the program are its own',
    );
    t.equal(statSync(join(folder, 'cat.seccam')).mode & 0o777, 0o600);
  },
);

t.test('replay: inputs that are none', { skip: process.platform !== 'linux' }, async (t) => {
  const good = join(folder, 'good.seccam');
  t.equal(seccam(['record', '-q', '-o', good, '--', 'cat', '/etc/shadow']).status, 0);
  writeFileSync(
    join(folder, 'broken.policy'),
    'rules:\n  - id: a\n    expression: open.file.path in 22\n  - id: b\n    expression: open.file.pth == "x"\n',
  );
  writeFileSync(join(folder, 'not-yaml.policy'), 'a: [b');
  writeFileSync(
    join(folder, 'a.test.yaml'),
    'version: 1\ntests:\n  - name: x\n    recording: good.seccam\n    never: [shadow_read]\n',
  );
  mkdirSync(join(folder, 'other'));
  writeFileSync(join(folder, 'other/seccam.yaml'), 'version: 1\nrules: [rules]\ntests: ["*.test.yaml"]\n');
  writeFileSync(join(folder, 'none.policy'), 'version: "1"\nrules: []\n');
  const bytes = readFileSync(good);
  bytes.writeUInt16LE(9, 8);
  writeFileSync(join(folder, 'newer.seccam'), bytes);
  writeFileSync(join(folder, 'killed.seccam.partial'), bytes);
  const rows: [string[], string, RegExp][] = [
    [['-r', 'not-yaml.policy', good], 'yaml-syntax', /not-yaml\.policy:1:6/],
    [['-r', 'a.test.yaml', good], 'not-a-policy', /seccam test a\.test\.yaml/],
    [['-r', 'other/seccam.yaml', good], 'not-a-policy', /seccam check other\/seccam\.yaml/],
    [['-r', good, good], 'not-a-policy', /seccam replay/],
    [['-r', 'none.policy', good], 'no-rules', /none\.policy/],
    [['broken.policy'], 'not-a-recording', /-r broken\.policy/],
    [['absent.seccam'], 'no-such-file', /absent/],
    [['killed.seccam'], 'no-such-file', /Try: killed\.seccam\.partial/],
    [['--fail-on', 'shadow_raed', good], 'unknown-rule', /shadow_raed/],
    [['killed'], 'no-such-file', /Try: killed\.seccam\.partial/],
    [['newer.seccam'], 'newer-format', /format 9/],
    [['/dev/zero'], 'not-a-recording', /first 8 bytes/],
    [['.'], 'recording-unreadable', /directory/],
  ];
  for (const [words, code, says] of rows) {
    const ran = seccam(['replay', ...words]);
    t.equal(ran.status, 2, `${words.join(' ')}: ${ran.err}`);
    t.match(ran.err, `[${code}]`, words.join(' '));
    t.match(ran.err, says, words.join(' '));
    t.equal(ran.out, '', 'no detection');
  }
  const wrong = seccam(['replay', '-r', 'broken.policy', good]).err;
  t.match(wrong, /^broken\.policy:3:35: error: /m, 'the first mistake');
  t.match(
    wrong,
    /^broken\.policy:5:17: error: .*\n.*\| {5}expression: open\.file\.pth == "x"\n.*\| {17}\^+$/m,
    'the second, with its caret',
  );
  const cut = readFileSync(good).subarray(0, 20_000);
  writeFileSync(join(folder, 'cut.seccam'), cut);
  t.equal(seccam(['replay', 'cut.seccam']).status, 2, 'damage');
  const accepted = seccam(['replay', '--accept-damage', 'cut.seccam']);
  t.equal(accepted.status, 0, 'damage that was accepted');
  t.match(accepted.err, /^warning: "cut\.seccam" .*\[unfinished-recording\]$/m);
  writeFileSync(join(folder, 'empty.seccam'), '');
  t.equal(seccam(['replay', '--accept-damage', 'empty.seccam']).status, 2, 'nothing is there to accept');
  const blocks: Buffer[] = [];
  const writer = new RecordingWriter((bytes) => blocks.push(Buffer.from(bytes)), {
    header: { host: { hostname: 'h' }, started: { realtime: '1', boottime: '1' } },
  });
  writer.checkpoint();
  writer.record('gap', { reason: gapReasons['disk-full'], pid: 0, lost: 0xffffffffffffffffn });
  writer.record('end', { reason: endReasons['disk-full'], status: 0, events: 0, boottime: 1n });
  writer.end();
  writeFileSync(join(folder, 'early.seccam'), Buffer.concat(blocks));
  const early = seccam(['replay', 'early.seccam']);
  t.match(
    early.err,
    /^warning: "early\.seccam" does not hold everything: .*disk-full.*\[gap-in-recording\]$/m,
  );
  t.match(seccam(['inspect', 'early.seccam']).out, /ended +early: the disk was full/);
  const piped = seccam(['replay', '-q', '--format', 'json', '-'], { input: readFileSync(good) });
  t.same([piped.status, piped.err], [0, '']);
  t.equal(piped.out, seccam(['replay', '-q', '--format', 'json', good]).out, 'from a pipe the same bytes');
  t.match(piped.out, '"rule_id":"shadow_read"');
});

t.test("the README's story is what the demo prints", { skip: process.platform !== 'linux' }, async (t) => {
  const ran = spawnSync('bash', [join(root, 'scripts/demo')], {
    env: { ...process.env, NO_COLOR: '1' },
    input: '',
    encoding: 'utf8',
  });
  t.equal(ran.status, 0, ran.stderr);
  const said = [...ran.stdout.split('\n'), ...ran.stderr.split('\n')].map(timeless);
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const told = /```\n(\$ seccam record[\s\S]*?)```/.exec(readme)?.[1]?.split('\n').map(timeless) ?? [];
  t.ok(told.length > 15, 'the README has the story');
  for (const line of told.filter((text) => text !== '' && !text.startsWith('$')))
    t.ok(
      said.some((text) => text.startsWith(line)),
      line,
    );
  const scratch = /Everything is in (\S+):/.exec(ran.stderr)?.[1];
  if (scratch?.startsWith('/tmp/seccam-demo-')) rmSync(scratch, { recursive: true });
});

/** Without what differs from run to run: pids, times, sizes, the scratch folder, who started the demo. */
function timeless(line: string): string {
  return line
    .replace(/^\S*story\.seccam: .*/, 'story.seccam')
    .replace(/\/tmp\/seccam-demo-\w+/g, '/tmp/seccam-demo')
    .replace(/\+[\d.]+ s/g, '+T')
    .replace(/\(\d+\)/g, '')
    .replace(/\d+ events, /, '')
    .replace(/ ‹ node.*$/, '')
    .trimEnd();
}

const history = join(root, 'recordings/attacks/history-removed.seccam');

t.test('what a detection shows: the whole value under a mask, and what silent rules held back', async (t) => {
  writeFileSync(
    join(folder, 'marks.policy'),
    `version: 1.0.0
rules:
  - id: marks
    silent: true
    expression: exec.file.name == "mktemp"
    actions:
      - set: {name: marked, scope: process, value: true, inherited: true, scope_field: process.ppid}
  - id: truncated
    expression: open.flags & O_TRUNC > 0
  - id: removed_by_marked
    expression: unlink.file.name == "nothing" || \${process.marked} == true && unlink.file.name != ""
`.replaceAll('\\$', '$'),
  );
  const ran = seccam(['replay', '-r', 'marks.policy', history]);
  t.match(ran.out, /open\.flags +O_WRONLY\|O_CREAT\|O_TRUNC/);
  t.match(ran.err, /^1 more of silent rules, which are never shown$/m);
  t.notMatch(ran.err, /rate limits/);
  const truncated = seccam(['explain', '-r', 'marks.policy', history, '--rule', 'truncated']);
  t.match(truncated.out, /open\.flags & O_TRUNC > 0 +1 +1$/m, 'a rule of one condition counts so far');
  t.match(truncated.out, / O_WRONLY\|O_CREAT\|O_TRUNC$/m);
  const marked = seccam(['explain', '-r', 'marks.policy', history, '--rule', 'removed_by_marked']);
  t.match(marked.out, /process\.marked}: set by marks at event 8, inherited from dash/);
});

t.test('explain at what rules are not shown says so, and that is no match', async (t) => {
  const events = seccam(['inspect', history, '--events', '--format', 'json']).out.trim().split('\n');
  const lines = events.map((line) => JSON.parse(line) as { seq: number; shown: boolean; type: string });
  const hidden = lines.find((line) => !line.shown)!;
  const other = lines.find((line) => line.shown && line.type === 'exec')!;
  const rule = ['explain', '-r', 'marks.policy', history, '--rule', 'truncated'];
  for (const [words, says] of [
    [['--at', String(hidden.seq)], /is not shown to rules/],
    [['--at', String(other.seq)], /is of type exec/],
    [['--where', 'open.file.path == "/nowhere"'], /No event that the rules are shown/],
  ] as const) {
    const ran = seccam([...rule, ...words]);
    t.equal(ran.status, 1);
    t.match(ran.err, says);
    t.match(ran.err, /\[nothing-to-explain\]/);
  }
  t.match(seccam(['inspect', history, '--events']).out, / = ENOENT \(not shown to rules\)/);
});

t.test('what is no recording gets no summary, and the newest is found beside odd names', async (t) => {
  writeFileSync(join(folder, 'packed.gz'), gzipSync(readFileSync(history)));
  refuses(t, ['inspect', 'packed.gz'], 2, 'not-a-recording', /gzip[\s\S]*zcat FILE/);
  const odd = mkdtempSync(join(folder, 'odd-'));
  writeFileSync(Buffer.concat([Buffer.from(`${odd}/a`), Buffer.from([0xff]), Buffer.from('.seccam')]), '');
  writeFileSync(join(odd, 'good.seccam'), readFileSync(history));
  const ran = spawnSync(process.execPath, [script, 'replay'], { cwd: odd, encoding: 'utf8' });
  t.equal(ran.status, 0, ran.stderr);
  t.match(ran.stderr, /replaying the newest recording, good\.seccam/);
});

t.test('replay -v tells which rules cannot fire; what could not be read has no summary', async (t) => {
  const ran = seccam(['replay', history]);
  t.match(ran.err, /\d+ cannot fire on this recording \(-v: which\), /);
  const told = seccam(['replay', '-v', history]);
  t.match(told.err, /^ {2}web_shell_connected_out +no "connect" happened$/m);
  t.notMatch(told.err, /-v: which/);
  writeFileSync(join(folder, 'text.seccam'), 'no recording, but a text');
  const none = seccam(['replay', 'text.seccam']);
  t.match(none.err, /\[not-a-recording\]/);
  t.notMatch(none.err, /0 events/);
});

t.test('actions are told in words', async (t) => {
  writeFileSync(
    join(folder, 'acts.policy'),
    `rules:
  - id: acts
    expression: exec.file.name == "mktemp"
    actions:
      - set: {name: seen, value: true}
      - set: {name: mine, scope: process, value: 7}
      - kill: {signal: SIGKILL, scope: process}
      - log: {level: info, message: "by %{process.file.name}"}
`,
  );
  const { out } = seccam(['replay', '-r', 'acts.policy', history]);
  t.match(out, /^ {2}action set seen = true$/m);
  t.match(out, /^ {2}action set process\.mine = 7 of process \d+$/m);
  t.match(out, /^ {2}action kill SIGKILL to process \d+ \(would be done in enforce mode\)$/m);
  t.match(out, /^ {2}action log info "by mktemp"$/m);
});

t.test('eval alone gives the value of what reads no field, and says which recording it took', async (t) => {
  const bare = mkdtempSync(join(folder, 'bare-'));
  const evaluated = (...words: string[]) =>
    spawnSync(process.execPath, [script, 'eval', ...words], { cwd: bare, encoding: 'utf8' });
  for (const [expression, out, status] of [
    ['1 + 1', '2\n', 0],
    ['O_CREAT | O_TRUNC', '576\n', 0],
    ['1 == 2', 'false\n', 1],
  ] as const) {
    const ran = evaluated(expression);
    t.same([ran.stdout, ran.status, ran.stderr], [out, status, ''], expression);
  }
  t.match(evaluated('process.uid == 0').stderr, /\[no-recording\]/);
  writeFileSync(join(bare, 'here.seccam'), readFileSync(history));
  t.match(evaluated('exec.file.name == "mktemp"').stderr, /^over the newest recording, here\.seccam$/m);
  t.equal(evaluated('1 + 1').stdout, '2\n', 'a recording beside it changes nothing');
});

t.test('a recording from standard input has a size', async (t) => {
  const bytes = readFileSync(history);
  const ran = seccam(['inspect', '-'], { input: bytes });
  t.match(ran.out, `file      ${bytes.length.toLocaleString('en-US')} bytes`);
});

t.test('slips of the hand are answered', async (t) => {
  writeFileSync(join(folder, '-dash.seccam'), readFileSync(history));
  refuses(t, ['inspect', '-dash.seccam'], 2, 'unknown-flag', /\.\/-dash\.seccam/);
  refuses(t, ['explain', history, '--at', 'foo'], 2, 'bad-usage', /"--at" takes an integer: have "foo"/);
  // Gates that could never close, or never open.
  refuses(t, ['test', '--threshold', 'decide=80'], 2, 'bad-usage', /Try: --threshold decided=80/);
  refuses(t, ['test', '--threshold', 'score=101'], 2, 'bad-usage', /can never be reached/);
  writeFileSync(join(folder, 'meant.seccam'), readFileSync(history));
  for (const verb of ['test', 'rule'])
    refuses(
      t,
      ['new', verb, 'meant.seccam'],
      2,
      'bad-value',
      new RegExp(`new ${verb} --from meant\\.seccam`),
    );
  refuses(t, ['new', 'rule', 'r', '-o', '/proc/none/r.policy'], 2, 'file-error', /\/proc\/none/);
});

t.test('a rule for any event is a rule', async (t) => {
  const bare = mkdtempSync(join(folder, 'any-'));
  const run = (...words: string[]) =>
    spawnSync(process.execPath, [script, ...words], { cwd: bare, encoding: 'utf8' });
  const lines = seccam(['inspect', history, '--events', '--format', 'json']).out.trim().split('\n');
  const firsts = new Map<string, number>();
  for (const line of lines) {
    const { type, seq, shown } = JSON.parse(line) as { type: string; seq: number; shown: boolean };
    if (shown && !firsts.has(type)) firsts.set(type, seq);
  }
  t.ok(firsts.size > 3);
  for (const [type, seq] of firsts) {
    if (['open', 'unlink', 'rmdir'].includes(type)) continue;
    t.equal(run('new', 'rule', `of_${type}`, '--from', history, '--at', String(seq)).status, 0, type);
  }
  const checked = run('check', 'rules');
  t.equal(checked.status, 0, checked.stdout);
});

t.test(
  'a folder for the cache that cannot be made costs nothing',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const bare = mkdtempSync(join(folder, 'cache-'));
    const run = (env: NodeJS.ProcessEnv, ...words: string[]) =>
      spawnSync(process.execPath, [script, ...words], {
        cwd: bare,
        env: { ...process.env, ...env },
        encoding: 'utf8',
      });
    t.equal(run({}, 'init', '--ci', 'none').status, 0);
    t.equal(run({ XDG_CACHE_HOME: '/proc/none' }, 'test').status, 0);
    t.equal(run({ XDG_CACHE_HOME: '', HOME: '/proc/none' }, 'test').status, 0);
    t.notOk(existsSync(join(bare, 'seccam')), 'an empty XDG_CACHE_HOME is none');
  },
);

t.test(
  'record --force replaces the recording named after the program',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const bare = mkdtempSync(join(folder, 'force-'));
    const run = (...words: string[]) =>
      spawnSync(process.execPath, [script, 'record', ...words], { cwd: bare, encoding: 'utf8' });
    t.match(run('--', 'true').stderr, /^true\.seccam: /m);
    t.match(run('--', 'true').stderr, /^true-2\.seccam: /m);
    t.match(run('--force', '--', 'true').stderr, /^true\.seccam: /m);
  },
);

t.test('rules about what was not recorded are told, with the way to record it', async (t) => {
  writeFileSync(
    join(folder, 'names.policy'),
    'rules:\n  - {id: asked, expression: dns.question.name != ""}\n  - {id: started, expression: exec.file.name == "mktemp"}\n',
  );
  const { err } = seccam(['replay', '-r', 'names.policy', history]);
  t.match(
    err,
    /^1 rule about what was not recorded: dns \(seccam record --trace-for RULES, or --trace all\)$/m,
  );
});

t.test('a variable without its scope is a likely slip', async (t) => {
  writeFileSync(
    join(folder, 'scope.policy'),
    `rules:
  - id: counts
    expression: exec.file.name != ""
    actions:
      - set: {name: started, scope: cgroup, expression: "\${started} + 1", default_value: 0}
  - id: reads
    expression: exec.file.name != "" && \${cgroup.started} > 1
`,
  );
  t.match(
    seccam(['check', 'scope.policy']).out,
    /unknown-variable[\s\S]*Did you mean "\$\{cgroup\.started\}"/,
  );
});

t.test('policies that editors broke are named for what they are', async (t) => {
  const rows: [string, string | Buffer, RegExp][] = [
    [
      'latin1',
      Buffer.from('rules:\n  - id: a\n    expression: exec.file.name == "caf\xe9"\n', 'latin1'),
      /is not UTF-8 at line 3/,
    ],
    ['list', '- id: a\n  expression: exec.pid == 1\n', /is a list, not a policy/],
    ['deep', `rules: ${'['.repeat(5000)}${']'.repeat(5000)}`, /it nests too deep/],
    [
      'bare',
      'rules:\n  - {id: a, expression: exec.pid == 1, every: 10}\n',
      /10 ns, which limits nothing[\s\S]*every: 10s/,
    ],
  ];
  for (const [name, content, says] of rows) {
    writeFileSync(join(folder, `${name}.policy`), content);
    const ran = seccam(['check', `${name}.policy`]);
    t.match(`${ran.out}${ran.err}`, says, name);
    t.notMatch(ran.err, /call stack/);
  }
});

t.test('a view that has nothing to show says so', async (t) => {
  const ran = seccam(['inspect', history, '--network']);
  t.same([ran.status, ran.out, ran.err], [0, '', 'nothing of that kind in the recording\n']);
});

t.test(
  'redact hides nothing only when it is told so; names are quoted for the shell; hints say a thing once',
  async (t) => {
    refuses(
      t,
      ['recording', 'redact', history, '-o', 'open.seccam'],
      2,
      'bad-usage',
      /inspect RECORDING --private/,
    );
    refuses(t, ['recording', 'trim', history], 2, 'bad-usage', /the flag --output is needed/);
    refuses(t, ['lst'], 2, 'unknown-command', /Did you mean "list"\?/);
    writeFileSync(join(folder, 'a space.seccam'), readFileSync(history));
    writeFileSync(
      join(folder, 'never.policy'),
      'rules:\n  - {id: nothing, expression: exec.file.name == "nothing"}\n',
    );
    const closest = seccam(['replay', '-r', 'never.policy', 'a space.seccam']);
    t.match(closest.err, /^next: seccam explain 'a space\.seccam' --rule nothing$/m);
  },
);

t.test(
  'record --trace-for ends with the replay of those rules',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const ran = seccam(['record', '--trace-for', 'names.policy', '-o', 'for.seccam', '--', 'true']);
    t.match(ran.err, /^next: seccam replay for\.seccam -r names\.policy$/m);
    // What a rule needs that does not load would not be recorded, and nobody would know.
    writeFileSync(
      join(folder, 'broken.policy'),
      'rules:\n  - {id: broken, expression: opne.file.name == "a"}\n',
    );
    for (const [rules, code] of [
      ['broken.policy', 'unknown-field'],
      ['nowhere.policy', 'rules-not-found'],
    ] as const) {
      const refused = seccam(['record', '--trace-for', rules, '-o', 'sub/none.seccam', '--', 'true']);
      t.equal(refused.status, 125, rules);
      t.match(refused.err, new RegExp(`\\[${code}\\]`), rules);
      t.notOk(existsSync(join(folder, 'sub')), `${rules}: nothing is made`);
    }
  },
);

t.test('a process that did nothing in the recording has no event of its own in the tree', async (t) => {
  const line = { pid: 7, depth: 0, path: '/bin/sh', args: '-c x', uid: 0, seq: 1, events: 0 };
  t.equal(treeText(line, plain), '/bin/sh -c x  pid 7, uid 0, no event of its own');
  t.equal(treeText({ ...line, events: 1 }, plain), '/bin/sh -c x  pid 7, uid 0, event 1, 1 event');
});

t.test('tables fit a narrow terminal with nothing left out; a pipe and a file get whole lines', async (t) => {
  const tables: readonly (readonly (readonly string[])[])[] = [
    [
      [
        'open.file.package.source_version',
        'string',
        'Version of the source package of the file that was opened.',
      ],
      ['open.flags', 'int', 'Flags of the call.'],
    ],
    [
      ['/usr/lib/x86_64-linux-gnu/gconv/gconv-modules.cache', 'open', 'failed', '2'],
      ['/etc/passwd', 'open', 'ok', '12'],
    ],
    [
      ['kernel', 'Linux 6.1'],
      ['guardian', 'takes over live programs when the tracer is killed, whoever killed it'],
    ],
    [['one cell that is longer than the terminal is wide, and then some words more of it, and a few']],
    [],
  ];
  const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');
  for (const rows of tables) {
    const whole = columns(rows);
    t.ok(
      whole.every((line) => !line.includes('\n')),
      'one line for each row',
    );
    for (const width of [80, 60, 40]) {
      for (const paint of [plain, coloured]) {
        const narrow = columns(
          rows.map(([first, ...rest]) => [paint.dim(first!), ...rest]),
          { width },
        );
        t.equal(narrow.length, rows.length, 'one text for each row');
        // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
        const bare = narrow.map((text) => text.replace(/\x1b\[\d+m/g, ''));
        t.same(bare.map(words), whole.map(words), `${width}: the same words`);
        const longest = Math.max(
          40,
          ...rows.flat().map((cell) => Math.max(...words(cell).map((word) => word.length))),
        );
        for (const line of bare.flatMap((text) => text.split('\n'))) {
          t.ok(line.length <= Math.max(width, longest + 26), `${width}: ${line}`);
          t.equal(line, line.trimEnd());
        }
      }
      if (whole.every((line) => line.length <= width)) t.same(columns(rows, { width }), whole);
    }
  }
  t.equal(widthFor({ isTTY: true, columns: 61 }, { COLUMNS: '80' }), 61);
  t.equal(widthFor({ isTTY: true }, { COLUMNS: '80' }), 80);
  t.equal(widthFor({ isTTY: true, columns: 0 }, {}), Number.POSITIVE_INFINITY);
  t.equal(widthFor({ columns: 61 }, { COLUMNS: '80' }), Number.POSITIVE_INFINITY, 'no terminal');
  t.same(seccam(['list', 'fields'], { env: { COLUMNS: '40' } }), seccam(['list', 'fields']));
});
