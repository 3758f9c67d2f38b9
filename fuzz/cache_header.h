/* cache_header.h - for the fuzz targets of caches: what the header of an image says of itself is
 * put right, so that the rest of it is looked at. */
#ifndef CRUMPLE_FUZZ_CACHE_HEADER_H
#define CRUMPLE_FUZZ_CACHE_HEADER_H

#include "base/cache_image.h"

static inline void put_number(uint8_t *p, uint64_t n, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        p[i] = (uint8_t)(n >> (8 * i));
}

static inline void put_header_right(const struct cache_image_kind *kind, uint8_t *image,
                                    size_t size)
{
    uint32_t bytes = kind->header_bytes;
    if (size < bytes)
        return;
    memcpy(image, kind->magic, CACHE_IMAGE_MAGIC_BYTES);
    put_number(image + 8, kind->version, 4);
    put_number(image + 12, bytes, 4);
    put_number(image + 16, size, 8);
    put_number(image + bytes - 8, cache_image_sum((struct bytes){ image, bytes - 32 }), 8);
}

#endif
