/* Attributes: types, what comes later wins, limits, and the way to JSON and back. */
#include "report/attributes.h"

#include "report/upload.h"

#include "../cmocka_all.h"
#include "../group/dice.h"

#include <stdio.h>
#include <stdlib.h>

#define ARENA_BYTES (64u << 20)

static struct attributes begin(struct arena **arena)
{
    struct attributes a;
    *arena = arena_new(ARENA_BYTES);
    assert_non_null(*arena);
    attributes_init(&a, *arena);
    return a;
}

static const struct json *parse(struct str text, struct arena *arena)
{
    struct err e = { 0 };
    const struct json *j = NULL;
    if (!json_parse(&j, text, (struct json_limits){ 1000, 1000000 }, arena, &e))
        fail_msg("%.*s: %s", STR_ARG(text), e.msg);
    return j;
}

/* "name:type=text|..." */
static char *listing(const struct attributes *a)
{
    struct buf b;
    buf_init(&b, 1 << 24);
    for (size_t i = 0; i < a->count; i++) {
        struct str type = attribute_type_name(a->at[i].type);
        buf_printf(&b, "%s%.*s:%.*s=%.*s", i ? "|" : "", STR_ARG(a->at[i].name), STR_ARG(type),
                   STR_ARG(a->at[i].text));
    }
    buf_char(&b, '\0');
    assert_true(buf_ok(&b));
    return b.ptr;
}

static void check_listing(const char *name, const struct attributes *a, const char *want)
{
    char *got = listing(a);
    if (strcmp(got, want) != 0)
        fail_msg("%s: got %s, not %s", name, got, want);
    free(got);
}

static void test_types_of_text(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum attribute_type type;
    } cases[] = {
        { "0", ATTRIBUTE_UNSIGNED },
        { "18446744073709551615", ATTRIBUTE_UNSIGNED },
        { "18446744073709551616", ATTRIBUTE_STRING },
        { "99999999999999999999", ATTRIBUTE_STRING },
        { "100000000000000000000", ATTRIBUTE_STRING },
        { "007", ATTRIBUTE_STRING },
        { "+7", ATTRIBUTE_STRING },
        { "7 ", ATTRIBUTE_STRING },
        { "1.5", ATTRIBUTE_STRING },
        { "1e3", ATTRIBUTE_STRING },
        { "0x10", ATTRIBUTE_STRING },
        { "-1", ATTRIBUTE_SIGNED },
        { "-9223372036854775808", ATTRIBUTE_SIGNED },
        { "-9223372036854775809", ATTRIBUTE_STRING },
        { "-0", ATTRIBUTE_STRING },
        { "-", ATTRIBUTE_STRING },
        { "", ATTRIBUTE_STRING },
        { "true", ATTRIBUTE_BOOLEAN },
        { "false", ATTRIBUTE_BOOLEAN },
        { "True", ATTRIBUTE_STRING },
        { "c781fa6b-1cab-ba07-d534-b0e3754339de", ATTRIBUTE_UUID },
        { "C781FA6B-1CAB-BA07-D534-B0E3754339DE", ATTRIBUTE_UUID },
        { "3d1219c7c4c5404aaa1f6d2a48adfda4", ATTRIBUTE_UUID },
        { "12345678901234567890123456789012", ATTRIBUTE_UUID },
        { "c781fa6b1-cab-ba07-d534-b0e3754339de", ATTRIBUTE_STRING },
        { "c781fa6b-1cab-ba07-d534-b0e3754339dg", ATTRIBUTE_STRING },
        { "3d1219c7c4c5404aaa1f6d2a48adfda", ATTRIBUTE_STRING },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (attribute_type_of(str_from_c(cases[i].text)) != cases[i].type)
            fail_msg("%s", cases[i].text);
}

