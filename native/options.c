#include "options.h"
#include "content.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *options_usage(void)
{
	return "usage: seccam-trace [options] -- PROGRAM [ARGUMENT...]\n"
	       "       seccam-trace [options] --pid N [--pid N...]\n"
	       "\n"
	       "  -o FILE               write a recording\n"
	       "  --force               replace FILE\n"
	       "  --fd N                write the stream to descriptor N\n"
	       "  --channel ADDRESS     send to an agent: unix:PATH, HOST:PORT, tls:HOST:PORT or fd:N\n"
	       "  --probe-addr H:P      the same as --channel H:P\n"
	       "  --token-file FILE     shared secret of the agent (mode 0600)\n"
	       "  --wait MS             how long to wait for the agent\n"
	       "  --async               start the program without waiting for the agent\n"
	       "  --on-no-agent WHAT    run (and say so) or refuse\n"
	       "  --buffer BYTES        what may wait for the agent before events are dropped\n"
	       "  --epoch-bytes N       a checkpoint, from which replay may begin, after so many bytes\n"
	       "  --trace NAMES         events, categories, or lean, default, all; with commas; signal:all for every signal\n"
	       "  --pid N               attach to a running process\n"
	       "  --duration MS         let go after so long (as 500, 500ms or 2s)\n"
	       "  --proc-scan-rate MS   look for processes that are not traced so often (as 500, 500ms or 2s)\n"
	       "  --disable-proc-scan   do not look for them\n"
	       "  --disable-stats       read nothing of programs and accounts: no ELF facts, no names of users\n"
	       "  --uid N, --gid N      run the program as\n"
	       "  --cwd FOLDER          run the program in\n"
	       "  --keep-env NAMES      environment variables whose values are stored\n"
	       "  --content NAMES       what is read of programs: metadata, hashes, packages, none\n"
	       "  --redact NAMES        more arguments whose values are not stored (patterns with *)\n"
	       "  --redact-env NAMES    variables whose values are not stored after all (patterns with *)\n"
	       "  --redact-path GLOBS   paths that are not stored, nor what is below them: GLOB or GLOB=TEXT\n"
	       "  --disable-seccomp     stop at every system call\n"
	       "  --on-io-uring WHAT    record or deny\n"
	       "  --on-tracer-death W   kill, guardian (when live) or accept-enosys\n"
	       "  --strict              refuse calls that would hide others from the recording\n"
	       "  --verbose             say what goes on\n"
	       "  --version, --help\n";
}

static bool number(const char *text, int64_t least, int64_t most, int64_t *out)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno || end == text || *end || value < least || value > most)
		return false;
	*out = value;
	return true;
}

/* A time such as 500, 500ms or 2s; 0: it is none. */
static uint64_t milliseconds(const char *text)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (end == text || value > UINT64_MAX / 1000 / 1000000 || text[0] == '-')
		return 0;
	if (!strcmp(end, "s"))
		value *= 1000;
	else if (*end && strcmp(end, "ms") != 0)
		return 0;
	return value;
}

/* Splits a copy of `text` at commas. */
static bool names(struct options *options, const char *text, const char **list, unsigned *count)
{
	char *copy = strdup(text), *at, *rest;

	if (!copy || options->copy_count == OPTIONS_NAMES_MAX)
		return false;
	options->copies[options->copy_count++] = copy;
	for (at = strtok_r(copy, ",", &rest); at; at = strtok_r(NULL, ",", &rest)) {
		if (*count == OPTIONS_NAMES_MAX)
			return false;
		list[(*count)++] = at;
	}
	return true;
}

/* False for the first word, true for the second. */
static bool one_of(const char *name, const char *value, const char *no, const char *yes, struct failure *failure)
{
	if (strcmp(value, no) != 0 && strcmp(value, yes) != 0)
		fail(failure, 125, "bad-option", 0, "\"%s\" wants %s or %s, not \"%s\"", name, no, yes, value);
	return !strcmp(value, yes);
}

