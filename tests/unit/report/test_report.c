/* Reading reports: what is taken, what is refused with which word, and what comes out. */
#include "base/date.h"
#include "report/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ARENA_BYTES (256u << 20)

static const struct json *parse(struct str text, struct arena *a)
{
    struct err e = { 0 };
    const struct json *j = NULL;
    if (!json_parse(&j, text, (struct json_limits){ 1000, 10000000 }, a, &e))
        fail_msg("%.*s: %s", STR_ARG(text), e.msg);
    return j;
}

static bool read_report(struct report *r, struct str text, struct arena *a, struct err *e)
{
    return report_from_json(r, parse(text, a), text, a, e);
}

static struct report must_read(struct str text, struct arena *a)
{
    struct err e = { 0 };
    struct report r = { 0 };
    if (!read_report(&r, text, a, &e))
        fail_msg("%.*s: %s", STR_ARG(text), e.msg);
    return r;
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text, *word, *part; /* part: something the message must say */
    } cases[] = {
        { "[]", "no_report_data_provided", "object" },
        { "\"x\"", "no_report_data_provided", "object" },
        { "null", "no_report_data_provided", "object" },
        { "{}", "no_report_data_provided", "empty" },
        { "{\"a\":\"b\"}", "no_database_id", "database_id" },
        { "{\"database_id\":null}", "no_database_id", "database_id" },
        { "{\"database_id\":\"\"}", "bad_database_id", "empty" },
        { "{\"database_id\":[\"a\"]}", "bad_database_id", "string" },
        { "{\"database_id\":{\"a\":\"b\"}}", "bad_database_id", "string" },
        { "{\"database_id\":\"a\\nb\"}", "bad_database_id", "0x0a" },
        { "{\"database_id\":\"a\\u0000b\"}", "bad_database_id", "0x00" },
        { "{\"database_id\":\"a\\u007fb\"}", "bad_database_id", "0x7f" },
        { "{\"database_id\":\"a\",\"project\":\"\"}", "bad_project_name", "empty" },
        { "{\"database_id\":\"a\",\"project\":\"api\"}", "bad_project_name", "api" },
        { "{\"database_id\":\"a\",\"project\":\"..\"}", "bad_project_name", ".." },
        { "{\"database_id\":\"a\",\"project\":{\"name\":\"x\"}}", "bad_project_name", "string" },
        { "{\"database_id\":\"a\",\"date\":\"2015-02-29\"}", "bad_date", "" },
        { "{\"database_id\":\"a\",\"date\":\"\"}", "bad_date", "" },
        { "{\"database_id\":\"a\",\"date\":true}", "bad_date", "" },
        { "{\"database_id\":\"a\",\"date\":[\"2015-02-28\"]}", "bad_date", "ISO 8601" },
        { "{\"database_id\":\"a\",\"stacktrace\":\"main\"}", "bad_stacktrace", "list" },
        { "{\"database_id\":\"a\",\"stacktrace\":{}}", "bad_stacktrace", "list" },
        { "{\"database_id\":\"a\",\"stacktrace\":[{},\"main\"]}", "bad_stacktrace", "frame 1" },
        { "{\"database_id\":\"a\",\"stacktrace\":[null]}", "bad_stacktrace", "frame 0" },
        { "{\"database_id\":\"a\",\"stacktrace\":[{},{},{\"function\":[]}]}", "bad_stacktrace",
          "frame 2" },
        { "{\"database_id\":\"a\",\"force_bucket\":\"\"}", "bad_force_bucket", "empty" },
        { "{\"database_id\":\"a\",\"force_bucket\":[\"x\"]}", "bad_force_bucket", "string" },
        { "{\"database_id\":\"a\",\"force_bucket\":\"x\\ty\"}", "bad_force_bucket", "0x09" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        struct err e = { 0 };
        struct report r;
        if (read_report(&r, str_from_c(cases[i].text), a, &e))
            fail_msg("%s was taken", cases[i].text);
        if (e.code != ERR_INPUT || !e.word || strcmp(e.word, cases[i].word) != 0 ||
            !strstr(e.msg, cases[i].part))
            fail_msg("%s: %s: %s", cases[i].text, e.word ? e.word : "(no word)", e.msg);
    }
}

/* "[[[...]]]" and the like, as a member of a report. */
static struct str nested(struct arena *a, size_t depth)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_str(&b, STR("{\"database_id\":\"a\",\"x\":"));
    for (size_t i = 0; i < depth; i++)
        buf_str(&b, i % 2 ? STR("{\"k\":") : STR("["));
    buf_str(&b, STR("1"));
    for (size_t i = depth; i-- > 0;)
        buf_str(&b, i % 2 ? STR("}") : STR("]"));
    buf_str(&b, STR("}"));
    struct str out = { 0 };
    assert_true(buf_ok(&b) && arena_str(a, buf_view(&b), &out));
    buf_done(&b);
    return out;
}

/* A report with a list of n items, each written as `item`. */
static struct str with_list(struct arena *a, const char *key, const char *item, size_t n)
{
    struct buf b;
    buf_init(&b, 64u << 20);
    buf_printf(&b, "{\"database_id\":\"a\",\"%s\":[", key);
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_char(&b, ',');
        buf_str(&b, str_from_c(item));
    }
    buf_str(&b, STR("]}"));
    struct str out = { 0 };
    assert_true(buf_ok(&b) && arena_str(a, buf_view(&b), &out));
    buf_done(&b);
    return out;
}

