/* test_target.c - the URLs of submissions, in every form that clients write. */
#include "../cmocka_all.h"
#include "api/target.h"
#include "base/buf.h"

#include <stdio.h>

#define ARENA_BYTES (1 << 20)

/* "universe/token/format", then what is not empty of " project=" " object=" " name=" " sync", then
 * the fields as "<name=value>". */
static void describe(const struct target *t, struct buf *out)
{
    buf_printf(out, "%.*s/%.*s/%.*s", STR_ARG(t->universe), STR_ARG(t->token), STR_ARG(t->format));
    if (t->project.len > 0)
        buf_printf(out, " project=%.*s", STR_ARG(t->project));
    if (t->object.len > 0)
        buf_printf(out, " object=%.*s", STR_ARG(t->object));
    if (t->attachment_name.len > 0)
        buf_printf(out, " name=%.*s", STR_ARG(t->attachment_name));
    if (t->sync)
        buf_str(out, STR(" sync"));
    for (size_t i = 0; i < t->field_count; i++) {
        assert_int_equal(t->fields[i].origin, UPLOAD_FROM_QUERY);
        buf_printf(out, "<%.*s=%.*s>", STR_ARG(t->fields[i].name), STR_ARG(t->fields[i].value));
    }
    buf_char(out, '\0');
}

static const struct {
    const char *name, *path, *query;
    const char *want; /* "!": no URL of a submission; "!!": refused */
} cases[] = {
    { "1: hosted", "/u/t/json", "", "u/t/json" },
    { "2: hosted with attributes", "/u/t/json", "a=1&b=x+y%21", "u/t/json<a=1><b=x y!>" },
    { "3: no question mark", "/u/t/minidump&version=1.0", "", "u/t/minidump<version=1.0>" },
    { "3: both", "/u/t/symbols&tag=x", "a=1", "u/t/symbols<tag=x><a=1>" },
    { "4: console", "/api/post", "format=json&token=t&a=1", "/t/json<a=1>" },
    { "5: the bare word", "/api/post", "json&token=t", "/t/json" },
    { "6: listener", "/post", "format=minidump&token=t", "/t/minidump" },
    { "7: doubled slash", "//post", "format=json&token=t", "/t/json" },
    { "8: no format", "/post", "token=t", "/t/" },
    { "9: a second question mark", "/api/post", "token=t&_mod_sync=1?format=dump",
      "/t/dump sync<_mod_sync=1>" },
    { "10: attachment", "/api/post", "token=t&object=ce&attachment_name=a.txt",
      "/t/ object=ce name=a.txt" },
    { "11: attachment, hosted", "/u/t/json", "object=ce&attachment_name=a",
      "u/t/json object=ce name=a" },
    { "12: universe and project", "/api/post", "universe=u&project=p&format=json&token=t",
      "u/t/json project=p" },
    { "13: the old client's", "/u/t/json/post", "format=json&token=t", "u/t/json" },
    { "the old client without a format", "/u/t/post", "format=json&token=t", "u/t/json" },
    { "the old client on /post", "/post/post", "format=json&token=t", "/t/json" },
    { "the old client on /api/post", "/api/post/post", "format=json&token=t", "/t/json" },
    { "the host as an element", "/submit.backtrace.io/u/t/json", "a=1", "u/t/json<a=1>" },
    { "the host and the old client", "//submit.backtrace.io//u/t//json/post/", "", "u/t/json" },
    { "slash at the end", "/u/t/json/", "", "u/t/json" },
    { "no format, hosted", "/u/t", "a=1", "u/t/<a=1>" },
    { "no format, hosted, slash", "/u/t/", "", "u/t/" },
    { "the format of the path wins", "/u/t/json", "format=minidump", "u/t/json" },
    { "the token of the path wins", "/u/t/json", "token=x", "u/t/json" },
    { "the universe of the path wins", "/u/t/json", "universe=x", "u/t/json" },
    { "format= wins over the word", "/post", "json&format=minidump&token=t", "/t/minidump" },
    { "the first one wins", "/post", "token=a&token=b&format=c&format=d", "/a/c" },
    { "a format as the name of an attribute", "/u/t/json", "symbols=3", "u/t/json<symbols=3>" },
    { "a bare word that is no format", "/post", "token=t&xyz", "/t/<xyz=>" },
    { "an empty format", "/post", "format=&token=t", "/t/" },
    { "an unknown format", "/u/t/elf", "", "u/t/elf" },
    { "encoded elements", "/my%20u/t/js%6Fn", "", "my u/t/json" },
    { "an encoded slash and ampersand", "/u%2F%26/t/json", "", "u/&/t/json" },
    { "words that steer are no attributes", "/u/t/json",
      "attachment_id=1&resource=r&sync=false&x=1", "u/t/json<x=1>" },
    { "sync=true", "/u/t/json", "sync=true", "u/t/json sync" },
    { "sync=1", "/u/t/json", "sync=1", "u/t/json sync" },
    { "_mod_sync whatever its value", "/u/t/json", "_mod_sync=0", "u/t/json sync<_mod_sync=0>" },
    { "_mod_sync without one", "/u/t/json", "_mod_sync", "u/t/json sync<_mod_sync=>" },
    { "an attribute twice", "/u/t/json", "a=1&a=2", "u/t/json<a=1><a=2>" },
    { "an attribute without a name", "/u/t/json", "=1&&", "u/t/json" },
    { "equals signs in a value", "/u/t/json", "a=b=c", "u/t/json<a=b=c>" },
    { "an ampersand at the start", "/api/post&format=json&token=t", "", "/t/json" },

    { "the root", "/", "format=json&token=t", "!" },
    { "one element", "/u", "token=t&format=json", "!" },
    { "too many", "/u/t/json/x", "", "!" },
    { "far too many", "/a/b/c/d/e/f/g/h/i", "", "!" },
    { "api alone", "/api", "token=t", "!" },
    { "another of api", "/api/query", "token=t", "!" },
    { "behind api/post", "/api/post/json", "token=t", "!" },
    { "behind post", "/post/x", "token=t", "!" },
    { "bad percent code in the path", "/u/%zz/json", "", "!!" },
    { "bad percent code in a name", "/u/t/json", "%4=1", "!!" },
    { "bad percent code in a value", "/u/t/json", "a=%", "!!" },
    { "no UTF-8", "/u/t/json", "a=%ff", "!!" },
    { "a file's name with percents", "/u/t/json", "object=1&attachment_name=100%+5%2%20%41.txt",
      "u/t/json object=1 name=100% 5%2 A.txt" },
    { "a file's name that is no UTF-8", "/u/t/json", "object=1&attachment_name=%%ff", "!!" },
    { "a NUL", "/u/t/json", "a=%00", "!!" },
};

