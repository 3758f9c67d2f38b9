/* run_model.h - answers queries row by row, in the plainest way, to hold src/columns/run.h against.
 * Cells are those that the table gives one by one. */
#ifndef CRUMPLE_TESTS_RUN_MODEL_H
#define CRUMPLE_TESTS_RUN_MODEL_H

#include "columns/run.h"

#define MODEL_NAMES 24

struct model_row {
    uint64_t key;
    struct cell cells[MODEL_NAMES];
};
/* What every name that queries use is, for each row that is there, in the order of keys. */
struct model {
    struct str names[MODEL_NAMES];
    enum column_type types[MODEL_NAMES];
    size_t name_count;
    struct model_row *rows;
    size_t row_count;
    struct arena *arena;
};

/* The name's place; asserts. */
size_t model_name(const struct model *m, struct str name);
bool model_matches(const struct model *m, const struct ask *q, const struct model_row *row);
/* -1, 0, 1; unset ones last. */
int model_compare(const struct cell *a, const struct cell *b);

struct model_group {
    struct cell key;
    const struct model_row **rows;
    size_t count;
};
/* What a fold says; from the arena. */
struct folded model_fold(const struct model *m, const struct ask_fold *fold,
                         const struct model_group *g);
bool model_having(const struct model *m, const struct ask *q, const struct model_group *g);
/* The cell that groups are ordered by. */
struct cell model_order_cell(const struct model *m, const struct ask *q, const struct ask_order *o,
                             const struct model_group *g);
struct cell model_virtual(const struct ask_virtual *v, struct cell c, enum column_type type);
enum column_type model_virtual_type(const struct ask_virtual *v, enum column_type type);

#endif
