/* Which container a process is in: by the path of its cgroup, else by what the runtime mounted where we run. */
#ifndef SECCAM_CONTAINER_H
#define SECCAM_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>

#include "facts.h"

/* The id that a path tells, or false. */
bool container_in_path(const char *path, char *id, size_t room);

/* Fills container and unit from the cgroup. */
void container_name(struct context *out);

#endif
