/* json: what is accepted, what is refused and where, and places in the text. */
#include "base/json.h"

#include "../cmocka_all.h"
#include <stdio.h>

static const struct json_limits limits = { .depth = 20, .nodes = 1000 };

/* The tree of `text` written again, in a buffer that the next call uses again; the error instead
 * when there is one. */
static const char *again(struct str text, struct json_limits lim, struct err *e)
{
    static char out[20000];
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 20);
    const struct json *j = NULL;
    *e = (struct err){ 0 };
    if (!json_parse(&j, text, lim, a, e)) {
        assert_null(j);
        snprintf(out, sizeof out, "%s", e->msg);
        return out;
    }
    struct buf b;
    struct json_writer w;
    buf_init(&b, sizeof out - 1);
    json_writer_init(&w, &b);
    json_tree(&w, j);
    assert_true(buf_ok(&b));
    assert_int_equal(w.depth, 0);
    memcpy(out, b.ptr, b.len);
    out[b.len] = '\0';
    buf_done(&b);
    return out;
}

static void test_accepted(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        const char *want; /* NULL: as it came */
    } cases[] = {
        { STR_INIT("null"), NULL },
        { STR_INIT(" \t\r\n true \t\r\n "), "true" },
        { STR_INIT("false"), NULL },
        { STR_INIT("\"\""), NULL },
        { STR_INIT("[]"), NULL },
        { STR_INIT("{}"), NULL },
        { STR_INIT("0"), NULL },
        { STR_INIT("-0"), NULL },
        { STR_INIT("12 "), "12" },
        { STR_INIT("[1,-2.50,1e5,1E+5,0.1e-10]"), NULL },
        { STR_INIT("123456789012345678901234567890.123456789012345678901234567890"), NULL },
        { STR_INIT("[18446744073709551615,1e999]"), NULL },
        { STR_INIT("[ 1 , [ 2 , { \"a\" : [ ] } ] ]"), "[1,[2,{\"a\":[]}]]" },
        { STR_INIT("{\"a\":{\"a\":{\"a\":1}},\"b\":{\"a\":1}}"), NULL },
        { STR_INIT("{\"\":1,\" \":2}"), NULL },
        { STR_INIT("\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\""), NULL },
        { STR_INIT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), "\"\\\"\\\\/\\u0008\\u000c\\n\\r\\t\"" },
        { STR_INIT("\"\\u0041\\u00fC\\u20AC\""), "\"A\xc3\xbc\xe2\x82\xac\"" },
        { STR_INIT("\"x\\u0000y\""), NULL },
        { STR_INIT("{\"a\\u0000\":1,\"a\":2}"), NULL },
        { STR_INIT("\"\\ud83d\\ude00\""), "\"\xf0\x9f\x98\x80\"" },
        { STR_INIT("\"\\udbff\\udfff\""), "\"\xf4\x8f\xbf\xbf\"" },
        /* Surrogates without their other half. */
        { STR_INIT("\"\\ud83d\""), "\"\xef\xbf\xbd\"" },
        { STR_INIT("\"\\ude00\""), "\"\xef\xbf\xbd\"" },
        { STR_INIT("\"\\ud83dx\""), "\"\xef\xbf\xbdx\"" },
        { STR_INIT("\"\\ud83d\\n\""), "\"\xef\xbf\xbd\\n\"" },
        { STR_INIT("\"\\ud83d\\u0041\""), "\"\xef\xbf\xbd"
                                          "A\"" },
        { STR_INIT("\"\\ud83d\\ud83d\\ude00\""), "\"\xef\xbf\xbd\xf0\x9f\x98\x80\"" },
        { STR_INIT("\"\\ude00\\ud83d\""), "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e;
        const char *want = cases[i].want ? cases[i].want : cases[i].in.ptr;
        const char *got = again(cases[i].in, limits, &e);
        if (strcmp(got, want) != 0)
            fail_msg("%s became %s", cases[i].in.ptr, got);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        uint64_t offset;
        const char *msg; /* a part of it */
    } cases[] = {
        { STR_INIT(""), 0, "line 1, column 1: there is no value" },
        { STR_INIT(" \n "), 0, "line 1, column 1: there is no value" },
        { STR_INIT("tru"), 3, "line 1, column 4: the text ends" },
        { STR_INIT("-"), 1, "line 1, column 2: the text ends" },
        { STR_INIT("\"abc"), 4, "line 1, column 5: the text ends" },
        { STR_INIT("\"abc\\\""), 6, "line 1, column 7: the text ends" },
        { STR_INIT("[1"), 2, "line 1, column 3: the text ends" },
        { STR_INIT("[\n\n1,\n"), 6, "line 4, column 1: the text ends" },
        { STR_INIT("{\"a\""), 4, "line 1, column 5: the text ends" },
        { STR_INIT("{\"a\":"), 5, "line 1, column 6: the text ends" },
        { STR_INIT("1 2"), 2, "line 1, column 3: something stands behind" },
        { STR_INIT("{}\n}"), 3, "line 2, column 1: something stands behind" },
        { STR_INIT("{}\"abc"), 2, "column 3: something stands behind" },
        { STR_INIT("null,"), 4, "column 5: something stands behind" },
        { STR_INIT("01"), 1, "column 2: something stands behind" },
        { STR_INIT("1\0"), 1, "column 2: something stands behind" },
        { STR_INIT("1\v"), 1, "column 2: something stands behind" },
        { STR_INIT("// x"), 0, "column 1: probable comment" },
        { STR_INIT("[1, /* x */ 2]"), 4, "column 5: probable comment" },
        { STR_INIT("1 // x"), 2, "column 3: something stands behind" },
        { STR_INIT(",1"), 0, "column 1: unallowed token" },
        { STR_INIT("]"), 0, "column 1: unallowed token" },
        { STR_INIT("[,1]"), 1, "column 2: unallowed token" },
        { STR_INIT("[1,,2]"), 3, "column 4: unallowed token" },
        { STR_INIT("[1,]"), 3, "column 4: unallowed token" },
        { STR_INIT("[1 2]"), 3, "column 4: after array element" },
        { STR_INIT("[1}"), 2, "column 3: after array element" },
        { STR_INIT("[1:2]"), 2, "column 3: after array element" },
        { STR_INIT("[01]"), 2, "column 3: after array element" },
        { STR_INIT("[\"a\" \"b\"]"), 5, "column 6: after array element" },
        { STR_INIT("{\"a\":1,}"), 7, "column 8: invalid object key" },
        { STR_INIT("{1:2}"), 1, "column 2: invalid object key" },
        { STR_INIT("{,}"), 1, "column 2: invalid object key" },
        { STR_INIT("{\"a\" 1}"), 5, "column 6: object key and value" },
        { STR_INIT("{\"a\":1 \"b\":2}"), 7, "column 8: after key and value" },
        { STR_INIT("{\"a\":1]"), 6, "column 7: after key and value" },
        { STR_INIT("[-]"), 2, "column 3: malformed number" },
        { STR_INIT("[-x]"), 2, "column 3: malformed number" },
        { STR_INIT("[1.]"), 3, "column 4: malformed number" },
        { STR_INIT("[1.e5]"), 3, "column 4: malformed number" },
        { STR_INIT("[1e]"), 3, "column 4: malformed number" },
        { STR_INIT("[.5]"), 1, "column 2: invalid char" },
        { STR_INIT("[+1]"), 1, "column 2: invalid char" },
        { STR_INIT("[NaN]"), 1, "column 2: invalid char" },
        { STR_INIT("[nul]"), 4, "column 5: invalid string" },
        { STR_INIT("[True]"), 1, "column 2: invalid char" },
        { STR_INIT("['a']"), 1, "column 2: invalid char" },
        { STR_INIT("[\0]"), 1, "column 2: invalid char" },
        { STR_INIT("\xef\xbb\xbf[]"), 0, "column 1: invalid char" },
        { STR_INIT("[\"a\\q\"]"), 4, "column 5: inside a string" },
        { STR_INIT("[\"\\u12g4\"]"), 6, "column 7: invalid (non-hex)" },
        { STR_INIT("[\"a\tb\"]"), 3, "column 4: invalid character" },
        { STR_INIT("[\"a\nb\"]"), 3, "line 1, column 4: invalid character" },
        { STR_INIT("[\"a\0b\"]"), 3, "column 4: invalid character" },
        { STR_INIT("[\v1]"), 1, "column 2: this is no white space" },
        { STR_INIT("[1\f]"), 2, "column 3: this is no white space" },
        { STR_INIT("\v"), 0, "column 1: this is no white space" },
        { STR_INIT("\"\xff\""), 1, "column 2: this byte is not UTF-8" },
        { STR_INIT("[\n\"\xc0\x80\"]"), 3, "line 2, column 2: this byte is not UTF-8" },
        { STR_INIT("\"\xed\xa0\x80\""), 1, "this byte is not UTF-8" },
        { STR_INIT("\"\xf4\x90\x80\x80\""), 1, "this byte is not UTF-8" },
        { STR_INIT("\"\xe2\x82"), 1, "this byte is not UTF-8" },
        { STR_INIT("{\"a\":1,\"a\":1}"), 7, "column 8: the key \"a\" stands twice" },
        { STR_INIT("{\"a\":[{}] ,\n \"\\u0061\":1}"), 13, "line 2, column 2: the key \"a\"" },
        { STR_INIT("[{\"\":1,\"\":1}]"), 7, "column 8: the key \"\" stands twice" },
        { STR_INIT("{\"a\":1,\"b\":{\"c\":{},\"d\":0,\"c\":[]}}"), 25,
          "the key \"c\" stands twice" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e;
        const char *got = again(cases[i].in, limits, &e);
        if (e.code != ERR_INPUT || e.offset != cases[i].offset || !strstr(got, cases[i].msg))
            fail_msg("row %zu, %s: code %d, offset %llu, %s", i, cases[i].in.ptr, e.code,
                     (unsigned long long)e.offset, got);
    }
}

