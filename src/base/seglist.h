/* seglist.h - an append-only array whose elements never move: one thread appends, many read.
 *
 * Segment k holds twice as many elements as segment k-1, so 22 pointers reach 2^32 - 2^10 elements
 * and growing copies nothing. Fresh segments are zero and cost no memory until touched.
 *
 * Threads: the writer alone calls seglist_grow, seglist_truncate and writes elements. Readers may
 * read element i once they have learnt, by an acquire load of a count that the writer stored with
 * release after filling it, that it is there. */
#ifndef CRUMPLE_BASE_SEGLIST_H
#define CRUMPLE_BASE_SEGLIST_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEGLIST_FIRST_BITS 10 /* the first segment holds 1024 elements */
#define SEGLIST_SEGMENTS 22
#define SEGLIST_MAX ((((size_t)1 << SEGLIST_SEGMENTS) - 1) << SEGLIST_FIRST_BITS) /* elements */

struct seglist {
    size_t element_bytes; /* set by seglist_init, then never changed */
    _Atomic(char *) segments[SEGLIST_SEGMENTS];
    size_t len; /* the writer's own count; readers go by the count that was published to them */
};

void seglist_init(struct seglist *s, size_t element_bytes);
void seglist_done(struct seglist *s);

/* Adds n zeroed elements that lie next to each other only if n is 1. False: no memory, or full. */
bool seglist_grow(struct seglist *s, size_t n);

/* Takes back elements that were never published; they are zero again when they come next. */
void seglist_truncate(struct seglist *s, size_t len);

/* Element i, which must be there. */
static inline void *seglist_at(const struct seglist *s, size_t i)
{
    size_t j = i + ((size_t)1 << SEGLIST_FIRST_BITS);
    unsigned top = 63u - (unsigned)__builtin_clzll((unsigned long long)j);
    unsigned k = top - SEGLIST_FIRST_BITS;
    char *base = atomic_load_explicit(&s->segments[k], memory_order_acquire);
    return base + (j - ((size_t)1 << top)) * s->element_bytes;
}

#endif
