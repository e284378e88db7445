/* Hashes files that the agent asks for, on a thread of its own: the tracer never waits for a file system. */
#ifndef SECCAM_HASHING_H
#define SECCAM_HASHING_H

#include "channel.h"

struct hashing;

/* Takes a request; the answer goes to the channel. `*at` is made at the first one, NULL before. */
void hashing_ask(struct hashing **at, struct channel *channel, const struct channel_command *wanted);

/* Ends the work; what is not done within a second is not answered. */
void hashing_end(struct hashing *hashing);

#endif
