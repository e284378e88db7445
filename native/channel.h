/*
 * The channel to the agent: one socket, two directions, a bounded queue between (docs/protocol.md).
 *
 * The tracer thread hands over whole blocks and never blocks here; a thread of the channel owns the
 * socket, connects again after a cut, and carries requests back. What does not fit is not taken, is
 * counted, and makes the next block that is taken begin an epoch with a gap record.
 */
#ifndef SECCAM_CHANNEL_H
#define SECCAM_CHANNEL_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#define CHANNEL_PROTOCOL 1

struct channel;

struct channel_options {
	/* See address_parse in link.h. */
	const char *address;
	/* Shared secret, or NULL. It never travels: both sides prove that they hold it. */
	const char *token;
	/* JSON object with more members for the hello, for example {"command":["a"]}. NULL: {}. */
	const char *hello_json;
	/* Bytes of blocks that may wait; 0: 32 MiB. */
	size_t ring_bytes;
	/* How long channel_open waits for the agent's welcome; 0: not at all. */
	int wait_ms;
};

enum channel_put {
	CHANNEL_TAKEN,
	/* Not taken: there was no room, or the link was cut. Its events are lost and counted; nothing is
	   taken until a checkpoint block comes. */
	CHANNEL_EPOCH_FIRST,
};

enum channel_command_kind {
	CHANNEL_KILL = 5,
	CHANNEL_EVENTS = 3,
	/* The agent goes away in good order and will be back: nothing to do but to know. */
	CHANNEL_BYE = 6,
	/* Begin an epoch soon (checkpoint block). */
	CHANNEL_EPOCH = 8,
	CHANNEL_HASH = 9,
};

enum channel_scope { CHANNEL_PROCESS, CHANNEL_CONTAINER, CHANNEL_CGROUP };

#define CHANNEL_EVENT_WORDS 8

/* What the rules of the agent ask for; bit n: the event with id n. */
struct channel_wish {
	uint32_t events[CHANNEL_EVENT_WORDS]; /* to be recorded. All zero: no wish */
	uint32_t hashed[CHANNEL_EVENT_WORDS]; /* their files may be asked the hash of */
};

struct channel_command {
	enum channel_command_kind kind;
	/* KILL */
	uint32_t id, pid, signal;
	enum channel_scope scope;
	uint64_t seq;      /* of the event that asked for it */
	uint64_t boottime; /* of that event: a process that began later is not meant */
	struct channel_wish wish; /* EVENTS */
	/* HASH: the file of process `pid` by its path from the root of that; `most` bytes; 0, 0: whatever file lies there. */
	uint64_t most, inode, device;
	char path[4096];
};

struct channel_reply {
	uint32_t id, performed, failed;
	int error; /* errno of the first failure, 0 */
};

struct channel_hashed {
	uint32_t id;
	int error; /* errno, 0; EFBIG: larger than allowed, ESTALE: another file lies there now */
	uint64_t size;
	uint8_t digest[32];
};

struct channel_counters {
	uint64_t lost_events, lost_blocks, sent_bytes, sent_blocks, waiting_bytes, links, refused;
	int connected;
};

/*
 * Connects and waits at most wait_ms for the welcome. Returns 0 when welcomed; else -errno (-ETIMEDOUT,
 * -ECONNREFUSED, -EACCES when refused or when the agent could not prove itself), and *out is usable all
 * the same: it goes on connecting, except for "fd:". *out is NULL only for -ENOMEM, -EINVAL (no address),
 * -ENOKEY (an encrypted link wants a token) and -ENOTSUP (TLS is not built in).
 */
int channel_open(struct channel **out, const struct channel_options *options);

/* What the agent asked for in its welcome. For the filter, before the program starts. */
void channel_wanted(struct channel *channel, struct channel_wish *out);

/* Text of the last refusal or failure, for a message; never NULL. */
const char *channel_problem(struct channel *channel);

/* Preamble and header block: sent at the beginning of each link. Call before the first put, and again when they change. */
int channel_prologue(struct channel *channel, const void *bytes, size_t length);

/*
 * Hands over one whole block (padded). first_seq is its header's, next_seq that of the block after it.
 * After CHANNEL_EPOCH_FIRST, ask channel_wants_epoch now and then, and put a checkpoint block
 * (begins_epoch 1) with a gap record of channel_lost when it says 1. An epoch's checkpoint may be
 * several blocks: begins_epoch is 1 for the first only.
 */
enum channel_put channel_put(struct channel *channel, const void *block, size_t length, uint64_t first_seq,
			     uint64_t next_seq, int begins_epoch);

/* 1 when a checkpoint block is needed next and would be taken. Cheap: may be asked at each event. */
int channel_wants_epoch(struct channel *channel);

/* 1 when nothing is taken at present (an epoch is needed); events need not be encoded, only numbered. */
int channel_is_shut(struct channel *channel);

/* Adds events that were numbered but never encoded while the channel was shut. */
void channel_skip(struct channel *channel, uint64_t first_seq, uint64_t count);

struct channel_loss {
	uint64_t first_seq, count; /* count 0: none */
	uint64_t since;            /* CLOCK_BOOTTIME when the first of them was lost, ns */
	int cut;                   /* 1: the link was cut; 0: there was no room */
};

/* What was lost and not told of yet. The next checkpoint block that is taken tells of it. */
void channel_lost(struct channel *channel, struct channel_loss *out);

/* Sends `signal` to `thread` when there is a command, so that it interrupts its wait. */
void channel_wake_thread(struct channel *channel, pthread_t thread, int signal);

/* An eventfd: readable when channel_command has something. */
int channel_wake_fd(struct channel *channel);
int channel_command(struct channel *channel, struct channel_command *out);
void channel_reply(struct channel *channel, const struct channel_reply *reply);
/* From any thread. */
void channel_hashed(struct channel *channel, const struct channel_hashed *hashed);

/* 1: all that was put was sent, and acknowledged by the agent; or there is no link over which it could be. */
int channel_is_settled(struct channel *channel);

void channel_counters(struct channel *channel, struct channel_counters *out);

/*
 * Sends what waits, until nothing was taken for flush_ms or after eight times that, then closes. Returns the
 * number of bytes that an agent did not take; 0 when there never was one (*links 0). A link that is being
 * made is waited for in the same time; none is tried anew.
 */
uint64_t channel_close(struct channel *channel, int flush_ms, uint64_t *links);

#endif
