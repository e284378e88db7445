/* The state of the traced world, told in full at the beginning of an epoch. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emit.h"
#include "process.h"

#define ANCESTORS_MAX 64

/* A process that is not traced, for the length of one record. */
static void tell_outsider(struct tracer *tracer, pid_t pid, const struct standing *standing)
{
	struct process outsider = {.tgid = pid, .own_pid = pid, .pidfd = -1};

	outsider.ppid = standing->ppid;
	outsider.pgid = standing->pgid;
	outsider.sid = standing->sid;
	outsider.start_time = standing->start_time;
	memcpy(outsider.tty, standing->tty, sizeof(outsider.tty));
	outsider.image = image_of_running(tracer, &outsider, pid);
	emit_process(tracer, &outsider, pid, PROCESS_FLAG_EXECED | (standing->kernel ? PROCESS_FLAG_KERNEL : 0), standing);
	image_drop(outsider.image);
}

static void tell_ancestors(struct tracer *tracer, pid_t pid)
{
	pid_t chain[ANCESTORS_MAX];
	struct standing standings[ANCESTORS_MAX];
	unsigned count = 0;

	while (pid > 0 && count < ANCESTORS_MAX && facts_standing(pid, &standings[count])) {
		chain[count] = pid;
		pid = standings[count++].ppid;
	}
	while (count--)
		if (!process_find(tracer, chain[count]))
			tell_outsider(tracer, chain[count], &standings[count]);
}

static int by_start(const void *a, const void *b)
{
	const struct process *one = *(struct process *const *)a, *other = *(struct process *const *)b;

	if (one->start_time != other->start_time)
		return one->start_time < other->start_time ? -1 : 1;
	return one->tgid < other->tgid ? -1 : one->tgid > other->tgid;
}

/* What the channel to the agent has lost before this epoch. */
static void tell_lost(struct tracer *tracer)
{
	struct channel_loss loss;

	channel_lost(tracer->channel, &loss);
	if (loss.count)
		emit_gap(&tracer->frame, loss.cut ? GAP_DISCONNECTED : GAP_SINK_FULL, 0, loss.count, loss.since, boot_time());
}

void snapshot_write(struct tracer *tracer)
{
	struct process **processes = grab((tracer->task_count + 1) * sizeof(*processes));
	unsigned count = 0;

	frame_checkpoint(&tracer->frame);
	emit_clock(tracer, 0);
	if (tracer->channel)
		tell_lost(tracer);
	for (unsigned n = 0; n < TASK_BUCKETS; n++)
		for (struct task *task = tracer->buckets[n]; task; task = task->next)
			if (task->process && (task->tid == task->process->tgid || !task_find(tracer, task->process->tgid))) {
				bool known = false;
				for (unsigned k = 0; k < count && !known && task->tid != task->process->tgid; k++)
					known = processes[k] == task->process;
				if (!known)
					processes[count++] = task->process;
			}
	qsort(processes, count, sizeof(*processes), by_start);
	if (tracer->options.no_ancestors) {
		/* They belong to the machine, not to the program. */
	} else if (!tracer->attached) {
		tell_ancestors(tracer, tracer->own_pid);
	} else {
		for (unsigned n = 0; n < count; n++)
			if (!process_find(tracer, processes[n]->ppid) && (!n || processes[n]->ppid != processes[n - 1]->ppid))
				tell_ancestors(tracer, processes[n]->ppid);
	}
	for (unsigned n = 0; n < count; n++) {
		struct process *p = processes[n];
		struct standing standing;
		uint32_t flags = PROCESS_FLAG_TRACED | (p->execed ? PROCESS_FLAG_EXECED : 0) | (p->first ? PROCESS_FLAG_FIRST : 0);

		if (!facts_standing(p->tgid, &standing))
			memset(&standing, 0, sizeof(standing));
		else if (!p->start_time)
			p->start_time = standing.start_time;
		process_standing(tracer, p);
		if (!p->image)
			p->image = image_of_running(tracer, p, p->tgid);
		emit_process(tracer, p, p->tgid, flags, &standing);
	}
	free(processes);
	frame_checkpoint_done(&tracer->frame);
}
