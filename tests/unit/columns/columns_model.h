/* columns_model.h - a table kept in the simplest way, to hold src/columns against. */
#ifndef CRUMPLE_TESTS_COLUMNS_MODEL_H
#define CRUMPLE_TESTS_COLUMNS_MODEL_H

#include "columns/columns.h"

#define MODEL_COLUMNS 12
#define MODEL_TEXT 80

struct model_value {
    enum cell_type type;
    union {
        uint64_t u;
        int64_t i;
        double d;
        bool b;
    };
    char text[MODEL_TEXT]; /* CELL_STRING */
};
struct model_row {
    uint64_t key;
    bool live;
    struct model_value cells[MODEL_COLUMNS];
};
struct model {
    struct model_row *rows;
    size_t count, cap;
    uint64_t newest;
    bool has[MODEL_COLUMNS]; /* the table has the column */
    enum column_type types[MODEL_COLUMNS];
};

/* "column 0", ...; `room` has 16 bytes. */
struct str model_name(size_t column, char *room);
struct cell model_cell(const struct model_value *v);
/* NULL: there is none. */
struct model_row *model_find(struct model *m, uint64_t key);
/* The row of the key, made if need be. */
struct model_row *model_put(struct model *m, uint64_t key);
void model_set(struct model *m, struct model_row *row, size_t column, const struct model_value *v);
void model_clear(struct model *m);
void model_copy(const struct model *m, struct model *out);
void model_done(struct model *m);

/* Everything that a reader can ask of the table is as the model has it; asserts. */
void model_compare(const struct model *m, const struct table *t);

#endif
