/*
 * What a recorded program must not do to the recorder or to the recording's completeness. The call is
 * refused at its entry and recorded with the flag `refused`; what cannot be refused is told as a blind spot.
 */
#ifndef SECCAM_GUARD_H
#define SECCAM_GUARD_H

#include "calls.h"
#include "tracer.h"

/* After the acts were captured at entry. Returns 0, or the errno that the call is refused with. */
int guard_enter(struct tracer *tracer, struct task *task, const struct call_list *list);

/* A call that is newer than the table would make the recording immutable. */
bool guard_newer(struct tracer *tracer, struct task *task, int64_t nr);

/* After a call that succeeded: what is not seen from here on. */
void guard_leave(struct tracer *tracer, struct task *task, const struct call_list *list, int64_t result);

/* What was captured lacks something: tells when the reason is that the program cannot be read any more, or /proc. */
void guard_unread(struct tracer *tracer, struct task *task, const struct act *act, bool succeeded);

/* Tells a blind spot once per process. */
void guard_blind_spot(struct tracer *tracer, struct task *task, uint32_t reason, const char *detail);

#endif