/* An object of many members, the last of them with the name of member `twice`. */
static struct str many_keys(char *out, size_t room, int count, int twice)
{
    size_t n = (size_t)snprintf(out, room, "{");
    for (int i = 0; i < count; i++)
        n += (size_t)snprintf(out + n, room - n, "%s\"key%d\":%d", i ? "," : "",
                              i == count - 1 && twice >= 0 ? twice : i, i);
    n += (size_t)snprintf(out + n, room - n, "}");
    return (struct str){ out, n };
}

static void test_many_keys(void **state)
{
    (void)state;
    static char text[20000];
    static const int counts[] = { 2, 7, 8, 9, 10, 16, 17, 500 };
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        struct err e;
        again(many_keys(text, sizeof text, counts[i], -1), limits, &e);
        assert_int_equal(e.code, ERR_NONE);
        for (int twice = 0; twice < counts[i] - 1; twice += counts[i] / 2) {
            again(many_keys(text, sizeof text, counts[i], twice), limits, &e);
            const char *second = strrchr(text, ',') + 1;
            assert_int_equal(e.code, ERR_INPUT);
            assert_int_equal(e.offset, second - text);
        }
    }
}

static void test_limits(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        struct json_limits limits;
        const char *msg; /* NULL: accepted */
    } cases[] = {
        { "1", { 0, 1 }, NULL },
        { "[]", { 0, 1 }, "column 1: more than 0 lists and objects inside one another" },
        { "[]", { 1, 1 }, NULL },
        { "[1]", { 1, 2 }, NULL },
        { "[[1]]", { 2, 3 }, NULL },
        { "[ [{}]]", { 2, 9 }, "column 4: more than 2 lists" },
        { "[[],[],[]]", { 2, 4 }, NULL },
        { "[[],[],[]]", { 2, 3 }, "column 8: more than 3 values" },
        { "{\"a\":{\"b\":null}}", { 2, 3 }, NULL },
        { "{\"a\":{\"b\":null}}", { 2, 2 }, "column 11: more than 2 values" },
        { "1", { 1, 0 }, "column 1: more than 0 values" },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e;
        const char *got = again(str_from_c(cases[i].in), cases[i].limits, &e);
        bool good = cases[i].msg ? e.code == ERR_LIMIT && strstr(got, cases[i].msg)
                                 : strcmp(got, cases[i].in) == 0;
        if (!good)
            fail_msg("row %zu, %s: %s", i, cases[i].in, got);
    }
}

