/* symcache_code.c - the rows of the code table: functions by address, and in the gaps between them
 * the public symbols, as Breakpad looks them up.
 *
 * Inside a function its lines and its inlined calls are two lists of stretches; a row begins
 * wherever one of the two changes. An inlined call becomes a site: who calls whom from where. The
 * ranges of one call, and equal calls from the same line, share a site. */
#include "symbols/symcache_image.h"

#include "symbols/symcache_ranges.h"

/* A table of the present function's sites. Entries of functions before count as empty. */
struct site_table {
    uint32_t *slots; /* number + 1 */
    size_t mask;
    uint32_t oldest; /* the first site of the present function */
    VEC(uint8_t) depths;
};

struct code {
    struct image *img;
    struct symcache_builder *b;
    struct table_writer *table;
    uint32_t *entities; /* of public symbols: number + 1, when it was seen */
    size_t next_public;
    struct site_table sites;
    uint32_t function_file; /* of the present function's first line; number + 1 */
    VEC(struct range) ranges;
    VEC(struct range_change) changes;
    VEC(struct built_line) sorted; /* lines of the present function, if they did not come so */
    bool failed;
};

struct span {
    size_t begin, end;
};
static struct span lines_of(const struct symcache_builder *b, uint32_t function)
{
    bool last = (size_t)function + 1 == b->functions.len;
    return (struct span){ b->functions.at[function].lines,
                          last ? b->lines.len : b->functions.at[function + 1].lines };
}
static struct span inlines_of(const struct symcache_builder *b, uint32_t function)
{
    bool last = (size_t)function + 1 == b->functions.len;
    return (struct span){ b->functions.at[function].inlines,
                          last ? b->inlines.len : b->functions.at[function + 1].inlines };
}

static uint32_t add_entity(struct code *c, uint32_t start, uint32_t name, uint32_t parameter_bytes,
                           bool is_public)
{
    const uint32_t record[ENTITY_FIELDS] = { [ENTITY_START] = start,
                                             [ENTITY_NAME] = used_number(&c->img->names, name),
                                             [ENTITY_PARAMETERS] = parameter_bytes,
                                             [ENTITY_PUBLIC] = is_public };
    if (!VEC_RESERVE(&c->img->entities, ENTITY_FIELDS)) {
        c->failed = true;
        return 0;
    }
    memcpy(c->img->entities.at + c->img->entities.len, record, sizeof record);
    c->img->entities.len += ENTITY_FIELDS;
    return (uint32_t)(c->img->entities.len / ENTITY_FIELDS);
}

static uint32_t file_number(struct code *c, uint32_t file)
{
    if (file >= c->b->files.items.len)
        return file == SYMCACHE_FUNCTION_FILE ? c->function_file : 0;
    return c->b->files.items.at[file].len ? used_number(&c->img->files, file) + 1 : 0;
}

static void add_row(struct code *c, uint64_t address, uint32_t entity, uint32_t site,
                    const struct built_line *line)
{
    struct table_row row = { (uint32_t)address, { entity, site, 0, 0 } };
    if (line) {
        row.values[CODE_PLACE] = file_number(c, line->file);
        row.values[CODE_LINE] = line->line;
    }
    table_add(c->table, row);
}

/* ---- inlined calls ---- */

static bool same_site(const struct code *c, uint32_t site, const uint32_t key[SITE_FIELDS])
{
    const uint32_t *record = c->img->sites.at + (size_t)site * SITE_FIELDS;
    uint32_t outer = record[SITE_OUTER] ? site + 1 - record[SITE_OUTER] : 0;
    return outer == key[SITE_OUTER] && record[SITE_NAME] == key[SITE_NAME] &&
           record[SITE_LINE] == key[SITE_LINE] && record[SITE_FILE] == key[SITE_FILE];
}

static uint32_t add_site(struct code *c, uint32_t *slot, uint32_t key[SITE_FIELDS])
{
    uint32_t number = (uint32_t)(c->img->sites.len / SITE_FIELDS) + 1;
    uint32_t outer = key[SITE_OUTER];
    uint8_t depth = outer ? c->sites.depths.at[outer - 1] : 0;
    if (depth == SYMCACHE_NESTING_MAX) {
        c->img->about.skipped++;
        return 0;
    }
    if (!VEC_RESERVE(&c->img->sites, SITE_FIELDS) ||
        !VEC_PUSH(&c->sites.depths, (uint8_t)(depth + 1))) {
        c->failed = true;
        return 0;
    }
    key[SITE_OUTER] = outer ? number - outer : 0;
    memcpy(c->img->sites.at + c->img->sites.len, key, SITE_FIELDS * sizeof *key);
    c->img->sites.len += SITE_FIELDS;
    *slot = number;
    return number;
}

