#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "errand.h"
#include "remote.h"

char *walk_proc(char *into, pid_t tid, const char *rest)
{
	char digits[12];
	int n = 0;
	unsigned value = (unsigned)tid;

	memcpy(into, "/proc/", 6);
	into += 6;
	do
		digits[n++] = (char)('0' + value % 10);
	while (value /= 10);
	while (n)
		*into++ = digits[--n];
	while ((*into = *rest++))
		into++;
	return into;
}

uint32_t walk_fold(const char *base, const char *name, char *out, uint32_t room)
{
	uint32_t used = 0;
	const char *parts[2] = {name[0] == '/' ? "" : base, name};

	for (int part = 0; part < 2; part++) {
		const char *at = parts[part];
		while (*at) {
			size_t length = strcspn(at, "/");
			if (length == 2 && at[0] == '.' && at[1] == '.') {
				while (used && out[--used] != '/')
					;
			} else if (length && !(length == 1 && at[0] == '.')) {
				if (used + length + 1 >= room)
					break;
				out[used++] = '/';
				memcpy(out + used, at, length);
				used += (uint32_t)length;
			}
			at += length;
			while (*at == '/')
				at++;
		}
	}
	if (!used)
		out[used++] = '/';
	out[used] = 0;
	return used;
}

void walk_base(const struct path_task *task, int dirfd, char *link, size_t room)
{
	if (dirfd == AT_FDCWD) {
		walk_proc(link, task->tid, "/cwd");
	} else {
		char *end = walk_proc(link, task->tid, "/fd/");
		snprintf(end, room - (size_t)(end - link), "%d", dirfd);
	}
}

bool walk_has_prefix(const char *text, const char *prefix)
{
	size_t length = strlen(prefix);

	return !strncmp(text, prefix, length) && (!text[length] || text[length] == '/');
}

/* /proc/self means the tracee, not us; the same for the links in /dev that lead there. */
static bool substitute(const struct path_task *task, const char *name, char *out, size_t room)
{
	static const struct {
		const char *prefix, *place;
	} links[] = {{"/proc/self", ""}, {"/proc/thread-self", "/task/"}, {"/dev/fd", "/fd"}, {"/dev/stdin", "/fd/0"}, {"/dev/stdout", "/fd/1"}, {"/dev/stderr", "/fd/2"}};

	for (size_t n = 0; n < sizeof(links) / sizeof(*links); n++) {
		if (!walk_has_prefix(name, links[n].prefix))
			continue;
		if (n == 1)
			snprintf(out, room, "/proc/%d/task/%d%s", task->tgid, task->tid, name + strlen(links[n].prefix));
		else
			snprintf(out, room, "/proc/%d%s%s", task->tgid, links[n].place, name + strlen(links[n].prefix));
		return true;
	}
	return false;
}

static bool lacks_openat2;

void walk_without_openat2(void)
{
	lacks_openat2 = true;
}

/*
 * openat2(RESOLVE_IN_ROOT) done by hand, for kernels before 5.6: each component is looked at, symbolic
 * links are put in its place, and neither those nor `..` lead out of `base`.
 */
