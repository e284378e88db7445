/** Ways to step around a recorder or to hurt it: each act is recorded, refused, or told as a blind spot. SECURITY.md has the table. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chownSync,
  closeSync,
  cpSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { program } from './programs.js';
import { contents, executable, root, type Told, traced } from './traced.js';
import { status, tracerOf } from './tracers.js';

const CHANGED = 2;
const REFUSED = 16;
const EPERM = -1;
const isX86 = process.arch === 'x64';
const folder = mkdtempSync(join(tmpdir(), 'seccam-escapes-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

// That a file was not changed is known where its time of change tells it for sure.
const [major, minor] = release().split('.').map(Number) as [number, number];
const isExact =
  (major > 6 || (major === 6 && minor >= 13)) &&
  /ext2|xfs|btrfs|tmpfs/.test(execFileSync('stat', ['-f', '-c', '%T', folder], { encoding: 'utf8' }));

/** In a session of its own, since some of these kill their process group. */
const alone = (command: readonly string[], flags: readonly string[] = []) =>
  traced(command, { tracer: 'setsid', flags: ['--wait', executable, ...flags] });

t.test('every escape program of fixtures/programs has its test here', async (t) => {
  const source = readFileSync(join(root, 'test', 'escapes.test.ts'), 'utf8');
  for (const name of readdirSync(join(root, 'fixtures', 'programs')).filter((name) =>
    name.startsWith('escape-'),
  ))
    t.ok(source.includes(`program('${name.replace(/\.c$/, '')}')`), name);
});

t.test('children that ask not to be traced are traced, and that they asked is told', async (t) => {
  for (const flags of [[], ['--disable-seccomp']]) {
    const got = alone([program('escape-untraced')], flags);
    const children = [...got.stdout.matchAll(/open pid=(\d+) path=(\S+) status=0/g)];
    t.equal(children.length, 2);
    for (const [, pid, path] of children)
      t.ok(
        got.events('open').some((item) => item.pid === Number(pid) && item.get('file.path') === path),
        `${path} by ${pid}`,
      );
    t.equal(got.records('blind_spot')[0]?.get('reason'), 5);
  }
});

t.test(
  'calls of the 32-bit ABI are recorded as what they are',
  { skip: !isX86 && 'x86_64 only' },
  async (t) => {
    const got = alone([program('escape-i386')]);
    if (!/open path=\S+ result=\d/.test(got.stdout)) return t.comment('this kernel has no 32-bit calls');
    const i386 = got.events().filter((item) => item.arch === 3);
    t.ok(
      i386.some(
        (item) => item.type === 'open' && item.get('file.path') === '/etc/hostname' && item.syscall === 5,
      ),
    );
    t.ok(
      i386.some(
        (item) =>
          item.type === 'connect' &&
          item.get('address.ip') === '127.0.0.1' &&
          item.get('address.port') === 9 &&
          item.syscall === 102,
      ),
    );
    return;
  },
);

t.test('io_uring is told as a blind spot, or refused on demand', async (t) => {
  const got = alone([program('escape-io-uring')]);
  const [setup] = got.events('io_uring_setup');
  t.ok(setup, 'recorded');
  if (setup!.result >= 0) t.equal(got.records('blind_spot')[0]?.get('reason'), 1);
  const denied = alone([program('escape-io-uring')], ['--on-io-uring', 'deny']);
  t.match(denied.stdout, /result=-1/);
  t.match(denied.events('io_uring_setup')[0], { result: EPERM, flags: REFUSED });
});

t.test(
  'filters of its own are recorded with their program; they get no tracer to talk to, and are told as blind spots',
  async (t) => {
    const got = alone([program('escape-filters')]);
    t.match(got.stdout, /seccomp result=0\ngetppid ENOSYS\nseccomp listener result=0/);
    const filters = got.events('seccomp').filter((item) => String(item.get('program')).length > 0);
    t.equal(filters.length, 2);
    t.same(new Set(got.records('blind_spot').map((item) => item.get('reason'))), new Set([2, 3]));
    const strict = alone([program('escape-filters')], ['--strict']);
    t.match(strict.stdout, /seccomp listener result=-16/);
    t.ok(strict.events('seccomp').some((item) => item.result === -16 && item.flags === REFUSED));
  },
);

