/* run_tally.h - the different values of one group and how often each comes, in the order of their
 * coming: by an array over the codes, or a hash table of numbers. What one group needs is made
 * ready again at no more cost than it had values.
 *
 * Threads: belongs to one query. Memory: the arena. */
#ifndef CRUMPLE_COLUMNS_RUN_TALLY_H
#define CRUMPLE_COLUMNS_RUN_TALLY_H

#include "columns/run_number_map.h"
#include "columns/run_rows.h"

struct run_tally {
    const struct source *source;
    uint32_t count; /* of the different values */
    /* Of codes: which ones, and by code how often. */
    uint32_t *codes, *count_of;
    struct cell *cell_of; /* by code, made when first asked for */
    struct run_number_map numbers;
};

MUST_CHECK bool run_tally_init(struct run_tally *t, struct source_list *l, const struct source *s,
                               uint32_t rows, struct err *e);
/* The values at places from..end of what was gathered of the source. */
MUST_CHECK bool run_tally_fill(struct run_tally *t, const struct gathered *g, uint32_t from,
                               uint32_t end, struct err *e);
/* Before the next one. */
void run_tally_empty(struct run_tally *t);

static inline uint32_t run_tally_rows(const struct run_tally *t, uint32_t i)
{
    return t->codes ? t->count_of[t->codes[i]] : t->numbers.counts[i];
}
MUST_CHECK bool run_tally_cell(struct run_tally *t, struct source_list *l, uint32_t i,
                               struct cell *out, struct err *e);

#endif
