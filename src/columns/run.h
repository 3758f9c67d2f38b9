/* run.h - answers a query from the columns.
 *
 * Rows are looked at block by block: each condition makes bits of a block; what is left is put into
 * the order of keys, grouped, folded, ordered and cut to the page.
 *
 * What rows mean, everywhere: `head` and `first` are of the row with the least key, `tail` and
 * `last` of that with the greatest; rows that nothing else orders are in the order of their keys,
 * groups in that of their first row's. A row without the attribute does not count for a fold. What
 * is unset comes last in an order, whichever way it goes. Values of a histogram are in the order of
 * their coming; of a distribution, too, where they are equally frequent. Groups ordered by a
 * histogram, a distribution or bins are in the order of how many values or bins these have.
 *
 * Threads: pure; the view is the caller's. Memory: the arena; texts stay as long as both the view
 * and the arena. */
#ifndef CRUMPLE_COLUMNS_RUN_H
#define CRUMPLE_COLUMNS_RUN_H

#include "base/arena.h"
#include "columns/ask.h"

#define RUN_GROUPS_MAX 10000000
#define RUN_VALUES_MAX 20000000 /* in one answer: cells, and values of histograms */

/* A value of a fold: of a histogram with its number of rows, of a bin with its other end. */
struct folded_value {
    struct cell value, to;
    uint64_t count;
};
/* What one fold says of one group. Without values where the operator has nothing to say: no row has
 * the attribute, or it does not fit the column's type. By operator:
 *   head tail first last min max sum mean    one value
 *   unique count                             one value, UINT
 *   object                                   one value, UINT: an object id
 *   range                                    two: the least, the greatest
 *   histogram, bin                           value (and to), count
 *   distribution                             value, count: the most frequent first; and below */
struct folded {
    const struct folded_value *values;
    size_t count;
    uint64_t distinct, rest; /* FOLD_DISTRIBUTION: different values; rows of those not shown */
};

struct outcome_group {
    struct cell key; /* CELL_UNSET: "*" */
    uint64_t rows;
    const struct folded *folds; /* as many as the query has */
};

/* What a column of the answer is. */
struct outcome_column {
    struct str name;
    enum column_type type;
};

struct outcome {
    /* Select: one entry of `columns` each; cells[column * row_count + row]. */
    const struct outcome_column *columns; /* of a fold: of ask.folds, one each */
    size_t column_count;
    const uint64_t *keys;
    size_t row_count;
    const struct cell *cells;
    /* Fold. */
    struct outcome_column group;
    const struct outcome_group *groups;
    size_t group_count;
    /* How it went. */
    uint64_t matched;                  /* rows that the filter let through */
    uint64_t groups_found, groups_had; /* before and after `having` */
    uint64_t rows_had;                 /* rows in the latter */
    uint64_t newest;                   /* the table's */
    int64_t filter_us, group_us, fold_us, sort_us;
};

struct run_limits {
    int64_t until_us; /* metric_clock_us; later it ends with ERR_LIMIT "query_too_slow" */
};

/* ERR_INPUT: a column that is not there, an operator that does not fit, a bad regular expression
 * (the message names the place in it); ERR_LIMIT; ERR_NOMEM. */
MUST_CHECK bool run_ask(const struct ask *q, const struct columns_view *v, struct str project,
                        const struct run_limits *limits, struct arena *a, struct outcome *out,
                        struct err *e);
/* Only which rows the filter lets through: their keys, rising. */
MUST_CHECK bool run_match(const struct ask *q, const struct columns_view *v, struct str project,
                          const struct run_limits *limits, struct arena *a, const uint64_t **keys,
                          size_t *count, struct err *e);

#endif
