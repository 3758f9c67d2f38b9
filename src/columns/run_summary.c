/* run_summary.c - groups and folds.
 *
 * Folds that decide which groups are shown, or where, are made for all groups; then the page is
 * cut, and the other folds are made for the groups on it only. */
#include "columns/run_fold.h"
#include "columns/run_order.h"
#include "columns/run_parts.h"

#define NAME_ARG(s) (int)((s).len < 60 ? (s).len : 60), (s).ptr

struct summary {
    struct source_list *list;
    const struct ask *ask;
    struct folding folding;
    struct gathered values;
    const struct source **sources; /* of ask->folds, one each */
    struct rows rows;
    struct grouping groups;
    /* Folds that decide, those that do not, and where each fold of the query is among its kind. */
    size_t *deciding, deciding_count, *other, other_count, *place_of;
    struct folded *decided;  /* of all groups */
    struct cell *group_keys; /* of all groups; NULL: not needed */
};

/* --- what is asked --------------------------------------------------------------------------- */

static bool find_sources(struct summary *s, struct outcome *out, struct err *e)
{
    const struct ask *q = s->ask;
    struct outcome_column *columns =
        arena_large(s->list->arena, q->fold_count + 1, sizeof *columns);
    s->sources = arena_large(s->list->arena, q->fold_count + 1, sizeof *s->sources);
    if (!columns || !s->sources)
        return run_no_memory(e);
    for (size_t i = 0; i < q->fold_count; i++) {
        struct str name = q->folds[i].column;
        if (!source_find(s->list, name, &s->sources[i], e))
            return e->code == ERR_NOT_FOUND
                       ? err_word(e, ERR_INPUT, "aggregation_column",
                                  "aggregation column not found: there is no attribute '%.*s'",
                                  NAME_ARG(name))
                       : false;
        if (q->folds[i].op == FOLD_OBJECT &&
            !source_find(s->list, STR("object"), &s->sources[i], e))
            return false;
        columns[i] = (struct outcome_column){ name, s->sources[i]->type };
    }
    out->columns = columns;
    out->column_count = q->fold_count;
    return true;
}

static bool find_group(struct summary *s, const struct source **group, struct outcome *out,
                       struct err *e)
{
    *group = NULL;
    if (!s->ask->has_group)
        return true;
    if (!source_find(s->list, s->ask->group, group, e))
        return e->code == ERR_NOT_FOUND
                   ? err_word(e, ERR_INPUT, "group_column",
                              "group: column not found: there is no attribute '%.*s'",
                              NAME_ARG(s->ask->group))
                   : false;
    out->group = (struct outcome_column){ (*group)->name, (*group)->type };
    return true;
}

static bool part_folds(struct summary *s, struct err *e)
{
    const struct ask *q = s->ask;
    bool *decides = arena_zalloc(s->list->arena, q->fold_count + 1);
    s->deciding = arena_large(s->list->arena, q->fold_count + 1, sizeof *s->deciding);
    s->other = arena_large(s->list->arena, q->fold_count + 1, sizeof *s->other);
    s->place_of = arena_large(s->list->arena, q->fold_count + 1, sizeof *s->place_of);
    if (!decides || !s->deciding || !s->other || !s->place_of)
        return run_no_memory(e);
    for (size_t i = 0; i < q->order_count; i++)
        if (q->order[i].by == ORDER_FOLD)
            decides[q->order[i].fold] = true;
    for (size_t i = 0; i < q->having_count; i++)
        if (!q->having[i].is_count)
            decides[q->having[i].fold] = true;
    for (size_t i = 0; i < q->fold_count; i++) {
        size_t *count = decides[i] ? &s->deciding_count : &s->other_count;
        s->place_of[i] = *count;
        (decides[i] ? s->deciding : s->other)[(*count)++] = i;
    }
    return true;
}

/* --- order ----------------------------------------------------------------------------------- */

