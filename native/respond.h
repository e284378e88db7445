/* What the agent asks of the tracer: kills, an epoch; and what the tracer says of itself in its hello. */
#ifndef SECCAM_RESPOND_H
#define SECCAM_RESPOND_H

#include "tracer.h"

/* Carries out what the agent has asked for since the last time. On the tracer thread. */
void respond(struct tracer *tracer);

/* Adds the events that the agent's rules need to those of the options. True: some were added. */
bool respond_wanted(struct tracer *tracer);

/*
 * At the end, when all is written: hashes that rules ask for when they have seen the last events. Two seconds
 * at most; no time at all where rules hash nothing.
 */
void respond_to_the_last(struct tracer *tracer);

/* The members of the hello that options tell of, as a JSON object; to be freed. */
char *respond_hello(const struct options *options);

#endif
