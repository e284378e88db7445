/*
 * Files that the agent may ask the hash of, held by a descriptor (O_PATH) for some seconds: so that the
 * file of the event is read whatever became of its name, its process, and the mounts of that.
 *
 * Only where rules hash, and only files of the events that those rules are about. What is held could be
 * noticed: an unmount would find it busy and an unlinked file stays until it is let go of. So nothing is
 * held over a call that changes mounts, nothing of file systems that others serve, and nothing for long.
 *
 * All but holding_open belongs to the tracer thread.
 */
#ifndef SECCAM_HOLDING_H
#define SECCAM_HOLDING_H

#include <stdbool.h>
#include <stdint.h>

#include "channel.h"
#include "value.h"

/* Bit n: rules hash files of the event with id n. All zero: nothing is held from now on. */
void holding_want(const uint32_t events[CHANNEL_EVENT_WORDS]);
bool holding_is_wanted(void);

/* From here on the files that path.c looks at belong to an event with this id; 0: to none. */
void holding_begin(unsigned event_id);
bool holding_goes_on(void);

/* Closes a descriptor of ours, or keeps it. */
void holding_close(int fd, const struct file_facts *facts);
/* What a link such as /proc/T/exe leads to. */
void holding_link(const char *link, const struct file_facts *facts);

/* Lets go of what is older than that, or of all. */
void holding_tick(uint64_t now);
void holding_drop(void);

/* The file for reading, from any thread: a descriptor, or -ENOENT when it is not held. */
int holding_open(uint64_t device, uint64_t inode);

#endif
