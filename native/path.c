#include "path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "die.h"
#include "errand.h"
#include "facts.h"
#include "remote.h"

#ifndef AT_STATX_DONT_SYNC
#define AT_STATX_DONT_SYNC 0x4000
#endif

#define WANTED (STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID)

static uint32_t age = 1;

void path_roots_changed(void)
{
	age++;
}

/* Writes "/proc/TID/" and the rest; returns its end. */
static char *proc_name(char *into, pid_t tid, const char *rest)
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

static bool is_octal(const char *digits)
{
	return digits[0] >= '0' && digits[0] <= '3' && digits[1] >= '0' && digits[1] <= '7' && digits[2] >= '0' && digits[2] <= '7';
}

static char *unescape(const char *text, size_t length)
{
	char *out = grab(length + 1);
	size_t used = 0;

	for (size_t n = 0; n < length; n++) {
		if (text[n] == '\\' && n + 3 < length && is_octal(text + n + 1)) {
			out[used++] = (char)((text[n + 1] - '0') << 6 | (text[n + 2] - '0') << 3 | (text[n + 3] - '0'));
			n += 3;
		} else {
			out[used++] = text[n];
		}
	}
	out[used] = 0;
	return out;
}

static struct mount_facts *add_mount(struct path_mounts *mounts, uint64_t id)
{
	struct mount_facts *mount;

	if (mounts->count == mounts->room) {
		mounts->room = mounts->room ? mounts->room * 2 : 32;
		mounts->list = regrab(mounts->list, mounts->room * sizeof(*mounts->list));
	}
	mount = &mounts->list[mounts->count++];
	memset(mount, 0, sizeof(*mount));
	mount->id = id;
	return mount;
}

void path_mounts_changed(struct path_mounts *mounts)
{
	/* Ids are used again by the kernel. The strings stay: values that wait still point to them. */
	for (uint32_t n = 0; n < mounts->count; n++)
		mounts->list[n].id = 0;
}

void path_forget(struct path_mounts *mounts)
{
	for (uint32_t n = 0; n < mounts->count; n++) {
		free(mounts->list[n].root);
		free(mounts->list[n].point);
		free(mounts->list[n].filesystem);
		free(mounts->list[n].source);
		free(mounts->list[n].options);
		free(mounts->list[n].upper);
	}
	free(mounts->list);
	memset(mounts, 0, sizeof(*mounts));
}

static struct mount_facts *known_mount(struct path_mounts *mounts, uint64_t id)
{
	for (uint32_t n = mounts->count; n > 0; n--)
		if (mounts->list[n - 1].id == id)
			return &mounts->list[n - 1];
	return NULL;
}

/* Mount namespaces that are looked through for one mount. */
#define NAMESPACES_MAX 256

/* `upperdir=` of an overlay: a path in our mount namespace, or else in that of who mounted it. */
static void take_upper(struct mount_facts *mount, const char *options)
{
	const char *at = strstr(options, ",upperdir=");
	struct statx facts;

	if (!at)
		return;
	at += 10;
	mount->upper = unescape(at, strcspn(at, ", \n"));
	mount->upper_is_ours = !errand_facts(mount->upper, 0, STATX_TYPE, &facts) && S_ISDIR(facts.stx_mode);
}

/* 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue */
static void parse_mount(struct mount_facts *mount, const char *line)
{
	const char *fields[7];
	size_t lengths[7];
	const char *dash = strstr(line, " - ");
	unsigned long long parent = 0;
	unsigned major_number = 0, minor_number = 0;
	const char *at = line;

	for (int n = 0; n < 6; n++) {
		fields[n] = at;
		lengths[n] = strcspn(at, " \n");
		at += lengths[n];
		if (*at == ' ')
			at++;
	}
	if (!dash)
		return;
	sscanf(line, "%*u %llu %u:%u", &parent, &major_number, &minor_number);
	mount->parent = parent;
	mount->device = (uint64_t)major_number << 32 | minor_number;
	mount->root = unescape(fields[3], lengths[3]);
	mount->point = unescape(fields[4], lengths[4]);
	mount->options = unescape(fields[5], lengths[5]);
	at = dash + 3;
	mount->filesystem = unescape(at, strcspn(at, " \n"));
	at += strcspn(at, " \n");
	if (*at == ' ')
		at++;
	mount->source = unescape(at, strcspn(at, " \n"));
	at += strcspn(at, " \n");
	if (!strcmp(mount->filesystem, "overlay"))
		take_upper(mount, at);
}

