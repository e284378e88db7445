/** The agent with real tracers: live equals replay, links that break, several streams, responses, the flight recorder. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { readConfiguration } from '../src/agent/configuration.js';
import { Daemon } from '../src/agent/daemon.js';
import {
  askEpoch,
  challenge,
  eventsWanted,
  hash as hashRequest,
  kill as killRequest,
  readHello,
  refuse,
  welcome,
} from '../src/agent/message.js';
import { formatOf } from '../src/agent/outputs/output.js';
import { runProgram } from '../src/agent/program.js';
import { replay, replayFolder } from '../src/pipeline/index.js';
import { detectionLine } from '../src/pipeline/line.js';
import { RecordingWriter } from '../src/recording/index.js';
import { Engine, loadRules } from '../src/rules/index.js';
import { type Diagnostic, DiagnosticError } from '../src/support/diagnostic.js';
import { StringTable } from '../src/support/strings.js';
import { tracerAvailability } from '../src/tracer/index.js';
import { program } from './programs.js';
import { replay as replaySaved } from '../src/workbench/replay.js';

const executable = tracerAvailability().executable;
if (executable === undefined) {
  t.pass('skipped: the tracer is not built');
  process.exit(0);
}

const folder = mkdtempSync(join(tmpdir(), 'seccam-agent-'));
t.teardown(() => rmSync(folder, { recursive: true }));
let number = 0;
const fresh = (name: string): string => join(folder, `${++number}-${name}`);

function policy(text: string): string {
  const path = fresh('rules.policy');
  writeFileSync(path, `version: 1.0.0\nrules:\n${text}`);
  return path;
}

const watch = policy(`  - id: started
    expression: exec.file.path != ""
  - id: reads_passwd
    expression: open.file.path == "/etc/passwd" && process.ancestors.file.name in ["sh", "dash", "bash"]
`);

interface Started {
  readonly daemon: Daemon;
  readonly socket: string;
  readonly found: string;
  readonly problems: Diagnostic[];
  rules(): string[];
}

async function started(settings: Record<string, unknown>, listens = true, limits = false): Promise<Started> {
  const socket = fresh('s');
  const found = fresh('found.json');
  const given = { rules: [watch], socket: listens ? socket : '', control: '', ...settings };
  const flags = Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name, { value, flag: 'test' }]),
  );
  const problems: Diagnostic[] = [];
  const daemon = new Daemon({
    configuration: readConfiguration({ file: '', environment: {}, flags }),
    targets: [{ name: 'json', file: found }],
    onProblem: (item) => problems.push(item),
    onRemark: () => undefined,
    limits,
  });
  await daemon.listen();
  await daemon.serve(false);
  return {
    daemon,
    socket,
    found,
    problems,
    rules: () => lines(found).map((line) => (JSON.parse(line) as { rule_id: string }).rule_id),
  };
}

const lines = (path: string): string[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '');

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 3000) throw new Error(`never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Detections of recordings as the JSON lines that `replay` prints. */
async function replayed(
  t: Test,
  recordings: readonly string[],
  rules: readonly string[],
  limits = false,
): Promise<string> {
  const strings = new StringTable();
  const loaded = loadRules(rules, { strings }).rules;
  const format = formatOf('json', 'h');
  let text = '';
  const summary = await replay(recordings, {
    strings,
    engine: new Engine(loaded, { limits }),
    onDetection: (detection, event) =>
      (text += format.detection(detectionLine(detection, event, loaded.model))),
  });
  t.equal(summary.damaged, false, 'the saved stream is whole');
  return text;
}

