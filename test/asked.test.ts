/** What the recorder does when it is asked to: look for processes that are not traced, and hide what is private. */
import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { replay } from '../src/pipeline/index.js';
import { createModel } from '../src/rules/index.js';
import { StringTable } from '../src/support/strings.js';
import { record } from '../src/workbench/record.js';
import { scratchProblem } from '../src/workbench/scratch.js';
import { runTests } from '../src/workbench/test.js';
import { executable as tracer } from './traced.js';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'seccam-asked-')));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

interface Seen {
  readonly type: string;
  readonly path: unknown;
  readonly args: unknown;
  readonly async: unknown;
  readonly ancestors: unknown;
  readonly user: unknown;
}

async function seen(recording: string, from?: number) {
  const strings = new StringTable();
  const model = createModel(strings);
  const events: Seen[] = [];
  const summary = await replay([recording], {
    strings,
    ...(from === undefined ? {} : { from }),
    onEvent: (event) => {
      if (event.type !== 'exec' && event.type !== 'exit') return;
      const read = (field: string) => model.read(field, event);
      events.push({
        type: event.type,
        path: read('process.file.path'),
        args: read('process.args'),
        async: read('event.async'),
        ancestors: read('process.ancestors.file.name'),
        user: read('process.user'),
      });
    },
  });
  return { events, summary: summary.streams[0]! };
}

const unshare = ['unshare', '-pf', '--mount-proc', 'sh', '-c'];
const canUnshare =
  process.getuid?.() === 0 && spawnSync(unshare[0]!, [...unshare.slice(1), 'true']).status === 0;

t.test(
  'processes that are not traced are found, and what was missed is estimated',
  { skip: canUnshare ? false : 'wants a pid namespace of its own' },
  async (t) => {
    const recording = join(folder, 'scan.seccam');
    // A pid namespace in which nobody else makes processes: the numbers can be counted.
    const script = `
cd ${folder}
( while ! [ -e go ]; do sleep 0.05; done; n=0; while [ $n -lt 50 ]; do /bin/true; n=$((n + 1)); done
  sh -c 'sleep 0.9; exec sleep 0.9'; touch done ) &
others=$!
${tracer} -o ${recording} --force --proc-scan-rate 100ms --epoch-bytes 8192 -- sh -c 'sleep 0.5; touch go; while ! [ -e done ]; do sleep 0.1; done; sleep 0.5'
wait $others`;
    const { status, stderr } = spawnSync(unshare[0]!, [...unshare.slice(1), script], { encoding: 'utf8' });
    t.equal(status, 0, stderr);
    const { events, summary } = await seen(recording);
    const found = (type: string, path: RegExp, args: string) =>
      events.find(
        (event) => event.type === type && path.test(String(event.path)) && event.args === args && event.async,
      );
    const shell = /\/(?:da)?sh$/;
    t.match(found('exec', shell, '-c sleep 0.9; exec sleep 0.9'), { user: 'root' });
    const inside = found('exec', /\/sleep$/, '0.9');
    t.ok(inside, 'its child');
    t.match(inside?.ancestors, [/sh$/, /sh$/, /sh$/]);
    const ended = events.filter((event) => event.type === 'exit' && event.async && event.args === '0.9');
    t.equal(ended.length, 2, 'the child, and the shell that became another program');
    t.ok(
      events.some((event) => event.type === 'exec' && event.args === '0.9' && event.async === true),
      'an exec between two looks',
    );
    t.ok(
      events.every((event) => event.async === true || event.args !== '0.9'),
      'all of it is flagged',
    );
    t.ok(
      events.some((event) => event.async === false && event.args === '0.5'),
      'and what is traced is not',
    );
    // 50 of the loop, less those that were seen; a waiting shell may lose some sleeps of 0.05 s as well.
    const caught = events.filter(
      (event) => event.type === 'exec' && event.async && /\/true$/.test(String(event.path)),
    ).length;
    const missed = summary.counters.get('scan-missed') ?? 0;
    t.ok(
      missed + caught >= 48 && missed + caught <= 75,
      `${missed} missed, ${caught} caught, of 50 and a few sleeps`,
    );
    t.ok(readFileSync(recording, 'latin1').includes('"scanner":{"rate_ms":100}'), 'the header says so');
    t.equal(summary.damaged, false);
  },
);

