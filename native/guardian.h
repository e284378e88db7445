/*
 * Who takes over when the tracer of a live program is killed. A filter that asks for a tracer and finds
 * none fails every traced call with ENOSYS for ever, so a second process stands by: it sleeps until the
 * tracing thread dies, seizes every task that the tracer had, and from then on lets every stop go
 * on. The program lives, unrecorded. It has a successor of its own, and a tracer whose guardian is killed
 * gets a new one.
 *
 * Between the tracer's end and the seizure of a task, traced calls of that task fail: see docs/tracer.md.
 */
#ifndef SECCAM_GUARDIAN_H
#define SECCAM_GUARDIAN_H

#include "tracer.h"

/* A guardian is wanted: live, with a filter, and nothing else was chosen. */
bool guardian_wanted(const struct tracer *tracer);

/*
 * Proves that it could seize a program which changed its user, and starts one. Before the program is
 * started. False with tracer->failure: then somebody must choose between `kill` and `accept-enosys`.
 */
bool guardian_start(struct tracer *tracer);

/* The traced tree is empty: the guardian ends. */
void guardian_end(struct tracer *tracer);

/* The task is traced, or no longer: who is to be seized. */
void guardian_mark(struct tracer *tracer, pid_t tid, bool here);

/* The guardian that stands by, or 0. */
pid_t guardian_pid(const struct tracer *tracer);

#endif
