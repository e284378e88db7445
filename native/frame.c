#include "frame.h"
#include "hidden.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crc32.h"
#include "die.h"

#define HEADER_BYTES 48
/* A block is handed over when it is this full. */
#define BLOCK_BYTES (256u * 1024)
#define EPOCH_BYTES (64u * 1024 * 1024)
#define POOL_CAP (48u * 1024 * 1024)
#define STRINGS_CAP (1u << 20)
#define LIST_CAP 65536u

enum { FRAME_HEADER = 1, FRAME_STRING = 2, FRAME_TUPLE = 3, FRAME_EVENT = 4, FRAME_RECORD = 5, FRAME_INDEX = 6 };
enum { TUPLE_LIST_KIND = 1 };

/* Nothing is encoded: the sink failed, or the channel takes nothing before a checkpoint. */
static bool deaf(const struct frame *frame)
{
	return frame->closed || frame->skipping;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t boot_time(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

uint64_t wall_time(void)
{
	return clock_ns(CLOCK_REALTIME);
}

void frame_open(struct frame *frame, struct sink *sink)
{
	memset(frame, 0, sizeof(*frame));
	frame->sink = sink;
	frame->next_seq = 1;
	frame->kind = BLOCK_DATA;
}

void frame_close(struct frame *frame)
{
	intern_free(&frame->intern);
	free(frame->block);
	free(frame->index);
	frame->block = NULL;
	frame->index = NULL;
}

/* Appends `length` bytes, a multiple of 8, and returns where they lie. Valid until the next call. */
static uint8_t *room(struct frame *frame, uint32_t length)
{
	uint8_t *at;

	if (!frame->used) {
		frame->used = HEADER_BYTES;
		frame->first_seq = frame->next_seq;
		frame->first_time = 0;
		frame->frames = 0;
	}
	if (frame->used + length > frame->size) {
		uint32_t size = frame->size ? frame->size : BLOCK_BYTES + 65536;
		while (size < frame->used + length)
			size *= 2;
		frame->block = regrab(frame->block, size);
		frame->size = size;
	}
	at = frame->block + frame->used;
	frame->used += length;
	frame->frames++;
	return at;
}

static void remember(struct frame *frame, uint64_t offset)
{
	if (frame->indexed == frame->index_room) {
		frame->index_room = frame->index_room ? frame->index_room * 2 : 64;
		frame->index = regrab(frame->index, frame->index_room * sizeof(*frame->index));
	}
	frame->index[frame->indexed++] = (struct frame_index){offset, frame->first_seq, frame->first_time, frame->epoch, frame->kind};
}

static void set16(uint8_t *at, uint16_t value)
{
	memcpy(at, &value, 2);
}

static void set32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, 4);
}

static void set64(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, 8);
}

/* Fills the header in front of the payload; everything is little-endian on all machines that we run on. */
static void seal(struct frame *frame, uint32_t epoch)
{
	uint8_t *at = frame->block;
	uint32_t payload = frame->used - HEADER_BYTES;

	if (!frame->first_time)
		frame->first_time = boot_time();
	set32(at, 0x31424353);
	set16(at + 4, frame->kind);
	set16(at + 6, 0);
	set32(at + 8, payload);
	set32(at + 12, payload);
	set32(at + 16, frame->frames);
	set32(at + 20, epoch);
	set64(at + 24, frame->first_time);
	set64(at + 32, frame->first_seq);
	set32(at + 40, crc32_of(at + HEADER_BYTES, payload));
	set32(at + 44, crc32_of(at, 44));
}

static enum sink_result hand_over(struct frame *frame, bool last_words)
{
	enum sink_result result;
	uint64_t offset = frame->sink->offset;

	seal(frame, frame->epoch);
	result = sink_block(frame->sink, frame->block, frame->used, frame->first_seq, frame->next_seq, frame->begins_epoch, last_words);
	if (result == SINK_TAKEN) {
		if (!frame->sink->channel) /* no footer there, and no end of blocks */
			remember(frame, offset);
		frame->bytes += frame->used;
		frame->kept += frame->events - frame->at_flush;
		if (frame->kind == BLOCK_DATA)
			frame->epoch_bytes += frame->used;
		frame->begins_epoch = false;
	}
	frame->used = 0;
	frame->at_flush = frame->events;
	/* A checkpoint or a megabyte of arguments made it large: not kept. */
	if (frame->size > 4 * BLOCK_BYTES) {
		free(frame->block);
		frame->block = NULL;
		frame->size = 0;
	}
	return result;
}

void frame_flush(struct frame *frame)
{
	enum sink_result result;

	if (frame->used <= HEADER_BYTES || frame->closed) {
		frame->used = 0;
		return;
	}
	result = hand_over(frame, false);
	if (result == SINK_FAILED)
		frame->closed = true;
	else if (result == SINK_EPOCH_FIRST)
		frame->skipping = true;
}

