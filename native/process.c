#include "process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guardian.h"
#include "lineage.h"
#include "tags.h"

#define MEMO 32

static unsigned bucket(pid_t tid)
{
	return (unsigned)tid % TASK_BUCKETS;
}

struct task *task_find(struct tracer *tracer, pid_t tid)
{
	struct task *task = tracer->buckets[bucket(tid)];

	while (task && task->tid != tid)
		task = task->next;
	return task;
}

struct task *task_add(struct tracer *tracer, pid_t tid)
{
	struct task *task = grab_zero(sizeof(*task));

	task->tid = tid;
	task->next = tracer->buckets[bucket(tid)];
	tracer->buckets[bucket(tid)] = task;
	tracer->task_count++;
	tracer->tasks_added++;
	guardian_mark(tracer, tid, true);
	atomic_store_explicit(&tracer->counters.tasks, tracer->task_count, memory_order_relaxed);
	return task;
}

static void unlink_task(struct tracer *tracer, struct task *task)
{
	struct task **at = &tracer->buckets[bucket(task->tid)];

	while (*at && *at != task)
		at = &(*at)->next;
	must(*at);
	*at = task->next;
}

void pending_clear(struct pending *pending)
{
	pending->phase = PHASE_RUNNING;
	pending->act_count = 0;
	pending->want_exit = pending->refused = pending->generic = pending->replaced = false;
	arena_reset(&pending->arena);
}

void task_remove(struct tracer *tracer, struct task *task)
{
	path_forget(task->tid);
	unlink_task(tracer, task);
	tracer->task_count--;
	guardian_mark(tracer, task->tid, false);
	atomic_store_explicit(&tracer->counters.tasks, tracer->task_count, memory_order_relaxed);
	if (task->process && !--task->process->tasks)
		process_drop(task->process);
	arena_free(&task->pending.arena);
	if (task->suspended) {
		arena_free(&task->suspended->arena);
		free(task->suspended);
	}
	free(task);
}

void task_renumber(struct tracer *tracer, struct task *task, pid_t tid)
{
	path_forget(task->tid);
	unlink_task(tracer, task);
	guardian_mark(tracer, task->tid, false);
	guardian_mark(tracer, tid, true);
	task->tid = tid;
	task->next = tracer->buckets[bucket(tid)];
	tracer->buckets[bucket(tid)] = task;
}

void task_join(struct tracer *tracer, struct task *task, struct process *process)
{
	(void)tracer;
	must(!task->process);
	task->process = process;
	process->tasks++;
}

struct process *process_find(struct tracer *tracer, pid_t tgid)
{
	struct task *task = task_find(tracer, tgid);

	if (task)
		return task->process;
	for (unsigned n = 0; n < TASK_BUCKETS; n++)
		for (task = tracer->buckets[n]; task; task = task->next)
			if (task->process && task->process->tgid == tgid)
				return task->process;
	return NULL;
}

struct process *process_new(struct tracer *tracer, pid_t tgid, struct process *parent)
{
	struct process *p = grab_zero(sizeof(*p));

	if (parent) {
		*p = *parent;
		p->tasks = 0;
		p->image = image_share(parent->image);
		p->ppid = parent->tgid;
		p->first = false;
		p->execed = p->shares_memory = p->shares_files = false;
		if (p->split)
			p->credentials_known = p->split = false;
		memset(p->told_blind, 0, sizeof(p->told_blind));
		memset(p->told_unknown, 0, sizeof(p->told_unknown));
		if (p->root.split)
			p->root = (struct path_root){0};
		p->cwd = parent->cwd ? strdup(parent->cwd) : NULL;
	}
	p->tgid = p->own_pid = tgid;
	p->pidfd = -1;
	if (parent)
		lineage_forked(tracer, p, parent);
	atomic_fetch_add_explicit(&tracer->counters.processes, 1, memory_order_relaxed);
	return p;
}

void process_drop(struct process *process)
{
	if (process->pidfd >= 0)
		close(process->pidfd);
	process->pidfd = -1;
	if (lineage_ended(process))
		process_free(process);
}

void process_free(struct process *process)
{
	image_drop(process->image);
	free(process->cwd);
	free(process);
}

struct image *image_share(struct image *image)
{
	if (image)
		image->references++;
	return image;
}

void image_drop(struct image *image)
{
	if (image && !--image->references) {
		arena_free(&image->arena);
		free(image);
	}
}

