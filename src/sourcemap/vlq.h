/* vlq.h - the numbers of `mappings`: base 64 digits of 5 bits each, the lowest first, the sixth bit
 * telling that one more follows; of the first digit, the lowest bit is the sign.
 *
 * Threads: pure. */
#ifndef CRUMPLE_SOURCEMAP_VLQ_H
#define CRUMPLE_SOURCEMAP_VLQ_H

#include "base/str.h"

enum vlq_outcome {
    VLQ_NUMBER,
    VLQ_END,    /* no digit here: the end, ',' or ';' */
    VLQ_DIGIT,  /* the character is none of base 64 */
    VLQ_OPEN,   /* the last digit says that one more follows, and none does */
    VLQ_TOO_BIG /* beyond 32 bits */
};
#define VLQ_OUTCOMES (VLQ_TOO_BIG + 1)

/* The number at *at, at most 2^31 - 1 and its negative; a sign without a number is -2^31, as
 * ECMA-426 has it. *at moves behind it, or onto the character
 * that is wrong. */
enum vlq_outcome vlq_take(struct str text, size_t *at, int32_t *out);

#endif