/* Deep nesting ends at the limit, however deep it goes, and takes no stack. */
static void test_deep(void **state)
{
    (void)state;
    static char text[1000000];
    memset(text, '[', sizeof text);
    struct err e;
    again((struct str){ text, sizeof text }, (struct json_limits){ 1000, 1000000 }, &e);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_int_equal(e.offset, 1000);
}

static void test_tree(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 20);
    struct str text =
        STR(" {\"one\" : [ 10 , \"t\\u0077o\", \"xyz\" ] ,\n\"k\\ney\":{ } , \"z\":-1.50 } ");
    struct err e;
    const struct json *j, *list, *item;
    assert_true(json_parse(&j, text, limits, a, &e));
    static const struct {
        const char *key, *text;
    } places[] = {
        { "one", "[ 10 , \"t\\u0077o\", \"xyz\" ]" },
        { "k\ney", "{ }" },
        { "z", "-1.50" },
    };
    assert_int_equal(j->type, JSON_OBJECT);
    assert_int_equal(j->count, 3);
    assert_int_equal(j->begin, 1);
    assert_int_equal(j->end, text.len - 1);
    assert_int_equal(j->key.len, 0);
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        const struct json *m = json_get(j, str_from_c(places[i].key));
        assert_non_null(m);
        assert_true(str_eq(m->key, str_from_c(places[i].key)));
        assert_true(str_eq((struct str){ text.ptr + m->begin, m->end - m->begin },
                           str_from_c(places[i].text)));
    }
    list = json_get(j, STR("one"));
    assert_int_equal(list->type, JSON_LIST);
    assert_int_equal(list->count, 3);
    item = list->first;
    assert_true(item->type == JSON_NUMBER && str_eq(item->text, STR("10")));
    item = item->next;
    assert_true(item->type == JSON_STRING && str_eq(item->text, STR("two")));
    assert_memory_equal(text.ptr + item->begin, "\"t\\u0077o\"", item->end - item->begin);
    item = item->next;
    assert_true(item->type == JSON_STRING && str_eq(item->text, STR("xyz")));
    assert_ptr_equal(item->text.ptr, text.ptr + item->begin + 1); /* borrowed, not copied */
    assert_null(item->next);
    assert_null(json_get(j, STR("on")));
    assert_null(json_get(list, STR("one")));
    assert_null(json_get(NULL, STR("one")));
}

/* A number at the very end, which yajl hands out as a copy. */
static void test_number_at_end(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 16);
    struct str text = STR(" -1.25e3");
    struct err e;
    const struct json *j;
    assert_true(json_parse(&j, text, limits, a, &e));
    assert_ptr_equal(j->text.ptr, text.ptr + 1);
    assert_int_equal(j->text.len, 7);
    assert_int_equal(j->begin, 1);
    assert_int_equal(j->end, 8);
}

static void test_arena_limit(void **state)
{
    (void)state;
    struct str text = STR("[1,2,3,4,5,6,\"a\\nb\",{\"x\":[]}]");
    for (size_t limit = 0; limit < 1000; limit += 16) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(limit);
        struct err e = { 0 };
        const struct json *j;
        if (json_parse(&j, text, limits, a, &e))
            assert_in_range(limit, 10 * sizeof *j, 1000);
        else
            assert_int_equal(e.code, ERR_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),      cmocka_unit_test(test_refused),
        cmocka_unit_test(test_many_keys),     cmocka_unit_test(test_limits),
        cmocka_unit_test(test_deep),          cmocka_unit_test(test_tree),
        cmocka_unit_test(test_number_at_end), cmocka_unit_test(test_arena_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
