/**
 * The language room: what an expression is. Published as `seccam/language`.
 *
 * It takes its model as data and knows nothing of events, recordings or files. Input errors come back as
 * diagnostics; only a broken contract throws.
 */

export type * from './evaluation.js';
export type * from './model.js';
export type * from './tree.js';
