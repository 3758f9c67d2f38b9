/* columns.h - attributes of all objects, in memory, a column each: what Backtrace queries are
 * answered from.
 *
 * Place in the story: the engine's writer puts a row in for each object that it has stored, changes
 * and removes rows as the store does, and then publishes; at start all rows are made from the
 * store. Queries (ask.h, run.h) read. docs/columns.md tells the layout.
 *
 * A table holds the objects of one project (or its issues), one row each, known by a key: the
 * object id. Rows are numbered in the order in which they were put, and lie in blocks of
 * COLUMNS_BLOCK_ROWS. A column holds one attribute: numbers, as few bytes each as the block's range
 * needs; or strings as codes into the column's dictionary. A column that no row of a block has
 * costs nothing there.
 *
 * A column's type follows its values. Numbers of different kinds become the kind that holds both
 * (UINT and INT: INT where all fit, else DOUBLE); other mixtures become STRING: a number is then
 * its text.
 *
 * Threads: one writer (columns_put to columns_publish). Readers: any number, any time; nobody
 * waits. A reader sees for each table what was published when it read it, whole: a row that was
 * put, changed or removed later is not seen. What it sees stays until columns_release. Memory: the
 * tables' own; what is given out stays until columns_release. */
#ifndef CRUMPLE_COLUMNS_COLUMNS_H
#define CRUMPLE_COLUMNS_COLUMNS_H

#include "base/arena.h"

#include <stddef.h>
#include <stdint.h>

#define COLUMNS_BLOCK_ROWS 65536u
#define COLUMNS_MAX_DEFAULT 2000 /* columns of one table */
#define COLUMNS_NAME_MAX 1024    /* bytes; a cell with a longer name is left out */
#define COLUMNS_TEXT_MAX 65536   /* bytes; longer texts are cut */

enum cell_type { CELL_UNSET, CELL_UINT, CELL_INT, CELL_DOUBLE, CELL_BOOL, CELL_STRING };
struct cell {
    enum cell_type type;
    union {
        uint64_t u;
        int64_t i;
        double d; /* never NaN */
        bool b;
        struct str s;
    };
};
struct named_cell {
    struct str name;
    struct cell value;
};

enum column_type { COLUMN_UINT, COLUMN_INT, COLUMN_DOUBLE, COLUMN_BOOL, COLUMN_STRING };

enum table_kind { TABLE_OBJECTS, TABLE_ISSUES };

struct columns;
MUST_CHECK bool columns_new(struct columns **out, size_t max_columns, struct err *e);
/* A column of this name has a place in each table, whatever else comes; once, before all rows. The
 * name stays borrowed. */
void columns_reserve(struct columns *c, struct str name);
void columns_free(struct columns *c); /* nobody may read; NULL is fine */
DEFINE_CLEANUP(struct columns, columns_free)

/* The writer. Nothing of it is seen before columns_publish. ERR_NOMEM: the row is as it was. */

/* A new row; or, where the key has one, all of that row is replaced. Names are UTF-8, each once;
 * unset cells are left out. Attributes that would be one column too many are left out and counted
 * in *left_out (NULL is fine). */
MUST_CHECK bool columns_put(struct columns *c, struct str project, enum table_kind kind,
                            uint64_t key, const struct named_cell *cells, size_t count,
                            size_t *left_out, struct err *e);
/* Sets some cells of a row; CELL_UNSET clears. ERR_NOT_FOUND: there is no such row. ERR_LIMIT: one
 * column too many; the message says how many there may be. */
MUST_CHECK bool columns_change(struct columns *c, struct str project, enum table_kind kind,
                               uint64_t key, const struct named_cell *cells, size_t count,
                               struct err *e);
/* The same for many rows at once; keys that have no row are passed over. */
MUST_CHECK bool columns_change_all(struct columns *c, struct str project, enum table_kind kind,
                                   const uint64_t *keys, size_t key_count,
                                   const struct named_cell *cells, size_t count, struct err *e);
/* Keys that have no row are passed over. */
MUST_CHECK bool columns_remove(struct columns *c, struct str project, enum table_kind kind,
                               const uint64_t *keys, size_t key_count, struct err *e);
