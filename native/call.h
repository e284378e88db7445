/* One system call of a task from its entry to its end. */
#ifndef SECCAM_CALL_H
#define SECCAM_CALL_H

#include "registers.h"
#include "tracer.h"

/* At entry. Sets pending; afterwards pending.want_exit says whether the exit is to be seen. */
void call_enter(struct tracer *tracer, struct task *task, const struct call_view *view);
/* Our filter chose this call, not one that the program has made itself. */
bool call_is_selected(const struct tracer *tracer, const struct call_view *view);
/* At exit. */
void call_leave(struct tracer *tracer, struct task *task, int64_t result);
/* The task dies or is replaced while it is in the call. */
void call_abandon(struct tracer *tracer, struct task *task);
/* At PTRACE_EVENT_EXEC: the call has done its work. */
void call_executed(struct tracer *tracer, struct task *task, pid_t caller);

#endif
