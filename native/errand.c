#include "errand.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "die.h"

#ifndef AT_STATX_DONT_SYNC
#define AT_STATX_DONT_SYNC 0x4000
#endif
#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20
#endif

/* Of each crew: a path that nobody resolves does not use up the threads that read names. */
#define RUNNERS_MAX 8
#define PATIENCE_MOST 50000000L
#define PATIENCE_LEAST 2000000L
/* As long as a thread waits only for a CPU, its errand is not late. */
#define CPU_WAITS_MOST 500u
#define CPU_WAITS_LEAST 8u
#define NAME_BYTES 8400u
#define MEMORY_MOST 65536u
#define PIECES_MOST 64u

enum kind { OPEN, FACTS, MEMORY, BYTES };
enum state { IDLE, WORKING, DONE, LEFT };

/* Everything that an errand needs is its own: whoever sent it may be elsewhere when it comes back. */
struct runner {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum state state;
	enum kind kind;
	char base[64], name[NAME_BYTES];
	int flags;
	unsigned mask;
	uint64_t resolve;
	struct statx facts;
	pid_t thread, tid;
	struct iovec pieces[PIECES_MOST];
	unsigned long count;
	uint8_t *bytes;
	size_t room, length;
	uint64_t offset;
	int64_t result;
};

static struct crew {
	struct runner *runners[RUNNERS_MAX];
	unsigned count;
} for_paths, for_memory;
static long patience = PATIENCE_MOST;
static unsigned cpu_waits = CPU_WAITS_MOST;
static uint64_t late;
static bool lacked;
static int table = -1;
static bool foreign, distrusted;

bool errand_is_foreign(const char *filesystem)
{
	static const char *const names[] = {"fuse", "nfs", "cifs", "smb", "9p", "ceph", "afs", "virtiofs", "lustre", "autofs"};

	for (size_t n = 0; filesystem && n < sizeof(names) / sizeof(names[0]); n++)
		if (!strncmp(filesystem, names[n], strlen(names[n])) && strcmp(filesystem, "fusectl"))
			return true;
	return false;
}

static bool table_has_foreign(const char *name)
{
	FILE *file = fopen(name, "re");
	char *line = NULL;
	size_t size = 0;
	bool found = false;

	while (file && !found && getline(&line, &size, file) > 0) {
		const char *dash = strstr(line, " - ");

		found = dash && errand_is_foreign(dash + 3);
	}
	free(line);
	if (file)
		fclose(file);
	return found;
}

void errand_begin(void)
{
	foreign = distrusted = false;
	patience = PATIENCE_MOST;
	cpu_waits = CPU_WAITS_MOST;
	late = 0;
	if (table >= 0)
		close(table);
	table = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	foreign = table_has_foreign("/proc/self/mountinfo");
}

void errand_look(pid_t tid)
{
	struct pollfd changes = {.fd = table, .events = POLLPRI};
	char name[48];

	if (tid) {
		snprintf(name, sizeof(name), "/proc/%d/mountinfo", tid);
		/* Mounted by one of ours: it may be served by one of ours. */
		if (table_has_foreign(name))
			foreign = distrusted = true;
	} else if (!foreign && table >= 0 && poll(&changes, 1, 0) > 0) {
		foreign = table_has_foreign("/proc/self/mountinfo");
	}
}

void errand_distrust(const char *filesystem)
{
	if (errand_is_foreign(filesystem))
		foreign = distrusted = true;
}

void errand_distrust_memory(void)
{
	distrusted = true;
}

bool errand_may_peek(void)
{
	return !distrusted;
}

bool errand_lacked(void)
{
	const bool did = lacked;

	lacked = false;
	return did;
}

uint64_t errand_late(void)
{
	return late;
}

static int open_now(const char *base, const char *name, int flags, uint64_t resolve)
{
	struct open_how how = {.flags = (uint64_t)(flags | O_PATH | O_CLOEXEC), .resolve = resolve};
	char joined[NAME_BYTES + 64];
	int folder = AT_FDCWD, fd;

	if (base && !resolve && strlen(base) + 1 + strlen(name) < PATH_MAX) {
		/* One walk through the magic link. */
		snprintf(joined, sizeof(joined), "%s/%s", base, name);
		name = joined;
		base = NULL;
	}
	if (base) {
		folder = open(base, O_PATH | O_CLOEXEC);
		if (folder < 0)
			return -errno;
	}
	fd = resolve ? (int)syscall(SYS_openat2, folder, name, &how, sizeof(how)) : openat(folder, name, flags | O_PATH | O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	if (base)
		close(folder);
	return fd;
}

static ssize_t read_bytes(const char *name, uint64_t offset, void *into, size_t length)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t got = fd < 0 ? -1 : pread(fd, into, length, (off_t)offset);

	if (got < 0)
		got = -errno;
	if (fd >= 0)
		close(fd);
	return got;
}