/** The tracer as a process; resolves with its exit status. */
function trace(
  socket: string,
  script: string,
  args: readonly string[] = [],
): { child: ChildProcess; done: Promise<number> } {
  const child = spawn(executable!, ['--channel', `unix:${socket}`, ...args, '--', 'sh', '-c', script], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const done = new Promise<number>((resolve) =>
    child.once('exit', (code, signal) => resolve(code ?? (signal === null ? -1 : -2))),
  );
  return { child, done };
}

t.test('live detections of a program equal the replay of its saved stream, byte for byte', async (t) => {
  for (const script of [
    'cat /etc/passwd; exit 3',
    'for i in 1 2 3 4 5 6 7 8; do (cat /etc/passwd; ls /) & done; wait; kill -9 $$',
  ]) {
    const save = fresh('saved');
    const { daemon, found } = await started({ save }, false);
    const status = await runProgram(daemon, {
      command: ['sh', '-c', `{ ${script}; } >/dev/null`],
      onNotice: () => undefined,
    });
    await daemon.stop();
    t.equal(status, script.includes('kill') ? 137 : 3, "the exit status is the program's");
    const live = readFileSync(found, 'utf8');
    t.ok(live.includes('reads_passwd'), 'there is something to detect');
    const [name] = readdirSync(save).filter((file) => file.endsWith('.seccam'));
    t.equal(await replayed(t, [join(save, name!)], [watch]), live);
    t.equal(statSync(join(save, name!)).mode & 0o777, 0o600);
  }
});

t.test('a program that cannot be started says so with the statuses of env', async (t) => {
  for (const [command, status] of [
    ['/no/such/program', 127],
    ['/etc/passwd', 126],
  ] as const) {
    const { daemon, problems } = await started({}, false);
    const got = await runProgram(daemon, { command: [command], onNotice: () => undefined }).catch(
      (error: unknown) => (error instanceof DiagnosticError ? error.status : -1),
    );
    t.equal(got, status, command);
    t.strictSame(problems, [], 'and nothing else: no stream was cut');
    await daemon.stop();
  }
});

t.test(
  'streams of several tracers at once: each speaks for itself, and the folder replays to the live detections',
  async (t) => {
    const shared = policy(`  - id: first_reader
    expression: open.file.path == "/etc/passwd" && \${readers} < 6
    actions:
      - set:
          name: readers
          value: 1
          append: false
  - id: any_reader
    expression: open.file.path == "/etc/passwd"
    actions:
      - set:
          name: readers
          expression: \${readers} + 1
          default_value: 0
`);
    const save = fresh('saved');
    const { daemon, socket, found } = await started({ save, rules: [shared] });
    const runs = Array.from({ length: 6 }, (_, index) =>
      trace(socket, `for i in 1 2 3 4 5 6 7 8 9 10; do cat /etc/passwd >/dev/null; done; exit ${index}`),
    );
    t.strictSame(await Promise.all(runs.map((run) => run.done)), [0, 1, 2, 3, 4, 5]);
    await until('all streams have ended', () => daemon.agent.streams().length === 0);
    t.equal(daemon.agent.totals().links, 6);
    await daemon.stop();
    const live = readFileSync(found, 'utf8');
    t.equal(lines(found).filter((line) => line.includes('"any_reader"')).length, 60);
    const strings = new StringTable();
    const loaded = loadRules([shared], { strings }).rules;
    const format = formatOf('json', 'h');
    let again = '';
    const summary = replayFolder(save, {
      strings,
      engine: new Engine(loaded, { limits: false }),
      onDetection: (detection, event) =>
        (again += format.detection(detectionLine(detection, event, loaded.model))),
    });
    t.equal(summary.streams.length, 6);
    t.equal(summary.damaged, false);
    t.equal(again, live, 'in the order of consumption');
  },
);

t.test(
  'a disk that is full ends the saving of streams, told, and nothing else',
  { skip: process.geteuid?.() !== 0 && 'mounts want root' },
  (t) => {
    const place = fresh('small');
    mkdirSync(place);
    const mark = fresh('mark');
    const rules = policy(`  - id: reads
    expression: open.file.path == "/etc/hostname"
    every: 1us
`);
    const program = `import('${join(import.meta.dirname, '../src/commands/main.ts')}').then(({ main }) => main(process.argv.slice(1)))`;
    const script = `mount -t tmpfs -o size=160k none ${place} && exec "$@"`;
    const loop = `n=0; while [ $n -lt 300 ]; do : < /etc/hostname; /bin/true $n; n=$((n+1)); done; df --output=avail ${place} | tail -1 > ${mark}; exit 5`;
    const ran = spawnSync(
      'unshare',
      [
        ...['-m', 'sh', '-c', script, 'sh'],
        ...[process.execPath, '--import', 'tsx', '-e', program, '--', 'agent', 'start'],
        ...['-r', rules, '--format', 'json', '--save', `${place}/saved`, '--', 'sh', '-c', loop],
      ],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 64 << 20 },
    );
    t.equal(ran.status, 5, ran.stderr);
    t.match(ran.stderr, /no longer saved: ENOSPC.*\[save-failed\]/);
    t.notMatch(ran.stderr, /internal-error/);
    t.equal(ran.stdout.split('\n').filter((line) => line.includes('"reads"')).length, 300, 'all are told');
    t.ok(Number(readFileSync(mark, 'utf8')) < 64, 'the disk was full');
    t.end();
  },
);

