/* Names of a tracee, walked in its root: what they lead to as a descriptor of ours. */
#ifndef SECCAM_WALK_H
#define SECCAM_WALK_H

#include "path.h"

/* Writes "/proc/TID/" and the rest; returns its end. */
char *walk_proc(char *into, pid_t tid, const char *rest);

/* Joins `name` to `base` and folds `.`, `..` and doubled slashes, as text. Returns the length. */
uint32_t walk_fold(const char *base, const char *name, char *out, uint32_t room);

/* The link that a relative name starts from. */
void walk_base(const struct path_task *task, int dirfd, char *link, size_t room);
bool walk_has_prefix(const char *text, const char *prefix);

/* O_PATH descriptor of what the name means to the task, or -errno; -ETIMEDOUT: a file system did not answer in time. `below`: the folder is the root of the name. */
int walk_name(const struct path_task *task, int dirfd, bool below, const char *name, int flags);

/*
 * A whole name without a symbolic link on its way is the path itself, but for folding: no link of /proc is
 * read for it, and where something is missing on the way nothing more is asked. -ELOOP: it has to be walked.
 */
int walk_straight(const struct path_task *task, const char *name, int flags);

/* As on a kernel before 5.6; otherwise it is found out. */
void walk_without_openat2(void);

#endif
