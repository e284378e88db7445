#include "emit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "capture.h"
#include "errand.h"
#include "hidden.h"
#include "lineage.h"
#include "mounts.h"
#include "process.h"
#include "redact.h"

#define NO_CALL 0xffffffffu

static struct frame_head head_of(const struct task *task, unsigned event, int64_t result, uint32_t flags)
{
	struct frame_head head = {
		.event = calls_event(event)->id,
		.pid = (uint32_t)task->process->tgid,
		.tid = (uint32_t)task->tid,
		.nr = NO_CALL,
		.flags = flags,
		.result = result,
	};
	return head;
}

static void head_of_call(struct frame_head *head, const struct task *task)
{
	head->nr = (uint32_t)task->pending.nr;
	head->arch = task->pending.arch;
	head->began = task->pending.began;
}

static void written(struct tracer *tracer, const struct frame_head *head, uint64_t time, const uint32_t *words, uint32_t count)
{
	frame_event(&tracer->frame, head, time, words, count);
	atomic_store_explicit(&tracer->counters.events, tracer->frame.events, memory_order_relaxed);
}

/* An open that may be followed by a write that changes a fact, or that gave a session its terminal. */
static unsigned opened_for(const struct process *p, const struct arena *arena, const struct act *act)
{
	static const struct {
		const char *end;
		unsigned what;
	} rows[] = {{"/comm", UNSETTLED_COMM}, {"/loginuid", UNSETTLED_LOGIN}, {"/cgroup.procs", UNSETTLED_CGROUP}, {"/tasks", UNSETTLED_CGROUP}};
	const uint64_t flags = act->values[OPEN_FLAGS].type == VALUE_NUMBER ? act->values[OPEN_FLAGS].number : 0;
	const struct file_facts *facts;
	const char *path;

	if (act->values[OPEN_FILE].type != VALUE_FILE)
		return 0;
	facts = arena_at(arena, act->values[OPEN_FILE].at);
	path = arena_at(arena, facts->path.at);
	if (p->tty[0] == 0 && p->sid == p->tgid && !(flags & O_NOCTTY) && facts->path.stored > 5 && !memcmp(path, "/dev/", 5) && S_ISCHR(facts->mode))
		return UNSETTLED_TERMINAL;
	for (size_t n = 0; (flags & O_ACCMODE) != O_RDONLY && n < sizeof(rows) / sizeof(*rows); n++) {
		const size_t size = strlen(rows[n].end);

		if (facts->path.stored > size && !memcmp(path + facts->path.stored - size, rows[n].end, size) &&
		    (!memcmp(path, "/proc/", 6) || rows[n].what == UNSETTLED_CGROUP))
			return rows[n].what;
	}
	return 0;
}

/* Where the process is now, for the time when it cannot be asked any more. */
void emit_remember_place(struct process *p, const struct arena *arena, struct text cwd)
{
	const char *text = arena_at(arena, cwd.at);

	if (!cwd.stored || (p->cwd && strlen(p->cwd) == cwd.stored && !memcmp(p->cwd, text, cwd.stored)))
		return;
	free(p->cwd);
	p->cwd = strndup(text, cwd.stored);
}

