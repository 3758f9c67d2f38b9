/* test_body.c - bodies as they grow: decoding, limits, the shared budget. */
#include "../cmocka_all.h"
#include "http/body.h"

#include <stdlib.h>

#define MAX 100000

enum packing { GZIP = 15 + 16, ZLIB = 15, RAW = -15 };

static size_t pack(enum packing how, const void *in, size_t n, uint8_t *out, size_t room)
{
    z_stream z = { 0 };
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, how, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = in;
    z.avail_in = (uInt)n;
    z.next_out = out;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t made = room - z.avail_out;
    deflateEnd(&z);
    return made;
}

/* Feeds it in pieces of `step` bytes. */
static bool feed(struct body *b, const uint8_t *in, size_t n, size_t step, struct err *e)
{
    for (size_t at = 0; at < n; at += step)
        if (!body_add(b, (struct bytes){ in + at, n - at < step ? n - at : step }, e))
            return false;
    return body_end(b, e);
}

static const size_t steps[] = { 1, 2, 3, 100, 1 << 20 };

static void test_codings(void **state)
{
    (void)state;
    static const struct {
        enum packing how;
        enum body_coding coding;
    } kinds[] = { { GZIP, BODY_GZIP }, { ZLIB, BODY_DEFLATE }, { RAW, BODY_DEFLATE } };
    static uint8_t text[60000], packed[70000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)(i * i >> 5);
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        size_t n = pack(kinds[k].how, text, sizeof text, packed, sizeof packed);
        for (size_t i = 0; i < COUNT_OF(steps); i++) {
            struct body_budget budget = { .limit_bytes = 1 << 20 };
            struct body b;
            struct err e;
            body_init(&b, kinds[k].coding, MAX, &budget);
            assert_true(feed(&b, packed, n, steps[i], &e));
            assert_int_equal(b.bytes.len, sizeof text);
            assert_memory_equal(b.bytes.ptr, text, sizeof text);
            assert_true(budget.used_bytes >= sizeof text);
            body_done(&b);
            assert_int_equal(budget.used_bytes, 0);
        }
    }
}

static void test_gzip_members_follow_one_another(void **state)
{
    (void)state;
    uint8_t packed[200];
    size_t n = pack(GZIP, "one ", 4, packed, sizeof packed);
    n += pack(GZIP, "two", 3, packed + n, sizeof packed - n);
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        struct body_budget budget = { .limit_bytes = 1 << 20 };
        struct body b;
        struct err e;
        body_init(&b, BODY_GZIP, MAX, &budget);
        assert_true(feed(&b, packed, n, steps[i], &e));
        assert_true(str_eq(buf_view(&b.bytes), STR("one two")));
        body_done(&b);
    }
}

/* Cut at every byte, and with every byte wrong in turn: an error or a complete body, never more. */
static void test_damaged(void **state)
{
    (void)state;
    uint8_t packed[200], bad[200];
    struct body_budget budget = { .limit_bytes = 1 << 20 };
    size_t n = pack(GZIP, "abcabcabcabc, and so on", 23, packed, sizeof packed);
    for (size_t cut = 1; cut < n; cut++) {
        struct body b;
        struct err e = { 0 };
        body_init(&b, BODY_GZIP, MAX, &budget);
        assert_false(feed(&b, packed, cut, 7, &e));
        assert_string_equal(e.word, "bad_encoding");
        body_done(&b);
    }
    for (size_t at = 0; at < n; at++) {
        struct body b;
        struct err e = { 0 };
        memcpy(bad, packed, n);
        bad[at] ^= 0x55;
        body_init(&b, BODY_GZIP, MAX, &budget);
        if (!feed(&b, bad, n, 7, &e))
            assert_string_equal(e.word, "bad_encoding");
        else
            assert_true(at >= 4 && at < 10); /* time and system in the header, which nobody reads */
        body_done(&b);
    }
    assert_int_equal(budget.used_bytes, 0);
}

static void test_deflate_with_something_behind(void **state)
{
    (void)state;
    uint8_t packed[200];
    struct body_budget budget = { .limit_bytes = 1 << 20 };
    struct body b;
    struct err e = { 0 };
    size_t n = pack(ZLIB, "text", 4, packed, sizeof packed);
    packed[n] = 'x';
    body_init(&b, BODY_DEFLATE, MAX, &budget);
    assert_false(feed(&b, packed, n + 1, 1000, &e));
    assert_string_equal(e.word, "bad_encoding");
    body_done(&b);
}

static void test_limit(void **state)
{
    (void)state;
    static uint8_t zeros[MAX + 1], packed[2 * MAX];
    for (size_t over = 0; over <= 1; over++) {
        for (int plain = 0; plain <= 1; plain++) {
            struct body_budget budget = { .limit_bytes = 1 << 20 };
            struct body b;
            struct err e = { 0 };
            size_t n = plain ? MAX + over : pack(GZIP, zeros, MAX + over, packed, sizeof packed);
            body_init(&b, plain ? BODY_PLAIN : BODY_GZIP, MAX, &budget);
            assert_int_equal(feed(&b, plain ? zeros : packed, n, 5000, &e), over == 0);
            if (over)
                assert_string_equal(e.word, "body_too_large");
            body_done(&b);
        }
    }
}

