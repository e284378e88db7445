/*
 * Reads /var/lib/dpkg of a root directory when the first file of it is asked for: 5 to 50 ms for a usual
 * system. Of the lists of files only a 64-bit hash of each path is kept; two paths of one system that
 * collide are not to be expected (10^6 paths: 1 in 10^7).
 */
#include "package.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "die.h"
#include "errand.h"

#define DATABASES 8u
#define PACKAGES_MAX 65536u
#define FILES_MAX (4u << 20)

struct owned {
	uint64_t path; /* hash; 0: free */
	uint32_t package;
};

struct database {
	dev_t device;
	ino_t inode; /* of the file `status` */
	time_t modified;
	struct package *packages;
	uint32_t package_count;
	struct owned *files; /* open addressing; `mask` + 1 slots */
	uint32_t file_count, mask;
};

static struct database databases[DATABASES];
static unsigned database_count;

static uint64_t hash(const char *text, size_t length)
{
	uint64_t value = 0xcbf29ce484222325u;

	for (size_t n = 0; n < length; n++)
		value = (value ^ (unsigned char)text[n]) * 0x100000001b3u;
	return value ? value : 1;
}

static void copy(char *out, size_t size, const char *from, size_t length)
{
	if (length >= size)
		length = size - 1;
	memcpy(out, from, length);
	out[length] = 0;
}

/* [epoch:]upstream[-release] */
static void parse_version(const char *text, size_t length, struct version *out)
{
	const char *end = text + length, *colon = memchr(text, ':', length), *dash = NULL;

	memset(out, 0, sizeof(*out));
	if (colon) {
		out->epoch = (uint32_t)strtoul(text, NULL, 10);
		text = colon + 1;
	}
	for (const char *at = text; at < end; at++)
		if (*at == '-')
			dash = at;
	copy(out->upstream, sizeof(out->upstream), text, (size_t)((dash ? dash : end) - text));
	if (dash)
		copy(out->release, sizeof(out->release), dash + 1, (size_t)(end - dash - 1));
}

static struct package *add_package(struct database *db)
{
	if ((db->package_count & (db->package_count - 1)) == 0)
		db->packages = regrab(db->packages, (db->package_count ? db->package_count * 2 : 1) * sizeof(struct package));
	return memset(&db->packages[db->package_count++], 0, sizeof(struct package));
}

/* Name and versions of what is installed. */
static void read_status(struct database *db, FILE *file)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t length;
	struct package *package = NULL;

	while ((length = getline(&line, &size, file)) > 0 && db->package_count < PACKAGES_MAX) {
		while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == ' '))
			line[--length] = 0;
		if (!strncmp(line, "Package: ", 9)) {
			package = add_package(db);
			copy(package->name, sizeof(package->name), line + 9, (size_t)length - 9);
		} else if (package && !strncmp(line, "Version: ", 9)) {
			bool own_source = package->source.upstream[0];
			parse_version(line + 9, (size_t)length - 9, &package->version);
			if (!own_source)
				package->source = package->version;
		} else if (package && !strncmp(line, "Source: ", 8)) {
			char *open = strchr(line, '('), *close = open ? strchr(open, ')') : NULL;
			if (close)
				parse_version(open + 1, (size_t)(close - open - 1), &package->source);
		}
	}
	free(line);
}

static void own(struct database *db, uint64_t path, uint32_t package)
{
	uint32_t at;

	if (db->file_count >= FILES_MAX)
		return;
	if (db->file_count * 2 >= db->mask + 1 || !db->files) {
		struct owned *old = db->files;
		uint32_t slots = old ? db->mask + 1 : 0;

		db->mask = (slots ? slots * 2 : 65536) - 1;
		db->files = grab_zero(((size_t)db->mask + 1) * sizeof(*db->files));
		for (uint32_t n = 0; n < slots; n++) {
			if (!old[n].path)
				continue;
			for (at = (uint32_t)old[n].path & db->mask; db->files[at].path; at = (at + 1) & db->mask)
				;
			db->files[at] = old[n];
		}
		free(old);
	}
	for (at = (uint32_t)path & db->mask; db->files[at].path && db->files[at].path != path; at = (at + 1) & db->mask)
		;
	if (!db->files[at].path)
		db->file_count++;
	db->files[at] = (struct owned){path, package};
}

