#include "guardian.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "call.h"
#include "registers.h"
#include "spawn.h"

#ifndef PTRACE_LISTEN
#define PTRACE_LISTEN 0x4208
#endif
#define PIDS (1u << 22) /* PID_MAX_LIMIT of 64-bit kernels */
#define NOBODY 65534
#define CLOSE_RANGE 436 /* the same number everywhere; older headers lack it */
#define PATIENCE_NS 20000000000u
#define WORD_BITS 64u
#define OATHS 8

/* Shared by the tracer and all its guardians, one after the other. */
struct guardian {
	_Atomic uint64_t tasks[PIDS / WORD_BITS];
	_Atomic uint64_t touched[PIDS / WORD_BITS / WORD_BITS]; /* words of `tasks` that ever had a bit */
	_Atomic pid_t pid;
	atomic_int ending;
	/*
	 * Who traces holds a lock that the kernel takes from the hands of a dying *thread*, before it lets go
	 * of that thread's tracees. One after the other, since a dead owner's lock is not used again at once.
	 */
	pthread_mutex_t oaths[OATHS];
	atomic_uint generation;
	pthread_t keeper;
	bool kept;
};

static void mark(struct guardian *g, pid_t tid, bool here)
{
	uint32_t word = (uint32_t)tid / WORD_BITS;
	uint64_t bit = 1ull << ((uint32_t)tid % WORD_BITS);

	if ((uint32_t)tid >= PIDS)
		return;
	if (!here) {
		atomic_fetch_and(&g->tasks[word], ~bit);
		return;
	}
	atomic_fetch_or(&g->tasks[word], bit);
	atomic_fetch_or(&g->touched[word / WORD_BITS], 1ull << (word % WORD_BITS));
}

void guardian_mark(struct tracer *tracer, pid_t tid, bool here)
{
	if (tracer->guardian)
		mark(tracer->guardian, tid, here);
}

pid_t guardian_pid(const struct tracer *tracer)
{
	return tracer->guardian ? atomic_load(&tracer->guardian->pid) : 0;
}

/* Calls `visit` for each marked task. */
static void each_task(struct guardian *g, void (*visit)(pid_t tid, void *context), void *context)
{
	for (uint32_t top = 0; top < PIDS / WORD_BITS / WORD_BITS; top++)
		for (uint64_t words = atomic_load(&g->touched[top]); words; words &= words - 1) {
			uint32_t word = top * WORD_BITS + (uint32_t)__builtin_ctzll(words);
			for (uint64_t bits = atomic_load(&g->tasks[word]); bits; bits &= bits - 1)
				visit((pid_t)(word * WORD_BITS + (uint32_t)__builtin_ctzll(bits)), context);
		}
}

/* What the taking over knows. */
struct sweep {
	struct guardian *guardian;
	unsigned long options;
	uint64_t *ours;        /* bits of the tasks that are seized */
	uint64_t *early;       /* of those that stopped before their parent told of them */
	unsigned count, waiting; /* seized; still held by the one who dies */
	bool lost;
};

static bool bit_of(const uint64_t *bits, pid_t tid)
{
	return (uint32_t)tid < PIDS && bits[(uint32_t)tid / WORD_BITS] >> ((uint32_t)tid % WORD_BITS) & 1;
}

static bool is_ours(const struct sweep *s, pid_t tid)
{
	return bit_of(s->ours, tid);
}

static void turn(uint64_t *bits, pid_t tid)
{
	if ((uint32_t)tid < PIDS)
		bits[(uint32_t)tid / WORD_BITS] ^= 1ull << ((uint32_t)tid % WORD_BITS);
}

static void set_ours(struct sweep *s, pid_t tid, bool yes)
{
	if (is_ours(s, tid) == yes)
		return;
	turn(s->ours, tid);
	s->count += yes ? 1u : -1u;
	mark(s->guardian, tid, yes);
}