/* The mount is in no table of the task: it is in that of another mount namespace, or has no place at all. */
static void find_elsewhere(struct mount_facts *mount)
{
	struct stat known[NAMESPACES_MAX];
	unsigned count = 0;
	struct dirent *entry;
	DIR *folder = opendir("/proc");
	char name[64], *line = NULL;
	size_t size = 0;

	while (folder && !mount->point && count < NAMESPACES_MAX && (entry = readdir(folder))) {
		FILE *table;
		bool told = false;

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		snprintf(name, sizeof(name), "/proc/%.16s/ns/mnt", entry->d_name);
		if (stat(name, &known[count]))
			continue;
		for (unsigned n = 0; n < count && !told; n++)
			told = known[n].st_ino == known[count].st_ino;
		if (told)
			continue;
		count++;
		snprintf(name, sizeof(name), "/proc/%.16s/mountinfo", entry->d_name);
		table = fopen(name, "re");
		while (table && getline(&line, &size, table) > 0)
			if (strtoull(line, NULL, 10) == mount->id) {
				parse_mount(mount, line);
				break;
			}
		if (table)
			fclose(table);
	}
	free(line);
	if (folder)
		closedir(folder);
	mount->detached = folder && !mount->point && count < NAMESPACES_MAX;
}

/* Looks a mount up in the mount table of the task; the whole table is read, but only what is asked for is kept. */
static struct mount_facts *find_mount(const struct path_task *task, uint64_t id)
{
	struct mount_facts *mount = known_mount(task->mounts, id);
	char name[64];
	FILE *table;
	char *line = NULL;
	size_t size = 0;

	if (mount)
		return mount;
	proc_name(name, task->tid, "/mountinfo");
	table = fopen(name, "re");
	mount = add_mount(task->mounts, id);
	while (table && getline(&line, &size, table) > 0)
		if (strtoull(line, NULL, 10) == id) {
			parse_mount(mount, line);
			break;
		}
	free(line);
	if (table)
		fclose(table);
	if (mount->point)
		mount->visible = true;
	else
		find_elsewhere(mount);
	return mount;
}

const char *path_mounted_part(const struct path_task *task, uint64_t mount_id)
{
	return mount_id ? find_mount(task, mount_id)->root : NULL;
}

static int64_t ns_of(struct statx_timestamp time)
{
	return time.tv_sec * 1000000000 + time.tv_nsec;
}

/* An overlay shows a file of its upper layer where that layer has one; a whiteout there hides the one below. */
static bool in_upper_layer(const struct path_task *task, const struct mount_facts *mount, const char *path, uint32_t length, const struct statx *shown)
{
	char name[PATH_BYTES * 2];
	char *end = name;
	size_t point = strcmp(mount->point, "/") ? strlen(mount->point) : 0;
	struct statx found;
	int used;

	if (length < point || memcmp(path, mount->point, point) || (point && length > point && path[point] != '/'))
		return false;
	if (!mount->upper_is_ours)
		end = proc_name(name, task->tid, "/root");
	used = snprintf(end, sizeof(name) - 64, "%s%s%.*s", mount->upper, strcmp(mount->root, "/") ? mount->root : "", (int)(length - point), path + point);
	return used < (int)sizeof(name) - 64 && !errand_facts(name, AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_SIZE, &found) &&
	       (found.stx_mode & S_IFMT) == (shown->stx_mode & S_IFMT);
}

