/* columns_block.c - packing blocks, and the loops that unpack them.
 *
 * The loops are written once and made for each width of a cell, so that the compiler can turn each
 * into vector code; none has a branch in it. */
#include "columns/columns_block.h"

#include <assert.h>

static uint64_t cell_mask(unsigned width)
{
    return width == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * width)) - 1;
}

static uint64_t cell_read(const struct block *b, uint32_t row)
{
    switch (b->width) {
    case 1:
        return b->cells[row];
    case 2:
        return ((const uint16_t *)(const void *)b->cells)[row];
    case 4:
        return ((const uint32_t *)(const void *)b->cells)[row];
    default:
        return ((const uint64_t *)(const void *)b->cells)[row];
    }
}

static void cell_write(struct block *b, uint32_t row, uint64_t cell)
{
    switch (b->width) {
    case 1:
        b->cells[row] = (uint8_t)cell;
        return;
    case 2:
        ((uint16_t *)(void *)b->cells)[row] = (uint16_t)cell;
        return;
    case 4:
        ((uint32_t *)(void *)b->cells)[row] = (uint32_t)cell;
        return;
    default:
        ((uint64_t *)(void *)b->cells)[row] = cell;
        return;
    }
}

bool block_get(const struct block *b, uint32_t row, uint64_t *image)
{
    if (!b || row >= b->rows)
        return false;
    uint64_t cell = b->form == BLOCK_SAME ? 0 : cell_read(b, row);
    if (b->form != BLOCK_CELLS) {
        *image = b->base + cell;
        return true;
    }
    *image = b->base + cell - 1;
    return cell != 0;
}

bool block_takes(const struct block *b, uint32_t row, uint64_t image)
{
    if (!b || row >= b->rows || b->form == BLOCK_SAME)
        return false;
    uint64_t cell = image - b->base + (b->form == BLOCK_CELLS);
    return cell <= cell_mask(b->width) && (cell != 0 || b->form == BLOCK_FULL);
}

bool block_fits(const struct block *b, uint64_t image)
{
    uint64_t cell = image - b->base + 1;
    return b->form == BLOCK_CELLS && cell <= cell_mask(b->width) && cell != 0;
}

bool block_takes_unset(const struct block *b)
{
    return !b || b->form == BLOCK_CELLS;
}

void block_put(struct block *b, uint32_t row, uint64_t image)
{
    assert(block_takes(b, row, image));
    b->set += b->form == BLOCK_CELLS && cell_read(b, row) == 0;
    cell_write(b, row, image - b->base + (b->form == BLOCK_CELLS));
}

void block_unset(struct block *b, uint32_t row)
{
    if (!b || row >= b->rows)
        return;
    assert(b->form == BLOCK_CELLS);
    b->set -= cell_read(b, row) != 0;
    cell_write(b, row, 0);
}

static struct block *block_new(struct memory_pool *m, enum block_form form, unsigned width,
                               uint32_t rows, uint32_t set, uint64_t base)
{
    struct block *b = memory_new(m, sizeof *b + (size_t)width * rows);
    if (!b)
        return NULL;
    b->base = base;
    b->born = m->period;
    b->rows = rows;
    b->set = set;
    b->form = (uint8_t)form;
    b->width = (uint8_t)width;
    return b;
}

struct block *block_copy(struct memory_pool *m, const struct block *b)
{
    return block_enlarge(m, b, b->rows);
}

struct block *block_enlarge(struct memory_pool *m, const struct block *b, uint32_t rows)
{
    assert(rows == b->rows || (rows > b->rows && b->form == BLOCK_CELLS));
    struct block *copy = block_new(m, b->form, b->width, rows, b->set, b->base);
    if (copy)
        memcpy(copy->cells, b->cells, (size_t)b->width * b->rows);
    return copy;
}

/* What the cells of a block are seen as by the loops. */
struct cells {
    const unsigned char *at;
    uint64_t zero;  /* what a cell of 0 gives */
    uint64_t other; /* what is added to other cells */
};

