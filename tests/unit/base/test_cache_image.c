/* cache_image: an image that is made and opened again, and every way in which it is refused; in
 * memory and as a file. */
#include "base/cache_image.h"

#include "../cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER 64
#define BODY 96

static const struct cache_image_kind kind = { "test cache", "test_version", "TESTKIND", 7, HEADER };

/* With one field of its own, 0x01020304. */
static void make(uint8_t image[HEADER + BODY])
{
    struct buf header;
    for (size_t i = 0; i < BODY; i++)
        image[HEADER + i] = (uint8_t)(i * 7);
    buf_init(&header, HEADER);
    cache_image_begin(&kind, &header, HEADER + BODY,
                      cache_image_sum((struct bytes){ image + HEADER, BODY }));
    buf_add(&header, "\4\3\2\1", 4);
    cache_image_end(&kind, &header);
    assert_true(buf_ok(&header));
    assert_int_equal(header.len, HEADER);
    memcpy(image, header.ptr, HEADER);
    buf_done(&header);
}

/* To the byte: files with such headers are on people's disks. */
static void layout(void **state)
{
    (void)state;
    static const uint8_t want[HEADER] = "TESTKIND\7\0\0\0\100\0\0\0\240\0\0\0\0\0\0\0"
                                        "\x0e\x19\x89\xab\x9f\x99\xa9\xb7"
                                        "\4\3\2\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                        "\x0e\x03\x0b\x4e\xc8\x03\x52\xe3";
    uint8_t image[HEADER + BODY];
    make(image);
    assert_memory_equal(image, want, HEADER);
}

static void opened(void **state)
{
    (void)state;
    uint8_t image[HEADER + BODY];
    struct reader fields;
    struct err e = { 0 };
    make(image);
    struct bytes all = { image, sizeof image };
    assert_true(cache_image_is(&kind, all));
    assert_true(cache_image_open(&kind, all, &fields, &e));
    assert_int_equal(reader_u32(&fields), 0x01020304);
    reader_skip(&fields, HEADER - 36);
    assert_false(fields.failed);
    reader_skip(&fields, 1); /* the fields end where the header does */
    assert_true(fields.failed);
    assert_true(cache_image_verify(&kind, all, &e));
}

static const struct {
    const char *name;
    size_t at, bytes; /* a byte that is changed; bytes that are left */
    const char *word, *want;
} damages[] = {
    { "nothing", SIZE_MAX, 0, NULL, "test cache: this is none" },
    { "half a magic", SIZE_MAX, 4, NULL, "test cache: this is none" },
    { "half a header", SIZE_MAX, HEADER - 1, NULL, "test cache: this is none" },
    { "the header alone", SIZE_MAX, HEADER, NULL, "test cache: of another size than it says" },
    { "one byte less", SIZE_MAX, HEADER + BODY - 1, NULL, "of another size than it says" },
    { "magic", 7, HEADER + BODY, NULL, "test cache: this is none" },
    { "version", 8, HEADER + BODY, "test_version", "test cache: of version 6, not 7" },
    { "size of the header", 12, HEADER + BODY, NULL, "test cache: the header is damaged" },
    { "size of the image", 16, HEADER + BODY, NULL, "test cache: the header is damaged" },
    { "sum of the body", 24, HEADER + BODY, NULL, "test cache: the header is damaged" },
    { "sum of the header", HEADER - 1, HEADER + BODY, NULL, "test cache: the header is damaged" },
};

static void refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        uint8_t image[HEADER + BODY];
        struct reader fields;
        struct err e = { 0 };
        make(image);
        uint8_t *copy = malloc(damages[i].bytes + 1); /* so that its end is watched */
        assert_non_null(copy);
        if (damages[i].at != SIZE_MAX)
            image[damages[i].at] ^= 1;
        memcpy(copy, image, damages[i].bytes);
        if (cache_image_open(&kind, (struct bytes){ copy, damages[i].bytes }, &fields, &e) ||
            e.code != ERR_INPUT || !strstr(e.msg, damages[i].want) ||
            (damages[i].word && (!e.word || strcmp(e.word, damages[i].word) != 0)))
            fail_msg("%s: %s", damages[i].name, e.msg);
        free(copy);
    }
}

