/* test_attachment_name.c - names and types of attachments, whatever their senders write. */
#include "../cmocka_all.h"
#include "api/attachment_name.h"
#include "report/upload.h"

#define ARENA_BYTES 65536

static const struct {
    const char *in, *want;
} names[] = {
    { "a.txt", "a.txt" },
    { "/tmp/a.txt", "a.txt" },
    { "C:\\logs\\a.txt", "a.txt" },
    { "a b\xc3\xa4", "a b\xc3\xa4" },
    { "a\r\nb\x7f", "a__b_" },
    { "../..", "attachment" },
    { ".", "attachment" },
    { "a/", "attachment" },
    { "", "attachment" },
    { "...", "..." },
    { "bt-breadcrumbs-0", "bt-breadcrumbs-0" },
};

static void test_names(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct str got;
        assert_true(attachment_name(str_from_c(names[i].in), a, &got));
        if (!str_eq(got, str_from_c(names[i].want)))
            fail_msg("'%s' became '%.*s'", names[i].in, STR_ARG(got));
    }
}

/* Cut between characters. */
static void test_long_name(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    char name[UPLOAD_NAME_MAX + 2];
    struct str got;
    memset(name, 'a', sizeof name);
    name[UPLOAD_NAME_MAX - 1] = '\xc3';
    name[UPLOAD_NAME_MAX] = '\xa4';
    assert_true(attachment_name((struct str){ name, sizeof name }, a, &got));
    assert_int_equal(got.len, UPLOAD_NAME_MAX - 1);
}

static const struct {
    const char *field, *filename, *want;
} parts[] = {
    { "attachment_a.txt", "", "a.txt" },        { "attachment_a.txt", "b.txt", "a.txt" },
    { "attachment_", "b.txt", "b.txt" },        { "attachment_", "", "attachment_" },
    { "attachment.log", "", "attachment.log" }, { "attachment.log", "b.log", "b.log" },
    { "screenshot", "s.png", "s.png" },
};

static void test_parts(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        struct str got;
        assert_true(attachment_part_name(str_from_c(parts[i].field), str_from_c(parts[i].filename),
                                         a, &got));
        if (!str_eq(got, str_from_c(parts[i].want)))
            fail_msg("'%s' and '%s' became '%.*s'", parts[i].field, parts[i].filename,
                     STR_ARG(got));
    }
}

static void test_types(void **state)
{
    (void)state;
    char longest[200];
    memset(longest, 'a', sizeof longest);
    assert_true(str_eq(attachment_type(STR("text/plain; charset=utf-8")),
                       STR("text/plain; charset=utf-8")));
    assert_int_equal(attachment_type((struct str){ longest, 128 }).len, 128);
    assert_int_equal(attachment_type((struct str){ longest, 129 }).len, 0);
    assert_int_equal(attachment_type(STR("text/\x01")).len, 0);
    assert_int_equal(attachment_type(STR("text/\xc3\xa4")).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_long_name),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
