/* mapcache_internal.h - an open cache, for mapcache_open.c, which opens it, and mapcache.c, which
 * looks things up. */
#ifndef CRUMPLE_SOURCEMAP_MAPCACHE_INTERNAL_H
#define CRUMPLE_SOURCEMAP_MAPCACHE_INTERNAL_H

#include "base/packed.h"
#include "sourcemap/mapcache_layout.h"

struct mapcache {
    struct bytes image;
    bool mapped; /* ours to unmap */
    struct mapcache_about about;
    struct bytes sections[SECTIONS]; /* with their slack */
    struct key_levels keys;
    uint32_t blocks, texts, text_bits, contents; /* contents: their records */
    struct mapcache_points script;
};

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
