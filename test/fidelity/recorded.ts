/** What a recording says of a workload, as lines of `calls.ts`. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { callName } from '../../src/catalogue/calls.js';
import type { Address, ColumnValue, FileFacts, RawEvent } from '../../src/catalogue/index.js';
import { StreamReader, type StreamSink } from '../../src/recording/index.js';
import { type Compared, comparedColumns, comparedEvents, line, place, resultOf } from './calls.js';
import type { Observed, Workload } from './strace.js';

const program = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'bin', 'seccam.js');

/** As strace names them: EAGAIN and EOPNOTSUPP, each of which has a second name. */
const errors = new Map(
  Object.entries(constants.errno).flatMap(([name, value]) =>
    /^(?:EWOULDBLOCK|ENOTSUP)$/.test(name) ? [] : [[value, name]],
  ),
);

/** The words of `seccam record` that write a recording; the command follows. */
export function recordCommand(output: string): string[] {
  return [process.execPath, program, 'record', '--quiet', '--force', '-o', output, '--'];
}

/** Runs the workload under `seccam record` and reads the file. */
export function recorded(workload: Workload): Observed {
  const folder = mkdtempSync(join(tmpdir(), 'seccam-fidelity-'));
  const output = join(folder, 'run.seccam');
  try {
    const [node, ...words] = recordCommand(output);
    const run = spawnSync(node!, [...words, ...workload.command], {
      cwd: workload.cwd,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    });
    return { lines: recordedLines(readFileSync(output)), status: run.status, stdout: run.stdout };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function recordedLines(bytes: Uint8Array): string[] {
  const lines: string[] = [];
  const reader = new StreamReader({ name: 'fidelity' });
  const sink: StreamSink = {
    header() {},
    checkpoint() {},
    record() {},
    diagnostic(item) {
      throw new Error(item.message);
    },
    event(raw) {
      const type = raw.row?.name;
      if (type === undefined || !comparedEvents.has(type)) return;
      lines.push(eventLine(raw, type, (id) => reader.strings.text(id)));
    },
  };
  reader.push(bytes, sink);
  reader.end(sink);
  return lines;
}

function eventLine(raw: RawEvent, type: string, text: (id: number) => string): string {
  const row = raw.row!;
  const column = (name: string): ColumnValue => raw.columns[Object.keys(row.columns).indexOf(name)] ?? 0;
  if (type === 'fork') return line('fork', '', [], 'ok');
  if (type === 'exit')
    return line(
      'exit',
      '',
      [
        ['code', String(column('code'))],
        ['signal', String(column('signal'))],
      ],
      '',
    );
  const call = callName(raw.arch, raw.syscall) ?? `call ${raw.syscall}`;
  // Which of several entries of the same call it was does not matter: they differ in what is compared nowhere.
  const entries = row.calls.filter((item) => item.name === call);
  const columns = new Map(
    entries.flatMap((entry) => comparedColumns(row, entry).map((it): [string, Compared] => [it.column, it])),
  );
  const parts = [...columns.values()].map((it): [string, string] => [it.column, value(raw, it, text)]);
  const unknown = (raw.flags & 1) !== 0;
  return line(
    type,
    call,
    parts,
    unknown
      ? '?'
      : raw.retval < 0
        ? (errors.get(-raw.retval) ?? String(raw.retval))
        : resultOf(type, BigInt(raw.retval)),
  );
}

function value(raw: RawEvent, it: Compared, text: (id: number) => string): string {
  const found = raw.columns[it.index] ?? 0;
  switch (it.what) {
    case 'string':
      return text(found as number);
    case 'word':
      return String(found);
    case 'descriptor':
      return place(text((found as FileFacts).path));
    case 'result':
      return raw.retval < 0 ? '' : place(text((found as FileFacts).path));
    case 'address':
      return address(found as Address, text);
  }
}

function address(it: Address, text: (id: number) => string): string {
  if (it.family === 1) return `unix:${text(it.path)}`;
  if (it.family === 2 || it.family === 10) return `inet:${text(it.ip)}:${it.port}`;
  return `family ${it.family}`;
}
