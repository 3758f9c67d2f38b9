/* run_parts.h - the two ways that an answer is made when the filter has done its work; for run.c.
 */
#ifndef CRUMPLE_COLUMNS_RUN_PARTS_H
#define CRUMPLE_COLUMNS_RUN_PARTS_H

#include "columns/run_group.h"

/* run_select.c: rows. */
MUST_CHECK bool run_select(struct source_list *l, struct matches *m, struct outcome *out,
                           struct err *e);
/* run_summary.c: groups and folds. */
MUST_CHECK bool run_summary(struct source_list *l, const struct matches *m, struct outcome *out,
                            struct err *e);

/* run_having.c: which groups of groups[0..count) stay, by their number. folded[g * fold_count +
 * place_of[f]] is what fold f says of group g. */
struct having_groups {
    const struct grouping *groups;
    const struct folded *folded;
    size_t fold_count;
    const size_t *place_of; /* by fold of the query */
};
bool having_holds(const struct ask *q, const struct having_groups *h, uint32_t group);

static inline int64_t lap_us(int64_t *since)
{
    int64_t now = metric_clock_us(), took = now - *since;
    *since = now;
    return took;
}

#endif
