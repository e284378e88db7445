#include "intern.h"

#include <stdlib.h>
#include <string.h>

#include "die.h"

#define FIRST_SLOTS 4096u

void intern_reset(struct intern *intern)
{
	/* A table that one epoch made huge is not kept for the next. */
	if (intern->room > (4u << 20)) {
		intern_free(intern);
	} else {
		if (intern->strings.slots)
			memset(intern->strings.slots, 0, intern->strings.size * sizeof(struct intern_entry));
		if (intern->tuples.slots)
			memset(intern->tuples.slots, 0, intern->tuples.size * sizeof(struct intern_entry));
	}
	intern->strings.count = intern->tuples.count = 0;
	intern->used = 0;
	intern->last_string = 0;
	memset(intern->last_tuple, 0, sizeof(intern->last_tuple));
}

void intern_free(struct intern *intern)
{
	free(intern->strings.slots);
	free(intern->tuples.slots);
	free(intern->pool);
	memset(intern, 0, sizeof(*intern));
}

static uint32_t hash_of(uint32_t tag, uint32_t extra, const uint8_t *bytes, uint32_t length)
{
	uint64_t hash = 0x9e3779b97f4a7c15u ^ ((uint64_t)tag << 32 | extra);
	uint32_t done = 0;

	for (; done + 8 <= length; done += 8) {
		uint64_t word;
		memcpy(&word, bytes + done, 8);
		hash = (hash ^ word) * 0xff51afd7ed558ccdu;
		hash ^= hash >> 32;
	}
	if (done < length) {
		uint64_t word = 0;
		memcpy(&word, bytes + done, length - done);
		hash = (hash ^ word) * 0xff51afd7ed558ccdu;
		hash ^= hash >> 32;
	}
	hash = (hash ^ length) * 0xc4ceb9fe1a85ec53u;
	return (uint32_t)(hash ^ hash >> 32) | 1u;
}

static void grow(struct intern_table *table)
{
	uint32_t size = table->size ? table->size * 2 : FIRST_SLOTS;
	struct intern_entry *slots = grab_zero(size * sizeof(*slots));

	for (uint32_t n = 0; n < table->size; n++) {
		if (table->slots[n].hash) {
			uint32_t at = table->slots[n].hash & (size - 1);
			while (slots[at].hash)
				at = (at + 1) & (size - 1);
			slots[at] = table->slots[n];
		}
	}
	free(table->slots);
	table->slots = slots;
	table->size = size;
}

/* Finds the entry of this content, or the free slot for it (hash 0), filled but for its id. */
static struct intern_entry *find(struct intern *intern, struct intern_table *table, uint32_t tag, uint32_t original,
				 const uint8_t *bytes, uint32_t length, bool *fresh)
{
	uint32_t hash = hash_of(tag, original, bytes, length);
	uint32_t at;

	if (table->count * 2 >= table->size)
		grow(table);
	at = hash & (table->size - 1);
	for (; table->slots[at].hash; at = (at + 1) & (table->size - 1)) {
		struct intern_entry *entry = &table->slots[at];
		if (entry->hash == hash && entry->tag == tag && entry->original == original && entry->length == length &&
		    !memcmp(intern->pool + entry->at, bytes, length)) {
			*fresh = false;
			return entry;
		}
	}
	if (intern->used + length > intern->room) {
		size_t room = intern->room ? intern->room : 65536;
		while (room < intern->used + length)
			room *= 2;
		intern->pool = regrab(intern->pool, room);
		intern->room = room;
	}
	if (length)
		memcpy(intern->pool + intern->used, bytes, length);
	table->slots[at] = (struct intern_entry){hash, 0, tag, original, length, intern->used};
	intern->used += length;
	table->count++;
	*fresh = true;
	return &table->slots[at];
}

uint32_t intern_string(struct intern *intern, uint32_t parent, const void *bytes, uint32_t length, uint32_t original, bool *fresh)
{
	struct intern_entry *entry = find(intern, &intern->strings, parent, original, bytes, length, fresh);

	if (*fresh)
		entry->id = ++intern->last_string;
	return entry->id;
}

uint32_t intern_tuple(struct intern *intern, unsigned kind, const uint32_t *words, uint32_t count, bool *fresh)
{
	struct intern_entry *entry;

	must(kind < INTERN_KINDS);
	entry = find(intern, &intern->tuples, kind, 0, (const uint8_t *)words, count * 4, fresh);
	if (*fresh)
		entry->id = ++intern->last_tuple[kind];
	return entry->id;
}
