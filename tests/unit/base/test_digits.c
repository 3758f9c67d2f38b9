/* digits: what printf writes, for every number of bits and every width. */
#include "base/digits.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../cmocka_all.h"

static void same(const char *what, const char *got, size_t len, const char *want)
{
    if (len != strlen(want) || memcmp(got, want, len))
        fail_msg("%s: \"%.*s\", not \"%s\"", what, (int)len, got, want);
}

static void check(uint64_t n)
{
    char got[DIGITS_ROOM], want[32];
    snprintf(want, sizeof want, "%" PRIu64, n);
    same("decimal", got, digits_decimal(got, n), want);
    for (int width = 0; width <= 16; width++) {
        snprintf(want, sizeof want, "%0*" PRIx64, width, n);
        same("hex", got, digits_hex(got, n, (size_t)width), want);
    }
}

static void as_printf(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++)
        for (uint64_t around = 0; around < 3; around++)
            check(((uint64_t)1 << bit) + around - 1);
    for (uint64_t n = 1; n < UINT64_MAX / 10; n *= 10) {
        check(n - 1);
        check(n);
    }
    check(UINT64_MAX);
}

static void no_wider_than_there_is_room(void **state)
{
    (void)state;
    char got[DIGITS_ROOM];
    assert_int_equal(digits_hex(got, 1, 1000), 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_printf),
        cmocka_unit_test(no_wider_than_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
