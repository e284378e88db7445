/*
 * Encodes frames and blocks as docs/recording-format.md says, and interns strings, lists and tuples.
 * Nothing here knows tasks or system calls.
 */
#ifndef SECCAM_FRAME_H
#define SECCAM_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "intern.h"
#include "sink.h"
#include "value.h"

enum { BLOCK_HEADER = 1, BLOCK_CHECKPOINT = 2, BLOCK_DATA = 3, BLOCK_FOOTER = 4 };

#define FRAME_WORDS_MAX 256

struct frame_index {
	uint64_t offset, seq, time;
	uint32_t epoch, kind;
};

struct options;

struct frame {
	struct sink *sink;
	struct intern intern;
	uint8_t *block;
	uint32_t used, size, frames;
	uint16_t kind;
	bool begins_epoch;
	uint32_t epoch;
	uint64_t first_seq, first_time;
	uint64_t next_seq, last_time;
	uint64_t epoch_bytes;   /* of data blocks since the checkpoint */
	uint64_t epoch_limit;   /* how many there may be; 0: 64 MiB */
	uint64_t events;        /* encoded */
	uint64_t kept, bytes;   /* events and bytes that the sink took */
	uint64_t at_flush;      /* events when the present block began */
	uint64_t cut;           /* strings and lists that were cut */
	bool closed;            /* the sink failed: nothing is encoded any more */
	const struct options *hidden; /* whose paths are hidden in every string; NULL: none */
	bool skipping;          /* the channel wants an epoch first: events are numbered, not encoded */
	struct frame_index *index;
	uint32_t indexed, index_room;
};

/* The head of an event, without seq and time, which frame_event gives. */
struct frame_head {
	uint32_t event, pid, tid, nr, arch, flags, missing;
	uint64_t began; /* boot time of the entry; 0: no duration */
	int64_t result;
};

/* CLOCK_BOOTTIME and CLOCK_REALTIME in ns. */
uint64_t boot_time(void);
uint64_t wall_time(void);

void frame_open(struct frame *frame, struct sink *sink);
void frame_close(struct frame *frame);

/* Writes preamble and header block. */
bool frame_header(struct frame *frame, const char *json);

/* Begins an epoch: writes what waits, forgets the dictionary. Records follow, then frame_checkpoint_done. */
void frame_checkpoint(struct frame *frame);
void frame_checkpoint_done(struct frame *frame);
/* True when the next thing to write should be a checkpoint. */
bool frame_wants_checkpoint(struct frame *frame);

/* Ids of the present epoch. Text that is a plain absolute path is stored as (parent, name). */
uint32_t frame_bytes(struct frame *frame, const void *bytes, uint32_t stored, uint32_t original);
uint32_t frame_string(struct frame *frame, const char *string);
uint32_t frame_text(struct frame *frame, const struct arena *arena, struct text text);
uint32_t frame_list(struct frame *frame, const struct arena *arena, struct text_list list);
uint32_t frame_tuple(struct frame *frame, unsigned kind, const uint32_t *words, uint32_t count);

/* `time`: boot time of the completion, made non-decreasing. Returns the seq that the event got. */
uint64_t frame_event(struct frame *frame, const struct frame_head *head, uint64_t time, const uint32_t *columns, uint32_t count);
void frame_record(struct frame *frame, unsigned record, const uint32_t *columns, uint32_t count);

/* Hands the block that is being filled to the sink. */
void frame_flush(struct frame *frame);

/* Writes what waits and the footer. */
void frame_footer(struct frame *frame);

/* After the sink failed: writes one last block of the records that `last_words` makes, then the footer. */
bool frame_last_words(struct frame *frame, void (*last_words)(struct frame *, void *), void *context);

static inline void put64(uint32_t *words, uint64_t value)
{
	words[0] = (uint32_t)value;
	words[1] = (uint32_t)(value >> 32);
}

#endif
