/* key_levels.h - many sorted keys, and a small tree that leads to one of them: every so-manieth key
 * makes the next level, up to one of a single node. A node's keys are compared all at once, so they
 * are to fill a cache line of 64 bytes.
 *
 *     level 0 | level 1 | ... | the top; each filled up with ff to whole nodes
 *
 * Keys are little endian numbers. This writes the levels and finds them again; the search is the
 * caller's own, since that is what has to be fast. Threads: pure, but for what a buf says. */
#ifndef CRUMPLE_BASE_KEY_LEVELS_H
#define CRUMPLE_BASE_KEY_LEVELS_H

#include "base/buf.h"

#define KEY_LEVELS_MAX 11 /* of 2^32 keys, 8 in a node */
#define KEY_BYTES_MAX 8

struct key_shape {
    unsigned fanout;    /* keys in a node, 8 or more */
    unsigned key_bytes; /* at most KEY_BYTES_MAX */
};

struct key_levels {
    unsigned levels;                   /* 0: there are no keys */
    uint32_t counts[KEY_LEVELS_MAX];   /* keys of a level, without its fill */
    const uint8_t *at[KEY_LEVELS_MAX]; /* borrowed */
};

/* Behind the keys of level 0, which `keys` holds and nothing else, the fill and the other levels.
 * What finds no room makes the buf fail. */
void key_levels_write(struct buf *keys, struct key_shape shape);

/* Where the levels of `count` keys are; false when `in` is too short for them. */
MUST_CHECK bool key_levels_open(struct key_levels *out, struct key_shape shape, uint32_t count,
                                struct bytes in);

#endif
