#include "protocol.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "crc32.h"
#include "sha256.h"

enum {
	MESSAGE_CHALLENGE = 1,
	MESSAGE_HELLO = 2,
	MESSAGE_WELCOME = 2,
	MESSAGE_EVENTS = 3,
	MESSAGE_ACK = 4,
	MESSAGE_KILL = 5,
	MESSAGE_BYE = 6,
	MESSAGE_REFUSE = 7,
	MESSAGE_EPOCH = 8,
	MESSAGE_HASH = 9,
	MESSAGE_REPLY = 16,
	MESSAGE_STATUS = 17,
	MESSAGE_HASHED = 18,
};

#define HEAD_BYTES 48
#define BLOCK_CHANNEL 0x8000

/* Numbers on the wire are little-endian, and so are the machines that the tracer runs on. */
static uint32_t get32(const uint8_t *at)
{
	uint32_t value;
	memcpy(&value, at, sizeof(value));
	return value;
}

static uint64_t get64(const uint8_t *at)
{
	uint64_t value;
	memcpy(&value, at, sizeof(value));
	return value;
}

static void put16(uint8_t *at, uint16_t value)
{
	memcpy(at, &value, sizeof(value));
}

static void put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

static void put64(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}

static void hexadecimal(char *out, const uint8_t *bytes, size_t length)
{
	for (size_t n = 0; n < length; n++)
		snprintf(out + 2 * n, 3, "%02x", bytes[n]);
}

static void random_bytes(uint8_t *out, size_t length)
{
	for (size_t done = 0; done < length;) {
		ssize_t got = getrandom(out + done, length - done, 0);
		if (got > 0)
			done += (size_t)got;
		else if (errno != EINTR)
			break;
	}
}

void protocol_random_name(char out[33])
{
	uint8_t id[16];

	random_bytes(id, sizeof(id));
	hexadecimal(out, id, sizeof(id));
}

/* ---- greeting ---- */

/* Receives one message of the greeting. Returns its kind, or -errno. */
static int receive_message(struct link *link, uint8_t *bytes, size_t *length)
{
	int error = link_receive_exactly(link, bytes, 8);
	int kind = bytes[4] | bytes[5] << 8;

	if (error)
		return error;
	*length = get32(bytes);
	if (*length < 8 || *length > MESSAGE_MAX || *length % 8 != 0)
		return -EPROTO;
	error = link_receive_exactly(link, bytes + 8, *length - 8);
	return error ? error : kind;
}

static int refuse(struct welcome *out, int error, const char *problem)
{
	snprintf(out->problem, sizeof(out->problem), "%s", problem);
	return error;
}

static void read_bitmap(uint32_t out[CHANNEL_EVENT_WORDS], const uint8_t *words, uint32_t count)
{
	memset(out, 0, CHANNEL_EVENT_WORDS * sizeof(out[0]));
	for (uint32_t n = 0; n < count && n < CHANNEL_EVENT_WORDS; n++)
		out[n] = get32(words + 4 * (size_t)n);
}

/* Two bitmaps of `count` words, of which the second may be absent. */
static void read_wish(struct channel_wish *out, const uint8_t *bytes, size_t length, uint32_t count)
{
	read_bitmap(out->events, bytes, count);
	read_bitmap(out->hashed, bytes + 4 * (size_t)count, length >= 8 * (size_t)count ? count : 0);
}

