/* run_print.h - the outcome of a query as one line of text, for tables of cases.
 *
 *     select   12: 5 'text' - true | 13: ...        key: cells, unset is -
 *     fold     'key' x3: 1 2, 'a'*2 'b'*1, | ...    group xrows: the folds' values
 *
 * Behind a value of several rows stands *rows; a bin is from..to*rows; a distribution ends with
 * (distinct+rest). */
#ifndef CRUMPLE_TESTS_RUN_PRINT_H
#define CRUMPLE_TESTS_RUN_PRINT_H

#include "columns/run.h"

void run_print(const struct ask *q, const struct outcome *o, struct buf *out);

#endif
