/* What was set and cleared later: kept as JSON and back, applied to attributes, and put into
 * reports of the PartyCrasher API. */
#include "report/amended.h"
#include "report/report_amend.h"

#include "unit/cmocka_all.h"

#define ARENA_BYTES (64u << 20)

/* "a=x b=5 -c": sets a and b, clears c. */
static struct amended changes_of(const char *text, struct arena *a)
{
    struct amended m;
    struct str rest = str_from_c(text);
    amended_init(&m, a);
    while (rest.len > 0) {
        const char *end = memchr(rest.ptr, ' ', rest.len);
        struct str word = { rest.ptr, end ? (size_t)(end - rest.ptr) : rest.len };
        const char *equals = memchr(word.ptr, '=', word.len);
        if (equals) {
            struct str name = { word.ptr, (size_t)(equals - word.ptr) };
            struct str value = { equals + 1, word.len - name.len - 1 };
            assert_true(amended_set(&m, name, attribute_type_of(value), value));
        } else {
            assert_true(amended_clear(&m, (struct str){ word.ptr + 1, word.len - 1 }));
        }
        rest.ptr += end ? word.len + 1 : word.len;
        rest.len -= end ? word.len + 1 : word.len;
    }
    return m;
}

static struct str written(const struct amended *m, struct arena *a)
{
    struct buf b;
    struct json_writer w;
    struct str out = { 0 };
    buf_init(&b, ARENA_BYTES);
    json_writer_init(&w, &b);
    amended_write(&w, m);
    assert_true(buf_ok(&b) && arena_str(a, buf_view(&b), &out));
    buf_done(&b);
    return out;
}

