/* mapcache_open.c - opens an image: reads the header and makes sure that its sections lie within
 * the image, and that they have room for what the header counts. */
#include "sourcemap/mapcache_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

bool mapcache_is(struct bytes first)
{
    return first.len >= 8 && memcmp(first.ptr, MAPCACHE_MAGIC, 8) == 0;
}

static bool damaged(struct err *e, const char *what)
{
    return err_set(e, ERR_INPUT, 0, "source map cache: %s", what);
}

static bool open_sections(struct mapcache *c, struct reader *r)
{
    for (int i = 0; i < SECTIONS; i++) {
        uint64_t offset = reader_u64(r), size = reader_u64(r);
        if (offset % MAPCACHE_ALIGN != 0 || size > UINT32_MAX ||
            !bytes_slice(c->image, offset, size + MAPCACHE_SLACK, &c->sections[i]))
            return false;
    }
    return true;
}

static bool open_keys(struct mapcache *c)
{
    struct bytes keys = c->sections[SECTION_KEYS];
    uint64_t at = 0;
    c->levels = mapcache_levels(c->blocks, c->counts);
    for (unsigned level = 0; level < c->levels; level++) {
        uint64_t room = mapcache_level_room(c->counts[level]) * 8;
        if (!has_bits(keys, at, room * 8))
            return false;
        c->keys[level] = keys.ptr + at;
        at += room;
    }
    return has_bits(c->sections[SECTION_OFFSETS], 0, (uint64_t)c->blocks * 32);
}

static bool open_counts(struct mapcache *c)
{
    return c->text_bits <= 32 &&
           has_bits(c->sections[SECTION_TEXT_INDEX], 0, ((uint64_t)c->texts + 1) * c->text_bits) &&
           has_bits(c->sections[SECTION_SOURCE_RECORDS], 0,
                    (uint64_t)c->about.sources * SOURCE_RECORD_BYTES * 8) &&
           has_bits(c->sections[SECTION_CONTENT_RECORDS], 0,
                    (uint64_t)c->contents * CONTENT_RECORD_BYTES * 8);
}

static bool open_rest(struct mapcache *c, struct reader *r)
{
    uint32_t texts[ABOUT_TEXTS];
    uint32_t *counts[ABOUT_COUNTS] = { &c->about.mappings, &c->about.sources, &c->about.contents,
                                       &c->about.names, &c->about.functions };
    for (int i = 0; i < ABOUT_COUNTS; i++)
        *counts[i] = reader_u32(r);
    c->blocks = reader_u32(r);
    c->texts = reader_u32(r);
    c->text_bits = reader_u32(r);
    c->contents = reader_u32(r);
    for (int i = 0; i < ABOUT_TEXTS; i++)
        texts[i] = reader_u32(r);
    if (!mapcache_read_points(&c->script, r) || !open_sections(c, r) || !open_keys(c) ||
        !open_counts(c))
        return false;
    c->about.debug_id = mapcache_text_or_none(c, texts[ABOUT_DEBUG_ID]);
    c->about.script = mapcache_text_or_none(c, texts[ABOUT_SCRIPT]);
    c->about.name = mapcache_text_or_none(c, texts[ABOUT_NAME]);
    return !r->failed;
}

static bool open_header(struct mapcache *c, struct err *e)
{
    struct reader r = { .in = c->image };
    const uint8_t *header = reader_take(&r, MAPCACHE_HEADER_BYTES);
    if (!header || !mapcache_is(c->image))
        return damaged(e, "this is none");
    r = (struct reader){ .in = { header, MAPCACHE_HEADER_BYTES }, .pos = 8 };
    uint32_t version = reader_u32(&r), header_bytes = reader_u32(&r);
    uint64_t image_bytes = reader_u64(&r);
    c->sum = reader_u64(&r);
    if (version != MAPCACHE_VERSION)
        return err_word(e, ERR_INPUT, "mapcache_version", "source map cache: of version %u, not %d",
                        version, MAPCACHE_VERSION);
    if (header_bytes != MAPCACHE_HEADER_BYTES ||
        mapcache_u64(header + MAPCACHE_HEADER_BYTES - 8) !=
            mapcache_sum(header, MAPCACHE_HEADER_BYTES - 32)) /* what follows is zero */
        return damaged(e, "the header is damaged");
    if (image_bytes != c->image.len)
        return damaged(e, "of another size than it says");
    return open_rest(c, &r) || damaged(e, "a section does not fit");
}

bool mapcache_open(struct mapcache **out, struct bytes image, struct err *e)
{
    struct mapcache *c = calloc(1, sizeof *c);
    if (!c)
        return err_set(e, ERR_NOMEM, 0, "source map cache: no memory");
    c->image = image;
    if (!open_header(c, e)) {
        free(c);
        return false;
    }
    *out = c;
    return true;
}

static bool map_file(int fd, const char *path, struct bytes *out, struct err *e)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return err_set(e, ERR_IO, 0, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_size < MAPCACHE_HEADER_BYTES)
        return err_set(e, ERR_INPUT, 0, "%s: not a source map's cache", path);
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return err_set(e, ERR_IO, 0, "%s: %s", path, strerror(errno));
    *out = (struct bytes){ p, (size_t)st.st_size };
    return true;
}

static void unmap(struct bytes image)
{
    munmap((void *)(uintptr_t)image.ptr, image.len);
}

bool mapcache_open_file(struct mapcache **out, const char *path, struct err *e)
{
    struct bytes image;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, 0, "%s: %s", path,
                       strerror(errno));
    bool ok = map_file(fd, path, &image, e);
    close(fd);
    if (!ok)
        return false;
    if (!mapcache_open(out, image, e)) {
        unmap(image);
        return err_prefix(e, "%s: ", path);
    }
    (*out)->mapped = true;
    return true;
}

void mapcache_free(struct mapcache *c)
{
    if (!c)
        return;
    if (c->mapped)
        unmap(c->image);
    free(c);
}

bool mapcache_verify(const struct mapcache *c, struct err *e)
{
    size_t body = c->image.len - MAPCACHE_HEADER_BYTES;
    if (body % 32 != 0 || mapcache_sum(c->image.ptr + MAPCACHE_HEADER_BYTES, body) != c->sum)
        return damaged(e, "damaged: its sum is another");
    return true;
}

void mapcache_about(const struct mapcache *c, struct mapcache_about *out)
{
    *out = c->about;
}
