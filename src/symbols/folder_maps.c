/* folder_maps.c - see the header. First the scripts of a folder are read, then its maps. */
#include "symbols/folder_maps.h"

#include "base/vec.h"
#include "sourcemap/script.h"
#include "sourcemap/sourcemap.h"
#include "symbols/folder_cache.h"
#include "symbols/folder_keep.h"
#include "symbols/library.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ENTRIES_MAX 100000
#define NAMES_BYTES ((size_t)1 << 30) /* for paths and ids */
#define MEMORY_MAX ((size_t)8 << 30)  /* for the work on one map, and for its image */
#define KIND "mapcache"

struct script_file {
    const char *path;
    struct str name, map_name;
    struct str debug_id; /* as it stands in the script */
    struct str uuid;
    struct file_key key;
};

struct map_file {
    struct mapcache *cache;
    struct buf image; /* when it is in memory only */
    struct str debug_id, script_debug_id, uuid, name;
    int64_t changed_ns;
};

struct folder_maps {
    char *cache_dir; /* NULL: none */
    struct arena *arena;
    bool scanned;
    VEC(struct script_file) scripts; /* of the folder that is looked at */
    VEC(struct map_file) maps;
};

struct folder_maps *folder_maps_new(const char *cache_dir)
{
    struct folder_maps *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->arena = arena_new(NAMES_BYTES);
    if (!m->arena || (cache_dir && !(m->cache_dir = strdup(cache_dir)))) {
        folder_maps_free(m);
        return NULL;
    }
    return m;
}

void folder_maps_free(struct folder_maps *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->maps.len; i++) {
        mapcache_free(m->maps.at[i].cache);
        buf_done(&m->maps.at[i].image);
    }
    VEC_FREE(&m->maps);
    VEC_FREE(&m->scripts);
    arena_free(m->arena);
    free(m->cache_dir);
    free(m);
}

/* --- images ------------------------------------------------------------------------------------
 */

static bool write_image(void *ctx, int fd, struct err *e)
{
    struct str rest = buf_view(ctx);
    while (rest.len > 0) {
        ssize_t n = write(fd, rest.ptr, rest.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(e, ERR_IO, 0, "source map: %m");
        rest.ptr += n;
        rest.len -= (size_t)n;
    }
    return true;
}

/* What is converted: the map, and the script that it is for. */
struct map_work {
    struct bytes map;
    struct sourcemap_from from;
    struct file_key key;
};

static bool open_kept(struct folder_maps *m, const struct map_work *w, struct map_file *out)
{
    char path[PATH_MAX];
    struct err e = { 0 };
    return folder_keep_path(m->cache_dir, &w->key, KIND, path) &&
           mapcache_open_file(&out->cache, path, &e);
}

static bool convert(struct folder_maps *m, const struct map_work *w, struct map_file *out)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(MEMORY_MAX);
    struct err e = { 0 };
    char path[PATH_MAX];
    if (!a || !sourcemap_convert(w->map, &w->from, a, &out->image, &e))
        return false;
    if (folder_keep_path(m->cache_dir, &w->key, KIND, path) &&
        folder_keep(m->cache_dir, path, write_image, &out->image, &e) &&
        mapcache_open_file(&out->cache, path, &e)) {
        buf_done(&out->image);
        return true;
    }
    struct str image = buf_view(&out->image);
    return mapcache_open(&out->cache, (struct bytes){ (const uint8_t *)image.ptr, image.len }, &e);
}

/* Ids are compared without dashes, in upper case. */
static bool remember_names(struct folder_maps *m, const struct script_file *script,
                           struct map_file *out)
{
    struct mapcache_about about;
    mapcache_about(out->cache, &about);
    out->debug_id = about.debug_id;
    out->name = library_script_name(&about);
    if (!script)
        return true;
    out->uuid = script->uuid;
    out->name = script->name;
    return script_id(script->debug_id, m->arena, &out->script_debug_id);
}

static void add(struct folder_maps *m, struct map_work *w, const struct script_file *script)
{
    struct map_file map = { .changed_ns = w->key.changed_ns };
    w->key.version = MAPCACHE_VERSION;
    buf_init(&map.image, MEMORY_MAX);
    if ((open_kept(m, w, &map) || convert(m, w, &map)) && remember_names(m, script, &map) &&
        VEC_PUSH(&m->maps, map))
        return;
    mapcache_free(map.cache);
    buf_done(&map.image);
}

/* --- scripts -----------------------------------------------------------------------------------
 */

static struct str text_of(struct bytes file)
{
    return (struct str){ (const char *)file.ptr, file.len };
}

static bool remember_script(struct folder_maps *m, const char *path, struct str name,
                            const struct script_about *about, struct script_file *out)
{
    out->path = path;
    return file_key_of(path, &out->key) && arena_str(m->arena, name, &out->name) &&
           arena_str(m->arena, about->map_name, &out->map_name) &&
           arena_str(m->arena, about->debug_id, &out->debug_id) &&
           arena_str(m->arena, str_from_c(about->uuid), &out->uuid);
}

