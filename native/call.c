#include "call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "capture.h"
#include "emit.h"
#include "errand.h"
#include "filter.h"
#include "guard.h"
#include "holding.h"
#include "lineage.h"
#include "process.h"
#include "remote.h"

#define X32_BIT 0x40000000
#define MOUNTS_NOTHING (32u | 15u << 17)
#define HANDLER_BYTES 32768
#define RESTART_FIRST 512
#define RESTART_LAST 516

static bool is_restart(int64_t result)
{
	return result <= -RESTART_FIRST && result >= -RESTART_LAST;
}

/* The words of a socketcall() of i386 lie in memory, and its first argument says which call it is. */
static int32_t unfold_socketcall(struct task *task)
{
	static const struct {
		int16_t nr;
		uint8_t words;
	} calls[] = {{0, 0}, {359, 3}, {361, 3}, {362, 3}, {363, 2}, {364, 3}, {367, 3}, {368, 3}, {360, 4}, {-1, 4}, {-1, 4}, {369, 6},
		     {371, 6}, {373, 2}, {366, 5}, {365, 5}, {370, 3}, {372, 3}, {364, 4}, {337, 5}, {345, 4}};
	uint32_t which = (uint32_t)task->pending.args[0];
	uint32_t words[6] = {0};

	if (which >= sizeof(calls) / sizeof(*calls) || !calls[which].words)
		return -1;
	if (!remote_exact(task->tid, task->pending.args[1], words, calls[which].words * 4u))
		return -1;
	for (unsigned n = 0; n < 6; n++)
		task->pending.args[n] = words[n];
	return calls[which].nr;
}

/* Architecture of the head, and index and number to look the row up by. -1: no table. */
static int place(const struct call_view *view, struct pending *p, int64_t *nr)
{
	int arch = calls_arch_of(view->audit);

	*nr = view->nr;
	p->narrow = false;
	if (arch < 0) {
		p->arch = 5;
		p->narrow = true;
		return -1;
	}
	p->arch = calls_arch((unsigned)arch)->head;
	p->narrow = arch == ARCH_I386;
	if (arch == ARCH_X86_64 && view->nr >= X32_BIT) {
		p->arch = HEAD_ARCH_X32;
		*nr = view->nr & ~(int64_t)X32_BIT;
		/* From 512 on it has numbers of its own; below, those of x86_64. */
		return *nr < 512 ? arch : -1;
	}
	return arch;
}

bool call_is_selected(const struct tracer *tracer, const struct call_view *view)
{
	struct pending p = {0};
	int64_t nr;
	int arch = place(view, &p, &nr);
	const struct call_list *list = arch < 0 ? NULL : calls_find(tracer->selection, (unsigned)arch, nr);

	return arch < 0 || calls_is_newer((unsigned)arch, nr) || (list && filter_selects(tracer->selection, list, view->args, p.narrow));
}

static bool same_call(const struct pending *p, const struct call_view *view)
{
	return p->nr == (int32_t)view->nr && p->instruction == view->instruction && !memcmp(p->args, view->args, sizeof(p->args));
}

static void write_unfinished(struct tracer *tracer, struct task *task, int64_t result, uint32_t flags)
{
	struct pending *p = &task->pending;
	uint64_t time = p->phase == PHASE_INTERRUPTED ? p->left : boot_time();

	for (unsigned n = 0; n < p->act_count; n++) {
		struct act *act = &p->acts[n];

		if (act->opened)
			continue;
		if (act->call->event == EVENT_EXEC) {
			uint32_t missing = 1u << EXEC_FILE | 1u << EXEC_ARGV | 1u << EXEC_ENVP;
			struct image nothing = {0};

			nothing.named = act->values[EXEC_NAMED].type == VALUE_TEXT ? act->values[EXEC_NAMED].text : nothing.named;
			nothing.arena = p->arena;
			emit_exec(tracer, task, &nothing, task->tid, result, time, flags | EVENT_CUT, missing);
		} else {
			emit_act(tracer, task, act, result, time, flags);
		}
	}
}

/* The interrupted call was not entered again: to the program it returned EINTR. */
static void settle_interrupted(struct tracer *tracer, struct task *task, uint32_t flags)
{
	if (task->pending.phase == PHASE_INTERRUPTED) {
		write_unfinished(tracer, task, -EINTR, flags);
		pending_clear(&task->pending);
	}
}

static void settle_suspended(struct tracer *tracer, struct task *task, uint32_t flags)
{
	struct pending running = task->pending;

	if (!task->suspended)
		return;
	task->pending = *task->suspended;
	free(task->suspended);
	task->suspended = NULL;
	settle_interrupted(tracer, task, flags);
	arena_free(&task->pending.arena);
	task->pending = running;
}

