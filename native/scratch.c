/*
 * seccam-scratch: runs a program in a world that is thrown away.
 *
 *   seccam-scratch [--file PATH=SOURCE]... [--timeout SECONDS] -- PROGRAM [ARGUMENT]...
 *
 * Own mount, pid, network, IPC and UTS namespaces (and a user namespace without privileges). Every top-level
 * directory of the host lies read-only under an overlay in memory; /tmp, /run and /dev/shm are new; the
 * network is loopback. PROGRAM is opened before the world changes, so it may lie anywhere; a copy of it is
 * run from /run/seccam, as is our own, so that nothing in the world tells where this package lies. Exit
 * status: the program's, 128+n for a signal, 124 when the time is over, 125 with a line on stderr when the
 * world cannot be made.
 *
 *   seccam-scratch --init SECONDS -- PROGRAM [ARGUMENT]...      what pid 1 of the world runs
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_TIME_OVER = 124, EXIT_FAILED = 125, MAX_FILES = 256 };

struct laid_out {
	const char *path;
	int source;
};

static struct laid_out files[MAX_FILES];
static int file_count;
/* A folder of the host that the world is mounted on, in its own mount namespace; empty for everyone else. */
static char base[] = "/tmp/seccam-scratch-XXXXXX";
static int privileged;
static volatile sig_atomic_t time_is_over;

static void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

static void fail(const char *format, ...)
{
	int error = errno;
	va_list list;

	va_start(list, format);
	fprintf(stderr, "seccam-scratch: ");
	vfprintf(stderr, format, list);
	fprintf(stderr, ": %s\n", strerror(error));
	va_end(list);
	rmdir(base);
	exit(EXIT_FAILED);
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail("%s", path);
	close(fd);
}

static void own_namespaces(void)
{
	int flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char map[64];

	if (privileged) {
		if (unshare(flags) != 0)
			fail("unshare");
	} else {
		if (unshare(flags | CLONE_NEWUSER) != 0)
			fail("user namespaces are not allowed here");
		write_text("/proc/self/setgroups", "deny");
		snprintf(map, sizeof map, "0 %u 1", uid);
		write_text("/proc/self/uid_map", map);
		snprintf(map, sizeof map, "0 %u 1", gid);
		write_text("/proc/self/gid_map", map);
	}
	if (sethostname("scratch", 7) != 0)
		fail("host name");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		fail("private mounts");
}

static void loopback_up(void)
{
	struct ifreq request;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memset(&request, 0, sizeof request);
	strcpy(request.ifr_name, "lo");
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) != 0)
		fail("loopback");
	request.ifr_flags |= IFF_UP | IFF_RUNNING;
	if (ioctl(fd, SIOCSIFFLAGS, &request) != 0)
		fail("loopback");
	close(fd);
}

static void make_directory(const char *path, mode_t mode)
{
	if (mkdir(path, mode) != 0 && errno != EEXIST)
		fail("%s", path);
}

