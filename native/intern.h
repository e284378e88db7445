/* The dictionary of one epoch: strings and tuples, each with a number from 1 upwards. */
#ifndef SECCAM_INTERN_H
#define SECCAM_INTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INTERN_KINDS 16

struct intern_entry {
	uint32_t hash, id, tag, original, length;
	size_t at; /* in the pool */
};

struct intern_table {
	struct intern_entry *slots;
	uint32_t size, count;
};

struct intern {
	struct intern_table strings, tuples;
	uint8_t *pool;
	size_t used, room;
	uint32_t last_string;
	uint32_t last_tuple[INTERN_KINDS];
};

void intern_reset(struct intern *intern);
void intern_free(struct intern *intern);

/* Finds or adds; *fresh says which. A string is known by parent (0: none), bytes and original length. */
uint32_t intern_string(struct intern *intern, uint32_t parent, const void *bytes, uint32_t length, uint32_t original, bool *fresh);
uint32_t intern_tuple(struct intern *intern, unsigned kind, const uint32_t *words, uint32_t count, bool *fresh);

#endif