/* What groups are ordered by: the first value of a fold; of one that has many values, how many. */
static struct cell fold_rank(enum fold_op op, const struct folded *f)
{
    if (op == FOLD_DISTRIBUTION || op == FOLD_HISTOGRAM || op == FOLD_BIN)
        return (struct cell){ .type = CELL_UINT,
                              .u = op == FOLD_DISTRIBUTION ? f->distinct : f->count };
    return f->count ? f->values[0].value : (struct cell){ .type = CELL_UNSET };
}

static bool key_cell(struct summary *s, const struct ask_order *o, uint32_t group, struct cell *out,
                     struct err *e)
{
    switch (o->by) {
    case ORDER_COUNT:
        *out = (struct cell){ .type = CELL_UINT, .u = group_size(&s->groups, group) };
        return true;
    case ORDER_FOLD:
        *out = fold_rank(s->ask->folds[o->fold].op,
                         &s->decided[group * s->deciding_count + s->place_of[o->fold]]);
        return true;
    case ORDER_GROUP:
    case ORDER_COLUMN:
        return group_key(s->list, &s->groups, group, out, e);
    }
    return true;
}

/* Of the groups shown[0..count). */
static bool make_order_key(struct summary *s, const struct ask_order *o, const uint32_t *shown,
                           uint32_t count, struct order_key *out, struct err *e)
{
    struct arena *a = s->list->arena;
    struct cell *cells = arena_large(a, (size_t)count + 1, sizeof *cells);
    uint8_t *set = arena_large(a, (size_t)count + 1, 1);
    *out = (struct order_key){ .descends = o->descends, .cells = cells, .set = set };
    out->words = arena_large(a, (size_t)count + 1, sizeof *out->words);
    if (!cells || !set || !out->words)
        return run_no_memory(e);
    for (uint32_t i = 0; i < count; i++) {
        if (!pace_check(&s->list->pace, 20, e) || !key_cell(s, o, shown[i], &cells[i], e))
            return false;
        set[i] = cells[i].type != CELL_UNSET;
        out->words[i] = order_word(&cells[i], o->descends);
    }
    return true;
}

/* --- the page -------------------------------------------------------------------------------- */

static bool check_order(const struct ask *q, struct err *e)
{
    for (size_t i = 0; i < q->order_count; i++)
        if (q->order[i].by == ORDER_COLUMN &&
            !(q->has_group && str_eq(q->order[i].column, q->group)))
            return err_word(e, ERR_INPUT, "order_column",
                            "order: groups are ordered by ;group, ;count or a fold, not by '%.*s'",
                            NAME_ARG(q->order[i].column));
    return true;
}

/* The groups that `having` lets through. */
static bool filter_groups(struct summary *s, uint32_t **shown, uint32_t *count, struct outcome *out,
                          struct err *e)
{
    struct having_groups h = { &s->groups, s->decided, s->deciding_count, s->place_of };
    *shown = arena_large(s->list->arena, (size_t)s->groups.count + 1, sizeof **shown);
    *count = 0;
    if (!*shown)
        return run_no_memory(e);
    for (uint32_t group = 0; group < s->groups.count; group++) {
        if (!having_holds(s->ask, &h, group))
            continue;
        (*shown)[(*count)++] = group;
        out->rows_had += group_size(&s->groups, group);
    }
    out->groups_found = s->groups.count;
    out->groups_had = *count;
    return true;
}

static bool cut_page(struct summary *s, uint32_t **page, uint32_t *count, struct outcome *out,
                     struct err *e)
{
    const struct ask *q = s->ask;
    uint32_t *shown, shown_count;
    struct order_key *keys = arena_large(s->list->arena, q->order_count + 1, sizeof *keys);
    if (!keys)
        return run_no_memory(e);
    if (!filter_groups(s, &shown, &shown_count, out, e))
        return false;
    for (size_t i = 0; i < q->order_count; i++)
        if (!make_order_key(s, &q->order[i], shown, shown_count, &keys[i], e))
            return false;
    if (!order_pick(s->list, keys, q->order_count, shown_count, q->offset, q->limit, page, count,
                    e))
        return false;
    for (uint32_t i = 0; i < *count; i++)
        (*page)[i] = shown[(*page)[i]];
    return true;
}

