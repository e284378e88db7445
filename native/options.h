/* The options of `seccam-trace`, which are those of the library too: both hand over an argument vector. */
#ifndef SECCAM_OPTIONS_H
#define SECCAM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "die.h"

#define OPTIONS_PIDS_MAX 256
#define OPTIONS_NAMES_MAX 256

/* What becomes of the program when the tracer is killed. Unsaid: it dies too, but live a guardian takes over. */
enum on_death { DEATH_UNSAID, DEATH_KILL, DEATH_GUARDIAN, DEATH_ENOSYS };

struct options {
	const char *output;         /* -o FILE */
	int fd;                     /* --fd N: a stream without greeting; -1 */
	const char *channel;        /* --channel ADDRESS or --probe-addr HOST:PORT: with greeting, see docs/protocol.md */
	const char *token_file;
	const char *hello;          /* --hello JSON: members of the greeting */
	int wait_ms;                /* --wait MS: for the agent */
	bool require_agent;         /* --on-no-agent refuse */
	bool force, disable_seccomp, verbose, help, version;
	int message_fd;             /* --message-fd N: messages go there, each "code\nsentence\0"; -1: to stderr */
	bool no_ancestors;          /* --no-ancestors: the snapshot begins with the first process */
	bool mirror;                /* --mirror-stop: stop ourselves when the program is stopped by the terminal */
	int64_t uid, gid;           /* -1: as we are */
	const char *cwd;
	const char *events[OPTIONS_NAMES_MAX];
	unsigned event_count;
	const char *keep[OPTIONS_NAMES_MAX];   /* --keep-env NAME */
	unsigned keep_count;
	unsigned content;           /* --content NAMES: what is read of programs; bits of content.h */
	const char *redact[OPTIONS_NAMES_MAX]; /* --redact PATTERN */
	unsigned redact_count;
	const char *hide_env[OPTIONS_NAMES_MAX];   /* --redact-env PATTERN: values that are not stored, though their names are kept */
	unsigned hide_env_count;
	const char *hide_path[OPTIONS_NAMES_MAX];  /* --redact-path PATTERN[=TEXT] */
	unsigned hide_path_count;
	int inherit[OPTIONS_NAMES_MAX];        /* --inherit-fd N: loses FD_CLOEXEC in the program */
	unsigned inherit_count;
	pid_t pids[OPTIONS_PIDS_MAX];
	unsigned pid_count;
	uint64_t duration_ms;
	bool async;                 /* --async: do not wait for the agent */
	bool no_stats;              /* --disable-stats: nothing is read of files and accounts beyond what names them */
	bool no_scan;               /* --disable-proc-scan wins */
	uint64_t scan_ms;           /* --proc-scan-rate MS: how often /proc is looked through; 0: never */
	size_t buffer;              /* --buffer BYTES of the channel */
	uint64_t epoch_bytes;       /* --epoch-bytes N: a checkpoint after so many; 0: as usual */
	int64_t nofile;             /* --rlimit-nofile N: soft limit of the program; -1: ours */
	bool reset_signals;         /* --reset-signals: what Node changes is undone: dispositions of signals, O_NONBLOCK of 0-2 */
	uint64_t ignored_signals;   /* --ignore-signals MASK: set to ignore in the program */
	uint64_t default_signals;   /* ignored by ourselves only */
	bool hide;                  /* not dumpable, once the program is seized: set by the executable, not by an option */
	enum on_death on_death;     /* --on-tracer-death WHAT */
	bool deny_uring;            /* --on-io-uring deny */
	bool strict;                /* --strict: refuse what would blind us */
	unsigned without;           /* --without NAME: kernel features that tests switch off; see FEATURE_* */
	char **command;             /* ends with NULL; NULL in attach mode */
	char *copies[OPTIONS_NAMES_MAX]; /* storage of lists that were given with commas */
	unsigned copy_count;
};

enum { FEATURE_SYSCALL_INFO = 1, FEATURE_OPENAT2 = 2, FEATURE_PIDFD_GETFD = 4 };

/* argv without the program's name. The strings are used where they are. */
bool options_parse(struct options *options, int argc, char **argv, struct failure *failure);
void options_free(struct options *options);
const char *options_usage(void);

#endif