t.test('what would kill, stop or change the recorder is refused and recorded', async (t) => {
  for (const flags of [[], ['--trace', 'lean'], ['--disable-seccomp']]) {
    const got = alone([program('escape-attack')], flags);
    t.equal(got.status, 0, flags.join(' '));
    const lines = got.stdout.trim().split('\n');
    t.equal(lines.length, 11);
    for (const line of lines.filter((line) => flags.length !== 2 || !/pidfd_send/.test(line)))
      t.match(line, / -1$/, `${line} ${flags.join(' ')}`);
    t.ok(got.events().filter((item) => item.flags & REFUSED && item.result === EPERM).length >= 10);
    t.same(got.diagnostics, []);
  }
});

t.test('a path that another thread rewrites: what was opened is what is recorded', async (t) => {
  const got = alone([program('escape-race')]);
  const [, hostname, passwd] = /hostname=(\d+) passwd=(\d+)/.exec(got.stdout)!;
  const counted = (path: string) =>
    got.events('open').filter((item) => item.get('file.path') === path && item.result >= 0).length;
  t.equal(counted('/etc/hostname'), Number(hostname));
  t.equal(counted('/etc/passwd'), Number(passwd));
});

t.test(
  'a name that others write while it is used: what it was done to is told, or the event says that its name may be another',
  async (t) => {
    const wanted: { readonly [act: string]: (item: Told) => boolean } = {
      chmod: (item) => item.get('mode') === 0o700,
      truncate: (item) => item.get('length') === 7,
      utimes: (item) => Number(item.get('modification_time')) === 5e9,
    };
    for (const act of ['unlink', 'mkdir', 'truncate', ...(isExact ? ['chmod', 'link', 'utimes'] : [])])
      for (const how of ['child', 'mapping', 'self']) {
        const got = alone([program('escape-memory'), how, mkdtempSync(join(folder, 'names-')), act]);
        const used = got.stdout.trim();
        const events = got
          .events(act)
          .filter((item) => item.result === 0 && (wanted[act] === undefined || wanted[act](item)));
        t.equal(used.length, 300, `${act} ${how}`);
        t.equal(events.length, 300, `${act} ${how}`);
        const silent = events.filter(
          (item, n) => (item.flags & CHANGED) === 0 && !String(item.get('file.path')).endsWith(`/${used[n]}`),
        );
        t.equal(silent.length, 0, `${act} ${how}: none is told wrongly without a word`);
      }
    const calm = traced([
      'sh',
      '-c',
      'mkdir d; for i in 1 2 3; do echo >f; chmod 600 f; chmod 600 f; ln f g; mv g h; rm h; mkfifo p; rm p; ln -s f l; chmod 644 l; rm l; done; rm -r d f',
    ]);
    t.same(
      calm.events().filter((item) => item.flags & CHANGED),
      [],
      'and nothing is doubted where nobody writes',
    );
  },
);

t.test(
  'lesser known ways to end the recorder, to read its memory, to write to the recording',
  { skip: process.getuid?.() !== 0 && 'needs root' },
  async (t) => {
    const output = join(folder, 'guarded.seccam');
    const script = `${executable} --force -o ${output} -- ${program('escape-recorder')} ${output}.partial; echo "status $?"`;
    const run = spawnSync('setsid', ['--wait', 'sh', '-c', script], { encoding: 'utf8' });
    const lines = run.stdout
      .trim()
      .split('\n')
      .map((line) => line.split(': '));
    t.same(lines.pop(), ['status 0'], 'the recorder lived to the end');
    const results = (what: RegExp) =>
      lines.filter(([name]) => what.test(name!)).map(([, result]) => Number(result));
    t.same(results(/^endured$|^owner$/), Array(10).fill(0), 'signals that are not refused do no harm');
    t.ok(results(/^thread$/).length >= 2);
    for (const what of [/^F_SETSIG$/, /^thread$/, /^group$/, /^oom_score_adj$/, /^recording/])
      for (const result of results(what)) t.equal(result, EPERM, String(what));
    t.equal(results(/^recording/).length, 7);
    /* A link to the memory is refused, or whoever got through is killed. */
    for (const result of results(/^memory/)) t.ok(result === EPERM || result === -1009, `memory: ${result}`);
    const got = contents(readFileSync(output));
    t.same(got.diagnostics, []);
    t.ok(got.events().filter((item) => item.flags & REFUSED && item.result === EPERM).length >= 10);
  },
);

