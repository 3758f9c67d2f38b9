/* sourcemap_read.c - the members of a source map's JSON.
 *
 * What is an index map is read section by section into the same arrays; how long these must be is
 * counted before. Of members that may be left out, null is taken as left out. */
#include "sourcemap/sourcemap_internal.h"

#define JSON_DEPTH_MAX 64 /* maps in sections of maps take 3 each */
#define JSON_NODES_MAX ((size_t)1 << 26)

struct reader_of_map {
    struct map *m;
    struct arena *arena;
    struct err *e;
};

/* ---- members ---- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool wrong(struct reader_of_map *r, const struct json *at, const char *what)
{
    return err_set(r->e, ERR_INPUT, at->begin, "%s", what);
}

static bool no_memory(struct reader_of_map *r)
{
    return err_set(r->e, ERR_NOMEM, 0, "no memory for the source map: it is too large");
}

/* The member; NULL when there is none. */
static const struct json *member(const struct json *j, const char *key)
{
    const struct json *found = json_get(j, str_from_c(key));
    return found && found->type != JSON_NULL ? found : NULL;
}

/* A count from 0, as in offsets and lists of indices. */
static bool is_count(const struct json *j, uint32_t *out)
{
    uint64_t n = 0;
    if (!j || j->type != JSON_NUMBER || j->text.len > 10)
        return false;
    for (size_t i = 0; i < j->text.len; i++) {
        if (!is_digit(j->text.ptr[i]))
            return false;
        n = n * 10 + (uint64_t)(j->text.ptr[i] - '0');
    }
    *out = (uint32_t)n;
    return n <= MAP_NUMBER_MAX;
}

static bool check_texts(struct reader_of_map *r, const struct json *j)
{
    static const char *const texts[] = { "file", "sourceRoot" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct json *text = member(j, texts[i]);
        if (text && text->type != JSON_STRING)
            return err_set(r->e, ERR_INPUT, text->begin, "%s: not a string", texts[i]);
    }
    return true;
}

/* A list of strings, and of null where `nulls`. It may be missing unless `must`; then *out is
 * NULL. */
static bool take_list(struct reader_of_map *r, const struct json *j, const char *key, bool must,
                      bool nulls, const struct json **out)
{
    size_t i = 0;
    *out = member(j, key);
    if (!*out)
        return !must || err_set(r->e, ERR_INPUT, j->begin, "%s: missing", key);
    if ((*out)->type != JSON_LIST)
        return err_set(r->e, ERR_INPUT, (*out)->begin, "%s: not a list", key);
    for (const struct json *entry = (*out)->first; entry; entry = entry->next, i++)
        if (entry->type != JSON_STRING && !(nulls && entry->type == JSON_NULL))
            return err_set(r->e, ERR_INPUT, entry->begin, "%s: entry %zu is not a string%s", key, i,
                           nulls ? " or null" : "");
    return true;
}

/* ---- sources ---- */

static bool is_scheme_rest(char c)
{
    return is_digit(c) || c == '+' || c == '-' || c == '.';
}

/* Whether a path stands for itself, whatever the root: "/a", "webpack:///a". */
static bool is_absolute(struct str path)
{
    size_t i = 0;
    if (path.len > 0 && path.ptr[0] == '/')
        return true;
    while (i < path.len && (is_letter(path.ptr[i]) || (i > 0 && is_scheme_rest(path.ptr[i]))))
        i++;
    return i > 1 && i < path.len && path.ptr[i] == ':'; /* one letter: a drive */
}

static bool join(struct reader_of_map *r, struct str root, struct str path, struct str *out)
{
    *out = path;
    if (root.len == 0 || is_absolute(path))
        return true;
    bool slash = root.ptr[root.len - 1] != '/';
    char *to = arena_alloc(r->arena, root.len + slash + path.len);
    if (!to)
        return no_memory(r);
    memcpy(to, root.ptr, root.len);
    if (slash)
        to[root.len] = '/';
    if (path.len > 0)
        memcpy(to + root.len + slash, path.ptr, path.len);
    *out = (struct str){ to, root.len + slash + path.len };
    return true;
}

