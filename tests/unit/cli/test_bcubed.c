/* BCubed scores: small groupings worked out by hand, and larger ones by the definition. */
#include "cli/bcubed.h"

#include "../cmocka_all.h"

#include <math.h>
#include <stdbool.h>

#define ITEMS_MAX 200

/* "Aa" is a report of bug A in bucket a. */
static size_t items_of(const char *text, struct bcubed_item *out)
{
    size_t n = 0;
    for (const char *p = text; p[0] && p[1]; p += p[2] ? 3 : 2)
        out[n++] = (struct bcubed_item){ (uint32_t)p[0], (uint32_t)p[1] };
    return n;
}

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-12;
}

static void test_by_hand(void **state)
{
    (void)state;
    static const struct {
        const char *items;
        size_t bugs, buckets;
        double precision, recall, purity, inverse_purity;
    } cases[] = {
        { "", 0, 0, 0, 0, 0, 0 },
        { "Aa", 1, 1, 1, 1, 1, 1 },
        { "Aa Bb Ab Ba", 2, 2, .5, .5, .5, .5 },
        { "Aa Aa Bb Bb", 2, 2, 1, 1, 1, 1 },
        /* all in one bucket: 3 of 4, 1 of 4 */
        { "Aa Aa Ba Aa", 2, 1, (3 * .75 + .25) / 4, 1, .75, 1 },
        /* each alone */
        { "Aa Ab Bc Ad", 2, 4, 1, (3. / 3 + 1) / 4, 1, .5 },
        /* bucket a: A A B, bucket b: B B, bucket c: A */
        { "Bb Aa Ba Ac Aa Bb", 2, 3, (2 * 2. / 3 + 1. / 3 + 3) / 6, (4. / 3 + 1. / 3) * 2 / 6,
          5. / 6, 4. / 6 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct bcubed_item items[ITEMS_MAX];
        size_t n = items_of(cases[i].items, items);
        struct bcubed s = bcubed_score(items, n);
        double sum = cases[i].precision + cases[i].recall;
        double f1 = sum > 0 ? 2 * cases[i].precision * cases[i].recall / sum : 0;
        if (s.reports != n || s.bugs != cases[i].bugs || s.buckets != cases[i].buckets ||
            !near(s.precision, cases[i].precision) || !near(s.recall, cases[i].recall) ||
            !near(s.f1, f1) || !near(s.purity, cases[i].purity) ||
            !near(s.inverse_purity, cases[i].inverse_purity))
            fail_msg("\"%s\": %zu bugs, %zu buckets, P %f R %f F1 %f, purity %f, inverse %f",
                     cases[i].items, s.bugs, s.buckets, s.precision, s.recall, s.f1, s.purity,
                     s.inverse_purity);
    }
}

/* For each report, over all reports: as the definition says. */
static void slow_score(const struct bcubed_item *items, size_t n, double *precision, double *recall)
{
    *precision = *recall = 0;
    for (size_t i = 0; i < n; i++) {
        double both = 0, bucket = 0, bug = 0;
        for (size_t j = 0; j < n; j++) {
            bool same_bucket = items[i].bucket == items[j].bucket;
            bool same_bug = items[i].bug == items[j].bug;
            both += same_bucket && same_bug;
            bucket += same_bucket;
            bug += same_bug;
        }
        *precision += both / bucket / (double)n;
        *recall += both / bug / (double)n;
    }
}

static void test_definition(void **state)
{
    (void)state;
    uint32_t random = 1;
    for (size_t n = 1; n <= ITEMS_MAX; n += 13) {
        struct bcubed_item items[ITEMS_MAX];
        for (size_t i = 0; i < n; i++) {
            random = random * 1664525u + 1013904223u;
            items[i] = (struct bcubed_item){ random >> 16 & 15, random >> 24 & 7 };
        }
        double precision, recall;
        slow_score(items, n, &precision, &recall);
        struct bcubed s = bcubed_score(items, n);
        if (!near(s.precision, precision) || !near(s.recall, recall))
            fail_msg("%zu reports: P %f, not %f; R %f, not %f", n, s.precision, precision, s.recall,
                     recall);
    }
}

static void test_largest(void **state)
{
    (void)state;
    struct bcubed_item items[ITEMS_MAX];
    struct bcubed_bucket b[5];
    size_t n = items_of("Ad Bd Aa Ab Bb Ab Cc Cc Cc Ce Ae", items);
    assert_int_equal(bcubed_largest(items, n, b, 3), 3);
    assert_int_equal(b[0].bucket, 'b'); /* as large as c, and before it */
    assert_int_equal(b[0].reports, 3);
    assert_true(near(b[0].purity, 2. / 3));
    assert_int_equal(b[1].bucket, 'c');
    assert_true(near(b[1].purity, 1));
    assert_int_equal(b[2].bucket, 'd');
    assert_int_equal(b[2].reports, 2);
    assert_true(near(b[2].purity, .5));
    assert_int_equal(bcubed_largest(items, n, b, 5), 5);
    assert_int_equal(b[4].bucket, 'a');
    assert_int_equal(bcubed_largest(items, 0, b, 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_definition),
        cmocka_unit_test(test_largest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
