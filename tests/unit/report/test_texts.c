/* The strings of a report with the names of their fields, and what makes two reports the same. */
#include "report/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ARENA_BYTES (64u << 20)

static struct report read_report(struct str text, struct arena *a)
{
    struct err e = { 0 };
    const struct json *j = NULL;
    struct report r = { 0 };
    if (!json_parse(&j, text, (struct json_limits){ 100, 1000000 }, a, &e) ||
        !report_from_json(&r, j, text, a, &e))
        fail_msg("%.*s: %s", STR_ARG(text), e.msg);
    return r;
}

/* "field=text|field=text" */
static struct str listing(const struct report *r, struct arena *a)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < r->text_count; i++)
        buf_printf(&b, "%s%.*s=%.*s", i ? "|" : "", STR_ARG(r->texts[i].field),
                   STR_ARG(r->texts[i].text));
    struct str out = { 0 };
    assert_true(buf_ok(&b) && arena_str(a, buf_view(&b), &out));
    buf_done(&b);
    return out;
}

static void test_texts(void **state)
{
    (void)state;
    static const struct {
        const char *name, *members, *want; /* both behind the database_id */
    } cases[] = {
        { "scalars", "\"a\":\"x\",\"b\":1.50,\"c\":-1e5,\"d\":true,\"e\":false",
          "a=x|b=1.50|c=-1e5|d=true|e=false" },
        { "null is no text", "\"a\":null,\"b\":\"x\"", "b=x" },
        { "the empty string is one", "\"a\":\"\"", "a=" },
        { "large numbers as written", "\"a\":18446744073709551616", "a=18446744073709551616" },
        { "nested", "\"a\":{\"b\":{\"c\":\"x\"},\"d\":\"y\"}", "a.b.c=x|a.d=y" },
        { "lists add no name", "\"a\":[\"x\",[\"y\",{\"b\":\"z\"}],\"w\"]", "a=x|a=y|a.b=z|a=w" },
        { "dots and colons", "\"a.b\":{\"c:d\":\"x\"},\"e.\":\"y\"", "a_b.c_d=x|e_=y" },
        { "an empty key", "\"\":\"x\",\"a\":{\"\":\"y\"}", "_=x|a._=y" },
        { "frames",
          "\"stacktrace\":[{\"function\":\"f\",\"depth\":0,\"args\":\"\"},"
          "{\"function\":null,\"dylib\":\"l\",\"depth\":1},{\"depth\":2,\"function\":\"g\"}]",
          "stacktrace.function=f|stacktrace.depth=0|stacktrace.args=|stacktrace.dylib=l|"
          "stacktrace.depth=1|stacktrace.depth=2|stacktrace.function=g" },
        { "generated", "\"buckets\":{\"4.0\":\"x\"},\"href\":\"h\",\"a\":\"b\"", "a=b" },
        { "top_match is ours inside of buckets only", "\"top_match\":\"t\"", "top_match=t" },
        { "logdf in frames only",
          "\"stacktrace\":[{\"logdf\":\"1\",\"x\":{\"logdf\":\"2\"}}],\"logdf\":\"3\"",
          "stacktrace.x.logdf=2|logdf=3" },
        { "the same names elsewhere are text",
          "\"a\":{\"buckets\":\"x\",\"href\":\"y\",\"project\":\"z\",\"force_bucket\":\"w\","
          "\"stacktrace\":[{\"logdf\":\"1\"}]}",
          "a.buckets=x|a.href=y|a.project=z|a.force_bucket=w|a.stacktrace.logdf=1" },
        { "project and force_bucket are none", "\"project\":\"p\",\"force_bucket\":\"b\"", "" },
        { "the date is one", "\"date\":\"2007-06-18\"", "date=2007-06-18" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        struct str text = { 0 };
        assert_true(arena_printf(a, &text, "{\"database_id\":\"i\",%s}", cases[i].members));
        struct report r = read_report(text, a);
        struct str got = listing(&r, a), want = { 0 };
        assert_true(arena_printf(a, &want, "database_id=i%s%s", cases[i].want[0] ? "|" : "",
                                 cases[i].want));
        if (!str_eq(got, want))
            fail_msg("%s: got %s", cases[i].name, got.ptr);
    }
}

/* More names beside one another than are remembered, twice. */
static void test_many_names(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_str(&b, STR("{\"database_id\":\"i\",\"l\":["));
    for (int round = 0; round < 2; round++) {
        buf_str(&b, round ? STR(",{") : STR("{"));
        for (int i = 0; i < 100; i++)
            buf_printf(&b, "%s\"k%d\":\"v%d\"", i ? "," : "", i, i);
        buf_char(&b, '}');
    }
    buf_str(&b, STR("]}"));
    struct report r = read_report(buf_view(&b), a);
    assert_int_equal(r.text_count, 201);
    for (size_t i = 1; i < r.text_count; i++) {
        char field[32];
        snprintf(field, sizeof field, "l.k%zu", (i - 1) % 100);
        if (!str_eq(r.texts[i].field, str_from_c(field)))
            fail_msg("text %zu is in %.*s", i, STR_ARG(r.texts[i].field));
    }
    buf_done(&b);
}

static void test_names_are_shared(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct report r = read_report(STR("{\"database_id\":\"i\",\"stacktrace\":[{\"function\":\"f\"},"
                                      "{\"function\":\"g\"}]}"),
                                  a);
    assert_ptr_equal(r.texts[1].field.ptr, r.texts[2].field.ptr);
}

static void test_long_names_are_cut(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_str(&b, STR("{\"database_id\":\"i\",\"a\":{\""));
    for (int i = 0; i < 2000; i++)
        buf_str(&b, STR("\xc3\xa4")); /* two bytes each, so that the limit falls in between */
    buf_str(&b, STR("\":{\"x\":\"y\"}}}"));
    struct report r = read_report(buf_view(&b), a);
    assert_int_equal(r.text_count, 2);
    struct str field = r.texts[1].field;
    assert_in_range(field.len, REPORT_PATH_MAX - 3, REPORT_PATH_MAX);
    assert_true(str_starts(field, STR("a.\xc3\xa4")));
    assert_int_equal((unsigned char)field.ptr[field.len - 1], 0xa4);
    buf_done(&b);
}

static void test_sameness(void **state)
{
    (void)state;
    static const struct {
        const char *name, *one, *two;
        bool same;
    } cases[] = {
        { "order of keys", "\"a\":\"1\",\"b\":{\"c\":\"2\",\"d\":\"3\"}",
          "\"b\":{\"d\":\"3\",\"c\":\"2\"},\"a\":\"1\"", true },
        { "numbers and strings", "\"a\":1,\"b\":true", "\"a\":\"1\",\"b\":\"true\"", true },
        { "white space and escapes", "\"a\" : \"\\u0041\"", "\"a\":\"A\"", true },
        { "project", "\"project\":\"p\",\"a\":\"1\"", "\"a\":\"1\"", true },
        { "date", "\"date\":\"2020-01-01\",\"a\":\"1\"", "\"a\":\"1\"", true },
        { "generated", "\"buckets\":{},\"href\":\"h\",\"stacktrace\":[{\"logdf\":\"1\"}]",
          "\"stacktrace\":[{}]", true },
        { "a value", "\"a\":\"1\"", "\"a\":\"2\"", false },
        { "numbers as written", "\"a\":1.0", "\"a\":1.00", false },
        { "null and nothing", "\"a\":null,\"b\":\"\"", "\"b\":\"\"", false },
        { "null and \"null\"", "\"a\":null", "\"a\":\"null\"", false },
        { "order in lists", "\"a\":[1,2]", "\"a\":[2,1]", false },
        { "a list and its item", "\"a\":[1]", "\"a\":1", false },
        { "where a list ends", "\"a\":[[1],2]", "\"a\":[[1,2]]", false },
        { "where a string ends", "\"a\":[\"12\",\"3\"]", "\"a\":[\"1\",\"23\"]", false },
        { "markers in strings", "\"a\":[\"x\",\"y\"]", "\"a\":[\"xSy\"]", false },
        { "key and value", "\"a\":\"b\"", "\"b\":\"a\"", false },
        { "empty list and object", "\"a\":[]", "\"a\":{}", false },
        { "force_bucket", "\"force_bucket\":\"x\"", "\"a\":\"1\"", false },
        { "project elsewhere", "\"a\":{\"project\":\"x\"}", "\"a\":{}", false },
        { "logdf elsewhere", "\"logdf\":\"1\",\"a\":\"1\"", "\"a\":\"1\"", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        struct str one = { 0 }, two = { 0 };
        assert_true(arena_printf(a, &one, "{\"database_id\":\"i\",%s}", cases[i].one));
        assert_true(arena_printf(a, &two, "{%s,\"database_id\":\"i\"}", cases[i].two));
        struct report x = read_report(one, a), y = read_report(two, a);
        if (cases[i].same != !memcmp(x.content_hash, y.content_hash, sizeof x.content_hash))
            fail_msg("%s", cases[i].name);
    }
}

/* Many members (sorted otherwise than few) and strings longer than the hash's buffer. */
static void test_sameness_of_large_reports(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct buf up, down, other;
    struct buf *bufs[] = { &up, &down, &other };
    for (int k = 0; k < 3; k++) {
        buf_init(bufs[k], 1 << 20);
        buf_str(bufs[k], STR("{\"database_id\":\"i\""));
        for (int i = 0; i < 200; i++) {
            int n = k == 1 ? 199 - i : i;
            buf_printf(bufs[k], ",\"k%d\":\"%0*d\"", n, n * 40, k == 2 && i == 100 ? n + 1 : n);
        }
        buf_char(bufs[k], '}');
        assert_true(buf_ok(bufs[k]));
    }
    struct report x = read_report(buf_view(&up), a), y = read_report(buf_view(&down), a),
                  z = read_report(buf_view(&other), a);
    assert_memory_equal(x.content_hash, y.content_hash, sizeof x.content_hash);
    assert_memory_not_equal(x.content_hash, z.content_hash, sizeof x.content_hash);
    for (int k = 0; k < 3; k++)
        buf_done(bufs[k]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_many_names),
        cmocka_unit_test(test_names_are_shared),
        cmocka_unit_test(test_long_names_are_cut),
        cmocka_unit_test(test_sameness),
        cmocka_unit_test(test_sameness_of_large_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