/** An agent that can be killed: a process of its own. */
async function separate(socket: string, control: string, found: string): Promise<ChildProcess> {
  const program = `import('${join(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '../src/commands/main.ts')}').then(({ main }) => main(process.argv.slice(1)))`;
  const child = spawn(
    process.execPath,
    [
      '--import',
      'tsx',
      '-e',
      program,
      '--',
      'agent',
      'start',
      '-q',
      '--no-limits',
      '-r',
      watch,
      '--socket',
      socket,
      '--control',
      control,
      '--format',
      `json=${found}`,
    ],
    { cwd: new URL('..', import.meta.url).pathname, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  await until('the agent listens', () => existsSync(control));
  return child;
}

t.test(
  'kill -9 of the agent: the program notices nothing, detections resume, what was lost is told',
  async (t) => {
    const socket = fresh('s');
    const result = fresh('result');
    const script = `n=0; while [ $n -lt 1500 ]; do n=$((n+1)); : < /etc/passwd || echo failed >> ${result}; [ $((n % 10)) = 0 ] && { /bin/true || echo failed >> ${result}; sleep 0.04; }; done; echo done >> ${result}`;
    let control = fresh('c');
    const first = fresh('found.json');
    const agent = await separate(socket, control, first);
    const run = trace(socket, script);
    await until('detections come', () => existsSync(first) && statSync(first).size > 5000);
    agent.kill('SIGKILL');
    control = fresh('c');
    const second = fresh('found.json');
    const next = await separate(socket, control, second);
    await until('detections resume', () => statSync(second).size > 0);
    t.equal(await run.done, 0);
    t.equal(readFileSync(result, 'utf8'), 'done\n', 'no call failed');
    next.kill('SIGTERM');
    await new Promise((resolve) => next.once('exit', resolve));
    const seqs = [...lines(first), ...lines(second)].map(
      (line) => (JSON.parse(line) as { event: { seq: number } }).event.seq,
    );
    t.ok(
      seqs.every((seq, index) => index === 0 || seq > seqs[index - 1]!),
      'one numbering over both links, nothing twice',
    );
  },
);

t.test(
  'an agent that does not read: the program goes on, the tracer keeps a bounded amount and counts the rest',
  async (t) => {
    const socket = fresh('s');
    const control = fresh('c');
    const found = fresh('found.json');
    const agent = await separate(socket, control, found);
    agent.kill('SIGSTOP');
    const run = trace(socket, 'n=0; while [ $n -lt 8000 ]; do n=$((n+1)); : < /etc/passwd; done', [
      '--buffer',
      '65536',
      '--wait',
      '100',
    ]);
    t.equal(await run.done, 0, 'it ends although nobody listens');
    agent.kill('SIGCONT');
    const late = trace(socket, 'cat /etc/passwd >/dev/null');
    t.equal(await late.done, 0);
    await until('the agent is back', () => lines(found).some((line) => line.includes('reads_passwd')));
    agent.kill('SIGTERM');
    await new Promise((resolve) => agent.once('exit', resolve));
  },
);

t.test('no agent at all: run unobserved and say so in one line, or refuse', async (t) => {
  const nowhere = fresh('nowhere');
  const mark = fresh('mark');
  const script = ['--', 'sh', '-c', `echo ran > ${mark}; echo its own >&2; exit 6`];
  const run = (command: readonly string[], flags: readonly string[]) => {
    rmSync(mark, { force: true });
    const ran = spawnSync(
      command[0]!,
      [...command.slice(1), '--socket', nowhere, '--wait', '50', ...flags, ...script],
      { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' },
    );
    return { status: ran.status, out: ran.stdout, said: ran.stderr.split('\n'), ran: existsSync(mark) };
  };
  const program = `import('${join(import.meta.dirname, '../src/commands/main.ts')}').then(({ main }) => main(process.argv.slice(1)))`;
  const node = [process.execPath, '--import', 'tsx', '-e', program, '--'];
  for (const command of [[executable], [...node, 'trace']]) {
    const warned = run(command, []);
    t.match(warned, { status: 6, out: '', ran: true });
    t.equal(warned.said.length, 3, 'one line beside what the program says itself');
    t.match(
      warned.said[0],
      /not observed yet: no agent took the stream at ".*nowhere" within 50 ms \(.*No such file.*--on-no-agent refuse.*\[not-observed\]$/,
    );
    t.equal(warned.said[1], 'its own');
    t.match(run(command, ['--on-no-agent', 'refuse']), {
      status: 125,
      ran: false,
      said: [/\[no-agent\]$/, ''],
    });
  }
  const later = run([executable], ['--async']);
  t.match(later, { status: 6, ran: true, said: ['its own', /not observed at all.*\[not-observed\]$/, ''] });
  t.match(run([executable], ['--channel', 'agent.local:5678']), {
    status: 125,
    said: [/no address of an agent/],
  });
});

t.test('what is hidden from a recording is hidden from the agent', async (t) => {
  const program = `import('${join(import.meta.dirname, '../src/commands/main.ts')}').then(({ main }) => main(process.argv.slice(1)))`;
  // The agent lives in this process, so nothing here may block.
  const seccam = (...words: string[]) =>
    new Promise<{ status: number | null; stderr: string }>((resolve) => {
      const child = spawn(process.execPath, ['--import', 'tsx', '-e', program, '--', ...words], {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { ...process.env, HISTFILE: 'no-such-history' },
      });
      let stderr = '';
      child.stderr.on('data', (part: Buffer) => (stderr += part.toString()));
      child.once('close', (status) => resolve({ status, stderr }));
    });
  const flags = [
    ...['--redact', '--hush', '--redact-env', 'HISTFILE'],
    ...['--redact-path', '/no/such/place=PLACE', '--redact-path', '/no/other'],
  ];
  const command = ['--', '/bin/cat', '--hush=not-told', '/no/such/place/file', '/no/other/file'];
  const saves = [fresh('saved'), fresh('saved')];
  const agent = await started({ save: saves[0] });
  t.match(await seccam('trace', '--socket', agent.socket, ...flags, ...command), { status: 1 });
  await until('it is told', () => agent.rules().includes('started'));
  await agent.daemon.stop();
  t.match(await seccam('agent', 'start', '-r', watch, '--save', saves[1]!, ...flags, ...command), {
    status: 1,
  });
  for (const save of saves) {
    const bytes = readFileSync(
      join(save, readdirSync(save).find((name) => name.endsWith('.seccam'))!),
      'latin1',
    );
    t.match(bytes, 'PLACE');
    for (const secret of ['not-told', 'place/file', 'other/file', 'no-such-history'])
      t.notMatch(bytes, secret, `${secret} is not stored`);
  }
  const refused = await seccam('agent', 'start', '--socket', fresh('s'), '--redact', 'x');
  t.match(refused, { status: 125, stderr: /"--redact" is about the program.*\[bad-usage\]/ });
});

t.test('a program that ends before its agent has greeted is told of all the same', async (t) => {
  const agent = await started({});
  for (let round = 0; round < 5; round++) t.equal(await trace(agent.socket, 'exit 3', ['--async']).done, 3);
  await until('each of them is told', () => agent.rules().filter((rule) => rule === 'started').length === 5);
  await agent.daemon.stop();
});

t.test('kill: carried out by the tracer in enforce mode only, on the process that is meant', async (t) => {
  const rules = policy(`  - id: no_shadow
    expression: open.file.path == "/etc/shadow" && open.flags & O_DIRECTORY == 0
    actions:
      - kill:
          signal: SIGKILL
          scope: process
`);
  for (const mode of ['enforce', 'monitor'] as const) {
    const result = fresh('result');
    const { daemon, socket, found } = await started({ rules: [rules], mode });
    const inner =
      mode === 'enforce' ? 'exec 3</etc/shadow; while :; do sleep 0.05; done' : 'exec 3</etc/shadow; exit 9';
    const run = trace(socket, `sh -c "${inner}"; echo $? > ${result}; exit 4`);
    t.equal(await run.done, 4, `${mode}: the rest goes on`);
    t.equal(readFileSync(result, 'utf8'), mode === 'enforce' ? '137\n' : '9\n');
    await until('the stream has ended', () => daemon.agent.streams().length === 0);
    const [action] = (JSON.parse(lines(found)[0]!) as { actions: { kind: string; simulated: boolean }[] })
      .actions;
    t.match(action, { kind: 'kill', simulated: mode === 'monitor' });
    await daemon.stop();
  }
});

t.test(
  'reload in the middle of a stream: nothing is lost, the folder knows by which rules it was decided',
  async (t) => {
    const rules = policy('  - id: before\n    expression: open.file.path == "/etc/passwd"\n');
    const save = fresh('saved');
    const go = fresh('go');
    const { daemon, socket, found, rules: ids } = await started({ rules: [rules], save });
    const run = trace(socket, `: < /etc/passwd; while [ ! -e ${go} ]; do sleep 0.02; done; : < /etc/passwd`);
    await until('the first rule has fired', () => ids().length === 1);
    writeFileSync(
      rules,
      'version: 1.0.0\nrules:\n  - id: after\n    expression: open.file.path == "/etc/passwd"\n',
    );
    t.equal(daemon.agent.reload().done, true);
    writeFileSync(go, '');
    t.equal(await run.done, 0);
    await until('the stream has ended', () => daemon.agent.streams().length === 0);
    await daemon.stop();
    t.strictSame(ids(), ['before', 'after']);
    t.equal(lines(found).length, 2);
    t.equal(lines(join(save, 'order.jsonl')).filter((line) => line.includes('"rules"')).length, 2);
    // By default a saved folder is decided by the rules that decided then, as they changed.
    let again = '';
    const format = formatOf('json', 'h');
    for await (const item of replaySaved({ recordings: [save], noLimits: true, cwd: folder }))
      if (item.kind === 'detection') again += format.detection(item.detection);
      else if (item.kind === 'start') t.equal(item.rules.from, 'recorded');
    t.equal(again, readFileSync(found, 'utf8'), 'replay DIR equals live, over the reload');
    rmSync(join(save, readdirSync(save).filter((name) => name.startsWith('rules-'))[0]!));
    await t.rejects(async () => {
      for await (const item of replaySaved({ recordings: [save], cwd: folder })) t.ok(item);
    }, 'without their texts it says so');
  },
);

t.test('the flight recorder saves what led to a detection as a recording that replays to it', async (t) => {
  const flight = fresh('flight');
  const { daemon, socket } = await started({
    'flight.folder': flight,
    'flight.rules': ['reads_*'],
    'flight.after': '100ms',
  });
  const run = trace(socket, 'ls / >/dev/null; cat /etc/passwd >/dev/null; sleep 1');
  await until('it is saved', () => readdirSync(flight).some((name) => name.endsWith('.seccam')));
  t.equal(await run.done, 0);
  await daemon.stop();
  const recordings = readdirSync(flight).filter((name) => name.endsWith('.seccam'));
  t.equal(recordings.length, 1, 'one per rule and time');
  t.match(recordings[0], /^reads_passwd-/);
  t.match(await replayed(t, [join(flight, recordings[0]!)], [watch]), /"reads_passwd"/);
});

t.test('the tracer records what the rules of the agent need, beyond what it records by itself', async (t) => {
  const target = fresh('target');
  const rules = policy(`  - id: written\n    expression: write.file.path == "${target}"\n`);
  const { daemon, socket, rules: ids } = await started({ rules: [rules] });
  t.equal(await trace(socket, `echo hello > ${target}`).done, 0);
  await until(
    'the stream has ended',
    () => daemon.agent.totals().links === 1 && daemon.agent.streams().length === 0,
  );
  await daemon.stop();
  t.strictSame(ids(), ['written']);
});

t.test('over TCP: a tracer with the token is served, one without is told why', async (t) => {
  const spare = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => spare.once('listening', resolve));
  const { port } = spare.address() as AddressInfo;
  await new Promise((resolve) => spare.close(resolve));
  const token = fresh('token');
  writeFileSync(token, 'a secret that nobody guesses\n', { mode: 0o600 });
  const { daemon, rules: ids } = await started({ listen: `127.0.0.1:${port}`, token_file: token });
  const run = (args: readonly string[]): Promise<number | null> =>
    new Promise((resolve) => {
      const child = spawn(
        executable,
        [
          '--probe-addr',
          `127.0.0.1:${port}`,
          ...args,
          '--',
          'sh',
          '-c',
          'cat /etc/passwd >/dev/null; exit 5',
        ],
        { stdio: 'ignore' },
      );
      child.once('exit', (code) => resolve(code));
    });
  t.equal(await run(['--token-file', token]), 5);
  t.equal(await run(['--wait', '200', '--on-no-agent', 'refuse']), 125);
  await until('the stream has ended', () => daemon.agent.streams().length === 0);
  await daemon.stop();
  t.ok(ids().includes('reads_passwd'));
});

t.test('over TLS: the token is the key, and who has another one or none gets nothing', async (t) => {
  const token = fresh('token');
  writeFileSync(token, 'correct horse battery staple\n', { mode: 0o600 });
  const other = fresh('other');
  writeFileSync(other, 'incorrect horse battery\n', { mode: 0o600 });
  const spare = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => spare.once('listening', resolve));
  const { port } = spare.address() as AddressInfo;
  await new Promise((resolve) => spare.close(resolve));
  const agent = await started({ listen: `tls:127.0.0.1:${port}`, token_file: token }, false);
  const run = (args: readonly string[]): Promise<{ status: number; said: string }> => {
    const child = spawn(executable!, [...args, '--', 'cat', '/etc/passwd'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (part: Buffer) => (said += part.toString()));
    return new Promise((resolve) => child.once('close', (code) => resolve({ status: code ?? -1, said })));
  };
  const address = ['--probe-addr', `tls:127.0.0.1:${port}`];
  const without = await run(address);
  if (without.said.includes('built without')) {
    t.equal(without.status, 125, 'an executable without TLS refuses');
    await agent.daemon.stop();
    return;
  }
  t.match(without, { status: 125, said: /--token-file/ });
  t.match(await run([...address, '--token-file', other, '--wait', '3000', '--on-no-agent', 'refuse']), {
    status: 125,
    said: /no common secret/,
  });
  t.match(
    await run([
      '--probe-addr',
      `127.0.0.1:${port}`,
      '--token-file',
      token,
      '--wait',
      '300',
      '--on-no-agent',
      'refuse',
    ]),
    { status: 125 },
    'nobody is served in the clear',
  );
  t.strictSame(agent.rules(), []);
  t.equal((await run([...address, '--token-file', token])).status, 0);
  await until('its detection', () => agent.rules().includes('started'));
  await agent.daemon.stop();
});

t.test('hash: the file that is meant is read by the tracer, and the detection waits for it', async (t) => {
  const content = 'what is hashed\n'.repeat(5000);
  const path = fresh('big');
  writeFileSync(path, content);
  const rules = policy(`  - id: read
    expression: open.file.path == "${path}"
    actions: [{hash: {field: open.file}}]
  - id: too_big
    expression: open.file.path == "${path}"
    actions: [{hash: {field: open.file, max_file_size: 100}}]
  - id: no_file
    expression: open.file.path == "/dev/zero"
    actions: [{hash: {field: open.file}}]
`);
  const agent = await started({ rules: [rules] });
  t.equal(await trace(agent.socket, `cat ${path} | wc -c; head -c 1 /dev/zero; sleep 1`).done, 0);
  await until('all are told', () => agent.rules().length >= 3);
  const found = new Map(
    lines(agent.found).map((line) => {
      const { rule_id, actions } = JSON.parse(line) as {
        rule_id: string;
        actions: { detail: Record<string, unknown>; simulated: boolean }[];
      };
      return [rule_id, actions[0]!];
    }),
  );
  t.match(found.get('read'), {
    simulated: false,
    detail: {
      path,
      state: 'done',
      hashes: [`sha256:${createHash('sha256').update(content).digest('hex')}`],
      size: content.length,
    },
  });
  t.match(found.get('too_big')?.detail, { state: 'file-too-big', hashes: [] });
  t.match(found.get('no_file')?.detail, { state: 'failed', error: 'EINVAL' });
  await agent.daemon.stop();
});

t.test(
  'hash: a file that is gone, was replaced, has no name or lay in mounts that are gone is the one of the event',
  { skip: process.geteuid?.() !== 0 && 'mounts want root' },
  async (t) => {
    const place = fresh('place');
    mkdirSync(place);
    const loaded = readFileSync('/bin/true');
    const sha = (bytes: Buffer | string): string =>
      `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const rules = policy(`  - id: ran
    expression: exec.file.path in ["${place}/gone", "${place}/mounted/program", "${place}/replaced"]
    actions: [{hash: {field: exec.file}}]
  - id: ran_from_memory
    expression: exec.file.path == "" && exec.file.name =~ "memfd:*"
    actions: [{hash: {field: exec.file}}]
  - id: removed
    expression: unlink.file.path == "${place}/secret"
    actions: [{hash: {field: unlink.file}}]
  - id: read_by_the_gone
    expression: open.file.path == "${place}/data"
    actions: [{hash: {field: process.file}}]
`);
    writeFileSync(join(place, 'data'), 'data');
    const cat = readFileSync('/bin/cat');
    const cases: [string, string, string][] = [
      ['a program that is deleted', `cp /bin/true gone; ./gone; rm gone`, sha(loaded)],
      ['a tree that is over', `cp /bin/true gone; exec ./gone`, sha(loaded)],
      [
        'a program that another replaces',
        `cp /bin/true replaced; cp /bin/cat other; ./replaced; mv other replaced`,
        sha(loaded),
      ],
      [
        'mounts of a namespace that is gone',
        `mkdir -p mounted; unshare -m sh -c 'mount -t tmpfs none mounted; cp /bin/true mounted/program; exec mounted/program'`,
        sha(loaded),
      ],
      ['a file that is removed', `echo gone for good > secret; rm secret`, sha('gone for good\n')],
      ['the program of a process that is over', `cp /bin/cat mine; ./mine data; rm mine`, sha(cat)],
      ['a program in memory', `exec ${program('exec-memfd')}`, sha(loaded)],
    ];
    const agent = await started({ rules: [rules] });
    for (const [what, script, hash] of cases) {
      const before = lines(agent.found).length;
      t.equal(await trace(agent.socket, `cd ${place} && { ${script}; }`).done, 0, what);
      await until(`${what} is told`, () => lines(agent.found).length > before);
      const { actions } = JSON.parse(lines(agent.found)[before]!) as {
        actions: { detail: { state: string; hashes: string[]; error?: string } }[];
      };
      t.match(actions[0]!.detail, { state: 'done', hashes: [hash] }, what);
    }
    t.equal(
      await trace(
        agent.socket,
        `cd ${place}; for n in 1 2 3 4 5 6 7 8; do mount -t tmpfs none mounted; cp /bin/true mounted/program; mounted/program; mount -o remount,ro mounted; umount mounted || exit 1; done`,
      ).done,
      0,
      'what is held stands in the way of no unmount',
    );
    await agent.daemon.stop();
  },
);

t.test(
  'a reload for events beyond the filter: every call stops from then on, and the recording tells',
  async (t) => {
    const rules = policy(`  - id: started
    expression: exec.file.path != ""
`);
    const save = fresh('saved');
    const agent = await started({ rules: [rules], save });
    const flag = fresh('flag');
    const traced = trace(
      agent.socket,
      `: > ${flag}.ready; until [ -e ${flag} ]; do sleep 0.05; done; truncate -s 100 ${flag}.ready; exit 7`,
      ['--trace', 'lean'],
    );
    await until('it runs', () => existsSync(`${flag}.ready`));
    writeFileSync(
      rules,
      `version: 1.0.0
rules:
  - id: cuts
    expression: truncate.file.path == "${flag}.ready"
`,
    );
    t.equal(agent.daemon.agent.reload().done, true);
    await new Promise((resolve) => setTimeout(resolve, 500));
    writeFileSync(flag, '');
    t.equal(await traced.done, 7, 'the program goes on and ends as it would');
    await until('what the filter did not let through is seen', () => agent.rules().includes('cuts'));
    await agent.daemon.stop();
    const name = readdirSync(save).find((file) => file.endsWith('.seccam'))!;
    const spots: unknown[] = [];
    await replay([join(save, name)], {
      onRecord: (record, values) => {
        if (record === 'blind_spot') spots.push(values['detail']);
      },
    });
    t.match(spots.join(), /until here not seen.* truncate/);
  },
);

t.test(
  'the flight recorder saves what rules knew: the recording replays to the same detection',
  async (t) => {
    const rules = policy(`  - id: marks
    expression: open.file.path == "/etc/hostname"
    actions:
      - {set: {name: marked, value: yes, scope: process, inherited: true}}
      - {set: {name: seen, field: open.file.name, append: true, ttl: 1h}}
  - id: later
    expression: open.file.path == "/etc/passwd" && \${process.marked} == "yes" && "hostname" in \${seen}
`);
    const flight = fresh('flight');
    const agent = await started({
      rules: [rules],
      flight: { folder: flight, keep: '1ms', rules: ['later'], after: '0s' },
    });
    const flag = fresh('flag');
    const traced = trace(
      agent.socket,
      `cat() { while read -r line; do :; done < $1; }; cat /etc/hostname; : > ${flag}.ready; until [ -e ${flag} ]; do sleep 0.05; done; cat /etc/passwd; sleep 1`,
    );
    await until('it waits', () => existsSync(`${flag}.ready`));
    const [stream] = agent.daemon.agent.streams();
    const before = stream!.facts().epoch;
    // A new epoch, so that what marked the process is not in what is kept.
    stream!.send(askEpoch());
    await until('an epoch begins', () => stream!.facts().epoch > before);
    await new Promise((resolve) => setTimeout(resolve, 300));
    writeFileSync(flag, '');
    t.equal(await traced.done, 0);
    await until('it is saved', () => readdirSync(flight).some((name) => name.endsWith('.seccam')));
    const live = lines(agent.found).filter((line) => line.includes('"rule_id":"later"'));
    t.equal(live.length, 1);
    await agent.daemon.stop();
    const saved = readdirSync(flight)
      .filter((name) => name.endsWith('.seccam'))
      .map((name) => join(flight, name));
    const again = (await replayed(t, saved, [rules])).split('\n').filter((line) => line !== '');
    t.notOk(
      again.some((line) => line.includes('"rule_id":"marks"')),
      'what set the variables is not in it',
    );
    t.strictSame(again, live);
  },
);

t.test(
  'a saved recording replays to the same detection also when another stream set the variable',
  async (t) => {
    const rules = policy(`  - id: marks
    expression: open.file.path == "/etc/hostname"
    silent: true
    actions:
      - {set: {name: seen, field: open.file.name, append: true, ttl: 1h}}
      - {set: {name: marked, value: true}}
  - id: reads_before
    expression: open.file.path == "/etc/passwd" && "hostname" not in \${seen}
    actions: [{set: {name: begun, value: true, scope: process}}]
  - id: reads_after
    expression: open.file.path == "/etc/passwd" && \${marked} && "hostname" in \${seen}
`);
    const flight = fresh('flight');
    const agent = await started({ rules: [rules], flight: { folder: flight, rules: ['reads_after'] } });
    const flag = fresh('flag');
    const reader = trace(
      agent.socket,
      `: < /etc/passwd; until [ -e ${flag} ]; do sleep 0.05; done; : < /etc/passwd; sleep 1`,
    );
    await until('the reader runs', () => agent.rules().includes('reads_before'));
    t.equal(await trace(agent.socket, ': < /etc/hostname').done, 0);
    await until('the mark is set', () => agent.daemon.agent.status().detections >= 2);
    writeFileSync(flag, '');
    t.equal(await reader.done, 0);
    await until('it is saved', () => readdirSync(flight).some((name) => name.endsWith('.seccam')));
    const live = lines(agent.found);
    t.strictSame(agent.rules(), ['reads_before', 'reads_after']);
    t.match(agent.daemon.agent.status(), { silent: 1, suppressed: 0 }, 'silence is no rate limit');
    await agent.daemon.stop();
    const saved = readdirSync(flight).map((name) => join(flight, name));
    const again = (await replayed(t, saved, [rules])).split('\n').filter((line) => line !== '');
    t.strictSame(again, live);
  },
);

t.test(
  'a saved recording replays to the same deliveries also when another stream used the limit',
  async (t) => {
    const rules = policy(`  - id: begins
    expression: open.file.path == "/etc/passwd"
  - id: once
    expression: open.file.path == "/etc/hostname"
    every: 1h
  - id: each
    expression: open.file.path == "/etc/hostname"
    every: 1h
    limiter_token: [process.file.name]
  - id: ends
    expression: open.file.path == "/etc/group"
`);
    const flight = fresh('flight');
    const settings = { rules: [rules], flight: { folder: flight, rules: ['ends'] } };
    const agent = await started(settings, true, true);
    const flag = fresh('flag');
    const reader = trace(
      agent.socket,
      `: < /etc/passwd; until [ -e ${flag} ]; do sleep 0.05; done; : < /etc/hostname; cat /etc/hostname; : < /etc/group; sleep 1`,
    );
    await until('the reader runs', () => agent.rules().includes('begins'));
    t.equal(await trace(agent.socket, ': < /etc/hostname').done, 0);
    await until('the limit is used up', () => agent.rules().includes('once'));
    writeFileSync(flag, '');
    t.equal(await reader.done, 0);
    await until('it is saved', () => readdirSync(flight).some((name) => name.endsWith('.seccam')));
    const live = agent.rules();
    t.strictSame(live, ['begins', 'once', 'each', 'each', 'ends'], 'the shell once, cat once');
    await agent.daemon.stop();
    const saved = readdirSync(flight).map((name) => join(flight, name));
    const told = async (limits: boolean) =>
      (await replayed(t, saved, [rules], limits))
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as { rule_id: string; delivered: boolean })
        .filter(({ delivered }) => delivered)
        .map(({ rule_id }) => rule_id);
    t.strictSame(await told(true), ['begins', 'each', 'ends'], 'what its own stream was told');
    t.strictSame(await told(false), ['begins', 'once', 'each', 'once', 'each', 'ends']);
  },
);

t.test(
  'a time to live that streams share runs on the clock of the machine, not on that of each stream',
  async (t) => {
    const rules = policy(`  - id: marks
    expression: open.file.path == "/etc/hostname"
    actions: [{set: {name: marked, value: true, ttl: 10s}}]
  - id: reads
    expression: open.file.path == "/etc/passwd" && \${marked}
`);
    const second = (count: number): bigint => BigInt(count) * 1_000_000_000n;
    /** A stream that began at a boot time, with opens at boot times. */
    const recording = (began: number, opens: readonly (readonly [number, string])[]): Buffer => {
      const parts: Buffer[] = [];
      const writer = new RecordingWriter((bytes) => parts.push(Buffer.from(bytes)), {
        header: {
          mode: 'synthetic',
          command: ['x'],
          started: { boottime: String(second(began)), realtime: String(second(1_700_000_000 + began)) },
          traced: ['open'],
        },
      });
      writer.checkpoint();
      writer.record('clock', { boottime: second(began), realtime: second(1_700_000_000 + began) });
      writer.record('process', { pid: 9, tid: 9, flags: 9, start_time: second(1), file: { path: '/bin/x' } });
      for (const [time, path] of opens)
        writer.event('open', { pid: 9, tid: 9, time: second(time), retval: 3 }, { file: { path } });
      writer.end();
      return Buffer.concat(parts);
    };
    const save = fresh('saved');
    const agent = await started({ rules: [rules], save }, false);
    const peer = { kind: 'file', uid: 0, pid: 1, address: 'test' } as const;
    for (const [began, opens] of [
      [100, [[101, '/etc/hostname']]],
      // By its own clock it is 7 s old when the 10 s are over, and the other one 102 s while they last.
      [
        105,
        [
          [106, '/etc/passwd'],
          [112, '/etc/passwd'],
        ],
      ],
      [
        1,
        [
          [103, '/etc/passwd'],
          [200, '/etc/passwd'],
        ],
      ],
    ] as const) {
      const stream = agent.daemon.agent.open(peer, undefined, undefined, [`from-${began}`]);
      t.equal(stream.take(recording(began, opens)), true);
      stream.end();
    }
    await agent.daemon.stop();
    const seen = lines(agent.found).map((line) => {
      const { rule_id, event } = JSON.parse(line) as { rule_id: string; event: { timestamp: string } };
      return [rule_id, Number(BigInt(event.timestamp) / 1_000_000_000n) - 1_700_000_000];
    });
    t.strictSame(seen, [
      ['marks', 101],
      ['reads', 106],
      ['reads', 103],
    ]);
    let again = '';
    const format = formatOf('json', 'h');
    for await (const item of replaySaved({ recordings: [save], noLimits: true, cwd: folder }))
      if (item.kind === 'detection') again += format.detection(item.detection);
    t.equal(again, readFileSync(agent.found, 'utf8'), 'and so when the folder is replayed');
  },
);

t.test('an agent that means harm, or has lost its mind, harms no program', async (t) => {
  const path = fresh('hostile');
  let seed = 7;
  const below = (bound: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % bound;
  };
  const noise = (length: number): Buffer => Buffer.from(Array.from({ length }, () => below(256)));
  const nothing = { events: new Uint32Array(8), hashed: new Uint32Array(8) };
  const any = (): Uint32Array => Uint32Array.from({ length: 8 }, () => below(2 ** 31));
  const requests: (() => Buffer)[] = [
    () =>
      killRequest({ id: below(9), pid: below(2 ** 31), signal: 9, scope: 'container', seq: 1, boottime: 0n }),
    () =>
      hashRequest({
        id: below(99),
        pid: below(40_000),
        path: '/proc/self/mem',
        inode: 0,
        device: 0,
        most: 2 ** 31,
      }),
    () =>
      hashRequest({
        id: below(99),
        pid: 1,
        path: `/${'a'.repeat(3900)}`,
        inode: below(2),
        device: below(2),
        most: 2 ** 31,
      }),
    () => askEpoch(),
    () => eventsWanted({ events: any(), hashed: any() }),
    () => refuse(below(9), 'x'.repeat(below(200))),
    () =>
      Buffer.concat([
        Buffer.from(Uint32Array.of(8 * (1 + below(8191)), below(60)).buffer),
        noise(below(9000)),
      ]),
    () => noise(1 + below(300)),
  ];
  let messages = 0;
  const server = createServer((link) => {
    link.on('error', () => undefined);
    const mode = below(8);
    if (mode === 0) return void link.end(noise(below(100)));
    const { bytes, nonce } = challenge(false);
    link.write(bytes);
    let have: Buffer = Buffer.alloc(0);
    link.on('data', function greet(chunk: Buffer) {
      have = Buffer.concat([have, chunk]);
      if (have.length < 8 || have.length < have.readUInt32LE(0)) return;
      link.off('data', greet).resume();
      const result = readHello(have.subarray(0, have.readUInt32LE(0)), nonce, undefined);
      if (!('hello' in result)) return void link.destroy();
      const answer = Buffer.from(welcome(result.hello, undefined, nothing));
      if (mode === 1) answer[below(answer.length)] = below(256);
      link.write(answer);
      if (mode === 2) link.pause();
      const timer = setInterval(() => {
        for (let count = below(20); count > 0; count--) {
          const message = Buffer.from(requests[below(requests.length)]!());
          if (below(3) === 0) message[below(message.length)] = below(256);
          link.write(message);
          messages += 1;
        }
        if (below(20) === 0) link.destroy();
      }, 5);
      link.on('close', () => clearInterval(timer));
    });
  }).listen(path);
  await new Promise((resolve) => server.once('listening', resolve));
  const script =
    'i=0; while [ $i -lt 150 ]; do i=$((i+1)); cat /etc/hostname >/dev/null || exit 1; : < /etc/passwd || exit 2; done; exit 7';
  for (let run = 0; run < 6; run++)
    t.equal(await trace(path, script, ['--wait', '300', '--buffer', '65536']).done, 7);
  t.ok(messages > 0, `${messages} messages`);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
});
