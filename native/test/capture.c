/*
 * Decoders of arguments, in words of 64 bits and of 32: what a call was given lies in this process, which
 * plays the tracee. Memory is copied here instead of by process_vm_readv, so that the test runs where
 * that call does not exist (an emulator in user space).
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

static uint8_t *low; /* memory whose addresses fit into 32 bits; the page after its end is not there */
#define LOW_BYTES 65536u

static ssize_t copied(const struct iovec *into, const struct iovec *from, unsigned pieces)
{
	size_t done = 0;

	for (unsigned n = 0; n < pieces; n++) {
		uintptr_t at = (uintptr_t)from[n].iov_base, begin = (uintptr_t)low;

		if (at < begin || at + from[n].iov_len > begin + LOW_BYTES)
			break;
		memcpy((char *)into->iov_base + done, from[n].iov_base, from[n].iov_len);
		done += from[n].iov_len;
	}
	return done ? (ssize_t)done : -1;
}

#include "../errand.h"
#define errand_memory(tid, into, from, pieces) ((void)(tid), copied(into, from, pieces))
#include "../remote.c"
#undef errand_memory

#include "../capture.h"
#include "../process.h"
#include "check.h"

static struct tracer *tracer;
static struct process process;
static struct task task;
static struct act act;
static unsigned used;

static uint64_t place(const void *bytes, size_t length)
{
	uint8_t *at = low + used;

	memcpy(at, bytes, length);
	used += (unsigned)(length + 7) & ~7u;
	return (uintptr_t)at;
}

static uint64_t place_text(const char *text)
{
	return place(text, strlen(text) + 1);
}

/* An array of words as wide as the pointers of the ABI. */
static uint64_t place_words(bool narrow, const uint64_t *words, unsigned count)
{
	uint8_t raw[256];

	for (unsigned n = 0; n < count; n++) {
		uint32_t half = (uint32_t)words[n];
		if (narrow)
			memcpy(raw + 4 * n, &half, 4);
		else
			memcpy(raw + 8 * n, &words[n], 8);
	}
	return place(raw, count * (narrow ? 4u : 8u));
}

static const struct value *take(const char *name, unsigned event, bool narrow, unsigned column, const uint64_t args[6], bool at_exit, int64_t result)
{
	bool changed = false;

	for (unsigned arch = narrow ? ARCH_I386 : ARCH_X86_64; arch <= (narrow ? ARCH_I386 : ARCH_AARCH64); arch++)
		for (unsigned nr = 0; nr < CALLS_NUMBERS; nr++) {
			const struct call_list *list = calls_find(tracer->selection, arch, nr);

			for (unsigned n = 0; n < list->count; n++) {
				const struct catalogue_call *call = calls_at(tracer->selection, list, n);

				if (call->event != event || strcmp(call->name, name))
					continue;
				remote_forget();
				memset(&act, 0, sizeof(act));
				arena_free(&task.pending.arena);
				memset(&task.pending, 0, sizeof(task.pending));
				act.call = call;
				task.pending.narrow = narrow;
				memcpy(task.pending.args, args, sizeof(task.pending.args));
				capture_act(tracer, &task, &act, at_exit, result, &changed);
				return &act.values[column];
			}
		}
	check(false, "no row %s", name);
	return &act.values[column];
}

static bool is_text(const struct value *value, const void *bytes, uint32_t stored, uint32_t original)
{
	return value->type == VALUE_TEXT && value->text.stored == stored && value->text.original == original &&
	       !memcmp(arena_at(&task.pending.arena, value->text.at), bytes, stored);
}

static const struct address_facts *address(const struct value *value)
{
	static const struct address_facts none;

	return value->type == VALUE_ADDRESS ? arena_at(&task.pending.arena, value->at) : &none;
}

static void addresses(bool narrow)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(0x0a010203)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(443), .sin6_scope_id = 7};
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/run/some.sock"}, hidden = {.sun_family = AF_UNIX, .sun_path = "\0name\0x"};
	const struct address_facts *found;

	inet_pton(AF_INET6, "2001:db8::1", &in6.sin6_addr);
	found = address(take("connect", EVENT_CONNECT, narrow, CONNECT_ADDRESS, (uint64_t[6]){3, place(&in, sizeof(in)), sizeof(in)}, false, 0));
	check(found->family == AF_INET && found->port == 53 && !memcmp(found->ip, "\x0a\x01\x02\x03", 4), "IPv4 address");
	found = address(take("connect", EVENT_CONNECT, narrow, CONNECT_ADDRESS, (uint64_t[6]){3, place(&in6, sizeof(in6)), sizeof(in6)}, false, 0));
	check(found->family == AF_INET6 && found->port == 443 && found->number == 7 && !memcmp(found->ip, &in6.sin6_addr, 16), "IPv6 address");
	found = address(take("connect", EVENT_CONNECT, narrow, CONNECT_ADDRESS, (uint64_t[6]){3, place(&un, sizeof(un)), sizeof(un)}, false, 0));
	check(found->family == AF_UNIX && found->path.stored == 14 && !memcmp(arena_at(&task.pending.arena, found->path.at), "/run/some.sock", 14), "Unix path");
	found = address(take("connect", EVENT_CONNECT, narrow, CONNECT_ADDRESS, (uint64_t[6]){3, place(&hidden, sizeof(hidden)), 9}, false, 0));
	check(found->path.stored == 7 && !memcmp(arena_at(&task.pending.arena, found->path.at), "@name\0x", 7), "abstract name, of %u bytes", found->path.stored);
	check(take("connect", EVENT_CONNECT, narrow, CONNECT_ADDRESS, (uint64_t[6]){3, (uintptr_t)low + LOW_BYTES, 16}, false, 0)->missing, "an address that is not there is missing");
	check(take("connect", EVENT_CONNECT, narrow, CONNECT_ADDRESS, (uint64_t[6]){3, (uintptr_t)low + LOW_BYTES - 8, 16}, false, 0)->missing, "half an address is missing");
}

