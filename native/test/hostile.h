/*
 * Drives a parser with mutations of real inputs: HOSTILE [EXECUTIONS | SECONDSs] [SEED]. The same number of
 * executions and seed give the same inputs. The including file is compiled with -fsanitize-coverage=trace-pc:
 * an input that reaches new code is kept and mutated further.
 */
#ifndef SECCAM_TEST_HOSTILE_H
#define SECCAM_TEST_HOSTILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOSTILE_MOST 65536u
#define HOSTILE_KEPT 4096u
#define HOSTILE_QUIET __attribute__((no_sanitize_coverage))

struct hostile_input {
	uint8_t *bytes;
	size_t length;
};

static struct hostile_input hostile_inputs[HOSTILE_KEPT];
static unsigned hostile_count;
static uint64_t hostile_state = 0x9e3779b97f4a7c15u;
static uint8_t hostile_reached[1 << 16];
static volatile uintptr_t hostile_before;
static volatile bool hostile_new; /* the instrumentation comes after the compiler has seen who writes what */

/* Called by the compiler's instrumentation at each block. */
void __sanitizer_cov_trace_pc(void);
HOSTILE_QUIET void __sanitizer_cov_trace_pc(void)
{
	uintptr_t here = (uintptr_t)__builtin_return_address(0);
	uint16_t edge = (uint16_t)(here ^ here >> 16 ^ hostile_before << 1);

	hostile_before = here;
	if (hostile_reached[edge])
		return;
	hostile_reached[edge] = 1;
	hostile_new = true;
}

HOSTILE_QUIET static uint64_t hostile_random(uint64_t below)
{
	hostile_state ^= hostile_state << 13;
	hostile_state ^= hostile_state >> 7;
	hostile_state ^= hostile_state << 17;
	return hostile_state % below;
}

/* A whole input that mutations begin with. */
HOSTILE_QUIET static void hostile_seed(const void *bytes, size_t length)
{
	struct hostile_input *input = &hostile_inputs[hostile_count < HOSTILE_KEPT ? hostile_count++ : hostile_random(HOSTILE_KEPT)];

	if (length > HOSTILE_MOST)
		length = HOSTILE_MOST;
	free(input->bytes);
	input->bytes = malloc(length + 1);
	input->length = length;
	memcpy(input->bytes, bytes, length);
}

__attribute__((unused)) HOSTILE_QUIET static void hostile_seed_file(const char *path)
{
	static uint8_t bytes[HOSTILE_MOST];
	FILE *file = fopen(path, "re");
	size_t length = file ? fread(bytes, 1, sizeof(bytes), file) : 0;

	if (file)
		fclose(file);
	if (length)
		hostile_seed(bytes, length);
}

HOSTILE_QUIET static size_t hostile_mutate(uint8_t *bytes, size_t length)
{
	static const uint64_t numbers[] = {0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff};
	const struct hostile_input *other = &hostile_inputs[hostile_random(hostile_count)];
	size_t at = hostile_random(length + 1), size = hostile_random(hostile_random(4) ? 16 : 1024) + 1;
	uint64_t number;

	if (size > length - at)
		size = length - at;
	switch (hostile_random(9)) {
	case 0: /* a bit */
		if (at < length)
			bytes[at] ^= (uint8_t)(1u << hostile_random(8));
		break;
	case 1: /* a byte */
		if (at < length)
			bytes[at] = (uint8_t)hostile_random(256);
		break;
	case 2: /* a number at a limit, of 1 to 8 bytes */
		number = numbers[hostile_random(sizeof(numbers) / sizeof(*numbers))];
		memcpy(bytes + at, &number, size < 8 ? size : 8);
		break;
	case 3: /* something is missing */
		memmove(bytes + at, bytes + at + size, length - at - size);
		length -= size;
		break;
	case 4: /* something comes twice */
		if (length + size <= HOSTILE_MOST) {
			memmove(bytes + at + size, bytes + at, length - at);
			length += size;
		}
		break;
	case 5: /* it ends early */
		length = at;
		break;
	case 6: /* it goes on as another one */
		if (other->length) {
			size_t from = hostile_random(other->length);

			size = other->length - from < HOSTILE_MOST - at ? other->length - from : HOSTILE_MOST - at;
			memcpy(bytes + at, other->bytes + from, size);
			length = at + size;
		}
		break;
	case 7: /* a piece of it stands elsewhere too */
		if (length)
			memmove(bytes + hostile_random(length - size + 1), bytes + at, size);
		break;
	default: /* the same byte many times */
		memset(bytes + at, hostile_random(3) ? (int)hostile_random(256) : ' ', size);
		break;
	}
	return length;
}

/* Gives mutated inputs to `take`, each in memory of exactly its length. */
HOSTILE_QUIET static int hostile_run(const char *name, int argc, char **argv, void (*take)(const uint8_t *bytes, size_t length))
{
	static uint8_t scratch[HOSTILE_MOST + 8];
	const char *much = argc > 1 ? argv[1] : "20000";
	const bool timed = much[strlen(much) - 1] == 's';
	const uint64_t limit = strtoull(much, NULL, 10);
	const time_t began = time(NULL);
	const unsigned seeds = hostile_count;
	uint64_t done = 0;

	if (argc > 2)
		hostile_state ^= strtoull(argv[2], NULL, 10) * 0xbf58476d1ce4e5b9u;
	for (; timed ? (uint64_t)(time(NULL) - began) < limit : done < limit; done++) {
		const struct hostile_input *from = &hostile_inputs[done < seeds ? done : hostile_random(hostile_count)];
		size_t length = from->length;
		uint8_t *bytes;

		memcpy(scratch, from->bytes, length);
		for (uint64_t n = done < seeds ? 0 : hostile_random(6) + 1; n; n--)
			length = hostile_mutate(scratch, length);
		bytes = malloc(length);
		memcpy(bytes, scratch, length);
		hostile_new = false;
		hostile_before = 0;
		take(bytes, length);
		if (hostile_new)
			hostile_seed(bytes, length);
		free(bytes);
	}
	for (unsigned n = 0; n < hostile_count; n++)
		free(hostile_inputs[n].bytes);
	printf("%s: %llu executions, %u inputs kept\n", name, (unsigned long long)done, hostile_count);
	return 0;
}

#endif