/* Facts of the process that the act has changed, for the time when it cannot be asked any more. */
static void remember_act(struct task *task, const struct act *act, int64_t result)
{
	static const struct {
		unsigned event, cwd, root, comm;
	} rows[] = {
		{EVENT_CHDIR, CHDIR_CWD, ACT_COLUMNS, ACT_COLUMNS},
		{EVENT_PIVOT_ROOT, PIVOT_ROOT_CWD, PIVOT_ROOT_ROOT, ACT_COLUMNS},
		{EVENT_SETNS, SETNS_CWD, SETNS_ROOT, ACT_COLUMNS},
		{EVENT_CHROOT, ACT_COLUMNS, CHROOT_ROOT, ACT_COLUMNS},
		{EVENT_PRCTL, ACT_COLUMNS, ACT_COLUMNS, PRCTL_COMM},
	};
	struct process *p = task->process;
	const struct arena *arena = &task->pending.arena;

	if (result >= 0 && act->call->event == EVENT_OPEN)
		p->unsettled |= opened_for(p, arena, act);
	else if (result >= 0 && act->call->event == EVENT_IOCTL && (task->pending.args[1] == TIOCSCTTY || task->pending.args[1] == TIOCNOTTY))
		p->unsettled |= UNSETTLED_TERMINAL;
	else if (result >= 0 && act->call->event == EVENT_SETSID) {
		p->sid = p->tgid;
		p->tty[0] = 0;
	}
	if (result >= 0 && act->call->event == EVENT_FSOPEN && act->values[FSOPEN_FS_TYPE].type == VALUE_TEXT) {
		struct text given = act->values[FSOPEN_FS_TYPE].text;
		char type[64];

		snprintf(type, sizeof(type), "%.*s", (int)given.stored, (const char *)arena_at(arena, given.at));
		mounts_context(p->tgid, (int)result, type);
	} else if (result >= 0 && act->call->event == EVENT_FSMOUNT) {
		struct statx facts;
		char link[64];

		snprintf(link, sizeof(link), "/proc/%d/fd/%d", task->tid, (int)result);
		if (!errand_facts(link, 0, STATX_TYPE, &facts))
			mounts_made(p->tgid, (int)task->pending.args[0], (uint64_t)facts.stx_dev_major << 32 | facts.stx_dev_minor);
	}
	for (size_t n = 0; result >= 0 && n < sizeof(rows) / sizeof(*rows); n++) {
		if (act->call->event != rows[n].event)
			continue;
		if (rows[n].cwd < ACT_COLUMNS && act->values[rows[n].cwd].type == VALUE_TEXT)
			emit_remember_place(p, arena, act->values[rows[n].cwd].text);
		if (rows[n].root < ACT_COLUMNS && act->values[rows[n].root].type == VALUE_TEXT) {
			struct text root = act->values[rows[n].root].text;
			snprintf(p->root.path, sizeof(p->root.path), "%.*s", (int)root.stored, (const char *)arena_at(arena, root.at));
		}
		if (rows[n].comm < ACT_COLUMNS && act->values[rows[n].comm].type == VALUE_TEXT && task->tid == p->tgid) {
			struct text comm = act->values[rows[n].comm].text;
			if (comm.stored)
				snprintf(p->comm, sizeof(p->comm), "%.*s", (int)comm.stored, (const char *)arena_at(arena, comm.at));
		}
	}
}

/* The folder that a name of this call begins in, as text; empty: it is no relative name of a file. */
static void base_of(struct tracer *tracer, struct task *task, const struct act *act, unsigned column, struct text name, char *base, size_t room)
{
	const struct catalogue_capture *captures = calls_captures(act->call);
	unsigned place = ARGUMENT_NONE, count = act->call->capture_count;

	base[0] = 0;
	for (unsigned n = 0; n < count; n++)
		if (captures[n].column == column && captures[n].kind == CAPTURE_STRING)
			place = captures[n].args[0];
	for (unsigned n = 0; n < count && place != ARGUMENT_NONE; n++)
		if ((captures[n].kind == CAPTURE_PATH || captures[n].kind == CAPTURE_OPENED) && captures[n].args[1] == place) {
			struct path_task at = {task->tid, task->process->tgid, &task->process->root, &tracer->mounts};
			path_base(&at, *(const char *)arena_at(&task->pending.arena, name.at) == '/' && !capture_in_root(task, &captures[n]), (int32_t)capture_argument(task, captures[n].args[0]), base, room);
			return;
		}
}

/* A name, as a program gave it, of a file whose path is hidden would tell what the path does not. */
static bool names_hidden(struct tracer *tracer, struct task *task, const struct act *act, unsigned columns, unsigned column)
{
	const struct arena *arena = &task->pending.arena;
	const struct text name = act->values[column].text;
	const char *given = arena_at(arena, name.at);
	const char *end = given + name.stored, *last;
	char base[PATH_BYTES], joined[2 * PATH_BYTES + 2];

	while (end > given && end[-1] == '/')
		end--;
	for (last = end; last > given && last[-1] != '/'; last--)
		;
	for (unsigned n = 0; n < columns && last < end; n++) {
		const struct file_facts *facts = act->values[n].type == VALUE_FILE ? arena_at(arena, act->values[n].at) : NULL;
		const char *path = facts ? arena_at(arena, facts->path.at) : NULL;
		const size_t size = (size_t)(end - last);

		if (facts && facts->path.stored >= size && !memcmp(path + facts->path.stored - size, last, size) && hidden_path(&tracer->options, path, facts->path.stored))
			return true;
	}
	if (!name.stored)
		return false;
	base_of(tracer, task, act, column, name, base, sizeof(base));
	if (!base[0])
		return false;
	snprintf(joined, sizeof(joined), "%s/%.*s", base, (int)(name.stored < PATH_BYTES ? name.stored : PATH_BYTES), given);
	return hidden_path(&tracer->options, joined, (uint32_t)strlen(joined));
}

