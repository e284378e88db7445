/** The agent without streams: settings, clients that mean harm, outputs, what lies in a folder of streams. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer as createHttpServer, get } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import t from 'tap';
import { readConfiguration, settingNames, variableOf } from '../src/agent/configuration.js';
import { ask } from '../src/agent/control.js';
import { Daemon } from '../src/agent/daemon.js';
import { globMatcher } from '../src/agent/glob.js';
import { type Hello, welcomeIsProven, writeHello } from '../src/agent/message.js';
import { DescriptorOutput, FileOutput } from '../src/agent/outputs/descriptor.js';
import { forRules, formatOf } from '../src/agent/outputs/output.js';
import { SyslogOutput } from '../src/agent/outputs/syslog.js';
import { WebhookOutput } from '../src/agent/outputs/webhook.js';
import type { DetectionLine } from '../src/outputs/answers.js';
import { BlockSplitter } from '../src/recording/blocks.js';
import { type Diagnostic, DiagnosticError } from '../src/support/diagnostic.js';
import { loadWritable } from '../src/tracer/writable.js';

const folder = mkdtempSync(join(tmpdir(), 'seccam-agent-parts-'));
t.teardown(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode });
  chmodSync(path, mode);
  return path;
}

function complaints(run: () => unknown): readonly Diagnostic[] {
  try {
    run();
  } catch (error) {
    if (error instanceof DiagnosticError) return error.diagnostics;
    throw error;
  }
  return [];
}

async function rejection(promise: Promise<unknown>): Promise<readonly Diagnostic[]> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof DiagnosticError) return error.diagnostics;
    throw error;
  }
  return [];
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 1500) throw new Error(`never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const rules = file(
  'one.policy',
  `version: 1.0.0
rules:
  - id: reads_shadow
    expression: open.file.path == "/etc/shadow"
`,
);

t.test(
  'each setting knows where it came from; flags win over variables, variables over the file',
  async (t) => {
    const path = file(
      'settings.yaml',
      'rules: [a]\nmode: enforce\nlimits:\n  buffer: 1MiB\n  streams: 7\nlisten: 127.0.0.1:1\n',
    );
    const { settings, entries } = readConfiguration({
      file: path,
      environment: { SECCAM_LISTEN: '127.0.0.1:2', SECCAM_ALLOW_UIDS: '0, 33', SECCAM_LIMITS_STREAMS: '8' },
      flags: { listen: { value: '127.0.0.1:3', flag: '--listen' } },
    });
    t.strictSame(
      [settings.listen, settings.limits.streams, settings.limits.buffer, settings.allow_uids],
      ['127.0.0.1:3', 8, '1MiB', [0, 33]],
    );
    const origin = (name: string): string | undefined => entries.find((entry) => entry.name === name)?.origin;
    t.strictSame(['listen', 'limits.streams', 'limits.buffer', 'mode', 'save', 'allow_uids'].map(origin), [
      '--listen',
      'SECCAM_LIMITS_STREAMS',
      `${path}:4`,
      `${path}:2`,
      'default',
      'SECCAM_ALLOW_UIDS',
    ]);
    t.strictSame(entries.map((entry) => entry.name).sort(), settingNames().sort(), 'every setting is shown');
    t.equal(
      new Set(settingNames().map(variableOf)).size,
      settingNames().length,
      'no two settings share a variable',
    );
  },
);

t.test('everything that is wrong with the settings is told at once, with its place', async (t) => {
  const path = file(
    'wrong.yaml',
    'ruls: [a]\nlimits:\n  bufer: 1MiB\n  streams: many\nlisten: 5678\noutputs:\n  - type: smoke\n',
  );
  const list = complaints(() =>
    readConfiguration({ file: path, environment: { SECCAM_ALL_RESULTS: 'perhaps' } }),
  );
  t.strictSame(
    list
      .map((item) => [item.code, item.span?.start.line])
      .sort((a, b) => Number(a[1] ?? 0) - Number(b[1] ?? 0)),
    [
      ['bad-configuration', undefined],
      ['unknown-key', 1],
      ['unknown-key', 3],
      ['bad-configuration', 4],
      ['bad-configuration', 5],
      ['bad-configuration', 7],
    ],
  );
  const messages = (text: string, environment = {}): string =>
    complaints(() => readConfiguration({ file: file('one.yaml', text), environment }))
      .map((item) => [item.message, ...item.suggestions.map((one) => one.text)].join(' '))
      .join();
  for (const [text, message] of [
    [
      'outputs: [{type: file, pth: x}]',
      /"outputs.0.path" is missing: want.*no setting "outputs.0.pth".*"path"/,
    ],
    ['outputs: [{type: smoke}]', /is "smoke": want "file" or "syslog" or "webhook"/],
    ['listen: "127.0.0.1:70000"', /is "127.0.0.1:70000": want .*65535/],
    ['mode: enforced', /is "enforced": want "monitor" or "enforce"/],
    ['flight: {keep: 10}', /is 10: want a duration/],
    ['limits: {streams: 1.5}', /is 1.5: want/],
  ] as const)
    t.match(messages(text), message);
  t.match(messages('', { SECCAM_ALLOW_UIDS: 'a,b' }), /want whole numbers/);
  const { warnings } = readConfiguration({
    file: '',
    environment: { SECCAM_MOED: 'enforce', SECCAM_DEBUG: '1', SECCAM_MODE: 'monitor', OTHER: 'x' },
  });
  t.match(
    warnings.map((item) => [item.severity, item.message, item.suggestions[0]?.text]),
    [['warning', /SECCAM_MOED/, /SECCAM_MODE/]],
  );
  t.match(list.find((item) => item.message.includes('bufer'))?.suggestions[0]?.text, /"buffer"/);
  for (const [name, text, code] of [
    ['absent', undefined, 'configuration-unreadable'],
    ['broken', 'a: [', 'configuration-unreadable'],
    ['list', '- a\n', 'bad-configuration'],
  ] as const) {
    const given = text === undefined ? join(folder, 'absent.yaml') : file(`${name}.yaml`, text);
    t.equal(complaints(() => readConfiguration({ file: given, environment: {} }))[0]?.code, code, name);
  }
});

interface Started {
  readonly daemon: Daemon;
  readonly socket: string;
  readonly control: string;
  readonly problems: Diagnostic[];
}

let count = 0;
async function started(settings: Record<string, unknown> = {}): Promise<Started> {
  count += 1;
  const base = {
    rules: [rules],
    socket: join(folder, `s${count}.sock`),
    control: join(folder, `c${count}.sock`),
    ...settings,
  };
  const configuration = readConfiguration({
    file: '',
    environment: {},
    flags: Object.fromEntries(Object.entries(base).map(([name, value]) => [name, { value, flag: 'test' }])),
  });
  const problems: Diagnostic[] = [];
  const daemon = new Daemon({
    configuration,
    targets: [{ name: 'json', file: join(folder, `d${count}.json`) }],
    onProblem: (item) => problems.push(item),
    onRemark: () => undefined,
  });
  await daemon.listen();
  await daemon.serve(false);
  return { daemon, socket: base.socket, control: base.control, problems };
}

/** A client that sends what it likes; `closed` resolves with all that it was sent. */
function client(to: string | { host: string; port: number }): {
  socket: Socket;
  closed: Promise<Buffer>;
  got: () => Buffer;
} {
  const socket = typeof to === 'string' ? connect(to) : connect(to);
  const parts: Buffer[] = [];
  socket.on('data', (part) => parts.push(part));
  socket.on('error', () => undefined);
  const closed = new Promise<Buffer>((resolve) => socket.on('close', () => resolve(Buffer.concat(parts))));
  return { socket, closed, got: () => Buffer.concat(parts) };
}

