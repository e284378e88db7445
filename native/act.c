#include "act.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attach.h"
#include "call.h"
#include "calls.h"
#include "emit.h"
#include "process.h"
#include "remote.h"

#ifndef PTRACE_LISTEN
#define PTRACE_LISTEN 0x4208
#endif
#define CLONE_VM_BIT 0x100u
#define CLONE_VFORK_BIT 0x4000u
#define CLONE_PARENT_BIT 0x8000u
#define CLONE_THREAD_BIT 0x10000u
#define CLONE_NEW_BITS 0x7e020080u
#define CLONE_FILES_BIT 0x400u
#define X32_BIT 0x40000000
#define ADOPT_AFTER_NS 200000000u

/* Lets a task go on, with a signal when one is to be delivered. A task that was killed meanwhile is gone: its death comes. */
static void resume(struct tracer *tracer, struct task *task, int signal)
{
	bool every_call = !tracer->use_filter || task->pending.phase == PHASE_IN_CALL;

	remote_forget();
	if (ptrace(every_call ? PTRACE_SYSCALL : PTRACE_CONT, task->tid, 0, (void *)(long)signal) && errno != ESRCH)
		fail(&tracer->failure, 125, "internal-error", errno, "cannot resume task %d", task->tid);
}

static void on_death(struct tracer *tracer, struct task *task, const struct stop *stop, const struct rusage *usage)
{
	uint64_t time = boot_time();

	if (task->tid == tracer->main_pid)
		tracer->main_status = stop->status;
	if (!task->process) {
		task->died = true;
		task->death = stop->status;
		return;
	}
	call_abandon(tracer, task);
	if (tracer->started || tracer->attached)
		emit_exit(tracer, task, stop, time, (uint64_t)usage->ru_utime.tv_sec * 1000000000u + (uint64_t)usage->ru_utime.tv_usec * 1000u,
			  (uint64_t)usage->ru_stime.tv_sec * 1000000000u + (uint64_t)usage->ru_stime.tv_usec * 1000u, (uint64_t)usage->ru_maxrss * 1024u);
	task_remove(tracer, task);
}

static bool makes_tasks(int arch, int64_t nr)
{
	const char *name = calls_name((unsigned)arch, nr & ~(int64_t)X32_BIT);

	return name && (!strcmp(name, "clone") || !strcmp(name, "clone3") || !strcmp(name, "fork") || !strcmp(name, "vfork"));
}

/* What was asked of clone, in one form for all calls that make tasks. */
static void read_clone(const struct task *task, struct fork_facts *facts)
{
	struct call_view view = {0};
	const char *name;
	int arch;

	facts->nr = 0xffffffff;
	facts->exit_signal = SIGCHLD;
	if (task->pending.phase == PHASE_IN_CALL && (arch = calls_arch_of_head(task->pending.arch)) >= 0 && makes_tasks(arch, task->pending.nr)) {
		view.nr = task->pending.nr;
		memcpy(view.args, task->pending.args, sizeof(view.args));
	} else if (!registers_call(task->tid, 0, &view) || (arch = calls_arch_of(view.audit)) < 0) {
		return;
	} else if (arch == ARCH_X86_64 && !makes_tasks(arch, view.nr)) {
		/* A 64-bit program has called as 32-bit ones do. */
		arch = ARCH_I386;
		if (!registers_call(task->tid, calls_arch(ARCH_I386)->audit, &view))
			return;
	}
	facts->nr = (uint32_t)view.nr;
	facts->arch = view.nr & X32_BIT ? HEAD_ARCH_X32 : calls_arch((unsigned)arch)->head;
	if (!makes_tasks(arch, view.nr))
		return;
	name = calls_name((unsigned)arch, view.nr & ~(int64_t)X32_BIT);
	facts->in_registers = strcmp(name, "clone3") != 0;
	if (!strcmp(name, "vfork")) {
		facts->clone_flags = CLONE_VM_BIT | CLONE_VFORK_BIT;
	} else if (!strcmp(name, "clone")) {
		facts->clone_flags = (uint32_t)view.args[0] & ~0xffu;
		facts->exit_signal = (uint32_t)view.args[0] & 0xff;
	} else if (!strcmp(name, "clone3")) {
		uint64_t words[5]; /* flags, pidfd, child_tid, parent_tid, exit_signal */
		if (remote_exact(task->tid, view.args[0], words, sizeof(words))) {
			facts->clone_flags = words[0];
			facts->exit_signal = (uint32_t)words[4];
		}
	}
}

