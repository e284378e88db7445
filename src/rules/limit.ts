/** Rate limits: they decide what is delivered, on the time of events, and never what is detected. */
import type { Event } from '../catalogue/event.js';
import type { LoadedRule } from './ruleset.js';
import type { ProductModel } from './scope.js';

const DEFAULT_EVERY = 100e6;
const DEFAULT_BURST = 40;
/** Combinations of values of `limiter_token` that are kept per rule; the longest unused goes first. */
const MAX_TOKENS = 500;

class Bucket {
  #level: number;
  #at = Number.NEGATIVE_INFINITY;

  constructor(
    readonly every: number,
    readonly burst: number,
  ) {
    this.#level = burst;
  }

  save(): { readonly level: number; readonly at: number | null } {
    return { level: this.#level, at: Number.isFinite(this.#at) ? this.#at : null };
  }

  load({ level, at }: SavedLimit, shift: number): void {
    this.#level = Math.min(this.burst, level);
    if (at !== null) this.#at = at + shift;
  }

  take(now: number): boolean {
    if (this.#at !== Number.NEGATIVE_INFINITY && now > this.#at)
      this.#level = Math.min(this.burst, this.#level + (now - this.#at) / this.every);
    if (now > this.#at) this.#at = now;
    // The sum of many parts of a token may fall short of one by a rounding error.
    if (this.#level < 1 - 1e-9) return false;
    this.#level -= 1;
    return true;
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
}

export interface Limiter {
  /** True: deliver. Takes a token. */
  allow(event: Event, now: number): boolean;
  save(rule: string): SavedLimit[];
  load(saved: SavedLimit, shift: number): void;
}

/** The limit of a rule, full: one bucket, or one for each combination of values of `limiter_token`. */
export function makeLimiter(rule: LoadedRule, model: ProductModel): Limiter {
  const token =
    rule.limiterToken.length === 0
      ? undefined
      : (at: Event) => JSON.stringify(rule.limiterToken.map((name) => model.read(name, at)));
  const every = rule.every === undefined || rule.every === 0 ? DEFAULT_EVERY : rule.every;
  const burst = rule.every === undefined || rule.every === 0 ? DEFAULT_BURST : 1;
  if (token === undefined) {
    const bucket = new Bucket(every, burst);
    return {
      allow: (_event, now) => bucket.take(now),
      save: (rule) => [{ rule, ...bucket.save() }],
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
      return bucket.take(now);
    },
    save: (rule) => [...buckets].map(([name, bucket]) => ({ rule, token: name, ...bucket.save() })),
    load(saved, shift) {
      if (saved.token === undefined || buckets.size >= MAX_TOKENS) return;
      const bucket = new Bucket(every, burst);
      bucket.load(saved, shift);
      buckets.set(saved.token, bucket);
    },
  };
}
