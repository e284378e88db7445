#include "link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tls.h"

static int parse_unix(struct address *address, const char *name)
{
	struct sockaddr_un *path = (struct sockaddr_un *)&address->peer;
	size_t length = strlen(name);

	if (length == 0 || length >= sizeof(path->sun_path))
		return -EINVAL;
	path->sun_family = AF_UNIX;
	memcpy(path->sun_path, name, length);
	if (path->sun_path[0] == '@')
		path->sun_path[0] = '\0';
	address->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (path->sun_path[0] != '\0'));
	return 0;
}

static int parse_internet(struct address *address, const char *text)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&address->peer;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address->peer;
	const char *colon = strrchr(text, ':');
	char host[64], *end;
	size_t length;
	long port;

	if (!colon)
		return -EINVAL;
	length = (size_t)(colon - text);
	if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
		text++;
		length -= 2;
	}
	if (length >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, length);
	host[length] = '\0';
	if (length == 0 || !strcmp(host, "localhost"))
		snprintf(host, sizeof(host), "127.0.0.1");
	port = strtol(colon + 1, &end, 10);
	if (*end || port < 1 || port > 65535)
		return -EINVAL;
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		address->length = sizeof(*v4);
		address->encrypted |= ntohl(v4->sin_addr.s_addr) >> 24 != 127;
		return 0;
	}
	if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		address->length = sizeof(*v6);
		address->encrypted |= !IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
		return 0;
	}
	return -EINVAL;
}

int address_parse(struct address *address, const char *text)
{
	memset(address, 0, sizeof(*address));
	address->fixed_fd = -1;
	if (!strncmp(text, "fd:", 3)) {
		char *end;
		long number = strtol(text + 3, &end, 10);

		if (*end || end == text + 3 || number < 0 || number > 1 << 20)
			return -EINVAL;
		address->fixed_fd = (int)number;
		return 0;
	}
	if (!strncmp(text, "tls:", 4)) {
		address->encrypted = true;
		return parse_internet(address, text + 4);
	}
	if (!strncmp(text, "unix:", 5))
		return parse_unix(address, text + 5);
	return strchr(text, '/') ? parse_unix(address, text) : parse_internet(address, text);
}

uint64_t link_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int link_wait(struct link *link, short what, int ms)
{
	uint64_t deadline = link_clock_ms() + (uint64_t)ms;

	for (;;) {
		struct pollfd polled[2] = {{link->fd, what, 0}, {link->wake, POLLIN, 0}};
		uint64_t now = link_clock_ms(), rung;
		int count;

		if (link->closing(link->context))
			return -1;
		if (now >= deadline)
			return 0;
		count = poll(polled, 2, (int)(deadline - now));
		if (count < 0 && errno != EINTR)
			return -1;
		if (count > 0 && polled[1].revents && read(link->wake, &rung, sizeof(rung)) < 0 && errno != EAGAIN)
			return -1;
		if (count > 0 && polled[0].revents)
			return 1;
	}
}

static int connect_socket(struct link *link, const struct address *address)
{
	int error = 0;

	link->fd = socket(address->peer.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (link->fd < 0)
		return -errno;
	if (connect(link->fd, (const struct sockaddr *)&address->peer, address->length))
		error = errno;
	if (error == EINPROGRESS || error == EAGAIN) {
		socklen_t length = sizeof(error);

		if (link_wait(link, POLLOUT, LINK_PATIENCE_MS) != 1)
			error = ETIMEDOUT;
		else if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &length))
			error = errno;
	}
	if (!error && address->peer.ss_family != AF_UNIX) {
		int one = 1, ms = 10000;

		(void)setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		(void)setsockopt(link->fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
		(void)setsockopt(link->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
	}
	return -error;
}

int link_connect(struct link *link, const struct address *address, const char *token)
{
	uint64_t deadline = link_clock_ms() + LINK_PATIENCE_MS;
	int error;

	link->tls = NULL;
	if (address->fixed_fd >= 0) {
		link->fd = address->fixed_fd;
		return 0;
	}
	error = connect_socket(link, address);
	if (!error && address->encrypted) {
		link->tls = tls_new(link->fd, token);
		error = link->tls ? 0 : -ENOMEM;
		while (!error && (error = tls_handshake(link->tls)) == -EAGAIN) {
			uint64_t now = link_clock_ms();

			error = now < deadline && link_wait(link, tls_wants_write(link->tls) ? POLLOUT : POLLIN, (int)(deadline - now)) == 1 ? 0 : -ETIMEDOUT;
		}
	}
	if (error)
		link_close(link);
	return error;
}

ssize_t link_send(struct link *link, const void *bytes, size_t length)
{
	ssize_t sent;

	if (link->tls)
		return tls_send(link->tls, bytes, length);
	do
		sent = send(link->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}

ssize_t link_receive(struct link *link, void *bytes, size_t length)
{
	ssize_t got;

	if (link->tls)
		return tls_receive(link->tls, bytes, length);
	do
		got = recv(link->fd, bytes, length, MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

int link_send_all(struct link *link, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	while (length) {
		ssize_t sent = link_send(link, at, length);

		if (sent == -EAGAIN) {
			if (link_wait(link, POLLOUT, LINK_PATIENCE_MS) != 1)
				return -ETIMEDOUT;
		} else if (sent < 0) {
			return (int)sent;
		} else {
			at += sent;
			length -= (size_t)sent;
		}
	}
	return 0;
}

int link_receive_exactly(struct link *link, void *bytes, size_t length)
{
	uint8_t *at = bytes;

	while (length) {
		ssize_t got = link_receive(link, at, length);

		if (got == -EAGAIN) {
			if (link_wait(link, POLLIN, LINK_PATIENCE_MS) != 1)
				return -ETIMEDOUT;
		} else if (got <= 0) {
			return got ? (int)got : -ECONNRESET;
		} else {
			at += got;
			length -= (size_t)got;
		}
	}
	return 0;
}

void link_half_close(struct link *link)
{
	if (link->tls)
		tls_close_notify(link->tls);
	shutdown(link->fd, SHUT_WR);
}

void link_close(struct link *link)
{
	if (link->tls)
		tls_free(link->tls);
	if (link->fd >= 0)
		close(link->fd);
	link->tls = NULL;
	link->fd = -1;
}

bool link_is_trusted(const struct link *link, const struct address *address, bool token)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	if (address->fixed_fd >= 0)
		return true;
	if (address->peer.ss_family != AF_UNIX)
		return token;
	return !getsockopt(link->fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) && (peer.uid == 0 || peer.uid == geteuid());
}
