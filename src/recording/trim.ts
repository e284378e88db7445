/**
 * Cuts a recording down to some events and what they need: the lives of their processes and of the
 * ancestors of these, so that replay sees the same world at each event that is kept.
 */
import type { RawEvent, RawRecord } from '../catalogue/raw.js';
import type { Diagnostic } from '../support/diagnostic.js';
import { copiedHeader, type Rewritten, rewrite, type Source } from './rewrite.js';
import { StreamReader } from './reader.js';

export interface TrimOptions {
  /** Stands for the source in messages. */
  readonly name: string;
  /** The events that matter. */
  readonly keep: (raw: RawEvent) => boolean;
  /** So many events before and after each of them are kept too. */
  readonly near?: number;
  /** Written into the header: which event types are still whole, and why it was cut. */
  readonly reason?: string;
  readonly traced?: readonly string[];
}

export interface Trimmed extends Rewritten {
  /** Events for which `keep` was true. */
  readonly wanted: number;
}

/** Events that change what is known of a process. */
const stateful = new Set([
  'exec',
  'fork',
  'exit',
  'chdir',
  'chroot',
  'pivot_root',
  'setuid',
  'setgid',
  'setgroups',
  'capset',
  'unshare',
  'setns',
  'setsid',
  'prctl',
]);

/** What one program was answered names addresses for all. */
const isAnswer = (raw: RawEvent): boolean => raw.schema.name === 'dns' && columnOf(raw, 'direction') === 1;

interface Survey {
  /** Position of each wanted event in the stream. */
  readonly wanted: number[];
  /** pid → its parents: pids are used again, so there may be several. */
  readonly parents: Map<number, Set<number>>;
  readonly pids: number[];
  readonly epochs: number[];
}

function columnOf(raw: RawEvent | RawRecord, name: string): number {
  const row =
    'row' in raw ? Object.keys(raw.row?.columns ?? {}) : raw.schema.columns.map((column) => column.name);
  const value = raw.columns[row.indexOf(name)];
  return typeof value === 'number' ? value : 0;
}

async function survey(source: Source, options: TrimOptions): Promise<Survey> {
  const found: Survey = { wanted: [], parents: new Map(), pids: [], epochs: [] };
  const child = (pid: number, parent: number) => {
    const known = found.parents.get(pid);
    if (known === undefined) found.parents.set(pid, new Set([parent]));
    else known.add(parent);
  };
  /** Image → its process; numbers start at 1. */
  const images = new Map<number, number>();
  let epoch = 0;
  const reader = new StreamReader({ name: options.name });
  const sink = {
    checkpoint: (number: number) => (epoch = number),
    event: (raw: RawEvent) => {
      const position = found.pids.length;
      found.pids.push(raw.pid);
      found.epochs.push(epoch);
      if (raw.row?.name === 'fork') child(columnOf(raw, 'child'), raw.pid);
      if (options.keep(raw)) found.wanted.push(position);
    },
    record: (raw: RawRecord) => {
      if (raw.name !== 'process') return;
      const pid = columnOf(raw, 'pid');
      child(pid, columnOf(raw, 'ppid'));
      // Who forked it may be gone, and another its parent.
      const from = images.get(columnOf(raw, 'parent_image'));
      if (from !== undefined) child(pid, from);
      images.set(columnOf(raw, 'image'), pid);
    },
    diagnostic: (_item: Diagnostic) => undefined,
  };
  for await (const chunk of source()) reader.push(chunk, sink);
  reader.end(sink);
  return found;
}

/** `pids` and all their ancestors. */
function withAncestors(
  pids: Iterable<number>,
  parents: ReadonlyMap<number, ReadonlySet<number>>,
): Set<number> {
  const found = new Set<number>();
  const waiting = [...pids];
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    if (found.has(pid)) continue;
    found.add(pid);
    waiting.push(...(parents.get(pid) ?? []));
  }
  return found;
}

/** Reads `source` twice. Keeps numbers and times of events as they are. */
export async function trimRecording(
  source: Source,
  emit: (bytes: Uint8Array) => void,
  options: TrimOptions,
): Promise<Trimmed> {
  const seen = await survey(source, options);
  const near = options.near ?? 0;
  const kept = new Set<number>();
  for (const position of seen.wanted) {
    for (
      let other = Math.max(0, position - near);
      other <= Math.min(seen.pids.length - 1, position + near);
      other++
    )
      kept.add(other);
  }
  const involved = withAncestors(new Set([...kept].map((position) => seen.pids[position]!)), seen.parents);
  const epochs = new Set([...kept].map((position) => seen.epochs[position]!));
  let position = -1;
  const copied = await rewrite(source, emit, {
    name: options.name,
    epoch: (epoch) => epochs.has(epoch),
    event: (raw) => {
      position += 1;
      while (seen.epochs[position] !== undefined && !epochs.has(seen.epochs[position]!)) position += 1;
      if (kept.has(position)) return true;
      const name = raw.schema.name;
      if (name === 'fork') return involved.has(raw.pid) && involved.has(columnOf(raw, 'child'));
      return isAnswer(raw) || (stateful.has(name) && involved.has(raw.pid));
    },
    record: (raw) => raw.name !== 'process' || involved.has(columnOf(raw, 'pid')),
    header: (header) => ({
      ...copiedHeader(header),
      traced: options.traced ?? header.traced,
      trimmed: {
        kept: kept.size,
        of: seen.pids.length,
        ...(options.reason === undefined ? {} : { reason: options.reason }),
      },
    }),
  });
  return { ...copied, wanted: seen.wanted.length };
}