static bool read_ignored(struct reader_of_map *r, const struct json *j, size_t first)
{
    const struct json *list = member(j, "ignoreList");
    struct map *m = r->m;
    size_t i = 0;
    if (!list)
        list = member(j, "x_google_ignoreList");
    if (!list)
        return true;
    if (list->type != JSON_LIST)
        return wrong(r, list, "ignoreList: not a list");
    for (const struct json *entry = list->first; entry; entry = entry->next, i++) {
        uint32_t source;
        if (!is_count(entry, &source))
            return err_set(r->e, ERR_INPUT, entry->begin,
                           "ignoreList: entry %zu is not the number of a source", i);
        if (source >= m->sources_count - first)
            return err_set(r->e, ERR_INPUT, entry->begin,
                           "ignoreList: entry %zu is %u, and there are %zu sources", i, source,
                           m->sources_count - first);
        m->sources[first + source].ignored = true;
    }
    return true;
}

static bool read_sources(struct reader_of_map *r, const struct json *j, size_t first)
{
    const struct json *sources, *texts, *root = member(j, "sourceRoot");
    if (!take_list(r, j, "sources", true, true, &sources) ||
        !take_list(r, j, "sourcesContent", false, true, &texts))
        return false;
    const struct json *text = texts ? texts->first : NULL;
    for (const struct json *s = sources->first; s; s = s->next) {
        struct map_source *to = &r->m->sources[r->m->sources_count++];
        *to = (struct map_source){ 0 };
        if (s->type == JSON_STRING &&
            !join(r, root ? root->text : (struct str){ 0 }, s->text, &to->file))
            return false;
        if (text && text->type == JSON_STRING)
            to->text = text->text;
        text = text ? text->next : NULL;
    }
    return read_ignored(r, j, first);
}

static bool read_names(struct reader_of_map *r, const struct json *j)
{
    const struct json *names;
    if (!take_list(r, j, "names", false, false, &names))
        return false;
    for (const struct json *n = names ? names->first : NULL; n; n = n->next)
        r->m->names[r->m->names_count++] = n->text;
    return true;
}

/* ---- maps ---- */

struct place {
    uint32_t line, column;
};

static bool read_map(struct reader_of_map *r, const struct json *j, struct place from);

static bool read_one(struct reader_of_map *r, const struct json *j, struct place from)
{
    struct map_part part = { from.line, from.column, r->m->sources_count, r->m->names_count };
    const struct json *mappings = member(j, "mappings");
    if (!mappings)
        return wrong(r, j, "mappings: missing");
    if (mappings->type != JSON_STRING)
        return wrong(r, mappings, "mappings: not a string");
    return read_sources(r, j, part.first_source) && read_names(r, j) &&
           map_read_mappings(r->m, mappings, &part, r->arena, r->e);
}

/* Where a section begins, and how many mappings there are before it. */
struct section_begin {
    struct place at;
    size_t mappings;
};

/* A section may begin where the one before has its last mapping, which then says where that ends;
 * but not where that begins, too, since one of both would be for nothing (in the specification's
 * tests, sections that overlap). */
static bool is_within(const struct map *m, struct place at, const struct section_begin *before)
{
    if (m->mappings_count == 0)
        return false;
    const struct mapping *last = &m->mappings[m->mappings_count - 1];
    if (at.line != last->line || at.column != last->column)
        return at.line < last->line || (at.line == last->line && at.column < last->column);
    return m->mappings_count > before->mappings && at.line == before->at.line &&
           at.column == before->at.column;
}

static bool read_offset(struct reader_of_map *r, const struct json *section, struct place from,
                        const struct section_begin *before, struct place *out)
{
    const struct json *offset = member(section, "offset");
    uint32_t line, column;
    if (section->type != JSON_OBJECT)
        return wrong(r, section, "not an object");
    if (!offset || offset->type != JSON_OBJECT)
        return wrong(r, section, "offset: missing, or not an object");
    if (!is_count(json_get(offset, STR("line")), &line))
        return wrong(r, offset, "offset: line: missing, or not a number from 0 to 2147483647");
    if (!is_count(json_get(offset, STR("column")), &column))
        return wrong(r, offset, "offset: column: missing, or not a number from 0 to 2147483647");
    column += line == 0 ? from.column : 0;
    line += from.line;
    if (line > MAP_NUMBER_MAX || column > MAP_NUMBER_MAX)
        return wrong(r, offset, "offset: lines and columns beyond 2147483647");
    *out = (struct place){ line, column };
    if (line < before->at.line || (line == before->at.line && column < before->at.column))
        return wrong(r, offset, "offset: before that of the section before");
    return !is_within(r->m, *out, before) || wrong(r, offset, "offset: within the section before");
}