t.test(
  'an inner pid namespace with roots and numbers of its own',
  { skip: process.getuid?.() !== 0 && 'needs root' },
  async (t) => {
    const place = realpathSync(mkdtempSync(join(folder, 'world-')));
    const got = alone([program('escape-namespaces'), place]);
    if (got.status === 77) return t.comment('no such namespaces here');
    t.equal(got.status, 0);
    const [init, child] = got.events('fork').map((item) => Number(item.get('child')));
    const opened = (pid: number | undefined) =>
      got
        .events('open')
        .filter((item) => item.pid === pid && item.result >= 0)
        .map((item) => [item.get('named'), item.get('file.path'), item.get('file.ownPath')]);
    t.same(opened(init), [
      ['/proc/self/status', `${place}/root/proc/1/status`, '/proc/1/status'],
      ['/bound/passwd', `${place}/root/bound/passwd`, '/bound/passwd'],
      ['hostname', '/etc/hostname', '/etc/hostname'],
    ]);
    t.same(opened(child), [['/proc/self/comm', `${place}/root/proc/2/comm`, '/proc/2/comm']]);
    t.equal(got.events('exit').filter((item) => item.get('group') === 1).length, 3);
    return;
  },
);

t.test(
  'without CAP_SYS_PTRACE: programs are recorded, and one that makes itself opaque is told as a blind spot',
  { skip: process.getuid?.() !== 0 && 'needs root, to drop it' },
  async (t) => {
    const place = mkdtempSync(join(tmpdir(), 'seccam-nobody-'));
    try {
      chownSync(place, 65534, 65534);
      const [tracer, opaque, output] = ['seccam-trace', 'opaque', 'it.seccam'].map((name) =>
        join(place, name),
      ) as [string, string, string];
      cpSync(executable, tracer);
      cpSync(program('escape-undumpable'), opaque);
      const nobody = (...command: readonly string[]) =>
        spawnSync('setpriv', ['--reuid', '65534', '--regid', '65534', '--clear-groups', '--', ...command], {
          cwd: place,
          encoding: 'utf8',
        });
      t.match(nobody(tracer, '-o', output, '--', 'cat', '/etc/hostname'), { status: 0 });
      t.ok(
        contents(readFileSync(output))
          .events('open')
          .some((item) => item.get('file.path') === '/etc/hostname'),
      );
      t.match(nobody(tracer, '--force', '-o', output, '--', opaque, place), { status: 0 });
      const got = contents(readFileSync(output));
      t.equal(got.records('blind_spot')[0]?.get('reason'), 7);
      t.equal(got.events('unlink').length, 1, 'what happened is told, though not to which file');
      t.ok(
        got.events('open').some((item) => item.get('file.path') === '/etc/hostname'),
        'after an exec all is seen again',
      );
    } finally {
      rmSync(place, { recursive: true });
    }
  },
);

t.test(
  'storms of signals, deaths at every moment, execs of threads: nothing is lost, nothing hangs',
  async (t) => {
    const storm = program('escape-storm');
    const signals = alone([storm, 'signals', '2000']);
    t.equal(signals.events('open').filter((item) => item.get('file.path') === '/etc/hostname').length, 2000);
    t.equal(signals.events('signal').length, 2000);
    for (const flags of [[], ['--disable-seccomp']]) {
      const deaths = alone([storm, 'deaths', '60'], flags);
      t.equal(deaths.stdout, 'killed=60\n');
      t.equal(
        deaths.events('exit').filter((item) => item.get('group') === 1 && item.get('signal') === 9).length,
        60,
      );
      t.same(deaths.diagnostics, []);
      const execs = alone([storm, 'execs', '20'], flags);
      t.match(execs.stdout, /^pid=\d+\n$/);
      t.equal(execs.events('exec').filter((item) => item.result === 0).length, 21);
      t.equal(new Set(execs.events('exec').map((item) => item.pid)).size, 1);
      t.equal(execs.events('exit').filter((item) => item.get('group') === 1).length, 1);
    }
  },
);

t.test(
  'a thread with a root and descriptors of its own, and numbers with more bits than the kernel reads',
  { skip: process.getuid?.() !== 0 && 'needs root' },
  async (t) => {
    const place = realpathSync(mkdtempSync(join(folder, 'apart-')));
    const got = alone([program('escape-apart'), place], ['--trace', 'all']);
    if (got.status === 77) return t.comment('nothing can be unshared here');
    t.equal(got.status, 0);
    const tid = Number(/tid=(\d+)/.exec(got.stdout)![1]);
    const [gone] = got.events('unlink').filter((item) => item.tid === tid);
    t.same([gone?.get('file.path'), gone?.get('file.ownPath')], [`${place}/gone`, '/gone'], 'its root');
    t.equal(got.events('rmdir')[0]?.get('file.path'), '/no-such-folder', "the leader's");
    const ports = got.events('connect').map((item) => [item.tid === tid, item.get('local.port')]);
    t.equal(ports.length, 2);
    t.equal(new Set(ports.map(([, port]) => port)).size, 2, 'two sockets with one number');
    for (const what of ['F_SETSIG', 'kill', 'tgkill', 'pidfd_open'])
      t.match(got.stdout, new RegExp(`^${what} -1$`, 'm'));
    for (const type of ['mkdir', 'rmdir', 'prctl'])
      t.equal(got.events(type).at(-1)?.result, 0, `${type} is recorded`);
    t.ok(
      got.events('open').some((item) => item.get('file.path') === '/etc/hostname'),
      'open is recorded',
    );
    const strict = alone([program('escape-apart'), place], ['--strict']);
    t.ok(strict.events('seccomp').some((item) => item.result === -16 && item.flags === REFUSED));
    return;
  },
);

