/**
 * source → probe → engine. Live and replay differ only in the source: both push the items of a reader
 * through a `Stream`, synchronously and in order.
 */
export { replay } from './replay.js';
export { Stream } from './stream.js';
export type { Engine, Input, ReplayOptions, StreamOptions, StreamSummary, Summary } from './options.js';
