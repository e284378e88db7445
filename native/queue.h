/*
 * The buffer of a channel: blocks that wait for the link, those that went over it and were not
 * acknowledged, and the account of what was lost. Bounded; whoever calls holds the channel's lock.
 */
#ifndef SECCAM_QUEUE_H
#define SECCAM_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel.h"

#define QUEUE_SENT_MAX 4096

struct block {
	struct block *next;
	uint64_t first_seq, next_seq;
	size_t length;
	bool counts; /* false: a block of the channel's own */
	uint8_t bytes[];
};

struct span {
	uint64_t first_seq, next_seq;
};

struct queue {
	struct block *head, *tail;
	size_t waiting, room;
	bool shut; /* an epoch is needed first */
	struct channel_loss loss;
	uint64_t told; /* of loss.count: what the checkpoint under way tells of */
	uint64_t lost_events, lost_blocks;
	/* Blocks that went over the link and that the agent has not acknowledged, oldest first. */
	struct span sent[QUEUE_SENT_MAX];
	unsigned int sent_first, sent_count;
};

/* A block with room for `length` bytes; NULL when memory is short. */
struct block *block_new(size_t length);

/* Takes a block of events, or counts them as lost; `block` may be NULL (no memory). False: not taken, and freed. */
bool queue_take(struct queue *queue, struct block *block, uint64_t first_seq, uint64_t next_seq, bool begins_epoch);

/* Takes a block of the channel's own, whatever there is. */
void queue_push(struct queue *queue, struct block *block);

/* The oldest block, which is the caller's then, or NULL. */
struct block *queue_pop(struct queue *queue);

/* A block has gone over the link whole. */
void queue_sent(struct queue *queue, const struct block *block);

/* The agent has seen the block that begins with `seq`, and all before it. */
void queue_acknowledged(struct queue *queue, uint64_t seq);

void queue_lose(struct queue *queue, uint64_t first_seq, uint64_t count);

/*
 * The link was cut: blocks refer to a dictionary that the other side has lost, so what waits is lost
 * too (`underway` with it, which may be NULL), and the stream begins again with an epoch.
 */
void queue_forget(struct queue *queue, struct block *underway);

void queue_free(struct queue *queue);

#endif
