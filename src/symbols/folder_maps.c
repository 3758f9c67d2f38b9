/* folder_maps.c - see the header. First the scripts of all folders are looked at, then the maps. */
#include "symbols/folder_maps.h"

#include "base/vec.h"
#include "sourcemap/sourcemap.h"
#include "symbols/convert_scripts.h"
#include "symbols/folder_cache.h"
#include "symbols/folder_map_open.h"
#include "symbols/library.h"

#include <dirent.h>
#include <stdlib.h>

#define ENTRIES_MAX 100000
#define NAMES_BYTES ((size_t)1 << 30) /* for paths and ids; for those of scripts as much */
#define MEMORY_MAX ((size_t)8 << 30)  /* for what one script says */

struct map_file {
    struct folder_map_file file;
    struct str debug_id, script_id, uuid, name; /* ids as of script_id() */
    struct folder_map_opened opened;
    size_t lent;    /* so many times */
    uint64_t asked; /* when it was lent last: greater is later */
    bool damaged, tried;
};

struct folder_maps {
    char *cache_dir; /* NULL: none */
    struct folder_unread *unread;
    struct arena *arena;
    struct convert_scripts scripts;
    bool scanned;
    VEC(struct map_file) maps;
    uint64_t asked;
};

struct folder_maps *folder_maps_new(const char *cache_dir, struct folder_unread *unread)
{
    struct folder_maps *m = calloc(1, sizeof *m);
    if (m)
        m->unread = unread;
    if (m && !convert_scripts_init(&m->scripts, NAMES_BYTES)) {
        free(m);
        return NULL;
    }
    if (m && (m->arena = arena_new(NAMES_BYTES)) &&
        (!cache_dir || (m->cache_dir = strdup(cache_dir))))
        return m;
    folder_maps_free(m);
    return NULL;
}

void folder_maps_free(struct folder_maps *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->maps.len; i++)
        folder_map_close(&m->maps.at[i].opened);
    VEC_FREE(&m->maps);
    convert_scripts_done(&m->scripts);
    arena_free(m->arena);
    free(m->cache_dir);
    free(m);
}

/* --- what they say -----------------------------------------------------------------------------
 */

static struct str base_name(const char *path)
{
    return library_file_name(str_from_c(path));
}

static bool ends_with(struct str name, struct str end)
{
    return name.len > end.len && strncasecmp(name.ptr + name.len - end.len, end.ptr, end.len) == 0;
}

/* Adds a map with what it says, and what its script says. */
static bool add(struct folder_maps *m, struct map_file *map, const struct sourcemap_says *says,
                struct str script_id_there, struct str uuid)
{
    const struct mapcache_about about = {
        .script = map->file.script_path ? base_name(map->file.script_path)
                                        : library_file_name(says->file),
        .name = base_name(map->file.path),
    };
    map->debug_id = says->debug_id;
    return arena_str(m->arena, library_script_name(&about), &map->name) &&
           arena_str(m->arena, script_id_there, &map->file.script_id) &&
           arena_str(m->arena, uuid, &map->uuid) &&
           script_id(script_id_there, m->arena, &map->script_id) && VEC_PUSH(&m->maps, *map);
}

static void add_inline(struct folder_maps *m, const char *path, const struct script_about *about)
{
    const struct bytes text = { (const uint8_t *)about->map.ptr, about->map.len };
    struct map_file map = { .file = { .path = path, .script_path = path } };
    struct sourcemap_says says;
    if (file_key_of(path, &map.file.key) && sourcemap_says(text, m->arena, &says))
        (void)add(m, &map, &says, about->debug_id, str_from_c(about->uuid)); /* or not found */
}

/* False: there are too many, and its map goes without it. */
static bool note_script(struct folder_maps *m, const char *path, const struct script_about *about)
{
    struct err e = { 0 };
    return convert_scripts_add(&m->scripts, str_from_c(path), STR(""), about, &e);
}

static void look_at_script(struct folder_maps *m, const char *path)
{
    CLEANUP(arena_free_p) struct arena *a = arena_new(MEMORY_MAX);
    struct script_about about;
    struct err e = { 0 };
    struct bytes file;
    if (!a || !folder_map(path, &file))
        return;
    bool ok = script_read((struct str){ (const char *)file.ptr, file.len }, a, &about, &e);
    if (!ok) /* the map in it is damaged */
        about = (struct script_about){ .debug_id = STR(""), .map = STR("") };
    if (!ok || about.map.len > 0)
        add_inline(m, path, &about);
    else
        (void)note_script(m, path, &about);
    folder_unmap(file);
}

/* is_map: so say others. */
static bool could_be_map(struct folder_maps *m, const char *path, bool is_map,
                         struct sourcemap_says *says)
{
    struct bytes file;
    *says = (struct sourcemap_says){ STR(""), STR("") };
    if (!folder_map(path, &file))
        return is_map;
    bool is = (is_map || sourcemap_could_be(file)) && sourcemap_says(file, m->arena, says);
    folder_unmap(file);
    return is;
}

static void note_map(struct folder_maps *m, const char *path)
{
    struct err e = { 0 };
    (void)!convert_scripts_note_map(&m->scripts, str_from_c(path), &e); /* a guess less */
}

