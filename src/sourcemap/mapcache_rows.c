/* mapcache_rows.c - mappings to blocks with fields as narrow as their rows allow. */
#include "sourcemap/mapcache_write.h"

struct block {
    const struct mapping *rows[MAPCACHE_BLOCK_ROWS];
    unsigned count;
    uint64_t have_source, have_name;
    uint32_t base[BLOCK_BASES]; /* lowest source, original line, name */
    uint8_t bits[BLOCK_FIELDS];
};

static uint32_t lesser(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t greater(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* What a column is told from. */
static uint32_t column_base(const struct block *b)
{
    return b->bits[FIELD_LINE] == 0 ? b->rows[0]->column : 0;
}

static void measure(struct block *b, const uint32_t *name_texts)
{
    uint32_t column = 0, old_column = 0, high[BLOCK_BASES] = { 0 };
    b->have_source = b->have_name = 0;
    memset(b->base, 0xff, sizeof b->base);
    for (unsigned i = 0; i < b->count; i++) {
        const struct mapping *m = b->rows[i];
        column = greater(column, m->column);
        if (m->source == MAP_NONE)
            continue;
        b->have_source |= UINT64_C(1) << i;
        old_column = greater(old_column, m->old_column);
        b->base[0] = lesser(b->base[0], m->source);
        b->base[1] = lesser(b->base[1], m->old_line);
        high[0] = greater(high[0], m->source);
        high[1] = greater(high[1], m->old_line);
        if (m->name == MAP_NONE)
            continue;
        b->have_name |= UINT64_C(1) << i;
        b->base[2] = lesser(b->base[2], name_texts[m->name]);
        high[2] = greater(high[2], name_texts[m->name]);
    }
    for (unsigned i = 0; i < BLOCK_BASES; i++)
        b->base[i] = lesser(b->base[i], high[i]); /* 0 when there is none */
    b->bits[FIELD_LINE] = bits_of(b->rows[b->count - 1]->line - b->rows[0]->line);
    b->bits[FIELD_COLUMN] = bits_of(column - column_base(b));
    b->bits[FIELD_SOURCE] = bits_of(high[0] - b->base[0]);
    b->bits[FIELD_OLD_LINE] = bits_of(high[1] - b->base[1]);
    b->bits[FIELD_OLD_COLUMN] = bits_of(old_column);
    b->bits[FIELD_NAME] = bits_of(high[2] - b->base[2]);
}

static void write_fields(const struct block *b, const uint32_t *name_texts, struct buf *out)
{
    struct bits bits = { .out = out };
    uint32_t from = column_base(b);
    for (unsigned i = 0; i < b->count; i++) {
        bits_put(&bits, b->rows[i]->line - b->rows[0]->line, b->bits[FIELD_LINE]);
        bits_put(&bits, b->rows[i]->column - from, b->bits[FIELD_COLUMN]);
    }
    for (unsigned i = 0; i < b->count; i++) {
        const struct mapping *m = b->rows[i];
        bool has = m->source != MAP_NONE;
        bits_put(&bits, has ? m->source - b->base[0] : 0, b->bits[FIELD_SOURCE]);
        bits_put(&bits, has ? m->old_line - b->base[1] : 0, b->bits[FIELD_OLD_LINE]);
        bits_put(&bits, has ? m->old_column : 0, b->bits[FIELD_OLD_COLUMN]);
    }
    for (unsigned i = 0; i < b->count; i++)
        if (b->have_name >> i & 1)
            bits_put(&bits, name_texts[b->rows[i]->name] - b->base[2], b->bits[FIELD_NAME]);
    bits_end(&bits);
}

static void write_block(const struct mapcache_rows *to, struct block *b, const uint32_t *name_texts)
{
    uint64_t all = UINT64_MAX >> (MAPCACHE_BLOCK_ROWS - b->count);
    measure(b, name_texts);
    buf_le64(to->keys, (uint64_t)b->rows[0]->line << 32 | b->rows[0]->column);
    buf_le32(to->offsets, (uint32_t)to->blocks->len);
    buf_char(to->blocks, (char)b->count);
    buf_char(to->blocks, (char)((b->have_source != all ? BLOCK_SOME_HAVE_NO_SOURCE : 0) |
                                (b->have_name ? BLOCK_HAS_NAMES : 0)));
    buf_add(to->blocks, b->bits, sizeof b->bits);
    for (unsigned i = 0; i < BLOCK_BASES; i++)
        buf_le32(to->blocks, b->base[i]);
    if (b->have_source != all)
        buf_le64(to->blocks, b->have_source);
    if (b->have_name)
        buf_le64(to->blocks, b->have_name);
    write_fields(b, name_texts, to->blocks);
    b->count = 0;
}

uint32_t mapcache_write_rows(const struct mapcache_rows *to, const struct map *m,
                             const uint32_t *name_texts)
{
    struct block b = { .count = 0 };
    uint32_t blocks = 0;
    for (size_t i = 0; i < m->mappings_count; i++) {
        const struct mapping *row = &m->mappings[i];
        if (i + 1 < m->mappings_count && row[1].line == row->line && row[1].column == row->column)
            continue; /* of several at one place the last one counts */
        b.rows[b.count++] = row;
        if (b.count < MAPCACHE_BLOCK_ROWS)
            continue;
        write_block(to, &b, name_texts);
        blocks++;
    }
    if (b.count > 0) {
        write_block(to, &b, name_texts);
        blocks++;
    }
    key_levels_write(to->keys, mapcache_keys);
    return blocks;
}
