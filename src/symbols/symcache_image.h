/* symcache_image.h - an image while it is made; only for the parts of the builder. */
#ifndef CRUMPLE_SYMBOLS_SYMCACHE_IMAGE_H
#define CRUMPLE_SYMBOLS_SYMCACHE_IMAGE_H

#include "symbols/symcache_builder_internal.h"
#include "symbols/symcache_pack.h"

/* What of a pool is used, by order of first use: what is never seen is not kept, and what is near
 * in the program is near in the image. */
struct used {
    const struct pool *pool;
    uint32_t *numbers; /* for each item of the pool: its place in `order` + 1; 0: not used */
    VEC(uint32_t) order;
    bool failed; /* no memory */
};
uint32_t used_number(struct used *u, uint32_t item);

struct image {
    struct symcache_builder *b;
    struct symcache_about about; /* the counts are made here */
    struct used names, files, programs;
    VEC(uint32_t) entities, sites, wins; /* records, field by field */
    struct table_writer tables[TABLES];
};

/* Fill the tables. False: no memory. */
bool image_code(struct image *img);
bool image_unwind(struct image *img);

#endif