static void seize(pid_t tid, void *context)
{
	struct sweep *s = context;

	if (is_ours(s, tid))
		return;
	if (!ptrace(PTRACE_SEIZE, tid, 0, (void *)s->options))
		set_ours(s, tid, true);
	else if (errno == EPERM)
		s->waiting++;
	else
		mark(s->guardian, tid, false);
}

/* Numbers in a folder of /proc. Without opendir(), which allocates: a guardian is forked while other threads may hold that lock. */
static void seize_listed(struct sweep *s, const char *folder)
{
	struct entry {
		uint64_t inode;
		int64_t next;
		uint16_t length;
		uint8_t type;
		char name[];
	};
	_Alignas(struct entry) char bytes[16384];
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	long got;

	while (fd >= 0 && (got = syscall(SYS_getdents64, fd, bytes, sizeof(bytes))) > 0)
		for (const char *at = bytes; at < bytes + got; at += ((const struct entry *)at)->length) {
			pid_t tid = atoi(((const struct entry *)at)->name);

			if (tid > 0)
				seize(tid, s);
		}
	if (fd >= 0)
		close(fd);
}

/* Threads and children that were born while nobody watched. */
static void seize_kin(pid_t tid, void *context)
{
	struct sweep *s = context;
	char path[64], text[16384];
	ssize_t length;
	char *at;

	snprintf(path, sizeof(path), "/proc/%d/task", tid);
	if (facts_group(tid) == tid)
		seize_listed(s, path);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", tid, tid);
	length = facts_file(path, text, sizeof(text));
	for (at = text; length > 0 && *at; at += strspn(at, " \n")) {
		pid_t child = (pid_t)strtol(at, &at, 10);
		if (child <= 0)
			break;
		seize(child, s);
	}
}

static void take_over(struct sweep *s)
{
	const struct timespec moment = {0, 20000};
	uint64_t until = boot_time() + PATIENCE_NS;
	unsigned before;

	/*
	 * The lock is ours a moment before the tracer's tasks are let go of. The dying thread may need this very
	 * processor for its end, so we sleep between tries.
	 */
	for (;;) {
		s->waiting = 0;
		each_task(s->guardian, seize, s);
		if (!s->waiting || boot_time() > until)
			break;
		nanosleep(&moment, NULL);
	}
	s->lost = s->waiting > 0;
	do {
		before = s->count;
		each_task(s->guardian, seize_kin, s);
	} while (s->count != before);
}

/* A filter that the program made itself asks for a tracer: as if there were none. */
static bool is_foreign(const struct tracer *tracer, pid_t tid)
{
	struct call_view view = {0};

	return registers_view(tid, tracer->has_syscall_info, true, &view) && !call_is_selected(tracer, &view);
}

static void serve_stop(struct tracer *tracer, struct sweep *s, const struct stop *stop)
{
	unsigned long message = 0;
	int signal = 0;

	if (!is_ours(s, stop->tid)) {
		set_ours(s, stop->tid, true);
		if (!bit_of(s->early, stop->tid))
			turn(s->early, stop->tid);
	}
	switch (stop->kind) {
	case STOP_SECCOMP:
		if (is_foreign(tracer, stop->tid))
			registers_refuse(stop->tid, -ENOSYS);
		break;
	case STOP_FORK:
		if (ptrace(PTRACE_GETEVENTMSG, stop->tid, 0, &message) || !message)
			break;
		/* It may have stopped, and even ended, before. */
		if (bit_of(s->early, (pid_t)message))
			turn(s->early, (pid_t)message);
		else
			set_ours(s, (pid_t)message, true);
		break;
	case STOP_EXEC:
		/* The thread that called has the leader's number now. */
		if (!ptrace(PTRACE_GETEVENTMSG, stop->tid, 0, &message) && message && (pid_t)message != stop->tid)
			set_ours(s, (pid_t)message, false);
		break;
	case STOP_SIGNAL:
		signal = stop->signal;
		break;
	case STOP_GROUP:
		if (!ptrace(PTRACE_LISTEN, stop->tid, 0, 0) || errno == ESRCH)
			return;
		break;
	default:
		break;
	}
	ptrace(PTRACE_CONT, stop->tid, 0, (void *)(long)signal);
}

