/* date: the calendar, the zones, the words of queries. */
#include "base/date.h"

#include "../cmocka_all.h"

#define T0 INT64_C(1456794123004) /* 2016-03-01T01:02:03.004 */

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        int64_t want;
    } cases[] = {
        { "1970-01-01", 0 },
        { "1970-01-01T00:00:00Z", 0 },
        { "1969-12-31T23:59:59.999", -1 },
        { "2016-03-01T01:02:03.004", T0 },
        { "2016-03-01 01:02:03.004", T0 },
        { "2016-03-01T01:02:03.0049999999999999999999", T0 },
        { "2016-03-01T03:02:03.004+02:00", T0 },
        { "2016-03-01T03:02:03.004+02", T0 },
        { "2016-02-29T22:32:03.004-0230", T0 },
        { "2016-03-01T01:02", T0 - 3004 },
        { "2016-03-01T01:02Z", T0 - 3004 },
        { "2016-03-01T01:02+00:00", T0 - 3004 },
        { "2016-02-29", 1456704000000 },
        { "2000-02-29", 951782400000 },
        { "2016-12-31T23:59:60", 1483228800000 },
        { "0001-01-01", -62135596800000 },
        { "9999-12-31T23:59:59.999", 253402300799999 },
        { "2007-06-18T19:23:43", 1182194623000 },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = { 0 };
        int64_t got = 42;
        if (!date_parse(str_from_c(cases[i].in), &got, &e) || got != cases[i].want)
            fail_msg("%s: got %lld %s", cases[i].in, (long long)got, e.msg);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "2016",
        "2016-03",
        "now",
        "2015-02-29",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59.999-00:01",
        "9999-12-31T23:59:60",
        "1900-02-29",
        "2016-04-31",
        "2016-00-01",
        "2016-13-01",
        "2016-01-00",
        "0000-01-01",
        "16-01-01",
        "2016-1-1",
        "2016-01-01T",
        "2016-01-01T1",
        "2016-01-01T01",
        "2016-01-01T01:0",
        "2016-01-01T24:00",
        "2016-01-01T00:60",
        "2016-01-01T00:00:61",
        "2016-01-01T00:00:00.",
        "2016-01-01T00:00:00,5",
        "2016-01-01T00:00:00z",
        "2016-01-01T00:00:00+",
        "2016-01-01T00:00:00+1",
        "2016-01-01T00:00:00+24",
        "2016-01-01T00:00:00+00:60",
        "2016-01-01T00:00:00+00:",
        "2016-01-01T00:00:00Zx",
        "2016-01-01x",
        "2016-01-01 ",
        " 2016-01-01",
        "-016-01-01",
        "2016/01/01",
        "yesterday",
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = { 0 };
        int64_t got = 42;
        if (date_parse(str_from_c(cases[i]), &got, &e))
            fail_msg("\"%s\" was taken for %lld", cases[i], (long long)got);
        assert_int_equal(e.code, ERR_INPUT);
        assert_string_equal(e.word, "bad_date");
        assert_non_null(strstr(e.msg, cases[i]));
        assert_int_equal(got, 42);
    }
}

static void test_query(void **state)
{
    (void)state;
    const int64_t minute = 60000, hour = 60 * minute, day = 24 * hour;
    const int64_t now = T0 + 30 * day; /* 2016-03-31T01:02:03.004 */
    const struct {
        const char *in;
        int64_t want;
    } cases[] = {
        { "now", now },
        { "2016", 1451606400000 },
        { "2016-02", 1454284800000 },
        { "2016-02-29", 1456704000000 },
        { "2016-03-01T01:02:03.004Z", T0 },
        { "0-days-ago", now },
        { "1-minute-ago", now - minute },
        { "90-minutes-ago", now - 90 * minute },
        { "1-hour-ago", now - hour },
        { "5-hours-ago", now - 5 * hour },
        { "3-days-ago", now - 3 * day },
        { "1-week-ago", now - 7 * day },
        { "2-weeks-ago", now - 14 * day },
        { "1-month-ago", T0 - day }, /* there is no 31st of February */
        { "3-months-ago", T0 - 61 * day },
        { "1-year-ago", now - 366 * day },
        { "4-years-ago", now - 1461 * day },
        { "999999-years-ago", INT64_C(-62135596800000) }, /* no further than the year 1 */
        { "999999-weeks-ago", INT64_C(-62135596800000) },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e = { 0 };
        int64_t got = 42;
        if (!date_parse_query(str_from_c(cases[i].in), now, &got, &e) || got != cases[i].want)
            fail_msg("%s: got %lld, not %lld %s", cases[i].in, (long long)got,
                     (long long)cases[i].want, e.msg);
    }
    static const char *const refused[] = {
        "",
        "2016-",
        "2016T10:00",
        "2016-02T10:00",
        "days-ago",
        "-1-days-ago",
        "1-days",
        "1-day-agos",
        "1-dayss-ago",
        "1-fortnight-ago",
        "1days-ago",
        "1234567-days-ago",
        "1-days-ago ",
        "Now",
    };
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct err e = { 0 };
        int64_t got;
        if (date_parse_query(str_from_c(refused[i]), now, &got, &e))
            fail_msg("\"%s\" was taken for %lld", refused[i], (long long)got);
        assert_string_equal(e.word, "bad_date");
    }
}

static void test_format(void **state)
{
    (void)state;
    char out[DATE_TEXT_MAX];
    assert_true(str_eq(date_format(T0, true, out), STR("2016-03-01T01:02:03.004")));
    assert_true(str_eq(date_format(T0, false, out), STR("2016-03-01T01:02:03")));
    assert_true(str_eq(date_format(T0 - 4, true, out), STR("2016-03-01T01:02:03")));
    assert_true(str_eq(date_format(-1, true, out), STR("1969-12-31T23:59:59.999")));
    assert_in_range(date_format(INT64_MIN, true, out).len, 1, DATE_TEXT_MAX - 1);
    assert_in_range(date_format(INT64_MAX, true, out).len, 1, DATE_TEXT_MAX - 1);
    assert_true(date_now_ms() > T0);
}

/* Days from year 1 to 9999 come back, and follow the days before. */
static void test_round_trip(void **state)
{
    (void)state;
    char out[DATE_TEXT_MAX], before[DATE_TEXT_MAX] = "";
    for (int64_t day = -719162; day <= 2932896; day += 5) {
        struct str text = date_format(day * 86400000, false, out);
        struct err e = { 0 };
        int64_t got;
        assert_true(date_parse(text, &got, &e));
        assert_true(got == day * 86400000);
        assert_true(strcmp(before, out) < 0);
        memcpy(before, out, sizeof out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),      cmocka_unit_test(test_refused),
        cmocka_unit_test(test_query),      cmocka_unit_test(test_format),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
