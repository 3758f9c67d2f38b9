/* buf.c - grows by half as much again, so that many small writes copy little. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_FIRST ((size_t)256)

void buf_init(struct buf *b, size_t max_bytes)
{
    *b = (struct buf){ .max_bytes = max_bytes };
}

void buf_done(struct buf *b)
{
    free(b->ptr);
    b->ptr = NULL;
    b->len = b->cap = 0;
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->failed = false;
}

bool buf_reserve(struct buf *b, size_t n)
{
    if (b->failed)
        return false;
    if (n <= b->cap - b->len)
        return true;
    if (n > b->max_bytes - b->len) {
        b->failed = true;
        return false;
    }
    size_t want = b->cap < BUF_FIRST ? BUF_FIRST : b->cap + b->cap / 2;
    if (want < b->len + n)
        want = b->len + n;
    if (want > b->max_bytes)
        want = b->max_bytes;
    char *p = realloc(b->ptr, want);
    if (!p) {
        b->failed = true;
        return false;
    }
    b->ptr = p;
    b->cap = want;
    return true;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
    if (!buf_reserve(b, n) || n == 0)
        return;
    memcpy(b->ptr + b->len, p, n);
    b->len += n;
}

void buf_str(struct buf *b, struct str s)
{
    buf_add(b, s.ptr, s.len);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    char small[256];
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(small, sizeof small, fmt, args);
    if (n < 0) {
        b->failed = true;
    } else if ((size_t)n < sizeof small) {
        buf_add(b, small, (size_t)n);
    } else {
        char *large = malloc((size_t)n + 1); /* vsnprintf ends with a NUL that b has no room for */
        if (large) {
            vsnprintf(large, (size_t)n + 1, fmt, again);
            buf_add(b, large, (size_t)n);
            free(large);
        } else {
            b->failed = true;
        }
    }
    va_end(again);
    va_end(args);
}
