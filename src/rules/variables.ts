/**
 * Values of variables while events go by: global, per process image, per container, per cgroup.
 *
 * Process values hang on the image (`Process`), so they live as long as something can still see it, and no
 * reuse of a pid can confuse them. Time is that of events.
 */
import type { Event, Process } from '../catalogue/event.js';
import type { Variable, VariableReader } from '../language/index.js';
import type { Ruleset, VariableDeclaration } from './ruleset.js';

/** Where a value came from: what explain says of it. */
export interface Origin {
  readonly ruleId: string;
  readonly seq: number;
  /** The pid of the process whose value it is; undefined for other scopes. */
  readonly pid: number | undefined;
}

/** One value, or the members of a list with the time at which each ends. Time goes forward: what has ended is dropped. */
interface Cell {
  value: unknown;
  expires: number;
  members: Map<unknown, number> | undefined;
  origin: Origin;
}

/** Variables that no policy declares. */
export const builtinVariables: readonly Variable<Event>[] = [
  { name: 'process.pid', type: 'int', read: { kind: 'value', source: 'event.process.pid' } },
  { name: 'builtins.uuid4', type: 'string', fresh: true },
];

/** Containers and cgroups that come and go in a long run: the oldest values go first. */
const MAX_SCOPES = 8192;

class Slot {
  global: Cell | undefined;
  readonly processes = new WeakMap<Process, Cell>();
  /** Nothing was ever set: reading need not climb. */
  touched = false;
  readonly scopes = new Map<number, Cell>();

  constructor(readonly declaration: VariableDeclaration) {}

  find(event: Event): Cell | undefined {
    if (!this.touched) return undefined;
    switch (this.declaration.scope) {
      case 'global':
        return this.global;
      case 'process': {
        if (!this.declaration.inherited) return this.processes.get(event.process);
        for (let image: Process | null = event.process; image !== null; image = image.parent) {
          const cell = this.processes.get(image);
          if (cell !== undefined) return cell;
        }
        return undefined;
      }
      case 'container':
        return this.scopes.get(event.process.context.containerId);
      case 'cgroup':
        return this.scopes.get(event.process.context.cgroupId);
    }
  }

  /** The cell to write; undefined: the event has no such scope. */
  own(event: Event, target: Process): Cell | undefined {
    const make = (): Cell => {
      this.touched = true;
      return {
        value: undefined,
        expires: Number.POSITIVE_INFINITY,
        members: this.declaration.multi ? new Map() : undefined,
        origin: { ruleId: '', seq: 0, pid: undefined },
      };
    };
    switch (this.declaration.scope) {
      case 'global':
        this.global ??= make();
        return this.global;
      case 'process': {
        let cell = this.processes.get(target);
        if (cell === undefined) {
          cell = make();
          this.processes.set(target, cell);
        }
        return cell;
      }
      default: {
        const { context } = event.process;
        const key = this.declaration.scope === 'container' ? context.containerId : context.cgroupId;
        if (key === 0) return undefined;
        let cell = this.scopes.get(key);
        if (cell === undefined) {
          if (this.scopes.size >= MAX_SCOPES) this.scopes.delete(this.scopes.keys().next().value!);
          cell = make();
          this.scopes.set(key, cell);
        }
        return cell;
      }
    }
  }
}

/** One value, so that another store goes on from there. Times are those of the store's clock; null: it does not end. */
export interface SavedVariable {
  readonly name: string;
  /** Number of the image (docs/recording-format.md) whose value it is; absent for other scopes. */
  readonly image?: number;
  /** Name of the container or control group. */
  readonly key?: string;
  readonly value?: unknown;
  readonly expires?: number | null;
  readonly members?: readonly (readonly [unknown, number | null])[];
  readonly origin: Origin;
}

/** A value that belongs to no process: `scope` is the container or cgroup, undefined for global variables. */
export interface SharedMark {
  readonly name: string;
  readonly scope: number | undefined;
}

/** Values that are saved at most. */
const MAX_SAVED = 10_000;

/** What changed, as a detection reports it. */
export interface Assignment {
  readonly name: string;
  readonly value: unknown;
}

export class VariableStore implements VariableReader<Event> {
  readonly #slots = new Map<string, Slot>();
  #reads = 0;
  readonly #text: (id: number) => string;
  readonly #intern: (text: string) => number;
  /** Told of each value that is set and belongs to no process: its variable, and the container or cgroup. */
  onShared: ((name: string, scope: number | undefined) => void) | undefined;

