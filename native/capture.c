#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "errand.h"
#include "guard.h"
#include "holding.h"
#include "remote.h"

static const struct value absent = {.type = VALUE_ABSENT};
static const struct value missing = {.type = VALUE_ABSENT, .missing = true};

uint64_t capture_argument(const struct task *task, unsigned place)
{
	if (place == ARGUMENT_CWD)
		return (uint64_t)(int64_t)AT_FDCWD;
	if (place >= 6)
		return 0;
	return task->pending.narrow ? (uint32_t)task->pending.args[place] : task->pending.args[place];
}

struct path_task capture_place(struct tracer *tracer, struct task *task)
{
	return (struct path_task){task->tid, task->process->tgid, &task->process->root, &tracer->mounts};
}

static struct value file_value(struct arena *arena, const struct file_facts *facts)
{
	struct value value = {.type = VALUE_FILE};

	value.at = arena_add(arena, facts, sizeof(*facts));
	value.missing = !path_is_told(facts);
	return value;
}

static int fd_argument(const struct capture_site *site, unsigned n)
{
	return (int32_t)capture_argument(site->task, site->row->args[n]);
}

static struct value descriptor(const struct capture_site *site, int fd)
{
	struct path_task place = capture_place(site->tracer, site->task);
	struct file_facts facts;

	if (fd == AT_FDCWD) {
		char link[48];
		snprintf(link, sizeof(link), "/proc/%d/cwd", site->task->tid);
		return path_of_link(&place, link, site->arena, &facts) ? file_value(site->arena, &facts) : missing;
	}
	return path_of_descriptor(&place, fd, site->arena, &facts) ? file_value(site->arena, &facts) : missing;
}

/* A result that rules do not see is told cheaply: its path is folded as text, not resolved. */
static bool is_shown(const struct capture_site *site)
{
	return !site->at_exit || site->result >= 0 || site->result == -EACCES || site->result == -EPERM;
}

bool capture_in_root(const struct task *task, const struct catalogue_capture *row)
{
	uint64_t how[3];

	return row->param & PATH_OPEN_HOW && remote_exact(task->tid, capture_argument(task, row->args[2]), how, sizeof(how)) && how[2] & RESOLVE_IN_ROOT;
}

static struct value path(const struct capture_site *site)
{
	struct path_task place = capture_place(site->tracer, site->task);
	uint64_t pointer = capture_argument(site->task, site->row->args[1]);
	uint64_t flags = site->row->args[2] == ARGUMENT_NONE || site->row->param & PATH_OPEN_HOW ? 0 : capture_argument(site->task, site->row->args[2]);
	uint32_t mode = site->row->param;
	bool follow = (mode & PATH_FOLLOW) != 0;
	struct file_facts facts;
	char name[PATH_BYTES + 1];
	bool whole;
	int32_t length;

	if (mode & PATH_NOFOLLOW_FLAG && flags & 0x100)
		follow = false;
	if (mode & PATH_FOLLOW_FLAG)
		follow = (flags & 0x400) != 0;
	if (!pointer)
		return mode & PATH_NULL_IS_DESCRIPTOR ? descriptor(site, fd_argument(site, 0)) : absent;
	length = remote_string(site->task->tid, pointer, name, PATH_BYTES - 1, &whole);
	if (length < 0)
		return missing;
	if (!length)
		return mode & PATH_EMPTY_FLAG && flags & 0x1000 ? descriptor(site, fd_argument(site, 0)) : absent;
	if (!(capture_in_root(site->task, site->row) ? path_resolve_below : path_resolve)(&place, fd_argument(site, 0), name, (uint32_t)length, follow, !is_shown(site), site->arena, &facts))
		return missing;
	return file_value(site->arena, &facts);
}

/* A symbolic link's text is relative to the folder of the link. */
static struct value link_target(const struct capture_site *site)
{
	struct path_task place = capture_place(site->tracer, site->task);
	char name[PATH_BYTES + 1], folder[PATH_BYTES + 1], joined[PATH_BYTES * 2 + 4];
	struct file_facts facts;
	bool whole;
	char *slash;
	int32_t length = remote_string(site->task->tid, capture_argument(site->task, site->row->args[0]), name, PATH_BYTES - 1, &whole);

