/* leb128: there and back, and what is cut off or goes on for too long. */
#include "base/leb128.h"

#include "../cmocka_all.h"

static void there_and_back(void **state)
{
    (void)state;
    static const struct {
        size_t n, bytes;
    } cases[] = {
        { 0, 1 },        { 1, 1 },
        { 127, 1 },      { 128, 2 },
        { 16383, 2 },    { 16384, 3 },
        { 1u << 21, 4 }, { (1u << 28) - 1, 4 },
        { 1u << 28, 5 }, { ((size_t)1 << 35) - 1, 5 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b;
        size_t got;
        buf_init(&b, 16);
        leb128_write(&b, cases[i].n);
        buf_char(&b, 'x');
        struct str rest = buf_view(&b);
        if (b.len != cases[i].bytes + 1 || !leb128_read(&rest, &got) || got != cases[i].n ||
            !str_eq(rest, STR("x")))
            fail_msg("%zu: %zu bytes", cases[i].n, b.len - 1);
        buf_done(&b);
    }
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str in;
    } cases[] = {
        { "nothing", STR_INIT("") },
        { "cut off", STR_INIT("\x80") },
        { "cut off late", STR_INIT("\xff\xff\xff\xff") },
        { "without end", STR_INIT("\x80\x80\x80\x80\x80\x01") },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str rest = cases[i].in;
        size_t n = 7;
        if (leb128_read(&rest, &n) || n != 7)
            fail_msg("%s: %zu", cases[i].name, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
