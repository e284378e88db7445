#include "facts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "container.h"

ssize_t facts_file(const char *path, char *into, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t used = 0;

	if (fd < 0)
		return -1;
	while (used < room - 1) {
		ssize_t got = read(fd, into + used, room - 1 - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			if (got < 0 && !used) {
				close(fd);
				return -1;
			}
			break;
		}
		used += (size_t)got;
		/* Files of /proc that end with a line break are whole: no read for the sake of a zero. */
		if (into[used - 1] == '\n')
			break;
	}
	close(fd);
	into[used] = 0;
	return (ssize_t)used;
}

static uint32_t four(const char *line, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
	char *end;

	*a = (uint32_t)strtoul(line, &end, 10);
	*b = (uint32_t)strtoul(end, &end, 10);
	*c = (uint32_t)strtoul(end, &end, 10);
	*d = (uint32_t)strtoul(end, &end, 10);
	return 1;
}

bool facts_credentials(pid_t tid, struct credentials *out, pid_t *own_pid)
{
	char path[48], text[8192];
	char *line, *next;
	unsigned found = 0;

	memset(out, 0, sizeof(*out));
	out->securebits = 0xffffffff;
	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	if (facts_file(path, text, sizeof(text)) <= 0)
		return false;
	for (line = text; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		if (!strncmp(line, "Uid:\t", 5)) {
			found += four(line + 5, &out->uid, &out->euid, &out->suid, &out->fsuid);
		} else if (!strncmp(line, "Gid:\t", 5)) {
			found += four(line + 5, &out->gid, &out->egid, &out->sgid, &out->fsgid);
		} else if (!strncmp(line, "Groups:\t", 8)) {
			char *at = line + 8;
			while (*at && *at != '\n') {
				char *end;
				unsigned long group = strtoul(at, &end, 10);
				if (end == at)
					break;
				if (out->group_count < GROUPS_MAX)
					out->groups[out->group_count++] = (uint32_t)group;
				out->groups_total++;
				at = end;
				while (*at == ' ')
					at++;
			}
		} else if (!strncmp(line, "NSpid:\t", 7) && own_pid) {
			char *last = strrchr(line, '\t');
			*own_pid = (pid_t)atoi(last + 1);
		} else if (!strncmp(line, "Cap", 3)) {
			uint64_t set = strtoull(line + 8, NULL, 16);
			if (!strncmp(line, "CapInh:", 7))
				out->cap_inheritable = set;
			else if (!strncmp(line, "CapPrm:", 7))
				out->cap_permitted = set;
			else if (!strncmp(line, "CapEff:", 7))
				out->cap_effective = set;
			else if (!strncmp(line, "CapBnd:", 7))
				out->cap_bounding = set;
			else if (!strncmp(line, "CapAmb:", 7))
				out->cap_ambient = set;
		} else if (!strncmp(line, "NoNewPrivs:\t", 12)) {
			out->no_new_privs = (uint32_t)atoi(line + 12);
		} else if (!strncmp(line, "Seccomp:\t", 9)) {
			out->seccomp = (uint32_t)atoi(line + 9);
			break;
		}
	}
	out->auid = facts_login(tid);
	return found == 2;
}

uint32_t facts_login(pid_t tid)
{
	char path[48], text[32];

	snprintf(path, sizeof(path), "/proc/%d/loginuid", tid);
	return facts_file(path, text, sizeof(text)) > 0 ? (uint32_t)strtoul(text, NULL, 10) : 0xffffffff;
}

bool facts_namespaces(pid_t tid, struct namespaces *out)
{
	static const char *const names[NS_COUNT] = {"mnt", "net", "pid", "user", "uts", "ipc", "cgroup", "time", "pid_for_children"};
	bool any = false;

	memset(out, 0, sizeof(*out));
	for (int n = 0; n < NS_COUNT; n++) {
		char path[64], text[64];
		ssize_t length;
		char *bracket;

		snprintf(path, sizeof(path), "/proc/%d/ns/%s", tid, names[n]);
		length = readlink(path, text, sizeof(text) - 1);
		if (length <= 0)
			continue;
		text[length] = 0;
		bracket = strchr(text, '[');
		if (bracket) {
			out->inode[n] = (uint32_t)strtoul(bracket + 1, NULL, 10);
			any = true;
		}
	}
	return any;
}

static void name_tty(unsigned device, char *into, size_t room)
{
	unsigned major_number = (device >> 8) & 0xfff;
	unsigned minor_number = (device & 0xff) | ((device >> 12) & 0xfff00);

	into[0] = 0;
	if (!device)
		return;
	if (major_number >= 136 && major_number <= 143)
		snprintf(into, room, "pts%u", (major_number - 136) * 256 + minor_number);
	else if (major_number == 4)
		snprintf(into, room, minor_number < 64 ? "tty%u" : "ttyS%u", minor_number < 64 ? minor_number : minor_number - 64);
	else if (major_number == 204)
		snprintf(into, room, "ttyAMA%u", minor_number - 64);
	else if (major_number == 229)
		snprintf(into, room, "hvc%u", minor_number);
	else
		snprintf(into, room, "tty%u:%u", major_number, minor_number);
}

