/* minidump_text.c - texts of a minidump as valid UTF-8. Called for names of modules and threads,
 * for versions and annotations; what is hard is that nothing need be text at all. */
#include "decode/minidump_parts.h"

#include "base/utf8.h"

/* One character of UTF-16; a surrogate that is alone is no character. */
static uint32_t next_char(struct reader *r)
{
    uint32_t c = reader_u16(r);
    if (c < 0xd800 || c > 0xdfff)
        return c;
    struct reader after = *r;
    uint32_t low = reader_u16(&after);
    if (c > 0xdbff || after.failed || low < 0xdc00 || low > 0xdfff)
        return 0xfffd;
    *r = after;
    return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

/* Most texts are ASCII up to their end; how many bytes of text that is. */
static size_t take_ascii(struct reader *r, char *text)
{
    size_t n = 0, low = r->big_endian ? 1 : 0;
    for (; r->pos + 2 <= r->in.len; r->pos += 2) {
        const uint8_t *unit = r->in.ptr + r->pos;
        if (unit[1 - low] != 0 || unit[low] == 0 || unit[low] >= 0x80)
            break;
        text[n++] = (char)unit[low];
    }
    return n;
}

bool minidump_utf16(struct minidump *m, struct bytes raw, struct str *out)
{
    size_t len = dump_take_room(&m->make, raw.len & ~(size_t)1), n = 0;
    struct reader r = minidump_reader(m, (struct bytes){ raw.ptr, len });
    *out = STR("");
    if (len == 0)
        return true;
    char *text = arena_alloc(m->arena, len / 2 * 3); /* the most that 2 bytes can become */
    if (!text)
        return false;
    n = take_ascii(&r, text);
    while (r.pos + 2 <= len) {
        uint32_t c = next_char(&r);
        if (c == 0)
            break;
        n += utf8_put(c, text + n);
    }
    *out = (struct str){ text, n };
    return true;
}

bool minidump_string(struct minidump *m, uint32_t offset, struct str *out)
{
    struct bytes head, raw;
    *out = STR("");
    if (offset == 0 || !bytes_slice(m->file, offset, 4, &head))
        return true;
    struct reader r = minidump_reader(m, head);
    uint32_t len = reader_u32(&r);
    if (!bytes_slice(m->file, (uint64_t)offset + 4, len, &raw))
        return true;
    return minidump_utf16(m, raw, out);
}

bool minidump_utf8_string(struct minidump *m, uint32_t offset, struct str *out)
{
    struct bytes head, raw;
    *out = STR("");
    if (offset == 0 || !bytes_slice(m->file, offset, 4, &head))
        return true;
    struct reader r = minidump_reader(m, head);
    uint32_t len = reader_u32(&r);
    if (!bytes_slice(m->file, (uint64_t)offset + 4, len, &raw))
        return true;
    return dump_utf8(&m->make, raw, out);
}