const hello = (stream = randomBytes(16).toString('hex')): Hello => ({
  protocol: 1,
  stream,
  nonce: randomBytes(32).toString('hex'),
  pid: 1,
  uid: 0,
  link: 1,
  lost: 0,
  command: ['x'],
});
const nonceOf = (challenge: Buffer): Buffer => challenge.subarray(16, 48);

async function challenged(one: ReturnType<typeof client>): Promise<Buffer> {
  await until('a challenge comes', () => one.got().length >= 48);
  return one.got().subarray(0, 48);
}

t.test('a client that means harm harms nobody: it is cut off, told of, and others are served', async (t) => {
  const { daemon, socket, control, problems } = await started({
    'limits.greeting': '300ms',
    'limits.buffer': '1MiB',
  });
  const refused = async (
    name: string,
    send: (one: ReturnType<typeof client>) => void | Promise<void>,
  ): Promise<void> => {
    const before = daemon.agent.totals();
    const one = client(socket);
    await send(one);
    await one.closed;
    await until(
      `${name} is counted`,
      () =>
        daemon.agent.totals().refused + daemon.agent.totals().damaged === before.refused + before.damaged + 1,
    );
    t.equal(daemon.agent.streams().length, 0, `${name}: no stream stays`);
  };
  await refused('noise instead of a hello', (one) => void one.socket.write(randomBytes(4096)));
  await refused('a message of 10 GB', (one) => {
    const head = Buffer.alloc(8);
    head.writeUInt32LE(0xfffffff8, 0);
    head.writeUInt16LE(2, 4);
    one.socket.write(head);
  });
  await refused('a byte now and then', (one) => {
    const timer = setInterval(() => one.socket.write('\0'), 40);
    one.socket.on('close', () => clearInterval(timer));
  });
  await refused('a hello that is no JSON', async (one) => {
    await challenged(one);
    const bytes = writeHello(hello(), Buffer.alloc(32), undefined);
    bytes.fill(0x7b, 40);
    one.socket.write(bytes);
  });
  await refused(
    'a protocol of the future',
    async (one) =>
      void one.socket.write(
        writeHello({ ...hello(), protocol: 99 }, nonceOf(await challenged(one)), undefined),
      ),
  );
  const greeted = async (one: ReturnType<typeof client>): Promise<void> => {
    one.socket.write(writeHello(hello(), nonceOf(await challenged(one)), undefined));
    await until('the welcome comes', () => one.got().length > 48);
  };
  await refused('a stream that is no recording', async (one) => {
    await greeted(one);
    one.socket.write(randomBytes(64));
  });
  const preamble = Buffer.from('8953454343414d0a0100000000000000', 'hex');
  await refused('a block of 4 GB', async (one) => {
    await greeted(one);
    const header = Buffer.alloc(48);
    header.writeUInt32LE(0x31424353, 0);
    header.writeUInt32LE(0xfffffff0, 8);
    header.writeUInt32LE(crc32(header.subarray(0, 44)), 44);
    one.socket.write(Buffer.concat([preamble, header]));
  });
  await refused('a block that never ends', async (one) => {
    await greeted(one);
    const header = Buffer.alloc(48);
    header.writeUInt32LE(0x31424353, 0);
    header.writeUInt16LE(1, 4);
    header.writeUInt32LE(8 << 20, 8);
    header.writeUInt32LE(8 << 20, 12);
    header.writeUInt32LE(crc32(header.subarray(0, 44)), 44);
    one.socket.write(Buffer.concat([preamble, header]));
    const more = Buffer.alloc(65536);
    const fill = (): void => {
      while (!one.socket.destroyed && one.socket.write(more));
    };
    one.socket.on('drain', fill);
    fill();
  });
  t.ok(problems.every((item) => item.code === 'stream-refused' || item.code === 'stream-damaged'));
  const status = (await ask(control, { verb: 'status' })) as { status: { refused: number; damaged: number } };
  t.strictSame([status.status.refused, status.status.damaged], [5, 3]);
  await daemon.stop();
  t.notOk(existsSync(socket), 'the socket is gone');
});

