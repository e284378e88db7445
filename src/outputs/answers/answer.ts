/** Exit status of everything but `record`, `trace` and `agent start -- CMD`: yes, no, could not answer. */
export type Answer = 0 | 1 | 2;