	if (length < 0)
		return missing;
	if (!length)
		return absent;
	joined[0] = 0;
	if (name[0] != '/') {
		if (remote_string(site->task->tid, capture_argument(site->task, site->row->args[2]), folder, PATH_BYTES - 1, &whole) < 0)
			return missing;
		slash = strrchr(folder, '/');
		if (slash)
			snprintf(joined, sizeof(joined), "%.*s", (int)(slash + 1 - folder), folder);
	}
	strncat(joined, name, sizeof(joined) - strlen(joined) - 1);
	if (!path_resolve(&place, fd_argument(site, 1), joined, (uint32_t)strnlen(joined, PATH_BYTES), true, false, site->arena, &facts))
		return missing;
	return file_value(site->arena, &facts);
}

static struct value string(const struct capture_site *site)
{
	uint64_t pointer = capture_argument(site->task, site->row->args[0]);
	struct text text;

	if (!pointer)
		return absent;
	return remote_text(site->task->tid, pointer, BOUND_STRING, BOUND_STRING * 16, site->arena, &text) ? value_text(text) : missing;
}

static struct value bytes(const struct capture_site *site, uint64_t pointer, uint64_t length, uint32_t cap)
{
	uint8_t small[BOUND_BYTES];
	uint8_t *buffer = cap <= sizeof(small) ? small : grab(cap);
	uint32_t want = length < cap ? (uint32_t)length : cap;
	uint32_t got;
	struct value value = missing;

	if (!pointer || !length) {
		value = absent;
	} else {
		got = remote_read(site->task->tid, pointer, buffer, want);
		if (got)
			value = value_text(text_add_bytes(site->arena, buffer, got, length > 0xffffffffu ? 0xffffffffu : (uint32_t)length));
	}
	if (buffer != small)
		free(buffer);
	return value;
}

static struct value memory(const struct capture_site *site)
{
	uint64_t pointer = capture_argument(site->task, site->row->args[0]);
	bool wide = site->column_type == COLUMN_U64 || site->column_type == COLUMN_I64;
	uint64_t value = 0;

	if (!pointer)
		return absent;
	if (!remote_exact(site->task->tid, pointer + site->row->param, &value, wide ? 8 : 4))
		return missing;
	return value_number(value);
}

static struct value memory_string(const struct capture_site *site)
{
	uint64_t pointer = capture_argument(site->task, site->row->args[0]);
	uint32_t limit = site->row->param >> 16;
	char text[PATH_BYTES + 1];
	bool whole;
	int32_t length;

	if (!pointer)
		return absent;
	if (limit > PATH_BYTES)
		limit = PATH_BYTES;
	length = remote_string(site->task->tid, pointer + (site->row->param & 0xffff), text, limit, &whole);
	return length < 0 ? missing : value_text(text_add_bytes(site->arena, text, (uint32_t)length, (uint32_t)length));
}

static struct value indirect_bytes(const struct capture_site *site)
{
	uint64_t base = capture_argument(site->task, site->row->args[0]);
	uint32_t param = site->row->param;
	uint64_t pointer = 0, count = 0;
	uint32_t width = param >> 24;
	/* struct sock_fprog, whose count is a short, has its pointer at the next word; union bpf_attr is the same for all. */
	uint32_t offset = site->task->pending.narrow && width == 2 ? 4 : param & 0xff;

	if (!base)
		return absent;
	if (!remote_pointer(site->task->tid, base + offset, site->task->pending.narrow, &pointer) ||
	    !remote_exact(site->task->tid, base + (param >> 8 & 0xff), &count, width > 8 ? 8 : width))
		return missing;
	return bytes(site, pointer, count * (param >> 16 & 0xff), BOUND_PROGRAM);
}

static struct value time_value(const struct capture_site *site)
{
	uint64_t pointer = capture_argument(site->task, site->row->args[0]);
	unsigned format = site->row->param & 15, index = site->row->param >> 4;
	bool narrow = site->task->pending.narrow;
	int64_t pair[2] = {0, 0};

