/* elf_convert.c - converts, opens, and prints frames. */
#include "../cmocka_all.h"

#include "elf_convert.h"
#include "elf_files.h"
#include "symbols/macho_symbols.h"

#define MEMORY ((size_t)1 << 30)

typedef bool read_counted(struct bytes file, struct str name, struct symcache_builder *b,
                          struct elf_counts *counts, struct err *e);

static void convert(struct converted *out, const char *path, read_counted *read)
{
    struct err e = { 0 };
    struct bytes file = map_file(path);
    struct symcache_builder *b = symcache_builder_new(MEMORY);
    *out = (struct converted){ 0 };
    assert_true(file.len > 0);
    assert_non_null(b);
    if (!read(file, str_from_c(path), b, &out->counts, &e))
        fail_msg("%s: %s", path, e.msg);
    buf_init(&out->image, MEMORY);
    if (!symcache_write_buf(b, &out->image, &e))
        fail_msg("%s: %s", path, e.msg);
    symcache_builder_free(b);
    unmap_file(file);
    struct bytes image = { (const uint8_t *)out->image.ptr, out->image.len };
    if (!symcache_open(&out->cache, image, &e) || !symcache_verify(out->cache, &e))
        fail_msg("%s: %s", path, e.msg);
}

void convert_elf(struct converted *out, const char *path)
{
    convert(out, path, elf_read_counted);
}

void convert_macho(struct converted *out, const char *path)
{
    convert(out, path, macho_read_counted);
}

void converted_done(struct converted *c)
{
    symcache_free(c->cache);
    buf_done(&c->image);
}

static struct str base_name(struct str path)
{
    for (size_t i = path.len; i > 0; i--)
        if (path.ptr[i - 1] == '/')
            return (struct str){ path.ptr + i, path.len - i };
    return path;
}

const char *frames_at(const struct converted *c, uint64_t address)
{
    static char text[8192];
    struct symcache_frame frames[SYMCACHE_FRAMES_MAX];
    size_t count = symcache_find(c->cache, address, frames, SYMCACHE_FRAMES_MAX), used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count && used < sizeof text; i++) {
        struct str file = base_name(frames[i].file);
        int n = snprintf(text + used, sizeof text - used, "%.*s %.*s:%u\n",
                         STR_ARG(frames[i].function), STR_ARG(file), frames[i].line);
        assert_true(n > 0);
        used += (size_t)n;
    }
    return text;
}
