/* leb128.c - see the header. What is read comes from disk: nothing in it is believed. */
#include "base/leb128.h"

#include <assert.h>

void leb128_write(struct buf *out, size_t n)
{
    assert(n >> 7 * LEB128_BYTES_MAX == 0); /* or it could not be read */
    for (; n >= 0x80; n >>= 7)
        buf_char(out, (char)(0x80 | (n & 0x7f)));
    buf_char(out, (char)n);
}

bool leb128_read(struct str *rest, size_t *out)
{
    size_t n = 0;
    for (unsigned i = 0; i < LEB128_BYTES_MAX && rest->len > 0; i++) {
        uint8_t b = (uint8_t)rest->ptr[0];
        *rest = (struct str){ rest->ptr + 1, rest->len - 1 };
        n |= (size_t)(b & 0x7f) << (7 * i);
        if (b < 0x80) {
            *out = n;
            return true;
        }
    }
    return false;
}
