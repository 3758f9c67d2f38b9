/* folder.c - a module to its symbol files: first where its ids say that they are, then by a look at
 * the files of each folder.
 *
 * Names come from crash dumps, so a path is made of them only when they are a base name and hex
 * digits. An answer is kept for those who ask again. */
#include "symbols/folder.h"

#include "base/vec.h"
#include "symbols/breakpad_fields.h"
#include "symbols/folder_cache.h"
#include "symbols/folder_maps.h"
#include "symbols/folder_scan.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#define DEBUG_ID_MIN 33 /* a GUID and an age */
#define DEBUG_ID_MAX 40
#define ARENA_BYTES ((size_t)1 << 30) /* for paths and ids of what is found */

struct answer {
    struct str debug_file, debug_id, code_id; /* of who asked */
    const struct symcache *names, *unwind;
};

struct symbol_folders {
    struct arena *arena;
    struct folder_cache *cache;
    size_t count;
    const char **dirs;
    struct folder_scan scan;
    bool scanned;
    struct folder_unread unread;
    VEC(struct answer) answers;
    struct folder_maps *maps;
};

static bool open_all(struct symbol_folders *f, const char *const *dirs, size_t count,
                     const char *cache_dir)
{
    f->arena = arena_new(ARENA_BYTES);
    f->unread.arena = f->arena;
    f->cache = folder_cache_new(cache_dir, &f->unread);
    f->maps = folder_maps_new(cache_dir, &f->unread);
    if (!f->arena || !f->cache || !f->maps ||
        !(f->dirs = arena_array(f->arena, count + 1, sizeof *f->dirs)))
        return false;
    for (; f->count < count; f->count++) {
        struct str copy;
        if (!arena_str(f->arena, str_from_c(dirs[f->count]), &copy))
            return false;
        f->dirs[f->count] = copy.ptr;
    }
    return true;
}

static bool are_folders(const char *const *dirs, size_t count, struct err *e)
{
    struct stat st;
    for (size_t i = 0; i < count; i++) {
        if (stat(dirs[i], &st) != 0)
            return err_set(e, ERR_NOT_FOUND, 0, "symbols in %s: %s", dirs[i], strerror(errno));
        if (!S_ISDIR(st.st_mode))
            return err_set(e, ERR_INPUT, 0, "symbols in %s: it is no folder", dirs[i]);
    }
    return true;
}

bool symbol_folders_open(struct symbol_folders **out, const char *const *dirs, size_t count,
                         const char *cache_dir, struct err *e)
{
    if (!are_folders(dirs, count, e))
        return false;
    CLEANUP(symbol_folders_close_p) struct symbol_folders *f = calloc(1, sizeof *f);
    if (!f || !open_all(f, dirs, count, cache_dir))
        return err_set(e, ERR_NOMEM, 0, "symbol folders: no memory");
    *out = f;
    f = NULL;
    return true;
}

void symbol_folders_close(struct symbol_folders *f)
{
    if (!f)
        return;
    folder_scan_done(&f->scan);
    VEC_FREE(&f->answers);
    folder_cache_free(f->cache);
    folder_maps_free(f->maps);
    folder_unread_done(&f->unread);
    arena_free(f->arena);
    free(f);
}

/* ---- the better of two ---- */

static struct symcache_about about_of(const struct symcache *c)
{
    struct symcache_about about = { 0 };
    if (c)
        symcache_about(c, &about);
    return about;
}

/* Lines are better than functions, these than the names of a symbol table. */
static int names_rank(const struct symcache *c)
{
    struct symcache_about a = about_of(c);
    return a.lines ? 3 : a.functions ? 2 : a.publics ? 1 : 0;
}
static int unwind_rank(const struct symcache *c)
{
    struct symcache_about a = about_of(c);
    return a.cfi_rows || a.win_rows ? 1 : 0;
}

/* The earlier one stays when they are equal. */
static void consider(struct answer *a, const struct symcache *c)
{
    if (c && names_rank(c) > names_rank(a->names))
        a->names = c;
    if (c && unwind_rank(c) > unwind_rank(a->unwind))
        a->unwind = c;
}

/* ---- where they are ---- */

static bool is_base_name(struct str s)
{
    return s.len > 0 && !memchr(s.ptr, '/', s.len) && !memchr(s.ptr, '\0', s.len) &&
           !str_eq(s, STR(".")) && !str_eq(s, STR(".."));
}

static bool is_hex(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (hex_digit(s.ptr[i]) > 15)
            return false;
    return true;
}

static bool is_debug_id(struct str s)
{
    return is_hex(s) && s.len >= DEBUG_ID_MIN && s.len <= DEBUG_ID_MAX;
}

/* <debug file>/<debug id>/<debug file without .pdb>.sym */
static void find_breakpad(struct symbol_folders *f, const struct module_id *id, struct answer *a)
{
    struct str stem = id->debug_file;
    char path[PATH_MAX];
    if (!is_base_name(id->debug_file) || !is_debug_id(id->debug_id))
        return;
    if (stem.len > 4 && str_is_word((struct str){ stem.ptr + stem.len - 4, 4 }, ".pdb"))
        stem.len -= 4;
    for (size_t i = 0; i < f->count && !a->names; i++) {
        int n = snprintf(path, sizeof path, "%s/%.*s/%.*s/%.*s.sym", f->dirs[i],
                         STR_ARG(id->debug_file), STR_ARG(id->debug_id), STR_ARG(stem));
        if (n > 0 && n < (int)sizeof path)
            consider(a, folder_cache_get(f->cache, path, 0));
    }
}

