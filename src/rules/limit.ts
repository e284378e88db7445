/** Rate limits: they decide what is delivered, on the time of events, and never what is detected. */
import type { Event } from '../catalogue/event.js';
import type { LoadedRule } from './ruleset.js';
import type { ProductModel } from './scope.js';

const DEFAULT_EVERY = 100e6;
const DEFAULT_BURST = 40;
/** Combinations of values of `limiter_token` that are kept per rule; the longest unused goes first. */
const MAX_TOKENS = 500;

/** Deliveries of a bucket that are saved with its level. */
const SAVED = 16;
/** Deliveries that are remembered, twice as many at most: streams come in blocks, so the times of events go back and forth. */
const REMEMBERED = 512;
/** Streams that may lag behind each other by more than that. */
const LATE_MAX = 16;
/** The sum of many parts of a token may fall short of one by a rounding error. */
const ONE = 1 - 1e-9;

/**
 * Tokens come back one by one, `every` ns, up to `burst`. An event of an earlier time than what was delivered
 * already is decided as if it had come in its order: it may not take what a delivery after it needed.
 */
class Bucket {
  /** Times of deliveries, ascending, and the level after each. */
  readonly #times: number[] = [];
  readonly #levels: number[] = [];
  /** Before the first of them. */
  #level: number;
  #at = Number.NEGATIVE_INFINITY;
  /** For events from before what is remembered: of streams that lag behind in a flood. The same limit once more. */
  #late: Bucket | undefined;

  constructor(
    readonly every: number,
    readonly burst: number,
    readonly depth = 0,
  ) {
    this.#level = burst;
  }

  /** `taken`: the newest deliveries that are remembered, with which times may go back. */
  save(): Omit<SavedLimit, 'rule' | 'token'> {
    const taken = this.#times.slice(-SAVED);
    const before = this.#times.length - taken.length - 1;
    const at = before < 0 ? this.#at : this.#times[before]!;
    return {
      level: before < 0 ? this.#level : this.#levels[before]!,
      at: Number.isFinite(at) ? at : null,
      ...(taken.length === 0 ? {} : { taken }),
    };
  }

  load({ level, at, taken }: SavedLimit, shift: number): void {
    this.#level = Math.min(this.burst, level);
    this.#at = typeof at === 'number' ? at + shift : Number.NEGATIVE_INFINITY;
    this.#times.length = this.#levels.length = 0;
    this.#late = undefined;
    if (Array.isArray(taken))
      for (const time of taken.slice(0, SAVED)) if (typeof time === 'number') this.take(time + shift);
  }

  take(now: number): boolean {
    if (now < this.#at && this.depth < LATE_MAX) {
      this.#late ??= new Bucket(this.every, this.burst, this.depth + 1);
      return this.#late.take(now);
    }
    const { length } = this.#times;
    let next = length;
    while (next > 0 && this.#times[next - 1]! > now) next -= 1;
    const before = next === 0 ? this.#at : this.#times[next - 1]!;
    const time = Math.max(now, before);
    const level = this.#grown(next === 0 ? this.#level : this.#levels[next - 1]!, time - before);
    if (level < ONE) return false;
    if (next < length && !this.#leaves(next, level - 1, time)) return false;
    this.#times.splice(next, 0, time);
    this.#levels.splice(next, 0, level - 1);
    if (length >= REMEMBERED * 2) this.#forget();
    return true;
  }

  #grown(level: number, time: number): number {
    return Math.min(this.burst, level + time / this.every);
  }

  /** Whether the deliveries from `next` on keep their tokens; their levels are then those after it. */
  #leaves(next: number, after: number, time: number): boolean {
    const changed: number[] = [];
    let level = after;
    let at = time;
    for (let index = next; index < this.#times.length; index++) {
      const have = this.#grown(level, this.#times[index]! - at);
      if (have < ONE) return false;
      level = have - 1;
      at = this.#times[index]!;
      if (level === this.#levels[index]) break;
      changed.push(level);
    }
    for (const [index, value] of changed.entries()) this.#levels[next + index] = value;
    return true;
  }

  #forget(): void {
    this.#at = this.#times[REMEMBERED - 1]!;
    this.#level = this.#levels[REMEMBERED - 1]!;
    this.#times.splice(0, REMEMBERED);
    this.#levels.splice(0, REMEMBERED);
  }
}

/** The level of a bucket, so that another engine goes on from there. */
export interface SavedLimit {
  readonly rule: string;
  /** Absent: the rule has one bucket. */
  readonly token?: string;
  readonly level: number;
  /** On the engine's clock; null: not used yet. */
  readonly at: number | null;
  /** Times of deliveries after `at`, which have each taken one more. */
  readonly taken?: readonly number[];
}

export interface Limiter {
  /** True: deliver. Takes a token. */
  allow(event: Event, now: number): boolean;
  save(rule: string): SavedLimit[];
  /** The bucket of these values of `limiter_token`; undefined: it is not kept. */
  saveOne(rule: string, token: string | undefined): SavedLimit | undefined;
  load(saved: SavedLimit, shift: number): void;
}

/** A bucket of which a token was taken. */
export interface LimitMark {
  readonly rule: string;
  readonly token: string | undefined;
}

/** Whether a limiter of the one serves the other as well. */
export function isSameLimit(a: LoadedRule, b: LoadedRule): boolean {
  return a.every === b.every && a.limiterToken.join() === b.limiterToken.join();
}

/** The limit of a rule, full: one bucket, or one for each combination of values of `limiter_token`. `taken` is told of each delivery. */
export function makeLimiter(
  rule: LoadedRule,
  model: ProductModel,
  taken?: (token: string | undefined) => void,
): Limiter {
  const token =
    rule.limiterToken.length === 0
      ? undefined
      : (at: Event) => JSON.stringify(rule.limiterToken.map((name) => model.read(name, at)));
  const every = rule.every === undefined || rule.every === 0 ? DEFAULT_EVERY : rule.every;
  const burst = rule.every === undefined || rule.every === 0 ? DEFAULT_BURST : 1;
  if (token === undefined) {
    const bucket = new Bucket(every, burst);
    return {
      allow(_event, now) {
        const allowed = bucket.take(now);
        if (allowed) taken?.(undefined);
        return allowed;
      },
      save: (rule) => [{ rule, ...bucket.save() }],
      saveOne: (rule) => ({ rule, ...bucket.save() }),
      load: (saved, shift) => bucket.load(saved, shift),
    };
  }
  const buckets = new Map<string, Bucket>();
  return {
    allow(event, now) {
      const key = token(event);
      let bucket = buckets.get(key);
      if (bucket === undefined) {
        bucket = new Bucket(every, burst);
        if (buckets.size >= MAX_TOKENS) buckets.delete(buckets.keys().next().value!);
      } else {
        buckets.delete(key);
      }
      buckets.set(key, bucket);
      const allowed = bucket.take(now);
      if (allowed) taken?.(key);
      return allowed;
    },
    save: (rule) => [...buckets].map(([name, bucket]) => ({ rule, token: name, ...bucket.save() })),
    saveOne(rule, token = '') {
      const bucket = buckets.get(token);
      return bucket === undefined ? undefined : { rule, token, ...bucket.save() };
    },
    load(saved, shift) {
      if (saved.token === undefined || (buckets.size >= MAX_TOKENS && !buckets.has(saved.token))) return;
      const bucket = new Bucket(every, burst);
      bucket.load(saved, shift);
      buckets.set(saved.token, bucket);
    },
  };
}
