/* similarity.c - the one-byte length norm of Lucene 4.
 *
 * A byte holds a float with three bits of mantissa and five of exponent, so that 256 lengths can be
 * told apart roughly and a posting needs no more than a byte. */
#include "group/similarity.h"

#include <string.h>

#define MANTISSA_BITS 3
#define ZERO_EXPONENT 15
#define SHIFT (24 - MANTISSA_BITS)
#define BIAS ((63 - ZERO_EXPONENT) << MANTISSA_BITS)

uint8_t similarity_norm_byte(uint32_t tokens)
{
    if (tokens == 0)
        return 0;
    float f = (float)(1.0 / sqrt((double)tokens));
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    uint32_t small = bits >> SHIFT;
    if (small <= BIAS)
        return 1; /* underflow: the smallest that is not zero */
    return small >= BIAS + 0x100 ? 255 : (uint8_t)(small - BIAS);
}

float similarity_norm(uint8_t byte)
{
    if (byte == 0)
        return 0.0f;
    uint32_t bits = ((uint32_t)byte << SHIFT) + ((uint32_t)(63 - ZERO_EXPONENT) << 24);
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}
