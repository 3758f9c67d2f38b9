/* columns_block.h - COLUMNS_BLOCK_ROWS cells of a column, in few bytes.
 *
 * A block holds images: 64-bit numbers that stand for values (columns_value.c), in one of these
 * forms. Cells have 1, 2, 4 or 8 bytes (0 where all images are the same and none is unset).
 *
 *     BLOCK_CELLS   a cell a row: 0 is unset, else image - base + 1
 *     BLOCK_FULL    a cell a row, none of them unset: image - base
 *     BLOCK_SPARSE  the rows that have a value, rising, 2 bytes each; and a cell for each of these:
 *                   image - base
 *     BLOCK_OPEN    the same, with room for more at its end
 *
 * All of it is modulo 2^64: with 8 bytes, base of BLOCK_CELLS is any number for which base - 1 is
 * no row's image.
 *
 * A block that readers see never changes, except that cells of BLOCK_CELLS and entries of
 * BLOCK_OPEN are filled for rows behind those that they look at. */
#ifndef CRUMPLE_COLUMNS_BLOCK_H
#define CRUMPLE_COLUMNS_BLOCK_H

#include "columns/columns.h"
#include "columns/columns_memory.h"

#define BLOCK_WORDS (COLUMNS_BLOCK_ROWS / 64)

enum block_form { BLOCK_CELLS, BLOCK_FULL, BLOCK_SPARSE, BLOCK_OPEN };

struct block {
    uint64_t base;
    uint64_t born;    /* the pool's period; the writer's, as is `set` */
    uint32_t set;     /* rows that have a value */
    uint32_t rows;    /* those from here on are unset */
    uint32_t entries; /* cells that there is room for */
    uint8_t form;
    uint8_t width;  /* bytes of a cell */
    bool is_packed; /* it cannot be made smaller */
    /* Of BLOCK_SPARSE and BLOCK_OPEN first the rows, up to a multiple of 8 bytes; free entries of
     * BLOCK_OPEN have BLOCK_FREE. */
    _Alignas(16) unsigned char bytes[];
};
#define BLOCK_FREE UINT16_MAX

static inline bool block_is_sparse(const struct block *b)
{
    return b->form == BLOCK_SPARSE || b->form == BLOCK_OPEN;
}
/* Bytes of the rows that stand before the cells. */
static inline size_t block_head_bytes(const struct block *b)
{
    return block_is_sparse(b) ? ((size_t)b->entries * 2 + 7) & ~(size_t)7 : 0;
}
static inline size_t block_bytes(const struct block *b)
{
    return block_head_bytes(b) + (size_t)b->entries * b->width;
}

/* A cell; b may be NULL. False: unset. */
bool block_get(const struct block *b, uint32_t row, uint64_t *image);

/* Whether block_put can be used for that; b may be NULL. */
bool block_takes(const struct block *b, uint32_t row, uint64_t image);
/* Whether block_unset can; b may be NULL. */
bool block_takes_unset(const struct block *b);
void block_put(struct block *b, uint32_t row, uint64_t image);
/* Also of the last row of a BLOCK_OPEN. */
void block_unset(struct block *b, uint32_t row);

/* NULL: no memory. */
struct block *block_copy(struct memory_pool *m, const struct block *b);
/* A block for one value, and some more of later rows. It is empty yet. `row` is not the last. */
struct block *block_first(struct memory_pool *m, uint64_t image);
/* Whether a block only lacks room for that, behind all that it has. */
bool block_lacks_room(const struct block *b, uint32_t row, uint64_t image);
struct block *block_enlarge(struct memory_pool *m, const struct block *b, uint32_t row);

/* A block taken apart, to be changed and packed again. */
struct block_parts {
    uint32_t rows; /* valid below this */
    uint64_t images[COLUMNS_BLOCK_ROWS];
    uint64_t set[BLOCK_WORDS];
    uint64_t dice; /* the state of random numbers */
};
/* Takes apart; b may be NULL. At least `rows` rows are valid then. */
void block_load(const struct block *b, uint32_t rows, struct block_parts *parts);
void block_parts_put(struct block_parts *parts, uint32_t row, uint64_t image);
void block_parts_unset(struct block_parts *parts, uint32_t row);
static inline bool block_parts_get(const struct block_parts *parts, uint32_t row, uint64_t *image)
{
    *image = parts->images[row];
    return (parts->set[row / 64] >> row % 64 & 1) != 0;
}
/* In as few bytes as can be; *out is NULL when no row is set. False: no memory. */
bool block_pack(struct memory_pool *m, struct block_parts *parts, struct block **out);
/* With room for later rows, and for values a little outside of the present range: a column whose
 * values wander is packed anew some dozen times at most in a block. */
bool block_pack_open(struct memory_pool *m, struct block_parts *parts, struct block **out);

/* For readers; b may be NULL. image + 1, or 0 where unset, in 32 bits. */
void block_codes(const struct block *b, uint32_t rows, uint32_t *out);
/* image + bias, or 0 where unset; and a bit a row that is set. */
void block_numbers(const struct block *b, uint32_t rows, uint64_t bias, uint64_t *out,
                   uint64_t *set);
/* The last of the first `rows` rows that has this image; `rows` when none has. b may be NULL. */
uint32_t block_find(const struct block *b, uint32_t rows, uint64_t image);

#endif
