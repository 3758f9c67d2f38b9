/* What a date in a query covers. */
#include "query/dates.h"

#include "base/date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* 2016-11-03T12:00:00Z */
#define NOW_MS INT64_C(1478174400000)

static const char *text_of(int64_t ms, char out[DATE_TEXT_MAX])
{
    struct str s;
    if (ms == INT64_MIN || ms == INT64_MAX)
        return ms < 0 ? "ever" : "never";
    s = date_format(ms, true, out);
    return s.ptr;
}

static void test_spans(void **state)
{
    (void)state;
    static const struct {
        const char *query, *begin, *end;
    } cases[] = {
        { "date:2016", "2016-01-01T00:00:00", "2017-01-01T00:00:00" },
        { "date:2016-11", "2016-11-01T00:00:00", "2016-12-01T00:00:00" },
        { "date:2016-12", "2016-12-01T00:00:00", "2017-01-01T00:00:00" },
        { "date:2016-02-29", "2016-02-29T00:00:00", "2016-03-01T00:00:00" },
        { "date:9999", "9999-01-01T00:00:00", "never" },
        { "date:\"2016-11-03T10:20\"", "2016-11-03T10:20:00", "2016-11-03T10:21:00" },
        { "date:\"2016-11-03 10:20:30\"", "2016-11-03T10:20:30", "2016-11-03T10:20:31" },
        { "date:\"2016-11-03T10:20:30Z\"", "2016-11-03T10:20:30", "2016-11-03T10:20:31" },
        { "date:\"2016-11-03T10:20+02:00\"", "2016-11-03T08:20:00", "2016-11-03T08:21:00" },
        { "date:2016\\-11\\-03T10\\:20\\:30.5", "2016-11-03T10:20:30.500",
          "2016-11-03T10:20:30.501" },
        { "date:now", "2016-11-03T12:00:00", "2016-11-03T12:00:00.001" },
        { "date:[2016 TO 2017]", "2016-01-01T00:00:00", "2018-01-01T00:00:00" },
        { "date:[2016-01 TO 2017}", "2016-01-01T00:00:00", "2017-01-01T00:00:00" },
        { "date:{2016 TO 2017]", "2017-01-01T00:00:00", "2018-01-01T00:00:00" },
        { "date:[2016-11-03 TO *]", "2016-11-03T00:00:00", "never" },
        { "date:[* TO 2016-11-03}", "ever", "2016-11-03T00:00:00" },
        { "date:[1-day-ago TO now}", "2016-11-02T12:00:00", "2016-11-03T12:00:00" },
        { "date:[\"2016-11-03T10:20\" TO \"2016-11-03T10:30\"]", "2016-11-03T10:20:00",
          "2016-11-03T10:31:00" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 20);
        const struct lucene_query *q;
        struct date_span span;
        struct err e = { 0 };
        char begin[DATE_TEXT_MAX], end[DATE_TEXT_MAX];
        if (!lucene_parse(&q, str_from_c(cases[i].query), a, &e) ||
            !date_span_of_query(q, NOW_MS, &span, &e))
            fail_msg("%s: %s", cases[i].query, e.msg);
        assert_string_equal(text_of(span.begin_ms, begin), cases[i].begin);
        assert_string_equal(text_of(span.end_ms, end), cases[i].end);
    }
}

static void test_no_dates(void **state)
{
    (void)state;
    static const char *const cases[] = { "date:x", "date:2015-02-29", "date:201", "date:[x TO *]",
                                         "date:[* TO 2015-13]" };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CLEANUP(arena_free_p) struct arena *a = arena_new(1 << 20);
        const struct lucene_query *q;
        struct date_span span;
        struct err e = { 0 };
        assert_true(lucene_parse(&q, str_from_c(cases[i]), a, &e));
        if (date_span_of_query(q, NOW_MS, &span, &e) || e.code != ERR_INPUT)
            fail_msg("%s was taken", cases[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_no_dates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
