/* Arguments, environment and paths that are to be hidden. */
#include "../redact.c"

#include "hostile.h"

static void take(const uint8_t *bytes, size_t length)
{
	struct options options = {.redact = {"mine*"}, .redact_count = 1, .keep = {"A*"}, .keep_count = 1, .hide_env = {"B*"}, .hide_env_count = 1};
	char *text = malloc(length + 1), *out = malloc(length + 16), *member;
	bool next = false;

	memcpy(text, bytes, length);
	text[length] = 0;
	for (size_t at = 0; at < length; at += strlen(text + at) + 1) {
		uint32_t size;

		/* As where it comes from: without a NUL behind it. */
		size = (uint32_t)strlen(text + at);
		member = malloc(size);
		memcpy(member, text + at, size);
		if (redact_argument(&options, member, size, out, &next) > size + 16)
			abort();
		if (redact_environment(&options, member, size) > size)
			abort();
		free(member);
	}
	free(text);
	free(out);
}

#define SEED(words) hostile_seed(words, sizeof(words) - 1)

int main(int argc, char **argv)
{
	SEED("curl\0-H\0Authorization: Bearer x\0--token\0secret\0https://a:b@c/d\0API_KEY=1\0--mine\0x\0-p\0PATH=/bin\0BEE=1\0A1=2");
	SEED("postgres://user:pass@host/db?password=x\0mysql\0-psecret\0--password=\0AUTH=");
	return hostile_run("redact", argc, argv, take);
}
