/* What a process runs: program, arguments, environment. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "content.h"
#include "errand.h"
#include "guard.h"
#include "hidden.h"
#include "holding.h"
#include "process.h"
#include "redact.h"
#include "remote.h"

/* Types of the auxiliary vector; <elf.h> calls one of them as the catalogue calls the moment of a capture. */
enum { AUX_NULL = 0, AUX_UID = 11, AUX_EUID = 12, AUX_GID = 13, AUX_EGID = 14, AUX_SECURE = 23, AUX_EXECFN = 31 };

/* A script may be interpreted by a script, five deep; each puts its interpreter and one word in front. */
#define SCRIPT_WORDS 10u
#define STACK_FIRST 8192u
#define STACK_MOST (2u << 20)

static struct image *image_new(void)
{
	struct image *image = grab_zero(sizeof(*image));

	image->references = 1;
	return image;
}

/* Collects the members of a list; the array goes into the arena when it is complete. */
struct gathering {
	const struct options *options;
	struct arena *arena;
	struct text *items;
	uint32_t stored, original, bytes, room;
	bool environment, next_is_secret;
	struct hidden_place *place; /* its home is taken from the environment */
};

static void gather(struct gathering *g, const char *bytes, uint32_t stored, uint32_t original)
{
	const uint32_t members = g->environment ? BOUND_ENVP_MEMBERS : BOUND_ARGV_MEMBERS;
	const uint32_t most = g->environment ? BOUND_ENVP_MEMBER : BOUND_ARGV_MEMBER;
	char small[BOUND_ARGV_MEMBER + 32];

	g->original++;
	if (g->stored >= members || g->bytes >= BOUND_ARGV_BYTES)
		return;
	if (stored > most)
		stored = most;
	if (g->stored == g->room) {
		g->room = g->room ? g->room * 2 : 32;
		g->items = regrab(g->items, g->room * sizeof(*g->items));
	}
	if (g->environment) {
		uint32_t kept = redact_environment(g->options, bytes, stored);
		if (stored > 5 && !memcmp(bytes, "HOME=", 5))
			snprintf(g->place->home, sizeof(g->place->home), "%.*s", (int)stored - 5, bytes + 5);
		g->items[g->stored++] = text_add_bytes(g->arena, bytes, kept, kept == stored ? original : kept);
	} else {
		uint32_t length = redact_argument(g->options, bytes, stored, small, &g->next_is_secret);
		bool same = length == stored && !memcmp(small, bytes, stored);
		/* An empty member is a member: told by its place, with the number of no string. */
		g->items[g->stored++] = text_add_bytes(g->arena, small, length, same ? original : length);
	}
	g->bytes += stored;
}

static struct text_list gathered(struct gathering *g)
{
	struct text_list list = {0, g->stored, g->original};

	list.at = arena_add(g->arena, g->items, g->stored * (uint32_t)sizeof(*g->items));
	free(g->items);
	return list;
}

/* Takes paths that are not to be stored out of the arguments. */
static void hide_arguments(const struct options *options, struct image *image, struct hidden_place *place)
{
	struct arena *arena = &image->arena;

	for (uint32_t n = 0; options->hide_path_count && n < image->argv.stored; n++) {
		const uint32_t at = image->argv.at + n * (uint32_t)sizeof(struct text);
		struct text text;
		char *safe;
		uint32_t length;

		memcpy(&text, arena_at(arena, at), sizeof(text));
		length = hidden_in_argument(options, place, arena_at(arena, text.at), text.stored, !n, &safe);
		if (safe) {
			text = text_add_bytes(arena, safe, length, length);
			memcpy(arena_at(arena, at), &text, sizeof(text));
		}
		free(safe);
	}
}

static void gather_block(struct gathering *g, const char *block, size_t length)
{
	size_t at = 0;

	while (at < length) {
		size_t size = strnlen(block + at, length - at);
		gather(g, block + at, size > UINT32_MAX ? UINT32_MAX : (uint32_t)size, (uint32_t)size);
		at += size + 1;
	}
}

