/* What is known of traced processes: threads, images, credentials, names of accounts. */
#ifndef SECCAM_PROCESS_H
#define SECCAM_PROCESS_H

#include "tracer.h"

struct task *task_find(struct tracer *tracer, pid_t tid);
/* A task of no process yet. */
struct task *task_add(struct tracer *tracer, pid_t tid);
void task_remove(struct tracer *tracer, struct task *task);
/* After an exec of a thread other than the leader, the caller has the leader's number. */
void task_renumber(struct tracer *tracer, struct task *task, pid_t tid);
void task_join(struct tracer *tracer, struct task *task, struct process *process);
void pending_clear(struct pending *pending);

/* A process that came from `parent` by fork (NULL: found by itself). */
struct process *process_new(struct tracer *tracer, pid_t tgid, struct process *parent);
/* It is gone: freed, or kept as the image of the past that others come from. */
void process_drop(struct process *process);
void process_free(struct process *process);
struct process *process_find(struct tracer *tracer, pid_t tgid);

/* Whether a thread has something of its own that threads mostly share. False also where the kernel cannot tell. */
enum apart { APART_DESCRIPTORS = 2, APART_ROOT = 3 }; /* KCMP_FILES, KCMP_FS */
bool process_apart(pid_t tgid, pid_t tid, enum apart what);

/* Reads what is not known: credentials, namespaces, cgroup. */
void process_know(struct tracer *tracer, struct process *process);
/* Refreshes parent, group, session and terminal, cheaply where that is possible. */
void process_standing(struct tracer *tracer, struct process *process);
/* After an exec: credentials may be new. `unchanged`: nothing that happened can have changed them. */
void process_after_exec(struct tracer *tracer, struct process *process);

/* The image of a process as /proc tells it: for processes that were there before us. */
struct image *image_of_running(struct tracer *tracer, struct process *process, pid_t tid);
/* The image after an exec, from the stack that the kernel laid out. *missing: columns of exec that could not be read. */
struct image *image_after_exec(struct tracer *tracer, struct task *task, uint64_t stack, bool narrow, bool *changed, uint32_t *missing);
/* What a failed exec asked for. */
struct image *image_asked(struct tracer *tracer, struct task *task, int64_t result, uint32_t *missing);
struct image *image_share(struct image *image);
void image_drop(struct image *image);

/* The name of a user or group, told once per epoch: NULL when it was told or has no name. */
const char *process_account(struct tracer *tracer, bool group, uint32_t id);
void process_accounts_free(void);

/* Writes a checkpoint: clock, ancestors, live processes. */
void snapshot_write(struct tracer *tracer);

#endif
