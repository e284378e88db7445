/* What looks like a secret never reaches the recording: arguments and values of the environment. */
#ifndef SECCAM_REDACT_H
#define SECCAM_REDACT_H

#include <stdbool.h>
#include <stddef.h>
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

/* A name as a whole, with * for any part of it. */
bool redact_covers(const char *pattern, size_t pattern_length, const char *name, size_t length, bool any_case);

/* The built-in names, for the header; ends with NULL. */
const char *const *redact_kept_names(void);

#endif
