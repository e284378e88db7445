/* seccam-trace: the tracer as a program of its own, without Node. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "api.h"
#include "options.h"
#include "tracer.h"

static struct tracer *tracer;

/* What is sent to us is meant for the program; the terminal sends it to the program itself. */
static void pass_on(int signal, siginfo_t *info, void *context)
{
	(void)context;
	/* Programs that ran before us are let go of. */
	if (tracer && tracer->options.pid_count && signal != SIGUSR1 && signal != SIGUSR2)
		seccam_stop(tracer);
	else if (info->si_code <= 0 && tracer)
		seccam_signal(tracer, signal);
}

/* ^Z stops the program; when it has stopped, so do we (act.c). */
static void wait_for_the_program(int signal)
{
	(void)signal;
}

static void take_signals(void)
{
	static const int passed[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
	struct sigaction action = {.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART};
	struct sigaction was;

	for (size_t n = 0; n < sizeof(passed) / sizeof(*passed); n++)
		if (!sigaction(passed[n], NULL, &was) && was.sa_handler != SIG_IGN)
			sigaction(passed[n], &action, NULL);
	memset(&action, 0, sizeof(action));
	action.sa_handler = wait_for_the_program;
	action.sa_flags = SA_RESTART;
	if (!sigaction(SIGTSTP, NULL, &was) && was.sa_handler != SIG_IGN) {
		sigaction(SIGTSTP, &action, NULL);
		tracer->options.mirror = true;
	}
}

int main(int argc, char **argv)
{
	int status;

	/* A descriptor that is not open must not become one of ours. */
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", fd ? O_WRONLY : O_RDONLY);
	tracer = seccam_create(argc - 1, argv + 1);
	if (tracer->options.help) {
		fputs(options_usage(), stdout);
		return 0;
	}
	if (tracer->options.version) {
		printf("seccam-trace %s\n", seccam_version());
		return 0;
	}
	if (*seccam_message(tracer)) {
		say(tracer->options.message_fd, seccam_message(tracer));
		return 125;
	}
	if (tracer->options.message_fd >= 0)
		fcntl(tracer->options.message_fd, F_SETFD, FD_CLOEXEC);
	/* The signals that we ignore for ourselves are not ignored in the program. */
	if (signal(SIGPIPE, SIG_IGN) != SIG_IGN)
		tracer->options.default_signals |= 1ull << (SIGPIPE - 1);
	take_signals();
	if (tracer->options.pid_count)
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	else
		tracer->options.hide = true;
	if (seccam_start(tracer) < 0)
		return 125;
	status = seccam_wait(tracer);
	if (tracer->options.verbose) {
		uint64_t counts[8];

		seccam_counters(tracer, counts);
		dprintf(2, "seccam-trace: %llu events in %llu bytes, %llu stops of %llu processes\n", (unsigned long long)counts[0], (unsigned long long)counts[2],
			(unsigned long long)counts[1], (unsigned long long)counts[5]);
	}
	say(tracer->options.message_fd, seccam_notice(tracer));
	say(tracer->options.message_fd, seccam_message(tracer));
	seccam_destroy(tracer);
	return status;
}
