/* test_url.c - percent coding, paths, query strings and request targets. */
#include "../cmocka_all.h"
#include "http/http.h"
#include "http/url.h"

#include <stdio.h>

#define S(literal)                                                                                 \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static const struct {
    const char *name;
    struct str in;
    unsigned how;
    const char *want; /* NULL: refused */
} decodings[] = {
    { "nothing to decode", S("abc"), URL_PLAIN, "abc" },
    { "empty", S(""), URL_PLAIN, "" },
    { "space", S("a%20b"), URL_PLAIN, "a b" },
    { "both cases of digits", S("%2f%2F"), URL_PLAIN, "//" },
    { "a plus in a path", S("a+b"), URL_PLAIN, "a+b" },
    { "a plus in a query", S("a+b%2B"), URL_PLUS, "a b+" },
    { "two-byte character", S("%C3%A9"), URL_PLAIN, "\xc3\xa9" },
    { "raw two-byte character", S("\xc3\xa9"), URL_PLAIN, "\xc3\xa9" },
    { "percent of percent", S("%2541"), URL_PLAIN, "%41" },
    { "cut after the percent", S("a%"), URL_PLAIN, NULL },
    { "cut after one digit", S("a%4"), URL_PLAIN, NULL },
    { "no digits", S("%zz"), URL_PLAIN, NULL },
    { "second no digit", S("%4g"), URL_PLAIN, NULL },
    { "sign is no digit", S("%+4"), URL_PLUS, NULL },
    { "NUL", S("a%00b"), URL_PLAIN, NULL },
    { "raw NUL", S("a\0b"), URL_PLAIN, NULL },
    { "not UTF-8", S("%ff"), URL_PLAIN, NULL },
    { "overlong slash", S("%c0%af"), URL_PLAIN, NULL },
    { "surrogate", S("%ed%a0%80"), URL_PLAIN, NULL },
    { "half a character", S("%c3"), URL_PLAIN, NULL },
    { "bare percents", S("100%, 5%2 %zz%20%"), URL_BARE_PERCENT, "100%, 5%2 %zz %" },
    { "NUL beside a bare percent", S("%%00"), URL_BARE_PERCENT, NULL },
    { "not UTF-8 beside a bare percent", S("%%ff"), URL_BARE_PERCENT | URL_PLUS, NULL },
};

static void test_decode(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(decodings); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(65536);
        struct str out = STR("");
        struct err e = { 0 };
        bool ok = url_decode(decodings[i].in, decodings[i].how, a, &out, &e);
        const char *want = decodings[i].want;
        if (ok != (want != NULL) || (want && !str_eq(out, str_from_c(want))))
            fail_msg("%s: %s '%.*s'", decodings[i].name, ok ? "taken" : e.msg, STR_ARG(out));
        if (!ok)
            assert_string_equal(e.word, "bad_url");
    }
}

static const struct {
    const char *path;
    const char *want; /* segments with <> around them; NULL: refused */
} paths[] = {
    { "/", "" },
    { "", "" },
    { "/a", "<a>" },
    { "/a/", "<a>" },
    { "/a/b%2Fc/d", "<a><b/c><d>" },
    { "//a", "<><a>" },
    { "/a//", "<a><>" },
    { "/../%2e%2E", "<..><..>" },
    { "/1/2/3/4/5/6/7/8", "<1><2><3><4><5><6><7><8>" },
    { "/a/%", NULL },
    { "/%00", NULL },
};

static void test_path(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(65536);
        struct str segments[URL_SEGMENTS_MAX];
        size_t count;
        struct err e;
        char got[256] = "";
        bool ok = url_path(str_from_c(paths[i].path), a, segments, &count, &e);
        assert_true(ok == (paths[i].want != NULL));
        for (size_t k = 0, n = 0; ok && k < count; k++)
            n += (size_t)snprintf(got + n, sizeof got - n, "<%.*s>", STR_ARG(segments[k]));
        if (ok)
            assert_string_equal(got, paths[i].want);
    }
}

static void test_path_with_too_many_segments(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(65536);
    struct str segments[URL_SEGMENTS_MAX];
    size_t count;
    struct err e;
    assert_true(url_path(STR("/1/2/3/4/5/6/7/8/9/10/11"), a, segments, &count, &e));
    assert_int_equal(count, URL_SEGMENTS_MAX + 1);
}