static void work(struct runner *r)
{
	struct iovec local = {r->bytes, r->room};

	switch (r->kind) {
	case OPEN:
		r->result = open_now(r->base[0] ? r->base : NULL, r->name, r->flags, r->resolve);
		break;
	case FACTS:
		r->result = statx(AT_FDCWD, r->name, r->flags | AT_STATX_DONT_SYNC, r->mask, &r->facts) ? -errno : 0;
		break;
	case MEMORY:
		r->result = process_vm_readv(r->tid, &local, 1, r->pieces, r->count, 0);
		if (r->result < 0)
			r->result = -errno;
		break;
	case BYTES:
		r->result = read_bytes(r->name, r->offset, r->bytes, r->length);
		break;
	}
}

static void *run(void *argument)
{
	struct runner *r = argument;

	pthread_mutex_lock(&r->lock);
	r->thread = (pid_t)syscall(SYS_gettid);
	for (;;) {
		while (r->state != WORKING && r->state != LEFT)
			pthread_cond_wait(&r->changed, &r->lock);
		pthread_mutex_unlock(&r->lock);
		work(r);
		pthread_mutex_lock(&r->lock);
		if (r->state == LEFT) {
			if (r->kind == OPEN && r->result >= 0)
				close((int)r->result);
			r->state = IDLE;
		} else {
			r->state = DONE;
			pthread_cond_broadcast(&r->changed);
		}
	}
	return NULL;
}

static struct runner *hire(struct crew *crew)
{
	struct runner *r;
	pthread_condattr_t clock;
	pthread_attr_t small;
	pthread_t thread;
	sigset_t all, before;
	bool idle;

	for (unsigned n = 0; n < crew->count; n++) {
		pthread_mutex_lock(&crew->runners[n]->lock);
		idle = crew->runners[n]->state == IDLE;
		pthread_mutex_unlock(&crew->runners[n]->lock);
		if (idle)
			return crew->runners[n];
	}
	if (crew->count == RUNNERS_MAX)
		return NULL;
	r = grab_zero(sizeof(*r));
	r->bytes = grab(MEMORY_MOST);
	r->room = MEMORY_MOST;
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&r->changed, &clock);
	pthread_condattr_destroy(&clock);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536 * 2);
	pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
	/* Signals are for the others. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&thread, &small, run, r)) {
		free(r->bytes);
		free(r);
		r = NULL;
	} else {
		crew->runners[crew->count++] = r;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&small);
	return r;
}

static struct timespec from_now(long ns)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	time.tv_nsec += ns;
	if (time.tv_nsec >= 1000000000) {
		time.tv_nsec -= 1000000000;
		time.tv_sec++;
	}
	return time;
}

static void await(struct runner *r, struct timespec until)
{
	while (r->state == WORKING && pthread_cond_timedwait(&r->changed, &r->lock, &until) != ETIMEDOUT)
		;
}

/* Another task of ours stands still and waits for this thread: perhaps the one that should answer. */
static bool others_wait(void)
{
	siginfo_t stop = {0};

	return !waitid(P_ALL, 0, &stop, WSTOPPED | WNOHANG | WNOWAIT | __WALL | __WNOTHREAD) && stop.si_pid;
}

/* Runs or could run, and does not wait for an answer. A thread that has not begun says so too. */
static bool wants_cpu(pid_t thread)
{
	char name[48], text[256], *end;
	ssize_t got;
	int fd;

	if (!thread)
		return true;
	snprintf(name, sizeof(name), "/proc/self/task/%d/stat", thread);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[got < 0 ? 0 : got] = 0;
	end = strrchr(text, ')');
	return end && end[1] == ' ' && end[2] == 'R';
}

/* Gives a thread that waits for a CPU the time to get one. The lock is open meanwhile, so that no thread waits for it. */
static void await_cpu(struct runner *r)
{
	for (unsigned n = 0; r->state == WORKING; n++) {
		const pid_t thread = r->thread;
		bool wants;

		pthread_mutex_unlock(&r->lock);
		wants = wants_cpu(thread);
		pthread_mutex_lock(&r->lock);
		if (!wants)
			break;
		if (n >= cpu_waits) {
			/* Somebody keeps every CPU for himself: each stop would take that long. */
			cpu_waits = cpu_waits / 2 > CPU_WAITS_LEAST ? cpu_waits / 2 : CPU_WAITS_LEAST;
			break;
		}
		await(r, from_now(1000000));
	}
}

