/**
 * The tracer: runs or attaches to programs and turns what they do into the bytes of a recording.
 *
 * `recordProgram` runs the C core inside this process (koffi, a thread of its own) and lets it write a
 * file. `spawnTracer` starts the static executable `seccam-trace` and hands over its stream. Both speak
 * through the same options. The native code is loaded on the first call only, so that everything
 * offline works without it: see `tracerAvailability`.
 */
export { recordProgram } from './record.js';
export { spawnTracer } from './spawn.js';
export { tracerAvailability } from './availability.js';
export { tracerCodes } from './codes.js';
export type {
  AttachOptions,
  Availability,
  RecordOptions,
  RunningTracer,
  SpawnOptions,
  TraceCounters,
  TraceOptions,
  TraceOutcome,
  WrapOptions,
} from './options.js';
