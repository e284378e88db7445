#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "capture.h"
#include "emit.h"
#include "guardian.h"
#include "process.h"
#include "registers.h"
#include "remote.h"

#ifndef SECCOMP_FILTER_FLAG_NEW_LISTENER
#define SECCOMP_FILTER_FLAG_NEW_LISTENER 8
#endif
#define CLONE_VM_BIT 0x100u
#define CLONE_UNTRACED_BIT 0x00800000u
#define PTRACE_TRACEME_REQUEST 0
#define PIDFD_SIGNAL_GROUP 4

void guard_blind_spot(struct tracer *tracer, struct task *task, uint32_t reason, const char *detail)
{
	if (reason < sizeof(task->process->told_blind) && !task->process->told_blind[reason]) {
		task->process->told_blind[reason] = true;
		emit_blind_spot(tracer, task, reason, detail);
	}
}

/* Numbers mean us only in our own pid namespace; from an inner one we cannot be named. */
static bool names_us(const struct tracer *tracer, const struct task *task, int32_t pid)
{
	char path[64];

	if (task->process->namespaces_known && task->process->namespaces.inode[NS_PID] != tracer->own_pid_namespace)
		return false;
	if (pid == tracer->own_pid || pid == tracer->thread_id || (pid > 0 && pid == guardian_pid(tracer)))
		return true;
	if (pid <= 0)
		return false;
	snprintf(path, sizeof(path), "/proc/self/task/%d", pid);
	return !access(path, F_OK);
}

/* SIGKILL and SIGSTOP are what we cannot answer; all others are passed on to the program or endured. */
static bool kills_us(const struct tracer *tracer, const struct task *task, int32_t target, int32_t signal, bool whole_group)
{
	pid_t group = getpgrp();

	if (signal != SIGKILL && signal != SIGSTOP)
		return false;
	if (target > 0)
		return names_us(tracer, task, target);
	if (!whole_group || (task->process->namespaces_known && task->process->namespaces.inode[NS_PID] != tracer->own_pid_namespace))
		return false;
	if (target == 0)
		return getpgid(task->process->tgid) == group;
	return target == -1 || target == -group;
}

static int32_t pid_behind(struct task *task, int fd)
{
	char name[64], text[512];
	char *line;
	ssize_t length;
	int pid = 0;

	snprintf(name, sizeof(name), "/proc/%d/fdinfo/%d", task->tid, fd);
	if (facts_file(name, text, sizeof(text)) <= 0)
		return 0;
	line = strstr(text, "Pid:\t");
	if (line)
		return sscanf(line + 5, "%d", &pid) == 1 ? pid : 0;
	/* A folder of /proc serves as a pidfd too. */
	snprintf(name, sizeof(name), "/proc/%d/fd/%d", task->tid, fd);
	length = readlink(name, text, sizeof(text) - 1);
	if (length <= 0)
		return 0;
	text[length] = 0;
	return sscanf(text, "/proc/%d", &pid) == 1 ? pid : 0;
}

static bool is_recording(const struct tracer *tracer, const struct file_facts *facts)
{
	return tracer->sink.inode && facts->inode == tracer->sink.inode && facts->device == tracer->sink.device;
}

/* /proc/US/mem and its kin: doors into our memory and our descriptors. */
static bool is_door(const struct tracer *tracer, const struct task *task, const struct arena *arena, const struct file_facts *facts)
{
	char path[32];
	uint32_t length = facts->path.stored < sizeof(path) - 1 ? facts->path.stored : sizeof(path) - 1;
	int pid = 0, end = 0;

	memcpy(path, length ? arena_at(arena, facts->path.at) : "", length);
	path[length] = 0;
	return sscanf(path, "/proc/%d/%n", &pid, &end) == 1 && end && names_us(tracer, task, pid);
}

/* A command that keeps what `fd` leads to from being written: the recording, or the file system that it lies on. */
static bool freezes_ours(struct tracer *tracer, struct task *task, int fd, uint32_t command)
{
	struct path_task place = capture_place(tracer, task);
	struct arena arena = {0};
	struct file_facts facts;
	bool whole = command == calls_freezing.values[3] || command == calls_freezing.values[4], known = false;

	for (unsigned n = 0; n < calls_freezing.count; n++)
		known |= command == calls_freezing.values[n];
	if (!known || !tracer->sink.inode || !path_of_descriptor(&place, fd, &arena, &facts))
		return false;
	arena_free(&arena);
	return whole ? facts.device == tracer->sink.device : is_recording(tracer, &facts);
}

