#include "hidden.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "die.h"
#include "redact.h"
#include "sha256.h"

#define MARK "redacted-"
#define MARK_LENGTH (sizeof(MARK) - 1 + 8)

/* Whether a pattern covers a path or a folder above it; segments match one by one, a last ** is implied. */
static bool hides(const char *pattern, size_t pattern_length, const char *path, size_t length)
{
	size_t p = 0, n = 0;

	if (pattern_length > 3 && !memcmp(pattern + pattern_length - 3, "/**", 3))
		pattern_length -= 3;
	while (pattern_length > 1 && pattern[pattern_length - 1] == '/')
		pattern_length--;
	while (p < pattern_length) {
		size_t own, given;

		if (n >= length || path[n] != '/')
			return false;
		p++;
		n++;
		for (own = 0; p + own < pattern_length && pattern[p + own] != '/'; own++)
			;
		for (given = 0; n + given < length && path[n + given] != '/'; given++)
			;
		if (!given || !redact_covers(pattern + p, own, path + n, given, false))
			return false;
		p += own;
		n += given;
	}
	return true;
}

/* How much of the pattern is told: its folders before the first segment with a pattern, or before its last. */
static size_t told_part(const char *pattern, size_t length)
{
	size_t end = strcspn(pattern, "*");
	size_t slash = 0;

	if (end > length)
		end = length;
	for (size_t n = 0; n < end; n++)
		if (pattern[n] == '/')
			slash = n;
	return slash + 1;
}

/* The first pattern that hides a folded path, or NULL. */
static const char *pattern_of(const struct options *options, const char *path, size_t length)
{
	for (unsigned n = 0; n < options->hide_path_count; n++)
		if (hides(options->hide_path[n], strcspn(options->hide_path[n], "="), path, length))
			return options->hide_path[n];
	return NULL;
}

/* "redacted-" and eight digits: an argument that was hidden is a text among others afterwards, and its mark stays. */
static bool is_mark(const char *text, size_t length)
{
	if (length != MARK_LENGTH || memcmp(text, MARK, sizeof(MARK) - 1))
		return false;
	for (size_t n = sizeof(MARK) - 1; n < length; n++)
		if (!isdigit((unsigned char)text[n]) && (text[n] < 'a' || text[n] > 'f'))
			return false;
	return true;
}

static size_t write_hidden(const char *pattern, const char *path, size_t length, char *out)
{
	static uint8_t salt[16];
	static bool salted;
	const struct sha256_piece piece = {path, (uint32_t)length};
	uint8_t hash[SHA256_BYTES];
	size_t size = strcspn(pattern, "="), told = told_part(pattern, size);

	memcpy(out, pattern, told);
	if (pattern[size] && pattern[size + 1])
		return told + (size_t)sprintf(out + told, "%s", pattern + size + 1);
	if (length > told && is_mark(path + told, length - told)) {
		memcpy(out + told, path + told, MARK_LENGTH);
		return length;
	}
	/* The key is forgotten with the recorder: marks cannot be guessed at. */
	if (!salted) {
		must(getrandom(salt, sizeof(salt), 0) == sizeof(salt));
		salted = true;
	}
	sha256_hmac(salt, sizeof(salt), &piece, 1, hash);
	return told + (size_t)sprintf(out + told, MARK "%02x%02x%02x%02x", hash[0], hash[1], hash[2], hash[3]);
}

/* Text that grows. */
struct writer {
	char *text;
	size_t used, room;
};

static char *room_for(struct writer *w, size_t length)
{
	if (w->used + length + 1 > w->room) {
		w->room = (w->used + length + 1) * 2;
		w->text = regrab(w->text, w->room);
	}
	return w->text + w->used;
}

static void put(struct writer *w, const char *text, size_t length)
{
	memcpy(room_for(w, length), text, length);
	w->used += length;
}

/* Adds the components of `path` to a path of `floor` bytes or more, which `..` does not go below. */
static void fold(struct writer *w, size_t floor, const char *path, size_t length)
{
	for (size_t at = 0; at < length;) {
		const char *part = path + at;
		size_t size = 0;

		while (at + size < length && part[size] != '/')
			size++;
		at += size + 1;
		if (size == 2 && part[0] == '.' && part[1] == '.') {
			while (w->used > floor && w->text[--w->used] != '/')
				;
		} else if (size && !(size == 1 && part[0] == '.')) {
			put(w, "/", 1);
			put(w, part, size);
		}
	}
}