/* Another size, which the header's sum covers, and more in the header than there is. */
static void other_headers(void **state)
{
    (void)state;
    struct cache_image_kind larger = kind;
    uint8_t image[HEADER + BODY];
    struct reader fields;
    struct err e = { 0 };
    make(image);
    larger.header_bytes = HEADER + 32;
    assert_false(cache_image_open(&larger, (struct bytes){ image, sizeof image }, &fields, &e));
    assert_string_equal(e.msg, "test cache: the header is damaged");
}

/* Every bit of the body counts. */
static void damaged_behind(void **state)
{
    (void)state;
    uint8_t image[HEADER + BODY];
    struct reader fields;
    struct err e = { 0 };
    make(image);
    struct bytes all = { image, sizeof image };
    for (size_t bit = HEADER * 8; bit < sizeof image * 8; bit++) {
        image[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (!cache_image_open(&kind, all, &fields, &e) || cache_image_verify(&kind, all, &e) ||
            !strstr(e.msg, "its sum is another"))
            fail_msg("bit %zu: %s", bit, e.msg);
        image[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(cache_image_verify(&kind, all, &e));
    assert_false(cache_image_verify(&kind, (struct bytes){ image, sizeof image - 8 }, &e));
}

/* The same in portions of any number of units. */
static void sums(void **state)
{
    (void)state;
    uint8_t image[HEADER + BODY];
    make(image);
    uint64_t want = cache_image_sum((struct bytes){ image, sizeof image });
    for (size_t first = 0; first <= sizeof image; first += 32) {
        struct cache_image_sum sum;
        cache_image_sum_init(&sum);
        cache_image_sum_add(&sum, (struct bytes){ image, first });
        cache_image_sum_add(&sum, (struct bytes){ image + first, sizeof image - first });
        assert_int_equal(cache_image_sum_end(&sum), want);
    }
}

/* A header without room in its buf is none, and says so. */
static void no_room(void **state)
{
    (void)state;
    for (size_t room = 0; room < HEADER; room++) {
        struct buf header;
        buf_init(&header, room);
        cache_image_begin(&kind, &header, HEADER, 0);
        cache_image_end(&kind, &header);
        assert_false(buf_ok(&header));
        buf_done(&header);
    }
}

static void files(void **state)
{
    (void)state;
    uint8_t image[HEADER + BODY];
    char path[] = "/tmp/crumple-image-XXXXXX", missing[sizeof path + 4];
    struct bytes mapped = { NULL, 0 };
    struct err e = { 0 };
    make(image);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    for (size_t n = 0; n < HEADER; n += HEADER - 1) { /* empty, and too short for a header */
        assert_int_equal(pwrite(fd, image, n, 0), n);
        assert_false(cache_image_map(&kind, path, &mapped, &e));
        assert_int_equal(e.code, ERR_INPUT);
        assert_non_null(strstr(e.msg, path));
        assert_non_null(strstr(e.msg, ": not a test cache"));
    }
    assert_int_equal(pwrite(fd, image, sizeof image, 0), sizeof image);
    assert_true(cache_image_map(&kind, path, &mapped, &e));
    assert_int_equal(mapped.len, sizeof image);
    assert_memory_equal(mapped.ptr, image, sizeof image);
    cache_image_unmap(mapped);
    close(fd);
    snprintf(missing, sizeof missing, "%s.no", path);
    assert_false(cache_image_map(&kind, missing, &mapped, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0); /* a folder is none either */
    assert_false(cache_image_map(&kind, path, &mapped, &e));
    assert_int_equal(e.code, ERR_INPUT);
    assert_int_equal(rmdir(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout),         cmocka_unit_test(opened), cmocka_unit_test(refused),
        cmocka_unit_test(other_headers),  cmocka_unit_test(sums),   cmocka_unit_test(no_room),
        cmocka_unit_test(damaged_behind), cmocka_unit_test(files),
    };
    return cmocka_run_group_tests_name("cache_image", tests, NULL, NULL);
}
