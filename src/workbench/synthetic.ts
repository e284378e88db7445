import { ProcessFlag } from '../catalogue/records.js';
import { intersects, parseAddress } from '../language/index.js';
import { Stream } from '../pipeline/index.js';
import { RecordingWriter, type Value } from '../recording/index.js';
import { createModel } from '../rules/index.js';
import { type Diagnostic, diagnostic, type Span } from '../support/diagnostic.js';
import { StringTable } from '../support/strings.js';
import { workbenchCodes } from './codes.js';
import type { Path } from './document.js';
import { parseDuration } from './range.js';
import { type Columns, Teller, type Told } from './teller.js';
import type { EventEntry } from './testfile.js';
import { isNothing, number } from './toldvalue.js';

export interface SyntheticRecording {
  /** Undefined when something is wrong. */
  readonly bytes: Uint8Array | undefined;
  readonly types: ReadonlySet<string>;
  readonly diagnostics: readonly Diagnostic[];
}

/** 2026-01-01T00:00:00Z and a machine that has been up for an hour. */
const realtime = 1_767_225_600n * 1_000_000_000n;
const boottime = 3_600n * 1_000_000_000n;
export function syntheticRecording(
  entries: readonly EventEntry[],
  at: (path: Path) => Span,
): SyntheticRecording {
  const teller = new Teller(at);
  const told = entries.flatMap((entry, index) => teller.tell(entry, [index]));
  const types = new Set(told.map((one) => one.row.name));
  if (teller.diagnostics.length > 0) return { bytes: undefined, types, diagnostics: teller.diagnostics };
  const bytes = write(told, teller);
  const diagnostics = verify(bytes, told, at);
  return { bytes: diagnostics.length > 0 ? undefined : bytes, types, diagnostics };
}
/** The bytes: a checkpoint with every process that is there before the first event, then the events. */
function write(told: readonly Told[], teller: Teller): Uint8Array {
  const blocks: Uint8Array[] = [];
  const writer = new RecordingWriter((bytes) => blocks.push(Buffer.from(bytes)), {
    header: {
      tool: { name: 'seccam', version: 'synthetic' },
      mode: 'synthetic',
      command: [],
      cwd: '/',
      started: { boottime: String(boottime), realtime: String(realtime) },
      host: { hostname: 'synthetic', os: 'linux', kernel: '6.1', arch: 'x86_64' },
      traced: [...new Set(told.map((one) => one.row.name))],
    },
  });
  writer.checkpoint();
  writer.record('clock', { boottime, realtime, reason: 0 });
  for (const user of teller.users.values()) writer.record(user.kind, { id: user.id, name: user.name });
  for (const image of teller.images) {
    if (image.made === 'fork') continue;
    // Before its exec a process runs what its parent runs.
    const shown =
      image.made === 'exec'
        ? { ...inherited(image.columns), ...programColumns(image.parent?.columns ?? {}) }
        : image.columns;
    const columns = filled(shown);
    writer.record('process', {
      tid: image.pid,
      ppid: image.parent?.pid ?? 0,
      start_time: boottime - 1_000_000_000n,
      exec_time: image.made === 'exec' ? 0 : boottime - 1_000_000_000n,
      ...columns,
      pid: image.pid,
      flags: ProcessFlag.traced | (image.made === 'exec' ? 0 : ProcessFlag.execed),
    });
  }
  let time = boottime;
  for (const one of told) {
    time += BigInt(Math.round(parseDuration(one.entry.after ?? '1ms') ?? 1e6));
    const columns = eventColumns(one);
    writer.event(
      one.row.name,
      { pid: one.pid, tid: one.entry.tid ?? one.pid, time, retval: one.retval, syscall: 0, arch: 1 },
      columns as Record<string, Value>,
    );
  }
  writer.record('end', { reason: 1, status: 0, events: told.length, boottime: time });
  writer.end();
  return Buffer.concat(blocks);
}

const programParts = ['file', 'interpreter', 'argv', 'envp', 'comm'] as const;

/** What a process keeps over an exec. */
const inherited = (columns: Columns): Columns =>
  Object.fromEntries(
    Object.entries(columns).filter(([name]) => !(programParts as readonly string[]).includes(name)),
  );
const programColumns = (columns: Columns): Columns =>
  Object.fromEntries(
    Object.entries(columns).filter(([name]) => (programParts as readonly string[]).includes(name)),
  );

function filled(columns: Columns): Record<string, Value> {
  const file = columns['file'] as Record<string, Value> | undefined;
  const path = String(file?.['path'] ?? '');
  return {
    credentials: {},
    namespaces: {},
    context: {},
    comm: path.split('/').at(-1)!.slice(0, 15),
    argv: path === '' ? [] : [path.split('/').at(-1)!],
    ...columns,
  } as Record<string, Value>;
}

function eventColumns(one: Told): Columns | Record<string, Value> {
  switch (one.row.name) {
    case 'exec':
      return execColumns(one);
    case 'fork':
      return { child: one.image.pid, child_tid: one.image.pid, ppid: one.pid, ...one.columns };
    case 'exit':
      // The end of the process, not of one of its threads.
      return { group: 1, ...one.columns };
    default:
      return one.columns;
  }
}

/** An exec tells of the new program what the process's fields say. */
function execColumns(one: Told): Record<string, Value> {
  const { pid: _pid, tid: _tid, ...own } = filled(one.image.columns) as Record<string, Value>;
  const allowed = Object.keys(one.row.columns);
  const merged = { ...own, ppid: one.image.parent?.pid ?? 0, ...one.columns };
  return Object.fromEntries(Object.entries(merged).filter(([name]) => allowed.includes(name))) as Record<
    string,
    Value
  >;
}

/** Reads every told field back. */
function verify(bytes: Uint8Array, told: readonly Told[], at: (path: Path) => Span): Diagnostic[] {
  const found: Diagnostic[] = [];
  const strings = new StringTable();
  const model = createModel(strings);
  let index = 0;
  const stream = new Stream('events', {
    strings,
    onEvent: (event) => {
      const one = told[index++];
      if (one === undefined || event.type !== one.row.name) return;
      for (const [name, { value, path }] of one.fields) {
        const have = model.read(name, event);
        if (same(have, value, model.constantsOf(name) !== undefined)) continue;
        const why = model.unavailable(name);
        const message =
          why === undefined
            ? `"${name}" cannot be ${JSON.stringify(value)} here: the event gives ${JSON.stringify(have ?? null)}`
            : `"${name}" cannot be told: ${why}`;
        found.push(diagnostic(workbenchCodes, 'bad-event', message, { span: at(path) }));
      }
    },
  });
  stream.push(bytes);
  const { diagnostics } = stream.end();
  return [...diagnostics.filter((item) => item.severity === 'error'), ...found];
}

function same(have: unknown, want: unknown, named: boolean): boolean {
  if (Array.isArray(have))
    return Array.isArray(want)
      ? have.length === want.length && have.every((item, index) => same(item, want[index], named))
      : have.length === 1 && same(have[0], want, named);
  if (have === want || String(have) === String(want) || (isNothing(have) && isNothing(want))) return true;
  if (typeof have === 'string' && typeof want === 'string') return sameAddress(have, want);
  return (named || typeof have === 'number') && typeof want === 'string' && number(want) === Number(have);
}

function sameAddress(have: string, want: string): boolean {
  const [a, b] = [parseAddress(have), parseAddress(want)];
  return a !== undefined && b !== undefined && a.prefix === b.prefix && intersects(a, b);
}
