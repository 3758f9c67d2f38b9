/* run.c - the way of a query: what its names mean, the filter, then rows or groups. */
#include "columns/run.h"

#include "columns/run_parts.h"

static bool match(const struct ask *q, const struct columns_view *v, struct str project,
                  const struct run_limits *limits, struct arena *a, struct source_list *l,
                  struct matches *m, struct err *e)
{
    struct filter *f;
    return source_list_init(l, q, v, project, limits, a, e) && pace_look(&l->pace, e) &&
           filter_make(&f, l, e) && rows_match(l, f, m, e);
}

bool run_ask(const struct ask *q, const struct columns_view *v, struct str project,
             const struct run_limits *limits, struct arena *a, struct outcome *out, struct err *e)
{
    int64_t since = metric_clock_us();
    struct source_list l;
    struct matches m;
    if (!match(q, v, project, limits, a, &l, &m, e))
        return false;
    *out = (struct outcome){ .matched = m.count, .newest = l.table.newest };
    out->filter_us = lap_us(&since);
    return q->kind == ASK_SELECT ? run_select(&l, &m, out, e) : run_summary(&l, &m, out, e);
}

bool run_match(const struct ask *q, const struct columns_view *v, struct str project,
               const struct run_limits *limits, struct arena *a, const uint64_t **keys,
               size_t *count, struct err *e)
{
    struct source_list l;
    struct matches m;
    struct rows rows;
    if (!match(q, v, project, limits, a, &l, &m, e) || !rows_list(&l, &m, m.count, &rows, e))
        return false;
    uint64_t *out = arena_large(a, (size_t)rows.count + 1, sizeof *out);
    if (!out)
        return run_no_memory(e);
    for (uint32_t k = 0; k < rows.count; k++)
        out[k] = table_key(&l.table, rows.at[rows.by_key ? rows.by_key[k] : k]);
    *keys = out;
    *count = rows.count;
    return true;
}
