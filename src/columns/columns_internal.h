/* columns_internal.h - the tables as their writer has them, and as it shows them.
 *
 *     struct table_state  the writer's       struct table_version  what readers see of it
 *       columns ─► column_state                columns ─► struct column
 *                    blocks, texts                          blocks, texts
 *
 * Both sides point to the same blocks, texts and lists. When the writer must change a list that was
 * shown, it copies it, and marks the column (column_touch) so that the next publish shows it anew.
 * What is filled behind the shown rows, texts and list entries needs no mark.
 *
 * Whatever may fail is done before a row changes; columns_publish takes no memory. */
#ifndef CRUMPLE_COLUMNS_INTERNAL_H
#define CRUMPLE_COLUMNS_INTERNAL_H

#include "base/idmap.h"
#include "base/seglist.h"
#include "base/vec.h"
#include "columns/columns_block.h"
#include "columns/columns_dictionary.h"

#define ROW_NONE UINT32_MAX
#define ROWS_MAX (UINT32_MAX - COLUMNS_BLOCK_ROWS) /* row numbers of one table */

struct column {
    struct str name;
    enum column_type type;
    struct dictionary_view texts; /* COLUMN_STRING */
    const struct block *const *blocks;
    uint32_t block_count; /* blocks behind them are unset */
};

/* A list of pointers, by block, that readers may see: its entries below the shown length do not
 * change, unless the list was copied in this period. */
struct block_list {
    void **at;
    uint32_t count, cap;
    uint64_t born;
};

struct column_state {
    struct str name; /* in the names of the table */
    uint32_t number;
    enum column_type type;
    struct dictionary texts;
    uint32_t last_code; /* of the text of the row that was put last, perhaps */
    struct block_list blocks;
    struct block *packed;       /* the last block with the row that completes it, by column_open */
    uint64_t change;            /* the last one that touched it */
    const struct column *shown; /* NULL: not yet */
    struct column *next;        /* to be filled and shown; NULL: it is as it was */
};

/* What is known of the keys of a block that is complete; NULL: all its rows were removed. */
struct key_block {
    uint64_t least, greatest;
    const uint16_t *order; /* its rows by rising key, then row; NULL: the keys rise */
};
/* The same of the block at the end; the writer's. */
struct key_tail {
    uint64_t least, greatest;
    uint16_t *order; /* NULL: the keys rise */
    uint32_t cap;
};

/* Rows of a block that were removed. */
struct dead_rows {
    uint64_t born;
    uint32_t count;
    uint64_t bits[BLOCK_WORDS];
};

/* All that is needed to find the row of a key. */
struct keys_seen {
    struct column column;
    const struct key_block *const *complete;
    uint32_t complete_count;
    struct key_block tail; /* of what there is of the last block; */
    bool tail_mixed;       /* its keys do not rise, and it has no order */
    const struct dead_rows *const *dead;
    uint32_t dead_count;
    uint32_t rows;
};

struct table_version {
    const struct column *const *columns;
    uint32_t column_count;
    struct dictionary_view names;
    struct keys_seen keys;
    bool keys_rise;
    uint64_t newest;
};

struct table_state {
    struct str project; /* behind the struct */
    enum table_kind kind;
    _Atomic(const struct table_version *) shown;
    /* The writer's. */
    struct table_version *next; /* to be filled and shown; NULL: nothing changed */
    const struct column **next_columns;
    size_t next_columns_cap;
    struct dictionary names; /* plain; the code is the column's number */
    VEC(struct column_state *) columns;
    VEC(uint32_t) touched; /* columns with a `next` */
    VEC(uint32_t) usual;   /* the column of the i-th cell of the last rows */
    struct column_state keys;
    struct block_list key_blocks;
    struct key_tail tail;
    struct block_list dead;   /* struct dead_rows, NULL: none of the block */
    uint32_t blocks_gone;     /* complete blocks whose rows were all removed; */
    uint32_t blocks_gone_new; /* and since recode_left was set */
    size_t recode_left;       /* columns below this may have many texts that no row has any more */
    uint32_t rows;
    uint64_t newest;
    uint64_t greatest; /* key of the rows since the table was cleared */
    bool keys_fall;    /* some key is below one of an earlier row */
};

/* A change of cells that were shown, made ready: everything of it that can fail. */
struct planned_cells {
    struct column_state *column;
    uint32_t block;
    struct block *next; /* takes the block's place; else the block is changed in place: */
    bool in_place;
    const uint32_t *rows; /* in the table */
    size_t row_count;
    bool is_set;
    uint64_t image;
};
/* A cell of a new row. */
struct planned_cell {
    struct column_state *column;
    const struct cell *value;
    uint64_t image;
    bool is_known; /* the image is: the text is that of the row before */
    bool has_text; /* else: both value and column are of texts: */
    struct kept_text text;
};