/* Read-only binds keep the flags that the host's mount has locked. */
static int bind_read_only(const char *from, const char *to)
{
	if (mount(from, to, NULL, MS_BIND | MS_REC, NULL) != 0)
		return -1;
	if (mount(NULL, to, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) != 0 &&
	    mount(NULL, to, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) != 0 &&
	    mount(NULL, to, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0) {
		umount2(to, MNT_DETACH);
		return -1;
	}
	return 0;
}

/* One top-level directory of the host, writable for this world only. What cannot be shown so is left out. */
static void show_directory(const char *name)
{
	char from[PATH_MAX], to[PATH_MAX], upper[PATH_MAX], work[PATH_MAX], options[4 * PATH_MAX];

	snprintf(from, sizeof from, "/%s", name);
	snprintf(to, sizeof to, "%s/root/%s", base, name);
	snprintf(upper, sizeof upper, "%s/upper-%s", base, name);
	snprintf(work, sizeof work, "%s/work-%s", base, name);
	make_directory(to, 0755);
	make_directory(upper, 0755);
	make_directory(work, 0755);
	snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s,workdir=%s%s", from, upper, work, privileged ? "" : ",userxattr");
	if (mount("overlay", to, "overlay", 0, options) == 0)
		return;
	if (bind_read_only(from, to) != 0)
		rmdir(to);
}

static int is_special(const char *name)
{
	static const char *const special[] = { ".", "..", "proc", "sys", "dev", "tmp", "run", "lost+found" };

	for (size_t i = 0; i < sizeof special / sizeof *special; i++)
		if (strcmp(name, special[i]) == 0)
			return 1;
	return 0;
}

static void show_host(void)
{
	DIR *root = opendir("/");
	struct dirent *entry;

	if (root == NULL)
		fail("/");
	while ((entry = readdir(root)) != NULL) {
		char from[PATH_MAX], to[PATH_MAX], target[PATH_MAX];
		struct stat status;
		ssize_t length;

		if (is_special(entry->d_name))
			continue;
		snprintf(from, sizeof from, "/%s", entry->d_name);
		snprintf(to, sizeof to, "%s/root/%s", base, entry->d_name);
		if (lstat(from, &status) != 0)
			continue;
		if (S_ISDIR(status.st_mode)) {
			show_directory(entry->d_name);
		} else if (S_ISLNK(status.st_mode) && (length = readlink(from, target, sizeof target - 1)) > 0) {
			target[length] = 0;
			if (symlink(target, to) != 0)
				fail("%s", to);
		}
	}
	closedir(root);
}

static void mount_new(const char *name, const char *type, mode_t mode)
{
	char to[PATH_MAX];

	snprintf(to, sizeof to, "%s/root/%s", base, name);
	make_directory(to, mode);
	if (mount(type, to, type, MS_NOSUID | MS_NODEV, NULL) != 0)
		fail("%s", to);
	if (strcmp(type, "tmpfs") == 0 && chmod(to, mode) != 0)
		fail("%s", to);
}

static void make_world(void)
{
	char root[64], dev[72], sys[72];

	if (mount("tmpfs", base, "tmpfs", MS_NOSUID, "mode=755") != 0)
		fail("memory for the scratch world");
	snprintf(root, sizeof root, "%s/root", base);
	make_directory(root, 0755);
	/* pivot_root wants a mount of its own. */
	if (mount("tmpfs", root, "tmpfs", 0, "mode=755") != 0)
		fail("%s", root);
	show_host();
	snprintf(dev, sizeof dev, "%s/dev", root);
	make_directory(dev, 0755);
	if (mount("/dev", dev, NULL, MS_BIND | MS_REC, NULL) != 0)
		fail("%s", dev);
	snprintf(sys, sizeof sys, "%s/sys", root);
	make_directory(sys, 0755);
	if (bind_read_only("/sys", sys) != 0)
		rmdir(sys);
	mount_new("proc", "proc", 0555);
	mount_new("tmp", "tmpfs", 01777);
	mount_new("run", "tmpfs", 0755);
	if (mount("tmpfs", strcat(dev, "/shm"), "tmpfs", MS_NOSUID | MS_NODEV, NULL) != 0 && errno != ENOENT)
		fail("%s", dev);
	if (chdir(root) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0 || chdir("/tmp") != 0)
		fail("the scratch root");
}

static void lay_out(const struct laid_out *file)
{
	char path[PATH_MAX], buffer[65536];
	ssize_t length;
	int fd;

	snprintf(path, sizeof path, "%s", file->path);
	for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		make_directory(path, 0755);
		*slash = '/';
	}
	if (path[strlen(path) - 1] == '/')
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		fail("%s", path);
	while ((length = read(file->source, buffer, sizeof buffer)) > 0)
		if (write(fd, buffer, (size_t)length) != length)
			fail("%s", path);
	/* A script that is laid out is meant to be run. */
	if (pread(file->source, buffer, 2, 0) == 2 && buffer[0] == '#' && buffer[1] == '!')
		fchmod(fd, 0755);
	close(fd);
	close(file->source);
}

static void over(int signal_number)
{
	(void)signal_number;
	time_is_over = 1;
}

