/* columns_column.c - columns as the writer has them: made, opened for a new row, shown. */
#include "columns/columns_internal.h"

#include <assert.h>

bool block_list_own(struct memory_pool *m, struct block_list *l)
{
    if (l->count == 0 || l->born == m->period)
        return true;
    void **copy = memory_new(m, l->cap * sizeof *copy);
    if (!copy)
        return false;
    memcpy(copy, l->at, l->count * sizeof *copy);
    memory_retire(m, l->at);
    l->at = copy;
    l->born = m->period;
    return true;
}

bool block_list_extend(struct memory_pool *m, struct block_list *l, uint32_t count)
{
    if (count <= l->count)
        return true;
    if (count > l->cap) {
        uint32_t cap = l->cap ? l->cap : 1;
        while (cap < count)
            cap *= 2;
        void **larger = memory_new(m, cap * sizeof *larger);
        if (!larger)
            return false;
        if (l->count > 0)
            memcpy(larger, l->at, l->count * sizeof *larger);
        memory_retire(m, l->at);
        *l = (struct block_list){ larger, l->count, cap, m->period };
    }
    l->count = count;
    return true;
}

/* The list of shown columns will have to be made anew, with room for so many. */
static bool next_columns_reserve(struct columns *c, struct table_state *t, size_t count)
{
    if (count <= t->next_columns_cap)
        return true;
    size_t cap = 8;
    while (cap < count)
        cap *= 2;
    const struct column **list = memory_new(&c->memory, cap * sizeof *list);
    if (!list)
        return false;
    memory_free(&c->memory, t->next_columns);
    t->next_columns = list;
    t->next_columns_cap = cap;
    return true;
}

/* All that showing a column needs; `columns`: how many there will be. */
static struct column *next_prepare(struct columns *c, struct table_state *t, size_t columns)
{
    if (!table_touch(c, t) || !VEC_RESERVE(&t->touched, 1) || !next_columns_reserve(c, t, columns))
        return NULL;
    return memory_new(&c->memory, sizeof(struct column));
}

bool column_touch(struct columns *c, struct table_state *t, struct column_state *s)
{
    if (s == &t->keys) /* they stand in the version itself */
        return table_touch(c, t);
    if (s->next)
        return true;
    s->next = next_prepare(c, t, t->columns.len);
    return s->next && VEC_PUSH(&t->touched, s->number);
}

void column_show(const struct column_state *s, struct column *out)
{
    *out = (struct column){
        .name = s->name,
        .type = s->type,
        .texts = dictionary_show(&s->texts),
        .blocks = (const struct block *const *)s->blocks.at,
        .block_count = s->blocks.count,
    };
}

void column_retire(struct columns *c, struct column_state *s)
{
    for (uint32_t b = 0; b < s->blocks.count; b++)
        memory_retire(&c->memory, s->blocks.at[b]);
    memory_retire(&c->memory, s->blocks.at);
    memory_free(&c->memory, s->packed);
    s->blocks = (struct block_list){ 0 };
    s->packed = NULL;
    dictionary_retire(&s->texts, &c->memory);
}

static void usual_note(struct table_state *t, size_t place, uint32_t number)
{
    if (place < t->usual.len)
        t->usual.at[place] = number;
    else if (place == t->usual.len)
        (void)VEC_PUSH(&t->usual, number); /* it is a guess only */
}

struct column_state *column_find(struct table_state *t, size_t place, struct str name)
{
    if (place < t->usual.len) {
        struct column_state *s = t->columns.at[t->usual.at[place]];
        if (str_eq(s->name, name))
            return s;
    }
    struct kept_text key;
    dictionary_keep(&t->names, name, &key);
    uint32_t number = dictionary_look(&t->names, &key);
    if (number == DICTIONARY_NONE)
        return NULL;
    usual_note(t, place, number);
    return t->columns.at[number];
}

static bool column_make(struct columns *c, struct table_state *t, struct str name,
                        enum column_type type, struct column_state **out, struct err *e)
{
    struct kept_text key;
    uint32_t number;
    dictionary_keep(&t->names, name, &key);
    struct column *next = next_prepare(c, t, t->columns.len + 1);
    struct column_state *s = memory_new(&c->memory, sizeof *s);
    if (!next || !s || !VEC_RESERVE(&t->columns, 1) ||
        !dictionary_add(&t->names, &c->memory, &key, &number, e)) {
        memory_free(&c->memory, next);
        memory_free(&c->memory, s);
        return err_set(e, ERR_NOMEM, 0, "a column");
    }
    assert(number == t->columns.len);
    bool spelt;
    struct dictionary_view names = dictionary_show(&t->names);
    s->name = dictionary_text(&names, number, NULL, &spelt);
    s->number = number;
    s->type = type;
    s->next = next;
    t->columns.at[t->columns.len++] = s;
    t->touched.at[t->touched.len++] = number;
    *out = s;
    return true;
}

