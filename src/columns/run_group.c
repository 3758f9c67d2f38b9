/* run_group.c - group numbers, then places by a counting sort. */
#include "columns/run_group.h"

#include "columns/run_number_map.h"

#define NO_GROUP UINT32_MAX

/* While groups are being numbered. */
struct numbering {
    struct source_list *list;
    const struct rows *rows;
    const struct gathered *values;
    struct grouping *out;
    uint32_t *sizes;
};

static bool too_many(struct err *e)
{
    return err_word(e, ERR_LIMIT, "query_too_large",
                    "the query makes more than %d groups: filter more", RUN_GROUPS_MAX);
}

/* A new group, or NO_GROUP when there are too many. */
static uint32_t new_group(struct numbering *n, uint64_t value)
{
    if (n->out->count == RUN_GROUPS_MAX)
        return NO_GROUP;
    n->out->values[n->out->count] = value;
    n->sizes[n->out->count] = 0;
    return n->out->count++;
}

static uint32_t row_by_key(const struct rows *rows, uint32_t k)
{
    return rows->by_key ? rows->by_key[k] : k;
}

static bool number_by_code(struct numbering *n, struct err *e)
{
    const struct source *s = n->out->source;
    size_t codes = (s->type == COLUMN_BOOL ? 2 : (size_t)column_texts(s->texts)) + 1;
    uint32_t *group_of = arena_large(n->list->arena, codes, sizeof *group_of);
    if (!group_of)
        return run_no_memory(e);
    memset(group_of, 0xff, codes * sizeof *group_of);
    for (uint32_t k = 0; k < n->rows->count; k++) {
        uint32_t i = row_by_key(n->rows, k), code = n->values->codes[i];
        if (group_of[code] == NO_GROUP) {
            group_of[code] = new_group(n, code);
            if (group_of[code] == NO_GROUP)
                return too_many(e);
        }
        n->out->group_of[i] = group_of[code];
        n->sizes[group_of[code]]++;
    }
    n->out->unset_group = group_of[0];
    return true;
}

/* -0.0 is 0.0. */
static uint64_t one_zero(enum column_type t, uint64_t bits)
{
    return t == COLUMN_DOUBLE && bits == UINT64_C(1) << 63 ? 0 : bits;
}

static bool number_by_number(struct numbering *n, struct err *e)
{
    const struct source *s = n->out->source;
    const struct gathered *v = n->values;
    struct run_number_map map;
    uint32_t *of_place = arena_large(n->list->arena, (size_t)n->rows->count + 1, sizeof *of_place);
    if (!of_place)
        return run_no_memory(e);
    run_number_map_init(&map, n->list->arena);
    if (!run_number_map_reset(&map, n->rows->count, e))
        return false;
    for (uint32_t k = 0, before = 0, place = 0; k < n->rows->count; k++, before = map.count) {
        uint32_t i = row_by_key(n->rows, k), *group = &n->out->unset_group;
        if (k % PACE_STEPS == 0 && !pace_check(&n->list->pace, PACE_STEPS, e))
            return false;
        if (v->set[i]) {
            if (!run_number_map_add(&map, one_zero(s->type, v->numbers[i]), &place, e))
                return false;
            group = &of_place[place];
            if (map.count != before)
                *group = NO_GROUP;
        }
        if (*group == NO_GROUP)
            *group = new_group(n, v->set[i] ? map.numbers[place] : 0);
        if (*group == NO_GROUP)
            return too_many(e);
        n->out->group_of[i] = *group;
        n->sizes[*group]++;
    }
    return true;
}

static bool make_starts(struct source_list *l, struct grouping *g, const uint32_t *sizes,
                        struct err *e)
{
    g->starts = arena_large(l->arena, (size_t)g->count + 1, sizeof *g->starts);
    if (!g->starts)
        return run_no_memory(e);
    g->starts[0] = 0;
    for (uint32_t group = 0; group < g->count; group++)
        g->starts[group + 1] = g->starts[group] + sizes[group];
    return true;
}

/* `sizes` is used up. */
static void make_places(const struct rows *rows, struct grouping *g, uint32_t *sizes)
{
    memcpy(sizes, g->starts, g->count * sizeof *sizes); /* now: the next place of the group */
    for (uint32_t k = 0; k < rows->count; k++) {
        uint32_t i = row_by_key(rows, k);
        g->place[i] = sizes[g->group_of[i]]++;
    }
}