static struct text_list list_of_file(struct tracer *tracer, struct image *image, pid_t tid, const char *name, bool environment, struct hidden_place *place)
{
	struct gathering g = {.options = &tracer->options, .arena = &image->arena, .environment = environment, .place = place};
	char path[48];
	char *text = grab(BOUND_ARGV_BYTES * 2);
	FILE *file;
	size_t length = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", tid, name);
	file = fopen(path, "re");
	if (file) {
		length = fread(text, 1, BOUND_ARGV_BYTES * 2, file);
		fclose(file);
	}
	gather_block(&g, text, length);
	free(text);
	return gathered(&g);
}

struct image *image_of_running(struct tracer *tracer, struct process *process, pid_t tid)
{
	struct image *image = image_new();
	struct path_task place = {tid, process->tgid, &process->root, &tracer->mounts};
	struct hidden_place names;
	char link[48], text[64];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/%d/exe", tid);
	path_of_link(&place, link, &image->arena, &image->file);
	errand_distrust(image->file.filesystem);
	hidden_place_read(&tracer->options, &place, &names);
	image->envp = list_of_file(tracer, image, tid, "environ", true, &names);
	image->argv = list_of_file(tracer, image, tid, "cmdline", false, &names);
	hide_arguments(&tracer->options, image, &names);
	snprintf(link, sizeof(link), "/proc/%d/comm", tid);
	length = facts_file(link, text, sizeof(text));
	if (length > 1)
		snprintf(image->comm, sizeof(image->comm), "%.*s", (int)length - 1, text);
	return image;
}

static uint64_t word_at(const uint8_t *bytes, size_t index, bool narrow)
{
	uint64_t value = 0;

	memcpy(&value, bytes + index * (narrow ? 4 : 8), narrow ? 4 : 8);
	return value;
}

struct layout {
	uint64_t argc, argv, envp, auxv, words; /* indexes of words */
	uint64_t envc;
	uint64_t name;                          /* AT_EXECFN */
	bool whole;
};

/* Finds the parts of what the kernel put at the stack pointer: argc, argv, 0, envp, 0, auxiliary vector. */
static bool lay_out(struct tracer *tracer, const uint8_t *bytes, size_t length, bool narrow, struct layout *l)
{
	size_t count = length / (narrow ? 4 : 8);
	size_t at;

	memset(l, 0, sizeof(*l));
	if (!count)
		return false;
	l->argc = word_at(bytes, 0, narrow);
	/* Another process may have written there meanwhile. */
	if (l->argc >= count)
		return false;
	l->argv = 1;
	l->envp = 1 + l->argc + 1;
	for (at = l->envp; at < count && word_at(bytes, at, narrow); at++)
		l->envc++;
	l->auxv = at + 1;
	for (at = l->auxv; at + 1 < count; at += 2) {
		uint64_t type = word_at(bytes, at, narrow), value = word_at(bytes, at + 1, narrow);
		switch (type) {
		case AUX_NULL:
			l->words = at + 2;
			l->whole = true;
			return true;
		case AUX_EXECFN:
			l->name = value;
			break;
		case AUX_UID:
			tracer->auxiliary.uid = (uint32_t)value;
			tracer->auxiliary.valid = true;
			break;
		case AUX_EUID:
			tracer->auxiliary.euid = (uint32_t)value;
			break;
		case AUX_GID:
			tracer->auxiliary.gid = (uint32_t)value;
			break;
		case AUX_EGID:
			tracer->auxiliary.egid = (uint32_t)value;
			break;
		case AUX_SECURE:
			tracer->auxiliary.secure = (uint32_t)value;
			break;
		default:
			break;
		}
	}
	return false;
}