static void test_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        struct target t;
        struct err e = { 0 };
        struct buf got;
        buf_init(&got, 1 << 16);
        bool ok = target_read(str_from_c(cases[i].path), str_from_c(cases[i].query), a, &t, &e);
        if (ok)
            describe(&t, &got);
        const char *text = ok ? got.ptr : e.code == ERR_NOT_FOUND ? "!" : "!!";
        if (strcmp(text, cases[i].want) != 0)
            fail_msg("%s: got '%s'", cases[i].name, text);
        if (!ok && e.code != ERR_NOT_FOUND)
            assert_int_equal(e.code, ERR_INPUT);
        buf_done(&got);
    }
}

static bool read_long(size_t name_len, size_t value_len, struct err *e)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct target t;
    struct buf q;
    buf_init(&q, 1 << 20);
    for (size_t i = 0; i < name_len; i++)
        buf_char(&q, 'n');
    buf_char(&q, '=');
    for (size_t i = 0; i < value_len; i++)
        buf_char(&q, 'v');
    bool ok = target_read(STR("/u/t/json"), buf_view(&q), a, &t, e);
    buf_done(&q);
    return ok;
}

static void test_limits(void **state)
{
    (void)state;
    struct err e = { 0 };
    assert_true(read_long(UPLOAD_NAME_MAX, UPLOAD_VALUE_MAX, &e));
    assert_false(read_long(UPLOAD_NAME_MAX + 1, 1, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    assert_false(read_long(1, UPLOAD_VALUE_MAX + 1, &e));
    assert_int_equal(e.code, ERR_LIMIT);
}

static void test_too_many_parameters(void **state)
{
    (void)state;
    for (size_t extra = 0; extra < 2; extra++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        struct target t;
        struct err e = { 0 };
        struct buf q;
        buf_init(&q, 1 << 20);
        for (size_t i = 0; i < UPLOAD_FIELDS_MAX + extra; i++)
            buf_printf(&q, "a%zu=1&", i);
        bool ok = target_read(STR("/u/t/json"), buf_view(&q), a, &t, &e);
        assert_int_equal(ok, extra == 0);
        assert_int_equal(ok ? t.field_count : e.code, ok ? UPLOAD_FIELDS_MAX : ERR_LIMIT);
        buf_done(&q);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_too_many_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