static void test_json(void **state)
{
    static const struct {
        const char *changes, *want;
    } cases[] = {
        { "", "{}" },
        { "a=x n=5 f=true", "{\"a\":\"x\",\"n\":5,\"f\":true}" },
        { "-a", "{\"a\":null}" },
        { "a=x -a", "{\"a\":null}" },
        { "-a a=x", "{\"a\":\"x\"}" },
        { "a=x a=y -b", "{\"a\":\"y\",\"b\":null}" },
        { "a=1 b=2 c=3 -b d=4", "{\"a\":1,\"c\":3,\"d\":4,\"b\":null}" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        struct amended m = changes_of(cases[i].changes, a), back;
        struct err e = { 0 };
        struct str json = written(&m, a);
        if (!str_eq(json, str_from_c(cases[i].want)))
            fail_msg("%s: %.*s", cases[i].changes, STR_ARG(json));
        amended_init(&back, a);
        assert_true(amended_read(&back, json, &e));
        assert_true(str_eq(written(&back, a), json));
    }
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct amended m;
    struct err e = { 0 };
    amended_init(&m, a);
    assert_true(amended_read(&m, STR(""), &e));
    assert_false(amended_read(&m, STR("[1]"), &e));
    assert_int_equal(e.code, ERR_INPUT);
}

static void test_apply(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct attributes to;
    attributes_init(&to, a);
    for (unsigned i = 0; i < 200; i++) {
        struct str name;
        assert_true(arena_printf(a, &name, "n%u", i) && attributes_set_text(&to, name, name));
    }
    struct amended m = changes_of("n0=z new=1 -n5 -n199 -none", a);
    assert_true(amended_apply(&m, &to));
    assert_int_equal(to.count, 199);
    assert_true(str_eq(attributes_find(&to, STR("n0"))->text, STR("z")));
    assert_int_equal(attributes_find(&to, STR("new"))->type, ATTRIBUTE_UNSIGNED);
    assert_null(attributes_find(&to, STR("n5")));
    assert_null(attributes_find(&to, STR("n199")));
    for (unsigned i = 6; i < 199; i++) {
        struct str name;
        assert_true(arena_printf(a, &name, "n%u", i));
        assert_true(str_eq(attributes_find(&to, name)->text, name));
    }
}

/* Reports. */

static void test_report(void **state)
{
    static const struct {
        const char *name, *before, *changes, *after, *texts;
    } cases[] = {
        { "a new one", "", "a=x", ",\"a\":\"x\"", "a=x|" },
        { "another", ",\"a\":\"x\",\"b\":\"y\"", "a=z", ",\"a\":\"z\",\"b\":\"y\"", "a=z|" },
        { "cleared", ",\"a\":\"x\",\"b\":\"y\"", "-a", ",\"b\":\"y\"", "a=|" },
        { "cleared, and not there", ",\"b\":\"y\"", "-a", ",\"b\":\"y\"", "" },
        { "below", ",\"o\":{\"v\":\"1\",\"w\":\"2\"}", "o.v=3", ",\"o\":{\"v\":\"3\",\"w\":\"2\"}",
          "o.v=3|" },
        { "new below", ",\"o\":{\"w\":\"2\"}", "o.v=3", ",\"o\":{\"w\":\"2\",\"v\":\"3\"}",
          "o.v=3|" },
        { "new and deep", "", "a.b.c=1 a.b.d=2 a.e=3",
          ",\"a\":{\"b\":{\"c\":\"1\",\"d\":\"2\"},\"e\":\"3\"}", "a.b.c=1|a.b.d=2|a.e=3|" },
        { "below a text", ",\"o\":\"x\"", "o.v=1", ",\"o\":[\"x\",{\"v\":\"1\"}]", "o.v=1|" },
        { "in place of a text", ",\"o\":\"x\"", "o=y o.v=1", ",\"o\":[\"y\",{\"v\":\"1\"}]",
          "o=y|o.v=1|" },
        { "beside an object", ",\"o\":{\"v\":\"1\"}", "o=x", ",\"o\":[{\"v\":\"1\"},\"x\"]",
          "o=x|" },
        { "a list", ",\"l\":[\"a\",{\"v\":\"1\"},\"b\",[\"c\"]]", "l=x",
          ",\"l\":[{\"v\":\"1\"},[],\"x\"]", "l=x|" },
        { "a list, cleared", ",\"l\":[\"a\",\"b\"]", "-l", ",\"l\":[]", "l=|" },
        { "a key with a dot", ",\"a.b\":\"x\"", "a_b=y", ",\"a_b\":\"y\"", "a_b=y|" },
        { "a name with a colon", "", "a:b=y", ",\"a:b\":\"y\"", "a_b=y|" },
        { "a number", ",\"n\":5", "n=6", ",\"n\":\"6\"", "n=6|" },
        { "null", ",\"n\":null", "n=6", ",\"n\":\"6\"", "n=6|" },
        { "the report's own", "", "project=x database_id=y stacktrace.function=z date=w", "", "" },
        { "the stack trace stays", ",\"stacktrace\":[{\"function\":\"f\"}]", "function=x",
          ",\"stacktrace\":[{\"function\":\"f\"}],\"function\":\"x\"", "function=x|" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        struct amended m = changes_of(cases[i].changes, a);
        struct str before, after, got;
        struct report_text *texts;
        size_t count;
        struct buf b;
        struct err e = { 0 };
        assert_true(arena_printf(a, &before, "{\"database_id\":\"d\"%s}", cases[i].before));
        assert_true(arena_printf(a, &after, "{\"database_id\":\"d\"%s}", cases[i].after));
        if (!report_amend(before, &m, a, &got, &texts, &count, &e))
            fail_msg("%s: %s", cases[i].name, e.msg);
        if (!str_eq(got, after))
            fail_msg("%s: %.*s", cases[i].name, STR_ARG(got));
        buf_init(&b, 4096);
        for (size_t k = 0; k < count; k++)
            buf_printf(&b, "%.*s=%.*s|", STR_ARG(texts[k].field), STR_ARG(texts[k].text));
        if (!str_eq(buf_view(&b), str_from_c(cases[i].texts)))
            fail_msg("%s: %.*s", cases[i].name, STR_ARG(buf_view(&b)));
        buf_done(&b);
    }
}

/* Names and payloads that would lead too deep. */
static void test_deep(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct amended m;
    struct str name, payload, got;
    struct report_text *texts;
    size_t count;
    struct err e = { 0 };
    struct buf b;
    amended_init(&m, a);
    buf_init(&b, 4096);
    for (unsigned i = 0; i < 120; i++)
        buf_printf(&b, "a.");
    buf_printf(&b, "a");
    assert_true(arena_str(a, buf_view(&b), &name));
    assert_true(amended_set(&m, name, ATTRIBUTE_STRING, STR("x")));
    assert_true(report_amend(STR("{\"database_id\":\"d\"}"), &m, a, &got, &texts, &count, &e));
    assert_true(str_eq(got, STR("{\"database_id\":\"d\"}")));
    buf_reset(&b);
    buf_printf(&b, "{\"database_id\":\"d\",\"a\":");
    for (unsigned i = 0; i < 100; i++)
        buf_printf(&b, "[");
    for (unsigned i = 0; i < 100; i++)
        buf_printf(&b, "]");
    buf_printf(&b, "}");
    assert_true(arena_str(a, buf_view(&b), &payload));
    assert_false(report_amend(payload, &m, a, &got, &texts, &count, &e));
    assert_true(e.code == ERR_INPUT || e.code == ERR_LIMIT);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_apply),
        cmocka_unit_test(test_report),
        cmocka_unit_test(test_deep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