_Noreturn static void stand_by(struct tracer *tracer, pthread_mutex_t *oath);

/* Holds a new lock, for the one who stands by. */
static pthread_mutex_t *swear(struct guardian *g)
{
	pthread_mutex_t *oath = &g->oaths[atomic_fetch_add(&g->generation, 1) % OATHS];
	pthread_mutexattr_t kind;

	pthread_mutexattr_init(&kind);
	pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(oath, &kind);
	pthread_mutex_lock(oath);
	return oath;
}

/* A successor, in case that this one is killed as well. */
static pid_t appoint(struct tracer *tracer, pthread_mutex_t *oath)
{
	pid_t pid = fork();

	if (!pid)
		stand_by(tracer, oath);
	atomic_store(&tracer->guardian->pid, pid > 0 ? pid : 0);
	return pid;
}

_Noreturn static void serve(struct tracer *tracer, struct sweep *s)
{
	pthread_mutex_t *oath = swear(tracer->guardian);
	pid_t successor = appoint(tracer, oath);

	for (;;) {
		int status;
		pid_t tid;
		struct stop stop;

		if (!s->count && successor > 0) {
			/* Nobody is left, unless a child is just being born: then it is told next. */
			kill(successor, SIGKILL);
			waitpid(successor, NULL, 0);
			successor = 0;
		}
		tid = waitpid(-1, &status, __WALL);
		if (tid < 0 && errno == EINTR)
			continue;
		if (tid < 0)
			_exit(0);
		if (tid == successor) {
			successor = appoint(tracer, oath);
			continue;
		}
		stop = stop_classify(tid, status);
		if (stop.kind == STOP_EXITED || stop.kind == STOP_KILLED) {
			set_ours(s, tid, false);
			continue;
		}
		serve_stop(tracer, s, &stop);
		if (successor <= 0)
			successor = appoint(tracer, oath);
	}
}

/* Keeps nothing of what the tracer had: neither its descriptors nor its terminal nor its folder. */
static void leave_all(void)
{
	sigset_t all;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	setsid();
	if (chdir("/") < 0)
		errno = 0;
	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
	}
	if (syscall(CLOSE_RANGE, 3u, ~0u, 0))
		for (int fd = 3; fd < 65536; fd++)
			close(fd);
}

_Noreturn static void stand_by(struct tracer *tracer, pthread_mutex_t *oath)
{
	const struct sched_param first = {.sched_priority = 1}, usual = {0};
	struct sweep s = {.guardian = tracer->guardian, .options = spawn_ptrace_options(tracer)};

	prctl(PR_SET_NAME, "seccam-guardian", 0, 0, 0);
	leave_all();
	s.ours = mmap(NULL, PIDS / 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s.ours == MAP_FAILED)
		_exit(1);
	s.early = s.ours + PIDS / WORD_BITS;
	/* Refused in most containers: then the gap is longer. */
	sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first);
	if (pthread_mutex_lock(oath) != EOWNERDEAD)
		_exit(0);
	take_over(&s);
	sched_setscheduler(0, SCHED_OTHER, &usual);
	if (s.count) {
		char text[160];
		int length = snprintf(text, sizeof(text), "seccam-trace: the tracer was killed: the program goes on, unrecorded%s [tracer-killed]\n",
				      s.lost ? "; some of it could not be seized, and its traced calls fail" : "");

		if (write(2, text, (size_t)length) < 0)
			errno = 0;
	}
	serve(tracer, &s);
}

/*
 * Keeps one guardian alive as long as the tracer lives. A thread of its own, since the tracer thread
 * takes the end of its last child for the end of the traced tree.
 */
