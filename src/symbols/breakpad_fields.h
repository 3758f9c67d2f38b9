/* breakpad_fields.h - takes a record of a symbol file apart: words and numbers between spaces.
 *
 * Threads: pure. */
#ifndef CRUMPLE_SYMBOLS_BREAKPAD_FIELDS_H
#define CRUMPLE_SYMBOLS_BREAKPAD_FIELDS_H

#include "base/str.h"

/* The next word off the front of *rest; empty: there is none. */
static inline struct str take_word(struct str *rest)
{
    size_t i = 0, end;
    while (i < rest->len && (rest->ptr[i] == ' ' || rest->ptr[i] == '\t'))
        i++;
    for (end = i; end < rest->len && rest->ptr[end] != ' ' && rest->ptr[end] != '\t'; end++)
        ;
    struct str word = { rest->ptr + i, end - i };
    *rest = (struct str){ rest->ptr + end, rest->len - end };
    return word;
}

/* What is left, without the spaces before it. */
static inline struct str take_rest(struct str *rest)
{
    size_t i = 0;
    while (i < rest->len && rest->ptr[i] == ' ')
        i++;
    struct str all = { rest->ptr + i, rest->len - i };
    *rest = (struct str){ rest->ptr + rest->len, 0 };
    return all;
}

static inline unsigned hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10) : 16;
}

static inline bool read_hex(struct str s, uint64_t *out)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned d = hex_digit(s.ptr[i]);
        if (d > 15 || n >> 60 != 0)
            return false;
        n = n << 4 | d;
    }
    *out = n;
    return s.len > 0;
}
static inline bool read_decimal(struct str s, uint64_t *out)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9' || __builtin_mul_overflow(n, (uint64_t)10, &n) ||
            __builtin_add_overflow(n, (uint64_t)(s.ptr[i] - '0'), &n))
            return false;
    }
    *out = n;
    return s.len > 0;
}
static inline bool take_hex(struct str *rest, uint64_t *out)
{
    return read_hex(take_word(rest), out);
}
static inline bool take_decimal(struct str *rest, uint64_t *out)
{
    return read_decimal(take_word(rest), out);
}

#endif
