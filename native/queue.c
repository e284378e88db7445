#include "queue.h"

#include <stdlib.h>
#include <time.h>

struct block *block_new(size_t length)
{
	struct block *block = malloc(sizeof(*block) + length);

	if (block) {
		block->next = NULL;
		block->first_seq = block->next_seq = 0;
		block->length = length;
		block->counts = false;
	}
	return block;
}

void queue_lose(struct queue *queue, uint64_t first_seq, uint64_t count)
{
	if (!count)
		return;
	if (!queue->loss.count) {
		struct timespec now;
		clock_gettime(CLOCK_BOOTTIME, &now);
		queue->loss.since = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	}
	if (!queue->loss.count || first_seq < queue->loss.first_seq)
		queue->loss.first_seq = first_seq;
	queue->loss.count += count;
	queue->lost_events += count;
}

bool queue_take(struct queue *queue, struct block *block, uint64_t first_seq, uint64_t next_seq, bool begins_epoch)
{
	bool room = block && queue->waiting + block->length <= queue->room;

	if (!room || (queue->shut && !begins_epoch)) {
		queue_lose(queue, first_seq, next_seq - first_seq);
		queue->lost_blocks++;
		queue->shut = true;
		free(block);
		return false;
	}
	if (begins_epoch) {
		queue->shut = false;
		queue->loss.count -= queue->told;
		queue->told = 0;
		if (!queue->loss.count)
			queue->loss.cut = 0;
	}
	block->first_seq = first_seq;
	block->next_seq = next_seq;
	block->counts = true;
	queue_push(queue, block);
	return true;
}

void queue_push(struct queue *queue, struct block *block)
{
	block->next = NULL;
	if (queue->tail)
		queue->tail->next = block;
	else
		queue->head = block;
	queue->tail = block;
	queue->waiting += block->length;
}

struct block *queue_pop(struct queue *queue)
{
	struct block *block = queue->head;

	if (!block)
		return NULL;
	queue->head = block->next;
	if (!queue->head)
		queue->tail = NULL;
	queue->waiting -= block->length;
	return block;
}

void queue_sent(struct queue *queue, const struct block *block)
{
	if (!block->counts || block->next_seq == block->first_seq)
		return;
	if (queue->sent_count == QUEUE_SENT_MAX) {
		/* The newest grows: acknowledged a little later than it could be. */
		queue->sent[(queue->sent_first + QUEUE_SENT_MAX - 1) % QUEUE_SENT_MAX].next_seq = block->next_seq;
		return;
	}
	queue->sent[(queue->sent_first + queue->sent_count++) % QUEUE_SENT_MAX] = (struct span){block->first_seq, block->next_seq};
}

void queue_acknowledged(struct queue *queue, uint64_t seq)
{
	while (queue->sent_count && queue->sent[queue->sent_first].first_seq <= seq) {
		queue->sent_first = (queue->sent_first + 1) % QUEUE_SENT_MAX;
		queue->sent_count--;
	}
}

void queue_forget(struct queue *queue, struct block *underway)
{
	struct block *block = underway ? underway : queue_pop(queue);

	for (; queue->sent_count; queue->sent_count--) {
		const struct span *span = &queue->sent[(queue->sent_first + queue->sent_count - 1) % QUEUE_SENT_MAX];
		queue_lose(queue, span->first_seq, span->next_seq - span->first_seq);
	}
	while (block) {
		if (block->counts) {
			queue_lose(queue, block->first_seq, block->next_seq - block->first_seq);
			queue->lost_blocks++;
		}
		free(block);
		block = queue_pop(queue);
	}
	queue->shut = true;
	queue->loss.cut = 1;
}

void queue_free(struct queue *queue)
{
	while (queue->head)
		free(queue_pop(queue));
}
