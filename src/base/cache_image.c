#include "base/cache_image.h"

#include "base/packed.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUM_UNIT 32 /* bytes that are summed up at a time */

enum { AT_BODY_SUM = CACHE_IMAGE_MAGIC_BYTES + 4 + 4 + 8 };

/* ---- sums ---- */

void cache_image_sum_init(struct cache_image_sum *s)
{
    *s = (struct cache_image_sum){ { 1, 2, 3, 4 } };
}

void cache_image_sum_add(struct cache_image_sum *s, struct bytes portion)
{
    for (size_t i = 0; i + SUM_UNIT <= portion.len; i += SUM_UNIT)
        for (unsigned k = 0; k < 4; k++) {
            uint64_t x = (s->lane[k] ^ load_le64(portion.ptr + i + (size_t)8 * k)) *
                         UINT64_C(0x9e3779b97f4a7c15);
            s->lane[k] = x ^ x >> 32;
        }
}

uint64_t cache_image_sum_end(const struct cache_image_sum *s)
{
    uint64_t sum = 0;
    for (unsigned k = 0; k < 4; k++)
        sum = (sum ^ s->lane[k]) * UINT64_C(0xff51afd7ed558ccd) + k;
    return sum ^ sum >> 32;
}

uint64_t cache_image_sum(struct bytes all)
{
    struct cache_image_sum sum;
    cache_image_sum_init(&sum);
    cache_image_sum_add(&sum, all);
    return cache_image_sum_end(&sum);
}

/* Without its last unit, which is zeros and this sum itself. */
static uint64_t header_sum(const struct cache_image_kind *kind, const uint8_t *header)
{
    return cache_image_sum((struct bytes){ header, kind->header_bytes - SUM_UNIT });
}

/* ---- opening ---- */

bool cache_image_damaged(const struct cache_image_kind *kind, const char *what, struct err *e)
{
    return err_set(e, ERR_INPUT, 0, "%s: %s", kind->name, what);
}

bool cache_image_is(const struct cache_image_kind *kind, struct bytes first)
{
    return first.len >= CACHE_IMAGE_MAGIC_BYTES &&
           memcmp(first.ptr, kind->magic, CACHE_IMAGE_MAGIC_BYTES) == 0;
}

bool cache_image_open(const struct cache_image_kind *kind, struct bytes image,
                      struct reader *fields, struct err *e)
{
    struct bytes header;
    if (!bytes_slice(image, 0, kind->header_bytes, &header) || !cache_image_is(kind, image))
        return cache_image_damaged(kind, "this is none", e);
    struct reader r = { .in = header, .pos = CACHE_IMAGE_MAGIC_BYTES };
    uint32_t version = reader_u32(&r), header_bytes = reader_u32(&r);
    uint64_t image_bytes = reader_u64(&r);
    reader_skip(&r, 8); /* the body's sum */
    if (version != kind->version)
        return err_word(e, ERR_INPUT, kind->version_word, "%s: of version %u, not %u", kind->name,
                        version, kind->version);
    if (header_bytes != kind->header_bytes ||
        load_le64(header.ptr + header.len - 8) != header_sum(kind, header.ptr))
        return cache_image_damaged(kind, "the header is damaged", e);
    if (image_bytes != image.len)
        return cache_image_damaged(kind, "of another size than it says", e);
    *fields = r;
    return true;
}

bool cache_image_verify(const struct cache_image_kind *kind, struct bytes image, struct err *e)
{
    assert(image.len >= kind->header_bytes);
    struct bytes body = { image.ptr + kind->header_bytes, image.len - kind->header_bytes };
    if (body.len % SUM_UNIT != 0 || cache_image_sum(body) != load_le64(image.ptr + AT_BODY_SUM))
        return cache_image_damaged(kind, "damaged: its sum is another", e);
    return true;
}

/* ---- files ---- */

static bool map_file(const struct cache_image_kind *kind, int fd, struct bytes *out, struct err *e)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return err_set(e, ERR_IO, 0, "%s", strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_size < kind->header_bytes)
        return err_set(e, ERR_INPUT, 0, "not a %s", kind->name);
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return err_set(e, ERR_IO, 0, "%s", strerror(errno));
    *out = (struct bytes){ p, (size_t)st.st_size };
    return true;
}

bool cache_image_map(const struct cache_image_kind *kind, const char *path, struct bytes *out,
                     struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, 0, "%s: %s", path,
                       strerror(errno));
    bool ok = map_file(kind, fd, out, e);
    close(fd);
    return ok || err_prefix(e, "%s: ", path);
}

void cache_image_unmap(struct bytes image)
{
    munmap((void *)(uintptr_t)image.ptr, image.len);
}

/* ---- writing ---- */

void cache_image_begin(const struct cache_image_kind *kind, struct buf *header,
                       uint64_t image_bytes, uint64_t body_sum)
{
    assert(header->len == 0);
    buf_add(header, kind->magic, CACHE_IMAGE_MAGIC_BYTES);
    buf_le32(header, kind->version);
    buf_le32(header, kind->header_bytes);
    buf_le64(header, image_bytes);
    buf_le64(header, body_sum);
}

void cache_image_end(const struct cache_image_kind *kind, struct buf *header)
{
    while (header->len < kind->header_bytes - 8 && buf_ok(header))
        buf_char(header, 0);
    if (!buf_ok(header))
        return;
    assert(header->len == kind->header_bytes - 8);
    buf_le64(header, header_sum(kind, (const uint8_t *)header->ptr));
}
