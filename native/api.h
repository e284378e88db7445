/*
 * What koffi calls, and what `seccam-trace` is made of. Functions return 0 or -errno; texts are UTF-8
 * as far as names of files are.
 */
#ifndef SECCAM_API_H
#define SECCAM_API_H

#include <stdint.h>

#define SECCAM_EXPORT __attribute__((visibility("default")))

struct tracer;

/* Parses options (argv without the program's name). NULL never: a failure is told by seccam_message. */
SECCAM_EXPORT struct tracer *seccam_create(int argc, char **argv);
/* Begins tracing on a thread of its own. */
SECCAM_EXPORT int seccam_start(struct tracer *tracer);
/* Blocks until all is over; returns the exit status for the shell. */
SECCAM_EXPORT int seccam_wait(struct tracer *tracer);
/* Fills events, stops, bytes, dropped, tasks, processes, truncated, missing. Any thread, any time. */
SECCAM_EXPORT void seccam_counters(struct tracer *tracer, uint64_t out[8]);
/* 1 when all is over. */
SECCAM_EXPORT int seccam_finished(struct tracer *tracer);
/* Passes a signal to the first process. */
SECCAM_EXPORT int seccam_signal(struct tracer *tracer, int signal);
/* Asks the tracer to end: attached programs are let go, started ones are killed. */
SECCAM_EXPORT int seccam_stop(struct tracer *tracer);
/* What went wrong: "code\nmessage", or "" when nothing did. After seccam_wait, or after seccam_create. */
SECCAM_EXPORT const char *seccam_message(struct tracer *tracer);
/* What the user should be told though nothing is wrong: "code\nmessage" or "". */
SECCAM_EXPORT const char *seccam_notice(struct tracer *tracer);
/* Pid of the first process; 0 when it was not started. */
SECCAM_EXPORT int seccam_pid(struct tracer *tracer);
SECCAM_EXPORT void seccam_destroy(struct tracer *tracer);
SECCAM_EXPORT const char *seccam_version(void);

#endif