static bool read_sections(struct reader_of_map *r, const struct json *sections, struct place from)
{
    struct section_begin before = { from, r->m->mappings_count };
    struct place at = from;
    size_t i = 0;
    if (sections->type != JSON_LIST)
        return wrong(r, sections, "sections: not a list");
    for (const struct json *s = sections->first; s; s = s->next, i++) {
        const struct json *map = member(s, "map");
        bool ok = read_offset(r, s, from, &before, &at);
        before = (struct section_begin){ at, r->m->mappings_count };
        if (ok && (!map || map->type != JSON_OBJECT))
            ok = wrong(r, s, "map: missing, or not an object");
        if (!ok || !read_map(r, map, at))
            return err_prefix(r->e, "sections: entry %zu: ", i);
    }
    return true;
}

static bool read_map(struct reader_of_map *r, const struct json *j, struct place from)
{
    const struct json *version = member(j, "version"), *sections = json_get(j, STR("sections"));
    uint32_t number;
    if (!version)
        return wrong(r, j, "version: missing");
    if (!is_count(version, &number) || number != 3)
        return wrong(r, version, "version: not 3");
    if (!check_texts(r, j))
        return false;
    if (!sections)
        return read_one(r, j, from);
    if (json_get(j, STR("mappings")))
        return wrong(r, j, "it has both mappings and sections");
    return read_sections(r, sections, from);
}

/* ---- all of it ---- */

static size_t count_entries(const struct json *j, const char *key)
{
    const struct json *list = member(j, key);
    return list && list->type == JSON_LIST ? list->count : 0;
}

/* At most so many there are, of whatever is well formed. The JSON's depth bounds the recursion. */
static void count_all(const struct json *j, size_t *mappings, size_t *sources, size_t *names)
{
    const struct json *text = member(j, "mappings"), *sections = member(j, "sections");
    *sources += count_entries(j, "sources");
    *names += count_entries(j, "names");
    if (text && text->type == JSON_STRING)
        *mappings += map_count_mappings(text->text);
    if (sections && sections->type == JSON_LIST)
        for (const struct json *s = sections->first; s; s = s->next)
            count_all(member(s, "map"), mappings, sources, names);
}

static bool take_room(struct reader_of_map *r, const struct json *j)
{
    struct map *m = r->m;
    size_t mappings = 0, sources = 0, names = 0;
    count_all(j, &mappings, &sources, &names);
    if (mappings > MAP_NUMBER_MAX || sources > MAP_NUMBER_MAX || names > MAP_NUMBER_MAX)
        return err_set(r->e, ERR_LIMIT, 0, "more than 2147483647 mappings, sources or names");
    m->mappings = arena_large(r->arena, mappings, sizeof *m->mappings);
    m->sources = arena_array(r->arena, sources, sizeof *m->sources);
    m->names = arena_array(r->arena, names, sizeof *m->names);
    return (m->mappings && m->sources && m->names) || no_memory(r);
}

bool map_id(struct str id, struct arena *a, struct str *out)
{
    char digits[32];
    size_t n = 0;
    *out = (struct str){ "", 0 };
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        if (c == '-')
            continue;
        if (c >= 'a' && c <= 'f')
            c = (char)(c - 'a' + 'A');
        if (n == sizeof digits || !(is_digit(c) || (c >= 'A' && c <= 'F')))
            return true;
        digits[n++] = c;
    }
    return n < sizeof digits || arena_str(a, (struct str){ digits, n }, out);
}

static bool read_debug_id(struct reader_of_map *r, const struct json *j)
{
    const struct json *id = member(j, "debugId");
    if (!id || id->type != JSON_STRING)
        id = member(j, "debug_id");
    struct str text = id && id->type == JSON_STRING ? id->text : (struct str){ 0 };
    return map_id(text, r->arena, &r->m->debug_id) || no_memory(r);
}

bool map_read(struct map *m, struct str json, struct arena *a, struct err *e)
{
    struct reader_of_map r = { m, a, e };
    struct json_limits limits = { .depth = JSON_DEPTH_MAX, .nodes = JSON_NODES_MAX };
    const struct json *j;
    *m = (struct map){ 0 };
    if (!json_parse(&j, json, limits, a, e))
        return false;
    if (j->type != JSON_OBJECT)
        return wrong(&r, j, "not a JSON object");
    const struct json *file = member(j, "file");
    if (file && file->type == JSON_STRING)
        m->file = file->text;
    return take_room(&r, j) && read_debug_id(&r, j) && read_map(&r, j, (struct place){ 0, 0 });
}
