#include "header.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "calls.h"
#include "hidden.h"
#include "redact.h"

struct writer {
	char *text;
	size_t used, room;
};

static void put(struct writer *w, const char *text, size_t length)
{
	if (w->used + length + 1 > w->room) {
		w->room = (w->used + length + 1) * 2;
		w->text = regrab(w->text, w->room);
	}
	memcpy(w->text + w->used, text, length);
	w->used += length;
	w->text[w->used] = 0;
}

static void add(struct writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct writer *w, const char *format, ...)
{
	char text[512];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (length > 0)
		put(w, text, (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1);
}

/* Length of the UTF-8 sequence at `at`, or 0. */
static size_t sequence(const unsigned char *at, size_t left)
{
	size_t length = *at < 0x80 ? 1 : *at >= 0xc2 && *at < 0xe0 ? 2 : *at >= 0xe0 && *at < 0xf0 ? 3 : *at >= 0xf0 && *at < 0xf5 ? 4 : 0;

	if (!length || length > left)
		return 0;
	for (size_t n = 1; n < length; n++)
		if ((at[n] & 0xc0) != 0x80)
			return 0;
	if ((*at == 0xe0 && at[1] < 0xa0) || (*at == 0xed && at[1] > 0x9f) || (*at == 0xf0 && at[1] < 0x90) || (*at == 0xf4 && at[1] > 0x8f))
		return 0;
	return length;
}

/* Bytes that are not UTF-8 are shown as \xNN, as everywhere in the product. */
static void quote(struct writer *w, const char *text, size_t size)
{
	put(w, "\"", 1);
	while (size) {
		const unsigned char *at = (const unsigned char *)text;
		size_t length = sequence(at, size);

		if (!length) {
			add(w, "\\\\x%02x", *at);
			length = 1;
		} else if (*at == '"' || *at == '\\') {
			add(w, "\\%c", *at);
		} else if (*at < 0x20) {
			add(w, "\\u%04x", *at);
		} else {
			put(w, text, length);
		}
		text += length;
		size -= length;
	}
	put(w, "\"", 1);
}

static void quote_string(struct writer *w, const char *text)
{
	quote(w, text, strlen(text));
}

static void quote_list(struct writer *w, const char *const *list, unsigned count)
{
	put(w, "[", 1);
	for (unsigned n = 0; n < count; n++) {
		if (n)
			put(w, ",", 1);
		quote_string(w, list[n]);
	}
	put(w, "]", 1);
}

/* Without the paths that are to be hidden. */
static void quote_safe(struct writer *w, const struct options *o, const char *text, size_t size)
{
	char *safe;
	uint32_t length = hidden_in_text(o, text, (uint32_t)size, &safe);

	quote(w, safe ? safe : text, safe ? length : size);
	free(safe);
}

static void os_name(struct writer *w)
{
	char text[4096];
	char *line;

	if (facts_file("/etc/os-release", text, sizeof(text)) > 0) {
		FILE *file = fopen("/etc/os-release", "re");
		size_t got = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
		text[got] = 0;
		if (file)
			fclose(file);
		line = strstr(text, "PRETTY_NAME=\"");
		if (line) {
			line += 13;
			quote(w, line, strcspn(line, "\"\n"));
			return;
		}
	}
	quote_string(w, "Linux");
}

char *header_text(struct tracer *tracer)
{
	struct options *o = &tracer->options;
	struct writer w = {0};
	struct utsname host;
	struct hidden_place names = {.root = "", .home = ""};
	const char *home = getenv("HOME");
	bool next = false, first = true;

	uname(&host);
	if ((!o->cwd || !realpath(o->cwd, names.cwd)) && !getcwd(names.cwd, sizeof(names.cwd)))
		names.cwd[0] = 0;
	snprintf(names.home, sizeof(names.home), "%s", home ? home : "");
	add(&w, "{\"format\":1,\"tool\":{\"name\":\"seccam\",\"version\":\"%s\"},\"catalogue\":", SECCAM_VERSION);
	put(&w, calls_json(), strlen(calls_json()));
	add(&w, ",\"mode\":\"%s\",\"command\":[", tracer->attached ? "attach" : "wrap");
	for (char **argument = o->command; argument && *argument; argument++) {
		size_t length = strlen(*argument);
		char *safe = grab(length + 32);
		char *shown;
		uint32_t size = redact_argument(o, *argument, (uint32_t)length, safe, &next);
		uint32_t left = hidden_in_argument(o, &names, safe, size, argument == o->command, &shown);

		if (argument != o->command)
			put(&w, ",", 1);
		quote(&w, shown ? shown : safe, shown ? left : size);
		free(shown);
		free(safe);
	}
	add(&w, "],\"pids\":[");
	for (unsigned n = 0; n < o->pid_count; n++)
		add(&w, n ? ",%d" : "%d", o->pids[n]);
	add(&w, "],\"cwd\":");
	quote_safe(&w, o, o->cwd && *o->cwd == '/' ? o->cwd : names.cwd, strlen(o->cwd && *o->cwd == '/' ? o->cwd : names.cwd));
	/* Written again when events are added: the recording began when it began. */
	if (!tracer->began)
		tracer->began = boot_time();
	add(&w, ",\"started\":{\"boottime\":\"%llu\",\"realtime\":\"%llu\"},\"host\":{\"hostname\":", (unsigned long long)tracer->began, (unsigned long long)(wall_time() - (boot_time() - tracer->began)));
	quote_string(&w, host.nodename);
	add(&w, ",\"os\":");
	os_name(&w);
	add(&w, ",\"kernel\":");
	quote_string(&w, host.release);
	add(&w, ",\"arch\":");
	quote_string(&w, host.machine);
	add(&w, ",\"page_size\":%ld,\"cpus\":%ld},\"traced\":[", sysconf(_SC_PAGESIZE), sysconf(_SC_NPROCESSORS_ONLN));
	for (unsigned n = 0; n < EVENT_COUNT; n++)
		if (tracer->selection->wanted[n]) {
			if (!first)
				put(&w, ",", 1);
			first = false;
			quote_string(&w, calls_event(n)->name);
		}
	add(&w, "]%s", tracer->selection->wanted[EVENT_SIGNAL] && !tracer->selection->all_signals ? ",\"left_out\":{\"signal\":[\"0\",\"SIGURG\"]}" : "");
	add(&w, ",\"tracer\":{\"pid\":%d,\"uid\":%u,\"features\":[\"%s\"%s%s]}", tracer->own_pid, geteuid(), tracer->use_filter ? "seccomp" : "every-call",
	    tracer->has_syscall_info ? ",\"syscall-info\"" : "", tracer->no_new_privs ? ",\"no-new-privs\"" : "");
	if (o->scan_ms)
		add(&w, ",\"scanner\":{\"rate_ms\":%llu}", (unsigned long long)o->scan_ms);
	add(&w, ",\"redacted\":{\"argument_values\":true,\"argument_names\":");
	quote_list(&w, o->redact, o->redact_count);
	add(&w, ",\"paths\":");
	quote_list(&w, o->hide_path, o->hide_path_count);
	add(&w, ",\"environment_values_hidden\":");
	quote_list(&w, o->hide_env, o->hide_env_count);
	add(&w, ",\"environment_values_kept\":[");
	for (const char *const *name = redact_kept_names(); *name; name++) {
		if (name != redact_kept_names())
			put(&w, ",", 1);
		quote_string(&w, *name);
	}
	for (unsigned n = 0; n < o->keep_count; n++) {
		put(&w, ",", 1);
		quote_string(&w, o->keep[n]);
	}
	add(&w, "]},\"limits\":{\"string\":%d,\"argv_members\":%d,\"argv_member\":%d,\"argv_bytes\":%d,\"envp_members\":%d,\"envp_member\":%d,\"bytes\":%d}}",
	    BOUND_STRING, BOUND_ARGV_MEMBERS, BOUND_ARGV_MEMBER, BOUND_ARGV_BYTES, BOUND_ENVP_MEMBERS, BOUND_ENVP_MEMBER, BOUND_BYTES);
	return w.text;
}
