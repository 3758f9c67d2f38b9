/* test_download.c - headers that no foreign name or type can break, and gzip. */
#include "../cmocka_all.h"
#include "api/download.h"

#include <zlib.h>

#define ARENA_BYTES 65536

static void test_disposition(void **state)
{
    (void)state;
    static const struct {
        const char *name, *want;
    } cases[] = {
        { "a.txt", "attachment; filename=\"a.txt\"" },
        { "a b.txt", "attachment; filename=\"a b.txt\"" },
        { "/etc/passwd", "attachment; filename=\"passwd\"" },
        { "C:\\x\\a.txt", "attachment; filename=\"a.txt\"" },
        { "", "attachment; filename=\"attachment\"" },
        { "..", "attachment; filename=\"attachment\"" },
        { "a/", "attachment; filename=\"attachment\"" },
        { "a\"b", "attachment; filename=\"a_b\"; filename*=UTF-8''a%22b" },
        { "%41", "attachment; filename=\"_41\"; filename*=UTF-8''%2541" },
        { "a\r\nX: y", "attachment; filename=\"a__X: y\"; filename*=UTF-8''a__X%3A%20y" },
        { "\xc3\xbc.log", "attachment; filename=\"_.log\"; filename*=UTF-8''%C3%BC.log" },
        { "\xe2\x98\x83", "attachment; filename=\"_\"; filename*=UTF-8''%E2%98%83" },
    };
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct str got;
        assert_true(download_disposition(str_from_c(cases[i].name), a, &got));
        if (!str_eq(got, str_from_c(cases[i].want)))
            fail_msg("%s: %.*s", cases[i].name, STR_ARG(got));
    }
}

/* All bytes, and names longer than any: what comes out is printable ASCII of a bounded length. */
static void test_disposition_of_anything(void **state)
{
    (void)state;
    char name[3 * DOWNLOAD_NAME_MAX];
    for (unsigned c = 0; c < 256; c++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        struct str got;
        memset(name, (int)c, sizeof name);
        assert_true(download_disposition((struct str){ name, sizeof name }, a, &got));
        assert_true(got.len < 6 * DOWNLOAD_NAME_MAX);
        for (size_t i = 0; i < got.len; i++)
            assert_in_range(got.ptr[i], 0x20, 0x7e);
    }
}

static void test_types(void **state)
{
    (void)state;
    static const struct {
        const char *given, *want;
    } cases[] = {
        { "text/plain", "text/plain" },
        { "Text/Plain ; charset=utf-8", "text/plain" },
        { "application/json;x", "application/json" },
        { "image/png", "image/png" },
        { "text/html", "application/octet-stream" },
        { "text/html;text/plain", "application/octet-stream" },
        { "image/svg+xml", "application/octet-stream" },
        { "application/pdf", "application/octet-stream" },
        { "", "application/octet-stream" },
        { ";", "application/octet-stream" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_string_equal(download_type(str_from_c(cases[i].given)), cases[i].want);
    assert_string_equal(download_type((struct str){ 0 }), "application/octet-stream");
}

static void test_gzip(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 1000, 65535, 65536, 65537, 1000000 };
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        size_t n = sizes[i];
        char *text = malloc(n + 1), *back = malloc(n + 1);
        struct buf out;
        struct err e = { 0 };
        assert_true(text && back);
        for (size_t k = 0; k < n; k++)
            text[k] = (char)(k * k >> 7);
        buf_init(&out, 1 << 24);
        assert_true(download_gzip((struct str){ text, n }, &out, &e));
        z_stream z = { .next_in = (unsigned char *)out.ptr,
                       .avail_in = (unsigned)out.len,
                       .next_out = (unsigned char *)back,
                       .avail_out = (unsigned)n + 1 };
        assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
        assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
        assert_int_equal(z.total_out, n);
        assert_memory_equal(text, back, n);
        inflateEnd(&z);
        /* Too small a buffer keeps its own failure. */
        struct buf small;
        buf_init(&small, 10);
        assert_true(download_gzip((struct str){ text, n }, &small, &e) && !buf_ok(&small));
        buf_done(&small);
        buf_done(&out);
        free(text);
        free(back);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disposition),
        cmocka_unit_test(test_disposition_of_anything),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_gzip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
