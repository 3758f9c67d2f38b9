/* dice.h - random numbers for property tests, the same for the same seed on every machine.
 *
 * A test runs its fixed seeds, or only the one in the environment's CRUMPLE_SEED:
 *
 *     for (unsigned i = 0; dice_seed(&d, i, ROUNDS); i++)
 *         one_round(&d); */
#ifndef CRUMPLE_TESTS_GROUP_DICE_H
#define CRUMPLE_TESTS_GROUP_DICE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct dice {
    uint64_t state;
};

/* Starts round i of `rounds` and prints its seed; false when there is none more. */
static inline bool dice_seed(struct dice *d, unsigned i, unsigned rounds)
{
    const char *wanted = getenv("CRUMPLE_SEED");
    uint64_t seed = wanted ? strtoull(wanted, NULL, 10) : i + 1;
    if (i >= (wanted ? 1 : rounds))
        return false;
    printf("CRUMPLE_SEED=%llu\n", (unsigned long long)seed);
    fflush(stdout); /* to be seen when the round ends in a crash */
    d->state = seed;
    return true;
}

static inline uint64_t dice_bits(struct dice *d) /* splitmix64 */
{
    uint64_t x = d->state += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* One of 0 to n-1. */
static inline uint32_t dice(struct dice *d, uint32_t n)
{
    return (uint32_t)((dice_bits(d) >> 32) * n >> 32);
}

static inline bool dice_percent(struct dice *d, uint32_t percent)
{
    return dice(d, 100) < percent;
}

/* From 0 up to 1. */
static inline double dice_fraction(struct dice *d)
{
    return (double)(dice_bits(d) >> 11) / 9007199254740992.0;
}

/* One of 0 to n-1; small ones come much more often than large ones, as words do. */
static inline uint32_t dice_word(struct dice *d, uint32_t n)
{
    uint32_t i = (uint32_t)(pow((double)n + 1, dice_fraction(d))) - 1;
    return i < n ? i : n - 1;
}

#endif
