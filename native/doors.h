/*
 * What leads into the recorder: its files in any instance of /proc, its memory by whatever name, the pipes by
 * which its threads talk to each other, the files that its own code is mapped from.
 */
#ifndef SECCAM_DOORS_H
#define SECCAM_DOORS_H

#include "tracer.h"

/* Before the first program runs: what belongs to us. */
void doors_begin(void);

/* The number means us: one of our threads, or who takes over. */
bool doors_number(const struct tracer *tracer, int32_t pid);
/* A file of ours in /proc, also where that is mounted elsewhere, in part, or from outside of our pid namespace. */
bool doors_proc(struct tracer *tracer, struct task *task, const struct arena *arena, const struct file_facts *facts);
/* What a task has opened is our memory, whatever its name: it holds at our address what only we know. */
bool doors_memory(struct task *task, int fd, const struct file_facts *facts);
/* A pipe of ours that programs do not inherit, or a file that our code lies in. */
bool doors_inside(const struct file_facts *facts);
/* Something is mounted over the folder of a process in our /proc: what is told of it is not what it is. */
bool doors_covered(void);
/* A task has a descriptor that is one of ours and that programs do not inherit. */
bool doors_taken(struct task *task, int fd);

#endif
