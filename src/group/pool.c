/* pool.c - chunks, newest first. What does not fit in the rest of a chunk starts a new one, and the
 * rest stays unused: little, since chunks are large and things are small. A pool that has grown
 * takes chunks of a large page. */
#include "group/pool.h"

#include "base/pages.h"

#include <assert.h>

#define POOL_CHUNK_BYTES ((size_t)256 << 10)
#define LARGE_FROM (2 * PAGES_LARGE) /* bytes of a pool */

struct pool_chunk {
    struct pool_chunk *older;
    size_t size, used; /* bytes of `memory` */
    _Alignas(16) char memory[];
};

void pool_init(struct pool *p)
{
    p->newest = NULL;
    atomic_init(&p->bytes, 0);
}

static void pool_drop(struct pool *p)
{
    struct pool_chunk *c = p->newest;
    p->newest = c->older;
    atomic_fetch_sub_explicit(&p->bytes, sizeof *c + c->size, memory_order_relaxed);
    pages_unmap(c, sizeof *c + c->size);
}

void pool_done(struct pool *p)
{
    while (p->newest)
        pool_drop(p);
}

static bool pool_grow(struct pool *p, size_t n)
{
    struct pool_chunk *c = NULL;
    size_t size = (pool_bytes(p) < LARGE_FROM ? POOL_CHUNK_BYTES : PAGES_LARGE) - sizeof *c;
    if (n > size)
        size = n;
    if (size > SIZE_MAX - sizeof *c)
        return false;
    c = pages_map(sizeof *c + size);
    if (!c)
        return false;
    c->older = p->newest;
    c->size = size;
    p->newest = c;
    atomic_fetch_add_explicit(&p->bytes, sizeof *c + size, memory_order_relaxed);
    return true;
}

void *pool_alloc(struct pool *p, size_t n, size_t align)
{
    struct pool_chunk *c = p->newest;
    size_t at = c ? (c->used + align - 1) & ~(align - 1) : 0;
    if (!c || at > c->size || n > c->size - at) {
        if (!pool_grow(p, n))
            return NULL;
        c = p->newest;
        at = 0;
    }
    c->used = at + n;
    return c->memory + at;
}

struct pool_mark pool_mark(const struct pool *p)
{
    return (struct pool_mark){ p->newest, p->newest ? p->newest->used : 0 };
}

void pool_rewind(struct pool *p, struct pool_mark to)
{
    while (p->newest != to.chunk)
        pool_drop(p);
    if (p->newest) {
        assert(to.used <= p->newest->used);
        p->newest->used = to.used;
    }
}
