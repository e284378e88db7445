/* The tracer's side of the channel: puts blocks, takes commands. */
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "courier.h"
#include "protocol.h"
#include "tls.h"

#define RING_DEFAULT ((size_t)32 << 20)
#define FLUSH_TURNS 8

static void deadline_in(struct timespec *when, int ms)
{
	clock_gettime(CLOCK_MONOTONIC, when);
	when->tv_sec += ms / 1000;
	when->tv_nsec += (long)(ms % 1000) * 1000000;
	if (when->tv_nsec >= 1000000000) {
		when->tv_sec++;
		when->tv_nsec -= 1000000000;
	}
}

static void destroy(struct channel *channel)
{
	queue_free(&channel->queue);
	if (channel->wake_link >= 0)
		close(channel->wake_link);
	if (channel->wake_tracer >= 0)
		close(channel->wake_tracer);
	if (channel->token)
		explicit_bzero(channel->token, strlen(channel->token));
	free(channel->token);
	free(channel->hello);
	while (channel->prologue_count)
		free(channel->prologues[--channel->prologue_count]);
	free(channel->commands);
	free(channel);
}

/* Everything that can be told before a connection is tried. Returns 0 or -errno. */
static int prepare(struct channel *channel, const struct channel_options *options)
{
	const char *hello = options->hello_json ? options->hello_json : "{}";
	pthread_condattr_t clock;
	int error = address_parse(&channel->address, options->address);

	channel->wake_link = channel->wake_tracer = -1;
	if (error || hello[0] != '{')
		return -EINVAL;
	channel->token = options->token && *options->token ? strdup(options->token) : NULL;
	if (channel->address.encrypted && !tls_is_built_in())
		return -ENOTSUP;
	if (channel->address.encrypted && !channel->token)
		return -ENOKEY;
	channel->queue.room = options->ring_bytes ? options->ring_bytes : RING_DEFAULT;
	channel->queue.shut = true; /* the first block is a checkpoint */
	channel->hello = strdup(hello);
	channel->commands = calloc(CHANNEL_COMMANDS_MAX, sizeof(*channel->commands));
	channel->wake_link = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	channel->wake_tracer = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	protocol_random_name(channel->stream);
	pthread_mutex_init(&channel->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&channel->changed, &clock);
	if (!channel->hello || !channel->commands || channel->wake_link < 0 || channel->wake_tracer < 0)
		return -ENOMEM;
	if (channel->address.fixed_fd >= 0) {
		int flags = fcntl(channel->address.fixed_fd, F_GETFD);

		if (flags < 0 || fcntl(channel->address.fixed_fd, F_SETFD, flags | FD_CLOEXEC))
			return -EINVAL;
	}
	return 0;
}