static void messages(bool narrow)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(0x7f000001)};
	uint64_t vector[4], header[7];
	const struct value *value;

	vector[0] = place("first ", 6);
	vector[1] = 6;
	vector[2] = place("second", 6);
	vector[3] = 6;
	header[0] = place(&in, sizeof(in));
	header[1] = sizeof(in);
	header[2] = place_words(narrow, vector, 4);
	header[3] = 2;
	header[4] = header[5] = header[6] = 0;
	value = take("sendmsg", EVENT_DNS, narrow, DNS_MESSAGE, (uint64_t[6]){3, place_words(narrow, header, 7), 0}, false, 0);
	check(is_text(value, "first second", 12, 12), "bytes of a message");
	value = &act.values[DNS_SERVER];
	check(address(value)->port == 53 && address(value)->family == AF_INET, "address of a message");
	value = take("writev", EVENT_WRITE, narrow, WRITE_BYTES, (uint64_t[6]){3, header[2], 2}, false, 0);
	check(is_text(value, "first second", 12, 12), "bytes of a vector");
}

static void bytes(bool narrow)
{
	static uint8_t many[3000];
	const struct value *value;

	memset(many, 0xff, sizeof(many));
	value = take("write", EVENT_WRITE, narrow, WRITE_BYTES, (uint64_t[6]){3, place(many, sizeof(many)), sizeof(many)}, false, 0);
	check(is_text(value, many, BOUND_BYTES, sizeof(many)), "bytes are cut, with their count");
	value = take("write", EVENT_WRITE, narrow, WRITE_BYTES, (uint64_t[6]){3, (uintptr_t)low + LOW_BYTES - 5, 100}, false, 0);
	check(value->type == VALUE_TEXT && value->text.stored == 5 && value->text.original == 100, "bytes up to the page that is missing");
	value = take("write", EVENT_WRITE, narrow, WRITE_BYTES, (uint64_t[6]){3, 0, 0}, false, 0);
	check(value->type == VALUE_ABSENT && !value->missing, "no bytes");
}

static void strings(bool narrow)
{
	static char longest[6000];
	const struct value *value;

	value = take("memfd_create", EVENT_OPEN, narrow, OPEN_NAMED, (uint64_t[6]){place_text("caf\xe9 \xff"), 0}, false, 0);
	check(is_text(value, "caf\xe9 \xff", 6, 6), "a string that is no UTF-8 keeps its bytes");
	memset(longest, 'x', sizeof(longest) - 1);
	value = take("memfd_create", EVENT_OPEN, narrow, OPEN_NAMED, (uint64_t[6]){place_text(longest), 0}, false, 0);
	check(value->type == VALUE_TEXT && value->text.stored == BOUND_STRING && value->text.original == 5999, "a long string is cut, with its length");
	value = take("memfd_create", EVENT_OPEN, narrow, OPEN_NAMED, (uint64_t[6]){(uintptr_t)low + LOW_BYTES, 0}, false, 0);
	check(value->missing, "a string that is not there is missing");
	memcpy(low + LOW_BYTES - 3, "abc", 3);
	value = take("memfd_create", EVENT_OPEN, narrow, OPEN_NAMED, (uint64_t[6]){(uintptr_t)low + LOW_BYTES - 3, 0}, false, 0);
	check(is_text(value, "abc", 3, 3), "a string without an end stops at the page that is missing");
}

