/* What a wait status says: classifies, never acts. */
#ifndef SECCAM_STOP_H
#define SECCAM_STOP_H

#include <sys/types.h>

enum stop_kind {
	STOP_EXITED,    /* signal: exit status */
	STOP_KILLED,    /* signal: what killed it; core: it left a core */
	STOP_SIGNAL,    /* signal-delivery-stop: signal is to be passed on */
	STOP_GROUP,     /* group-stop: it stays stopped until SIGCONT */
	STOP_TRAP,      /* PTRACE_EVENT_STOP without a stop signal: first stop of a new task, interrupt, end of a group-stop */
	STOP_SYSCALL,   /* entry or exit of a system call */
	STOP_SECCOMP,   /* the filter chose this call */
	STOP_FORK,      /* fork, vfork or clone has made a task */
	STOP_VFORK_DONE,
	STOP_EXEC,
	STOP_OTHER,     /* an event that we did not ask for */
};

struct stop {
	pid_t tid;
	int status; /* as wait gave it */
	enum stop_kind kind;
	int signal;
	int core;
};

struct stop stop_classify(pid_t tid, int status);

#endif