static bool is_thread_of(pid_t tgid, pid_t tid, const struct fork_facts *asked)
{
	char path[64];

	/* Registers do not lie; what clone3 was asked lies in memory that another thread may have changed since. */
	if (asked->in_registers && !(asked->clone_flags & CLONE_THREAD_BIT))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/task/%d", tgid, tid);
	if (!access(path, F_OK))
		return true;
	/* Gone already: then what was asked for is all that is known. */
	snprintf(path, sizeof(path), "/proc/%d", tid);
	return asked->clone_flags & CLONE_THREAD_BIT && access(path, F_OK);
}

static void on_fork(struct tracer *tracer, struct task *task)
{
	unsigned long message = 0;
	struct fork_facts facts = {0};
	struct task *child;
	struct rusage none = {0};

	if (ptrace(PTRACE_GETEVENTMSG, task->tid, 0, &message) || !message)
		return;
	facts.child_tid = (pid_t)message;
	read_clone(task, &facts);
	child = task_find(tracer, facts.child_tid);
	if (child && child->process)
		return;
	if (!child)
		child = task_add(tracer, facts.child_tid);
	if (is_thread_of(task->process->tgid, facts.child_tid, &facts)) {
		facts.child = task->process;
		facts.child->root.split |= process_apart(facts.child->tgid, facts.child_tid, APART_ROOT);
	} else {
		facts.child = process_new(tracer, facts.child_tid, task->process);
		facts.child->start_time = boot_time();
		facts.child->shares_memory = facts.clone_flags & CLONE_VM_BIT;
		if (facts.clone_flags & CLONE_VM_BIT && !(facts.clone_flags & CLONE_VFORK_BIT))
			task->process->shares_memory = true;
		facts.child->shares_files = facts.clone_flags & CLONE_FILES_BIT;
		if (facts.clone_flags & CLONE_FILES_BIT && !(facts.clone_flags & CLONE_VFORK_BIT))
			task->process->shares_files = true;
		if (facts.clone_flags & CLONE_PARENT_BIT)
			facts.child->ppid = task->process->ppid;
		if (facts.clone_flags & CLONE_NEW_BITS) {
			facts.child->namespaces_known = facts.child->credentials_known = facts.child->context_known = false;
			facts.child->namespaces_id = facts.child->credentials_id = facts.child->context_id = 0;
			path_roots_changed();
		} else if (facts.child->namespaces_known && facts.child->namespaces.inode[NS_PID] != tracer->own_pid_namespace) {
			facts.child->credentials_known = false;
		}
	}
	task_join(tracer, child, facts.child);
	if (task->pending.phase == PHASE_IN_CALL && !task->pending.act_count) {
		/* The child is one of ours: that was all there was to see of clone3. */
		pending_clear(&task->pending);
	}
	child->starting = task->starting;
	if (tracer->started || tracer->attached)
		emit_fork(tracer, task, &facts, boot_time());
	if (child->died) {
		struct stop stop = stop_classify(child->tid, child->death);
		on_death(tracer, child, &stop, &none);
	} else if (child->seen_stop) {
		resume(tracer, child, 0);
	}
}

static void on_exec(struct tracer *tracer, struct task **at)
{
	struct task *task = *at;
	unsigned long message = 0;
	pid_t caller;

	/* Of one thread there is no other that can have called. */
	if ((tracer->attached || task->process->tasks != 1) && ptrace(PTRACE_GETEVENTMSG, task->tid, 0, &message))
		return;
	caller = (pid_t)message;
	if (caller && caller != task->tid) {
		/* The leader is gone without a word, and the thread that called has its number. */
		struct task *thread = task_find(tracer, caller);
		pid_t tid = task->tid;

		if (thread && thread->process == task->process) {
			call_abandon(tracer, task);
			task_remove(tracer, task);
			task_renumber(tracer, thread, tid);
			task = *at = thread;
		}
	}
	call_executed(tracer, task, caller ? caller : task->tid);
	/* Its exit is still to come when every call stops. */
	task->in_syscall = true;
}

static void on_call(struct tracer *tracer, struct task *task, bool from_filter)
{
	struct call_view view = {0};

	if (!registers_view(task->tid, tracer->has_syscall_info, from_filter || !task->in_syscall, &view))
		return;
	if (from_filter || view.place == CALL_ENTRY) {
		task->in_syscall = true;
		call_enter(tracer, task, &view);
	} else if (view.place == CALL_EXIT) {
		task->in_syscall = false;
		call_leave(tracer, task, view.result);
	}
}

