/** What the page asks of the data: lines of events, processes, files, addresses. */
import type { ReportData } from './data.js';
import { placesOf } from './filter.js';

export interface Branch {
  readonly process: number;
  readonly depth: number;
  readonly events: number;
}

export interface Use {
  readonly what: string;
  readonly type: string;
  readonly count: number;
  readonly failed: number;
  readonly first: number;
}

/** Members that say what an event is about, most telling first; each event shows those it has, at most three. */
const telling = [
  'file.path',
  'file.source.path',
  'file.destination.path',
  'addr.ip',
  'addr.path',
  'addr.port',
  'hostname',
  'question.name',
  'name',
  'loaded_from_memory',
  'mountpoint.path',
  'fs_type',
  'request',
  'option',
  'cmd',
  'target.pid',
  'pid',
  'type',
  'uid',
  'gid',
  'code',
  'flags',
  'file.destination.mode',
  'protection',
];

export class Rows {
  readonly places: Int32Array;
  /** Row → indices of detections. */
  readonly detections = new Map<number, number[]>();
  readonly #tellingOf: (readonly string[])[];
  #errors: ReadonlyMap<number, string> | undefined;

  constructor(readonly data: ReportData) {
    this.places = placesOf(data);
    data.detections.forEach((detection, index) => {
      const list = this.detections.get(detection.event) ?? [];
      list.push(index);
      this.detections.set(detection.event, list);
    });
    this.#tellingOf = data.types.map((type) => {
      const names = Object.keys(type.columns);
      const best = telling.flatMap((end) => {
        const name = `${type.name}.${end}`;
        return names.includes(name) ? [name] : [];
      });
      return best.length > 0 ? best : names.slice(0, 3);
    });
  }

  value(row: number, field: string): unknown {
    const type = this.data.types[this.data.events.type[row]!]!;
    return this.data.values[type.columns[field]?.[this.places[row]!] ?? 0] ?? undefined;
  }

  /** The value of a field as one reads it; undefined: absent. */
  said(row: number, field: string): string | undefined {
    const value = this.value(row, field);
    if (value === undefined) return undefined;
    const words = typeof value === 'number' ? this.data.words[field]?.[value] : undefined;
    if (words === undefined) return brief(value);
    const list = words.split('|');
    return list.length <= 8 ? list.join(' | ') : `${list.slice(0, 6).join(' | ')} … ${list.length - 6} more`;
  }

  /** The result of a call; a failure by its name. */
  result(row: number): string {
    const result = this.data.events.result[row]!;
    if (result >= 0) return String(result);
    this.#errors ??= new Map(
      Object.entries(this.data.constants).flatMap(([name, value]): [number, string][] =>
        typeof value === 'number' && /^E[A-Z0-9]+$/.test(name) ? [[-Math.abs(value), name]] : [],
      ),
    );
    return this.#errors.get(result) ?? String(result);
  }

  typeName(row: number): string {
    return this.data.types[this.data.events.type[row]!]!.name;
  }

  process(row: number): string {
    const process = this.data.processes[this.data.events.process[row]!]!;
    return `${base(process.path)}(${process.pid})`;
  }

  /** What an event is about, in a few words. */
  about(row: number): string {
    const type = this.typeName(row);
    const parts: string[] = [];
    for (const name of this.#tellingOf[this.data.events.type[row]!]!) {
      const text = this.said(row, name);
      if (text === undefined) continue;
      const plain = /\.(path|ip|name|hostname|flags|request|option|cmd|type|fs_type)$/.test(name);
      parts.push(
        name.endsWith('.addr.port')
          ? `port ${text}`
          : plain
            ? text
            : `${name.slice(type.length + 1)} ${text}`,
      );
      if (parts.length >= 3) break;
    }
    if (type === 'exec')
      return `${parts[0] ?? ''} ${this.data.processes[this.data.events.process[row]!]!.args}`.trim();
    return parts.join('  ');
  }

  text(row: number): string {
    return `${this.typeName(row)} ${this.process(row)} ${this.about(row)}`.toLowerCase();
  }

  /** `cat(9040) ‹ sh(9036) ‹ nginx(9011)` */
  lineage(process: number): number[] {
    const found: number[] = [];
    for (let at = process; at >= 0; at = this.data.processes[at]!.parent) {
      const last = found.at(-1);
      // A fork that called exec at once is one process with what it became.
      if (last !== undefined && this.data.processes[last]!.pid === this.data.processes[at]!.pid) continue;
      found.push(at);
    }
    return found;
  }

  /** Processes in tree order with their events among `rows`; those without any stand only above others. */
  tree(rows: Int32Array): Branch[] {
    const { processes, events } = this.data;
    const own = new Int32Array(processes.length);
    for (const row of rows) own[events.process[row]!]!++;
    const below = Int32Array.from(own);
    for (let at = processes.length - 1; at >= 0; at--) {
      const { parent } = processes[at]!;
      if (parent >= 0) below[parent]! += below[at]!;
    }
    const children = new Map<number, number[]>();
    processes.forEach(({ parent }, at) => {
      if (below[at]! > 0) children.set(parent, [...(children.get(parent) ?? []), at]);
    });
    const found: Branch[] = [];
    const stack = (children.get(-1) ?? []).map((process) => ({ process, depth: 0, events: 0 })).reverse();
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const { process, depth } = next;
      const under = children.get(process) ?? [];
      const count = next.events + own[process]!;
      const [only] = under;
      if (under.length === 1 && processes[only!]!.pid === processes[process]!.pid) {
        stack.push({ process: only!, depth, events: count });
        continue;
      }
      found.push({ process, depth, events: count });
      for (const child of [...under].reverse()) stack.push({ process: child, depth: depth + 1, events: 0 });
    }
    return found;
  }

  /** Files or addresses among `rows`, with what was done to them, most used first. */
  uses(rows: Int32Array, kind: 'files' | 'network'): Use[] {
    const names = this.data.types.map((type) =>
      Object.keys(type.columns).filter((name) =>
        kind === 'files'
          ? /\.file(\.\w+)?\.path$|\.syscall\.path$/.test(name) && !/\.syscall\.path$/.test(name)
          : /\.addr\.(ip|path|hostname)$|\.hostname$/.test(name),
      ),
    );
    const ports = this.data.types.map((type) => type.columns[`${type.name}.addr.port`]);
    const found = new Map<
      string,
      { what: string; type: string; count: number; failed: number; first: number }
    >();
    for (const row of rows) {
      const type = this.data.events.type[row]!;
      for (const name of names[type]!) {
        const value = this.value(row, name);
        if (typeof value !== 'string') continue;
        const port = kind === 'network' ? this.data.values[ports[type]?.[this.places[row]!] ?? 0] : undefined;
        const what =
          typeof port === 'number'
            ? `${value.includes(':') ? `[${value}]` : value.replace(/\/32$/, '')}:${port}`
            : value;
        const key = `${what}\n${type}`;
        const use = found.get(key) ?? { what, type: this.typeName(row), count: 0, failed: 0, first: row };
        use.count += 1;
        if (this.data.events.result[row]! < 0) use.failed += 1;
        found.set(key, use);
      }
    }
    return [...found.values()].sort((a, b) =>
      a.what < b.what ? -1 : a.what > b.what ? 1 : b.count - a.count,
    );
  }
}

export const base = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

export function brief(value: unknown): string {
  const text = Array.isArray(value) ? value.map(String).join(' | ') : String(value);
  return text.length > 300 ? `${text.slice(0, 299)}…` : text;
}