static void *keep(void *argument)
{
	struct tracer *tracer = argument;
	struct guardian *g = tracer->guardian;

	while (!atomic_load(&g->ending)) {
		pid_t pid = fork();

		if (!pid)
			stand_by(tracer, &g->oaths[0]);
		if (pid < 0) {
			const struct timespec moment = {0, 100000000};
			nanosleep(&moment, NULL);
			continue;
		}
		atomic_store(&g->pid, pid);
		while (waitpid(pid, NULL, __WNOTHREAD) < 0 && errno == EINTR)
			;
		atomic_store(&g->pid, 0);
	}
	return NULL;
}

/* In a child: becomes what a program may become that drops its user, and waits. */
_Noreturn static void be_seized(const struct tracer *tracer, int go)
{
	const struct options *o = &tracer->options;
	uid_t uid = o->uid >= 0 ? (uid_t)o->uid : geteuid() ? geteuid() : NOBODY;
	char byte;

	/* Where no other user is known (a small user namespace) the program cannot change either. */
	if (geteuid() || setresgid(NOBODY, NOBODY, NOBODY) || setresuid(uid, uid, uid))
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	if (read(go, &byte, 1) < 0)
		_exit(1);
	_exit(0);
}

/* 0, or the errno with which a guardian would fail to seize. */
static int prove(const struct tracer *tracer)
{
	int go[2], status = 0;
	pid_t victim, prover;

	if (pipe2(go, O_CLOEXEC))
		return errno;
	victim = fork();
	if (!victim) {
		close(go[1]);
		be_seized(tracer, go[0]);
	}
	prover = victim < 0 ? -1 : fork();
	if (!prover) {
		/* The victim sleeps in its read once it has changed its user. */
		const struct timespec moment = {0, 1000000};
		struct standing standing;

		close(go[1]);
		for (int n = 0; n < 1000 && facts_standing(victim, &standing) && standing.state != 'S'; n++)
			nanosleep(&moment, NULL);
		_exit(ptrace(PTRACE_SEIZE, victim, 0, 0) ? errno : 0);
	}
	if (prover > 0)
		waitpid(prover, &status, 0);
	close(go[0]);
	close(go[1]);
	if (victim > 0)
		waitpid(victim, NULL, 0);
	return prover < 0 ? EAGAIN : WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
}

bool guardian_wanted(const struct tracer *tracer)
{
	return tracer->use_filter && tracer->options.on_death == DEATH_GUARDIAN;
}

bool guardian_start(struct tracer *tracer)
{
	struct guardian *g;
	char scope[8] = "";
	int error = prove(tracer);

	if (error) {
		facts_file("/proc/sys/kernel/yama/ptrace_scope", scope, sizeof(scope));
		fail(&tracer->failure, 125, "no-guardian", error, "nobody could take over if the tracer were killed, and then every traced call would fail: %s; choose with --on-tracer-death",
		     scope[0] > '0' ? "kernel.yama.ptrace_scope lets a process seize its own children only, and there is no CAP_SYS_PTRACE"
				    : "without CAP_SYS_PTRACE a program that changes its user cannot be seized");
		return false;
	}
	g = mmap(NULL, sizeof(*g), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (g == MAP_FAILED) {
		fail(&tracer->failure, 125, "internal-error", errno, "cannot make a guardian");
		return false;
	}
	tracer->guardian = g;
	swear(g);
	g->kept = !pthread_create(&g->keeper, NULL, keep, tracer);
	return true;
}

void guardian_end(struct tracer *tracer)
{
	struct guardian *g = tracer->guardian;

	if (!g)
		return;
	atomic_store(&g->ending, 1);
	pthread_mutex_unlock(&g->oaths[0]);
	if (g->kept)
		pthread_join(g->keeper, NULL);
	munmap(g, sizeof(*g));
	tracer->guardian = NULL;
}
