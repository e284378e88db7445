/* The first bytes of programs: ELF headers, scripts, archives. */
#include "../content.c"

#include "hostile.h"

static void take(const uint8_t *bytes, size_t length)
{
	struct content content = {0};

	read_metadata(bytes, length, &content);
	if (strnlen(content.interpreter, sizeof(content.interpreter)) == sizeof(content.interpreter))
		abort();
}

static void seed_start(const char *path)
{
	uint8_t bytes[FIRST_BYTES];
	FILE *file = fopen(path, "re");
	size_t length = file ? fread(bytes, 1, sizeof(bytes), file) : 0;

	if (file)
		fclose(file);
	hostile_seed(bytes, length);
}

int main(int argc, char **argv)
{
	const char script[] = "#! /usr/bin/env -S python3 -x\nprint()\n";

	hostile_seed(script, sizeof(script));
	hostile_seed("PK\x03\x04", 4);
	seed_start("/proc/self/exe");
	seed_start("/bin/sh");
	/* Of 32 bits, the other byte order, static. */
	hostile_seed("\x7f" "ELF\1\2\1\0\0\0\0\0\0\0\0\0\0\2\0\x08\0\0\0\1\0\x40\0\0\0\0\0\x34\0\0\0\0\0\0\0\0\0\x34\0\x20\0\1\0\0\0\0\0\0"
		     "\0\0\0\3\0\0\0\x54\0\x40\0\x54\0\x40\0\x54\0\0\0\x10\0\0\0\x10\0\0\0\4\0\0\0\1/lib/ld-linux.so", 100);
	return hostile_run("content", argc, argv, take);
}