t.test('random bytes after a good greeting never bring the agent down', async (t) => {
  const { daemon, socket } = await started();
  for (let round = 0; round < 150; round++) {
    const one = client(socket);
    one.socket.write(writeHello(hello(), nonceOf(await challenged(one)), undefined));
    const bytes = Buffer.concat([Buffer.from('8953454343414d0a0100000000000000', 'hex'), Buffer.alloc(48)]);
    bytes.writeUInt32LE(0x31424353, 16);
    bytes.writeUInt16LE(1 + (round % 4), 20);
    const payload = randomBytes(8 * (1 + (round % 60)));
    if (round % 3 === 0) payload.writeUInt32LE(payload.length, 0);
    if (round % 3 === 0) payload.writeUInt32LE(1 + (round % 6), 4);
    bytes.writeUInt32LE(payload.length, 24);
    bytes.writeUInt32LE(payload.length, 28);
    bytes.writeUInt32LE(1, 32);
    bytes.writeUInt32LE(crc32(payload), 56);
    bytes.writeUInt32LE(crc32(bytes.subarray(16, 60)), 60);
    one.socket.end(Buffer.concat([bytes, payload]));
    await one.closed;
  }
  await until('all streams have ended', () => daemon.agent.streams().length === 0);
  t.equal(daemon.agent.totals().links, 150);
  await daemon.stop();
});