#define DEFINE_LOOPS(cell_type, name)                                                              \
    static void codes_##name(const struct cells *c, uint32_t rows, uint32_t *restrict out)         \
    {                                                                                              \
        const cell_type *restrict in = (const cell_type *)(const void *)c->at;                     \
        const uint32_t zero = (uint32_t)c->zero, other = (uint32_t)c->other;                       \
        for (uint32_t i = 0; i < rows; i++)                                                        \
            out[i] = in[i] == 0 ? zero : (uint32_t)in[i] + other;                                  \
    }                                                                                              \
    static void numbers_##name(const struct cells *c, uint32_t rows, uint64_t *restrict out)       \
    {                                                                                              \
        const cell_type *restrict in = (const cell_type *)(const void *)c->at;                     \
        const uint64_t zero = c->zero, other = c->other;                                           \
        for (uint32_t i = 0; i < rows; i++)                                                        \
            out[i] = in[i] == 0 ? zero : (uint64_t)in[i] + other;                                  \
    }                                                                                              \
    static void set_##name(const struct cells *c, uint32_t rows, uint64_t *restrict out)           \
    {                                                                                              \
        const cell_type *restrict in = (const cell_type *)(const void *)c->at;                     \
        for (uint32_t i = 0; i < rows; i += 64) {                                                  \
            uint32_t n = rows - i < 64 ? rows - i : 64;                                            \
            uint64_t word = 0;                                                                     \
            for (uint32_t k = 0; k < n; k++)                                                       \
                word |= (uint64_t)(in[i + k] != 0) << k;                                           \
            out[i / 64] = word;                                                                    \
        }                                                                                          \
    }                                                                                              \
    static uint32_t find_##name(const unsigned char *cells, uint32_t rows, uint64_t cell)          \
    {                                                                                              \
        const cell_type *in = (const cell_type *)(const void *)cells;                              \
        uint32_t end = rows;                                                                       \
        while (end > 0) {                                                                          \
            uint32_t begin = end > 512 ? end - 512 : 0;                                            \
            cell_type found = 0;                                                                   \
            for (uint32_t i = begin; i < end; i++)                                                 \
                found |= (cell_type)(in[i] == (cell_type)cell);                                    \
            if (found)                                                                             \
                break;                                                                             \
            end = begin;                                                                           \
        }                                                                                          \
        while (end > 0 && in[end - 1] != (cell_type)cell)                                          \
            end--;                                                                                 \
        return end > 0 ? end - 1 : rows;                                                           \
    }

DEFINE_LOOPS(uint8_t, 1)
DEFINE_LOOPS(uint16_t, 2)
DEFINE_LOOPS(uint32_t, 4)
DEFINE_LOOPS(uint64_t, 8)

uint32_t block_find(const struct block *b, uint32_t rows, uint64_t image)
{
    uint32_t had = b && b->rows < rows ? b->rows : rows;
    if (!b || had == 0)
        return rows;
    uint64_t cell = image - b->base + (b->form == BLOCK_CELLS);
    if (cell > cell_mask(b->width) || (cell == 0 && b->form == BLOCK_CELLS))
        return rows;
    uint32_t row = had - 1; /* BLOCK_SAME */
    switch (b->width) {
    case 1:
        row = find_1(b->cells, had, cell);
        break;
    case 2:
        row = find_2(b->cells, had, cell);
        break;
    case 4:
        row = find_4(b->cells, had, cell);
        break;
    case 8:
        row = find_8(b->cells, had, cell);
        break;
    default:
        break;
    }
    return row == had && row < rows ? rows : row;
}

/* Bits of rows `from` to below `to` are 1, all others of those words as they were. */
static void bits_fill(uint64_t *bits, uint32_t from, uint32_t to)
{
    for (; from < to && from % 64 != 0; from++)
        bits[from / 64] |= UINT64_C(1) << from % 64;
    for (; from + 64 <= to; from += 64)
        bits[from / 64] = UINT64_MAX;
    for (; from < to; from++)
        bits[from / 64] |= UINT64_C(1) << from % 64;
}

static uint32_t words_of(uint32_t rows)
{
    return (rows + 63) / 64;
}

/* Rows that a block has cells for, of the first `rows`. */
static uint32_t rows_had(const struct block *b, uint32_t rows)
{
    return !b ? 0 : b->rows < rows ? b->rows : rows;
}

static struct cells cells_of(const struct block *b, uint64_t bias)
{
    uint64_t base = b->base + bias;
    if (b->form == BLOCK_CELLS)
        return (struct cells){ b->cells, 0, base - 1 };
    return (struct cells){ b->cells, base, base };
}

void block_codes(const struct block *b, uint32_t rows, uint32_t *out)
{
    uint32_t had = rows_had(b, rows);
    memset(out + had, 0, sizeof *out * (rows - had));
    if (had == 0)
        return;
    struct cells c = cells_of(b, 1);
    switch (b->width) {
    case 1:
        codes_1(&c, had, out);
        return;
    case 2:
        codes_2(&c, had, out);
        return;
    case 4:
        codes_4(&c, had, out);
        return;
    case 8:
        codes_8(&c, had, out);
        return;
    default:
        for (uint32_t i = 0; i < had; i++)
            out[i] = (uint32_t)c.zero;
    }
}

