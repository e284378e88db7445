#include "redact.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "die.h"
#include "sha256.h"

static const char *const kept[] = {"PATH", "LANG", "LC_ALL", "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "GLIBC_TUNABLES", "HOME", "USER", "LOGNAME", "SHELL", "SSH_CONNECTION", "SSH_CLIENT", "DD_SERVICE",
				   "TERM", "HISTFILE", "HISTSIZE", "HISTFILESIZE", "BASH_ENV", "ENV", "PWD", NULL};

/* Parts of option names that announce a secret. */
static const char *const secrets[] = {"password", "passwd", "passphrase", "secret", "token", "apikey", "api-key", "api_key", "accesskey", "access-key",
				      "access_key", "privatekey", "private-key", "private_key", "credential", "pwd", "pass", "auth"};

const char *const *redact_kept_names(void)
{
	return kept;
}

static bool contains(const char *text, uint32_t length, const char *part)
{
	size_t size = strlen(part);

	for (uint32_t n = 0; n + size <= length; n++)
		if (!strncasecmp(text + n, part, size))
			return true;
	return false;
}

static bool ends(const char *text, uint32_t length, const char *part)
{
	size_t size = strlen(part);

	return length >= size && !strncasecmp(text + length - size, part, size);
}

/* A name as a whole, with * for any part of it. */
static bool covers(const char *pattern, size_t pattern_length, const char *name, size_t length, bool any_case)
{
	size_t p = 0, n = 0, star = SIZE_MAX, from = 0;

	while (n < length) {
		if (p < pattern_length && pattern[p] == '*') {
			star = p++;
			from = n;
		} else if (p < pattern_length && (any_case ? tolower((unsigned char)pattern[p]) == tolower((unsigned char)name[n]) : pattern[p] == name[n])) {
			p++;
			n++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			n = ++from;
		} else {
			return false;
		}
	}
	while (p < pattern_length && pattern[p] == '*')
		p++;
	return p == pattern_length;
}

/* `pass`, `pwd` and `auth` are too short to be looked for everywhere: whole words only. */
static bool is_secret_name(const struct options *options, const char *name, uint32_t length)
{
	while (length && *name == '-') {
		name++;
		length--;
	}
	if (!length || length > 64)
		return false;
	for (uint32_t n = 0; n < length; n++)
		if (!isalnum((unsigned char)name[n]) && name[n] != '-' && name[n] != '_' && name[n] != '.' && name[n] != ':')
			return false;
	for (unsigned n = 0; n < sizeof(secrets) / sizeof(*secrets); n++)
		if (strlen(secrets[n]) > 4 ? contains(name, length, secrets[n]) : ends(name, length, secrets[n]) &&
		    (length == strlen(secrets[n]) || !isalpha((unsigned char)name[length - strlen(secrets[n]) - 1])))
			return true;
	for (unsigned n = 0; n < options->redact_count; n++) {
		const char *own = options->redact[n];
		size_t size;
		while (*own == '-')
			own++;
		size = strcspn(own, "=");
		if (covers(own, size, name, length, true))
			return true;
	}
	return false;
}

static uint32_t put(char *out, const char *text, uint32_t length)
{
	memcpy(out, text, length);
	return length;
}

uint32_t redact_argument(const struct options *options, const char *argument, uint32_t length, char *out, bool *next)
{
	const char *equals = memchr(argument, '=', length);
	const char *scheme, *at;
	uint32_t used;

	if (*next) {
		*next = false;
		if (length && argument[0] != '-')
			return put(out, REDACTED, sizeof(REDACTED) - 1);
	}
	if (equals && equals > argument && is_secret_name(options, argument, (uint32_t)(equals - argument)) && equals + 1 < argument + length) {
		used = put(out, argument, (uint32_t)(equals + 1 - argument));
		return used + put(out + used, REDACTED, sizeof(REDACTED) - 1);
	}
	if (!equals && length > 2 && argument[0] == '-' && is_secret_name(options, argument, length)) {
		*next = true;
		return put(out, argument, length);
	}
	if (length > 14 && !strncasecmp(argument, "authorization:", 14)) {
		used = put(out, argument, 14);
		out[used++] = ' ';
		return used + put(out + used, REDACTED, sizeof(REDACTED) - 1);
	}
	/* scheme://user:secret@host */
	scheme = memmem(argument, length, "://", 3);
	at = scheme ? memchr(scheme + 3, '@', (size_t)(argument + length - scheme - 3)) : NULL;
	if (at) {
		const char *colon = memchr(scheme + 3, ':', (size_t)(at - scheme - 3));
		const char *slash = memchr(scheme + 3, '/', (size_t)(at - scheme - 3));
		if (colon && !slash) {
			used = put(out, argument, (uint32_t)(colon + 1 - argument));
			used += put(out + used, REDACTED, sizeof(REDACTED) - 1);
			return used + put(out + used, at, (uint32_t)(argument + length - at));
		}
	}
	return put(out, argument, length);
}

