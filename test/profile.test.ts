/** Profiles: learnt from recordings of real runs, quiet on another run, and loud about what was injected. */
import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { replay } from '../src/pipeline/index.js';
import type { Detection } from '../src/rules/index.js';
import { Engine, loadPolicies } from '../src/rules/index.js';
import {
  CompiledProfile,
  ProfileLearner,
  ProfileWatch,
  parseProfile,
  printProfile,
} from '../src/rules/profile/index.js';
import { widen } from '../src/rules/profile/learn.js';
import { StringTable } from '../src/support/strings.js';
import { executable as tracer } from './traced.js';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'seccam-profile-')));
t.teardown(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, 'data'));

/** Work whose file names change from run to run. */
const work = `
cd ${folder}/data
for n in 1 2 3; do
  echo one > "job-$$-$n.tmp"
  cat "job-$$-$n.tmp" > "out.$n"
  rm "job-$$-$n.tmp"
done
`;

function recordRun(name: string, more = ''): string {
  const path = join(folder, `${name}.seccam`);
  const { status, stderr, error } = spawnSync(
    tracer,
    ['-o', path, '--force', '--', 'sh', '-c', `${work}\n${more}`],
    { encoding: 'utf8' },
  );
  if (error !== undefined)
    throw new Error(`${tracer} cannot be run (${error.message}): npm run build:native makes it`);
  if (status !== 0) throw new Error(stderr);
  return path;
}

async function learn(recordings: readonly string[]): Promise<string> {
  const strings = new StringTable();
  const learner = new ProfileLearner(strings);
  await replay(recordings, { strings, onEvent: (event, shown) => void (shown && learner.observe(event)) });
  return printProfile(learner.profile('work', recordings.length));
}

function compiled(text: string): CompiledProfile {
  const { profile, diagnostics } = parseProfile(text, 'work.profile');
  if (profile === undefined) throw new Error(diagnostics.map((item) => item.message).join());
  return new CompiledProfile(profile);
}

async function anomalies(text: string, recording: string): Promise<string[]> {
  const strings = new StringTable();
  const found: Detection[] = [];
  await replay([recording], {
    strings,
    engine: new ProfileWatch(compiled(text), strings),
    onDetection: (detection) => void found.push(detection),
  });
  return found.map((detection) => `${detection.ruleId}: ${detection.description}`);
}

t.test('five runs, a sixth that is like them, and injected acts', async (t) => {
  const text = await learn(['1', '2', '3', '4', '5'].map((name) => recordRun(name)));
  t.match(text, /job-\*-\d\.tmp|job-\*\.tmp/, 'names that change are widened');
  t.strictSame(await anomalies(text, recordRun('6')), []);
  for (const [name, act, want] of [
    ['exec', 'id > /dev/null', /^anomaly_exec: .*\/(?:da)?sh is not known to do this: exec \/usr\/bin\/id$/],
    [
      'read',
      'cat /etc/hostname > /dev/null',
      /^anomaly_file: .*\/cat is not known to do this: file \/etc\/hostname \(read\)$/,
    ],
    ['write', `echo x > ${folder}/elsewhere`, /^anomaly_file: .*sh .*elsewhere \(write, create\)$/],
    ['remove', `rm ${folder}/elsewhere`, /^anomaly_file: .*\/rm .*elsewhere \(unlink\)$/],
    ['twice', 'cat /etc/hostname /etc/hostname > /dev/null', /^anomaly_file: .*\/etc\/hostname/],
  ] as const) {
    const found = await anomalies(text, recordRun(name, act));
    t.equal(found.length, 1, `${name}: ${found.join('; ')}`);
    t.match(found[0], want);
  }
});

const has = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

