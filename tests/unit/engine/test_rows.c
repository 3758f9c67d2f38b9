/* What the columns hold of uploads and reports: at once, and again after a restart. */
#include "unit/engine/edits.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static uint64_t send_body(struct place *p, enum upload_format format, const char *body)
{
    struct given *g = given_new(p, format, str_from_c(body));
    g->u.sync = true;
    given_send(p, g);
    uint64_t object = g->u.object;
    given_free(g);
    return object;
}

/* The rows are the same when all of them are made anew. */
static void assert_stays(struct place *p, const char *project)
{
    char *before = rows_text(p, project);
    place_reopen(p);
    char *after = rows_text(p, project);
    if (strcmp(before, after) != 0)
        fail_msg("before the restart:\n%s\nafter it:\n%s", before, after);
    free(before);
    free(after);
}

static void test_types(void **state)
{
    static const struct {
        const char *json, *want;
    } cases[] = {
        { "\"text\"", "str:text" },
        { "5", "uint:5" },
        { "0", "uint:0" },
        { "18446744073709551615", "uint:18446744073709551615" },
        { "-5", "int:-5" },
        { "-9223372036854775808", "int:-9223372036854775808" },
        { "1.5", "double:1.5" },
        { "-2.5e3", "double:-2500" },
        { "1e400", "double:1.7976931348623157e+308" },
        { "-1e400", "double:-1.7976931348623157e+308" },
        { "18446744073709551616", "double:1.8446744073709552e+19" },
        { "true", "bool:1" },
        { "false", "bool:0" },
        { "\"0F8fad5b-d9cb-469f-a165-70867728950e\"", "str:0F8fad5b-d9cb-469f-a165-70867728950e" },
        { "{\"a\":[1]}", "str:{\"a\":[1]}" },
        { "null", "-" },
    };
    struct place *p = *state;
    uint64_t objects[sizeof cases / sizeof *cases];
    place_open(p);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char body[256];
        snprintf(body, sizeof body, "{\"attributes\":{\"v%zu\":%s}}", i, cases[i].json);
        objects[i] = send_body(p, UPLOAD_JSON, body);
    }
    for (unsigned round = 0; round < 2; round++, place_reopen(p))
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            char name[32];
            snprintf(name, sizeof name, "v%zu", i);
            assert_cell(p, objects[i], name, cases[i].want);
        }
    assert_stays(p, "p");
}

/* What the server knows beats what is said in attributes. */
static void test_own(void **state)
{
    struct place *p = *state;
    place_open(p);
    const char *body =
        "{\"timestamp\":1700000000,\"classifiers\":[\"a\",\"b\"],\"mainThread\":\"1\","
        "\"threads\":{\"1\":{\"stack\":[{\"funcName\":\"f\"},{\"funcName\":\"g\"}]}},"
        "\"attributes\":{\"timestamp\":5,\"object.size\":6,\"fingerprint\":\"x\","
        "\"fingerprint;original\":\"y\",\"object\":7,\"_tx\":8,\"error\":\"mine\"}}";
    uint64_t object = send_body(p, UPLOAD_JSON, body);
    char size[32];
    snprintf(size, sizeof size, "uint:%zu", strlen(body));
    for (unsigned round = 0; round < 2; round++, place_reopen(p)) {
        assert_cell(p, object, "timestamp", "uint:1700000000");
        assert_cell(p, object, "object.size", size);
        assert_cell(p, object, "object", "-");
        assert_cell(p, object, "_tx", "-");
        assert_cell(p, object, "error", "str:mine");
        assert_cell(p, object, "classifiers", "str:a b");
        assert_cell(p, object, "callstack", "str:{\"frame\":[\"f\",\"g\"]}");
        const char *fingerprint = cell_text_of(p, "p", object, "fingerprint");
        assert_int_equal(strlen(fingerprint), strlen("str:") + 64);
        assert_cell(p, object, "fingerprint;original", strdupa(fingerprint));
    }
}

/* What could not be read has a row; symbols have none. */
static void test_errors(void **state)
{
    struct place *p = *state;
    place_open(p);
    uint64_t damaged = send_body(p, UPLOAD_MINIDUMP, "MDMP and no more");
    uint64_t odd = send_body(p, UPLOAD_JSON, "{\"timestamp\":\"never\",\"attributes\":{\"a\":1}}");
    uint64_t waiting = send_body(p, UPLOAD_PLCRASH, "plcrash\1 report");
    (void)send_body(p, UPLOAD_SOURCEMAP, "{\"version\":3}");
    for (unsigned round = 0; round < 2; round++, place_reopen(p)) {
        assert_true(strlen(cell_text_of(p, "p", damaged, "error")) > 10);
        assert_non_null(strstr(cell_text_of(p, "p", odd, "error"), "timestamp"));
        assert_cell(p, odd, "a", "uint:1");
        assert_cell(p, waiting, "object.size", "uint:15");
        char *all = rows_text(p, "p");
        size_t rows = 0;
        for (const char *c = all; (c = strstr(c, " object.size=")); c++)
            rows++;
        assert_int_equal(rows, 3);
        free(all);
    }
    assert_stays(p, "p");
}

