#include "tags.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "die.h"

#define FILE_MOST (8u << 20)
#define VALUE_MOST 256

/* A small file of a runtime as text, or NULL. */
static char *text_of(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
	struct stat facts;
	char *text = NULL;
	ssize_t got = -1;

	if (fd >= 0 && !fstat(fd, &facts) && S_ISREG(facts.st_mode) && facts.st_size > 0 && facts.st_size < FILE_MOST) {
		text = grab((size_t)facts.st_size + 1);
		got = read(fd, text, (size_t)facts.st_size);
	}
	if (fd >= 0)
		close(fd);
	if (got < 0) {
		free(text);
		return NULL;
	}
	text[got] = 0;
	return text;
}

/* The text behind `"key":`, where quotes are written as `quote` (JSON in a text of JSON has \" there). Names have no escapes. */
static bool member(const char *from, const char *key, const char *quote, char *out)
{
	char wanted[96];
	const char *at = from, *end;
	size_t size = strlen(quote);

	out[0] = 0;
	snprintf(wanted, sizeof(wanted), "%s%s%s", quote, key, quote);
	while (at && (at = strstr(at, wanted))) {
		at += strlen(wanted);
		at += strspn(at, " \t\n");
		if (*at++ != ':')
			continue;
		at += strspn(at, " \t\n");
		if (strncmp(at, quote, size))
			continue;
		at += size;
		end = strstr(at, quote);
		if (!end || end - at >= VALUE_MOST || memchr(at, '\\', (size_t)(end - at)))
			return false;
		memcpy(out, at, (size_t)(end - at));
		out[end - at] = 0;
		return out[0];
	}
	return false;
}

static void add(struct tag_list *list, const char *name, const char *value)
{
	if (list->count < TAGS_MOST && *value)
		snprintf(list->text[list->count++], sizeof(list->text[0]), "%s:%s", name, value);
}

/* registry:5000/team/app:1.2@sha256:… */
static void add_image(struct tag_list *list, char *image)
{
	char *digest = strstr(image, "@sha256:");
	char *slash, *colon;

	if (digest)
		*digest = 0;
	slash = strrchr(image, '/');
	colon = strrchr(slash ? slash : image, ':');
	/* An image without a name is told by its digest alone. */
	if (!strncmp(image, "sha256:", 7))
		colon = NULL;
	if (colon)
		*colon++ = 0;
	add(list, "image_name", image);
	add(list, "short_image", slash ? slash + 1 : image);
	add(list, "image_tag", colon ? colon : "");
}

static bool of_docker(const char *id, struct tag_list *out)
{
	char path[256], value[VALUE_MOST];
	char *text, *config;

	snprintf(path, sizeof(path), "/var/lib/docker/containers/%s/config.v2.json", id);
	text = text_of(path);
	if (!text)
		return false;
	if (member(text, "Name", "\"", value))
		add(out, "container_name", value + (*value == '/'));
	/* Outside of Config, Image is a digest. */
	config = strstr(text, "\"Config\":");
	if (config && member(config, "Image", "\"", value))
		add_image(out, value);
	free(text);
	return true;
}

/* Annotations that the tool which asked for the container left in the bundle. */
static bool of_bundle(const char *path, struct tag_list *out)
{
	static const char *const names[][2] = {
		{"nerdctl/name", "container_name"},
		{"io.kubernetes.cri.container-name", "kube_container_name"},
		{"io.kubernetes.container.name", "kube_container_name"},
		{"io.kubernetes.cri.sandbox-name", "pod_name"},
		{"io.kubernetes.pod.name", "pod_name"},
		{"io.kubernetes.cri.sandbox-namespace", "kube_namespace"},
		{"io.kubernetes.pod.namespace", "kube_namespace"},
	};
	char value[VALUE_MOST];
	const unsigned before = out->count;
	char *text = text_of(path);

	if (!text)
		return false;
	for (size_t n = 0; n < sizeof(names) / sizeof(*names); n++)
		if (member(text, names[n][0], "\"", value))
			add(out, names[n][1], value);
	if (member(text, "io.kubernetes.cri.image-name", "\"", value) || member(text, "io.kubernetes.cri-o.ImageName", "\"", value))
		add_image(out, value);
	free(text);
	return out->count > before;
}

