/* Views of text: lines. */
#include "base/str.h"

#include "../cmocka_all.h"

#define LINES_MAX 4

static void test_take_line(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str text;
        const char *lines[LINES_MAX];
    } cases[] = {
        { "nothing", STR_INIT(""), { NULL } },
        { "no pointer", { NULL, 0 }, { NULL } },
        { "only empty lines", STR_INIT("\n\n\n"), { NULL } },
        { "one, not ended", STR_INIT("one"), { "one" } },
        { "one, ended", STR_INIT("one\n"), { "one" } },
        { "empty ones between", STR_INIT("\none\n\n\ntwo\n \n"), { "one", "two", " " } },
        { "the last is not ended", STR_INIT("one\ntwo"), { "one", "two" } },
        { "other ends stay", STR_INIT("one\r\ntwo\tthree"), { "one\r", "two\tthree" } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str rest = cases[i].text, line;
        size_t n = 0;
        for (; str_take_line(&rest, &line); n++)
            if (n == LINES_MAX || !cases[i].lines[n] ||
                !str_eq(line, str_from_c(cases[i].lines[n])))
                fail_msg("%s: line %zu is \"%.*s\"", cases[i].name, n, STR_ARG(line));
        if ((n < LINES_MAX && cases[i].lines[n]) || rest.len != 0)
            fail_msg("%s: %zu lines, %zu bytes left", cases[i].name, n, rest.len);
    }
    struct str bytes = { "a\0b\nc", 5 }, line;
    assert_true(str_take_line(&bytes, &line));
    assert_int_equal(line.len, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_take_line) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
