#include "hashing.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "holding.h"
#include "sha256.h"

#define WAITING_MAX 64
#define CHUNK 65536

struct hashing {
	struct channel *channel;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct channel_command waiting[WAITING_MAX];
	unsigned first, count;
	atomic_bool ending;
};

static int open_below(const char *root, const char *path)
{
	struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	int folder = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC), fd;

	if (folder < 0)
		return -errno;
	fd = (int)syscall(SYS_openat2, folder, path, &how, sizeof(how));
	if (fd < 0)
		fd = -errno;
	close(folder);
	return fd;
}

/* The file that is meant, or -errno. It is the same one as in the event, whatever its name leads to by now. */
static int open_meant(const struct channel_command *wanted, struct stat *facts)
{
	char root[32];
	int error = -ENOENT;

	/* Held since the event: the very file, whatever its name leads to by now. */
	int held = wanted->inode ? holding_open(wanted->device, wanted->inode) : -ENOENT;

	if (held >= 0 && !fstat(held, facts))
		return held;
	snprintf(root, sizeof(root), "/proc/%u/root", wanted->pid);
	for (int attempt = 0; attempt < 2; attempt++) {
		/* A process that is gone has most often lived where we live. */
		int fd = open_below(attempt ? "/" : root, wanted->path);

		if (fd < 0) {
			error = fd;
			continue;
		}
		if (fstat(fd, facts))
			error = -errno;
		else if (!S_ISREG(facts->st_mode))
			error = -EINVAL;
		else if ((wanted->inode || wanted->device) &&
			 (facts->st_ino != wanted->inode || (wanted->device && ((uint64_t)major(facts->st_dev) << 32 | minor(facts->st_dev)) != wanted->device)))
			error = -ESTALE;
		else
			return fd;
		close(fd);
	}
	return error;
}

static void hash_file(struct hashing *hashing, const struct channel_command *wanted, struct channel_hashed *out)
{
	uint8_t chunk[CHUNK];
	struct sha256 hash;
	struct stat facts;
	int fd = open_meant(wanted, &facts);

	*out = (struct channel_hashed){.id = wanted->id};
	if (fd < 0) {
		out->error = -fd;
		return;
	}
	if ((uint64_t)facts.st_size > wanted->most)
		out->error = EFBIG;
	sha256_begin(&hash);
	while (!out->error && !atomic_load(&hashing->ending)) {
		ssize_t got = read(fd, chunk, sizeof(chunk));

		if (got < 0 && errno != EINTR)
			out->error = errno;
		if (got == 0)
			break;
		if (got > 0) {
			sha256_add(&hash, chunk, (size_t)got);
			out->size += (uint64_t)got;
			if (out->size > wanted->most)
				out->error = EFBIG;
		}
	}
	if (!out->error)
		sha256_end(&hash, out->digest);
	close(fd);
}

static void *hash_all(void *given)
{
	struct hashing *hashing = given;
	struct channel_command *wanted = malloc(sizeof(*wanted));
	struct channel_hashed done;

	while (wanted) {
		pthread_mutex_lock(&hashing->lock);
		while (!hashing->count && !atomic_load(&hashing->ending))
			pthread_cond_wait(&hashing->changed, &hashing->lock);
		if (hashing->count)
			*wanted = hashing->waiting[hashing->first];
		pthread_mutex_unlock(&hashing->lock);
		if (atomic_load(&hashing->ending))
			break;
		hash_file(hashing, wanted, &done);
		channel_hashed(hashing->channel, &done);
		pthread_mutex_lock(&hashing->lock);
		hashing->first = (hashing->first + 1) % WAITING_MAX;
		hashing->count--;
		pthread_mutex_unlock(&hashing->lock);
	}
	free(wanted);
	return NULL;
}

static struct hashing *begin(struct channel *channel)
{
	struct hashing *hashing = calloc(1, sizeof(*hashing));
	sigset_t all, before;
	int error;

	if (!hashing)
		return NULL;
	hashing->channel = channel;
	pthread_mutex_init(&hashing->lock, NULL);
	pthread_cond_init(&hashing->changed, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&hashing->thread, NULL, hash_all, hashing);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!error)
		return hashing;
	free(hashing);
	return NULL;
}

void hashing_ask(struct hashing **at, struct channel *channel, const struct channel_command *wanted)
{
	struct channel_hashed refused = {.id = wanted->id, .error = EBUSY};
	bool taken = false;

	if (!*at)
		*at = begin(channel);
	if (*at) {
		struct hashing *hashing = *at;

		pthread_mutex_lock(&hashing->lock);
		taken = hashing->count < WAITING_MAX;
		if (taken)
			hashing->waiting[(hashing->first + hashing->count++) % WAITING_MAX] = *wanted;
		pthread_cond_signal(&hashing->changed);
		pthread_mutex_unlock(&hashing->lock);
	}
	if (!taken)
		channel_hashed(channel, &refused);
}

void hashing_end(struct hashing *hashing)
{
	const struct timespec moment = {0, 10000000};
	unsigned left = 1;

	if (!hashing)
		return;
	for (int tries = 0; left && tries < 100; tries++) {
		pthread_mutex_lock(&hashing->lock);
		left = hashing->count;
		pthread_mutex_unlock(&hashing->lock);
		if (left)
			nanosleep(&moment, NULL);
	}
	atomic_store(&hashing->ending, true);
	pthread_mutex_lock(&hashing->lock);
	pthread_cond_signal(&hashing->changed);
	pthread_mutex_unlock(&hashing->lock);
	pthread_join(hashing->thread, NULL);
	free(hashing);
}
