#include "api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tracer.h"

const char *seccam_version(void)
{
	return SECCAM_VERSION;
}

struct tracer *seccam_create(int argc, char **argv)
{
	struct tracer *tracer = grab_zero(sizeof(*tracer));
	char **copy = grab(((size_t)argc + 1) * sizeof(*copy));

	/* The caller's strings live only as long as the call. They are kept until the tracer is destroyed. */
	for (int n = 0; n < argc; n++)
		copy[n] = strdup(argv[n]);
	copy[argc] = NULL;
	tracer->arguments = copy;
	tracer->sink.fd = tracer->sink.folder = -1;
	options_parse(&tracer->options, argc, copy, &tracer->failure);
	return tracer;
}

static void *thread_main(void *argument)
{
	struct tracer *tracer = argument;

	tracer_run(tracer);
	atomic_store(&tracer->finished, 1);
	return NULL;
}

int seccam_start(struct tracer *tracer)
{
	if (tracer->failure.status)
		return -EINVAL;
	pthread_sigmask(SIG_SETMASK, NULL, &tracer->inherited_mask);
	tracer->threaded = true;
	return -pthread_create(&tracer->thread, NULL, thread_main, tracer);
}

int seccam_wait(struct tracer *tracer)
{
	int status;

	if (tracer->threaded) {
		pthread_join(tracer->thread, NULL);
		tracer->threaded = false;
	}
	/* The program's own status counts, also when its recording ended early. */
	status = tracer->main_status;
	if (tracer->started && status >= 0)
		return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return tracer->failure.status;
}

void seccam_counters(struct tracer *tracer, uint64_t out[8])
{
	struct counters *c = &tracer->counters;

	out[0] = atomic_load_explicit(&c->events, memory_order_relaxed);
	out[1] = atomic_load_explicit(&c->stops, memory_order_relaxed);
	out[2] = atomic_load_explicit(&c->bytes, memory_order_relaxed);
	out[3] = atomic_load_explicit(&c->dropped, memory_order_relaxed);
	out[4] = atomic_load_explicit(&c->tasks, memory_order_relaxed);
	out[5] = atomic_load_explicit(&c->processes, memory_order_relaxed);
	out[6] = atomic_load_explicit(&c->cut, memory_order_relaxed);
	out[7] = atomic_load_explicit(&c->missing, memory_order_relaxed);
}

int seccam_finished(struct tracer *tracer)
{
	return atomic_load(&tracer->finished);
}

int seccam_signal(struct tracer *tracer, int signal)
{
	return tracer->main_pid > 0 && !kill(tracer->main_pid, signal) ? 0 : -ESRCH;
}

int seccam_stop(struct tracer *tracer)
{
	atomic_store(&tracer->stop_wanted, 1);
	return 0;
}

const char *seccam_message(struct tracer *tracer)
{
	if (!tracer->failure.status)
		return "";
	snprintf(tracer->message, sizeof(tracer->message), "%s\n%s", tracer->failure.code, tracer->failure.message);
	return tracer->message;
}

const char *seccam_notice(struct tracer *tracer)
{
	if (tracer->no_new_privs)
		return "no-new-privileges\nset-user-ID programs will not gain privileges: the recorder lacks CAP_SYS_ADMIN";
	return "";
}

int seccam_pid(struct tracer *tracer)
{
	return tracer->main_pid;
}

void seccam_destroy(struct tracer *tracer)
{
	for (char **argument = tracer->arguments; *argument; argument++)
		free(*argument);
	free(tracer->arguments);
	options_free(&tracer->options);
	free(tracer);
}