/* Writes the hello, with the proof that we hold the token. Returns its length, 0 when it is too long. */
static size_t write_hello(uint8_t *bytes, size_t room, const struct hello *hello, const char *nonce, const uint8_t challenge[32])
{
	uint8_t *json = bytes + 40;
	int text = snprintf((char *)json, room - 48,
			    "{\"protocol\":%d,\"stream\":\"%s\",\"nonce\":\"%s\",\"pid\":%d,\"uid\":%u,\"link\":%llu,\"lost\":%llu%s%s", CHANNEL_PROTOCOL,
			    hello->stream, nonce, (int)getpid(), (unsigned int)geteuid(), (unsigned long long)hello->link, (unsigned long long)hello->lost,
			    hello->members[1] == '}' ? "" : ",", hello->members + 1);
	size_t length = (size_t)text;

	if (text < 0 || length > room - 56)
		return 0;
	while (length % 8)
		json[length++] = ' ';
	memset(bytes, 0, 40);
	put32(bytes, (uint32_t)(40 + length));
	put16(bytes + 4, MESSAGE_HELLO);
	if (hello->token) {
		struct sha256_piece pieces[] = {{"seccam hello 1", 14}, {challenge, 32}, {json, length}};
		sha256_hmac(hello->token, strlen(hello->token), pieces, 3, bytes + 8);
	}
	return 40 + length;
}

int protocol_greet(struct link *link, const struct hello *hello, struct welcome *out)
{
	static uint8_t bytes[MESSAGE_MAX]; /* the link thread only */
	uint8_t challenge[32], secret[32], proof[SHA256_BYTES];
	char nonce[65];
	size_t length = 0;
	uint32_t words;
	int error, kind = receive_message(link, bytes, &length);

	memset(out, 0, sizeof(*out));
	if (kind != MESSAGE_CHALLENGE || length < 48)
		return refuse(out, kind < 0 ? kind : -EPROTO, "the other side does not greet as an agent");
	memcpy(challenge, bytes + 16, sizeof(challenge));
	if (get32(bytes + 12) & 1 && !hello->token)
		return refuse(out, -EACCES, "the agent wants a token (--token-file)");
	random_bytes(secret, sizeof(secret));
	hexadecimal(nonce, secret, sizeof(secret));
	length = write_hello(bytes, sizeof(bytes), hello, nonce, challenge);
	if (!length)
		return refuse(out, -E2BIG, "the hello is too long");
	error = link_send_all(link, bytes, length);
	if (error)
		return refuse(out, error, "the agent did not take the hello");

	kind = receive_message(link, bytes, &length);
	if (kind == MESSAGE_REFUSE && length >= 16) {
		uint32_t said = get32(bytes + 12);

		if (said > length - 16)
			said = (uint32_t)(length - 16);
		snprintf(out->problem, sizeof(out->problem), "the agent refused: %.*s", (int)(said > 96 ? 96 : said), (const char *)bytes + 16);
		out->refused = 1;
		return -EACCES;
	}
	words = length >= 48 ? get32(bytes + 12) : 0;
	if (kind != MESSAGE_WELCOME || length < 48 || words > (length - 48) / 4)
		return refuse(out, kind < 0 ? kind : -EPROTO, "the agent did not answer the hello");
	if (hello->token) {
		struct sha256_piece pieces[] = {{"seccam welcome 1", 16}, {nonce, 64}};

		sha256_hmac(hello->token, strlen(hello->token), pieces, 2, proof);
		if (!sha256_same(proof, bytes + 16))
			return refuse(out, -EACCES, "the agent could not prove that it holds the token");
	}
	read_wish(&out->wish, bytes + 48, length - 48, words);
	return 0;
}

/* ---- from the agent ---- */

/* False: not a request, or not one that we understand. */
static int read_command(const uint8_t *bytes, size_t length, struct channel_command *out)
{
	memset(out, 0, sizeof(*out));
	out->kind = (enum channel_command_kind)(bytes[4] | bytes[5] << 8);
	switch (bytes[4] | bytes[5] << 8) {
	case MESSAGE_KILL:
		if (length < 40)
			return 0;
		out->id = get32(bytes + 8);
		out->pid = get32(bytes + 12);
		out->signal = get32(bytes + 16);
		out->scope = get32(bytes + 20) == 1 ? CHANNEL_CONTAINER : get32(bytes + 20) == 2 ? CHANNEL_CGROUP : CHANNEL_PROCESS;
		out->seq = get64(bytes + 24);
		out->boottime = get64(bytes + 32);
		return out->signal >= 1 && out->signal <= 64 && out->pid != 0;
	case MESSAGE_HASH: {
		uint32_t text = length >= 48 ? get32(bytes + 40) : 0;

		if (text == 0 || text > length - 48 || text >= sizeof(out->path))
			return 0;
		out->id = get32(bytes + 8);
		out->pid = get32(bytes + 12);
		out->most = get64(bytes + 16);
		out->inode = get64(bytes + 24);
		out->device = get64(bytes + 32);
		memcpy(out->path, bytes + 48, text);
		return !memchr(out->path, 0, text);
	}
	case MESSAGE_EVENTS:
		if (length < 16 || get32(bytes + 8) > (length - 16) / 4)
			return 0;
		read_wish(&out->wish, bytes + 16, length - 16, get32(bytes + 8));
		return 1;
	case MESSAGE_BYE:
	case MESSAGE_EPOCH:
		return 1;
	default:
		return 0;
	}
}