/* Contexts are few and shared; none is ever freed while the tracer runs. */
static struct context *keep_context(struct tracer *tracer, pid_t tid, const struct context *found)
{
	struct context *kept;

	for (unsigned n = tracer->context_count; n > 0; n--)
		if (!strcmp(tracer->contexts[n - 1]->cgroup, found->cgroup) && tracer->contexts[n - 1]->cgroup_inode == found->cgroup_inode)
			return tracer->contexts[n - 1];
	/* In one piece, freed as one. */
	kept = grab(sizeof(*kept) + (found->container_id[0] ? sizeof(*kept->tags) : 0));
	*kept = *found;
	if (found->container_id[0]) {
		kept->tags = (struct tag_list *)(kept + 1);
		tags_of_container(tid, kept, kept->tags);
	}
	tracer->contexts = regrab(tracer->contexts, (tracer->context_count + 1) * sizeof(*tracer->contexts));
	tracer->contexts[tracer->context_count++] = kept;
	return kept;
}

void process_know(struct tracer *tracer, struct process *p)
{
	if (p->past)
		return;
	if (!p->credentials_known) {
		p->credentials_known = facts_credentials(p->tgid, &p->credentials, &p->own_pid);
		p->credentials_id = 0;
	}
	if (!p->namespaces_known) {
		p->namespaces_known = facts_namespaces(p->tgid, &p->namespaces);
		p->namespaces_id = 0;
	}
	if (!p->context_known) {
		struct context found;
		p->context_known = true;
		if (facts_context(p->tgid, &found)) {
			struct context *kept = keep_context(tracer, p->tgid, &found);
			if (kept != p->context)
				p->context_id = 0;
			p->context = kept;
		}
	}
}

void process_standing(struct tracer *tracer, struct process *p)
{
	struct standing found;
	pid_t sid = getsid(p->tgid);
	bool parent_lives = p->ppid == tracer->own_pid || task_find(tracer, p->ppid);

	p->pgid = getpgid(p->tgid);
	if (parent_lives && sid == p->tty_session && p->terminals == tracer->terminals && p->comm[0]) {
		p->sid = sid;
		return;
	}
	if (!facts_standing(p->tgid, &found))
		return;
	p->ppid = found.ppid;
	p->pgid = found.pgid;
	p->sid = found.sid;
	p->tty_session = found.sid;
	p->terminals = tracer->terminals;
	snprintf(p->tty, sizeof(p->tty), "%s", found.tty);
	snprintf(p->comm, sizeof(p->comm), "%s", found.comm);
	if (!p->start_time)
		p->start_time = found.start_time;
}

bool process_apart(pid_t tgid, pid_t tid, enum apart what)
{
	return tid != tgid && syscall(SYS_kcmp, tgid, tid, what, 0, 0) > 0;
}

/*
 * Reading /proc/PID/status costs as much as a stop. What an exec makes of credentials depends on those
 * before, the ids that the kernel put on the new stack, and privileges that it would announce there
 * (AT_SECURE); without those, the same start gives the same end, and it is remembered.
 */
void process_after_exec(struct tracer *tracer, struct process *p)
{
	static struct {
		struct credentials before, after;
		uint32_t ids[4];
		bool used;
	} memo[MEMO];
	static unsigned next;
	const uint32_t ids[4] = {tracer->auxiliary.uid, tracer->auxiliary.euid, tracer->auxiliary.gid, tracer->auxiliary.egid};
	struct credentials before = p->credentials;
	/* What one of several threads had is not what the process had. */
	bool usable = p->credentials_known && !p->split && !(p->unsettled & UNSETTLED_LOGIN) && tracer->auxiliary.valid && !tracer->auxiliary.secure;

	p->context_known = p->split = false;
	if (usable)
		for (unsigned n = 0; n < MEMO; n++)
			if (memo[n].used && !memcmp(memo[n].ids, ids, sizeof(ids)) && !memcmp(&memo[n].before, &before, sizeof(before))) {
				if (memcmp(&memo[n].after, &before, sizeof(before))) {
					p->credentials = memo[n].after;
					p->credentials_id = 0;
				}
				return;
			}
	p->credentials_known = facts_credentials(p->tgid, &p->credentials, &p->own_pid);
	p->credentials_id = 0;
	if (usable && p->credentials_known) {
		memo[next].before = before;
		memo[next].after = p->credentials;
		memcpy(memo[next].ids, ids, sizeof(ids));
		memo[next].used = true;
		next = (next + 1) % MEMO;
	}
}
