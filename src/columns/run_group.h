/* run_group.h - parts rows into groups: rows get places such that those of a group stand together,
 * in the order of their keys. Groups are in the order of their first rows.
 *
 * Threads: belongs to one query. Memory: the arena. */
#ifndef CRUMPLE_COLUMNS_RUN_GROUP_H
#define CRUMPLE_COLUMNS_RUN_GROUP_H

#include "columns/run_rows.h"

struct grouping {
    const struct source *source; /* NULL: all rows are one group */
    uint32_t count;
    uint32_t *starts;     /* group g has the places from starts[g] to starts[g + 1] */
    uint32_t *group_of;   /* of the i-th row; NULL: one group */
    uint32_t *place;      /* of the i-th row; NULL: i */
    uint64_t *values;     /* by group: a code or a number of the source */
    uint32_t unset_group; /* UINT32_MAX: none */
};

/* ERR_LIMIT: more than RUN_GROUPS_MAX. */
MUST_CHECK bool group_rows(struct source_list *l, const struct source *source,
                           const struct rows *rows, struct gathered *g, struct grouping *out,
                           struct err *e);
static inline uint32_t group_size(const struct grouping *g, uint32_t group)
{
    return g->starts[group + 1] - g->starts[group];
}
MUST_CHECK bool group_key(struct source_list *l, const struct grouping *g, uint32_t group,
                          struct cell *out, struct err *e);
/* Only some of the groups, in that order, and their rows. */
MUST_CHECK bool group_choose(struct source_list *l, const struct grouping *all,
                             const struct rows *rows, const uint32_t *chosen, uint32_t count,
                             struct grouping *out, struct rows *out_rows, struct err *e);

#endif
