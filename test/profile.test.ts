/** Profiles: learnt from recordings of real runs, quiet on another run, and loud about what was injected. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
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

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'seccam-profile-')));
t.teardown(() => rmSync(folder, { recursive: true }));
const tracer = new URL('../native/build/seccam-trace', import.meta.url).pathname;
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

t.test('a detection on what the profile explains is suppressed', async (t) => {
  const runs = ['a', 'b'].map((name) => recordRun(name));
  const text = await learn(runs);
  const policy =
    'rules:\n  - id: reads\n    expression: open.file.path =~ "/**" && process.file.name == "cat"\n';
  const strings = new StringTable();
  const { rules } = loadPolicies([{ file: 'p.policy', text: policy }], { strings });
  const delivered: string[] = [];
  const suppressed = new Set<string | undefined>();
  await replay([recordRun('c', 'cat /etc/hostname > /dev/null')], {
    strings,
    engine: new ProfileWatch(compiled(text), strings, new Engine(rules, { limits: false })),
    onDetection: (detection) => {
      if (detection.delivered) delivered.push(detection.ruleId);
      else suppressed.add(detection.suppressedBy);
    },
  });
  t.strictSame(delivered, ['reads', 'anomaly_file'], 'only what it does not explain');
  t.strictSame([...suppressed], ['profile']);
});

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
