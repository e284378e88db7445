/*
 * The seccomp program against two judges: a table of calls written by hand, and for every number of
 * every architecture the tracer's own second decision (filter_selects). The program is run by an
 * interpreter here, so that all numberings are tested on every machine; where the kernel takes it, a
 * child also runs under it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../calls.h"
#include "../filter.h"
#include "check.h"

#define ALLOW SECCOMP_RET_ALLOW
#define STOP SECCOMP_RET_TRACE
#define X32 0x40000000

static unsigned longest;

/* Classic BPF as seccomp has it; 1 when the program does what the kernel would not take. */
static uint32_t run(const struct filter *f, const struct seccomp_data *data)
{
	uint32_t a = 0;
	unsigned at = 0, steps = 0;

	for (;;) {
		const struct sock_filter *i = &f->code[at];

		if (at >= f->length || i->code == 0)
			return 1;
		at++;
		steps++;
		if (steps > longest)
			longest = steps;
		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (i->k % 4 || i->k + 4 > sizeof(*data))
				return 1;
			memcpy(&a, (const char *)data + i->k, 4);
			break;
		case BPF_JMP | BPF_JA:
			at += i->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			at += a == i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			at += a >= i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			at += a & i->k ? i->jt : i->jf;
			break;
		case BPF_RET | BPF_K:
			return i->k;
		default:
			return 1;
		}
	}
}

static uint32_t decide(const struct filter *f, uint32_t audit, int64_t nr, const uint64_t *args)
{
	struct seccomp_data data = {.nr = (int)nr, .arch = audit};

	memcpy(data.args, args, sizeof(data.args));
	return run(f, &data);
}

static struct selection *choose(const char *text)
{
	char copy[200];
	const char *names[16];
	unsigned count = 0;
	struct failure failure = {0};
	char *rest = NULL;

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *name = strtok_r(copy, ",", &rest); name; name = strtok_r(NULL, ",", &rest))
		names[count++] = name;
	return calls_select(names, count, &failure);
}

static int64_t number_of(unsigned arch, const char *name)
{
	for (int64_t nr = 0; nr < CALLS_NUMBERS; nr++)
		if (calls_name(arch, nr) && !strcmp(calls_name(arch, nr), name))
			return nr;
	return -1;
}

/* Calls with their words, and whether they stop in a selection. The same on every architecture that has the call. */
static const struct {
	const char *trace, *call;
	uint64_t args[4];
	uint32_t action;
} vectors[] = {
	{"default", "getppid", {0}, ALLOW},
	{"default", "read", {3, 1, 1}, ALLOW},
	{"default", "close", {3}, ALLOW},
	{"default", "openat", {(uint64_t)-100, 1, 0}, STOP},
	{"signal", "openat", {(uint64_t)-100, 1, 0}, ALLOW},
	{"default", "execve", {1, 1, 1}, STOP},
	{"signal", "execve", {1, 1, 1}, STOP},
	{"signal", "execveat", {1, 1, 1}, STOP},
	{"signal", "chroot", {1}, STOP},
	{"signal", "setresuid", {1, 1, 1}, STOP},
	{"signal", "io_uring_setup", {1, 1}, STOP},
	/* fork comes from the ptrace event; only a child that wants to run untraced is stopped. */
	{"default", "clone", {0x01200011}, ALLOW},
	{"default", "clone", {0x01a00011}, STOP},
	{"default", "clone3", {1, 88}, STOP},
	/* unlinkat is two events, by a flag. */
	{"rmdir", "unlinkat", {(uint64_t)-100, 1, 0x200}, STOP},
	{"rmdir", "unlinkat", {(uint64_t)-100, 1, 0}, ALLOW},
	{"unlink", "unlinkat", {(uint64_t)-100, 1, 0x200}, ALLOW},
	{"unlink", "unlinkat", {(uint64_t)-100, 1, 0}, STOP},
	/* Executable memory. */
	{"mprotect", "mprotect", {4096, 4096, 1}, ALLOW},
	{"mprotect", "mprotect", {4096, 4096, 5}, STOP},
	{"mprotect", "mprotect", {4096, 4096, 0x100000001}, ALLOW},
	/* Signals: 0 and SIGURG are left out. */
	{"signal", "kill", {77, SIGTERM}, STOP},
	{"signal", "kill", {77, 0}, ALLOW},
	{"signal", "kill", {77, SIGURG}, ALLOW},
	{"signal", "kill", {77, 0x100000000}, ALLOW},
	{"signal", "tkill", {77, SIGURG}, ALLOW},
	{"signal", "tkill", {77, SIGUSR1}, STOP},
	{"signal", "tgkill", {77, 77, SIGURG}, ALLOW},
	{"signal", "tgkill", {77, 77, 0}, ALLOW},
	{"signal", "tgkill", {77, 77, SIGABRT}, STOP},
	{"signal", "rt_sigqueueinfo", {77, SIGURG, 1}, ALLOW},
	{"signal", "rt_tgsigqueueinfo", {77, 77, SIGURG, 1}, ALLOW},
	{"signal", "pidfd_send_signal", {7, SIGURG, 0, 0}, ALLOW},
	{"signal", "pidfd_send_signal", {7, SIGTERM, 0, 0}, STOP},
	{"signal:all", "kill", {77, 0}, STOP},
	{"signal:all", "kill", {77, SIGURG}, STOP},
	{"signal:all", "tgkill", {77, 77, SIGURG}, STOP},
	{"signal:all", "rt_tgsigqueueinfo", {77, 77, SIGURG, 1}, STOP},
	{"signal:all", "openat", {(uint64_t)-100, 1, 0}, ALLOW},
	{"all", "kill", {77, SIGURG}, STOP},
	/* What could end or change the tracer: always, whatever is selected; whom it aims at is looked at then. */
	{"open", "kill", {77, SIGKILL}, STOP},
	{"open", "kill", {77, SIGSTOP}, STOP},
	{"open", "kill", {77, 0}, ALLOW},
	{"open", "kill", {77, SIGTERM}, ALLOW},
	{"open", "kill", {0, SIGKILL}, STOP},
	{"open", "kill", {(uint64_t)-1, SIGKILL}, STOP},
	{"open", "tkill", {77, SIGKILL}, STOP},
	{"open", "tgkill", {77, 78, SIGKILL}, STOP},
	{"open", "tgkill", {77, SIGKILL, 0}, ALLOW},
	{"open", "rt_sigqueueinfo", {77, SIGKILL}, STOP},
	{"open", "rt_tgsigqueueinfo", {77, 78, SIGKILL}, STOP},
	{"open", "pidfd_send_signal", {7, SIGKILL}, STOP},
	{"open", "pidfd_send_signal", {7, SIGTERM}, ALLOW},
	{"open", "fcntl", {3, F_SETSIG, SIGKILL}, STOP},
	{"open", "fcntl", {3, F_SETSIG, SIGIO}, ALLOW},
	{"open", "fcntl", {3, F_SETFD, 1}, ALLOW},
	{"open", "fcntl", {3, F_SETFL, SIGKILL}, ALLOW},
	{"open", "ptrace", {16, 77}, STOP},
	{"open", "ptrace", {0, 0}, ALLOW},
	{"open", "prlimit64", {77, 7, 1}, STOP},
	{"open", "prlimit64", {0, 7, 0}, ALLOW},
	{"open", "process_vm_writev", {77, 1, 1}, STOP},
	/* Limits: only a call that sets one. */
	{"setrlimit", "prlimit64", {0, 7, 0, 4096}, ALLOW},
	{"setrlimit", "prlimit64", {0, 7, 4096, 0}, STOP},
	{"setrlimit", "prlimit64", {0, 7, 0x700000000, 0}, STOP},
};

