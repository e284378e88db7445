/**
 * Runs test suites with and without a recorder, and compares test by test.
 *
 *   npx tsx scripts/transparency.ts bash [FOLDER]        every run-* script of the source package's tests
 *   npx tsx scripts/transparency.ts python3 [MODULE...]  modules of libpython3-testsuite, without those of vsock, which hang in some virtual machines
 *   npx tsx scripts/transparency.ts lines PATTERN COMMAND…   any suite that tells each test in a line: PATTERN has the
 *     groups `name` and `result`, such as '^\s*--- (?<result>\w+): (?<name>\S+)' for `go test -v`
 *
 * Sources of bash come from where this machine's apt gets its packages. A test whose result differs between two
 * runs without a recorder says nothing, and is told apart (`unsteady`).
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const modules = [
  'test_subprocess',
  'test_os',
  'test_signal',
  'test_socket',
  'test_threading',
  'test_posix',
  'test_pty',
  'test_io',
];

/** How a program is started: as it is, below `seccam record`, below the static tracer. */
const ways: Readonly<Record<string, (recording: string) => readonly string[]>> = {
  plain: () => [],
  record: (recording) => [
    process.execPath,
    join(root, 'bin', 'seccam.js'),
    'record',
    '--quiet',
    '--force',
    '-o',
    recording,
    '--',
  ],
  trace: (recording) => [join(root, 'native', 'build', 'seccam-trace'), '--force', '-o', recording, '--'],
};

/** Name of a test and what came of it. */
type Results = ReadonlyMap<string, string>;

function sourceOf(name: string, folder: string): string {
  const list = join(folder, 'sources.list');
  mkdirSync(join(folder, 'lists', 'partial'), { recursive: true });
  const lines: string[] = [];
  const places = [
    '/etc/apt/sources.list',
    ...(existsSync('/etc/apt/sources.list.d')
      ? readdirSync('/etc/apt/sources.list.d').map((file) => `/etc/apt/sources.list.d/${file}`)
      : []),
  ];
  for (const place of places.filter((path) => existsSync(path))) {
    const text = readFileSync(place, 'utf8');
    for (const stanza of text.split(/\n\s*\n/)) {
      const field = (key: string) => new RegExp(`^${key}:\\s*(.*)$`, 'm').exec(stanza)?.[1];
      const uris = field('URIs')?.split(/\s+/) ?? [];
      const signed = field('Signed-By');
      for (const uri of uris)
        for (const suite of field('Suites')?.split(/\s+/) ?? [])
          lines.push(
            `deb-src ${signed === undefined ? '' : `[signed-by=${signed}] `}${uri} ${suite} ${field('Components') ?? ''}`,
          );
    }
    for (const line of text.split('\n'))
      if (/^deb\s/.test(line)) lines.push(line.replace(/^deb\s/, 'deb-src '));
  }
  writeFileSync(list, `${[...new Set(lines)].join('\n')}\n`);
  const settings = [
    '-o',
    `Dir::Etc::sourcelist=${list}`,
    '-o',
    'Dir::Etc::sourceparts=-',
    '-o',
    `Dir::State::lists=${join(folder, 'lists')}`,
    '-o',
    'APT::Sandbox::User=root',
  ];
  execFileSync('apt-get', [...settings, 'update', '-q'], { stdio: ['ignore', 'ignore', 'inherit'] });
  const version = execFileSync('dpkg-query', ['-W', '-f', '${source:Version}', name], { encoding: 'utf8' });
  execFileSync('apt-get', [...settings, 'source', '-q', '--download-only', `${name}=${version}`], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const archive = readdirSync(folder).find(
    (file) => file.startsWith(`${name}_`) && /\.orig\.tar\.\w+$/.test(file),
  );
  if (archive === undefined) throw new Error(`no source of ${name}`);
  execFileSync('tar', ['xf', archive], { cwd: folder });
  const found = readdirSync(folder).find(
    (file) => file.startsWith(`${name}-`) && existsSync(join(folder, file, 'tests')),
  );
  if (found !== undefined) return join(folder, found);
  throw new Error(`no tests in the source of ${name}`);
}

/** What differs between any two runs: numbers of processes, times. */
const steady = (text: string): string =>
  text
    .replace(/\b(?:\d+m)?\d+\.\d+s?\b/g, 'TIME')
    .replace(/(line \d+: )\d+ /g, '$1PID ')
    .replace(/\/tmp\/[\w.-]+/g, '/tmp/NAME');

function bashTests(tests: string, way: (recording: string) => readonly string[], recording: string): Results {
  const results = new Map<string, string>();
  const scripts = readdirSync(tests).filter(
    (name) => /^run-/.test(name) && !/^run-(all|minimal|gprof)$|[~.]/.test(name),
  );
  const only = process.env['ONLY']?.split(',');
  for (const script of scripts.sort()) {
    if (only !== undefined && !only.includes(script)) continue;
    const temporary = mkdtempSync(join(tmpdir(), 'bash-tests-'));
    const run = spawnSync('setsid', ['--wait', ...way(recording), 'sh', `./${script}`], {
      cwd: tests,
      env: {
        PATH: `${tests}:${process.env['PATH'] ?? ''}`,
        HOME: temporary,
        TMPDIR: temporary,
        THIS_SH: '/bin/bash',
        BASH_TSTOUT: join(temporary, 'out'),
        LC_ALL: '',
        LANG: 'en_US.UTF-8',
        TERM: 'xterm',
      },
      encoding: 'latin1',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 300_000,
      maxBuffer: 1 << 28,
    });
    rmSync(temporary, { recursive: true, force: true });
    results.set(
      script,
      `${run.status ?? run.signal} ${steady(`${run.stdout}${run.stderr}`.replaceAll(temporary, '/tmp/NAME'))}`,
    );
  }
  return results;
}

function pythonTests(
  names: readonly string[],
  way: (recording: string) => readonly string[],
  recording: string,
  folder: string,
): Results {
  const results = new Map<string, string>();
  for (const name of names) {
    const xml = join(folder, 'results.xml');
    rmSync(xml, { force: true });
    const run = spawnSync(
      'setsid',
      [
        '--wait',
        ...way(recording),
        '/usr/bin/python3',
        '-m',
        'test',
        '--timeout',
        '900',
        '--junit-xml',
        xml,
        '-u',
        'all,-network,-largefile,-cpu',
        '-i',
        '*VSOCK*',
        name,
      ],
      {
        cwd: folder,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: 1_800_000,
        maxBuffer: 1 << 28,
      },
    );
    results.set(`${name}: exit status`, String(run.status ?? run.signal));
    console.error(`${name}: ${run.status ?? run.signal}`);
    if (!existsSync(xml)) continue;
    for (const [, id, rest] of readFileSync(xml, 'utf8').matchAll(
      /<testcase name="([^"]*)"([\s\S]*?)(?=<testcase |<\/testsuite)/g,
    ))
      results.set(id!, /<(failure|error|skipped)/.exec(rest!)?.[1] ?? 'passed');
  }
  return results;
}