static int open_below(int base, const char *name, int flags)
{
	char resolved[PATH_BYTES + 2] = "", left[PATH_BYTES * 2 + 2], link[PATH_BYTES], rest[PATH_BYTES * 2 + 2];
	unsigned links = 0;

	if (snprintf(left, sizeof(left), "%s", name) >= (int)sizeof(left))
		return -ENAMETOOLONG;
	while (*left) {
		size_t size = strcspn(left, "/"), used = strlen(resolved);
		size_t after = size + strspn(left + size, "/");
		bool last = !left[after];
		ssize_t length;

		if (size == 2 && left[0] == '.' && left[1] == '.') {
			char *slash = strrchr(resolved, '/');
			*(slash ? slash : resolved) = 0;
		} else if (size && !(size == 1 && left[0] == '.')) {
			if (used + size + 2 > sizeof(resolved))
				return -ENAMETOOLONG;
			snprintf(resolved + used, sizeof(resolved) - used, "%s%.*s", used ? "/" : "", (int)size, left);
			length = last && flags & O_NOFOLLOW && !left[size] ? -1 : readlinkat(base, resolved, link, sizeof(link) - 1);
			if (length > 0) {
				if (++links > 40)
					return -ELOOP;
				link[length] = 0;
				resolved[link[0] == '/' ? 0 : used] = 0;
				if (snprintf(rest, sizeof(rest), "%s/%s", link + strspn(link, "/"), left + after) >= (int)sizeof(rest))
					return -ENAMETOOLONG;
				/* No slash is added behind the last component: it would ask for a folder. */
				if (last && !left[size])
					rest[strlen(rest) - 1] = 0;
				memcpy(left, rest, strlen(rest) + 1);
				continue;
			}
		}
		memmove(left, left + after, strlen(left + after) + 1);
	}
	base = openat(base, *resolved ? resolved : ".", flags);
	return base < 0 ? -errno : base;
}

int walk_name(const struct path_task *task, int dirfd, bool below, const char *name, int flags)
{
	char link[64], substituted[PATH_BYTES + 64], joined[PATH_BYTES * 2 + 64];
	int base, fd;

	if (below) {
		walk_base(task, dirfd, link, sizeof(link));
		name += strspn(name, "/");
		return errand_open(link, *name ? name : ".", flags, RESOLVE_IN_ROOT);
	}
	path_root_read(task);
	if (!task->root->differs) {
		if (name[0] == '/')
			return errand_open(NULL, substitute(task, name, substituted, sizeof(substituted)) ? substituted : name, flags, 0);
		/* Through the magic link: absolute symbolic links resolve in the root that we share. */
		walk_base(task, dirfd, link, sizeof(link));
		return errand_open(link, name, flags, 0);
	}
	if (name[0] != '/') {
		char text[PATH_BYTES];
		size_t prefix = strlen(task->root->path);
		ssize_t length;

		walk_base(task, dirfd, link, sizeof(link));
		length = readlink(link, text, sizeof(text) - 1);
		/* Too deep to be told: absolute links would lead into our root. */
		if (length <= 0)
			return errno == ENAMETOOLONG ? errand_open(link, name, flags, RESOLVE_NO_SYMLINKS) : -ENOENT;
		text[length] = 0;
		if (prefix == 1)
			prefix = 0;
		/* Outside its own root: what it can reach does not depend on the root. */
		if (strncmp(text, task->root->path, prefix) || (text[prefix] && text[prefix] != '/'))
			return errand_open(link, name, flags, 0);
		snprintf(joined, sizeof(joined), "%s/%s", text + prefix, name);
		name = joined;
	} else if (substitute(task, name, substituted, sizeof(substituted))) {
		/* The names of /proc in its own pid namespace are not ours: taken from ours, where the file is the same. */
		return errand_open(NULL, substituted, flags, 0);
	}
	walk_proc(link, task->tid, "/root");
	while (*name == '/')
		name++;
	fd = lacks_openat2 ? -ENOSYS : errand_open(link, *name ? name : ".", flags, RESOLVE_IN_ROOT);
	if (fd == -ENOSYS) {
		lacks_openat2 = true;
		base = open(link, O_PATH | O_CLOEXEC | O_DIRECTORY);
		if (base < 0)
			return -errno;
		fd = open_below(base, name, flags | O_PATH | O_CLOEXEC);
		close(base);
	}
	return fd;
}

int walk_straight(const struct path_task *task, const char *name, int flags)
{
	int fd;

	path_root_read(task);
	if (name[0] != '/' || task->root->differs || lacks_openat2)
		return -ELOOP;
	fd = errand_open(NULL, name, flags, RESOLVE_NO_SYMLINKS);
	return fd >= 0 || fd == -ENOENT || fd == -ETIMEDOUT ? fd : -ELOOP;
}