t.test('TCP: with a token that never travels and that both sides prove', async (t) => {
  const token = file('token', 'correct horse battery staple\n');
  t.equal((await rejection(started({ listen: '0.0.0.0:5678' })))[0]?.code, 'token-needed');
  t.equal((await rejection(started({ listen: '127.0.0.1:0' })))[0]?.code, 'token-needed');
  t.equal(
    (
      await rejection(
        started({
          listen: '127.0.0.1:0',
          token_file: file('open-token', 'correct horse battery staple', 0o644),
        }),
      )
    )[0]?.code,
    'token-unsafe',
  );
  t.equal(
    (await rejection(started({ listen: '127.0.0.1:0', token_file: file('short', 'abc') })))[0]?.code,
    'token-unsafe',
  );

  const spare = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => spare.once('listening', resolve));
  const { port } = spare.address() as AddressInfo;
  await new Promise((resolve) => spare.close(resolve));
  const { daemon } = await started({ listen: `127.0.0.1:${port}`, token_file: token });
  const secret = Buffer.from('correct horse battery staple');
  const to = { host: '127.0.0.1', port };

  const good = client(to);
  const challenge = await challenged(good);
  t.equal(challenge.readUInt32LE(12) & 1, 1, 'a token is demanded');
  const said = hello();
  const overheard = writeHello(said, nonceOf(challenge), secret);
  good.socket.write(overheard);
  await until('the welcome comes', () => good.got().length > 48);
  const welcome = good.got().subarray(48);
  t.ok(welcomeIsProven(welcome, said.nonce, secret), 'the agent proves itself');
  t.notOk(welcomeIsProven(welcome, hello().nonce, secret), 'and for this link only');
  t.notOk(overheard.includes(secret), 'the token is not in the hello');
  t.equal(daemon.agent.streams().length, 1);

  for (const [name, bytes] of [
    [
      'a wrong token',
      async (one: ReturnType<typeof client>) =>
        writeHello(hello(), nonceOf(await challenged(one)), Buffer.from('incorrect horse battery')),
    ],
    [
      'no token',
      async (one: ReturnType<typeof client>) =>
        writeHello(hello(), nonceOf(await challenged(one)), undefined),
    ],
    [
      'the hello of another link',
      async (one: ReturnType<typeof client>) => challenged(one).then(() => overheard),
    ],
  ] as const) {
    const bad = client(to);
    bad.socket.write(await bytes(bad));
    const answer = (await bad.closed).subarray(48);
    t.strictSame([answer.readUInt16LE(4), answer.readUInt32LE(8)], [7, 2], `${name} is refused`);
  }
  const again = client(to);
  again.socket.write(
    writeHello({ ...hello(said.stream), link: 2 }, nonceOf(await challenged(again)), secret),
  );
  await good.closed;
  await until('the new link is welcome', () => again.got().length > 48);
  t.equal(
    daemon.agent.streams()[0]?.hello?.link,
    2,
    'a tracer that connects again takes the place of its old link',
  );
  t.equal(daemon.agent.streams().length, 1);
  await daemon.stop();
});

t.test('two agents do not share a socket, and nothing but a socket is replaced', async (t) => {
  const { daemon, socket } = await started();
  t.equal((await rejection(started({ socket })))[0]?.code, 'address-in-use');
  const plain = file('plain.sock', 'precious');
  t.equal((await rejection(started({ socket: plain })))[0]?.code, 'address-in-use');
  t.equal(readFileSync(plain, 'utf8'), 'precious');
  await daemon.stop();
});

