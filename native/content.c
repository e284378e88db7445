#include "content.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "emit.h"
#include "errand.h"
#include "sha256.h"

#define FIRST_BYTES 4096u
#define HASH_MAX (256u << 20)
#define CACHE_SLOTS 4096u
#define CACHE_MAX 65536u

/* Values of `type`, `compression` and `linkage`: src/catalogue/tuples.ts. */
enum { TYPE_UNKNOWN, TYPE_ELF, TYPE_SCRIPT, TYPE_ARCHIVE, TYPE_OTHER };
enum { PACKED_NONE, PACKED_GZIP, PACKED_ZIP, PACKED_XZ, PACKED_ZSTD, PACKED_BZIP2 };
enum { LINKED_UNKNOWN, LINKED_STATIC, LINKED_DYNAMIC };
/* <elf.h> has names that clash with the catalogue's. */
enum { ELF_EXEC = 2, ELF_DYN = 3, ELF_INTERP = 3, ELF_DYNAMIC = 2 };

struct entry {
	struct entry *next;
	uint64_t device, inode, size;
	int64_t modified, changed;
	struct content content;
};

static struct entry *cache[CACHE_SLOTS];
static unsigned cached;

static uint64_t number(const uint8_t *bytes, unsigned width, bool big)
{
	uint64_t value = 0;

	for (unsigned n = 0; n < width; n++)
		value |= (uint64_t)bytes[n] << (8 * (big ? width - 1 - n : n));
	return value;
}

/* Reads ELF headers from the first bytes; program headers beyond them are not looked at. */
static void read_elf(const uint8_t *bytes, size_t length, struct content *out)
{
	const bool wide = bytes[4] == 2, big = bytes[5] == 2;
	uint64_t offset, size, count;
	uint32_t kind;

	if (length < 64)
		return;
	out->type = TYPE_ELF;
	out->abi = wide ? 64 : 32;
	kind = (uint32_t)number(bytes + 16, 2, big);
	out->architecture = (uint32_t)number(bytes + 18, 2, big);
	if (kind == ELF_EXEC || kind == ELF_DYN)
		out->flags |= CONTENT_FLAG_EXECUTABLE;
	offset = number(bytes + (wide ? 32 : 28), wide ? 8 : 4, big);
	size = number(bytes + (wide ? 54 : 42), 2, big);
	count = number(bytes + (wide ? 56 : 44), 2, big);
	out->linkage = LINKED_STATIC;
	for (uint64_t n = 0; n < count && size >= (wide ? 56u : 32u); n++) {
		uint64_t at = offset + n * size, from, bytes_long;
		uint32_t segment;

		if (at > length || length - at < size)
			break;
		segment = (uint32_t)number(bytes + at, 4, big);
		from = number(bytes + at + (wide ? 8 : 4), wide ? 8 : 4, big);
		bytes_long = number(bytes + at + (wide ? 32 : 16), wide ? 8 : 4, big);
		if (segment == ELF_DYNAMIC)
			out->linkage = LINKED_DYNAMIC;
		/* A static program may have a dynamic segment (static-pie), but names no interpreter. */
		if (segment == ELF_INTERP && from < length && bytes_long <= length - from && bytes_long < sizeof(out->interpreter)) {
			memcpy(out->interpreter, bytes + from, bytes_long);
			out->interpreter[bytes_long] = 0;
		}
	}
	if (out->linkage == LINKED_DYNAMIC && !out->interpreter[0] && kind != ELF_DYN)
		out->linkage = LINKED_STATIC;
	/* UPX puts its mark into its own header, behind the program headers. */
	for (size_t at = 0; at + 4 <= length && at < 1024; at++)
		if (!memcmp(bytes + at, "UPX!", 4))
			out->flags |= CONTENT_FLAG_UPX_PACKED;
}

static void read_script(const uint8_t *bytes, size_t length, struct content *out)
{
	size_t at = 2, end;

	out->type = TYPE_SCRIPT;
	while (at < length && (bytes[at] == ' ' || bytes[at] == '\t'))
		at++;
	for (end = at; end < length && end - at < sizeof(out->interpreter) - 1 && !strchr(" \t\n", bytes[end]) && bytes[end]; end++)
		;
	memcpy(out->interpreter, bytes + at, end - at);
	out->interpreter[end - at] = 0;
}

static void read_metadata(const uint8_t *bytes, size_t length, struct content *out)
{
	static const struct {
		const char *mark;
		uint8_t length, packed;
	} marks[] = {{"\x1f\x8b", 2, PACKED_GZIP}, {"PK\x03\x04", 4, PACKED_ZIP}, {"\xfd" "7zXZ", 5, PACKED_XZ}, {"\x28\xb5\x2f\xfd", 4, PACKED_ZSTD}, {"BZh", 3, PACKED_BZIP2}};

	out->type = length ? TYPE_OTHER : TYPE_UNKNOWN;
	if (length >= 20 && !memcmp(bytes, "\x7f" "ELF", 4))
		read_elf(bytes, length, out);
	else if (length >= 2 && !memcmp(bytes, "#!", 2))
		read_script(bytes, length, out);
	for (size_t n = 0; n < sizeof(marks) / sizeof(marks[0]); n++)
		if (length >= marks[n].length && !memcmp(bytes, marks[n].mark, marks[n].length)) {
			out->compression = marks[n].packed;
			out->type = TYPE_ARCHIVE;
		}
}

