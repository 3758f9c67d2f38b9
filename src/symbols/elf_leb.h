/* elf_leb.h - numbers of DWARF: 7 bits a byte, up to 64 bits, the high bits of longer ones are
 * lost. Threads: pure. */
#ifndef CRUMPLE_SYMBOLS_ELF_LEB_H
#define CRUMPLE_SYMBOLS_ELF_LEB_H

#include "base/reader.h"

static inline uint64_t reader_uleb(struct reader *r)
{
    uint64_t n = 0;
    uint8_t byte;
    unsigned shift = 0;
    do {
        byte = reader_u8(r);
        if (shift < 64)
            n |= (uint64_t)(byte & 0x7f) << shift;
        shift += shift < 64 ? 7 : 0;
    } while (byte & 0x80);
    return n;
}

static inline int64_t reader_sleb(struct reader *r)
{
    uint64_t n = 0;
    uint8_t byte;
    unsigned shift = 0;
    do {
        byte = reader_u8(r);
        if (shift < 64)
            n |= (uint64_t)(byte & 0x7f) << shift;
        shift += shift < 64 ? 7 : 0;
    } while (byte & 0x80);
    if (shift < 64 && byte & 0x40)
        n |= ~UINT64_C(0) << shift;
    return (int64_t)n;
}

#endif
