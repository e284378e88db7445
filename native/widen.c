#include "widen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>

#include "calls.h"
#include "emit.h"
#include "header.h"

static bool is_wanted(const uint32_t wanted[CHANNEL_EVENT_WORDS], const struct catalogue_event *event)
{
	return event->id < CHANNEL_EVENT_WORDS * 32 && wanted[event->id / 32] >> event->id % 32 & 1;
}

bool widen_options(struct tracer *tracer, const uint32_t wanted[CHANNEL_EVENT_WORDS])
{
	struct options *o = &tracer->options;
	bool added = false;

	for (unsigned n = 0; n < EVENT_COUNT; n++) {
		const struct catalogue_event *event = calls_event(n);

		if (!is_wanted(wanted, event) || (tracer->selection && tracer->selection->wanted[n]))
			continue;
		if (o->event_count == 0)
			o->events[o->event_count++] = "default"; /* the reserve */
		if (o->event_count == OPTIONS_NAMES_MAX)
			break;
		o->events[o->event_count++] = event->name;
		added = true;
	}
	return added;
}

/* What the recording says: until here they were not seen. */
static void tell(struct tracer *tracer, const struct selection *before)
{
	char detail[400] = "until here not seen, since no rule asked for it:";
	struct task *first = NULL;

	for (unsigned n = 0; n < EVENT_COUNT; n++)
		if (tracer->selection->wanted[n] && !before->wanted[n] && strlen(detail) + strlen(calls_event(n)->name) + 2 < sizeof(detail)) {
			strcat(detail, " ");
			strcat(detail, calls_event(n)->name);
		}
	for (unsigned n = 0; n < TASK_BUCKETS; n++)
		for (struct task *task = tracer->buckets[n]; task; task = task->next)
			if (task->process && (!first || task->process->first || task->tid < first->tid) && !(first && first->process->first))
				first = task;
	if (first)
		emit_blind_spot(tracer, first, BLIND_SPOT_UNKNOWN, detail);
}

static void stop_every_call(struct tracer *tracer)
{
	tracer->use_filter = false;
	for (unsigned n = 0; n < TASK_BUCKETS; n++)
		for (struct task *task = tracer->buckets[n]; task; task = task->next) {
			task->in_syscall = task->pending.phase == PHASE_IN_CALL;
			if (!task->listening)
				ptrace(PTRACE_INTERRUPT, task->tid, 0, 0);
		}
}

void widen(struct tracer *tracer, const uint32_t wanted[CHANNEL_EVENT_WORDS])
{
	struct selection *before = tracer->selection, *selection;
	struct failure failure = {0};
	char *header;

	if (!widen_options(tracer, wanted))
		return;
	selection = calls_select(tracer->options.events, tracer->options.event_count, &failure);
	if (!selection)
		return;
	tracer->selection = selection;
	/* Old kernels do not say which stop is an entry: what is in a call right now would be misread. */
	if (tracer->use_filter && tracer->has_syscall_info)
		stop_every_call(tracer);
	tell(tracer, before);
	free(before);
	/* Links that come tell it in their header. */
	frame_flush(&tracer->frame);
	header = header_text(tracer);
	frame_header(&tracer->frame, header);
	free(header);
	if (tracer->options.verbose)
		fprintf(stderr, "seccam-trace: the agent asks for more events than the filter lets through: every call stops now\n");
}
