/*
 * What a capture yields: plain values and bytes in an arena. Interning happens when the event is
 * written, so a value taken at the entry of a call that blocks for hours survives any change of epoch.
 */
#ifndef SECCAM_VALUE_H
#define SECCAM_VALUE_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes that values point into by offset, since it may move while it grows. */
struct arena {
	uint8_t *bytes;
	uint32_t used, size;
};

/* Reserves aligned room and returns its offset; the content is zero. */
uint32_t arena_room(struct arena *arena, uint32_t length);
uint32_t arena_add(struct arena *arena, const void *bytes, uint32_t length);
void *arena_at(const struct arena *arena, uint32_t offset);
/* Forgets the content; gives memory back when it had grown large. */
void arena_reset(struct arena *arena);
void arena_free(struct arena *arena);

/* Bytes of an arena. stored 0: absent. stored < original: cut. */
struct text {
	uint32_t at, stored, original;
};

struct text text_add(struct arena *arena, const char *string);
struct text text_add_bytes(struct arena *arena, const void *bytes, uint32_t stored, uint32_t original);

/* Members lie in the arena at `at` as an array of struct text. stored < original: members were left out. */
struct text_list {
	uint32_t at, stored, original;
};

/* Bits of flags: FileFlag of src/catalogue/tuples.ts. */
enum {
	FACT_EXISTS = 1,
	FACT_DELETED = 2,
	FACT_MEMFD = 4,
	FACT_FROM_DESCRIPTOR = 8,
	FACT_UPPER_LAYER = 16,
	FACT_MOUNT_DETACHED = 32,
	FACT_MOUNT_VISIBLE = 64,
	FACT_NAMELESS = 128,
};

struct content;

struct file_facts {
	struct text path, own_path;
	uint32_t flags, mode, uid, gid, links;
	uint64_t inode, device, size, mount_id;
	int64_t modified, changed, born;
	const char *filesystem; /* storage that lives as long as the tracer, or NULL */
	const struct content *content; /* of programs, when it is wanted; else NULL */
};

struct address_facts {
	uint32_t family, port, ip[4], number;
	struct text path, raw;
};

enum value_type { VALUE_ABSENT, VALUE_NUMBER, VALUE_TEXT, VALUE_LIST, VALUE_FILE, VALUE_ADDRESS, VALUE_CREDENTIALS, VALUE_NAMESPACES, VALUE_CONTEXT };

/* FILE and ADDRESS: `at` is the offset of the struct in the arena. CREDENTIALS, NAMESPACES, CONTEXT: of the task. */
struct value {
	uint8_t type;
	bool missing;
	union {
		uint64_t number;
		struct text text;
		struct text_list list;
		uint32_t at;
	};
};

static inline struct value value_number(uint64_t number)
{
	return (struct value){.type = VALUE_NUMBER, .number = number};
}

static inline struct value value_text(struct text text)
{
	return (struct value){.type = VALUE_TEXT, .text = text};
}

#endif
