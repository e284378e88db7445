/*
 * Which file a name or a descriptor of a tracee means, and the facts of that file.
 *
 * Two traps shape this room. /proc/PID/root/link with an absolute symbolic link resolves in *our* root,
 * so a task with a root of its own is resolved by openat2(RESOLVE_IN_ROOT) below that root. And readlink
 * of a descriptor of a task below chroot gives the path in the mount namespace's root: that is what
 * `path` means; `own_path` is the same without the prefix of its root.
 */
#ifndef SECCAM_PATH_H
#define SECCAM_PATH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "value.h"

/* Bits of the parameter of a `path` capture: PathMode of src/catalogue/row.ts. */
enum {
	PATH_FOLLOW = 1,
	PATH_NOFOLLOW_FLAG = 2,
	PATH_FOLLOW_FLAG = 4,
	PATH_EMPTY_FLAG = 8,
	PATH_PARENT = 16,
	PATH_NULL_IS_DESCRIPTOR = 32,
	PATH_OPEN_HOW = 64,
};

/* The root of a task, as last read. */
struct path_root {
	uint32_t age;      /* equal to path_age: still true */
	bool differs;      /* from the tracer's own */
	bool split;        /* threads of the process may have roots of their own: true for `tid` only */
	pid_t tid;
	char path[512];    /* in the root of the mount namespace; "/" mostly */
};

struct path_mounts;

struct path_task {
	pid_t tid, tgid;
	struct path_root *root;
	struct path_mounts *mounts;
};

/* Something changed a root or a mount namespace: roots are read again. */
void path_roots_changed(void);

/* The file behind a link such as /proc/T/fd/3 or /proc/T/exe. False: it is not there. */
bool path_of_link(const struct path_task *task, const char *link, struct arena *arena, struct file_facts *facts);
/* The kernel could say where it is: not so when that is longer than PATH_MAX, which leaves the path empty. */
bool path_is_told(const struct file_facts *facts);
bool path_of_descriptor(const struct path_task *task, int fd, struct arena *arena, struct file_facts *facts);

/*
 * Resolves `name` from `dirfd` (AT_FDCWD: the working directory). When nothing is there the path is told
 * all the same, as far as it can be resolved, without FACT_EXISTS. False only when `name` cannot mean
 * anything (a relative name and a descriptor that is closed).
 */
bool path_resolve(const struct path_task *task, int dirfd, const char *name, uint32_t length, bool follow, bool cheap, struct arena *arena, struct file_facts *facts);

/* The same where `dirfd` is the root of the name: openat2 with RESOLVE_IN_ROOT. */
bool path_resolve_below(const struct path_task *task, int dirfd, const char *name, uint32_t length, bool follow, bool cheap, struct arena *arena, struct file_facts *facts);

/* A file that `facts` told of by its name has that name still. */
bool path_still_there(const struct path_task *task, const struct arena *arena, const struct file_facts *facts);

/*
 * A file that `facts` told of by its name has not been changed since. Only where every change is told by the time
 * of change, however soon it comes after a look at the file: Linux 6.13 on the usual file systems; else false.
 */
bool path_untouched(const struct path_task *task, const struct arena *arena, const struct file_facts *facts);
/* The task is gone, or has another number. */
void path_forget(pid_t tid);
/* It has the size that it had, though it was given another; false: nobody can say. */
bool path_kept_size(const struct path_task *task, const struct arena *arena, const struct file_facts *facts, uint64_t length);
/* What has its name lies in the same mount as before; false: nobody can say. */
bool path_same_mount(const struct path_task *task, const struct arena *arena, const struct file_facts *facts);
/* A descriptor leads to another file than `facts` told of, or to the same, which did not change (`changes`: it should have). */
bool path_turned(const struct path_task *task, int fd, const struct arena *arena, const struct file_facts *facts, bool changes);

/* /proc/T/cwd or /proc/T/root as text; empty when unreadable. */
struct text path_directory(const struct path_task *task, bool root, struct arena *arena);

/* The folder that a name begins in, as text: the root of the task, what `dirfd` is, or the working directory; empty when unreadable. */
void path_base(const struct path_task *task, bool absolute, int dirfd, char *out, size_t room);

void path_root_read(const struct path_task *task);

#endif
