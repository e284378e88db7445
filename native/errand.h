/*
 * What may wait for a file system that a program serves: FUSE, or another machine. That program may be one
 * of ours, stopped, and wait for this very thread; and a wait for FUSE ends by no signal but SIGKILL. So the
 * tracer thread asks the kernel only for what lies in its caches; all else is an errand for a thread that may
 * be left waiting. An errand has 50 ms, or 2 ms when another task of ours stands still meanwhile; each that
 * comes back late halves the first, down to 2 ms, and each in time restores it. Then its fact is missing,
 * which the event, a blind spot and a counter tell. Waiting for a CPU does not count: a busy machine is no
 * silent server; at most half a second, halved too while nobody gets one. The memory of programs has its own
 * threads: names are told though no path is resolved.
 *
 * Without such a file system in the mount tables that are known, everything here is the plain call.
 */
#ifndef SECCAM_ERRAND_H
#define SECCAM_ERRAND_H

#include <linux/stat.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct statx;

/* Forgets what the last run knew. */
void errand_begin(void);
/* Looks through the mount table of a task whose mounts have changed; 0: ours, when it has. */
void errand_look(pid_t tid);
/* A program lies on such a file system: even its memory may have to be fetched from there. */
void errand_distrust(const char *filesystem);
/* A program fills memory when it is read. */
void errand_distrust_memory(void);
/* Served by a program or by another machine. */
bool errand_is_foreign(const char *filesystem);

/*
 * Opens `name` (O_PATH); `base` is a link of /proc from where a relative name starts, or NULL. `resolve` as for openat2.
 * -errno; -ETIMEDOUT: not in time.
 */
int errand_open(const char *base, const char *name, int flags, uint64_t resolve);
/* statx with AT_STATX_DONT_SYNC. 0 or -errno. */
int errand_facts(const char *name, int flags, unsigned mask, struct statx *facts);
/* process_vm_readv. Bytes, or -1 with errno. */
ssize_t errand_memory(pid_t tid, const struct iovec *local, const struct iovec *remote, unsigned long pieces);
/* open and pread. Bytes, or -errno. */
ssize_t errand_bytes(const char *name, uint64_t offset, void *into, size_t length);
/* The memory of programs can be read by ptrace as well: no such thread could do that. */
bool errand_may_peek(void);

/* A name could not be looked up for want of descriptors or memory since this was asked last; it counts as late. */
bool errand_lacked(void);
/* How many have been late so far. */
uint64_t errand_late(void);

#endif
