/* Mounts that were met: read from the mount table of the task that met them, else from those of others. */
#ifndef SECCAM_MOUNTS_H
#define SECCAM_MOUNTS_H

#include "path.h"

/* What is known of a mount; kept for the life of the tracer. */
struct mount_facts {
	uint64_t id, parent, device;
	uint32_t namespace;
	bool visible, detached, upper_is_ours;
	char *root, *point, *filesystem, *source, *options;
	char *upper; /* of an overlay: the directory of its upper layer */
	uint32_t epoch; /* in which it was last told */
};

struct path_mounts {
	struct mount_facts *list;
	uint32_t count, room;
};

/* Never NULL: what is not known of it is NULL or 0. */
struct mount_facts *mounts_find(const struct path_task *task, uint64_t id);

/* The part of its file system that a mount shows, or NULL. Kept as long as the tracer. */
const char *mounts_part(const struct path_task *task, uint64_t id);

/*
 * What is in no mount table says nothing of its file system: the type of a device, from who opened its context
 * (fsopen) or from another mount of it. NULL: not known.
 */
const char *mounts_type(const struct path_task *task, uint64_t device);
/* A context of a type was opened; a context was made a mount, whose device this is. */
void mounts_context(pid_t tgid, int context, const char *type);
void mounts_made(pid_t tgid, int context, uint64_t device);

/* Something was mounted or unmounted: what is known of mounts is asked again. */
void mounts_changed(struct path_mounts *mounts);
void mounts_forget(struct path_mounts *mounts);

#endif
