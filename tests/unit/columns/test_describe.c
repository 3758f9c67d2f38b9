/* What attributes there are: the columns, the standard attributes, an operator's notes. */
#include "columns/answer.h"

#include "columns/attribute_formats.h"
#include "unit/cmocka_all.h"

#include <stdio.h>

#define DEMO STR("demo")

static const struct attribute_note notes_at[] = {
    { STR_INIT("build"), STR_INIT("uint64"), STR_INIT("unix_timestamp"), STR_INIT("When built.") },
    { STR_INIT("colour"), STR_INIT("dictionary"), STR_INIT("none"), STR_INIT("") },
    { STR_INIT("hostname"), STR_INIT(""), STR_INIT("ipv6"), STR_INIT("Which machine.") },
};
static const struct attribute_notes notes = { notes_at, sizeof notes_at / sizeof *notes_at };

static struct cell text_cell(const char *text)
{
    return (struct cell){ .type = CELL_STRING, .s = str_from_c(text) };
}

static void put(struct columns *c, enum table_kind kind, uint64_t key, const char *name,
                struct cell value)
{
    struct err e = { 0 };
    const struct named_cell cell = { str_from_c(name), value };
    assert_true(columns_put(c, DEMO, kind, key, &cell, 1, NULL, &e));
}

/* The description as a tree. */
static const struct json *describe(struct columns *c, enum table_kind kind,
                                   const struct attribute_notes *said, struct arena *a)
{
    const struct json_limits limits = { 8, 100000 };
    const struct json *answer;
    struct json_writer w;
    struct buf out;
    struct str text = { "", 0 };
    struct err e = { 0 };
    const struct columns_view *v = columns_acquire(c);
    buf_init(&out, 1 << 20);
    json_writer_init(&w, &out);
    answer_write_description(&w, v, DEMO, kind, said);
    columns_release(c, v);
    assert_true(buf_ok(&out) && arena_str(a, buf_view(&out), &text));
    buf_done(&out);
    assert_true(json_parse(&answer, text, limits, a, &e));
    const struct json *list = json_get(answer, STR("describe"));
    assert_non_null(list);
    return list;
}

static const struct json *find(const struct json *list, const char *name)
{
    for (const struct json *one = list->first; one; one = one->next)
        if (str_eq(json_get(one, STR("name"))->text, str_from_c(name)))
            return one;
    return NULL;
}

/* All of one attribute, as JSON. */
static void check(const struct json *list, const char *name, const char *want)
{
    struct json_writer w;
    struct buf out;
    const struct json *one = find(list, name);
    if (!one)
        fail_msg("%s is not described", name);
    buf_init(&out, 1 << 16);
    json_writer_init(&w, &out);
    json_tree(&w, one);
    buf_char(&out, '\0');
    assert_string_equal(out.ptr, want);
    buf_done(&out);
}

static void check_used(const struct json *list, const char *name, bool custom, bool used)
{
    const struct json *one = find(list, name);
    if (!one)
        fail_msg("%s is not described", name);
    const struct json *is = json_get(json_get(one, STR("statistics")), STR("used"));
    if ((is->type == JSON_TRUE) != used ||
        (json_get(one, STR("custom"))->type == JSON_TRUE) != custom)
        fail_msg("%s", name);
}

static void check_sorted(const struct json *list)
{
    for (const struct json *one = list->first; one && one->next; one = one->next) {
        struct str name = json_get(one, STR("name"))->text;
        if (str_cmp(name, json_get(one->next, STR("name"))->text) >= 0)
            fail_msg("%.*s is out of order", STR_ARG(name));
    }
}

static struct columns *filled(void)
{
    struct columns *c;
    struct err e = { 0 };
    assert_true(columns_new(&c, COLUMNS_MAX_DEFAULT, &e));
    put(c, TABLE_OBJECTS, 1, "hostname", text_cell("vm"));
    put(c, TABLE_OBJECTS, 2, "on", (struct cell){ .type = CELL_BOOL, .b = true });
    put(c, TABLE_OBJECTS, 3, "level", (struct cell){ .type = CELL_INT, .i = -3 });
    put(c, TABLE_OBJECTS, 4, "fingerprint", text_cell("00ff"));
    put(c, TABLE_OBJECTS, 5, "gone", text_cell("x"));
    put(c, TABLE_OBJECTS, 6, "zone", text_cell("x"));
    put(c, TABLE_ISSUES, 1, "state", text_cell("open"));
    put(c, TABLE_ISSUES, 2, "owner", text_cell("me"));
    const struct named_cell clear = { STR("gone"), { .type = CELL_UNSET } };
    assert_true(columns_change(c, DEMO, TABLE_OBJECTS, 5, &clear, 1, &e));
    columns_publish(c);
    return c;
}

#define TEXT_OPERATORS                                                                             \
    "\"filter\":[\"equal\",\"not-equal\",\"at-least\",\"at-most\",\"greater-than\",\"less-than\"," \
    "\"contains\",\"not-contains\",\"regular-expression\",\"inverse-regular-expression\","         \
    "\"is-set\",\"is-not-set\"],\"aggregate\":[\"head\",\"tail\",\"first\",\"last\",\"object\","   \
    "\"unique\",\"count\",\"min\",\"max\",\"range\",\"histogram\",\"distribution\"]"
