/* signature: its bound against the plain sum of the weights that are there. */
#include "group/signature.h"

#include "../cmocka_all.h"
#include "dice.h"

#include <string.h>

#define ROUNDS 2000
#define TERMS_MAX 3000

/* Sums are single precision; what is computed from them is right to about this. */
#define PRECISION 1e-5

struct weighed {
    uint32_t bit;
    float weight;
    bool held; /* by the signature */
};

static void one_round(struct dice *d)
{
    static const uint32_t sizes[] = { 1, 5, 20, 60, 200, 1000, TERMS_MAX };
    static struct weighed terms[TERMS_MAX];
    uint32_t count = 1 + dice(d, sizes[dice(d, 7)]);
    uint32_t bits = dice_percent(d, 30) ? 1 + dice(d, 40) : SIGNATURE_BITS; /* few: collisions */
    uint32_t held = dice(d, 101);
    static struct signature_weights weights; /* full of the round before */
    struct signature s = { { 0 } };
    bool zeros = dice_percent(d, 10);
    signature_weights_reset(&weights);
    for (uint32_t i = 0; i < count; i++) {
        float weight = zeros ? 0 : (float)pow(10, 6 * dice_fraction(d) - 4);
        terms[i] = (struct weighed){ dice(d, bits), weight, dice_percent(d, held) };
        signature_weights_add(&weights, terms[i].bit, weight);
        if (terms[i].held)
            signature_set(&s, terms[i].bit);
    }
    if (dice_percent(d, 50)) /* bits of terms that the query does not have */
        for (int i = 0; i < 50; i++)
            signature_set(&s, dice(d, SIGNATURE_BITS));

    double sum = 0, most = 0, ceiling = 0;
    uint32_t matching = 0, under_set_bits = 0, set_bits = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += terms[i].held ? (double)terms[i].weight : 0;
        matching += terms[i].held;
    }
    for (uint32_t b = 0; b < SIGNATURE_BITS; b++) {
        if (!(weights.used.words[b / 64] >> b % 64 & 1))
            continue;
        most = fmax(most, (double)weights.sum[b]);
        if (!(s.words[b / 64] >> b % 64 & 1))
            continue;
        ceiling += (double)weights.sum[b];
        under_set_bits += weights.count[b];
        set_bits++;
    }

    struct signature_planes planes;
    signature_planes_make(&planes, &weights);
    struct signature_bound bound = signature_bound(&planes, &s);
    struct signature_bound best = signature_bound_best()(&planes, &s); /* this processor's way */
    assert_true(best.sum == bound.sum && best.count == bound.count);
    if ((double)bound.sum < sum * (1 - PRECISION) || bound.count < matching)
        fail_msg("bound %.9g of %u terms, but they are %.9g of %u", (double)bound.sum, bound.count,
                 sum, matching);
    /* Nor is it idle: each set bit is at most a 255th of the greatest too high, and counts are
     * exact but for what did not fit into seven. */
    assert_true((double)bound.sum <= (ceiling + most / 255 * set_bits) * (1 + PRECISION));
    assert_true(bound.count <= under_set_bits + planes.surplus);
}

static void test_bound(void **state)
{
    (void)state;
    struct dice d;
    for (unsigned i = 0; dice_seed(&d, i, 2); i++)
        for (unsigned k = 0; k < ROUNDS; k++)
            one_round(&d);
}

static void test_counts_over_seven(void **state)
{
    (void)state;
    struct signature_weights weights;
    struct signature one = { { 0 } }, other = { { 0 } };
    struct signature_planes planes;
    signature_weights_reset(&weights);
    for (int i = 0; i < 12; i++)
        signature_weights_add(&weights, 3, 0.5f);
    for (int i = 0; i < 7; i++)
        signature_weights_add(&weights, 511, 0.25f);
    signature_set(&one, 3);
    signature_set(&other, 511);
    signature_planes_make(&planes, &weights);
    assert_int_equal(planes.surplus, 5);
    assert_int_equal(signature_bound(&planes, &one).count, 12);
    assert_int_equal(signature_bound(&planes, &other).count, 12); /* 7, and 5 for safety */
}

static void test_nothing(void **state)
{
    (void)state;
    struct signature_weights weights;
    struct signature all;
    struct signature_planes planes;
    signature_weights_reset(&weights);
    memset(&all, 0xff, sizeof all);
    signature_planes_make(&planes, &weights);
    struct signature_bound bound = signature_bound(&planes, &all);
    assert_true(bound.sum == 0);
    assert_int_equal(bound.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_counts_over_seven),
        cmocka_unit_test(test_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