static uint8_t *scratch(struct tracer *tracer, size_t size)
{
	if (tracer->scratch_size < size) {
		free(tracer->scratch);
		tracer->scratch = grab(size);
		tracer->scratch_size = size;
	}
	return tracer->scratch;
}

/* One list of pointers to strings that lie one after the other. */
static struct text_list read_list(struct tracer *tracer, struct image *image, const uint8_t *stack, uint64_t sp, size_t got, bool narrow,
				  uint64_t first, uint64_t count, uint64_t end, bool environment, struct hidden_place *place)
{
	struct gathering g = {.options = &tracer->options, .arena = &image->arena, .environment = environment, .place = place};

	for (uint64_t n = 0; n < count; n++) {
		uint64_t at = word_at(stack, first + n, narrow);
		uint64_t next = n + 1 < count ? word_at(stack, first + n + 1, narrow) : end;
		uint64_t length = next > at ? next - at - 1 : 0;

		if (at < sp || at - sp >= got) {
			g.original += (uint32_t)(count - n);
			break;
		}
		if (length > got - (at - sp))
			length = got - (at - sp);
		length = strnlen((const char *)stack + (at - sp), length);
		gather(&g, (const char *)stack + (at - sp), (uint32_t)length, (uint32_t)length);
	}
	return gathered(&g);
}

static void set_comm(struct image *image, pid_t tid, const char *name)
{
	const char *slash = strrchr(name, '/');

	if (!strncmp(name, "/dev/fd/", 8)) {
		char path[48], text[64];
		ssize_t length;
		snprintf(path, sizeof(path), "/proc/%d/comm", tid);
		length = facts_file(path, text, sizeof(text));
		if (length > 1)
			snprintf(image->comm, sizeof(image->comm), "%.*s", (int)length - 1, text);
		return;
	}
	snprintf(image->comm, sizeof(image->comm), "%s", slash ? slash + 1 : name);
}

static bool same_as(const struct arena *arena, struct text_list list, uint32_t n, const char *name)
{
	struct text text;

	if (n >= list.stored)
		return false;
	memcpy(&text, arena_at(arena, list.at + n * (uint32_t)sizeof(text)), sizeof(text));
	return text.stored == strlen(name) && !memcmp(arena_at(arena, text.at), name, text.stored);
}

static bool same_path(const struct arena *arena, struct text a, struct text b)
{
	return a.stored == b.stored && !memcmp(arena_at(arena, a.at), arena_at(arena, b.at), a.stored);
}

/* `link` is /proc/T/exe: of a script that is its interpreter, and the script lies below the task's root. */
static void read_content(struct tracer *tracer, struct image *image, pid_t tid, const char *link)
{
	struct text own = image->file.own_path.stored ? image->file.own_path : image->file.path;
	char script[PATH_BYTES + 64];

	if (!image->has_interpreter) {
		image->file.content = content_of(tracer, tid, link, &image->arena, &image->file);
		return;
	}
	image->interpreter.content = content_of(tracer, tid, link, &image->arena, &image->interpreter);
	snprintf(script, sizeof(script), "/proc/%d/root%.*s", tid, (int)own.stored, (const char *)arena_at(&image->arena, own.at));
	image->file.content = content_of(tracer, tid, script, &image->arena, &image->file);
}

struct image *image_after_exec(struct tracer *tracer, struct task *task, uint64_t sp, bool narrow, bool *changed, uint32_t *missing)
{
	struct image *image = image_new();
	struct path_task place = capture_place(tracer, task);
	const struct pending *pending = &task->pending;
	struct hidden_place names;
	uint8_t *stack = scratch(tracer, 65536);
	uint32_t want = STACK_FIRST;
	uint32_t got;
	struct layout l;
	char link[48], name[PATH_BYTES + 1] = "";
	const uint64_t late = errand_late();
	bool whole, is_script = false;

