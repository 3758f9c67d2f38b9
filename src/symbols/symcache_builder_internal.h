/* symcache_builder_internal.h - what the two halves of the builder share: symcache_builder.c takes
 * things in, symcache_image.c writes the image. */
#ifndef CRUMPLE_SYMBOLS_SYMCACHE_BUILDER_INTERNAL_H
#define CRUMPLE_SYMBOLS_SYMCACHE_BUILDER_INTERNAL_H

#include "base/arena.h"
#include "base/idmap.h"
#include "base/vec.h"
#include "symbols/symcache_builder.h"
#include "symbols/symcache_layout.h"

/* Texts or programs, each kept once: a number for each. */
struct pool_item {
    uint64_t offset; /* in the pool's bytes */
    uint32_t len;
    bool known; /* false: reserved, and its text has not come yet */
};
struct pool {
    VEC(struct pool_item) items;
    VEC(char) bytes;
    struct idmap map;
};

struct built_function {
    uint32_t first, last, parameter_bytes, name;
    size_t lines, inlines; /* where its own begin */
};
struct built_line {
    uint32_t first, last, line, file;
};
struct built_inline {
    uint32_t first, last, name, call_line, call_file;
};
struct built_public {
    uint32_t address, parameter_bytes, name, order;
};
struct built_cfi {
    uint32_t first, last, program;
};
struct built_win {
    struct symcache_win record; /* its program does not count */
    uint32_t last, program;     /* number + 1 */
};

struct symcache_builder {
    size_t limit_bytes, used_bytes;
    struct err err;      /* the first failure; then nothing is taken any more */
    struct arena *texts; /* of about */
    struct symcache_about about;
    struct pool names, files, programs;
    VEC(struct built_function) functions;
    VEC(struct built_line) lines;
    VEC(struct built_inline) inlines;
    VEC(struct built_public) publics;
    VEC(struct built_cfi) cfi;
    VEC(struct built_win) wins;
    uint32_t line_bits; /* all bits that any line number has */
    bool in_function;   /* lines and inlines belong to the last of `functions` */
};

/* False, with the builder failed, when n more bytes pass its limit. */
bool builder_charge(struct symcache_builder *b, size_t n);
bool builder_nomem(struct symcache_builder *b); /* fails it; false */

#endif
