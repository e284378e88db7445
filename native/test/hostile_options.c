/* The command line and addresses of agents: words are between NULs. */
#include "../link.h"
#include "../options.c"

#include "../calls.h"
#include "hostile.h"

static void take(const uint8_t *bytes, size_t length)
{
	struct options options;
	struct failure failure = {0};
	struct address address;
	char *copy = malloc(length + 1), *words[65];
	int count = 0;

	memcpy(copy, bytes, length);
	copy[length] = 0;
	for (size_t at = 0; at <= length && count < 64; at += strlen(copy + at) + 1)
		words[count++] = copy + at;
	words[count] = NULL;
	if (options_parse(&options, count, words, &failure) && options.event_count)
		free(calls_select(options.events, options.event_count, &failure));
	if (options.channel)
		address_parse(&address, options.channel);
	options_free(&options);
	free(copy);
}

#define SEED(words) hostile_seed(words, sizeof(words) - 1)

int main(int argc, char **argv)
{
	SEED("-o\0x.seccam\0--force\0--trace\0default,open,signal:all\0--\0true\0a");
	SEED("--channel=tls:[::1]:1234\0--token-file\0t\0--buffer\0" "1000000\0--proc-scan-rate=2s\0--duration\0" "5\0--pid\0" "7\0--pid=8");
	SEED("--probe-addr\0localhost:99\0--on-tracer-death=kill\0--redact-path\0/home/*/.ssh=x,/root\0--redact\0mine*\0--keep-env\0A*,B\0x");
	SEED("--socket\0unix:@name\0--content\0hashes,packages\0--uid\0" "1\0--gid\0" "2\0--cwd\0/\0--without\0openat2\0--on-io-uring=deny\0x");
	return hostile_run("options", argc, argv, take);
}
