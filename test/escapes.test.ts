/** Ways to step around a recorder or to hurt it: each act is recorded, refused, or told as a blind spot. SECURITY.md has the table. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { program } from './programs.js';
import { contents, executable, root, traced } from './traced.js';

const REFUSED = 16;
const EPERM = -1;
const isX86 = process.arch === 'x64';
const folder = mkdtempSync(join(tmpdir(), 'seccam-escapes-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

/** In a session of its own, since some of these kill their process group. */
const alone = (command: readonly string[], flags: readonly string[] = []) => traced(command, { tracer: 'setsid', flags: ['--wait', executable, ...flags] });

t.test('every escape program of fixtures/programs has its test here', async (t) => {
  const source = readFileSync(join(root, 'test', 'escapes.test.ts'), 'utf8');
  for (const name of readdirSync(join(root, 'fixtures', 'programs')).filter((name) => name.startsWith('escape-')))
    t.ok(source.includes(`program('${name.replace(/\.c$/, '')}')`), name);
});

t.test('children that ask not to be traced are traced, and that they asked is told', async (t) => {
  for (const flags of [[], ['--disable-seccomp']]) {
    const got = alone([program('escape-untraced')], flags);
    const children = [...got.stdout.matchAll(/open pid=(\d+) path=(\S+) status=0/g)];
    t.equal(children.length, 2);
    for (const [, pid, path] of children)
      t.ok(got.events('open').some((item) => item.pid === Number(pid) && item.get('file.path') === path), `${path} by ${pid}`);
    t.equal(got.records('blind_spot')[0]?.get('reason'), 5);
  }
});

t.test('calls of the 32-bit ABI are recorded as what they are', { skip: !isX86 && 'x86_64 only' }, async (t) => {
  const got = alone([program('escape-i386')]);
  if (!/open path=\S+ result=\d/.test(got.stdout)) return t.comment('this kernel has no 32-bit calls');
  const i386 = got.events().filter((item) => item.arch === 3);
  t.ok(i386.some((item) => item.type === 'open' && item.get('file.path') === '/etc/hostname' && item.syscall === 5));
  t.ok(i386.some((item) => item.type === 'connect' && item.get('address.ip') === '127.0.0.1' && item.get('address.port') === 9 && item.syscall === 102));
  return;
});

t.test('io_uring is told as a blind spot, or refused on demand', async (t) => {
  const got = alone([program('escape-io-uring')]);
  const [setup] = got.events('io_uring_setup');
  t.ok(setup, 'recorded');
  if (setup!.result >= 0) t.equal(got.records('blind_spot')[0]?.get('reason'), 1);
  const denied = alone([program('escape-io-uring')], ['--on-io-uring', 'deny']);
  t.match(denied.stdout, /result=-1/);
  t.match(denied.events('io_uring_setup')[0], { result: EPERM, flags: REFUSED });
});

t.test('filters of its own are recorded with their program; they get no tracer to talk to, and are told as blind spots', async (t) => {
  const got = alone([program('escape-filters')]);
  t.match(got.stdout, /seccomp result=0\ngetppid ENOSYS\nseccomp listener result=0/);
  const filters = got.events('seccomp').filter((item) => String(item.get('program')).length > 0);
  t.equal(filters.length, 2);
  t.same(new Set(got.records('blind_spot').map((item) => item.get('reason'))), new Set([2, 3]));
  const strict = alone([program('escape-filters')], ['--strict']);
  t.match(strict.stdout, /seccomp listener result=-16/);
  t.ok(strict.events('seccomp').some((item) => item.result === -16 && item.flags === REFUSED));
});

t.test('what would kill, stop or change the recorder is refused and recorded', async (t) => {
  for (const flags of [[], ['--trace', 'lean'], ['--disable-seccomp']]) {
    const got = alone([program('escape-attack')], flags);
    t.equal(got.status, 0, flags.join(' '));
    const lines = got.stdout.trim().split('\n');
    t.equal(lines.length, 11);
    for (const line of lines.filter((line) => flags.length !== 2 || !/pidfd_send/.test(line))) t.match(line, / -1$/, `${line} ${flags.join(' ')}`);
    t.ok(got.events().filter((item) => item.flags & REFUSED && item.result === EPERM).length >= 10);
    t.same(got.diagnostics, []);
  }
});

t.test('a path that another thread rewrites: what was opened is what is recorded', async (t) => {
  const got = alone([program('escape-race')]);
  const [, hostname, passwd] = /hostname=(\d+) passwd=(\d+)/.exec(got.stdout)!;
  const counted = (path: string) => got.events('open').filter((item) => item.get('file.path') === path && item.result >= 0).length;
  t.equal(counted('/etc/hostname'), Number(hostname));
  t.equal(counted('/etc/passwd'), Number(passwd));
});

t.test('a program that wants to be traced by its parent cannot be, and that is told', async (t) => {
  const got = alone([program('escape-own-ptrace')]);
  t.match(got.stdout, /result=-1/);
  t.equal(got.records('blind_spot')[0]?.get('reason'), 6);
});

t.test('a recording that the program removes or replaces is missed at the end', async (t) => {
  const output = join(folder, 'removed.seccam');
  for (const script of [`rm ${output}.partial`, `mv ${output}.partial ${output}.gone`, `rm ${output}.partial; echo > ${output}.partial`]) {
    const child = spawn(executable, ['--force', '-o', output, '--', 'sh', '-c', script], { stdio: ['ignore', 'ignore', 'pipe'] });
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
  const busy = spawn('sh', ['-c', 'trap "exit 6" TERM; echo ready; while :; do cat /etc/hostname > /dev/null; sleep 0.02; done'], { stdio: ['ignore', 'pipe', 'ignore'] });
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
  t.match(readFileSync(`/proc/${busy.pid}/status`, 'utf8'), /TracerPid:\t0/);
  busy.kill('SIGTERM');
  t.equal(await new Promise((resolve) => busy.once('close', resolve)), 6, 'it went on and ended as it wanted');
});

t.test('load: nothing is lost', async (t) => {
  const load = program('load');
  const count = (kind: string, n: number, flags: readonly string[] = []) => {
    const got = traced([load, kind, String(n)], { flags });
    t.equal(got.status, 0, kind);
    t.equal(got.events('open').filter((item) => item.get('file.path') === '/etc/hostname').length, n, `${n} ${kind}`);
    t.equal(got.events('fork').length, n, `${n} ${kind}: forks`);
    t.same(got.diagnostics, []);
  };
  count('storm', 2000);
  count('threads', 400);
  count('processes', 300);
  count('threads', 100, ['--disable-seccomp']);
  count('processes', 100, ['--disable-seccomp']);
  const [, long] = traced([load, 'argv', '1000000']).events('exec');
  const argv = long!.get('argv') as { items: string[]; total: number; truncated: boolean };
  t.match(argv, { total: 17, truncated: true });
  t.equal(argv.items[1]?.length, 4096);
  const named = traced([load, 'path']).events('open').map((item) => String(item.get('named')).length);
  t.ok(named.some((length) => length >= 4095), 'a path of 4095 bytes');
  t.ok(traced([load, 'path']).events('mkdir').some((item) => item.get('file.path') === '/tmp/\\xff\\xfe\\x80'));
});
