/* CRC-32 of IEEE 802.3, as zlib computes it. */
#ifndef SECCAM_CRC32_H
#define SECCAM_CRC32_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32_of(const void *bytes, size_t length);

#endif