t.test('without being asked nobody else is looked for', async (t) => {
  const recording = join(folder, 'quiet.seccam');
  for (const more of [[], ['--proc-scan-rate', '100ms', '--disable-proc-scan']]) {
    const { status } = spawnSync(tracer, ['-o', recording, '--force', ...more, '--', 'sleep', '0.4']);
    t.equal(status, 0);
    const { events, summary } = await seen(recording);
    t.ok(events.every((event) => event.async === false));
    t.notOk(summary.counters.has('scanned'));
  }
  const { stderr, status } = spawnSync(
    tracer,
    ['-o', recording, '--force', '--proc-scan-rate', 'often', '--', 'true'],
    { encoding: 'utf8' },
  );
  t.equal(status, 125);
  t.match(stderr, /wants a time from 100ms on, such as 500ms or 2s, not "often"/);
});

t.test(
  'a hidden path has one mark as an argument and as a file, also where the mark would be hidden again',
  async (t) => {
    const place = join(folder, 'marks');
    mkdirSync(join(place, 'inner'), { recursive: true });
    writeFileSync(join(place, 'inner/key'), 'k');
    const recording = join(folder, 'marks.seccam');
    const options = ['-o', recording, '--force', '--no-ancestors', '--redact-path', `${place}/*`];
    const { status } = spawnSync(
      tracer,
      [...options, '--', 'cat', `${place}/inner/key`, 'marks/inner/../inner/key'],
      { cwd: folder },
    );
    t.equal(status, 0);
    const strings = new StringTable();
    const model = createModel(strings);
    const told: string[] = [];
    await replay([recording], {
      strings,
      onEvent: (event) => {
        if (event.type === 'exec') told.push(...String(model.read('exec.args', event)).split(' '));
        if (event.type === 'open' && event.retval >= 0)
          told.push(String(model.read('open.file.path', event)));
      },
    });
    const marks = told.filter((path) => path.includes('redacted-'));
    t.equal(marks.length, 4, told.join(' '));
    t.equal(new Set(marks).size, 1, marks.join(' '));
  },
);

t.test('paths, values and arguments that are not to be stored are in no byte of the recording', async (t) => {
  const home = join(folder, 'home');
  for (const name of ['ann/.ssh', 'bob', 'public']) mkdirSync(join(home, name), { recursive: true });
  writeFileSync(join(home, 'ann/.ssh/anns-key'), 'k');
  writeFileSync(join(home, 'bob/bobs-file'), 'x');
  writeFileSync(join(home, 'public/all'), 'p');
  writeFileSync(
    join(folder, 'work.sh'),
    `cat ${home}/ann/.ssh/anns-key ${home}/bob/bobs-file ${home}/public/all
cd ${home}/ann/.ssh; cat < anns-key; cat < ${home}/ann/.ssh/anns-key
true --apikind=classified -x ${home}/bob/bobs-file:${home}/public/all
mv ${home}/bob/bobs-file ${home}/bob/bobs-other`,
  );
  const recording = join(folder, 'hidden.seccam');
  const { status, stderr } = spawnSync(
    tracer,
    // The tracer's own arguments are those of an ancestor, and would tell what is hidden.
    [
      ...['-o', recording, '--force', '--no-ancestors', '--keep-env', 'MY_*', '--redact-env', 'MY_TOK*,HOME'],
      ...[
        '--redact',
        'apik*',
        '--redact-path',
        `${home}/*/.ssh,${home}/bob=NOBODY`,
        '--',
        'sh',
        join(folder, 'work.sh'),
      ],
    ],
    {
      encoding: 'utf8',
      env: {
        PATH: process.env['PATH'],
        HOME: '/home/of-mine',
        MY_TOKEN: 'tok-value',
        MY_NAME: 'my-value',
        OTHER: 'other-value',
      },
    },
  );
  t.equal(status, 0, stderr);
  const bytes = readFileSync(recording, 'latin1');
  for (const secret of ['anns-key', 'bobs-', 'classified', 'of-mine', 'tok-value', 'other-value'])
    t.notOk(bytes.includes(secret), `"${secret}" is not there`);
  for (const kept of ['MY_NAME=my-value', 'MY_TOKEN', 'OTHER', 'NOBODY', 'redacted-'])
    t.ok(bytes.includes(kept), `"${kept}" is`);
  t.match(
    bytes,
    `"paths":["${home}/*/.ssh","${home}/bob=NOBODY"],"environment_values_hidden":["MY_TOK*","HOME"]`,
  );
  const strings = new StringTable();
  const model = createModel(strings);
  const opened: unknown[] = [];
  await replay([recording], {
    strings,
    onEvent: (event) => {
      if (event.type === 'open') opened.push(model.read('open.file.path', event));
    },
  });
  const hidden = opened.filter((path) => String(path).startsWith(`${home}/redacted-`));
  t.equal(hidden.length, 3);
  t.equal(new Set(hidden).size, 1, 'one file has one mark, however it was named');
  t.ok(opened.includes(`${home}/NOBODY`));
  t.ok(opened.includes(`${home}/public/all`));
});

