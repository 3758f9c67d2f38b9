/* vlq.c - see the header. */
#include "sourcemap/vlq.h"

#define MORE 32u
#define NONE 64u

/* The value of each base 64 digit; NONE of all else. Filled in by hand, so that it is constant. */
#define N NONE
static const uint8_t digits[256] = {
    N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,
    N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  62, N,  N,  N,  63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, N,  N,  N,  N,  N,  N,  N,  0,  1,  2,  3,  4,  5,  6,
    7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, N,  N,  N,  N,  N,
    N,  26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48,
    49, 50, 51, N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,
    N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,
    N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,
    N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,
    N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,
    N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,  N,
};
#undef N

static bool ends(struct str text, size_t at)
{
    return at == text.len || text.ptr[at] == ',' || text.ptr[at] == ';';
}

enum vlq_outcome vlq_take(struct str text, size_t *at, int32_t *out)
{
    uint64_t value = 0;
    unsigned digit, shift = 0;
    if (ends(text, *at))
        return VLQ_END;
    do {
        if (ends(text, *at))
            return VLQ_OPEN;
        digit = digits[(uint8_t)text.ptr[*at]];
        if (digit == NONE)
            return VLQ_DIGIT;
        uint64_t bits = digit & (MORE - 1);
        if (bits != 0 && (shift > 31 || bits << shift > UINT32_MAX)) /* zeros may go on and on */
            return VLQ_TOO_BIG;
        if (bits != 0)
            value |= bits << shift;
        shift += shift < 64 ? 5 : 0;
        ++*at;
    } while (digit & MORE);
    int32_t magnitude = (int32_t)(value >> 1);
    *out = !(value & 1) ? magnitude : magnitude > 0 ? -magnitude : INT32_MIN;
    return VLQ_NUMBER;
}