static void take_statx(const struct path_task *task, const struct statx *from, const struct arena *arena, struct file_facts *facts)
{
	facts->flags |= FACT_EXISTS;
	facts->mode = from->stx_mode;
	facts->uid = from->stx_uid;
	facts->gid = from->stx_gid;
	facts->links = from->stx_nlink;
	facts->inode = from->stx_ino;
	facts->device = (uint64_t)from->stx_dev_major << 32 | from->stx_dev_minor;
	facts->size = from->stx_size;
	facts->modified = ns_of(from->stx_mtime);
	facts->changed = ns_of(from->stx_ctime);
	facts->born = from->stx_mask & STATX_BTIME ? ns_of(from->stx_btime) : 0;
	if (facts->flags & FACT_NAMELESS)
		return;
	if (from->stx_mask & STATX_MNT_ID) {
		struct mount_facts *mount = find_mount(task, from->stx_mnt_id);
		facts->mount_id = from->stx_mnt_id;
		facts->filesystem = mount->filesystem;
		facts->flags |= (mount->visible ? FACT_MOUNT_VISIBLE : 0) | (mount->detached ? FACT_MOUNT_DETACHED : 0);
		if (mount->upper && facts->path.stored && in_upper_layer(task, mount, arena_at(arena, facts->path.at), facts->path.stored, from))
			facts->flags |= FACT_UPPER_LAYER;
	}
}

/* A root other than ours is read once per change of any root; most tasks share ours. */
void path_root_read(const struct path_task *task)
{
	char name[64];
	struct statx ours, theirs;
	ssize_t length;

	if (task->root->age == age && (!task->root->split || task->root->tid == task->tid))
		return;
	task->root->tid = task->tid;
	proc_name(name, task->tid, "/root");
	length = readlink(name, task->root->path, sizeof(task->root->path) - 1);
	if (length <= 0)
		strcpy(task->root->path, "/");
	else
		task->root->path[length] = 0;
	task->root->differs = strcmp(task->root->path, "/") != 0;
	if (!task->root->differs && !statx(AT_FDCWD, "/", AT_STATX_DONT_SYNC, WANTED, &ours) && !statx(AT_FDCWD, name, AT_STATX_DONT_SYNC, WANTED, &theirs))
		task->root->differs = ours.stx_ino != theirs.stx_ino || ours.stx_dev_minor != theirs.stx_dev_minor ||
				      ours.stx_dev_major != theirs.stx_dev_major || ours.stx_mnt_id != theirs.stx_mnt_id;
	task->root->age = age;
}

static void set_path(const struct path_task *task, struct arena *arena, struct file_facts *facts, const char *path, uint32_t length)
{
	uint32_t prefix;

	facts->path = text_add_bytes(arena, path, length, length);
	path_root_read(task);
	prefix = (uint32_t)strlen(task->root->path);
	if (prefix > 1 && length >= prefix && !memcmp(path, task->root->path, prefix) && (length == prefix || path[prefix] == '/')) {
		if (length == prefix)
			facts->own_path = text_add(arena, "/");
		else
			facts->own_path = text_add_bytes(arena, path + prefix, length - prefix, length - prefix);
	}
}

/* What readlink gave for a magic link: strips the marks that the kernel adds. */
static void set_link_text(const struct path_task *task, struct arena *arena, struct file_facts *facts, char *text, uint32_t length, bool unlinked)
{
	static const char mark[] = " (deleted)";
	const uint32_t mark_length = sizeof(mark) - 1;

	text[length] = 0;
	if (text[0] != '/') {
		facts->flags |= FACT_NAMELESS;
		facts->filesystem = !strncmp(text, "pipe:", 5) ? "pipefs" : !strncmp(text, "socket:", 7) ? "sockfs" : "anon_inodefs";
		facts->path = text_add_bytes(arena, text, length, length);
		return;
	}
	if (length > mark_length && !memcmp(text + length - mark_length, mark, mark_length) && unlinked) {
		length -= mark_length;
		text[length] = 0;
		facts->flags |= FACT_DELETED;
		if (!strncmp(text, "/memfd:", 7)) {
			facts->flags |= FACT_MEMFD;
			facts->path = text_add_bytes(arena, text + 1, length - 1, length - 1);
			return;
		}
	}
	set_path(task, arena, facts, text, length);
}

/* With a name of its own that ends with the mark, a file is not deleted: its last link tells. */
static bool is_unlinked(const char *link_text, const struct statx *facts)
{
	struct statx named;

	if (!facts->stx_nlink)
		return true;
	return errand_facts(link_text, AT_SYMLINK_NOFOLLOW, STATX_INO, &named) || named.stx_ino != facts->stx_ino;
}

static bool ends_with_mark(const char *text, ssize_t length)
{
	return length > 10 && !memcmp(text + length - 10, " (deleted)", 10);
}

