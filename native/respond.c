#include "respond.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "calls.h"
#include "hashing.h"
#include "holding.h"
#include "process.h"
#include "widen.h"

#define KILLED_MAX 4096
#define LAST_LOOK_NS 5000000
#define LAST_LOOKS 400

/*
 * Only our own tracees are killed: a pid cannot be reused before we have waited for its process, so the
 * one that is meant is the one that is hit. A process that began after the event is another one.
 */
static bool is_meant(const struct tracer *tracer, const struct process *process, const struct channel_command *wanted)
{
	if (process->tgid <= 1 || process->tgid == tracer->own_pid)
		return false;
	return !wanted || wanted->boottime == 0 || process->start_time <= wanted->boottime;
}

static bool in_scope(const struct process *process, const struct process *first, enum channel_scope scope)
{
	if (process == first)
		return true;
	if (!process->context || !first->context)
		return false;
	if (scope == CHANNEL_CONTAINER)
		return first->context->container_id[0] && !strcmp(process->context->container_id, first->context->container_id);
	if (scope == CHANNEL_CGROUP)
		return first->context->cgroup[0] && !strcmp(process->context->cgroup, first->context->cgroup);
	return false;
}

static void hit(const struct process *process, int signal, struct channel_reply *reply)
{
	if (kill(process->tgid, signal) == 0) {
		reply->performed++;
	} else {
		reply->failed++;
		if (!reply->error)
			reply->error = errno;
	}
}

static void carry_out(struct tracer *tracer, const struct channel_command *wanted)
{
	struct channel_reply reply = {.id = wanted->id};
	struct process *first = process_find(tracer, (pid_t)wanted->pid);

	if (!first || !is_meant(tracer, first, wanted)) {
		reply.failed = 1;
		reply.error = first ? EPERM : ESRCH;
		channel_reply(tracer->channel, &reply);
		return;
	}
	if (wanted->scope == CHANNEL_PROCESS) {
		hit(first, (int)wanted->signal, &reply);
	} else {
		for (unsigned n = 0; n < TASK_BUCKETS; n++)
			for (struct task *task = tracer->buckets[n]; task; task = task->next)
				if (task->process && task->tid == task->process->tgid && reply.performed < KILLED_MAX &&
				    is_meant(tracer, task->process, NULL) && in_scope(task->process, first, wanted->scope))
					hit(task->process, (int)wanted->signal, &reply);
	}
	channel_reply(tracer->channel, &reply);
}

/* Only where unmounts are seen: they must find nothing that is held. */
static void hold_wanted(const struct tracer *tracer, const struct channel_wish *wish)
{
	static const uint32_t nothing[CHANNEL_EVENT_WORDS];
	const bool *seen = tracer->selection->wanted;

	holding_want(seen[EVENT_MOUNT] && seen[EVENT_UMOUNT] ? wish->hashed : nothing);
}

void respond(struct tracer *tracer)
{
	struct channel_command wanted;

	while (channel_command(tracer->channel, &wanted)) {
		switch (wanted.kind) {
		case CHANNEL_KILL:
			carry_out(tracer, &wanted);
			break;
		case CHANNEL_EPOCH:
			snapshot_write(tracer);
			break;
		case CHANNEL_HASH:
			hashing_ask(&tracer->hashing, tracer->channel, &wanted);
			break;
		case CHANNEL_EVENTS:
			widen(tracer, wanted.wish.events);
			hold_wanted(tracer, &wanted.wish);
			break;
		case CHANNEL_BYE:
			break;
		}
	}
}

bool respond_wanted(struct tracer *tracer)
{
	struct channel_wish wish;

	channel_wanted(tracer->channel, &wish);
	hold_wanted(tracer, &wish);
	return widen_options(tracer, wish.events);
}

void respond_to_the_last(struct tracer *tracer)
{
	const struct timespec moment = {0, LAST_LOOK_NS};
	struct channel_command wanted;
	bool settled = false;

	for (int looks = 0; holding_is_wanted() && !settled && looks < LAST_LOOKS; looks++) {
		/* Requests come before the acknowledgement of what they are about. */
		settled = channel_is_settled(tracer->channel);
		while (channel_command(tracer->channel, &wanted))
			if (wanted.kind == CHANNEL_HASH)
				hashing_ask(&tracer->hashing, tracer->channel, &wanted);
		if (!settled)
			nanosleep(&moment, NULL);
	}
}

/* Appends a JSON string; what is not printable ASCII becomes a question mark. */
static void append_text(char *out, size_t room, size_t *used, const char *text)
{
	if (*used + 8 > room)
		return;
	out[(*used)++] = '"';
	for (; *text && *used + 4 < room; text++) {
		if (*text == '"' || *text == '\\')
			out[(*used)++] = '\\';
		out[(*used)++] = *text < 0x20 || *text == 0x7f ? '?' : *text;
	}
	out[(*used)++] = '"';
}

char *respond_hello(const struct options *options)
{
	size_t room = 4096, used = 0;
	char *out = calloc(1, room);

	if (!out)
		return NULL;
	memcpy(out, "{\"command\":[", used = 12);
	for (char **word = options->command; word && *word && used + 600 < room; word++) {
		if (word != options->command)
			out[used++] = ',';
		append_text(out, used + 512, &used, *word);
	}
	memcpy(out + used, "]}", 2);
	return out;
}
