/* arena: the limit, the alignment, what runs when it goes, and poison under ASan. */
#include "base/arena.h"

#include "../cmocka_all.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

static void test_alloc(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 20);
    static const size_t sizes[] = { 0, 1, 15, 16, 17, 100, 5000, 70000, 3, 8192 };
    char *got[COUNT_OF(sizes)];
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        got[i] = arena_alloc(a, sizes[i]);
        assert_non_null(got[i]);
        assert_int_equal((uintptr_t)got[i] % 16, 0);
        memset(got[i], (int)i, sizes[i]);
    }
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(got[i][k], i);
    assert_in_range(arena_used(a), 83344, 83344 + 16 * COUNT_OF(sizes));
}

static void test_limit(void **state)
{
    (void)state;
    for (size_t piece = 16; piece <= 4096; piece *= 2) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(40000);
        size_t total = 0;
        while (arena_alloc(a, piece))
            total += piece;
        assert_in_range(total, 40000 - 3 * piece - 2048, 40000);
        assert_int_equal(arena_used(a), total);
    }
    CLEANUP(arena_free_p) struct arena *a = arena_new(1000);
    assert_null(arena_alloc(a, 1001));
    assert_non_null(arena_alloc(a, 992));
    assert_null(arena_alloc(a, 16));
    assert_null(arena_alloc(a, SIZE_MAX));
    assert_null(arena_array(a, SIZE_MAX / 8, 16));
    CLEANUP(arena_free_p) struct arena *none = arena_new(0);
    assert_null(arena_alloc(none, 0));
}

static void test_budget(void **state)
{
    (void)state;
    struct arena_budget budget = { .limit_bytes = 100000 };
    CLEANUP(arena_free_p) struct arena *a = arena_new_in(&budget, 1 << 20);
    {
        CLEANUP(arena_free_p) struct arena *b = arena_new_in(&budget, 60000);
        assert_non_null(arena_alloc(b, 50000));
        assert_null(arena_alloc(b, 20000)); /* its own limit */
        assert_null(arena_alloc(a, 60000)); /* that of both */
        assert_non_null(arena_alloc(a, 40000));
        assert_in_range(budget.used_bytes, 90000, 100000);
    }
    assert_non_null(arena_alloc(a, 50000)); /* b has given back */
    arena_reset(a);
    assert_in_range(budget.used_bytes, 40000, 50000); /* the first block is kept */
    arena_free(a);
    a = NULL;
    assert_int_equal(budget.used_bytes, 0);
}

static void test_zero(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 16);
    memset(arena_alloc(a, 1000), 0xff, 1000);
    arena_reset(a);
    const char *p = arena_zalloc(a, 1000);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(p[i], 0);
}

static void test_strings(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(200);
    struct str s;
    assert_true(arena_str(a, STR("a\0b"), &s));
    assert_true(str_eq(s, STR("a\0b")));
    assert_int_equal(s.ptr[3], '\0');
    assert_true(arena_str(a, (struct str){ 0 }, &s));
    assert_int_equal(s.len, 0);
    assert_true(arena_printf(a, &s, "%s-%d", "x", 12));
    assert_true(str_eq(s, STR("x-12")));
    assert_int_equal(s.ptr[4], '\0');
    assert_false(arena_printf(a, &s, "%300d", 1));
}

static char order[8];
static size_t order_len;

static void note(void *arg)
{
    order[order_len++] = *(const char *)arg;
}

static void test_defer(void **state)
{
    (void)state;
    char names[] = "abc";
    struct arena *a = arena_new(1 << 16);
    order_len = 0;
    assert_true(arena_defer(a, note, &names[0]));
    assert_true(arena_defer(a, note, &names[1]));
    arena_reset(a);
    assert_memory_equal(order, "ba", 2);
    assert_true(arena_defer(a, note, &names[2]));
    arena_free(a);
    assert_int_equal(order_len, 3);
    assert_memory_equal(order, "bac", 3);

    struct arena *full = arena_new(0);
    assert_false(arena_defer(full, note, &names[0]));
    arena_free(full);
    assert_int_equal(order_len, 3);
    arena_free(NULL);
}

static void test_reset_keeps_limit(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(100000);
    for (int round = 0; round < 5; round++) {
        assert_non_null(arena_alloc(a, 100));
        assert_non_null(arena_alloc(a, 80000));
        assert_null(arena_alloc(a, 80000));
        arena_reset(a);
        assert_int_equal(arena_used(a), 0);
    }
}

#ifdef __SANITIZE_ADDRESS__
static void test_poison(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 16);
    char *p = arena_alloc(a, 20);
    assert_false(__asan_address_is_poisoned(p + 19));
    assert_true(__asan_address_is_poisoned(p + 20));
    arena_reset(a);
    assert_true(__asan_address_is_poisoned(p));
}
#endif

/* Long arrays are within the limit, too, and are given back; short ones are as any other. */
static void test_large(void **state)
{
    (void)state;
    struct arena_budget budget = { .limit_bytes = 64u << 20 };
    struct arena *a = arena_new_in(&budget, 16u << 20);
    assert_non_null(a);
    uint32_t *small = arena_large(a, 10, sizeof *small);
    uint32_t *large = arena_large(a, 1000000, sizeof *large);
    assert_true(small && large);
    memset(small, 1, 10 * sizeof *small);
    memset(large, 2, 1000000 * sizeof *large);
    assert_int_equal(small[9], 0x01010101);
    assert_int_equal((uintptr_t)large % 16, 0);
    assert_null(arena_large(a, 4000000, sizeof *large));
    assert_null(arena_large(a, SIZE_MAX / 2, 4));
    assert_non_null(arena_large(a, 400000, sizeof *large));
    assert_true(budget.used_bytes <= 16u << 20);
    arena_reset(a);
    assert_non_null(arena_large(a, 3000000, sizeof *large));
    arena_free(a);
    assert_int_equal(budget.used_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_large),  cmocka_unit_test(test_alloc),
        cmocka_unit_test(test_limit),  cmocka_unit_test(test_budget),
        cmocka_unit_test(test_zero),   cmocka_unit_test(test_strings),
        cmocka_unit_test(test_defer),  cmocka_unit_test(test_reset_keeps_limit),
#ifdef __SANITIZE_ADDRESS__
        cmocka_unit_test(test_poison),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