static bool one_group(struct source_list *l, const struct rows *rows, struct grouping *out,
                      struct err *e)
{
    uint32_t size = rows->count;
    out->count = rows->count > 0;
    out->unset_group = 0;
    if (!make_starts(l, out, &size, e))
        return false;
    if (!rows->by_key)
        return true;
    out->place = arena_large(l->arena, (size_t)rows->count + 1, sizeof *out->place);
    if (!out->place)
        return run_no_memory(e);
    for (uint32_t k = 0; k < rows->count; k++)
        out->place[rows->by_key[k]] = k;
    return true;
}

bool group_rows(struct source_list *l, const struct source *source, const struct rows *rows,
                struct gathered *g, struct grouping *out, struct err *e)
{
    *out = (struct grouping){ .source = source, .unset_group = NO_GROUP };
    if (!source || source->kind == SOURCE_UNSET)
        return one_group(l, rows, out, e);
    size_t most = (size_t)rows->count + 1;
    if (type_has_codes(source->type)) {
        size_t codes = (source->type == COLUMN_BOOL ? 2 : column_texts(source->texts)) + (size_t)1;
        most = codes < most ? codes : most;
    }
    struct numbering n = { .list = l, .rows = rows, .values = g, .out = out };
    n.sizes = arena_large(l->arena, most, sizeof *n.sizes);
    out->values = arena_large(l->arena, most, sizeof *out->values);
    out->group_of = arena_large(l->arena, (size_t)rows->count + 1, sizeof *out->group_of);
    out->place = arena_large(l->arena, (size_t)rows->count + 1, sizeof *out->place);
    if (!n.sizes || !out->values || !out->group_of || !out->place)
        return run_no_memory(e);
    if (!gather(g, source, rows, NULL, e) ||
        !(type_has_codes(source->type) ? number_by_code(&n, e) : number_by_number(&n, e)) ||
        !make_starts(l, out, n.sizes, e))
        return false;
    make_places(rows, out, n.sizes);
    return true;
}

bool group_key(struct source_list *l, const struct grouping *g, uint32_t group, struct cell *out,
               struct err *e)
{
    *out = (struct cell){ .type = CELL_UNSET };
    if (group == g->unset_group)
        return true;
    if (type_has_codes(g->source->type))
        return source_code_cell(l, g->source, (uint32_t)g->values[group], out, e);
    *out = value_of_bits(g->source->type, g->values[group]);
    return true;
}

/* --- some of them ---------------------------------------------------------------------------- */

/* Room for what is chosen, the starts and values already right; *now: the new number by the old. */
static bool begin_chosen(struct source_list *l, const struct grouping *all, const uint32_t *chosen,
                         uint32_t count, struct grouping *out, uint32_t **now, struct err *e)
{
    *out = (struct grouping){ .source = all->source, .count = count, .unset_group = NO_GROUP };
    *now = arena_large(l->arena, (size_t)all->count + 1, sizeof **now);
    uint32_t *sizes = arena_large(l->arena, (size_t)count + 1, sizeof *sizes);
    out->values = arena_zalloc(l->arena, ((size_t)count + 1) * sizeof *out->values);
    if (!*now || !sizes || !out->values)
        return run_no_memory(e);
    memset(*now, 0xff, all->count * sizeof **now);
    for (uint32_t c = 0; c < count; c++) {
        (*now)[chosen[c]] = c;
        sizes[c] = group_size(all, chosen[c]);
        if (all->values)
            out->values[c] = all->values[chosen[c]];
        if (chosen[c] == all->unset_group)
            out->unset_group = c;
    }
    return make_starts(l, out, sizes, e);
}

bool group_choose(struct source_list *l, const struct grouping *all, const struct rows *rows,
                  const uint32_t *chosen, uint32_t count, struct grouping *out,
                  struct rows *out_rows, struct err *e)
{
    uint32_t *now, kept = 0;
    if (!all->group_of) { /* one group: all of it or nothing */
        *out = *all;
        *out_rows = *rows;
        out->count = count;
        out_rows->count = count ? rows->count : 0;
        return true;
    }
    if (!begin_chosen(l, all, chosen, count, out, &now, e))
        return false;
    uint32_t total = out->starts[count];
    uint32_t *at = arena_large(l->arena, (size_t)total + 1, sizeof *at);
    out->group_of = arena_large(l->arena, (size_t)total + 1, sizeof *out->group_of);
    out->place = arena_large(l->arena, (size_t)total + 1, sizeof *out->place);
    if (!at || !out->group_of || !out->place)
        return run_no_memory(e);
    for (uint32_t i = 0; i < rows->count; i++) {
        uint32_t old = all->group_of[i], group = now[old];
        if (group == NO_GROUP)
            continue;
        at[kept] = rows->at[i];
        out->group_of[kept] = group;
        out->place[kept++] = out->starts[group] + (all->place[i] - all->starts[old]);
    }
    *out_rows = (struct rows){ .at = at, .count = kept };
    return true;
}