t.test(
  'corners of the kernel: handles of pidfds, descriptors taken, an immutable recording, calls put in the place of others',
  { skip: process.getuid?.() !== 0 && 'needs root' },
  async (t) => {
    for (const flags of [[], ['--trace', 'lean'], ['--disable-seccomp']]) {
      const place = realpathSync(mkdtempSync(join(folder, 'deep-')));
      const output = join(place, 'deep.seccam');
      const run = spawnSync(
        'setsid',
        [
          '--wait',
          executable,
          ...flags,
          '-o',
          output,
          '--',
          program('escape-deep'),
          place,
          `${output}.partial`,
        ],
        { encoding: 'utf8' },
      );
      const mode = flags.join(' ');
      t.equal(run.status, 0, `${mode} ${run.stderr}`);
      const got = contents(readFileSync(output));
      t.same(got.diagnostics, [], mode);
      const said = (act: string) => new RegExp(`^${act} (.*)$`, 'm').exec(run.stdout)?.[1];
      for (const act of ['immutable', 'sched_setscheduler', 'setpriority']) t.equal(said(act), '-1', act);
      t.notMatch(run.stdout, /^(?:taken|emptied)/m, 'no descriptor of the recorder');
      // Handles of pidfds came with Linux 6.14.
      const taking = Number(said('handle')) >= 0 ? 10 : 0;
      if (taking > 0) t.equal(said('pidfd_send_signal'), '-1');
      t.ok(
        got.events().filter((item) => item.flags & REFUSED && item.result === EPERM).length >= 3 + taking,
        `${mode}: what was refused is recorded`,
      );
      const unlinked = got.events('unlink').map((item) => item.get('file.path'));
      if (isX86) {
        t.equal(said('interrupted'), '-2', 'a call in the place of accept()');
        t.ok(unlinked.includes(`${place}/interrupted`), mode);
      }
      if (said('dispatched') !== undefined) {
        t.equal(said('dispatched-there'), '0');
        t.equal(
          unlinked.filter((path) => path === `${place}/dispatched`).length,
          1,
          'once, when it was done',
        );
      }
      for (const name of said('linkat') === undefined ? [] : ['late', 'later'])
        t.ok(
          got.events('link').some((item) => item.get('destination.path') === `${place}/${name}`),
          `a name that comes late: ${name}`,
        );
      t.equal(said('stops'), '5');
      t.equal(
        got.events('open').filter((item) => item.get('file.path') === '/etc/hostname').length,
        500,
        `${mode}: opens between stops`,
      );
    }
  },
);

t.test(
  'doors into the recorder that no name tells: its memory by other names, counters, descriptors that turn, flags that change, the code that it runs',
  { skip: process.getuid?.() !== 0 && 'needs root' },
  async (t) => {
    for (const flags of [[], ['--trace', 'lean'], ['--disable-seccomp']]) {
      const place = realpathSync(mkdtempSync(join(folder, 'doors-')));
      const code = join(place, 'seccam-trace');
      const output = join(place, 'doors.seccam');
      cpSync(executable, code);
      const run = spawnSync(
        'unshare',
        [
          '-m',
          '--propagation',
          'private',
          'setsid',
          '--wait',
          code,
          ...flags,
          '-o',
          output,
          '--',
          program('escape-doors'),
          place,
          `${output}.partial`,
          code,
        ],
        { encoding: 'utf8' },
      );
      const mode = flags.join(' ');
      if (/unshare failed/.test(run.stderr)) return t.comment('nothing can be mounted here');
      t.equal(run.status, 0, `${mode} ${run.stderr}`);
      t.notMatch(run.stderr, /^written/m, mode);
      const said = (act: string) =>
        [...run.stdout.matchAll(new RegExp(`^${act} (.*)$`, 'gm'))].map(([, result]) => Number(result));
      for (const act of ['score', 'counter', 'read', 'stopped', 'code'])
        for (const result of said(act)) t.equal(result, EPERM, `${mode} ${act}`);
      /* Refused, or whoever got through is killed; 0, -2, -9 and -22 where the kernel has no such thing. */
      for (const act of ['another', 'bound', 'folder', 'tree', 'file', 'nowhere', 'changed'])
        for (const result of said(act))
          t.ok([EPERM, -1009, 0, -2, -9, -22].includes(result), `${mode} ${act}: ${result}`);
      t.same(said('endured'), [0, 0, 0], `${mode}: signals of the C library`);
      t.notSame(said('emptied'), [0]);
      t.same(said('killed'), [0], 'a descriptor that stays where it is kills whom it should');
      const got = contents(readFileSync(output));
      t.same(got.diagnostics, [], mode);
      t.ok(got.events().filter((item) => item.flags & REFUSED && item.result === EPERM).length >= 8, mode);
      t.ok(got.events('open').some((item) => item.get('file.path') === '/etc/hostname'));
    }
    return;
  },
);

