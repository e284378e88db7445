/*
 * Facts about tasks, read from /proc: credentials, namespaces, place in the process tree, cgroup.
 * Plain reads without state; the caller keeps and invalidates.
 */
#ifndef SECCAM_FACTS_H
#define SECCAM_FACTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define GROUPS_MAX 64

struct credentials {
	uint32_t uid, euid, suid, fsuid, gid, egid, sgid, fsgid, auid, no_new_privs, seccomp, securebits;
	uint64_t cap_effective, cap_permitted, cap_inheritable, cap_bounding, cap_ambient;
	uint32_t group_count, groups_total;
	uint32_t groups[GROUPS_MAX];
};

enum { NS_MNT, NS_NET, NS_PID, NS_USER, NS_UTS, NS_IPC, NS_CGROUP, NS_TIME, NS_PID_FOR_CHILDREN, NS_COUNT };

struct namespaces {
	uint32_t inode[NS_COUNT];
};

/* Content of /proc/PID/stat and status that the tracer wants. */
struct standing {
	pid_t tgid, ppid, pgid, sid, own_pid, tracer;
	uint64_t start_time; /* boot time in ns, in steps of a clock tick */
	uint64_t ticks_user, ticks_system;
	char comm[64];
	char tty[32]; /* "pts3", empty without */
	char state;
	bool kernel;
};

/* The cgroup of a process and what its path tells. Strings are at most the array's size less one. */
struct context {
	char cgroup[1024];
	uint32_t cgroup_version;
	uint64_t cgroup_inode, cgroup_mount_id;
	int64_t cgroup_created;
	char container_id[80], container_runtime[24], unit[128];
	int64_t container_created; /* 0: not known */
	struct tag_list *tags;     /* of a container; else NULL */
};

/* Reads a whole small file into `into` with a NUL at its end; returns its length or -1. */
ssize_t facts_file(const char *path, char *into, size_t room);

bool facts_credentials(pid_t tid, struct credentials *out, pid_t *own_pid);
/* Login user id; 0xffffffff: unset. */
uint32_t facts_login(pid_t tid);
bool facts_namespaces(pid_t tid, struct namespaces *out);
bool facts_standing(pid_t tid, struct standing *out);
bool facts_context(pid_t tid, struct context *out);
/* Thread group of a task, or 0. */
pid_t facts_group(pid_t tid);

#endif
