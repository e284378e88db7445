/** What packaging/ ships: the init script started, stopped and restarted under a traced program; systemd units verified. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../src/support/package.js';
import { tracerAvailability } from '../src/tracer/index.js';
import { ContainerWorld } from './container-world.js';

const folder = mkdtempSync(join(tmpdir(), 'seccam-packaging-'));
t.teardown(() => rmSync(folder, { recursive: true }));
const packaging = (name: string): string => join(packageRoot(), 'packaging', name);
const executable = tracerAvailability().executable;

/** `seccam` as a program of one name. */
const seccam = join(folder, 'seccam');
writeFileSync(seccam, `#!/bin/sh\nexec ${process.execPath} ${join(packageRoot(), 'bin/seccam.js')} "$@"\n`);
chmodSync(seccam, 0o755);

/** The host's own root under a throw-away overlay, so that its systemd can boot in a container. */
const containers = new ContainerWorld(folder);
const overlay = `mkdir -p up root && mount -t tmpfs none up && mkdir up/u up/w &&
  mount -t overlay overlay -o lowerdir=/,upperdir=${folder}/up/u,workdir=${folder}/up/w root`;
const boot = `${containers.podman} run -d --name box --systemd=always --privileged ${containers.options} --tmpfs /tmp:notmpcopyup --tmpfs /run:notmpcopyup`;

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

