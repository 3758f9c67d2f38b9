/* run_rows.h - the rows that a query goes on with, and the values of a column for them.
 *
 * Rows are kept rising by number, so that each block is unpacked once. Where a row's values belong
 * in what comes after is its place: place[i] of the i-th row. A place NULL means i.
 *
 * Threads: belongs to one query. Memory: the arena. */
#ifndef CRUMPLE_COLUMNS_RUN_ROWS_H
#define CRUMPLE_COLUMNS_RUN_ROWS_H

#include "columns/run_filter.h"

/* A bit for each row of the table: bit i of word i / 64. */
struct matches {
    uint64_t *bits;
    uint32_t count; /* of those that are set */
};
/* All rows that the filter lets through. */
MUST_CHECK bool rows_match(struct source_list *l, struct filter *f, struct matches *out,
                           struct err *e);

struct rows {
    const uint32_t *at; /* rising */
    uint32_t count;
    const uint32_t *by_key; /* the order of keys: places in `at`; NULL: the order of `at` */
};
/* At least the `most` rows with the least keys. */
MUST_CHECK bool rows_list(struct source_list *l, const struct matches *m, uint64_t most,
                          struct rows *out, struct err *e);

/* Values of the rows: of one source at a time, in buffers that are used again. */
struct gathered {
    struct source_list *list;
    uint32_t capacity;
    uint32_t *codes;   /* of a source with codes, as in blocks, by place */
    uint64_t *numbers; /* of the others, */
    uint8_t *set;      /* and whether there is one */
    uint32_t *block_codes;
    uint64_t *block_numbers, *block_set;
};
/* Buffers are made when they are first needed, for `capacity` rows. */
void gathered_init(struct gathered *g, struct source_list *l, uint32_t capacity);
MUST_CHECK bool gather(struct gathered *g, const struct source *s, const struct rows *rows,
                       const uint32_t *place, struct err *e);
/* What stands at a place. */
MUST_CHECK bool gathered_cell(struct gathered *g, const struct source *s, uint32_t place,
                              struct cell *out, struct err *e);

#endif
