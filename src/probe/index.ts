/** The state of the traced world: raw events in, events with their processes out. */
export { Probe, type ProbeOptions, type StreamFacts } from './probe.js';
export { NodeCounter } from './tree.js';
