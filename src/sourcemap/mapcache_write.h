/* mapcache_write.h - writes the image of a cache (mapcache_layout.h) from a map that was read. */
#ifndef CRUMPLE_SOURCEMAP_MAPCACHE_WRITE_H
#define CRUMPLE_SOURCEMAP_MAPCACHE_WRITE_H

#include "base/idmap.h"
#include "base/packed.h"
#include "base/vec.h"
#include "sourcemap/mapcache_layout.h"
#include "sourcemap/sourcemap_internal.h"

/* Numbers bit by bit, lowest first, at the end of a buffer. */
struct bits {
    struct buf *out;
    uint64_t waiting; /* bits that have not been written yet, */
    unsigned count;   /* below 8 between calls */
};
static inline void bits_put(struct bits *b, uint32_t value, unsigned width)
{
    b->waiting |= (uint64_t)value << b->count;
    for (b->count += width; b->count >= 8; b->count -= 8, b->waiting >>= 8)
        buf_char(b->out, (char)b->waiting);
}
static inline void bits_end(struct bits *b) /* up to a byte, with zeros */
{
    bits_put(b, 0, -b->count % 8);
}

/* Texts, each once; a text's number tells which came how early. */
struct texts {
    struct idmap map;
    VEC(struct str) all; /* borrowed */
    bool failed;         /* no memory */
};
/* Its number; 0 when memory is short. What is not UTF-8 is up to the caller. */
uint32_t texts_number(struct texts *t, struct str text);

/* Blocks, keys and offsets from a map's mappings. Gives the number of blocks. */
struct mapcache_rows {
    struct buf *blocks, *keys, *offsets;
};
uint32_t mapcache_write_rows(const struct mapcache_rows *to, const struct map *m,
                             const uint32_t *name_texts);

/* Adds the functions of a text, each of which counts in *functions. `map` is NULL for a source's
 * text; for the script's own, functions get the names that the map says they had. ERR_LIMIT,
 * ERR_NOMEM. */
MUST_CHECK bool mapcache_write_functions(struct buf *to, struct texts *texts, struct str text,
                                         const struct map *map, struct arena *a,
                                         struct mapcache_points *out, uint32_t *functions,
                                         struct err *e);

/* The image, at the end of `out`. ERR_LIMIT, ERR_NOMEM. */
MUST_CHECK bool mapcache_write(const struct map *m, const struct sourcemap_from *from,
                               struct arena *a, struct buf *out, struct err *e);

#endif
