/* dpkg's tables, which a container brings along. */
#include "../package.c"

#include "hostile.h"

static void take(const uint8_t *bytes, size_t length)
{
	struct database db = {0};
	FILE *file;

	if (!length)
		return;
	file = fmemopen((void *)bytes, length, "r");
	read_status(&db, file);
	rewind(file);
	read_list(&db, file, 0);
	fclose(file);
	for (unsigned n = 0; n < db.package_count; n++)
		if (strnlen(db.packages[n].name, sizeof(db.packages[n].name)) == sizeof(db.packages[n].name))
			abort();
	if (db.files)
		find(&db, "/bin/sh");
	free(db.packages);
	free(db.files);
}

int main(int argc, char **argv)
{
	const char status[] = "Package: libc6\nStatus: install ok installed\nSource: glibc (2.36-9+deb12u4)\nVersion: 1:2.36-9+deb12u4\nDescription: x\n y\n\n"
			      "Package: dash\nVersion: 0.5.12-2\n\n/.\n/bin\n/bin/sh\n";

	hostile_seed(status, sizeof(status) - 1);
	return hostile_run("package", argc, argv, take);
}