/* The site of a range, number + 1. */
static uint32_t find_site(void *ctx, const struct range *r, uint32_t around)
{
    struct code *c = ctx;
    const struct built_inline *in = &c->b->inlines.at[r->id];
    uint32_t key[SITE_FIELDS] = { [SITE_OUTER] = around,
                                  [SITE_NAME] = used_number(&c->img->names, in->name),
                                  [SITE_LINE] = in->call_line,
                                  [SITE_FILE] = file_number(c, in->call_file) };
    size_t i = (size_t)idmap_hash((struct str){ (const char *)key, sizeof key }, 0);
    for (;; i++) {
        uint32_t *slot = &c->sites.slots[i & c->sites.mask];
        if (*slot <= c->sites.oldest)
            return add_site(c, slot, key);
        if (same_site(c, *slot - 1, key))
            return *slot;
    }
}

/* Room for the sites of the function with the most inlined calls, twice over. */
static bool init_sites(struct code *c)
{
    size_t most = 0, room = 16;
    for (uint32_t f = 0; f < c->b->functions.len; f++) {
        struct span s = inlines_of(c->b, f);
        most = s.end - s.begin > most ? s.end - s.begin : most;
    }
    while (room < 2 * most)
        room *= 2;
    c->sites.mask = room - 1;
    c->sites.slots = calloc(room, sizeof *c->sites.slots);
    return c->sites.slots != NULL;
}

/* Fills `changes` with where in the function the innermost inlined call changes. */
static bool find_changes(struct code *c, uint32_t function)
{
    struct span s = inlines_of(c->b, function);
    c->ranges.len = c->changes.len = 0;
    c->sites.oldest = (uint32_t)(c->img->sites.len / SITE_FIELDS);
    if (s.begin == s.end)
        return true;
    for (size_t i = s.begin; i < s.end; i++) {
        const struct built_inline *in = &c->b->inlines.at[i];
        struct range r = { in->first, in->last, (uint32_t)(i - s.begin), (uint32_t)i };
        if (!VEC_PUSH(&c->ranges, r))
            return false;
    }
    if (!ranges_nested(c->ranges.at, &c->ranges.len, true) ||
        !VEC_RESERVE(&c->changes, 2 * c->ranges.len))
        return false;
    c->img->about.inlines += (uint32_t)c->ranges.len;
    c->img->about.skipped += (uint32_t)(s.end - s.begin - c->ranges.len);
    return ranges_changes(c->ranges.at, c->ranges.len, find_site, c, c->changes.at,
                          &c->changes.len);
}

/* ---- lines ---- */

struct line_list {
    const struct built_line *at;
    size_t n;
};

/* The function's lines by address, those left out that overlap an earlier one. */
static bool sort_lines(struct code *c, struct span s, struct line_list *out)
{
    const struct built_line *at = c->b->lines.at;
    c->ranges.len = c->sorted.len = 0;
    for (size_t i = s.begin; i < s.end; i++) {
        struct range r = { at[i].first, at[i].last, (uint32_t)(i - s.begin), (uint32_t)i };
        if (!VEC_PUSH(&c->ranges, r))
            return false;
    }
    if (!ranges_exclusive(c->ranges.at, &c->ranges.len))
        return false;
    for (size_t i = 0; i < c->ranges.len; i++)
        if (!VEC_PUSH(&c->sorted, at[c->ranges.at[i].id]))
            return false;
    c->img->about.skipped += (uint32_t)(s.end - s.begin - c->sorted.len);
    *out = (struct line_list){ c->sorted.at, c->sorted.len };
    return true;
}

static bool find_lines(struct code *c, uint32_t function, struct line_list *out)
{
    struct span s = lines_of(c->b, function);
    const struct built_line *at = c->b->lines.at;
    *out = (struct line_list){ s.begin < s.end ? at + s.begin : NULL, s.end - s.begin };
    for (size_t i = s.begin + 1; i < s.end; i++)
        if (at[i].first <= at[i - 1].last)
            return sort_lines(c, s, out);
    return true;
}

/* ---- functions ---- */

