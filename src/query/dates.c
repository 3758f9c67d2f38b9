/* dates.c - spans of dates. The calendar is date.c's: the end of a month is found by asking it
 * about the next one. */
#include "query/dates.h"

#include "base/date.h"

#include <stdio.h>

static int64_t number_at(struct str s, size_t at, size_t digits)
{
    int64_t n = 0;
    for (size_t i = at; i < at + digits; i++)
        n = n * 10 + (s.ptr[i] - '0');
    return n;
}

/* The start of the year or month behind the one in `text`, YYYY or YYYY-MM. */
static int64_t next_start(struct str text, int64_t now_ms)
{
    int64_t year = number_at(text, 0, 4), month = 12, out;
    char next[32];
    struct err e;
    if (text.len == 7)
        month = number_at(text, 5, 2);
    if (month == 12) {
        year++;
        month = 0;
    }
    int n = snprintf(next, sizeof next, "%04d-%02d", (int)year, (int)month + 1);
    return date_parse_query((struct str){ next, (size_t)n }, now_ms, &out, &e) ? out : INT64_MAX;
}

/* How long a date with a day lasts: to its last part that is written. */
static int64_t length_of(struct str text)
{
    struct str time = { text.ptr + 10, text.len - 10 };
    if (time.len == 0)
        return INT64_C(24) * 60 * 60 * 1000;
    bool seconds = time.len > 6 && time.ptr[6] == ':';
    if (!seconds)
        return 60 * 1000;
    return memchr(time.ptr, '.', time.len) ? 1 : 1000;
}

bool date_span_of(struct str text, int64_t now_ms, struct date_span *out, struct err *e)
{
    if (!date_parse_query(text, now_ms, &out->begin_ms, e))
        return false;
    char last = text.ptr[text.len - 1]; /* of "now" or "ago"; the others end in a digit or Z */
    bool relative = last >= 'a' && last <= 'z';
    if (relative)
        out->end_ms = out->begin_ms + 1;
    else if (text.len < 10)
        out->end_ms = next_start(text, now_ms);
    else
        out->end_ms = out->begin_ms + length_of(text);
    return true;
}

bool date_span_of_query(const struct lucene_query *q, int64_t now_ms, struct date_span *out,
                        struct err *e)
{
    struct date_span low, high;
    if (q->type == LUCENE_TERM)
        return date_span_of(q->text, now_ms, out, e);
    *out = (struct date_span){ INT64_MIN, INT64_MAX };
    if (q->low.len > 0) {
        if (!date_span_of(q->low, now_ms, &low, e))
            return false;
        out->begin_ms = q->include_low ? low.begin_ms : low.end_ms;
    }
    if (q->high.len > 0) {
        if (!date_span_of(q->high, now_ms, &high, e))
            return false;
        out->end_ms = q->include_high ? high.end_ms : high.begin_ms;
    }
    return true;
}
