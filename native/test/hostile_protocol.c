/* What an agent, or somebody in its place, sends. */
#include "../link.h"

static const uint8_t *given;
static size_t given_length, given_at;

static ssize_t given_receive(void *bytes, size_t length);
static int given_exactly(void *bytes, size_t length);

#define link_receive(link, bytes, length) ((void)(link), given_receive(bytes, length))
#define link_receive_exactly(link, bytes, length) ((void)(link), given_exactly(bytes, length))
#define link_send_all(link, bytes, length) ((void)(link), (void)(bytes), (void)(length), 0)
#include "../protocol.c"
#undef link_receive
#undef link_receive_exactly
#undef link_send_all

#include "hostile.h"

static ssize_t given_receive(void *bytes, size_t length)
{
	size_t left = given_length - given_at;

	if (!left)
		return -EAGAIN;
	if (length > left)
		length = left;
	if (length > 1)
		length = hostile_random(length) + 1;
	memcpy(bytes, given + given_at, length);
	given_at += length;
	return (ssize_t)length;
}

static int given_exactly(void *bytes, size_t length)
{
	if (length > given_length - given_at)
		return -ECONNRESET;
	memcpy(bytes, given + given_at, length);
	given_at += length;
	return 0;
}

static uint64_t seen;

static void command(void *context, const struct channel_command *given_command)
{
	(void)context;
	seen += given_command->kind + strlen(given_command->path);
}

static void acknowledge(void *context, uint64_t seq)
{
	(void)context;
	seen += seq;
}

static void take(const uint8_t *bytes, size_t length)
{
	struct hello hello = {.stream = "0123456789abcdef0123456789abcdef", .members = "{\"a\":1}", .token = length & 1 ? "token" : NULL};
	struct inbox *inbox = malloc(sizeof(*inbox));
	struct welcome welcome;

	given = bytes;
	given_length = length;
	given_at = 0;
	protocol_greet(NULL, &hello, &welcome);
	given_at = 0;
	inbox->have = 0;
	protocol_receive(NULL, inbox, command, acknowledge, NULL);
	free(inbox);
}

static size_t message(uint8_t *at, uint32_t length, uint16_t kind, const void *payload, size_t payload_length)
{
	memset(at, 0, length);
	put32(at, length);
	put16(at + 4, kind);
	memcpy(at + 8, payload, payload_length);
	return length;
}

int main(int argc, char **argv)
{
	uint8_t bytes[1024];
	const uint32_t words[4] = {0, 2, 0, 0}, kill[8] = {1, 77, 9, 1, 5, 0, 6, 0};
	uint8_t hash[56] = {1, 0, 0, 0, 77, 0, 0, 0};
	size_t length;

	length = message(bytes, 48, MESSAGE_CHALLENGE, words, 8);
	length += message(bytes + length, 64, MESSAGE_WELCOME, words, 16);
	hostile_seed(bytes, length);
	length = message(bytes, 48, MESSAGE_CHALLENGE, words, 8);
	length += message(bytes + length, 32, MESSAGE_REFUSE, "\0\0\0\0\5\0\0\0never", 13);
	hostile_seed(bytes, length);
	length = message(bytes, 40, MESSAGE_KILL, kill, 32);
	length += message(bytes + length, 24, MESSAGE_ACK, kill, 16);
	length += message(bytes + length, 32, MESSAGE_EVENTS, "\3\0\0\0\0\0\0\0\1", 9);
	memcpy(hash + 32, "\11\0\0\0\0\0\0\0/bin/true", 17);
	length += message(bytes + length, 64, MESSAGE_HASH, hash, sizeof(hash));
	length += message(bytes + length, 8, MESSAGE_BYE, "", 0);
	hostile_seed(bytes, length);
	return hostile_run("protocol", argc, argv, take);
}