bool path_of_link(const struct path_task *task, const char *link, struct arena *arena, struct file_facts *facts)
{
	char text[PATH_BYTES + 16];
	ssize_t length = readlink(link, text, sizeof(text) - 1);
	struct statx found;
	bool known;

	memset(facts, 0, sizeof(*facts));
	if (length <= 0 && errno != ENAMETOOLONG)
		return false;
	known = !statx(AT_FDCWD, link, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, WANTED, &found);
	if (length <= 0) {
		if (known)
			take_statx(task, &found, arena, facts);
		return known;
	}
	text[length] = 0;
	facts->flags |= FACT_FROM_DESCRIPTOR;
	set_link_text(task, arena, facts, text, (uint32_t)length, known && ends_with_mark(text, length) && is_unlinked(text, &found));
	if (known)
		take_statx(task, &found, arena, facts);
	return true;
}

bool path_is_told(const struct file_facts *facts)
{
	return facts->path.stored || facts->flags & FACT_NAMELESS;
}

bool path_of_descriptor(const struct path_task *task, int fd, struct arena *arena, struct file_facts *facts)
{
	char link[64];
	char *end;

	if (fd < 0)
		return false;
	end = proc_name(link, task->tid, "/fd/");
	snprintf(end, sizeof(link) - (size_t)(end - link), "%d", fd);
	return path_of_link(task, link, arena, facts);
}

struct text path_directory(const struct path_task *task, bool root, struct arena *arena)
{
	char link[64], text[PATH_BYTES];
	ssize_t length;

	proc_name(link, task->tid, root ? "/root" : "/cwd");
	length = readlink(link, text, sizeof(text));
	if (length <= 0)
		return (struct text){0, 0, 0};
	return text_add_bytes(arena, text, (uint32_t)length, (uint32_t)length);
}

/* Joins `name` to `base` and folds `.`, `..` and doubled slashes, as text. Returns the length. */
static uint32_t fold(const char *base, const char *name, char *out, uint32_t room)
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

/* The link that a relative name starts from. */
static void base_link(const struct path_task *task, int dirfd, char *link, size_t room)
{
	if (dirfd == AT_FDCWD) {
		proc_name(link, task->tid, "/cwd");
	} else {
		char *end = proc_name(link, task->tid, "/fd/");
		snprintf(end, room - (size_t)(end - link), "%d", dirfd);
	}
}

void path_base(const struct path_task *task, bool absolute, int dirfd, char *out, size_t room)
{
	char link[64];
	ssize_t length;

	if (absolute)
		proc_name(link, task->tid, "/root");
	else
		base_link(task, dirfd, link, sizeof(link));
	length = readlink(link, out, room - 1);
	out[length > 0 && out[0] == '/' ? length : 0] = 0;
}

static bool has_prefix(const char *text, const char *prefix)
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
		if (!has_prefix(name, links[n].prefix))
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

void path_without_openat2(void)
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