static void images_unpack(const struct block *b, uint32_t had, uint64_t bias, uint64_t *out)
{
    struct cells c = cells_of(b, bias);
    switch (b->width) {
    case 1:
        numbers_1(&c, had, out);
        return;
    case 2:
        numbers_2(&c, had, out);
        return;
    case 4:
        numbers_4(&c, had, out);
        return;
    case 8:
        numbers_8(&c, had, out);
        return;
    default:
        for (uint32_t i = 0; i < had; i++)
            out[i] = c.zero;
    }
}

/* Writes the words of `had` rows. */
static void set_unpack(const struct block *b, uint32_t had, uint64_t *set)
{
    struct cells c = { .at = b->cells };
    if (b->form != BLOCK_CELLS) {
        memset(set, 0, sizeof *set * words_of(had));
        bits_fill(set, 0, had);
        return;
    }
    switch (b->width) {
    case 1:
        set_1(&c, had, set);
        return;
    case 2:
        set_2(&c, had, set);
        return;
    case 4:
        set_4(&c, had, set);
        return;
    default:
        set_8(&c, had, set);
    }
}

void block_numbers(const struct block *b, uint32_t rows, uint64_t bias, uint64_t *out,
                   uint64_t *set)
{
    uint32_t had = rows_had(b, rows);
    memset(out + had, 0, sizeof *out * (rows - had));
    memset(set + words_of(had), 0, sizeof *set * (words_of(rows) - words_of(had)));
    if (had == 0)
        return;
    images_unpack(b, had, bias, out);
    set_unpack(b, had, set);
}

void block_load(const struct block *b, uint32_t rows, struct block_parts *parts)
{
    parts->rows = b && b->rows > rows ? b->rows : rows;
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

static bool parts_get(const struct block_parts *parts, uint32_t row, uint64_t *image)
{
    *image = parts->images[row];
    return (parts->set[row / 64] >> row % 64 & 1) != 0;
}

struct parts_range {
    uint32_t set; /* how many */
    uint32_t end; /* behind the last of them */
    uint64_t min, max;
};

static struct parts_range parts_range(const struct block_parts *parts)
{
    struct parts_range r = { .min = UINT64_MAX };
    for (uint32_t i = 0; i < parts->rows; i++) {
        uint64_t image;
        if (!parts_get(parts, i, &image))
            continue;
        r.set++;
        r.end = i + 1;
        r.min = image < r.min ? image : r.min;
        r.max = image > r.max ? image : r.max;
    }
    return r;
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
        bool free = true;
        for (uint32_t i = 0; i < parts->rows; i++) {
            uint64_t image;
            free &= !parts_get(parts, i, &image) || image != hole;
        }
        if (free)
            return hole + 1;
    }
}

static unsigned width_for(uint64_t greatest_cell)
{
    return greatest_cell <= UINT8_MAX    ? 1
           : greatest_cell <= UINT16_MAX ? 2
           : greatest_cell <= UINT32_MAX ? 4
                                         : 8;
}

static bool parts_write(struct memory_pool *m, const struct block_parts *parts,
                        enum block_form form, unsigned width, uint32_t rows, uint64_t base,
                        uint32_t set, struct block **out)
{
    struct block *b = block_new(m, form, width, rows, set, base);
    if (!b)
        return false;
    for (uint32_t i = 0; width > 0 && i < rows; i++) {
        uint64_t image;
        if (parts_get(parts, i, &image))
            cell_write(b, i, image - base + (form == BLOCK_CELLS));
    }
    *out = b;
    return true;
}

bool block_pack(struct memory_pool *m, struct block_parts *parts, struct block **out)
{
    struct parts_range r = parts_range(parts);
    *out = NULL;
    if (r.set == 0)
        return true;
    bool full = r.set == r.end;
    if (full && r.min == r.max)
        return parts_write(m, parts, BLOCK_SAME, 0, r.end, r.min, r.set, out);
    uint64_t greatest = r.max - r.min; /* cell, if full */
    unsigned width = full || greatest == UINT64_MAX ? width_for(greatest) : width_for(greatest + 1);
    uint64_t base = full || width < 8 ? r.min : base_by_chance(parts);
    return parts_write(m, parts, full ? BLOCK_FULL : BLOCK_CELLS, width, r.end, base, r.set, out);
}

bool block_pack_open(struct memory_pool *m, struct block_parts *parts, struct block **out)
{
    struct parts_range r = parts_range(parts);
    if (r.set == 0)
        r.min = r.max = 0;
    uint64_t range = r.max - r.min;
    unsigned width = range == UINT64_MAX ? 8 : width_for(range + 1);
    uint64_t base;
    if (width == 8) {
        base = base_by_chance(parts);
    } else { /* the range in the middle of what fits */
        uint64_t spare = cell_mask(width) - 1 - range;
        base = r.min > spare / 2 ? r.min - spare / 2 : 0;
    }
    return parts_write(m, parts, BLOCK_CELLS, width, parts->rows, base, r.set, out);
}
