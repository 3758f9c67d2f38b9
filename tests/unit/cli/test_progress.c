/* What the progress of an import looks like. */
#include "cli/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_text(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct progress_state state;
        double seconds;
        size_t columns;
        bool bar;
        const char *want;
    } cases[] = {
        { "a line", { 25, 100, 5000 }, 10, 79, false, "25 %, 5000 reports, 500/s, 0:30 left" },
        { "minutes", { 10, 100, 5000 }, 30, 79, false, "10 %, 5000 reports, 167/s, 4:30 left" },
        { "no total", { 25, 0, 5000 }, 10, 79, false, "5000 reports, 500/s" },
        { "no total, bar", { 25, 0, 5000 }, 10, 79, true, "5000 reports, 500/s" },
        { "nothing yet", { 0, 100, 0 }, 0, 79, true, "0 reports, 0/s" },
        { "a bar", { 50, 100, 10 }, 10, 45, true, "[====>    ]  50 %, 10 reports, 1/s, 0:10 left" },
        { "a full bar",
          { 100, 100, 10 },
          10,
          46,
          true,
          "[==========] 100 %, 10 reports, 1/s, 0:00 left" },
        { "more than all",
          { 200, 100, 10 },
          10,
          46,
          true,
          "[==========] 100 %, 10 reports, 1/s, 0:00 left" },
        { "a narrow terminal", { 50, 100, 10 }, 10, 30, true, "50 %, 10 reports, 1/s, 0:10 left" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        progress_text(text, sizeof text, &cases[i].state, cases[i].seconds, cases[i].columns,
                      cases[i].bar);
        if (strcmp(text, cases[i].want) != 0)
            fail_msg("%s: %s", cases[i].name, text);
    }
}

static void test_wide(void **state)
{
    (void)state;
    const struct progress_state s = { 999, 1000, 123456789 };
    char text[256];
    progress_text(text, sizeof text, &s, 1, 10000, true);
    assert_in_range(strlen(text), 60, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_wide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
