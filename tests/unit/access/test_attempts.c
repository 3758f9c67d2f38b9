/* Failed attempts: the burst, what time gives back, which addresses are one, and a table that does
 * not grow. */
#include "access/access.h"

#include "../cmocka_all.h"
#include "../group/dice.h"
#include <math.h>
#include <stdio.h>

#define ROUNDS 20

/* How many of `tries` at this time are within the limit. */
static unsigned allowed(struct attempts *t, const char *address, int64_t now_ms, unsigned tries)
{
    unsigned n = 0;
    for (unsigned i = 0; i < tries; i++)
        n += attempts_failed(t, str_from_c(address), now_ms);
    return n;
}

static void test_burst_and_refill(void **state)
{
    (void)state;
    struct attempts *t = attempts_new(100, 60);
    assert_non_null(t);
    assert_int_equal(allowed(t, "192.0.2.1", 5000, 150), 100);
    assert_int_equal(allowed(t, "192.0.2.2", 5000, 150), 100);
    assert_int_equal(allowed(t, "192.0.2.1", 5999, 5), 0);
    assert_int_equal(allowed(t, "192.0.2.1", 6000, 5), 1);
    assert_int_equal(allowed(t, "192.0.2.1", 16000, 50), 10);
    assert_int_equal(allowed(t, "192.0.2.1", 1000, 5), 0); /* a clock that was set back */
    assert_int_equal(allowed(t, "192.0.2.1", 3000, 5), 2);
    assert_int_equal(allowed(t, "192.0.2.1", INT64_MAX, 500), 100);
    assert_int_equal(allowed(t, "192.0.2.2", INT64_MIN, 5), 0);
    attempts_free(t);
    attempts_free(NULL);
}

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second;
        bool same;
    } cases[] = {
        { "192.0.2.1", "192.0.2.1", true },
        { "192.0.2.1", "192.0.2.2", false },
        { "192.0.2.1", "::ffff:192.0.2.1", true },
        { "::ffff:192.0.2.1", "::ffff:192.0.2.2", false },
        { "2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true },
        { "2001:db8:1:2::1", "2001:0DB8:1:2:0:0:0:1", true },
        { "2001:db8:1:2::1", "2001:db8:1:3::1", false },
        { "fe80::1%eth0", "fe80::2", true },
        { "unknown", "_hidden", true },
        { "unknown", "", true },
        { "unknown", "127.0.0.1", false },
        { "192.0.2.1000000000000000000000000000000000000000000000000000", "unknown", true },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct attempts *t = attempts_new(1, 1);
        assert_non_null(t);
        bool first = attempts_failed(t, str_from_c(cases[i].first), 0);
        bool second = attempts_failed(t, str_from_c(cases[i].second), 0);
        attempts_free(t);
        if (!first || second == cases[i].same)
            fail_msg("%s and %s", cases[i].first, cases[i].second);
    }
}

/* Never more than the burst and what time gave back, and never less by more than rounding. */
static void test_against_arithmetic(void **state)
{
    (void)state;
    struct dice d;
    for (unsigned round = 0; dice_seed(&d, round, ROUNDS); round++) {
        unsigned burst = 1 + dice(&d, 200), per_minute = 1 + dice(&d, 600);
        struct attempts *t = attempts_new(burst, per_minute);
        assert_non_null(t);
        double left = burst;
        int64_t now = (int64_t)dice(&d, 1000000), before = now;
        for (int i = 0; i < 5000; i++) {
            now += dice_percent(&d, 50) ? 0 : dice(&d, 2000);
            left = fmin(burst, left + (double)(now - before) * per_minute / 60000);
            before = now;
            bool spent = attempts_spent(t, STR("10.0.0.1"), now);
            bool ok = attempts_failed(t, STR("10.0.0.1"), now);
            assert_int_equal(spent, !ok); /* and it has counted nothing */
            if (ok != (left >= 1) && fabs(left - 1) > 1e-6)
                fail_msg("attempt %d: %d with %g left", i, ok, left);
            left -= ok;
        }
        attempts_free(t);
    }
}

/* A million addresses with one failure each push out one another, but not the one that has used up
 * all of its attempts. */
static void test_flood(void **state)
{
    (void)state;
    struct attempts *t = attempts_new(10, 1);
    assert_non_null(t);
    assert_int_equal(allowed(t, "192.0.2.1", 0, 20), 10);
    for (uint32_t i = 0; i < 1000000; i++) {
        char address[20];
        snprintf(address, sizeof address, "10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255, i & 255);
        assert_true(attempts_failed(t, str_from_c(address), i / 1000));
    }
    assert_int_equal(allowed(t, "192.0.2.1", 1000, 20), 0);
    attempts_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_burst_and_refill),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_against_arithmetic),
        cmocka_unit_test(test_flood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