static void test_types_of_json(void **state)
{
    (void)state;
    static const struct {
        const char *json, *want;
    } cases[] = {
        { "{\"a\":1}", "a:unsigned=1" },
        { "{\"a\":-1}", "a:signed=-1" },
        { "{\"a\":-0}", "a:double=-0" },
        { "{\"a\":1.50}", "a:double=1.50" },
        { "{\"a\":1e400}", "a:double=1e400" },
        { "{\"a\":18446744073709551616}", "a:double=18446744073709551616" },
        { "{\"a\":true,\"b\":false}", "a:boolean=true|b:boolean=false" },
        { "{\"a\":\"5\",\"b\":\"true\"}", "a:string=5|b:string=true" },
        { "{\"a\":\"3d1219c7c4c5404aaa1f6d2a48adfda4\"}",
          "a:uuid=3d1219c7c4c5404aaa1f6d2a48adfda4" },
        { "{\"a\":null,\"b\":\"\"}", "b:string=" },
        { "{\"a\":{ \"b\" : [1, 2.0, \"\\u0041\"] }}", "a:dictionary={\"b\":[1,2.0,\"A\"]}" },
        { "{\"a\":[]}", "a:dictionary=[]" },
        { "{\"a.b\":\"x\",\"a_b\":\"y\"}", "a.b:string=x|a_b:string=y" },
        { "{\"\":\"x\"}", "" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena *arena;
        struct attributes a = begin(&arena);
        const struct json *j = parse(str_from_c(cases[i].json), arena);
        for (const struct json *m = j->first; m; m = m->next)
            assert_true(attributes_set_json(&a, m));
        check_listing(cases[i].json, &a, cases[i].want);
        arena_free(arena);
    }
}

/* The type that is said is held to what the text can be. */
static void test_types_are_settled(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum attribute_type said, is;
    } cases[] = {
        { "12", ATTRIBUTE_UNSIGNED, ATTRIBUTE_UNSIGNED },
        { "-12", ATTRIBUTE_UNSIGNED, ATTRIBUTE_SIGNED },
        { "12", ATTRIBUTE_DOUBLE, ATTRIBUTE_UNSIGNED },
        { "1e5", ATTRIBUTE_UNSIGNED, ATTRIBUTE_DOUBLE },
        { "1.", ATTRIBUTE_DOUBLE, ATTRIBUTE_STRING },
        { ".1", ATTRIBUTE_DOUBLE, ATTRIBUTE_STRING },
        { "01", ATTRIBUTE_DOUBLE, ATTRIBUTE_STRING },
        { "1e", ATTRIBUTE_DOUBLE, ATTRIBUTE_STRING },
        { "1E+5", ATTRIBUTE_DOUBLE, ATTRIBUTE_DOUBLE },
        { "-1.25e-07", ATTRIBUTE_DOUBLE, ATTRIBUTE_DOUBLE },
        { "-", ATTRIBUTE_DOUBLE, ATTRIBUTE_STRING },
        { "", ATTRIBUTE_DOUBLE, ATTRIBUTE_STRING },
        { "yes", ATTRIBUTE_BOOLEAN, ATTRIBUTE_STRING },
        { "no uuid", ATTRIBUTE_UUID, ATTRIBUTE_STRING },
        { "3d1219c7c4c5404aaa1f6d2a48adfda4", ATTRIBUTE_STRING, ATTRIBUTE_UUID },
        { "7", ATTRIBUTE_STRING, ATTRIBUTE_STRING },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena *arena;
        struct attributes a = begin(&arena);
        assert_true(attributes_set(&a, STR("n"), cases[i].said, str_from_c(cases[i].text)));
        if (a.at[0].type != cases[i].is)
            fail_msg("%s: %d", cases[i].text, (int)a.at[0].type);
        arena_free(arena);
    }
}

static void test_later_wins(void **state)
{
    (void)state;
    struct arena *arena;
    struct attributes a = begin(&arena);
    assert_null(attributes_find(&a, STR("a")));
    assert_true(attributes_set_text(&a, STR("a"), STR("1")));
    assert_true(attributes_set_text(&a, STR("b"), STR("x")));
    assert_true(attributes_set_text(&a, STR("a"), STR("y")));
    check_listing("order", &a, "a:string=y|b:string=x");
    assert_true(str_eq(attributes_find(&a, STR("a"))->text, STR("y")));
    assert_null(attributes_find(&a, STR("c")));
    arena_free(arena);
}

