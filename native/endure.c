#include "endure.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "die.h"

#define SIGNALS 65

struct endured {
	struct sigaction was[SIGNALS];
	bool taken[SIGNALS];
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
	/* Two that the C library keeps for itself. */
	case 32:
	case 33:
		return false;
	default:
		return true;
	}
}

struct endured *endure_begin(void)
{
	struct endured *endured = grab_zero(sizeof(*endured));
	struct sigaction action = {.sa_sigaction = endure, .sa_flags = SA_SIGINFO | SA_RESTART};

	for (int number = 1; number < SIGNALS; number++) {
		if (!ends_us(number) || sigaction(number, NULL, &endured->was[number]) || endured->was[number].sa_handler != SIG_DFL)
			continue;
		endured->taken[number] = !sigaction(number, &action, NULL);
	}
	return endured;
}

void endure_end(struct endured *endured)
{
	struct sigaction ignored = {.sa_handler = SIG_IGN};

	for (int number = 1; number < SIGNALS; number++) {
		if (!endured->taken[number])
			continue;
		/* One that was sent and not yet delivered goes with it. */
		sigaction(number, &ignored, NULL);
		sigaction(number, &endured->was[number], NULL);
	}
	free(endured);
}
