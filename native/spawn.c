#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PTRACE_O_EXITKILL
#define PTRACE_O_EXITKILL (1 << 20)
#endif
#ifndef PTRACE_O_TRACESECCOMP
#define PTRACE_O_TRACESECCOMP (1 << 7)
#endif
#define CAP_SYS_ADMIN_BIT 21

extern char **environ;

enum stage { STAGE_GO, STAGE_PRIVILEGES, STAGE_FILTER, STAGE_GROUPS, STAGE_GID, STAGE_UID, STAGE_CWD, STAGE_LIMIT, STAGE_EXEC };

struct problem {
	int32_t stage, error;
};

unsigned long spawn_ptrace_options(const struct tracer *tracer)
{
	unsigned long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;

	if (tracer->use_filter)
		options |= PTRACE_O_TRACESECCOMP;
	if (tracer->options.on_death == DEATH_KILL && !tracer->attached)
		options |= PTRACE_O_EXITKILL;
	return options;
}

static bool may_filter_without_vow(void)
{
	struct credentials own;

	return facts_credentials(getpid(), &own, NULL) && own.cap_effective >> CAP_SYS_ADMIN_BIT & 1;
}

/* The path that a shell would run, or NULL with a failure. */
static char *find_program(const char *name, struct failure *failure)
{
	const char *path = getenv("PATH");
	struct stat there;
	bool seen = false;
	char *found;

	if (!*name) {
		fail(failure, 127, "program-not-found", 0, "the name of the program is empty");
		return NULL;
	}
	if (strchr(name, '/'))
		return strdup(name);
	if (!path)
		path = "/usr/local/bin:/usr/bin:/bin";
	while (*path) {
		size_t length = strcspn(path, ":");
		found = grab(length + strlen(name) + 3);
		sprintf(found, "%.*s/%s", length ? (int)length : 1, length ? path : ".", name);
		if (!stat(found, &there) && S_ISREG(there.st_mode)) {
			if (!faccessat(AT_FDCWD, found, X_OK, AT_EACCESS))
				return found;
			seen = true;
		}
		free(found);
		path += length;
		if (*path == ':')
			path++;
	}
	if (seen)
		fail(failure, 126, "program-not-executable", 0, "\"%s\" is there but cannot be executed", name);
	else
		fail(failure, 127, "program-not-found", 0, "there is no program \"%s\" in PATH", name);
	return NULL;
}

struct plan {
	const struct tracer *tracer;
	const char *path;
	const struct sock_fprog *program; /* NULL: no filter */
	bool vow;
	int go, report;
	struct rlimit nofile;
	bool set_nofile;
};

_Noreturn static void give_up(const struct plan *plan, enum stage stage)
{
	struct problem problem = {stage, errno};

	if (write(plan->report, &problem, sizeof(problem)) < 0)
		_exit(125);
	_exit(stage == STAGE_EXEC ? (errno == ENOENT ? 127 : 126) : 125);
}

static void restore_signals(const struct options *options)
{
	struct sigaction action;

	for (int n = 1; n < 65; n++) {
		if (n == SIGKILL || n == SIGSTOP || n == 32 || n == 33)
			continue;
		memset(&action, 0, sizeof(action));
		if (sigaction(n, NULL, &action))
			continue;
		if (options->ignored_signals >> (n - 1) & 1)
			action.sa_handler = SIG_IGN;
		else if (options->reset_signals || options->default_signals >> (n - 1) & 1 || action.sa_handler != SIG_IGN)
			action.sa_handler = SIG_DFL;
		else
			continue;
		action.sa_flags = 0;
		sigemptyset(&action.sa_mask);
		sigaction(n, &action, NULL);
	}
}

/* In the child of a process with many threads: system calls only. */
_Noreturn static void child(const struct plan *plan)
{
	const struct options *options = &plan->tracer->options;
	char byte;
	ssize_t got;

	do
		got = read(plan->go, &byte, 1);
	while (got < 0 && errno == EINTR);
	if (got != 1)
		_exit(125);
	if (plan->vow && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		give_up(plan, STAGE_PRIVILEGES);
	for (int fd = 0; fd < 3; fd++) {
		int flags = fcntl(fd, F_GETFD);
		if (flags >= 0 && flags & FD_CLOEXEC)
			fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC);
		flags = options->reset_signals ? fcntl(fd, F_GETFL) : 0;
		if (flags > 0 && flags & O_NONBLOCK)
			fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
	}
	for (unsigned n = 0; n < options->inherit_count; n++)
		fcntl(options->inherit[n], F_SETFD, 0);
	if (options->cwd && chdir(options->cwd))
		give_up(plan, STAGE_CWD);
	if (plan->set_nofile && setrlimit(RLIMIT_NOFILE, &plan->nofile))
		give_up(plan, STAGE_LIMIT);
	restore_signals(options);
	if (plan->program && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, plan->program) &&
	    (errno != ENOSYS || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, plan->program, 0, 0)))
		give_up(plan, STAGE_FILTER);
	if (options->gid >= 0 || options->uid >= 0) {
		if (!geteuid() && setgroups(0, NULL))
			give_up(plan, STAGE_GROUPS);
		if (options->gid >= 0 && setresgid((gid_t)options->gid, (gid_t)options->gid, (gid_t)options->gid))
			give_up(plan, STAGE_GID);
		if (options->uid >= 0 && setresuid((uid_t)options->uid, (uid_t)options->uid, (uid_t)options->uid))
			give_up(plan, STAGE_UID);
	}
	sigprocmask(SIG_SETMASK, &plan->tracer->inherited_mask, NULL);
	execve(plan->path, plan->tracer->options.command, environ);
	give_up(plan, STAGE_EXEC);
}

