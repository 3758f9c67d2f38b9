/* run_rows.c - from bits to rows, and from rows to values. */
#include "columns/run_rows.h"

#define WORDS (COLUMNS_BLOCK_ROWS / 64)

/* --- rows ------------------------------------------------------------------------------------ */

static uint32_t count_bits(const uint64_t *bits, size_t words)
{
    uint32_t n = 0;
    for (size_t w = 0; w < words; w++)
        n += (uint32_t)__builtin_popcountll(bits[w]);
    return n;
}

bool rows_match(struct source_list *l, struct filter *f, struct matches *out, struct err *e)
{
    uint32_t blocks = table_blocks(&l->table);
    out->count = 0;
    out->bits = arena_zalloc(l->arena, ((size_t)blocks * WORDS + 1) * sizeof *out->bits);
    if (!out->bits)
        return run_no_memory(e);
    for (uint32_t block = 0; block < blocks; block++) {
        uint64_t *bits = out->bits + (size_t)block * WORDS;
        if (!filter_block(f, block, bits, e))
            return false;
        out->count += count_bits(bits, WORDS);
    }
    return true;
}

struct keyed {
    uint64_t key;
    uint32_t place;
};

/* Sorts by key, eight bits at a time from the lowest; bits that all keys share cost one look. */
static struct keyed *sort_keyed(struct keyed *a, struct keyed *b, uint32_t count)
{
    uint64_t differ = 0;
    for (uint32_t i = 1; i < count; i++)
        differ |= a[i].key ^ a[0].key;
    for (unsigned shift = 0; shift < 64; shift += 8) {
        uint32_t starts[257] = { 0 };
        if ((differ >> shift & 0xff) == 0)
            continue;
        for (uint32_t i = 0; i < count; i++)
            starts[(a[i].key >> shift & 0xff) + 1]++;
        for (unsigned d = 0; d < 256; d++)
            starts[d + 1] += starts[d];
        for (uint32_t i = 0; i < count; i++)
            b[starts[a[i].key >> shift & 0xff]++] = a[i];
        struct keyed *other = a;
        a = b;
        b = other;
    }
    return a;
}

static bool order_by_key(struct source_list *l, struct rows *rows, struct err *e)
{
    struct keyed *a = arena_large(l->arena, rows->count, sizeof *a);
    struct keyed *b = arena_large(l->arena, rows->count, sizeof *b);
    uint32_t *by_key = arena_large(l->arena, rows->count, sizeof *by_key);
    uint64_t *keys = arena_large(l->arena, COLUMNS_BLOCK_ROWS, sizeof *keys);
    if (!a || !b || !by_key || !keys)
        return run_no_memory(e);
    uint32_t read = UINT32_MAX;
    for (uint32_t i = 0; i < rows->count; i++) {
        uint32_t block = rows->at[i] / COLUMNS_BLOCK_ROWS;
        if (block != read) {
            if (!pace_check(&l->pace, COLUMNS_BLOCK_ROWS, e))
                return false;
            table_keys(&l->table, block, keys);
        }
        read = block;
        a[i] = (struct keyed){ keys[rows->at[i] % COLUMNS_BLOCK_ROWS], i };
    }
    const struct keyed *sorted = sort_keyed(a, b, rows->count);
    for (uint32_t i = 0; i < rows->count; i++)
        by_key[i] = sorted[i].place;
    rows->by_key = by_key;
    return true;
}

bool rows_list(struct source_list *l, const struct matches *m, uint64_t most, struct rows *out,
               struct err *e)
{
    bool rise = table_keys_rise(&l->table);
    uint32_t wanted = rise && most < m->count ? (uint32_t)most : m->count, count = 0;
    uint32_t *at = arena_large(l->arena, (size_t)wanted + 64, sizeof *at);
    if (!at)
        return run_no_memory(e);
    for (size_t w = 0; count < wanted; w++)
        for (uint64_t left = m->bits[w]; left; left &= left - 1)
            at[count++] = (uint32_t)(w * 64 + (size_t)__builtin_ctzll(left));
    *out = (struct rows){ .at = at, .count = count };
    return rise || count == 0 || order_by_key(l, out, e);
}