/* Which paths a package has: one a line. */
static void read_list(struct database *db, FILE *file, uint32_t package)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t got;

	while ((got = getline(&line, &size, file)) > 0) {
		if (line[got - 1] == '\n')
			got--;
		own(db, hash(line, (size_t)got), package);
	}
	free(line);
}

/* NAME.list or NAME:ARCH.list for each package. */
static void read_lists(struct database *db, const char *folder)
{
	/* Names by hash, so that a list finds its package without a search. */
	struct database names = {0};
	DIR *all = opendir(folder);
	struct dirent *entry;

	for (uint32_t n = 0; n < db->package_count; n++)
		own(&names, hash(db->packages[n].name, strlen(db->packages[n].name)), n);
	while (all && names.files && (entry = readdir(all))) {
		size_t length = strlen(entry->d_name);
		size_t stem = strcspn(entry->d_name, ":");
		char path[4096];
		uint64_t name;
		uint32_t at;
		FILE *file;

		if (length < 6 || strcmp(entry->d_name + length - 5, ".list"))
			continue;
		if (stem == length)
			stem = length - 5;
		name = hash(entry->d_name, stem);
		for (at = (uint32_t)name & names.mask; names.files[at].path && names.files[at].path != name; at = (at + 1) & names.mask)
			;
		if (!names.files[at].path || snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) >= (int)sizeof(path))
			continue;
		file = fopen(path, "re");
		if (file) {
			read_list(db, file, names.files[at].package);
			fclose(file);
		}
	}
	if (all)
		closedir(all);
	free(names.files);
}

static struct database *database_of(const char *root)
{
	char path[4096];
	struct statx facts;
	struct database *db;
	FILE *file;
	dev_t device;

	snprintf(path, sizeof(path), "%s/var/lib/dpkg/status", root);
	if (errand_facts(path, 0, STATX_TYPE | STATX_INO | STATX_MTIME | STATX_MNT_ID, &facts) || !S_ISREG(facts.stx_mode))
		return NULL;
	device = makedev(facts.stx_dev_major, facts.stx_dev_minor);
	for (unsigned n = 0; n < database_count; n++)
		if (databases[n].device == device && databases[n].inode == facts.stx_ino && databases[n].modified == facts.stx_mtime.tv_sec)
			return &databases[n];
	if (database_count == DATABASES)
		return NULL;
	file = fopen(path, "re");
	if (!file)
		return NULL;
	db = &databases[database_count++];
	*db = (struct database){.device = device, .inode = facts.stx_ino, .modified = facts.stx_mtime.tv_sec};
	read_status(db, file);
	fclose(file);
	snprintf(path, sizeof(path), "%s/var/lib/dpkg/info", root);
	read_lists(db, path);
	return db;
}

static const struct package *find(const struct database *db, const char *path)
{
	uint64_t key = hash(path, strlen(path));

	for (uint32_t at = (uint32_t)key & db->mask; db->files[at].path; at = (at + 1) & db->mask)
		if (db->files[at].path == key)
			return &db->packages[db->files[at].package];
	return NULL;
}

const struct package *package_of(const char *root, const char *path)
{
	const struct database *db = database_of(root);
	const struct package *package;

	if (!db || !db->files)
		return NULL;
	package = find(db, path);
	/* Where /bin is a link to /usr/bin, lists still say /bin/ls. */
	if (!package && !strncmp(path, "/usr/", 5))
		package = find(db, path + 4);
	return package;
}

void package_free(void)
{
	for (unsigned n = 0; n < database_count; n++) {
		free(databases[n].packages);
		free(databases[n].files);
	}
	database_count = 0;
}