/*
 * The terminal sent its signal to this process too, where a handler endures it. It must have been taken
 * before the default action is in place: else it stops us between sigaction() and raise(), and when the
 * shell continues its job, raise() stops it again.
 */
static void await_own_signal(int signal)
{
	const struct timespec moment = {0, 2000000};
	sigset_t waiting;

	for (int tries = 0; tries < 250; tries++) {
		nanosleep(&moment, NULL);
		if (sigpending(&waiting) || !sigismember(&waiting, signal))
			return;
	}
}

/*
 * The terminal stopped the program: we stop too, in the same way, so that the shell above sees its job
 * stopped. Not before the program has stopped: its own handler may have had work to do first, which we
 * must trace. The signal is raised on this thread, where it acts before raise() returns.
 */
static void mirror_stop(struct tracer *tracer, struct task *task, int signal)
{
	struct sigaction stop = {.sa_handler = SIG_DFL}, was;
	sigset_t only, mask;

	if (!tracer->options.mirror || !task->process->first || task->tid != task->process->tgid || signal == SIGSTOP ||
	    getpgid(task->tid) != getpgrp())
		return;
	await_own_signal(signal);
	sigemptyset(&only);
	sigaddset(&only, signal);
	sigaction(signal, &stop, &was);
	pthread_sigmask(SIG_UNBLOCK, &only, &mask);
	raise(signal);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	sigaction(signal, &was, NULL);
}

void act_on(struct tracer *tracer, const struct stop *stop, const struct rusage *usage)
{
	struct task *task = task_find(tracer, stop->tid);

	atomic_fetch_add_explicit(&tracer->counters.stops, 1, memory_order_relaxed);
	if (!task) {
		/* A child's first stop can come before its parent's event: parked until that names it. */
		task = task_add(tracer, stop->tid);
		task->since = boot_time();
	}
	if (stop->kind == STOP_EXITED || stop->kind == STOP_KILLED) {
		on_death(tracer, task, stop, usage);
		return;
	}
	task->seen_stop = true;
	if (tracer->detaching) {
		attach_release(tracer, task, stop);
		return;
	}
	if (!task->process)
		return;
	switch (stop->kind) {
	case STOP_SECCOMP:
		/* When every call stops, it has stopped at this one already. */
		if (tracer->use_filter || !task->in_syscall)
			on_call(tracer, task, true);
		break;
	case STOP_SYSCALL:
		on_call(tracer, task, false);
		break;
	case STOP_FORK:
		on_fork(tracer, task);
		break;
	case STOP_EXEC:
		on_exec(tracer, &task);
		break;
	case STOP_SIGNAL:
		resume(tracer, task, stop->signal);
		return;
	case STOP_GROUP:
		task->listening = true;
		if (ptrace(PTRACE_LISTEN, task->tid, 0, 0) && errno != ESRCH)
			resume(tracer, task, 0);
		mirror_stop(tracer, task, stop->signal);
		return;
	case STOP_TRAP:
		task->listening = false;
		break;
	case STOP_VFORK_DONE:
	case STOP_OTHER:
	case STOP_EXITED:
	case STOP_KILLED:
		break;
	}
	resume(tracer, task, 0);
}

void act_adopt(struct tracer *tracer)
{
	uint64_t now = boot_time();

	for (unsigned n = 0; n < TASK_BUCKETS; n++) {
		struct task *next;
		for (struct task *task = tracer->buckets[n]; task; task = next) {
			struct process *process;
			struct standing standing;
			pid_t tgid;

			next = task->next;
			if (task->process || now - task->since < ADOPT_AFTER_NS)
				continue;
			if (task->died) {
				task_remove(tracer, task);
				continue;
			}
			tgid = facts_group(task->tid);
			process = tgid && tgid != task->tid ? process_find(tracer, tgid) : NULL;
			if (!process) {
				process = process_new(tracer, tgid ? tgid : task->tid, NULL);
				process->image = image_of_running(tracer, process, task->tid);
				memset(&standing, 0, sizeof(standing));
				process_standing(tracer, process);
				emit_process(tracer, process, task->tid, PROCESS_FLAG_TRACED, &standing);
			}
			task_join(tracer, task, process);
			resume(tracer, task, 0);
		}
	}
}
