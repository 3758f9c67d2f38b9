/* date.c - the proleptic Gregorian calendar in plain integer arithmetic. Neither the C library's
 * time zone nor its locale takes part. */
#include "base/date.h"

#include <stdio.h>
#include <time.h>

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define FIRST_MS INT64_C(-62135596800000) /* 0001-01-01T00:00:00.000 */
#define LAST_MS INT64_C(253402300799999)  /* 9999-12-31T23:59:59.999 */

struct civil {
    int64_t year;
    int month, day; /* from 1 */
};

int64_t date_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * SECOND_MS + t.tv_nsec / 1000000;
}

static int days_in_month(int64_t year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t floor_mod(int64_t a, int64_t b)
{
    return a % b + (a % b < 0 ? b : 0);
}

/* Years begin in March here, so that the leap day is the last of its year; an era is 400 years. */
static int64_t days_from_civil(struct civil c)
{
    int64_t year = c.year - (c.month <= 2);
    int64_t era = floor_div(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (c.month + (c.month > 2 ? -3 : 9)) + 2) / 5 + c.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static struct civil civil_from_days(int64_t days)
{
    days += 719468;
    int64_t era = floor_div(days, 146097);
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t m = (5 * doy + 2) / 153;
    struct civil c = {
        .month = (int)(m < 10 ? m + 3 : m - 9),
        .day = (int)(doy - (153 * m + 2) / 5 + 1),
    };
    c.year = yoe + era * 400 + (c.month <= 2);
    return c;
}

/* A date's text, eaten from the front. */
struct cursor {
    struct str left;
    bool failed; /* set by the first thing that was not there, never cleared */
};

static bool at_digit(const struct cursor *c)
{
    return c->left.len > 0 && c->left.ptr[0] >= '0' && c->left.ptr[0] <= '9';
}

static char take_char(struct cursor *c)
{
    char ch = c->left.ptr[0];
    c->left = (struct str){ c->left.ptr + 1, c->left.len - 1 };
    return ch;
}

static bool eat(struct cursor *c, char ch)
{
    if (c->left.len == 0 || c->left.ptr[0] != ch)
        return false;
    take_char(c);
    return true;
}

static int take_digits(struct cursor *c, int n)
{
    int value = 0;
    for (; n > 0; n--) {
        if (!at_digit(c)) {
            c->failed = true;
            return 0;
        }
        value = value * 10 + (take_char(c) - '0');
    }
    return value;
}

/* .fraction, of which milliseconds are kept. */
static int64_t take_fraction(struct cursor *c)
{
    int64_t ms = 0, unit = 100;
    if (!eat(c, '.'))
        return 0;
    c->failed |= !at_digit(c);
    while (at_digit(c)) {
        ms += unit * (take_char(c) - '0');
        unit /= 10;
    }
    return ms;
}

static int64_t take_zone(struct cursor *c)
{
    if (c->left.len == 0 || eat(c, 'Z'))
        return 0;
    int sign = eat(c, '+') ? 1 : eat(c, '-') ? -1 : 0;
    if (sign == 0) {
        c->failed = true;
        return 0;
    }
    int hours = take_digits(c, 2), minutes = 0;
    if (eat(c, ':') || c->left.len > 0)
        minutes = take_digits(c, 2);
    c->failed |= hours > 23 || minutes > 59;
    return sign * (hours * HOUR_MS + minutes * MINUTE_MS);
}

/* HH:MM[:SS[.fraction]][zone], as milliseconds after midnight UTC. */
static int64_t take_time(struct cursor *c)
{
    int hour = take_digits(c, 2);
    c->failed |= !eat(c, ':');
    int minute = take_digits(c, 2), second = 0;
    int64_t ms = 0;
    if (eat(c, ':')) {
        second = take_digits(c, 2);
        ms = take_fraction(c);
    }
    c->failed |= hour > 23 || minute > 59 || second > 60; /* 60: a leap second */
    return hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS + ms - take_zone(c);
}

static bool bad_date(struct str s, struct err *e, const char *why)
{
    int shown = s.len > 60 ? 60 : (int)s.len;
    return err_word(e, ERR_INPUT, "bad_date", "\"%.*s\" is no date: %s", shown, s.ptr, why);
}

/* `partial`: the month and the day may be left out. */
static bool parse_iso(struct str s, bool partial, int64_t *out_ms, struct err *e)
{
    struct cursor c = { .left = s };
    struct civil day = { .month = 1, .day = 1 };
    int64_t ms = 0;
    day.year = take_digits(&c, 4);
    bool month = !c.failed && !(partial && c.left.len == 0);
    if (month) {
        c.failed |= !eat(&c, '-');
        day.month = take_digits(&c, 2);
    }
    if (month && !(partial && c.left.len == 0)) {
        c.failed |= !eat(&c, '-');
        day.day = take_digits(&c, 2);
    }
    if (!c.failed && (eat(&c, 'T') || eat(&c, ' ')))
        ms = take_time(&c);
    if (c.failed || c.left.len > 0)
        return bad_date(s, e, "expected YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS, then perhaps a zone");
    if (day.year < 1 || day.month < 1 || day.month > 12 || day.day < 1 ||
        day.day > days_in_month(day.year, day.month))
        return bad_date(s, e, "there is no such day in the calendar");
    ms += days_from_civil(day) * DAY_MS;
    if (ms < FIRST_MS || ms > LAST_MS)
        return bad_date(s, e, "in UTC it is not in the years 0001 to 9999");
    *out_ms = ms;
    return true;
}

bool date_parse(struct str s, int64_t *out_ms, struct err *e)
{
    return parse_iso(s, false, out_ms, e);
}

/* The same day of an earlier month, or that month's last day. */
static int64_t months_before(int64_t ms, int64_t months)
{
    struct civil c = civil_from_days(floor_div(ms, DAY_MS));
    int64_t month = c.year * 12 + c.month - 1 - months;
    struct civil then = { .year = floor_div(month, 12), .day = c.day };
    then.month = (int)(month - then.year * 12) + 1;
    int last = days_in_month(then.year, then.month);
    if (then.day > last)
        then.day = last;
    return days_from_civil(then) * DAY_MS + floor_mod(ms, DAY_MS);
}

/* N-units-ago, not before the year 1; false, with *out_ms untouched, when it is not that. */
static bool parse_ago(struct str s, int64_t now_ms, int64_t *out_ms)
{
    static const struct {
        struct str name;
        int64_t ms, months;
    } units[] = {
        { STR_INIT("minute"), MINUTE_MS, 0 }, { STR_INIT("hour"), HOUR_MS, 0 },
        { STR_INIT("day"), DAY_MS, 0 },       { STR_INIT("week"), 7 * DAY_MS, 0 },
        { STR_INIT("month"), 0, 1 },          { STR_INIT("year"), 0, 12 },
    };
    struct cursor c = { .left = s };
    int64_t n = 0;
    if (!at_digit(&c))
        return false;
    for (int digits = 0; at_digit(&c); digits++) {
        if (digits == 6)
            return false; /* 999,999 weeks reach back to before the calendar */
        n = n * 10 + (take_char(&c) - '0');
    }
    if (!eat(&c, '-'))
        return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (!str_starts(c.left, units[i].name))
            continue;
        size_t len = units[i].name.len;
        struct cursor rest = { .left = { c.left.ptr + len, c.left.len - len } };
        eat(&rest, 's');
        if (!str_eq(rest.left, STR("-ago")))
            return false;
        *out_ms =
            units[i].ms ? now_ms - n * units[i].ms : months_before(now_ms, n * units[i].months);
        if (*out_ms < FIRST_MS)
            *out_ms = FIRST_MS;
        return true;
    }
    return false;
}

bool date_parse_query(struct str s, int64_t now_ms, int64_t *out_ms, struct err *e)
{
    if (str_eq(s, STR("now"))) {
        *out_ms = now_ms;
        return true;
    }
    return parse_ago(s, now_ms, out_ms) || parse_iso(s, true, out_ms, e);
}

struct str date_format(int64_t ms, bool fraction, char out[DATE_TEXT_MAX])
{
    struct civil c = civil_from_days(floor_div(ms, DAY_MS));
    int64_t in_day = floor_mod(ms, DAY_MS);
    int n = snprintf(out, DATE_TEXT_MAX, "%04lld-%02d-%02dT%02d:%02d:%02d", (long long)c.year,
                     c.month, c.day, (int)(in_day / HOUR_MS), (int)(in_day / MINUTE_MS % 60),
                     (int)(in_day / SECOND_MS % 60));
    if (fraction && in_day % SECOND_MS != 0)
        n += snprintf(out + n, DATE_TEXT_MAX - (size_t)n, ".%03d", (int)(in_day % SECOND_MS));
    return (struct str){ out, (size_t)n };
}
