#include "value.h"

#include <stdlib.h>
#include <string.h>

#include "die.h"

#define KEEP_BYTES 65536

uint32_t arena_room(struct arena *arena, uint32_t length)
{
	uint32_t at = (arena->used + 7) & ~7u;

	must(length < (1u << 28) && at < (1u << 29));
	if (at + length > arena->size) {
		uint32_t size = arena->size ? arena->size : 1024;
		while (size < at + length)
			size *= 2;
		arena->bytes = regrab(arena->bytes, size);
		arena->size = size;
	}
	if (length)
		memset(arena->bytes + at, 0, length);
	arena->used = at + length;
	return at;
}

uint32_t arena_add(struct arena *arena, const void *bytes, uint32_t length)
{
	uint32_t at = arena_room(arena, length);

	if (length)
		memcpy(arena->bytes + at, bytes, length);
	return at;
}

void *arena_at(const struct arena *arena, uint32_t offset)
{
	must(offset <= arena->used);
	return arena->bytes + offset;
}

void arena_reset(struct arena *arena)
{
	arena->used = 0;
	if (arena->size > KEEP_BYTES)
		arena_free(arena);
}

void arena_free(struct arena *arena)
{
	free(arena->bytes);
	memset(arena, 0, sizeof(*arena));
}

struct text text_add_bytes(struct arena *arena, const void *bytes, uint32_t stored, uint32_t original)
{
	struct text text = {.stored = stored, .original = original};

	text.at = arena_add(arena, bytes, stored);
	return text;
}

struct text text_add(struct arena *arena, const char *string)
{
	uint32_t length = (uint32_t)strlen(string);

	return text_add_bytes(arena, string, length, length);
}