/* Sends a runner that was hired and told what to do; -ETIMEDOUT: it was left. */
static int64_t send_off(struct runner *r)
{
	const struct timespec soon = from_now(PATIENCE_LEAST), until = from_now(patience);
	int64_t result;

	pthread_mutex_lock(&r->lock);
	r->state = WORKING;
	pthread_cond_broadcast(&r->changed);
	if (distrusted) {
		await(r, soon);
		if (r->state == WORKING && !others_wait())
			await(r, until);
	} else {
		await(r, until);
	}
	await_cpu(r);
	if (r->state == DONE) {
		r->state = IDLE;
		result = r->result;
		patience = PATIENCE_MOST;
		cpu_waits = CPU_WAITS_MOST;
	} else {
		r->state = LEFT;
		result = -ETIMEDOUT;
		late++;
		patience = patience / 2 > PATIENCE_LEAST ? patience / 2 : PATIENCE_LEAST;
	}
	pthread_mutex_unlock(&r->lock);
	return result;
}

static struct runner *hire_for(enum kind kind, const char *name)
{
	struct runner *r = hire(kind == MEMORY || kind == BYTES ? &for_memory : &for_paths);

	if (!r || (name && strlen(name) >= sizeof(r->name))) {
		late++;
		return NULL;
	}
	r->kind = kind;
	if (name)
		memcpy(r->name, name, strlen(name) + 1);
	return r;
}

static int open_soon(const char *base, const char *name, int flags, uint64_t resolve)
{
	struct runner *r;
	int fd;

	if (!foreign)
		return open_now(base, name, flags, resolve);
	fd = open_now(base, name, flags, resolve | RESOLVE_CACHED);
	/* EINVAL: before Linux 5.12; ENOSYS: before 5.6. */
	if (fd != -EAGAIN && fd != -EINVAL && fd != -ENOSYS)
		return fd;
	r = hire_for(OPEN, name);
	if (!r)
		return -ETIMEDOUT;
	snprintf(r->base, sizeof(r->base), "%s", base ? base : "");
	r->flags = flags;
	r->resolve = resolve;
	return (int)send_off(r);
}

int errand_open(const char *base, const char *name, int flags, uint64_t resolve)
{
	int fd = open_soon(base, name, flags, resolve);

	/* Nothing is known of the name then: not that it is not there. */
	if (fd != -EMFILE && fd != -ENFILE && fd != -ENOMEM)
		return fd;
	lacked = true;
	late++;
	return -ETIMEDOUT;
}

int errand_facts(const char *name, int flags, unsigned mask, struct statx *facts)
{
	struct runner *r;
	int64_t result;

	if (!foreign)
		return statx(AT_FDCWD, name, flags | AT_STATX_DONT_SYNC, mask, facts) ? -errno : 0;
	r = hire_for(FACTS, name);
	if (!r)
		return -ETIMEDOUT;
	r->flags = flags;
	r->mask = mask;
	result = send_off(r);
	if (!result)
		*facts = r->facts;
	return (int)result;
}

ssize_t errand_memory(pid_t tid, const struct iovec *local, const struct iovec *remote, unsigned long pieces)
{
	struct runner *r;
	int64_t result;

	if (!distrusted)
		return process_vm_readv(tid, local, 1, remote, pieces, 0);
	r = hire_for(MEMORY, NULL);
	if (!r || pieces > PIECES_MOST) {
		errno = ETIMEDOUT;
		return -1;
	}
	if (r->room < local->iov_len) {
		free(r->bytes);
		r->bytes = grab(local->iov_len);
		r->room = local->iov_len;
	}
	r->tid = tid;
	r->count = pieces;
	memcpy(r->pieces, remote, pieces * sizeof(*remote));
	result = send_off(r);
	if (result < 0) {
		errno = (int)-result;
		return -1;
	}
	memcpy(local->iov_base, r->bytes, (size_t)result);
	return result;
}

ssize_t errand_bytes(const char *name, uint64_t offset, void *into, size_t length)
{
	struct runner *r;
	int64_t result;

	if (!distrusted)
		return read_bytes(name, offset, into, length);
	r = hire_for(BYTES, name);
	if (!r || length > r->room)
		return -ETIMEDOUT;
	r->offset = offset;
	r->length = length;
	result = send_off(r);
	if (result > 0)
		memcpy(into, r->bytes, (size_t)result);
	return (ssize_t)result;
}