static const char *pattern_of_name(const struct options *options, const char *root, const char *base, const char *name, size_t length, struct writer *path)
{
	path->used = 0;
	if (root)
		fold(path, 0, root, strlen(root));
	if (base)
		fold(path, path->used, base, strlen(base));
	fold(path, root ? strlen(root) : 0, name, length);
	return pattern_of(options, path->text, path->used);
}

bool hidden_name(const struct options *options, const char *base, const char *name, uint32_t length)
{
	struct writer path = {0};
	bool hidden = pattern_of_name(options, NULL, *name == '/' ? NULL : base, name, length, &path);

	free(path.text);
	return hidden;
}

bool hidden_path(const struct options *options, const char *path, uint32_t length)
{
	return options->hide_path_count && length && *path == '/' && hidden_name(options, NULL, path, length);
}

/* What ends a name where it is not quoted. */
static bool in_path(char c)
{
	return (unsigned char)c > ' ' && c != 127 && !strchr(":=,;|&<>(){}[]$`*?\"'\\", c);
}

/* How far a name goes that begins at `at`, with characters that a shell's backslash protects. */
static uint32_t run_from(const char *text, uint32_t at, uint32_t length, bool blanks)
{
	while (at < length && (in_path(text[at]) || (text[at] == '\\' && at + 1 < length) || (blanks && text[at] == ' ')))
		at += text[at] == '\\' ? 2 : 1;
	return at;
}

/* -Ifolder, -ofile. */
static bool after_option(const char *text, uint32_t at)
{
	return at > 1 && text[at - 2] == '-' && isalpha((unsigned char)text[at - 1]) && (at == 2 || !in_path(text[at - 3]));
}

static bool ends_with(const char *text, uint32_t length, const char *end)
{
	size_t size = strlen(end);

	return length >= size && !memcmp(text + length - size, end, size);
}

static bool begins(const char *text, uint32_t length, const char *start)
{
	size_t size = strlen(start);

	return length >= size && !memcmp(text, start, size) && (length == size || text[size] == '/');
}

/* What a name at `at` is: where it begins, how many bytes of it stand for that, and how many before it do. */
struct meaning {
	const char *base;
	uint32_t skip, before;
	bool rooted; /* `base` is in the program's own root */
};

static bool means(const struct hidden_place *place, const char *text, uint32_t at, uint32_t end, bool first, struct meaning *m)
{
	static const char *const ends[] = {"${HOME}", "$HOME\"", "${HOME}\"", "~", "${PWD}", "$PWD\"", "${PWD}\""};
	const char *name = text + at;
	uint32_t length = end - at;
	bool slash = memchr(name, '/', length);

	*m = (struct meaning){NULL, 0, 0, true};
	for (size_t n = 0; place && *name == '/' && n < sizeof(ends) / sizeof(*ends); n++) {
		const char *base = n < 4 ? place->home : place->cwd;
		if (*base && ends_with(text, at, ends[n])) {
			*m = (struct meaning){base, 0, (uint32_t)strlen(ends[n]), n < 4};
			return true;
		}
	}
	if (*name == '/')
		/* https://host/… is no path, file:///… is. */
		return !(at && text[at - 1] == ':' && length > 2 && name[1] == '/' && name[2] != '/');
	if (!place)
		return false;
	if (*place->home && begins(name, length, "~")) {
		*m = (struct meaning){place->home, 1, 0, true};
		return true;
	}
	if (*place->home && at && text[at - 1] == '$' && begins(name, length, "HOME")) {
		*m = (struct meaning){place->home, 4, 1, true};
		return true;
	}
	if (*place->cwd && at && text[at - 1] == '$' && begins(name, length, "PWD")) {
		*m = (struct meaning){place->cwd, 3, 1, false};
		return true;
	}
	/* A word may be a name; an option, the name of a variable and what runs are none. */
	if (!*place->cwd || *name == '-' || (!slash && (first || after_option(text, at) || text[end] == '=' || (at && text[at - 1] == '$'))))
		return false;
	*m = (struct meaning){place->cwd, 0, 0, false};
	return true;
}

/* `cd X` in a script, `-C X`, `-CX`, `--directory=X`. */
static bool is_gone_to(const char *text, uint32_t at)
{
	static const char *const words[] = {"cd ", "cd -- ", "pushd ", "-C ", "--directory ", "--directory=", "--chdir ", "--chdir="};

	if (at > 1 && text[at - 1] == 'C' && after_option(text, at))
		return true;
	if (at && (text[at - 1] == '"' || text[at - 1] == '\''))
		at--;
	while (at > 1 && text[at - 1] == ' ' && text[at - 2] == ' ')
		at--;
	for (size_t n = 0; n < sizeof(words) / sizeof(*words); n++)
		if (ends_with(text, at, words[n]) && (at == strlen(words[n]) || !in_path(text[at - strlen(words[n]) - 1])))
			return true;
	return false;
}

