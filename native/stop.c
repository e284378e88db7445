#include "stop.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

/* Older headers lack it. */
#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

static enum stop_kind of_event(int event, int signal)
{
	switch (event) {
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		return STOP_FORK;
	case PTRACE_EVENT_VFORK_DONE:
		return STOP_VFORK_DONE;
	case PTRACE_EVENT_EXEC:
		return STOP_EXEC;
	case PTRACE_EVENT_SECCOMP:
		return STOP_SECCOMP;
	case PTRACE_EVENT_STOP:
		return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU ? STOP_GROUP : STOP_TRAP;
	default:
		return STOP_OTHER;
	}
}

struct stop stop_classify(pid_t tid, int status)
{
	struct stop stop = {.tid = tid, .status = status};

	if (WIFEXITED(status)) {
		stop.kind = STOP_EXITED;
		stop.signal = WEXITSTATUS(status);
	} else if (WIFSIGNALED(status)) {
		stop.kind = STOP_KILLED;
		stop.signal = WTERMSIG(status);
		stop.core = WCOREDUMP(status) ? 1 : 0;
	} else {
		int event = (status >> 16) & 0xff;

		stop.signal = WSTOPSIG(status);
		if (event)
			stop.kind = of_event(event, stop.signal);
		else if (stop.signal == (SIGTRAP | 0x80))
			stop.kind = STOP_SYSCALL;
		else
			stop.kind = STOP_SIGNAL;
	}
	return stop;
}