static void look_at_script(struct folder_maps *m, const char *path, struct str name)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(MEMORY_MAX);
    struct script_about about;
    struct script_file script;
    struct err e = { 0 };
    struct bytes file;
    if (!a || !folder_map(path, &file))
        return;
    if (script_read(text_of(file), a, &about, &e) &&
        remember_script(m, path, name, &about, &script)) {
        struct map_work w = { .map = { (const uint8_t *)about.map.ptr, about.map.len },
                              .from = { .name = STR(""),
                                        .script = script.name,
                                        .text = text_of(file),
                                        .debug_id = script.debug_id },
                              .key = script.key };
        if (about.map.len > 0)
            add(m, &w, &script);
        else
            (void)VEC_PUSH(&m->scripts, script); /* or its map goes without it */
    }
    folder_unmap(file);
}

/* --- maps --------------------------------------------------------------------------------------
 */

static bool ends_with(struct str name, struct str end)
{
    return name.len > end.len && strncasecmp(name.ptr + name.len - end.len, end.ptr, end.len) == 0;
}

static bool is_map_name(struct str name)
{
    return ends_with(name, STR(".map")) || ends_with(name, STR(".json"));
}

static const struct script_file *script_of(const struct folder_maps *m, struct str map_name)
{
    const struct str end = STR(".map");
    for (size_t i = 0; i < m->scripts.len; i++)
        if (str_eq(m->scripts.at[i].map_name, map_name))
            return &m->scripts.at[i];
    if (!ends_with(map_name, end))
        return NULL;
    struct str name = { map_name.ptr, map_name.len - end.len };
    for (size_t i = 0; i < m->scripts.len; i++)
        if (str_eq(m->scripts.at[i].name, name))
            return &m->scripts.at[i];
    return NULL;
}

/* What is made of a map depends on its script, too. */
static uint64_t key_hash(const struct file_key *k)
{
    uint64_t h = k->device * 31 + k->number;
    h = (h ^ k->size) * UINT64_C(0x9e3779b97f4a7c15);
    return (h ^ (uint64_t)k->changed_ns) * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

static void look_at_map(struct folder_maps *m, const char *path, struct str name)
{
    const struct script_file *script = script_of(m, name);
    struct map_work w = {
        .from = { .name = name, .script = STR(""), .text = STR(""), .debug_id = STR("") }
    };
    struct bytes text = { (const uint8_t *)"", 0 };
    if (!file_key_of(path, &w.key) || !folder_map(path, &w.map))
        return;
    if (script && folder_map(script->path, &text)) {
        w.from.script = script->name;
        w.from.text = text_of(text);
        w.from.debug_id = script->debug_id;
        w.key.part = key_hash(&script->key);
    }
    if (sourcemap_could_be(w.map))
        add(m, &w, script);
    folder_unmap(text);
    folder_unmap(w.map);
}

/* --- folders -----------------------------------------------------------------------------------
 */

static void scan(struct folder_maps *m, const char *dir, bool wanted(struct str name),
                 void look(struct folder_maps *, const char *path, struct str name))
{
    DIR *list = opendir(dir);
    size_t entries = 0;
    if (!list)
        return;
    for (const struct dirent *d = readdir(list); d && entries < ENTRIES_MAX;
         d = readdir(list), entries++) {
        struct str path, name = str_from_c(d->d_name);
        if (wanted(name) && arena_printf(m->arena, &path, "%s/%s", dir, d->d_name))
            look(m, path.ptr, (struct str){ path.ptr + path.len - name.len, name.len });
    }
    closedir(list);
}

static bool matches(const struct map_file *map, struct str debug_id, struct str uuid,
                    struct str name)
{
    if (debug_id.len > 0)
        return str_eq(map->debug_id, debug_id) || str_eq(map->script_debug_id, debug_id);
    if (uuid.len > 0)
        return str_eq(map->uuid, uuid);
    return name.len > 0 && str_eq(map->name, name);
}

const struct mapcache *folder_maps_find(struct folder_maps *m, const char *const *dirs,
                                        size_t count, const struct script_id *id)
{
    const struct map_file *found = NULL;
    struct str debug_id, uuid;
    if (!script_id(id->debug_id, m->arena, &debug_id) || !script_id(id->uuid, m->arena, &uuid))
        return NULL;
    for (size_t i = 0; i < count && !m->scanned; i++) {
        m->scripts.len = 0;
        scan(m, dirs[i], script_is_name, look_at_script);
        scan(m, dirs[i], is_map_name, look_at_map);
    }
    m->scanned = true;
    for (size_t i = 0; i < m->maps.len; i++) {
        const struct map_file *map = &m->maps.at[i];
        if (matches(map, debug_id, uuid, id->name) &&
            (!found || map->changed_ns > found->changed_ns))
            found = map;
    }
    return found ? found->cache : NULL;
}