	*changed = false;
	hidden_place_read(&tracer->options, &place, &names);
	tracer->auxiliary.valid = false;
	got = remote_read(task->tid, sp, stack, want);
	while (!lay_out(tracer, stack, got, narrow, &l) && got == want && want < STACK_MOST) {
		want *= 4;
		stack = scratch(tracer, want);
		got = remote_read(task->tid, sp, stack, want);
	}
	if (l.whole && l.name > sp) {
		/* The name is the last string: up to there is all that we need. */
		uint64_t end = l.name - sp + PATH_BYTES;
		if (l.name - sp < STACK_MOST && l.name - sp + 64 > got && got == want) {
			want = end < STACK_MOST ? (uint32_t)end : STACK_MOST;
			stack = scratch(tracer, want);
			got = remote_read(task->tid, sp, stack, want);
		}
		if (l.name - sp < got && memchr(stack + (l.name - sp), 0, got - (l.name - sp)))
			snprintf(name, sizeof(name), "%s", (const char *)stack + (l.name - sp));
		else if (remote_string(task->tid, l.name, name, PATH_BYTES, &whole) < 0)
			name[0] = 0;
		image->envp = read_list(tracer, image, stack, sp, got, narrow, l.envp, l.envc, l.name, true, &names);
		image->argv = read_list(tracer, image, stack, sp, got, narrow, l.argv, l.argc, l.envc ? word_at(stack, l.envp, narrow) : l.name, false, &names);
	} else {
		*missing |= 1u << EXEC_ARGV | 1u << EXEC_ENVP;
	}
	snprintf(link, sizeof(link), "/proc/%d/exe", task->tid);
	holding_begin(calls_event(EVENT_EXEC)->id);
	if (!path_of_link(&place, link, &image->arena, &image->file) || !path_is_told(&image->file))
		*missing |= 1u << EXEC_FILE;
	errand_distrust(image->file.filesystem);
	/* A script: the kernel put the interpreter before the name of the script. */
	for (uint32_t n = 1; name[0] && n <= SCRIPT_WORDS && !is_script; n++)
		is_script = same_as(&image->arena, image->argv, n, name);
	if (is_script) {
		struct file_facts script;
		bool found = path_resolve(&place, -100, name, (uint32_t)strlen(name), true, false, &image->arena, &script);

		/* In time, its facts tell; else its name has to. */
		if (found && (errand_late() == late ? (script.inode != image->file.inode || script.device != image->file.device) && script.flags & FACT_EXISTS
						    : !same_path(&image->arena, script.path, image->file.path))) {
			image->interpreter = image->file;
			image->has_interpreter = true;
			image->file = script;
		}
	}
	holding_begin(0);
	hide_arguments(&tracer->options, image, &names);
	read_content(tracer, image, task->tid, link);
	set_comm(image, task->tid, name);
	if (pending->act_count && pending->acts[0].call->event == EVENT_EXEC && pending->acts[0].values[EXEC_NAMED].type == VALUE_TEXT) {
		struct text named = pending->acts[0].values[EXEC_NAMED].text;
		const char *text = arena_at(&pending->arena, named.at);
		image->named = text_add_bytes(&image->arena, text, named.stored, named.original);
		*changed = !strcmp(pending->acts[0].call->name, "execve") && name[0] && (named.stored != strlen(name) || memcmp(text, name, named.stored));
	} else if (name[0]) {
		image->named = text_add(&image->arena, name);
	}
	if (image->named.stored && *(const char *)arena_at(&image->arena, image->named.at) != '/')
		image->cwd = path_directory(&place, false, &image->arena);
	if (errand_late() != late) {
		*missing |= 1u << EXEC_FILE;
		if (errand_lacked())
			guard_blind_spot(tracer, task, BLIND_SPOT_UNKNOWN, "the recorder has no descriptors or no memory left: facts of programs are missing");
		else
			guard_blind_spot(tracer, task, BLIND_SPOT_SLOW_FILE_SYSTEM, "a file system or memory that a program or another machine serves did not answer in time: facts of programs are missing");
	}
	image->exec_time = boot_time();
	return image;
}

