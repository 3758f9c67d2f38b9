/* bench_rows.h - rows of 25 attributes as crash reports have them, the same in every run: what
 * `crumple bench query` fills its columns with, and writes down for other databases.
 *
 * How often things come again is what counts: 20,000 call stacks of which few make up most rows,
 * 50,000 hosts, 200,000 users, a session that no other row has.
 * Threads: one at a time. */
#ifndef CRUMPLE_CLI_BENCH_ROWS_H
#define CRUMPLE_CLI_BENCH_ROWS_H

#include "columns/columns.h"

#define BENCH_ROW_CELLS 25
#define BENCH_ROW_TEXT 1024 /* bytes of a text at most */

struct bench_row {
    struct named_cell cells[BENCH_ROW_CELLS];
    char texts[BENCH_ROW_CELLS][BENCH_ROW_TEXT];
};

/* Row i, from 0. */
void bench_row_make(struct bench_row *row, uint64_t i);

#endif
