#include "courier.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol.h"

#define PAUSE_FIRST_MS 20
#define PAUSE_LAST_MS 1000
#define STATUS_MS 1000

void courier_ring(int fd)
{
	uint64_t one = 1;
	ssize_t written = write(fd, &one, sizeof(one));
	(void)written; /* full: it is readable already */
}

void courier_quiet(int fd)
{
	uint64_t count;
	ssize_t taken = read(fd, &count, sizeof(count));
	(void)taken;
}

/* Called without the lock. */
static void describe(struct channel *channel, int error, const char *text)
{
	pthread_mutex_lock(&channel->lock);
	channel->problem_errno = error;
	snprintf(channel->problem, sizeof(channel->problem), "%s", text);
	pthread_mutex_unlock(&channel->lock);
}

static int is_closing(void *context)
{
	struct channel *channel = context;
	int closing;

	pthread_mutex_lock(&channel->lock);
	closing = channel->closing;
	pthread_mutex_unlock(&channel->lock);
	return closing;
}

/* What is waited for while a link is made: a program that ends meanwhile is told to the agent all the same. */
static int is_ended(void *context)
{
	return is_closing(context) == 2;
}

/* Queues a command for the tracer thread; the oldest go when there are too many. Lock held. */
static void command(struct channel *channel, const struct channel_command *given)
{
	if (channel->command_count == CHANNEL_COMMANDS_MAX) {
		channel->command_first = (channel->command_first + 1) % CHANNEL_COMMANDS_MAX;
		channel->command_count--;
	}
	channel->commands[(channel->command_first + channel->command_count++) % CHANNEL_COMMANDS_MAX] = *given;
	courier_ring(channel->wake_tracer);
	if (channel->waiter_signal)
		pthread_kill(channel->waiter, channel->waiter_signal);
}

static void take_command(void *context, const struct channel_command *given)
{
	struct channel *channel = context;

	pthread_mutex_lock(&channel->lock);
	if (channel->trusted)
		command(channel, given);
	pthread_mutex_unlock(&channel->lock);
}

static void take_acknowledgement(void *context, uint64_t seq)
{
	struct channel *channel = context;

	pthread_mutex_lock(&channel->lock);
	queue_acknowledged(&channel->queue, seq);
	pthread_mutex_unlock(&channel->lock);
}

static int receive(struct channel *channel, struct link *link, struct inbox *inbox)
{
	return protocol_receive(link, inbox, take_command, take_acknowledgement, channel);
}

static int greet(struct channel *channel, struct link *link)
{
	struct hello hello = {.stream = channel->stream, .members = channel->hello, .token = channel->token};
	struct welcome welcome;
	int error;

	pthread_mutex_lock(&channel->lock);
	hello.link = channel->counters.links + 1;
	hello.lost = channel->queue.lost_events;
	pthread_mutex_unlock(&channel->lock);
	error = protocol_greet(link, &hello, &welcome);
	if (error)
		describe(channel, -error, welcome.problem);
	pthread_mutex_lock(&channel->lock);
	channel->counters.refused += (uint64_t)welcome.refused;
	if (!error) {
		channel->wish = welcome.wish;
		channel->trusted = link_is_trusted(link, &channel->address, channel->token);
		channel->welcomed = true;
		channel->counters.connected = 1;
		channel->counters.links++;
		channel->problem_errno = 0;
		if (channel->counters.links > 1 && channel->trusted) {
			struct channel_command *wish = calloc(1, sizeof(*wish));

			if (wish) {
				wish->kind = CHANNEL_EVENTS;
				wish->wish = channel->wish;
				command(channel, wish);
			}
			free(wish);
		}
	}
	pthread_cond_broadcast(&channel->changed);
	pthread_mutex_unlock(&channel->lock);
	return error;
}

/*
 * All is sent. A close now, with something of the agent's unread or on its way, would reset the link and
 * take away what the agent has not read yet: so only our half is closed, until the agent closes its own.
 */
static void say_goodbye(struct channel *channel, struct link *link, struct inbox *inbox)
{
	link_half_close(link);
	while (!receive(channel, link, inbox)) {
		struct pollfd polled[2] = {{link->fd, POLLIN, 0}, {channel->wake_link, POLLIN, 0}};

		if (is_closing(channel) == 2)
			break;
		(void)poll(polled, 2, 1000);
		if (polled[1].revents)
			courier_quiet(channel->wake_link);
	}
}

/* What is to be sent next, or NULL; whether the link's thread has to be rung for more is settled with it. */
static struct block *next_block(struct channel *channel, uint64_t *next_status, int *closing)
{
	struct block *block = NULL;

	pthread_mutex_lock(&channel->lock);
	if (link_clock_ms() >= *next_status) {
		*next_status = link_clock_ms() + STATUS_MS;
		block = protocol_status(channel->queue.lost_events, channel->queue.waiting, channel->counters.sent_bytes, channel->counters.links);
	}
	if (!block)
		block = queue_pop(&channel->queue);
	channel->underway = block;
	channel->link_sleeps = !block;
	*closing = channel->closing;
	pthread_mutex_unlock(&channel->lock);
	return block;
}