	if (!pointer)
		return value_number(wall_time());
	if (format == 2) {
		if (!remote_pointer(site->task->tid, pointer + index * (narrow ? 4 : 8), narrow, (uint64_t *)&pair[0]))
			return missing;
		return value_number((uint64_t)(pair[0] * 1000000000));
	}
	for (unsigned n = 0; n < 2; n++)
		if (!remote_pointer(site->task->tid, pointer + (index * 2 + n) * (narrow ? 4u : 8u), narrow, (uint64_t *)&pair[n]))
			return missing;
	if (format == 0 && pair[1] == 0x3fffffff) /* UTIME_NOW */
		return value_number(wall_time());
	if (format == 0 && pair[1] == 0x3ffffffe) /* UTIME_OMIT */
		return absent;
	return value_number((uint64_t)(pair[0] * 1000000000 + pair[1] * (format == 1 ? 1000 : 1)));
}

static struct value numbers(const struct capture_site *site)
{
	uint64_t pointer = capture_argument(site->task, site->row->args[0]);
	uint64_t count = capture_argument(site->task, site->row->args[1]);
	uint32_t width = site->row->param == 2 ? 2 : 4;
	uint32_t stored = count < 1024 ? (uint32_t)count : 1024;
	uint8_t raw[4096];
	struct value value = {.type = VALUE_LIST};
	uint32_t at;

	if (!count)
		return absent;
	if (!remote_exact(site->task->tid, pointer, raw, stored * width))
		return missing;
	at = arena_room(site->arena, stored * (uint32_t)sizeof(struct text));
	for (uint32_t n = 0; n < stored; n++) {
		uint32_t item = 0;
		char digits[12];
		struct text text;

		memcpy(&item, raw + n * width, width);
		snprintf(digits, sizeof(digits), "%u", item);
		text = text_add(site->arena, digits);
		memcpy(arena_at(site->arena, at + n * (uint32_t)sizeof(text)), &text, sizeof(text));
	}
	value.list = (struct text_list){at, stored, count > 0xffffffffu ? 0xffffffffu : (uint32_t)count};
	return value;
}

static struct value strings(const struct capture_site *site)
{
	uint64_t pointer = capture_argument(site->task, site->row->args[0]);
	uint32_t width = site->task->pending.narrow ? 4 : 8;
	struct text texts[256];
	struct value value = {.type = VALUE_LIST};
	uint32_t stored = 0, original = 0;

	if (!pointer)
		return absent;
	for (;;) {
		uint64_t item;
		if (!remote_pointer(site->task->tid, pointer + (uint64_t)original * width, site->task->pending.narrow, &item))
			return original ? value : missing;
		if (!item || original > 65536)
			break;
		if (stored < 256 && remote_text(site->task->tid, item, BOUND_ARGV_MEMBER, BOUND_ARGV_MEMBER, site->arena, &texts[stored]))
			stored++;
		original++;
	}
	value.list = (struct text_list){arena_add(site->arena, texts, stored * (uint32_t)sizeof(*texts)), stored, original};
	return value;
}

static struct value directory(const struct capture_site *site)
{
	struct path_task place = capture_place(site->tracer, site->task);
	struct text text = path_directory(&place, site->row->param == 1, site->arena);

	return text.stored ? value_text(text) : missing;
}

static struct value fdinfo(const struct capture_site *site)
{
	char name[64], text[BOUND_FDINFO + 1];
	int fd = site->row->nargs ? fd_argument(site, 0) : (int)site->result;
	ssize_t length;

	if (fd < 0)
		return absent;
	snprintf(name, sizeof(name), "/proc/%d/fdinfo/%d", site->task->tid, fd);
	length = facts_file(name, text, sizeof(text));
	return length <= 0 ? missing : value_text(text_add_bytes(site->arena, text, (uint32_t)length, (uint32_t)length));
}

