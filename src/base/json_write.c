/* json_write.c - writes JSON into a buf. What is hard: strings must come out as valid JSON whatever
 * bytes they hold, and nearly all of them need no change, so runs of good bytes are copied whole.
 */
#include "base/json.h"

#include "base/digits.h"
#include "base/utf8.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void json_writer_init(struct json_writer *w, struct buf *out)
{
    *w = (struct json_writer){ .out = out };
}

static void value_begin(struct json_writer *w)
{
    assert(w->depth > 0 || !w->comma); /* one value in all */
    if (!w->after_key && w->comma)
        buf_char(w->out, ',');
    w->after_key = false;
    w->comma = true;
}

static void nest_begin(struct json_writer *w, char c)
{
    value_begin(w);
    buf_char(w->out, c);
    w->depth++;
    w->comma = false;
}

static void nest_end(struct json_writer *w, char c)
{
    assert(w->depth > 0 && !w->after_key);
    buf_char(w->out, c);
    w->depth--;
    w->comma = true;
}

void json_object(struct json_writer *w)
{
    nest_begin(w, '{');
}

void json_object_end(struct json_writer *w)
{
    nest_end(w, '}');
}

void json_list(struct json_writer *w)
{
    nest_begin(w, '[');
}

void json_list_end(struct json_writer *w)
{
    nest_end(w, ']');
}

static void write_escape(struct buf *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    switch (c) {
    case '"':
    case '\\':
        buf_add(out, (char[]){ '\\', (char)c }, 2);
        return;
    case '\n':
        buf_add(out, "\\n", 2);
        return;
    case '\r':
        buf_add(out, "\\r", 2);
        return;
    case '\t':
        buf_add(out, "\\t", 2);
        return;
    default:
        buf_add(out, (char[]){ '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] }, 6);
    }
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Is one of the eight bytes in v zero? */
static bool has_zero(uint64_t v)
{
    return ((v - EACH(1)) & ~v & EACH(0x80)) != 0;
}

/* Is one of the eight bytes in v a control character, a quote or a backslash? */
static bool has_special(uint64_t v)
{
    bool control = ((v - EACH(0x20)) & ~v & EACH(0x80)) != 0;
    return control || has_zero(v ^ EACH('"')) || has_zero(v ^ EACH('\\'));
}

/* Bytes from `at` on that can be copied as they are; `valid` bytes of s are known to be UTF-8. */
static size_t run_length(struct str s, size_t at, size_t valid)
{
    size_t i = at;
    uint64_t eight;
    while (valid - i >= sizeof eight) {
        memcpy(&eight, s.ptr + i, sizeof eight);
        if (has_special(eight))
            break;
        i += sizeof eight;
    }
    while (i < valid) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c < 0x20 || c == '"' || c == '\\')
            break;
        i++;
    }
    return i - at;
}

static void write_string(struct buf *out, struct str s)
{
    if (!buf_reserve(out, s.len + 2))
        return;
    buf_char(out, '"');
    size_t at = 0, valid = 0;
    while (at < s.len) {
        if (at == valid)
            valid += utf8_valid_prefix((struct str){ s.ptr + at, s.len - at });
        if (at == valid) {
            buf_str(out, STR(UTF8_REPLACEMENT));
            at = ++valid;
            continue;
        }
        size_t run = run_length(s, at, valid);
        buf_add(out, s.ptr + at, run);
        at += run;
        if (at < valid)
            write_escape(out, (unsigned char)s.ptr[at++]);
    }
    buf_char(out, '"');
}

void json_key(struct json_writer *w, struct str key)
{
    assert(w->depth > 0 && !w->after_key);
    value_begin(w);
    write_string(w->out, key);
    buf_char(w->out, ':');
    w->after_key = true;
}

void json_str(struct json_writer *w, struct str s)
{
    value_begin(w);
    write_string(w->out, s);
}

void json_raw(struct json_writer *w, struct str json)
{
    value_begin(w);
    buf_str(w->out, json);
}

void json_null(struct json_writer *w)
{
    json_raw(w, STR("null"));
}

void json_bool(struct json_writer *w, bool b)
{
    json_raw(w, b ? STR("true") : STR("false"));
}

void json_int(struct json_writer *w, int64_t n)
{
    char text[1 + DIGITS_ROOM];
    size_t sign = n < 0 ? 1 : 0;
    text[0] = '-';
    size_t len = digits_decimal(text + sign, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
    json_raw(w, (struct str){ text, sign + len });
}

void json_uint(struct json_writer *w, uint64_t n)
{
    char text[DIGITS_ROOM];
    json_raw(w, (struct str){ text, digits_decimal(text, n) });
}

/* Every double reads back from 17 digits, most from 15. */
struct str json_double_text(double d, char room[JSON_DOUBLE_ROOM])
{
    int len = 0;
    for (int digits = 15; digits <= 17; digits++) {
        len = snprintf(room, JSON_DOUBLE_ROOM, "%.*g", digits, d);
        if (strtod(room, NULL) == d)
            break;
    }
    return (struct str){ room, (size_t)len };
}

void json_double(struct json_writer *w, double d)
{
    char room[JSON_DOUBLE_ROOM];
    if (isfinite(d))
        json_raw(w, json_double_text(d, room));
    else
        json_null(w);
}

/* As deep as the tree, which json_parse bounds. */
void json_tree(struct json_writer *w, const struct json *j)
{
    switch (j->type) {
    case JSON_NULL:
        json_null(w);
        return;
    case JSON_FALSE:
    case JSON_TRUE:
        json_bool(w, j->type == JSON_TRUE);
        return;
    case JSON_NUMBER:
        json_raw(w, j->text);
        return;
    case JSON_STRING:
        json_str(w, j->text);
        return;
    case JSON_LIST:
        json_list(w);
        for (const struct json *item = j->first; item; item = item->next)
            json_tree(w, item);
        json_list_end(w);
        return;
    case JSON_OBJECT:
        json_object(w);
        for (const struct json *member = j->first; member; member = member->next) {
            json_key(w, member->key);
            json_tree(w, member);
        }
        json_object_end(w);
        return;
    }
}
