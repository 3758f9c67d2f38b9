/* columns_keys.c - which row a key has.
 *
 * Keys mostly rise with the rows, as object ids do that were given out one after another and whose
 * reports were committed nearly in that order. Where they do, a block is searched by halves; a
 * block where they do not has the order of its rows by key beside it. The block at the end gets
 * such an order from the writer, who alone looks into it: a new row goes in where it belongs, near
 * the end as a rule. Of the rows with one key only the last can be live. */
#include "columns/columns_internal.h"

#include <assert.h>

#define ORDER_LEAST 256u /* rows that an order has room for */

struct keys_seen keys_seen(const struct table_state *t)
{
    struct keys_seen k = {
        .complete = (const struct key_block *const *)t->key_blocks.at,
        .complete_count = t->key_blocks.count,
        .tail = { t->tail.least, t->tail.greatest, t->tail.order },
        .dead = (const struct dead_rows *const *)t->dead.at,
        .dead_count = t->dead.count,
        .rows = t->rows,
    };
    column_show(&t->keys, &k.column);
    return k;
}

static uint64_t key_at(const struct block *b, const uint16_t *order, uint32_t place)
{
    uint64_t key = 0;
    (void)block_get(b, order ? order[place] : place, &key);
    return key;
}

/* How many of the first `rows` places have a key of at most this. */
static uint32_t places_upto(const struct block *b, const uint16_t *order, uint32_t rows,
                            uint64_t key)
{
    uint32_t low = 0, high = rows;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (key_at(b, order, middle) <= key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The last row of a block that has the key; `rows`: none. */
static uint32_t find_in_block(const struct block *b, const struct key_block *k, bool mixed,
                              uint32_t rows, uint64_t key)
{
    if (mixed)
        return block_find(b, rows, key);
    uint32_t upto = places_upto(b, k->order, rows, key);
    if (upto == 0 || key_at(b, k->order, upto - 1) != key)
        return rows;
    return k->order ? k->order[upto - 1] : upto - 1;
}

uint32_t keys_find(const struct keys_seen *k, uint64_t key)
{
    uint32_t blocks = (k->rows + COLUMNS_BLOCK_ROWS - 1) / COLUMNS_BLOCK_ROWS;
    for (uint32_t b = blocks; b-- > 0;) {
        bool complete = b < k->complete_count;
        const struct key_block *known = complete ? k->complete[b] : &k->tail;
        if (!known || key < known->least || key > known->greatest || b >= k->column.block_count)
            continue;
        uint32_t rows = k->rows - b * COLUMNS_BLOCK_ROWS;
        rows = rows < COLUMNS_BLOCK_ROWS ? rows : COLUMNS_BLOCK_ROWS;
        uint32_t row =
            find_in_block(k->column.blocks[b], known, !complete && k->tail_mixed, rows, key);
        if (row == rows)
            continue;
        bool dead = b < k->dead_count && row_is_dead(k->dead[b], row);
        return dead ? ROW_NONE : b * COLUMNS_BLOCK_ROWS + row;
    }
    return ROW_NONE;
}

/* The last block is complete. */
static bool tail_complete(struct columns *c, struct table_state *t)
{
    uint32_t complete = t->rows / COLUMNS_BLOCK_ROWS;
    if (t->key_blocks.count == complete)
        return true;
    struct key_block *k = memory_new(&c->memory, sizeof *k);
    if (!k || !block_list_extend(&c->memory, &t->key_blocks, complete)) {
        memory_free(&c->memory, k);
        return false;
    }
    *k = (struct key_block){ t->tail.least, t->tail.greatest, t->tail.order };
    t->key_blocks.at[complete - 1] = k;
    t->tail = (struct key_tail){ 0 };
    return true;
}

/* Room for one row more in the order of the tail. */
static bool tail_order_enlarge(struct columns *c, struct key_tail *tail, uint32_t rows)
{
    if (rows < tail->cap)
        return true;
    uint32_t cap = tail->cap ? tail->cap : ORDER_LEAST;
    while (cap <= rows)
        cap *= 2;
    uint16_t *order = memory_new(&c->memory, cap * sizeof *order);
    if (!order)
        return false;
    for (uint32_t i = 0; i < rows; i++)
        order[i] = tail->order ? tail->order[i] : (uint16_t)i;
    memory_free(&c->memory, tail->order);
    tail->order = order;
    tail->cap = cap;
    return true;
}

bool keys_open(struct columns *c, struct table_state *t, uint64_t key)
{
    if (!table_touch(c, t) || !column_open(c, t, &t->keys, t->rows, key))
        return false;
    uint32_t in_block = t->rows % COLUMNS_BLOCK_ROWS;
    if (in_block == 0)
        return tail_complete(c, t);
    bool rises = !t->tail.order && key > t->tail.greatest;
    return rises || tail_order_enlarge(c, &t->tail, in_block);
}

void keys_put(struct columns *c, struct table_state *t, uint64_t key)
{
    uint32_t in_block = t->rows % COLUMNS_BLOCK_ROWS;
    column_put(c, &t->keys, t->rows, key);
    const struct block *b = column_block(&t->keys, t->rows / COLUMNS_BLOCK_ROWS);
    struct key_tail *tail = &t->tail;
    if (tail->order) {
        uint32_t place = places_upto(b, tail->order, in_block, key);
        memmove(tail->order + place + 1, tail->order + place,
                (in_block - place) * sizeof *tail->order);
        tail->order[place] = (uint16_t)in_block;
    }
    if (in_block == 0 || key < tail->least)
        tail->least = key;
    if (in_block == 0 || key > tail->greatest)
        tail->greatest = key;
    t->keys_fall |= t->rows > 0 && key <= t->greatest;
    t->greatest = t->rows == 0 || key > t->greatest ? key : t->greatest;
    t->newest = key > t->newest ? key : t->newest;
}

bool keys_skip_block(struct columns *c, struct table_state *t)
{
    uint32_t block = t->rows / COLUMNS_BLOCK_ROWS;
    assert(t->rows % COLUMNS_BLOCK_ROWS == 0);
    if (!table_touch(c, t) || !tail_complete(c, t) ||
        !block_list_extend(&c->memory, &t->key_blocks, block + 1) ||
        !block_list_extend(&c->memory, &t->keys.blocks, block + 1))
        return false;
    t->rows += COLUMNS_BLOCK_ROWS;
    t->blocks_gone++;
    return true;
}

bool keys_drop_prepare(struct columns *c, struct table_state *t)
{
    return column_own(c, t, &t->keys) && block_list_own(&c->memory, &t->key_blocks);
}

void keys_drop(struct columns *c, struct table_state *t, uint32_t block)
{
    struct key_block *k = t->key_blocks.at[block];
    if (!k)
        return;
    column_block_replace(c, &t->keys, block, NULL);
    t->key_blocks.at[block] = NULL;
    memory_retire(&c->memory, (void *)(uintptr_t)k->order);
    memory_retire(&c->memory, k);
}
