/** What a recording holds: its summary, its events, its processes, files, network and time line. */

import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Address, Event, FileFacts } from '../catalogue/event.js';
import { eventRows } from '../catalogue/events.js';
import { replay, type StreamSummary } from '../pipeline/index.js';
import { eventLine } from '../pipeline/line.js';
import { Engine, noRules, type ProductModel } from '../rules/index.js';
import { DiagnosticError, diagnostic } from '../support/diagnostic.js';
import { StringTable } from '../support/strings.js';
import { nearest } from '../support/suggestion.js';
import { Channel } from './channel.js';
import { workbenchCodes } from './codes.js';
import { EventText } from './eventtext.js';
import { Normaliser } from './normalise.js';
import { projectOf } from './project.js';
import { checkKind, findRecordings } from './recordings.js';
import { inputOf } from './replay.js';
import { ReportBook } from './report.js';
import type { InspectItem, InspectOptions, RecordingSummary } from './results.js';
import { gapsOf } from './scenario.js';
import { ProcessTree } from './tree.js';

export async function* inspect(options: InspectOptions): AsyncGenerator<InspectItem> {
  const cwd = options.cwd ?? process.cwd();
  const { recordings } = findRecordings(
    options.recording === '' ? undefined : [options.recording],
    cwd,
    projectOf({ cwd }),
  );
  const recording = recordings[0]!;
  checkKind(recording, cwd);
  const view =
    options.view ??
    (options.types !== undefined || options.pids !== undefined || options.where !== undefined
      ? 'events'
      : 'summary');
  const strings = new StringTable();
  const rules = noRules(strings);
  const wanted = filterOf(options, rules);
  const channel = new Channel<InspectItem>();
  const tree = view === 'tree' ? new ProcessTree(rules.model) : undefined;
  const rows =
    view === 'files' || view === 'network' || view === 'private' ? new Rows(view, rules.model) : undefined;
  const named = { folders: { [cwd]: '<work>' } };
  const normaliser = options.normalise === true ? new Normaliser(named) : undefined;
  const text =
    options.normalise === true && view === 'events' ? new EventText(rules.model, strings, named) : undefined;
  const book = options.report === true ? new ReportBook(rules.model) : undefined;
  book?.begin(recording);
  const processes = new Set<number>();
  let matched = 0;
  let exit: number | undefined;
  let piped = 0;
  async function* standardInput(): AsyncGenerator<Uint8Array> {
    for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
      piped += chunk.length;
      yield chunk;
    }
  }
  const input = recording === '-' ? { name: '-', bytes: standardInput() } : inputOf(recording, cwd);
  const work = replay([input], {
    strings,
    allResults: options.allResults === true,
    onEvent: (event, shown) => {
      processes.add(event.pid);
      tree?.see(event);
      const chosen = wanted(event);
      text?.see(event, chosen);
      if (!chosen) return;
      matched += 1;
      rows?.see(event);
      book?.see(event, shown);
      if (view === 'events' || view === 'timeline') {
        const line = eventLine(event, shown, rules.model);
        const fields =
          normaliser === undefined
            ? line.fields
            : Object.fromEntries(
                Object.entries(line.fields).flatMap(([name, value]) => [
                  [name, normaliser.value(name, value)],
                ]),
              );
        channel.put({ kind: 'event', event: { ...line, fields } });
      }
    },
    onRecord: (name, values) => {
      if (name === 'end' && typeof values['status'] === 'number') exit = exitOf(values['status']);
    },
    onDiagnostic: (item) => channel.put({ kind: 'diagnostic', diagnostic: item }),
  });
  channel.follow(work);
  yield* channel;
  const { streams, damaged } = await work;
  const stream = streams[0]!;
  if (view === 'summary' && (stream.header !== undefined || stream.events > 0))
    yield {
      kind: 'summary',
      summary: summaryOf(
        recording,
        recording === '-' ? piped : (statSync(resolve(cwd, recording), { throwIfNoEntry: false })?.size ?? 0),
        stream,
        processes.size,
        exit,
      ),
    };
  if (tree !== undefined) for (const process of tree.lines()) yield { kind: 'process', process };
  if (book !== undefined) {
    book.end(streams);
    yield { kind: 'report', data: book.data(recording) };
  }
  for (const line of text?.lines() ?? []) yield { kind: 'line', line };
  if (rows !== undefined) for (const row of rows.all()) yield { kind: 'row', row };
  yield {
    kind: 'end',
    events: view === 'summary' ? stream.events : matched,
    answer: damaged && options.acceptDamage !== true ? 2 : 0,
  };
}

