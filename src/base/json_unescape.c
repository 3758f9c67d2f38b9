/* json_unescape.c - the escapes of JSON strings. yajl has found the string's end and seen that its
 * escapes are complete; what is left is what they mean. */
#include "base/json_internal.h"

#include "base/utf8.h"

/* Four hex digits, which yajl has seen to be such. */
static uint32_t hex4(const char *p)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        uint32_t digit = (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
        value = value * 16 + digit;
    }
    return value;
}

/* \uXXXX at `in`, or two of them that are one character. Returns what comes behind. */
static const char *take_unicode(const char *in, const char *end, uint32_t *out)
{
    uint32_t c = hex4(in + 2);
    in += 6;
    *out = c >= 0xd800 && c <= 0xdfff ? 0xfffd : c;
    if (c >= 0xd800 && c <= 0xdbff && end - in >= 6 && in[0] == '\\' && in[1] == 'u') {
        uint32_t low = hex4(in + 2);
        if (low >= 0xdc00 && low <= 0xdfff) {
            *out = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            in += 6;
        }
    }
    return in;
}

static char plain_escape(char c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c; /* quote, backslash, slash */
    }
}

bool json_unescape(struct arena *a, struct str raw, struct str *out)
{
    char *decoded = arena_alloc(a, raw.len); /* an escape is never shorter than its character */
    if (!decoded)
        return false;
    const char *in = raw.ptr, *end = raw.ptr + raw.len;
    char *to = decoded;
    while (in < end) {
        const char *escape = memchr(in, '\\', (size_t)(end - in));
        size_t run = (size_t)((escape ? escape : end) - in);
        memcpy(to, in, run);
        to += run;
        in += run;
        if (!escape)
            break;
        if (in[1] == 'u') {
            uint32_t c;
            in = take_unicode(in, end, &c);
            to += utf8_put(c, to);
        } else {
            *to++ = plain_escape(in[1]);
            in += 2;
        }
    }
    *out = (struct str){ decoded, (size_t)(to - decoded) };
    return true;
}
