/* The memory of a tracee that stands still: bounded reads that never cross into a page that is not there. */
#ifndef SECCAM_REMOTE_H
#define SECCAM_REMOTE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "value.h"

/* Longest path that a call takes, with its NUL (PATH_MAX). */
#define PATH_BYTES 4096

/* Reads up to `length` bytes; returns how many could be read from the start, 0 for none. */
uint32_t remote_read(pid_t tid, uint64_t address, void *into, uint32_t length);

/* Reads all or nothing. */
bool remote_exact(pid_t tid, uint64_t address, void *into, uint32_t length);

/* A NULL-terminated array of pointers, at most `room` (of which at most REMOTE_BATCH at a time). *ended: its end was met, or it cannot be read. */
#define REMOTE_BATCH 32
unsigned remote_pointers(pid_t tid, uint64_t address, bool narrow, uint64_t *pointers, unsigned room, bool *ended);
/* The first bytes at each of `count` (at most REMOTE_BATCH) places; got[n]: how many, 0 when that place must be read by itself. */
#define REMOTE_CHUNK 256
void remote_beginnings(pid_t tid, const uint64_t *addresses, unsigned count, char (*into)[REMOTE_CHUNK], uint32_t *got);


/* Writes all or nothing, with ptrace: also where the page is not writable for the tracee. */
bool remote_write(pid_t tid, uint64_t address, const void *from, uint32_t length);

/*
 * Reads a NUL-terminated string of at most `cap` bytes (without NUL) to `into`, which has cap + 1 bytes.
 * Returns its length, or -1 when its first byte cannot be read. *whole is false when no NUL was met.
 */
int32_t remote_string(pid_t tid, uint64_t address, char *into, uint32_t cap, bool *whole);

/* Short strings are kept until the tasks run again: this is said by whoever resumes one. */
void remote_forget(void);

/* The same into an arena; the original length of a cut string is counted up to `count_cap` bytes. */
bool remote_text(pid_t tid, uint64_t address, uint32_t cap, uint32_t count_cap, struct arena *arena, struct text *text);

/* Reads a pointer of the tracee's width. */
bool remote_pointer(pid_t tid, uint64_t address, bool narrow, uint64_t *pointer);

#endif