/*
 * A handler may have a stack of its own, above the one that was interrupted. Where the kernel goes back to
 * from there lies in the frame that it made for the handler: the instruction that makes the call once more.
 */
static bool is_gone_back_to(struct task *task, const struct call_view *view, const struct pending *p)
{
	static uint8_t stack[HANDLER_BYTES];
	const uint64_t again = p->instruction - (p->arch == HEAD_ARCH_AARCH64 ? 4 : 2);
	const uint32_t width = p->narrow ? 4 : 8, got = remote_read(task->tid, view->stack, stack, sizeof(stack));

	for (uint32_t at = 0; at + width <= got; at += 4) {
		uint64_t word = 0;

		memcpy(&word, stack + at, width);
		if (word == again)
			return true;
	}
	return false;
}

/*
 * After -ERESTART* the program sees one of three things: the call is entered again at once; a handler
 * runs, which may make calls of its own deeper on the stack, and then the call is entered again; or the
 * call returns EINTR. Only what comes next tells. True: this is the interrupted call, entered again.
 */
static bool is_entered_again(struct tracer *tracer, struct task *task, const struct call_view *view)
{
	struct pending *p = &task->pending;

	if (p->phase == PHASE_INTERRUPTED) {
		if (same_call(p, view)) {
			p->phase = PHASE_IN_CALL;
			return true;
		}
		if (!task->suspended && (view->stack < p->stack || is_gone_back_to(task, view, p))) {
			task->suspended = grab(sizeof(*p));
			*task->suspended = *p;
			memset(p, 0, sizeof(*p));
		} else {
			settle_interrupted(tracer, task, 0);
		}
	}
	if (task->suspended && same_call(task->suspended, view)) {
		arena_free(&p->arena);
		*p = *task->suspended;
		free(task->suspended);
		task->suspended = NULL;
		p->phase = PHASE_IN_CALL;
		return true;
	}
	if (task->suspended && view->stack >= task->suspended->stack && !is_gone_back_to(task, view, task->suspended))
		settle_suspended(tracer, task, 0);
	return false;
}

void call_enter(struct tracer *tracer, struct task *task, const struct call_view *view)
{
	struct pending *p = &task->pending;
	const struct call_list *list;
	int64_t nr;
	int arch, error;

	if (is_entered_again(tracer, task, view))
		return;
	pending_clear(p);
	p->nr = (int32_t)view->nr;
	p->instruction = view->instruction;
	p->stack = view->stack;
	memcpy(p->args, view->args, sizeof(p->args));
	p->began = boot_time();
	arch = place(view, p, &nr);
	if (task->starting)
		return;
	if (arch < 0) {
		guard_blind_spot(tracer, task, BLIND_SPOT_FOREIGN_ABI, "system calls of an ABI without a table: recorded as number and words");
		p->phase = PHASE_IN_CALL;
		p->want_exit = p->generic = true;
		return;
	}
	if (calls_is_newer((unsigned)arch, nr)) {
		p->phase = PHASE_IN_CALL;
		p->want_exit = p->generic = true;
		p->refused = guard_newer(tracer, task, nr) && registers_refuse(task->tid, -EPERM);
		return;
	}
	list = calls_find(tracer->selection, (unsigned)arch, nr);
	if (!list)
		return;
	if (list->special == SPECIAL_SOCKETCALL) {
		int32_t real = unfold_socketcall(task);
		list = real < 0 ? NULL : calls_find(tracer->selection, (unsigned)arch, real);
		if (!list)
			return;
	}
	for (unsigned n = 0; n < list->count && p->act_count < ACTS; n++) {
		const struct catalogue_call *call = calls_at(tracer->selection, list, n);
		struct act *act = &p->acts[p->act_count];
		bool changed = false;

		if (!calls_hold(tracer->selection, call, p->args, p->narrow))
			continue;
		p->act_count++;
		act->call = call;
		act->opened = false;
		memset(act->values, 0, sizeof(act->values));
		if (call->event == EVENT_EXEC) {
			/* Only the name: all else is read when the outcome is known. */
			const struct catalogue_capture *captures = calls_captures(call);
			for (unsigned k = 0; k < call->capture_count; k++)
				if (captures[k].column == EXEC_NAMED) {
					struct text text;
					uint64_t pointer = capture_argument(task, captures[k].args[0]);
					if (pointer && remote_text(task->tid, pointer, BOUND_STRING, BOUND_STRING, &p->arena, &text))
						act->values[EXEC_NAMED] = (struct value){.type = VALUE_TEXT, .text = text};
				}
		} else {
			capture_act(tracer, task, act, false, 0, &changed);
			guard_unread(tracer, task, act, false);
		}
		if (call->gate == GATE_OFFSET_ZERO && !capture_gate(tracer, task, act)) {
			p->act_count--;
			continue;
		}
		if (call->result == RESULT_ENTRY) {
			emit_act(tracer, task, act, 0, p->began, EVENT_ENTRY_ONLY);
			act->opened = true;
		} else {
			p->want_exit = true;
		}
	}
	/* A number that we never stop: somebody else's filter asked for a tracer. As if there were none. */
	if (tracer->use_filter && !p->act_count && !filter_selects(tracer->selection, list, p->args, p->narrow)) {
		registers_refuse(task->tid, -ENOSYS);
		guard_blind_spot(tracer, task, BLIND_SPOT_FOREIGN_FILTER, "a filter of the program asks for a tracer: answered as if there were none");
		return;
	}
	if (list->special == SPECIAL_ROOTS)
		holding_drop();
	if (list->special >= SPECIAL_ROOTS || list->special == SPECIAL_FAULTS || list->special == SPECIAL_TAKE)
		p->want_exit = true;
	for (unsigned n = CALLS_TYPING; list->special == SPECIAL_COMMAND && n < calls_commands.count; n++)
		if ((uint32_t)p->args[1] == calls_commands.values[n] && !p->act_count)
			p->want_exit = p->generic = true;
	error = guard_enter(tracer, task, list);
	if (error && registers_refuse(task->tid, -error)) {
		p->refused = p->want_exit = true;
		if (!p->act_count)
			p->generic = true;
	}
	if (p->want_exit)
		p->phase = PHASE_IN_CALL;
}

