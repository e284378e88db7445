/* Columns that no plain argument holds: protections and mounts before a call, modules, kernel parameters. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture.h"
#include "errand.h"
#include "mounts.h"
#include "remote.h"

static const struct value absent = {.type = VALUE_ABSENT};
static const struct value missing = {.type = VALUE_ABSENT, .missing = true};

/* PROT_* of the mapping at an address, as /proc/PID/maps tells; 0xffffffff unknown. */
static uint32_t protection_at(pid_t tid, uint64_t address)
{
	char name[48];
	char *line = NULL;
	size_t size = 0;
	uint32_t found = 0xffffffff;
	FILE *maps;

	snprintf(name, sizeof(name), "/proc/%d/maps", tid);
	maps = fopen(name, "re");
	while (maps && getline(&line, &size, maps) > 0) {
		unsigned long long begin, end;
		char rights[8];

		if (sscanf(line, "%llx-%llx %4s", &begin, &end, rights) == 3 && address >= begin && address < end) {
			found = (rights[0] == 'r' ? 1u : 0) | (rights[1] == 'w' ? 2u : 0) | (rights[2] == 'x' ? 4u : 0);
			break;
		}
	}
	free(line);
	if (maps)
		fclose(maps);
	return found;
}

/* What part of its file system the newest mount shows, from the last line of mountinfo with that place. */
static struct value mounted_part(const struct capture_site *site)
{
	struct path_task place = capture_place(site->tracer, site->task);
	struct file_facts facts;
	char name[PATH_BYTES + 1];
	const char *part;
	bool whole;
	int32_t length = remote_string(site->task->tid, capture_argument(site->task, 1), name, PATH_BYTES - 1, &whole);

	if (length <= 0 || !path_resolve(&place, -100, name, (uint32_t)length, true, false, site->arena, &facts))
		return missing;
	part = mounts_part(&place, facts.mount_id);
	return part ? value_text(text_add(site->arena, part)) : missing;
}

/* The name that a module gives itself: `name=…` of its section .modinfo. */
static struct value module_name(struct arena *arena, const char *image, size_t length)
{
	static const char mark[] = "\0name=";
	const char *at = image;

	while ((at = memmem(at, length - (size_t)(at - image), mark, sizeof(mark) - 1))) {
		size_t room = length - (size_t)(at + sizeof(mark) - 1 - image);
		size_t size;

		at += sizeof(mark) - 1;
		size = strnlen(at, room);
		if (size && size < room && size < 56 && strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == size)
			return value_text(text_add_bytes(arena, at, (uint32_t)size, (uint32_t)size));
	}
	return absent;
}

#define MODULE_BYTES (8u << 20)

static struct value module_in_memory(const struct capture_site *site)
{
	uint64_t address = capture_argument(site->task, 0), length = capture_argument(site->task, 1);
	struct value found = missing;
	uint32_t got = 0;
	char *image;

	if (length > MODULE_BYTES)
		length = MODULE_BYTES;
	image = malloc(length + 1);
	if (image)
		got = remote_read(site->task->tid, address, image, (uint32_t)length);
	if (got)
		found = module_name(site->arena, image, got);
	free(image);
	return found;
}

/* Opened anew through the link of the kernel: it is the same file, and nothing that the program has is moved. */
static int open_again(const struct capture_site *site)
{
	char name[64];

	snprintf(name, sizeof(name), "/proc/%d/fd/%d", site->task->tid, (int)capture_argument(site->task, 0));
	return open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

static struct value module_in_file(const struct capture_site *site, const struct value *file)
{
	struct value found = missing;
	struct stat facts;
	size_t used = 0;
	char *image;
	int fd;

	if (file->type == VALUE_FILE && errand_is_foreign(((struct file_facts *)arena_at(site->arena, file->at))->filesystem))
		return missing;
	fd = open_again(site);
	if (fd < 0)
		return missing;
	if (!fstat(fd, &facts) && S_ISREG(facts.st_mode) && facts.st_size > 0) {
		size_t room = facts.st_size > MODULE_BYTES ? MODULE_BYTES : (size_t)facts.st_size;
		image = malloc(room);
		while (image && used < room) {
			ssize_t got = pread(fd, image + used, room - used, (off_t)used);
			if (got <= 0)
				break;
			used += (size_t)got;
		}
		if (used)
			found = module_name(site->arena, image, used);
		free(image);
	}
	close(fd);
	return found;
}

/*
 * The value of a kernel parameter that is about to be written. The file belongs to the namespaces of
 * whoever opened it, but those of UTS are taken from the reader: in others than ours it is not known.
 */
static struct value parameter_before(const struct capture_site *site, const struct value *file)
{
	const struct file_facts *facts;
	char text[1024], theirs[64], own[64], link[48];
	const char *path;
	ssize_t got, a, b;
	int fd;

	if (file->type != VALUE_FILE)
		return absent;
	facts = arena_at(site->arena, file->at);
	path = arena_at(site->arena, facts->path.at);
	if (facts->path.stored < 11 || memcmp(path, "/proc/sys/", 10) || !facts->filesystem || strcmp(facts->filesystem, "proc"))
		return absent;
	snprintf(link, sizeof(link), "/proc/%d/ns/uts", site->task->tid);
	a = readlink(link, theirs, sizeof(theirs));
	b = readlink("/proc/self/ns/uts", own, sizeof(own));
	if ((a <= 0 || a != b || memcmp(theirs, own, (size_t)a)) && facts->path.stored >= 24 && (!memcmp(path + 10, "kernel/hostname", 15) || !memcmp(path + 10, "kernel/domainna", 15)))
		return missing;
	fd = open_again(site);
	if (fd < 0)
		return missing;
	got = pread(fd, text, sizeof(text), 0);
	close(fd);
	return got < 0 ? missing : value_text(text_add_bytes(site->arena, text, (uint32_t)got, (uint32_t)got));
}

struct value capture_native(const struct capture_site *site, const struct catalogue_call *call, const struct act *act)
{
	if (call->event == EVENT_WRITE && site->row->column == WRITE_BEFORE)
		return parameter_before(site, &act->values[WRITE_FILE]);
	if (call->event == EVENT_LOAD_MODULE && site->row->column == LOAD_MODULE_NAME)
		return act->values[LOAD_MODULE_FROM_MEMORY].type == VALUE_NUMBER ? module_in_memory(site) : module_in_file(site, &act->values[LOAD_MODULE_FILE]);
	/* prctl(PR_SET_NAME): the command name as the kernel keeps it. */
	if (call->event == EVENT_PRCTL && site->row->column == PRCTL_COMM) {
		char name[48], text[64];
		ssize_t length;

		snprintf(name, sizeof(name), "/proc/%d/comm", site->task->tid);
		length = facts_file(name, text, sizeof(text));
		if (length <= 1)
			return missing;
		return value_text(text_add_bytes(site->arena, text, (uint32_t)length - 1, (uint32_t)length - 1));
	}
	if (call->event == EVENT_DNS && site->row->column == DNS_INTERFACE)
		return capture_interface(site, (int)capture_argument(site->task, 0), &act->values[DNS_SERVER]);
	if (call->event == EVENT_IMDS && site->row->column == IMDS_INTERFACE)
		return capture_interface(site, (int)capture_argument(site->task, 0), &act->values[IMDS_SERVER]);
	if (call->event == EVENT_MPROTECT && site->row->column == MPROTECT_BEFORE)
		return value_number(protection_at(site->task->tid, capture_argument(site->task, 0)));
	if (call->event == EVENT_MOUNT && site->row->column == MOUNT_ROOT && site->result >= 0)
		return mounted_part(site);
	return absent;
}
