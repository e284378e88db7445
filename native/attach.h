/* Takes hold of programs that run already, and lets go of them unharmed. */
#ifndef SECCAM_ATTACH_H
#define SECCAM_ATTACH_H

#include "tracer.h"

/* Seizes every thread of the processes asked for. False with tracer->failure; then none stays seized. */
bool attach_begin(struct tracer *tracer);

/* Interrupts every task; each is let go of at its next stop, which act.c gives to attach_release. */
void attach_end(struct tracer *tracer);
void attach_release(struct tracer *tracer, struct task *task, const struct stop *stop);

#endif
