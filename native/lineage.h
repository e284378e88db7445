/*
 * The images that live processes come from, as replay keeps them: a fork makes one whose parent is the image
 * that forked, an exec makes one whose parent is the image before. An image stays as long as another comes
 * from it, also when its process is gone, so that every checkpoint can tell the whole ancestry.
 */
#ifndef SECCAM_LINEAGE_H
#define SECCAM_LINEAGE_H

#include "tracer.h"

struct life {
	unsigned references; /* lives whose parent this is, plus one while a process has it */
	uint32_t number;     /* unique in the recording */
	uint32_t depth;
	uint32_t epoch;      /* in which it was last told */
	struct life *parent;
	struct process *process; /* whose it is; `past`: a copy, as it was at the end */
	int64_t created;     /* wall ns as replay computes it; 0: unknown */
	bool past;
};

/* The image that a process has now; made when there is none yet, with that of its parent as parent. */
struct life *lineage_of(struct tracer *tracer, struct process *process);
/* `child` was forked and is a copy of `parent`. */
void lineage_forked(struct tracer *tracer, struct process *child, struct process *parent);
/* `process` is about to become another program: what it was is kept, and it has a new image. */
void lineage_executes(struct tracer *tracer, struct process *process);
/* What the former image of a process had, and is known only now: the place where it ran. */
void lineage_settle_former(struct process *process);
/* The process is gone; false: it is kept, since others come from it. */
bool lineage_ended(struct process *process);
/* The image of an untraced ancestor, by pid and start: made when there is none; its owner is filled by the caller. */
struct life *lineage_outside(struct tracer *tracer, pid_t pid, uint64_t start_time, struct life *parent);
/* That of an untraced process which was told as an ancestor, or NULL. */
struct life *lineage_find_outside(struct tracer *tracer, pid_t pid);
/* The image of an untraced process that was found: that of an ancestor when it is one. Its owner is filled by the caller, who holds one reference. */
struct life *lineage_found(struct tracer *tracer, pid_t pid, uint64_t start_time, struct life *parent);
/* It runs another program by now; the caller's reference is that to the new image. */
void lineage_found_executes(struct tracer *tracer, struct process *process);
void lineage_let_go(struct life *life);
/* Parents before children: `tell` is called for `life` and those above it that were not told in this epoch. */
void lineage_tell(struct tracer *tracer, struct life *life, void (*tell)(struct tracer *, struct life *));
void lineage_free(struct tracer *tracer);

/* Wall time in ns of a boot time, rounded as replay rounds it. 0: 0. */
int64_t lineage_wall(const struct tracer *tracer, uint64_t boot);

#endif
