/* tokens.c - one pass over the bytes. ASCII goes through a table; other characters are decoded and
 * looked up in Unicode's categories. What is hard: whether HTML|Parser parts before the P shows
 * only at the a behind it, so the scan remembers where the last upper-case letter began. */
#include "group/tokens.h"

#include "base/utf8.h"

#include <utf8proc.h>

enum char_class {
    CLASS_OTHER, /* parts tokens */
    CLASS_DIGIT,
    CLASS_LOWER, /* every letter that is not upper case */
    CLASS_UPPER,
    CLASS_WIDE /* in the table only: a byte of a longer character */
};

/* clang-format off */
#define R5(c) c, c, c, c, c
#define R26(c) R5(c), R5(c), R5(c), R5(c), R5(c), c
#define R32(c) R26(c), R5(c), c
static const uint8_t byte_class[256] = {
    R32(CLASS_OTHER),                                     /* 0x00: controls */
    R5(CLASS_OTHER), R5(CLASS_OTHER), R5(CLASS_OTHER),    /* 0x20: space to / */
    CLASS_OTHER,
    R5(CLASS_DIGIT), R5(CLASS_DIGIT),                     /* 0x30: 0 to 9 */
    R5(CLASS_OTHER), CLASS_OTHER, CLASS_OTHER,            /* 0x3a: : to @ */
    R26(CLASS_UPPER),                                     /* 0x41: A to Z */
    R5(CLASS_OTHER), CLASS_OTHER,                         /* 0x5b: [ to ` */
    R26(CLASS_LOWER),                                     /* 0x61: a to z */
    R5(CLASS_OTHER),                                      /* 0x7b: { to DEL */
    R32(CLASS_WIDE), R32(CLASS_WIDE), R32(CLASS_WIDE), R32(CLASS_WIDE), /* 0x80 */
};
/* clang-format on */

/* The class of the character of two to four bytes at the front of s, which is not empty. */
static enum char_class wide_class(struct str s, size_t *len)
{
    *len = utf8_char_len(s);
    if (*len == 0) { /* not UTF-8 */
        *len = 1;
        return CLASS_OTHER;
    }
    utf8proc_int32_t c = 0;
    utf8proc_iterate((const utf8proc_uint8_t *)s.ptr, (utf8proc_ssize_t)*len, &c);
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
        return CLASS_UPPER;
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
        return CLASS_LOWER;
    default:
        return CLASS_OTHER;
    }
}

static inline enum char_class class_at(const char *p, const char *end, size_t *len)
{
    enum char_class k = byte_class[(unsigned char)*p];
    *len = 1;
    return k == CLASS_WIDE ? wide_class((struct str){ p, (size_t)(end - p) }, len) : k;
}

bool tokens_next(struct tokens *t, struct str *token)
{
    const char *p = t->rest.ptr, *end = p + t->rest.len;
    size_t len = 0;
    enum char_class k = CLASS_OTHER;
    while (p < end && (k = class_at(p, end, &len)) == CLASS_OTHER)
        p += len;
    if (p == end) {
        t->rest = (struct str){ end, 0 };
        return false;
    }
    const char *begin = p, *last = p; /* last: where the character before p begins */
    enum char_class before = k;
    for (p += len; p < end; p += len) {
        k = class_at(p, end, &len);
        if (k != before) {
            if (before != CLASS_UPPER || k != CLASS_LOWER)
                break;
            if (last != begin) { /* the word began with the last upper-case letter */
                p = last;
                break;
            }
        }
        last = p;
        before = k;
    }
    *token = (struct str){ begin, (size_t)(p - begin) };
    t->rest = (struct str){ p, (size_t)(end - p) };
    return true;
}
