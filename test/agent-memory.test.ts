/** What an agent keeps over weeks: texts are let go of, and what rules read of them stays right. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { readConfiguration } from '../src/agent/configuration.js';
import { Daemon } from '../src/agent/daemon.js';
import { RecordingWriter } from '../src/recording/writer.js';
import { type StringId, StringTable } from '../src/support/strings.js';

const folder = mkdtempSync(join(tmpdir(), 'seccam-agent-memory-'));
t.teardown(() => rmSync(folder, { recursive: true }));

const texts = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.constantFrom('/', '/a', '/a/b', '/a/b.c', 'b.c', '.c', '/ä/b.c', '/a//b', 'ä.ö', '.ö'),
  fc
    .array(fc.constantFrom('a', 'b.c', 'ä', '.d'), { minLength: 1, maxLength: 4 })
    .map((parts) => `/${parts.join('/')}`),
);

t.test(
  'what is kept has the same number and text after every collection, the rest may be anything',
  async () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.tuple(texts, fc.boolean()), { maxLength: 30 }), { maxLength: 8 }),
        (rounds) => {
          const table = new StringTable();
          const kept = new Map<string, StringId>();
          const holder = {
            forgotten: 0,
            keep: (mark: (id: StringId) => void) => kept.forEach((id) => void mark(id)),
            forget() {
              this.forgotten += 1;
            },
          };
          table.hold(holder);
          for (const [round, items] of rounds.entries()) {
            for (const [text, keep] of items) {
              const id = table.intern(text);
              if (table.text(id) !== text) return false;
              const name = text.slice(text.lastIndexOf('/') + 1);
              if (table.text(table.nameOf(id)) !== name) return false;
              const dot = name.lastIndexOf('.');
              if (table.text(table.extensionOf(id)) !== (dot < 0 ? '' : name.slice(dot))) return false;
              if (keep) kept.set(text, id);
              else kept.delete(text);
            }
            table.collect();
            if (holder.forgotten !== round + 1) return false;
            for (const [text, id] of kept) {
              if (table.text(id) !== text || table.intern(text) !== id) return false;
              const name = text.slice(text.lastIndexOf('/') + 1);
              if (table.text(table.nameOf(id)) !== name) return false;
            }
          }
          kept.clear();
          table.collect();
          return table.kept === 2 && table.text(table.intern('/x/y')) === '/x/y';
        },
      ),
      { numRuns: 300 },
    );
  },
);

t.test('a table that is collected stays small, however many strings go through it', async (t) => {
  const table = new StringTable();
  const keeper = table.intern('/always/here');
  const holder = { keep: (mark: (id: StringId) => void) => mark(keeper) };
  table.hold(holder);
  let most = 0;
  for (let number = 0; number < 2_000_000; number++) {
    table.intern(`/d${number % 50_000}/f${number}`);
    if (table.kept >= 100_000) table.collect();
    most = Math.max(most, table.size);
  }
  t.ok(table.added > 2_000_000);
  t.ok(most <= 100_002, `${most} numbers were enough`);
  t.equal(table.text(keeper), '/always/here');
  holder.keep(() => undefined);
});

const boottime = 90_000_000_000_000n;

t.test(
  'an agent with one stream for long: texts are bounded, rules and variables decide as ever',
  async (t) => {
    const rules = join(folder, 'long.policy');
    writeFileSync(
      rules,
      `version: 1.0.0
rules:
  - id: marked
    expression: open.file.path == "/mark"
    actions:
      - set: {name: mark, value: 7, scope: process, inherited: true}
      - set: {name: told, field: open.file.path, scope: container, append: true}
  - id: secret
    expression: open.file.path =~ "/data/d*/s-*" && open.file.name not in ["x"] && process.args == "--serve now" && process.ancestors.file.name == "init"
  - id: after_mark
    expression: open.file.extension == ".end" && \${process.mark} == 7 && \${container.told} == "/mark" && process.file.name == "server" && process.comm == "serve"
`,
    );
    const found = join(folder, 'found.json');
    const flags = { rules: [rules], socket: '', control: '', 'limits.strings': 20_000 };
    const daemon = new Daemon({
      configuration: readConfiguration({
        file: '',
        environment: {},
        flags: Object.fromEntries(
          Object.entries(flags).map(([name, value]) => [name, { value, flag: 'test' }]),
        ),
      }),
      targets: [{ name: 'json', file: found }],
      onProblem: (item) => t.fail(item.message),
      onRemark: () => undefined,
      limits: false,
    });
    const { agent } = daemon;
    const peer = { kind: 'file', uid: undefined, pid: undefined, address: 'test' } as const;
    const stream = agent.open(peer, undefined, undefined, ['server']);
    const writer = new RecordingWriter((bytes) => void stream.take(Buffer.from(bytes)), {
      header: {
        mode: 'synthetic',
        command: ['server'],
        started: { boottime: String(boottime), realtime: '1700000000000000000' },
        host: { hostname: 'box', os: 'linux' },
        traced: ['exec', 'open'],
      },
    });
    const checkpoint = (): void => {
      writer.checkpoint();
      const context = { container_id: 'c0ffee', cgroup: '/system/c0ffee' };
      for (const [pid, ppid, path, argv, comm] of [
        [1, 0, '/sbin/init', ['init'], 'init'],
        [100, 1, '/opt/server', ['server', '--serve', 'now'], 'serve'],
      ] as const)
        writer.record('process', {
          pid,
          tid: pid,
          ppid,
          flags: 1 | 8,
          start_time: boottime - 1000n,
          comm,
          cwd: '/srv',
          file: { path, mode: 0o100755 },
          argv: [...argv],
          context,
        });
    };
    let time = boottime;
    const open = (path: string): void => {
      time += 1000n;
      writer.event('open', { pid: 100, time }, { file: { path }, named: path });
    };
    let most = 0;
    for (let epoch = 0; epoch < 60; epoch++) {
      checkpoint();
      if (epoch === 0) open('/mark');
      for (let number = 0; number < 5000; number++) open(`/data/d${epoch}-${number}/f${epoch}-${number}`);
      open(`/data/d${epoch}/s-${epoch}`);
      most = Math.max(most, agent.strings.kept);
    }
    open('/some.end');
    writer.record('end', { reason: 1, status: 0, events: 60 * 5001 + 2, boottime: time });
    writer.end();
    stream.end();
    const { added, collections } = agent.strings;
    await daemon.stop();
    t.ok(added > 600_000, `${added} texts came`);
    t.ok(most < 60_000, `${most} were kept at most, ${collections} collections`);
    t.ok(collections > 10);
    const lines = readFileSync(found, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    t.strictSame(
      lines.map((line) => line['rule_id']),
      ['marked', ...Array.from({ length: 60 }, () => 'secret'), 'after_mark'],
    );
  },
);
