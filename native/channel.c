/*
 * See channel.h. Two threads meet here: the tracer thread puts blocks and takes commands, the link
 * thread owns the socket. All shared state is under one mutex, held for copies of pointers only.
 */
#define _GNU_SOURCE
#include "channel.h"

#include "sha256.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	MESSAGE_CHALLENGE = 1,
	MESSAGE_HELLO = 2,
	MESSAGE_WELCOME = 2,
	MESSAGE_EVENTS = 3,
	MESSAGE_ACK = 4,
	MESSAGE_KILL = 5,
	MESSAGE_BYE = 6,
	MESSAGE_REFUSE = 7,
	MESSAGE_EPOCH = 8,
	MESSAGE_REPLY = 16,
	MESSAGE_STATUS = 17,
};

#define MESSAGE_MAX 65536
#define BLOCK_HEADER 48
#define BLOCK_CHANNEL 0x8000
#define GREETING_MS 5000
#define PAUSE_FIRST_MS 20
#define PAUSE_LAST_MS 1000
#define RING_DEFAULT ((size_t)32 << 20)
#define COMMANDS_MAX 256
#define SENT_MAX 4096

struct block {
	struct block *next;
	uint64_t first_seq, next_seq;
	size_t length;
	int counts; /* 0: a block of the channel's own */
	uint8_t bytes[];
};

struct span {
	uint64_t first_seq, next_seq;
};

struct channel {
	struct sockaddr_storage peer;
	socklen_t peer_length;
	int fixed_fd; /* "fd:N": one link only; -1: connects by itself */
	char *token;
	char *hello;
	char stream[33];
	size_t ring_bytes;

	pthread_t thread;
	int thread_runs;
	int wake_link; /* eventfd: blocks wait, or close */
	int wake_tracer; /* eventfd: commands wait */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct block *head, *tail;
	size_t waiting;
	int shut; /* an epoch is needed first */
	struct channel_loss loss;
	uint64_t told; /* of loss.count: what the checkpoint under way tells of */
	uint8_t *prologue;
	size_t prologue_length;
	int tried, welcomed, trusted, finished, closing;
	int problem_errno;
	char problem[160];
	uint32_t wanted[CHANNEL_EVENT_WORDS];
	struct channel_command commands[COMMANDS_MAX];
	unsigned int command_first, command_count;
	/* Blocks that went over the link and that the agent has not acknowledged, oldest first. */
	struct span sent[SENT_MAX];
	unsigned int sent_first, sent_count;
	struct channel_counters counters;
	pthread_t waiter;
	int waiter_signal; /* 0: nobody is to be woken */
};

/* Numbers on the wire are little-endian, and so are the machines that the tracer runs on. */
static uint32_t get32(const uint8_t *at)
{
	uint32_t value;
	memcpy(&value, at, sizeof(value));
	return value;
}

static uint64_t get64(const uint8_t *at)
{
	uint64_t value;
	memcpy(&value, at, sizeof(value));
	return value;
}

static void put16(uint8_t *at, uint16_t value)
{
	memcpy(at, &value, sizeof(value));
}

static void put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

static void put64(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void ring(int fd)
{
	uint64_t one = 1;
	ssize_t written = write(fd, &one, sizeof(one));
	(void)written; /* full: it is readable already */
}

static void quiet(int fd)
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

/* CRC-32 of IEEE 802.3, bit by bit: only small blocks of the channel's own are summed here. */
static uint32_t crc32_of(const uint8_t *bytes, size_t length)
{
	uint32_t sum = 0xffffffff;
	for (size_t i = 0; i < length; i++) {
		sum ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			sum = (sum >> 1) ^ (sum & 1 ? 0xedb88320 : 0);
	}
	return ~sum;
}

/* ---- address ---- */

static int parse_address(struct channel *channel, const char *text)
{
	memset(&channel->peer, 0, sizeof(channel->peer));
	channel->fixed_fd = -1;
	if (strncmp(text, "fd:", 3) == 0) {
		char *end;
		long number = strtol(text + 3, &end, 10);
		if (*end != '\0' || end == text + 3 || number < 0 || number > 1 << 20)
			return -EINVAL;
		channel->fixed_fd = (int)number;
		return 0;
	}
	if (strncmp(text, "unix:", 5) == 0 || strchr(text, '/') != NULL) {
		struct sockaddr_un *path = (struct sockaddr_un *)&channel->peer;
		const char *name = strncmp(text, "unix:", 5) == 0 ? text + 5 : text;
		size_t length = strlen(name);
		if (length == 0 || length >= sizeof(path->sun_path))
			return -EINVAL;
		path->sun_family = AF_UNIX;
		memcpy(path->sun_path, name, length);
		if (path->sun_path[0] == '@')
			path->sun_path[0] = '\0';
		channel->peer_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length +
						   (path->sun_path[0] != '\0'));
		return 0;
	}
	char host[64];
	const char *colon = strrchr(text, ':');
	if (colon == NULL)
		return -EINVAL;
	size_t length = (size_t)(colon - text);
	if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
		text++;
		length -= 2;
	}
	if (length >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, length);
	host[length] = '\0';
	if (length == 0 || strcmp(host, "localhost") == 0)
		snprintf(host, sizeof(host), "127.0.0.1");
	char *end;
	long port = strtol(colon + 1, &end, 10);
	if (*end != '\0' || port < 1 || port > 65535)
		return -EINVAL;
	struct sockaddr_in *v4 = (struct sockaddr_in *)&channel->peer;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&channel->peer;
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		channel->peer_length = sizeof(*v4);
		return 0;
	}
	if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		channel->peer_length = sizeof(*v6);
		return 0;
	}
	return -EINVAL;
}