t.test(
  'redis under its benchmark: learnt from five runs; a sixth has no anomaly, each of five injected acts is one',
  {
    skip:
      has('redis-server') && has('redis-benchmark') && has('redis-cli')
        ? false
        : 'redis-server, redis-cli and redis-benchmark are not installed',
  },
  async (t) => {
    const place = join(folder, 'redis');
    mkdirSync(place);
    const library = join(folder, 'injected.so');
    const source = new URL('../fixtures/programs/injected.c', import.meta.url).pathname;
    t.equal(spawnSync('cc', ['-shared', '-fPIC', '-o', library, source]).status, 0);
    const socket = join(folder, 'redis.sock');
    /** A server that is asked, saves, rewrites its log, is told to act, and ends. */
    const run = (name: string, act = ''): string => {
      const recording = join(folder, `redis-${name}.seccam`);
      const script = `
rm -rf ${place}/*
${tracer} -o ${recording} --force -- env LD_PRELOAD=${library} ${act === '' ? '' : `INJECT=${act} INJECT_FILE=${folder}/elsewhere`} \
  redis-server --port 0 --unixsocket ${socket} --dir ${place} --save '' --appendonly yes --daemonize no &
ask="redis-cli -s ${socket}"
for n in $(seq 300); do $ask ping 2>/dev/null | grep -q PONG && break; sleep 0.1; done
redis-benchmark -s ${socket} -q -n 500 -c 5 -t set,get,lpush,incr > /dev/null
until_done() { for n in $(seq 300); do $ask info persistence | grep -q "$1:0" && break; sleep 0.1; done; }
$ask bgsave; until_done rdb_bgsave_in_progress
$ask bgrewriteaof; until_done aof_rewrite_in_progress
kill -USR2 $($ask info server | tr -d '\\r' | sed -n 's/^process_id://p')
$ask ping; $ask shutdown nosave
wait`;
      const { status, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
      t.equal(status, 0, `run ${name}: ${stderr}`);
      return recording;
    };
    const text = await learn(['1', '2', '3', '4', '5'].map((name) => run(name)));
    t.match(text, /temp-rewriteaof-/);
    t.strictSame(await anomalies(text, run('6')), []);
    for (const [act, want] of [
      ['exec', /^anomaly_exec: .* exec \/usr\/bin\/true$/],
      ['read', /^anomaly_file: .* file \/etc\/shadow \(read\)$/],
      ['write', /^anomaly_file: .* file .*\/elsewhere \(write, create\)$/],
      ['connect', /^anomaly_socket: .* socket connect ip 127\.0\.0\.1:4444$/],
      ['call', /^anomaly_call: .* call unshare$/],
    ] as const) {
      const found = await anomalies(text, run(act, act));
      t.equal(found.length, 1, `${act}: ${found.join('; ')}`);
      t.match(found[0], want);
    }
  },
);

t.test('a detection on what the profile explains is suppressed', async (t) => {
  const runs = ['a', 'b'].map((name) => recordRun(name));
  const text = await learn(runs);
  const policy =
    'rules:\n  - id: reads\n    expression: open.file.path =~ "/**" && process.file.name == "cat"\n';
  const strings = new StringTable();
  const { rules } = loadPolicies([{ file: 'p.policy', text: policy }], { strings });
  const watch = new ProfileWatch(compiled(text), strings);
  watch.engine = new Engine(rules, { limits: false, isNormal: watch.explains });
  const delivered: string[] = [];
  const suppressed = new Set<string | undefined>();
  await replay([recordRun('c', 'cat /etc/hostname > /dev/null')], {
    strings,
    engine: watch,
    onDetection: (detection) => {
      if (detection.delivered) delivered.push(detection.ruleId);
      else suppressed.add(detection.suppressedBy);
    },
  });
  t.strictSame(delivered, ['reads', 'anomaly_file'], 'only what it does not explain');
  t.strictSame([...suppressed], ['profile']);
});

t.test('the verbs: learn, and replay with what was learnt', async (t) => {
  const seccam = new URL('../bin/seccam.js', import.meta.url).pathname;
  const run = (...words: string[]) =>
    spawnSync(process.execPath, [seccam, ...words], { encoding: 'utf8', cwd: folder });
  const runs = ['v1', 'v2'].map((name) => recordRun(name));
  const learnt = run('profile', 'learn', ...runs, '-o', 'work.profile', '--name', 'work');
  t.equal(learnt.status, 0, learnt.stderr);
  t.match(learnt.stderr, /work\.profile: \d+ executables, learnt from [\d,]+ events of 2 recordings/);
  t.match(run('profile', 'learn', ...runs).stdout, /^# Normal behaviour\..*\nprofile: 1\nname: v1\n/);
  const again = run('profile', 'learn', ...runs, '-o', 'work.profile');
  t.not(again.status, 0, 'nothing is replaced unasked');
  t.not(run('profile', 'learn').status, 0);

  writeFileSync(
    join(folder, 'all.policy'),
    'rules:\n  - id: any_open\n    expression: open.file.path != ""\n    every: 0s\n',
  );
  const odd = recordRun('odd', 'cat /etc/hostname > /dev/null');
  const plain = ['replay', '-r', 'all.policy', '--format', 'json', '--fail-on', 'anomaly_*'];
  const quiet = run(...plain, '--security-profile', 'work.profile', recordRun('v3'));
  t.strictSame([quiet.stdout, quiet.status], ['', 0]);
  t.match(quiet.stderr, /0 anomalies; [\d,]+ detections explained by the security profile/);
  const loud = run(...plain, '--security-profile', 'work.profile', odd);
  const lines = loud.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { rule_id: string });
  t.match(
    lines.map((line) => line.rule_id),
    ['any_open', 'anomaly_file'],
    'what is explained takes nothing from the rate limit of the rule',
  );
  t.equal(loud.status, 1);
  const wrong = run('replay', '--security-profile', 'all.policy', odd);
  t.match(wrong.stderr, /not a profile.*\[not-a-profile\]/);
  t.match(
    run('replay', '--security-profile', 'none.profile', odd).stderr,
    /cannot be read.*\[not-a-profile\]/,
  );
});

t.test("/dev/null is everybody's, unless something is done to it", async (t) => {
  const text = await learn([recordRun('n1'), recordRun('n2')]);
  t.notMatch(text, /dev.null/);
  const act = `ln -sf /dev/null ${folder}/data/null; cat /dev/null < /dev/null; : > /dev/null; exit 0`;
  const found = await anomalies(text, recordRun('null', act));
  t.strictSame(
    found.map((line) => line.replace(/: .*known to do this:/, '')),
    ['anomaly_exec exec ' + realpathSync('/bin/ln')],
    'only what is linked to it, by a program that nobody knew',
  );
});

t.test(
  'agent start with a profile: live anomalies, the rest kept back, as in the replay of what it saved',
  async (t) => {
    const seccam = new URL('../bin/seccam.js', import.meta.url).pathname;
    const own = join(folder, 'agent');
    mkdirSync(own);
    writeFileSync(join(own, 'work.profile'), await learn([recordRun('g1'), recordRun('g2')]));
    writeFileSync(
      join(own, 'all.policy'),
      'rules:\n  - id: any_open\n    expression: open.file.path != ""\n    every: 0s\n  - id: any_exec\n    expression: exec.file.path != ""\n',
    );
    writeFileSync(
      join(own, 'agent.yaml'),
      `profile: ${own}/work.profile\nrules: [${own}/all.policy]\nsocket: ''\ncontrol: ''\nsave: ${own}/saved\n`,
    );
    const run = (...words: string[]) =>
      spawnSync(process.execPath, [seccam, ...words], { encoding: 'utf8', cwd: own });
    const live = run(
      'agent',
      'start',
      '--config',
      'agent.yaml',
      '--format',
      'json=live.json',
      '--',
      'sh',
      '-c',
      `${work}\ncat /etc/hostname /etc/hostname > /dev/null\nid > /dev/null\nexit 7\n`,
    );
    t.equal(live.status, 7, live.stderr);
    const text = readFileSync(join(own, 'live.json'), 'utf8');
    const told = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { rule_id: string; description: string });
    const ids = told.map((line) => line.rule_id);
    t.equal(ids.filter((id) => id === 'anomaly_file').length, 1, ids.join(' '));
    t.equal(ids.filter((id) => id === 'anomaly_exec').length, 1, ids.join(' '));
    t.match(
      told.filter((line) => line.rule_id.startsWith('anomaly_')).map((line) => line.description),
      [/not known to do this: file \/etc\/hostname \(read\)$/, /not known to do this: exec .*\/id$/],
    );
    t.equal(text.includes(`"open.file.path":"${folder}/data`), false, 'what is normal fires no rule');
    t.strictSame(
      ids.slice(0, 5),
      ['any_open', 'anomaly_file', 'any_open', 'any_exec', 'anomaly_exec'],
      'rules speak of what is odd, each time',
    );
    t.strictSame(new Set(ids.slice(5)), new Set(['any_open']), 'and of all that an unknown program does');
    const [saved] = readdirSync(join(own, 'saved')).filter((name) => name.endsWith('.seccam'));
    const again = run(
      'replay',
      '-r',
      'all.policy',
      '--security-profile',
      'work.profile',
      '--format',
      'json',
      join('saved', saved!),
    );
    t.ok(told.length > 3);
    t.strictSame(again.stdout, text);
  },
);

