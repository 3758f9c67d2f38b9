/* bucket_names.c - see the header for the format. The blob comes from disk: nothing in it is
 * believed. */
#include "store/bucket_names.h"

#include "base/leb128.h"

#include <assert.h>

void bucket_names_encode(struct buf *out, struct str own_id, const struct str *names, size_t count)
{
    assert(count <= UINT8_MAX);
    for (size_t i = 0; i < count;) {
        size_t run = 1;
        while (i + run < count && str_eq(names[i + run], names[i]))
            run++;
        assert(names[i].len > 0);
        buf_char(out, (char)run);
        if (str_eq(names[i], own_id)) {
            leb128_write(out, 0);
        } else {
            leb128_write(out, names[i].len);
            buf_str(out, names[i]);
        }
        i += run;
    }
}

static bool decode_byte(struct str *blob, uint8_t *out)
{
    if (blob->len == 0)
        return false;
    *out = (uint8_t)blob->ptr[0];
    *blob = (struct str){ blob->ptr + 1, blob->len - 1 };
    return true;
}

bool bucket_names_decode(struct str blob, struct str own_id, struct str *names, size_t count)
{
    size_t done = 0;
    while (blob.len > 0) {
        uint8_t run;
        size_t len;
        if (!decode_byte(&blob, &run) || run == 0 || run > count - done ||
            !leb128_read(&blob, &len) || len > blob.len)
            return false;
        struct str name = len == 0 ? own_id : (struct str){ blob.ptr, len };
        blob = (struct str){ blob.ptr + len, blob.len - len };
        for (uint8_t i = 0; i < run; i++)
            names[done++] = name;
    }
    return done == count;
}
