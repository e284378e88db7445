/* Records of the stream that are no events: processes, gaps, blind spots, descriptors, counters, the end. */
#include "emit.h"

#include <string.h>

#include "lineage.h"
#include "mounts.h"
#include "process.h"
#include "scan.h"

void emit_missed(struct tracer *tracer, uint64_t number)
{
	uint32_t words[RECORD_UPDATE_WORDS] = {0};

	words[RECORD_UPDATE_KIND] = UPDATE_MISSED;
	put64(words + RECORD_UPDATE_NUMBER, number);
	frame_record(&tracer->frame, RECORD_UPDATE, words, RECORD_UPDATE_WORDS);
}

static void update(struct tracer *tracer, const struct process *p, uint32_t kind, uint32_t text, uint32_t context, int64_t number)
{
	uint32_t words[RECORD_UPDATE_WORDS] = {0};

	words[RECORD_UPDATE_KIND] = kind;
	words[RECORD_UPDATE_PID] = (uint32_t)p->tgid;
	words[RECORD_UPDATE_TEXT] = text;
	words[RECORD_UPDATE_CONTEXT] = context;
	put64(words + RECORD_UPDATE_NUMBER, (uint64_t)number);
	frame_record(&tracer->frame, RECORD_UPDATE, words, RECORD_UPDATE_WORDS);
}

/*
 * The write itself is not seen, and may come long after the file was opened: what is read is compared
 * before each event, until it is another.
 */
void emit_settle(struct tracer *tracer, struct process *p)
{
	const bool standing = p->unsettled & (UNSETTLED_COMM | UNSETTLED_TERMINAL);
	struct standing found;
	uint32_t login;

	if (p->past) {
		p->unsettled = 0;
		return;
	}
	if (standing && facts_standing(p->tgid, &found)) {
		if (p->unsettled & UNSETTLED_COMM && strcmp(found.comm, p->comm)) {
			p->unsettled &= ~(unsigned)UNSETTLED_COMM;
			memcpy(p->comm, found.comm, sizeof(p->comm));
			update(tracer, p, UPDATE_COMM, p->image ? emit_comm(tracer, p->image, p->comm) : frame_string(&tracer->frame, p->comm), 0, 0);
		}
		if (p->unsettled & UNSETTLED_TERMINAL && strcmp(found.tty, p->tty)) {
			memcpy(p->tty, found.tty, sizeof(p->tty));
			tracer->terminals++;
			update(tracer, p, UPDATE_TERMINAL, frame_string(&tracer->frame, p->tty), 0, 0);
		}
		/* The call that may have changed it is over. */
		p->unsettled &= ~(unsigned)UNSETTLED_TERMINAL;
		p->tty_session = found.sid;
		p->terminals = tracer->terminals;
	}
	if (p->unsettled & UNSETTLED_LOGIN && (login = facts_login(p->tgid)) != p->credentials.auid) {
		p->unsettled &= ~(unsigned)UNSETTLED_LOGIN;
		p->credentials.auid = login;
		p->credentials_id = 0;
		update(tracer, p, UPDATE_LOGIN, 0, 0, login);
	}
	if (p->unsettled & UNSETTLED_CGROUP) {
		const struct context *before = p->context;

		p->context_known = false;
		emit_identify(tracer, p);
		if (p->context != before) {
			p->unsettled &= ~(unsigned)UNSETTLED_CGROUP;
			update(tracer, p, UPDATE_CONTEXT, 0, p->context_id, 0);
		}
	}
}

void emit_clock(struct tracer *tracer, uint32_t reason)
{
	uint32_t words[RECORD_CLOCK_WORDS] = {0};

	tracer->clock_boot = boot_time();
	tracer->clock_wall = wall_time();
	put64(words + RECORD_CLOCK_BOOTTIME, tracer->clock_boot);
	put64(words + RECORD_CLOCK_REALTIME, tracer->clock_wall);
	words[RECORD_CLOCK_REASON] = reason;
	frame_record(&tracer->frame, RECORD_CLOCK, words, RECORD_CLOCK_WORDS);
}

