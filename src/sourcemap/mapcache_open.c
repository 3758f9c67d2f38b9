/* mapcache_open.c - opens an image: reads the header and makes sure that its sections lie within
 * the image, and that they have room for what the header counts. */
#include "sourcemap/mapcache_internal.h"

#include <stdlib.h>

bool mapcache_is(struct bytes first)
{
    return cache_image_is(&mapcache_kind, first);
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
    keys.len -= MAPCACHE_SLACK;
    return key_levels_open(&c->keys, mapcache_keys, c->blocks, keys) &&
           has_bits(c->sections[SECTION_OFFSETS], 0, (uint64_t)c->blocks * 32);
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
    struct reader r;
    return cache_image_open(&mapcache_kind, c->image, &r, e) &&
           (open_rest(c, &r) || cache_image_damaged(&mapcache_kind, "a section does not fit", e));
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

bool mapcache_open_file(struct mapcache **out, const char *path, struct err *e)
{
    struct bytes image;
    if (!cache_image_map(&mapcache_kind, path, &image, e))
        return false;
    if (!mapcache_open(out, image, e)) {
        cache_image_unmap(image);
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
        cache_image_unmap(c->image);
    free(c);
}

bool mapcache_verify(const struct mapcache *c, struct err *e)
{
    return cache_image_verify(&mapcache_kind, c->image, e);
}

void mapcache_about(const struct mapcache *c, struct mapcache_about *out)
{
    *out = c->about;
}
