#include "attach.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include "call.h"
#include "process.h"
#include "spawn.h"

#define ROUNDS 100

static void explain(struct tracer *tracer, pid_t pid, int error)
{
	struct standing standing;
	char path[48], text[4096];
	char *line;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (error == ESRCH || facts_file(path, text, sizeof(text)) <= 0) {
		fail(&tracer->failure, 125, "no-process", 0, "there is no process %d", pid);
		return;
	}
	line = strstr(text, "\nTracerPid:\t");
	if (line && atoi(line + 12) > 0)
		fail(&tracer->failure, 125, "no-ptrace-permission", 0, "process %d is traced by process %d already", pid, atoi(line + 12));
	else if (facts_standing(pid, &standing) && standing.kernel)
		fail(&tracer->failure, 125, "no-ptrace-permission", 0, "process %d is a thread of the kernel", pid);
	else if (strstr(text, "\nState:\tZ") || strstr(text, "\nState:\tX"))
		fail(&tracer->failure, 125, "no-process", 0, "process %d has ended", pid);
	else
		fail(&tracer->failure, 125, "no-ptrace-permission", error, "may not attach to process %d", pid);
}

/* Seizes the threads that are not yet; returns how many were new, or -1. */
static int seize_threads(struct tracer *tracer, struct process *process)
{
	char path[48];
	struct dirent *entry;
	DIR *folder;
	int fresh = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", process->tgid);
	folder = opendir(path);
	while (folder && (entry = readdir(folder))) {
		pid_t tid = (pid_t)atoi(entry->d_name);
		struct task *task;

		if (tid <= 0 || task_find(tracer, tid))
			continue;
		if (ptrace(PTRACE_SEIZE, tid, 0, (void *)spawn_ptrace_options(tracer))) {
			/* Gone meanwhile, or attached by the kernel as the child of a thread that we have. */
			if (tid != process->tgid)
				continue;
			explain(tracer, tid, errno);
			closedir(folder);
			return -1;
		}
		task = task_add(tracer, tid);
		task->seen_stop = true;
		task_join(tracer, task, process);
		ptrace(PTRACE_INTERRUPT, tid, 0, 0);
		fresh++;
	}
	if (folder)
		closedir(folder);
	return fresh;
}

static bool attach_process(struct tracer *tracer, pid_t pid)
{
	struct process *process;
	struct standing standing;
	pid_t tgid = facts_group(pid);
	int fresh;

	if (!tgid || !facts_standing(tgid, &standing)) {
		explain(tracer, pid, ESRCH);
		return false;
	}
	if (process_find(tracer, tgid))
		return true;
	process = process_new(tracer, tgid, NULL);
	process->tasks = 1; /* held until its threads are ours */
	process->start_time = standing.start_time;
	process->execed = true;
	process_standing(tracer, process);
	process->image = image_of_running(tracer, process, tgid);
	for (int round = 0; round < ROUNDS; round++) {
		fresh = seize_threads(tracer, process);
		if (fresh <= 0)
			break;
	}
	if (fresh < 0 || process->tasks == 1) {
		if (fresh >= 0)
			explain(tracer, pid, ESRCH);
		if (!--process->tasks)
			process_drop(process);
		return false;
	}
	process->tasks--;
	return true;
}

bool attach_begin(struct tracer *tracer)
{
	for (unsigned n = 0; n < tracer->options.pid_count; n++)
		if (!attach_process(tracer, tracer->options.pids[n]))
			return false;
	return true;
}

void attach_end(struct tracer *tracer)
{
	tracer->detaching = true;
	for (unsigned n = 0; n < TASK_BUCKETS; n++)
		for (struct task *task = tracer->buckets[n]; task; task = task->next)
			ptrace(PTRACE_INTERRUPT, task->tid, 0, 0);
}

void attach_release(struct tracer *tracer, struct task *task, const struct stop *stop)
{
	int signal = stop->kind == STOP_SIGNAL ? stop->signal : 0;

	/* The call that it is in goes on without us. */
	call_abandon(tracer, task);
	ptrace(PTRACE_DETACH, task->tid, 0, (void *)(long)signal);
	task_remove(tracer, task);
}
