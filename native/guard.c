#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "capture.h"
#include "doors.h"
#include "emit.h"
#include "errand.h"
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
#define PIDFD_SIGNAL_THREAD 1
#define PIDFD_SIGNAL_PROCESS 2
#define PIDFD_SIGNAL_GROUP 4

void guard_blind_spot(struct tracer *tracer, struct task *task, uint32_t reason, const char *detail)
{
	if (reason == BLIND_SPOT_UNKNOWN) {
		const char **told = task->process->told_unknown;

		for (unsigned n = 0; n < sizeof(task->process->told_unknown) / sizeof(*told); n++) {
			if (told[n] == detail)
				return;
			if (!told[n]) {
				told[n] = detail;
				emit_blind_spot(tracer, task, reason, detail);
				return;
			}
		}
		return;
	}
	if (reason < sizeof(task->process->told_blind) && !task->process->told_blind[reason]) {
		task->process->told_blind[reason] = true;
		emit_blind_spot(tracer, task, reason, detail);
	}
}

/* Numbers mean us only in our own pid namespace; from an inner one we cannot be named. */
static bool names_us(const struct tracer *tracer, const struct task *task, int32_t pid)
{
	return !(task->process->namespaces_known && task->process->namespaces.inode[NS_PID] != tracer->own_pid_namespace) && doors_number(tracer, pid);
}

/*
 * SIGKILL and SIGSTOP are what we cannot answer; all others are passed on to the program or endured. Those by
 * which a terminal stops its jobs stop us too, when they are meant for us alone.
 */
static bool kills_us(const struct tracer *tracer, const struct task *task, int32_t target, int32_t signal, bool whole_group)
{
	pid_t group = getpgrp();

	if (signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU)
		return target > 0 && names_us(tracer, task, target);
	if (signal != SIGKILL && signal != SIGSTOP)
		return false;
	if (target > 0)
		return names_us(tracer, task, target);
	if (!whole_group || (task->process->namespaces_known && task->process->namespaces.inode[NS_PID] != tracer->own_pid_namespace))
		return false;
	if (target == 0)
		return getpgid(task->process->tgid) == group;
	/* Who takes over has a group of its own, whose number is its own. */
	return target == -1 || target == -group || (guardian_pid(tracer) > 0 && target == -guardian_pid(tracer));
}

#define NO_PIDFD 0
#define UNREADABLE INT32_MIN

/*
 * The process that a descriptor stands for, as we number it; -1: gone. Only of pidfds more than the link is
 * read: what is told of other descriptors may wait for locks that a program holds.
 */
static int32_t pid_behind(struct task *task, int fd, bool *thread)
{
	char name[64], text[512];
	char *line;
	ssize_t length;
	int pid = 0, end = 0;
	unsigned flags = 0;
	struct statfs system;

	*thread = false;
	snprintf(name, sizeof(name), "/proc/%d/fd/%d", task->tid, fd);
	length = fd < 0 ? 0 : readlink(name, text, sizeof(text) - 1);
	if (length <= 0)
		return fd < 0 || errno == ENOENT ? NO_PIDFD : UNREADABLE;
	text[length] = 0;
	/* A folder of /proc serves as a pidfd too; in another instance of it numbers may be others. */
	if (text[0] == '/') {
		if (statfs(name, &system) || system.f_type != PROC_SUPER_MAGIC)
			return NO_PIDFD;
		return sscanf(text, "/proc/%d%n", &pid, &end) == 1 && !text[end] ? pid : UNREADABLE;
	}
	if (!strstr(text, "pidfd"))
		return NO_PIDFD;
	snprintf(name, sizeof(name), "/proc/%d/fdinfo/%d", task->tid, fd);
	if (facts_file(name, text, sizeof(text)) <= 0)
		return UNREADABLE;
	line = strstr(text, "flags:");
	if (line && sscanf(line + 6, "%o", &flags) == 1)
		*thread = flags & O_EXCL; /* PIDFD_THREAD */
	line = strstr(text, "Pid:\t");
	return line && sscanf(line + 5, "%d", &pid) == 1 ? pid : UNREADABLE;
}

static int64_t number_of(unsigned arch, const char *wanted)
{
	for (int64_t nr = 0; nr < CALLS_NUMBERS; nr++) {
		const char *name = calls_name(arch, nr);

		if (name && !strcmp(name, wanted))
			return nr;
	}
	return -1;
}

/*
 * SIGKILL or SIGSTOP by a descriptor, which another thread may turn to us after we looked: the signal goes
 * to the number that was found there. From an inner pid namespace no descriptor of ours is accepted.
 */
