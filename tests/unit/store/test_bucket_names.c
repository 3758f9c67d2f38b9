/* Names of buckets as blobs: there and back, and damaged ones. */
#include "store/bucket_names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define OWN STR("own")
#define LONG_NAME                                                                                  \
    STR("0123456789012345678901234567890123456789012345678901234567890123456789"                   \
        "0123456789012345678901234567890123456789012345678901234567890123456789")

static void there_and_back(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t count, blob_bytes;
        struct str names[4];
    } cases[] = {
        { "none", 0, 0, { { 0 } } },
        { "own", 4, 2, { OWN, OWN, OWN, OWN } },
        { "joined below, own above", 4, 5, { STR("a"), STR("a"), OWN, OWN } },
        { "all different", 4, 13, { STR("a"), STR("bb"), STR("a"), STR("o") } },
        { "a long one", 2, 145, { LONG_NAME, OWN } },
        { "a NUL", 2, 6, { STR("\0\0"), OWN } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf blob;
        struct str got[4];
        buf_init(&blob, 1000);
        bucket_names_encode(&blob, OWN, cases[i].names, cases[i].count);
        if (!buf_ok(&blob) || blob.len != cases[i].blob_bytes)
            fail_msg("%s: %zu bytes", cases[i].name, blob.len);
        if (!bucket_names_decode(buf_view(&blob), OWN, got, cases[i].count))
            fail_msg("%s: does not decode", cases[i].name);
        for (size_t j = 0; j < cases[i].count; j++)
            if (!str_eq(got[j], cases[i].names[j]))
                fail_msg("%s: name %zu", cases[i].name, j);
        buf_done(&blob);
    }
}

static void damaged(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct str blob;
    } cases[] = {
        { "empty", STR("") },
        { "too few", STR("\2\0") },
        { "too many", STR("\4\0") },
        { "too many in two runs", STR("\2\0\2\0") },
        { "run of none", STR("\0\0\3\0") },
        { "no length", STR("\3") },
        { "length cut off", STR("\3\x80") },
        { "length without end", STR("\3\x80\x80\x80\x80\x80\x80\x80\x80") },
        { "length past the end", STR("\3\5abcd") },
        { "huge length", STR("\3\xff\xff\xff\x7f") },
        { "something behind", STR("\3\0\1\0") },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        /* A copy of exactly that size, so that ASan sees a read past its end. */
        char *copy = malloc(cases[i].blob.len + 1);
        assert_non_null(copy);
        memcpy(copy + 1, cases[i].blob.ptr, cases[i].blob.len);
        struct str names[3];
        if (bucket_names_decode((struct str){ copy + 1, cases[i].blob.len }, OWN, names, 3))
            fail_msg("%s: was believed", cases[i].name);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(damaged),
    };
    return cmocka_run_group_tests_name("bucket names", tests, NULL, NULL);
}
