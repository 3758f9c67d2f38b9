/* image.h - a symbol file, as text, to an open symbol cache; and what it answers, as text. */
#ifndef CRUMPLE_TESTS_SYMBOLS_IMAGE_H
#define CRUMPLE_TESTS_SYMBOLS_IMAGE_H

#include "base/buf.h"
#include "symbols/symcache.h"

struct image {
    struct buf bytes;
    struct symcache *cache;
};

/* The test fails when it cannot be made. */
void image_make(struct image *i, struct str text);
void image_done(struct image *i);

/* "function|file:line|start|parameter bytes" for each frame, innermost first, with a line feed
 * behind; for a public symbol "public". */
void image_print_frames(struct buf *out, const struct symcache_frame *frames, size_t n);
void image_print_find(struct buf *out, const struct symcache *c, uint64_t address);

/* Operations as words: "reg 7 push 8 add cfa!". */
void image_print_program(struct buf *out, struct bytes program);

#endif