/* The name of a program is one of a file. */
uint32_t emit_comm(struct tracer *tracer, const struct image *image, const char *comm)
{
	const struct file_facts *files[] = {&image->file, image->has_interpreter ? &image->interpreter : NULL};
	const size_t size = strlen(comm);

	for (unsigned n = 0; tracer->frame.hidden && size && n < 2 && files[n]; n++) {
		const char *path = arena_at(&image->arena, files[n]->path.at);
		const char *slash = files[n]->path.stored ? memrchr(path, '/', files[n]->path.stored) : NULL;

		if (slash && path + files[n]->path.stored - slash > (ptrdiff_t)size && !memcmp(slash + 1, comm, size) && hidden_path(tracer->frame.hidden, path, files[n]->path.stored))
			return frame_string(&tracer->frame, REDACTED);
	}
	return frame_string(&tracer->frame, comm);
}

/* The path by which a program was started, absolute: it may be somewhere else by now. */
uint32_t emit_name(struct frame *frame, const struct image *image)
{
	const char *named = arena_at(&image->arena, image->named.at), *cwd = arena_at(&image->arena, image->cwd.at);
	char path[2 * PATH_BYTES + 2];
	int length;

	if (!image->named.stored || named[0] == '/' || !image->cwd.stored)
		return frame_text(frame, &image->arena, image->named);
	length = snprintf(path, sizeof(path), "%.*s/%.*s", (int)image->cwd.stored, cwd, (int)image->named.stored, named);
	return frame_bytes(frame, path, (uint32_t)length, (uint32_t)length + image->named.original - image->named.stored);
}

/* The same as it was given, if it is not to be hidden. */
static uint32_t given_name(struct frame *frame, const struct process *p, const struct image *image, const struct arena *arena, struct text cwd)
{
	const char *named = arena_at(&image->arena, image->named.at);
	char path[2 * PATH_BYTES + 2];

	if (frame->hidden && image->named.stored) {
		const bool absolute = named[0] == '/';
		snprintf(path, sizeof(path), "%.*s/%.*s", absolute ? (int)strlen(p->root.path) : (int)cwd.stored, absolute ? p->root.path : (const char *)arena_at(arena, cwd.at),
			 (int)image->named.stored, named);
		if (hidden_path(frame->hidden, path, (uint32_t)strlen(path)))
			return frame_string(frame, path);
	}
	return frame_text(frame, &image->arena, image->named);
}

void emit_act(struct tracer *tracer, struct task *task, const struct act *act, int64_t result, uint64_t time, uint32_t flags)
{
	const struct catalogue_event *event = calls_event(act->call->event);
	const struct catalogue_column *columns = calls_columns(event);
	struct frame_head head = head_of(task, act->call->event, result, flags);
	uint32_t words[FRAME_WORDS_MAX] = {0};

	if (task->process->unsettled)
		emit_settle(tracer, task->process);
	must(event->words <= FRAME_WORDS_MAX && event->column_count <= ACT_COLUMNS);
	for (unsigned n = 0; n < event->column_count; n++) {
		const struct value *value = &act->values[n];

		if (value->missing) {
			head.missing |= 1u << n;
			head.flags |= EVENT_CUT;
			atomic_fetch_add_explicit(&tracer->counters.missing, 1, memory_order_relaxed);
		}
		if (value->type == VALUE_TEXT && value->text.stored < value->text.original)
			head.flags |= EVENT_CUT;
		if (value->type == VALUE_NUMBER) {
			words[columns[n].word] = (uint32_t)value->number;
			if (columns[n].type == COLUMN_U64 || columns[n].type == COLUMN_I64)
				words[columns[n].word + 1] = (uint32_t)(value->number >> 32);
		} else if (value->type == VALUE_TEXT && tracer->frame.hidden && names_hidden(tracer, task, act, event->column_count, n)) {
			words[columns[n].word] = frame_string(&tracer->frame, REDACTED);
		} else if (value->type != VALUE_ABSENT) {
			words[columns[n].word] = emit_value(tracer, task->process, &task->pending.arena, value);
		}
	}
	if (act->call->event == EVENT_CHOWN) {
		/* Rules read the names of the owner that was asked for, too. */
		emit_account(tracer, false, words[columns[CHOWN_UID].word]);
		emit_account(tracer, true, words[columns[CHOWN_GID].word]);
	}
	head_of_call(&head, task);
	written(tracer, &head, time, words, event->words);
	remember_act(task, act, result);
	if (task->process->unsettled & UNSETTLED_TERMINAL)
		emit_settle(tracer, task->process);
}

