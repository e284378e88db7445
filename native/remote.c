#include "remote.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include "die.h"
#include "errand.h"

#define PAGE 4096u

/* Works where process_vm_readv is forbidden (a tracee that is not dumpable): ptrace itself needs no leave. */
static uint32_t peek(pid_t tid, uint64_t address, void *into, uint32_t length)
{
	uint32_t done = 0;

	while (done < length) {
		uint64_t from = (address + done) & ~(uint64_t)(sizeof(long) - 1);
		uint32_t skip = (uint32_t)(address + done - from);
		uint32_t take = (uint32_t)sizeof(long) - skip;
		long word;

		errno = 0;
		word = ptrace(PTRACE_PEEKDATA, tid, (void *)(uintptr_t)from, 0);
		if (errno)
			break;
		if (take > length - done)
			take = length - done;
		memcpy((char *)into + done, (char *)&word + skip, take);
		done += take;
	}
	return done;
}

uint32_t remote_read(pid_t tid, uint64_t address, void *into, uint32_t length)
{
	struct iovec local = {into, length};
	struct iovec remote[64];
	unsigned pieces = 0;
	uint64_t at = address;
	uint32_t left = length;
	ssize_t got;

	if (!length || !address)
		return 0;
	/* One piece per page: a partial transfer then ends exactly at the page that is missing. */
	while (left && pieces < 64) {
		uint32_t room = PAGE - (uint32_t)(at & (PAGE - 1));
		if (room > left)
			room = left;
		remote[pieces].iov_base = (void *)(uintptr_t)at;
		remote[pieces++].iov_len = room;
		at += room;
		left -= room;
	}
	local.iov_len = length - left;
	got = errand_memory(tid, &local, remote, pieces);
	if (got < 0)
		return (errno == EPERM || errno == ENOSYS) && errand_may_peek() ? peek(tid, address, into, length) : 0;
	if (left && (uint32_t)got == length - left)
		return (uint32_t)got + remote_read(tid, at, (char *)into + got, left);
	return (uint32_t)got;
}

bool remote_exact(pid_t tid, uint64_t address, void *into, uint32_t length)
{
	return remote_read(tid, address, into, length) == length;
}

unsigned remote_pointers(pid_t tid, uint64_t address, bool narrow, uint64_t *pointers, unsigned room, bool *ended)
{
	uint64_t raw[REMOTE_BATCH];
	uint32_t width = narrow ? 4 : 8;
	uint32_t got = remote_read(tid, address, raw, (room < REMOTE_BATCH ? room : REMOTE_BATCH) * width);
	unsigned count = got / width;

	*ended = !count;
	for (unsigned n = 0; n < count; n++) {
		uint32_t half;

		memcpy(&half, (const uint8_t *)raw + 4 * n, 4);
		pointers[n] = narrow ? half : raw[n];
		if (!pointers[n]) {
			*ended = true;
			return n;
		}
	}
	return count;
}

void remote_beginnings(pid_t tid, const uint64_t *addresses, unsigned count, char (*into)[REMOTE_CHUNK], uint32_t *got)
{
	struct iovec local = {into, 0};
	struct iovec remote[REMOTE_BATCH] = {0};
	ssize_t all;

	/* A piece that ends at its page leaves a gap in our memory: pieces are laid close together and moved apart. */
	for (unsigned n = 0; n < count; n++) {
		uint32_t room = PAGE - (uint32_t)(addresses[n] & (PAGE - 1));

		got[n] = room < REMOTE_CHUNK ? room : REMOTE_CHUNK;
		remote[n] = (struct iovec){(void *)(uintptr_t)addresses[n], got[n]};
		local.iov_len += got[n];
	}
	all = errand_memory(tid, &local, remote, count);
	for (unsigned n = 0; n < count; n++) {
		if (all < (ssize_t)got[n])
			got[n] = 0;
		all -= got[n];
		if (!got[n])
			all = 0;
	}
	for (unsigned n = count; n-- > 0;) {
		uint32_t before = 0;

		for (unsigned k = 0; k < n; k++)
			before += got[k];
		memmove(into[n], (const char *)into + before, got[n]);
	}
}

