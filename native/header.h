/* The header of a stream: JSON that says everything about it. */
#ifndef SECCAM_HEADER_H
#define SECCAM_HEADER_H

#include "tracer.h"

/* Allocated; the caller frees it. */
char *header_text(struct tracer *tracer);

#endif