t.test(
  'the init script of an application starts it traced, restarts and stops it, with or without an agent',
  async (t) => {
    if (executable === undefined) return void t.pass('skipped: the tracer is not built');
    const script = join(folder, 'my-server-init');
    writeFileSync(
      script,
      readFileSync(packaging('sysvinit/wrapped-application'), 'utf8').replaceAll(
        '/etc/default/',
        `${folder}/default-`,
      ),
    );
    const started = join(folder, 'started');
    const command = join(folder, 'my-server-loop');
    writeFileSync(
      command,
      `#!/bin/sh\ntrap 'echo asked >> ${started}; exit 0' TERM\necho $$ $(sed -n 's/TracerPid:.//p' /proc/$$/status) >> ${started}\nwhile :; do sleep 0.1; done\n`,
      { mode: 0o755 },
    );
    writeFileSync(
      join(folder, 'default-wrapped-application'),
      `TRACE=${executable}\nSOCKET=${folder}/nobody\nCOMMAND=${command}\nTRACE_OPTIONS="--wait 100"\nPIDFILE=${folder}/app.pid\nLOG=${folder}/app.log\n`,
    );
    const init = (verb: string): [number | null, string] => {
      const { status, stdout } = spawnSync('sh', [script, verb], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      return [status, stdout.trim()];
    };
    const lines = (): string[] => {
      try {
        return readFileSync(started, 'utf8').trim().split('\n');
      } catch {
        return [];
      }
    };
    const until = async (what: string, holds: () => boolean): Promise<void> => {
      for (let tries = 0; !holds(); tries++) {
        if (tries > 3000) throw new Error(`never came true: ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    t.match(init('status'), [3, /does not run/]);
    t.match(init('start'), [0, /started/]);
    t.teardown(() => void init('stop'));
    await until('the program runs', () => lines().length === 1);
    t.match(init('start'), [0, /runs already/]);
    const [pid, tracer] = lines()[0]!.split(' ');
    const leader = readFileSync(join(folder, 'app.pid'), 'utf8').trim();
    t.ok(readdirSync(`/proc/${leader}/task`).includes(tracer!), 'it is traced');
    t.match(init('status'), [0, /runs/]);
    t.match(init('restart'), [0, /stopped[\s\S]*started/]);
    await until('it runs again', () => lines().length === 3);
    t.equal(lines()[1], 'asked', 'it was asked to end');
    t.not(lines()[2]!.split(' ')[0], pid);
    t.match(init('stop'), [0, /stopped/]);
    t.equal(lines().length, 4);
    t.match(init('status'), [3, /does not run/]);
  },
);

t.test('a service manager is told when the agent is ready, that it lives, and when it stops', async (t) => {
  const listener = `use IO::Socket::UNIX; use Socket; $| = 1;
my $heard = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die $!;
print "listens\\n"; print "$said\\n" while defined $heard->recv($said, 4096);`;
  if (spawnSync('perl', ['-MIO::Socket::UNIX', '-e', '1']).status !== 0)
    return void t.pass('skipped: no perl');
  const heard = join(folder, 'notify');
  const ear = spawn('perl', ['-e', listener, heard], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => void ear.kill('SIGKILL'));
  let said = '';
  ear.stdout.on('data', (chunk) => (said += String(chunk)));
  const until = async (pattern: RegExp): Promise<void> => {
    for (let tries = 0; !pattern.test(said); tries++) {
      if (tries > 3000) throw new Error(`never said: ${pattern} in ${said}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  await until(/listens/);
  const agent = spawn(
    seccam,
    ['agent', 'start', '--socket', join(folder, 'n.sock'), '--control', join(folder, 'n.control')],
    {
      stdio: 'ignore',
      env: { ...process.env, NOTIFY_SOCKET: heard, WATCHDOG_USEC: '300000' },
    },
  );
  const ended = new Promise((resolve) => agent.once('exit', resolve));
  await until(/READY=1\nSTATUS=\d+ rules, 0 streams, mode monitor\n/);
  t.ok(readdirSync(folder).includes('n.sock'), 'what it listens at is there');
  await until(/WATCHDOG=1\n[\s\S]*WATCHDOG=1\n/);
  agent.kill('SIGTERM');
  await until(/STOPPING=1\n/);
  t.equal(await ended, 0);
});

const noSystemd =
  executable === undefined
    ? 'the tracer is not built'
    : containers.why('podman', `test -x /lib/systemd/systemd && ${overlay}`);

t.test(
  'the units under a systemd that runs: start, reload, restart, attach, let go, stop',
  { skip: noSystemd },
  async (t) => {
    const server = `#!/bin/sh
id -u > /tmp/uid
while :; do cat /etc/hostname > /dev/null || echo failed >> /tmp/failed; sleep 0.1; done
`;
    const rules = `version: 1.0.0
rules:
  - id: reads
    expression: open.file.path == "/etc/hostname" && process.file.name == "cat"
    every: 1us
`;
    const files: Record<string, string> = {
      'my-server': server,
      'r.policy': rules,
      'agent.yaml': 'version: 1\nrules: [/etc/seccam/rules]\n',
      seccam: '#!/bin/sh\nexec /opt/node /opt/seccam/bin/seccam.js "$@"\n',
    };
    for (const [name, text] of Object.entries(files))
      writeFileSync(join(folder, name), text, { mode: 0o755 });
    // Each step prints what it is asserted by.
    const { status, stdout, stderr } = await containers.meanwhile(`
set -e
${overlay}
mkdir -p root/etc/seccam/rules
cp ${packaging('systemd')}/*.service root/etc/systemd/system/
cp seccam ${executable} root/usr/bin/
cp my-server root/usr/local/bin/
cp r.policy root/etc/seccam/rules/
cp agent.yaml root/etc/seccam/
${boot} -v ${packageRoot()}:/opt/seccam:ro -v ${process.execPath}:/opt/node:ro --rootfs ${folder}/root /lib/systemd/systemd --system --unit=basic.target >/dev/null
set +e
trap '${containers.podman} rm -f -t 1 box >/dev/null' EXIT
inside() { ${containers.podman} exec box "$@"; }
until_true() { for n in $(seq 300); do eval "$1" >/dev/null 2>&1 && return; sleep 0.1; done; echo "never: $1"; }
detections() { inside seccam agent status --format json | sed -nE 's/.*"detections": ([0-9]*).*/\\1/p'; }
until_true 'inside systemctl is-active basic.target'
inside systemctl is-active basic.target >/dev/null || exit 42
inside systemctl start seccam-agent; echo "ready $? $(inside systemctl show -P StatusText seccam-agent)"
inside systemctl start wrapped-application; echo "start $?"
until_true '[ "$(detections)" -gt 2 ]'
inside systemctl reload seccam-agent; echo "reload $?"
inside systemctl restart seccam-agent; echo "restart $?"
until_true '[ "$(detections)" -gt 2 ]'
echo "link $(inside seccam agent streams --format json | sed -nE 's/.*"link": ([0-9]*).*/\\1/p')"
inside systemd-run --unit free /usr/local/bin/my-server 2>/dev/null
pid=$(inside systemctl show -P MainPID free)
inside systemctl start seccam-attach@$pid; echo "attach $?"
until_true 'inside seccam agent streams | grep -q "^2-"'
at=$(detections)
until_true '[ "$(detections)" -gt $((at + 10)) ]'
inside systemctl stop seccam-attach@$pid; echo "let go $? $(inside systemctl is-active free)"
echo "traced by $(inside sed -n 's/TracerPid:.//p' /proc/$pid/status)"
inside systemctl stop wrapped-application; echo "stop $? $(inside systemctl is-active wrapped-application)"
inside systemctl stop seccam-agent; echo "agent $? $(inside systemctl is-active seccam-agent)"
echo "failed calls $(inside sh -c 'wc -l < /tmp/failed' 2>/dev/null || echo 0)"
inside journalctl --no-pager -o cat -u seccam-agent | grep -c ' reads open cat' | sed 's/^[1-9].*/in the journal/'
`);
    if (status === 42) return void t.pass('skipped: no systemd boots in a container here');
    t.equal(status, 0, stderr);
    t.strictSame(stdout.trim().split('\n'), [
      'ready 0 1 rule, 0 streams, mode monitor',
      'start 0',
      'reload 0',
      'restart 0',
      'link 2',
      'attach 0',
      'let go 0 active',
      'traced by 0',
      'stop 0 inactive',
      'agent 0 inactive',
      'failed calls 0',
      'in the journal',
    ]);
  },
);
