#include "redact.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

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

bool redact_covers(const char *pattern, size_t pattern_length, const char *name, size_t length, bool any_case)
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
		if (redact_covers(own, size, name, length, true))
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
		if (redact_covers(options->hide_env[n], strlen(options->hide_env[n]), variable, name, false))
			return name;
	for (unsigned n = 0; kept[n]; n++)
		if (strlen(kept[n]) == name && !memcmp(kept[n], variable, name))
			return length;
	for (unsigned n = 0; n < options->keep_count; n++)
		if (redact_covers(options->keep[n], strlen(options->keep[n]), variable, name, false))
			return length;
	return name;
}
