/**
 * Fields of real events, against what the program that made them knew: programs of fixtures/programs
 * print the events that should be seen (expect.h), are recorded, and replayed.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { eventByName, eventRows } from '../src/catalogue/events.js';
import { allFields, type Field, fieldByName } from '../src/catalogue/fields.js';
import { replay } from '../src/pipeline/index.js';
import { createModel } from '../src/rules/index.js';
import { StringTable } from '../src/support/strings.js';
import { traced, executable as tracer } from './traced.js';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'seccam-fields-')));
t.teardown(() => rmSync(folder, { recursive: true }));
const programs = new URL('../fixtures/programs/', import.meta.url).pathname;

interface Expected {
  readonly pid: number;
  readonly type: string;
  /** Of the table of ways to name a file. */
  readonly row?: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Field names that some program has expected a value of, and which. */
const asserted = new Map<string, string>();

function same(have: unknown, want: unknown): boolean {
  if (Array.isArray(want))
    return (
      Array.isArray(have) &&
      have.length === want.length &&
      want.every((item, index) => same(have[index], item))
    );
  if (typeof want === 'object' && want !== null && 'from' in want && 'to' in want)
    // Times as doubles are exact to 256 ns; boot and wall clocks are tied to each other once.
    return Number(have) >= Number(want.from) - 5e6 && Number(have) <= Number(want.to) + 5e6;
  // Numbers beyond 2^53 are read as decimal texts.
  return typeof want === 'number' ? Number(have) === want : have === want;
}

const tracerPage = new URL('../docs/tracer.md', import.meta.url);

/** Events that some program said should be seen, and were. */
const shown = new Set<string>();

/** Ways to name a file that programs have tried, and what is told of them, as columns of a table. */
const ways = new Map<string, string>();

function wayOf(type: string, fields: Readonly<Record<string, unknown>>, place: string): string {
  const text = (value: unknown): string =>
    value === ''
      ? 'nothing'
      : `\`${String(value)
          .replaceAll(place, '…')
          .replaceAll('\n', '\\n')
          .replace(/:\[\d+\]/, ':[N]')
          .replace(/#\d+$/, '#N')
          .replace(/(good|evil)$/, 'good or …/evil')}\``;
  const told = Object.entries(fields)
    .filter(
      ([field]) =>
        /path$|file\.name$|layer$|detached$|visible$/.test(field) && !field.endsWith('syscall.path'),
    )
    .map(([field, value]) =>
      field === `${type}.file.path` ? text(value) : `${field.replace(`${type}.file.`, '')} ${text(value)}`,
    );
  const refused = Number(fields[`${type}.retval`] ?? 0) < 0;
  return `${type}${refused ? ' (refused)' : ''} | ${told.join(', ')}`;
}