static void by_hand(void)
{
	struct filter *f = malloc(sizeof(*f));

	for (unsigned n = 0; n < sizeof(vectors) / sizeof(*vectors); n++) {
		struct selection *selection = choose(vectors[n].trace);
		unsigned has = 0;

		filter_build(f, selection);
		for (unsigned arch = 0; arch < ARCH_COUNT; arch++) {
			int64_t nr = number_of(arch, vectors[n].call);
			uint64_t args[6] = {0};
			bool narrow = arch == ARCH_I386;

			if (nr < 0)
				continue;
			has++;
			for (unsigned k = 0; k < 4; k++)
				args[k] = narrow ? (uint32_t)vectors[n].args[k] : vectors[n].args[k];
			if (narrow && vectors[n].args[2] == 0x700000000)
				continue;
			check(decide(f, calls_arch(arch)->audit, nr, args) == vectors[n].action, "--trace %s: %s %s(%llx, %llx, %llx, %llx) does not %s", vectors[n].trace,
			      calls_arch(arch)->name, vectors[n].call, (unsigned long long)args[0], (unsigned long long)args[1], (unsigned long long)args[2],
			      (unsigned long long)args[3], vectors[n].action == STOP ? "stop" : "pass");
		}
		check(has, "no architecture has %s", vectors[n].call);
		free(selection);
	}
	free(f);
}

static uint64_t seed = 88172645463325252u;

