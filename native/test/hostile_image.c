/* The stack of a new image, which another process may have written to. The first byte says how wide its words are. */
#include <stdint.h>
#include <sys/types.h>

static uint32_t given_read(uint64_t address, void *into, uint32_t length);

#include "../remote.h"
#define remote_read(tid, address, into, length) ((void)(tid), given_read(address, into, length))
#define remote_string(tid, address, into, cap, whole) ((void)(tid), (void)(address), (void)(into), (void)(cap), *(whole) = false, -1)
#include "../image.c"
#undef remote_read
#undef remote_string

#include <unistd.h>

#include "hostile.h"

#define BASE 0x10000u

static const uint8_t *given;
static size_t given_length;

static uint32_t given_read(uint64_t address, void *into, uint32_t length)
{
	if (address < BASE || address - BASE >= given_length)
		return 0;
	if (length > given_length - (address - BASE))
		length = (uint32_t)(given_length - (address - BASE));
	memcpy(into, given + (address - BASE), length);
	return length;
}

static struct tracer tracer;
static struct process process;
static struct task task;

static void take(const uint8_t *bytes, size_t length)
{
	struct image *image;
	bool changed;
	uint32_t missing = 0;

	if (!length)
		return;
	given = bytes + 1;
	given_length = length - 1;
	image = image_after_exec(&tracer, &task, BASE, bytes[0] & 1, &changed, &missing);
	image_drop(image);
	/* Room of exactly what was read: what lies beyond is seen. */
	free(tracer.scratch);
	tracer.scratch = NULL;
	tracer.scratch_size = 0;
}

static size_t stack(uint8_t *at, unsigned width)
{
	uint64_t words[] = {2, 0, 0, 0, 0, 0, AUX_UID, 5, AUX_SECURE, 0, AUX_EXECFN, 0, AUX_NULL, 0};
	const unsigned count = sizeof(words) / sizeof(*words);
	const char texts[] = "true\0--password=x\0PATH=/bin\0/bin/true";

	words[1] = BASE + count * width;
	words[2] = words[1] + 5;
	words[4] = words[2] + 13;
	words[11] = words[4] + 10;
	*at++ = width == 4;
	for (unsigned n = 0; n < count; n++)
		memcpy(at + n * width, &words[n], width);
	memcpy(at + count * width, texts, sizeof(texts));
	return 1 + count * width + sizeof(texts);
}

int main(int argc, char **argv)
{
	uint8_t bytes[1024];
	int result;

	process.tgid = task.tid = getpid();
	task.process = &process;
	hostile_seed(bytes, stack(bytes, 8));
	hostile_seed(bytes, stack(bytes, 4));
	result = hostile_run("image", argc, argv, take);
	mounts_forget(&tracer.mounts);
	free(tracer.scratch);
	return result;
}
