/* Counts of submission buckets and first fingerprints, with batches that are kept or taken back. */
#include "engine/tally.h"

#include "unit/cmocka_all.h"

#include <stdlib.h>

#define KEYS 30
#define STEPS 4000

static void key_of(uint8_t key[32], unsigned n)
{
    memset(key, 0, 32);
    key[0] = (uint8_t)n;
}

static void test_against_a_model(void **state)
{
    (void)state;
    static uint64_t now[KEYS], kept[KEYS];
    static bool seen[KEYS], seen_kept[KEYS];
    struct tally t;
    unsigned seed = 3;
    assert_true(tally_init(&t));
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned n = (unsigned)rand_r(&seed) % KEYS, what = (unsigned)rand_r(&seed) % 12;
        uint8_t key[32];
        uint64_t count;
        struct err e;
        bool first;
        key_of(key, n);
        if (what < 5) {
            assert_true(tally_add(&t, key, &count, &e));
            assert_int_equal(count, ++now[n]);
        } else if (what < 10) {
            assert_true(tally_fingerprint(&t, STR("p"), key, &first, &e));
            assert_int_equal(first, !seen[n]);
            seen[n] = true;
        } else if (what == 10) {
            tally_keep(&t);
            memcpy(kept, now, sizeof now);
            memcpy(seen_kept, seen, sizeof seen);
        } else {
            tally_undo(&t);
            memcpy(now, kept, sizeof now);
            memcpy(seen, seen_kept, sizeof seen);
        }
        assert_int_equal(tally_count(&t, key), now[n]);
    }
    tally_done(&t);
}

static void test_fingerprints_are_of_a_project(void **state)
{
    (void)state;
    struct tally t;
    uint8_t key[32] = { 1 };
    struct err e;
    bool first;
    assert_true(tally_init(&t));
    assert_true(tally_fingerprint(&t, STR("p"), key, &first, &e) && first);
    assert_true(tally_fingerprint(&t, STR("q"), key, &first, &e) && first);
    assert_true(tally_fingerprint(&t, STR("p"), key, &first, &e) && !first);
    assert_true(tally_clear(&t));
    assert_true(tally_fingerprint(&t, STR("p"), key, &first, &e) && first);
    tally_done(&t);
}

/* Combinations. */

struct values {
    const char *texts[3]; /* by attribute a, b, c; NULL: not set */
};

static bool value(const void *ctx, struct str attribute, struct str *out)
{
    const struct values *v = ctx;
    const char *text = v->texts[attribute.ptr[0] - 'a'];
    *out = str_from_c(text);
    return text;
}

static struct combination make(struct arena *a, const char *name, uint32_t token, size_t count,
                               const struct values *v)
{
    static const struct str attributes[] = { STR("a"), STR("b"), STR("c") };
    const struct upload_bucket b = {
        .name = str_from_c(name), .token = token, .attributes = attributes, .attribute_count = count
    };
    struct combination c;
    struct err e;
    assert_true(combination_make(&c, &b, value, v, a, &e));
    return c;
}

static void test_combinations(void **state)
{
    (void)state;
    /* All of these are different. */
    static const struct {
        const char *name;
        uint32_t token;
        size_t count;
        struct values v;
        const char *json;
    } cases[] = {
        { "cts", 1, 2, { { "x", "y" } }, "{\"a\":\"x\",\"b\":\"y\"}" },
        { "cts", 2, 2, { { "x", "y" } }, "{\"a\":\"x\",\"b\":\"y\"}" },
        { "cts", 257, 2, { { "x", "y" } }, "{\"a\":\"x\",\"b\":\"y\"}" },
        { "ct", 1, 2, { { "x", "y" } }, "{\"a\":\"x\",\"b\":\"y\"}" },
        { "cts", 1, 3, { { "x", "y", NULL } }, "{\"a\":\"x\",\"b\":\"y\",\"c\":null}" },
        { "cts", 1, 2, { { "x", NULL } }, "{\"a\":\"x\",\"b\":null}" },
        { "cts", 1, 2, { { "x", "" } }, "{\"a\":\"x\",\"b\":\"\"}" },
        { "cts", 1, 2, { { NULL, "x" } }, "{\"a\":null,\"b\":\"x\"}" },
        { "cts", 1, 2, { { "xy", "" } }, "{\"a\":\"xy\",\"b\":\"\"}" },
        { "cts", 1, 1, { { "x" } }, "{\"a\":\"x\"}" },
        { "cts", 1, 0, { { 0 } }, "{}" },
    };
    struct arena *a = arena_new(1 << 20);
    struct combination made[COUNT_OF(cases)];
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        made[i] = make(a, cases[i].name, cases[i].token, cases[i].count, &cases[i].v);
        assert_true(str_eq(made[i].json, str_from_c(cases[i].json)));
        struct combination again =
            make(a, cases[i].name, cases[i].token, cases[i].count, &cases[i].v);
        assert_memory_equal(made[i].key, again.key, sizeof again.key);
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(made[i].key, made[k].key, sizeof made[k].key);
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_a_model),
        cmocka_unit_test(test_fingerprints_are_of_a_project),
        cmocka_unit_test(test_combinations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
