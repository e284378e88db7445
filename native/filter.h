/* The seccomp program: which calls stop. */
#ifndef SECCAM_FILTER_H
#define SECCAM_FILTER_H

#include <linux/filter.h>

#include "calls.h"

#define FILTER_ROOM 4096

struct filter {
	struct sock_filter code[FILTER_ROOM];
	unsigned length;
};

/* `signals`: calls that send signals to the tracer must be seen, whatever the selection. */
void filter_build(struct filter *filter, const struct selection *selection);

#endif