t.test('a socket that somebody removes is made anew; one that another agent made there stays', async (t) => {
  const { daemon, socket, problems } = await started();
  rmSync(socket);
  for (let tries = 0; !existsSync(socket); tries++) {
    if (tries > 1000) throw new Error('it is not made anew');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  t.match(
    problems.map((item) => item.code),
    ['socket-removed'],
  );
  await new Promise<void>((resolve, reject) => connect(socket, resolve).on('error', reject));
  rmSync(socket);
  const other = createServer().listen(socket);
  await new Promise((resolve) => other.once('listening', resolve));
  await daemon.stop();
  t.ok(existsSync(socket), 'it is not ours to remove');
  await new Promise((resolve) => other.close(resolve));
});

t.test('a link that ends before its recording does is told and counted', async (t) => {
  const { daemon, problems } = await started();
  const stream = daemon.agent.open({ kind: 'file', uid: 0, pid: 1, address: 'test' }, undefined, undefined, [
    'x',
  ]);
  const bytes = readFileSync(new URL('../recordings/story.seccam', import.meta.url));
  t.equal(stream.take(bytes.subarray(0, bytes.length - 500)), true);
  stream.end();
  t.match(
    problems.map((item) => item.code),
    ['stream-cut'],
  );
  t.match(daemon.agent.totals(), { cut: 1, damaged: 0 });
  await daemon.stop();
});

t.test('a reload with errors keeps the rules; a good one replaces them', async (t) => {
  const policy = file('reload.policy', readFileSync(rules, 'utf8'));
  const { daemon, control } = await started({ rules: [policy] });
  writeFileSync(policy, 'version: 1.0.0\nrules:\n  - id: a\n    expression: open.file.pth == "/a"\n');
  const refused = (await ask(control, { verb: 'reload' })) as {
    reload: { done: boolean; rules: number; diagnostics: Diagnostic[] };
  };
  t.notOk(refused.reload.done);
  t.equal(refused.reload.diagnostics[0]?.severity, 'error');
  t.equal(daemon.agent.rules.byId('reads_shadow')?.id, 'reads_shadow');
  writeFileSync(
    policy,
    'version: 1.0.0\nrules:\n  - id: a\n    expression: open.file.path == "/a"\n  - id: b\n    expression: unlink.file.path == "/b"\n',
  );
  t.match((await ask(control, { verb: 'reload' })) as object, { reload: { done: true, rules: 2 } });
  t.ok(daemon.agent.wantedNames().includes('unlink'));
  await daemon.stop();
});

const line = (rule: string): DetectionLine => ({
  rule_id: rule,
  policy: 'p',
  tags: { severity: 'critical' },
  event: { seq: 1, type: 'open', timestamp: '1700000000000000000', elapsed: '5', retval: 0 },
  process: { pid: 7, path: '/bin/cat', args: '\u001b[2J', uid: 0, ancestors: [] },
  fields: {},
  matched: [],
  delivered: true,
});

t.test(
  'a log that somebody else turns over: moved and reloaded, cut off, or where nothing can be moved',
  async (t) => {
    const policy = file('turned.policy', readFileSync(rules, 'utf8'));
    const found = join(folder, 'turned.json');
    const outputs = [{ type: 'file', path: found, format: 'json', max_size: '1KiB', keep: 1 }];
    const { daemon, control } = await started({ rules: [policy], outputs });
    const output = daemon.agent.outputs.find(({ name }) => name === `file:${found}`)!;
    const told = (rule: string): void => {
      output.detection(line(rule));
      output.flush();
    };
    const names = (path: string): string[] =>
      readFileSync(path, 'utf8')
        .split('\n')
        .filter((text) => text !== '')
        .map((text) => (JSON.parse(text) as DetectionLine).rule_id);
    told('a');
    renameSync(found, `${found}.old`);
    writeFileSync(policy, 'rules: [{id: broken, expression: open.file.pth == ""}]\n');
    t.match((await ask(control, { verb: 'reload' })) as object, { reload: { done: false } });
    told('b');
    t.strictSame([names(`${found}.old`), names(found)], [['a'], ['b']], 'also when the rules have errors');
    truncateSync(found);
    told('c');
    t.strictSame(names(found), ['c'], 'no hole where it was cut off');
    // A folder lies where the full file should be moved.
    mkdirSync(`${found}.1`);
    writeFileSync(join(`${found}.1`, 'x'), '');
    for (const rule of ['d', 'e', 'f', 'g']) told(rule);
    t.strictSame(names(found), ['c', 'd', 'e', 'f', 'g'], 'what cannot be moved away grows on');
    t.match(output.facts(), { sent: 7, dropped: 0, problem: /cannot be moved away: E/ });
    rmSync(`${found}.1`, { recursive: true });
    told('h');
    t.strictSame([names(found), output.facts().problem], [['h'], undefined]);
    rmSync(found);
    mkdirSync(found);
    await ask(control, { verb: 'reload' });
    t.match(output.facts().problem, /cannot be opened again: EISDIR/);
    t.match(
      (await ask(control, { verb: 'status' })) as object,
      { status: { reloads: 0 } },
      'and the agent lives',
    );
    await daemon.stop();
  },
);

t.test('an output file is private, never behind a link, and is moved away when it is full', async (t) => {
  const path = join(folder, 'found.json');
  const output = new FileOutput({ path, format: formatOf('json', 'h'), maxSize: 1000, keep: 2 });
  for (let number = 0; number < 12; number++) {
    output.detection(line(`rule_${number}`));
    output.flush();
  }
  await output.close();
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.equal(statSync(`${path}.1`).mode & 0o777, 0o600);
  t.notOk(existsSync(`${path}.3`), 'two are kept');
  const kept = [`${path}.2`, `${path}.1`, path]
    .flatMap((name) => readFileSync(name, 'utf8').trim().split('\n'))
    .map((text) => (JSON.parse(text) as DetectionLine).rule_id);
  t.strictSame(
    kept,
    Array.from({ length: kept.length }, (_, index) => `rule_${12 - kept.length + index}`),
    'in order, without a hole',
  );
  t.strictSame([output.facts().sent, output.facts().dropped], [12, 0]);
  const link = join(folder, 'link.json');
  symlinkSync(join(folder, 'elsewhere'), link);
  t.throws(() => new FileOutput({ path: link, format: formatOf('json', 'h'), maxSize: 0, keep: 0 }), {
    code: 'ELOOP',
  });
  const full = new FileOutput({ path: '/dev/full', format: formatOf('json', 'h'), maxSize: 0, keep: 0 });
  full.detection(line('lost'));
  full.flush();
  t.match(full.facts(), { dropped: 1, problem: 'ENOSPC' });
});

t.test(
  'a reader of standard output that takes nothing holds up nobody, and is waited for at the end',
  async (t) => {
    const path = join(folder, 'fifo');
    execFileSync('mkfifo', [path]);
    // Open for both, so that nobody waits for the other end; the writing end blocks as a shell's pipe does.
    const fd = openSync(path, constants.O_RDWR);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writable = await loadWritable();
    t.equal(writable(fd), true);
    const make = (patience?: number): DescriptorOutput =>
      new DescriptorOutput({
        name: 'stdout',
        fd,
        format: formatOf('json', 'h'),
        writable,
        ...(patience === undefined ? {} : { patience }),
      });
    const output = make();
    const lines = 2000;
    for (let number = 0; number < lines; number++) {
      output.detection(line(`rule_${number}`));
      output.flush();
    }
    t.equal(writable(fd), false, 'the pipe is full, and we are still here');
    t.ok(output.facts().waiting > 100_000);
    t.ok(output.facts().sent < lines);
    const closed = output.close();
    let text = '';
    const buffer = Buffer.alloc(65536);
    for (let tries = 0; text.split('\n').length <= lines; tries++) {
      if (tries > 10_000) throw new Error('they do not come');
      try {
        text += buffer.toString('utf8', 0, readSync(reader, buffer));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await closed;
    t.strictSame(
      text
        .trim()
        .split('\n')
        .map((one) => (JSON.parse(one) as DetectionLine).rule_id),
      Array.from({ length: lines }, (_, number) => `rule_${number}`),
      'all come, in order and whole',
    );
    t.match(output.facts(), { sent: lines, dropped: 0, waiting: 0 });

    const given = make(50);
    const long = { ...line('long'), policy: 'p'.repeat(1 << 20) };
    for (let number = 0; number < 40; number++) {
      given.detection(long);
      given.flush();
    }
    t.ok(given.facts().waiting < 20 << 20, 'what waits is bounded');
    await given.close();
    t.match(given.facts(), { sent: 0, dropped: 40, problem: 'its reader takes nothing' });
    closeSync(fd);
  },
);

t.test(
  'syslog over UDP and TCP: RFC 5424, the severity of the rule, nothing that drives a terminal',
  async (t) => {
    const datagrams = createSocket('udp4');
    await new Promise<void>((resolve) => datagrams.bind(0, '127.0.0.1', resolve));
    const received: string[] = [];
    datagrams.on('message', (message) => received.push(message.toString('utf8')));
    const udp = new SyslogOutput({
      address: `udp:127.0.0.1:${datagrams.address().port}`,
      facility: 'local3',
      format: formatOf('compact', 'h'),
      hostname: 'a host',
    });
    udp.detection(line('rule one'));
    await until('the datagram arrives', () => received.length === 1);
    t.match(received[0], /^<154>1 2023-11-14T22:13:20\.000Z a_host seccam \d+ rule_one - \ufeff/);
    t.notOk(received[0]?.includes('\u001b'));
    await udp.close();
    datagrams.close();

    let text = '';
    const server = createServer((socket) => socket.on('data', (part) => (text += part.toString('utf8'))));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const tcp = new SyslogOutput({
      address: `tcp:127.0.0.1:${(server.address() as AddressInfo).port}`,
      facility: 'daemon',
      format: formatOf('json', 'h'),
      hostname: 'h',
    });
    for (const rule of ['a', 'b', 'c']) tcp.detection(line(rule));
    await tcp.close();
    await until('three messages arrive', () => text.split('seccam').length === 4);
    const length = Number(/^\d+/.exec(text)?.[0]);
    t.match(
      Buffer.from(text)
        .subarray(String(length).length + 1 + length)
        .toString(),
      /^\d+ <26>1 /,
      'octets are counted',
    );
    server.close();
  },
);

t.test('an output is notified of the rules that it names', async (t) => {
  const path = join(folder, 'some.json');
  const output = forRules(
    new FileOutput({ path, format: formatOf('json', 'h'), maxSize: 0, keep: 0 }),
    globMatcher(['ssh_*', 'root']),
  );
  for (const name of ['ssh_key', 'root', 'rooted', 'other']) output.detection(line(name));
  await output.close();
  t.strictSame(
    readFileSync(path, 'utf8')
      .trim()
      .split('\n')
      .map((text) => (JSON.parse(text) as DetectionLine).rule_id),
    ['ssh_key', 'root'],
  );
});

t.test('a webhook is tried again until it takes the detections, in order, signed', async (t) => {
  const requests: { body: string; signature: string | undefined; time: string | undefined }[] = [];
  const server = createHttpServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => (body += part.toString('utf8')));
    request.on('end', () => {
      const header = (name: string): string | undefined => request.headers[name] as string | undefined;
      requests.push({ body, signature: header('x-seccam-signature'), time: header('x-seccam-timestamp') });
      response.writeHead(requests.length <= 2 ? 503 : 200).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  const secret = Buffer.from('secret');
  const options = {
    url,
    secret,
    format: formatOf('json', 'h'),
    single: false,
    headers: {},
    timeout: 5000,
    queue: 4,
    batch: 3,
  };
  const output = new WebhookOutput(options);
  output.detection(line('r1'));
  output.flush();
  await until('it was tried twice', () => requests.length >= 2);
  for (const rule of ['r2', 'r3', 'r4', 'r5']) output.detection(line(rule));
  output.flush();
  await until('all was taken', () => output.facts().sent + output.facts().dropped === 5);
  const taken = requests.slice(2).flatMap(({ body }) =>
    body
      .trim()
      .split('\n')
      .map((text) => (JSON.parse(text) as DetectionLine).rule_id),
  );
  t.strictSame(taken, [...taken].sort(), 'in order');
  t.equal(taken.length, output.facts().sent);
  for (const { body, signature, time } of requests)
    t.equal(signature, `sha256=${createHmac('sha256', secret).update(`${time}.${body}`).digest('hex')}`);
  await output.close();
  server.close();
  const gone = new WebhookOutput({ ...options, url: 'http://127.0.0.1:1/' });
  for (let number = 0; number < 9; number++) gone.detection(line(`x${number}`));
  t.match(gone.facts(), { waiting: 4, dropped: 5 }, 'the queue is bounded');
  await gone.close();
  t.match(gone.facts(), { sent: 0, dropped: 9 });
});

t.test('a webhook that redirects, or answers for ever, holds up nobody', async (t) => {
  let followed = 0;
  const server = createHttpServer((request, response) => {
    request.resume();
    if (request.url === '/moved') response.writeHead(302, { location: '/elsewhere' }).end();
    else if (request.url === '/elsewhere') response.writeHead(200).end(() => (followed += 1));
    else {
      response.writeHead(200);
      const timer = setInterval(() => response.write('.'), 10);
      response.on('close', () => clearInterval(timer));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const output = (path: string): WebhookOutput =>
    new WebhookOutput({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`,
      secret: undefined,
      format: formatOf('falco', 'h'),
      single: true,
      headers: {},
      timeout: 300,
      queue: 4,
      batch: 3,
    });
  const moved = output('/moved');
  moved.detection(line('r1'));
  moved.flush();
  await until('it is given up', () => moved.facts().dropped === 1);
  t.match(moved.facts(), { sent: 0, waiting: 0, problem: 'status 302 (redirects are not followed)' });
  t.equal(followed, 0);
  await moved.close();
  const endless = output('/endless');
  endless.detection(line('r1'));
  endless.flush();
  await until('it is cut off', () => endless.facts().problem === 'no answer within 300 ms');
  await endless.close();
  t.match(endless.facts(), { sent: 0, dropped: 1 });
  server.closeAllConnections();
  server.close();
});

t.test('a local syslog: what nobody takes waits, also while it is started again', async (t) => {
  const perl = `use IO::Socket::UNIX; use Socket; $| = 1; unlink $ARGV[0];
my $ear = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die $!;
print "$said\n" while defined $ear->recv($said, 16384);`;
  if (spawnSync('perl', ['-MIO::Socket::UNIX', '-e', '1']).status !== 0)
    return void t.pass('skipped: no perl');
  const path = join(folder, 'log');
  let heard = '';
  const listen = () => {
    const ear = spawn('perl', ['-e', perl, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    ear.stdout.on('data', (part: Buffer) => (heard += part.toString('utf8')));
    return ear;
  };
  const output = new SyslogOutput({
    address: path,
    facility: 'daemon',
    format: formatOf('compact', 'h'),
    hostname: 'h',
  });
  output.detection(line('first'));
  await until('its absence is told', () => output.facts().problem === 'ENOENT');
  t.match(output.facts(), { dropped: 0 });
  const one = listen();
  await until('what waited comes', () => heard.includes('first'));
  t.match(heard, /^<26>\w{3} [ \d]\d \d\d:\d\d:\d\d seccam\[\d+\]: .*first/);
  t.equal(output.facts().problem, undefined);
  one.kill('SIGKILL');
  await new Promise((resolve) => one.once('close', resolve));
  for (const rule of ['second', 'third']) output.detection(line(rule));
  await until('its absence is told again', () => output.facts().problem === 'ECONNREFUSED');
  const two = listen();
  await until('nothing is lost', () => heard.includes('third'));
  t.ok(heard.indexOf('second') < heard.indexOf('third'));
  two.kill('SIGKILL');
  await new Promise((resolve) => two.once('close', resolve));
  output.detection(line('last'));
  await output.close();
  t.match(output.facts(), { sent: 3, dropped: 1, waiting: 0 });
});

t.test('figures for Prometheus name rules and causes', async (t) => {
  const spare = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => spare.once('listening', resolve));
  const { port } = spare.address() as AddressInfo;
  await new Promise((resolve) => spare.close(resolve));
  const { daemon } = await started({ metrics: `127.0.0.1:${port}` });
  const read = (path: string): Promise<string> =>
    new Promise((resolve, reject) => {
      get({ host: '127.0.0.1', port, path, agent: false }, (response) => {
        let text = '';
        response.on('data', (part: Buffer) => (text += part.toString('utf8')));
        response.on('end', () => resolve(`${response.statusCode} ${text}`));
      }).on('error', reject);
    });
  daemon.agent.metrics?.detection('reads_shadow', true, 0.0011);
  const text = await read('/metrics');
  for (const expected of [
    'seccam_detections_total{rule="reads_shadow",delivered="true"} 1',
    'seccam_rules_loaded 1',
    'seccam_events_lost_total 0',
    'seccam_links_refused_total 0',
  ])
    t.match(text, expected);
  const gauges = [...text.matchAll(/^# TYPE (\S+) gauge$/gm)].map(([, name]) => name!);
  t.strictSame(
    gauges.filter((name) => name.startsWith('seccam_') && name.endsWith('_total')),
    [],
    'what only grows is a counter',
  );
  if (spawnSync('promtool', ['--version']).status === 0) {
    const lint = spawnSync('promtool', ['check', 'metrics'], {
      input: text.slice(text.indexOf('#')),
      encoding: 'utf8',
    });
    t.equal(lint.stderr + lint.stdout, '');
    t.equal(lint.status, 0);
  }
  t.match(await read('/healthz'), /^200 ok/);
  t.match(await read('/secret'), /^404/);
  await daemon.stop();
});

t.test('blocks come out the same however the bytes are cut', async (t) => {
  const block = (kind: number, payload: Buffer): Buffer => {
    const header = Buffer.alloc(48);
    header.writeUInt32LE(0x31424353, 0);
    header.writeUInt16LE(kind, 4);
    header.writeUInt32LE(payload.length, 8);
    header.writeUInt32LE(payload.length, 12);
    header.writeUInt32LE(crc32(payload), 40);
    header.writeUInt32LE(crc32(header.subarray(0, 44)), 44);
    return Buffer.concat([header, payload]);
  };
  const stream = Buffer.concat([
    Buffer.from('8953454343414d0a0100000000000000', 'hex'),
    ...[16, 0, 4096, 8, 70_000].map((size, index) => block(1 + (index % 4), randomBytes(size))),
  ]);
  const split = (sizes: () => number): string[] => {
    const splitter = new BlockSplitter();
    const found: string[] = [];
    for (let at = 0; at < stream.length; ) {
      const size = sizes();
      for (const item of splitter.push(Buffer.from(stream.subarray(at, at + size))))
        found.push(item.bytes.toString('hex'));
      at += size;
    }
    t.equal(splitter.kept, 0);
    return found;
  };
  const whole = split(() => stream.length);
  t.equal(whole.length, 6);
  t.equal(whole.join(''), stream.toString('hex'));
  t.strictSame(
    split(() => 1),
    whole,
  );
  for (let round = 0; round < 20; round++)
    t.strictSame(
      split(() => 1 + Math.floor(Math.random() * 5000)),
      whole,
    );
  const damaged = Buffer.from(stream);
  damaged[40]! ^= 1;
  t.throws(() => [...new BlockSplitter().push(damaged)], {
    message: 'the checksum of a block header is wrong',
  });
});
