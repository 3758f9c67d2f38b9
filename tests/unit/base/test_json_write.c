/* json_write: escapes, commas, numbers. */
#include "base/json.h"

#include "../cmocka_all.h"
#include <math.h>
#include <stdlib.h>

/* What `write` writes, NUL-terminated; free it. */
static char *written(void (*write)(struct json_writer *w, const void *arg), const void *arg)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, 1 << 20);
    json_writer_init(&w, &b);
    write(&w, arg);
    assert_int_equal(w.depth, 0);
    buf_char(&b, '\0');
    assert_true(buf_ok(&b));
    return b.ptr;
}

static void write_str(struct json_writer *w, const void *arg)
{
    json_str(w, *(const struct str *)arg);
}

static void test_strings(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        const char *want;
    } cases[] = {
        { STR_INIT(""), "\"\"" },
        { STR_INIT("plain text, longer than eight bytes"),
          "\"plain text, longer than eight bytes\"" },
        { STR_INIT("a\"b\\c/d"), "\"a\\\"b\\\\c/d\"" },
        { STR_INIT("12345678\"12345678\n12345678\x1f"),
          "\"12345678\\\"12345678\\n12345678\\u001f\"" },
        { STR_INIT("\0\b\f\n\r\t\x7f"), "\"\\u0000\\u0008\\u000c\\n\\r\\t\x7f\"" },
        { STR_INIT("\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80"),
          "\"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\"" },
        { STR_INIT("\xff"), "\"\xef\xbf\xbd\"" },
        { STR_INIT("a\xc3"), "\"a\xef\xbf\xbd\"" },
        { STR_INIT("\xc0\x80\"\xed\xa0\x80\n"),
          "\"\xef\xbf\xbd\xef\xbf\xbd\\\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\\n\"" },
        { STR_INIT("\xc3\xbc\xff\xc3\xbc"), "\"\xc3\xbc\xef\xbf\xbd\xc3\xbc\"" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *got = written(write_str, &cases[i].in);
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("row %zu: got %s", i, got);
        free(got);
    }
}

/* Each byte at each place of a word that is looked at eight bytes at a time. */
static void test_every_byte(void **state)
{
    (void)state;
    for (int byte = 0; byte < 128; byte++) {
        for (size_t at = 0; at < 20; at++) {
            char in[21];
            memset(in, 'x', sizeof in);
            in[at] = (char)byte;
            struct str s = { in, sizeof in };
            char *got = written(write_str, &s);
            bool plain = byte >= 0x20 && byte != '"' && byte != '\\';
            bool brief =
                byte == '"' || byte == '\\' || byte == '\n' || byte == '\r' || byte == '\t';
            assert_int_equal(strlen(got), sizeof in + 2 + (plain ? 0 : brief ? 1 : 5));
            CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 16);
            const struct json *j;
            struct err e;
            assert_true(json_parse(&j, str_from_c(got), (struct json_limits){ 1, 1 }, a, &e));
            assert_true(str_eq(j->text, s));
            free(got);
        }
    }
}

static void write_nest(struct json_writer *w, const void *arg)
{
    (void)arg;
    json_object(w);
    json_member(w, "a", STR("b"));
    json_key(w, STR("list"));
    json_list(w);
    json_null(w);
    json_bool(w, true);
    json_bool(w, false);
    json_int(w, INT64_MIN);
    json_list(w);
    json_list_end(w);
    json_object(w);
    json_object_end(w);
    json_int(w, INT64_MAX);
    json_list_end(w);
    json_key(w, STR("\n"));
    json_object(w);
    json_object_end(w);
    json_key(w, STR("n"));
    json_double(w, 0.5);
    json_key(w, STR("raw"));
    json_raw(w, STR("[1e400]"));
    json_member(w, "last", STR(""));
    json_object_end(w);
}

static void test_nest(void **state)
{
    (void)state;
    char *got = written(write_nest, NULL);
    assert_string_equal(got,
                        "{\"a\":\"b\",\"list\":[null,true,false,-9223372036854775808,[],{},"
                        "9223372036854775807],\"\\n\":{},\"n\":0.5,\"raw\":[1e400],\"last\":\"\"}");
    free(got);
}

static void write_double(struct json_writer *w, const void *arg)
{
    json_double(w, *(const double *)arg);
}

static void test_doubles(void **state)
{
    (void)state;
    static const struct {
        double in;
        const char *want;
    } cases[] = {
        { 0, "0" },
        { -0.0, "-0" },
        { 1, "1" },
        { 0.1, "0.1" },
        { 0.1 + 0.2, "0.30000000000000004" },
        { 1.0 / 3, "0.3333333333333333" },
        { 1e21, "1e+21" },
        { 123456789, "123456789" },
        { 9007199254740993.0, "9007199254740992" },
        { 1.7976931348623157e308, "1.7976931348623157e+308" },
        { HUGE_VAL, "null" },
        { -HUGE_VAL, "null" },
        { NAN, "null" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *got = written(write_double, &cases[i].in);
        assert_string_equal(got, cases[i].want);
        free(got);
    }
    uint64_t bits = 1;
    for (int i = 0; i < 20000; i++) {
        double d;
        bits = bits * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        memcpy(&d, &bits, sizeof d);
        if (!isfinite(d))
            continue;
        char *got = written(write_double, &d);
        assert_true(strtod(got, NULL) == d);
        free(got);
    }
}

static void test_full(void **state)
{
    (void)state;
    struct buf b;
    struct json_writer w;
    buf_init(&b, 5);
    json_writer_init(&w, &b);
    json_list(&w);
    json_str(&w, STR("abcdef"));
    json_str(&w, STR(""));
    json_list_end(&w);
    assert_false(buf_ok(&b));
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings), cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_nest),    cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
