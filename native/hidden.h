/*
 * Paths that are not to be stored (`--redact-path`): a pattern's leading folders stay, then comes its text, or
 * a mark that is the same for the same path in one recording. Patterns are compared with paths in the root of
 * the mount namespace, as text: `.`, `..` and doubled slashes are folded, symbolic links are not followed.
 */
#ifndef SECCAM_HIDDEN_H
#define SECCAM_HIDDEN_H

#include <stdbool.h>
#include <stdint.h>

#include "options.h"
#include "path.h"
#include "remote.h"

/* Where names begin in the arguments of a program: absolute paths; empty: not known. */
struct hidden_place {
	char root[512]; /* of the program, in the root of the mount namespace; empty: the same */
	char cwd[PATH_BYTES], home[512];
	/* The folder that an argument said to go to (`-C X`, `cd X; …`): names may be relative to it as well. */
	char gone[PATH_BYTES];
	bool goes; /* the next argument says so */
};

/* Fills root and cwd as /proc tells them; `home` is emptied. Does nothing when no path is to be hidden. */
void hidden_place_read(const struct options *options, const struct path_task *task, struct hidden_place *place);

bool hidden_path(const struct options *options, const char *path, uint32_t length);

/* Whether a name, relative ones from `base`, says something that is hidden. */
bool hidden_name(const struct options *options, const char *base, const char *name, uint32_t length);

/*
 * The text without absolute paths that are hidden. *safe: to be freed; NULL: nothing had to be hidden.
 * Returns the length of *safe.
 */
uint32_t hidden_in_text(const struct options *options, const char *text, uint32_t length, char **safe);

/*
 * The same for an argument of a program, with relative names and what `~`, $HOME and $PWD stand for. Words
 * without a slash are names too, but for options, and for `first`, the name that the program was given.
 * The arguments of a program are asked for in their order: one may say where the names of the next begin.
 */
uint32_t hidden_in_argument(const struct options *options, struct hidden_place *place, const char *text, uint32_t length, bool first, char **safe);

#endif