static void read_hash(int fd, struct content *out)
{
	struct sha256 hash;
	uint8_t digest[SHA256_BYTES];
	uint8_t *bytes;
	uint64_t at = 0;
	ssize_t got;

	if (out->size > HASH_MAX) {
		out->flags |= CONTENT_FLAG_HASH_SKIPPED;
		return;
	}
	bytes = grab(1 << 17);
	sha256_begin(&hash);
	while ((got = pread(fd, bytes, 1 << 17, (off_t)at)) > 0 && at <= HASH_MAX) {
		sha256_add(&hash, bytes, (size_t)got);
		at += (uint64_t)got;
	}
	free(bytes);
	sha256_end(&hash, digest);
	if (got != 0) {
		out->flags |= CONTENT_FLAG_HASH_SKIPPED;
		return;
	}
	memcpy(out->sha256, "sha256:", 7);
	for (unsigned n = 0; n < SHA256_BYTES; n++)
		snprintf(out->sha256 + 7 + 2 * n, 3, "%02x", digest[n]);
}

const struct content *content_of(struct tracer *tracer, int tid, const char *link, const struct arena *arena, const struct file_facts *facts)
{
	const unsigned wanted = tracer->options.content;
	unsigned slot = (unsigned)((facts->inode * 31 + facts->device) % CACHE_SLOTS);
	struct entry *entry;
	struct stat there;
	uint8_t first[FIRST_BYTES];
	ssize_t got;
	int fd;

	if (!wanted || !(facts->flags & FACT_EXISTS) || !S_ISREG(facts->mode) || errand_is_foreign(facts->filesystem))
		return NULL;
	for (entry = cache[slot]; entry; entry = entry->next)
		if (entry->inode == facts->inode && entry->device == facts->device && entry->size == facts->size && entry->modified == facts->modified &&
		    entry->changed == facts->changed)
			return &entry->content;
	if (cached >= CACHE_MAX)
		return NULL;
	fd = open(link, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return NULL;
	if (fstat(fd, &there) != 0 || there.st_ino != facts->inode || !S_ISREG(there.st_mode)) {
		close(fd);
		return NULL;
	}
	entry = grab_zero(sizeof(*entry));
	*entry = (struct entry){.next = cache[slot], .device = facts->device, .inode = facts->inode, .size = facts->size, .modified = facts->modified, .changed = facts->changed};
	cache[slot] = entry;
	cached++;
	entry->content.size = facts->size;
	got = pread(fd, first, sizeof(first), 0);
	read_metadata(first, got > 0 ? (size_t)got : 0, &entry->content);
	if (wanted & CONTENT_HASHES_WANTED)
		read_hash(fd, &entry->content);
	close(fd);
	if (wanted & CONTENT_PACKAGES_WANTED && facts->path.stored) {
		struct text own = facts->own_path.stored ? facts->own_path : facts->path;
		char root[48], path[4097];

		snprintf(root, sizeof(root), "/proc/%d/root", tid);
		snprintf(path, sizeof(path), "%.*s", (int)own.stored, (const char *)arena_at(arena, own.at));
		entry->content.package = package_of(root, path);
	}
	return &entry->content;
}

uint32_t content_emit(struct tracer *tracer, const struct content *content)
{
	struct frame *frame = &tracer->frame;
	const struct package *package = content->package;
	uint32_t words[CONTENT_TUPLE_WORDS] = {0};

	if (content->sha256[0]) {
		struct arena arena = {0};
		struct text hash = text_add(&arena, content->sha256);
		struct text_list hashes = {0, 1, 1};

		hashes.at = arena_add(&arena, &hash, sizeof(hash));
		words[CONTENT_HASHES] = frame_list(frame, &arena, hashes);
		arena_free(&arena);
	}
	if (package) {
		words[CONTENT_PACKAGE_NAME] = frame_string(frame, package->name);
		words[CONTENT_PACKAGE_VERSION] = frame_string(frame, package->version.upstream);
		words[CONTENT_PACKAGE_EPOCH] = package->version.epoch;
		words[CONTENT_PACKAGE_RELEASE] = frame_string(frame, package->version.release);
		words[CONTENT_PACKAGE_SOURCE_VERSION] = frame_string(frame, package->source.upstream);
		words[CONTENT_PACKAGE_SOURCE_EPOCH] = package->source.epoch;
		words[CONTENT_PACKAGE_SOURCE_RELEASE] = frame_string(frame, package->source.release);
	}
	put64(words + CONTENT_SIZE, content->size);
	words[CONTENT_TYPE] = content->type;
	words[CONTENT_ARCHITECTURE] = content->architecture;
	words[CONTENT_ABI] = content->abi;
	words[CONTENT_FLAGS] = content->flags;
	words[CONTENT_COMPRESSION] = content->compression;
	words[CONTENT_LINKAGE] = content->linkage;
	words[CONTENT_INTERPRETER] = content->interpreter[0] ? frame_string(frame, content->interpreter) : 0;
	return frame_tuple(frame, TUPLE_CONTENT, words, CONTENT_TUPLE_WORDS);
}

void content_free(void)
{
	for (unsigned slot = 0; slot < CACHE_SLOTS; slot++)
		while (cache[slot]) {
			struct entry *entry = cache[slot];
			cache[slot] = entry->next;
			free(entry);
		}
	cached = 0;
	package_free();
}
