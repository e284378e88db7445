/*
 * Processes that are not traced, looked for in /proc at a fixed rate: they appear in the stream as `exec`
 * and `exit` events with the flag EVENT_SNAPSHOT. What began and ended between two looks was missed; how
 * many did is estimated from the pids that were given out meanwhile.
 */
#ifndef SECCAM_SCAN_H
#define SECCAM_SCAN_H

#include "tracer.h"

/* Looks when it is time to; on every tick. */
void scan_tick(struct tracer *tracer, uint64_t now);
/* In a checkpoint, after the ancestors: the processes that were found. */
void scan_tell(struct tracer *tracer, void (*tell)(struct tracer *, struct life *));
/* Of all looks so far. */
void scan_counts(const struct tracer *tracer, uint64_t *found, uint64_t *missed);
void scan_free(struct tracer *tracer);

#endif