int protocol_receive(struct link *link, struct inbox *inbox, void (*take)(void *context, const struct channel_command *),
		     void (*acknowledge)(void *context, uint64_t seq), void *context)
{
	struct channel_command command;

	for (;;) {
		ssize_t got = link_receive(link, inbox->bytes + inbox->have, sizeof(inbox->bytes) - inbox->have);
		size_t at = 0;

		if (got <= 0)
			return got == -EAGAIN ? 0 : got ? (int)got : -ECONNRESET;
		inbox->have += (size_t)got;
		while (inbox->have - at >= 8) {
			const uint8_t *message = inbox->bytes + at;
			size_t length = get32(message);

			if (length < 8 || length > MESSAGE_MAX || length % 8 != 0)
				return -EPROTO;
			if (inbox->have - at < length)
				break;
			if (message[4] == MESSAGE_ACK && !message[5] && length >= 24)
				acknowledge(context, get64(message + 8));
			else if (read_command(message, length, &command))
				take(context, &command);
			at += length;
		}
		memmove(inbox->bytes, inbox->bytes + at, inbox->have - at);
		inbox->have -= at;
	}
}

/* ---- to the agent ---- */

/* A block of the channel's own with one message. */
static struct block *own_block(uint16_t kind, const uint8_t *payload, size_t length)
{
	size_t message = 8 + length;
	struct block *block = block_new(HEAD_BYTES + message);
	uint8_t *b;

	if (!block)
		return NULL;
	b = block->bytes;
	memset(b, 0, HEAD_BYTES + 8);
	put32(b, 0x31424353);
	put16(b + 4, BLOCK_CHANNEL);
	put32(b + 8, (uint32_t)message);
	put32(b + 12, (uint32_t)message);
	put32(b + 16, 1);
	put32(b + HEAD_BYTES, (uint32_t)message);
	put16(b + HEAD_BYTES + 4, kind);
	memcpy(b + HEAD_BYTES + 8, payload, length);
	put32(b + 40, crc32_of(b + HEAD_BYTES, message));
	put32(b + 44, crc32_of(b, 44));
	return block;
}

struct block *protocol_reply(const struct channel_reply *reply)
{
	uint8_t payload[16];

	put32(payload, reply->id);
	put32(payload + 4, reply->performed);
	put32(payload + 8, reply->failed);
	put32(payload + 12, (uint32_t)reply->error);
	return own_block(MESSAGE_REPLY, payload, sizeof(payload));
}

struct block *protocol_hashed(const struct channel_hashed *hashed)
{
	uint8_t payload[48];

	put32(payload, hashed->id);
	put32(payload + 4, (uint32_t)hashed->error);
	put64(payload + 8, hashed->size);
	memcpy(payload + 16, hashed->digest, SHA256_BYTES);
	return own_block(MESSAGE_HASHED, payload, sizeof(payload));
}

struct block *protocol_status(uint64_t lost, uint64_t waiting, uint64_t sent, uint64_t links)
{
	uint8_t payload[32];

	put64(payload, lost);
	put64(payload + 8, waiting);
	put64(payload + 16, sent);
	put64(payload + 24, links);
	return own_block(MESSAGE_STATUS, payload, sizeof(payload));
}