static void was_sent(struct channel *channel, struct block *block)
{
	pthread_mutex_lock(&channel->lock);
	channel->counters.sent_bytes += block->length;
	channel->counters.sent_blocks += block->counts;
	queue_sent(&channel->queue, block);
	channel->underway = false;
	pthread_mutex_unlock(&channel->lock);
	free(block);
}

/* Serves one welcomed link until it breaks or all is sent at the end. Returns 0 at the end, else -errno. */
static int serve(struct channel *channel, struct link *link)
{
	static struct inbox inbox; /* the link thread only */
	struct block *underway = NULL;
	size_t done = 0;
	int result = 0, closing = 0;
	bool full = false;
	uint64_t next_status = link_clock_ms() + STATUS_MS;

	inbox.have = 0;
	for (;;) {
		struct pollfd polled[2] = {{link->fd, POLLIN, 0}, {channel->wake_link, POLLIN, 0}};
		ssize_t sent;

		if (!underway) {
			underway = next_block(channel, &next_status, &closing);
			done = 0;
		} else {
			closing = is_closing(channel);
		}
		if (closing == 2 || (!underway && closing))
			break;
		if (full)
			polled[0].events |= POLLOUT;
		/* With something to send and room for it, it is only looked whether the agent said something. */
		if (poll(polled, 2, underway && !full ? 0 : 1000) < 0 && errno != EINTR) {
			result = -errno;
			break;
		}
		if (polled[1].revents)
			courier_quiet(channel->wake_link);
		if (polled[0].revents & (POLLIN | POLLHUP | POLLERR)) {
			result = receive(channel, link, &inbox);
			if (result)
				break;
		}
		if (!underway || (full && !(polled[0].revents & POLLOUT)))
			continue;
		sent = link_send(link, underway->bytes + done, underway->length - done);
		full = sent == -EAGAIN;
		if (full)
			continue;
		if (sent < 0) {
			result = (int)sent;
			break;
		}
		done += (size_t)sent;
		if (done == underway->length) {
			was_sent(channel, underway);
			underway = NULL;
		}
	}
	if (!result && !underway)
		say_goodbye(channel, link, &inbox);
	pthread_mutex_lock(&channel->lock);
	channel->underway = false;
	if (result || underway)
		queue_forget(&channel->queue, underway);
	pthread_mutex_unlock(&channel->lock);
	return result;
}

static int send_prologue(struct channel *channel, struct link *link)
{
	const uint8_t *bytes;
	size_t length;

	/* The first link waits for the prologue; it comes soon after the welcome. */
	pthread_mutex_lock(&channel->lock);
	while (!channel->prologue && !channel->closing)
		pthread_cond_wait(&channel->changed, &channel->lock);
	bytes = channel->prologue;
	length = channel->prologue_length;
	pthread_mutex_unlock(&channel->lock);
	return bytes ? link_send_all(link, bytes, length) : -ECANCELED;
}

/* One link from its beginning to its end. Returns whether it was welcomed. */
static bool run_link(struct channel *channel, struct link *link)
{
	int error = link_connect(link, &channel->address, channel->token);
	bool welcomed;

	if (error) {
		char text[120], reason[64];

		if (error == -EPROTO)
			snprintf(text, sizeof(text), "no common secret: the agent has another token, or speaks no TLS there");
		else
			snprintf(text, sizeof(text), "no agent there: %s", strerror_r(-error, reason, sizeof(reason)));
		describe(channel, -error, text);
		return false;
	}
	welcomed = !greet(channel, link);
	if (welcomed) {
		error = send_prologue(channel, link);
		if (!error)
			serve(channel, link);
		pthread_mutex_lock(&channel->lock);
		channel->welcomed = false;
		channel->counters.connected = 0;
		if (error)
			queue_forget(&channel->queue, NULL);
		pthread_mutex_unlock(&channel->lock);
	}
	link_close(link);
	return welcomed;
}

void *courier_main(void *given)
{
	struct channel *channel = given;
	struct link link = {.fd = -1, .wake = channel->wake_link, .context = channel};
	int pause = PAUSE_FIRST_MS;

	for (;;) {
		link.closing = is_ended;
		if (run_link(channel, &link))
			pause = PAUSE_FIRST_MS;
		link.closing = is_closing;
		if (channel->address.fixed_fd >= 0 || link_wait(&link, 0, pause) < 0)
			break;
		pause = pause * 2 > PAUSE_LAST_MS ? PAUSE_LAST_MS : pause * 2;
	}
	pthread_mutex_lock(&channel->lock);
	channel->finished = true;
	pthread_cond_broadcast(&channel->changed);
	pthread_mutex_unlock(&channel->lock);
	return NULL;
}