/* ---- the queue; all with the lock held ---- */

static void lose(struct channel *channel, uint64_t first_seq, uint64_t count)
{
	if (count == 0)
		return;
	if (channel->loss.count == 0) {
		struct timespec now;
		clock_gettime(CLOCK_BOOTTIME, &now);
		channel->loss.since = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	}
	if (channel->loss.count == 0 || first_seq < channel->loss.first_seq)
		channel->loss.first_seq = first_seq;
	channel->loss.count += count;
	channel->counters.lost_events += count;
}

static void push(struct channel *channel, struct block *block)
{
	block->next = NULL;
	if (channel->tail == NULL)
		channel->head = block;
	else
		channel->tail->next = block;
	channel->tail = block;
	channel->waiting += block->length;
}

static struct block *pop(struct channel *channel)
{
	struct block *block = channel->head;
	if (block == NULL)
		return NULL;
	channel->head = block->next;
	if (channel->head == NULL)
		channel->tail = NULL;
	channel->waiting -= block->length;
	return block;
}

static void remember_sent(struct channel *channel, const struct block *block)
{
	if (block->next_seq == block->first_seq)
		return;
	if (channel->sent_count == SENT_MAX) {
		/* The newest grows: acknowledged a little later than it could be. */
		channel->sent[(channel->sent_first + SENT_MAX - 1) % SENT_MAX].next_seq = block->next_seq;
		return;
	}
	channel->sent[(channel->sent_first + channel->sent_count++) % SENT_MAX] =
		(struct span){ block->first_seq, block->next_seq };
}

/* The agent has seen the block that begins with `seq`, and all before it. */
static void acknowledged(struct channel *channel, uint64_t seq)
{
	while (channel->sent_count > 0 && channel->sent[channel->sent_first].first_seq <= seq) {
		channel->sent_first = (channel->sent_first + 1) % SENT_MAX;
		channel->sent_count--;
	}
}

/*
 * The link was cut: blocks refer to a dictionary that the other side has lost, so what waits is lost
 * too, and the stream begins again with an epoch.
 */
static void forget(struct channel *channel, struct block *underway)
{
	struct block *block = underway != NULL ? underway : pop(channel);
	for (; channel->sent_count > 0; channel->sent_count--) {
		struct span *span = &channel->sent[(channel->sent_first + channel->sent_count - 1) % SENT_MAX];
		lose(channel, span->first_seq, span->next_seq - span->first_seq);
	}
	while (block != NULL) {
		if (block->counts) {
			lose(channel, block->first_seq, block->next_seq - block->first_seq);
			channel->counters.lost_blocks++;
		}
		free(block);
		block = pop(channel);
	}
	channel->shut = 1;
	channel->loss.cut = 1;
}

/* ---- the link ---- */

