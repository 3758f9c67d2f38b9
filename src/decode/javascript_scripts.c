/* javascript_scripts.c - in which script a frame is, and by which id that has its source map.
 *
 * Clients name a script's map in three ways: an id in each frame (current ones), a list of scripts
 * and the MD5 of each (backtrace-node 1.x), one id for the whole report. Without any, the base name
 * is left, which is no more than likely to lead to the right map.
 *
 * What is hard: most reports of JavaScript are of programs that were never bundled. They must cost
 * nothing, and what they run must not fill the list of missing symbols; and scripts of the runtime
 * or of libraries must not be mapped by a map of another script that is called alike. */
#include "decode/javascript.h"

#include <stdlib.h>

#define SAME_BASE_MAX 64 /* listed scripts of one base name that are looked at for a frame */
#define HASH_DIGITS_MIN 8

/* --- names --------------------------------------------------------------------------------- */

static struct str scalar(const struct json *j)
{
    return j && j->type == JSON_STRING ? j->text : STR("");
}

static bool is_word_of(struct str s, const char *const *words)
{
    for (; *words; words++)
        if (str_is_word(s, *words))
            return true;
    return false;
}

/* Without what stands behind the path of a URL. */
static struct str without_query(struct str path)
{
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] == '?' || path.ptr[i] == '#')
            return (struct str){ path.ptr, i };
    return path;
}

static struct str base_name(struct str path)
{
    size_t n = path.len;
    while (n > 0 && path.ptr[n - 1] != '/' && path.ptr[n - 1] != '\\')
        n--;
    return (struct str){ path.ptr + n, path.len - n };
}

struct str scripts_path(const struct crash_frame *f)
{
    return f->module.len > 0 ? f->module : f->file;
}

/* What engines write for code that is in no file, and their own scripts. */
static bool is_no_script(struct str path, struct str base)
{
    static const char *const words[] = { "native", "unknown", "anonymous", "wasm", NULL };
    return base.len == 0 || memchr(base.ptr, '<', base.len) || base.ptr[0] == '[' ||
           str_starts(path, STR("node:")) || str_starts(path, STR("internal/")) ||
           str_starts(path, STR("electron/js2c/")) || is_word_of(base, words);
}

static bool is_of_package(struct str path)
{
    return str_has(path, "node_modules/") || str_has(path, "node_modules\\");
}

/* A part of the name that a bundler makes of the content: "index-4f3a9b21.js". */
static bool has_hash(struct str base)
{
    size_t run = 0, digits = 0;
    for (size_t i = 0; i < base.len; i++) {
        char c = base.ptr[i];
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (c == '.' && run >= HASH_DIGITS_MIN && digits > 0)
            return true;
        bool begins = i == 0 || strchr(".-_", base.ptr[i - 1]);
        if (!hex || (run == 0 && !begins)) {
            run = digits = 0;
        } else {
            run++;
            digits += c >= '0' && c <= '9';
        }
    }
    return false;
}

static bool looks_bundled(struct str base)
{
    return str_has(base, ".min.") || str_has(base, "bundle") || str_has(base, "chunk") ||
           has_hash(base);
}

/* --- what the report says ------------------------------------------------------------------ */

static bool is_javascript(const struct crash *c)
{
    static const char *const languages[] = { "nodejs",     "node",    "javascript",   "js",
                                             "typescript", "browser", "react-native", NULL };
    static const char *const agents[] = { "backtrace-node", "backtrace-js", NULL };
    return is_word_of(c->language, languages) || is_word_of(c->agent, agents) ||
           str_starts(c->agent, STR("@backtrace/"));
}

static int by_base_and_path(const void *a, const void *b)
{
    const struct listed_script *x = a, *y = b;
    int c = str_cmp(x->base, y->base);
    return c ? c : str_cmp(x->path, y->path);
}

static bool read_listed(struct scripts_told *out, const struct json *list, struct arena *a)
{
    if (!list || list->type != JSON_LIST || list->count == 0)
        return true;
    struct listed_script *at = arena_array(a, list->count, sizeof *at);
    size_t n = 0;
    if (!at)
        return false;
    for (const struct json *j = list->first; j; j = j->next) {
        struct str path = without_query(scalar(json_get(j, STR("file"))));
        at[n] = (struct listed_script){ path, base_name(path), scalar(json_get(j, STR("uuid"))) };
        if (at[n].base.len > 0 && at[n].uuid.len > 0)
            n++;
    }
    if (n > 1)
        qsort(at, n, sizeof *at, by_base_and_path);
    out->listed = at;
    out->listed_count = n;
    return true;
}

