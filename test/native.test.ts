/** The C code by itself: its unit tests here, for arm64 and under the sanitizers (scripts/sanitized records every fixture program with those). */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { wantsEverySignal } from '../src/rules/index.js';
import { program } from './programs.js';
import { root, traced } from './traced.js';

const folder = mkdtempSync(join(tmpdir(), 'seccam-native-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

const has = (name: string): boolean => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
const emulator = process.arch === 'arm64' || has('qemu-aarch64-static');
const crossCompiler = has('aarch64-linux-gnu-gcc');

/** `make TARGET` into a folder of its own; the output of a failure. */
function make(...words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('make', ['-j3', '-C', join(root, 'native'), ...words], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  return status === 0 ? stdout : `make ${words.join(' ')} ended with ${status}: ${stdout}${stderr}`;
}

const counts = (output: string): string[] =>
  [...output.matchAll(/^(\w+): (\d+) passed, (\d+) failed$/gm)].map((line) => `${line[1]} ${line[3]}`);

t.test('filter and decoders, in every numbering', async (t) => {
  const output = make(`BUILD=${folder}/here`, 'check');
  t.strictSame(counts(output), ['filter 0', 'capture 0'], output);
});

t.test(
  'arm64: both products compile without a warning',
  { skip: !crossCompiler && 'no aarch64-linux-gnu-gcc here' },
  async (t) => {
    const output = make(`ARM64_BUILD=${folder}/arm64`, 'arm64');
    t.ok(existsSync(join(folder, 'arm64', 'seccam-trace')), output);
    t.ok(existsSync(join(folder, 'arm64', 'libseccam.so')), output);
    t.test(
      'filter and decoders, run there',
      { skip: !emulator && 'no qemu-aarch64-static here' },
      async (t) => {
        const tests = make(`ARM64_BUILD=${folder}/arm64`, 'check-arm64');
        t.strictSame(counts(tests), ['filter 0', 'capture 0'], tests);
      },
    );
  },
);

t.test('without a cross compiler, make says what to install', async (t) => {
  t.match(
    make('ARM64=no-such-machine-', 'arm64'),
    /no no-such-machine-gcc: apt-get install gcc-aarch64-linux-gnu/,
  );
});

const sanitizers =
  spawnSync('sh', [
    '-c',
    `echo 'int main(void){return 0;}' | cc -fsanitize=address,undefined -x c - -o ${folder}/probe && ${folder}/probe`,
  ]).status === 0;

t.test(
  'under ASan and UBSan: no error, no leak',
  { skip: !sanitizers && 'the compiler has no sanitizers here' },
  async (t) => {
    const output = make(`ASAN_BUILD=${folder}/asan`, 'check-asan');
    t.strictSame(counts(output), ['filter 0', 'capture 0'], output);
    const tracer = join(folder, 'asan', 'seccam-trace');
    const hostile = make(`ASAN_BUILD=${folder}/asan`, 'check-hostile');
    t.strictSame(
      [...hostile.matchAll(/^(\w+): 20000 executions/gm)].map((line) => line[1]),
      ['content', 'facts', 'image', 'options', 'package', 'protocol', 'redact'],
      hostile,
    );
    const shell = traced(
      ['sh', '-c', 'for i in 1 2 3; do ls / | cat >out; rm out; done; sleep 0.01 & wait; kill -TERM $$'],
      { tracer, timeout: 120_000 },
    );
    t.notMatch(shell.stderr, /Sanitizer|runtime error/);
    t.equal(shell.status, 143);
  },
);

t.test('signals: 0 and SIGURG are left out, and the header says so, unless all are asked for', async (t) => {
  const command = [program('signals')];
  const types = (trace: string) => {
    const it = traced(command, { flags: ['--trace', trace] });
    t.equal(it.status, 0, it.stderr);
    return {
      sent: it.events('signal').map((event) => event.get('signal') ?? event.get('type')),
      header: it.header,
    };
  };
  const some = types('signal');
  t.strictSame(some.sent, [10, 12]);
  t.match(some.header, { json: { left_out: { signal: ['0', 'SIGURG'] } } });
  for (const everything of ['signal:all', 'all']) {
    const all = types(everything);
    t.strictSame(all.sent, [0, 10, 23, 0, 12, 23], everything);
    t.notMatch(all.header, { json: { left_out: {} } }, everything);
  }
  t.match(
    traced(command, { flags: ['--trace', 'open:all'] }).stderr,
    /no event, category or preset "open:all"/,
  );
});

t.test('tracing for rules: all signals only where a rule may match one of those', async (t) => {
  const cases: readonly (readonly [string, boolean])[] = [
    ['signal.type == SIGKILL', false],
    ['signal.type in [SIGKILL, SIGTERM] && process.file.name == "sh"', false],
    ['(signal.type == SIGKILL || signal.type == 15) && signal.pid == 1', false],
    ['signal.type == SIGURG', true],
    ['signal.type in [SIGKILL, SIGURG]', true],
    ['signal.type == 0', true],
    ['signal.type != SIGKILL', true],
    ['signal.type not in [SIGKILL]', true],
    ['signal.type > 20', true],
    ['!(signal.type == SIGKILL)', true],
    ['signal.type in FATAL', true],
    ['signal.pid == 1', true],
    ['signal.type == SIGKILL || signal.pid == 1', true],
  ];
  for (const [expression, wants] of cases)
    t.equal(wantsEverySignal({ eventType: 'signal', expression }), wants, expression);
  t.equal(wantsEverySignal({ eventType: 'open', expression: 'open.flags == 0' }), false);
});