bool facts_standing(pid_t tid, struct standing *out)
{
	char path[48], text[1024];
	char *open_bracket, *close_bracket;
	unsigned tty, flags;
	unsigned long long user, system, start;
	long tick = sysconf(_SC_CLK_TCK);
	int ppid, pgid, sid;

	memset(out, 0, sizeof(*out));
	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	if (facts_file(path, text, sizeof(text)) <= 0)
		return false;
	open_bracket = strchr(text, '(');
	close_bracket = strrchr(text, ')');
	if (!open_bracket || !close_bracket || close_bracket < open_bracket)
		return false;
	snprintf(out->comm, sizeof(out->comm), "%.*s", (int)(close_bracket - open_bracket - 1), open_bracket + 1);
	if (sscanf(close_bracket + 2, "%c %d %d %d %u %*d %u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d %llu", &out->state, &ppid,
		   &pgid, &sid, &tty, &flags, &user, &system, &start) != 9)
		return false;
	out->ppid = ppid;
	out->pgid = pgid;
	out->sid = sid;
	out->ticks_user = user;
	out->ticks_system = system;
	out->kernel = (flags & 0x00200000) != 0;
	out->start_time = start * (1000000000u / (unsigned long)tick);
	name_tty(tty, out->tty, sizeof(out->tty));
	return true;
}

pid_t facts_group(pid_t tid)
{
	char path[48], text[4096];
	char *line;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	if (facts_file(path, text, sizeof(text)) <= 0)
		return 0;
	line = strstr(text, "\nTgid:\t");
	return line ? (pid_t)atoi(line + 7) : 0;
}

/* Where the hierarchies of cgroups are mounted: read once, they stay where they are. */
struct hierarchy {
	bool unified;
	char names[64];  /* controllers or `name=…`, between commas; empty for version 2 */
	char root[256];  /* the part of the hierarchy that is mounted */
	char point[256];
};
#define HIERARCHIES_MAX 32
static struct hierarchy hierarchies[HIERARCHIES_MAX];
static unsigned hierarchy_count;
static bool hierarchies_read;

static void read_hierarchies(void)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t size = 0;

	hierarchies_read = true;
	while (file && getline(&line, &size, file) > 0 && hierarchy_count < HIERARCHIES_MAX) {
		struct hierarchy *h = &hierarchies[hierarchy_count];
		char type[32], options[256];
		char *rest = strstr(line, " - ");

		memset(h, 0, sizeof(*h));
		if (!rest || sscanf(rest, " - %31s %*s %255s", type, options) != 2 || strncmp(type, "cgroup", 6) ||
		    sscanf(line, "%*d %*d %*s %255s %255s", h->root, h->point) != 2)
			continue;
		h->unified = !strcmp(type, "cgroup2");
		if (!h->unified)
			snprintf(h->names, sizeof(h->names), ",%.61s,", options);
		hierarchy_count++;
	}
	free(line);
	if (file)
		fclose(file);
}

/* The directory of a cgroup; false: it lies outside of what is mounted here. */
static bool cgroup_directory(const char *names, const char *path, char *into, size_t room)
{
	char wanted[64];
	size_t root;

	if (!hierarchies_read)
		read_hierarchies();
	snprintf(wanted, sizeof(wanted), ",%.*s,", (int)strcspn(names, ","), names);
	for (unsigned n = 0; n < hierarchy_count; n++) {
		const struct hierarchy *h = &hierarchies[n];

		if (h->unified != !*names || (*names && !strstr(h->names, wanted)))
			continue;
		root = strcmp(h->root, "/") ? strlen(h->root) : 0;
		if (strncmp(path, h->root, root) || (root && path[root] && path[root] != '/'))
			continue;
		return (size_t)snprintf(into, room, "%s%s", h->point, path + root) < room;
	}
	return false;
}

/*
 * A process has a cgroup in each hierarchy. The one that tells a container wins, then one that is not the
 * root: version 2, systemd's, that of pids.
 */
static int weight(const char *names, const char *path)
{
	char id[80];
	int order = !*names ? 3 : !strcmp(names, "name=systemd") ? 2 : !strcmp(names, "pids") ? 1 : 0;

	if (container_in_path(path, id, sizeof(id)))
		return 100 + order;
	return order && strcmp(path, "/") ? 10 + order : order;
}

bool facts_context(pid_t tid, struct context *out)
{
	char path[1400], text[8192];
	char *line, *next, *chosen = NULL, *chosen_names = NULL;
	struct statx facts;
	int best = -1;

	memset(out, 0, sizeof(*out));
	snprintf(path, sizeof(path), "/proc/%d/cgroup", tid);
	if (facts_file(path, text, sizeof(text)) <= 0)
		return false;
	for (line = text; line && *line; line = next) {
		char *names, *place;
		int own;

		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		names = strchr(line, ':');
		place = names ? strchr(names + 1, ':') : NULL;
		if (!place)
			continue;
		*names++ = 0;
		*place++ = 0;
		own = weight(names, place);
		if (own <= best)
			continue;
		best = own;
		chosen = place;
		chosen_names = names;
	}
	if (!chosen)
		return false;
	out->cgroup_version = *chosen_names ? 1 : 2;
	snprintf(out->cgroup, sizeof(out->cgroup), "%s", chosen);
	if (cgroup_directory(chosen_names, out->cgroup, path, sizeof(path)) &&
	    !statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_INO | STATX_BTIME | STATX_MNT_ID | STATX_CTIME, &facts)) {
		out->cgroup_inode = facts.stx_ino;
		out->cgroup_mount_id = facts.stx_mask & STATX_MNT_ID ? facts.stx_mnt_id : 0;
		out->cgroup_created = (int64_t)facts.stx_ctime.tv_sec * 1000000000 + facts.stx_ctime.tv_nsec;
	}
	container_name(out);
	return true;
}