void emit_process(struct tracer *tracer, struct process *p, pid_t tid, uint32_t flags, const struct standing *standing)
{
	struct frame *frame = &tracer->frame;
	struct path_task place = {tid, p->tgid, &p->root, &tracer->mounts};
	uint32_t words[RECORD_PROCESS_WORDS] = {0};
	struct image *image = p->image;
	struct arena arena = {0};
	struct life *life = lineage_of(tracer, p);
	struct text cwd;

	cwd = p->past ? (struct text){0} : path_directory(&place, false, &arena);
	if (cwd.stored) {
		path_root_read(&place);
		emit_remember_place(p, &arena, cwd);
	} else if (p->cwd) {
		/* Past, or dying. */
		cwd = text_add(&arena, p->cwd);
	}
	emit_identify(tracer, p);
	words[RECORD_PROCESS_IMAGE] = life->number;
	words[RECORD_PROCESS_PARENT_IMAGE] = life->parent ? life->parent->number : 0;
	put64(words + RECORD_PROCESS_CREATED_AT, (uint64_t)life->created);
	words[RECORD_PROCESS_PID] = (uint32_t)p->tgid;
	words[RECORD_PROCESS_TID] = (uint32_t)tid;
	words[RECORD_PROCESS_PPID] = (uint32_t)p->ppid;
	words[RECORD_PROCESS_FLAGS] = flags;
	put64(words + RECORD_PROCESS_START_TIME, p->start_time);
	words[RECORD_PROCESS_PGID] = (uint32_t)p->pgid;
	words[RECORD_PROCESS_SID] = (uint32_t)p->sid;
	words[RECORD_PROCESS_OWN_PID] = (uint32_t)p->own_pid;
	words[RECORD_PROCESS_COMM] = image ? emit_comm(tracer, image, standing->comm[0] ? standing->comm : p->comm) : frame_string(frame, standing->comm[0] ? standing->comm : p->comm);
	words[RECORD_PROCESS_TTY] = frame_string(frame, p->tty);
	words[RECORD_PROCESS_CWD] = frame_text(frame, &arena, cwd);
	if (p->root.path[0] && strcmp(p->root.path, "/"))
		words[RECORD_PROCESS_ROOT] = frame_string(frame, p->root.path);
	if (image) {
		put64(words + RECORD_PROCESS_EXEC_TIME, image->exec_time);
		words[RECORD_PROCESS_NAMED] = emit_name(frame, image);
		words[RECORD_PROCESS_FILE] = emit_file(tracer, &image->arena, &image->file);
		if (image->has_interpreter)
			words[RECORD_PROCESS_INTERPRETER] = emit_file(tracer, &image->arena, &image->interpreter);
		words[RECORD_PROCESS_ARGV] = frame_list(frame, &image->arena, image->argv);
		words[RECORD_PROCESS_ENVP] = frame_list(frame, &image->arena, image->envp);
	}
	words[RECORD_PROCESS_CREDENTIALS] = p->credentials_id;
	words[RECORD_PROCESS_NAMESPACES] = p->namespaces_id;
	words[RECORD_PROCESS_CONTEXT] = p->context_id;
	frame_record(frame, RECORD_PROCESS, words, RECORD_PROCESS_WORDS);
	arena_free(&arena);
}

void emit_gap(struct frame *frame, uint32_t reason, uint32_t pid, uint64_t lost, uint64_t begin, uint64_t end)
{
	uint32_t words[RECORD_GAP_WORDS] = {0};

	words[RECORD_GAP_REASON] = reason;
	words[RECORD_GAP_PID] = pid;
	put64(words + RECORD_GAP_LOST, lost);
	put64(words + RECORD_GAP_BEGIN, begin);
	put64(words + RECORD_GAP_END, end);
	frame_record(frame, RECORD_GAP, words, RECORD_GAP_WORDS);
}

void emit_blind_spot(struct tracer *tracer, struct task *task, uint32_t reason, const char *detail)
{
	uint32_t words[RECORD_BLIND_SPOT_WORDS] = {0};

	words[RECORD_BLIND_SPOT_REASON] = reason;
	words[RECORD_BLIND_SPOT_PID] = (uint32_t)task->process->tgid;
	words[RECORD_BLIND_SPOT_TID] = (uint32_t)task->tid;
	put64(words + RECORD_BLIND_SPOT_TIME, boot_time());
	words[RECORD_BLIND_SPOT_DETAIL] = frame_string(&tracer->frame, detail);
	frame_record(&tracer->frame, RECORD_BLIND_SPOT, words, RECORD_BLIND_SPOT_WORDS);
}

void emit_descriptor(struct tracer *tracer, struct process *process, const struct arena *arena, const struct descriptor_facts *facts)
{
	uint32_t words[RECORD_DESCRIPTOR_WORDS] = {0};

	words[RECORD_DESCRIPTOR_PID] = (uint32_t)process->tgid;
	words[RECORD_DESCRIPTOR_FD] = (uint32_t)facts->fd;
	words[RECORD_DESCRIPTOR_FLAGS] = facts->flags;
	words[RECORD_DESCRIPTOR_SOCKET] = facts->socket.type == VALUE_NUMBER ? (uint32_t)facts->socket.number : 0;
	words[RECORD_DESCRIPTOR_FILE] = emit_value(tracer, process, arena, &facts->file);
	words[RECORD_DESCRIPTOR_LOCAL] = emit_value(tracer, process, arena, &facts->local);
	words[RECORD_DESCRIPTOR_PEER] = emit_value(tracer, process, arena, &facts->peer);
	frame_record(&tracer->frame, RECORD_DESCRIPTOR, words, RECORD_DESCRIPTOR_WORDS);
}

void emit_counters(struct tracer *tracer)
{
	struct frame *frame = &tracer->frame;
	uint64_t scanned, missed;

	scan_counts(tracer, &scanned, &missed);
	const struct {
		const char *name;
		uint64_t value;
	} list[] = {
		{"events", frame->events},
		{"stops", tracer->counters.stops},
		{"processes", tracer->counters.processes},
		{"truncated", frame->cut},
		{"missing", tracer->counters.missing},
		{"dropped", tracer->counters.dropped},
		{"scanned", scanned},
		{"scan-missed", missed},
	};
	const size_t count = sizeof(list) / sizeof(*list) - (tracer->options.scan_ms ? 0 : 2);

	for (size_t n = 0; n < count; n++) {
		uint32_t words[RECORD_COUNTERS_WORDS];
		words[RECORD_COUNTERS_NAME] = frame_string(frame, list[n].name);
		put64(words + RECORD_COUNTERS_VALUE, list[n].value);
		frame_record(frame, RECORD_COUNTERS, words, RECORD_COUNTERS_WORDS);
	}
}

void emit_end(struct frame *frame, uint32_t reason, uint32_t status)
{
	uint32_t words[RECORD_END_WORDS] = {0};

	words[RECORD_END_REASON] = reason;
	words[RECORD_END_STATUS] = status;
	put64(words + RECORD_END_EVENTS, frame->kept + frame->events - frame->at_flush);
	put64(words + RECORD_END_BOOTTIME, boot_time());
	frame_record(frame, RECORD_END, words, RECORD_END_WORDS);
}
