#include "container.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Container runtimes put an id of 64 hex digits into the path; its monitor is not in the container. */
bool container_in_path(const char *cgroup, char *id, size_t room)
{
	const char *at = cgroup;

	id[0] = 0;
	for (; *at; at++) {
		size_t run = 0;

		if (at > cgroup && is_hex(at[-1]))
			continue;
		while (is_hex(at[run]))
			run++;
		if (run == 64 && !(at - cgroup >= 7 && !memcmp(at - 7, "conmon-", 7))) {
			snprintf(id, room, "%.64s", at);
		} else if (run == 32 && at[run] == '-' && strstr(cgroup, "/ecs/")) {
			size_t more = run + 1 + strspn(at + run + 1, "0123456789");
			if (more < room)
				snprintf(id, room, "%.*s", (int)more, at);
		}
	}
	return id[0];
}

/*
 * A container with a cgroup namespace of its own, as runtimes make them where cgroups are of version 2, sees
 * its cgroup as "/": a tracer that runs inside learns the id from files that the runtime keeps per container and
 * mounts into it. Those of a Kubernetes sandbox belong to the pod and are left out; with Docker's
 * `--network container:NAME` they are those of NAME.
 */
static char own_id[80];
static const char *own_runtime = "";

static void read_own(void)
{
	static bool done;
	FILE *file = done ? NULL : fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t size = 0;

	done = true;
	while (file && getline(&line, &size, file) > 0) {
		char *root, *point, *save = NULL;
		char id[80];
		bool sure;

		strtok_r(line, " ", &save);
		strtok_r(NULL, " ", &save);
		strtok_r(NULL, " ", &save);
		root = strtok_r(NULL, " ", &save);
		point = root ? strtok_r(NULL, " ", &save) : NULL;
		if (!point || !strstr(root, "containers/") || strstr(root, "/sandboxes/"))
			continue;
		sure = !strcmp(point, "/run/.containerenv");
		if (!sure && strcmp(point, "/etc/hostname") && strcmp(point, "/etc/hosts") && strcmp(point, "/etc/resolv.conf"))
			continue;
		if (!container_in_path(root, id, sizeof(id)))
			continue;
		memcpy(own_id, id, sizeof(id));
		own_runtime = strstr(root, "-containers/") ? "podman" : strstr(root, "/nerdctl/") ? "containerd" : "docker";
		if (sure)
			break;
	}
	free(line);
	if (file)
		fclose(file);
}

void container_name(struct context *out)
{
	static const struct {
		const char *prefix, *runtime;
	} marks[] = {{"docker-", "docker"}, {"/docker/", "docker"}, {"cri-containerd-", "containerd"}, {"crio-", "crio"},
		     {"libpod-", "podman"}, {"/libpod_parent/", "podman"}, {"/ecs/", "ecs"}, {"/lxc/", "lxc"}, {"/lxc.payload", "lxc"},
		     {"/machine.slice/", "systemd-nspawn"}, {"kubepods", "containerd"}, {"/crun/", "crun"}, {"/runc/", "runc"}};
	const char *last;

	if (container_in_path(out->cgroup, out->container_id, sizeof(out->container_id)))
		for (size_t n = 0; n < sizeof(marks) / sizeof(*marks); n++)
			if (strstr(out->cgroup, marks[n].prefix)) {
				snprintf(out->container_runtime, sizeof(out->container_runtime), "%s", marks[n].runtime);
				break;
			}
	out->container_created = out->cgroup_created;
	/* What is outside of our own part of the hierarchy begins with "/..". */
	if (!out->container_id[0] && strncmp(out->cgroup, "/..", 3)) {
		read_own();
		snprintf(out->container_id, sizeof(out->container_id), "%s", own_id);
		snprintf(out->container_runtime, sizeof(out->container_runtime), "%s", own_runtime);
		/* A container without a cgroup of its own sees the root of the hierarchy, which has no events and is older. */
		if (own_id[0] && out->cgroup_version == 2 && access("/sys/fs/cgroup/cgroup.events", F_OK))
			out->container_created = 0;
	}
	last = strrchr(out->cgroup, '/');
	if (last && strlen(last) < sizeof(out->unit) && (strstr(last, ".service") || strstr(last, ".scope")))
		snprintf(out->unit, sizeof(out->unit), "%s", last + 1);
}

