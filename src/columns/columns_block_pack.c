/* columns_block_pack.c - blocks taken apart and packed: which form, which width, which base. */
#include "columns/columns_block_internal.h"

#include <assert.h>

void block_load(const struct block *b, uint32_t rows, struct block_parts *parts)
{
    uint32_t had = !b ? 0 : b->form == BLOCK_OPEN ? 0 : b->rows;
    if (b && b->form == BLOCK_OPEN && b->set > 0)
        had = entry_row(b, b->set - 1) + 1;
    parts->rows = had > rows ? had : rows;
    block_numbers(b, parts->rows, 0, parts->images, parts->set);
}

void block_parts_put(struct block_parts *parts, uint32_t row, uint64_t image)
{
    assert(row < parts->rows);
    parts->images[row] = image;
    parts->set[row / 64] |= UINT64_C(1) << row % 64;
}

void block_parts_unset(struct block_parts *parts, uint32_t row)
{
    assert(row < parts->rows);
    parts->images[row] = 0;
    parts->set[row / 64] &= ~(UINT64_C(1) << row % 64);
}

/* What is known of the parts, and how they will be packed. */
struct packing {
    uint32_t set, end; /* how many; behind the last of them */
    uint64_t min, max;
    enum block_form form;
    unsigned width;
    uint32_t entries;
    uint64_t base;
};

static struct packing packing_of(const struct block_parts *parts)
{
    struct packing p = { .min = UINT64_MAX };
    for (uint32_t i = 0; i < parts->rows; i++) {
        uint64_t image;
        if (!block_parts_get(parts, i, &image))
            continue;
        p.set++;
        p.end = i + 1;
        p.min = image < p.min ? image : p.min;
        p.max = image > p.max ? image : p.max;
    }
    if (p.set == 0)
        p.min = 0;
    return p;
}

static uint64_t dice_roll(uint64_t *dice)
{
    uint64_t x = *dice += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* A base for cells of 8 bytes, by chance, so that nobody can send the one value that does not fit
 * and so have the block packed again and again. */
static uint64_t base_by_chance(struct block_parts *parts)
{
    for (;;) {
        uint64_t hole = dice_roll(&parts->dice);
        bool is_free = true;
        for (uint32_t i = 0; i < parts->rows; i++) {
            uint64_t image;
            is_free &= !block_parts_get(parts, i, &image) || image != hole;
        }
        if (is_free)
            return hole + 1;
    }
}

/* The width of cells that have an unset among them. */
static unsigned width_with_unset(uint64_t range)
{
    return range == UINT64_MAX ? 8 : width_for(range + 1);
}

static bool parts_write(struct memory_pool *m, const struct block_parts *parts,
                        const struct packing *p, struct block **out)
{
    struct block *b = block_new(m, p->form, p->width, p->entries, p->base);
    if (!b)
        return false;
    b->set = p->set;
    uint32_t entry = 0;
    for (uint32_t i = 0; i < p->end; i++) {
        uint64_t image;
        if (!block_parts_get(parts, i, &image))
            continue;
        if (block_is_sparse(b))
            entry_row_write(b, entry, i);
        else
            entry = i;
        cell_write(b, entry++, image - p->base + (p->form == BLOCK_CELLS));
    }
    if (p->form != BLOCK_OPEN && p->entries > 0)
        b->rows = p->form == BLOCK_SPARSE ? p->end : p->entries;
    *out = b;
    return true;
}

bool block_pack(struct memory_pool *m, struct block_parts *parts, struct block **out)
{
    struct packing p = packing_of(parts);
    *out = NULL;
    if (p.set == 0)
        return true;
    uint64_t range = p.max - p.min;
    unsigned width = width_for(range), width_unset = width_with_unset(range);
    p.base = p.min;
    p.width = width;
    p.entries = p.end;
    p.form = BLOCK_FULL;
    if (p.set < p.end && block_sparse_pays(p.set, width, p.end, width_unset)) {
        p.form = BLOCK_SPARSE;
        p.entries = p.set;
    } else if (p.set < p.end) {
        p.form = BLOCK_CELLS;
        p.width = width_unset;
        p.base = width_unset < 8 ? p.min : base_by_chance(parts);
    }
    if (!parts_write(m, parts, &p, out))
        return false;
    (*out)->is_packed = true;
    return true;
}

/* A base that has the range in the middle of what fits into a cell. */
static uint64_t base_in_middle(const struct packing *p, uint64_t cells)
{
    uint64_t below = (cells - 1 - (p->max - p->min)) / 2;
    return p->min > below ? p->min - below : 0;
}

bool block_pack_open(struct memory_pool *m, struct block_parts *parts, struct block **out)
{
    struct packing p = packing_of(parts);
    uint32_t rows = block_rows_for(parts->rows - 1), entries = block_entries_for(p.set);
    p.width = width_with_unset(p.max - p.min);
    p.form = BLOCK_CELLS;
    p.entries = rows;
    if (p.end <= BLOCK_FREE && block_sparse_pays(entries, p.width, rows, p.width)) {
        p.form = BLOCK_OPEN;
        p.entries = entries;
    }
    if (p.width == 8)
        p.base = p.form == BLOCK_CELLS ? base_by_chance(parts) : 0;
    else
        p.base = base_in_middle(&p, cell_mask(p.width));
    return parts_write(m, parts, &p, out);
}