/* Waits for the socket, or for a wish to close; 1 ready, 0 time over, -1 closing. */
static int wait_for(struct channel *channel, int fd, short what, int ms)
{
	uint64_t deadline = now_ms() + (uint64_t)ms;
	for (;;) {
		pthread_mutex_lock(&channel->lock);
		int closing = channel->closing;
		pthread_mutex_unlock(&channel->lock);
		if (closing)
			return -1;
		uint64_t now = now_ms();
		if (now >= deadline)
			return 0;
		struct pollfd polled[2] = { { fd, what, 0 }, { channel->wake_link, POLLIN, 0 } };
		int count = poll(polled, 2, (int)(deadline - now));
		if (count < 0 && errno != EINTR)
			return -1;
		if (count > 0 && polled[1].revents)
			quiet(channel->wake_link);
		if (count > 0 && polled[0].revents)
			return 1;
	}
}

static int send_all(struct channel *channel, int fd, const uint8_t *bytes, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent > 0) {
			bytes += sent;
			length -= (size_t)sent;
		} else if (sent < 0 && errno == EAGAIN) {
			if (wait_for(channel, fd, POLLOUT, GREETING_MS) != 1)
				return -ETIMEDOUT;
		} else if (sent < 0 && errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

static int receive_exactly(struct channel *channel, int fd, uint8_t *bytes, size_t length)
{
	while (length > 0) {
		ssize_t got = recv(fd, bytes, length, MSG_DONTWAIT);
		if (got > 0) {
			bytes += got;
			length -= (size_t)got;
		} else if (got == 0) {
			return -ECONNRESET;
		} else if (errno == EAGAIN) {
			if (wait_for(channel, fd, POLLIN, GREETING_MS) != 1)
				return -ETIMEDOUT;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

/* Receives one message of the greeting. Returns its kind, or -errno. */
static int receive_message(struct channel *channel, int fd, uint8_t *bytes, size_t *length)
{
	int error = receive_exactly(channel, fd, bytes, 8);
	if (error != 0)
		return error;
	*length = get32(bytes);
	if (*length < 8 || *length > MESSAGE_MAX || *length % 8 != 0)
		return -EPROTO;
	int kind = bytes[4] | bytes[5] << 8;
	error = receive_exactly(channel, fd, bytes + 8, *length - 8);
	return error != 0 ? error : kind;
}

static void hexadecimal(char *out, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static void random_bytes(uint8_t *out, size_t length)
{
	size_t done = 0;
	while (done < length) {
		ssize_t got = getrandom(out + done, length - done, 0);
		if (got > 0)
			done += (size_t)got;
		else if (errno != EINTR)
			break;
	}
}

/* Requests over a Unix socket are obeyed only from root or from our own user. */
static int peer_is_trusted(struct channel *channel, int fd)
{
	if (channel->fixed_fd >= 0)
		return 1;
	if (channel->peer.ss_family != AF_UNIX)
		return channel->token != NULL;
	struct ucred peer;
	socklen_t length = sizeof(peer);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
		return 0;
	return peer.uid == 0 || peer.uid == geteuid();
}

static void read_bitmap(uint32_t out[CHANNEL_EVENT_WORDS], const uint8_t *words, uint32_t count)
{
	memset(out, 0, CHANNEL_EVENT_WORDS * sizeof(out[0]));
	for (uint32_t i = 0; i < count && i < CHANNEL_EVENT_WORDS; i++)
		out[i] = get32(words + 4 * (size_t)i);
}

/* Returns 0 when welcomed, else -errno with the problem described. */
static int greet(struct channel *channel, int fd)
{
	static uint8_t bytes[MESSAGE_MAX]; /* the link thread only */
	size_t length;
	uint8_t challenge[32], secret[32], proof[SHA256_BYTES];
	char nonce[65];
	int kind = receive_message(channel, fd, bytes, &length);
	if (kind != MESSAGE_CHALLENGE || length < 48)
		return describe(channel, kind < 0 ? -kind : EPROTO, "the other side does not greet as an agent"),
		       kind < 0 ? kind : -EPROTO;
	memcpy(challenge, bytes + 16, sizeof(challenge));
	if ((get32(bytes + 12) & 1) != 0 && channel->token == NULL)
		return describe(channel, EACCES, "the agent wants a token (--token-file)"), -EACCES;

	random_bytes(secret, sizeof(secret));
	hexadecimal(nonce, secret, sizeof(secret));
	pthread_mutex_lock(&channel->lock);
	unsigned long long links = channel->counters.links + 1, lost = channel->counters.lost_events;
	pthread_mutex_unlock(&channel->lock);
	uint8_t *json = bytes + 40;
	int text = snprintf((char *)json, sizeof(bytes) - 48,
			    "{\"protocol\":%d,\"stream\":\"%s\",\"nonce\":\"%s\",\"pid\":%d,\"uid\":%u,"
			    "\"link\":%llu,\"lost\":%llu%s%s",
			    CHANNEL_PROTOCOL, channel->stream, nonce, (int)getpid(), (unsigned int)geteuid(), links, lost,
			    channel->hello[1] == '}' ? "" : ",", channel->hello + 1);
	if (text < 0 || (size_t)text > sizeof(bytes) - 56)
		return describe(channel, E2BIG, "the hello is too long"), -E2BIG;
	size_t json_length = (size_t)text;
	while (json_length % 8 != 0)
		json[json_length++] = ' ';
	memset(bytes, 0, 40);
	put32(bytes, (uint32_t)(40 + json_length));
	put16(bytes + 4, MESSAGE_HELLO);
	size_t token_length = channel->token != NULL ? strlen(channel->token) : 0;
	if (token_length > 0) {
		struct sha256_piece pieces[] = { { "seccam hello 1", 14 }, { challenge, 32 }, { json, json_length } };
		sha256_hmac(channel->token, token_length, pieces, 3, bytes + 8);
	}
	int error = send_all(channel, fd, bytes, 40 + json_length);
	if (error != 0)
		return describe(channel, -error, "the agent did not take the hello"), error;

	kind = receive_message(channel, fd, bytes, &length);
	if (kind == MESSAGE_REFUSE && length >= 16) {
		uint32_t said = get32(bytes + 12);
		char text_of[120];
		if (said > length - 16)
			said = (uint32_t)(length - 16);
		snprintf(text_of, sizeof(text_of), "the agent refused: %.*s", (int)(said > 96 ? 96 : said), (const char *)bytes + 16);
		pthread_mutex_lock(&channel->lock);
		channel->counters.refused++;
		pthread_mutex_unlock(&channel->lock);
		return describe(channel, EACCES, text_of), -EACCES;
	}
	uint32_t words = length >= 48 ? get32(bytes + 12) : 0;
	if (kind != MESSAGE_WELCOME || length < 48 || words > (length - 48) / 4)
		return describe(channel, kind < 0 ? -kind : EPROTO, "the agent did not answer the hello"),
		       kind < 0 ? kind : -EPROTO;
	if (token_length > 0) {
		struct sha256_piece pieces[] = { { "seccam welcome 1", 16 }, { nonce, 64 } };
		sha256_hmac(channel->token, token_length, pieces, 2, proof);
		if (!sha256_same(proof, bytes + 16))
			return describe(channel, EACCES, "the agent could not prove that it holds the token"), -EACCES;
	}
	pthread_mutex_lock(&channel->lock);
	read_bitmap(channel->wanted, bytes + 48, words);
	pthread_mutex_unlock(&channel->lock);
	return 0;
}

static int connect_link(struct channel *channel)
{
	int fd = socket(channel->peer.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	int error = 0;
	if (connect(fd, (struct sockaddr *)&channel->peer, channel->peer_length) != 0)
		error = errno;
	if (error == EINPROGRESS || error == EAGAIN) {
		socklen_t length = sizeof(error);
		if (wait_for(channel, fd, POLLOUT, GREETING_MS) != 1)
			error = ETIMEDOUT;
		else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
			error = errno;
	}
	if (error != 0) {
		close(fd);
		return -error;
	}
	if (channel->peer.ss_family != AF_UNIX) {
		int one = 1, ms = 10000;
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
		(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
	}
	return fd;
}

/* Queues a command for the tracer thread; the oldest go when there are too many. Lock held. */
static void command(struct channel *channel, const struct channel_command *given)
{
	if (channel->command_count == COMMANDS_MAX) {
		channel->command_first = (channel->command_first + 1) % COMMANDS_MAX;
		channel->command_count--;
	}
	channel->commands[(channel->command_first + channel->command_count++) % COMMANDS_MAX] = *given;
	ring(channel->wake_tracer);
	if (channel->waiter_signal)
		pthread_kill(channel->waiter, channel->waiter_signal);
}

static void take_message(struct channel *channel, const uint8_t *bytes, size_t length)
{
	int kind = bytes[4] | bytes[5] << 8;
	struct channel_command given = { 0 };
	if (!channel->trusted && kind != MESSAGE_ACK)
		return;
	if (kind == MESSAGE_KILL && length >= 40) {
		given.kind = CHANNEL_KILL;
		given.id = get32(bytes + 8);
		given.pid = get32(bytes + 12);
		given.signal = get32(bytes + 16);
		uint32_t scope = get32(bytes + 20);
		given.scope = scope == 1 ? CHANNEL_CONTAINER : scope == 2 ? CHANNEL_CGROUP : CHANNEL_PROCESS;
		given.seq = get64(bytes + 24);
		given.boottime = get64(bytes + 32);
		if (given.signal < 1 || given.signal > 64 || given.pid == 0)
			return;
	} else if (kind == MESSAGE_EVENTS && length >= 16 && get32(bytes + 8) <= (length - 16) / 4) {
		given.kind = CHANNEL_EVENTS;
		read_bitmap(given.events, bytes + 16, get32(bytes + 8));
	} else if (kind == MESSAGE_ACK && length >= 24) {
		pthread_mutex_lock(&channel->lock);
		acknowledged(channel, get64(bytes + 8));
		pthread_mutex_unlock(&channel->lock);
		return;
	} else if (kind == MESSAGE_BYE) {
		given.kind = CHANNEL_BYE;
	} else if (kind == MESSAGE_EPOCH) {
		given.kind = CHANNEL_EPOCH;
	} else {
		return;
	}
	pthread_mutex_lock(&channel->lock);
	command(channel, &given);
	pthread_mutex_unlock(&channel->lock);
}

struct inbox {
	size_t have;
	uint8_t bytes[MESSAGE_MAX];
};

/* Takes what the agent sent; -errno when the link is of no more use. */
static int take_messages(struct channel *channel, int fd, struct inbox *inbox)
{
	for (;;) {
		ssize_t got = recv(fd, inbox->bytes + inbox->have, sizeof(inbox->bytes) - inbox->have, MSG_DONTWAIT);
		if (got == 0)
			return -ECONNRESET;
		if (got < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		inbox->have += (size_t)got;
		size_t at = 0;
		while (inbox->have - at >= 8) {
			size_t length = get32(inbox->bytes + at);
			if (length < 8 || length > MESSAGE_MAX || length % 8 != 0)
				return -EPROTO;
			if (inbox->have - at < length)
				break;
			take_message(channel, inbox->bytes + at, length);
			at += length;
		}
		memmove(inbox->bytes, inbox->bytes + at, inbox->have - at);
		inbox->have -= at;
	}
}

/* Makes a block of the channel's own with one message; NULL when memory is short. */
static struct block *own_block(uint16_t kind, const uint8_t *payload, size_t length)
{
	size_t message = 8 + length, whole = BLOCK_HEADER + message;
	struct block *block = calloc(1, sizeof(*block) + whole);
	if (block == NULL)
		return NULL;
	uint8_t *b = block->bytes;
	block->length = whole;
	put32(b, 0x31424353);
	put16(b + 4, BLOCK_CHANNEL);
	put32(b + 8, (uint32_t)message);
	put32(b + 12, (uint32_t)message);
	put32(b + 16, 1);
	put32(b + BLOCK_HEADER, (uint32_t)message);
	put16(b + BLOCK_HEADER + 4, kind);
	memcpy(b + BLOCK_HEADER + 8, payload, length);
	put32(b + 40, crc32_of(b + BLOCK_HEADER, message));
	put32(b + 44, crc32_of(b, 44));
	return block;
}

static struct block *status_block(struct channel *channel)
{
	uint8_t payload[32];
	put64(payload, channel->counters.lost_events);
	put64(payload + 8, channel->waiting);
	put64(payload + 16, channel->counters.sent_bytes);
	put64(payload + 24, channel->counters.links);
	return own_block(MESSAGE_STATUS, payload, sizeof(payload));
}

/*
 * All is sent. A close now, with something of the agent's unread or on its way, would reset the link and
 * take away what the agent has not read yet: so only our half is closed, until the agent closes its own.
 */
static void say_goodbye(struct channel *channel, int fd, struct inbox *inbox)
{
	shutdown(fd, SHUT_WR);
	while (take_messages(channel, fd, inbox) == 0) {
		struct pollfd polled[2] = { { fd, POLLIN, 0 }, { channel->wake_link, POLLIN, 0 } };
		pthread_mutex_lock(&channel->lock);
		int hurry = channel->closing == 2;
		pthread_mutex_unlock(&channel->lock);
		if (hurry)
			break;
		(void)poll(polled, 2, 1000);
		if (polled[1].revents)
			quiet(channel->wake_link);
	}
}

/* Serves one welcomed link until it breaks or all is sent at the end. Returns 0 at the end, else -errno. */
static int serve(struct channel *channel, int fd)
{
	static struct inbox inbox; /* the link thread only */
	struct block *underway = NULL;
	size_t done = 0;
	int result = 0;
	uint64_t next_status = now_ms() + 1000;
	inbox.have = 0;
	for (;;) {
		pthread_mutex_lock(&channel->lock);
		if (underway == NULL && channel->prologue != NULL) {
			if (now_ms() >= next_status) {
				next_status = now_ms() + 1000;
				underway = status_block(channel);
			}
			if (underway == NULL)
				underway = pop(channel);
			done = 0;
		}
		int closing = channel->closing;
		pthread_mutex_unlock(&channel->lock);
		if (underway == NULL && closing)
			break;
		if (closing == 2)
			break;
		struct pollfd polled[2] = { { fd, (short)(POLLIN | (underway != NULL ? POLLOUT : 0)), 0 },
					    { channel->wake_link, POLLIN, 0 } };
		if (poll(polled, 2, 1000) < 0 && errno != EINTR) {
			result = -errno;
			break;
		}
		if (polled[1].revents)
			quiet(channel->wake_link);
		if (polled[0].revents & (POLLIN | POLLHUP | POLLERR)) {
			result = take_messages(channel, fd, &inbox);
			if (result != 0)
				break;
		}
		if (underway == NULL || !(polled[0].revents & POLLOUT))
			continue;
		ssize_t sent = send(fd, underway->bytes + done, underway->length - done, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
			continue; /* full: poll waits for room */
		}
		if (sent < 0) {
			result = -errno;
			break;
		}
		done += (size_t)sent;
		if (done == underway->length) {
			pthread_mutex_lock(&channel->lock);
			channel->counters.sent_bytes += underway->length;
			channel->counters.sent_blocks += (uint64_t)underway->counts;
			if (underway->counts)
				remember_sent(channel, underway);
			pthread_mutex_unlock(&channel->lock);
			free(underway);
			underway = NULL;
		}
	}
	if (result == 0 && underway == NULL)
		say_goodbye(channel, fd, &inbox);
	pthread_mutex_lock(&channel->lock);
	if (result != 0 || underway != NULL)
		forget(channel, underway);
	channel->welcomed = 0;
	channel->counters.connected = 0;
	pthread_mutex_unlock(&channel->lock);
	return result;
}

static int send_prologue(struct channel *channel, int fd)
{
	/* The first link waits for the prologue; it comes soon after the welcome. */
	pthread_mutex_lock(&channel->lock);
	while (channel->prologue == NULL && !channel->closing)
		pthread_cond_wait(&channel->changed, &channel->lock);
	const uint8_t *bytes = channel->prologue;
	size_t length = channel->prologue_length;
	pthread_mutex_unlock(&channel->lock);
	return bytes == NULL ? -ECANCELED : send_all(channel, fd, bytes, length);
}

static void *link_main(void *given)
{
	struct channel *channel = given;
	int pause = PAUSE_FIRST_MS;
	for (;;) {
		int fd = channel->fixed_fd >= 0 ? channel->fixed_fd : connect_link(channel);
		int error = fd < 0 ? fd : 0;
		if (fd < 0) {
			char text[120], reason[64];
			snprintf(text, sizeof(text), "no agent there: %s", strerror_r(-fd, reason, sizeof(reason)));
			describe(channel, -fd, text);
		} else {
			error = greet(channel, fd);
		}
		pthread_mutex_lock(&channel->lock);
		channel->tried = 1;
		if (error == 0) {
			channel->trusted = peer_is_trusted(channel, fd);
			channel->welcomed = 1;
			channel->counters.connected = 1;
			channel->counters.links++;
			channel->problem_errno = 0;
			if (channel->counters.links > 1) {
				struct channel_command wish = { .kind = CHANNEL_EVENTS };
				memcpy(wish.events, channel->wanted, sizeof(wish.events));
				command(channel, &wish);
			}
		}
		pthread_cond_broadcast(&channel->changed);
		pthread_mutex_unlock(&channel->lock);
		if (error == 0) {
			pause = PAUSE_FIRST_MS;
			error = send_prologue(channel, fd);
			if (error == 0) {
				error = serve(channel, fd);
			} else {
				pthread_mutex_lock(&channel->lock);
				channel->welcomed = 0;
				channel->counters.connected = 0;
				forget(channel, NULL);
				pthread_mutex_unlock(&channel->lock);
			}
		}
		if (fd >= 0)
			close(fd);
		pthread_mutex_lock(&channel->lock);
		int end = channel->closing || channel->fixed_fd >= 0;
		pthread_mutex_unlock(&channel->lock);
		if (end)
			break;
		if (wait_for(channel, -1, 0, pause) < 0)
			break;
		pause = pause * 2 > PAUSE_LAST_MS ? PAUSE_LAST_MS : pause * 2;
	}
	pthread_mutex_lock(&channel->lock);
	channel->finished = 1;
	pthread_cond_broadcast(&channel->changed);
	pthread_mutex_unlock(&channel->lock);
	return NULL;
}

/* ---- the tracer's side ---- */

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
	while (channel->head != NULL)
		free(pop(channel));
	if (channel->wake_link >= 0)
		close(channel->wake_link);
	if (channel->wake_tracer >= 0)
		close(channel->wake_tracer);
	if (channel->token != NULL)
		explicit_bzero(channel->token, strlen(channel->token));
	free(channel->token);
	free(channel->hello);
	free(channel->prologue);
	free(channel);
}

int channel_open(struct channel **out, const struct channel_options *options)
{
	*out = NULL;
	struct channel *channel = calloc(1, sizeof(*channel));
	if (channel == NULL)
		return -ENOMEM;
	channel->wake_link = channel->wake_tracer = -1;
	const char *hello = options->hello_json != NULL ? options->hello_json : "{}";
	int error = parse_address(channel, options->address);
	if (error == 0 && hello[0] != '{')
		error = -EINVAL;
	if (error != 0) {
		destroy(channel);
		return error;
	}
	channel->ring_bytes = options->ring_bytes != 0 ? options->ring_bytes : RING_DEFAULT;
	channel->token = options->token != NULL && options->token[0] != '\0' ? strdup(options->token) : NULL;
	channel->hello = strdup(hello);
	channel->wake_link = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	channel->wake_tracer = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	uint8_t id[16];
	random_bytes(id, sizeof(id));
	hexadecimal(channel->stream, id, sizeof(id));
	channel->shut = 1; /* the first block is a checkpoint */
	pthread_mutex_init(&channel->lock, NULL);
	pthread_condattr_t clock;
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&channel->changed, &clock);
	if (channel->hello == NULL || channel->wake_link < 0 || channel->wake_tracer < 0) {
		destroy(channel);
		return -ENOMEM;
	}
	if (channel->fixed_fd >= 0) {
		int flags = fcntl(channel->fixed_fd, F_GETFD);
		if (flags < 0 || fcntl(channel->fixed_fd, F_SETFD, flags | FD_CLOEXEC) != 0) {
			destroy(channel);
			return -EINVAL;
		}
	}

	/* Signals belong to the tracer thread. */
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&channel->thread, NULL, link_main, channel);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0) {
		destroy(channel);
		return -ENOMEM;
	}
	channel->thread_runs = 1;
	*out = channel;

	struct timespec when;
	deadline_in(&when, options->wait_ms);
	pthread_mutex_lock(&channel->lock);
	error = 0;
	while (!channel->welcomed && !channel->finished && error == 0 && options->wait_ms > 0)
		error = pthread_cond_timedwait(&channel->changed, &channel->lock, &when);
	int result = 0;
	if (!channel->welcomed)
		result = channel->problem_errno != 0 ? -channel->problem_errno : -ETIMEDOUT;
	pthread_mutex_unlock(&channel->lock);
	return result;
}

void channel_wanted(struct channel *channel, uint32_t events[CHANNEL_EVENT_WORDS])
{
	pthread_mutex_lock(&channel->lock);
	memcpy(events, channel->wanted, sizeof(channel->wanted));
	pthread_mutex_unlock(&channel->lock);
}

const char *channel_problem(struct channel *channel)
{
	return channel->problem;
}

int channel_prologue(struct channel *channel, const void *bytes, size_t length)
{
	uint8_t *copy = malloc(length);
	if (copy == NULL)
		return -ENOMEM;
	memcpy(copy, bytes, length);
	pthread_mutex_lock(&channel->lock);
	channel->prologue = copy;
	channel->prologue_length = length;
	pthread_cond_broadcast(&channel->changed);
	pthread_mutex_unlock(&channel->lock);
	ring(channel->wake_link);
	return 0;
}

enum channel_put channel_put(struct channel *channel, const void *block, size_t length, uint64_t first_seq,
			     uint64_t next_seq, int begins_epoch)
{
	struct block *copy = malloc(sizeof(*copy) + length);
	pthread_mutex_lock(&channel->lock);
	int room = copy != NULL && channel->waiting + length <= channel->ring_bytes;
	if (!room || (channel->shut && !begins_epoch)) {
		lose(channel, first_seq, next_seq - first_seq);
		channel->counters.lost_blocks++;
		channel->shut = 1;
		pthread_mutex_unlock(&channel->lock);
		free(copy);
		return CHANNEL_EPOCH_FIRST;
	}
	if (begins_epoch) {
		channel->shut = 0;
		channel->loss.count -= channel->told;
		channel->told = 0;
		if (channel->loss.count == 0)
			channel->loss.cut = 0;
	}
	memcpy(copy->bytes, block, length);
	copy->length = length;
	copy->first_seq = first_seq;
	copy->next_seq = next_seq;
	copy->counts = 1;
	int idle = channel->head == NULL;
	push(channel, copy);
	pthread_mutex_unlock(&channel->lock);
	if (idle)
		ring(channel->wake_link);
	return CHANNEL_TAKEN;
}

int channel_wants_epoch(struct channel *channel)
{
	pthread_mutex_lock(&channel->lock);
	int wants = channel->shut && channel->waiting <= channel->ring_bytes / 2 && !channel->finished;
	pthread_mutex_unlock(&channel->lock);
	return wants;
}

int channel_is_shut(struct channel *channel)
{
	pthread_mutex_lock(&channel->lock);
	int shut = channel->shut;
	pthread_mutex_unlock(&channel->lock);
	return shut;
}

void channel_skip(struct channel *channel, uint64_t first_seq, uint64_t count)
{
	pthread_mutex_lock(&channel->lock);
	lose(channel, first_seq, count);
	pthread_mutex_unlock(&channel->lock);
}

void channel_lost(struct channel *channel, struct channel_loss *out)
{
	pthread_mutex_lock(&channel->lock);
	*out = channel->loss;
	channel->told = channel->loss.count;
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
	pthread_mutex_lock(&channel->lock);
	int some = channel->command_count > 0;
	if (some) {
		*out = channel->commands[channel->command_first];
		channel->command_first = (channel->command_first + 1) % COMMANDS_MAX;
		channel->command_count--;
	}
	if (channel->command_count == 0)
		quiet(channel->wake_tracer);
	pthread_mutex_unlock(&channel->lock);
	return some;
}

void channel_reply(struct channel *channel, const struct channel_reply *reply)
{
	uint8_t payload[16];
	put32(payload, reply->id);
	put32(payload + 4, reply->performed);
	put32(payload + 8, reply->failed);
	put32(payload + 12, (uint32_t)reply->error);
	struct block *block = own_block(MESSAGE_REPLY, payload, sizeof(payload));
	if (block == NULL)
		return;
	pthread_mutex_lock(&channel->lock);
	push(channel, block);
	pthread_mutex_unlock(&channel->lock);
	ring(channel->wake_link);
}

void channel_counters(struct channel *channel, struct channel_counters *out)
{
	pthread_mutex_lock(&channel->lock);
	*out = channel->counters;
	out->waiting_bytes = channel->waiting;
	pthread_mutex_unlock(&channel->lock);
}

uint64_t channel_close(struct channel *channel, int flush_ms)
{
	struct timespec when;
	deadline_in(&when, flush_ms);
	pthread_mutex_lock(&channel->lock);
	/* Not connected: nobody will take it in time, unless a link is being made right now. */
	channel->closing = 1;
	pthread_cond_broadcast(&channel->changed);
	pthread_mutex_unlock(&channel->lock);
	ring(channel->wake_link);
	pthread_mutex_lock(&channel->lock);
	int error = 0;
	while (!channel->finished && error == 0)
		error = pthread_cond_timedwait(&channel->changed, &channel->lock, &when);
	channel->closing = 2;
	pthread_mutex_unlock(&channel->lock);
	ring(channel->wake_link);
	pthread_join(channel->thread, NULL);
	uint64_t left = channel->waiting;
	destroy(channel);
	return left;
}
