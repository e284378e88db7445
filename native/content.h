/*
 * What is in a program's file: headers of ELF, packing, a hash, the package that it belongs to. Gathered
 * at exec, from the file that runs, once for each version of a file.
 */
#ifndef SECCAM_CONTENT_H
#define SECCAM_CONTENT_H

#include <stdint.h>

#include "package.h"
#include "value.h"

struct tracer;

enum { CONTENT_METADATA = 1, CONTENT_HASHES_WANTED = 2, CONTENT_PACKAGES_WANTED = 4 };

/* Lives as long as the process: the cache never gives up an entry. */
struct content {
	uint64_t size;
	uint32_t type, architecture, abi, flags, compression, linkage;
	char interpreter[128];
	char sha256[72];  /* "sha256:HEX", or empty */
	const struct package *package;
};

/*
 * The content behind `link` (/proc/T/exe, or a path below /proc/T/root), which is to be the file of
 * `facts`; NULL when nothing is wanted, or when it cannot be read without waiting for a foreign server.
 */
const struct content *content_of(struct tracer *tracer, int tid, const char *link, const struct arena *arena, const struct file_facts *facts);

/* The id of the tuple. */
uint32_t content_emit(struct tracer *tracer, const struct content *content);
void content_free(void);

#endif