static void go_to(const struct options *options, struct hidden_place *place, const char *text, uint32_t at, uint32_t end, struct writer *path)
{
	struct meaning m;

	if (end <= at || !means(place, text, at, end, false, &m))
		return;
	if (m.base == place->cwd && *place->gone)
		m.base = place->gone;
	pattern_of_name(options, m.rooted ? place->root : NULL, m.base, text + at + m.skip, end - at - m.skip, path);
	if (path->used && path->used < sizeof(place->gone)) {
		memcpy(place->gone, path->text, path->used);
		place->gone[path->used] = 0;
	}
}

static uint32_t without_hidden(const struct options *options, struct hidden_place *place, const char *given, uint32_t length, bool first, char **safe)
{
	struct writer out = {0}, path = {0};
	/* Ends with a zero, so that what follows a name can be looked at. */
	char *text;
	uint32_t done = 0;

	*safe = NULL;
	if (!options->hide_path_count || !length || (!place && !memchr(given, '/', length)))
		return 0;
	text = grab((size_t)length + 1);
	memcpy(text, given, length);
	text[length] = 0;
	for (uint32_t at = 0; at < length; at++) {
		const char *quote = at && (text[at - 1] == '"' || text[at - 1] == '\'') ? memchr(text + at, text[at - 1], length - at) : NULL;
		/* Names have blanks: a text may be one as a whole, so may what is quoted, the value of an option, all the rest. */
		const uint32_t ends[] = {at ? 0 : length, quote ? (uint32_t)(quote - text) : 0, at && text[at - 1] == '=' ? run_from(text, at, length, true) : 0,
					 run_from(text, at, length, false), text[at] == '/' ? length : 0};

		if (at && in_path(text[at - 1]) && text[at - 1] != '@' && !(text[at] == '/' && text[at - 1] == '~') && !after_option(text, at))
			continue;
		if (place && (at ? is_gone_to(text, at) : place->goes))
			go_to(options, place, text, at, at ? (quote ? ends[1] : ends[3]) : length, &path);
		for (size_t n = 0; n < sizeof(ends) / sizeof(*ends); n++) {
			const char *pattern;
			struct meaning m;

			if (ends[n] <= at || !means(place, text, at, ends[n], first, &m))
				continue;
			pattern = pattern_of_name(options, place && m.rooted ? place->root : NULL, m.base, text + at + m.skip, ends[n] - at - m.skip, &path);
			if (!pattern && place && m.base == place->cwd && *place->gone)
				pattern = pattern_of_name(options, NULL, place->gone, text + at + m.skip, ends[n] - at - m.skip, &path);
			if (!pattern)
				continue;
			if (at - m.before > done)
				put(&out, text + done, at - m.before - done);
			out.used += write_hidden(pattern, path.text, path.used, room_for(&out, strlen(pattern) + 32));
			done = ends[n];
			at = done - 1;
			break;
		}
	}
	if (out.text) {
		put(&out, text + done, length - done);
		*safe = out.text;
	}
	free(text);
	free(path.text);
	return (uint32_t)out.used;
}

uint32_t hidden_in_text(const struct options *options, const char *text, uint32_t length, char **safe)
{
	return without_hidden(options, NULL, text, length, false, safe);
}

uint32_t hidden_in_argument(const struct options *options, struct hidden_place *place, const char *text, uint32_t length, bool first, char **safe)
{
	static const char *const options_to[] = {"-C", "--directory", "--chdir", "cd", "pushd"};
	const uint32_t left = without_hidden(options, place, text, length, first, safe);

	place->goes = false;
	for (size_t n = 0; n < sizeof(options_to) / sizeof(*options_to); n++)
		place->goes |= length == strlen(options_to[n]) && !memcmp(text, options_to[n], length);
	return left;
}

void hidden_place_read(const struct options *options, const struct path_task *task, struct hidden_place *place)
{
	place->root[0] = place->cwd[0] = place->home[0] = place->gone[0] = 0;
	place->goes = false;
	if (!options->hide_path_count)
		return;
	path_base(task, false, AT_FDCWD, place->cwd, sizeof(place->cwd));
	path_base(task, true, 0, place->root, sizeof(place->root));
	if (!strcmp(place->root, "/"))
		place->root[0] = 0;
}
