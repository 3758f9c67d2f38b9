/* cache_image.h - what the images of all caches have in common: they are made once, mapped into
 * memory and never parsed again. What is in one is its room's own affair
 * (symbols/symcache_layout.h, sourcemap/mapcache_layout.h); this is the frame of its header, the
 * sums, and the file.
 *
 *     8 magic | u32 version | u32 header bytes | u64 image bytes | u64 sum of all behind the header
 *     the room's own fields
 *     zero up to 8 before the header's end | u64 sum of the header up to 32 before its end
 *
 * All numbers are little endian. Sums are no defence against malice, only against damage.
 * Errors: ERR_INPUT for an image that is none, is damaged or has another version, with the word of
 * its kind for the latter; for files also ERR_NOT_FOUND and ERR_IO. Threads: pure, but for what a
 * buf or a reader says. */
#ifndef CRUMPLE_BASE_CACHE_IMAGE_H
#define CRUMPLE_BASE_CACHE_IMAGE_H

#include "base/buf.h"
#include "base/reader.h"

#define CACHE_IMAGE_MAGIC_BYTES 8

struct cache_image_kind {
    const char *name;         /* in messages: "symbol cache" */
    const char *version_word; /* of the error about another version (err.h) */
    const char *magic;        /* of CACHE_IMAGE_MAGIC_BYTES */
    uint32_t version;
    uint32_t header_bytes; /* a multiple of 32 */
};

/* Whether they are the first bytes of an image of that kind, of any version. */
bool cache_image_is(const struct cache_image_kind *kind, struct bytes first);

/* Checks the frame and the header's sum. *fields then reads the header behind the frame. */
MUST_CHECK bool cache_image_open(const struct cache_image_kind *kind, struct bytes image,
                                 struct reader *fields, struct err *e);
/* Checks the sum of what is behind the header, all of which it reads. The image could be opened. */
MUST_CHECK bool cache_image_verify(const struct cache_image_kind *kind, struct bytes image,
                                   struct err *e);
/* Says that an image is damaged, and in what; returns false. */
bool cache_image_damaged(const struct cache_image_kind *kind, const char *what, struct err *e);

/* Maps a file that may hold an image; the caller opens and unmaps it. */
MUST_CHECK bool cache_image_map(const struct cache_image_kind *kind, const char *path,
                                struct bytes *out, struct err *e);
void cache_image_unmap(struct bytes image);

/* A header is written into an empty buf of its own: begin, the room's fields, end. It is whole when
 * the buf has not failed. */
void cache_image_begin(const struct cache_image_kind *kind, struct buf *header,
                       uint64_t image_bytes, uint64_t body_sum);
void cache_image_end(const struct cache_image_kind *kind, struct buf *header);

/* Sum of bytes whose number is a multiple of 32, front to back in any portions of such. */
struct cache_image_sum {
    uint64_t lane[4];
};
void cache_image_sum_init(struct cache_image_sum *s);
void cache_image_sum_add(struct cache_image_sum *s, struct bytes portion);
uint64_t cache_image_sum_end(const struct cache_image_sum *s);
uint64_t cache_image_sum(struct bytes all);

#endif