/* O_PATH descriptor of what the name means to the task, or -errno; -ETIMEDOUT: a file system did not answer in time. */
static int walk(const struct path_task *task, int dirfd, bool below, const char *name, int flags)
{
	char link[64], substituted[PATH_BYTES + 64], joined[PATH_BYTES * 2 + 64];
	int base, fd;

	if (below) {
		base_link(task, dirfd, link, sizeof(link));
		name += strspn(name, "/");
		return errand_open(link, *name ? name : ".", flags, RESOLVE_IN_ROOT);
	}
	path_root_read(task);
	if (!task->root->differs) {
		if (name[0] == '/')
			return errand_open(NULL, substitute(task, name, substituted, sizeof(substituted)) ? substituted : name, flags, 0);
		/* Through the magic link: absolute symbolic links resolve in the root that we share. */
		base_link(task, dirfd, link, sizeof(link));
		return errand_open(link, name, flags, 0);
	}
	if (name[0] != '/') {
		char text[PATH_BYTES];
		size_t prefix = strlen(task->root->path);
		ssize_t length;

		base_link(task, dirfd, link, sizeof(link));
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
	proc_name(link, task->tid, "/root");
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

/*
 * A whole name without a symbolic link on its way is the path itself, but for folding: no link of /proc is
 * read for it, and where something is missing on the way nothing more is asked. -ELOOP: it has to be walked.
 */
static int walk_straight(const struct path_task *task, const char *name, int flags)
{
	int fd;

	path_root_read(task);
	if (name[0] != '/' || task->root->differs || lacks_openat2)
		return -ELOOP;
	fd = errand_open(NULL, name, flags, RESOLVE_NO_SYMLINKS);
	return fd >= 0 || fd == -ENOENT || fd == -ETIMEDOUT ? fd : -ELOOP;
}

/* The number that /proc/self stood for in names that we resolved: the same for the life of the process. */
static pid_t own_number(void)
{
	static pid_t number;

	if (!number)
		number = getpid();
	return number;
}

/* Where a descriptor of ours leads; with `whole` the facts of its file too, which cost a call more. */
static void take_descriptor(const struct path_task *task, int fd, const char *name, bool whole, struct arena *arena, struct file_facts *facts)
{
	char link[64], text[PATH_BYTES + 16];
	char own[32], replaced[PATH_BYTES + 32];
	struct statx found;
	bool known;
	ssize_t length;

	memset(facts, 0, sizeof(*facts));
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, text, sizeof(text) - 1);
	if (length > 0)
		text[length] = 0;
	known = (whole || length <= 0 || ends_with_mark(text, length)) && !statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, WANTED, &found);
	if (length > 0) {
		/* A symbolic link to /proc/self on the way meant the tracee, unless our number stands in the name. */
		snprintf(own, sizeof(own), "/proc/%d", own_number());
		if (has_prefix(text, own) && !strstr(name, own + 5)) {
			length = snprintf(replaced, sizeof(replaced), "/proc/%d%s", task->tgid, text + strlen(own));
			if ((size_t)length < sizeof(text))
				memcpy(text, replaced, (size_t)length + 1);
			else
				length = (ssize_t)strlen(text);
		}
		set_link_text(task, arena, facts, text, (uint32_t)length, known && ends_with_mark(text, length) && is_unlinked(text, &found));
	}
	if (known)
		take_statx(task, &found, arena, facts);
}

/* A folder that was removed says so in its link. */
static void without_mark(const char *link, char *text, ssize_t length)
{
	struct statx found;

	if (ends_with_mark(text, length) && !statx(AT_FDCWD, link, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_NLINK | STATX_INO, &found) && is_unlinked(text, &found))
		text[length - 10] = 0;
}

static bool resolve(const struct path_task *task, int dirfd, bool below, const char *name, uint32_t length, bool follow, bool cheap, struct arena *arena, struct file_facts *facts)
{
	char link[64], base[PATH_BYTES + 16], folded[PATH_BYTES * 2 + 32], parent[PATH_BYTES + 16];
	ssize_t base_length = 0;
	uint32_t folded_length;
	struct statx found;
	const char *last;
	int fd;

	memset(facts, 0, sizeof(*facts));
	if (!length)
		return false;
	if (!cheap) {
		fd = below ? -ELOOP : walk_straight(task, name, follow ? 0 : O_NOFOLLOW);
		if (fd >= 0 || fd == -ENOENT) {
			set_path(task, arena, facts, folded, fold("", name, folded, sizeof(folded)));
			if (fd >= 0) {
				if (!statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, WANTED, &found))
					take_statx(task, &found, arena, facts);
				close(fd);
			}
			return true;
		}
		if (fd != -ETIMEDOUT)
			fd = walk(task, dirfd, below, name, follow ? 0 : O_NOFOLLOW);
		if (fd >= 0) {
			take_descriptor(task, fd, name, true, arena, facts);
			close(fd);
			return true;
		}
		if (fd == -ETIMEDOUT)
			cheap = true;
	}
	if (!cheap) {
		/* Its folder is mostly there: resolve that and add the last component. */
		last = name + length;
		while (last > name && last[-1] == '/')
			last--;
		while (last > name && last[-1] != '/')
			last--;
		if ((uint32_t)(last - name) < length && strcmp(last, ".") && strcmp(last, "..") && length < sizeof(parent)) {
			snprintf(parent, sizeof(parent), "%.*s", (int)(last - name), name);
			fd = walk(task, dirfd, below, last == name ? "." : parent, O_DIRECTORY);
			if (fd >= 0) {
				struct file_facts folder;
				char joined[PATH_BYTES * 2];
				int joined_length;

				take_descriptor(task, fd, name, false, arena, &folder);
				close(fd);
				if (!(folder.flags & FACT_NAMELESS) && folder.path.stored) {
					const char *at = arena_at(arena, folder.path.at);
					uint32_t at_length = folder.path.stored;
					if (at_length == 1)
						at_length = 0;
					joined_length = snprintf(joined, sizeof(joined), "%.*s/%.*s", (int)at_length, at, (int)strcspn(last, "/"), last);
					set_path(task, arena, facts, joined, (uint32_t)joined_length);
					return true;
				}
			}
		}
	}
	base[0] = 0;
	if (name[0] != '/' || below) {
		base_link(task, dirfd, link, sizeof(link));
		base_length = readlink(link, base, sizeof(base) - 1);
		if (base_length <= 0)
			return false;
		base[base_length] = 0;
		without_mark(link, base, base_length);
		if (below) {
			/* What is above the root of the name is not reached. */
			folded_length = fold(base, "", folded, sizeof(folded));
			if (folded_length == 1)
				folded_length = 0;
			folded_length += fold("", name, folded + folded_length, (uint32_t)(sizeof(folded) - folded_length));
		} else {
			folded_length = fold(base, name, folded, sizeof(folded));
		}
	} else {
		path_root_read(task);
		if (strcmp(task->root->path, "/")) {
			size_t prefix = strlen(task->root->path);
			memcpy(folded, task->root->path, prefix);
			folded_length = (uint32_t)prefix + fold("", name, folded + prefix, (uint32_t)(sizeof(folded) - prefix));
		} else {
			folded_length = fold("", name, folded, sizeof(folded));
		}
	}
	set_path(task, arena, facts, folded, folded_length);
	return true;
}