struct columns {
    struct memory_pool memory;
    size_t max_columns;
    struct str reserved;          /* name of a column; may be empty */
    struct idmap by_name;         /* of tables */
    struct seglist tables;        /* struct table_state * */
    _Atomic uint32_t table_count; /* of those that readers may look at */
    /* The writer's. */
    VEC(struct table_state *) touched; /* tables with a `next` */
    uint64_t change;                   /* counts changes */
    VEC(struct planned_cell) row;      /* of a new row */
    VEC(struct planned_cells) plan;
    VEC(uint32_t) rows;
    struct block_parts parts;
};

/* columns.c */
/* The table's next version will be shown. False: no memory. */
MUST_CHECK bool table_touch(struct columns *c, struct table_state *t);
static inline struct table_state *table_at(const struct columns *c, size_t i)
{
    return *(struct table_state *const *)seglist_at(&c->tables, i);
}
struct table_state *table_find(const struct columns *c, struct str project, enum table_kind kind);
MUST_CHECK bool table_take(struct columns *c, struct str project, enum table_kind kind,
                           struct table_state **out, struct err *e);

/* Empties all tables, none of which was shown yet. */
void columns_forget(struct columns *c);

/* columns_column.c: columns as the writer has them. */
MUST_CHECK bool column_touch(struct columns *c, struct table_state *t, struct column_state *s);
void column_show(const struct column_state *s, struct column *out);
/* All of it. */
void column_retire(struct columns *c, struct column_state *s);
/* The column of a name, made if need be; *out is NULL when there are max_columns. `place`: of the
 * cell in its row. */
MUST_CHECK bool column_take(struct columns *c, struct table_state *t, size_t place, struct str name,
                            enum column_type type, struct column_state **out, struct err *e);
struct column_state *column_find(struct table_state *t, size_t place, struct str name);
/* Places of the table that a new column of this name may not take: 1 or 0. */
size_t columns_kept_free(const struct columns *c, struct table_state *t, struct str name);
static inline struct block *column_block(const struct column_state *s, uint32_t block)
{
    return block < s->blocks.count ? s->blocks.at[block] : NULL;
}
/* Makes sure that column_block_replace can work for blocks of the list. */
MUST_CHECK bool column_own(struct columns *c, struct table_state *t, struct column_state *s);
/* Another block in its place, or NULL; the old one is retired. */
void column_block_replace(struct columns *c, struct column_state *s, uint32_t block,
                          struct block *next);
/* Makes sure that column_put can put that image in at the row behind all others. */
MUST_CHECK bool column_open(struct columns *c, struct table_state *t, struct column_state *s,
                            uint32_t row, uint64_t image);
void column_put(struct columns *c, struct column_state *s, uint32_t row, uint64_t image);
/* Lists by block. */
MUST_CHECK bool block_list_own(struct memory_pool *m, struct block_list *l);
MUST_CHECK bool block_list_extend(struct memory_pool *m, struct block_list *l, uint32_t count);

/* columns_value.c: values and images. */
/* The image of a value in a column, whose type changes if it must. `text`: what dictionary_keep
 * made of it; NULL: not yet. */
MUST_CHECK bool column_image(struct columns *c, struct table_state *t, struct column_state *s,
                             const struct cell *value, const struct kept_text *text,
                             uint64_t *image, struct err *e);
/* Makes the dictionary of a column of texts anew, without those that no row has any more. False: no
 * memory, nothing changed. */
MUST_CHECK bool column_recode(struct columns *c, struct table_state *t, struct column_state *s);
/* The type of a column that begins with this value. */
enum column_type column_type_for(const struct cell *value);
/* The value of an image; a text is its code, in `u`. */
uint64_t image_bias(enum column_type type); /* added to an image, it gives the number */
struct cell image_value(enum column_type type, uint64_t image);

/* columns_keys.c: rows by their keys. */
struct keys_seen keys_seen(const struct table_state *t);
uint32_t keys_find(const struct keys_seen *k, uint64_t key); /* ROW_NONE */
/* Makes sure that keys_put can put in the key of the next row. */
MUST_CHECK bool keys_open(struct columns *c, struct table_state *t, uint64_t key);
void keys_put(struct columns *c, struct table_state *t, uint64_t key);
/* Rows of a whole block that were removed, keys and all, come next. */
MUST_CHECK bool keys_skip_block(struct columns *c, struct table_state *t);
/* A complete block whose rows are all removed: its keys are let go. keys_drop_prepare first. */
MUST_CHECK bool keys_drop_prepare(struct columns *c, struct table_state *t);
void keys_drop(struct columns *c, struct table_state *t, uint32_t block);
static inline bool row_is_dead(const struct dead_rows *d, uint32_t in_block)
{
    return d && (d->bits[in_block / 64] >> in_block % 64 & 1) != 0;
}

#endif
