/* Captures that look at sockets: their addresses as the kernel holds them, and messages. */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "capture.h"
#include "process.h"
#include "remote.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#define PIDFD_THREAD_FLAG 0200u /* O_EXCL */

static const struct value absent = {.type = VALUE_ABSENT};
static const struct value missing = {.type = VALUE_ABSENT, .missing = true};

int capture_take_descriptor(struct tracer *tracer, struct task *task, int fd)
{
	struct process *process = task->process;

	if (fd < 0 || tracer->options.without & FEATURE_PIDFD_GETFD)
		return -1;
	if (process_apart(process->tgid, task->tid, APART_DESCRIPTORS)) {
		int thread = (int)syscall(SYS_pidfd_open, task->tid, PIDFD_THREAD_FLAG), copy;

		/* Before Linux 6.9 it cannot be had. */
		copy = thread < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, thread, fd, 0);
		if (thread >= 0)
			close(thread);
		return copy;
	}
	if (process->pidfd < 0)
		process->pidfd = (int)syscall(SYS_pidfd_open, process->tgid, 0);
	return process->pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process->pidfd, fd, 0);
}

static struct value of_sockaddr(struct arena *arena, const void *raw, uint32_t length)
{
	struct address_facts facts = {0};
	struct value value = {.type = VALUE_ADDRESS};
	uint16_t family;

	if (length < 2)
		return absent;
	memcpy(&family, raw, 2);
	facts.family = family;
	if (family == AF_INET && length >= sizeof(struct sockaddr_in)) {
		struct sockaddr_in in;
		memcpy(&in, raw, sizeof(in));
		facts.port = ntohs(in.sin_port);
		memcpy(facts.ip, &in.sin_addr, 4);
	} else if (family == AF_INET6 && length >= 24) {
		struct sockaddr_in6 in = {0};
		memcpy(&in, raw, length < sizeof(in) ? length : sizeof(in));
		facts.port = ntohs(in.sin6_port);
		facts.number = in.sin6_scope_id;
		memcpy(facts.ip, &in.sin6_addr, 16);
	} else if (family == AF_UNIX) {
		const char *path = (const char *)raw + offsetof(struct sockaddr_un, sun_path);
		uint32_t room = length - (uint32_t)offsetof(struct sockaddr_un, sun_path);

		if (room && !path[0]) {
			char name[128] = "@";
			uint32_t size = room < sizeof(name) ? room : (uint32_t)sizeof(name);
			memcpy(name + 1, path + 1, size - 1);
			facts.path = text_add_bytes(arena, name, size, size);
		} else if (room) {
			uint32_t size = (uint32_t)strnlen(path, room);
			facts.path = text_add_bytes(arena, path, size, size);
		}
	} else if (family != AF_UNSPEC) {
		if (family == AF_NETLINK && length >= 8)
			memcpy(&facts.number, (const char *)raw + 4, 4);
		facts.raw = text_add_bytes(arena, raw, length, length);
	}
	value.at = arena_add(arena, &facts, sizeof(facts));
	return value;
}

struct value capture_address(const struct capture_site *site, uint64_t address, uint64_t length)
{
	uint8_t raw[sizeof(struct sockaddr_storage)];
	uint32_t want = length < sizeof(raw) ? (uint32_t)length : (uint32_t)sizeof(raw);

	if (!address || !want)
		return absent;
	return remote_exact(site->task->tid, address, raw, want) ? of_sockaddr(site->arena, raw, want) : missing;
}

struct value capture_socket_address(const struct capture_site *site, int fd, bool peer)
{
	struct sockaddr_storage raw;
	socklen_t length = sizeof(raw);
	int copy = capture_take_descriptor(site->tracer, site->task, fd);
	int failed;

	if (copy < 0)
		return missing;
	failed = peer ? getpeername(copy, (struct sockaddr *)&raw, &length) : getsockname(copy, (struct sockaddr *)&raw, &length);
	close(copy);
	if (failed)
		return errno == ENOTCONN || errno == ENOTSOCK || errno == EBADF ? absent : missing;
	return of_sockaddr(site->arena, &raw, length < sizeof(raw) ? length : (uint32_t)sizeof(raw));
}

/*
 * The other end of what the call took in: the peer of the descriptor that accept() returned; for a
 * message the address that the call wrote, or the peer of the socket when the program wanted none.
 */
struct value capture_result_address(const struct capture_site *site, uint64_t address, uint64_t length)
{
	uint32_t written = 0;

	/* accept(fd, address, length), recvfrom(fd, bytes, size, flags, address, length) */
	if (site->row->args[0] == 1)
		return capture_socket_address(site, (int)site->result, true);
	if (!address || !length)
		return capture_socket_address(site, (int)capture_argument(site->task, 0), true);
	if (!remote_exact(site->task->tid, length, &written, 4))
		return missing;
	return written ? capture_address(site, address, written) : capture_socket_address(site, (int)capture_argument(site->task, 0), true);
}

struct value capture_socket(const struct capture_site *site, int fd)
{
	int copy = capture_take_descriptor(site->tracer, site->task, fd);
	int family = 0, type = 0, protocol = 0;
	socklen_t length = sizeof(int);
	struct value value = {.type = VALUE_NUMBER};

