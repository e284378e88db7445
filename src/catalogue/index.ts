/** What can happen: rows of events, tuples, records, fields and constants. */
export * from './absent.js';
export * from './bounds.js';
export * from './calls.js';
export * from './constants.js';
export * from './context.js';
export type * from './event.js';
export * from './events.js';
export * from './fields.js';
export * from './header.js';
export type * from './raw.js';
export * from './records.js';
export * from './row.js';
export * from './tuples.js';
