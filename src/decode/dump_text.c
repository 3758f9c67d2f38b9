/* dump_text.c - texts of a dump as valid UTF-8. Called for names of modules and threads, for
 * versions and annotations; what is hard is that nothing need be text at all. */
#include "decode/dump_parts.h"

#include "base/utf8.h"

size_t dump_take_room(struct dump_maker *k, size_t len)
{
    if (len > DUMP_STRING_MAX)
        len = DUMP_STRING_MAX;
    if (len > k->strings_left) {
        if (k->strings_left > 0)
            dump_error(k, "texts beyond %d bytes are left out", DUMP_STRINGS_MAX);
        k->strings_left = 0;
        return 0;
    }
    k->strings_left -= len;
    return len;
}

bool dump_utf8(struct dump_maker *k, struct bytes raw, struct str *out)
{
    const uint8_t *nul = raw.len ? memchr(raw.ptr, 0, raw.len) : NULL;
    size_t len = dump_take_room(k, nul ? (size_t)(nul - raw.ptr) : raw.len), n = 0;
    struct str rest = { (const char *)raw.ptr, len };
    *out = rest;
    if (len == 0 || utf8_valid_prefix(rest) == len) {
        out->len = len;
        return true;
    }
    char *text = arena_array(k->arena, len, 3); /* U+FFFD takes 3 bytes */
    if (!text)
        return false;
    while (rest.len > 0) {
        size_t valid = utf8_valid_prefix(rest);
        memcpy(text + n, rest.ptr, valid);
        n += valid;
        rest = (struct str){ rest.ptr + valid, rest.len - valid };
        if (rest.len > 0) {
            memcpy(text + n, UTF8_REPLACEMENT, 3);
            n += 3;
            rest = (struct str){ rest.ptr + 1, rest.len - 1 };
        }
    }
    *out = (struct str){ text, n };
    return true;
}