static bool apply(struct options *o, const char *name, const char *value, struct failure *failure)
{
	int64_t n = 0;
#define IS(text) (!strcmp(name, text))
#define WANT_NUMBER(least, most)                                                                      \
	do {                                                                                          \
		if (!number(value, least, most, &n)) {                                                \
			fail(failure, 125, "bad-option", 0, "\"%s\" wants a number, not \"%s\"", name, value); \
			return false;                                                                 \
		}                                                                                     \
	} while (0)
	if (IS("-o") || IS("--output")) {
		o->output = value;
	} else if (IS("--fd")) {
		WANT_NUMBER(0, 1 << 20);
		o->fd = (int)n;
	} else if (IS("--message-fd")) {
		WANT_NUMBER(0, 1 << 20);
		o->message_fd = (int)n;
	} else if (IS("--channel") || IS("--probe-addr") || IS("--socket")) {
		o->channel = value;
	} else if (IS("--token-file")) {
		o->token_file = value;
	} else if (IS("--hello")) {
		o->hello = value;
	} else if (IS("--wait")) {
		WANT_NUMBER(0, 1 << 30);
		o->wait_ms = (int)n;
	} else if (IS("--on-no-agent")) {
		o->require_agent = one_of(name, value, "run", "refuse", failure);
	} else if (IS("--buffer")) {
		WANT_NUMBER(65536, INT64_MAX);
		o->buffer = (size_t)n;
	} else if (IS("--epoch-bytes")) {
		WANT_NUMBER(1024, INT64_MAX);
		o->epoch_bytes = (uint64_t)n;
	} else if (IS("--trace") || IS("--events")) {
		if (!names(o, value, o->events, &o->event_count))
			fail(failure, 125, "bad-option", 0, "too many names in \"%s\"", value);
	} else if (IS("--keep-env")) {
		if (!names(o, value, o->keep, &o->keep_count))
			fail(failure, 125, "bad-option", 0, "too many names in \"%s\"", value);
	} else if (IS("--content")) {
		const char *wanted[8];
		unsigned count = 0;

		if (!names(o, value, wanted, &count))
			count = 0;
		o->content = 0;
		for (unsigned index = 0; index < count; index++) {
			if (!strcmp(wanted[index], "metadata"))
				o->content |= CONTENT_METADATA;
			else if (!strcmp(wanted[index], "hashes"))
				o->content |= CONTENT_METADATA | CONTENT_HASHES_WANTED;
			else if (!strcmp(wanted[index], "packages"))
				o->content |= CONTENT_METADATA | CONTENT_PACKAGES_WANTED;
			else if (strcmp(wanted[index], "none") != 0)
				fail(failure, 125, "bad-option", 0, "\"--content\" wants metadata, hashes, packages or none, not \"%s\"", wanted[index]);
		}
	} else if (IS("--redact")) {
		if (!names(o, value, o->redact, &o->redact_count))
			fail(failure, 125, "bad-option", 0, "too many names in \"%s\"", value);
	} else if (IS("--redact-env")) {
		if (!names(o, value, o->hide_env, &o->hide_env_count))
			fail(failure, 125, "bad-option", 0, "too many names in \"%s\"", value);
	} else if (IS("--redact-path")) {
		unsigned before = o->hide_path_count;

		if (!names(o, value, o->hide_path, &o->hide_path_count))
			fail(failure, 125, "bad-option", 0, "too many patterns in \"%s\"", value);
		for (unsigned index = before; index < o->hide_path_count; index++)
			if (o->hide_path[index][0] != '/' || strspn(o->hide_path[index], "/*?") == strcspn(o->hide_path[index], "="))
				fail(failure, 125, "bad-option", 0, "\"--redact-path\" wants absolute paths such as /home/*/.ssh, not \"%s\"", o->hide_path[index]);
	} else if (IS("--pid")) {
		WANT_NUMBER(1, INT32_MAX);
		if (o->pid_count == OPTIONS_PIDS_MAX)
			fail(failure, 125, "bad-option", 0, "more than %d processes to attach to", OPTIONS_PIDS_MAX);
		else
			o->pids[o->pid_count++] = (pid_t)n;
	} else if (IS("--inherit-fd")) {
		WANT_NUMBER(0, 1 << 20);
		if (o->inherit_count < OPTIONS_NAMES_MAX)
			o->inherit[o->inherit_count++] = (int)n;
	} else if (IS("--duration")) {
		o->duration_ms = milliseconds(value);
		if (!o->duration_ms)
			fail(failure, 125, "bad-option", 0, "\"%s\" wants a time, such as 500ms or 2s, not \"%s\"", name, value);
	} else if (IS("--proc-scan-rate")) {
		o->scan_ms = milliseconds(value);
		if (o->scan_ms < 100 || o->scan_ms > 86400000)
			fail(failure, 125, "bad-option", 0, "\"%s\" wants a time from 100ms on, such as 500ms or 2s, not \"%s\"", name, value);
	} else if (IS("--uid")) {
		WANT_NUMBER(0, 0xfffffffe);
		o->uid = n;
	} else if (IS("--gid")) {
		WANT_NUMBER(0, 0xfffffffe);
		o->gid = n;
	} else if (IS("--cwd")) {
		o->cwd = value;
	} else if (IS("--rlimit-nofile")) {
		WANT_NUMBER(0, INT64_MAX);
		o->nofile = n;
	} else if (IS("--ignore-signals")) {
		WANT_NUMBER(0, INT64_MAX);
		o->ignored_signals = (uint64_t)n;
	} else if (IS("--on-io-uring")) {
		o->deny_uring = one_of(name, value, "record", "deny", failure);
	} else if (IS("--on-tracer-death")) {
		o->on_death = !strcmp(value, "kill") ? DEATH_KILL : !strcmp(value, "guardian") ? DEATH_GUARDIAN : DEATH_ENOSYS;
		if (o->on_death == DEATH_ENOSYS && strcmp(value, "accept-enosys") != 0)
			fail(failure, 125, "bad-option", 0, "\"%s\" wants kill, guardian or accept-enosys, not \"%s\"", name, value);
	} else if (IS("--without")) {
		if (!strcmp(value, "syscall-info"))
			o->without |= FEATURE_SYSCALL_INFO;
		else if (!strcmp(value, "openat2"))
			o->without |= FEATURE_OPENAT2;
		else if (!strcmp(value, "pidfd-getfd"))
			o->without |= FEATURE_PIDFD_GETFD;
		else
			fail(failure, 125, "bad-option", 0, "\"--without\" wants syscall-info, openat2 or pidfd-getfd, not \"%s\"", value);
	}
	return !failure->status;
#undef WANT_NUMBER
#undef IS
}