#define NUMBER_OPERATORS                                                                           \
    "\"filter\":[\"equal\",\"not-equal\",\"at-least\",\"at-most\",\"greater-than\",\"less-than\"," \
    "\"is-set\",\"is-not-set\"],\"aggregate\":[\"head\",\"tail\",\"first\",\"last\",\"object\","   \
    "\"unique\",\"count\",\"sum\",\"mean\",\"min\",\"max\",\"range\",\"histogram\","               \
    "\"distribution\",\"bin\"]"
#define BOOL_OPERATORS                                                                             \
    "\"filter\":[\"equal\",\"not-equal\",\"is-set\",\"is-not-set\"],\"aggregate\":[\"head\","      \
    "\"tail\",\"first\",\"last\",\"object\",\"unique\",\"count\",\"sum\",\"mean\",\"min\","        \
    "\"max\",\"range\",\"histogram\",\"distribution\"]"

static void test_attributes(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(16 << 20);
    CLEANUP(columns_free_p) struct columns *c = filled();
    const struct json *list = describe(c, TABLE_OBJECTS, &notes, a);
    check_sorted(list);
    check(
        list, "hostname",
        "{\"name\":\"hostname\",\"description\":\"Which machine.\",\"type\":\"dictionary\","
        "\"format\":\"ipv6\",\"custom\":false,\"state\":\"enabled\",\"group\":true," TEXT_OPERATORS
        ",\"statistics\":{\"used\":true}}");
    check(list, "level",
          "{\"name\":\"level\",\"description\":\"level\",\"type\":\"int64\",\"format\":\"none\","
          "\"custom\":true,\"state\":\"enabled\",\"group\":true," NUMBER_OPERATORS
          ",\"statistics\":{\"used\":true}}");
    check(list, "on",
          "{\"name\":\"on\",\"description\":\"on\",\"type\":\"bitmap\",\"format\":\"none\","
          "\"custom\":true,\"state\":\"enabled\",\"group\":true," BOOL_OPERATORS
          ",\"statistics\":{\"used\":true}}");
    check(list, "timestamp",
          "{\"name\":\"timestamp\",\"description\":\"When the error happened.\","
          "\"type\":\"uint64\",\"format\":\"unix_timestamp\",\"custom\":false,"
          "\"state\":\"enabled\",\"group\":true," NUMBER_OPERATORS
          ",\"statistics\":{\"used\":false}}");
    check(list, "build",
          "{\"name\":\"build\",\"description\":\"When built.\",\"type\":\"uint64\","
          "\"format\":\"unix_timestamp\",\"custom\":true,\"state\":\"enabled\","
          "\"group\":true," NUMBER_OPERATORS ",\"statistics\":{\"used\":false}}");
}

static void test_used(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(16 << 20);
    CLEANUP(columns_free_p) struct columns *c = filled();
    static const struct {
        const char *name;
        bool custom, used;
    } cases[] = {
        { "_tx", false, true },
        { "object", false, true },
        { "fingerprint", false, true },
        { "fingerprint;original", false, false },
        { "fingerprint;first_seen", false, false }, /* no timestamps */
        { "fingerprint;issues;state", false, true },
        { "fingerprint;issues;tags", false, false },
        { "callstack", false, false },
        { "gone", true, false },
        { "zone", true, true },
        { "colour", true, false },
    };
    const struct json *list = describe(c, TABLE_OBJECTS, &notes, a);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_used(list, cases[i].name, cases[i].custom, cases[i].used);
    assert_null(find(list, "owner"));
}

static void test_issues(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(16 << 20);
    CLEANUP(columns_free_p) struct columns *c = filled();
    const struct json *list = describe(c, TABLE_ISSUES, &notes, a);
    check_sorted(list);
    check_used(list, "state", false, true);
    check_used(list, "tags", false, false);
    check_used(list, "owner", true, true);
    assert_null(find(list, "hostname"));
    assert_null(find(list, "build")); /* notes are about objects */
}

/* A project of which nobody has heard yet has the standard attributes all the same. */
static void test_empty(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(16 << 20);
    struct columns *c;
    struct err e = { 0 };
    size_t standard_count;
    const struct attribute_notes none = { NULL, 0 };
    assert_true(columns_new(&c, COLUMNS_MAX_DEFAULT, &e));
    const struct standard_attribute *standard = attributes_standard(TABLE_OBJECTS, &standard_count);
    const struct json *list = describe(c, TABLE_OBJECTS, &none, a);
    assert_int_equal(list->count, standard_count);
    check_sorted(list);
    for (size_t i = 0; i < standard_count; i++) {
        char name[100];
        (void)snprintf(name, sizeof name, "%.*s", STR_ARG(standard[i].name));
        check_used(list, name, false, false);
    }
    columns_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_used),
        cmocka_unit_test(test_issues),
        cmocka_unit_test(test_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
