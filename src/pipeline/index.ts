/**
 * source → probe → engine. Live and replay differ only in the source: both push bytes into a `Stream`,
 * which takes them apart, keeps the state of the traced world and decides the rules, synchronously.
 *
 *   replay(inputs, options)                 files, pipes or buffers, one after the other
 *   new Pipeline(options).openStream(name)  pushed bytes; any number of streams share one engine
 */

export { replayFolder } from './folder.js';
export type {
  BlindSpot,
  Engine,
  Gap,
  Input,
  PipelineOptions,
  ReplayOptions,
  StreamSummary,
  Summary,
} from './options.js';
export { firstRules, isStreamFolder, readSavedRules } from './order.js';
export { Pipeline } from './pipeline.js';
export { replay } from './replay.js';
export { Stream } from './stream.js';
