/* buf and vec: what grows, and what happens at the maximum. */
#include "base/buf.h"
#include "base/vec.h"

#include "../cmocka_all.h"

static void test_writes(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 20);
    assert_true(str_eq(buf_view(&b), STR("")));
    buf_add(&b, "ab", 2);
    buf_str(&b, STR("cd"));
    buf_char(&b, 'e');
    buf_printf(&b, "%d%s", 12, "x");
    assert_true(str_eq(buf_view(&b), STR("abcde12x")));

    buf_reset(&b);
    buf_printf(&b, "%0500d", 7); /* longer than what it formats on the stack */
    assert_int_equal(b.len, 500);
    assert_int_equal(b.ptr[498], '0');
    assert_int_equal(b.ptr[499], '7');
    buf_reset(&b);
    for (int i = 0; i < 10000; i++)
        buf_char(&b, (char)('a' + i % 26));
    for (int i = 0; i < 10000; i++)
        assert_int_equal(b.ptr[i], 'a' + i % 26);
    assert_true(buf_ok(&b));
    buf_done(&b);
    buf_done(&b);
}

static void test_maximum(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    buf_str(&b, STR("0123456789"));
    assert_true(buf_ok(&b));
    buf_char(&b, 'x');
    assert_false(buf_ok(&b));
    assert_int_equal(b.len, 10);
    buf_reset(&b);
    assert_true(buf_ok(&b));
    buf_str(&b, STR("01234"));
    buf_printf(&b, "%s", "567890");
    assert_false(buf_ok(&b));
    buf_str(&b, STR("x")); /* it would fit, but the failure sticks: no gap in the output */
    assert_true(str_eq(buf_view(&b), STR("01234")));
    buf_reset(&b);
    assert_true(buf_reserve(&b, 10));
    assert_false(buf_reserve(&b, SIZE_MAX));
    buf_done(&b);
}

static void test_vec(void **state)
{
    (void)state;
    VEC(uint64_t) v = { 0 };
    for (uint64_t i = 0; i < 1000; i++)
        assert_true(VEC_PUSH(&v, i * i));
    assert_int_equal(v.len, 1000);
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(v.at[i], i * i);
    assert_false(VEC_RESERVE(&v, SIZE_MAX / 4));
    assert_false(VEC_RESERVE(&v, SIZE_MAX));
    assert_int_equal(v.len, 1000);
    VEC_FREE(&v);
    assert_null(v.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes),
        cmocka_unit_test(test_maximum),
        cmocka_unit_test(test_vec),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
