/* What looks like a secret never reaches the recording: arguments and values of the environment. */
#ifndef SECCAM_REDACT_H
#define SECCAM_REDACT_H

#include <stdbool.h>
#include <stdint.h>

#include "options.h"

#define REDACTED "********"

/*
 * Copies one argument to `out` (length + 16 bytes of room) without its secret; returns its new length.
 * *next is state between the arguments of one list: false before the first; true: this one is the value
 * of the option before it.
 */
uint32_t redact_argument(const struct options *options, const char *argument, uint32_t length, char *out, bool *next);

/* How many bytes of NAME=VALUE are kept: all for names that are allowed, else the name only. */
uint32_t redact_environment(const struct options *options, const char *variable, uint32_t length);

/*
 * The text without the paths that `--redact-path` names, and what is below them: a pattern's leading folders
 * stay, then comes its text, or a mark that is the same for the same path in one recording. *safe: to be
 * freed; NULL: nothing had to be hidden. Returns the length of *safe.
 */
uint32_t redact_paths(const struct options *options, const char *text, uint32_t length, char **safe);

/* The built-in names, for the header; ends with NULL. */
const char *const *redact_kept_names(void);

#endif
