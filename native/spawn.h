/* Starts the program that is traced. */
#ifndef SECCAM_SPAWN_H
#define SECCAM_SPAWN_H

#include "filter.h"
#include "tracer.h"

/*
 * Forks, seizes the child, lets it install the filter and exec. On return the child runs towards its
 * exec; what keeps it from that is read with spawn_problem after its death. False with tracer->failure.
 */
bool spawn_program(struct tracer *tracer, const struct filter *filter);

/* What the child said before it died without an exec; fills tracer->failure. */
void spawn_problem(struct tracer *tracer);

/* Options for PTRACE_SEIZE. */
unsigned long spawn_ptrace_options(const struct tracer *tracer);

#endif
