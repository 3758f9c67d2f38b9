/* Stored reports as JSON again, and the example of the documentation through all of it. */
#include "base/date.h"
#include "report/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ARENA_BYTES (64u << 20)

static const struct json *parse(struct str text, struct arena *a)
{
    struct err e = { 0 };
    const struct json *j = NULL;
    if (!json_parse(&j, text, (struct json_limits){ 100, 1000000 }, a, &e))
        fail_msg("%.*s: %s", STR_ARG(text), e.msg);
    return j;
}

static void add_members(void *ctx, struct json_writer *w)
{
    (void)ctx;
    json_member(w, "href", STR("http://h/"));
}

/* Knows the functions f (in all reports) and g (in one of 2^2.5). */
static bool known_logdf(void *ctx, struct str function, double *out)
{
    (void)ctx;
    *out = str_eq(function, STR("g")) ? 2.5 : -0.0;
    return str_eq(function, STR("f")) || str_eq(function, STR("g"));
}

static struct str write_report(struct str payload, const struct report_extra *x, struct arena *a)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, 1 << 20);
    json_writer_init(&w, &b);
    report_write(&w, parse(payload, a), x);
    struct str out = { 0 };
    assert_true(buf_ok(&b) && arena_str(a, buf_view(&b), &out));
    buf_done(&b);
    return out;
}

static void test_write(void **state)
{
    (void)state;
    static const struct {
        const char *name, *payload, *want;
    } cases[] = {
        { "project and date are added", "{\"database_id\":\"i\"}",
          "{\"database_id\":\"i\",\"project\":\"P\",\"date\":\"2007-06-18T19:23:43\","
          "\"href\":\"http://h/\"}" },
        { "fractions as they were sent",
          "{\"date\":\"2007-06-18T21:23:43.827181+02:00\",\"project\":null}",
          "{\"date\":\"2007-06-18T19:23:43.827181\",\"project\":\"P\",\"href\":\"http://h/\"}" },
        { "no fraction when it is zero", "{\"date\":\"2007-06-18T19:23:43.000\",\"project\":null}",
          "{\"date\":\"2007-06-18T19:23:43\",\"project\":\"P\",\"href\":\"http://h/\"}" },
        { "or stand where they stood", "{\"date\":\"2007-06-18T21:23:43+02:00\",\"project\":null}",
          "{\"date\":\"2007-06-18T19:23:43\",\"project\":\"P\",\"href\":\"http://h/\"}" },
        { "generated ones are made anew",
          "{\"project\":\"P\",\"date\":\"x\",\"buckets\":{\"a\":1},\"href\":\"old\","
          "\"top_match\":\"kept\",\"a\":{\"href\":\"kept\"}}",
          "{\"project\":\"P\",\"date\":\"2007-06-18T19:23:43\",\"top_match\":\"kept\",\"a\":{"
          "\"href\":\"kept\"},"
          "\"href\":\"http://h/\"}" },
        { "scalars are strings",
          "{\"project\":\"P\",\"date\":\"x\",\"a\":[1.50,true,false,null,\"s\",{},[]]}",
          "{\"project\":\"P\",\"date\":\"2007-06-18T19:23:43\","
          "\"a\":[\"1.50\",\"true\",\"false\",null,\"s\",{},[]],\"href\":\"http://h/\"}" },
        { "logdf",
          "{\"project\":\"P\",\"date\":\"x\",\"stacktrace\":[{\"logdf\":\"7\",\"function\":\"g\"},"
          "{\"function\":null,\"logdf\":\"7\"},{\"function\":\"h\"},{\"function\":\"f\",\"d\":1}],"
          "\"other\":[{\"function\":\"g\",\"logdf\":\"7\"}]}",
          "{\"project\":\"P\",\"date\":\"2007-06-18T19:23:43\",\"stacktrace\":["
          "{\"function\":\"g\",\"logdf\":\"2.5\"},{\"function\":null},{\"function\":\"h\"},"
          "{\"function\":\"f\",\"d\":\"1\",\"logdf\":\"0\"}],"
          "\"other\":[{\"function\":\"g\",\"logdf\":\"7\"}],\"href\":\"http://h/\"}" },
    };
    const struct report_extra x = {
        .members = add_members, .logdf = known_logdf, .project = STR("P"), .date_ms = 1182194623000
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
        struct str got = write_report(str_from_c(cases[i].payload), &x, a);
        if (!str_eq(got, str_from_c(cases[i].want)))
            fail_msg("%s: got %s", cases[i].name, got.ptr);
    }
}

static struct str read_file(const char *path, struct arena *a)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("cannot open %s", path);
    static char text[1 << 16];
    size_t len = fread(text, 1, sizeof text, f);
    fclose(f);
    struct str out = { 0 };
    assert_true(arena_str(a, (struct str){ text, len }, &out));
    return out;
}

/* Read, written, and read again, the example is the same report. */
static void test_example(void **state)
{
    (void)state;
    CLEANUP(arena_free_p) struct arena *a = arena_new(ARENA_BYTES);
    struct str text = read_file(EXAMPLE_REPORT, a);
    struct report r = { 0 }, again = { 0 };
    struct err e = { 0 };
    assert_true(report_from_json(&r, parse(text, a), text, a, &e));
    assert_true(str_eq(r.database_id, STR("launchpad:0000450543")));
    assert_true(str_eq(r.project, STR("Ubuntu")));
    assert_true(r.has_date);
    assert_int_equal(r.date_ms, 1478200442827);
    size_t functions = 0;
    for (size_t i = 0; i < r.text_count; i++)
        functions += str_eq(r.texts[i].field, STR("stacktrace.function"));
    assert_int_equal(functions, 4);

    const struct report_extra x = { .project = r.project, .date_ms = r.date_ms };
    struct str written = write_report(r.payload, &x, a);
    assert_true(report_from_json(&again, parse(written, a), written, a, &e));
    assert_memory_equal(r.content_hash, again.content_hash, sizeof r.content_hash);
    assert_int_equal(r.date_ms, again.date_ms);
    assert_int_equal(r.text_count, again.text_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_example),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
