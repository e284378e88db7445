/* Files of /proc, with names of mounts, cgroups and commands that anybody may choose. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* Whatever is opened to be read has the bytes of the moment. */
static const unsigned char *given;
static size_t given_length;
static int memory = -1;

static int given_open(void)
{
	if (memory < 0)
		memory = memfd_create("given", MFD_CLOEXEC);
	if (ftruncate(memory, 0) || pwrite(memory, given, given_length, 0) < 0)
		return -1;
	lseek(memory, 0, SEEK_SET);
	return dup(memory);
}

static FILE *given_stream(void)
{
	return given_length ? fmemopen((void *)given, given_length, "r") : NULL;
}

#define open(path, flags) ((void)(path), given_open())
#define fopen(path, mode) ((void)(path), given_stream())
#include "../facts.c"
#include "../container.c"
#undef open
#undef fopen
#include "../mounts.c"

#include "hostile.h"

static void take(const uint8_t *bytes, size_t length)
{
	struct credentials credentials;
	struct standing standing;
	static struct context context;
	struct path_mounts mounts = {0};
	char *line = malloc(length + 1);
	pid_t own;

	given = bytes;
	given_length = length;
	facts_credentials(1, &credentials, &own);
	facts_standing(1, &standing);
	facts_group(1);
	hierarchy_count = 0;
	hierarchies_read = false;
	facts_context(1, &context);
	memcpy(line, bytes, length);
	line[length] = 0;
	parse_mount(add_mount(&mounts, 1), line);
	mounts_forget(&mounts);
	free(line);
}

int main(int argc, char **argv)
{
	const char mounts[] = "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
			      "37 36 0:30 / / rw - overlay overlay rw,lowerdir=/a,upperdir=/b\\040c,workdir=/d\n"
			      "38 36 0:31 /docker /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n39 36 0:32 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
	const char cgroups[] = "11:pids:/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n1:name=systemd:/user.slice/x.service\n0::/ecs/"
			       "0123456789abcdef0123456789abcdef-1234567\n";

	hostile_seed(mounts, sizeof(mounts) - 1);
	hostile_seed(cgroups, sizeof(cgroups) - 1);
	hostile_seed_file("/proc/self/status");
	hostile_seed_file("/proc/self/stat");
	hostile_seed_file("/proc/self/mountinfo");
	hostile_seed_file("/proc/self/cgroup");
	return hostile_run("facts", argc, argv, take);
}
