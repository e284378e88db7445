/** The use cases behind the verbs, one per file. Commands call these and print what they give. */
export type * from './results.js';
