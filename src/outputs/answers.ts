/**
 * What use cases answer and outputs draw: plain data, printable as JSON as it stands. It lies here, below
 * the workbench, so that an output never imports a use case. Times are decimal strings of ns, paths are as
 * the user would type them.
 */
export type * from './answers/answer.js';
export type * from './answers/coverage.js';
export type * from './answers/explain.js';
export type * from './answers/mutation.js';
export type * from './answers/replay.js';
export type * from './answers/rules.js';
export type * from './answers/test.js';
