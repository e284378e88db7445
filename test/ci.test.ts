/**
 * The pipelines of packaging/ci, on a project with a history: their own command lines are run, by the shell and
 * with the options that the services run them with. Stood in for: what fetches, uploads and comments.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { packageRoot, packageVersion } from '../src/support/package.js';
import { init } from '../src/workbench/scaffold.js';

const root = mkdtempSync(join(tmpdir(), 'seccam-ci-'));
t.teardown(() => rmSync(root, { recursive: true }));
const packaged = (name: string): string => readFileSync(join(packageRoot(), 'packaging/ci', name), 'utf8');

const key = (path: string): string =>
  `version: "1.0.0"\nrules:\n  - {id: key, expression: open.file.path == "${path}"}\n  - {id: table, expression: open.file.path == "/etc/locale.alias"}\n`;

let projects = 0;

interface Place {
  readonly cwd: string;
  /** The revision whose rules are right. */
  readonly base: string;
  readonly env: NodeJS.ProcessEnv;
  /** What was put as a comment. */
  readonly comment: string;
}

/** A repository with the package installed, one commit, and `rule` in the working tree. */
function project(rule: string): Place {
  const cwd = join(root, `project-${++projects}`);
  const put = (name: string, text: string): void => {
    mkdirSync(dirname(join(cwd, name)), { recursive: true });
    writeFileSync(join(cwd, name), text);
  };
  put('seccam.yaml', 'version: 1\nrules: [rules]\n');
  put('rules/a.policy', key('/etc/passwd'));
  put(
    'tests/a.test.yaml',
    'version: 1\ntests:\n  - {name: key, recording: ../recordings/story.seccam, expect: [key, table]}\n',
  );
  put('.gitignore', 'node_modules\nout\n');
  mkdirSync(join(cwd, 'recordings'));
  writeFileSync(
    join(cwd, 'recordings/story.seccam'),
    readFileSync(join(packageRoot(), 'recordings/story.seccam')),
  );
  mkdirSync(join(cwd, 'node_modules/.bin'), { recursive: true });
  symlinkSync(packageRoot(), join(cwd, 'node_modules/seccam'));
  symlinkSync('../seccam/bin/seccam.js', join(cwd, 'node_modules/.bin/seccam'));
  const git = (...words: string[]): string =>
    execFileSync(
      'git',
      ['-c', 'user.name=t', '-c', 'user.email=t@example.org', '-c', 'commit.gpgsign=false', ...words],
      {
        cwd,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
  git('init', '-q');
  git('add', '.');
  git('commit', '-qm', 'rules');
  const base = git('rev-parse', 'HEAD').trim();
  put('rules/a.policy', rule);
  const programs = join(root, `programs-${projects}`);
  const comment = join(programs, 'comment.md');
  mkdirSync(programs);
  // The first comment of a pull request: there is none to edit.
  writeFileSync(
    join(programs, 'gh'),
    `#!/bin/sh\ncase " $* " in *" --edit-last "*) exit 1;; esac\nwhile [ $# -gt 0 ]; do [ "$1" = --body-file ] && cp "$2" ${comment}; shift; done\n`,
  );
  chmodSync(join(programs, 'gh'), 0o755);
  const env = {
    ...process.env,
    CI: 'true',
    NO_COLOR: '1',
    HOME: programs,
    XDG_CACHE_HOME: join(programs, 'cache'),
    PATH: `${programs}:${process.env['PATH']}`,
    npm_config_offline: 'true',
  };
  return { cwd, base, env, comment };
}

interface Step {
  readonly id?: string;
  readonly if?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
}

interface Ran {
  readonly run: string;
  readonly status: number | null;
  readonly text: string;
}

/** Runs the steps as GitHub runs those of a composite action; steps that use other actions are left out. */
function runAction(place: Place, inputs: Readonly<Record<string, string>> = {}): Ran[] {
  const action = parse(packaged('action.yml')) as {
    inputs: Record<string, { default: string }>;
    runs: { steps: Step[] };
  };
  const known: Record<string, string> = {
    'github.event.pull_request.base.sha': place.base,
    'github.event.pull_request.number': '7',
    'github.token': 'none',
    'github.event_name': 'pull_request',
  };
  const filled = (text: string): string =>
    text.replaceAll(/\$\{\{ *([\w.-]+) *\}\}/g, (whole, name: string) => known[name] ?? whole);
  for (const [name, { default: usual }] of Object.entries(action.inputs))
    known[`inputs.${name}`] = inputs[name] ?? filled(usual);
  const ran: Ran[] = [];
  for (const step of action.runs.steps) {
    if (step.run === undefined) continue;
    const failed = ran.some((one) => one.status !== 0);
    if (failed && step.if?.startsWith('always()') !== true) continue;
    const env = Object.entries(step.env ?? {}).map(([name, value]) => [name, filled(value)]);
    const { status, stdout, stderr } = spawnSync(
      'bash',
      ['--noprofile', '--norc', '-eo', 'pipefail', '-c', filled(step.run)],
      {
        cwd: join(place.cwd, known['inputs.working-directory']!),
        env: { ...place.env, ...Object.fromEntries(env) },
        encoding: 'utf8',
      },
    );
    ran.push({ run: step.run, status, text: `${stdout}${stderr}` });
  }
  return ran;
}

t.test('GitHub: rules that hold pass, and the comment says that nothing changes', (t) => {
  const place = project(key('/etc/passwd'));
  const ran = runAction(place);
  t.same(
    ran.map((one) => one.status),
    [0, 0, 0],
    JSON.stringify(ran),
  );
  t.match(readFileSync(join(place.cwd, 'out/junit.xml'), 'utf8'), /<testsuites[^>]* tests="1" failures="0"/);
  t.ok(existsSync(join(place.cwd, 'out/seccam.sarif')));
  t.match(readFileSync(place.comment, 'utf8'), /No detection differs/);
  t.end();
});

t.test('GitHub: a broken rule fails at its expectation, and the comment names the lost detection', (t) => {
  const place = project(key('/etc/shadow'));
  const ran = runAction(place);
  t.same(
    ran.map((one) => one.status),
    [0, 1, 0],
    JSON.stringify(ran),
  );
  t.match(ran[1]?.text, /::error file=tests\/a\.test\.yaml,line=3,/);
  t.match(readFileSync(join(place.cwd, 'out/junit.xml'), 'utf8'), /failures="1"/);
  t.match(readFileSync(join(place.cwd, 'out/seccam.sarif'), 'utf8'), /count-differs/);
  t.match(readFileSync(place.comment, 'utf8'), /key/);
  t.end();
});

t.test(
  'GitHub: a policy that does not load ends the job before the tests, and is no change of detections',
  (t) => {
    const place = project('rules:\n  - {id: key, expression: opne.file.path == "/etc/passwd"}\n');
    const ran = runAction(place);
    t.equal(ran[0]?.status, 1);
    t.match(ran[0]?.text, /::error file=rules\/a\.policy,line=2,/);
    t.notOk(existsSync(join(place.cwd, 'out/junit.xml')), 'no tests');
    t.end();
  },
);

t.test('GitHub: a shard without a test is no failure', (t) => {
  const place = project(key('/etc/passwd'));
  t.same(
    runAction(place, { shard: '2/2', comment: 'false' })
      .slice(0, 2)
      .map((one) => one.status),
    [0, 0],
  );
  t.end();
});

t.test('GitLab: the script and what comes after it', (t) => {
  const job = (parse(packaged('gitlab.yml')) as { seccam: { script: string[]; after_script: string[] } })
    .seccam;
  for (const [rule, wanted] of [
    [key('/etc/passwd'), 0],
    [key('/etc/shadow'), 1],
  ] as const) {
    const place = project(rule);
    const env = { ...place.env, CI_PROJECT_DIR: place.cwd, CI_MERGE_REQUEST_DIFF_BASE_SHA: place.base };
    const lines = job.script.filter((line) => line !== 'npm ci');
    t.equal(lines.length, job.script.length - 1);
    const run = (script: readonly string[]) =>
      spawnSync('bash', ['-eo', 'pipefail', '-c', script.join('\n')], {
        cwd: place.cwd,
        env,
        encoding: 'utf8',
      });
    const main = run(lines);
    t.equal(main.status, wanted, main.stdout + main.stderr);
    t.equal(run(job.after_script).status, 0);
    t.ok(existsSync(join(place.cwd, 'out/junit.xml')));
    t.match(
      readFileSync(join(place.cwd, 'out/diff.md'), 'utf8'),
      wanted === 0 ? /No detection differs/ : /key/,
    );
  }
  t.end();
});

t.test('init writes the shipped pipeline, and installs in a way that works there', async (t) => {
  for (const [name, path] of [
    ['github', '.github/workflows/seccam.yml'],
    ['gitlab', '.gitlab-ci.yml'],
  ] as const) {
    const cwd = join(root, `init-${name}`);
    mkdirSync(cwd);
    await init({ cwd, ci: name });
    const bare = readFileSync(join(cwd, path), 'utf8');
    t.match(bare, `npm install --no-save seccam@${packageVersion()}`);
    t.notMatch(bare, /npm ci/);
    rmSync(join(cwd, path));
    writeFileSync(join(cwd, 'package-lock.json'), '{}');
    await init({ cwd, ci: name });
    const template = packaged(name === 'github' ? 'github-workflow.yml' : 'gitlab.yml');
    t.same(parse(readFileSync(join(cwd, path), 'utf8')), parse(template));
  }
});
