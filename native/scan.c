#include "scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "emit.h"
#include "lineage.h"
#include "process.h"

#define BUCKETS 4096
#define FOUND_MAX 65536
/* Of the lowest numbers none is given out a second time. */
#define PIDS_RESERVED 300

struct found {
	struct found *next;
	struct process *process;
	struct life *life; /* that of process; one reference is ours */
	uint64_t device, inode, stack, code; /* of the program that it runs; an exec changes one of them */
	uint32_t threads;
	uint32_t round; /* in which it was last there */
};

struct scan {
	struct found *buckets[BUCKETS];
	unsigned count;
	uint32_t round;
	uint64_t next;
	uint64_t seen, missed;
	/* Of the estimate. */
	uint64_t last_pid, pid_max, given, known, own_tasks;
	int64_t before; /* missing at the look before */
};

/* What /proc/PID/stat tells beyond `struct standing`. */
struct shape {
	struct standing standing;
	uint32_t threads;
	uint64_t code, stack;
};

static bool read_shape(pid_t pid, struct shape *out)
{
	char path[48], text[1024];
	char *end;
	unsigned threads = 0;
	unsigned long long code = 0, stack = 0;

	if (!facts_standing(pid, &out->standing))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (facts_file(path, text, sizeof(text)) <= 0)
		return false;
	end = strrchr(text, ')');
	/* From field 3: state; 20 num_threads, 26 startcode, 28 startstack. */
	if (!end || sscanf(end + 2, "%*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %u %*s %*s %*s %*s %*s %llu %*s %llu", &threads, &code, &stack) != 3)
		return false;
	out->threads = threads;
	out->code = code;
	out->stack = stack;
	return true;
}

static struct found **place_of(struct scan *scan, pid_t pid)
{
	struct found **at = &scan->buckets[(unsigned)pid % BUCKETS];

	while (*at && (*at)->process->tgid != pid)
		at = &(*at)->next;
	return at;
}

/* A child of a traced process, before we were told of it. */
static bool is_ours(struct tracer *tracer, pid_t pid)
{
	char path[48], text[4096];
	char *line;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (facts_file(path, text, sizeof(text)) <= 0)
		return true;
	line = strstr(text, "\nTracerPid:\t");
	return line && atoi(line + 12) == tracer->thread_id;
}

static struct life *life_of_parent(struct tracer *tracer, pid_t ppid)
{
	struct task *task = task_find(tracer, ppid);
	struct found *found = *place_of(tracer->scan, ppid);

	if (task && task->process)
		return lineage_of(tracer, task->process);
	return found ? found->life : lineage_find_outside(tracer, ppid);
}

static void look(struct tracer *tracer, struct found *found, const struct shape *shape)
{
	struct process *p = found->process;
	char path[48];
	struct statx facts;

	snprintf(path, sizeof(path), "/proc/%d/exe", p->tgid);
	if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_INO, &facts))
		memset(&facts, 0, sizeof(facts));
	found->device = makedev(facts.stx_dev_major, facts.stx_dev_minor);
	found->inode = facts.stx_ino;
	found->code = shape->code;
	found->stack = shape->stack;
	p->ppid = shape->standing.ppid;
	p->pgid = shape->standing.pgid;
	p->sid = shape->standing.sid;
	p->tty_session = shape->standing.sid;
	p->execed = true;
	memcpy(p->tty, shape->standing.tty, sizeof(p->tty));
	memcpy(p->comm, shape->standing.comm, sizeof(p->comm));
	p->credentials_known = p->namespaces_known = p->context_known = false;
	image_drop(p->image);
	p->image = image_of_running(tracer, p, p->tgid);
}

static bool runs_another(const struct found *found, const struct shape *shape)
{
	char path[48];
	struct statx facts;

	if (found->code != shape->code || found->stack != shape->stack)
		return true;
	snprintf(path, sizeof(path), "/proc/%d/exe", found->process->tgid);
	return !statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_INO, &facts) &&
	       (makedev(facts.stx_dev_major, facts.stx_dev_minor) != found->device || facts.stx_ino != found->inode);
}

static void tell_record(struct tracer *tracer, struct found *found, const struct standing *standing)
{
	if (found->life->epoch == tracer->frame.epoch)
		return;
	found->life->epoch = tracer->frame.epoch;
	emit_process(tracer, found->process, found->process->tgid, PROCESS_FLAG_EXECED | PROCESS_FLAG_SCANNED, standing);
}

static void appears(struct tracer *tracer, struct found **place, pid_t pid, const struct shape *shape)
{
	struct scan *scan = tracer->scan;
	struct found *found;

	if (scan->count >= FOUND_MAX || is_ours(tracer, pid))
		return;
	found = grab_zero(sizeof(*found));
	found->life = lineage_found(tracer, pid, shape->standing.start_time, life_of_parent(tracer, shape->standing.ppid));
	found->process = found->life->process;
	found->round = scan->round;
	found->threads = shape->threads;
	*place = found;
	scan->count++;
	scan->seen++;
	scan->known += shape->threads;
	look(tracer, found, shape);
	tell_record(tracer, found, &shape->standing);
	emit_found(tracer, found->process, true);
}

static void executes(struct tracer *tracer, struct found *found, const struct shape *shape)
{
	lineage_found_executes(tracer, found->process);
	found->life = found->process->life;
	found->life->epoch = tracer->frame.epoch;
	look(tracer, found, shape);
	tracer->scan->seen++;
	emit_found(tracer, found->process, false);
}

static void vanishes(struct tracer *tracer, struct found **place, bool tell)
{
	struct found *found = *place;

	*place = found->next;
	tracer->scan->count--;
	if (tell)
		emit_vanished(tracer, found->process);
	found->process->past = true;
	lineage_let_go(found->life);
	free(found);
}