/* The number in the tracer's pid namespace of what the tracee calls `pid`. */
static pid_t translate(const struct capture_site *site, pid_t pid)
{
	if (site->task->process->own_pid == site->task->process->tgid || pid <= 0)
		return pid;
	for (unsigned n = 0; n < TASK_BUCKETS; n++)
		for (struct task *task = site->tracer->buckets[n]; task; task = task->next)
			if (task->process && task->process->own_pid == pid && task->tid == task->process->tgid &&
			    task->process->namespaces.inode[NS_PID] == site->task->process->namespaces.inode[NS_PID])
				return task->process->tgid;
	return pid;
}

static struct value pidfd(const struct capture_site *site)
{
	char name[64], text[512];
	char *line;
	ssize_t length;

	/* What is told of other descriptors may wait for locks that a program holds. */
	snprintf(name, sizeof(name), "/proc/%d/fd/%d", site->task->tid, fd_argument(site, 0));
	length = readlink(name, text, sizeof(text) - 1);
	text[length > 0 ? length : 0] = 0;
	if (!strstr(text, "pidfd"))
		return missing;
	snprintf(name, sizeof(name), "/proc/%d/fdinfo/%d", site->task->tid, fd_argument(site, 0));
	if (facts_file(name, text, sizeof(text)) <= 0)
		return missing;
	line = strstr(text, "Pid:");
	return line ? value_number((uint32_t)atoi(line + 4)) : missing;
}

static struct value task_facts(const struct capture_site *site)
{
	struct process *process = site->task->process;

	switch (site->column_type) {
	case COLUMN_CREDENTIALS: {
		struct credentials found;
		struct value value = {.type = VALUE_CREDENTIALS};

		/* Of this thread: a raw call changes one thread only. */
		if (!facts_credentials(site->task->tid, &found, NULL))
			return missing;
		process->credentials = found;
		process->split |= process->tasks > 1;
		process->credentials_known = true;
		process->credentials_id = 0;
		value.at = arena_add(site->arena, &found, sizeof(found));
		return value;
	}
	case COLUMN_NAMESPACES: {
		struct namespaces found;
		struct value value = {.type = VALUE_NAMESPACES};

		if (!facts_namespaces(site->task->tid, &found))
			return missing;
		process->namespaces = found;
		process->namespaces_known = true;
		process->namespaces_id = 0;
		value.at = arena_add(site->arena, &found, sizeof(found));
		return value;
	}
	default:
		return (struct value){.type = VALUE_CONTEXT};
	}
}

static struct value run(const struct capture_site *site)
{
	const struct catalogue_capture *row = site->row;

