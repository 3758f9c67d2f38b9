/* stackwalk_parts.c - see the header. */
#include "cli/stackwalk_parts.h"

#include "base/digits.h"

void stackwalk_write_text(struct json_writer *w, const char *key, struct str text)
{
    json_key(w, str_from_c(key));
    if (text.len > 0)
        json_str(w, text);
    else
        json_null(w);
}

void stackwalk_write_hex(struct json_writer *w, struct str key, bool known, uint64_t n)
{
    char text[2 + DIGITS_ROOM] = "0x";
    json_key(w, key);
    if (known)
        json_str(w, (struct str){ text, 2 + digits_hex(text + 2, n, 0) });
    else
        json_null(w);
}

void stackwalk_write_number(struct json_writer *w, const char *key, bool known, uint64_t n)
{
    json_key(w, str_from_c(key));
    if (known && n <= INT64_MAX)
        json_int(w, (int64_t)n);
    else
        json_null(w);
}

void stackwalk_write_errors(struct json_writer *w, const struct str *errors, size_t count)
{
    json_key(w, STR("errors"));
    json_list(w);
    for (size_t i = 0; i < count; i++)
        json_str(w, errors[i]);
    json_list_end(w);
}

void stackwalk_add(struct buf *b, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        buf_char(b, c < 0x20 || c == 0x7f ? '?' : (char)c);
    }
}

void stackwalk_add_hex(struct buf *b, uint64_t n, size_t width)
{
    char text[DIGITS_ROOM];
    buf_str(b, STR("0x"));
    buf_add(b, text, digits_hex(text, n, width));
}

void stackwalk_add_decimal(struct buf *b, uint64_t n, size_t width)
{
    char text[DIGITS_ROOM];
    size_t len = digits_decimal(text, n);
    for (size_t i = len; i < width; i++)
        buf_char(b, ' ');
    buf_add(b, text, len);
}