/* --- values ---------------------------------------------------------------------------------- */

void gathered_init(struct gathered *g, struct source_list *l, uint32_t capacity)
{
    *g = (struct gathered){ .list = l, .capacity = capacity };
}

static bool need_codes(struct gathered *g, struct err *e)
{
    struct arena *a = g->list->arena;
    if (g->codes)
        return true;
    g->codes = arena_large(a, (size_t)g->capacity + 1, sizeof *g->codes);
    g->block_codes = arena_large(a, COLUMNS_BLOCK_ROWS, sizeof *g->block_codes);
    return (g->codes && g->block_codes) || run_no_memory(e);
}

static bool need_numbers(struct gathered *g, struct err *e)
{
    struct arena *a = g->list->arena;
    if (g->numbers)
        return true;
    g->numbers = arena_large(a, (size_t)g->capacity + 1, sizeof *g->numbers);
    g->set = arena_large(a, (size_t)g->capacity + 1, sizeof *g->set);
    g->block_numbers = arena_large(a, COLUMNS_BLOCK_ROWS, sizeof *g->block_numbers);
    g->block_set = arena_large(a, WORDS, sizeof *g->block_set);
    return (g->numbers && g->set && g->block_numbers && g->block_set) || run_no_memory(e);
}

/* Rows at[from..end) are of one block. */
static void place_codes(struct gathered *g, const struct rows *rows, const uint32_t *place,
                        uint32_t from, uint32_t end)
{
    for (uint32_t i = from; i < end; i++)
        g->codes[place ? place[i] : i] = g->block_codes[rows->at[i] % COLUMNS_BLOCK_ROWS];
}

static void place_numbers(struct gathered *g, const struct rows *rows, const uint32_t *place,
                          uint32_t from, uint32_t end)
{
    for (uint32_t i = from; i < end; i++) {
        uint32_t in_block = rows->at[i] % COLUMNS_BLOCK_ROWS, to = place ? place[i] : i;
        g->numbers[to] = g->block_numbers[in_block];
        g->set[to] = g->block_set[in_block / 64] >> in_block % 64 & 1;
    }
}

/* The first row from `from` on that is not of its block. */
static uint32_t end_of_block(const struct rows *rows, uint32_t from)
{
    uint64_t next = ((uint64_t)rows->at[from] / COLUMNS_BLOCK_ROWS + 1) * COLUMNS_BLOCK_ROWS;
    uint32_t low = from + 1, high = rows->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (rows->at[middle] < next)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool gather(struct gathered *g, const struct source *s, const struct rows *rows,
            const uint32_t *place, struct err *e)
{
    bool codes = type_has_codes(s->type);
    if (!(codes ? need_codes(g, e) : need_numbers(g, e)))
        return false;
    for (uint32_t from = 0, end; from < rows->count; from = end) {
        uint32_t block = rows->at[from] / COLUMNS_BLOCK_ROWS;
        end = end_of_block(rows, from);
        if (!pace_check(&g->list->pace, COLUMNS_BLOCK_ROWS, e))
            return false;
        if (codes) {
            source_codes(g->list, s, block, g->block_codes);
            place_codes(g, rows, place, from, end);
        } else {
            source_numbers(g->list, s, block, g->block_numbers, g->block_set);
            place_numbers(g, rows, place, from, end);
        }
    }
    return true;
}

bool gathered_cell(struct gathered *g, const struct source *s, uint32_t place, struct cell *out,
                   struct err *e)
{
    if (type_has_codes(s->type))
        return source_code_cell(g->list, s, g->codes[place], out, e);
    *out = g->set[place] ? value_of_bits(s->type, g->numbers[place])
                         : (struct cell){ .type = CELL_UNSET };
    return true;
}
