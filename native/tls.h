/*
 * TLS 1.2 with a key that both sides hold: ECDHE-PSK with ChaCha20-Poly1305, so that a link that was
 * recorded stays closed when the token is lost later. Only where the executable was built with Mbed TLS.
 */
#ifndef SECCAM_TLS_H
#define SECCAM_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct tls;

bool tls_is_built_in(void);

/* For a connected socket that does not block; NULL without memory or token. */
struct tls *tls_new(int fd, const char *token);

/* 0 when done; -EAGAIN: wait for the socket, see tls_wants_write; -EPROTO: the other side holds another secret, or speaks no TLS. */
int tls_handshake(struct tls *tls);
bool tls_wants_write(const struct tls *tls);

/* As send and recv: bytes, 0 at the end of what is received, or -errno. After -EAGAIN send the same again. */
ssize_t tls_send(struct tls *tls, const void *bytes, size_t length);
ssize_t tls_receive(struct tls *tls, void *bytes, size_t length);

void tls_close_notify(struct tls *tls);
void tls_free(struct tls *tls);

#endif
