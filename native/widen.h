/*
 * Events that rules ask for while the program runs. A filter is fixed for the life of a process, so what
 * lies outside of it makes every call of the traced tree stop from then on.
 */
#ifndef SECCAM_WIDEN_H
#define SECCAM_WIDEN_H

#include "channel.h"
#include "tracer.h"

/* Adds events to what is selected. Nothing happens when all are selected already. */
void widen(struct tracer *tracer, const uint32_t wanted[CHANNEL_EVENT_WORDS]);

/* The same before the program starts: into the options. True when something was added. */
bool widen_options(struct tracer *tracer, const uint32_t wanted[CHANNEL_EVENT_WORDS]);

#endif