uint32_t redact_environment(const struct options *options, const char *variable, uint32_t length)
{
	const char *equals = memchr(variable, '=', length);
	uint32_t name = equals ? (uint32_t)(equals - variable) : length;

	for (unsigned n = 0; n < options->hide_env_count; n++)
		if (covers(options->hide_env[n], strlen(options->hide_env[n]), variable, name, false))
			return name;
	for (unsigned n = 0; kept[n]; n++)
		if (strlen(kept[n]) == name && !memcmp(kept[n], variable, name))
			return length;
	for (unsigned n = 0; n < options->keep_count; n++)
		if (covers(options->keep[n], strlen(options->keep[n]), variable, name, false))
			return length;
	return name;
}

/* Whether a pattern covers a path or a folder above it; segments match one by one, a last ** is implied. */
static bool hides(const char *pattern, size_t pattern_length, const char *path, size_t length)
{
	size_t p = 0, n = 0;

	if (pattern_length > 3 && !memcmp(pattern + pattern_length - 3, "/**", 3))
		pattern_length -= 3;
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
		if (!given || !covers(pattern + p, own, path + n, given, false))
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

static bool in_path(char c)
{
	return isalnum((unsigned char)c) || c == '/' || c == '.' || c == '_' || c == '-' || c == '~' || c == '+' || c == '@' || c == '%';
}

static uint32_t write_hidden(const char *pattern, size_t size, const char *as, const char *path, uint32_t length, char *out)
{
	static uint8_t salt[16];
	static bool salted;
	const struct sha256_piece piece = {path, length};
	uint8_t hash[SHA256_BYTES];
	size_t told = told_part(pattern, size);

	memcpy(out, pattern, told);
	if (*as)
		return (uint32_t)told + (uint32_t)sprintf(out + told, "%s", as);
	/* The key is forgotten with the recorder: marks cannot be guessed at. */
	if (!salted) {
		must(getrandom(salt, sizeof(salt), 0) == sizeof(salt));
		salted = true;
	}
	sha256_hmac(salt, sizeof(salt), &piece, 1, hash);
	return (uint32_t)told + (uint32_t)sprintf(out + told, "redacted-%02x%02x%02x%02x", hash[0], hash[1], hash[2], hash[3]);
}

uint32_t redact_paths(const struct options *options, const char *text, uint32_t length, char **safe)
{
	uint32_t at = 0, used = 0;
	size_t more = 0;

	*safe = NULL;
	if (!options->hide_path_count || !memchr(text, '/', length))
		return 0;
	while (at < length) {
		uint32_t end = at;
		bool hidden = false;

		if (text[at] == '/' && (!at || !in_path(text[at - 1]))) {
			/* A text that begins as a path is one as a whole; else it ends where paths mostly do. */
			for (end = at; end < length && (!at || in_path(text[end])); end++)
				;
			for (unsigned n = 0; n < options->hide_path_count && !hidden; n++) {
				const char *pattern = options->hide_path[n];
				size_t size = strcspn(pattern, "=");
				const char *as = pattern[size] ? pattern + size + 1 : "";

				if (!hides(pattern, size, text + at, end - at))
					continue;
				hidden = true;
				more += size + strlen(as) + 32;
				if (!*safe) {
					*safe = grab(length + more);
					memcpy(*safe, text, at);
					used = at;
				} else {
					*safe = regrab(*safe, length + more);
				}
				used += write_hidden(pattern, size, as, text + at, end - at, *safe + used);
				at = end;
			}
		}
		if (hidden)
			continue;
		if (*safe)
			(*safe)[used++] = text[at];
		at++;
	}
	return used;
}
