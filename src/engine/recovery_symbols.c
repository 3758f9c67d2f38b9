/* recovery_symbols.c - at start: which symbols there are. Uploads whose caches were made by another
 * version, or not at all, are processed again in the background; files of caches that no row names
 * are removed. */
#include "engine/inside.h"

#include "base/log.h"
#include "symbols/convert_kind.h"

struct image_hash {
    uint8_t bytes[SYMBOL_IMAGE_HASH_BYTES];
};
struct symbols {
    struct engine *engine;
    VEC(struct image_hash) images;
    VEC(uint64_t) present, old; /* objects; more than once */
};

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "no memory for symbol files");
}

static bool each_file(void *ctx, const struct stored_symbol_file *f, struct err *e)
{
    struct symbols *s = ctx;
    struct image_hash hash;
    bool is_old = f->version != convert_kind_version((enum convert_kind)f->kind);
    memcpy(hash.bytes, f->hash, sizeof hash.bytes);
    if (!(is_old ? VEC_PUSH(&s->old, f->object) : VEC_PUSH(&s->present, f->object)))
        return no_memory(e);
    if (!f->has_cache || is_old)
        return true;
    const struct library_file file = symbols_library_file(f, f->project);
    return (VEC_PUSH(&s->images, hash) || no_memory(e)) &&
           library_add(s->engine->library, &file, e);
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, SYMBOL_IMAGE_HASH_BYTES);
}

static bool is_needed(const void *ctx, const uint8_t hash[SYMBOL_IMAGE_HASH_BYTES])
{
    const struct symbols *s = ctx;
    return s->images.len > 0 &&
           bsearch(hash, s->images.at, s->images.len, sizeof *s->images.at, by_bytes);
}

static bool sweep(struct symbols *s, struct err *e)
{
    size_t removed;
    if (s->images.len > 0)
        qsort(s->images.at, s->images.len, sizeof *s->images.at, by_bytes);
    if (!symbol_images_sweep(s->engine->images, is_needed, s, &removed, e))
        return false;
    if (removed > 0)
        log_line(LOG_INFO, "symbol_caches_removed", "files=%zu", removed);
    return true;
}

/* Of the uploads, those without rows, too. */
static bool make_again(struct symbols *s, const uint64_t *uploads, size_t count, struct err *e)
{
    if (!s->engine->config.helper)
        return true;
    if (s->present.len > 0)
        qsort(s->present.at, s->present.len, sizeof *s->present.at, by_number);
    for (size_t i = 0; i < count; i++)
        if (s->present.len == 0 ||
            !bsearch(&uploads[i], s->present.at, s->present.len, sizeof *s->present.at, by_number))
            if (!VEC_PUSH(&s->old, uploads[i]))
                return no_memory(e);
    if (s->old.len > 0)
        log_line(LOG_INFO, "symbols_to_convert", "files=%zu", s->old.len);
    return engine_reprocess(s->engine, s->old.at, s->old.len, e);
}

bool recovery_symbols(struct engine *en, const uint64_t *uploads, size_t count, struct err *e)
{
    struct symbols s = { .engine = en };
    bool ok = store_scan_symbol_files(en->store, each_file, &s, e) && sweep(&s, e) &&
              make_again(&s, uploads, count, e);
    VEC_FREE(&s.images);
    VEC_FREE(&s.present);
    VEC_FREE(&s.old);
    return ok;
}