/** `--type`, `--pid` and `--where` together; throws at an unknown type or a wrong condition. */
function filterOf(options: InspectOptions, rules: ReturnType<typeof noRules>): (event: Event) => boolean {
  const { types, pids, where } = options;
  const names = eventRows.map((row) => row.name);
  for (const type of types ?? []) {
    if (names.includes(type)) continue;
    throw new DiagnosticError([
      diagnostic(workbenchCodes, 'bad-value', `There is no event type "${type}"`, {
        suggestions: nearest(type, names, 1),
      }),
    ]);
  }
  let decide: ((event: Event) => boolean) | undefined;
  if (where !== undefined) {
    const condition = new Engine(rules).condition(where, '<where>');
    if (condition.condition === undefined) throw new DiagnosticError(condition.diagnostics);
    decide = condition.condition.decide;
  }
  return (event) =>
    (types === undefined || types.length === 0 || types.includes(event.type)) &&
    (pids === undefined || pids.length === 0 || pids.includes(event.pid)) &&
    (decide === undefined || decide(event));
}

export function exitOf(waitStatus: number): number | undefined {
  if (waitStatus === 0xffffffff) return undefined;
  const signal = waitStatus & 0x7f;
  return signal === 0 ? (waitStatus >> 8) & 0xff : 128 + signal;
}

function summaryOf(
  shownName: string,
  size: number,
  stream: StreamSummary,
  processes: number,
  exit: number | undefined,
): RecordingSummary {
  const header = stream.header?.json ?? {};
  return {
    schema: 'seccam/recording@1',
    file: shownName,
    bytes: size,
    mode: String(header['mode'] ?? 'unknown'),
    command: Array.isArray(header['command']) ? header['command'].map(String) : [],
    started: String((header['started'] as { realtime?: unknown } | undefined)?.realtime ?? stream.began),
    durationNs: String(stream.ended - stream.began),
    host: (header['host'] as Record<string, unknown> | undefined) ?? {},
    catalogue: String((header['catalogue'] as { version?: unknown } | undefined)?.version ?? ''),
    traced: stream.traced ?? [],
    events: stream.events,
    processes,
    byType: Object.fromEntries([...stream.byType].map(([type, count]) => [type, count.events])),
    gaps: gapsOf(stream),
    blindSpots: stream.blindSpots.map(
      (spot) => `${spot.reason} (process ${spot.pid})${spot.detail === '' ? '' : `: ${spot.detail}`}`,
    ),
    complete: stream.complete,
    ...(exit === undefined ? {} : { exit }),
    ...(header['trimmed'] === undefined ? {} : { trimmed: header['trimmed'] }),
  };
}

/** Tables over all events: files with how they were used, addresses, or what one should look at before publishing. */
class Rows {
  readonly #rows = new Map<string, Record<string, unknown> & { count: number }>();

  constructor(
    readonly view: 'files' | 'network' | 'private',
    readonly model: ProductModel,
  ) {}

  see(event: Event): void {
    const { strings } = this.model;
    if (this.view === 'private') {
      this.#add('user', this.#user(event));
      for (const id of event.process.envp.items) this.#add('environment', strings.text(id));
      for (const id of event.process.argv.items)
        if (strings.text(id).length > 0) this.#add('argument', strings.text(id));
    }
    for (const value of event.columns) {
      if (typeof value !== 'object') continue;
      if ('inode' in value && this.view !== 'network') this.#file(value as FileFacts, event);
      if ('family' in value && this.view !== 'files') this.#address(value as Address, event);
    }
  }

  all(): Readonly<Record<string, unknown>>[] {
    return [...this.#rows.entries()].sort((a, b) => (a[0] < b[0] ? -1 : 1)).map(([, row]) => row);
  }

  #user(event: Event): string {
    const uid = event.process.credentials.uid;
    return this.model.strings.text(event.world.user(uid)) || String(uid);
  }

  #file(file: FileFacts, event: Event): void {
    const path = this.model.strings.text(file.path);
    if (path === '') return;
    if (this.view === 'private') {
      this.#add('path', path);
      return;
    }
    this.#count(`${path}\n${event.type}`, {
      path,
      type: event.type,
      result: event.retval < 0 ? 'failed' : 'ok',
    });
  }

  #address(address: Address, event: Event): void {
    const text = this.model.strings.text(address.ip) || this.model.strings.text(address.path);
    if (text === '') return;
    if (this.view === 'private') {
      this.#add('address', text);
      return;
    }
    this.#count(`${text}\n${address.port}\n${event.type}`, {
      address: text,
      port: address.port,
      type: event.type,
    });
  }

  #add(kind: string, value: string): void {
    this.#count(`${kind}\n${value}`, { kind, value });
  }

  #count(key: string, row: Record<string, unknown>): void {
    const known = this.#rows.get(key);
    if (known === undefined) this.#rows.set(key, { ...row, count: 1 });
    else known.count += 1;
  }
}
