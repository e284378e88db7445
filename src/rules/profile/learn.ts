/**
 * Makes a profile of events. What changes from run to run is widened: numbers and random names in paths,
 * many files in one directory, many peers on one port.
 */
import type { Event } from '../../catalogue/event.js';
import type { StringTable } from '../../support/strings.js';
import { type Act, actor, actsOf } from './acts.js';
import type { Behaviour, FileUse, Profile } from './profile.js';

/** A directory in which more than this number of files are used the same way is told as `directory/*`. */
const crowd = 12;
/** A port on which more than this number of peers are seen is told as `*`. */
const peers = 6;

interface Seen {
  readonly execs: Set<string>;
  /** Path → ways of use. */
  readonly files: Map<string, Set<string>>;
  readonly sockets: Set<string>;
  readonly calls: Set<string>;
}

export class ProfileLearner {
  readonly #strings: StringTable;
  readonly #seen = new Map<string, Seen>();
  #events = 0;

  constructor(strings: StringTable) {
    this.#strings = strings;
  }

  /** Takes an event that rules see, with the process as the probe gives it. */
  observe(event: Event): void {
    this.#events += 1;
    const path = this.#strings.text(actor(event).file.path);
    if (event.type === 'exec') this.#of(this.#strings.text(event.process.file.path));
    const acts = actsOf(event, this.#strings);
    if (acts.length === 0) return;
    const seen = this.#of(path);
    for (const act of acts) note(seen, act);
  }

  profile(name: string, recordings: number): Profile {
    return {
      name,
      learned: { recordings, events: this.#events },
      executables: [...this.#merged()]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([path, seen]) => behaviourOf(path, seen)),
    };
  }

  #of(path: string): Seen {
    let seen = this.#seen.get(path);
    if (seen === undefined) {
      seen = { execs: new Set(), files: new Map(), sockets: new Set(), calls: new Set() };
      this.#seen.set(path, seen);
    }
    return seen;
  }

  /** Executables whose paths differ only in what changes from run to run are one. */
  #merged(): Map<string, Seen> {
    const merged = new Map<string, Seen>();
    for (const [path, seen] of this.#seen) {
      const wide = widen(path);
      const known = merged.get(wide);
      if (known === undefined) {
        merged.set(wide, seen);
        continue;
      }
      for (const exec of seen.execs) known.execs.add(exec);
      for (const [file, access] of seen.files)
        known.files.set(file, new Set([...(known.files.get(file) ?? []), ...access]));
      for (const socket of seen.sockets) known.sockets.add(socket);
      for (const call of seen.calls) known.calls.add(call);
    }
    return merged;
  }
}

function note(seen: Seen, act: Act): void {
  switch (act.kind) {
    case 'exec':
      seen.execs.add(act.what);
      break;
    case 'file': {
      const access = seen.files.get(act.what) ?? new Set();
      for (const way of act.access) access.add(way);
      seen.files.set(act.what, access);
      break;
    }
    case 'socket':
      seen.sockets.add(act.what);
      break;
    case 'call':
      seen.calls.add(act.what);
      break;
  }
}

function behaviourOf(path: string, seen: Seen): Behaviour {
  return {
    path,
    execs: unique([...seen.execs].map(widen)),
    files: fileUses(seen.files),
    sockets: socketUses(seen.sockets),
    calls: unique([...seen.calls]),
  };
}

const unique = (texts: readonly string[]): string[] => [...new Set(texts)].sort();

/**
 * Replaces what is made up anew in each run: numbers of processes and descriptors, and in names runs of
 * digits from three on, long hex, and the random endings of mkstemp.
 */
export function widen(path: string): string {
  return path
    .split('/')
    .map((segment) =>
      /^\d+$/.test(segment)
        ? '*'
        : segment
            .replace(/(?<![0-9a-f])(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}(?![0-9a-f])/gi, '*')
            .replace(/\d{3,}/g, '*')
            .replace(
              /(?<=[.-_])(?=[A-Za-z]*\d)(?=\d*[A-Za-z])(?=[0-9a-z]*[A-Z]|[0-9A-Z]*[a-z])[A-Za-z0-9]{6}$/,
              '*',
            )
            .replace(/\*[*.:-]*\*/g, '*'),
    )
    .join('/');
}

function fileUses(files: ReadonlyMap<string, ReadonlySet<string>>): FileUse[] {
  const wide = new Map<string, Set<string>>();
  for (const [path, access] of files) add(wide, widen(path), access);
  const children = new Map<string, string[]>();
  for (const path of wide.keys()) {
    const parent = path.slice(0, path.lastIndexOf('/'));
    if (parent !== '') children.set(parent, [...(children.get(parent) ?? []), path]);
  }
  for (const [parent, paths] of children) {
    if (paths.length <= crowd) continue;
    for (const path of paths) {
      add(wide, `${parent}/*`, wide.get(path) ?? new Set());
      if (path !== `${parent}/*`) wide.delete(path);
    }
  }
  return [...wide]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, access]) => ({ path, access: unique([...access]) }));
}

function add(map: Map<string, Set<string>>, key: string, access: ReadonlySet<string>): void {
  const known = map.get(key) ?? new Set();
  for (const way of access) known.add(way);
  map.set(key, known);
}

function socketUses(sockets: ReadonlySet<string>): string[] {
  const byPort = new Map<string, string[]>();
  for (const socket of sockets) {
    const [, act = '', port = ''] = /^(\S+ ip) .*:([^:]+)$/.exec(socket) ?? [];
    const key = act === '' ? widen(socket) : `${act} *:${port}`;
    byPort.set(key, [...(byPort.get(key) ?? []), socket]);
  }
  return unique(
    [...byPort].flatMap(([key, list]) => (key.includes(' ip *:') && list.length <= peers ? list : [key])),
  );
}