/* pid 1 of the world: reaps everything, ends with the program. */
static int wait_for(pid_t program)
{
	int status;

	for (;;) {
		pid_t pid = waitpid(-1, &status, 0);

		if (pid < 0 && errno == EINTR && time_is_over)
			return EXIT_TIME_OVER;
		if (pid < 0 && errno != EINTR)
			return EXIT_FAILED;
		if (pid == program && (WIFEXITED(status) || WIFSIGNALED(status)))
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
}

/* Puts an open executable into the world. */
static void copy_executable(int source, const char *path)
{
	char buffer[65536];
	ssize_t length;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);

	if (fd < 0)
		fail("%s", path);
	while ((length = read(source, buffer, sizeof buffer)) > 0)
		if (write(fd, buffer, (size_t)length) != length)
			fail("%s", path);
	close(fd);
	close(source);
}

static void enter(int self, int program, char **arguments, const char *timeout)
{
	const char *slash = strrchr(arguments[0], '/');
	char path[PATH_MAX];
	char **line;
	int count = 0;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		fail("prctl");
	/* The waiting parent keeps the host's root, so that it can take the folder away. */
	if (unshare(CLONE_NEWNS) != 0)
		fail("unshare");
	loopback_up();
	make_world();
	for (int i = 0; i < file_count; i++)
		lay_out(&files[i]);
	make_directory("/run/seccam", 0755);
	snprintf(path, sizeof path, "/run/seccam/%s", slash == NULL ? arguments[0] : slash + 1);
	copy_executable(program, path);
	copy_executable(self, "/run/seccam/seccam-scratch");
	while (arguments[count] != NULL)
		count++;
	line = calloc((size_t)count + 5, sizeof *line);
	if (line == NULL)
		fail("memory");
	line[0] = (char *)"seccam-scratch";
	line[1] = (char *)"--init";
	line[2] = (char *)timeout;
	line[3] = (char *)"--";
	line[4] = path;
	memcpy(line + 5, arguments + 1, (size_t)(count - 1) * sizeof *line);
	execv("/run/seccam/seccam-scratch", line);
	fail("/run/seccam/seccam-scratch");
}

static int be_init(char **arguments, unsigned timeout)
{
	struct sigaction action;
	pid_t pid;

	memset(&action, 0, sizeof action);
	action.sa_handler = over;
	sigaction(SIGALRM, &action, NULL);
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		execv(arguments[0], arguments);
		fail("%s", arguments[0]);
	}
	alarm(timeout);
	return wait_for(pid);
}

static void take_file(char *text)
{
	char *equals = strchr(text, '=');

	if (equals == NULL || text[0] != '/' || file_count == MAX_FILES) {
		errno = EINVAL;
		fail("--file %s", text);
	}
	*equals = 0;
	files[file_count].path = text;
	files[file_count].source = open(equals + 1, O_RDONLY | O_CLOEXEC);
	if (files[file_count].source < 0)
		fail("%s", equals + 1);
	file_count++;
}

int main(int argc, char **argv)
{
	const char *timeout = "0";
	int at = 1, self, program, status;
	pid_t init;

	if (argc > 4 && strcmp(argv[1], "--init") == 0 && getpid() == 1)
		return be_init(argv + 4, (unsigned)strtoul(argv[2], NULL, 10));
	for (; at < argc && strcmp(argv[at], "--") != 0; at += 2) {
		if (at + 1 < argc && strcmp(argv[at], "--file") == 0)
			take_file(argv[at + 1]);
		else if (at + 1 < argc && strcmp(argv[at], "--timeout") == 0)
			timeout = argv[at + 1];
		else
			break;
	}
	if (at + 1 >= argc || strcmp(argv[at], "--") != 0) {
		fprintf(stderr, "usage: seccam-scratch [--file PATH=SOURCE]... [--timeout SECONDS] -- PROGRAM [ARGUMENT]...\n");
		return EXIT_FAILED;
	}
	privileged = geteuid() == 0;
	self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	program = open(argv[at + 1], O_RDONLY | O_CLOEXEC);
	if (program < 0 || self < 0)
		fail("%s", argv[at + 1]);
	if (mkdtemp(base) == NULL)
		fail("%s", base);
	own_namespaces();
	init = fork();
	if (init < 0)
		fail("fork");
	if (init == 0)
		enter(self, program, argv + at + 1, timeout);
	while (waitpid(init, &status, 0) < 0)
		if (errno != EINTR)
			fail("waitpid");
	rmdir(base);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}