t.test('a profile is YAML that is read as it was written', async (t) => {
  const profile = {
    name: 'x',
    learned: { recordings: 1, events: 2 },
    executables: [
      {
        path: '/bin/a',
        execs: ['/bin/b'],
        files: [{ path: '/etc/*', access: ['read'] }],
        sockets: ['connect ip 10.0.0.1:443'],
        calls: ['setuid'],
      },
    ],
  };
  t.strictSame(parseProfile(printProfile(profile), 'x').profile, profile);
  for (const [text, message] of [
    ['profile: 2', /does not say "profile: 1"/],
    ['profile: 1\nexecutables: none', /is a list/],
    ['profile: 1\nexecutables: [{execs: []}]', /no "path"/],
    ['profile: 1\nexecutables: [{path: /a/**/b}]', /cannot be used/],
    ['profile: 1\nexecutables: [{path: /a, execs: /b}]', /list of texts/],
    ['profile: [', /./],
  ] as const) {
    const { diagnostics, profile: none } = parseProfile(text, 'x.profile');
    t.equal(none, undefined, text);
    t.match(diagnostics, [{ code: 'not-a-profile', severity: 'error', message }]);
  }
});

t.test('what changes from run to run', async (t) => {
  for (const [path, want] of [
    ['/proc/1234/fd/5', '/proc/*/fd/*'],
    ['/tmp/job-31337-2.tmp', '/tmp/job-*-2.tmp'],
    ['/lib/libc.so.6', '/lib/libc.so.6'],
    ['/tmp/tmp.aB3dE9', '/tmp/tmp.*'],
    ['/cache/3f2a9c51d0e4aa', '/cache/*'],
    ['/etc/passwd', '/etc/passwd'],
    ['pipe:[12345]', 'pipe:[*]'],
    ['/usr/bin/python3.11', '/usr/bin/python3.11'],
  ] as const) {
    t.equal(widen(path), want, path);
  }
});