bool frame_header(struct frame *frame, const char *json)
{
	uint32_t length = (uint32_t)strlen(json);
	uint32_t whole = (8 + length + 7) & ~7u;
	uint8_t *prologue;
	uint32_t size;
	bool taken;
	uint8_t *at = room(frame, whole);

	set32(at, whole);
	set32(at + 4, FRAME_HEADER);
	memset(at + 8, ' ', whole - 8);
	memcpy(at + 8, json, length);
	frame->kind = BLOCK_HEADER;
	seal(frame, 0);
	size = 16 + frame->used;
	prologue = grab_zero(size);
	memcpy(prologue, "\x89SECCAM\n", 8);
	set16(prologue + 8, 1);
	memcpy(prologue + 16, frame->block, frame->used);
	taken = sink_prologue(frame->sink, prologue, size);
	remember(frame, 16);
	free(prologue);
	frame->bytes += size;
	frame->used = 0;
	frame->kind = BLOCK_DATA;
	if (!taken && !frame->sink->channel)
		frame->closed = true;
	return taken;
}

void frame_checkpoint(struct frame *frame)
{
	frame_flush(frame);
	intern_reset(&frame->intern);
	frame->skipping = false;
	frame->epoch++;
	frame->epoch_bytes = 0;
	frame->kind = BLOCK_CHECKPOINT;
	frame->begins_epoch = true;
}

void frame_checkpoint_done(struct frame *frame)
{
	frame_flush(frame);
	frame->kind = BLOCK_DATA;
}

bool frame_wants_checkpoint(struct frame *frame)
{
	if (frame->closed)
		return false;
	/* Asked before anything is refused: after a cut the agent must not wait for our next event. */
	if (frame->sink->channel && channel_wants_epoch(frame->sink->channel))
		return true;
	if (frame->skipping)
		return false;
	return (frame->epoch_limit ? frame->epoch_bytes + frame->used >= frame->epoch_limit : frame->epoch_bytes >= EPOCH_BYTES) || frame->intern.used >= POOL_CAP || frame->intern.last_string >= STRINGS_CAP;
}

static uint32_t define(struct frame *frame, uint32_t info, uint32_t id, const void *bytes, uint32_t stored, uint32_t original, uint32_t parent)
{
	uint32_t whole = (24 + stored + 7) & ~7u;
	uint8_t *at = room(frame, whole);

	set32(at, whole);
	set32(at + 4, FRAME_STRING | info << 16);
	set32(at + 8, id);
	set32(at + 12, stored);
	set32(at + 16, original);
	set32(at + 20, parent);
	memset(at + whole - 8, 0, 8);
	memcpy(at + 24, bytes, stored);
	return id;
}

/* An absolute path whose components are all there: neither `//` nor a slash at the end. */
static bool is_path(const char *bytes, uint32_t length)
{
	if (length < 2 || bytes[0] != '/' || bytes[length - 1] == '/')
		return false;
	for (uint32_t n = 1; n < length; n++)
		if (bytes[n] == '/' && bytes[n - 1] == '/')
			return false;
	return true;
}

static uint32_t path_id(struct frame *frame, const char *bytes, uint32_t length)
{
	bool fresh;
	uint32_t parent = 0;
	uint32_t begin = 1;
	uint32_t id;

	id = intern_string(&frame->intern, 0, "/", 1, 1, &fresh);
	if (fresh)
		define(frame, 0, id, "/", 1, 1, 0);
	parent = id;
	while (begin < length) {
		const char *slash = memchr(bytes + begin, '/', length - begin);
		uint32_t end = slash ? (uint32_t)(slash - bytes) : length;

		id = intern_string(&frame->intern, parent, bytes + begin, end - begin, end, &fresh);
		if (fresh)
			define(frame, 1, id, bytes + begin, end - begin, end, parent);
		parent = id;
		begin = end + 1;
	}
	return id;
}

uint32_t frame_bytes(struct frame *frame, const void *bytes, uint32_t stored, uint32_t original)
{
	bool fresh;
	uint32_t id;

	if (!stored || deaf(frame))
		return 0;
	if (frame->hidden) {
		char *safe;
		uint32_t length = hidden_in_text(frame->hidden, bytes, stored, &safe);

		if (safe) {
			const struct options *hidden = frame->hidden;

			frame->hidden = NULL;
			id = frame_bytes(frame, safe, length, length + original - stored);
			frame->hidden = hidden;
			free(safe);
			return id;
		}
	}
	if (stored < original)
		frame->cut++;
	else if (is_path(bytes, stored))
		return path_id(frame, bytes, stored);
	id = intern_string(&frame->intern, 0, bytes, stored, original, &fresh);
	return fresh ? define(frame, 0, id, bytes, stored, original, 0) : id;
}

uint32_t frame_string(struct frame *frame, const char *string)
{
	uint32_t length = string ? (uint32_t)strlen(string) : 0;

	return frame_bytes(frame, string, length, length);
}

uint32_t frame_text(struct frame *frame, const struct arena *arena, struct text text)
{
	return text.stored ? frame_bytes(frame, arena_at(arena, text.at), text.stored, text.original) : 0;
}