static int kill_by_number(struct tracer *tracer, struct task *task, unsigned arch)
{
	struct pending *p = &task->pending;
	const int32_t signal = (int32_t)p->args[1];
	bool thread, group = p->args[3] & PIDFD_SIGNAL_GROUP;
	int32_t target = pid_behind(task, (int32_t)p->args[0], &thread);
	int64_t nr;

	if (signal != SIGKILL && signal != SIGSTOP && signal != SIGTSTP && signal != SIGTTIN && signal != SIGTTOU)
		return 0;
	if (target == UNREADABLE)
		return EPERM;
	if (target == NO_PIDFD)
		return EBADF;
	if (group ? kills_us(tracer, task, -target, signal, target > 1) : kills_us(tracer, task, target, signal, false))
		return EPERM;
	if (p->arch == HEAD_ARCH_X32 || !task->process->namespaces_known || task->process->namespaces.inode[NS_PID] != tracer->own_pid_namespace)
		return 0;
	if (target < 0)
		return ESRCH;
	/* kill(-1) would mean everybody. */
	if (group && target == 1)
		return EPERM;
	thread = (thread && !(p->args[3] & PIDFD_SIGNAL_PROCESS)) || p->args[3] & PIDFD_SIGNAL_THREAD;
	nr = number_of(arch, thread && !group ? "tkill" : "kill");
	p->replaced = p->want_exit = nr >= 0 && registers_replace(task->tid, calls_arch(arch)->audit, nr, (uint64_t)(int64_t)(group ? -target : target), (uint64_t)signal);
	return p->replaced ? 0 : EPERM;
}

static bool is_recording(const struct tracer *tracer, const struct file_facts *facts)
{
	return tracer->sink.inode && facts->inode == tracer->sink.inode && facts->device == tracer->sink.device;
}

/* A command that keeps what `fd` leads to from being written: the recording, or the file system that it lies on. */
static bool freezes_ours(struct tracer *tracer, struct task *task, int fd, uint32_t command)
{
	struct path_task place = capture_place(tracer, task);
	struct arena arena = {0};
	struct file_facts facts;
	bool whole = command == calls_commands.values[CALLS_FREEZE] || command == calls_commands.values[CALLS_SHUTDOWN], known = false;

	for (unsigned n = 0; n < CALLS_TYPING; n++)
		known |= command == calls_commands.values[n];
	if (!known || !tracer->sink.inode || !path_of_descriptor(&place, fd, &arena, &facts))
		return false;
	arena_free(&arena);
	return whole ? facts.device == tracer->sink.device : is_recording(tracer, &facts);
}

#define FILE_SETATTR 469 /* the same number everywhere */

bool guard_newer(struct tracer *tracer, struct task *task, int64_t nr)
{
	const struct pending *p = &task->pending;
	struct path_task place = capture_place(tracer, task);
	struct arena arena = {0};
	struct file_facts facts;
	char name[PATH_BYTES + 1];
	bool whole, ours = false;
	int32_t length;

	if (nr != FILE_SETATTR || !tracer->sink.inode)
		return false;
	length = p->args[1] ? remote_string(task->tid, p->args[1], name, PATH_BYTES - 1, &whole) : 0;
	if (length > 0 ? path_resolve(&place, (int32_t)p->args[0], name, (uint32_t)length, !(p->args[4] & AT_SYMLINK_NOFOLLOW), false, &arena, &facts)
		       : path_of_descriptor(&place, (int32_t)p->args[0], &arena, &facts))
		ours = is_recording(tracer, &facts);
	arena_free(&arena);
	return ours;
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
		ours = doors_proc(tracer, task, &arena, &facts) || (writes && (is_recording(tracer, &facts) || doors_inside(&facts)));
	arena_free(&arena);
	return ours;
}

/* What the descriptor allows, where the flags of the call lie in memory that others may have changed since. */
static bool may_write(struct task *task, const struct act *act, int fd)
{
	char name[64], text[256];
	const char *line;
	unsigned flags;

	if (strcmp(act->call->name, "openat2"))
		return act->values[OPEN_FLAGS].type == VALUE_NUMBER && wants_to_write(act->values[OPEN_FLAGS].number);
	snprintf(name, sizeof(name), "/proc/%d/fdinfo/%d", task->tid, fd);
	line = facts_file(name, text, sizeof(text)) > 0 ? strstr(text, "flags:") : NULL;
	return !line || sscanf(line + 6, "%o", &flags) != 1 || (!(flags & O_PATH) && (flags & O_ACCMODE) != O_RDONLY);
}