static bool wants_to_write(uint64_t flags)
{
	bool fresh = (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);

	return !fresh && !(flags & O_PATH) && ((flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC);
}

/*
 * The recording, and the recorder's memory, are not to be written, nor is that memory to be read. What
 * the name means is looked up only when the call asks to write or the name itself says `mem`; a door that
 * is found behind another name is met when the call returns (guard_leave).
 */
static bool opens_ours(struct tracer *tracer, struct task *task, const struct act *act)
{
	const struct catalogue_capture *captures = calls_captures(act->call);
	bool writes = act->values[OPEN_FLAGS].type == VALUE_NUMBER && wants_to_write(act->values[OPEN_FLAGS].number);
	struct path_task place = capture_place(tracer, task);
	struct arena arena = {0};
	struct file_facts facts;
	char name[PATH_BYTES + 1];
	bool whole, ours = false;
	int32_t length;

	if (!act->call->capture_count || captures[0].kind != CAPTURE_OPENED)
		return false;
	length = remote_string(task->tid, capture_argument(task, captures[0].args[1]), name, PATH_BYTES - 1, &whole);
	if (length < 3 || (!writes && strcmp(name + length - 3, "mem")))
		return false;
	if ((capture_in_root(task, captures) ? path_resolve_below : path_resolve)(&place, (int32_t)capture_argument(task, captures[0].args[0]), name, (uint32_t)length, true, false, &arena, &facts))
		ours = is_door(tracer, task, &arena, &facts) || (writes && is_recording(tracer, &facts));
	arena_free(&arena);
	return ours;
}

/* It was opened all the same: by a name that changed while the call began, through a link, by a handle. */
static void opened_ours(struct tracer *tracer, struct task *task, const struct act *act)
{
	const struct file_facts *facts;
	bool writes = act->values[OPEN_FLAGS].type == VALUE_NUMBER && wants_to_write(act->values[OPEN_FLAGS].number);

	if (act->values[OPEN_FILE].type != VALUE_FILE)
		return;
	facts = arena_at(&task->pending.arena, act->values[OPEN_FILE].at);
	if (writes && is_recording(tracer, facts))
		tracer->sink.touched = task->process->tgid;
	/* There is no way to take the descriptor away again. */
	if (facts->path.stored > 4 && !memcmp((char *)arena_at(&task->pending.arena, facts->path.at) + facts->path.stored - 4, "/mem", 4) &&
	    is_door(tracer, task, &task->pending.arena, facts)) {
		kill(task->process->tgid, SIGKILL);
		guard_blind_spot(tracer, task, BLIND_SPOT_UNKNOWN, "it opened the recorder's memory through a link, and was killed");
	}
}

/* A child that asks not to be traced is traced. */
static int keep_children(struct tracer *tracer, struct task *task, bool extended)
{
	struct pending *p = &task->pending;
	uint64_t flags = p->args[0];
	bool shared = task->process->tasks > 1 || task->process->shares_memory;

	if (!extended) {
		if (!(flags & CLONE_UNTRACED_BIT))
			return 0;
		registers_set_argument(task->tid, 0, flags & ~(uint64_t)CLONE_UNTRACED_BIT);
		guard_blind_spot(tracer, task, BLIND_SPOT_UNTRACED_CHILD, "it asked for a child that is not traced: the child is traced all the same");
		return 0;
	}
	if (!remote_exact(task->tid, p->args[0], &flags, sizeof(flags)))
		return 0;
	/* Another thread may write the flag after we looked: the result is checked. */
	p->want_exit = shared;
	if (!(flags & CLONE_UNTRACED_BIT))
		return 0;
	guard_blind_spot(tracer, task, BLIND_SPOT_UNTRACED_CHILD, "it asked for a child that is not traced: the child is traced all the same");
	if (shared)
		return ENOSYS; /* As on a kernel without clone3: libraries use clone then. */
	flags &= ~(uint64_t)CLONE_UNTRACED_BIT;
	return remote_write(task->tid, p->args[0], &flags, sizeof(flags)) ? 0 : ENOSYS;
}

static int guard_act(struct tracer *tracer, struct task *task, const struct act *act)
{
	struct pending *p = &task->pending;

	switch (act->call->event) {
	case EVENT_OPEN:
		return opens_ours(tracer, task, act) ? EPERM : 0;
	case EVENT_TRUNCATE:
		return act->values[TRUNCATE_FILE].type == VALUE_FILE && is_recording(tracer, arena_at(&p->arena, act->values[TRUNCATE_FILE].at)) ? EPERM : 0;
	case EVENT_IO_URING_SETUP:
		return tracer->options.deny_uring ? EPERM : 0;
	case EVENT_SECCOMP:
		if (!strcmp(act->call->name, "seccomp") && (uint32_t)p->args[0] == SECCOMP_SET_MODE_FILTER && p->args[1] & SECCOMP_FILTER_FLAG_NEW_LISTENER && tracer->options.strict)
			return EBUSY;
		return 0;
	default:
		return 0;
	}
}

int guard_enter(struct tracer *tracer, struct task *task, const struct call_list *list)
{
	struct pending *p = &task->pending;
	const char *name;
	int arch = p->arch == HEAD_ARCH_I386 ? ARCH_I386 : p->arch == HEAD_ARCH_AARCH64 ? ARCH_AARCH64 : ARCH_X86_64;

	for (unsigned n = 0; n < p->act_count; n++) {
		int error = guard_act(tracer, task, &p->acts[n]);
		if (error)
			return error;
	}
	switch (list->special) {
	case SPECIAL_CLONE:
		return keep_children(tracer, task, false);
	case SPECIAL_CLONE3:
		return keep_children(tracer, task, true);
	case SPECIAL_SIGNAL:
	case SPECIAL_THREAD_SIGNAL: {
		int32_t target = (int32_t)p->args[0];
		int32_t signal = (int32_t)p->args[list->special == SPECIAL_THREAD_SIGNAL ? 2 : 1];

		name = calls_name((unsigned)arch, p->nr);
		return kills_us(tracer, task, target, signal, name && !strcmp(name, "kill")) ? EPERM : 0;
	}
	case SPECIAL_PIDFD: {
		int32_t target = pid_behind(task, (int32_t)p->args[0]);

		if (p->args[3] & PIDFD_SIGNAL_GROUP)
			return kills_us(tracer, task, -target, (int32_t)p->args[1], target > 1) ? EPERM : 0;
		return kills_us(tracer, task, target, (int32_t)p->args[1], false) ? EPERM : 0;
	}
	case SPECIAL_OWNER:
		/* A signal that nobody can mean well: the filter stops nothing else. */
		return (uint32_t)p->args[1] == F_SETSIG && (p->args[2] == SIGKILL || p->args[2] == SIGSTOP) ? EPERM : 0;
	case SPECIAL_TARGET:
		/* prlimit64 with new limits, process_vm_writev, pidfd_open, schedulers. */
		return names_us(tracer, task, (int32_t)p->args[0]) ? EPERM : 0;
	case SPECIAL_TAKE:
		return names_us(tracer, task, pid_behind(task, (int32_t)p->args[0])) ? EPERM : 0;
	case SPECIAL_PRIORITY:
		return (int32_t)p->args[0] == PRIO_PROCESS && names_us(tracer, task, (int32_t)p->args[1]) ? EPERM : 0;
	case SPECIAL_COMMAND:
		return freezes_ours(tracer, task, (int32_t)p->args[0], (uint32_t)p->args[1]) ? EPERM : 0;
	case SPECIAL_PTRACE:
		return p->args[0] != PTRACE_TRACEME_REQUEST && names_us(tracer, task, (int32_t)p->args[1]) ? EPERM : 0;
	default:
		return 0;
	}
}

void guard_leave(struct tracer *tracer, struct task *task, const struct call_list *list, int64_t result)
{
	struct pending *p = &task->pending;

	if (list->special == SPECIAL_CLONE3 && result > 0 && task->process->namespaces.inode[NS_PID] == tracer->own_pid_namespace &&
	    !task_find(tracer, (pid_t)result)) {
		kill((pid_t)result, SIGKILL);
		guard_blind_spot(tracer, task, BLIND_SPOT_UNTRACED_CHILD, "a child that was not traced was killed");
	}
	if (list->special == SPECIAL_PTRACE && result == -EPERM && p->args[0] == PTRACE_TRACEME_REQUEST) {
		guard_blind_spot(tracer, task, BLIND_SPOT_OWN_PTRACE, "it wants to be traced by its parent: it is traced already, and the call fails");
		tracer->own_ptrace = true;
	}
	if (result < 0)
		return;
	for (unsigned n = 0; n < p->act_count; n++) {
		if (p->acts[n].call->event == EVENT_OPEN)
			opened_ours(tracer, task, &p->acts[n]);
		else if (p->acts[n].call->event == EVENT_IO_URING_SETUP)
			guard_blind_spot(tracer, task, BLIND_SPOT_IO_URING, "what it does through io_uring is not seen");
		else if (p->acts[n].call->event == EVENT_SECCOMP && !strcmp(p->acts[n].call->name, "seccomp") && (uint32_t)p->args[0] == SECCOMP_SET_MODE_FILTER &&
			 p->args[1] & SECCOMP_FILTER_FLAG_NEW_LISTENER)
			guard_blind_spot(tracer, task, BLIND_SPOT_USER_NOTIFICATION, "calls that its own supervisor answers are not seen");
		else if (p->acts[n].call->event == EVENT_SECCOMP && (uint32_t)p->args[0] != 2 /* SECCOMP_GET_ACTION_AVAIL */)
			guard_blind_spot(tracer, task, BLIND_SPOT_FOREIGN_FILTER, "calls that a filter of its own answers are not seen");
	}
}

void guard_unread(struct tracer *tracer, struct task *task, const struct act *act)
{
	bool lacking = false;
	char byte;

	for (unsigned n = 0; n < ACT_COLUMNS; n++)
		lacking |= act->values[n].missing;
	if (lacking && !task->process->told_blind[BLIND_SPOT_UNKNOWN] && access("/proc/self/stat", F_OK))
		guard_blind_spot(tracer, task, BLIND_SPOT_UNKNOWN, "/proc was taken away or mounted over: what is told of files and processes lacks what stands there");
	if (lacking && !task->process->told_blind[BLIND_SPOT_NO_TRACE_PERMISSION] && !remote_read(task->tid, task->pending.stack, &byte, 1))
		guard_blind_spot(tracer, task, BLIND_SPOT_NO_TRACE_PERMISSION,
				 "it cannot be read by a recorder without CAP_SYS_PTRACE (PR_SET_DUMPABLE, another user): names are missing");
}
