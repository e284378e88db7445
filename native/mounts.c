#include "mounts.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "die.h"
#include "errand.h"
#include "walk.h"

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

void mounts_changed(struct path_mounts *mounts)
{
	/* Ids are used again by the kernel. The strings stay: values that wait still point to them. */
	for (uint32_t n = 0; n < mounts->count; n++)
		mounts->list[n].id = 0;
}

void mounts_forget(struct path_mounts *mounts)
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
struct mount_facts *mounts_find(const struct path_task *task, uint64_t id)
{
	struct mount_facts *mount = known_mount(task->mounts, id);
	char name[64];
	FILE *table;
	char *line = NULL;
	size_t size = 0;

	if (mount)
		return mount;
	walk_proc(name, task->tid, "/mountinfo");
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

const char *mounts_part(const struct path_task *task, uint64_t mount_id)
{
	return mount_id ? mounts_find(task, mount_id)->root : NULL;
}

/* The last ones suffice: a mount without a place is made, used and moved to its place. */
#define MADE_MAX 64
static struct made {
	pid_t tgid;
	int context;
	uint64_t device;
	const char *type;
} contexts[MADE_MAX], made[MADE_MAX];
static unsigned next_context, next_made;

/* There are few types, and files point to their names for as long as they are known. */
static const char *kept_type(const char *type)
{
	static char *types[MADE_MAX];
	unsigned n = 0;

	while (n < MADE_MAX && types[n] && strcmp(types[n], type))
		n++;
	if (n < MADE_MAX && !types[n])
		types[n] = unescape(type, strlen(type));
	return n < MADE_MAX ? types[n] : NULL;
}

void mounts_context(pid_t tgid, int context, const char *type)
{
	struct made *one = &contexts[next_context++ % MADE_MAX];

	*one = (struct made){.tgid = tgid, .context = context, .type = kept_type(type)};
}

void mounts_made(pid_t tgid, int context, uint64_t device)
{
	for (unsigned n = 0; n < MADE_MAX; n++) {
		/* From the newest to the oldest: numbers of descriptors are used again. */
		const struct made *one = &contexts[(next_context - 1 - n) % MADE_MAX];

		if (one->tgid != tgid || one->context != context || !one->type)
			continue;
		made[next_made] = *one;
		made[next_made].device = device;
		next_made = (next_made + 1) % MADE_MAX;
		return;
	}
}

const char *mounts_type(const struct path_task *task, uint64_t device)
{
	const char *type = NULL;
	char name[64], *line = NULL;
	size_t size = 0;
	FILE *table;

	for (unsigned n = 0; n < MADE_MAX; n++) {
		const struct made *one = &made[(next_made + MADE_MAX - 1 - n) % MADE_MAX];

		if (one->tgid && one->device == device)
			return one->type;
	}
	walk_proc(name, task->tid, "/mountinfo");
	table = fopen(name, "re");
	while (table && !type && getline(&line, &size, table) > 0) {
		unsigned major_number, minor_number;

		if (sscanf(line, "%*u %*u %u:%u", &major_number, &minor_number) == 2 && ((uint64_t)major_number << 32 | minor_number) == device) {
			struct mount_facts *other = mounts_find(task, strtoull(line, NULL, 10));

			type = other->filesystem;
		}
	}
	free(line);
	if (table)
		fclose(table);
	return type;
}
