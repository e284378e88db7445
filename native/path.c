#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "errand.h"
#include "holding.h"
#include "mounts.h"
#include "remote.h"
#include "walk.h"

#ifndef AT_STATX_DONT_SYNC
#define AT_STATX_DONT_SYNC 0x4000
#endif

#define WANTED (STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID)

#define FOLDERS 16u
#define USES_BEFORE 8u

static uint32_t age = 1;

/*
 * Folders of descriptors, kept open for tasks that use many: the walk to one is a third of what a descriptor
 * costs. Of a task that is gone the kernel tells nothing there, whoever has its number.
 */
static struct {
	pid_t tid;
	unsigned uses;
	int fd; /* -1: not opened */
} folders[FOLDERS];

static void begin_folder(unsigned n, pid_t tid)
{
	if (folders[n].uses >= USES_BEFORE && folders[n].fd >= 0)
		close(folders[n].fd);
	folders[n].tid = tid;
	folders[n].uses = 0;
}

void path_roots_changed(void)
{
	age++;
	/* One may have been opened while something was mounted over it. */
	for (unsigned n = 0; n < FOLDERS; n++)
		begin_folder(n, 0);
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
		end = walk_proc(name, task->tid, "/root");
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
		struct mount_facts *mount = mounts_find(task, from->stx_mnt_id);
		facts->mount_id = from->stx_mnt_id;
		facts->filesystem = mount->filesystem;
		facts->flags |= (mount->visible ? FACT_MOUNT_VISIBLE : 0) | (mount->detached ? FACT_MOUNT_DETACHED : 0);
		if (mount->upper && facts->path.stored && in_upper_layer(task, mount, arena_at(arena, facts->path.at), facts->path.stored, from))
			facts->flags |= FACT_UPPER_LAYER;
		if (!facts->filesystem && mount->detached)
			facts->filesystem = mounts_type(task, facts->device);
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
	walk_proc(name, task->tid, "/root");
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

/* `name` in the folder `base` is what `link` is from the root. */
static bool of_link(const struct path_task *task, int base, const char *name, const char *link, struct arena *arena, struct file_facts *facts)
{
	char text[PATH_BYTES + 16];
	ssize_t length = readlinkat(base, name, text, sizeof(text) - 1);
	struct statx found;
	bool known;

	memset(facts, 0, sizeof(*facts));
	if (length <= 0 && errno != ENAMETOOLONG)
		return false;
	known = !statx(base, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, WANTED, &found);
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
	if (holding_goes_on())
		holding_link(link, facts);
	return true;
}

bool path_of_link(const struct path_task *task, const char *link, struct arena *arena, struct file_facts *facts)
{
	return of_link(task, AT_FDCWD, link, link, arena, facts);
}

void path_forget(pid_t tid)
{
	unsigned n = (unsigned)tid % FOLDERS;

	if (folders[n].tid == tid)
		begin_folder(n, 0);
}

static int folder_of(pid_t tid)
{
	unsigned n = (unsigned)tid % FOLDERS;
	char name[32];

	if (folders[n].tid != tid)
		begin_folder(n, tid);
	if (folders[n].uses < USES_BEFORE) {
		if (++folders[n].uses < USES_BEFORE)
			return -1;
		walk_proc(name, tid, "/fd");
		folders[n].fd = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	return folders[n].fd;
}

bool path_is_told(const struct file_facts *facts)
{
	return facts->path.stored || facts->flags & FACT_NAMELESS;
}

bool path_of_descriptor(const struct path_task *task, int fd, struct arena *arena, struct file_facts *facts)
{
	char link[64];
	char *end;
	int folder;

	if (fd < 0)
		return false;
	end = walk_proc(link, task->tid, "/fd/");
	snprintf(end, sizeof(link) - (size_t)(end - link), "%d", fd);
	folder = folder_of(task->tid);
	return (folder >= 0 && of_link(task, folder, end, link, arena, facts)) || of_link(task, AT_FDCWD, link, link, arena, facts);
}

struct text path_directory(const struct path_task *task, bool root, struct arena *arena)
{
	char link[64], text[PATH_BYTES];
	ssize_t length;

	walk_proc(link, task->tid, root ? "/root" : "/cwd");
	length = readlink(link, text, sizeof(text));
	if (length <= 0)
		return (struct text){0, 0, 0};
	return text_add_bytes(arena, text, (uint32_t)length, (uint32_t)length);
}

void path_base(const struct path_task *task, bool absolute, int dirfd, char *out, size_t room)
{
	char link[64];
	ssize_t length;

	if (absolute)
		walk_proc(link, task->tid, "/root");
	else
		walk_base(task, dirfd, link, sizeof(link));
	length = readlink(link, out, room - 1);
	out[length > 0 && out[0] == '/' ? length : 0] = 0;
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
		if (walk_has_prefix(text, own) && !strstr(name, own + 5)) {
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
			set_path(task, arena, facts, folded, walk_fold("", name, folded, sizeof(folded)));
			if (fd >= 0) {
				if (!statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, WANTED, &found))
					take_statx(task, &found, arena, facts);
				holding_close(fd, facts);
			}
			return true;
		}
		if (fd != -ETIMEDOUT)
			fd = walk_name(task, dirfd, below, name, follow ? 0 : O_NOFOLLOW);
		if (fd >= 0) {
			take_descriptor(task, fd, name, true, arena, facts);
			holding_close(fd, facts);
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
			fd = walk_name(task, dirfd, below, last == name ? "." : parent, O_DIRECTORY);
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
		walk_base(task, dirfd, link, sizeof(link));
		base_length = readlink(link, base, sizeof(base) - 1);
		if (base_length <= 0)
			return false;
		base[base_length] = 0;
		without_mark(link, base, base_length);
		if (below) {
			/* What is above the root of the name is not reached. */
			folded_length = walk_fold(base, "", folded, sizeof(folded));
			if (folded_length == 1)
				folded_length = 0;
			folded_length += walk_fold("", name, folded + folded_length, (uint32_t)(sizeof(folded) - folded_length));
		} else {
			folded_length = walk_fold(base, name, folded, sizeof(folded));
		}
	} else {
		path_root_read(task);
		if (strcmp(task->root->path, "/")) {
			size_t prefix = strlen(task->root->path);
			memcpy(folded, task->root->path, prefix);
			folded_length = (uint32_t)prefix + walk_fold("", name, folded + prefix, (uint32_t)(sizeof(folded) - prefix));
		} else {
			folded_length = walk_fold("", name, folded, sizeof(folded));
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
		end = walk_proc(name, task->tid, "/root");
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

/* Each change of a file gives it a time of its own there (Linux 6.13). */
static bool has_exact_times(const struct file_facts *facts)
{
	static const char *const exact[] = {"ext4", "xfs", "btrfs", "tmpfs"};
	static int major_number, minor_number;
	struct utsname kernel;
	bool tells = false;

	if (!major_number && (uname(&kernel) || sscanf(kernel.release, "%d.%d", &major_number, &minor_number) != 2))
		major_number = 1;
	for (size_t n = 0; facts->filesystem && n < sizeof(exact) / sizeof(*exact); n++)
		tells |= !strcmp(facts->filesystem, exact[n]);
	return tells && (major_number > 6 || (major_number == 6 && minor_number >= 13));
}

bool path_untouched(const struct path_task *task, const struct arena *arena, const struct file_facts *facts)
{
	struct statx found;

	return has_exact_times(facts) && !(facts->flags & FACT_FROM_DESCRIPTOR) && look_again(task, arena, facts, STATX_INO | STATX_CTIME, &found) &&
	       ns_of(found.stx_ctime) == facts->changed;
}

bool path_kept_size(const struct path_task *task, const struct arena *arena, const struct file_facts *facts, uint64_t length)
{
	struct statx found;

	return facts->size != length && !(facts->flags & FACT_FROM_DESCRIPTOR) && look_again(task, arena, facts, STATX_INO | STATX_SIZE, &found) &&
	       found.stx_size == facts->size;
}

bool path_same_mount(const struct path_task *task, const struct arena *arena, const struct file_facts *facts)
{
	struct statx found;

	return facts->mount_id && look_again(task, arena, facts, STATX_INO | STATX_MNT_ID, &found) && found.stx_mask & STATX_MNT_ID && found.stx_mnt_id == facts->mount_id;
}

bool path_turned(const struct path_task *task, int fd, const struct arena *arena, const struct file_facts *facts, bool changes)
{
	char link[64];
	struct file_facts now;
	struct arena own = {0};
	char *end = walk_proc(link, task->tid, "/fd/");
	bool turned = true;
	int copy;

	if (!(facts->flags & FACT_EXISTS))
		return false;
	snprintf(end, sizeof(link) - (size_t)(end - link), "%d", fd);
	/* Held, so that its name and its facts are of one file: those of before may not have been. */
	copy = open(link, O_PATH | O_CLOEXEC);
	if (copy >= 0) {
		take_descriptor(task, copy, "", true, &own, &now);
		close(copy);
		turned = now.inode != facts->inode || now.device != facts->device || now.path.stored != facts->path.stored ||
			 memcmp(arena_at(&own, now.path.at), arena_at(arena, facts->path.at), facts->path.stored) != 0 ||
			 (changes && has_exact_times(facts) && now.changed == facts->changed);
	}
	arena_free(&own);
	return turned;
}