t.test(
  'corners: children by another ABI, memory that cannot be read or waits, scripts of scripts, stacks above, a folder of /proc covered, descriptors that turn',
  { skip: process.getuid?.() !== 0 && 'needs root' },
  async (t) => {
    for (const flags of [[], ['--disable-seccomp']]) {
      const place = realpathSync(mkdtempSync(join(folder, 'corners-')));
      const got = traced([program('escape-corners'), place], {
        tracer: 'unshare',
        flags: ['-m', '--propagation', 'private', executable, ...flags],
        env: { ...process.env, ASAN_OPTIONS: `${process.env['ASAN_OPTIONS'] ?? ''}:detect_leaks=0` },
      });
      if (/unshare failed/.test(got.stderr)) return t.comment('nothing can be mounted here');
      const mode = flags.join(' ');
      t.equal(got.status, 0, `${mode} ${got.stderr}`);
      const said = (act: string) => new RegExp(`^${act} (.*)$`, 'm').exec(got.stdout)?.[1];
      const blind = got
        .records('blind_spot')
        .map((item) => `${String(item.get('reason'))} ${String(item.get('detail'))}`);
      const opened = (name: string) =>
        got.events('open').filter((item) => item.get('file.path') === join(place, name));
      // int 0x80 is not on every kernel.
      if (said('narrow') === '0') t.equal(opened('narrow').length, 1, `${mode}: its child is traced`);
      if (said('secret') !== undefined) {
        t.ok(said('secret') === '-38' || opened('secret').length === 1, `${mode}: traced, or not made`);
        t.ok(
          blind.some((text) => /memory that only the kernel can read/.test(text)),
          mode,
        );
        t.ok(got.events('mkdir').some((item) => item.missing && item.result === 0));
      }
      if (said('filled') !== undefined) {
        t.equal(said('filled'), '0');
        t.ok(got.events('unlink').some((item) => item.result === 0));
        t.equal(said('held'), '-9', 'no lock is waited for');
      }
      t.same(
        got.events('exec').flatMap((item) => (item.result === 0 ? [item.get('file.path')] : [])),
        [program('escape-corners'), join(place, 'outer')].map((path) => realpathSync(path)),
        `${mode}: what was executed, and nothing that only could be`,
      );
      t.match(got.events('exec').at(-1)?.get('interpreter.path'), /sh$/);
      t.same(
        got
          .events('open')
          .filter((item) => item.get('named') === join(place, 'fifo'))
          .map((item) => item.result >= 0),
        [true, true],
        `${mode}: a call that goes on is one event`,
      );
      if (said('covered') !== undefined)
        t.ok(
          blind.some((text) => /mounted over the folder of a process/.test(text)),
          mode,
        );
      const used = got.stdout.trim().split('\n').at(-1)!;
      const changes = got.events('chmod').filter((item) => item.result === 0 && item.get('mode') === 0o700);
      t.equal(changes.length, 200);
      if (isExact)
        t.equal(
          changes.filter(
            (item, n) => !(item.flags & CHANGED) && !String(item.get('file.path')).endsWith(`/${used[n]}`),
          ).length,
          0,
          `${mode}: none is told wrongly without a word`,
        );
    }
    return;
  },
);