static struct text_list asked_list(struct tracer *tracer, struct task *task, struct image *image, uint64_t pointer, bool environment, struct hidden_place *place)
{
	struct gathering g = {.options = &tracer->options, .arena = &image->arena, .environment = environment, .place = place};
	bool narrow = task->pending.narrow;
	char text[BOUND_ARGV_MEMBER + 1];
	char beginnings[REMOTE_BATCH][REMOTE_CHUNK];
	uint64_t items[REMOTE_BATCH];
	uint32_t got[REMOTE_BATCH];
	bool ended = !pointer;

	/* A shell that looks along PATH fails often: many strings at a time. */
	for (uint64_t first = 0; !ended && first < 65536;) {
		unsigned count = remote_pointers(task->tid, pointer + first * (narrow ? 4 : 8), narrow, items, REMOTE_BATCH, &ended);

		if (count)
			remote_beginnings(task->tid, items, count, beginnings, got);
		for (unsigned n = 0; n < count; n++) {
			bool whole;
			int32_t length;

			if (got[n] && memchr(beginnings[n], 0, got[n])) {
				length = (int32_t)strlen(beginnings[n]);
				gather(&g, beginnings[n], (uint32_t)length, (uint32_t)length);
				continue;
			}
			length = remote_string(task->tid, items[n], text, BOUND_ARGV_MEMBER, &whole);
			if (length < 0)
				return gathered(&g);
			gather(&g, text, (uint32_t)length, (uint32_t)length + (whole ? 0 : 1));
		}
		first += count;
	}
	return gathered(&g);
}

struct image *image_asked(struct tracer *tracer, struct task *task, int64_t result, uint32_t *missing)
{
	struct image *image = image_new();
	struct path_task place = capture_place(tracer, task);
	struct act *act = &task->pending.acts[0];
	struct hidden_place names;
	const struct catalogue_capture *captures = calls_captures(act->call);
	uint64_t argv = 0, envp = 0;
	int dirfd = -100;
	bool follow = true;

	for (unsigned n = 0; n < act->call->capture_count; n++) {
		if (captures[n].column == EXEC_ARGV && captures[n].kind == CAPTURE_STRINGS)
			argv = capture_argument(task, captures[n].args[0]);
		else if (captures[n].column == EXEC_ENVP && captures[n].kind == CAPTURE_STRINGS)
			envp = capture_argument(task, captures[n].args[0]);
		else if (captures[n].column == EXEC_FILE && captures[n].kind == CAPTURE_PATH) {
			dirfd = (int32_t)capture_argument(task, captures[n].args[0]);
			if (captures[n].args[2] != ARGUMENT_NONE && capture_argument(task, captures[n].args[2]) & 0x100)
				follow = false;
		}
	}
	if (act->values[EXEC_NAMED].type == VALUE_TEXT) {
		struct text named = act->values[EXEC_NAMED].text;
		char name[PATH_BYTES + 1];
		uint32_t length = named.stored < PATH_BYTES ? named.stored : PATH_BYTES;

		memcpy(name, arena_at(&task->pending.arena, named.at), length);
		name[length] = 0;
		image->named = text_add_bytes(&image->arena, name, length, named.original);
		if (length)
			path_resolve(&place, dirfd, name, length, follow, result != -EACCES && result != -EPERM, &image->arena, &image->file);
		else
			path_of_descriptor(&place, dirfd, &image->arena, &image->file);
	} else {
		*missing |= 1u << EXEC_NAMED | 1u << EXEC_FILE;
	}
	hidden_place_read(&tracer->options, &place, &names);
	image->envp = asked_list(tracer, task, image, envp, true, &names);
	image->argv = asked_list(tracer, task, image, argv, false, &names);
	hide_arguments(&tracer->options, image, &names);
	return image;
}
