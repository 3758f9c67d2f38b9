/* marks.h - a sparse map from numbers (of tokens, of values) to what they mean to a search.
 *
 * Most numbers mean nothing to a query, and those are asked about a hundred million times: so a
 * bit for each number comes first, and only where it is set are there marks to be read.
 *
 *     bits   ..0100..1..      rank   set bits before each word of 64
 *     first  where the marks of the n-th set bit begin      at   the marks
 *
 * Made in order of rising numbers, then closed, then never changed. Memory: an arena's. */
#ifndef CRUMPLE_QUERY_MARKS_H
#define CRUMPLE_QUERY_MARKS_H

#include "base/arena.h"

struct mark {
    uint32_t slot;
    float weight; /* of a word: how often; of a pattern: how well; of a phrase: its frequency */
};

struct marks {
    uint64_t *bits;
    uint32_t *rank;
    uint32_t *first;
    struct mark *at;
    size_t numbers;               /* every number is below this */
    size_t first_cap, count, cap; /* count: marks */
    uint32_t marked;              /* numbers that have marks */
};

MUST_CHECK bool marks_init(struct marks *m, size_t numbers, struct arena *a);
/* `number` must not be below one that was added. False: no memory. */
MUST_CHECK bool marks_add(struct marks *m, uint32_t number, struct mark mark, struct arena *a);
/* No more adds; now it can be read. */
MUST_CHECK bool marks_close(struct marks *m, struct arena *a);

static inline bool marks_has(const struct marks *m, uint32_t number)
{
    return m->bits[number >> 6] >> (number & 63) & 1;
}

/* The marks of a number that has some: [*begin, return value). */
static inline const struct mark *marks_of(const struct marks *m, uint32_t number,
                                          const struct mark **begin)
{
    uint64_t below = m->bits[number >> 6] & ((UINT64_C(1) << (number & 63)) - 1);
    uint32_t i = m->rank[number >> 6] + (uint32_t)__builtin_popcountll(below);
    *begin = m->at + m->first[i];
    return m->at + m->first[i + 1];
}

#endif
