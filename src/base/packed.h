/* packed.h - numbers as they stand in images of caches (cache_image.h): little endian, and bit by
 * bit, the lowest bit first.
 *
 * Nothing here checks bounds: the caller knows that the bytes are there. Lookups go through here,
 * so all of it is inline. Threads: pure, but for what a buf says. */
#ifndef CRUMPLE_BASE_PACKED_H
#define CRUMPLE_BASE_PACKED_H

#include "base/buf.h"

#include <string.h>

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define PACKED_LE16(v) __builtin_bswap16(v)
#define PACKED_LE32(v) __builtin_bswap32(v)
#define PACKED_LE64(v) __builtin_bswap64(v)
#else
#define PACKED_LE16(v) (v)
#define PACKED_LE32(v) (v)
#define PACKED_LE64(v) (v)
#endif

static inline uint64_t load_le64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return PACKED_LE64(v);
}
static inline uint32_t load_le32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return PACKED_LE32(v);
}
static inline void store_le32(uint8_t *p, uint32_t v)
{
    v = PACKED_LE32(v);
    memcpy(p, &v, sizeof v);
}

static inline void buf_le16(struct buf *out, uint16_t v)
{
    v = PACKED_LE16(v);
    buf_add(out, &v, sizeof v);
}
static inline void buf_le32(struct buf *out, uint32_t v)
{
    v = PACKED_LE32(v);
    buf_add(out, &v, sizeof v);
}
static inline void buf_le64(struct buf *out, uint64_t v)
{
    v = PACKED_LE64(v);
    buf_add(out, &v, sizeof v);
}

/* How many bits a number needs. */
static inline uint8_t bits_of(uint32_t value)
{
    return value == 0 ? 0 : (uint8_t)(32 - __builtin_clz(value));
}

/* `width` bits, at most 32, at a bit of p. 8 bytes are read there: behind what is packed there is
 * something that means nothing. */
static inline uint32_t get_bits(const uint8_t *p, uint64_t bit, unsigned width)
{
    return (uint32_t)(load_le64(p + (bit >> 3)) >> (bit & 7) & ((UINT64_C(1) << width) - 1));
}

#endif