uint32_t frame_list(struct frame *frame, const struct arena *arena, struct text_list list)
{
	uint32_t *words;
	uint32_t id;
	uint32_t stored = list.stored < LIST_CAP ? list.stored : LIST_CAP;

	if (!list.original || deaf(frame))
		return 0;
	words = grab((stored + 2) * 4);
	words[0] = list.original;
	words[1] = stored;
	for (uint32_t n = 0; n < stored; n++) {
		struct text text;
		memcpy(&text, arena_at(arena, list.at + n * (uint32_t)sizeof(text)), sizeof(text));
		words[n + 2] = frame_text(frame, arena, text);
	}
	if (stored < list.original)
		frame->cut++;
	id = frame_tuple(frame, TUPLE_LIST_KIND, words, stored + 2);
	free(words);
	return id;
}

uint32_t frame_tuple(struct frame *frame, unsigned kind, const uint32_t *words, uint32_t count)
{
	bool fresh;
	uint32_t id;
	uint32_t whole = (12 + count * 4 + 7) & ~7u;
	uint8_t *at;

	if (deaf(frame))
		return 0;
	id = intern_tuple(&frame->intern, kind, words, count, &fresh);
	if (!fresh)
		return id;
	at = room(frame, whole);
	set32(at, whole);
	set32(at + 4, FRAME_TUPLE | kind << 16);
	memset(at + whole - 4, 0, 4);
	set32(at + 8, id);
	memcpy(at + 12, words, count * 4);
	return id;
}

uint64_t frame_event(struct frame *frame, const struct frame_head *head, uint64_t time, const uint32_t *columns, uint32_t count)
{
	uint32_t whole = (56 + count * 4 + 7) & ~7u;
	uint64_t seq = frame->next_seq;
	uint64_t took;
	uint8_t *at;

	if (time < frame->last_time)
		time = frame->last_time;
	frame->last_time = time;
	if (deaf(frame)) {
		if (frame->skipping)
			channel_skip(frame->sink->channel, seq, 1);
		return frame->next_seq++;
	}
	at = room(frame, whole);
	took = head->began && time > head->began ? time - head->began : 0;
	set32(at, whole);
	set32(at + 4, FRAME_EVENT | head->event << 16);
	set32(at + 8, (uint32_t)seq);
	set32(at + 12, head->pid);
	set32(at + 16, head->tid);
	set32(at + 20, head->nr);
	set32(at + 24, head->arch | head->flags << 8);
	set32(at + 28, head->missing);
	set64(at + 32, time);
	set64(at + 40, (uint64_t)head->result);
	set32(at + 48, took > 0xffffffffu ? 0xffffffffu : (uint32_t)took);
	set32(at + 52, (uint32_t)(seq >> 32));
	memset(at + whole - 4, 0, 4);
	memcpy(at + 56, columns, count * 4);
	if (!frame->first_time)
		frame->first_time = time;
	frame->next_seq++;
	frame->events++;
	if (frame->used >= BLOCK_BYTES)
		frame_flush(frame);
	return seq;
}

void frame_record(struct frame *frame, unsigned record, const uint32_t *columns, uint32_t count)
{
	uint32_t whole = (8 + count * 4 + 7) & ~7u;
	uint8_t *at;

	if (deaf(frame))
		return;
	at = room(frame, whole);
	set32(at, whole);
	set32(at + 4, FRAME_RECORD | record << 16);
	memset(at + whole - 4, 0, 4);
	memcpy(at + 8, columns, count * 4);
	if (frame->used >= BLOCK_BYTES)
		frame_flush(frame);
}

void frame_footer(struct frame *frame)
{
	uint32_t done = 0;

	frame_flush(frame);
	if (frame->closed || frame->sink->channel)
		return;
	frame->kind = BLOCK_FOOTER;
	while (done < frame->indexed) {
		uint32_t count = frame->indexed - done < 65536 ? frame->indexed - done : 65536;
		uint32_t whole = 8 + count * 32;
		uint8_t *at = room(frame, whole);

		set32(at, whole);
		set32(at + 4, FRAME_INDEX);
		for (uint32_t n = 0; n < count; n++, done++) {
			uint8_t *entry = at + 8 + n * 32;
			set64(entry, frame->index[done].offset);
			set64(entry + 8, frame->index[done].seq);
			set64(entry + 16, frame->index[done].time);
			set32(entry + 24, frame->index[done].epoch);
			set32(entry + 28, frame->index[done].kind);
		}
	}
	hand_over(frame, true);
}

bool frame_last_words(struct frame *frame, void (*last_words)(struct frame *, void *), void *context)
{
	/* A fresh epoch: what the lost block defined is not there, so nothing may refer to it. */
	frame->closed = false;
	frame->used = 0;
	intern_reset(&frame->intern);
	frame->kind = BLOCK_CHECKPOINT;
	frame->epoch++;
	last_words(frame, context);
	if (hand_over(frame, true) != SINK_TAKEN) {
		frame->closed = true;
		return false;
	}
	frame_footer(frame);
	frame->closed = true;
	return true;
}