/** What `command` says of each of its tests, and how it ended. */
function lineTests(
  pattern: RegExp,
  command: readonly string[],
  way: (recording: string) => readonly string[],
  recording: string,
): Results {
  const run = spawnSync('setsid', ['--wait', ...way(recording), ...command], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 3_600_000,
    maxBuffer: 1 << 28,
  });
  const results = new Map<string, string>([['exit status', String(run.status ?? run.signal)]]);
  const coloured = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');
  for (const { groups } of `${run.stdout}\n${run.stderr}`.replace(coloured, '').matchAll(pattern))
    results.set(groups?.['name'] ?? '', groups?.['result'] ?? '');
  console.error(`${command[0]}: ${results.size - 1} tests, ${results.get('exit status')}`);
  return results;
}

function compare(plain: Results, again: () => Results, other: Results, way: string): number {
  let differing = 0;
  let unsteady = 0;
  for (const name of new Set([...plain.keys(), ...other.keys()])) {
    if (plain.get(name) === other.get(name)) continue;
    if (plain.get(name) !== again().get(name)) {
      unsteady++;
      console.log(`unsteady by itself: ${name}`);
      continue;
    }
    differing++;
    console.log(
      `DIFFERS ${way}: ${name}\n  without: ${plain.get(name)?.slice(0, 2000)}\n  with:    ${other.get(name)?.slice(0, 2000)}`,
    );
  }
  console.log(
    `${way}: ${plain.size} tests, ${plain.size - differing - unsteady} the same, ${differing} different, ${unsteady} unsteady`,
  );
  return differing;
}

const [suite = '', ...rest] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'seccam-transparency-'));
const recording = join(folder, 'it.seccam');
try {
  let run: (way: string) => Results;
  if (suite === 'bash') {
    const source = rest[0] ?? sourceOf('bash', folder);
    const tests = join(source, 'tests');
    for (const helper of ['recho', 'zecho', 'printenv', 'xcase'])
      execFileSync('cc', [
        '-w',
        '-DHAVE_STDLIB_H',
        '-DHAVE_STRING_H',
        '-DHAVE_UNISTD_H',
        '-I',
        source,
        '-I',
        join(source, 'include'),
        '-o',
        join(tests, helper),
        join(source, 'support', `${helper}.c`),
      ]);
    run = (way) => bashTests(tests, ways[way]!, recording);
  } else if (suite === 'python3') {
    run = (way) => pythonTests(rest.length > 0 ? rest : modules, ways[way]!, recording, folder);
  } else if (suite === 'lines' && rest.length > 1) {
    run = (way) => lineTests(new RegExp(rest[0]!, 'gm'), rest.slice(1), ways[way]!, recording);
  } else {
    throw new Error('want bash, python3, or lines PATTERN COMMAND…');
  }
  const plain = run('plain');
  // Only when something differs it matters whether it does so by itself.
  let second: Results | undefined;
  const again = (): Results => (second ??= run('plain'));
  let differing = 0;
  for (const way of ['record', 'trace']) differing += compare(plain, again, run(way), way);
  process.exitCode = differing > 0 ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
