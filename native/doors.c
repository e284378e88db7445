#include "doors.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capture.h"
#include "errand.h"
#include "guardian.h"
#include "mounts.h"
#include "remote.h"

#define FILES_MAX 64
#define SAME_FILE 0 /* KCMP_FILE */
#define MEMORY_MODE (S_IFREG | 0600)

/* What nobody else has at this address. */
static uint8_t secret[32];
static struct {
	uint64_t device, inode;
} files[FILES_MAX];
static unsigned file_count;
/* Opened before anybody can cover it. */
static FILE *table;

static void add_file(const char *path)
{
	struct statx facts;

	if (file_count == FILES_MAX || statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_INO | STATX_TYPE, &facts) || !S_ISREG(facts.stx_mode))
		return;
	files[file_count].device = (uint64_t)facts.stx_dev_major << 32 | facts.stx_dev_minor;
	files[file_count++].inode = facts.stx_ino;
}

void doors_begin(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char *line = NULL, last[512] = "";
	size_t size = 0;

	if (getrandom(secret, sizeof(secret), GRND_NONBLOCK) != sizeof(secret))
		snprintf((char *)secret, sizeof(secret), "%llx%p", (unsigned long long)boot_time(), (void *)line);
	file_count = 0;
	if (table)
		fclose(table);
	table = fopen("/proc/self/mountinfo", "re");
	if (table)
		setvbuf(table, NULL, _IONBF, 0);
	/* Code only: whoever changes or empties such a file changes or ends us. */
	while (maps && getline(&line, &size, maps) > 0) {
		char rights[8];
		int at = 0;

		if (sscanf(line, "%*s %7s %*s %*s %*s %n", rights, &at) < 1 || !at || rights[2] != 'x' || line[at] != '/')
			continue;
		line[strcspn(line, "\n")] = 0;
		if (!strcmp(last, line + at))
			continue;
		snprintf(last, sizeof(last), "%s", line + at);
		add_file(line + at);
	}
	free(line);
	if (maps)
		fclose(maps);
}

bool doors_number(const struct tracer *tracer, int32_t pid)
{
	char path[64];

	if (pid == tracer->own_pid || pid == tracer->thread_id || (pid > 0 && pid == guardian_pid(tracer)))
		return true;
	if (pid <= 0)
		return false;
	snprintf(path, sizeof(path), "/proc/self/task/%d", pid);
	return !access(path, F_OK);
}

/* Our number in an instance of /proc that may belong to another pid namespace. */
static int32_t number_there(const char *point)
{
	char link[PATH_BYTES + 8], text[32];
	ssize_t length;

	snprintf(link, sizeof(link), "%.*s/self", PATH_BYTES, point);
	length = readlink(link, text, sizeof(text) - 1);
	text[length > 0 ? length : 0] = 0;
	return atoi(text);
}

bool doors_proc(struct tracer *tracer, struct task *task, const struct arena *arena, const struct file_facts *facts)
{
	struct path_task place = capture_place(tracer, task);
	const struct mount_facts *mount;
	char path[2 * PATH_BYTES];
	const char *given = arena_at(arena, facts->path.at), *at;
	uint32_t length = facts->path.stored;
	size_t point = 0;
	int32_t there = 0;
	int pid = 0, end = 0;
	bool whole = true;

	snprintf(path, sizeof(path), "%.*s", (int)(length < 32 ? length : 32), length ? given : "");
	if (sscanf(path, "/proc/%d/%n", &pid, &end) == 1 && end && doors_number(tracer, pid))
		return true;
	if (!facts->filesystem || strcmp(facts->filesystem, "proc") || length >= PATH_BYTES)
		return false;
	mount = mounts_find(&place, facts->mount_id);
	if (mount->point && strcmp(mount->point, "/")) {
		point = strlen(mount->point);
		whole = length >= point && !memcmp(given, mount->point, point);
		if (!strcmp(mount->root ? mount->root : "/", "/"))
			there = number_there(mount->point);
	}
	snprintf(path, sizeof(path), "%s%.*s", mount->root && strcmp(mount->root, "/") ? mount->root : "", (int)(length - (whole ? point : 0)), given + (whole ? point : 0));
	/* Where the place of the mount is not known, any number in the name counts. */
	for (at = path; (at = strchr(at, '/')); at++) {
		end = 0;
		if (sscanf(at, "/%d%n", &pid, &end) == 1 && end && (at[end] == '/' || !at[end]) && (doors_number(tracer, pid) || (there && pid == there)))
			return true;
		if (whole)
			break;
	}
	return false;
}

bool doors_covered(void)
{
	char *line = NULL, point[32];
	size_t size = 0;
	bool covered = false;

	if (!table)
		return false;
	rewind(table);
	while (!covered && getline(&line, &size, table) > 0)
		covered = sscanf(line, "%*s %*s %*s %*s /proc/%31s", point) == 1 && ((point[0] >= '0' && point[0] <= '9') || !strncmp(point, "self", 4) || !strncmp(point, "thread-self", 11));
	free(line);
	return covered;
}

bool doors_memory(struct task *task, int fd, const struct file_facts *facts)
{
	uint8_t found[sizeof(secret)];
	char name[64];

	if (fd < 0 || (facts->flags & FACT_EXISTS && facts->mode != MEMORY_MODE) || (facts->filesystem && strcmp(facts->filesystem, "proc")))
		return false;
	snprintf(name, sizeof(name), "/proc/%d/fd/%d", task->tid, fd);
	return errand_bytes(name, (uint64_t)(uintptr_t)secret, found, sizeof(found)) == sizeof(found) && !memcmp(found, secret, sizeof(found));
}

/* Calls `visit` for each descriptor of ours that is closed on exec; true: it said so. */
static bool any_private(bool (*visit)(int fd, const void *context), const void *context)
{
	DIR *folder = opendir("/proc/self/fd");
	struct dirent *entry;
	bool found = false;

	while (folder && !found && (entry = readdir(folder))) {
		int fd = atoi(entry->d_name);

		found = entry->d_name[0] != '.' && fd > 2 && fd != dirfd(folder) && fcntl(fd, F_GETFD) == FD_CLOEXEC && visit(fd, context);
	}
	if (folder)
		closedir(folder);
	return found;
}

static bool same_pipe(int fd, const void *context)
{
	const struct file_facts *facts = context;
	struct stat ours;

	return !fstat(fd, &ours) && S_ISFIFO(ours.st_mode) && ours.st_ino == facts->inode;
}

bool doors_inside(const struct file_facts *facts)
{
	if (!(facts->flags & FACT_EXISTS))
		return false;
	if (facts->flags & FACT_NAMELESS)
		return S_ISFIFO(facts->mode) && any_private(same_pipe, facts);
	for (unsigned n = 0; n < file_count; n++)
		if (files[n].inode == facts->inode && files[n].device == facts->device)
			return true;
	return false;
}

struct taken {
	pid_t tid;
	int fd;
};

static bool same_file(int fd, const void *context)
{
	const struct taken *taken = context;

	return !syscall(SYS_kcmp, getpid(), taken->tid, SAME_FILE, fd, taken->fd);
}

bool doors_taken(struct task *task, int fd)
{
	const struct taken taken = {task->tid, fd};

	return any_private(same_file, &taken);
}
