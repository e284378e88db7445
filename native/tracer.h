/*
 * The state of one run. The tracer thread owns everything here but `counters` and `wanted`, which other
 * threads read and write as atomics.
 */
#ifndef SECCAM_TRACER_H
#define SECCAM_TRACER_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "die.h"
#include "facts.h"
#include "filter.h"
#include "frame.h"
#include "mounts.h"
#include "options.h"
#include "path.h"
#include "sink.h"
#include "stop.h"
#include "value.h"

#define ACT_COLUMNS 32
#define ACTS 3

/* An image: what a process runs between one exec and the next. Shared by a process and its forks. */
struct image {
	unsigned references;
	struct arena arena;
	struct file_facts file, interpreter;
	bool has_interpreter;
	struct text named;
	struct text cwd; /* where it was started, when `named` is relative */
	struct text_list argv, envp;
	uint64_t exec_time;
	char comm[16];
};

/* Facts that change by a write to a file of /proc or of cgroups, or with the terminal of a session. */
enum unsettled { UNSETTLED_COMM = 1, UNSETTLED_LOGIN = 2, UNSETTLED_CGROUP = 4, UNSETTLED_TERMINAL = 8 };

struct process {
	pid_t tgid, ppid, pgid, sid, own_pid;
	unsigned tasks;
	struct image *image;
	bool credentials_known, namespaces_known, context_known, execed, first, shares_memory, shares_files, split;
	struct credentials credentials;
	struct namespaces namespaces;
	struct context *context; /* interned by the tracer; never freed while it runs */
	struct path_root root;
	char tty[32], comm[64];
	pid_t tty_session; /* the session for which tty is known, */
	unsigned terminals; /* and when: tracer.terminals of then */
	uint64_t start_time;
	/* Ids of the tuples in epoch `epoch`; 0: to be made. */
	uint32_t epoch, credentials_id, namespaces_id, context_id;
	int pidfd;
	unsigned unsettled;  /* facts that may have changed without a call of the table: enum unsettled */
	bool told_blind[16];
	const char *told_unknown[8]; /* what has no reason of its own, by its words */
	bool past;          /* gone, or another program by now: nothing of it is read any more */
	char *cwd;          /* as last told; NULL: not yet */
	struct life *life;  /* lineage.h */
};

/* One event in the making: a call may feed several. */
struct act {
	const struct catalogue_call *call;
	bool opened;   /* emitted or dropped: not to be finished again */
	struct value values[ACT_COLUMNS];
};

enum phase {
	PHASE_RUNNING,      /* no call of interest is going on */
	PHASE_IN_CALL,      /* between the entry stop and the exit stop of a call of interest */
	PHASE_INTERRUPTED,  /* the call left with -ERESTART*: it will be entered again, or is EINTR */
};

struct pending {
	enum phase phase;
	bool want_exit, refused, generic;
	uint8_t arch;
	bool narrow; /* pointers of 32 bits */
	bool replaced; /* by another call, whose words are taken back at its exit */
	int32_t nr;
	uint64_t args[6];
	uint64_t instruction, stack;
	uint64_t began, left; /* boot time of entry, and of an exit with -ERESTART* */
	int64_t forced_result;
	struct act acts[ACTS];
	unsigned act_count;
	struct arena arena;
};

struct task {
	struct task *next; /* in its bucket */
	pid_t tid;
	struct process *process; /* NULL: its parent has not told of it yet */
	bool seen_stop;          /* its first stop was seen */
	bool died;               /* before its parent told of it */
	int death;               /* the wait status of that */
	uint64_t since;          /* boot time at which it was parked */
	bool starting;           /* our own child before its exec: what it does is ours */
	bool in_syscall;         /* without the filter: the next syscall stop is an exit */
	bool listening;          /* in a group-stop */
	pid_t waits_for;
	struct pending pending;
	struct pending *suspended; /* an interrupted call, while the handler of the signal makes calls of its own */
};

#define TASK_BUCKETS 4096

struct counters {
	_Atomic uint64_t events, stops, bytes, dropped, tasks, processes, cut, missing;
};

struct tracer {
	struct options options;
	struct failure failure;
	struct frame frame;
	struct sink sink;
	struct channel *channel;
	struct hashing *hashing; /* NULL: no hash was asked for */
	struct guardian *guardian; /* NULL: nobody takes over */
	struct path_mounts mounts;
	struct task *buckets[TASK_BUCKETS];
	unsigned task_count;
	struct context **contexts;
	unsigned context_count;
	struct selection *selection;
	pid_t main_pid;
	int main_status;      /* wait status of the first process; -1: still running */
	bool use_filter, filter_native, has_syscall_info;
	bool started;         /* the first exec has succeeded: from here on events are written */
	bool attached;
	bool detaching;       /* each task is let go of at its next stop */
	bool no_new_privs;
	bool told_unobserved;
	bool own_ptrace;      /* the program tried to trace itself: told at the end */
	unsigned terminals; /* how often a session took or gave up its terminal */
	struct counters counters;
	atomic_int stop_wanted;
	atomic_int finished;
	pthread_t thread;
	pid_t thread_id;
	pid_t own_pid;
	uint32_t own_pid_namespace;
	sigset_t inherited_mask;
	struct sigaction child_action; /* of SIGCHLD, as it was */
	uint64_t next_checkpoint, deadline;
	uint64_t began;                  /* boot time, as the header tells it */
	uint64_t clock_boot, clock_wall; /* of the last clock record */
	uint32_t lives;
	struct scan *scan;       /* scan.h; NULL: not looked yet */
	uint64_t tasks_added;
	struct life **outsiders; /* untraced ancestors that were told */
	unsigned outsider_count;
	uint32_t users_told, groups_told;
	struct {
		bool valid;
		uint32_t uid, euid, gid, egid, secure;
	} auxiliary;           /* of the last exec */
	uint8_t *scratch;      /* for the stack of a new image */
	size_t scratch_size;
	int report;            /* pipe on which the child tells why it could not start */
	char **arguments;      /* the options, as given */
	bool threaded;
	char message[600];
};

/* loop.c: runs to the end on the calling thread. */
void tracer_run(struct tracer *tracer);

#endif
