/*
 * How this program fails. In the library nothing may end the process: a failure is a message kept in a
 * `struct failure` that the caller prints. `must` is for what only a defect of ours can break.
 */
#ifndef SECCAM_DIE_H
#define SECCAM_DIE_H

#include <stddef.h>

struct failure {
	int status;       /* exit status that fits: 125, 126, 127; 0: nothing failed */
	int error;        /* errno of the cause, or 0 */
	char code[32];    /* kebab word, as in src/tracer/codes.ts */
	char message[512];
};

/* Keeps the first failure; later ones are consequences. */
void fail(struct failure *failure, int status, const char *code, int error, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/*
 * Tells the person "code\nsentence": as a line on fd 2 or, when somebody reads message_fd (not negative), as it
 * is with its NUL. Nothing for an empty text.
 */
void say(int message_fd, const char *text);

/* Writes the sentence to fd 2 and aborts. */
_Noreturn void broken(const char *file, int line, const char *what);
#define must(condition) ((condition) ? (void)0 : broken(__FILE__, __LINE__, #condition))

/* malloc and friends that never return NULL: without memory there is nothing sensible left to do. */
void *grab(size_t bytes);
void *grab_zero(size_t bytes);
void *regrab(void *memory, size_t bytes);

#endif
