/** What a recording says of a workload, in the same lines as `strace.ts`. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { getSystemErrorName } from 'node:util';
import type { Address, ColumnValue, RawEvent } from '../../src/catalogue/index.js';
import { StreamReader, type StreamSink } from '../../src/recording/index.js';
import { comparedCalls, type Observed, type Workload } from './strace.js';

const program = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'bin', 'seccam.js');
const compared = new Set(Object.values(comparedCalls));

/** Runs the workload under `seccam record` and reads the file. */
export function recorded(workload: Workload): Observed {
  const folder = mkdtempSync(join(tmpdir(), 'seccam-fidelity-'));
  const output = join(folder, 'run.seccam');
  try {
    const run = spawnSync(
      process.execPath,
      [program, 'record', '--quiet', '-o', output, '--', ...workload.command],
      {
        cwd: workload.cwd,

        encoding: 'utf8',
        maxBuffer: 1 << 26,
      },
    );
    return { lines: recordedLines(readFileSync(output)), status: run.status, stdout: run.stdout };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function recordedLines(bytes: Uint8Array): string[] {
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
      if (type === undefined || !compared.has(type) || raw.syscall === 0xffffffff) return;
      lines.push(line(raw, type, (id) => reader.strings.text(id)));
    },
  };
  reader.push(bytes, sink);
  reader.end(sink);
  return lines;
}

function line(raw: RawEvent, type: string, text: (id: number) => string): string {
  const column = (name: string): ColumnValue => raw.columns[Object.keys(raw.row!.columns).indexOf(name)] ?? 0;
  const unknown = (raw.flags & 1) !== 0;
  const result = unknown ? '?' : raw.retval < 0 ? getSystemErrorName(raw.retval) : String(raw.retval);
  if (type === 'connect') return `connect ${address(column('address') as Address, text)} = ${result}`;
  const names = type === 'rename' ? ['named', 'named_destination'] : ['named'];
  return `${type} ${names.map((name) => text(column(name) as number)).join(' → ')} = ${result}`;
}

function address(value: Address, text: (id: number) => string): string {
  if (value.family === 1) return `unix:${text(value.path)}`;
  if (value.family === 2 || value.family === 10) return `inet:${text(value.ip)}:${value.port}`;
  return value.family === 16 ? 'AF_NETLINK' : `AF_${value.family}`;
}
