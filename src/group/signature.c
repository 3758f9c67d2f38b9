/* signature.c - see signature.h. The only clever thing is that nothing is done term by term. */
#include "group/signature.h"

#include <math.h>
#include <string.h>

#define LEVELS ((1u << SIGNATURE_SUM_PLANES) - 1)
#define COUNTS ((1u << SIGNATURE_COUNT_PLANES) - 1)

void signature_planes_make(struct signature_planes *p, const struct signature_weights *w)
{
    memset(p, 0, sizeof *p);
    float most = 0;
    for (uint32_t b = 0; b < SIGNATURE_BITS; b++)
        most = w->sum[b] > most ? w->sum[b] : most;
    p->unit = most / (float)LEVELS;
    for (uint32_t b = 0; b < SIGNATURE_BITS; b++) {
        if (w->count[b] == 0)
            continue;
        uint32_t level = p->unit > 0 ? (uint32_t)ceilf(w->sum[b] / p->unit) : 0;
        level = level > LEVELS ? LEVELS : level;
        uint32_t count = w->count[b] > COUNTS ? COUNTS : w->count[b];
        p->surplus += w->count[b] - count;
        for (uint32_t k = 0; k < SIGNATURE_SUM_PLANES; k++)
            p->sum[k][b / 64] |= (uint64_t)(level >> k & 1) << b % 64;
        for (uint32_t k = 0; k < SIGNATURE_COUNT_PLANES; k++)
            p->count[k][b / 64] |= (uint64_t)(count >> k & 1) << b % 64;
    }
}

struct signature_bound signature_bound(const struct signature_planes *p, const struct signature *s)
{
    uint64_t sum = 0, count = 0;
    for (uint32_t k = 0; k < SIGNATURE_SUM_PLANES; k++) {
        uint64_t ones = 0;
        for (uint32_t i = 0; i < SIGNATURE_WORDS; i++)
            ones += (uint64_t)__builtin_popcountll(p->sum[k][i] & s->words[i]);
        sum += ones << k;
    }
    for (uint32_t k = 0; k < SIGNATURE_COUNT_PLANES; k++) {
        uint64_t ones = 0;
        for (uint32_t i = 0; i < SIGNATURE_WORDS; i++)
            ones += (uint64_t)__builtin_popcountll(p->count[k][i] & s->words[i]);
        count += ones << k;
    }
    return (struct signature_bound){ (float)sum * p->unit, (uint32_t)count + p->surplus };
}
