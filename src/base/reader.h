/* reader.h - the cursor through which binary input is read: it never leaves its bytes.
 *
 *     struct reader r = { .in = stream };
 *     uint32_t count = reader_u32(&r);
 *     uint64_t base = reader_u64(&r);
 *     if (r.failed)
 *         return err_set(e, ERR_INPUT, r.pos, "module list: too short");
 *
 * A failed read sticks, so that a record is read straight down and checked once. Numbers are little
 * endian unless big_endian says otherwise. Threads: one at a time. */
#ifndef CRUMPLE_BASE_READER_H
#define CRUMPLE_BASE_READER_H

#include "base/str.h"

struct reader {
    struct bytes in;
    size_t pos;  /* invariant: pos <= in.len */
    bool failed; /* set by the first short read, never cleared; reads then give 0 */
    bool big_endian;
};

/* The next n bytes; NULL when there are fewer. */
static inline const uint8_t *reader_take(struct reader *r, size_t n)
{
    if (r->failed || n > r->in.len - r->pos) { /* cannot wrap, as pos + n could */
        r->failed = true;
        return NULL;
    }
    const uint8_t *p = r->in.ptr + r->pos;
    r->pos += n;
    return p;
}

static inline void reader_skip(struct reader *r, size_t n)
{
    (void)reader_take(r, n);
}

/* A number of 1 to 8 bytes. */
static inline uint64_t reader_number(struct reader *r, size_t bytes)
{
    const uint8_t *p = reader_take(r, bytes);
    uint64_t n = 0;
    for (size_t i = 0; p && i < bytes; i++)
        n |= (uint64_t)p[r->big_endian ? bytes - 1 - i : i] << (8 * i);
    return n;
}
static inline uint8_t reader_u8(struct reader *r)
{
    return (uint8_t)reader_number(r, 1);
}
static inline uint16_t reader_u16(struct reader *r)
{
    return (uint16_t)reader_number(r, 2);
}
static inline uint32_t reader_u32(struct reader *r)
{
    return (uint32_t)reader_number(r, 4);
}
static inline uint64_t reader_u64(struct reader *r)
{
    return reader_number(r, 8);
}

/* The one place where an (offset, size) pair that was found in a file becomes bytes. False when it
 * does not lie within. */
static inline bool bytes_slice(struct bytes in, uint64_t offset, uint64_t size, struct bytes *out)
{
    if (offset > in.len || size > in.len - offset)
        return false;
    *out = (struct bytes){ in.ptr + offset, (size_t)size };
    return true;
}

#endif
