/* utf8.c - the table of well-formed sequences (Unicode, table 3-7), and a fast way over ASCII. */
#include "base/utf8.h"

/* The second byte has its own range after some first bytes; later ones are always 80..bf. */
static bool is_tail(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

size_t utf8_char_len(struct str s)
{
    if (s.len == 0)
        return 0;
    const unsigned char *p = (const unsigned char *)s.ptr;
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4 || s.len < 2)
        return 0;
    if (p[0] < 0xe0)
        return is_tail(p[1]) ? 2 : 0;
    unsigned char low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high || s.len < 3 || !is_tail(p[2]))
        return 0;
    if (p[0] < 0xf0)
        return 3;
    return s.len >= 4 && is_tail(p[3]) ? 4 : 0;
}

size_t utf8_valid_prefix(struct str s)
{
    size_t i = 0;
    while (i < s.len) {
        uint64_t eight;
        if (s.len - i >= sizeof eight) {
            memcpy(&eight, s.ptr + i, sizeof eight);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof eight;
                continue;
            }
        }
        size_t n = utf8_char_len((struct str){ s.ptr + i, s.len - i });
        if (n == 0)
            return i;
        i += n;
    }
    return i;
}

size_t utf8_put(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)((0xf00 >> n & 0xf0) | c); /* as many ones in front as there are bytes */
    return n;
}