/* It was opened all the same: by a name that changed while the call began, through a link, by a handle. */
static void opened_ours(struct tracer *tracer, struct task *task, const struct act *act, int fd)
{
	const struct file_facts *facts;

	if (act->values[OPEN_FILE].type != VALUE_FILE)
		return;
	facts = arena_at(&task->pending.arena, act->values[OPEN_FILE].at);
	if (facts->path.stored == 16 && !memcmp(arena_at(&task->pending.arena, facts->path.at), "/dev/userfaultfd", 16))
		errand_distrust_memory();
	if (facts->flags & FACT_EXISTS && !strncmp(facts->filesystem ? facts->filesystem : "", "fuse", 4))
		errand_distrust(facts->filesystem);
	if (is_recording(tracer, facts) && may_write(task, act, fd)) {
		if (strcmp(act->call->name, "openat2")) {
			tracer->sink.touched = task->process->tgid;
		} else {
			/* The flags were others when we looked. */
			kill(task->process->tgid, SIGKILL);
			tracer->sink.touched = task->process->tgid;
			guard_blind_spot(tracer, task, BLIND_SPOT_UNKNOWN, "it opened the recording for writing by flags that changed meanwhile, and was killed");
		}
	}
	/* There is no way to take the descriptor away again. */
	if (doors_memory(task, fd, facts)) {
		kill(task->process->tgid, SIGKILL);
		guard_blind_spot(tracer, task, BLIND_SPOT_UNKNOWN, "it opened the recorder's memory by another name, and was killed");
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
		registers_set_argument(task->tid, calls_arch((unsigned)calls_arch_of_head(p->arch))->audit, 0, flags & ~(uint64_t)CLONE_UNTRACED_BIT);
		guard_blind_spot(tracer, task, BLIND_SPOT_UNTRACED_CHILD, "it asked for a child that is not traced: the child is traced all the same");
		return 0;
	}
	/* The flag lies in memory that others may write after we looked: a child of which no fork was told before the
	   call returns is none of ours. */
	p->want_exit = true;
	/* As on a kernel without clone3: libraries use clone then. */
	if (!remote_exact(task->tid, p->args[0], &flags, sizeof(flags)))
		return ENOSYS;
	if (!(flags & CLONE_UNTRACED_BIT))
		return 0;
	guard_blind_spot(tracer, task, BLIND_SPOT_UNTRACED_CHILD, "it asked for a child that is not traced: the child is traced all the same");
	if (shared || !errand_may_peek())
		return ENOSYS;
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
		return act->values[TRUNCATE_FILE].type == VALUE_FILE && (is_recording(tracer, arena_at(&p->arena, act->values[TRUNCATE_FILE].at)) || doors_inside(arena_at(&p->arena, act->values[TRUNCATE_FILE].at))) ? EPERM : 0;
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
	bool thread;
	int32_t target;
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
		int32_t signal = (int32_t)p->args[list->special == SPECIAL_THREAD_SIGNAL ? 2 : 1];

		target = (int32_t)p->args[0];
		name = calls_name((unsigned)arch, p->nr);
		return kills_us(tracer, task, target, signal, name && !strcmp(name, "kill")) ? EPERM : 0;
	}
	case SPECIAL_PIDFD:
		return kill_by_number(tracer, task, (unsigned)arch);
	case SPECIAL_OWNER:
		/* A signal that nobody can mean well: the filter stops nothing else. */
		return (uint32_t)p->args[1] == F_SETSIG && (p->args[2] == SIGKILL || p->args[2] == SIGSTOP) ? EPERM : 0;
	case SPECIAL_TARGET:
		/* prlimit64 with new limits, process_vm_writev, pidfd_open, schedulers. */
		return names_us(tracer, task, (int32_t)p->args[0]) ? EPERM : 0;
	case SPECIAL_TAKE:
		target = pid_behind(task, (int32_t)p->args[0], &thread);
		return target == UNREADABLE || names_us(tracer, task, target) ? EPERM : 0;
	case SPECIAL_WATCH:
		return names_us(tracer, task, (int32_t)p->args[1]) ? EPERM : 0;
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

/* clone3 has returned and no fork was told: its child is killed; where it cannot be found, who made it. */
static void end_untraced(struct tracer *tracer, struct task *task)
{
	char name[64], text[16384], *at = text, *end;
	bool found = false;

	snprintf(name, sizeof(name), "/proc/%d/task/%d/children", task->process->tgid, task->tid);
	if (facts_file(name, text, sizeof(text)) <= 0)
		text[0] = 0;
	for (;;) {
		pid_t child = (pid_t)strtol(at, &end, 10);

		if (end == at)
			break;
		at = end;
		if (child > 0 && !task_find(tracer, child))
			found |= !kill(child, SIGKILL);
	}
	if (!found)
		kill(task->process->tgid, SIGKILL);
}

