#include "die.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fail(struct failure *failure, int status, const char *code, int error, const char *format, ...)
{
	va_list args;

	if (failure->status)
		return;
	failure->status = status;
	failure->error = error;
	snprintf(failure->code, sizeof(failure->code), "%s", code);
	va_start(args, format);
	vsnprintf(failure->message, sizeof(failure->message), format, args);
	va_end(args);
	if (error) {
		size_t used = strlen(failure->message);
		snprintf(failure->message + used, sizeof(failure->message) - used, ": %s", strerror(error));
	}
}

void say(int message_fd, const char *text)
{
	const char *line = strchr(text, '\n');

	if (line && message_fd >= 0) {
		if (write(message_fd, text, strlen(text) + 1) < 0)
			return;
	} else if (line) {
		dprintf(2, "seccam-trace: %s [%.*s]\n", line + 1, (int)(line - text), text);
	}
}

_Noreturn void broken(const char *file, int line, const char *what)
{
	char text[256];
	int length = snprintf(text, sizeof(text), "seccam: defect at %s:%d: %s does not hold\n", file, line, what);

	if (length > 0 && write(2, text, (size_t)length) < 0)
		abort();
	abort();
}

void *grab(size_t bytes)
{
	void *memory = malloc(bytes ? bytes : 1);

	must(memory);
	return memory;
}

void *grab_zero(size_t bytes)
{
	void *memory = calloc(1, bytes ? bytes : 1);

	must(memory);
	return memory;
}

void *regrab(void *memory, size_t bytes)
{
	void *moved = realloc(memory, bytes ? bytes : 1);

	must(moved);
	return moved;
}