void emit_syscall(struct tracer *tracer, struct task *task, int64_t result, uint64_t time, uint32_t flags)
{
	struct frame_head head = head_of(task, EVENT_SYSCALL, result, flags);
	uint32_t words[12];

	for (unsigned n = 0; n < 6; n++)
		put64(words + 2 * n, task->pending.args[n]);
	head_of_call(&head, task);
	written(tracer, &head, time, words, 12);
}

void emit_exec(struct tracer *tracer, struct task *task, const struct image *image, pid_t caller, int64_t result, uint64_t time, uint32_t flags, uint32_t missing_columns)
{
	struct process *p = task->process;
	struct frame *frame = &tracer->frame;
	struct path_task place = {task->tid, p->tgid, &p->root, &tracer->mounts};
	struct frame_head head = head_of(task, EVENT_EXEC, result, flags);
	uint32_t words[EXEC_WORDS] = {0};
	const struct catalogue_column *columns = calls_columns(calls_event(EVENT_EXEC));
	struct arena arena = {0};
	struct text cwd;

	/* A new image is told with all that it has. */
	if (p->unsettled & UNSETTLED_TERMINAL)
		p->tty_session = 0;
	if (result == 0)
		p->unsettled = 0;
	else if (p->unsettled)
		emit_settle(tracer, p);
#define AT(column) words[columns[column].word]
	emit_identify(tracer, p);
	process_standing(tracer, p);
	cwd = path_directory(&place, false, &arena);
	path_root_read(&place);
	AT(EXEC_FILE) = emit_file(tracer, &image->arena, &image->file);
	AT(EXEC_NAMED) = given_name(frame, p, image, &arena, cwd);
	AT(EXEC_ARGV) = frame_list(frame, &image->arena, image->argv);
	AT(EXEC_ENVP) = frame_list(frame, &image->arena, image->envp);
	if (image->has_interpreter)
		AT(EXEC_INTERPRETER) = emit_file(tracer, &image->arena, &image->interpreter);
	AT(EXEC_CREDENTIALS) = p->credentials_id;
	AT(EXEC_NAMESPACES) = p->namespaces_id;
	AT(EXEC_CONTEXT) = p->context_id;
	AT(EXEC_CWD) = frame_text(frame, &arena, cwd);
	if (strcmp(p->root.path, "/"))
		AT(EXEC_ROOT) = frame_string(frame, p->root.path);
	AT(EXEC_COMM) = emit_comm(tracer, result == 0 || !p->image ? image : p->image, result == 0 ? image->comm : p->comm);
	AT(EXEC_TTY) = frame_string(frame, p->tty);
	AT(EXEC_PPID) = (uint32_t)p->ppid;
	AT(EXEC_SID) = (uint32_t)p->sid;
	AT(EXEC_PGID) = (uint32_t)p->pgid;
	AT(EXEC_OWN_PID) = (uint32_t)p->own_pid;
	put64(&AT(EXEC_START_TIME), p->start_time);
	AT(EXEC_CALLER_TID) = (uint32_t)caller;
	if (result == 0) {
		emit_remember_place(p, &arena, cwd);
		AT(EXEC_IMAGE) = p->life->number;
	}
#undef AT
	head_of_call(&head, task);
	head.missing = missing_columns;
	written(tracer, &head, time, words, EXEC_WORDS);
	if (result == 0) {
		p->life->created = lineage_wall(tracer, frame->last_time);
		lineage_settle_former(p);
	}
	arena_free(&arena);
}