/* 64 MiB of zeros in 64 KiB: stopped at the limit, with memory for the limit only. */
static void test_bomb(void **state)
{
    (void)state;
    size_t room = 1 << 17, size = 64 << 20;
    uint8_t *zeros = calloc(1, size), *packed = malloc(room);
    struct body_budget budget = { .limit_bytes = 1 << 20 };
    struct body b;
    struct err e = { 0 };
    assert_true(zeros && packed);
    size_t n = pack(GZIP, zeros, size, packed, room);
    free(zeros);
    body_init(&b, BODY_GZIP, MAX, &budget);
    assert_false(feed(&b, packed, n, 32768, &e));
    assert_string_equal(e.word, "body_too_large");
    assert_true(b.bytes.cap <= MAX + 1);
    body_done(&b);
    free(packed);
}

static void test_budget(void **state)
{
    (void)state;
    static const uint8_t some[40000];
    struct body_budget budget = { .limit_bytes = 65536 };
    struct body one, two;
    struct err e = { 0 };
    body_init(&one, BODY_PLAIN, MAX, &budget);
    body_init(&two, BODY_PLAIN, MAX, &budget);
    assert_true(feed(&one, some, sizeof some, sizeof some, &e));
    assert_false(feed(&two, some, sizeof some, sizeof some, &e));
    assert_int_equal(e.code, ERR_BUSY);
    assert_string_equal(e.word, "too_many_bodies");
    body_done(&two);
    body_done(&one);
    assert_int_equal(budget.used_bytes, 0);
    body_init(&two, BODY_PLAIN, MAX, &budget);
    assert_true(feed(&two, some, sizeof some, sizeof some, &e));
    body_done(&two);
}

/* What a sink gets is what a buffer would hold. */
struct collected {
    uint8_t *at;
    size_t len, limit;
};

static bool collect(void *sink, struct bytes piece, struct err *e)
{
    struct collected *c = sink;
    assert_true(piece.len > 0);
    if (c->len + piece.len > c->limit)
        return err_set(e, ERR_FULL, 0, "full");
    memcpy(c->at + c->len, piece.ptr, piece.len);
    c->len += piece.len;
    return true;
}

static void test_sink(void **state)
{
    (void)state;
    static const struct {
        enum packing how;
        enum body_coding coding;
    } kinds[] = { { GZIP, BODY_GZIP }, { ZLIB, BODY_DEFLATE }, { RAW, BODY_DEFLATE } };
    static uint8_t text[60000], packed[70000], got[sizeof text];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)(i * i >> 9);
    for (size_t k = 0; k <= COUNT_OF(kinds); k++) {
        bool plain = k == COUNT_OF(kinds);
        size_t n =
            plain ? sizeof text : pack(kinds[k].how, text, sizeof text, packed, sizeof packed);
        for (size_t i = 0; i < COUNT_OF(steps); i++) {
            /* All; a byte too few by the limit; a byte too few by the sink. */
            for (size_t less = 0; less < 3; less++) {
                struct collected c = { got, 0, sizeof text - (less == 2) };
                struct body b;
                struct err e;
                body_init_sink(&b, plain ? BODY_PLAIN : kinds[k].coding, sizeof text - (less == 1),
                               collect, &c);
                bool ok = feed(&b, plain ? text : packed, n, steps[i], &e);
                assert_int_equal(ok, less == 0);
                if (!ok)
                    assert_int_equal(e.code, less == 1 ? ERR_LIMIT : ERR_FULL);
                assert_true(!ok || c.len == sizeof text);
                assert_memory_equal(got, text, c.len);
                assert_int_equal(b.bytes.cap, 0);
                body_done(&b);
            }
        }
    }
}

static void test_names(void **state)
{
    (void)state;
    enum body_coding c;
    assert_true(body_coding_find(STR(""), &c) && c == BODY_PLAIN);
    assert_true(body_coding_find(STR("Identity"), &c) && c == BODY_PLAIN);
    assert_true(body_coding_find(STR("GZIP"), &c) && c == BODY_GZIP);
    assert_true(body_coding_find(STR("x-gzip"), &c) && c == BODY_GZIP);
    assert_true(body_coding_find(STR("deflate"), &c) && c == BODY_DEFLATE);
    assert_false(body_coding_find(STR("br"), &c));
    assert_false(body_coding_find(STR("gzip, gzip"), &c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codings), cmocka_unit_test(test_gzip_members_follow_one_another),
        cmocka_unit_test(test_damaged), cmocka_unit_test(test_deflate_with_something_behind),
        cmocka_unit_test(test_limit),   cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_budget),  cmocka_unit_test(test_sink),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