static bool add_function(struct code *c, uint32_t function)
{
    const struct built_function *f = &c->b->functions.at[function];
    struct line_list lines;
    if (!find_lines(c, function, &lines))
        return false;
    c->function_file = lines.n > 0 ? file_number(c, lines.at[0].file) : 0;
    if (!find_changes(c, function))
        return false;
    uint32_t entity = add_entity(c, f->first, f->name, f->parameter_bytes, false), site = 0;
    uint64_t end = (uint64_t)f->last + 1, next;
    size_t l = 0, k = 0;
    for (uint64_t at = f->first; at < end; at = next) {
        next = end;
        for (; k < c->changes.len && c->changes.at[k].address <= at; k++)
            site = c->changes.at[k].value;
        if (k < c->changes.len && c->changes.at[k].address < next)
            next = c->changes.at[k].address;
        while (l < lines.n && lines.at[l].last < at)
            l++;
        bool has_line = l < lines.n && lines.at[l].first <= at;
        uint64_t line_ends = l == lines.n ? end
                             : has_line   ? (uint64_t)lines.at[l].last + 1
                                          : lines.at[l].first;
        next = line_ends < next ? line_ends : next;
        add_row(c, at, entity, site, has_line ? &lines.at[l] : NULL);
    }
    c->img->about.functions++;
    c->img->about.lines += (uint32_t)lines.n;
    return true;
}

/* ---- public symbols ---- */

static int compare_publics(const void *va, const void *vb)
{
    const struct built_public *a = va, *b = vb;
    if (a->address != b->address)
        return a->address < b->address ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

/* By address, the first that came of those with the same. */
static void sort_publics(struct symcache_builder *b)
{
    struct built_public *p = b->publics.at;
    size_t kept = 0, n = b->publics.len;
    bool sorted = true;
    for (size_t i = 1; i < n && sorted; i++)
        sorted = compare_publics(&p[i - 1], &p[i]) < 0;
    if (!sorted)
        qsort(p, n, sizeof *p, compare_publics);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || p[kept - 1].address != p[i].address)
            p[kept++] = p[i];
    b->publics.len = kept;
}

static void add_public_row(struct code *c, uint64_t address, size_t i)
{
    const struct built_public *p = &c->b->publics.at[i];
    if (c->entities[i] == 0)
        c->entities[i] = add_entity(c, p->address, p->name, p->parameter_bytes, true);
    add_row(c, address, c->entities[i], 0, NULL);
}

/* From `at` up to, but without, `end` there is no function; the one before, if any, begins at
 * `before`: a public symbol that begins at or below it does not reach over it. */
static void fill_gap(struct code *c, uint64_t at, uint64_t end, int64_t before)
{
    const struct built_public *p = c->b->publics.at;
    size_t n = c->b->publics.len;
    if (at >= end)
        return;
    while (c->next_public < n && p[c->next_public].address <= at)
        c->next_public++;
    if (c->next_public > 0 && (int64_t)p[c->next_public - 1].address > before)
        add_public_row(c, at, c->next_public - 1);
    else
        add_row(c, at, 0, 0, NULL);
    for (; c->next_public < n && p[c->next_public].address < end; c->next_public++)
        add_public_row(c, p[c->next_public].address, c->next_public);
}

/* ---- all together ---- */

static bool add_all(struct code *c, const struct range *functions, size_t n)
{
    uint64_t at = 0;
    int64_t before = -1;
    for (size_t i = 0; i < n && !c->failed; i++) {
        fill_gap(c, at, functions[i].first, before);
        if (!add_function(c, functions[i].id))
            return false;
        at = (uint64_t)functions[i].last + 1;
        before = functions[i].first;
    }
    fill_gap(c, at, (uint64_t)UINT32_MAX + 1, before);
    return !c->failed;
}

/* Sorts the functions; those that overlap an earlier one are left out. */
static bool sort_functions(struct symcache_builder *b, struct range *out, size_t *n)
{
    for (uint32_t i = 0; i < b->functions.len; i++)
        out[i] = (struct range){ b->functions.at[i].first, b->functions.at[i].last, i, i };
    *n = b->functions.len;
    return ranges_exclusive(out, n);
}

bool image_code(struct image *img)
{
    struct symcache_builder *b = img->b;
    struct code c = { .img = img, .b = b, .table = &img->tables[TABLE_CODE] };
    struct range *functions = calloc(b->functions.len + 1, sizeof *functions);
    size_t n = 0;
    sort_publics(b);
    c.entities = calloc(b->publics.len + 1, sizeof *c.entities);
    img->about.publics = (uint32_t)b->publics.len;
    bool ok = functions && c.entities && init_sites(&c) && sort_functions(b, functions, &n) &&
              add_all(&c, functions, n);
    img->about.skipped += (uint32_t)(b->functions.len - n);
    free(functions);
    free(c.entities);
    free(c.sites.slots);
    VEC_FREE(&c.sites.depths);
    VEC_FREE(&c.ranges);
    VEC_FREE(&c.changes);
    VEC_FREE(&c.sorted);
    return ok;
}