static void test_limits(void **state)
{
    (void)state;
    struct arena *arena;
    struct attributes a = begin(&arena);
    char name[UPLOAD_NAME_MAX + 1];
    memset(name, 'n', sizeof name);
    assert_true(attributes_set_text(&a, (struct str){ name, sizeof name }, STR("x")));
    assert_true(attributes_set_text(&a, STR(""), STR("x")));
    assert_true(attributes_set_text(&a, STR("\xff"), STR("x")));
    assert_int_equal(a.dropped, 3);
    assert_int_equal(a.count, 0);
    assert_true(attributes_set_text(&a, (struct str){ name, sizeof name - 1 }, STR("x")));
    for (int i = 1; i < ATTRIBUTES_MAX + 10; i++) {
        struct str made;
        assert_true(arena_printf(arena, &made, "a%d", i) && attributes_set_text(&a, made, made));
    }
    assert_int_equal(a.count, ATTRIBUTES_MAX);
    assert_int_equal(a.dropped, 3 + 10);
    assert_true(attributes_set_text(&a, STR("a17"), STR("new"))); /* one that is there may change */
    assert_true(str_eq(attributes_find(&a, STR("a17"))->text, STR("new")));
    assert_int_equal(a.dropped, 3 + 10);
    arena_free(arena);
}

static void test_long_values(void **state)
{
    (void)state;
    struct arena *arena;
    struct attributes a = begin(&arena);
    size_t len = UPLOAD_VALUE_MAX + 1;
    char *text = malloc(len);
    memset(text, '7', len);
    memcpy(text + len - 3, "\xc3\xa4\xc3", 3); /* the limit is behind a letter of two bytes ... */
    assert_true(attributes_set(&a, STR("a"), ATTRIBUTE_STRING, (struct str){ text, len }));
    assert_int_equal(a.at[0].text.len, UPLOAD_VALUE_MAX);
    text[len - 3] = '7';
    memcpy(text + len - 2, "\xc3\xa4", 2); /* ... and within one */
    assert_true(attributes_set(&a, STR("b"), ATTRIBUTE_STRING, (struct str){ text, len }));
    assert_int_equal(a.at[1].text.len, UPLOAD_VALUE_MAX - 1);
    memset(text, '7', len);
    assert_true(attributes_set(&a, STR("c"), ATTRIBUTE_DOUBLE, (struct str){ text, len }));
    assert_int_equal(a.at[2].type, ATTRIBUTE_STRING);
    assert_int_equal(a.cut, 3);
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_str(&b, STR("{\"d\":[\""));
    buf_add(&b, text, len);
    buf_str(&b, STR("\"]}"));
    assert_true(attributes_set_json(&a, parse(buf_view(&b), arena)->first));
    assert_int_equal(a.at[3].type, ATTRIBUTE_STRING);
    assert_int_equal(a.cut, 4);
    buf_done(&b);
    free(text);
    arena_free(arena);
}

/* --- there and back ------------------------------------------------------------------------ */

#define ROUNDS 10

static struct str random_text(struct dice *d, struct arena *arena)
{
    static const char *const some[] = { "",
                                        "0",
                                        "-1",
                                        "true",
                                        "1e400",
                                        "-0.0",
                                        "x y z",
                                        "\"\\",
                                        "\xc3\xa4",
                                        "null",
                                        "{}",
                                        "[1]",
                                        "3d1219c7c4c5404aaa1f6d2a48adfda4" };
    if (dice(d, 3))
        return str_from_c(some[dice(d, COUNT_OF(some))]);
    char *p = arena_alloc(arena, 20);
    size_t len = dice(d, 20);
    for (size_t i = 0; i < len; i++)
        p[i] = (char)dice(d, 128); /* control characters and NULs, too */
    return (struct str){ p, len };
}

