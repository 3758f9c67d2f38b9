/* utf8: every code point and every byte pair, against the definition. */
#include "base/utf8.h"

#include "../cmocka_all.h"

static size_t encode(uint32_t c, char out[4])
{
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char marks[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(marks[n] | c);
    return n;
}

static void test_code_points(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x140000; c++) {
        char text[4];
        size_t n = encode(c, text);
        bool valid = c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff);
        assert_int_equal(utf8_char_len((struct str){ text, n }), valid ? n : 0);
        assert_int_equal(utf8_char_len((struct str){ text, n - 1 }), 0); /* cut */
        char put[4];
        if (valid && (utf8_put(c, put) != n || memcmp(put, text, n) != 0))
            fail_msg("U+%04X", c);
    }
}

static void test_broken(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str in;
        size_t valid;
    } cases[] = {
        { "empty", STR_INIT(""), 0 },
        { "ASCII", STR_INIT("0123456789abcdefg"), 17 },
        { "NUL", STR_INIT("a\0b"), 3 },
        { "tail alone", STR_INIT("ab\x80"), 2 },
        { "overlong slash", STR_INIT("\xc0\xaf"), 0 },
        { "overlong in three", STR_INIT("x\xe0\x9f\xbf"), 1 },
        { "overlong in four", STR_INIT("x\xf0\x8f\xbf\xbf"), 1 },
        { "surrogate", STR_INIT("\xed\xa0\x80"), 0 },
        { "above the last", STR_INIT("\xf4\x90\x80\x80"), 0 },
        { "five bytes", STR_INIT("\xf8\x88\x80\x80\x80"), 0 },
        { "cut after ASCII words", STR_INIT("0123456789abcdef\xe2\x82"), 16 },
        { "bad behind good", STR_INIT("\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\xff"), 9 },
        { "second byte ASCII", STR_INIT("\xc3("), 0 },
        { "third byte ASCII", STR_INIT("\xe2\x82("), 0 },
        { "fourth byte ASCII", STR_INIT("\xf0\x9f\x98("), 0 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (utf8_valid_prefix(cases[i].in) != cases[i].valid)
            fail_msg("%s: %zu", cases[i].name, utf8_valid_prefix(cases[i].in));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_code_points),
        cmocka_unit_test(test_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
