/* write.c - a stored report as JSON again, for those who read it.
 *
 * The payload is written in the order in which it came, so that senders know their reports again;
 * only what the server knows better is put in its place. Recursion goes as deep as json_parse let
 * the payload be. */
#include "report/internal.h"

#include "base/date.h"

#include <stdio.h>

#define FRACTION_DIGITS 9 /* of a second, that are given back */

static void write_value(struct json_writer *w, const struct json *j, enum report_place place,
                        const struct report_extra *x);

static void write_logdf(struct json_writer *w, const struct json *frame,
                        const struct report_extra *x)
{
    const struct json *function = json_get(frame, STR("function"));
    double logdf;
    if (!x->logdf || !function || !report_is_scalar(function) ||
        !x->logdf(x->ctx, report_scalar(function), &logdf))
        return;
    char text[32];
    snprintf(text, sizeof text, "%.12g", logdf + 0.0); /* + 0.0: a function in all reports has 0 */
    json_member(w, "logdf", str_from_c(text));
}

static void write_object(struct json_writer *w, const struct json *j, const struct report_extra *x,
                         enum report_place place)
{
    json_object(w);
    for (const struct json *m = j->first; m; m = m->next) {
        if (report_is_logdf(place, m->key))
            continue;
        json_key(w, m->key);
        write_value(w, m, REPORT_PLACE_INNER, x);
    }
    if (place == REPORT_PLACE_FRAME)
        write_logdf(w, j, x);
    json_object_end(w);
}

static void write_value(struct json_writer *w, const struct json *j, enum report_place place,
                        const struct report_extra *x)
{
    switch (j->type) {
    case JSON_NULL:
        json_null(w);
        break;
    case JSON_OBJECT:
        write_object(w, j, x, place);
        break;
    case JSON_LIST:
        json_list(w);
        for (const struct json *item = j->first; item; item = item->next)
            write_value(w, item, report_place_of(place, REPORT_KEY_OTHER), x);
        json_list_end(w);
        break;
    case JSON_FALSE:
    case JSON_TRUE:
    case JSON_NUMBER:
    case JSON_STRING:
        json_str(w, report_scalar(j));
        break;
    }
}

/* The digits behind the second as they were sent; empty when they say nothing. */
static struct str sent_fraction(const struct json *sent)
{
    struct str s = report_is_scalar(sent) ? report_scalar(sent) : STR("");
    const char *point = s.len > 0 ? memchr(s.ptr, '.', s.len) : NULL;
    struct str digits = { point, 0 };
    bool zero = true;
    if (!point)
        return STR("");
    size_t most = s.len - (size_t)(point - s.ptr);
    for (digits.len = 1; digits.len < most && digits.len <= FRACTION_DIGITS; digits.len++) {
        char c = point[digits.len];
        if (c < '0' || c > '9')
            break;
        zero &= c == '0';
    }
    return zero ? STR("") : digits;
}

/* To the fraction of a second that the sender gave: date_ms has milliseconds only. */
static void write_date(struct json_writer *w, const struct json *sent, int64_t date_ms)
{
    char date[DATE_TEXT_MAX], text[DATE_TEXT_MAX + FRACTION_DIGITS + 1];
    struct str whole = date_format(date_ms, false, date);
    struct str fraction = sent_fraction(sent);
    memcpy(text, whole.ptr, whole.len);
    memcpy(text + whole.len, fraction.ptr, fraction.len);
    json_str(w, (struct str){ text, whole.len + fraction.len });
}

void report_write(struct json_writer *w, const struct json *payload, const struct report_extra *x)
{
    char date[DATE_TEXT_MAX];
    bool project_written = false, date_written = false;
    json_object(w);
    for (const struct json *m = payload->first; m; m = m->next) {
        enum report_key what = report_key(m->key);
        if (what == REPORT_KEY_GENERATED)
            continue;
        json_key(w, m->key);
        if (what == REPORT_KEY_PROJECT) {
            json_str(w, x->project);
            project_written = true;
        } else if (what == REPORT_KEY_DATE) {
            if (m->type == JSON_NULL) /* then it is the time of arrival */
                json_str(w, date_format(x->date_ms, true, date));
            else
                write_date(w, m, x->date_ms);
            date_written = true;
        } else {
            write_value(w, m, report_place_of(REPORT_PLACE_TOP, what), x);
        }
    }
    if (!project_written)
        json_member(w, "project", x->project);
    if (!date_written)
        json_member(w, "date", date_format(x->date_ms, true, date));
    if (x->members)
        x->members(x->ctx, w);
    json_object_end(w);
}
