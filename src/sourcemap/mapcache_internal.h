/* mapcache_internal.h - an open cache, for mapcache_open.c, which opens it, and mapcache.c, which
 * looks things up. */
#ifndef CRUMPLE_SOURCEMAP_MAPCACHE_INTERNAL_H
#define CRUMPLE_SOURCEMAP_MAPCACHE_INTERNAL_H

#include "base/reader.h"
#include "sourcemap/mapcache_layout.h"

struct mapcache {
    struct bytes image;
    bool mapped; /* ours to unmap */
    uint64_t sum;
    struct mapcache_about about;
    struct bytes sections[SECTIONS]; /* with their slack */
    unsigned levels;
    uint32_t counts[MAPCACHE_LEVELS_MAX];        /* keys of a level, the blocks' own first */
    const uint8_t *keys[MAPCACHE_LEVELS_MAX];    /* with room for their fill */
    uint32_t blocks, texts, text_bits, contents; /* contents: their records */
    struct mapcache_points script;
};

/* `width` bits, at most 32, at a bit of p; the caller knows that 8 bytes can be read there. */
static inline uint32_t get_bits(const uint8_t *p, uint64_t bit, unsigned width)
{
    return (uint32_t)(mapcache_u64(p + (bit >> 3)) >> (bit & 7) & ((UINT64_C(1) << width) - 1));
}

/* Whether a section has so many bits from the byte `at` on. */
static inline bool has_bits(struct bytes section, uint64_t at, uint64_t bits)
{
    uint64_t bytes = section.len - MAPCACHE_SLACK;
    return at <= bytes && bits <= (bytes - at) * 8;
}

/* Empty when there is no such text. */
struct str mapcache_text(const struct mapcache *c, uint32_t number);
/* Of a text's number + 1; 0: none. */
struct str mapcache_text_or_none(const struct mapcache *c, uint32_t number);

/* False: it is damaged. */
bool mapcache_read_points(struct mapcache_points *p, struct reader *r);

#endif
