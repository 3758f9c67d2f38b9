/* columns_block_internal.h - what the files about blocks share: cells, entries and sizes. */
#ifndef CRUMPLE_COLUMNS_BLOCK_INTERNAL_H
#define CRUMPLE_COLUMNS_BLOCK_INTERNAL_H

#include "columns/columns_block.h"

#include <stdatomic.h>

#define BLOCK_LEAST_ROWS 256u  /* that a BLOCK_CELLS has room for while it grows */
#define BLOCK_LEAST_ENTRIES 8u /* the same of a BLOCK_OPEN */

static inline uint64_t cell_mask(unsigned width)
{
    return width == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * width)) - 1;
}

static inline unsigned width_for(uint64_t greatest_cell)
{
    return greatest_cell == 0            ? 0
           : greatest_cell <= UINT8_MAX  ? 1
           : greatest_cell <= UINT16_MAX ? 2
           : greatest_cell <= UINT32_MAX ? 4
                                         : 8;
}

static inline const unsigned char *block_cells(const struct block *b)
{
    return b->bytes + block_head_bytes(b);
}

static inline uint64_t cell_read(const struct block *b, uint32_t entry)
{
    const void *cells = block_cells(b);
    switch (b->width) {
    case 0:
        return 0;
    case 1:
        return ((const uint8_t *)cells)[entry];
    case 2:
        return ((const uint16_t *)cells)[entry];
    case 4:
        return ((const uint32_t *)cells)[entry];
    default:
        return ((const uint64_t *)cells)[entry];
    }
}

static inline void cell_write(struct block *b, uint32_t entry, uint64_t cell)
{
    void *cells = b->bytes + block_head_bytes(b);
    switch (b->width) {
    case 0:
        return;
    case 1:
        ((uint8_t *)cells)[entry] = (uint8_t)cell;
        return;
    case 2:
        ((uint16_t *)cells)[entry] = (uint16_t)cell;
        return;
    case 4:
        ((uint32_t *)cells)[entry] = (uint32_t)cell;
        return;
    default:
        ((uint64_t *)cells)[entry] = cell;
        return;
    }
}

/* The row of an entry of a sparse block: read while the writer fills later ones. */
static inline uint32_t entry_row(const struct block *b, uint32_t entry)
{
    const _Atomic uint16_t *rows = (const _Atomic uint16_t *)(const void *)b->bytes;
    return atomic_load_explicit(&rows[entry], memory_order_relaxed);
}
static inline void entry_row_write(struct block *b, uint32_t entry, uint32_t row)
{
    _Atomic uint16_t *rows = (_Atomic uint16_t *)(void *)b->bytes;
    atomic_store_explicit(&rows[entry], (uint16_t)row, memory_order_relaxed);
}

/* Zeroed but for what is given; all entries of a BLOCK_OPEN are free. NULL: no memory. */
struct block *block_new(struct memory_pool *m, enum block_form form, unsigned width,
                        uint32_t entries, uint64_t base);
/* Rows that a BLOCK_CELLS that grows has room for, when it must have this one. */
uint32_t block_rows_for(uint32_t row);
/* Entries of a BLOCK_OPEN that must have so many. */
uint32_t block_entries_for(uint32_t set);
/* Whether a sparse block is clearly smaller than one with a cell for each row. */
bool block_sparse_pays(uint32_t entries, unsigned sparse_width, uint32_t rows, unsigned width);

#endif