int channel_open(struct channel **out, const struct channel_options *options)
{
	struct channel *channel = calloc(1, sizeof(*channel));
	struct timespec when;
	sigset_t all, before;
	int error, result = 0;

	*out = NULL;
	if (!channel)
		return -ENOMEM;
	error = prepare(channel, options);
	if (error) {
		destroy(channel);
		return error;
	}

	/* Signals belong to the tracer thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&channel->thread, NULL, courier_main, channel);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error) {
		destroy(channel);
		return -ENOMEM;
	}
	*out = channel;

	deadline_in(&when, options->wait_ms);
	pthread_mutex_lock(&channel->lock);
	while (!channel->welcomed && !channel->finished && error == 0 && options->wait_ms > 0)
		error = pthread_cond_timedwait(&channel->changed, &channel->lock, &when);
	if (!channel->welcomed)
		result = channel->problem_errno ? -channel->problem_errno : -ETIMEDOUT;
	pthread_mutex_unlock(&channel->lock);
	return result;
}

void channel_wanted(struct channel *channel, struct channel_wish *out)
{
	pthread_mutex_lock(&channel->lock);
	*out = channel->wish;
	pthread_mutex_unlock(&channel->lock);
}

const char *channel_problem(struct channel *channel)
{
	return channel->problem;
}

int channel_prologue(struct channel *channel, const void *bytes, size_t length)
{
	uint8_t *copy = malloc(length);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, bytes, length);
	pthread_mutex_lock(&channel->lock);
	if (channel->prologue_count == CHANNEL_PROLOGUES_MAX) {
		pthread_mutex_unlock(&channel->lock);
		free(copy);
		return -ENOSPC;
	}
	channel->prologues[channel->prologue_count++] = copy;
	channel->prologue = copy;
	channel->prologue_length = length;
	pthread_cond_broadcast(&channel->changed);
	pthread_mutex_unlock(&channel->lock);
	courier_ring(channel->wake_link);
	return 0;
}

enum channel_put channel_put(struct channel *channel, const void *bytes, size_t length, uint64_t first_seq, uint64_t next_seq, int begins_epoch)
{
	struct block *block = block_new(length);
	bool taken, wake;

	if (block)
		memcpy(block->bytes, bytes, length);
	pthread_mutex_lock(&channel->lock);
	taken = queue_take(&channel->queue, block, first_seq, next_seq, begins_epoch);
	wake = taken && channel->link_sleeps;
	if (wake)
		channel->link_sleeps = false;
	pthread_mutex_unlock(&channel->lock);
	if (wake)
		courier_ring(channel->wake_link);
	return taken ? CHANNEL_TAKEN : CHANNEL_EPOCH_FIRST;
}

int channel_wants_epoch(struct channel *channel)
{
	int wants;

	pthread_mutex_lock(&channel->lock);
	wants = channel->queue.shut && channel->queue.waiting <= channel->queue.room / 2 && !channel->finished;
	pthread_mutex_unlock(&channel->lock);
	return wants;
}

int channel_is_shut(struct channel *channel)
{
	int shut;

	pthread_mutex_lock(&channel->lock);
	shut = channel->queue.shut;
	pthread_mutex_unlock(&channel->lock);
	return shut;
}

void channel_skip(struct channel *channel, uint64_t first_seq, uint64_t count)
{
	pthread_mutex_lock(&channel->lock);
	queue_lose(&channel->queue, first_seq, count);
	pthread_mutex_unlock(&channel->lock);
}

void channel_lost(struct channel *channel, struct channel_loss *out)
{
	pthread_mutex_lock(&channel->lock);
	*out = channel->queue.loss;
	channel->queue.told = channel->queue.loss.count;
	pthread_mutex_unlock(&channel->lock);
}

void channel_wake_thread(struct channel *channel, pthread_t thread, int signal)
{
	pthread_mutex_lock(&channel->lock);
	channel->waiter = thread;
	channel->waiter_signal = signal;
	pthread_mutex_unlock(&channel->lock);
}

int channel_wake_fd(struct channel *channel)
{
	return channel->wake_tracer;
}

int channel_command(struct channel *channel, struct channel_command *out)
{
	int some;

	pthread_mutex_lock(&channel->lock);
	some = channel->command_count > 0;
	if (some) {
		*out = channel->commands[channel->command_first];
		channel->command_first = (channel->command_first + 1) % CHANNEL_COMMANDS_MAX;
		channel->command_count--;
	}
	if (channel->command_count == 0)
		courier_quiet(channel->wake_tracer);
	pthread_mutex_unlock(&channel->lock);
	return some;
}

static void send_own(struct channel *channel, struct block *block)
{
	if (!block)
		return;
	pthread_mutex_lock(&channel->lock);
	queue_push(&channel->queue, block);
	channel->link_sleeps = false;
	pthread_mutex_unlock(&channel->lock);
	courier_ring(channel->wake_link);
}

void channel_reply(struct channel *channel, const struct channel_reply *reply)
{
	send_own(channel, protocol_reply(reply));
}

void channel_hashed(struct channel *channel, const struct channel_hashed *hashed)
{
	send_own(channel, protocol_hashed(hashed));
}

int channel_is_settled(struct channel *channel)
{
	int settled;

	pthread_mutex_lock(&channel->lock);
	settled = !channel->counters.connected || channel->finished || (!channel->queue.head && !channel->underway && !channel->queue.sent_count);
	pthread_mutex_unlock(&channel->lock);
	return settled;
}

void channel_counters(struct channel *channel, struct channel_counters *out)
{
	pthread_mutex_lock(&channel->lock);
	*out = channel->counters;
	out->lost_events = channel->queue.lost_events;
	out->lost_blocks = channel->queue.lost_blocks;
	out->waiting_bytes = channel->queue.waiting;
	pthread_mutex_unlock(&channel->lock);
}

uint64_t channel_close(struct channel *channel, int flush_ms, uint64_t *links)
{
	struct timespec when;
	uint64_t left, sent;
	int error = 0;

	pthread_mutex_lock(&channel->lock);
	channel->closing = 1;
	pthread_cond_broadcast(&channel->changed);
	pthread_mutex_unlock(&channel->lock);
	courier_ring(channel->wake_link);
	pthread_mutex_lock(&channel->lock);
	/* An agent that is slow and takes something all the same is waited for longer. */
	for (int patience = FLUSH_TURNS; patience > 0 && !channel->finished; patience--) {
		sent = channel->counters.sent_bytes;
		*links = channel->counters.links;
		/* Who never had an agent has little to hope for. */
		deadline_in(&when, *links ? flush_ms : flush_ms / 4);
		for (error = 0; !channel->finished && error == 0;)
			error = pthread_cond_timedwait(&channel->changed, &channel->lock, &when);
		if (channel->counters.sent_bytes == sent && channel->counters.links == *links)
			break;
	}
	channel->closing = 2;
	pthread_mutex_unlock(&channel->lock);
	courier_ring(channel->wake_link);
	pthread_join(channel->thread, NULL);
	*links = channel->counters.links;
	left = *links ? channel->queue.waiting : 0;
	destroy(channel);
	return left;
}