/* .build-id/<two digits>/<the others>.debug, as below /usr/lib/debug */
static void find_build_id(struct symbol_folders *f, const struct module_id *id, struct answer *a)
{
    char path[PATH_MAX];
    if (id->code_id.len <= 2 || !is_hex(id->code_id))
        return;
    for (size_t i = 0; i < f->count && !a->names; i++) {
        int n = snprintf(path, sizeof path, "%s/.build-id/%.2s/%.*s.debug", f->dirs[i],
                         id->code_id.ptr, (int)id->code_id.len - 2, id->code_id.ptr + 2);
        if (n > 0 && n < (int)sizeof path)
            consider(a, folder_cache_get(f->cache, path, 0));
    }
}

/* An id of zeros says nothing. */
static bool same_id(struct str a, struct str b)
{
    size_t zeros = 0;
    while (zeros < a.len && a.ptr[zeros] == '0')
        zeros++;
    return zeros < a.len && a.len == b.len && strncasecmp(a.ptr, b.ptr, a.len) == 0;
}

/* NAME, NAME.sym or NAME.debug, and so for a PDB. */
static bool is_named(const char *path, struct str name)
{
    const char *slash = strrchr(path, '/');
    struct str file = str_from_c(slash ? slash + 1 : path);
    if (name.len == 0 || file.len < name.len || memcmp(file.ptr, name.ptr, name.len) != 0)
        return false;
    struct str end = { file.ptr + name.len, file.len - name.len };
    return end.len == 0 || str_eq(end, STR(".sym")) || str_eq(end, STR(".debug"));
}

/* What is damaged has no ids; by its name it would have been the one, and so it is told of. */
static void note_damaged(struct symbol_folders *f, const struct module_id *id)
{
    for (size_t i = 0; i < f->scan.found.len; i++) {
        const struct scanned *s = &f->scan.found.at[i];
        if (s->unknown && (is_named(s->path, id->debug_file) || is_named(s->path, id->code_file)))
            (void)folder_cache_get(f->cache, s->path, s->part);
    }
}

static void find_by_id(struct symbol_folders *f, const struct module_id *id, struct answer *a)
{
    for (size_t i = 0; i < f->count && !f->scanned; i++)
        if (!folder_scan(&f->scan, f->dirs[i], f->arena))
            break; /* with what there is */
    f->scanned = true;
    for (size_t i = 0; i < f->scan.found.len; i++) {
        const struct scanned *s = &f->scan.found.at[i];
        if (same_id(s->debug_id, id->debug_id) || same_id(s->code_id, id->code_id))
            consider(a, folder_cache_get(f->cache, s->path, s->part));
    }
    if (!a->names)
        note_damaged(f, id);
}

size_t symbol_folders_unread(const struct symbol_folders *f, const struct unread_file **out)
{
    *out = f->unread.files.at;
    return f->unread.files.len;
}

/* ---- the source ---- */

static const struct answer *find_answer(const struct symbol_folders *f, const struct module_id *id)
{
    for (size_t i = 0; i < f->answers.len; i++) {
        const struct answer *a = &f->answers.at[i];
        if (str_eq(a->debug_id, id->debug_id) && str_eq(a->debug_file, id->debug_file) &&
            str_eq(a->code_id, id->code_id))
            return a;
    }
    return NULL;
}

/* NULL: no memory. */
static const struct answer *make_answer(struct symbol_folders *f, const struct module_id *id)
{
    struct answer a = { .names = NULL };
    if (!arena_str(f->arena, id->debug_file, &a.debug_file) ||
        !arena_str(f->arena, id->debug_id, &a.debug_id) ||
        !arena_str(f->arena, id->code_id, &a.code_id))
        return NULL;
    find_breakpad(f, id, &a);
    if (!a.names)
        find_build_id(f, id, &a);
    if (!a.names || !a.unwind)
        find_by_id(f, id, &a);
    return VEC_PUSH(&f->answers, a) ? &f->answers.at[f->answers.len - 1] : NULL;
}

static bool find(void *ctx, const struct module_id *id, struct symbols_found *out)
{
    struct symbol_folders *f = ctx;
    const struct answer *a = find_answer(f, id);
    if (!a)
        a = make_answer(f, id);
    if (!a || (!a->names && !a->unwind))
        return false;
    *out = (struct symbols_found){ a->names, a->unwind, NULL };
    return true;
}

static void release(void *ctx, struct symbols_found *found)
{
    (void)ctx; /* all stay open until the folders are closed */
    *found = (struct symbols_found){ NULL, NULL, NULL };
}

static bool find_map(void *ctx, const struct script_id *id, struct map_found *out)
{
    struct symbol_folders *f = ctx;
    return folder_maps_find(f->maps, f->dirs, f->count, id, out);
}

static void release_map(void *ctx, struct map_found *found)
{
    const struct symbol_folders *f = ctx;
    folder_maps_release(f->maps, found);
}

struct symbol_source symbol_folders_source(struct symbol_folders *f)
{
    return (struct symbol_source){
        .ctx = f, .find = find, .release = release, .find_map = find_map, .release_map = release_map
    };
}