/** Builds and records a program; every event that it says should be seen is there with those fields. */
async function holds(
  t: Test,
  name: string,
  args: readonly string[] = [],
  options: { readonly env?: NodeJS.ProcessEnv } = {},
): Promise<void> {
  const program = join(folder, name);
  execFileSync('cc', ['-O1', '-pthread', '-o', program, `${programs}${name}.c`]);
  const recording = join(folder, `${name}.seccam`);
  const run = spawnSync(tracer, ['-o', recording, '--force', '--trace', 'all', '--', program, ...args], {
    encoding: 'utf8',
    cwd: folder,
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  if (run.error !== undefined)
    throw new Error(`${tracer} cannot be run (${run.error.message}): npm run build:native makes it`);
  if (run.status === 77) {
    t.comment(`${name} needs root: skipped`);
    return;
  }
  t.equal(run.status, 0, `${name} ends well: ${run.stderr}`);
  const expected = run.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Expected);
  const strings = new StringTable();
  const model = createModel(strings);
  const best = expected.map(() => ({ wrong: undefined as string[] | undefined }));
  const summary = await replay([recording], {
    strings,
    allResults: true,
    onEvent: (event) => {
      for (const [index, { pid, type, fields }] of expected.entries()) {
        const found = best[index]!;
        if (type !== event.type || pid !== event.pid || found.wrong?.length === 0) continue;
        const wrong = Object.entries(fields).flatMap(([field, want]) => {
          const have = model.read(field, event);
          return same(have, want)
            ? []
            : [
                `${field}: have ${JSON.stringify(have, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value))}, want ${JSON.stringify(want)}`,
              ];
        });
        if (found.wrong === undefined || wrong.length < found.wrong.length) found.wrong = wrong;
      }
    },
  });
  for (const [index, { type, row, fields }] of expected.entries()) {
    t.strictSame(
      best[index]!.wrong ?? ['no such event'],
      [],
      `${name}: ${row ?? ''} ${type} ${Object.values(fields)[0]}`,
    );
    if (row !== undefined && !ways.has(row)) ways.set(row, wayOf(type, fields, args[0] ?? ''));
    for (const field of Object.keys(fields)) asserted.set(field, name);
    if (best[index]!.wrong?.length === 0) shown.add(type);
  }
  t.match(summary, { damaged: false, lost: 0 });
}

t.test('files', async (t) => {
  const place = join(folder, 'files');
  mkdirSync(place);
  await holds(t, 'fields-files', [place]);
});

t.test('processes', async (t) => {
  await holds(t, 'fields-process');
});

t.test('sockets, names, metadata services', async (t) => {
  await holds(t, 'fields-network');
});

t.test('mounts, identities, memory, modules, BPF, kernel files', async (t) => {
  const place = join(folder, 'kernel');
  mkdirSync(place);
  await holds(t, 'fields-kernel', [place]);
});

t.test('copies, handles, notifications, local sockets, lives', async (t) => {
  const place = join(folder, 'data');
  mkdirSync(place);
  await holds(t, 'fields-data', [place]);
});

t.test('mounts by descriptor, ways into the kernel and into others, foreign calls', async (t) => {
  const place = join(folder, 'calls');
  mkdirSync(place);
  await holds(t, 'fields-calls', [place]);
});

t.test('what changes by a write, or with the terminal of a session', async (t) => {
  await holds(t, 'fields-written');
});

t.test('cgroups and containers', async (t) => {
  await holds(t, 'fields-cgroup');
});

t.test('paths are those of the files that were used, however they were named', async (t) => {
  const place = join(folder, 'ways');
  mkdirSync(place);
  await holds(t, 'paths', [place]);
  const abused = join(folder, 'abused');
  mkdirSync(abused);
  await holds(t, 'paths-abuse', [abused]);
  if (ways.size === 0) return;
  const rows = [...ways].map(([row, told]) => `| ${row} | ${told} |`);
  const page = readFileSync(tracerPage, 'utf8');
  const parts = page.split(/(?<=<!-- ways -->\n)|(?=<!-- end of ways -->)/);
  if (process.env['SECCAM_UPDATE'] !== undefined) {
    const head = ['| how the file was named | event | path told |', '|---|---|---|'];
    writeFileSync(tracerPage, `${parts[0]}${[...head, ...rows].join('\n')}\n${parts[2]}`);
    return;
  }
  const told = (parts[1] ?? '').trim().split('\n').slice(2);
  t.strictSame(
    rows.filter((row) => !told.includes(row)),
    [],
    'docs/tracer.md has each row',
  );
  // Not every kernel, and not every root, can show these.
  const optional =
    /overlay|open_tree|fsmount|attached|the same by its descriptor|RESOLVE_|O_TMPFILE|dots, refused/;
  t.strictSame(
    told.filter((row) => !rows.includes(row) && !optional.test(row)),
    [],
    'and no other',
  );
});

t.test('nothing is told as missing where nothing is wrong', (t) => {
  const { status, events } = traced(
    [
      'sh',
      '-c',
      `mkdir a; cd a; echo x > b; cat < b | sort > c; exec 3< c 0<&3; read line; mv c d; chmod 600 d; ln -s d e; cat e; kill -0 $$; (exit 3) & wait; python3 -c 'import os; fd = os.open("/", os.O_PATH); os.dup2(fd, 0)'; cd ..; rm -r a`,
    ],
    { flags: ['--trace', 'all'] },
  );
  t.equal(status, 0);
  const types = new Set(events().map((event) => event.type));
  for (const type of ['open', 'dup', 'exec', 'fork', 'exit', 'rename', 'chmod', 'chdir', 'unlink'])
    t.ok(types.has(type), type);
  t.strictSame(
    events()
      .filter((event) => event.result >= 0 && event.missing !== 0)
      .map((event) => `${event.type} ${event.missing}`),
    [],
  );
  t.end();
});

t.test('what is in the files of programs', async (t) => {
  const script = join(folder, 'script.sh');
  writeFileSync(script, '#!/bin/sh\n/bin/true\n', { mode: 0o755 });
  const recording = join(folder, 'content.seccam');
  const run = spawnSync(tracer, ['-o', recording, '--force', '--content', 'hashes,packages', '--', script], {
    encoding: 'utf8',
  });
  t.equal(run.status, 0, run.stderr);
  const sha256 = (path: string): string =>
    `sha256:${createHash('sha256').update(readFileSync(path)).digest('hex')}`;
  const installed = (name: string): string => {
    const asked = spawnSync('dpkg-query', ['-W', '-f', '${Version}', name], { encoding: 'utf8' });
    return asked.status === 0 ? asked.stdout : '';
  };
  const strings = new StringTable();
  const model = createModel(strings);
  const seen: string[] = [];
  await replay([recording], {
    strings,
    onEvent: (event) => {
      if (event.type !== 'exec') return;
      const read = (field: string): unknown => {
        asserted.set(field, 'a script');
        return model.read(field, event);
      };
      const path = String(read('exec.file.path'));
      seen.push(path);
      t.strictSame(read('exec.file.hashes'), [sha256(path)], `hash of ${path}`);
      t.equal(read('exec.file.metadata.size'), statSync(path).size);
      t.equal(read('exec.file.metadata.is_upx_packed'), false);
      t.equal(read('exec.file.metadata.is_garble_obfuscated'), false);
      t.equal(read('exec.file.metadata.compression'), 0);
      const isScript = path === script;
      t.equal(read('exec.file.metadata.type'), isScript ? 2 : 1);
      t.equal(read('exec.file.metadata.is_executable'), !isScript);
      t.equal(read('exec.file.metadata.abi'), isScript ? 0 : 64);
      // Bytes 18 and 19 of an ELF file name the machine.
      t.equal(read('exec.file.metadata.architecture'), isScript ? 0 : readFileSync(path).readUInt16LE(18));
      const [file, name] = isScript
        ? (['exec.interpreter.file', 'dash'] as const)
        : (['exec.file', 'coreutils'] as const);
      t.match(read(`${file}.path`), isScript ? /\/(?:da)?sh$/ : /\/true$/);
      const version = installed(name);
      if (version === '') {
        t.comment(`${name} is not a package here`);
        return;
      }
      const part = (what: string): unknown => read(`${file}.package.${what}`);
      t.equal(part('name'), name);
      const epoch = Number(part('epoch'));
      t.equal(
        `${epoch === 0 ? '' : `${epoch}:`}${String(part('version'))}${part('release') === '' ? '' : `-${String(part('release'))}`}`,
        version,
      );
      t.ok(String(part('source_version')) !== '');
      t.type(part('source_epoch'), 'number');
      t.type(part('source_release'), 'string');
    },
  });
  t.equal(seen.length, 2);
});

t.test(
  'every event has a program that says what it did, and the recording says the same',
  { skip: process.getuid?.() !== 0 && 'not root: some programs were skipped' },
  async (t) => {
    const hasCgroups = / - cgroup2? /.test(readFileSync('/proc/self/mountinfo', 'utf8'));
    const available = eventRows.filter((row) => row.unavailable === undefined).map((row) => row.name);
    t.ok(available.length > 80, `${available.length} events`);
    t.strictSame(
      available.filter((name) => !shown.has(name) && !(name === 'cgroup_write' && !hasCgroups)),
      [],
      'events without a program',
    );
  },
);

/** What a field is: those of processes, of their files and of files of events are read by the same code wherever they stand. */
function kindOf(field: Field): string {
  const { source } = field;
  if (source.kind === 'process') return `process.${source.field}`;
  if (source.kind === 'process-file' || (source.kind === 'column' && isFileColumn(field)))
    return `file.${source.member ?? ''}${source.as === undefined ? '' : ` as ${source.as}`}${source.mask === undefined ? '' : ` ${source.mask}`}`;
  return field.name;
}

function isFileColumn(field: Field): boolean {
  return (
    field.source.kind === 'column' &&
    field.events !== undefined &&
    eventByName(field.events[0] ?? '')?.columns[field.source.column]?.type === 'file'
  );
}

/** Where the value comes from, in a few words. */
function factOf(field: Field): string {
  const { source } = field;
  switch (source.kind) {
    case 'head':
      return `head: ${source.word}`;
    case 'column':
      return `column ${source.column}${source.member === undefined ? '' : `.${source.member}`}`;
    case 'process':
      return 'state of the process';
    case 'process-file':
      return `tuple file: ${source.member}`;
    case 'common':
      return 'header, clock or state';
    case 'network':
      return 'columns server, local, direction';
    case 'derived':
      return source.needs.length === 0 ? 'the event' : `computed from ${source.needs.join(', ')}`;
    case 'unavailable':
      return `**not available:** ${source.reason}`;
  }
}

/** The name without the prefix under which the field stands in several places. */
function nameOf(kind: string, field: Field): string {
  if (kind.startsWith('file.')) return field.name.slice(field.name.lastIndexOf('file.'));
  return field.source.kind === 'process' ? kind : field.name;
}

/** What some machines cannot show: a cgroup hierarchy of version 2, dpkg, a login session. */
const needsMore = (kind: string): boolean => /cgroup|package|auid|content/.test(kind);
const page = new URL('../docs/field-coverage.md', import.meta.url);

t.test('docs/field-coverage.md says which field is tested by what', async (t) => {
  const tested = new Map<string, string>();
  for (const [name, program] of asserted) tested.set(kindOf(fieldByName(name)!), program);
  const kinds = new Map<string, Field>();
  for (const field of allFields) if (!kinds.has(kindOf(field))) kinds.set(kindOf(field), field);
  const rows = [...kinds].map(([kind, field]) => ({
    name: nameOf(kind, field),
    fact: factOf(field),
    isAvailable: field.source.kind !== 'unavailable',
    by: tested.get(kind) ?? '',
  }));
  const count = (which: (row: (typeof rows)[number]) => boolean): number => rows.filter(which).length;
  const text = [
    '# Where each field comes from, and what tests it',
    '',
    'Generated by `SECCAM_UPDATE=1 npx tap run test/fields.test.ts` as root. Live events and replayed ones go through the same code, and test/determinism.test.ts and scripts/live-replay.ts hold them equal. A field of a process or of a file stands here once, whatever prefix it has. The programs are in fixtures/programs: they print what they know of themselves, and the recording has to say the same.',
    '',
    `${rows.length} kinds of fields: ${count((row) => row.isAvailable && row.by !== '')} held against a program, ${count((row) => row.isAvailable && row.by === '')} filled and not held against one, ${count((row) => !row.isAvailable)} not available.`,
    '',
    '| field | live | replay | from which fact | held against |',
    '|---|---|---|---|---|',
    ...rows.map(
      (row) => `| \`${row.name}\` | ${row.isAvailable ? 'yes | yes' : 'no | no'} | ${row.fact} | ${row.by} |`,
    ),
    '',
  ].join('\n');
  if (process.env['SECCAM_UPDATE'] !== undefined) writeFileSync(page, text);
  const told = readFileSync(page, 'utf8').split('\n');
  const here = new Set(text.split('\n'));
  if (process.getuid?.() !== 0) {
    t.comment('not root: some programs were skipped, so the page is not compared');
    return;
  }
  const stale = [
    ...told.filter((line) => line.startsWith('| `') && !here.has(line)),
    ...[...here].filter((line) => line.startsWith('| `') && !told.includes(line)),
  ];
  t.strictSame(
    stale.filter((line) => !needsMore(line)),
    [],
    'the page is current',
  );
});
