/* Names of users and groups: /etc/passwd and /etc/group as the tracer sees them, read without NSS. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process.h"

struct account {
	uint32_t id, epoch;
	char *name;
};

static struct account *lists[2];
static unsigned counts[2];
static bool loaded[2];

static void load(bool group)
{
	FILE *file = fopen(group ? "/etc/group" : "/etc/passwd", "re");
	char *line = NULL;
	size_t size = 0;

	loaded[group] = true;
	while (file && getline(&line, &size, file) > 0) {
		char *rest, *name = strtok_r(line, ":", &rest);
		char *secret = name ? strtok_r(NULL, ":", &rest) : NULL;
		char *id = secret ? strtok_r(NULL, ":", &rest) : NULL;

		if (!id)
			continue;
		lists[group] = regrab(lists[group], (counts[group] + 1) * sizeof(struct account));
		lists[group][counts[group]++] = (struct account){(uint32_t)strtoul(id, NULL, 10), 0, strdup(name)};
	}
	free(line);
	if (file)
		fclose(file);
}

const char *process_account(struct tracer *tracer, bool group, uint32_t id)
{
	if (tracer->options.no_stats)
		return NULL;
	if (!loaded[group])
		load(group);
	for (unsigned n = 0; n < counts[group]; n++)
		if (lists[group][n].id == id) {
			if (lists[group][n].epoch == tracer->frame.epoch)
				return NULL;
			lists[group][n].epoch = tracer->frame.epoch;
			return lists[group][n].name;
		}
	return NULL;
}

void process_accounts_free(void)
{
	for (int group = 0; group < 2; group++) {
		for (unsigned n = 0; n < counts[group]; n++)
			free(lists[group][n].name);
		free(lists[group]);
		lists[group] = NULL;
		counts[group] = 0;
		loaded[group] = false;
	}
}