t.test(
  'what is hidden is hidden however it is named: relative, below another root, by a link of the shell',
  async (t) => {
    const place = join(folder, 'other names');
    for (const name of ['srv/secret/deep', 'srv/public', 'home/ann/.ssh', 'root/srv/secret'])
      mkdirSync(join(place, name), { recursive: true });
    writeFileSync(join(place, 'srv/secret/alpha-1'), '');
    writeFileSync(join(place, 'srv/secret/alpha.sh'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
    writeFileSync(join(place, 'root/srv/secret/alpha-1'), '');
    writeFileSync(join(place, 'home/ann/.ssh/beta-2'), '');
    symlinkSync('../public', join(place, 'srv/secret/alpha-link'));
    writeFileSync(
      join(folder, 'names.py'),
      `
import os, socket
d = os.open('secret', os.O_RDONLY)
os.close(os.open('alpha-1', os.O_RDONLY, dir_fd=d))
os.listdir('secret/alpha-link/')
for name in 'alpha-none', '../secret/alpha-none':
  try: os.open(name, os.O_RDONLY, dir_fd=d)
  except OSError: pass
os.rename('secret/alpha-1', 'alpha-new', dst_dir_fd=d)
os.rename('alpha-new', 'alpha-1', src_dir_fd=d, dst_dir_fd=d)
os.link('secret/alpha-1', 'secret/alpha-hard'); os.unlink('secret/alpha-hard')
s = socket.socket(socket.AF_UNIX); s.bind('secret/alpha-socket'); s.listen()
c = socket.socket(socket.AF_UNIX); c.connect('./secret/alpha-socket'); os.unlink('secret//alpha-socket')
if os.getuid() == 0 and os.fork() == 0:
  os.chroot('../root/srv'); os.chdir('/')
  open('/secret/alpha-1').close(); open('secret/../secret/alpha-1').close()
  try: os.execv('/secret/alpha-not-there', ['/secret/alpha-not-there', '/secret/alpha-1', 'secret/alpha-1'])
  except OSError: os._exit(0)
`,
    );
    writeFileSync(
      join(folder, 'names.sh'),
      `
cd '${place}/srv'
cat secret/alpha-1 ./secret//alpha-1 ../srv/secret/alpha-1 public/../secret/alpha-1 "$PWD"//./secret/alpha-1
/bin/true --file="$PWD"/secret/alpha-1 --file=secret/alpha-1 -Isecret/alpha-1 -o../srv/secret/alpha-1 @secret/alpha-1 here:secret/alpha-1 secret/alpha-1:/keys file://"$PWD"/secret/alpha-1
sh -c 'true "secret/alpha 1 and" secret/alpha\ 1; cat < "$PWD/secret/alpha-1"; exit 0'
secret/alpha.sh
tar -C secret -cf /dev/null alpha-1; tar -cf /dev/null --directory=secret alpha-1 -C ../public .; tar -cf /dev/null -Csecret alpha-1; env -C secret cat alpha-1
sh -c 'cd secret; cat alpha-1; exit 0'; sh -c "cd '$PWD/secret' && cat deep/../alpha-1; exit 0"
cd ..; sh -c 'cd srv && cat secret/alpha-1 && cd -- secret && ls ./alpha-1; exit 0'; tar -cf /dev/null -C srv secret/alpha-1 public; cd srv
cd secret; cat alpha-1; touch -c alpha-1 alpha-none; mkdir alpha-folder; rmdir alpha-folder/; ./alpha.sh
cd deep; cat ../alpha-1; ln -s ../alpha-1 alpha-3; rm alpha-3
cd ../../../home; HOME="$PWD/ann"; export HOME
sh -c 'cat ~/.ssh/beta-2 "$HOME/.ssh/beta-2" "$HOME"/.ssh/beta-2 "\${HOME}/.ssh/beta-2"; exit 0'; cat ann/.ssh/beta-2
cd ../srv; python3 '${join(folder, 'names.py')}'
/bin/true public/shown plain --flag=other https://srv/secret-is-a-host
`,
    );
    const recording = join(folder, 'names.seccam');
    const patterns = [`${place}/srv/secret`, `${place}/home/*/.ssh=KEYS`, `${place}/root/srv/secret`];
    const { status, stderr } = spawnSync(
      tracer,
      [
        '-o',
        recording,
        '--force',
        '--no-ancestors',
        '--redact-path',
        patterns.join(','),
        '--',
        'sh',
        join(folder, 'names.sh'),
      ],
      { encoding: 'utf8' },
    );
    t.equal(status, 0, stderr);
    t.notMatch(stderr, /Traceback/, 'the programs did what they should');
    const strings = new StringTable();
    const model = createModel(strings);
    const opened = new Set<string>();
    const commands: string[] = [];
    await replay([recording], {
      strings,
      onEvent: (event) => {
        if (event.type === 'open') opened.add(String(model.read('open.file.path', event)));
        if (event.type === 'exec') commands.push(String(model.read('exec.args', event)));
      },
    });
    const bytes = readFileSync(recording, 'latin1');
    const start = bytes.indexOf('{"format"');
    t.ok(start > 0);
    for (const secret of ['alpha', 'beta']) {
      const at = bytes.indexOf(secret);
      t.equal(at, -1, `${secret}: ${at < 0 ? '' : JSON.stringify(bytes.slice(at - 60, at + 40))}`);
    }
    t.match(
      commands.filter((line) => line.endsWith(' public')),
      [/^-cf \/dev\/null -C srv .+\/srv\/\S+ public$/],
      'below a folder that it is told to go to, and nothing else',
    );
    t.ok(opened.has(`${place}/home/KEYS`));
    const cat = commands.find((line) => line.split(' ').length > 4) ?? '';
    t.equal(
      new Set(
        cat
          .split(`${place}/srv/`)
          .slice(1)
          .map((name) => name.trim()),
      ).size,
      1,
      `one file has one mark: ${cat}`,
    );
    t.ok(
      commands.includes('public/shown plain --flag=other https://srv/secret-is-a-host'),
      'the rest is as it was',
    );
  },
);

t.test(
  'record --scratch hides and keeps what it is told to',
  { skip: scratchProblem() ?? false },
  async (t) => {
    const cwd = join(folder, 'scratched');
    mkdirSync(cwd);
    writeFileSync(
      join(cwd, 'seccam.yaml'),
      "version: 1\nrecordings: {keep_env: [MY_NAME], redact: {args: ['--kind=(?<secret>.+)', 'Bearer (?<secret>.+)'], paths: {'/srv/hidden': THERE}, env: [MY_TOKEN]}}\n",
    );
    const { recording, status, diagnostics } = await record({
      cwd,
      command: ['/bin/sh', '/given.sh'],
      redactArguments: ['mine'],
      keepEnvironment: ['MY_*'],
      scratch: {
        environment: { MY_NAME: 'my-value', MY_TOKEN: 'tok-value' },
        files: {
          '/given.sh':
            'cd /srv; mkdir hidden; echo x > hidden/gamma-3; cat hidden/gamma-3 /srv/hidden/gamma-3; /bin/true --kind=classified --mine=other; exit 3',
        },
      },
    });
    t.equal(status, 3);
    t.strictSame(
      diagnostics.map((item) => item.code),
      ['redact-later'],
      'a pattern without a name is for later, and that is said',
    );
    const bytes = readFileSync(join(cwd, recording), 'latin1');
    for (const secret of ['gamma-3', 'classified', '--mine=other', 'tok-value'])
      t.notOk(bytes.includes(secret), secret);
    for (const kept of ['MY_NAME=my-value', 'MY_TOKEN', 'THERE', '--kind=********'])
      t.ok(bytes.includes(kept), kept);
  },
);

t.test(
  'a recording that a test makes hides what the project says',
  { skip: scratchProblem() ?? false },
  async (t) => {
    const cwd = join(folder, 'pinned');
    for (const name of ['rules', 'tests']) mkdirSync(join(cwd, name), { recursive: true });
    writeFileSync(
      join(cwd, 'seccam.yaml'),
      "version: 1\nrecordings: {redact: {paths: {'/srv/hidden': THERE}}}\n",
    );
    writeFileSync(
      join(cwd, 'rules/a.policy'),
      'version: 1.0.0\nrules:\n  - id: makes\n    expression: open.file.path != ""\n',
    );
    writeFileSync(
      join(cwd, 'tests/a.test.yaml'),
      'version: 1\ntests:\n  - {name: makes, run: "mkdir /srv/hidden; echo x > /srv/hidden/gamma-4; cat /srv/hidden/gamma-4", expect: [makes]}\n',
    );
    for await (const item of runTests({ cwd, pin: 'always' })) t.notMatch(item, { severity: 'error' });
    const [recording] = readdirSync(cwd, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.seccam'),
    );
    const bytes = readFileSync(join(cwd, recording!), 'latin1');
    t.ok(bytes.includes('THERE'));
    // The script stands in the arguments of the shell, whose working folder is another: hidden as an absolute path.
    t.notOk(bytes.includes('gamma-4'));
  },
);