static const struct call_list *list_of(struct tracer *tracer, const struct pending *p)
{
	int arch = calls_arch_of_head(p->arch);

	return arch < 0 ? NULL : calls_find(tracer->selection, (unsigned)arch, p->nr & ~X32_BIT);
}

/* State that the call has changed, whether or not its event is selected. */
static void apply_effects(struct tracer *tracer, struct task *task)
{
	struct pending *p = &task->pending;
	struct process *process = task->process;
	const struct call_list *list = list_of(tracer, p);

	if (!list)
		return;
	switch (list->special) {
	case SPECIAL_ROOTS:
		path_roots_changed();
		mounts_changed(&tracer->mounts);
		errand_look(task->tid);
		process->namespaces_known = process->context_known = false;
		process->credentials_known = false;
		/* Of one thread only, perhaps (CLONE_FS). */
		process->root.split |= process->tasks > 1;
		break;
	case SPECIAL_IDENTITY:
		process->credentials_known = false;
		break;
	case SPECIAL_SESSION:
		process->tty_session = 0;
		break;
	default:
		break;
	}
}

/*
 * The call took a name away, and it is there still; it made one, and there is none; it changed a file, whose
 * time of change is as before: then the kernel read another name, and whoever wrote that put the first one
 * back before it was read again.
 */
static bool is_contradicted(struct tracer *tracer, struct task *task, const struct act *act)
{
	struct path_task place = capture_place(tracer, task);
	const struct arena *arena = &task->pending.arena;
	const struct value *gone = NULL, *made = NULL, *changed = NULL, *resized = NULL, *covered = NULL;

	switch (act->call->event) {
	case EVENT_UNLINK:
		gone = &act->values[UNLINK_FILE];
		break;
	case EVENT_RMDIR:
		gone = &act->values[RMDIR_FILE];
		break;
	case EVENT_RENAME:
		gone = &act->values[RENAME_FILE];
		made = &act->values[RENAME_DESTINATION];
		break;
	case EVENT_MKDIR:
		made = &act->values[MKDIR_FILE];
		break;
	case EVENT_MKNOD:
		made = &act->values[MKNOD_FILE];
		break;
	case EVENT_LINK:
		made = &act->values[LINK_DESTINATION];
		if (act->values[LINK_SYMBOLIC].type != VALUE_NUMBER || !act->values[LINK_SYMBOLIC].number)
			changed = &act->values[LINK_FILE];
		break;
	case EVENT_CHMOD:
		changed = &act->values[CHMOD_FILE];
		break;
	case EVENT_CHOWN:
		changed = &act->values[CHOWN_FILE];
		break;
	case EVENT_UTIMES:
		/* UTIME_OMIT twice changes nothing. */
		if (act->values[UTIMES_ACCESS_TIME].type == VALUE_NUMBER || act->values[UTIMES_MODIFICATION_TIME].type == VALUE_NUMBER)
			changed = &act->values[UTIMES_FILE];
		break;
	case EVENT_TRUNCATE:
		resized = &act->values[TRUNCATE_FILE];
		break;
	case EVENT_SETXATTR:
		changed = &act->values[SETXATTR_FILE];
		break;
	case EVENT_REMOVEXATTR:
		changed = &act->values[REMOVEXATTR_FILE];
		break;
	case EVENT_MOUNT:
		/* MS_REMOUNT and the four kinds of propagation mount nothing. */
		if (act->values[MOUNT_FLAGS].type == VALUE_NUMBER && !(act->values[MOUNT_FLAGS].number & MOUNTS_NOTHING))
			covered = &act->values[MOUNT_MOUNTPOINT];
		break;
	case EVENT_UMOUNT:
		covered = &act->values[UMOUNT_MOUNTPOINT];
		break;
	default:
		break;
	}
	if (resized && resized->type == VALUE_FILE && act->values[TRUNCATE_LENGTH].type == VALUE_NUMBER &&
	    path_kept_size(&place, arena, arena_at(arena, resized->at), act->values[TRUNCATE_LENGTH].number))
		return true;
	if (covered && covered->type == VALUE_FILE && path_same_mount(&place, arena, arena_at(arena, covered->at)))
		return true;
	return (gone && gone->type == VALUE_FILE && path_still_there(&place, arena, arena_at(arena, gone->at))) ||
	       (made && made->type == VALUE_FILE && !made->missing && !(((struct file_facts *)arena_at(arena, made->at))->flags & FACT_EXISTS)) ||
	       (changed && changed->type == VALUE_FILE && path_untouched(&place, arena, arena_at(arena, changed->at)));
}