static void set_random(struct dice *d, struct attributes *a, struct arena *arena)
{
    struct str name = random_text(d, arena), text = random_text(d, arena);
    if (dice(d, 4) == 0) {
        struct str json;
        assert_true(arena_printf(arena, &json, "{\"%s%u\":{\"a\":[%u,-0.5e3,null,\"\\n\"]}}",
                                 dice(d, 2) ? "d" : "e", dice(d, 9), dice(d, 99)));
        assert_true(attributes_set_json(a, parse(json, arena)->first));
    } else if (dice(d, 2)) {
        assert_true(attributes_set_text(a, name, text));
    } else {
        assert_true(attributes_set(a, name, (enum attribute_type)dice(d, 6), text));
    }
}

static void write_all(struct buf *b, const struct attributes *a)
{
    struct json_writer w;
    buf_init(b, 1 << 24);
    json_writer_init(&w, b);
    attributes_write(&w, a);
    assert_true(buf_ok(b));
}

static void round_trip(struct dice *d)
{
    struct arena *arena, *other;
    struct err e = { 0 };
    struct attributes a = begin(&arena), back = begin(&other);
    for (unsigned n = dice(d, 200); n > 0; n--)
        set_random(d, &a, arena);
    struct buf b, again;
    write_all(&b, &a);
    if (!attributes_read(&back, buf_view(&b), &e))
        fail_msg("%.*s: %s", STR_ARG(buf_view(&b)), e.msg);
    assert_int_equal(back.count, a.count);
    for (size_t i = 0; i < a.count; i++)
        if (!str_eq(a.at[i].name, back.at[i].name) || a.at[i].type != back.at[i].type ||
            !str_eq(a.at[i].text, back.at[i].text))
            fail_msg("attribute %zu of %.*s", i, STR_ARG(buf_view(&b)));
    write_all(&again, &back);
    assert_true(str_eq(buf_view(&b), buf_view(&again)));
    buf_done(&b);
    buf_done(&again);
    arena_free(arena);
    arena_free(other);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct dice d;
    for (unsigned i = 0; dice_seed(&d, i, ROUNDS); i++)
        for (int k = 0; k < 100; k++)
            round_trip(&d);
}

static void test_read_refuses(void **state)
{
    (void)state;
    static const char *const cases[] = { "", "[]", "\"x\"", "{\"a\":}", "{\"a\":1,\"a\":2}" };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena *arena;
        struct attributes a = begin(&arena);
        struct err e = { 0 };
        assert_false(attributes_read(&a, str_from_c(cases[i]), &e));
        assert_int_equal(e.code, ERR_INPUT);
        arena_free(arena);
    }
}

/* Against the plainest list. */
static void test_against_model(void **state)
{
    (void)state;
    struct arena *arena;
    struct attributes a = begin(&arena);
    int values[1000];
    memset(values, 0xff, sizeof values);
    struct dice d;
    assert_true(dice_seed(&d, 0, 1));
    for (int i = 0; i < 5000; i++) {
        struct str name, text;
        unsigned n = dice(&d, 1000);
        assert_true(arena_printf(arena, &name, "n%u", n));
        assert_true(arena_printf(arena, &text, "%d", i));
        assert_true(attributes_set_text(&a, name, text));
        values[n] = i;
    }
    size_t count = 0;
    for (int n = 0; n < 1000; n++) {
        char name[16], text[16];
        snprintf(name, sizeof name, "n%d", n);
        snprintf(text, sizeof text, "%d", values[n]);
        const struct attribute *found = attributes_find(&a, str_from_c(name));
        assert_int_equal(found != NULL, values[n] >= 0);
        assert_true(!found || str_eq(found->text, str_from_c(text)));
        count += found != NULL;
    }
    assert_int_equal(count, a.count);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types_of_text),
        cmocka_unit_test(test_types_of_json),
        cmocka_unit_test(test_types_are_settled),
        cmocka_unit_test(test_later_wins),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_long_values),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_read_refuses),
        cmocka_unit_test(test_against_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
