#include "tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifdef SECCAM_TLS

#include <mbedtls/ssl.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "sha256.h"

struct tls {
	mbedtls_ssl_context ssl;
	mbedtls_ssl_config config;
	int fd;
	bool wants_write;
};

static const int suites[] = {MBEDTLS_TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256, 0};

bool tls_is_built_in(void)
{
	return true;
}

static int random_bytes(void *context, unsigned char *out, size_t length)
{
	(void)context;
	while (length) {
		ssize_t got = getrandom(out, length > 256 ? 256 : length, 0);

		if (got < 0 && errno != EINTR)
			return -1;
		if (got > 0) {
			out += got;
			length -= (size_t)got;
		}
	}
	return 0;
}

static int to_socket(void *context, const unsigned char *bytes, size_t length)
{
	const struct tls *tls = context;
	ssize_t sent = send(tls->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent >= 0)
		return (int)sent;
	return errno == EAGAIN || errno == EINTR ? MBEDTLS_ERR_SSL_WANT_WRITE : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static int from_socket(void *context, unsigned char *bytes, size_t length)
{
	const struct tls *tls = context;
	ssize_t got = recv(tls->fd, bytes, length, MSG_DONTWAIT);

	if (got >= 0)
		return (int)got;
	return errno == EAGAIN || errno == EINTR ? MBEDTLS_ERR_SSL_WANT_READ : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

struct tls *tls_new(int fd, const char *token)
{
	static const unsigned char name[] = "seccam";
	static const struct sha256_piece purpose = {"seccam tls 1", 12};
	struct tls *tls = token && *token ? calloc(1, sizeof(*tls)) : NULL;
	uint8_t key[SHA256_BYTES];
	int error;

	if (!tls)
		return NULL;
	tls->fd = fd;
	sha256_hmac(token, strlen(token), &purpose, 1, key);
	mbedtls_ssl_init(&tls->ssl);
	mbedtls_ssl_config_init(&tls->config);
	error = mbedtls_ssl_config_defaults(&tls->config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
	if (!error)
		error = mbedtls_ssl_conf_psk(&tls->config, key, sizeof(key), name, sizeof(name) - 1);
	explicit_bzero(key, sizeof(key));
	mbedtls_ssl_conf_min_version(&tls->config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
	mbedtls_ssl_conf_ciphersuites(&tls->config, suites);
	mbedtls_ssl_conf_rng(&tls->config, random_bytes, NULL);
	if (!error)
		error = mbedtls_ssl_setup(&tls->ssl, &tls->config);
	if (error) {
		tls_free(tls);
		return NULL;
	}
	mbedtls_ssl_set_bio(&tls->ssl, tls, to_socket, from_socket, NULL);
	return tls;
}

static int outcome(struct tls *tls, int result)
{
	if (result >= 0)
		return result;
	tls->wants_write = result == MBEDTLS_ERR_SSL_WANT_WRITE;
	if (result == MBEDTLS_ERR_SSL_WANT_READ || tls->wants_write)
		return -EAGAIN;
	return result == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY || result == MBEDTLS_ERR_SSL_CONN_EOF ? 0 : -EPROTO;
}

int tls_handshake(struct tls *tls)
{
	int result = mbedtls_ssl_handshake(&tls->ssl);

	return result == MBEDTLS_ERR_SSL_CONN_EOF ? -EPROTO : outcome(tls, result);
}

bool tls_wants_write(const struct tls *tls)
{
	return tls->wants_write;
}

ssize_t tls_send(struct tls *tls, const void *bytes, size_t length)
{
	int sent = outcome(tls, mbedtls_ssl_write(&tls->ssl, bytes, length));

	return sent ? sent : -EPIPE;
}

ssize_t tls_receive(struct tls *tls, void *bytes, size_t length)
{
	return outcome(tls, mbedtls_ssl_read(&tls->ssl, bytes, length));
}

void tls_close_notify(struct tls *tls)
{
	(void)mbedtls_ssl_close_notify(&tls->ssl);
}

void tls_free(struct tls *tls)
{
	mbedtls_ssl_free(&tls->ssl);
	mbedtls_ssl_config_free(&tls->config);
	free(tls);
}

#else

bool tls_is_built_in(void)
{
	return false;
}

struct tls *tls_new(int fd, const char *token)
{
	(void)fd;
	(void)token;
	return NULL;
}

int tls_handshake(struct tls *tls)
{
	(void)tls;
	return -EPROTO;
}

bool tls_wants_write(const struct tls *tls)
{
	(void)tls;
	return false;
}

ssize_t tls_send(struct tls *tls, const void *bytes, size_t length)
{
	(void)tls;
	(void)bytes;
	(void)length;
	return -EPROTO;
}

ssize_t tls_receive(struct tls *tls, void *bytes, size_t length)
{
	(void)tls;
	(void)bytes;
	(void)length;
	return -EPROTO;
}

void tls_close_notify(struct tls *tls)
{
	(void)tls;
}

void tls_free(struct tls *tls)
{
	(void)tls;
}

#endif
