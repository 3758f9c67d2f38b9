/* run_source.h - what a column name in a query means, and its values, a block at a time.
 *
 *     hostname, callstack                a column of the table
 *     _tx, object                        the key
 *     a name from virtual_columns        numbers of another, rounded down (run_virtual.h)
 *     fingerprint;first_seen             the least timestamp of all rows with the row's fingerprint
 *     fingerprint;issues;<name>          a column of the issue that has the row's fingerprint
 *
 * The last two are worked out once for each text of the column `fingerprint` (run_source_joined.c)
 * and then looked up by the row's code. A standard attribute that no row has yet is a source
 * without values.
 *
 * Threads: belongs to one query. Memory: the arena. */
#ifndef CRUMPLE_COLUMNS_RUN_SOURCE_H
#define CRUMPLE_COLUMNS_RUN_SOURCE_H

#include "columns/run.h"
#include "columns/run_pace.h"
#include "columns/run_value.h"

enum source_kind { SOURCE_UNSET, SOURCE_KEY, SOURCE_STORED, SOURCE_BY_FINGERPRINT };

struct source {
    struct str name;
    enum source_kind kind;
    enum column_type type;       /* of what it gives, */
    enum column_type base;       /* and before any steps */
    const struct column *column; /* STORED; BY_FINGERPRINT: the fingerprints */
    const struct column *texts;  /* of type STRING: the column whose codes these are */
    /* BY_FINGERPRINT, by the fingerprint's code + 1, like cells of blocks: one of the two. */
    const uint32_t *codes;
    const uint64_t *numbers;
    const bool *number_set;
    /* Of virtual columns: what is done with a number, first to last. */
    const struct ask_virtual **steps;
    size_t step_count;
};

struct source_list {
    const struct ask *ask;
    struct arena *arena;
    struct pace pace;
    struct table table;  /* the one that is asked */
    struct table issues; /* the project's */
    struct source **at;  /* those that were found so far */
    size_t count, room;
    /* By row of `issues`: the code of its fingerprint in the table + 1, 0: none that is there.
     * NULL: not made yet. */
    uint32_t *issue_codes;
    uint32_t *scratch; /* a block of codes */
};

/* False: there is no memory. */
MUST_CHECK bool source_list_init(struct source_list *l, const struct ask *q,
                                 const struct columns_view *v, struct str project,
                                 const struct run_limits *limits, struct arena *a, struct err *e);
/* ERR_NOT_FOUND: there is no such column; the caller says what it was for. ERR_INPUT: a virtual
 * column that cannot be. */
MUST_CHECK bool source_find(struct source_list *l, struct str name, const struct source **out,
                            struct err *e);

/* Whether no row of the block has a value. */
bool source_is_unset(const struct source_list *l, const struct source *s, uint32_t block);
/* As column_codes and column_numbers. */
void source_codes(struct source_list *l, const struct source *s, uint32_t block, uint32_t *out);
void source_numbers(struct source_list *l, const struct source *s, uint32_t block, uint64_t *out,
                    uint64_t *set);
/* One cell (some hundred nanoseconds); a text stays with the view and the arena. */
MUST_CHECK bool source_cell(struct source_list *l, const struct source *s, uint32_t row,
                            struct cell *out, struct err *e);
/* What a value of source_codes is. */
MUST_CHECK bool source_code_cell(struct source_list *l, const struct source *s, uint32_t code,
                                 struct cell *out, struct err *e);

/* For run_source_joined.c, which does "fingerprint;...". */
MUST_CHECK bool source_join(struct source_list *l, struct source *s, struct err *e);
bool source_refuse_name(const struct source *s, struct err *e); /* returns false */

#endif