	switch (row->kind) {
	case CAPTURE_WORD:
		return value_number(capture_argument(site->task, row->args[0]));
	case CAPTURE_STRING:
		return string(site);
	case CAPTURE_PATH:
		return path(site);
	case CAPTURE_DESCRIPTOR:
		return descriptor(site, fd_argument(site, 0));
	case CAPTURE_RESULT_FILE:
		return site->result >= 0 ? descriptor(site, (int)site->result) : absent;
	case CAPTURE_OPENED:
		return site->result >= 0 ? descriptor(site, (int)site->result) : path(site);
	case CAPTURE_STRINGS:
		return strings(site);
	case CAPTURE_BYTES:
		return bytes(site, capture_argument(site->task, row->args[0]), capture_argument(site->task, row->args[1]), BOUND_BYTES);
	case CAPTURE_RESULT_BYTES:
		return site->result > 0 ? bytes(site, capture_argument(site->task, row->args[0]), (uint64_t)site->result, BOUND_BYTES) : absent;
	case CAPTURE_MEMORY:
		return memory(site);
	case CAPTURE_TASK:
		return task_facts(site);
	case CAPTURE_DIRECTORY:
		return directory(site);
	case CAPTURE_CONSTANT:
		return value_number(row->param);
	case CAPTURE_PID:
		return value_number((uint64_t)(int64_t)translate(site, fd_argument(site, 0)));
	case CAPTURE_PIDFD:
		return pidfd(site);
	case CAPTURE_FDINFO:
		return fdinfo(site);
	case CAPTURE_TIME:
		return time_value(site);
	case CAPTURE_MEMORY_STRING:
		return memory_string(site);
	case CAPTURE_INDIRECT_BYTES:
		return indirect_bytes(site);
	case CAPTURE_NUMBERS:
		return numbers(site);
	case CAPTURE_LINK_TARGET:
		return link_target(site);
	case CAPTURE_VECTOR_BYTES:
		return capture_vector(site, capture_argument(site->task, row->args[0]), capture_argument(site->task, row->args[1]), -1);
	case CAPTURE_ADDRESS:
		/* send() names nobody: the message goes to the peer of the socket. */
		if (!capture_argument(site->task, row->args[0]))
			return capture_socket_address(site, (int)capture_argument(site->task, 0), true);
		return capture_address(site, capture_argument(site->task, row->args[0]), capture_argument(site->task, row->args[1]));
	case CAPTURE_RESULT_ADDRESS:
		return site->result >= 0 ? capture_result_address(site, capture_argument(site->task, row->args[0]), capture_argument(site->task, row->args[1])) : absent;
	case CAPTURE_LOCAL_ADDRESS:
		return capture_socket_address(site, fd_argument(site, 0), false);
	case CAPTURE_PEER_ADDRESS:
		return capture_socket_address(site, fd_argument(site, 0), true);
	case CAPTURE_RESULT_LOCAL_ADDRESS:
		return site->result >= 0 ? capture_socket_address(site, (int)site->result, false) : absent;
	case CAPTURE_SOCKET:
		return capture_socket(site, fd_argument(site, 0));
	case CAPTURE_RESULT_SOCKET:
		return site->result >= 0 ? capture_socket(site, (int)site->result) : absent;
	case CAPTURE_MESSAGE_ADDRESS:
		return capture_message(site, true, -1);
	case CAPTURE_MESSAGE_BYTES:
		return capture_message(site, false, -1);
	case CAPTURE_RESULT_MESSAGE_BYTES:
		return site->result > 0 ? capture_message(site, false, site->result) : absent;
	default:
		return absent;
	}
}

static bool same_text(const struct arena *arena, struct value a, struct value b)
{
	if (a.type != VALUE_TEXT || b.type != VALUE_TEXT)
		return a.type == b.type;
	return a.text.stored == b.text.stored && !memcmp(arena_at(arena, a.text.at), arena_at(arena, b.text.at), a.text.stored);
}

/* What the process runs: of a script its interpreter. */
static void hold_program(const struct task *task)
{
	const struct image *image = task->process->image;
	char link[48];

	if (!holding_goes_on() || !image)
		return;
	snprintf(link, sizeof(link), "/proc/%d/exe", task->tid);
	holding_link(link, image->has_interpreter ? &image->interpreter : &image->file);
}

void capture_act(struct tracer *tracer, struct task *task, struct act *act, bool at_exit, int64_t result, bool *changed)
{
	const struct catalogue_call *call = act->call;
	const struct catalogue_capture *captures = calls_captures(call);
	const struct catalogue_column *columns = calls_columns(calls_event(call->event));
	struct capture_site site = {tracer, task, NULL, 0, at_exit, result, &task->pending.arena};
	uint64_t late;
	/* What was opened is known by the descriptor: what the name says by now does not matter. */
	const bool by_descriptor = call->capture_count && captures[0].kind == CAPTURE_OPENED;

	holding_begin(calls_event(call->event)->id);
	if (!at_exit)
		hold_program(task);
	for (unsigned n = 0; n < call->capture_count; n++) {
		const struct catalogue_capture *row = &captures[n];

		must(row->column < ACT_COLUMNS);
		site.row = row;
		site.column_type = columns[row->column].type;
		if (!(row->at & (at_exit ? AT_EXIT : AT_ENTRY)))
			continue;
		late = errand_late();
		if (row->kind == CAPTURE_NATIVE) {
			act->values[row->column] = capture_native(&site, call, act);
		} else if (at_exit && row->at == AT_BOTH && (by_descriptor ? result >= 0 : !is_shown(&site))) {
			/* Nor what the name of a call says that did nothing and that no rule sees. */
			continue;
		} else if (at_exit && row->at == AT_BOTH) {
			uint32_t mark = task->pending.arena.used;
			struct value again = run(&site);
			if (!again.missing && !act->values[row->column].missing && !same_text(&task->pending.arena, act->values[row->column], again))
				*changed = true;
			task->pending.arena.used = mark;
		} else {
			act->values[row->column] = run(&site);
		}
		if (errand_late() != late) {
			act->values[row->column].missing = true;
			if (errand_lacked())
				guard_blind_spot(tracer, task, BLIND_SPOT_UNKNOWN, "the recorder has no descriptors or no memory left: facts of files are missing");
			else
				guard_blind_spot(tracer, task, BLIND_SPOT_SLOW_FILE_SYSTEM, "a file system or memory that a program or another machine serves did not answer in time: facts of files are missing");
		}
	}
	holding_begin(0);
}