static void look_at(struct tracer *tracer, pid_t pid)
{
	struct scan *scan = tracer->scan;
	struct found **place = place_of(scan, pid);
	struct shape shape;

	if (pid == tracer->own_pid || task_find(tracer, pid)) {
		if (*place)
			vanishes(tracer, place, false);
		return;
	}
	/* Neither a program nor one that is over. */
	if (!read_shape(pid, &shape) || shape.standing.kernel || shape.standing.state == 'Z' || shape.standing.state == 'X')
		return;
	if (*place && (*place)->process->start_time != shape.standing.start_time) {
		vanishes(tracer, place, true);
		place = place_of(scan, pid);
	}
	if (!*place) {
		appears(tracer, place, pid, &shape);
		return;
	}
	(*place)->round = scan->round;
	if (shape.threads > (*place)->threads)
		scan->known += shape.threads - (*place)->threads;
	(*place)->threads = shape.threads;
	(*place)->process->ppid = shape.standing.ppid;
	if (runs_another(*place, &shape))
		executes(tracer, *place, &shape);
}

static uint64_t number_in(const char *path, bool last)
{
	char text[256];
	const char *at = text;

	if (facts_file(path, text, sizeof(text)) <= 0)
		return 0;
	if (last && (at = strrchr(text, ' ')) == NULL)
		return 0;
	return strtoull(at, NULL, 10);
}

/*
 * All numbers that were given out, less those that we know: of traced tasks, and of processes and threads
 * that were found. A task that was forked just now is told a moment later: what is missing counts when it
 * is still missing at the next look.
 */
static void estimate(struct tracer *tracer)
{
	struct scan *scan = tracer->scan;
	uint64_t last = number_in("/proc/loadavg", true);
	int64_t missing, least;

	if (!last)
		return;
	if (!scan->last_pid) {
		scan->pid_max = number_in("/proc/sys/kernel/pid_max", false);
		scan->known = 0;
		scan->own_tasks = tracer->tasks_added;
	} else if (last >= scan->last_pid) {
		scan->given += last - scan->last_pid;
	} else if (scan->pid_max) {
		scan->given += last + scan->pid_max - scan->last_pid - PIDS_RESERVED;
	}
	scan->last_pid = last;
	missing = (int64_t)scan->given - (int64_t)scan->known - (int64_t)(tracer->tasks_added - scan->own_tasks);
	least = missing < scan->before ? missing : scan->before;
	scan->before = missing;
	if (least > (int64_t)scan->missed) {
		emit_missed(tracer, (uint64_t)least - scan->missed);
		scan->missed = (uint64_t)least;
	}
}

void scan_tick(struct tracer *tracer, uint64_t now)
{
	struct scan *scan = tracer->scan;
	struct dirent *entry;
	DIR *folder;

	if (!tracer->options.scan_ms || tracer->detaching || !(tracer->started || tracer->attached))
		return;
	if (!scan)
		scan = tracer->scan = grab_zero(sizeof(*scan));
	if (now < scan->next)
		return;
	scan->next = now + tracer->options.scan_ms * 1000000u;
	folder = opendir("/proc");
	if (!folder)
		return;
	scan->round++;
	while ((entry = readdir(folder)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			look_at(tracer, (pid_t)atoi(entry->d_name));
	closedir(folder);
	for (unsigned n = 0; n < BUCKETS; n++)
		for (struct found **at = &scan->buckets[n]; *at;) {
			if ((*at)->round == scan->round)
				at = &(*at)->next;
			else
				vanishes(tracer, at, true);
		}
	estimate(tracer);
}

static int by_start(const void *a, const void *b)
{
	const struct process *one = (*(struct found *const *)a)->process, *other = (*(struct found *const *)b)->process;

	if (one->start_time != other->start_time)
		return one->start_time < other->start_time ? -1 : 1;
	return one->tgid < other->tgid ? -1 : one->tgid > other->tgid;
}

/* After its parent, which may have begun within the same clock tick. */
static void tell_found(struct tracer *tracer, struct found *found, void (*tell)(struct tracer *, struct life *))
{
	const struct standing standing = {0};
	struct life *above = found->life->parent;
	struct found *parent = above ? *place_of(tracer->scan, above->process->tgid) : NULL;

	if (found->life->epoch == tracer->frame.epoch)
		return;
	if (parent && parent->life == above)
		tell_found(tracer, parent, tell);
	else
		lineage_tell(tracer, above, tell);
	tell_record(tracer, found, &standing);
}

void scan_tell(struct tracer *tracer, void (*tell)(struct tracer *, struct life *))
{
	struct scan *scan = tracer->scan;
	struct found **list;
	unsigned count = 0;

	if (!scan || !scan->count)
		return;
	list = grab(scan->count * sizeof(*list));
	for (unsigned n = 0; n < BUCKETS; n++)
		for (struct found *found = scan->buckets[n]; found; found = found->next)
			list[count++] = found;
	qsort(list, count, sizeof(struct found *), by_start);
	for (unsigned n = 0; n < count; n++)
		tell_found(tracer, list[n], tell);
	free(list);
}

void scan_counts(const struct tracer *tracer, uint64_t *found, uint64_t *missed)
{
	*found = tracer->scan ? tracer->scan->seen : 0;
	*missed = tracer->scan ? tracer->scan->missed : 0;
}

void scan_free(struct tracer *tracer)
{
	struct scan *scan = tracer->scan;

	if (!scan)
		return;
	for (unsigned n = 0; n < BUCKETS; n++)
		while (scan->buckets[n])
			vanishes(tracer, &scan->buckets[n], false);
	free(scan);
	tracer->scan = NULL;
}