static uint64_t random_word(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Words that matter to a row, those next to them, and those that differ only in the upper half. */
static uint64_t some_word(const struct selection *selection, const struct call_list *list, unsigned arg)
{
	static const uint64_t always[] = {0, 1, 0xffffffff, UINT64_MAX, 0x100000000, 77, SIGKILL, SIGSTOP, 0x00800000};
	uint64_t word = always[random_word() % (sizeof(always) / sizeof(*always))];

	if (list->count && random_word() % 3) {
		const struct catalogue_call *call = calls_at(selection, list, (unsigned)(random_word() % list->count));
		const struct catalogue_test *tests = calls_tests(call);

		for (unsigned n = 0; n < call->test_count; n++)
			if (tests[n].arg == arg && tests[n].count)
				word = tests[n].values[random_word() % tests[n].count];
	}
	switch (random_word() % 8) {
	case 0:
		return word | 0x100000000;
	case 1:
		return word | random_word();
	case 2:
		return word ^ 1;
	default:
		return word;
	}
}

static void by_second_decision(const char *trace)
{
	static const uint64_t nothing[6];
	struct filter *f = malloc(sizeof(*f));
	struct selection *selection = choose(trace);
	unsigned stopping = 0;

	filter_build(f, selection);
	check(f->length <= BPF_MAXINSNS, "the program of %s has %u instructions", trace, f->length);
	for (unsigned arch = 0; arch < ARCH_COUNT; arch++) {
		uint32_t audit = calls_arch(arch)->audit;

		for (int64_t nr = 0; nr < CALLS_NUMBERS; nr++) {
			const struct call_list *list = calls_find(selection, arch, nr);
			bool always = list->special == SPECIAL_EXEC || list->special == SPECIAL_CLONE3 || list->special == SPECIAL_SOCKETCALL;
			unsigned rounds = list->count || list->special ? 300 : 3;

			for (unsigned round = 0; round < rounds; round++) {
				uint64_t args[6];
				bool want, narrow = arch == ARCH_I386;

				for (unsigned n = 0; n < 6; n++) {
					args[n] = some_word(selection, list, n);
					if (narrow)
						args[n] = (uint32_t)args[n];
				}
				want = always || calls_is_newer(arch, nr) || filter_selects(selection, list, args, narrow);
				stopping += want;
				check(decide(f, audit, nr, args) == (want ? STOP : ALLOW), "--trace %s: %s %lld (%s) with %llx %llx %llx %llx %llx does not %s", trace, calls_arch(arch)->name,
				      (long long)nr, calls_name(arch, nr) ? calls_name(arch, nr) : "?", (unsigned long long)args[0], (unsigned long long)args[1],
				      (unsigned long long)args[2], (unsigned long long)args[3], (unsigned long long)args[4], want ? "stop" : "pass");
			}
		}
		/* What is newer than the tables never runs unseen; -1 is how a tracer skips a call. */
		check(decide(f, audit, 100000, nothing) == STOP, "%s: a call newer than the table passes", calls_arch(arch)->name);
		check(decide(f, audit, -1, nothing) == ALLOW, "%s: number -1 stops", calls_arch(arch)->name);
	}
	/* x32 and ABIs without a section never run unseen. */
	for (int64_t nr = 0; nr < 600; nr++)
		check(decide(f, AUDIT_ARCH_X86_64, nr | X32, nothing) == STOP, "x32 number %lld passes", (long long)nr);
	check(decide(f, AUDIT_ARCH_ARM, 5, nothing) == STOP, "a call of 32-bit ARM passes");
	check(decide(f, AUDIT_ARCH_S390X, 5, nothing) == STOP, "a call of s390x passes");
	check(stopping > 1000, "--trace %s: only %u calls were to stop", trace, stopping);
	printf("--trace %s: %u instructions, %u steps at most\n", trace, f->length, longest);
	free(selection);
	free(f);
}

/* Numbers of this architecture as the C library's headers have them. */
static void by_headers(void)
{
	static const struct {
		const char *name;
		int64_t nr;
	} known[] = {
#include "numbers.h"
	};
	static const char *const machine =
#if defined(__aarch64__)
		"aarch64";
#else
		"x86_64";
#endif
	unsigned same = 0;

	for (unsigned arch = 0; arch < ARCH_COUNT; arch++)
		if (!strcmp(calls_arch(arch)->name, machine))
			for (unsigned n = 0; n < sizeof(known) / sizeof(*known); n++)
				if (calls_name(arch, known[n].nr)) {
					check(!strcmp(calls_name(arch, known[n].nr), known[n].name), "%s %lld is %s, not %s", machine, (long long)known[n].nr, known[n].name,
					      calls_name(arch, known[n].nr));
					same++;
				}
	check(same > 250, "only %u numbers of %s are known", same, machine);
}

/* Under the real thing a call that stops without a tracer fails with ENOSYS. */
static void by_kernel(void)
{
	struct selection *selection = choose("default");
	struct filter *f = malloc(sizeof(*f));
	struct sock_fprog program;
	int status = 0;
	pid_t pid;

	filter_build(f, selection);
	program = (struct sock_fprog){(unsigned short)f->length, f->code};
	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))
			_exit(errno == ENOSYS || errno == EINVAL ? 77 : 1);
		if (syscall(SYS_getppid) <= 0)
			_exit(2);
		if (syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY, 0) != -1 || errno != ENOSYS)
			_exit(3);
		if (syscall(SYS_kill, getpid(), 0))
			_exit(4);
		if (syscall(SYS_kill, getpid(), SIGKILL) != -1 || errno != ENOSYS)
			_exit(5);
		_exit(0);
	}
	check(pid > 0 && waitpid(pid, &status, 0) == pid, "cannot fork");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		printf("the kernel takes no filter here: only interpreted\n");
	else
		check(status == 0, "under the filter a child ended with %x", (unsigned)status);
	free(selection);
	free(f);
}

int main(void)
{
	by_hand();
	by_second_decision("default");
	by_second_decision("lean");
	by_second_decision("all");
	by_second_decision("signal");
	by_headers();
	by_kernel();
	return checked("filter");
}
