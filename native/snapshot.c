/* The state of the traced world, told in full at the beginning of an epoch. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture.h"
#include "emit.h"
#include "lineage.h"
#include "process.h"
#include "scan.h"

#define ANCESTORS_MAX 64
#define DESCRIPTORS_MAX 4096

/* What a process that ran before us has open: nobody saw it being opened. */
static void tell_descriptors(struct tracer *tracer, struct process *p)
{
	struct task *task = task_find(tracer, p->tgid);
	struct dirent *entry;
	char name[48];
	unsigned count = 0;
	DIR *folder;

	if (!task || task->process != p)
		return;
	snprintf(name, sizeof(name), "/proc/%d/fd", p->tgid);
	folder = opendir(name);
	while (folder && count < DESCRIPTORS_MAX && (entry = readdir(folder))) {
		struct arena arena = {0};
		struct descriptor_facts facts;

		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		if (capture_descriptor_facts(tracer, task, atoi(entry->d_name), &arena, &facts)) {
			emit_descriptor(tracer, p, &arena, &facts);
			count++;
		}
		arena_free(&arena);
	}
	if (folder)
		closedir(folder);
}

/* One image: of a live process, or of the past. An untraced ancestor that comes here is gone. */
static void tell(struct tracer *tracer, struct life *life)
{
	struct process *p = life->process;
	struct standing standing;
	uint32_t flags = (p->execed ? PROCESS_FLAG_EXECED : 0) | (p->first ? PROCESS_FLAG_FIRST : 0);

	if (life->past) {
		p->past = true;
		memset(&standing, 0, sizeof(standing));
		emit_process(tracer, p, p->tgid, flags | PROCESS_FLAG_DEAD, &standing);
		return;
	}
	if (!facts_standing(p->tgid, &standing))
		memset(&standing, 0, sizeof(standing));
	else if (!p->start_time)
		p->start_time = standing.start_time;
	process_standing(tracer, p);
	if (standing.comm[0])
		memcpy(p->comm, standing.comm, sizeof(p->comm));
	if (!p->image)
		p->image = image_of_running(tracer, p, p->tgid);
	emit_process(tracer, p, p->tgid, flags | PROCESS_FLAG_TRACED, &standing);
	if (tracer->attached)
		tell_descriptors(tracer, p);
}

/* Takes what /proc says of a process that is not traced. */
static void look_at_outsider(struct tracer *tracer, struct process *outsider, const struct standing *standing)
{
	outsider->ppid = standing->ppid;
	outsider->pgid = standing->pgid;
	outsider->sid = standing->sid;
	outsider->execed = true;
	memcpy(outsider->tty, standing->tty, sizeof(outsider->tty));
	memcpy(outsider->comm, standing->comm, sizeof(outsider->comm));
	outsider->credentials_known = outsider->namespaces_known = outsider->context_known = false;
	image_drop(outsider->image);
	outsider->image = image_of_running(tracer, outsider, outsider->tgid);
}

static void tell_ancestors(struct tracer *tracer, pid_t pid)
{
	pid_t chain[ANCESTORS_MAX];
	struct standing standings[ANCESTORS_MAX];
	struct life *above = NULL;
	unsigned count = 0;

	while (pid > 0 && count < ANCESTORS_MAX && facts_standing(pid, &standings[count])) {
		chain[count] = pid;
		pid = standings[count++].ppid;
	}
	while (count--) {
		struct process *traced = process_find(tracer, chain[count]);
		struct life *life;

		if (traced) {
			above = lineage_of(tracer, traced);
			continue;
		}
		life = lineage_outside(tracer, chain[count], standings[count].start_time, above);
		if (life->epoch != tracer->frame.epoch) {
			lineage_tell(tracer, life->parent, tell);
			life->epoch = tracer->frame.epoch;
			look_at_outsider(tracer, life->process, &standings[count]);
			emit_process(tracer, life->process, chain[count], PROCESS_FLAG_EXECED | (standings[count].kernel ? PROCESS_FLAG_KERNEL : 0), &standings[count]);
		}
		above = life;
	}
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
	scan_tell(tracer, tell);
	for (unsigned n = 0; n < count; n++)
		lineage_tell(tracer, lineage_of(tracer, processes[n]), tell);
	free(processes);
	frame_checkpoint_done(&tracer->frame);
}
