#include "lineage.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process.h"

/* As in src/probe/tree.ts: an ancestry is cut to half of this when it grows so long. */
#define DEEPEST 4096u

static void let_go(struct life *life)
{
	while (life && !--life->references) {
		struct life *parent = life->parent;

		if (life->past)
			process_free(life->process);
		free(life);
		life = parent;
	}
}

static void shorten(struct life *life)
{
	struct life *top = life, *above;

	for (unsigned n = 0; n < DEEPEST / 2 && top->parent; n++)
		top = top->parent;
	above = top->parent;
	top->parent = NULL;
	let_go(above);
}

static struct life *life_new(struct tracer *tracer, struct process *process, struct life *parent)
{
	struct life *life = grab_zero(sizeof(*life));

	life->references = 1;
	life->number = ++tracer->lives;
	life->process = process;
	life->parent = parent;
	if (parent) {
		parent->references++;
		life->depth = parent->depth + 1;
	}
	if (life->depth >= DEEPEST && life->depth % (DEEPEST / 2) == 0)
		shorten(life);
	return life;
}

static struct life *outside(struct tracer *tracer, pid_t pid)
{
	for (unsigned n = tracer->outsider_count; n > 0; n--)
		if (tracer->outsiders[n - 1]->process->tgid == pid)
			return tracer->outsiders[n - 1];
	return NULL;
}

struct life *lineage_of(struct tracer *tracer, struct process *process)
{
	struct process *parent;

	if (process->life)
		return process->life;
	parent = process->ppid > 0 ? process_find(tracer, process->ppid) : NULL;
	process->life = life_new(tracer, process, parent && parent != process ? lineage_of(tracer, parent) : outside(tracer, process->ppid));
	process->life->created = lineage_wall(tracer, process->image && process->image->exec_time ? process->image->exec_time : process->start_time);
	return process->life;
}

void lineage_forked(struct tracer *tracer, struct process *child, struct process *parent)
{
	child->life = life_new(tracer, child, lineage_of(tracer, parent));
}

void lineage_executes(struct tracer *tracer, struct process *process)
{
	struct life *former = lineage_of(tracer, process);
	struct process *kept = grab(sizeof(*kept));

	*kept = *process;
	kept->image = image_share(process->image);
	kept->pidfd = -1;
	kept->tasks = 0;
	kept->past = true;
	kept->cwd = NULL;
	former->process = kept;
	former->past = true;
	process->life = life_new(tracer, process, former);
	let_go(former);
}

void lineage_settle_former(struct process *process)
{
	struct life *former = process->life ? process->life->parent : NULL;

	if (!former || !former->past || former->process->tgid != process->tgid)
		return;
	former->process->ppid = process->ppid;
	former->process->root = process->root;
	free(former->process->cwd);
	former->process->cwd = process->cwd ? strdup(process->cwd) : NULL;
}

bool lineage_ended(struct process *process)
{
	struct life *life = process->life;
	bool others;

	if (!life)
		return true;
	others = life->references > 1;
	if (others) {
		life->past = process->past = true;
		life->process = process;
	} else {
		life->past = false;
	}
	let_go(life);
	return !others;
}

struct life *lineage_outside(struct tracer *tracer, pid_t pid, uint64_t start_time, struct life *parent)
{
	struct life *life = outside(tracer, pid);
	struct process *process;

	if (life && life->process->start_time == start_time)
		return life;
	process = grab_zero(sizeof(*process));
	process->tgid = process->own_pid = pid;
	process->pidfd = -1;
	process->start_time = start_time;
	process->life = life = life_new(tracer, process, parent);
	life->past = true; /* its copy is freed with it */
	life->created = lineage_wall(tracer, start_time);
	tracer->outsiders = regrab(tracer->outsiders, (tracer->outsider_count + 1) * sizeof(struct life *));
	tracer->outsiders[tracer->outsider_count++] = life;
	return life;
}

struct life *lineage_find_outside(struct tracer *tracer, pid_t pid)
{
	return outside(tracer, pid);
}

struct life *lineage_found(struct tracer *tracer, pid_t pid, uint64_t start_time, struct life *parent)
{
	struct life *life = outside(tracer, pid);
	struct process *process;

	if (life && life->process->start_time == start_time) {
		life->references++;
		return life;
	}
	process = grab_zero(sizeof(*process));
	process->tgid = process->own_pid = pid;
	process->pidfd = -1;
	process->start_time = start_time;
	process->life = life = life_new(tracer, process, parent);
	life->past = true; /* its copy is freed with it */
	life->created = lineage_wall(tracer, start_time);
	return life;
}

void lineage_found_executes(struct tracer *tracer, struct process *process)
{
	struct life *former = process->life;

	lineage_executes(tracer, process);
	process->life->past = true;
	for (unsigned n = 0; n < tracer->outsider_count; n++)
		if (tracer->outsiders[n] == former) {
			tracer->outsiders[n] = process->life;
			process->life->references++;
			let_go(former);
		}
}

void lineage_let_go(struct life *life)
{
	let_go(life);
}

void lineage_tell(struct tracer *tracer, struct life *life, void (*tell)(struct tracer *, struct life *))
{
	static struct life *chain[DEEPEST + 1];
	unsigned count = 0;

	for (; life && life->epoch != tracer->frame.epoch && count <= DEEPEST; life = life->parent)
		chain[count++] = life;
	while (count--) {
		chain[count]->epoch = tracer->frame.epoch;
		tell(tracer, chain[count]);
	}
}

void lineage_free(struct tracer *tracer)
{
	while (tracer->outsider_count)
		let_go(tracer->outsiders[--tracer->outsider_count]);
	free(tracer->outsiders);
	tracer->outsiders = NULL;
}

/* The order of operations is that of src/probe/clock.ts, where these are doubles: both must round alike. */
int64_t lineage_wall(const struct tracer *tracer, uint64_t boot)
{
	double at_start, elapsed;

	if (!boot)
		return 0;
	at_start = (double)((int64_t)tracer->clock_wall - (int64_t)(tracer->clock_boot - tracer->began));
	elapsed = (double)(int64_t)(boot - tracer->began);
	return (int64_t)(at_start + elapsed);
}