static bool of_containerd(const char *id, struct tag_list *out)
{
	static const char place[] = "/run/containerd/io.containerd.runtime.v2.task";
	DIR *spaces = opendir(place);
	struct dirent *space;
	char path[512];
	bool found = false;

	while (spaces && !found && (space = readdir(spaces))) {
		if (space->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%.100s/%s/config.json", place, space->d_name, id);
		found = of_bundle(path, out);
	}
	if (spaces)
		closedir(spaces);
	return found;
}

/* What podman keeps of all containers of one store: metadata is JSON in a text. */
static bool of_store(const char *store, const char *id, struct tag_list *out)
{
	static const char *const files[] = {"containers.json", "volatile-containers.json"};
	char path[1200], key[100], value[VALUE_MOST];
	bool found = false;

	for (size_t n = 0; n < sizeof(files) / sizeof(*files) && !found; n++) {
		char *text, *own, *next;

		snprintf(path, sizeof(path), "%s/%s", store, files[n]);
		text = text_of(path);
		snprintf(key, sizeof(key), "\"id\":\"%s\"", id);
		own = text ? strstr(text, key) : NULL;
		if (own) {
			next = strstr(own + strlen(key), "\"id\":\"");
			if (next)
				*next = 0;
			if (member(own, "name", "\\\"", value))
				add(out, "container_name", value);
			if (member(own, "image-name", "\\\"", value))
				add_image(out, value);
			found = true;
		}
		free(text);
	}
	return found;
}

/* podman may keep its containers anywhere: the monitor of the container, above it, was told where. */
static bool of_monitor(pid_t tid, const char *id, struct tag_list *out)
{
	struct standing standing;

	for (unsigned up = 0; up < 8 && tid > 1 && facts_standing(tid, &standing); up++) {
		char path[48], line[8192], bundle[1024] = "", name[VALUE_MOST] = "";
		bool own = false;
		FILE *file;
		size_t length = 0;

		tid = standing.ppid;
		snprintf(path, sizeof(path), "/proc/%d/cmdline", tid);
		file = fopen(path, "re");
		if (file) {
			length = fread(line, 1, sizeof(line) - 1, file);
			fclose(file);
		}
		line[length] = 0;
		for (const char *at = line, *before = ""; at < line + length; before = at, at += strlen(at) + 1) {
			own |= !strcmp(before, "-c") && !strcmp(at, id);
			if (!strcmp(before, "-b"))
				snprintf(bundle, sizeof(bundle), "%.1000s", at);
			if (!strcmp(before, "-n"))
				snprintf(name, sizeof(name), "%.250s", at);
		}
		if (!own)
			continue;
		/* STORE/ID/userdata */
		for (int n = 0; n < 2 && strrchr(bundle, '/'); n++)
			*strrchr(bundle, '/') = 0;
		if (!*bundle || !of_store(bundle, id, out))
			add(out, "container_name", name);
		return true;
	}
	return false;
}

void tags_of_container(pid_t tid, const struct context *context, struct tag_list *out)
{
	const char *id = context->container_id, *runtime = context->container_runtime;
	char path[256];

	out->count = 0;
	if (!*id || strchr(id, '/'))
		return;
	if (!strcmp(runtime, "podman")) {
		if (!of_monitor(tid, id, out))
			of_store("/var/lib/containers/storage/overlay-containers", id, out);
		return;
	}
	snprintf(path, sizeof(path), "/run/containers/storage/overlay-containers/%s/userdata/config.json", id);
	if (!of_docker(id, out) && !of_containerd(id, out))
		of_bundle(path, out);
}
