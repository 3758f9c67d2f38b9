/* columns_block.h - COLUMNS_BLOCK_ROWS cells of a column, in few bytes.
 *
 * A block holds images: 64-bit numbers that stand for values (columns_value.h). It is in one of
 * three forms:
 *
 *     BLOCK_CELLS  a cell of 1, 2, 4 or 8 bytes a row: 0 is unset, else image - base + 1
 *     BLOCK_FULL   the same without unset: image - base
 *     BLOCK_SAME   no cells: all rows have the image `base`
 *
 * All of it is modulo 2^64, so with 8 bytes base is any value for which base - 1 is no row's image.
 * A block has cells for its first `rows` rows; further rows are unset.
 *
 * A block that readers see never changes, except that cells of BLOCK_CELLS are filled behind the
 * rows that they look at. */
#ifndef CRUMPLE_COLUMNS_BLOCK_H
#define CRUMPLE_COLUMNS_BLOCK_H

#include "columns/columns.h"
#include "columns/columns_memory.h"

#define BLOCK_WORDS (COLUMNS_BLOCK_ROWS / 64)
#define BLOCK_FIRST_ROWS 256u /* the least that the block at the end of a column has */

enum block_form { BLOCK_CELLS, BLOCK_FULL, BLOCK_SAME };

struct block {
    uint64_t base;
    uint64_t born; /* the pool's period; the writer's, as is `set` */
    uint32_t rows;
    uint32_t set; /* rows that have a value */
    uint8_t form;
    uint8_t width; /* bytes of a cell; 0 in BLOCK_SAME */
    _Alignas(16) unsigned char cells[];
};

/* A block taken apart, to be changed and packed again. */
struct block_parts {
    uint32_t rows; /* valid below this */
    uint64_t images[COLUMNS_BLOCK_ROWS];
    uint64_t set[BLOCK_WORDS];
    uint64_t dice; /* the state of random numbers */
};

/* A cell; b may be NULL. False: unset. */
bool block_get(const struct block *b, uint32_t row, uint64_t *image);

/* Whether block_put and block_unset can be used for that; b may be NULL. */
bool block_takes(const struct block *b, uint32_t row, uint64_t image);
bool block_takes_unset(const struct block *b);
void block_put(struct block *b, uint32_t row, uint64_t image);
void block_unset(struct block *b, uint32_t row);

/* Whether it would if it had the row; BLOCK_CELLS. */
bool block_fits(const struct block *b, uint64_t image);
/* The last of the first `rows` rows that has this image; `rows` when none has. b may be NULL. */
uint32_t block_find(const struct block *b, uint32_t rows, uint64_t image);

/* NULL: no memory. */
struct block *block_copy(struct memory_pool *m, const struct block *b);
/* A BLOCK_CELLS as it is, with room for more rows. */
struct block *block_enlarge(struct memory_pool *m, const struct block *b, uint32_t rows);

/* Takes apart; b may be NULL. At least `rows` rows are valid then. */
void block_load(const struct block *b, uint32_t rows, struct block_parts *parts);
void block_parts_put(struct block_parts *parts, uint32_t row, uint64_t image);
void block_parts_unset(struct block_parts *parts, uint32_t row);
/* In as few bytes as can be; *out is NULL when no row is set. False: no memory. */
bool block_pack(struct memory_pool *m, struct block_parts *parts, struct block **out);
/* As BLOCK_CELLS with room for parts->rows, where values a little outside of the present range fit,
 * too: a column whose values wander is packed anew some dozen times at most in a block. */
bool block_pack_open(struct memory_pool *m, struct block_parts *parts, struct block **out);

/* For readers; b may be NULL. image + 1, or 0 where unset, in 32 bits. */
void block_codes(const struct block *b, uint32_t rows, uint32_t *out);
/* image + bias, or 0 where unset; and a bit a row that is set. */
void block_numbers(const struct block *b, uint32_t rows, uint64_t bias, uint64_t *out,
                   uint64_t *set);

#endif