static void test_reports(void **state)
{
    struct place *p = *state;
    const char *body =
        "{\"database_id\":\"d1\",\"date\":\"2020-01-02\",\"os\":{\"name\":\"x\",\"v.n\":[\"1\","
        "\"2\"]},"
        "\"classifiers\":[\"a\",\"b c\"],\"hostname\":\"h\",\"n\":5,\"timestamp\":\"t\","
        "\"stacktrace\":[{\"function\":\"std::vector<int>::at(int)\",\"address\":\"0x1\"},"
        "{\"function\":\"g\"}]}";
    place_open(p);
    post_ok(p, "p", "%s", body);
    post_ok(p, "p", "{\"database_id\":\"d2\"}");
    char size[32];
    snprintf(size, sizeof size, "uint:%zu", strlen(body));
    for (unsigned round = 0; round < 2; round++, place_reopen(p)) {
        assert_cell(p, 1, "timestamp", "uint:1577923200");
        assert_cell(p, 1, "os.name", "str:x");
        assert_cell(p, 1, "os.v_n", "str:1");
        assert_cell(p, 1, "classifiers", "str:a b c");
        assert_cell(p, 1, "hostname", "str:h");
        assert_cell(p, 1, "n", "str:5");
        assert_cell(p, 1, "object.size", size);
        assert_cell(p, 1, "database_id", "-");
        assert_cell(p, 1, "date", "-");
        assert_cell(p, 1, "stacktrace.function", "-");
        assert_cell(p, 1, "callstack", "str:{\"frame\":[\"std::vector::at\",\"g\"]}");
        assert_cell(p, 2, "callstack", "-");
        assert_int_equal(strlen(cell_text_of(p, "p", 2, "fingerprint")), 4 + 64);
    }
    assert_stays(p, "p");
}

/* One column too many: the object says so, and so does each after it. */
static void test_limit(void **state)
{
    struct place *p = *state;
    p->config.columns_max = 12;
    place_open(p);
    uint64_t first = send_body(p, UPLOAD_JSON, "{\"timestamp\":\"never\"}"); /* has an `error` */
    char body[512] = "{\"attributes\":{\"a\":1";
    for (unsigned i = 0; i < 20; i++)
        snprintf(body + strlen(body), sizeof body - strlen(body), ",\"b%u\":%u", i, i);
    snprintf(body + strlen(body), sizeof body - strlen(body), "}}");
    uint64_t second = send_body(p, UPLOAD_JSON, body);
    assert_cell(p, second, "a", "uint:1");
    assert_cell(p, second, "b0", "uint:0");
    assert_cell(p, second, "b19", "-");
    assert_non_null(strstr(cell_text_of(p, "p", second, "error"),
                           " and others cannot be queried: the project has 12 attributes, which "
                           "is the limit"));
    assert_null(strstr(cell_text_of(p, "p", first, "error"), "cannot be queried"));
}

/* A place is kept for the `error` that says so, also where no object had one before. */
static void test_limit_said(void **state)
{
    struct place *p = *state;
    p->config.columns_max = 9;
    place_open(p);
    const uint64_t first = 1, second = 2;
    post_ok(p, "p", "{\"database_id\":\"1\",\"a\":\"1\",\"b\":\"2\",\"c\":\"3\"}");
    post_ok(p, "p", "{\"database_id\":\"2\",\"d\":\"4\",\"e\":\"5\",\"f\":\"6\"}");
    assert_cell(p, first, "a", "str:1");
    assert_cell(p, first, "error", "-");
    assert_non_null(strstr(cell_text_of(p, "p", second, "error"), " cannot be queried"));
    struct edit_sent *s = edit_new("p", EDIT_SET);
    const struct edit_value value = { .name = STR("g"), .text = STR("x") };
    struct err e = { 0 };
    s->t.objects = &second;
    s->t.object_count = s->t.value_count = 1;
    s->t.values = &value;
    assert_false(edit_send(p, s, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    edit_free(s);
}

static void test_cleared(void **state)
{
    struct place *p = *state;
    struct err e = { 0 };
    place_open(p);
    (void)send_json(p, "alpha", "", true);
    post_ok(p, "p", "{\"database_id\":\"d\"}");
    assert_true(engine_delete_all(p->engine, &e));
    for (unsigned round = 0; round < 2; round++, place_reopen(p)) {
        char *all = rows_text(p, "p");
        assert_string_equal(all, "");
        free(all);
    }
    uint64_t next = send_json(p, "alpha", "", true);
    assert_cell(p, next, "n", "uint:5");
}

/* What is made again takes the place of what there was; what a bucket sets is seen. */
static void test_changes(void **state)
{
    struct place *p = *state;
    struct err e = { 0 };
    uint64_t id;
    place_open(p);
    uint64_t object = send_json(p, "alpha", "", true);
    assert_true(attach(p, object, "p", bucket(true), &id));
    assert_cell(p, object, "has_advanced_log", "uint:1");
    assert_stays(p, "p");
    assert_true(engine_reprocess(p->engine, &object, 1, &e));
    while (engine_reprocessed(p->engine).waiting > 0)
        usleep(1000);
    assert_cell(p, object, "has_advanced_log", "uint:1");
    assert_stays(p, "p");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, place_setup, place_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_types), TEST(test_own),        TEST(test_errors),  TEST(test_reports),
        TEST(test_limit), TEST(test_limit_said), TEST(test_cleared), TEST(test_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
