/** What packaging/ ships: the init script started, stopped and restarted under a traced program; systemd units verified. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../src/support/package.js';
import { tracerAvailability } from '../src/tracer/index.js';

const folder = mkdtempSync(join(tmpdir(), 'seccam-packaging-'));
t.teardown(() => rmSync(folder, { recursive: true }));
const packaging = (name: string): string => join(packageRoot(), 'packaging', name);
const executable = tracerAvailability().executable;

/** `seccam` as a program of one name. */
const seccam = join(folder, 'seccam');
writeFileSync(seccam, `#!/bin/sh\nexec ${process.execPath} ${join(packageRoot(), 'bin/seccam.js')} "$@"\n`);
chmodSync(seccam, 0o755);

t.test('systemd units are what systemd takes', (t) => {
  if (spawnSync('systemd-analyze', ['--version']).status !== 0) {
    t.pass('skipped: no systemd-analyze');
    return t.end();
  }
  for (const name of readdirSync(packaging('systemd'))) {
    const unit = join(folder, name);
    // What they start is not installed here.
    writeFileSync(
      unit,
      readFileSync(packaging(`systemd/${name}`), 'utf8').replaceAll(/^(Exec\w+=)\S+/gm, '$1/bin/true'),
    );
  }
  const units = readdirSync(packaging('systemd')).map((name) => join(folder, name));
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', ...units], { encoding: 'utf8' });
  t.equal(stderr, '');
  t.equal(status, 0);
  t.end();
});

t.test('the init script starts, restarts and stops the agent; what it wraps notices nothing', async (t) => {
  if (executable === undefined) return void t.pass('skipped: the tracer is not built');
  const script = join(folder, 'seccam-agent');
  writeFileSync(
    script,
    readFileSync(packaging('sysvinit/seccam-agent'), 'utf8').replaceAll(
      '/etc/default/',
      `${folder}/default-`,
    ),
  );
  const rules = join(folder, 'rules.policy');
  writeFileSync(
    rules,
    'version: 1.0.0\nrules:\n  - id: reads\n    expression: open.file.path == "/etc/hostname"\n    every: 1us\n',
  );
  const run = join(folder, 'run');
  const log = join(folder, 'log');
  writeFileSync(
    join(folder, 'default-seccam-agent'),
    `SECCAM=${seccam}\nRUN=${run}\nLOG=${log}\nOPTIONS="--format json=${log}/detections.json -r ${rules}"\n`,
  );
  const init = (verb: string): string =>
    execFileSync('sh', [script, verb], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  const found = (): number => {
    try {
      return readFileSync(`${log}/detections.json`, 'utf8').split('\n').length - 1;
    } catch {
      return 0;
    }
  };
  const until = async (what: string, holds: () => boolean): Promise<void> => {
    for (let tries = 0; !holds(); tries++) {
      if (tries > 3000) throw new Error(`never came true: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  t.match(init('start'), /seccam-agent started/);
  t.teardown(() => void spawnSync('sh', [script, 'stop']));
  t.match(init('start'), /runs already/);
  const flag = join(folder, 'flag');
  const traced = spawn(
    executable,
    [
      '--socket',
      `${run}/agent.sock`,
      '--',
      'sh',
      '-c',
      `until [ -e ${flag} ]; do cat /etc/hostname >/dev/null || exit 9; sleep 0.05; done; exit 7`,
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const ended = new Promise((resolve) => traced.once('exit', resolve));
  await until('detections come', () => found() > 2);
  t.match(init('restart'), /stopped[\s\S]*started/);
  const before = found();
  await until('they come again after the restart', () => found() > before + 2);
  init('reload');
  writeFileSync(flag, '');
  t.equal(await ended, 7);
  t.match(init('status'), /runs/);
  t.match(init('stop'), /stopped/);
  t.equal(spawnSync('sh', [script, 'status']).status, 3);
});
