/* run_fold.h - what the folds of a query say of each group.
 *
 * The values of a column are gathered once, into the places that the groups gave the rows; then
 * each group is a stretch of them, and each fold runs over it.
 *
 * Threads: belongs to one query. Memory: the arena. */
#ifndef CRUMPLE_COLUMNS_RUN_FOLD_H
#define CRUMPLE_COLUMNS_RUN_FOLD_H

#include "columns/run_group.h"
#include "columns/run_tally.h"

/* For one group after the other; all 0 between them. */
struct fold_bins {
    uint32_t counts[ASK_BINS_MAX];
    uint64_t bits[ASK_BINS_MAX / 64 + 1]; /* of those that are not 0 */
};

/* What folds of one query share. */
struct folding {
    struct source_list *list;
    const struct source *const *sources; /* of ask.folds, one each */
    struct gathered *values;
    uint64_t values_left;           /* of RUN_VALUES_MAX */
    struct folded_value *values_at; /* room for more of them, */
    size_t room, next_room;         /* so many; and in the next piece */
    struct fold_bins *bins;         /* NULL: not needed yet */
};

/* The folds `which[0..count)`: out[group * count + i] is of which[i]. */
MUST_CHECK bool fold_groups(struct folding *f, const size_t *which, size_t count,
                            const struct rows *rows, const struct grouping *groups,
                            struct folded *out, struct err *e);

/* One group, for one column. */
struct fold_group {
    struct folding *folding;
    const struct source *source;
    struct run_tally *tally; /* filled when the fold needs it */
    uint32_t from, end;      /* places */
};
/* More values for the answer; NULL: too many, or no memory. */
struct folded_value *fold_values(struct folding *f, size_t count, struct err *e);
/* run_fold_bin.c; of numbers. */
MUST_CHECK bool fold_bin(const struct fold_group *g, const struct ask_fold *fold,
                         struct folded *out, struct err *e);

#endif
