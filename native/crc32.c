#include "crc32.h"

#include <pthread.h>
#include <string.h>

static uint32_t table[8][256];
static pthread_once_t made = PTHREAD_ONCE_INIT;

static void make(void)
{
	for (uint32_t n = 0; n < 256; n++) {
		uint32_t value = n;
		for (int bit = 0; bit < 8; bit++)
			value = value & 1 ? 0xedb88320u ^ value >> 1 : value >> 1;
		table[0][n] = value;
	}
	for (uint32_t n = 0; n < 256; n++)
		for (int slice = 1; slice < 8; slice++)
			table[slice][n] = table[0][table[slice - 1][n] & 0xff] ^ table[slice - 1][n] >> 8;
}

uint32_t crc32_of(const void *bytes, size_t length)
{
	const uint8_t *at = bytes;
	uint32_t crc = 0xffffffffu;

	pthread_once(&made, make);
	for (; length >= 8; length -= 8, at += 8) {
		uint32_t low, high;
		memcpy(&low, at, 4);
		memcpy(&high, at + 4, 4);
		low ^= crc;
		crc = table[7][low & 0xff] ^ table[6][low >> 8 & 0xff] ^ table[5][low >> 16 & 0xff] ^ table[4][low >> 24] ^
		      table[3][high & 0xff] ^ table[2][high >> 8 & 0xff] ^ table[1][high >> 16 & 0xff] ^ table[0][high >> 24];
	}
	while (length--)
		crc = table[0][(crc ^ *at++) & 0xff] ^ crc >> 8;
	return ~crc;
}
