/* What the tracer does at each kind of stop. */
#ifndef SECCAM_ACT_H
#define SECCAM_ACT_H

#include <sys/resource.h>

#include "tracer.h"

/* Acts on a stop or a death, and lets the task go on. */
void act_on(struct tracer *tracer, const struct stop *stop, const struct rusage *usage);

/* Takes in tasks whose parent died before it could tell of them. Called now and then. */
void act_adopt(struct tracer *tracer);

#endif
