/*
 * Where blocks go: a file (lossless: it blocks) or the channel to an agent (bounded: it drops, counted).
 * Whole blocks only; after a failure the file ends with the last whole block.
 */
#ifndef SECCAM_SINK_H
#define SECCAM_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel.h"
#include "die.h"

struct sink {
	int fd;              /* of the file, or -1 */
	int folder;          /* where it lies: renaming does not depend on the working directory */
	char name[256], partial[272];
	bool force, plain;   /* plain: a descriptor that was handed over, neither renamed nor preallocated */
	uint64_t offset;     /* bytes of whole blocks written */
	uint64_t limit;      /* RLIMIT_FSIZE less the reserve */
	uint64_t reserved;   /* the file system has promised room up to here */
	bool can_reserve;
	uint64_t inode, device; /* of the file: the program must not write there */
	int touched;         /* pid of who opened it for writing all the same, or 0 */
	int error;           /* errno of the failure that closed it */
	struct channel *channel;
};

enum sink_result { SINK_TAKEN, SINK_EPOCH_FIRST, SINK_FAILED };

/* Room that is always kept for the gap record, the end record and the footer. */
#define SINK_RESERVE 65536

/* Creates PATH.partial (0600, never through a link, never over a file unless force). */
bool sink_open_file(struct sink *sink, const char *path, bool force, struct failure *failure);
/* Writes to a descriptor as it is: a pipe, a socket, a file. */
void sink_open_descriptor(struct sink *sink, int fd);
void sink_open_channel(struct sink *sink, struct channel *channel);

bool sink_prologue(struct sink *sink, const void *bytes, size_t length);
enum sink_result sink_block(struct sink *sink, const void *block, size_t length, uint64_t first_seq, uint64_t next_seq, bool begins_epoch, bool last_words);

/* Renames the file to its name. Returns false with *failure when another file took its place. */
bool sink_finish(struct sink *sink, struct failure *failure);
void sink_close(struct sink *sink);

#endif