/* All rows of all tables. */
MUST_CHECK bool columns_clear(struct columns *c, struct err *e);
void columns_publish(struct columns *c);

/* Bytes that the tables hold; any thread. */
size_t columns_bytes(const struct columns *c);

/* Readers. */
struct columns_view;
const struct columns_view *columns_acquire(struct columns *c);
void columns_release(struct columns *c, const struct columns_view *v);

struct table_version; /* never changes */
struct column;
struct table {
    const struct table_version *version;
    uint32_t rows;   /* row numbers are below this; some may have been removed */
    uint64_t newest; /* the highest key that was ever put; 0: none */
};
/* False: there is no such table, and *out is an empty one. */
bool columns_table(const struct columns_view *v, struct str project, enum table_kind kind,
                   struct table *out);

size_t table_column_count(const struct table *t);
const struct column *table_column_at(const struct table *t, size_t i); /* in the order they came */
const struct column *table_column(const struct table *t, struct str name); /* NULL: none */
/* Whether keys rise with the row numbers. */
bool table_keys_rise(const struct table *t);

static inline uint32_t table_blocks(const struct table *t)
{
    return (t->rows + COLUMNS_BLOCK_ROWS - 1) / COLUMNS_BLOCK_ROWS;
}
/* Rows of a block that the reader sees. */
static inline uint32_t table_block_rows(const struct table *t, uint32_t block)
{
    uint32_t left = t->rows - block * COLUMNS_BLOCK_ROWS;
    return left < COLUMNS_BLOCK_ROWS ? left : COLUMNS_BLOCK_ROWS;
}
/* A block's keys, and one bit a row that has not been removed (bit i of word i / 64; bits of rows
 * that are not seen are 0). `bits` has room for COLUMNS_BLOCK_ROWS / 64 words; all are written. */
void table_keys(const struct table *t, uint32_t block, uint64_t *keys);
void table_live(const struct table *t, uint32_t block, uint64_t *bits);
uint64_t table_key(const struct table *t, uint32_t row);
/* The row of a key that has not been removed; UINT32_MAX: none. Some microseconds. */
uint32_t table_row(const struct table *t, uint64_t key);

struct str column_name(const struct column *c);
enum column_type column_type(const struct column *c);
/* Of STRING: how many texts there are, and the one of a code below that. The order is that of their
 * coming; a text may be no row's any more.
 *
 * Most texts lie in the column's dictionary, and stay until columns_release. But uuids and other
 * hex digits are kept in half the bytes, and are spelt out in *room: such a text stays until the
 * room is used again. column_text_keep gives a text that stays as long as both the view and the
 * arena; false: no memory. */
#define COLUMN_TEXT_ROOM 128
struct text_room {
    char at[COLUMN_TEXT_ROOM];
};
uint32_t column_texts(const struct column *c);
struct str column_text(const struct column *c, uint32_t code, struct text_room *room);
MUST_CHECK bool column_text_keep(const struct column *c, uint32_t code, struct arena *a,
                                 struct str *out);
/* The code of a text; UINT32_MAX: no row has it. */
uint32_t column_code(const struct column *c, struct str text);
/* Whether no row of the block has a value: then nothing need be read of it. */
bool column_is_unset(const struct table *t, const struct column *c, uint32_t block);
/* A block of a STRING or BOOL column, table_block_rows() cells: 0 is unset; else code + 1; of BOOL
 * 1 is false and 2 is true. */
void column_codes(const struct table *t, const struct column *c, uint32_t block, uint32_t *out);
/* A block of a column of numbers: values as 64 bits in the column's type (of UINT, INT and DOUBLE
 * each as it is in memory; 0 where unset), and one bit a row that has one, as table_live. */
void column_numbers(const struct table *t, const struct column *c, uint32_t block, uint64_t *out,
                    uint64_t *set);
/* One cell, of any type; a text as column_text gives it. */
struct cell column_cell(const struct table *t, const struct column *c, uint32_t row,
                        struct text_room *room);

#endif