  /** `now` gives the time of an event in ns: boot time of its recording unless several streams share the store. */
  constructor(
    rules: Ruleset,
    readonly now: (event: Event) => number = (event) => event.elapsed,
  ) {
    for (const declaration of rules.variables.values())
      this.#slots.set(declaration.name, new Slot(declaration));
    this.#text = (id) => rules.model.strings.text(id);
    this.#intern = (text) => rules.model.strings.intern(text);
    rules.model.strings.hold(this);
  }

  /** Marks the names of containers and cgroups that have values: see `StringTable.collect`. */
  keep(mark: (id: number) => void): void {
    for (const slot of this.#slots.values()) for (const scope of slot.scopes.keys()) mark(scope);
  }

  /** Called before each event: `builtins.uuid4` depends on the event and the number of the read only. */
  begin(): void {
    this.#reads = 0;
  }

  /** Looks without leaving a trace: fresh values that `look` reads are given again to whoever reads next. */
  aside<T>(look: () => T): T {
    const reads = this.#reads;
    const result = look();
    this.#reads = reads;
    return result;
  }

  get(name: string, event: Event): unknown {
    const slot = this.#slots.get(name);
    if (slot !== undefined) {
      const cell = slot.find(event);
      return cell === undefined ? slot.declaration.initial : this.#read(slot, cell, this.now(event));
    }
    if (name === 'builtins.uuid4') return uuid(event.seq, this.#reads++);
    if (name === 'process.pid') return event.process.pid;
    return undefined;
  }

  #read(slot: Slot, cell: Cell, now: number): unknown {
    if (cell.members === undefined) return cell.expires <= now ? slot.declaration.initial : cell.value;
    // `value` keeps the list until a member ends or is added.
    if (cell.value !== undefined && now < cell.expires) return cell.value;
    const list: unknown[] = [];
    let next = Number.POSITIVE_INFINITY;
    for (const [member, expires] of cell.members) {
      if (expires <= now) cell.members.delete(member);
      else {
        list.push(member);
        if (expires < next) next = expires;
      }
    }
    if (list.length === 0) return slot.declaration.initial;
    cell.value = Object.freeze(list);
    cell.expires = next;
    return list;
  }

  /** Sets or appends; `target` is the process whose variable it is. False: the event has no such scope. */
  set(
    name: string,
    value: unknown,
    append: boolean,
    event: Event,
    target: Process,
    ruleId: string,
  ): Assignment | undefined {
    const slot = this.#slots.get(name);
    const cell = slot?.own(event, target);
    if (slot === undefined || cell === undefined) return undefined;
    const { declaration } = slot;
    const now = this.now(event);
    const expires = declaration.ttl > 0 ? now + declaration.ttl : Number.POSITIVE_INFINITY;
    if (declaration.scope !== 'process') this.onShared?.(name, scopeOf(declaration, event));
    cell.origin = { ruleId, seq: event.seq, pid: declaration.scope === 'process' ? target.pid : undefined };
    if (cell.members === undefined) {
      cell.value = Array.isArray(value) ? value[0] : value;
      cell.expires = expires;
      return { name, value: cell.value };
    }
    cell.value = undefined;
    if (!append) cell.members.clear();
    for (const member of Array.isArray(value) ? value : [value]) {
      if (member === undefined) continue;
      cell.members.delete(member);
      cell.members.set(member, expires);
      if (cell.members.size > declaration.size) cell.members.delete(cell.members.keys().next().value);
    }
    return { name, value: this.#read(slot, cell, now) };
  }

  /** Which rule gave the value that the event sees; undefined: it is the initial one. */
  origin(name: string, event: Event): Origin | undefined {
    const slot = this.#slots.get(name);
    return slot?.find(event)?.origin;
  }

  /** Global variables after the last event, by name; `now` in ns decides what has ended. */
  globals(now = 0): Readonly<Record<string, unknown>> {
    const found: Record<string, unknown> = {};
    for (const [name, slot] of this.#slots) {
      if (slot.declaration.scope !== 'global') continue;
      found[name] = slot.global === undefined ? slot.declaration.initial : this.#read(slot, slot.global, now);
    }
    return found;
  }

  /** What was set, as far as `images` (by number) and the names of scopes tell whose it is. */
  save(images: ReadonlyMap<number, Process>): SavedVariable[] {
    const saved: SavedVariable[] = [];
    const put = (slot: Slot, cell: Cell, whose: { image?: number; key?: string }): void => {
      if (saved.length < MAX_SAVED) saved.push(savedOf(slot, cell, whose));
    };
    for (const slot of this.#slots.values()) {
      if (!slot.touched) continue;
      if (slot.global !== undefined) put(slot, slot.global, {});
      for (const [key, cell] of slot.scopes) put(slot, cell, { key: this.#text(key) });
      if (slot.declaration.scope !== 'process') continue;
      for (const [image, process] of images) {
        const cell = slot.processes.get(process);
        if (cell !== undefined) put(slot, cell, { image });
      }
    }
    return saved;
  }

  /** Values that belong to no process, as they are now, by what `onShared` told of them. */
  shared(marks: Iterable<SharedMark>): SavedVariable[] {
    const saved: SavedVariable[] = [];
    for (const { name, scope } of marks) {
      const slot = this.#slots.get(name);
      const cell = scope === undefined ? slot?.global : slot?.scopes.get(scope);
      if (slot !== undefined && cell !== undefined)
        saved.push(savedOf(slot, cell, scope === undefined ? {} : { key: this.#text(scope) }));
    }
    return saved;
  }

  /** Takes what `save` gave; `shift` is added to times. What fits no declaration is left out. */
  load(saved: readonly SavedVariable[], images: ReadonlyMap<number, Process>, shift: number): void {
    const begin = (expires: number | null | undefined): number =>
      typeof expires === 'number' ? expires + shift : Number.POSITIVE_INFINITY;
    for (const one of saved) {
      const slot = this.#slots.get(one.name);
      if (slot === undefined || slot.declaration.multi !== (one.members !== undefined)) continue;
      const cell: Cell = {
        value: one.value,
        expires: begin(one.expires),
        members:
          one.members === undefined
            ? undefined
            : new Map(one.members.map(([member, end]) => [member, begin(end)])),
        origin: one.origin,
      };
      if (cell.members !== undefined) cell.value = undefined;
      const process = one.image === undefined ? undefined : images.get(one.image);
      if (slot.declaration.scope === 'global') slot.global = cell;
      else if (slot.declaration.scope === 'process' && process !== undefined)
        slot.processes.set(process, cell);
      else if (slot.declaration.scope !== 'process' && one.key !== undefined)
        slot.scopes.set(this.#intern(one.key), cell);
      else continue;
      slot.touched = true;
    }
  }

  /** Takes over the values of an earlier store where name, scope and type agree (reload of rules). */
  adopt(before: VariableStore): void {
    for (const [name, slot] of this.#slots) {
      const old = before.#slots.get(name);
      if (
        old === undefined ||
        old.declaration.scope !== slot.declaration.scope ||
        old.declaration.type !== slot.declaration.type ||
        old.declaration.multi !== slot.declaration.multi
      )
        continue;
      this.#slots.set(
        name,
        Object.assign(new Slot(slot.declaration), {
          global: old.global,
          processes: old.processes,
          scopes: old.scopes,
          touched: old.touched,
        }),
      );
    }
  }
}

function savedOf(slot: Slot, cell: Cell, whose: { image?: number; key?: string }): SavedVariable {
  const end = (expires: number): number | null => (Number.isFinite(expires) ? expires : null);
  const content =
    cell.members === undefined
      ? { value: cell.value, expires: end(cell.expires) }
      : { members: [...cell.members].map(([member, expires]) => [member, end(expires)] as const) };
  return { name: slot.declaration.name, ...whose, ...content, origin: cell.origin };
}

/** The container or cgroup of the event, for variables of that scope. */
function scopeOf(declaration: VariableDeclaration, event: Event): number | undefined {
  if (declaration.scope === 'container') return event.process.context.containerId;
  return declaration.scope === 'cgroup' ? event.process.context.cgroupId : undefined;
}

/** A version 4 UUID that depends on its arguments only. */
function uuid(seq: number, read: number): string {
  const words: number[] = [];
  let state =
    (Math.imul(seq, 0x9e3779b1) ^ Math.imul(read + 1, 0x85ebca6b) ^ Math.floor(seq / 0x100000000)) >>> 0;
  for (let index = 0; index < 4; index++) {
    state = (state + 0x9e3779b9) >>> 0;
    let word = state ^ (state >>> 16);
    word = Math.imul(word, 0x21f0aaad);
    word ^= word >>> 15;
    word = Math.imul(word, 0x735a2d97);
    words.push((word ^ (word >>> 15)) >>> 0);
  }
  const hex = words.map((word) => word.toString(16).padStart(8, '0')).join('');
  const variant = ((Number.parseInt(hex[16]!, 16) & 3) | 8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