size_t columns_kept_free(const struct columns *c, struct table_state *t, struct str name)
{
    return c->reserved.len > 0 && !str_eq(name, c->reserved) &&
           !column_find(t, SIZE_MAX, c->reserved);
}

bool column_take(struct columns *c, struct table_state *t, size_t place, struct str name,
                 enum column_type type, struct column_state **out, struct err *e)
{
    *out = NULL;
    if (name.len > COLUMNS_NAME_MAX)
        return true;
    *out = column_find(t, place, name);
    if (*out || t->columns.len + columns_kept_free(c, t, name) >= c->max_columns)
        return true;
    return column_make(c, t, name, type, out, e);
}

bool column_own(struct columns *c, struct table_state *t, struct column_state *s)
{
    return column_touch(c, t, s) && block_list_own(&c->memory, &s->blocks);
}

void column_block_replace(struct columns *c, struct column_state *s, uint32_t block,
                          struct block *next)
{
    assert(block < s->blocks.count && s->blocks.born == c->memory.period);
    memory_retire(&c->memory, s->blocks.at[block]);
    s->blocks.at[block] = next;
}

/* A block that gets no new rows any more, in as few bytes as can be. */
static void block_finish(struct columns *c, struct column_state *s, uint32_t block)
{
    struct block *b = column_block(s, block), *packed;
    if (!b || b->is_packed)
        return;
    block_load(b, 0, &c->parts);
    if (block_pack(&c->memory, &c->parts, &packed)) /* it is not needed */
        column_block_replace(c, s, block, packed);
}

/* The list of blocks has this one. */
static bool column_extend(struct columns *c, struct table_state *t, struct column_state *s,
                          uint32_t block)
{
    if (!column_own(c, t, s))
        return false;
    uint32_t before = s->blocks.count;
    if (!block_list_extend(&c->memory, &s->blocks, block + 1))
        return false;
    if (before > 0 && before <= block)
        block_finish(c, s, before - 1);
    return true;
}

/* With the row that completes the block: packed, to take its place with column_put. */
static bool column_complete(struct columns *c, struct column_state *s, const struct block *b,
                            uint32_t in_block, uint64_t image)
{
    block_load(b, in_block + 1, &c->parts);
    block_parts_put(&c->parts, in_block, image);
    return block_pack(&c->memory, &c->parts, &s->packed);
}

static struct block *block_reopen(struct columns *c, const struct block *b, uint32_t in_block,
                                  uint64_t image)
{
    struct block *next;
    if (!b)
        return block_first(&c->memory, image);
    if (block_lacks_room(b, in_block, image))
        return block_enlarge(&c->memory, b, in_block);
    block_load(b, in_block + 1, &c->parts);
    block_parts_put(&c->parts, in_block, image);
    if (!block_pack_open(&c->memory, &c->parts, &next))
        return NULL;
    block_unset(next, in_block); /* not yet; there is only room for it */
    return next;
}

bool column_open(struct columns *c, struct table_state *t, struct column_state *s, uint32_t row,
                 uint64_t image)
{
    uint32_t block = row / COLUMNS_BLOCK_ROWS, in_block = row % COLUMNS_BLOCK_ROWS;
    struct block *b = column_block(s, block);
    bool completes = in_block == COLUMNS_BLOCK_ROWS - 1;
    if (!completes && block_takes(b, in_block, image))
        return true;
    if (!column_extend(c, t, s, block))
        return false;
    memory_free(&c->memory, s->packed); /* of a row that did not come to be */
    s->packed = NULL;
    if (completes)
        return column_complete(c, s, b, in_block, image);
    struct block *next = block_reopen(c, b, in_block, image);
    if (next)
        column_block_replace(c, s, block, next);
    return next != NULL;
}

void column_put(struct columns *c, struct column_state *s, uint32_t row, uint64_t image)
{
    uint32_t block = row / COLUMNS_BLOCK_ROWS, in_block = row % COLUMNS_BLOCK_ROWS;
    if (in_block == COLUMNS_BLOCK_ROWS - 1) {
        column_block_replace(c, s, block, s->packed);
        s->packed = NULL;
    } else {
        block_put(column_block(s, block), in_block, image);
    }
}
