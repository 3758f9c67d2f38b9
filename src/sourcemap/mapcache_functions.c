/* mapcache_functions.c - functions of a text to points: from each on it is one function, the
 * innermost, up to the next point. docs/formats/sourcemap-cache.md tells how functions without a
 * name are called. */
#include "sourcemap/mapcache_write.h"
#include "sourcemap/scopes.h"

#include "base/utf8.h"

#define ANONYMOUS "<anonymous>"

struct point {
    uint32_t line, column; /* from 0 */
    uint32_t name;         /* text + 1; 0: none is known */
};

/* A function that is not over yet. */
struct open {
    const struct scope *scope;
    struct str outer;   /* name of the innermost function here that has one; empty: none has */
    uint32_t name;      /* as shown: text + 1 */
    uint32_t anonymous; /* as functions in it without a name are shown: text + 1; 0: not yet made */
};

struct flattening {
    struct texts *texts;
    const struct map *map; /* NULL: the text is a source's */
    struct arena *arena;
    struct point *points;
    size_t count;
    struct open *open; /* open[0] is the text itself */
    size_t depth;
    bool failed; /* no memory */
};

static bool before(uint32_t line, uint32_t column, uint32_t line2, uint32_t column2)
{
    return line < line2 || (line == line2 && column < column2);
}

/* From here on it is the function on top. Places go up, whatever the scopes say. */
static void add_point(struct flattening *f, uint32_t line, uint32_t column)
{
    struct point *last = f->count ? &f->points[f->count - 1] : NULL;
    struct point p = { line ? line - 1 : 0, column ? column - 1 : 0, f->open[f->depth].name };
    if (last && !before(last->line, last->column, p.line, p.column)) {
        last->name = p.name;
        return;
    }
    if ((last ? last->name : 0) != p.name)
        f->points[f->count++] = p;
}

/* The last mapping at or before a place, if it is no more than one column away. */
static const struct mapping *find_mapping(const struct map *m, uint32_t line, uint32_t column)
{
    size_t low = 0, high = m->mappings_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct mapping *at = &m->mappings[middle];
        if (before(line, column, at->line, at->column))
            high = middle;
        else
            low = middle + 1;
    }
    const struct mapping *found = low ? &m->mappings[low - 1] : NULL;
    return found && found->line == line && column - found->column <= 1 ? found : NULL;
}

/* What a function of the script was called before. The map says so where the name stands (older
 * versions of UglifyJS: at the space in front of it); when it knows names, but none there, it was
 * called as it is called now. */
static struct str old_name(const struct flattening *f, const struct scope *s)
{
    const struct mapping *at = NULL;
    struct str name = s->name;
    if (s->name_line && s->name_column)
        at = find_mapping(f->map, s->name_line - 1, s->name_column - 1);
    if (at && at->name != MAP_NONE)
        return f->map->names[at->name];
    if (!at || at->source == MAP_NONE || at->column != s->name_column - 1 ||
        f->map->names_count == 0)
        return (struct str){ "", 0 };
    for (size_t i = name.len; i > 0; i--) /* "a.total": the class has another name now */
        if (name.ptr[i - 1] == '.')
            return (struct str){ name.ptr + i, name.len - i };
    return name;
}

static uint32_t anonymous_in(struct flattening *f, struct open *o)
{
    struct str name;
    if (o->anonymous)
        return o->anonymous;
    if (!arena_printf(f->arena, &name, "%.*s%s" ANONYMOUS, STR_ARG(o->outer),
                      o->outer.len ? "." : "")) {
        f->failed = true;
        return 0;
    }
    o->anonymous = texts_number(f->texts, name) + 1;
    return o->anonymous;
}

static void push(struct flattening *f, const struct scope *s)
{
    struct open *around = &f->open[f->depth], *o = &f->open[++f->depth];
    struct str name = s->name;
    *o = (struct open){ .scope = s };
    if (name.len > 0 && f->map)
        name = old_name(f, s);
    if (utf8_valid_prefix(name) < name.len)
        name.len = 0;
    if (name.len > 0) {
        o->outer = name;
        o->name = texts_number(f->texts, name) + 1;
    } else if (s->name.len == 0) { /* else it has a name, and we do not know it */
        o->outer = around->outer;
        o->name = o->anonymous = anonymous_in(f, around);
    }
    add_point(f, s->line, s->column);
}

static void pop(struct flattening *f)
{
    const struct scope *over = f->open[f->depth--].scope;
    add_point(f, over->end_line, over->end_column);
}

static void flatten(struct flattening *f, const struct scope *scopes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct scope *s = &scopes[i];
        while (f->depth > 0 && !before(s->line, s->column, f->open[f->depth].scope->end_line,
                                       f->open[f->depth].scope->end_column))
            pop(f);
        push(f, s);
    }
    while (f->depth > 0)
        pop(f);
}

static struct mapcache_points pack(struct buf *to, const struct point *points, size_t count)
{
    struct mapcache_points p = { .at = (uint32_t)to->len, .count = (uint32_t)count };
    uint32_t all[3] = { 0 };
    struct bits b = { .out = to };
    for (size_t i = 0; i < count; i++) {
        all[0] |= points[i].line;
        all[1] |= points[i].column;
        all[2] |= points[i].name;
    }
    for (int k = 0; k < 3; k++)
        p.bits[k] = bits_of(all[k]);
    for (size_t i = 0; i < count; i++) {
        bits_put(&b, points[i].line, p.bits[0]);
        bits_put(&b, points[i].column, p.bits[1]);
        bits_put(&b, points[i].name, p.bits[2]);
    }
    bits_end(&b);
    return p;
}

bool mapcache_write_functions(struct buf *to, struct texts *texts, struct str text,
                              const struct map *map, struct arena *a, struct mapcache_points *out,
                              uint32_t *functions, struct err *e)
{
    struct flattening f = { .texts = texts, .map = map, .arena = a };
    struct scope *scopes;
    size_t count;
    *out = (struct mapcache_points){ 0 };
    if (!scopes_find(text, a, &scopes, &count, e))
        return false;
    if (count == 0)
        return true;
    f.points = arena_array(a, 2 * count, sizeof *f.points);
    f.open = arena_array(a, count + 1, sizeof *f.open);
    if (!f.points || !f.open)
        return err_set(e, ERR_NOMEM, 0, "no memory for the functions of a source");
    f.open[0] = (struct open){ .outer = { "", 0 } };
    flatten(&f, scopes, count);
    if (f.failed || texts->failed)
        return err_set(e, ERR_NOMEM, 0, "no memory for the names of functions");
    *out = pack(to, f.points, f.count);
    *functions += (uint32_t)count;
    return true;
}