	if (copy < 0)
		return missing;
	if (getsockopt(copy, SOL_SOCKET, SO_DOMAIN, &family, &length) || getsockopt(copy, SOL_SOCKET, SO_TYPE, &type, &length) ||
	    getsockopt(copy, SOL_SOCKET, SO_PROTOCOL, &protocol, &length)) {
		const bool none = errno == ENOTSOCK || errno == EBADF; /* EBADF: opened with O_PATH */
		close(copy);
		return none ? absent : missing;
	}
	close(copy);
	value.number = (uint32_t)family | (uint32_t)type << 8 | (uint32_t)protocol << 16;
	return value;
}

static struct value name_value(const struct capture_site *site, const char *name)
{
	return (struct value){.type = VALUE_TEXT, .text = text_add(site->arena, name)};
}

/* Names and addresses of interfaces come from the socket's own network namespace, whoever asks. */
static bool interface_with(int socket, uint32_t address, char name[IFNAMSIZ])
{
	struct ifreq list[64];
	struct ifconf all = {.ifc_len = sizeof(list), .ifc_req = list};

	if (!ioctl(socket, SIOCGIFCONF, &all))
		for (size_t n = 0; n < (size_t)all.ifc_len / sizeof(*list); n++)
			if (((struct sockaddr_in *)&list[n].ifr_addr)->sin_addr.s_addr == address) {
				snprintf(name, IFNAMSIZ, "%.*s", IFNAMSIZ - 1, list[n].ifr_name);
				return true;
			}
	return false;
}

static bool interface_with_six(pid_t tid, const uint8_t address[16], char name[IFNAMSIZ])
{
	char line[128], text[33] = "", found[33], path[48];
	FILE *file;
	bool is_it = false;

	for (unsigned n = 0; n < 16; n++)
		snprintf(text + 2 * n, 3, "%02x", address[n]);
	snprintf(path, sizeof(path), "/proc/%d/net/if_inet6", tid);
	file = fopen(path, "re");
	while (file && !is_it && fgets(line, sizeof(line), file))
		is_it = sscanf(line, "%32s %*s %*s %*s %*s %15s", found, name) == 2 && !strcmp(found, text);
	if (file)
		fclose(file);
	return is_it;
}

/* The main routing table; the longest prefix wins, then the smallest metric. */
static bool interface_of_route(pid_t tid, uint32_t address, char name[IFNAMSIZ])
{
	char line[256], device[IFNAMSIZ], path[48];
	uint32_t destination, flags, metric, mask, best = 0, best_metric = 0;
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/net/route", tid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%15s %x %*x %x %*d %*d %u %x", device, &destination, &flags, &metric, &mask) != 5 || !(flags & 1) || (address & mask) != destination)
			continue;
		if (found && (ntohl(mask) < best || (ntohl(mask) == best && metric >= best_metric)))
			continue;
		found = true;
		best = ntohl(mask);
		best_metric = metric;
		memcpy(name, device, sizeof(device));
	}
	if (file)
		fclose(file);
	return found;
}

/* The same of version 6; RTF_REJECT leads nowhere. */
static bool interface_of_route_six(pid_t tid, const uint8_t address[16], char name[IFNAMSIZ])
{
	char line[256], text[33], device[IFNAMSIZ], path[48];
	unsigned prefix, metric, flags, best = 0, best_metric = 0;
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/net/ipv6_route", tid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		bool inside = true;

		if (sscanf(line, "%32s %x %*s %*s %*s %x %*x %*x %x %15s", text, &prefix, &metric, &flags, device) != 5 || prefix > 128 ||
		    !(flags & 1) || flags & 0x200)
			continue;
		for (unsigned bit = 0; inside && bit < prefix; bit += 8) {
			const unsigned mask = prefix - bit >= 8 ? 0xff : 0xff & (0xff << (8 - (prefix - bit)));
			unsigned byte = 0;

			inside = sscanf(text + bit / 4, "%2x", &byte) == 1 && (address[bit / 8] & mask) == byte;
		}
		if (!inside || (found && (prefix < best || (prefix == best && metric >= best_metric))))
			continue;
		found = true;
		best = prefix;
		best_metric = metric;
		memcpy(name, device, sizeof(device));
	}
	if (file)
		fclose(file);
	return found;
}

/* What is of this machine goes round by the loopback, whatever its address is. */
static void interface_to(int socket, pid_t tid, uint32_t to, uint32_t own, char name[IFNAMSIZ])
{
	if ((ntohl(to) >> 24) == 127 || interface_with(socket, to, name))
		strcpy(name, "lo");
	else if (!(own && interface_with(socket, own, name)))
		interface_of_route(tid, to, name);
}

