/* What the agent asks of the tracer: kills, an epoch; and what the tracer says of itself in its hello. */
#ifndef SECCAM_RESPOND_H
#define SECCAM_RESPOND_H

#include "tracer.h"

/* Carries out what the agent has asked for since the last time. On the tracer thread. */
void respond(struct tracer *tracer);

/* Adds the events that the agent's rules need to those of the options. True: some were added. */
bool respond_wanted(struct tracer *tracer);

/* The members of the hello that options tell of, as a JSON object; to be freed. */
char *respond_hello(const struct options *options);

#endif
