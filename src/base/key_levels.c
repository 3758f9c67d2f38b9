#include "base/key_levels.h"

#include <assert.h>
#include <string.h>

/* How many keys there are on each level; how many levels. */
static unsigned count_levels(uint32_t keys, unsigned fanout, uint32_t counts[KEY_LEVELS_MAX])
{
    unsigned n = 0;
    assert(fanout >= 8);
    for (uint32_t count = keys; count > 0; n++) {
        counts[n] = count;
        if (count <= fanout)
            return n + 1;
        count = count / fanout + (count % fanout != 0);
    }
    return n;
}

/* Keys of a level with its fill. */
static uint64_t level_room(uint32_t count, unsigned fanout)
{
    return ((uint64_t)count + fanout - 1) / fanout * fanout;
}

void key_levels_write(struct buf *keys, struct key_shape shape)
{
    uint32_t counts[KEY_LEVELS_MAX];
    uint8_t key[KEY_BYTES_MAX]; /* a copy: the buf moves when it grows */
    size_t bytes = shape.key_bytes, below = 0 /* where the level below begins */;
    assert(bytes <= sizeof key);
    unsigned levels = count_levels((uint32_t)(keys->len / bytes), shape.fanout, counts);
    for (unsigned level = 0; level < levels && buf_ok(keys); level++) {
        size_t begin = keys->len;
        for (uint32_t i = 0; level > 0 && i < counts[level]; i++) {
            memcpy(key, keys->ptr + below + (size_t)i * shape.fanout * bytes, bytes);
            buf_add(keys, key, bytes);
        }
        if (level > 0)
            below = begin;
        memset(key, 0xff, bytes);
        for (uint64_t i = counts[level]; i < level_room(counts[level], shape.fanout); i++)
            buf_add(keys, key, bytes);
    }
}

bool key_levels_open(struct key_levels *out, struct key_shape shape, uint32_t count,
                     struct bytes in)
{
    uint64_t at = 0;
    out->levels = count_levels(count, shape.fanout, out->counts);
    for (unsigned level = 0; level < out->levels; level++) {
        uint64_t room = level_room(out->counts[level], shape.fanout) * shape.key_bytes;
        if (room > in.len - at)
            return false;
        out->at[level] = in.ptr + at;
        at += room;
    }
    return true;
}
