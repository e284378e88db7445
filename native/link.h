/*
 * One connection of the channel to the agent: addresses, connecting, bytes in both directions, encrypted
 * or not. Never blocks longer than it says; a wish to close ends every wait.
 */
#ifndef SECCAM_LINK_H
#define SECCAM_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* How long the other side may take for one step of connecting or greeting. */
#define LINK_PATIENCE_MS 5000

struct tls;

struct address {
	struct sockaddr_storage peer;
	socklen_t length;
	int fixed_fd; /* "fd:N": one link only; -1: connects by itself */
	bool encrypted;
};

/*
 * "unix:PATH", "unix:@NAME", "HOST:PORT", "tls:HOST:PORT", "fd:N"; a text with a slash is a path. Hosts are
 * numeric, or localhost. Other addresses than loopback ones are always encrypted. Returns 0 or -EINVAL.
 */
int address_parse(struct address *address, const char *text);

struct link {
	int fd; /* -1: none */
	struct tls *tls; /* NULL: plain */
	int wake; /* eventfd that ends waits early, so that `closing` is asked again */
	int (*closing)(void *context);
	void *context;
};

uint64_t link_clock_ms(void);

/* Connects, and encrypts with what `token` gives when the address wants it. Returns 0 or -errno; -EPROTO: no common secret. */
int link_connect(struct link *link, const struct address *address, const char *token);

/* Waits for the socket (none: only for time to pass). 1 ready, 0 time over, -1 closing. */
int link_wait(struct link *link, short what, int ms);

/* At least one byte, or -errno; -EAGAIN: wait for the socket first. Receiving gives 0 at the end. */
ssize_t link_send(struct link *link, const void *bytes, size_t length);
ssize_t link_receive(struct link *link, void *bytes, size_t length);

/* All of it, waiting at most LINK_PATIENCE_MS for each part. Returns 0 or -errno. */
int link_send_all(struct link *link, const void *bytes, size_t length);
int link_receive_exactly(struct link *link, void *bytes, size_t length);

/* Nothing more will be sent. */
void link_half_close(struct link *link);
void link_close(struct link *link);

/* Requests are obeyed over a descriptor that was handed over, from root or our own user, or with a token. */
bool link_is_trusted(const struct link *link, const struct address *address, bool token);

#endif
