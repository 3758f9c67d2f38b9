/* signature.h - a set of terms in 512 bits, and the most that a query's weights can add up to in
 * it.
 *
 * Each term sets one bit, so a set bit may stand for several terms: what is computed is an upper
 * bound, never too small. The weights of a query are cut into eight bits and laid out as planes:
 * plane k has the bits whose weight has bit k set. The sum is then a handful of ANDs and bit counts
 * for each plane, however many terms there are.
 * Threads: pure. */
#ifndef CRUMPLE_GROUP_SIGNATURE_H
#define CRUMPLE_GROUP_SIGNATURE_H

#include <stdint.h>

#define SIGNATURE_BITS 512u
#define SIGNATURE_WORDS (SIGNATURE_BITS / 64)
#define SIGNATURE_SUM_PLANES 8
#define SIGNATURE_COUNT_PLANES 3

struct signature {
    uint64_t words[SIGNATURE_WORDS];
};

static inline void signature_set(struct signature *s, uint32_t bit)
{
    s->words[bit / 64 % SIGNATURE_WORDS] |= (uint64_t)1 << bit % 64;
}

/* Weights to be laid out: by bit, what the query's terms there weigh together, and their number;
 * meaningless where `used` does not have the bit. */
struct signature_weights {
    struct signature used;
    float sum[SIGNATURE_BITS];
    uint32_t count[SIGNATURE_BITS];
};

static inline void signature_weights_reset(struct signature_weights *w)
{
    w->used = (struct signature){ 0 };
}

static inline void signature_weights_add(struct signature_weights *w, uint32_t bit, float weight)
{
    if (!(w->used.words[bit / 64] >> bit % 64 & 1)) {
        signature_set(&w->used, bit);
        w->sum[bit] = 0;
        w->count[bit] = 0;
    }
    w->sum[bit] += weight;
    w->count[bit]++;
}

struct signature_planes {
    uint64_t sum[SIGNATURE_SUM_PLANES][SIGNATURE_WORDS];
    uint64_t count[SIGNATURE_COUNT_PLANES][SIGNATURE_WORDS];
    uint32_t count_planes; /* those of `count` that have any bits are the first so many */
    float unit;            /* what the lowest plane of `sum` weighs */
    uint32_t surplus;      /* counts that did not fit into the planes */
};

struct signature_bound {
    float sum;
    uint32_t count;
};

void signature_planes_make(struct signature_planes *p, const struct signature_weights *w);
/* At least the sum and the number of the weights whose bits `s` has. */
typedef struct signature_bound (*signature_bound_fn)(const struct signature_planes *p,
                                                     const struct signature *s);
struct signature_bound signature_bound(const struct signature_planes *p, const struct signature *s);
/* The fastest way on this processor to get the same. */
signature_bound_fn signature_bound_best(void);

#endif