static bool has_ids_in_frames(const struct crash *c)
{
    for (size_t t = 0; t < c->thread_count; t++)
        for (size_t i = 0; i < c->threads[t].frame_count; i++) {
            const struct crash_frame *f = &c->threads[t].frames[i];
            if (f->debug_id.len > 0 && !f->has_address)
                return true;
        }
    return false;
}

bool scripts_told(struct scripts_told *out, const struct crash *c, struct arena *a)
{
    struct str way = scalar(json_get(c->rest, STR("symbolication")));
    const struct attribute *id = attributes_find(&c->attributes, STR("symbolication_id"));
    *out = (struct scripts_told){ .sourcemap = str_is_word(way, "sourcemap"),
                                  .symbolication_id = STR("") };
    if (way.len > 0 && !out->sourcemap) /* "proguard" */
        return true;
    if (!read_listed(out, json_get(c->rest, STR("symbolication_maps")), a))
        return false;
    out->by_name = out->sourcemap || is_javascript(c);
    if (id && out->by_name)
        out->symbolication_id = id->text;
    out->with_ids = out->listed_count > 0 || out->symbolication_id.len > 0 || has_ids_in_frames(c);
    out->any = out->by_name || out->with_ids;
    return true;
}

/* --- of one frame -------------------------------------------------------------------------- */

/* Bytes of "../../" and "./" in front of a path. */
static size_t leading_dots(struct str path)
{
    size_t n = 0;
    for (size_t i = 0; i < path.len && strchr("./\\", path.ptr[i]); i++)
        if (path.ptr[i] != '.')
            n = i + 1;
    return n;
}

/* Whether the whole path ends in these parts of one: "/srv/app/dist/a.js" in "../dist/a.js". */
static bool ends_in(struct str whole, struct str part)
{
    size_t dots = leading_dots(part);
    part = (struct str){ part.ptr + dots, part.len - dots };
    if (part.len == 0 || part.len > whole.len)
        return false;
    size_t before = whole.len - part.len;
    return memcmp(whole.ptr + before, part.ptr, part.len) == 0 &&
           (before == 0 || whole.ptr[before - 1] == '/' || whole.ptr[before - 1] == '\\');
}

/* How many scripts sort before this base and path. */
static size_t listed_before(const struct scripts_told *t, struct str base, struct str path)
{
    const struct listed_script sought = { .path = path, .base = base };
    size_t low = 0, high = t->listed_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_base_and_path(&t->listed[middle], &sought) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Of the scripts of one base name: the one whose path is the end of the frame's, or the other way
 * round; else the only one. NULL: none, or nobody can tell. */
static const struct listed_script *find_ending(const struct scripts_told *t, struct str path,
                                               struct str base)
{
    size_t first = listed_before(t, base, STR("")), n = 0;
    for (; first + n < t->listed_count && n < SAME_BASE_MAX; n++) {
        const struct listed_script *s = &t->listed[first + n];
        if (!str_eq(s->base, base))
            break;
        if (ends_in(s->path, path) || ends_in(path, s->path))
            return s;
    }
    return n == 1 ? &t->listed[first] : NULL;
}

/* What the list says of the frame's script; NULL: nothing. *is_base: some script of that name is
 * listed. */
static const struct listed_script *find_listed(const struct scripts_told *t, struct str path,
                                               struct str base, bool *is_base)
{
    size_t i = listed_before(t, base, path), first = listed_before(t, base, STR(""));
    *is_base = first < t->listed_count && str_eq(t->listed[first].base, base);
    if (*is_base && i < t->listed_count && str_eq(t->listed[i].base, base) &&
        str_eq(t->listed[i].path, path))
        return &t->listed[i];
    return *is_base ? find_ending(t, path, base) : NULL;
}

bool scripts_name(const struct scripts_told *t, const struct crash_frame *f,
                  struct script_named *out)
{
    struct str path = without_query(scripts_path(f)), base = base_name(path);
    if (f->line == 0 || f->column == 0 || f->has_address || is_no_script(path, base))
        return false;
    bool of_package = is_of_package(path);
    *out = (struct script_named){ .id = { STR(""), STR(""), base }, .wanted = true };
    if (f->debug_id.len > 0) {
        out->id.debug_id = f->debug_id;
        return true;
    }
    bool is_base;
    const struct listed_script *listed = find_listed(t, path, base, &is_base);
    if (listed) {
        out->id.uuid = listed->uuid;
        /* These clients list all scripts, whether they have a map or not. */
        out->wanted = !of_package;
        return true;
    }
    if (is_base) /* one of several: a map of that name may be another's */
        return false;
    if (of_package || !t->by_name)
        return false;
    out->id.uuid = t->symbolication_id;
    out->wanted = out->id.uuid.len > 0 || looks_bundled(base) || (t->sourcemap && !t->with_ids);
    return true;
}
