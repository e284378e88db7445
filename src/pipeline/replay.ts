/** Recordings through probe and engine, one after the other, each with a world of its own. */
import { createReadStream } from 'node:fs';
import { NodeCounter } from '../probe/index.js';
import { DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { StringTable } from '../support/strings.js';
import { pipelineCodes } from './codes.js';
import type { Input, ReplayOptions, StreamSummary, Summary } from './options.js';
import { Stream } from './stream.js';

const chunkBytes = 1 << 20;

/**
 * Replays `inputs` in order. Damage is told in the summary and through `onDiagnostic`, and what can be
 * read is replayed; a file that cannot be opened or read at all throws a `DiagnosticError`.
 */
export async function replay(inputs: readonly Input[], options: ReplayOptions = {}): Promise<Summary> {
  const strings = options.strings ?? new StringTable();
  const nodes = new NodeCounter();
  const range = { from: options.from ?? 0, to: options.to ?? Number.POSITIVE_INFINITY };
  const streams: StreamSummary[] = [];
  const least = options.collectFrom ?? Number.POSITIVE_INFINITY;
  let crowded = least;
  for (const input of inputs) {
    const name = typeof input === 'string' ? input : input.name;
    const engine = options.engineFor === undefined ? options.engine : options.engineFor(name);
    const stream = new Stream(name, options, { strings, nodes, engine, alone: true }, range);
    try {
      for await (const chunk of bytesOf(input)) {
        if (options.signal?.aborted === true) break;
        stream.push(chunk);
        if (strings.kept >= crowded) {
          strings.collect();
          // What is in use may be more than was asked for: then the pause grows with it.
          crowded = Math.max(least, strings.kept * 2);
        }
        if (stream.dead) break;
      }
    } catch (error) {
      throw unreadable(name, error);
    }
    streams.push(stream.end());
  }
  return total(streams);
}

function bytesOf(input: Input): AsyncIterable<Uint8Array> | Iterable<Uint8Array> {
  if (typeof input !== 'string') return input.bytes;
  return input === '-' ? process.stdin : createReadStream(input, { highWaterMark: chunkBytes });
}

function unreadable(name: string, error: unknown): unknown {
  if (!(error instanceof Error) || !('syscall' in error)) return error;
  const { code } = error as NodeJS.ErrnoException;
  const why =
    code === 'ENOENT'
      ? 'there is no such file'
      : code === 'EACCES'
        ? 'permission denied'
        : code === 'EISDIR'
          ? 'it is a directory'
          : error.message;
  return new DiagnosticError([
    diagnostic(pipelineCodes, 'recording-unreadable', `The recording "${name}" cannot be read: ${why}.`),
  ]);
}

/** The sum over streams. */
export function total(streams: readonly StreamSummary[]): Summary {
  const sum = (pick: (stream: StreamSummary) => number): number =>
    streams.reduce((count, stream) => count + pick(stream), 0);
  const byType = new Map<string, { events: number; shown: number }>();
  for (const stream of streams) {
    for (const [type, count] of stream.byType) {
      const known = byType.get(type) ?? { events: 0, shown: 0 };
      byType.set(type, { events: known.events + count.events, shown: known.shown + count.shown });
    }
  }
  return {
    streams,
    byType,
    events: sum((stream) => stream.events),
    shown: sum((stream) => stream.shown),
    processes: sum((stream) => stream.processes),
    detections: sum((stream) => stream.detections),
    delivered: sum((stream) => stream.delivered),
    lost: sum((stream) => stream.lost),
    unknown: sum((stream) => stream.unknown),
    damaged: streams.some((stream) => stream.damaged),
    diagnostics: streams.flatMap((stream) => stream.diagnostics),
  };
}