void emit_fork(struct tracer *tracer, struct task *parent, const struct fork_facts *facts, uint64_t time)
{
	const struct catalogue_column *columns = calls_columns(calls_event(EVENT_FORK));
	struct frame_head head = head_of(parent, EVENT_FORK, facts->child_tid, 0);
	struct process *child = facts->child;
	uint32_t words[FORK_WORDS] = {0};

	if (parent->process->unsettled)
		emit_settle(tracer, parent->process);
	head.nr = facts->nr;
	head.arch = facts->arch;
	words[columns[FORK_CHILD].word] = (uint32_t)child->tgid;
	words[columns[FORK_CHILD_TID].word] = (uint32_t)facts->child_tid;
	put64(&words[columns[FORK_FLAGS].word], facts->clone_flags);
	words[columns[FORK_EXIT_SIGNAL].word] = facts->exit_signal;
	words[columns[FORK_PPID].word] = (uint32_t)child->ppid;
	words[columns[FORK_OWN_PID].word] = (uint32_t)child->own_pid;
	put64(&words[columns[FORK_CHILD_START].word], child->start_time);
	if (child != parent->process && !child->namespaces_known) {
		emit_identify(tracer, child);
		words[columns[FORK_NAMESPACES].word] = child->namespaces_id;
	}
	if (child != parent->process)
		words[columns[FORK_IMAGE].word] = child->life->number;
	written(tracer, &head, time, words, FORK_WORDS);
	if (child != parent->process)
		child->life->created = lineage_wall(tracer, tracer->frame.last_time);
}

void emit_exit(struct tracer *tracer, struct task *task, const struct stop *stop, uint64_t time, uint64_t user_ns, uint64_t system_ns, uint64_t max_memory)
{
	const struct catalogue_column *columns = calls_columns(calls_event(EVENT_EXIT));
	struct frame_head head = head_of(task, EVENT_EXIT, 0, 0);
	uint32_t words[EXIT_WORDS] = {0};

	/* The dead have neither cgroup nor terminal. */
	task->process->unsettled &= UNSETTLED_COMM | UNSETTLED_LOGIN;
	if (task->process->unsettled)
		emit_settle(tracer, task->process);
	if (stop->kind == STOP_EXITED) {
		words[columns[EXIT_CODE].word] = (uint32_t)stop->signal;
	} else {
		words[columns[EXIT_SIGNAL].word] = (uint32_t)stop->signal;
		words[columns[EXIT_CAUSE].word] = stop->core ? 1 : 2;
	}
	words[columns[EXIT_GROUP].word] = task->process->tasks <= 1;
	put64(&words[columns[EXIT_CPU_USER].word], user_ns);
	put64(&words[columns[EXIT_CPU_SYSTEM].word], system_ns);
	put64(&words[columns[EXIT_MAX_MEMORY].word], max_memory);
	written(tracer, &head, time, words, EXIT_WORDS);
}

static const struct task unseen = {.pending = {.nr = -1}};

void emit_found(struct tracer *tracer, struct process *process, bool fresh)
{
	struct task task = unseen;
	int64_t created = process->life->created;
	uint32_t missing = 0;

	task.tid = process->tgid;
	task.process = process;
	if (!process->image->argv.original)
		missing |= 1u << EXEC_ARGV;
	if (!process->image->envp.original)
		missing |= 1u << EXEC_ENVP;
	emit_exec(tracer, &task, process->image, process->tgid, 0, boot_time(), EVENT_SNAPSHOT, missing);
	if (fresh)
		process->life->created = created;
}

void emit_vanished(struct tracer *tracer, struct process *process)
{
	const struct catalogue_column *columns = calls_columns(calls_event(EVENT_EXIT));
	struct task task = unseen;
	struct frame_head head;
	uint32_t words[EXIT_WORDS] = {0};

	task.tid = process->tgid;
	task.process = process;
	head = head_of(&task, EVENT_EXIT, 0, EVENT_SNAPSHOT | EVENT_RESULT_UNKNOWN);
	words[columns[EXIT_GROUP].word] = 1;
	written(tracer, &head, boot_time(), words, EXIT_WORDS);
}
