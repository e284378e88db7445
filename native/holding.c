#include "holding.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "errand.h"
#include "frame.h"

#define HELD_MAX 256
#define HELD_NS 3000000000u

struct held {
	uint64_t device, inode, since;
	int fd;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct held held[HELD_MAX]; /* the first `count` */
static unsigned count, most;
static uint32_t wanted[CHANNEL_EVENT_WORDS];
static bool any, goes_on;

void holding_want(const uint32_t events[CHANNEL_EVENT_WORDS])
{
	struct rlimit limit;

	memcpy(wanted, events, sizeof(wanted));
	any = false;
	for (unsigned n = 0; n < CHANNEL_EVENT_WORDS; n++)
		any |= wanted[n] != 0;
	/* Most descriptors are for the work itself. */
	most = HELD_MAX;
	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur / 4 < most)
		most = (unsigned)limit.rlim_cur / 4;
	if (!any)
		holding_drop();
}

bool holding_is_wanted(void)
{
	return any;
}

void holding_begin(unsigned event_id)
{
	goes_on = any && event_id && event_id < CHANNEL_EVENT_WORDS * 32 && wanted[event_id / 32] >> event_id % 32 & 1;
}

bool holding_goes_on(void)
{
	return goes_on;
}

static bool may_hold(const struct file_facts *facts)
{
	return goes_on && most && facts->flags & FACT_EXISTS && S_ISREG(facts->mode) && !(facts->filesystem && errand_is_foreign(facts->filesystem));
}

static struct held *find(uint64_t device, uint64_t inode)
{
	for (unsigned n = 0; n < count; n++)
		if (held[n].inode == inode && held[n].device == device)
			return &held[n];
	return NULL;
}

/* Takes the descriptor, or closes it when the file is held already; the oldest goes when there are too many. */
static void hold(int fd, const struct file_facts *facts)
{
	struct held *place;
	int old = -1;

	pthread_mutex_lock(&lock);
	place = find(facts->device, facts->inode);
	if (place) {
		place->since = boot_time();
		old = fd;
	} else {
		if (count < most) {
			place = &held[count++];
		} else {
			place = &held[0];
			for (unsigned n = 1; n < count; n++)
				if (held[n].since < place->since)
					place = &held[n];
			old = place->fd;
		}
		*place = (struct held){facts->device, facts->inode, boot_time(), fd};
	}
	pthread_mutex_unlock(&lock);
	if (old >= 0)
		close(old);
}

void holding_close(int fd, const struct file_facts *facts)
{
	if (may_hold(facts))
		hold(fd, facts);
	else
		close(fd);
}

void holding_link(const char *link, const struct file_facts *facts)
{
	struct held *place;
	int fd;

	if (!may_hold(facts))
		return;
	pthread_mutex_lock(&lock);
	place = find(facts->device, facts->inode);
	if (place)
		place->since = boot_time();
	pthread_mutex_unlock(&lock);
	fd = place ? -1 : open(link, O_PATH | O_CLOEXEC);
	if (fd >= 0)
		hold(fd, facts);
}

static void let_go(uint64_t before)
{
	pthread_mutex_lock(&lock);
	for (unsigned n = 0; n < count;)
		if (held[n].since < before) {
			close(held[n].fd);
			held[n] = held[--count];
		} else {
			n++;
		}
	pthread_mutex_unlock(&lock);
}

void holding_tick(uint64_t now)
{
	if (count && now > HELD_NS)
		let_go(now - HELD_NS);
}

void holding_drop(void)
{
	if (count)
		let_go(UINT64_MAX);
}

int holding_open(uint64_t device, uint64_t inode)
{
	char link[64];
	struct held *place;
	int fd = -ENOENT;

	pthread_mutex_lock(&lock);
	place = find(device, inode);
	if (place) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", place->fd);
		fd = open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (fd < 0)
			fd = -errno;
	}
	pthread_mutex_unlock(&lock);
	return fd;
}