bool path_resolve(const struct path_task *task, int dirfd, const char *name, uint32_t length, bool follow, bool cheap, struct arena *arena, struct file_facts *facts)
{
	return resolve(task, dirfd, false, name, length, follow, cheap, arena, facts);
}

bool path_resolve_below(const struct path_task *task, int dirfd, const char *name, uint32_t length, bool follow, bool cheap, struct arena *arena, struct file_facts *facts)
{
	return resolve(task, dirfd, true, name, length, follow, cheap, arena, facts);
}

/* Facts of what has the name now that `facts` told of; false: nothing that can be told. */
static bool look_again(const struct path_task *task, const struct arena *arena, const struct file_facts *facts, unsigned mask, struct statx *found)
{
	const struct text *text = task->root->differs && facts->own_path.stored ? &facts->own_path : &facts->path;
	char name[PATH_BYTES + 64];
	char *end = name;

	if (!(facts->flags & FACT_EXISTS) || facts->flags & FACT_NAMELESS || !text->stored || text->stored > PATH_BYTES)
		return false;
	if (task->root->differs)
		end = proc_name(name, task->tid, "/root");
	memcpy(end, arena_at(arena, text->at), text->stored);
	end[text->stored] = 0;
	return !errand_facts(name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, mask, found) && found->stx_ino == facts->inode &&
	       ((uint64_t)found->stx_dev_major << 32 | found->stx_dev_minor) == facts->device;
}

bool path_still_there(const struct path_task *task, const struct arena *arena, const struct file_facts *facts)
{
	struct statx found;

	return look_again(task, arena, facts, STATX_INO, &found);
}

bool path_untouched(const struct path_task *task, const struct arena *arena, const struct file_facts *facts)
{
	static const char *const exact[] = {"ext4", "xfs", "btrfs", "tmpfs"};
	static int major_number, minor_number;
	struct utsname kernel;
	struct statx found;
	bool tells = false;

	if (!major_number && (uname(&kernel) || sscanf(kernel.release, "%d.%d", &major_number, &minor_number) != 2))
		major_number = 1;
	for (size_t n = 0; facts->filesystem && n < sizeof(exact) / sizeof(*exact); n++)
		tells |= !strcmp(facts->filesystem, exact[n]);
	return tells && (major_number > 6 || (major_number == 6 && minor_number >= 13)) && !(facts->flags & FACT_FROM_DESCRIPTOR) &&
	       look_again(task, arena, facts, STATX_INO | STATX_CTIME, &found) && ns_of(found.stx_ctime) == facts->changed;
}