t.test('a recorder without descriptors left says what it does not know', async (t) => {
  // Tasks that live at the same time and use descriptors, each of which costs the recorder one.
  const script =
    'g() { for n in 1 2 3 4 5 6 7 8 9; do : <f; done; if [ $1 -gt 0 ]; then (g $(($1 - 1)); :); else rm f l; fi; }; echo >f; ln -s f l; g 20';
  let lacking = 0;
  for (let limit = 6; limit < 24; limit++) {
    const got = traced(['sh', '-c', script], {
      tracer: 'sh',
      flags: ['-c', `ulimit -n ${limit}; exec "$0" "$@"`, executable],
    });
    if (got.status !== 0) continue;
    const gone = got.events('unlink').filter((item) => item.result === 0);
    t.equal(gone.length, 2, `${limit}`);
    for (const item of gone) t.ok(item.missing !== 0 || item.get('file.inode'), `${limit}`);
    if (gone.every((item) => item.missing === 0)) continue;
    lacking++;
    t.ok(
      got.records('blind_spot').some((item) => /no descriptors/.test(String(item.get('detail')))),
      `${limit}`,
    );
  }
  t.ok(lacking > 0);
});

t.test('a program that wants to be traced by its parent cannot be, and that is told', async (t) => {
  const got = alone([program('escape-own-ptrace')]);
  t.match(got.stdout, /result=-1/);
  t.equal(got.records('blind_spot')[0]?.get('reason'), 6);
});

t.test('a recording that the program removes or replaces is missed at the end', async (t) => {
  const output = join(folder, 'removed.seccam');
  for (const script of [
    `rm ${output}.partial`,
    `mv ${output}.partial ${output}.gone`,
    `rm ${output}.partial; echo > ${output}.partial`,
  ]) {
    const child = spawn(executable, ['--force', '-o', output, '--', 'sh', '-c', script], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (data: Buffer) => {
      stderr += String(data);
    });
    await new Promise((resolve) => child.once('close', resolve));
    t.match(stderr, /output-replaced/, script);
    t.notOk(existsSync(output));
  }
});