bool capture_turned(struct tracer *tracer, struct task *task, const struct act *act)
{
	const struct catalogue_capture *captures = calls_captures(act->call);
	const unsigned event = act->call->event;
	const bool changes = event == EVENT_CHMOD || event == EVENT_CHOWN || event == EVENT_SETXATTR || event == EVENT_REMOVEXATTR;
	struct path_task place = capture_place(tracer, task);

	for (unsigned n = 0; n < act->call->capture_count; n++) {
		const struct value *value = &act->values[captures[n].column];

		if (captures[n].kind == CAPTURE_DESCRIPTOR && captures[n].at & AT_ENTRY && value->type == VALUE_FILE &&
		    path_turned(&place, (int32_t)capture_argument(task, captures[n].args[0]), &task->pending.arena, arena_at(&task->pending.arena, value->at), changes))
			return true;
	}
	return false;
}

/* DNS goes to port 53, instance metadata to fixed addresses; writes count at the beginning of a file. */
bool capture_gate(struct tracer *tracer, struct task *task, const struct act *act)
{
	struct capture_site site = {tracer, task, NULL, COLUMN_ADDRESS, true, 0, &task->pending.arena};
	const struct catalogue_event *event = calls_event(act->call->event);
	bool holds = false;
	uint32_t mark;

	switch (act->call->gate) {
	case GATE_NONE:
		return true;
	case GATE_OFFSET_ZERO: {
		char name[64], text[256];
		char *line;
		struct statx there;

		snprintf(name, sizeof(name), "/proc/%d/fd/%d", task->tid, (int)capture_argument(task, 0));
		if (statx(AT_FDCWD, name, AT_STATX_DONT_SYNC, STATX_TYPE, &there) || !S_ISREG(there.stx_mode))
			return false;
		snprintf(name, sizeof(name), "/proc/%d/fdinfo/%d", task->tid, (int)capture_argument(task, 0));
		if (facts_file(name, text, sizeof(text)) <= 0)
			return false;
		line = strstr(text, "pos:");
		return line && strtoull(line + 4, NULL, 10) == 0;
	}
	default:
		break;
	}
	/* Any address that the act has, else the peer of the socket. */
	mark = task->pending.arena.used;
	for (unsigned n = 0; n <= event->column_count; n++) {
		struct value value = absent;
		struct address_facts *facts;
		const char *ip;

		if (n < event->column_count)
			value = act->values[n];
		else
			value = capture_socket_address(&site, (int)capture_argument(task, 0), true);
		if (value.type != VALUE_ADDRESS)
			continue;
		facts = arena_at(&task->pending.arena, value.at);
		ip = facts->path.stored ? "" : (const char *)facts->ip;
		if (act->call->gate == GATE_PORT_53)
			holds |= facts->port == 53 && (facts->family == 2 || facts->family == 10);
		else if (act->call->gate == GATE_IMDS)
			holds |= (facts->family == 2 && !memcmp(ip, "\xa9\xfe\xa9\xfe", 4)) ||
				 (facts->family == 10 && !memcmp(ip, "\xfd\x00\x0e\xc2\0\0\0\0\0\0\0\0\0\0\x02\x54", 16));
	}
	task->pending.arena.used = mark;
	return holds;
}
