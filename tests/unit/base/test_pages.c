/* pages: zero, the caller's alone, and gone afterwards, whatever their size. */
#include "base/pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *name;
    size_t bytes;
} sizes[] = {
    { "a byte", 1 },
    { "a page", 4096 },
    { "one below a large page", PAGES_LARGE - 1 },
    { "a large page", PAGES_LARGE },
    { "one above it", PAGES_LARGE + 1 },
    { "several, and some", 3 * PAGES_LARGE + 12345 },
};
#define SIZES (sizeof sizes / sizeof *sizes)

static void zero_and_apart(void **state)
{
    (void)state;
    char *at[SIZES];
    for (size_t i = 0; i < SIZES; i++) {
        at[i] = pages_map(sizes[i].bytes);
        if (!at[i])
            fail_msg("%s", sizes[i].name);
        for (size_t k = 0; k < sizes[i].bytes; k++)
            if (at[i][k] != 0)
                fail_msg("%s: byte %zu is not zero", sizes[i].name, k);
        memset(at[i], (int)i + 1, sizes[i].bytes);
    }
    for (size_t i = 0; i < SIZES; i++) {
        for (size_t k = 0; k < sizes[i].bytes; k++)
            if (at[i][k] != (char)(i + 1))
                fail_msg("%s: byte %zu is another's", sizes[i].name, k);
        pages_unmap(at[i], sizes[i].bytes);
    }
}

static void too_large(void **state)
{
    (void)state;
    assert_null(pages_map(SIZE_MAX));
    assert_null(pages_map(SIZE_MAX - PAGES_LARGE));
    assert_null(pages_map(SIZE_MAX / 2));
    pages_unmap(NULL, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero_and_apart),
        cmocka_unit_test(too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
