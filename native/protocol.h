/* The words that tracer and agent exchange beside the recording itself: docs/protocol.md. */
#ifndef SECCAM_PROTOCOL_H
#define SECCAM_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#include "channel.h"
#include "link.h"
#include "queue.h"

#define MESSAGE_MAX 65536

/* What the tracer says of itself in its hello. */
struct hello {
	const char *stream;  /* 32 hexadecimal digits */
	const char *members; /* a JSON object with more members */
	const char *token;   /* NULL: none */
	uint64_t link, lost;
};

struct welcome {
	struct channel_wish wish;
	int refused; /* the agent said no */
	char problem[160];
};

/* Greets over a new link. Returns 0 when welcomed; else -errno with `problem` in *out. The link thread only. */
int protocol_greet(struct link *link, const struct hello *hello, struct welcome *out);

/* Bytes of the agent that are not a whole message yet. */
struct inbox {
	size_t have;
	uint8_t bytes[MESSAGE_MAX];
};

/*
 * Takes what the agent sent and gives each message that can be understood to `take`; acknowledgements to
 * `acknowledge`. Returns 0, or -errno when the link is of no more use.
 */
int protocol_receive(struct link *link, struct inbox *inbox, void (*take)(void *context, const struct channel_command *),
		     void (*acknowledge)(void *context, uint64_t seq), void *context);

/* Blocks of the channel's own; NULL when memory is short. */
struct block *protocol_reply(const struct channel_reply *reply);
struct block *protocol_hashed(const struct channel_hashed *hashed);
struct block *protocol_status(uint64_t lost, uint64_t waiting, uint64_t sent, uint64_t links);

void protocol_random_name(char out[33]);

#endif
