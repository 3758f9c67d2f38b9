/* err.c - fills errors. What is hard: foreign bytes reach messages (a name in a path, a key of a
 * report), and the message goes out as JSON and into the log, so it is made valid UTF-8 of one
 * line here, and a character that does not fit whole is left out. */
#include "base/err.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

/* Copies what fits of `in` into out, one line of whole characters. */
static void message_clean(char *out, size_t out_bytes, struct str in)
{
    size_t used = 0;
    while (in.len > 0) {
        size_t n = utf8_char_len(in);
        struct str piece = n ? (struct str){ in.ptr, n } : STR(UTF8_REPLACEMENT);
        if (n == 1 && ((unsigned char)in.ptr[0] < 0x20 || in.ptr[0] == 0x7f))
            piece = STR(" ");
        if (used + piece.len >= out_bytes)
            break;
        memcpy(out + used, piece.ptr, piece.len);
        used += piece.len;
        in = (struct str){ in.ptr + (n ? n : 1), in.len - (n ? n : 1) };
    }
    out[used] = '\0';
}

PRINTF_LIKE(2, 0) static void message_format(struct err *e, const char *fmt, va_list args)
{
    char raw[2 * sizeof e->msg]; /* more than fits: message_clean cuts between characters */
    int n = vsnprintf(raw, sizeof raw, fmt, args);
    if (n < 0)
        raw[0] = '\0';
    message_clean(e->msg, sizeof e->msg, str_from_c(raw));
}

bool err_set(struct err *e, enum err_code code, uint64_t offset, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    e->code = code;
    e->word = NULL;
    e->offset = offset;
    message_format(e, fmt, args);
    va_end(args);
    return false;
}

bool err_word(struct err *e, enum err_code code, const char *word, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    e->code = code;
    e->word = word;
    e->offset = 0;
    message_format(e, fmt, args);
    va_end(args);
    return false;
}

bool err_prefix(struct err *e, const char *fmt, ...)
{
    char raw[2 * sizeof e->msg]; /* context, then the old message; together more than fits */
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(raw, sizeof e->msg, fmt, args);
    va_end(args);
    size_t len = n < 0 ? 0 : strnlen(raw, sizeof e->msg);
    memcpy(raw + len, e->msg, strlen(e->msg) + 1);
    message_clean(e->msg, sizeof e->msg, str_from_c(raw));
    return false;
}
