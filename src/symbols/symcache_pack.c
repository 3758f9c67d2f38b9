/* symcache_pack.c - blocks of rows with fields as narrow as these rows allow. */
#include "symbols/symcache_pack.h"

#define PLACE_LINES 1024     /* from the first line of a place that is seen, up and down */
#define BLOCK_BYTES_MAX 4096 /* 64 rows of 5 fields and 64 places, all 32 bits wide, take 1816 */

void bits_end(struct bits *b)
{
    store_le32(b->at, (uint32_t)b->waiting);
    b->at += (b->count + 7) / 8;
    b->waiting = b->count = 0;
}

void columns_write(struct buf *out, const uint32_t *numbers, size_t records, unsigned fields,
                   uint8_t bits[COLUMNS_FIELDS_MAX])
{
    uint32_t all[COLUMNS_FIELDS_MAX] = { 0 }; /* all bits that any number of the column has */
    size_t record_bits = 0;
    for (size_t i = 0; i < records; i++)
        for (unsigned f = 0; f < fields; f++)
            all[f] |= numbers[i * fields + f];
    for (unsigned f = 0; f < COLUMNS_FIELDS_MAX; f++) {
        bits[f] = bits_of(all[f]);
        record_bits += bits[f];
    }
    if (!buf_reserve(out, records * record_bits / 8 + 16))
        return;
    uint8_t *begin = (uint8_t *)out->ptr + out->len;
    struct bits b = { .at = begin };
    for (size_t i = 0; i < records; i++)
        for (unsigned f = 0; f < fields; f++)
            bits_put(&b, numbers[i * fields + f], bits[f]);
    bits_end(&b);
    out->len += (size_t)(b.at - begin);
}

/* ---- tables ---- */

void table_init(struct table_writer *t, enum symcache_table_id id, size_t max_bytes)
{
    t->id = id;
    t->file_bits = t->line_bits = 0;
    t->rows = t->pending = t->places = 0;
    buf_init(&t->keys, max_bytes);
    buf_init(&t->offsets, max_bytes);
    buf_init(&t->blocks, max_bytes);
}

void table_done(struct table_writer *t)
{
    buf_done(&t->keys);
    buf_done(&t->offsets);
    buf_done(&t->blocks);
}

/* The number of a place in the file and near the line; its own line is the lowest of its rows'. A
 * file has more than one when its lines lie far apart, since rows take as many bits as the
 * farthest.
 */
static uint32_t find_place(struct table_writer *t, uint32_t file, uint32_t line)
{
    uint32_t i = 0;
    while (i < t->places &&
           (t->place[i].file != file || line - t->place[i].line + PLACE_LINES > 2 * PLACE_LINES))
        i++;
    if (i == t->places)
        t->place[t->places++] = (struct place){ file, line };
    if (t->place[i].line > line)
        t->place[i].line = line;
    return i;
}

/* Files and lines of the block's rows become places and what a line is beyond its place's. */
static void make_places(struct table_writer *t)
{
    t->places = 0;
    for (size_t i = 0; i < t->pending; i++) {
        uint32_t *v = t->block[i].values;
        v[CODE_PLACE] = find_place(t, v[CODE_PLACE], v[CODE_LINE]);
    }
    for (size_t i = 0; i < t->pending; i++) {
        uint32_t *v = t->block[i].values;
        v[CODE_LINE] -= t->place[v[CODE_PLACE]].line;
    }
}

/* What a value is in the block: of fields with a base, 0 stays 0 and the base becomes 1. */
static inline uint32_t above(uint32_t value, uint32_t base)
{
    return base == 0 || value == 0 ? value : value - base + 1;
}

/* The lowest value of a field but 0, when it has a base, and the bits that the field takes. */
static uint32_t find_base(const struct table_writer *t, unsigned field, unsigned *width)
{
    uint32_t low = UINT32_MAX, high = 0;
    for (size_t i = 0; i < t->pending; i++) {
        uint32_t v = t->block[i].values[field];
        low = v != 0 && v < low ? v : low;
        high = v > high ? v : high;
    }
    uint32_t base = field < table_shapes[t->id].based && high > 0 ? low : 0;
    *width = bits_of(above(high, base));
    return base;
}

/* Rows and places behind the header of a block. */
static void write_rows(struct table_writer *t, struct bits *b, unsigned address_width,
                       const uint32_t *base, const unsigned *width)
{
    unsigned fields = table_shapes[t->id].fields;
    for (size_t i = 0; i < t->pending; i++)
        bits_put(b, t->block[i].address - t->block[0].address, address_width);
    for (size_t i = 0; i < t->pending; i++)
        for (unsigned f = 0; f < fields; f++)
            bits_put(b, above(t->block[i].values[f], base[f]), width[f]);
    for (size_t i = 0; t->id == TABLE_CODE && i < t->places; i++) {
        bits_put(b, t->place[i].file, t->file_bits);
        bits_put(b, t->place[i].line, t->line_bits);
    }
    bits_end(b);
}

static void write_block(struct table_writer *t)
{
    unsigned fields = table_shapes[t->id].fields, width[TABLE_FIELDS_MAX];
    uint32_t base[TABLE_FIELDS_MAX], key = t->block[0].address;
    unsigned address_width = bits_of(t->block[t->pending - 1].address - key);
    uint8_t block[BLOCK_BYTES_MAX] = { (uint8_t)t->pending, (uint8_t)address_width };
    size_t header = symcache_block_header(t->id);
    if (t->id == TABLE_CODE)
        make_places(t);
    for (unsigned f = 0; f < fields; f++) {
        base[f] = find_base(t, f, &width[f]);
        block[2 + f] = (uint8_t)width[f];
    }
    for (unsigned f = 0; f < table_shapes[t->id].based; f++)
        store_le32(block + header - 4 * (table_shapes[t->id].based - f), base[f]);
    struct bits b = { .at = block + header };
    write_rows(t, &b, address_width, base, width);
    buf_le32(&t->keys, key);
    buf_le32(&t->offsets, (uint32_t)t->blocks.len);
    buf_add(&t->blocks, block, (size_t)(b.at - block));
    t->pending = 0;
}

void table_add(struct table_writer *t, struct table_row row)
{
    if (t->rows > 0 && memcmp(t->last, row.values, sizeof t->last) == 0)
        return;
    memcpy(t->last, row.values, sizeof t->last);
    if (t->pending == SYMCACHE_BLOCK_ROWS)
        write_block(t);
    t->block[t->pending++] = row;
    t->rows++;
}

void table_end(struct table_writer *t)
{
    if (t->pending > 0)
        write_block(t);
    key_levels_write(&t->keys, symcache_keys);
}