/* Arguments of a failed exec are read many at a time. */
static void lists(bool narrow)
{
	static char long_one[REMOTE_CHUNK + 10];
	uint64_t words[6] = {place_text("first"), (uintptr_t)low + LOW_BYTES - 4, (uintptr_t)low + LOW_BYTES, place_text("last"), 0, 0};
	uint64_t pointers[REMOTE_BATCH];
	char beginnings[REMOTE_BATCH][REMOTE_CHUNK];
	uint32_t got[REMOTE_BATCH];
	bool ended;
	unsigned count;

	memcpy(low + LOW_BYTES - 4, "end", 4);
	memset(long_one, 'y', sizeof(long_one) - 1);
	count = remote_pointers(task.tid, place_words(narrow, words, 5), narrow, pointers, REMOTE_BATCH, &ended);
	check(count == 4 && ended && pointers[3] == words[3], "pointers up to NULL: %u", count);
	check(remote_pointers(task.tid, place_words(narrow, words, 4), narrow, pointers, 3, &ended) == 3 && !ended, "as many pointers as there is room for");
	words[2] = place_text(long_one);
	remote_beginnings(task.tid, words, 4, beginnings, got);
	check(!strcmp(beginnings[0], "first") && got[1] == 4 && !strcmp(beginnings[1], "end") && !strcmp(beginnings[3], "last"), "beginnings of strings");
	check(got[2] && !memchr(beginnings[2], 0, got[2]), "a string that is longer has no end there");
	words[2] = (uintptr_t)low + LOW_BYTES;
	remote_beginnings(task.tid, words, 4, beginnings, got);
	check(!strcmp(beginnings[0], "first") && got[1] == 4 && !got[2] && !got[3], "behind memory that is not there nothing is read");
}

static void times(bool narrow)
{
	const struct value *value;

	value = take("utimensat", EVENT_UTIMES, narrow, UTIMES_MODIFICATION_TIME, (uint64_t[6]){3, 0, place_words(narrow, (uint64_t[4]){11, 12, 21, 22}, 4), 0}, false, 0);
	check(value->number == 21000000022u, "timespec: %llu", (unsigned long long)value->number);
	check(act.values[UTIMES_ACCESS_TIME].number == 11000000012u, "the other timespec");
	value = take("utimes", EVENT_UTIMES, narrow, UTIMES_MODIFICATION_TIME, (uint64_t[6]){0, place_words(narrow, (uint64_t[4]){11, 12, 21, 22}, 4)}, false, 0);
	check(value->number == 21000022000u, "timeval: %llu", (unsigned long long)value->number);
	value = take("utime", EVENT_UTIMES, narrow, UTIMES_MODIFICATION_TIME, (uint64_t[6]){0, place_words(narrow, (uint64_t[2]){11, 21}, 2)}, false, 0);
	check(value->number == 21000000000u, "utimbuf: %llu", (unsigned long long)value->number);
}

static void groups(bool narrow)
{
	const uint64_t three[6] = {3, place((uint32_t[]){7, 70000, 4}, 12)};
	const uint64_t short_ones[6] = {2, place((uint16_t[]){7, 65535}, 4)};
	const struct value *value = take(narrow ? "setgroups32" : "setgroups", EVENT_SETGROUPS, narrow, SETGROUPS_ASKED, three, false, 0);
	struct text second;

	check(value->type == VALUE_LIST && value->list.stored == 3 && value->list.original == 3, "a list of groups");
	memcpy(&second, arena_at(&task.pending.arena, value->list.at + (uint32_t)sizeof(second)), sizeof(second));
	check(second.stored == 5 && !memcmp(arena_at(&task.pending.arena, second.at), "70000", 5), "the second group");
	if (!narrow)
		return;
	value = take("setgroups", EVENT_SETGROUPS, narrow, SETGROUPS_ASKED, short_ones, false, 0);
	memcpy(&second, arena_at(&task.pending.arena, value->list.at + (uint32_t)sizeof(second)), sizeof(second));
	check(second.stored == 5 && !memcmp(arena_at(&task.pending.arena, second.at), "65535", 5), "a group of 16 bits");
}

static void programs(bool narrow)
{
	static const uint8_t code[24] = {6, 0, 0, 0, 0, 0, 0xff, 0x7f, 21, 0, 1, 0, 5, 0, 0, 0, 6};
	uint64_t words[2] = {3, place(code, sizeof(code))};
	const struct value *value = take("seccomp", EVENT_SECCOMP, narrow, SECCOMP_PROGRAM, (uint64_t[6]){1, 0, place_words(narrow, words, 2)}, false, 0);

	check(is_text(value, code, sizeof(code), sizeof(code)), "a BPF program");
}

int main(void)
{
	const char *all = "all";
	struct failure failure = {0};

	low = mmap((void *)0x20000000, LOW_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (low == MAP_FAILED || (uintptr_t)low >> 32) {
		printf("capture: no memory below 4 GiB\n");
		return 1;
	}
	tracer = grab_zero(sizeof(*tracer));
	tracer->selection = calls_select(&all, 1, &failure);
	process = (struct process){.tgid = getpid(), .own_pid = getpid(), .pidfd = -1};
	task = (struct task){.tid = getpid(), .process = &process};
	for (int narrow = 0; narrow < 2; narrow++) {
		void (*const subjects[])(bool) = {addresses, messages, bytes, strings, lists, times, groups, programs};

		for (unsigned n = 0; n < sizeof(subjects) / sizeof(*subjects); n++) {
			used = 0;
			subjects[n](narrow);
		}
	}
	arena_free(&task.pending.arena);
	free(tracer->selection);
	mounts_forget(&tracer->mounts);
	free(tracer);
	return checked("capture");
}