bool remote_write(pid_t tid, uint64_t address, const void *from, uint32_t length)
{
	uint32_t done = 0;

	remote_forget();
	while (done < length) {
		uint64_t at = (address + done) & ~(uint64_t)(sizeof(long) - 1);
		uint32_t skip = (uint32_t)(address + done - at);
		uint32_t take = (uint32_t)sizeof(long) - skip;
		long word;

		errno = 0;
		word = ptrace(PTRACE_PEEKDATA, tid, (void *)(uintptr_t)at, 0);
		if (errno)
			return false;
		if (take > length - done)
			take = length - done;
		memcpy((char *)&word + skip, (const char *)from + done, take);
		if (ptrace(PTRACE_POKEDATA, tid, (void *)(uintptr_t)at, (void *)word) < 0)
			return false;
		done += take;
	}
	return true;
}

/* The last short string: one stop asks for the name of a file two or three times. */
static struct {
	pid_t tid;
	uint64_t address;
	uint32_t length;
	char text[256];
} last;

void remote_forget(void)
{
	last.tid = 0;
}

int32_t remote_string(pid_t tid, uint64_t address, char *into, uint32_t cap, bool *whole)
{
	uint32_t done = 0;
	uint32_t want = 256;

	if (last.tid == tid && last.address == address && last.length <= cap) {
		memcpy(into, last.text, last.length + 1);
		*whole = true;
		return (int32_t)last.length;
	}
	*whole = false;
	while (done < cap) {
		uint32_t to_page = PAGE - (uint32_t)((address + done) & (PAGE - 1));
		uint32_t chunk = want < to_page ? want : to_page;
		uint32_t got;
		char *end;

		if (chunk > cap - done)
			chunk = cap - done;
		got = remote_read(tid, address + done, into + done, chunk);
		if (!got) {
			if (!done)
				return -1;
			break;
		}
		end = memchr(into + done, 0, got);
		if (end) {
			*whole = true;
			if (end - into < (ptrdiff_t)sizeof(last.text)) {
				last.tid = tid;
				last.address = address;
				last.length = (uint32_t)(end - into);
				memcpy(last.text, into, last.length + 1);
			}
			return (int32_t)(end - into);
		}
		done += got;
		if (got < chunk)
			break;
		want = PAGE;
	}
	into[done] = 0;
	if (done == cap) {
		char next = 1;
		if (remote_read(tid, address + done, &next, 1) == 1 && !next)
			*whole = true;
	}
	return (int32_t)done;
}

bool remote_text(pid_t tid, uint64_t address, uint32_t cap, uint32_t count_cap, struct arena *arena, struct text *text)
{
	char small[PATH_BYTES + 1];
	char *buffer = cap < sizeof(small) ? small : grab(cap + 1);
	bool whole;
	int32_t length = remote_string(tid, address, buffer, cap, &whole);
	uint32_t original = length > 0 ? (uint32_t)length : 0;

	if (length >= 0) {
		while (!whole && original < count_cap) {
			char more[PAGE];
			uint32_t got = remote_read(tid, address + original, more, PAGE - (uint32_t)((address + original) & (PAGE - 1)));
			char *end = got ? memchr(more, 0, got) : NULL;

			original += end ? (uint32_t)(end - more) : got;
			whole = end || !got;
		}
		*text = text_add_bytes(arena, buffer, (uint32_t)length, original);
	}
	if (buffer != small)
		free(buffer);
	return length >= 0;
}

bool remote_pointer(pid_t tid, uint64_t address, bool narrow, uint64_t *pointer)
{
	uint32_t half;

	if (!narrow)
		return remote_exact(tid, address, pointer, 8);
	if (!remote_exact(tid, address, &half, 4))
		return false;
	*pointer = half;
	return true;
}
