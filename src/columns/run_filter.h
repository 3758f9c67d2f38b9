/* run_filter.h - which rows of a block the filter of a query lets through, as bits.
 *
 * Conditions on texts are decided once for each text that comes up, then by its code. An unset cell
 * holds for not-equal, not-contains, inverse-regular-expression and is-not-set only.
 *
 * Threads: belongs to one query. Memory: the arena. */
#ifndef CRUMPLE_COLUMNS_RUN_FILTER_H
#define CRUMPLE_COLUMNS_RUN_FILTER_H

#include "columns/run_source.h"

struct filter;
/* ERR_INPUT: a column that is not there, an operator that does not fit, a value that is none. */
MUST_CHECK bool filter_make(struct filter **out, struct source_list *l, struct err *e);
/* One bit for each row of the block that is there and gets through, as table_live. */
MUST_CHECK bool filter_block(struct filter *f, uint32_t block, uint64_t *bits, struct err *e);

#endif
