#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#endif

#define NO_LIMIT UINT64_MAX

static int rename_exclusively(int folder, const char *from, const char *to)
{
	if (!syscall(SYS_renameat2, folder, from, folder, to, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	/* A file system without the flag: a link fails when the name is taken. */
	if (linkat(folder, from, folder, to, 0))
		return -1;
	return unlinkat(folder, from, 0);
}

bool sink_open_file(struct sink *sink, const char *path, bool force, struct failure *failure)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	char folder[4096];
	struct rlimit limit;
	struct stat there;

	memset(sink, 0, sizeof(*sink));
	sink->fd = sink->folder = -1;
	sink->force = force;
	sink->limit = NO_LIMIT;
	sink->can_reserve = true;
	if (!*name || strlen(name) >= sizeof(sink->name) || (size_t)(name - path) >= sizeof(folder)) {
		fail(failure, 125, "bad-output", 0, "\"%s\" is no name for a file", path);
		return false;
	}
	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path + 1) : 1, slash ? path : ".");
	snprintf(sink->name, sizeof(sink->name), "%s", name);
	snprintf(sink->partial, sizeof(sink->partial), "%s.partial", name);
	sink->folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (sink->folder < 0) {
		fail(failure, 125, "bad-output", errno, "cannot write to the folder \"%s\"", folder);
		return false;
	}
	if (!force && !fstatat(sink->folder, sink->name, &there, AT_SYMLINK_NOFOLLOW)) {
		fail(failure, 125, "output-exists", 0, "\"%s\" is there already", path);
		return false;
	}
	if (force && unlinkat(sink->folder, sink->partial, 0) && errno != ENOENT) {
		fail(failure, 125, "bad-output", errno, "cannot replace \"%s.partial\"", path);
		return false;
	}
	sink->fd = openat(sink->folder, sink->partial, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
	if (sink->fd < 0) {
		if (errno == EEXIST)
			fail(failure, 125, "output-exists", 0, "\"%s.partial\" is there already: another recording that runs or was cut off", path);
		else
			fail(failure, 125, "bad-output", errno, "cannot create \"%s.partial\"", path);
		return false;
	}
	if (!fstat(sink->fd, &there)) {
		sink->inode = there.st_ino;
		sink->device = (uint64_t)major(there.st_dev) << 32 | minor(there.st_dev);
	}
	if (!getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur != RLIM_INFINITY)
		sink->limit = limit.rlim_cur > SINK_RESERVE ? limit.rlim_cur - SINK_RESERVE : 0;
	return true;
}

void sink_open_descriptor(struct sink *sink, int fd)
{
	memset(sink, 0, sizeof(*sink));
	sink->fd = fd;
	sink->folder = -1;
	sink->plain = true;
	sink->limit = NO_LIMIT;
}

void sink_open_channel(struct sink *sink, struct channel *channel)
{
	memset(sink, 0, sizeof(*sink));
	sink->fd = sink->folder = -1;
	sink->limit = NO_LIMIT;
	sink->channel = channel;
}

static int write_all(int fd, const char *bytes, size_t length)
{
	while (length) {
		ssize_t done = write(fd, bytes, length);
		if (done < 0) {
			if (errno == EINTR)
				continue;
			return errno;
		}
		bytes += done;
		length -= (size_t)done;
	}
	return 0;
}

/* Makes the file system promise room for `length` more bytes and the reserve. Returns errno. */
static int reserve(struct sink *sink, size_t length)
{
	uint64_t end = sink->offset + length + SINK_RESERVE;

	if (sink->plain || end <= sink->reserved)
		return 0;
	if (end - SINK_RESERVE > sink->limit)
		return EFBIG;
	if (!sink->can_reserve)
		return 0;
	if (!fallocate(sink->fd, FALLOC_FL_KEEP_SIZE, (off_t)sink->offset, (off_t)(end - sink->offset))) {
		sink->reserved = end;
		return 0;
	}
	if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
		return errno;
	sink->can_reserve = false;
	return 0;
}

bool sink_prologue(struct sink *sink, const void *bytes, size_t length)
{
	if (sink->channel)
		return channel_prologue(sink->channel, bytes, length) == 0;
	/* Without the room for more, what stands in the file must still be a recording, one that says why it is empty. */
	return sink_block(sink, bytes, length, 0, 0, false, true) == SINK_TAKEN;
}

enum sink_result sink_block(struct sink *sink, const void *block, size_t length, uint64_t first_seq, uint64_t next_seq, bool begins_epoch, bool last_words)
{
	int error;

	if (sink->channel)
		return channel_put(sink->channel, block, length, first_seq, next_seq, begins_epoch) == CHANNEL_TAKEN ? SINK_TAKEN : SINK_EPOCH_FIRST;
	if (sink->error && (!last_words || !sink->offset))
		return SINK_FAILED;
	error = last_words ? 0 : reserve(sink, length);
	if (!error)
		error = write_all(sink->fd, block, length);
	if (error) {
		sink->error = error;
		if (!sink->plain && ftruncate(sink->fd, (off_t)sink->offset) == 0)
			lseek(sink->fd, (off_t)sink->offset, SEEK_SET);
		return SINK_FAILED;
	}
	sink->offset += length;
	return SINK_TAKEN;
}

bool sink_finish(struct sink *sink, struct failure *failure)
{
	struct stat ours, named;
	char process[32] = "";

	if (sink->channel || sink->plain || sink->fd < 0)
		return true;
	if (sink->touched)
		snprintf(process, sizeof(process), " (process %d)", sink->touched);
	if (sink->touched || (!fstat(sink->fd, &ours) && (uint64_t)ours.st_size < sink->offset))
		fail(failure, 125, "output-replaced", 0, "somebody%s opened \"%s\" for writing while it was written", process, sink->partial);
	/* Gives back the room that was promised but not used. */
	if (sink->can_reserve && ftruncate(sink->fd, (off_t)sink->offset))
		sink->can_reserve = false;
	if (fstat(sink->fd, &ours) || fstatat(sink->folder, sink->partial, &named, AT_SYMLINK_NOFOLLOW) ||
	    ours.st_ino != named.st_ino || ours.st_dev != named.st_dev) {
		fail(failure, 125, "output-replaced", 0, "somebody removed or replaced \"%s\" while it was written", sink->partial);
		return false;
	}
	if (sink->force ? renameat(sink->folder, sink->partial, sink->folder, sink->name) : rename_exclusively(sink->folder, sink->partial, sink->name)) {
		fail(failure, 125, "bad-output", errno, "cannot rename \"%s\" to \"%s\"", sink->partial, sink->name);
		return false;
	}
	return true;
}

void sink_close(struct sink *sink)
{
	if (sink->fd >= 0 && !sink->plain)
		close(sink->fd);
	if (sink->folder >= 0)
		close(sink->folder);
	sink->fd = sink->folder = -1;
}