t.test('running programs are attached to with all their threads, and run on unharmed', async (t) => {
  const output = join(folder, 'attached.seccam');
  const busy = spawn(
    'sh',
    [
      '-c',
      'exec 7</etc/hostname; trap "exit 6" TERM; echo ready; while :; do (cat /etc/hostname > /dev/null); sleep 0.02; done',
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  await new Promise((resolve) => busy.stdout.once('data', resolve));
  const tracer = spawn(executable, ['--force', '-o', output, '--pid', String(busy.pid)], { stdio: 'ignore' });
  while (!existsSync(`${output}.partial`)) await pause(50);
  await pause(800);
  tracer.kill('SIGTERM');
  t.equal(await new Promise((resolve) => tracer.once('close', resolve)), 0);
  const got = contents(readFileSync(output));
  t.same(got.diagnostics, []);
  t.ok(got.events('exec').some((item) => item.get('file.name') === 'cat'));
  t.ok(got.records('process').some((item) => item.get('pid') === busy.pid));
  const open = new Map(
    got
      .records('descriptor')
      .filter((item) => item.get('pid') === busy.pid)
      .map((item) => [item.get('fd'), item]),
  );
  t.equal(open.get(2)?.get('file.path'), '/dev/null');
  t.equal(open.get(7)?.get('file.path'), '/etc/hostname');
  t.equal(Number(open.get(1)?.get('socket')) & 255, 1, 'a socket of Unix');
  t.match(readFileSync(`/proc/${busy.pid}/status`, 'utf8'), /TracerPid:\t0/);
  busy.kill('SIGTERM');
  t.equal(
    await new Promise((resolve) => busy.once('close', resolve)),
    6,
    'it went on and ended as it wanted',
  );
});

t.test('load: nothing is lost', async (t) => {
  const load = program('load');
  const count = (kind: string, n: number, flags: readonly string[] = []) => {
    const got = traced([load, kind, String(n)], { flags });
    t.equal(got.status, 0, kind);
    t.equal(
      got.events('open').filter((item) => item.get('file.path') === '/etc/hostname').length,
      n,
      `${n} ${kind}`,
    );
    t.equal(got.events('fork').length, n, `${n} ${kind}: forks`);
    t.same(got.diagnostics, []);
  };
  count('storm', 10_000);
  count('threads', 2000);
  count('processes', 1000);
  count('threads', 100, ['--disable-seccomp']);
  count('processes', 100, ['--disable-seccomp']);
  const [, long] = traced([load, 'argv', '1048576']).events('exec');
  const argv = long!.get('argv') as { items: string[]; total: number; truncated: boolean };
  t.match(argv, { total: 17, truncated: true });
  t.equal(argv.items[1]?.length, 4096);
  const named = traced([load, 'path'])
    .events('open')
    .map((item) => String(item.get('named')).length);
  t.ok(
    named.some((length) => length >= 4095),
    'a path of 4095 bytes',
  );
  t.ok(
    traced([load, 'path'])
      .events('mkdir')
      .some((item) => item.get('file.path') === '/tmp/\\xff\\xfe\\x80'),
  );
});

t.test(
  'other ABIs, children given away, vfork, scripts without a name: each opens a file, and each is told',
  async (t) => {
    const got = alone([program('escape-abi')]);
    const opened = got.events('open').filter((item) => /hostname/.test(String(item.get('named'))));
    for (const item of opened) t.equal(item.get('file.path'), '/etc/hostname', String(item.get('named')));
    t.equal(opened.length, isX86 ? 4 : 3);
    t.ok(
      got
        .events('exec')
        .some(
          (item) =>
            item.get('file.path') === 'memfd:nameless' ||
            /^\/dev\/fd/.test(String((item.get('argv') as { items: string[] }).items.at(-1))),
        ),
    );
    t.match(got.stdout, /newer -38\nlargest -38\nnone -38\n/);
    t.same(
      got
        .events('syscall')
        .flatMap((item) =>
          [700, 0x3fffffff].includes(item.syscall)
            ? [[item.syscall, Number(item.get('a')), item.result]]
            : [],
        ),
      [
        [700, 11, -38],
        [0x3fffffff, 44, -38],
      ],
      'calls that are newer than the table are told by number and words',
    );
    if (/filter 0/.test(got.stdout)) {
      t.equal(got.events('seccomp').find((item) => item.arch === 3)?.result, 0);
      t.equal(got.records('blind_spot').at(-1)?.get('reason'), 2);
    }
  },
);

t.test(
  '/proc taken away from the recorder too: events go on, flagged, and a blind spot tells',
  { skip: process.getuid?.() !== 0 && 'needs root' },
  async (t) => {
    const place = mkdtempSync(join(folder, 'proc-'));
    // A tracer with a leak checker would look for its threads in /proc at the end.
    const env = { ...process.env, ASAN_OPTIONS: `${process.env['ASAN_OPTIONS'] ?? ''}:detect_leaks=0` };
    const got = traced([program('escape-proc'), place], {
      tracer: 'unshare',
      flags: ['-m', executable],
      env,
    });
    if (got.status === 77) return t.comment('nothing can be mounted here');
    t.equal(got.status, 0);
    t.equal(got.events('unlink')[0]?.get('named'), 'hidden');
    t.match(String(got.records('blind_spot')[0]?.get('detail')), /^\/proc was taken away/);
    t.ok(got.events('mount').some((item) => item.get('mountpoint') === '/proc' || item.result === 0));
    return;
  },
);

/** True when the program is there. */
const has = (name: string): boolean => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;

t.test(
  'a sandbox whose supervisor answers calls works as without; what it lets go on is not seen, and that is told',
  async (t) => {
    const sandbox = program('sandbox-notify');
    const got = alone([sandbox, join(folder, 'made')]);
    if (got.status === 77) return t.comment('no user notification here');
    t.equal(got.stdout, 'getppid=77 mkdir=0\n');
    t.ok(existsSync(join(folder, 'made')));
    t.same(got.events('mkdir'), []);
    t.equal(got.records('blind_spot')[0]?.get('reason'), 3);
    t.match(alone([sandbox, join(folder, 'never')], ['--strict']), { status: 77 });
    t.notOk(existsSync(join(folder, 'never')));
    return;
  },
);

t.test(
  'strace inside fails, says why, and is told as a blind spot',
  { skip: !has('strace') && 'no strace here' },
  async (t) => {
    const got = alone(['strace', '-f', 'true']);
    t.equal(got.status, 1);
    t.match(got.stderr, /PTRACE_TRACEME.*not permitted/);
    t.equal(got.records('blind_spot')[0]?.get('reason'), 6);
  },
);

t.test(
  'bubblewrap: the sandbox is made, and paths in it are told',
  { skip: !has('bwrap') && 'no bubblewrap here' },
  async (t) => {
    const sandbox = [
      'bwrap',
      '--ro-bind',
      '/',
      '/',
      '--tmpfs',
      '/tmp',
      '--proc',
      '/proc',
      '--dev',
      '/dev',
      '--unshare-all',
      'cat',
      '/etc/hostname',
    ];
    const plain = spawnSync(sandbox[0]!, sandbox.slice(1), { encoding: 'utf8' });
    if (plain.status !== 0) return t.comment('bubblewrap does not work here by itself');
    const got = alone(sandbox);
    t.equal(got.status, 0);
    t.equal(got.stdout, plain.stdout);
    t.ok(got.events('open').some((item) => item.get('file.path') === '/etc/hostname' && item.result >= 0));
    t.ok(got.events('mount').length > 3);
    return;
  },
);

t.test(
  'Chromium, with and without its own sandbox, shows the same page',
  { skip: !has('chromium') && 'no Chromium here', timeout: 300_000 },
  async (t) => {
    const place = mkdtempSync(join(tmpdir(), 'seccam-chromium-'));
    try {
      const page = join(place, 'page.html');
      writeFileSync(
        page,
        "<p id=x>before</p><script>document.getElementById('x').textContent = 'after ' + 6 * 7</script>",
      );
      for (const path of [place, page])
        chownSync(path, process.getuid?.() === 0 ? 65534 : process.getuid!(), -1);
      const drop =
        process.getuid?.() === 0
          ? ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', 'env', `HOME=${place}`]
          : [];
      for (const flags of [['--no-sandbox'], []]) {
        const command = [
          ...drop,
          'chromium',
          '--headless',
          '--disable-gpu',
          ...flags,
          `--user-data-dir=${join(place, 'data')}`,
          '--dump-dom',
          `file://${page}`,
        ];
        const plain = spawnSync(command[0]!, command.slice(1), { encoding: 'utf8', timeout: 120_000 });
        if (plain.status !== 0 || !/after 42/.test(plain.stdout)) {
          t.comment(`Chromium does not work here by itself ${flags.join(' ')}`);
          continue;
        }
        const got = alone(command);
        t.equal(got.status, 0, flags.join(' '));
        t.equal(got.stdout, plain.stdout);
        t.same(got.diagnostics, []);
        t.ok(got.events('open').some((item) => item.get('file.path') === page));
        if (flags.length === 0)
          t.ok(
            got.records('blind_spot').some((item) => item.get('reason') === 2),
            'its own filters are told',
          );
      }
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  },
);

t.test(
  'kill -9 of a live tracer, and of those who take over: the program lives and works on',
  { skip: process.getuid?.() !== 0 && 'needs root' },
  async (t) => {
    const gate = join(folder, 'gate');
    execFileSync('mkfifo', [gate]);
    const input = openSync(gate, 'r+');
    const stream = openSync('/dev/null', 'w');
    const child = spawn(executable, ['--fd', '3', '--', program('busy-threads'), '4'], {
      stdio: [input, 'pipe', 'pipe', stream],
    });
    let output = '';
    let said = '';
    child.stdout!.on('data', (data: Buffer) => {
      output += String(data);
    });
    child.stderr!.on('data', (data: Buffer) => {
      said += String(data);
    });
    while (!/pid=\d+/.test(output)) await pause(10);
    const pid = Number(/pid=(\d+)/.exec(output)![1]);
    const dead = new Set<number>();
    for (let n = 0; n < 10; n++) {
      const tracer = await tracerOf(pid, dead);
      await pause(30);
      process.kill(tracer, 'SIGKILL');
      dead.add(tracer);
    }
    await tracerOf(pid, dead);
    writeSync(input, 'x');
    while (!/calls=.*\n/.test(output)) await pause(10);
    const [, calls, failed, other] = /calls=(\d+) failed=(\d+) other=(\d+)/.exec(output)!.map(Number);
    t.equal(other, 0, 'nothing but ENOSYS');
    t.ok(failed! < calls! / 2, `${failed} of ${calls} calls failed`);
    t.match(said, /the program goes on, unrecorded \[tracer-killed\]/);
    while (status(pid, 'Pid') > 0) await pause(10);
    closeSync(input);
    closeSync(stream);
  },
);

t.test(
  'live without CAP_SYS_PTRACE nobody could take over: refused, until somebody chooses',
  { skip: process.getuid?.() !== 0 && 'needs root, to drop it' },
  async (t) => {
    const without = (...flags: readonly string[]) =>
      spawnSync(
        'setpriv',
        [
          '--bounding-set=-sys_ptrace',
          '--inh-caps=-sys_ptrace',
          '--',
          executable,
          '--fd',
          '3',
          ...flags,
          '--',
          'id',
          '-u',
        ],
        {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'pipe', 'ignore'],
        },
      );
    t.match(without(), {
      status: 125,
      stdout: '',
      stderr:
        /without CAP_SYS_PTRACE a program that changes its user cannot be seized; choose with --on-tracer-death.*\[no-guardian\]/,
    });
    for (const choice of ['kill', 'accept-enosys'])
      t.match(
        without('--on-tracer-death', choice, '--uid', '65534'),
        { status: 0, stdout: '65534\n' },
        choice,
      );
    t.match(
      without('--disable-seccomp'),
      { status: 0 },
      'without a filter nothing fails when the tracer dies',
    );
  },
);