static void explain_seize(struct tracer *tracer, int error)
{
	char scope[8] = "";

	facts_file("/proc/sys/kernel/yama/ptrace_scope", scope, sizeof(scope));
	if (scope[0] >= '2')
		fail(&tracer->failure, 125, "no-ptrace-permission", error, "may not trace: kernel.yama.ptrace_scope is %c", scope[0]);
	else
		fail(&tracer->failure, 125, "no-ptrace-permission", error, "may not trace: a container profile or a security module forbids ptrace");
}

bool spawn_program(struct tracer *tracer, const struct filter *filter)
{
	struct sock_fprog program = {(unsigned short)filter->length, (struct sock_filter *)filter->code};
	struct plan plan = {.tracer = tracer, .program = tracer->use_filter ? &program : NULL};
	int go[2] = {-1, -1}, report[2];
	char *path = find_program(tracer->options.command[0], &tracer->failure);
	pid_t pid;

	if (!path)
		return false;
	plan.path = path;
	plan.vow = tracer->use_filter && !may_filter_without_vow();
	tracer->no_new_privs = plan.vow;
	if (tracer->options.nofile >= 0 && !getrlimit(RLIMIT_NOFILE, &plan.nofile)) {
		plan.nofile.rlim_cur = (rlim_t)tracer->options.nofile;
		plan.set_nofile = true;
	}
	if (pipe2(go, O_CLOEXEC) || pipe2(report, O_CLOEXEC | O_NONBLOCK)) {
		fail(&tracer->failure, 125, "internal-error", errno, "cannot make a pipe");
		if (go[0] >= 0) {
			close(go[0]);
			close(go[1]);
		}
		free(path);
		return false;
	}
	plan.go = go[0];
	plan.report = report[1];
	pid = fork();
	if (!pid) {
		close(go[1]);
		child(&plan);
	}
	close(go[0]);
	close(report[1]);
	free(path);
	tracer->report = report[0];
	if (pid < 0) {
		fail(&tracer->failure, 125, "internal-error", errno, "cannot fork");
		close(go[1]);
		return false;
	}
	tracer->main_pid = pid;
	if (ptrace(PTRACE_SEIZE, pid, 0, (void *)spawn_ptrace_options(tracer))) {
		explain_seize(tracer, errno);
		close(go[1]);
		waitpid(pid, NULL, __WALL);
		return false;
	}
	/* Not before: the child would inherit it, and without CAP_SYS_PTRACE could not be seized. */
	if (tracer->options.hide)
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return dprintf(go[1], "x") == 1 && !close(go[1]);
}

void spawn_problem(struct tracer *tracer)
{
	struct problem problem;
	const char *name = tracer->options.command[0];
	const char *script = "";

	if (read(tracer->report, &problem, sizeof(problem)) != sizeof(problem)) {
		fail(&tracer->failure, 125, "internal-error", 0, "\"%s\" died before it was started", name);
		return;
	}
	switch (problem.stage) {
	case STAGE_EXEC:
		if (problem.error == ENOENT && strchr(name, '/') && !access(name, F_OK))
			script = " (its interpreter is missing)";
		if (problem.error == ENOENT)
			fail(&tracer->failure, 127, "program-not-found", 0, "there is no program \"%s\"%s", name, script);
		else
			fail(&tracer->failure, 126, "program-not-executable", problem.error, "cannot execute \"%s\"", name);
		break;
	case STAGE_FILTER:
		fail(&tracer->failure, 125, "no-seccomp", problem.error, "the kernel takes no seccomp filter; --disable-seccomp does without");
		break;
	case STAGE_CWD:
		fail(&tracer->failure, 125, "bad-option", problem.error, "cannot go to the folder \"%s\"", tracer->options.cwd);
		break;
	case STAGE_GROUPS:
	case STAGE_GID:
	case STAGE_UID:
		if (tracer->options.uid < 0)
			fail(&tracer->failure, 125, "bad-option", problem.error, "cannot become group %lld", (long long)tracer->options.gid);
		else if (tracer->options.gid < 0)
			fail(&tracer->failure, 125, "bad-option", problem.error, "cannot become user %lld", (long long)tracer->options.uid);
		else
			fail(&tracer->failure, 125, "bad-option", problem.error, "cannot become user %lld, group %lld", (long long)tracer->options.uid, (long long)tracer->options.gid);
		break;
	default:
		fail(&tracer->failure, 125, "internal-error", problem.error, "cannot prepare the program");
	}
}
