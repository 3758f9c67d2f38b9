/* ask_value.c - the small parts of a query: scalars and numbers, and how a part is refused. What is
 * hard: clients write numbers as numbers, as text, and as text with a point behind. */
#include "columns/ask_internal.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBER_TEXT_MAX 128

/* --- refusals ------------------------------------------------------------------------------ */

bool ask_refuse(struct ask_reader *r, const struct json *at, const char *word, const char *fmt, ...)
{
    char why[sizeof r->e->msg];
    va_list args;
    va_start(args, fmt);
    vsnprintf(why, sizeof why, fmt, args);
    va_end(args);
    (void)err_word(r->e, ERR_INPUT, word ? word : "bad_query", "%s", why);
    r->e->offset = at->begin;
    r->recognised = word != NULL;
    return false;
}

bool ask_place(struct ask_reader *r, const char *fmt, ...)
{
    char place[sizeof r->e->msg];
    va_list args;
    va_start(args, fmt);
    vsnprintf(place, sizeof place, fmt, args);
    va_end(args);
    return !r->recognised && err_prefix(r->e, "%s", place);
}

static const char *type_said(enum json_type type)
{
    switch (type) {
    case JSON_NULL:
        return "null";
    case JSON_FALSE:
    case JSON_TRUE:
        return "a boolean";
    case JSON_NUMBER:
        return "a number";
    case JSON_STRING:
        return "a text";
    case JSON_LIST:
        return "a list";
    case JSON_OBJECT:
        return "an object";
    }
    return "something else";
}

bool ask_refuse_type(struct ask_reader *r, const struct json *at, const char *wanted)
{
    return ask_refuse(r, at, NULL, "%s is wanted here, not %s", wanted, type_said(at->type));
}

bool ask_refuse_many(struct ask_reader *r, const struct json *at, const char *what, size_t most)
{
    (void)err_word(r->e, ERR_LIMIT, "query_too_large", "there may be at most %zu %s", most, what);
    r->e->offset = at->begin;
    return false;
}

bool ask_no_memory(struct ask_reader *r)
{
    return err_set(r->e, ERR_NOMEM, 0, "no memory for this query");
}

/* --- numbers ------------------------------------------------------------------------------- */

static size_t digits(struct str s, size_t at)
{
    while (at < s.len && s.ptr[at] >= '0' && s.ptr[at] <= '9')
        at++;
    return at;
}

/* Whether it is a number as people and JSON write them: strtod knows others (0x1p3, inf). */
static bool looks_like_number(struct str s)
{
    size_t begin = s.len > 0 && s.ptr[0] == '-', at = digits(s, begin);
    if (at == begin)
        return false;
    if (at < s.len && s.ptr[at] == '.')
        at = digits(s, at + 1);
    if (at < s.len && (s.ptr[at] == 'e' || s.ptr[at] == 'E')) {
        size_t sign = at + 1 < s.len && (s.ptr[at + 1] == '-' || s.ptr[at + 1] == '+');
        size_t power = at + 1 + sign;
        at = digits(s, power);
        if (at == power)
            return false;
    }
    return at == s.len;
}

/* Only digits, which the caller has checked; false when it does not fit. */
static bool whole(struct str s, uint64_t *out)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        if (__builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, (uint64_t)(s.ptr[i] - '0'), &n))
            return false;
    *out = n;
    return true;
}

bool ask_number(struct str text, struct cell *out)
{
    char copy[NUMBER_TEXT_MAX + 1];
    if (text.len > NUMBER_TEXT_MAX || !looks_like_number(text))
        return false;
    bool negative = text.ptr[0] == '-';
    size_t end = digits(text, negative);
    struct str magnitude = { text.ptr + negative, end - negative };
    uint64_t n;
    if (end + (end < text.len && text.ptr[end] == '.') == text.len && whole(magnitude, &n)) {
        if (!negative || n == 0) {
            *out = (struct cell){ .type = CELL_UINT, .u = n };
            return true;
        }
        if (n <= (uint64_t)INT64_MAX + 1) {
            *out = (struct cell){ .type = CELL_INT, .i = -(int64_t)(n - 1) - 1 };
            return true;
        }
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    double d = strtod(copy, NULL);
    if (!isfinite(d))
        return false;
    *out = (struct cell){ .type = CELL_DOUBLE, .d = d };
    return true;
}

double ask_double(const struct cell *number)
{
    switch (number->type) {
    case CELL_UINT:
        return (double)number->u;
    case CELL_INT:
        return (double)number->i;
    default:
        return number->d;
    }
}

/* --- scalars ------------------------------------------------------------------------------- */

bool ask_scalar(struct ask_reader *r, const struct json *j, struct cell *out)
{
    switch (j->type) {
    case JSON_STRING:
        *out = (struct cell){ .type = CELL_STRING, .s = j->text };
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        *out = (struct cell){ .type = CELL_BOOL, .b = j->type == JSON_TRUE };
        return true;
    case JSON_NUMBER:
        return ask_number(j->text, out) ||
               ask_refuse(r, j, NULL, "this number is too large or too long");
    default:
        return ask_refuse_type(r, j, "a text, a number or a boolean");
    }
}

bool ask_numeric(struct ask_reader *r, const struct json *j, struct cell *out)
{
    if (j->type != JSON_NUMBER && j->type != JSON_STRING)
        return ask_refuse_type(r, j, "a number");
    return ask_number(j->text, out) ||
           ask_refuse(r, j, NULL, "'%.*s' is no number that can be used", ASK_NAME_ARG(j->text));
}

bool ask_count(struct ask_reader *r, const struct json *j, uint64_t *out)
{
    struct cell number;
    if (!ask_numeric(r, j, &number))
        return false;
    if (number.type == CELL_UINT) {
        *out = number.u;
        return true;
    }
    double d = ask_double(&number);
    if (d < 0 || d != floor(d) || d >= 9007199254740992.0) /* 2^53 */
        return ask_refuse(r, j, NULL, "'%.*s' is no whole number from 0 on", ASK_NAME_ARG(j->text));
    *out = (uint64_t)d;
    return true;
}

bool ask_text(struct ask_reader *r, const struct json *j, const char *wanted, struct str *out)
{
    if (j->type != JSON_STRING)
        return ask_refuse_type(r, j, wanted);
    *out = j->text;
    return true;
}
