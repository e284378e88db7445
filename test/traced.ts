/** Records real programs with the built tracer and gives what was recorded as plain objects, for tests of the tracer. */
import { type SpawnSyncOptions, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ColumnValue, RawEvent, RawRecord } from '../src/catalogue/index.js';
import { StreamReader } from '../src/recording/index.js';
import type { Diagnostic } from '../src/support/diagnostic.js';
import { StringTable } from '../src/support/strings.js';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');
export const nativeFolder = process.env['SECCAM_NATIVE'] ?? join(root, 'native', 'build');
export const executable = join(nativeFolder, 'seccam-trace');

/** A column as tests look at it: texts for strings, numbers, plain objects for tuples, `{items, total}` for lists. */
export type Plain = string | number | { readonly [name: string]: Plain } | readonly Plain[] | boolean | null;

export interface Told {
  readonly type: string;
  readonly event: boolean;
  readonly seq: number;
  readonly pid: number;
  readonly tid: number;
  readonly arch: number;
  readonly syscall: number;
  readonly result: number;
  readonly flags: number;
  readonly missing: number;
  /** A column, or a member of its tuple: `file.path`. */
  get(name: string): Plain;
}

export interface Contents {
  readonly items: readonly Told[];
  readonly diagnostics: readonly Diagnostic[];
  readonly checkpoints: number;
  readonly header: unknown;
  events(type?: string): Told[];
  records(type: string): Told[];
}

const texts = new Set(['path', 'ownPath', 'name', 'extension', 'filesystem', 'ip', 'cgroupId', 'containerId', 'runtime']);

/** Members of a tuple: its own, and those that it reads when asked. */
function membersOf(value: object): [string, unknown][] {
  const names = new Set([...Object.keys(value), ...Object.getOwnPropertyNames(Object.getPrototypeOf(value))]);
  for (const name of Object.getOwnPropertyNames(Object.prototype)) names.delete(name);
  return [...names].map((name) => [name, (value as Record<string, unknown>)[name]]);
}

function plain(value: ColumnValue, type: string, strings: StringTable): Plain {
  if (typeof value === 'number') return type === 'string' ? strings.text(value) : value;
  if ('items' in value) return { items: [...value.items].map((id) => strings.text(id)), total: value.total, truncated: value.truncated };
  return Object.fromEntries(
    membersOf(value).map(([key, item]) => [key, texts.has(key) && typeof item === 'number' ? strings.text(item) : (item as Plain)]),
  );
}

function columnsOf(raw: RawEvent | RawRecord, strings: StringTable): { [name: string]: Plain } {
  const names = 'row' in raw && raw.row !== undefined ? Object.entries(raw.row.columns).map(([name, column]) => ({ name, type: column.type })) : raw.schema.columns;
  return Object.fromEntries(names.map((column, n) => [column.name, plain(raw.columns[n] ?? 0, column.type, strings)]));
}

function at(columns: Plain, name: string): Plain {
  let value: Plain = columns;
  for (const part of name.split('.')) {
    if (value === null || typeof value !== 'object') return null;
    value = (value as { readonly [name: string]: Plain })[part] ?? null;
  }
  return value;
}

const nothing = { seq: 0, pid: 0, tid: 0, arch: 0, syscall: 0, result: 0, flags: 0, missing: 0 };

/** Reads the bytes of a recording, whole or not. */
export function contents(bytes: Uint8Array): Contents {
  const strings = new StringTable();
  const items: Told[] = [];
  const diagnostics: Diagnostic[] = [];
  let checkpoints = 0;
  let header: unknown;
  const reader = new StreamReader({ strings });
  const sink = {
    header: (value: unknown) => {
      header = value;
    },
    checkpoint: () => {
      checkpoints++;
    },
    event: (raw: RawEvent) => {
      const columns = columnsOf(raw, strings);
      const { seq, pid, tid, arch, syscall, flags, missing } = raw;
      items.push({ type: raw.row?.name ?? String(raw.id), event: true, seq, pid, tid, arch, syscall, result: raw.retval, flags, missing, get: (name) => at(columns, name) });
    },
    record: (raw: RawRecord) => {
      const columns = columnsOf(raw, strings);
      items.push({ ...nothing, type: raw.name ?? String(raw.id), event: false, get: (name) => at(columns, name) });
    },
    diagnostic: (item: Diagnostic) => {
      diagnostics.push(item);
    },
  };
  reader.push(bytes, sink);
  reader.end(sink);
  return {
    items,
    diagnostics,
    checkpoints,
    header,
    events: (type) => items.filter((item) => item.event && (type === undefined || item.type === type)),
    records: (type) => items.filter((item) => !item.event && item.type === type),
  };
}

export interface Traced extends Contents {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly bytes: Buffer;
}

export interface TracedOptions extends SpawnSyncOptions {
  readonly flags?: readonly string[];
  readonly tracer?: string;
}

/** Runs `seccam-trace FLAGS -o FILE -- COMMAND` and reads the file. */
export function traced(command: readonly string[], options: TracedOptions = {}): Traced {
  const { flags = [], tracer = executable, ...rest } = options;
  const folder = mkdtempSync(join(tmpdir(), 'seccam-traced-'));
  try {
    const file = join(folder, 'it.seccam');
    const run = spawnSync(tracer, [...flags, '-o', file, '--', ...command], { cwd: folder, maxBuffer: 1 << 28, ...rest, encoding: 'utf8' });
    const bytes = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
    return { ...contents(bytes), status: run.status, signal: run.signal, stdout: run.stdout as string, stderr: run.stderr as string, bytes };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
