/**
 * What recording adds to a program's time, against `strace -f -y --seccomp-bpf` with the same calls, in
 * both placements: `one-cpu` (everything under one taskset) and `free`. Start-up (the same tool on
 * `true`) is taken off and shown beside. Stops and events are the recorder's own counts.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Stream } from '../../src/pipeline/index.js';
import { StringTable } from '../../src/support/strings.js';
import { median, spread, table, timed } from './measure.js';

/** Calls that the default set traces, as strace names them: a leading `?` leaves out what the architecture lacks. */
async function tracedCalls(): Promise<string> {
  const { eventRows } = await import('../../src/catalogue/index.js');
  const names = new Set<string>();
  for (const row of eventRows) {
    if (row.preset === 'all') continue;
    for (const call of row.calls) {
      // strace cannot test arguments in its filter: calls that we stop on for some arguments only are left out of its set.
      if (call.when === undefined) names.add(call.name);
    }
  }
  return [...names].map((name) => `?${name}`).join(',');
}

interface Work {
  readonly name: string;
  readonly command: readonly string[];
  readonly cwd: string;
}

function works(folder: string): Work[] {
  const repository = join(folder, 'repository');
  mkdirSync(repository);
  for (let i = 0; i < 200; i++) {
    mkdirSync(join(repository, `d${i % 20}`), { recursive: true });
    writeFileSync(join(repository, `d${i % 20}`, `f${i}`), 'x\n'.repeat(i));
  }
  const git = (...args: string[]): void =>
    void execFileSync(
      'git',
      ['-C', repository, '-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args],
      { stdio: 'ignore' },
    );
  git('init', '-q');
  git('add', '.');
  git('commit', '-qm', 'begin');
  writeFileSync(join(folder, 'unit.c'), '#include <stdio.h>\nint main(void) { return puts("unit") < 0; }\n');
  const loop = (count: number, what: string): string[] => [
    'sh',
    '-c',
    `i=0; while [ $i -lt ${count} ]; do ${what}; i=$((i+1)); done`,
  ];
  writeFileSync(
    join(folder, 'loops.c'),
    `#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
int main(int argc, char **argv) {
	for (int i = 0; i < 5000; i++) {
		if (!strcmp(argv[1], "open"))
			close(open("/etc/passwd", O_RDONLY));
		else if (!strcmp(argv[1], "unlink"))
			unlink("/tmp/is-not-there");
		else {
			struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(1), .sin_addr = {htonl(0x7f000001)}};
			int fd = socket(AF_INET, SOCK_DGRAM, 0);
			connect(fd, (struct sockaddr *)&to, sizeof to);
			close(fd);
		}
	}
	return argc == 2 ? 0 : 1;
}
`,
  );
  execFileSync('gcc', ['-O2', '-o', 'loops', 'loops.c'], { cwd: folder });
  const call = (name: string): Work => ({ name: `${name} ×5000`, command: ['./loops', name], cwd: folder });
  return [
    call('open'),
    call('unlink'),
    call('connect'),
    { name: 'git status ×30', command: loop(30, 'git status > /dev/null'), cwd: repository },
    { name: 'gcc ×20', command: loop(20, 'gcc -c -o unit.o unit.c'), cwd: folder },
    { name: 'sh fork+exec ×400', command: loop(400, '/bin/true'), cwd: folder },
    { name: 'tar ×20', command: loop(20, 'tar cf /dev/null repository'), cwd: folder },
    { name: 'node start ×20', command: loop(20, 'node -e 0'), cwd: folder },
  ];
}

/** Events and stops of the last recording, as the recorder counted them. */
async function counted(path: string): Promise<{ events: number; stops: number }> {
  let events = 0;
  const stream = new Stream(path, { strings: new StringTable(), onEvent: () => void events++ });
  stream.push(readFileSync(path));
  return { events, stops: stream.end().counters.get('stops') ?? 0 };
}

/** A tracer that records nothing: the least that following every process costs. Prints its stops. */
const NULL_TRACER = `#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv) {
	int status, stops = 0, gate[2];
	char byte;
	pid_t pid, child;
	pipe(gate);
	if (!(child = fork())) {
		close(gate[1]);
		read(gate[0], &byte, 1);
		close(gate[0]);
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	ptrace(PTRACE_SEIZE, child, 0, PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC);
	close(gate[0]);
	close(gate[1]);
	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		stops++;
		if (WIFSTOPPED(status))
			ptrace(PTRACE_CONT, pid, 0, status >> 16 || WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status));
	}
	printf("%d\\n", stops);
	return argc < 2;
}
`;

/** Stops of the recorder for each unit of work, by what is traced. Exact, and the same on every machine. */
async function stops(folder: string, recorder: (trace: string) => readonly string[]): Promise<void> {
  writeFileSync(join(folder, 'null.c'), NULL_TRACER);
  execFileSync('gcc', ['-O2', '-w', '-o', 'null', 'null.c'], { cwd: folder });
  const rows: string[][] = [];
  for (const work of works(mkdtempSync(join(folder, 'w-')))) {
    const units = Number(/×(\d+)/.exec(work.name)![1]);
    const row = [work.name];
    for (const trace of ['default', 'lean']) {
      timed([...recorder(trace), ...work.command], { cwd: work.cwd });
      row.push(((await counted(join(folder, 'out.seccam'))).stops / units).toFixed(2));
    }
    const { stdout } = timed([join(folder, 'null'), ...work.command], { cwd: work.cwd });
    rows.push([...row, (Number(stdout.trim().split('\n').at(-1)) / units).toFixed(2)]);
  }
  console.log(
    '\nStops for each unit of work, by preset, and of a tracer that follows processes and records nothing',
  );
  table(['work', 'default', 'lean', 'null tracer'], rows);
}

export async function run(rounds: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'seccam-bench-'));
  const seccam = [
    'node',
    join(import.meta.dirname, '..', '..', 'bin', 'seccam.js'),
    'record',
    '--quiet',
    '--force',
    '-o',
    join(folder, 'out.seccam'),
    '--',
  ];
  const strace = [
    'strace',
    '-f',
    '-y',
    '--seccomp-bpf',
    '-qqq',
    '-o',
    join(folder, 'out.strace'),
    '-e',
    'signal=none',
    '-e',
    `trace=${await tracedCalls()}`,
    '--',
  ];
  try {
    for (const placement of ['one-cpu', 'free'] as const) {
      const pin = placement === 'one-cpu' ? ['taskset', '-c', '0'] : [];
      const rows: string[][] = [];
      const starts = { strace: [] as number[], seccam: [] as number[] };
      const wall = (command: readonly string[], cwd: string): number =>
        timed([...pin, ...command], { cwd }).wall;
      for (const work of works(mkdtempSync(join(folder, 'w-')))) {
        const times = { plain: [] as number[], strace: [] as number[], seccam: [] as number[] };
        const adds = { strace: [] as number[], seccam: [] as number[] };
        wall(work.command, work.cwd);
        for (let round = 0; round < rounds; round++) {
          // A round is one sample of everything, the tools in turn first, so that drift of the machine falls on both.
          const idle = wall(['true'], work.cwd);
          const plain = wall(work.command, work.cwd);
          const sample = (tool: 'strace' | 'seccam', words: readonly string[]): void => {
            const start = wall([...words, 'true'], work.cwd) - idle;
            const whole = wall([...words, ...work.command], work.cwd);
            starts[tool].push(start);
            times[tool].push(whole);
            adds[tool].push(whole - plain - start);
          };
          if (round % 2 === 0) sample('strace', strace);
          sample('seccam', seccam);
          if (round % 2 === 1) sample('strace', strace);
          times.plain.push(plain);
        }
        const { events, stops } = await counted(join(folder, 'out.seccam'));
        const lines = readFileSync(join(folder, 'out.strace'), 'utf8').split('\n').length - 1;
        const least = (values: readonly number[]): number => Math.min(...values);
        const ours = median(adds.seccam);
        const theirs = median(adds.strace);
        rows.push([
          work.name,
          spread(times.plain, 1e3, 0),
          spread(times.strace, 1e3, 0),
          spread(times.seccam, 1e3, 0),
          (theirs * 1e3).toFixed(0),
          (ours * 1e3).toFixed(0),
          (ours / theirs).toFixed(2),
          (
            (least(times.seccam) - least(times.plain) - least(starts.seccam)) /
            (least(times.strace) - least(times.plain) - least(starts.strace))
          ).toFixed(2),
          String(events),
          String(stops),
          String(lines),
        ]);
      }
      console.log(
        `\n${placement}: ${rounds} interleaved rounds, ms: median (least–most). Added time is the median of a round's difference, start-up (the tool on \`true\`: strace ${spread(starts.strace, 1e3, 0)}, seccam ${spread(starts.seccam, 1e3, 0)}) taken off`,
      );
      table(
        [
          'work',
          'untraced',
          'strace',
          'seccam record',
          'strace adds',
          'seccam adds',
          'ratio',
          'ratio of least',
          'events',
          'stops',
          'strace lines',
        ],
        rows,
      );
    }
    await stops(folder, (trace) => [...seccam.slice(0, -1), '--trace', trace, '--']);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
