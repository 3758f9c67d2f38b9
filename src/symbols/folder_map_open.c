/* folder_map_open.c - see the header. */
#include "symbols/folder_map_open.h"

#include "base/write_all.h"
#include "sourcemap/script.h"
#include "sourcemap/sourcemap.h"
#include "symbols/folder_cache.h"
#include "symbols/library.h"

#define MEMORY_MAX ((size_t)8 << 30) /* for the work on one map, and for its image */
#define KIND "mapcache"

static bool write_image(void *image, int fd, struct err *e)
{
    return write_all(fd, buf_view(image), "source map", e);
}

/* What is made of a map depends on its script, too. */
static uint64_t key_hash(const struct file_key *k)
{
    uint64_t h = k->device * 31 + k->number;
    h = (h ^ k->size) * UINT64_C(0x9e3779b97f4a7c15);
    return (h ^ (uint64_t)k->changed_ns) * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

/* The files, mapped; both may be one. */
struct inputs {
    struct bytes map, script;
    struct arena *arena; /* for the work */
};

static bool is_in_script(const struct folder_map_file *f)
{
    return f->script_path == f->path;
}

static bool take_map_of_script(struct inputs *in, struct err *e)
{
    struct script_about about;
    const struct str text = { (const char *)in->script.ptr, in->script.len };
    if (!script_read(text, in->arena, &about, e))
        return false;
    in->map = (struct bytes){ (const uint8_t *)about.map.ptr, about.map.len };
    return true;
}

static bool convert_inputs(const struct folder_map_file *f, const struct inputs *in,
                           struct buf *image, struct err *e)
{
    const struct sourcemap_from from = {
        .name = is_in_script(f) ? STR("") : str_from_c(f->path),
        .script = f->script_path ? str_from_c(f->script_path) : STR(""),
        .text = { (const char *)in->script.ptr, in->script.len },
        .debug_id = f->script_id,
    };
    return sourcemap_convert(in->map, &from, in->arena, image, e);
}

/* A script that is gone meanwhile leaves the map as it is. */
static bool convert(const struct folder_map_file *f, struct buf *image, struct err *e)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(MEMORY_MAX);
    struct inputs in = { .script = { (const uint8_t *)"", 0 }, .arena = a };
    if (!a)
        return err_set(e, ERR_NOMEM, 0, "no memory to read it");
    bool with_script = f->script_path && folder_map(f->script_path, &in.script), ok = false;
    if (is_in_script(f) ? !with_script : !folder_map(f->path, &in.map)) {
        err_set(e, ERR_IO, 0, "it cannot be read");
    } else if (is_in_script(f)) {
        ok = take_map_of_script(&in, e) && convert_inputs(f, &in, image, e);
    } else {
        ok = convert_inputs(f, &in, image, e);
        folder_unmap(in.map);
    }
    if (with_script)
        folder_unmap(in.script);
    return ok;
}

bool folder_map_open(const struct folder_map_file *f, const char *cache_dir,
                     struct folder_map_opened *out, struct err *e)
{
    struct file_key key = f->key;
    char path[PATH_MAX];
    *out = (struct folder_map_opened){ .cache = NULL };
    buf_init(&out->image, MEMORY_MAX);
    key.version = MAPCACHE_VERSION;
    key.part = f->script_path && !is_in_script(f) ? key_hash(&f->script_key) : 0;
    bool keep = folder_keep_path(cache_dir, &key, KIND, path);
    if (keep && mapcache_open_file(&out->cache, path, e))
        return true;
    if (!convert(f, &out->image, e)) {
        folder_map_close(out);
        return false;
    }
    if (keep && folder_keep(cache_dir, path, write_image, &out->image, e) &&
        mapcache_open_file(&out->cache, path, e)) {
        buf_done(&out->image);
        return true;
    }
    struct str image = buf_view(&out->image);
    if (mapcache_open(&out->cache, (struct bytes){ (const uint8_t *)image.ptr, image.len }, e))
        return true;
    folder_map_close(out);
    return false;
}

void folder_map_close(struct folder_map_opened *o)
{
    mapcache_free(o->cache);
    o->cache = NULL;
    buf_done(&o->image);
}
