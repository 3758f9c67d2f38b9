/* columns_block.c - single cells of a block, and blocks that grow with their column. */
#include "columns/columns_block_internal.h"

#include <assert.h>

/* The first entry of a sparse block whose row is at least this. */
static uint32_t entry_from(const struct block *b, uint32_t row)
{
    uint32_t low = 0, high = b->entries;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (entry_row(b, middle) < row)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Where the cell of a row is; false: it has none. */
static bool entry_find(const struct block *b, uint32_t row, uint32_t *entry)
{
    if (row >= b->rows)
        return false;
    if (!block_is_sparse(b)) {
        *entry = row;
        return true;
    }
    *entry = entry_from(b, row);
    return *entry < b->entries && entry_row(b, *entry) == row;
}

bool block_get(const struct block *b, uint32_t row, uint64_t *image)
{
    uint32_t entry;
    if (!b || !entry_find(b, row, &entry))
        return false;
    uint64_t cell = cell_read(b, entry);
    *image = b->base + cell - (b->form == BLOCK_CELLS);
    return cell != 0 || b->form != BLOCK_CELLS;
}

/* Whether there is a cell for the image. */
static bool fits(const struct block *b, uint64_t image)
{
    uint64_t cell = image - b->base + (b->form == BLOCK_CELLS);
    return cell <= cell_mask(b->width) && (cell != 0 || b->form != BLOCK_CELLS);
}

/* Whether a row comes behind all that an open block has. */
static bool is_behind(const struct block *b, uint32_t row)
{
    return row < b->rows && (b->set == 0 || row > entry_row(b, b->set - 1));
}

bool block_takes(const struct block *b, uint32_t row, uint64_t image)
{
    uint32_t entry;
    if (!b || !fits(b, image))
        return false;
    return entry_find(b, row, &entry) ||
           (b->form == BLOCK_OPEN && b->set < b->entries && is_behind(b, row));
}

bool block_takes_unset(const struct block *b)
{
    return !b || b->form == BLOCK_CELLS;
}

void block_put(struct block *b, uint32_t row, uint64_t image)
{
    assert(block_takes(b, row, image));
    uint32_t entry;
    if (!entry_find(b, row, &entry)) {
        entry = b->set++;
        entry_row_write(b, entry, row);
    }
    b->set += b->form == BLOCK_CELLS && cell_read(b, entry) == 0;
    cell_write(b, entry, image - b->base + (b->form == BLOCK_CELLS));
}

void block_unset(struct block *b, uint32_t row)
{
    uint32_t entry;
    if (!b || !entry_find(b, row, &entry))
        return;
    if (b->form == BLOCK_CELLS) {
        b->set -= cell_read(b, entry) != 0;
        cell_write(b, entry, 0);
    } else {
        assert(b->form == BLOCK_OPEN && entry + 1 == b->set);
        b->set--;
        entry_row_write(b, entry, BLOCK_FREE);
    }
}

struct block *block_new(struct memory_pool *m, enum block_form form, unsigned width,
                        uint32_t entries, uint64_t base)
{
    struct block b = {
        .base = base,
        .born = m->period,
        .rows = form == BLOCK_OPEN ? BLOCK_FREE : entries,
        .entries = entries,
        .form = (uint8_t)form,
        .width = (uint8_t)width,
    };
    struct block *out = memory_new(m, sizeof b + block_bytes(&b));
    if (!out)
        return NULL;
    *out = b;
    for (uint32_t i = 0; form == BLOCK_OPEN && i < entries; i++)
        entry_row_write(out, i, BLOCK_FREE);
    return out;
}

struct block *block_copy(struct memory_pool *m, const struct block *b)
{
    struct block *copy = block_new(m, b->form, b->width, b->entries, b->base);
    if (copy) {
        copy->set = b->set;
        copy->rows = b->rows;
        copy->is_packed = b->is_packed;
        memcpy(copy->bytes, b->bytes, block_bytes(b));
    }
    return copy;
}

static uint32_t power_from(uint32_t least, uint32_t n)
{
    while (least < n)
        least *= 2;
    return least;
}

uint32_t block_rows_for(uint32_t row)
{
    return power_from(BLOCK_LEAST_ROWS, row + 1);
}

uint32_t block_entries_for(uint32_t set)
{
    return power_from(BLOCK_LEAST_ENTRIES, set);
}

bool block_sparse_pays(uint32_t entries, unsigned sparse_width, uint32_t rows, unsigned width)
{
    return (uint64_t)entries * (2 + sparse_width) * 3 <= (uint64_t)rows * width * 2;
}

struct block *block_first(struct memory_pool *m, uint64_t image)
{
    uint64_t below = cell_mask(1) / 2; /* in the middle of what fits */
    return block_new(m, BLOCK_OPEN, 1, BLOCK_LEAST_ENTRIES, image > below ? image - below : 0);
}

/* Whether a block with a cell a row is right when it must have this row, too. */
static bool cells_pay(const struct block *b, uint32_t row)
{
    return !block_sparse_pays(block_entries_for(b->set + 1), b->width, block_rows_for(row),
                              b->width);
}

bool block_lacks_room(const struct block *b, uint32_t row, uint64_t image)
{
    if (!b || !fits(b, image))
        return false;
    if (b->form == BLOCK_CELLS)
        return row >= b->rows && cells_pay(b, row);
    return b->form == BLOCK_OPEN && is_behind(b, row) && !cells_pay(b, row);
}

struct block *block_enlarge(struct memory_pool *m, const struct block *b, uint32_t row)
{
    bool is_open = b->form == BLOCK_OPEN;
    uint32_t entries = is_open ? block_entries_for(b->set + 1) : block_rows_for(row);
    struct block *next = block_new(m, b->form, b->width, entries, b->base);
    if (!next)
        return NULL;
    next->set = b->set;
    for (uint32_t i = 0; is_open && i < b->set; i++)
        entry_row_write(next, i, entry_row(b, i));
    memcpy(next->bytes + block_head_bytes(next), block_cells(b), (size_t)b->entries * b->width);
    return next;
}