void call_leave(struct tracer *tracer, struct task *task, int64_t result)
{
	struct pending *p = &task->pending;
	const struct call_list *list;
	uint64_t time;

	if (p->phase != PHASE_IN_CALL)
		return;
	if (is_restart(result)) {
		p->phase = PHASE_INTERRUPTED;
		p->left = boot_time();
		return;
	}
	time = boot_time();
	if (result >= 0)
		apply_effects(tracer, task);
	if (p->generic)
		emit_syscall(tracer, task, result, time, p->refused ? EVENT_REFUSED : 0);
	for (unsigned n = 0; n < p->act_count; n++) {
		struct act *act = &p->acts[n];
		bool changed = false;

		if (act->opened)
			continue;
		if (act->call->event == EVENT_EXEC) {
			uint32_t missing = 0;
			struct image *image;

			/* Whether it could be executed (AT_EXECVE_CHECK): nothing was. */
			if (result >= 0) {
				emit_syscall(tracer, task, result, time, 0);
				continue;
			}
			image = image_asked(tracer, task, result, &missing);
			emit_exec(tracer, task, image, task->tid, result, time, missing ? EVENT_CUT : 0, missing);
			image_drop(image);
			continue;
		}
		capture_act(tracer, task, act, true, result, &changed);
		guard_unread(tracer, task, act, result >= 0);
		if (act->call->gate != GATE_OFFSET_ZERO && !capture_gate(tracer, task, act))
			continue;
		if (!result)
			changed |= is_contradicted(tracer, task, act) || ((task->process->tasks > 1 || task->process->shares_files) && capture_turned(tracer, task, act));
		emit_act(tracer, task, act, result, time, (changed ? EVENT_ARGUMENT_CHANGED : 0) | (p->refused ? EVENT_REFUSED : 0));
	}
	list = list_of(tracer, p);
	if (list)
		guard_leave(tracer, task, list, result);
	pending_clear(p);
}

void call_abandon(struct tracer *tracer, struct task *task)
{
	if (task->suspended && task->process)
		settle_suspended(tracer, task, EVENT_RESULT_UNKNOWN);
	if (task->pending.phase == PHASE_RUNNING || !task->process || task->starting)
		return;
	write_unfinished(tracer, task, -EINTR, EVENT_RESULT_UNKNOWN);
	pending_clear(&task->pending);
}

void call_executed(struct tracer *tracer, struct task *task, pid_t caller)
{
	struct process *process = task->process;
	struct call_view view = {0};
	struct image *image;
	bool changed = false;
	uint32_t missing = 0;

	if (!registers_call(task->tid, 0, &view))
		return;
	image = image_after_exec(tracer, task, view.stack, view.audit == calls_arch(ARCH_I386)->audit, &changed, &missing);
	lineage_executes(tracer, process);
	image_drop(process->image);
	process->image = image;
	process->execed = true;
	process->shares_memory = process->shares_files = process->root.split = false;
	task->starting = false;
	tracer->started = true;
	process_after_exec(tracer, process);
	emit_exec(tracer, task, image, caller, 0, image->exec_time, (changed ? EVENT_ARGUMENT_CHANGED : 0) | (missing ? EVENT_CUT : 0), missing);
	memcpy(process->comm, image->comm, sizeof(image->comm));
	pending_clear(&task->pending);
}