struct value capture_interface(const struct capture_site *site, int fd, const struct value *server)
{
	const struct address_facts *to = server->type == VALUE_ADDRESS ? arena_at(site->arena, server->at) : NULL;
	struct sockaddr_storage own = {0};
	const struct sockaddr_in *in = (const struct sockaddr_in *)&own;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&own;
	socklen_t length = sizeof(own), size = IFNAMSIZ;
	struct ifreq asked = {0};
	char name[IFNAMSIZ] = "";
	const int copy = to && (to->family == AF_INET || to->family == AF_INET6) ? capture_take_descriptor(site->tracer, site->task, fd) : -1;
	const pid_t tid = site->task->tid;

	if (copy < 0)
		return absent;
	getsockname(copy, (struct sockaddr *)&own, &length);
	if (!getsockopt(copy, SOL_SOCKET, SO_BINDTODEVICE, name, &size) && size > 1 && name[0]) {
		/* The program said which. */
	} else if (to->family == AF_INET) {
		interface_to(copy, tid, to->ip[0], own.ss_family == AF_INET ? in->sin_addr.s_addr : 0, name);
	} else if (to->number) {
		asked.ifr_ifindex = (int)to->number;
		if (!ioctl(copy, SIOCGIFNAME, &asked))
			snprintf(name, sizeof(name), "%.*s", IFNAMSIZ - 1, asked.ifr_name);
	} else if (IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)to->ip) || interface_with_six(tid, (const uint8_t *)to->ip, name)) {
		strcpy(name, "lo");
	} else if (IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)to->ip)) {
		interface_to(copy, tid, to->ip[3], own.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) ? in6->sin6_addr.s6_addr32[3] : 0, name);
	} else if (!(own.ss_family == AF_INET6 && !IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr) && interface_with_six(tid, in6->sin6_addr.s6_addr, name))) {
		interface_of_route_six(tid, (const uint8_t *)to->ip, name);
	}
	close(copy);
	return name[0] ? name_value(site, name) : absent;
}

struct value capture_vector(const struct capture_site *site, uint64_t vector, uint64_t count, int64_t limit)
{
	uint8_t buffer[BOUND_BYTES];
	uint32_t used = 0;
	uint64_t total = 0;
	uint32_t width = site->task->pending.narrow ? 4 : 8;

	if (!vector || !count)
		return absent;
	for (uint64_t n = 0; n < count && n < 64; n++) {
		uint64_t base, length;
		if (!remote_pointer(site->task->tid, vector + n * 2 * width, site->task->pending.narrow, &base) ||
		    !remote_pointer(site->task->tid, vector + (n * 2 + 1) * width, site->task->pending.narrow, &length))
			return n ? absent : missing;
		if (limit >= 0 && total + length > (uint64_t)limit)
			length = (uint64_t)limit - total;
		total += length;
		if (used < sizeof(buffer) && length) {
			uint32_t want = length < sizeof(buffer) - used ? (uint32_t)length : (uint32_t)sizeof(buffer) - used;
			used += remote_read(site->task->tid, base, buffer + used, want);
		}
	}
	if (!used)
		return absent;
	return (struct value){.type = VALUE_TEXT, .text = text_add_bytes(site->arena, buffer, used, total > 0xffffffffu ? 0xffffffffu : (uint32_t)total)};
}

struct value capture_message(const struct capture_site *site, bool address, int64_t written)
{
	uint64_t message = capture_argument(site->task, site->row->args[0]);
	bool narrow = site->task->pending.narrow;
	uint32_t width = narrow ? 4 : 8;
	uint64_t name, vector, count;
	uint32_t name_length;

	if (!message)
		return absent;
	/* struct msghdr: name, its length (padded to a word), vector, count. */
	if (!remote_pointer(site->task->tid, message, narrow, &name) || !remote_exact(site->task->tid, message + width, &name_length, 4) ||
	    !remote_pointer(site->task->tid, message + 2 * width, narrow, &vector) || !remote_pointer(site->task->tid, message + 3 * width, narrow, &count))
		return missing;
	if (address)
		return name && name_length ? capture_address(site, name, name_length) : capture_socket_address(site, (int)capture_argument(site->task, 0), true);
	return capture_vector(site, vector, count, written);
}

bool capture_descriptor_facts(struct tracer *tracer, struct task *task, int fd, struct arena *arena, struct descriptor_facts *facts)
{
	static const struct catalogue_capture none;
	const struct capture_site site = {.tracer = tracer, .task = task, .row = &none, .arena = arena};
	struct path_task place = capture_place(tracer, task);
	struct file_facts file;
	char name[64], text[512];
	char *line;

	memset(facts, 0, sizeof(*facts));
	facts->fd = fd;
	if (!path_of_descriptor(&place, fd, arena, &file))
		return false;
	facts->file.type = VALUE_FILE;
	facts->file.at = arena_add(arena, &file, sizeof(file));
	snprintf(name, sizeof(name), "/proc/%d/fdinfo/%d", task->tid, fd);
	if (facts_file(name, text, sizeof(text)) > 0 && (line = strstr(text, "flags:")))
		facts->flags = (uint32_t)strtoul(line + 6, NULL, 8);
	if ((file.mode & S_IFMT) != S_IFSOCK)
		return true;
	facts->socket = capture_socket(&site, fd);
	facts->local = capture_socket_address(&site, fd, false);
	facts->peer = capture_socket_address(&site, fd, true);
	return true;
}