static bool flag(struct options *o, const char *name)
{
	static const struct {
		const char *name;
		size_t at;
	} flags[] = {
		{"--force", offsetof(struct options, force)},
		{"--disable-seccomp", offsetof(struct options, disable_seccomp)},
		{"--verbose", offsetof(struct options, verbose)},
		{"--help", offsetof(struct options, help)},
		{"-h", offsetof(struct options, help)},
		{"--version", offsetof(struct options, version)},
		{"--mirror-stop", offsetof(struct options, mirror)},
		{"--reset-signals", offsetof(struct options, reset_signals)},
		{"--no-ancestors", offsetof(struct options, no_ancestors)},
		{"--strict", offsetof(struct options, strict)},
		{"--disable-proc-scan", offsetof(struct options, no_scan)},
		{"--disable-stats", offsetof(struct options, no_stats)},
		{"--async", offsetof(struct options, async)},
	};

	for (size_t n = 0; n < sizeof(flags) / sizeof(*flags); n++)
		if (!strcmp(name, flags[n].name)) {
			*(bool *)((char *)o + flags[n].at) = true;
			return true;
		}
	return false;
}

static const char *const valued[] = {"-o", "--output", "--fd", "--message-fd", "--channel", "--probe-addr", "--socket", "--token-file", "--hello", "--wait", "--on-no-agent",
				     "--buffer", "--epoch-bytes", "--trace", "--events", "--keep-env", "--content", "--redact", "--redact-env", "--redact-path", "--pid", "--inherit-fd", "--duration", "--proc-scan-rate", "--uid", "--gid",
				     "--cwd", "--rlimit-nofile", "--ignore-signals", "--on-io-uring", "--on-tracer-death", "--without"};

bool options_parse(struct options *o, int argc, char **argv, struct failure *failure)
{
	memset(o, 0, sizeof(*o));
	o->fd = o->message_fd = -1;
	o->uid = o->gid = o->nofile = -1;
	o->wait_ms = 5000;
	o->content = CONTENT_METADATA;
	for (int n = 0; n < argc; n++) {
		char *equals = strchr(argv[n], '=');
		size_t length = equals ? (size_t)(equals - argv[n]) : strlen(argv[n]);
		const char *name = NULL;

		if (!strcmp(argv[n], "--")) {
			o->command = argv + n + 1;
			break;
		}
		if (argv[n][0] != '-') {
			o->command = argv + n;
			break;
		}
		if (flag(o, argv[n]))
			continue;
		for (size_t v = 0; v < sizeof(valued) / sizeof(*valued); v++)
			if (strlen(valued[v]) == length && !strncmp(valued[v], argv[n], length))
				name = valued[v];
		if (!name) {
			fail(failure, 125, "bad-option", 0, "there is no option \"%.*s\"", (int)length, argv[n]);
			return false;
		}
		if (!equals && n + 1 >= argc) {
			fail(failure, 125, "bad-option", 0, "\"%s\" wants a value", name);
			return false;
		}
		if (!apply(o, name, equals ? equals + 1 : argv[++n], failure))
			return false;
	}
	if (o->command && !*o->command)
		o->command = NULL;
	if (o->no_scan)
		o->scan_ms = 0;
	if (o->no_stats)
		o->content = 0;
	if (o->async)
		o->wait_ms = 0;
	if (o->help || o->version)
		return true;
	if (!o->command && !o->pid_count) {
		fail(failure, 125, "bad-option", 0, "nothing to trace: want a program after \"--\", or --pid N");
		return false;
	}
	if (o->command && o->pid_count) {
		fail(failure, 125, "bad-option", 0, "both a program and --pid: want one of them");
		return false;
	}
	if (!o->output && o->fd < 0 && !o->channel) {
		fail(failure, 125, "bad-option", 0, "nowhere to write to: want -o FILE, --fd N or --channel ADDRESS");
		return false;
	}
	if (o->on_death == DEATH_UNSAID)
		o->on_death = o->output ? DEATH_KILL : DEATH_GUARDIAN;
	return true;
}

void options_free(struct options *o)
{
	while (o->copy_count)
		free(o->copies[--o->copy_count]);
}
