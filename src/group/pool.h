/* pool.h - memory for the many small things of the index: packed tightly, never moved, let go all
 * at once or from the newest back to a mark.
 *
 * An arena would round every string of a few bytes up to sixteen.
 * Threads: one at a time, but pool_bytes, which any thread may ask. */
#ifndef CRUMPLE_GROUP_POOL_H
#define CRUMPLE_GROUP_POOL_H

#include "base/err.h"

#include <stdatomic.h>
#include <stddef.h>

struct pool_chunk;
struct pool {
    struct pool_chunk *newest; /* each chunk knows the one before it */
    _Atomic size_t bytes;      /* all chunks together */
};
struct pool_mark {
    struct pool_chunk *chunk;
    size_t used;
};

void pool_init(struct pool *p);
void pool_done(struct pool *p);

/* n bytes, not zeroed; align is a power of two up to 16. NULL: no memory. */
MUST_CHECK void *pool_alloc(struct pool *p, size_t n, size_t align);

struct pool_mark pool_mark(const struct pool *p);
/* Takes back all that was handed out since the mark was made; older marks stay good. */
void pool_rewind(struct pool *p, struct pool_mark to);

static inline size_t pool_bytes(const struct pool *p)
{
    return atomic_load_explicit(&p->bytes, memory_order_relaxed);
}

#endif
