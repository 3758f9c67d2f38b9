/* seglist.c - segments are zero, and no page of them is memory before it is written. */
#include "base/seglist.h"

#include "base/pages.h"

#include <string.h>

static size_t segment_elements(unsigned k)
{
    return (size_t)1 << (SEGLIST_FIRST_BITS + k);
}

/* The segment that element i lies in. */
static unsigned segment_of(size_t i)
{
    unsigned long long j = (unsigned long long)i + (1ull << SEGLIST_FIRST_BITS);
    return 63u - (unsigned)__builtin_clzll(j) - SEGLIST_FIRST_BITS;
}

void seglist_init(struct seglist *s, size_t element_bytes)
{
    assert(element_bytes > 0);
    memset(s, 0, sizeof *s);
    s->element_bytes = element_bytes;
}

void seglist_done(struct seglist *s)
{
    for (unsigned k = 0; k < SEGLIST_SEGMENTS; k++) {
        char *base = atomic_load_explicit(&s->segments[k], memory_order_relaxed);
        pages_unmap(base, segment_elements(k) * s->element_bytes);
        atomic_store_explicit(&s->segments[k], NULL, memory_order_relaxed);
    }
    s->len = 0;
}

bool seglist_grow(struct seglist *s, size_t n)
{
    if (n == 0)
        return true;
    if (n > SEGLIST_MAX - s->len)
        return false;
    unsigned last = segment_of(s->len + n - 1);
    for (unsigned k = segment_of(s->len); k <= last; k++) {
        if (atomic_load_explicit(&s->segments[k], memory_order_relaxed))
            continue;
        size_t bytes;
        if (__builtin_mul_overflow(segment_elements(k), s->element_bytes, &bytes))
            return false;
        void *base = pages_map(bytes);
        if (!base)
            return false; /* segments made before it stay for the next try */
        atomic_store_explicit(&s->segments[k], base, memory_order_release);
    }
    s->len += n;
    return true;
}

void seglist_truncate(struct seglist *s, size_t len)
{
    assert(len <= s->len);
    for (size_t i = len; i < s->len; i++)
        memset(seglist_at(s, i), 0, s->element_bytes);
    s->len = len;
}
