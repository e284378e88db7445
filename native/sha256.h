/* SHA-256 and HMAC-SHA-256 (FIPS 180-4, RFC 2104). */
#ifndef SECCAM_SHA256_H
#define SECCAM_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32

struct sha256 {
	uint32_t state[8];
	uint64_t length;
	uint8_t block[64];
};

void sha256_begin(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const void *bytes, size_t length);
void sha256_end(struct sha256 *hash, uint8_t out[SHA256_BYTES]);

/* HMAC over the concatenation of `count` pieces. */
struct sha256_piece {
	const void *bytes;
	size_t length;
};
void sha256_hmac(const void *key, size_t key_length, const struct sha256_piece *pieces, size_t count,
		 uint8_t out[SHA256_BYTES]);

/* Compares in constant time: 1 when equal. */
int sha256_same(const uint8_t a[SHA256_BYTES], const uint8_t b[SHA256_BYTES]);

#endif
