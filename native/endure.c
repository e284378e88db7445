#include "endure.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "die.h"

#define SIGNALS 65

struct endured {
	struct sigaction was[SIGNALS];
	bool taken[SIGNALS];
	bool raw[3];
};

/* What a process sent is endured; what the kernel found in our own code is not. */
static void endure(int number, siginfo_t *info, void *context)
{
	(void)context;
	if (info->si_code > 0 && (number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE || number == SIGTRAP || number == SIGSYS))
		signal(number, SIG_DFL);
}

static bool ends_us(int number)
{
	switch (number) {
	case SIGKILL:
	case SIGSTOP:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
	case SIGCHLD:
	case SIGCONT:
	case SIGURG:
	case SIGWINCH:
		return false;
	default:
		return true;
	}
}

/* As the kernel lays it out, of which only the size matters: the handler comes first. */
struct raw {
	uint64_t words[8];
};

/*
 * Of two or three signals the C library denies that there are any, keeps them for its threads, and handles them
 * only when it needs to; until then they would end us. What it has made of another signal is put there.
 */
static bool take_raw(int number, int pattern)
{
	struct raw was = {{0}}, action = {{0}};

	return !syscall(SYS_rt_sigaction, number, NULL, &was, 8) && was.words[0] == (uint64_t)(uintptr_t)SIG_DFL &&
	       !syscall(SYS_rt_sigaction, pattern, NULL, &action, 8) && !syscall(SYS_rt_sigaction, number, &action, NULL, 8);
}

/* The default is put back, unless the library has begun to handle it meanwhile. */
static void give_raw(int number)
{
	struct raw was = {{0}}, action = {{0}};

	if (!syscall(SYS_rt_sigaction, number, NULL, &was, 8) && was.words[0] == (uint64_t)(uintptr_t)endure)
		syscall(SYS_rt_sigaction, number, &action, NULL, 8);
}

struct endured *endure_begin(void)
{
	struct endured *endured = grab_zero(sizeof(*endured));
	struct sigaction action = {.sa_sigaction = endure, .sa_flags = SA_SIGINFO | SA_RESTART};
	int pattern = 0;

	for (int number = 1; number < SIGNALS; number++) {
		if (!ends_us(number) || sigaction(number, NULL, &endured->was[number]) || endured->was[number].sa_handler != SIG_DFL)
			continue;
		endured->taken[number] = !sigaction(number, &action, NULL);
		pattern = endured->taken[number] ? number : pattern;
	}
	for (int number = 32; pattern && number < 35; number++)
		endured->raw[number - 32] = !endured->taken[number] && take_raw(number, pattern);
	return endured;
}

void endure_end(struct endured *endured)
{
	struct sigaction ignored = {.sa_handler = SIG_IGN};

	for (int number = 32; number < 35; number++)
		if (endured->raw[number - 32])
			give_raw(number);
	for (int number = 1; number < SIGNALS; number++) {
		if (!endured->taken[number])
			continue;
		/* One that was sent and not yet delivered goes with it. */
		sigaction(number, &ignored, NULL);
		sigaction(number, &endured->was[number], NULL);
	}
	free(endured);
}