/* --- the answer ------------------------------------------------------------------------------ */

static bool new_folded(struct summary *s, size_t groups, size_t folds, struct folded **out,
                       struct err *e)
{
    *out = arena_large(s->list->arena, groups * folds + 1, sizeof **out);
    return *out || run_no_memory(e);
}

/* The folds that do not decide, of the groups on the page; their places are made anew when those
 * are not all groups as they stand. */
static bool fold_page(struct summary *s, const uint32_t *page, uint32_t count,
                      struct folded **folded, struct err *e)
{
    struct grouping chosen = s->groups;
    struct rows rows = s->rows;
    bool as_they_stand = count == s->groups.count;
    if (!new_folded(s, count, s->other_count, folded, e))
        return false;
    if (s->other_count == 0)
        return true;
    for (uint32_t i = 0; i < count; i++)
        as_they_stand &= page[i] == i;
    if (!as_they_stand &&
        !group_choose(s->list, &s->groups, &s->rows, page, count, &chosen, &rows, e))
        return false;
    return fold_groups(&s->folding, s->other, s->other_count, &rows, &chosen, *folded, e);
}

static bool give_groups(struct summary *s, const uint32_t *page, uint32_t count,
                        const struct folded *others, struct outcome *out, struct err *e)
{
    const struct ask *q = s->ask;
    struct outcome_group *groups = arena_large(s->list->arena, (size_t)count + 1, sizeof *groups);
    struct folded *folded;
    if (!groups)
        return run_no_memory(e);
    if (!new_folded(s, count, q->fold_count, &folded, e))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct folded *mine = folded + i * q->fold_count;
        groups[i] =
            (struct outcome_group){ .rows = group_size(&s->groups, page[i]), .folds = mine };
        if (!group_key(s->list, &s->groups, page[i], &groups[i].key, e))
            return false;
        for (size_t f = 0; f < s->deciding_count; f++)
            mine[s->deciding[f]] = s->decided[page[i] * s->deciding_count + f];
        for (size_t f = 0; f < s->other_count; f++)
            mine[s->other[f]] = others[i * s->other_count + f];
    }
    out->groups = groups;
    out->group_count = count;
    return true;
}

bool run_summary(struct source_list *l, const struct matches *m, struct outcome *out, struct err *e)
{
    int64_t since = metric_clock_us();
    struct summary s = { .list = l, .ask = l->ask };
    const struct source *group;
    struct folded *others;
    uint32_t *page, count;
    s.folding = (struct folding){ .list = l, .values = &s.values, .values_left = RUN_VALUES_MAX };
    gathered_init(&s.values, l, m->count);
    if (!find_sources(&s, out, e) || !find_group(&s, &group, out, e) || !check_order(l->ask, e) ||
        !part_folds(&s, e) || !rows_list(l, m, m->count, &s.rows, e) ||
        !group_rows(l, group, &s.rows, &s.values, &s.groups, e))
        return false;
    s.folding.sources = s.sources;
    out->group_us = lap_us(&since);
    if (!new_folded(&s, s.groups.count, s.deciding_count, &s.decided, e) ||
        !fold_groups(&s.folding, s.deciding, s.deciding_count, &s.rows, &s.groups, s.decided, e))
        return false;
    out->fold_us = lap_us(&since);
    if (!cut_page(&s, &page, &count, out, e))
        return false;
    out->sort_us = lap_us(&since);
    if (!fold_page(&s, page, count, &others, e) || !give_groups(&s, page, count, others, out, e))
        return false;
    out->fold_us += lap_us(&since);
    return true;
}
