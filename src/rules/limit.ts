/** Rate limits: they decide what is delivered, on the time of events, and never what is detected. */
import type { Event } from '../catalogue/event.js';
import type { LoadedRule } from './ruleset.js';

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

export interface Limiter {
  /** True: deliver. Takes a token. */
  allow(event: Event, now: number): boolean;
}

/** `token` reads the values that name the bucket; it is given for rules with `limiter_token`. */
export function makeLimiter(rule: LoadedRule, token: ((event: Event) => string) | undefined): Limiter {
  const every = rule.every === undefined || rule.every === 0 ? DEFAULT_EVERY : rule.every;
  const burst = rule.every === undefined || rule.every === 0 ? DEFAULT_BURST : 1;
  if (token === undefined) {
    const bucket = new Bucket(every, burst);
    return { allow: (_event, now) => bucket.take(now) };
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
  };
}
