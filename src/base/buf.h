/* buf.h - a growable byte buffer with a maximum size: request bodies, JSON answers.
 *
 * A write that would pass the maximum, or that finds no memory, fails, and the failure sticks:
 * write straight down and check buf_ok once at the end. Threads: one at a time. */
#ifndef CRUMPLE_BASE_BUF_H
#define CRUMPLE_BASE_BUF_H

#include "base/err.h"
#include "base/str.h"

struct buf {
    char *ptr; /* heap; not NUL-terminated */
    size_t len, cap;
    size_t max_bytes; /* never grows past this */
    bool failed;      /* set by the first write that did not fit, never cleared but by buf_reset */
};

void buf_init(struct buf *b, size_t max_bytes);
void buf_done(struct buf *b);  /* frees; may be called again */
void buf_reset(struct buf *b); /* empty, memory kept, failure forgotten */

/* Room for n more without a further allocation; false, as with a write, when that cannot be. */
bool buf_reserve(struct buf *b, size_t n);
void buf_add(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, struct str s);
static inline void buf_char(struct buf *b, char c)
{
    if (b->len < b->cap && !b->failed)
        b->ptr[b->len++] = c;
    else
        buf_add(b, &c, 1);
}
PRINTF_LIKE(2, 3) void buf_printf(struct buf *b, const char *fmt, ...);

static inline bool buf_ok(const struct buf *b)
{
    return !b->failed;
}
static inline struct str buf_view(const struct buf *b)
{
    return (struct str){ b->ptr ? b->ptr : "", b->len };
}

#endif
