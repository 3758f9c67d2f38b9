/* err: what reaches the message is one line of valid UTF-8, cut between characters. */
#include "base/err.h"
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_set(void **state)
{
    (void)state;
    struct err e = { 0 };
    assert_false(err_set(&e, ERR_LIMIT, 7, "%d items, at most %d", 3, 2));
    assert_int_equal(e.code, ERR_LIMIT);
    assert_int_equal(e.offset, 7);
    assert_null(e.word);
    assert_string_equal(e.msg, "3 items, at most 2");

    assert_false(err_word(&e, ERR_NOT_FOUND, "no_project", "no project %s", "x"));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_string_equal(e.word, "no_project");
    assert_int_equal(e.offset, 0);

    assert_false(err_prefix(&e, "item %d: ", 4));
    assert_string_equal(e.msg, "item 4: no project x");
    assert_string_equal(e.word, "no_project");
    assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void test_cleaned(void **state)
{
    (void)state;
    static const struct {
        const char *name, *in, *want;
    } cases[] = {
        { "line breaks", "a\nb\r\tc", "a b  c" },
        { "delete", "a\x7f", "a " },
        { "good UTF-8", "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
        { "bad bytes", "\xff\xc3(", "\xef\xbf\xbd\xef\xbf\xbd(" },
        { "surrogate", "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = { 0 };
        err_set(&e, ERR_INPUT, 0, "%s", cases[i].in);
        if (strcmp(e.msg, cases[i].want) != 0)
            fail_msg("%s: got \"%s\"", cases[i].name, e.msg);
    }
}

static void test_cut(void **state)
{
    (void)state;
    char in[1000];
    for (size_t pad = 0; pad < 3; pad++) { /* so that a character lies across the end */
        memset(in, 'x', pad);
        for (size_t i = pad; i + 3 < sizeof in; i += 3)
            memcpy(in + i, "\xe2\x82\xac", 4);
        struct err e = { 0 };
        err_set(&e, ERR_INPUT, 0, "%s", in);
        struct str msg = str_from_c(e.msg);
        assert_in_range(msg.len, sizeof e.msg - 3, sizeof e.msg - 1);
        assert_int_equal(utf8_valid_prefix(msg), msg.len);
        assert_null(strstr(e.msg, UTF8_REPLACEMENT));

        err_prefix(&e, "%s", in);
        msg = str_from_c(e.msg);
        assert_in_range(msg.len, sizeof e.msg - 3, sizeof e.msg - 1);
        assert_int_equal(utf8_valid_prefix(msg), msg.len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_cleaned),
        cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
