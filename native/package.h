/* The package that a file belongs to, as the dpkg database of its own root directory tells it. */
#ifndef SECCAM_PACKAGE_H
#define SECCAM_PACKAGE_H

#include <stdint.h>

struct version {
	uint32_t epoch;
	char upstream[64], release[64];
};

struct package {
	char name[96];
	struct version version, source;
};

/* `root`: a path of the root directory, such as /proc/T/root. Lives until package_free. NULL: none. */
const struct package *package_of(const char *root, const char *path);
void package_free(void);

#endif
