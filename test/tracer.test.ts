/** The tracer: what it records of real programs, and what those programs notice of it. */
import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { decodeBytes } from '../src/support/strings.js';
import { program } from './programs.js';
import { contents, executable, root, type Told, traced } from './traced.js';

const EINTR = -4;
const isRoot = process.getuid?.() === 0;
const folder = mkdtempSync(join(tmpdir(), 'seccam-tracer-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

/** Records through Node, as `record` does: the C core in a process of its own runs this. */
const recorder = join(folder, 'recorder.mts');
writeFileSync(
  recorder,
  `import { writeSync } from 'node:fs';
import { recordProgram } from '${join(root, 'src', 'tracer', 'index.ts')}';
const [output, ...command] = process.argv.slice(2);
const outcome = await recordProgram({ output: output!, command, force: true });
if (process.env['OUTCOME']) writeSync(2, JSON.stringify(outcome));
process.exitCode = outcome.status;
`,
);
const loader = join(root, 'node_modules', 'tsx', 'dist', 'esm', 'index.mjs');
const throughNode = (output: string, ...command: readonly string[]) => [
  process.execPath,
  '--import',
  loader,
  recorder,
  output,
  ...command,
];
const throughExecutable = (output: string, ...command: readonly string[]) => [
  executable,
  '--force',
  '-o',
  output,
  '--',
  ...command,
];

const run = (command: readonly string[], options: Parameters<typeof spawnSync>[2] = {}) => {
  const { status, signal, stdout, stderr } = spawnSync(command[0]!, command.slice(1), {
    cwd: folder,
    ...options,
    encoding: 'utf8',
  });
  return { status, signal, stdout: String(stdout), stderr: String(stderr) };
};

const file = (name: string) => join(folder, name);

t.test(
  'the exit status is the program’s: its code, or 128 and the signal; 126, 127 and 125 say what failed',
  async (t) => {
    const cases: readonly [readonly string[], number][] = [
      [['true'], 0],
      [['sh', '-c', 'exit 3'], 3],
      [['sh', '-c', 'kill -9 $$'], 137],
      [['sh', '-c', 'kill -SEGV $$'], 139],
      [['sh', '-c', 'kill -TERM $$'], 143],
      [['no-such-program'], 127],
      [['/no/such/program'], 127],
      [['/etc/passwd'], 126],
      [['/etc'], 126],
    ];
    for (const [command, status] of cases) {
      t.equal(traced(command).status, status, command.join(' '));
      t.equal(
        run(throughNode(file('status.seccam'), ...command)).status,
        status,
        `through Node: ${command.join(' ')}`,
      );
    }
    t.match(traced(['true'], { flags: ['--trace', 'nonsense'] }), { status: 125, stderr: /unknown-event/ });
    t.match(run([executable, '--nonsense', '--', 'true']), { status: 125, stderr: /bad-option/ });
    for (const [option, wants] of [
      ['--on-tracer-death=live', /wants kill, guardian or accept-enosys, not "live"/],
      ['--on-io-uring=no', /wants record or deny/],
      ['--without=everything', /wants syscall-info, openat2 or pidfd-getfd/],
    ] as const)
      t.match(run([executable, option, '-o', file('never.seccam'), '--', 'true']), {
        status: 125,
        stderr: wants,
      });
    t.match(run([executable, '-o', file('x.seccam')]), { status: 125, stderr: /bad-option/ });
    t.match(run([executable, '--duration', 'soon', '--pid', '1']), {
      status: 125,
      stderr: /500ms or 2s, not "soon"/,
    });
    t.match(
      run(['sh', '-c', '"$0" -o "$1" --duration 200ms --pid "$$"', executable, file('short.seccam')]),
      { status: 0 },
      'as long as it says, and no longer',
    );
    const ended =
      'import os, sys\np = os.fork()\nif p == 0: os._exit(0)\nos.waitid(os.P_PID, p, os.WEXITED | os.WNOWAIT)\nos.execv(sys.argv[1], sys.argv[1:] + ["--pid", str(p)])';
    t.match(run(['python3', '-c', ended, executable, '-o', file('ended.seccam')]), {
      status: 125,
      stderr: /has ended \[no-process\]/,
    });
  },
);

t.test('a program that could not be started leaves no recording', async (t) => {
  run(throughExecutable(file('none.seccam'), 'no-such-program'));
  t.notOk(existsSync(file('none.seccam')) || existsSync(file('none.seccam.partial')));
});

t.test('the recording is private, never follows a link, and never replaces a file unasked', async (t) => {
  const output = file('private.seccam');
  t.equal(run([executable, '-o', output, '--', 'true']).status, 0);
  t.equal(statSync(output).mode & 0o777, 0o600);
  t.match(run([executable, '-o', output, '--', 'true']), { status: 125, stderr: /output-exists/ });
  t.equal(run([executable, '--force', '-o', output, '--', 'true']).status, 0);
  writeFileSync(file('precious'), 'precious');
  symlinkSync(file('precious'), `${file('linked.seccam')}.partial`);
  t.match(run([executable, '-o', file('linked.seccam'), '--', 'true']), {
    status: 125,
    stderr: /output-exists/,
  });
  t.equal(readFileSync(file('precious'), 'utf8'), 'precious');
  t.ok(lstatSync(`${file('linked.seccam')}.partial`).isSymbolicLink());
  t.match(run([executable, '-o', '/no/such/folder/x.seccam', '--', 'true']), {
    status: 125,
    stderr: /bad-output/,
  });
});

t.test('a program inherits the same surroundings with and without recording', async (t) => {
  const surroundings = program('surroundings');
  /* The test runner adds variables of its own to what Node starts. */
  const options = { env: { PATH: process.env['PATH'], HOME: '/x' } };
  const seen = (command: readonly string[]) =>
    run(command, options).stdout.replace(/^environment (?:_?TAP|NODE_).*\n/gm, '');
  const plain = seen([surroundings]);
  t.match(plain, /limit 7 \d+/);
  t.equal(seen(throughExecutable(file('s.seccam'), surroundings)), plain, 'static tracer');
  t.equal(seen(throughNode(file('s.seccam'), surroundings)), plain, 'through Node');
  const shell = (command: readonly string[]) =>
    seen([
      'bash',
      '-c',
      `ulimit -Sn 200; trap '' USR1; exec 5</etc/hostname; "$@"; true`,
      'bash',
      ...command,
    ]);
  const changed = shell([surroundings]);
  t.match(changed, /limit 7 200 /);
  t.match(changed, /signal 10 ignored/);
  t.match(changed, /descriptor 5 /);
  t.equal(
    shell(throughExecutable(file('s.seccam'), surroundings)),
    changed,
    'static tracer, changed surroundings',
  );
  const node = shell(throughNode(file('s.seccam'), surroundings));
  t.match(node, /limit 7 200 /, 'through Node: the soft limit');
  t.match(node, /descriptor 5 /, 'through Node: a descriptor that was handed down');
});

t.test('standard input, output and their order are untouched', async (t) => {
  const script = 'read a; echo "got $a"; echo error >&2; cat';
  const options = { input: 'one\ntwo\nthree\n' };
  const plain = run(['sh', '-c', script], options);
  for (const command of [
    throughExecutable(file('io.seccam'), 'sh', '-c', script),
    throughNode(file('io.seccam'), 'sh', '-c', script),
  ]) {
    const got = run(command, options);
    t.same([got.stdout, got.stderr, got.status], [plain.stdout, plain.stderr, plain.status]);
  }
});

t.test('a terminal: ^Z stops the job for the shell above, fg continues it, ^C ends it', async (t) => {
  const terminal = program('terminal', ['-lutil']);
  const waits = program('waits');
  const plain = run([terminal, waits]);
  t.match(plain.stdout, /interrupted: 130/);
  t.equal(
    run([terminal, ...throughExecutable(file('t.seccam'), waits)]).stdout,
    plain.stdout,
    'static tracer',
  );
  t.equal(run([terminal, ...throughNode(file('t.seccam'), waits)]).stdout, plain.stdout, 'through Node');
});

t.test('job control inside: a parent sees its child stop and go on', async (t) => {
  const stops = program('group-stop');
  t.equal(traced([stops]).stdout, run([stops]).stdout);
  t.equal(traced([stops], { flags: ['--disable-seccomp'] }).stdout, run([stops]).stdout);
});

t.test('a signal to the tracer reaches the program', async (t) => {
  for (const command of [
    throughExecutable(
      file('sig.seccam'),
      'sh',
      '-c',
      'trap "exit 9" TERM; echo ready; while :; do sleep 0.1; done',
    ),
    throughNode(
      file('sig.seccam'),
      'sh',
      '-c',
      'trap "exit 9" TERM; echo ready; while :; do sleep 0.1; done',
    ),
  ]) {
    const child = spawn(command[0]!, command.slice(1), { cwd: folder, stdio: ['ignore', 'pipe', 'ignore'] });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    child.kill('SIGTERM');
    t.equal(await new Promise((resolve) => child.once('close', resolve)), 9);
  }
});

t.test('the recording ends when the traced tree is empty, not when the first process exits', async (t) => {
  const got = traced(['sh', '-c', '(sleep 0.4; cat /etc/hostname) & exit 4']);
  t.equal(got.status, 4);
  t.ok(got.events('open').some((item) => item.get('file.path') === '/etc/hostname'));
  t.equal(got.events('exit').filter((item) => item.get('group') === 1).length, 3);
  t.match(got.items.at(-1)?.type, 'end');
});

t.test('exec by a thread that is not the leader, and a leader that ends before its threads', async (t) => {
  const got = traced([program('exec-from-thread')]);
  t.match(got.stdout, /from a thread/);
  const [, second] = got.events('exec');
  t.equal(second?.get('file.name'), 'echo');
  t.equal(second?.pid, second?.tid);
  t.not(second?.get('caller_tid'), second?.tid);
  t.equal(got.events('exit').filter((item) => item.get('group') === 1).length, 1);

  const left = traced([program('leader-exits')]);
  t.equal(left.status, 7);
  const tid = Number(/tid=(\d+)/.exec(left.stdout)?.[1]);
  const opened = left.events('open').find((item) => item.get('file.path') === '/etc/hostname');
  t.equal(opened?.tid, tid);
  t.not(opened?.pid, tid);
});

t.test(
  'a call that a signal interrupts is one event when it is entered again, and EINTR when not',
  async (t) => {
    for (const flags of [[], ['--disable-seccomp']]) {
      const got = traced([program('interrupted')], { flags });
      t.match(got.stdout, /result=-4\naccept result=1/);
      const accepts = got.events('accept');
      t.equal(accepts.length, 2);
      t.equal(accepts[0]?.result, EINTR);
      t.ok(accepts[1]!.result > 0);
    }
  },
);

t.test('a call that never returned is written at the death of its task', async (t) => {
  const got = traced([program('never-returns')]);
  t.equal(got.status, 137);
  const [accept] = got.events('accept');
  t.equal(accept!.flags & 1, 1);
  const died = got.events('exit').find((item) => item.get('signal') === 9);
  t.ok(died!.seq > accept!.seq);
});

t.test(
  'a fork comes before every event of its child; seq is without holes and time never goes back',
  async (t) => {
    const got = traced([
      'sh',
      '-c',
      'for i in 1 2 3 4 5 6 7 8; do (cat /etc/hostname; sh -c true) & done; wait',
    ]);
    const born = new Set([got.events('exec')[0]?.pid]);
    for (const item of got.events()) {
      if (item.type === 'fork') born.add(Number(item.get('child')));
      if (!born.has(item.pid)) t.fail(`event ${item.seq} of ${item.pid} before its fork`);
    }
    t.same(
      got.events().map((item) => item.seq),
      got.events().map((_, n) => n + 1),
    );
    t.equal(got.diagnostics.length, 0);
  },
);

t.test(
  'kill -9 of the recorder: the program dies with it, and the partial file reads up to its last block',
  async (t) => {
    const output = file('killed.seccam');
    const child = spawn(
      executable,
      ['-o', output, '--', 'sh', '-c', 'echo $$; while :; do cat /etc/hostname; done'],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    );
    const pid = await new Promise<number>((resolve) =>
      child.stdout.once('data', (data: Buffer) => resolve(Number.parseInt(String(data), 10))),
    );
    child.stdout.resume();
    while (!existsSync(`${output}.partial`) || statSync(`${output}.partial`).size < 100_000) await pause(50);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('close', resolve));
    for (
      let n = 0;
      n < 100 &&
      existsSync(`/proc/${pid}`) &&
      !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
      n++
    )
      await pause(50);
    t.notOk(
      existsSync(`/proc/${pid}/exe`) && readdirSync(`/proc/${pid}/fd`).length > 0,
      'the program is gone',
    );
    const got = contents(readFileSync(`${output}.partial`));
    t.ok(got.events().length > 20);
    t.same(
      got.diagnostics.map((item) => item.code),
      ['unfinished-recording'],
    );
  },
);

t.test(
  'a full disk or a limit on file sizes: the recording is closed in good order and the program goes on',
  async (t) => {
    const script =
      'i=0; while [ $i -lt 200 ]; do cat /etc/hostname /etc/passwd > /dev/null; i=$((i+1)); done; echo done; exit 5';
    const check = (name: string, output: string, got: ReturnType<typeof run>) => {
      t.equal(got.status, 5, `${name}: the program's status`);
      t.equal(got.stdout, 'done\n', `${name}: the program went on`);
      t.match(got.stderr, /disk-full/, name);
      const read = contents(readFileSync(output));
      t.same(read.diagnostics, [], `${name}: whole`);
      t.equal(read.records('gap')[0]?.get('reason'), 2, name);
      t.equal(
        read.records('end')[0]?.get('events'),
        read.events().length,
        `${name}: the end tells how many were written`,
      );
      t.ok(read.events().length > 500, name);
    };
    const limited = file('limited.seccam');
    check(
      'limit',
      limited,
      run(['bash', '-c', 'ulimit -f 400; "$@"', 'bash', ...throughExecutable(limited, 'sh', '-c', script)]),
    );
    check(
      'limit through Node',
      limited,
      run(['bash', '-c', 'ulimit -f 400; "$@"', 'bash', ...throughNode(limited, 'sh', '-c', script)], {
        env: { ...process.env, OUTCOME: '1' },
      }),
    );
    const small = file('small');
    mkdirSync(small);
    if (!isRoot || run(['mount', '-t', 'tmpfs', '-o', 'size=400k', 'tmpfs', small]).status !== 0) {
      t.comment('no file system can be mounted here');
      return;
    }
    try {
      check(
        'disk',
        join(small, 'it.seccam'),
        run(throughExecutable(join(small, 'it.seccam'), 'sh', '-c', script)),
      );
      run(['mount', '-o', 'remount,size=64k', small]);
      const tiny = join(small, 'tiny.seccam');
      rmSync(join(small, 'it.seccam'));
      t.equal(run(throughExecutable(tiny, 'sh', '-c', script)).status, 5);
      const read = contents(readFileSync(tiny));
      t.same(read.diagnostics, [], 'a disk without room for the first block: still a recording');
      t.equal(read.records('gap')[0]?.get('reason'), 2);
    } finally {
      run(['umount', small]);
    }
  },
);

t.test('secrets in arguments and values of the environment never reach the file', async (t) => {
  const env = { ...process.env, SECRET_VALUE: 'hush-environment', LD_PRELOAD: '' };
  const got = traced(
    [
      'true',
      '--password=hush1',
      '--token',
      'hush2',
      'API_KEY=hush3',
      'https://user:hush4@example.org/',
      '-H',
      'Authorization: Bearer hush5',
      '--mine',
      'hush6',
      'kept',
    ],
    { env, flags: ['--redact', '--mine', '--no-ancestors'] },
  );
  const [exec] = got.events('exec');
  t.same((exec!.get('argv') as { items: string[] }).items, [
    'true',
    '--password=********',
    '--token',
    '********',
    'API_KEY=********',
    'https://user:********@example.org/',
    '-H',
    'Authorization: ********',
    '--mine',
    '********',
    'kept',
  ]);
  t.ok((exec!.get('envp') as { items: string[] }).items.includes('SECRET_VALUE'));
  t.notMatch(got.bytes.toString('latin1'), /hush/);
});

t.test('failed calls are recorded with their result and the path that they meant', async (t) => {
  const got = traced(
    ['sh', '-c', 'cd /usr; cat ../etc/./nothing-here; /no/such/program; rmdir nowhere; true'],
    { stdio: ['ignore', 'ignore', 'ignore'] },
  );
  t.ok(
    got
      .events('open')
      .some(
        (item) =>
          item.get('file.path') === '/etc/nothing-here' &&
          item.result === -2 &&
          item.get('named') === '../etc/./nothing-here',
      ),
  );
  t.ok(
    got.events('exec').some((item) => item.get('named') === '/no/such/program' && item.result === -2) ||
      got.events('exec').length > 1,
  );
  t.ok(got.events('rmdir').some((item) => item.get('file.path') === '/usr/nowhere' && item.result === -2));
});

t.test(
  'paths are resolved in the root of the program: chroot, symbolic links, descriptors, /proc/self',
  { skip: !isRoot && 'needs root' },
  async (t) => {
    const jail = file('jail');
    mkdirSync(join(jail, 'etc'), { recursive: true });
    writeFileSync(join(jail, 'etc', 'secret'), 'x');
    symlinkSync('/etc', join(jail, 'way'));
    symlinkSync('../../../etc/', join(jail, 'up'));
    symlinkSync('circle', join(jail, 'circle'));
    for (const flags of [[], ['--without', 'openat2']]) {
      symlinkSync('/etc/secret', join(jail, 'link'));
      const got = traced([program('resolves'), jail], { flags });
      t.equal(got.status, 0, got.stderr);
      const opens = got
        .events('open')
        .filter((item) => String(item.get('named')).includes('secret') || item.get('named') === '/link');
      t.ok(opens.length >= 3);
      for (const item of opens) {
        t.equal(item.get('file.path'), join(jail, 'etc', 'secret'), String(item.get('named')));
        t.equal(item.get('file.ownPath'), '/etc/secret', String(item.get('named')));
      }
      const unlinked = got.events('unlink').map((item) => [item.get('named'), item.get('file.path')]);
      t.same(unlinked, [
        ['/link', join(jail, 'link')],
        ['etc/gone', join(jail, 'etc', 'gone')],
      ]);
      const changed = got.events('chmod');
      t.equal(changed.length, 6);
      for (const item of changed.filter((item) => item.result === 0))
        t.equal(
          item.get('file.path'),
          join(jail, 'etc', 'secret'),
          `${String(item.get('named'))} ${flags.join(' ')}`,
        );
    }
  },
);

t.test('paths at exec: scripts and their interpreter, deleted programs, memory files', async (t) => {
  writeFileSync(file('script'), '#!/bin/sh -e\nexit 0\n', { mode: 0o755 });
  const [script] = traced([file('script'), 'a']).events('exec');
  t.equal(script?.get('file.path'), file('script'));
  t.match(script?.get('interpreter.path'), /\/(da|ba)?sh$/);
  t.same((script?.get('argv') as { items: string[] } | undefined)?.items, [
    '/bin/sh',
    '-e',
    file('script'),
    'a',
  ]);
  t.equal(script?.get('comm'), 'script');
  const memory = traced([program('exec-memfd')]);
  const last = memory.events('exec').at(-1);
  t.equal(last?.get('file.path'), 'memfd:hidden');
  t.equal(Number(last?.get('file.flags')) & 4, 4);
});

t.test('without PTRACE_GET_SYSCALL_INFO, openat2 and pidfd_getfd the same is recorded', async (t) => {
  const script = 'cat /etc/hostname; cd /; mkdir /tmp/x-$$; rmdir /tmp/x-$$; cat nowhere; true';
  const wanted = (list: readonly Told[]) =>
    list.map(
      (item) =>
        `${item.type} ${String(item.get('file.path')).replace(/\d+/g, 'N')} ${item.result < 0 ? item.result : ''}`,
    );
  const all = wanted(traced(['sh', '-c', script]).events());
  t.ok(all.length > 20);
  for (const flags of [
    ['--without', 'syscall-info'],
    ['--disable-seccomp'],
    ['--disable-seccomp', '--without', 'syscall-info'],
    ['--without', 'openat2'],
    ['--without', 'pidfd-getfd'],
  ]) {
    t.same(wanted(traced(['sh', '-c', script], { flags }).events()), all, flags.join(' '));
  }
});

t.test(
  'names that are no UTF-8, and control characters, are recorded byte by byte and never reach a terminal as they are',
  async (t) => {
    const place = file('odd');
    mkdirSync(place);
    const got = traced([program('odd-bytes'), place], {
      flags: ['--trace', 'all', '--keep-env', 'ODD*'],
      timeout: 60_000,
    });
    t.equal(got.status, 0, got.stderr);
    const said = got.stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' ') as [string, string])
      .map(([what, hex]) => [what, Buffer.from(hex, 'hex')] as const);
    t.equal(said.length, 11);
    const list = (value: unknown): string[] => (value as { items: string[] }).items;
    const last = got.events('exec').at(-1)!;
    const column: { readonly [what: string]: string } = {
      mkdir: 'named',
      open: 'named',
      symlink: 'named',
      unlink: 'named',
      setxattr: 'attribute',
      prctl: 'new_name',
      bind: 'address.path',
      connect: 'address.path',
      dns: 'message',
    };
    for (const [what, bytes] of said) {
      const { text } = decodeBytes(bytes);
      const told =
        what === 'argv' || what === 'envp'
          ? list(last.get(what))
          : got.events(what === 'symlink' ? 'link' : what).map((item) => item.get(column[what]!));
      t.ok(told.includes(text), `${what}: ${JSON.stringify(text)} is told`);
      // A path lies in the file folder by folder.
      for (const part of what === 'dns' ? [bytes] : bytes.toString('latin1').split('/'))
        t.ok(
          got.bytes.includes(Buffer.from(part as string, 'latin1')),
          `${what}: these bytes lie in the file`,
        );
    }
    t.strictSame(
      list(last.get('argv')).slice(1),
      ['.', decodeBytes(said[0]![1]).text, ''],
      'an empty one too',
    );
    const link = got.events('link').find((item) => String(item.get('named')).startsWith('to/'));
    t.equal(link?.get('file.path'), `${place}/${decodeBytes(said[4]![1]).text}`);
    t.equal(
      got.events('mkdir')[0]?.get('file.path'),
      `${place}/${decodeBytes(said[2]![1]).text}`,
      'the resolved path',
    );
    t.equal(
      got
        .events('prctl')
        .find((item) => item.get('option') === 15)
        ?.get('comm'),
      decodeBytes(said[7]![1]).text,
    );
    const recording = file('odd.seccam');
    writeFileSync(recording, got.bytes);
    for (const view of [
      '--events',
      '--files',
      '--tree',
      '--network',
      '--timeline',
      '--private',
      '--format=json',
    ]) {
      const words = [
        process.execPath,
        join(root, 'bin', 'seccam.js'),
        'inspect',
        view,
        '--all-results',
        recording,
      ];
      const shown = run(words, {
        env: { ...process.env, FORCE_COLOR: '0', NO_COLOR: '1' },
        maxBuffer: 1 << 26,
      });
      t.equal(shown.status, 0, shown.stderr);
      if (view !== '--private' && view !== '--format=json') t.match(shown.stdout, /xff/, view);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: those are looked for.
      t.notMatch(shown.stdout, /[\x00-\x09\x0b-\x1f\x7f\x80-\x9f]/, view);
    }
  },
);
