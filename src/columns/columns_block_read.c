/* columns_block_read.c - the loops that unpack blocks.
 *
 * They are written once and made for each width of a cell, so that the compiler can turn each into
 * vector code; none has a branch in it. Sparse blocks have few entries, each put where it belongs.
 */
#include "columns/columns_block_internal.h"

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

/* The same for a sparse block, where there are few. */
static uint32_t find_sparse(const struct block *b, uint32_t rows, uint64_t image)
{
    uint32_t limit = b->rows < rows ? b->rows : rows, found = rows;
    for (uint32_t i = 0; i < b->entries && entry_row(b, i) < limit; i++) {
        if (b->base + cell_read(b, i) == image)
            found = entry_row(b, i);
    }
    return found;
}

uint32_t block_find(const struct block *b, uint32_t rows, uint64_t image)
{
    uint32_t had = b && b->rows < rows ? b->rows : rows;
    if (!b || had == 0)
        return rows;
    if (block_is_sparse(b))
        return find_sparse(b, rows, image);
    uint64_t cell = image - b->base + (b->form == BLOCK_CELLS);
    if (cell > cell_mask(b->width) || (cell == 0 && b->form == BLOCK_CELLS))
        return rows;
    uint32_t row = had - 1; /* all have the same image */
    switch (b->width) {
    case 1:
        row = find_1(b->bytes, had, cell);
        break;
    case 2:
        row = find_2(b->bytes, had, cell);
        break;
    case 4:
        row = find_4(b->bytes, had, cell);
        break;
    case 8:
        row = find_8(b->bytes, had, cell);
        break;
    default:
        break;
    }
    return row == had ? rows : row;
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
        return (struct cells){ b->bytes, 0, base - 1 };
    return (struct cells){ b->bytes, base, base };
}

/* The entries of a sparse block among the first `rows` rows. */
static uint32_t entries_among(const struct block *b, uint32_t rows)
{
    uint32_t limit = b->rows < rows ? b->rows : rows, n = 0;
    while (n < b->entries && entry_row(b, n) < limit)
        n++;
    return n;
}

static void codes_sparse(const struct block *b, uint32_t rows, uint32_t *out)
{
    memset(out, 0, sizeof *out * rows);
    uint32_t n = entries_among(b, rows);
    for (uint32_t i = 0; i < n; i++)
        out[entry_row(b, i)] = (uint32_t)(b->base + cell_read(b, i) + 1);
}

static void numbers_sparse(const struct block *b, uint32_t rows, uint64_t bias, uint64_t *out,
                           uint64_t *set)
{
    memset(out, 0, sizeof *out * rows);
    memset(set, 0, sizeof *set * words_of(rows));
    uint32_t n = entries_among(b, rows);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = entry_row(b, i);
        out[row] = b->base + cell_read(b, i) + bias;
        set[row / 64] |= UINT64_C(1) << row % 64;
    }
}

void block_codes(const struct block *b, uint32_t rows, uint32_t *out)
{
    if (b && block_is_sparse(b)) {
        codes_sparse(b, rows, out);
        return;
    }
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
    struct cells c = { .at = b->bytes };
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
    if (b && block_is_sparse(b)) {
        numbers_sparse(b, rows, bias, out, set);
        return;
    }
    uint32_t had = rows_had(b, rows);
    memset(out + had, 0, sizeof *out * (rows - had));
    memset(set + words_of(had), 0, sizeof *set * (words_of(rows) - words_of(had)));
    if (had == 0)
        return;
    images_unpack(b, had, bias, out);
    set_unpack(b, had, set);
}
