/* digits.h - whole numbers as text, for those of which a report has hundreds: a tenth of printf's
 * time. Nothing ends with a NUL. */
#ifndef CRUMPLE_BASE_DIGITS_H
#define CRUMPLE_BASE_DIGITS_H

#include <stddef.h>
#include <stdint.h>

#define DIGITS_ROOM 20 /* the most that either writes */

/* In lower case, with zeros in front up to `width`, at most 16; returns how many digits it wrote.
 */
static inline size_t digits_hex(char to[DIGITS_ROOM], uint64_t n, size_t width)
{
    size_t len = 1;
    while (len < 16 && (len < width || n >> (4 * len)))
        len++;
    for (size_t i = len; i > 0; i--, n >>= 4)
        to[i - 1] = "0123456789abcdef"[n & 15];
    return len;
}

static inline size_t digits_decimal(char to[DIGITS_ROOM], uint64_t n)
{
    size_t len = 1;
    for (uint64_t rest = n; rest >= 10; rest /= 10)
        len++;
    for (size_t i = len; i > 0; i--, n /= 10)
        to[i - 1] = (char)('0' + n % 10);
    return len;
}

#endif