void guard_leave(struct tracer *tracer, struct task *task, const struct call_list *list, int64_t result)
{
	struct pending *p = &task->pending;

	if (list->special == SPECIAL_CLONE3 && result > 0) {
		end_untraced(tracer, task);
		guard_blind_spot(tracer, task, BLIND_SPOT_UNTRACED_CHILD, "a child that was not traced was killed");
	}
	if (p->replaced)
		registers_restore(task->tid, calls_arch((unsigned)calls_arch_of_head(p->arch))->audit, p->args[0], p->args[1]);
	if (list->special == SPECIAL_TAKE && result >= 0 && doors_taken(task, (int)result)) {
		/* Another thread turned the descriptor to us after we looked. */
		kill(task->process->tgid, SIGKILL);
		guard_blind_spot(tracer, task, BLIND_SPOT_UNKNOWN, "it took a descriptor of the recorder, and was killed");
	}
	if (list->special == SPECIAL_FAULTS && result >= 0)
		errand_distrust_memory();
	if (list->special == SPECIAL_PTRACE && result == -EPERM && p->args[0] == PTRACE_TRACEME_REQUEST) {
		guard_blind_spot(tracer, task, BLIND_SPOT_OWN_PTRACE, "it wants to be traced by its parent: it is traced already, and the call fails");
		tracer->own_ptrace = true;
	}
	if (result < 0)
		return;
	if (list->special == SPECIAL_ROOTS && doors_covered())
		guard_blind_spot(tracer, task, BLIND_SPOT_UNKNOWN, "something is mounted over the folder of a process in /proc: what is told of its files and descriptors may be what lies there");
	for (unsigned n = 0; n < p->act_count; n++) {
		if (p->acts[n].call->event == EVENT_OPEN)
			opened_ours(tracer, task, &p->acts[n], (int)result);
		else if (p->acts[n].call->event == EVENT_IO_URING_SETUP)
			guard_blind_spot(tracer, task, BLIND_SPOT_IO_URING, "what it does through io_uring is not seen");
		else if (p->acts[n].call->event == EVENT_SECCOMP && !strcmp(p->acts[n].call->name, "seccomp") && (uint32_t)p->args[0] == SECCOMP_SET_MODE_FILTER &&
			 p->args[1] & SECCOMP_FILTER_FLAG_NEW_LISTENER)
			guard_blind_spot(tracer, task, BLIND_SPOT_USER_NOTIFICATION, "calls that its own supervisor answers are not seen");
		else if (p->acts[n].call->event == EVENT_SECCOMP && (uint32_t)p->args[0] != 2 /* SECCOMP_GET_ACTION_AVAIL */)
			guard_blind_spot(tracer, task, BLIND_SPOT_FOREIGN_FILTER, "calls that a filter of its own answers are not seen");
	}
}

/* The kernel could read a name where we cannot. */
static bool has_hidden_name(struct task *task, const struct act *act)
{
	const struct catalogue_capture *captures = calls_captures(act->call);
	char byte;

	for (unsigned n = 0; n < act->call->capture_count; n++) {
		uint64_t pointer = captures[n].kind == CAPTURE_STRING ? capture_argument(task, captures[n].args[0]) : 0;

		if (pointer && act->values[captures[n].column].missing && !remote_read(task->tid, pointer, &byte, 1))
			return true;
	}
	return false;
}

void guard_unread(struct tracer *tracer, struct task *task, const struct act *act, bool succeeded)
{
	bool lacking = false;
	char byte;

	for (unsigned n = 0; n < ACT_COLUMNS; n++)
		lacking |= act->values[n].missing;
	if (lacking && access("/proc/self/stat", F_OK))
		guard_blind_spot(tracer, task, BLIND_SPOT_UNKNOWN, "/proc was taken away or mounted over: what is told of files and processes lacks what stands there");
	if (lacking && !task->process->told_blind[BLIND_SPOT_NO_TRACE_PERMISSION] && !remote_read(task->tid, task->pending.stack, &byte, 1))
		guard_blind_spot(tracer, task, BLIND_SPOT_NO_TRACE_PERMISSION,
				 "it cannot be read by a recorder without CAP_SYS_PTRACE (PR_SET_DUMPABLE, another user): names are missing");
	if (lacking && succeeded && has_hidden_name(task, act))
		guard_blind_spot(tracer, task, BLIND_SPOT_UNKNOWN, "it names files in memory that only the kernel can read (memfd_secret, memory of a device): names are missing");
}