static void look_at_map(struct folder_maps *m, const char *path)
{
    struct map_file map = { .file = { .path = path } };
    struct sourcemap_says says;
    struct str id = STR(""), uuid = STR("");
    const struct convert_script *script = convert_scripts_find(&m->scripts, str_from_c(path));
    bool is_map = script || ends_with(str_from_c(path), STR(".map"));
    if (!file_key_of(path, &map.file.key) || !could_be_map(m, path, is_map, &says))
        return;
    if (script && file_key_of(script->path.ptr, &map.file.script_key)) {
        map.file.script_path = script->path.ptr;
        id = script->debug_id;
        uuid = str_from_c(script->uuid);
    }
    (void)add(m, &map, &says, id, uuid); /* or it is not found */
}

/* --- folders -----------------------------------------------------------------------------------
 */

static bool is_map_name(struct str name)
{
    return ends_with(name, STR(".map")) || ends_with(name, STR(".json"));
}

static void scan(struct folder_maps *m, const char *dir, bool wanted(struct str name),
                 void look(struct folder_maps *, const char *path))
{
    DIR *list = opendir(dir);
    size_t entries = 0;
    if (!list)
        return;
    for (const struct dirent *d = readdir(list); d && entries < ENTRIES_MAX;
         d = readdir(list), entries++) {
        struct str path;
        if (wanted(str_from_c(d->d_name)) && arena_printf(m->arena, &path, "%s/%s", dir, d->d_name))
            look(m, path.ptr);
    }
    closedir(list);
}

/* A folder that is named twice is looked at once. */
static void scan_all(struct folder_maps *m, const char *const *dirs, size_t count,
                     bool wanted(struct str name),
                     void look(struct folder_maps *, const char *path))
{
    for (size_t i = 0; i < count; i++) {
        size_t first = 0;
        while (strcmp(dirs[first], dirs[i]) != 0)
            first++;
        if (first == i)
            scan(m, dirs[i], wanted, look);
    }
}

/* --- which one ---------------------------------------------------------------------------------
 */

/* Ids as of script_id(). */
static bool matches(const struct map_file *map, const struct script_id *id)
{
    if (id->debug_id.len > 0)
        return str_eq(map->debug_id, id->debug_id) || str_eq(map->script_id, id->debug_id);
    if (id->uuid.len > 0)
        return str_eq(map->uuid, id->uuid);
    return id->name.len > 0 && str_eq(map->name, id->name);
}

/* Of two that changed at one time the one whose path comes last: folders have no order. */
static bool is_newer(const struct folder_map_file *a, const struct folder_map_file *b)
{
    if (a->key.changed_ns != b->key.changed_ns)
        return a->key.changed_ns > b->key.changed_ns;
    return strcmp(a->path, b->path) > 0;
}

static struct map_file *newest(const struct folder_maps *m, const struct script_id *id)
{
    struct map_file *found = NULL;
    for (size_t i = 0; i < m->maps.len; i++) {
        struct map_file *map = &m->maps.at[i];
        if (!map->damaged && matches(map, id) && (!found || is_newer(&map->file, &found->file)))
            found = map;
    }
    return found;
}

/* --- lending -----------------------------------------------------------------------------------
 */

static bool hold(struct folder_maps *m, struct map_file *map)
{
    if (map->opened.cache)
        return true;
    struct err e = { 0 };
    map->damaged = !folder_map_open(&map->file, m->cache_dir, &map->opened, &e);
    if (map->damaged)
        folder_unread_add(m->unread, map->file.path, &e);
    return !map->damaged;
}

/* If too many are open that nobody has: the one that was asked for longest ago. */
static void close_one(struct folder_maps *m)
{
    size_t unused = 0;
    struct map_file *oldest = NULL;
    for (size_t i = 0; i < m->maps.len; i++) {
        struct map_file *map = &m->maps.at[i];
        if (!map->opened.cache || map->lent > 0)
            continue;
        unused++;
        if (!oldest || map->asked < oldest->asked)
            oldest = map;
    }
    if (unused > FOLDER_MAPS_HELD_MAX)
        folder_map_close(&oldest->opened);
}

/* A map that is cut off may have lost its id: by its name it would have been the one. */
static void note_damaged(struct folder_maps *m, const struct script_id *id)
{
    for (size_t i = 0; id->name.len > 0 && i < m->maps.len; i++) {
        struct map_file *map = &m->maps.at[i];
        size_t ids = id->debug_id.len > 0 ? map->debug_id.len + map->script_id.len : map->uuid.len;
        if (map->tried || map->opened.cache || ids > 0 || !str_eq(map->name, id->name))
            continue;
        map->tried = true; /* once is enough */
        if (!map->damaged && hold(m, map))
            folder_map_close(&map->opened);
    }
}

bool folder_maps_find(struct folder_maps *m, const char *const *dirs, size_t count,
                      const struct script_id *id, struct map_found *out)
{
    struct script_id wanted = { .name = id->name };
    if (!script_id(id->debug_id, m->arena, &wanted.debug_id) ||
        !script_id(id->uuid, m->arena, &wanted.uuid))
        return false;
    if (!m->scanned) {
        scan_all(m, dirs, count, script_is_name, look_at_script);
        scan_all(m, dirs, count, is_map_name, note_map);
        scan_all(m, dirs, count, is_map_name, look_at_map);
    }
    m->scanned = true;
    struct map_file *map = newest(m, &wanted);
    while (map && !hold(m, map))
        map = newest(m, &wanted);
    if (!map) {
        note_damaged(m, &wanted);
        return false;
    }
    map->lent++;
    map->asked = ++m->asked;
    *out = (struct map_found){ map->opened.cache, map };
    return true;
}

void folder_maps_release(struct folder_maps *m, struct map_found *found)
{
    struct map_file *map = found->lease;
    *found = (struct map_found){ NULL, NULL };
    map->lent--;
    if (map->lent == 0)
        close_one(m);
}
