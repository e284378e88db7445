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

/* The same decision for a call that stopped: false when only somebody else's filter can have asked for it. */
bool filter_selects(const struct selection *selection, const struct call_list *list, const uint64_t *args, bool narrow);

void filter_build(struct filter *filter, const struct selection *selection);

#endif