static const struct {
    const char *query;
    const char *want; /* <name=value> for each; NULL: refused */
} queries[] = {
    { "", "" },
    { "a=1", "<a=1>" },
    { "a=1&b=2", "<a=1><b=2>" },
    { "a", "<a=>" },
    { "a=", "<a=>" },
    { "=1", "<=1>" },
    { "&&a=1&", "<a=1>" },
    { "a=1=2", "<a=1=2>" },
    { "q=x+y%2Bz", "<q=x y+z>" },
    { "a%3Db=c%26d", "<a=b=c&d>" },
    { "a=%", NULL },
    { "%ff=a", NULL },
};

static void test_params(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(queries); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(65536);
        const struct url_param *params;
        size_t count;
        struct err e;
        char got[256] = "";
        bool ok = url_params(str_from_c(queries[i].query), a, &params, &count, &e);
        assert_true(ok == (queries[i].want != NULL));
        for (size_t k = 0, n = 0; ok && k < count; k++)
            n += (size_t)snprintf(got + n, sizeof got - n, "<%.*s=%.*s>", STR_ARG(params[k].name),
                                  STR_ARG(params[k].value));
        if (ok)
            assert_string_equal(got, queries[i].want);
    }
}

static void test_too_many_params(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(65536);
    char query[2 * (URL_PARAMS_MAX + 1)];
    const struct url_param *params;
    size_t count;
    struct err e;
    for (size_t i = 0; i < sizeof query; i += 2)
        memcpy(query + i, "a&", 2);
    assert_true(url_params((struct str){ query, sizeof query - 2 }, a, &params, &count, &e));
    assert_int_equal(count, URL_PARAMS_MAX);
    assert_false(url_params((struct str){ query, sizeof query }, a, &params, &count, &e));
    assert_string_equal(e.word, "bad_url");
}

static const struct {
    const char *target;
    const char *authority, *path, *query; /* authority NULL: refused */
} targets[] = {
    { "/", "", "/", "" },
    { "/a?b", "", "/a", "b" },
    { "/a?b?c", "", "/a", "b?c" },
    { "/a?", "", "/a", "" },
    { "http://h:1/a?b", "h:1", "/a", "b" },
    { "https://h", "h", "/", "" },
    { "http://h?b", "h", "/", "b" },
    { "/http://h/", "", "/http://h/", "" },
    { "a", NULL, "", "" },
    { "", NULL, "", "" },
    { "http://", NULL, "", "" },
    { "ftp://h/", NULL, "", "" },
    { "/a b", NULL, "", "" },
    { "/a\tb", NULL, "", "" },
    { "/a\x7f", NULL, "", "" },
};

static void test_target(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(targets); i++) {
        struct str authority, path, query;
        struct err e;
        bool ok = url_target(str_from_c(targets[i].target), &authority, &path, &query, &e);
        if (ok != (targets[i].authority != NULL))
            fail_msg("%s: %s", targets[i].target, ok ? "taken" : e.msg);
        if (!ok)
            continue;
        assert_true(str_eq(authority, str_from_c(targets[i].authority)));
        assert_true(str_eq(path, str_from_c(targets[i].path)));
        assert_true(str_eq(query, str_from_c(targets[i].query)));
    }
}

/* Encoding any bytes and decoding them gives the same. */
static void test_encode_segment(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(65536);
    struct buf b;
    struct str back;
    struct err e;
    buf_init(&b, 4096);
    http_encode_segment(&b, STR("a:b@c~d-e.f_g/h?i#j%k l+m\xc3\xa9"));
    assert_true(str_eq(buf_view(&b), STR("a:b@c~d-e.f_g%2Fh%3Fi%23j%25k%20l%2Bm%C3%A9")));
    assert_true(url_decode(buf_view(&b), URL_PLAIN, a, &back, &e));
    assert_true(str_eq(back, STR("a:b@c~d-e.f_g/h?i#j%k l+m\xc3\xa9")));
    buf_reset(&b);
    http_encode_segment(&b, (struct str){ "\0", 1 });
    assert_true(str_eq(buf_view(&b), STR("%00")));
    buf_reset(&b);
    http_encode_segment(&b, STR(".."));
    buf_char(&b, '/');
    http_encode_segment(&b, STR("."));
    buf_char(&b, '/');
    http_encode_segment(&b, STR("..."));
    assert_true(str_eq(buf_view(&b), STR("%2E%2E/%2E/...")));
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_path_with_too_many_segments),
        cmocka_unit_test(test_params),
        cmocka_unit_test(test_too_many_params),
        cmocka_unit_test(test_target),
        cmocka_unit_test(test_encode_segment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