static void check_limit(struct arena *a, struct str text, const char *word)
{
    struct err e = { 0 };
    struct report r = { 0 };
    bool ok = read_report(&r, text, a, &e);
    if (ok != (word == NULL))
        fail_msg("%.60s... gave %s", text.ptr, ok ? "a report" : e.msg);
    if (word) {
        assert_int_equal(e.code, ERR_INPUT);
        assert_string_equal(e.word, word);
    }
}

static void test_limits(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(1u << 30);
    check_limit(a, nested(a, REPORT_DEPTH_MAX - 1), NULL);
    check_limit(a, nested(a, REPORT_DEPTH_MAX), "too_deep");
    check_limit(a, with_list(a, "stacktrace", "{}", REPORT_FRAMES_MAX), NULL);
    check_limit(a, with_list(a, "stacktrace", "{}", REPORT_FRAMES_MAX + 1), "too_many_frames");
    check_limit(a, with_list(a, "x", "1", REPORT_TEXTS_MAX - 1), NULL);
    check_limit(a, with_list(a, "x", "1", REPORT_TEXTS_MAX), "too_many_values");
    char id[REPORT_ID_MAX + 32];
    snprintf(id, sizeof id, "{\"database_id\":\"%0*d\"}", REPORT_ID_MAX, 7);
    check_limit(a, str_from_c(id), NULL);
    snprintf(id, sizeof id, "{\"database_id\":\"%0*d\"}", REPORT_ID_MAX + 1, 7);
    check_limit(a, str_from_c(id), "bad_database_id");
}

static void test_out_of_memory(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *large = arena_new(ARENA_BYTES);
    CLEANUP(arena_free_p) struct arena *small = arena_new(4096);
    struct str text = with_list(large, "x", "1", 10000);
    struct report r = { .text_count = 77 };
    struct err e = { 0 };
    assert_false(report_from_json(&r, parse(text, large), text, small, &e));
    assert_int_equal(e.code, ERR_NOMEM);
    assert_int_equal(r.text_count, 77); /* untouched */
}

static void test_members(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct str text =
        STR(" {\"database_id\":17, \"project\":\"P\",\"date\":\"2007-06-18T19:23:43\","
            "\"force_bucket\":\"b\",\"stacktrace\":null} ");
    struct report r = must_read(text, a);
    assert_true(str_eq(r.database_id, STR("17")));
    assert_true(str_eq(r.project, STR("P")));
    assert_true(str_eq(r.force_bucket, STR("b")));
    assert_true(r.has_date);
    assert_int_equal(r.date_ms, 1182194623000);
    assert_true(str_eq(r.payload, (struct str){ text.ptr + 1, text.len - 2 }));

    r = must_read(STR("{\"database_id\":\"x\",\"project\":null,\"date\":null}"), a);
    assert_int_equal(r.project.len, 0);
    assert_int_equal(r.force_bucket.len, 0);
    assert_false(r.has_date);
}

static void test_payload_in_a_list(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct str text = STR("[ {\"database_id\":\"1\"} , {\"database_id\":\"2\"}]");
    struct err e = { 0 };
    struct report r = { 0 };
    assert_true(report_from_json(&r, parse(text, a)->first->next, text, a, &e));
    assert_true(str_eq(r.payload, STR("{\"database_id\":\"2\"}")));
}

static void test_project(void **state)
{
    (void)state;
    static const struct {
        const char *body, *url, *want; /* want: the project, or "!" and the word */
    } cases[] = {
        { "P", "", "P" },
        { "", "P", "P" },
        { "P", "P", "P" },
        { "", "", "!no_project" },
        { "P", "Q", "!name_mismatch" },
        { "P", "p", "!name_mismatch" },
        { "", "metrics", "!bad_project_name" },
        { "", "a\nb", "!bad_project_name" },
        { "", ".", "!bad_project_name" },
        { "", "alan_parsons", "alan_parsons" },
        { "", "a/b c\xc3\xa4", "a/b c\xc3\xa4" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct report r = { .project = str_from_c(cases[i].body) };
        struct err e = { 0 };
        bool ok = report_set_project(&r, str_from_c(cases[i].url), &e);
        if (ok ? !str_eq(r.project, str_from_c(cases[i].want))
               : cases[i].want[0] != '!' || strcmp(e.word, cases[i].want + 1) != 0)
            fail_msg("%s, %s: %s %s", cases[i].body, cases[i].url, ok ? "taken" : e.word, e.msg);
    }
    char name[REPORT_NAME_MAX + 2];
    memset(name, 'x', sizeof name);
    struct err e = { 0 };
    assert_true(report_project_check((struct str){ name, REPORT_NAME_MAX }, &e));
    assert_false(report_project_check((struct str){ name, REPORT_NAME_MAX + 1 }, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),          cmocka_unit_test(test_limits),
        cmocka_unit_test(test_out_of_memory),     cmocka_unit_test(test_members),
        cmocka_unit_test(test_payload_in_a_list), cmocka_unit_test(test_project),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
