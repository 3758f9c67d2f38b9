/* columns_read.c - what readers ask of a table and of its columns. */
#include "columns/columns_internal.h"

#include <assert.h>

size_t table_column_count(const struct table *t)
{
    return t->version->column_count;
}

const struct column *table_column_at(const struct table *t, size_t i)
{
    assert(i < t->version->column_count);
    return t->version->columns[i];
}

const struct column *table_column(const struct table *t, struct str name)
{
    uint32_t number = dictionary_find(&t->version->names, name);
    return number == DICTIONARY_NONE ? NULL : t->version->columns[number];
}

bool table_keys_rise(const struct table *t)
{
    return t->version->keys_rise;
}

static const struct block *block_of(const struct column *c, uint32_t block)
{
    return block < c->block_count ? c->blocks[block] : NULL;
}

void table_keys(const struct table *t, uint32_t block, uint64_t *keys)
{
    uint64_t set[BLOCK_WORDS];
    block_numbers(block_of(&t->version->keys.column, block), table_block_rows(t, block), 0, keys,
                  set);
}

void table_live(const struct table *t, uint32_t block, uint64_t *bits)
{
    const struct keys_seen *k = &t->version->keys;
    const struct dead_rows *dead = block < k->dead_count ? k->dead[block] : NULL;
    uint32_t rows = table_block_rows(t, block);
    for (uint32_t w = 0; w < BLOCK_WORDS; w++) {
        uint64_t there = rows >= 64 * (w + 1) ? UINT64_MAX
                         : rows <= 64 * w     ? 0
                                              : (UINT64_C(1) << rows % 64) - 1;
        bits[w] = there & ~(dead ? dead->bits[w] : 0);
    }
}

uint64_t table_key(const struct table *t, uint32_t row)
{
    uint64_t key = 0;
    (void)block_get(block_of(&t->version->keys.column, row / COLUMNS_BLOCK_ROWS),
                    row % COLUMNS_BLOCK_ROWS, &key);
    return key;
}

uint32_t table_row(const struct table *t, uint64_t key)
{
    return keys_find(&t->version->keys, key);
}

struct str column_name(const struct column *c)
{
    return c->name;
}

enum column_type column_type(const struct column *c)
{
    return c->type;
}

uint32_t column_texts(const struct column *c)
{
    return c->texts.texts;
}

struct str column_text(const struct column *c, uint32_t code, struct text_room *room)
{
    bool spelt;
    assert(code < c->texts.texts);
    return dictionary_text(&c->texts, code, room, &spelt);
}

bool column_text_keep(const struct column *c, uint32_t code, struct arena *a, struct str *out)
{
    bool spelt;
    struct text_room room;
    assert(code < c->texts.texts);
    *out = dictionary_text(&c->texts, code, &room, &spelt);
    return !spelt || arena_str(a, *out, out);
}

uint32_t column_code(const struct column *c, struct str text)
{
    return dictionary_find(&c->texts, text);
}

bool column_is_unset(const struct table *t, const struct column *c, uint32_t block)
{
    (void)t;
    return !block_of(c, block);
}

void column_codes(const struct table *t, const struct column *c, uint32_t block, uint32_t *out)
{
    block_codes(block_of(c, block), table_block_rows(t, block), out);
}

void column_numbers(const struct table *t, const struct column *c, uint32_t block, uint64_t *out,
                    uint64_t *set)
{
    block_numbers(block_of(c, block), table_block_rows(t, block), image_bias(c->type), out, set);
}

struct cell column_cell(const struct table *t, const struct column *c, uint32_t row,
                        struct text_room *room)
{
    uint64_t image;
    assert(row < t->rows);
    if (!block_get(block_of(c, row / COLUMNS_BLOCK_ROWS), row % COLUMNS_BLOCK_ROWS, &image))
        return (struct cell){ .type = CELL_UNSET };
    if (c->type == COLUMN_STRING)
        return (struct cell){ .type = CELL_STRING, .s = column_text(c, (uint32_t)image, room) };
    return image_value(c->type, image);
}
