/* packed, key_levels: numbers and keys as bytes, and back; against plain loops. */
#include "base/key_levels.h"
#include "base/packed.h"

#include "../cmocka_all.h"

#include <stdlib.h>

static void numbers(void **state)
{
    (void)state;
    uint8_t four[4];
    struct buf b;
    buf_init(&b, 64);
    buf_le16(&b, 0x0201);
    buf_le32(&b, 0x06050403);
    buf_le64(&b, UINT64_C(0x0e0d0c0b0a090807));
    assert_int_equal(b.len, 14);
    for (size_t i = 0; i < b.len; i++)
        assert_int_equal(b.ptr[i], i + 1);
    assert_int_equal(load_le32((const uint8_t *)b.ptr + 2), 0x06050403);
    assert_int_equal(load_le64((const uint8_t *)b.ptr + 6), UINT64_C(0x0e0d0c0b0a090807));
    store_le32(four, 0x04030201);
    assert_memory_equal(four, b.ptr, 4);
    buf_done(&b);
}

static void bits(void **state)
{
    (void)state;
    uint8_t bytes[20];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 73 + 41);
    for (unsigned width = 0; width <= 32; width++)
        for (uint64_t bit = 0; bit <= 12 * 8; bit++) {
            uint64_t want = 0;
            for (unsigned i = 0; i < width; i++)
                want |= (uint64_t)(bytes[(bit + i) / 8] >> (bit + i) % 8 & 1) << i;
            if (get_bits(bytes, bit, width) != want)
                fail_msg("%u bits at %u", width, (unsigned)bit);
        }
    assert_int_equal(bits_of(0), 0);
    for (unsigned n = 1; n <= 32; n++) {
        assert_int_equal(bits_of(UINT32_C(1) << (n - 1)), n);
        assert_int_equal(bits_of(UINT32_MAX >> (32 - n)), n);
    }
}

/* Key i is i * 3, so that every byte of what is read can be told. */
static void put_key(struct buf *out, uint64_t i, unsigned bytes)
{
    if (bytes == 4)
        buf_le32(out, (uint32_t)(i * 3));
    else
        buf_le64(out, i * 3);
}

static uint64_t key_at(const uint8_t *p, size_t i, unsigned bytes)
{
    return bytes == 4 ? load_le32(p + 4 * i) : load_le64(p + 8 * i);
}

static void check_levels(struct key_shape shape, uint32_t count)
{
    struct key_levels t;
    struct buf b;
    buf_init(&b, (size_t)1 << 20);
    for (uint32_t i = 0; i < count; i++)
        put_key(&b, i, shape.key_bytes);
    key_levels_write(&b, shape);
    assert_true(buf_ok(&b));
    struct bytes all = { (const uint8_t *)b.ptr, b.len };
    assert_true(key_levels_open(&t, shape, count, all));
    uint64_t every = 1, keys = count; /* of a level, how many of level 0 a key stands for */
    size_t end = 0;
    for (unsigned level = 0; level < t.levels; level++) {
        size_t room = (keys + shape.fanout - 1) / shape.fanout * shape.fanout;
        assert_int_equal(t.counts[level], keys);
        assert_ptr_equal(t.at[level], all.ptr + end);
        for (size_t i = 0; i < room; i++) {
            uint64_t fill = shape.key_bytes == 4 ? UINT32_MAX : UINT64_MAX;
            assert_int_equal(key_at(t.at[level], i, shape.key_bytes),
                             i < keys ? i * every * 3 : fill);
        }
        assert_true((keys > shape.fanout) == (level + 1 < t.levels));
        keys = room / shape.fanout;
        every *= shape.fanout;
        end += room * shape.key_bytes;
    }
    assert_int_equal(end, all.len);
    assert_true((count == 0) == (t.levels == 0));
    for (size_t len = 0; len < all.len; len += shape.key_bytes - 1) {
        struct bytes cut = { all.ptr, len };
        assert_false(key_levels_open(&t, shape, count, cut));
    }
    buf_done(&b);
}

static void levels(void **state)
{
    (void)state;
    static const uint32_t counts[] = { 0, 1, 7, 8, 9, 15, 16, 17, 64, 65, 256, 257, 4096, 4097 };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        check_levels((struct key_shape){ 16, 4 }, counts[i]);
        check_levels((struct key_shape){ 8, 8 }, counts[i]);
    }
}

/* The most keys that there can be: no overrun, and no room for them. */
static void too_many(void **state)
{
    (void)state;
    struct key_levels t;
    const struct bytes some = { (const uint8_t *)"", 0 };
    assert_false(key_levels_open(&t, (struct key_shape){ 8, 8 }, UINT32_MAX, some));
    assert_int_equal(t.levels, KEY_LEVELS_MAX);
    assert_false(key_levels_open(&t, (struct key_shape){ 16, 4 }, UINT32_MAX, some));
}

static void no_room(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 40);
    for (int i = 0; i < 9; i++)
        buf_le32(&b, 1);
    key_levels_write(&b, (struct key_shape){ 16, 4 });
    assert_false(buf_ok(&b));
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),  cmocka_unit_test(bits),    cmocka_unit_test(levels),
        cmocka_unit_test(too_many), cmocka_unit_test(no_room),
    };
    return cmocka_run_group_tests_name("packed", tests, NULL, NULL);
}
