/* columns_write.c - rows put, changed and removed.
 *
 * A new row is written behind what readers look at, in place. A change of cells that readers may
 * look at is planned first: blocks are copied with the change in them; then all of them take their
 * places, which cannot fail. */
#include "columns/columns_internal.h"

#include <math.h>

static bool is_set(const struct cell *value)
{
    return value->type != CELL_UNSET && !(value->type == CELL_DOUBLE && isnan(value->d));
}

static bool no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, 0, "rows of a table");
}

/* A column is changed once by each change, should a name stand twice in it: the first counts. */
static bool is_first_touch(struct columns *c, struct column_state *s)
{
    bool first = s->change != c->change;
    s->change = c->change;
    return first;
}

/* A new row. */

/* Many columns have the same text row after row: then it need not be looked for. */
static void text_plan(struct planned_cell *p, const struct cell *value)
{
    struct column_state *s = p->column;
    p->value = value;
    p->has_text = value->type == CELL_STRING && s->type == COLUMN_STRING;
    p->is_known = p->has_text && dictionary_is(&s->texts, s->last_code, value->s);
    p->has_text &= !p->is_known;
    p->image = s->last_code;
    if (p->has_text)
        dictionary_keep(&s->texts, value->s, &p->text);
}

/* The columns of a row's cells. */
static bool row_columns(struct columns *c, struct table_state *t, const struct named_cell *cells,
                        size_t count, size_t *left_out, struct err *e)
{
    c->row.len = 0;
    if (!VEC_RESERVE(&c->row, count)) /* they must not move: a text may point to its own room */
        return no_memory(e);
    for (size_t i = 0; i < count; i++) {
        const struct cell *value = &cells[i].value;
        struct planned_cell *p = &c->row.at[c->row.len];
        if (!is_set(value))
            continue;
        if (!column_take(c, t, i, cells[i].name, column_type_for(value), &p->column, e))
            return false;
        *left_out += !p->column;
        if (!p->column || !is_first_touch(c, p->column))
            continue;
        text_plan(p, value);
        c->row.len++;
    }
    return true;
}

static void row_expect(struct columns *c)
{
    for (int step = 0; step < 3; step++) {
        for (size_t i = 0; i < c->row.len; i++) {
            struct planned_cell *p = &c->row.at[i];
            if (p->has_text)
                dictionary_expect(&p->column->texts, &p->text, step);
        }
    }
}

static bool row_plan(struct columns *c, struct table_state *t, const struct named_cell *cells,
                     size_t count, size_t *left_out, struct err *e)
{
    if (!row_columns(c, t, cells, count, left_out, e))
        return false;
    row_expect(c);
    for (size_t i = 0; i < c->row.len; i++) {
        struct planned_cell *p = &c->row.at[i];
        const struct kept_text *text = p->has_text ? &p->text : NULL;
        if (!p->is_known && !column_image(c, t, p->column, p->value, text, &p->image, e))
            return false;
        p->column->last_code = (uint32_t)p->image; /* of a column of texts */
        if (!column_open(c, t, p->column, t->rows, p->image))
            return no_memory(e);
    }
    return true;
}

#define RECODE_EVERY_ROWS 1024u
#define RECODE_LEAST_TEXTS 16u

/* When as many blocks have gone as are left, dictionaries are made anew: one column at a time, so
 * that nobody waits long. That is not needed for anything else: if memory is short, it stays. */
static void recode_some(struct columns *c, struct table_state *t)
{
    uint32_t complete = t->rows / COLUMNS_BLOCK_ROWS;
    if (t->blocks_gone_new > 0 && t->blocks_gone_new >= complete - t->blocks_gone) {
        t->blocks_gone_new = 0;
        t->recode_left = t->columns.len;
    }
    while (t->recode_left > 0) {
        struct column_state *s = t->columns.at[--t->recode_left];
        if (s->type != COLUMN_STRING || s->texts.texts < RECODE_LEAST_TEXTS)
            continue;
        (void)!column_recode(c, t, s);
        return;
    }
}

static bool row_append(struct columns *c, struct table_state *t, uint64_t key,
                       const struct named_cell *cells, size_t count, size_t *left_out,
                       struct err *e)
{
    if (t->rows >= ROWS_MAX)
        return err_set(e, ERR_LIMIT, 0, "a table has at most %u rows", ROWS_MAX);
    if (!row_plan(c, t, cells, count, left_out, e))
        return false;
    if (!keys_open(c, t, key))
        return no_memory(e);
    for (size_t i = 0; i < c->row.len; i++)
        column_put(c, c->row.at[i].column, t->rows, c->row.at[i].image);
    keys_put(c, t, key);
    t->rows++;
    if (t->recode_left > 0 && t->rows % RECODE_EVERY_ROWS == 0)
        recode_some(c, t);
    return true;
}

/* Changes of cells that readers may look at. */

/* Whether the rows, all of one block, are like that already. */
static bool is_so_already(const struct planned_cells *p)
{
    const struct block *b = column_block(p->column, p->block);
    for (size_t i = 0; i < p->row_count; i++) {
        uint64_t image;
        bool there = block_get(b, p->rows[i] % COLUMNS_BLOCK_ROWS, &image);
        if (there != p->is_set || (there && image != p->image))
            return false;
    }
    return true;
}

/* Whether the block can hold the change as it is packed. */
static bool is_taken(const struct planned_cells *p, const struct block *b)
{
    if (!p->is_set)
        return block_takes_unset(b);
    if (block_is_sparse(b) && p->row_count > 1)
        return false;
    /* The last row is the one that there may be no cell for. */
    return block_takes(b, p->rows[p->row_count - 1] % COLUMNS_BLOCK_ROWS, p->image);
}

static void cells_write(const struct planned_cells *p, struct block *b)
{
    for (size_t i = 0; i < p->row_count; i++) {
        uint32_t in_block = p->rows[i] % COLUMNS_BLOCK_ROWS;
        if (p->is_set)
            block_put(b, in_block, p->image);
        else
            block_unset(b, in_block);
    }
}

/* The block with the change, packed anew. */
static bool block_repack(struct columns *c, const struct table_state *t, struct planned_cells *p,
                         const struct block *b)
{
    struct block_parts *parts = &c->parts;
    block_load(b, p->rows[p->row_count - 1] % COLUMNS_BLOCK_ROWS + 1, parts);
    for (size_t i = 0; i < p->row_count; i++) {
        uint32_t in_block = p->rows[i] % COLUMNS_BLOCK_ROWS;
        if (p->is_set)
            block_parts_put(parts, in_block, p->image);
        else
            block_parts_unset(parts, in_block);
    }
    bool grows = p->block == t->rows / COLUMNS_BLOCK_ROWS;
    return grows ? block_pack_open(&c->memory, parts, &p->next)
                 : block_pack(&c->memory, parts, &p->next);
}

/* Plans one block of a column. */
static bool block_plan(struct columns *c, struct table_state *t, struct planned_cells *p)
{
    const struct block *b = column_block(p->column, p->block);
    if (is_so_already(p))
        return true;
    if (!VEC_RESERVE(&c->plan, 1) || !column_own(c, t, p->column) ||
        !block_list_extend(&c->memory, &p->column->blocks, p->block + 1))
        return false;
    bool taken = b && is_taken(p, b);
    p->in_place = taken && b->born == c->memory.period;
    p->next = NULL;
    if (!p->in_place) {
        if (taken)
            p->next = block_copy(&c->memory, b);
        if (taken ? !p->next : !block_repack(c, t, p, b))
            return false;
        if (taken)
            cells_write(p, p->next);
        if (p->next && p->next->set == 0) {
            memory_free(&c->memory, p->next);
            p->next = NULL;
        }
    }
    return VEC_PUSH(&c->plan, *p);
}

/* Plans to set or unset a column at the rows, which rise. */
static bool cells_plan(struct columns *c, struct table_state *t, struct column_state *s, bool set,
                       uint64_t image, const uint32_t *rows, size_t row_count)
{
    for (size_t i = 0, end; i < row_count; i = end) {
        uint32_t block = rows[i] / COLUMNS_BLOCK_ROWS;
        for (end = i + 1; end < row_count && rows[end] / COLUMNS_BLOCK_ROWS == block;)
            end++;
        struct planned_cells p = {
            .column = s,
            .block = block,
            .rows = rows + i,
            .row_count = end - i,
            .is_set = set,
            .image = image,
        };
        if (!block_plan(c, t, &p))
            return false;
    }
    return true;
}

static void plan_drop(struct columns *c)
{
    for (size_t i = 0; i < c->plan.len; i++)
        memory_free(&c->memory, c->plan.at[i].next);
    c->plan.len = 0;
}

static void plan_carry_out(struct columns *c)
{
    for (size_t i = 0; i < c->plan.len; i++) {
        struct planned_cells *p = &c->plan.at[i];
        if (!p->in_place) {
            column_block_replace(c, p->column, p->block, p->next);
            continue;
        }
        struct block *b = column_block(p->column, p->block);
        cells_write(p, b);
        if (b->set == 0)
            column_block_replace(c, p->column, p->block, NULL);
    }
    c->plan.len = 0;
}

/* Plans the cells at the rows. `may_leave_out`: those of new columns over the limit are counted;
 * else there are none. */
static bool change_plan(struct columns *c, struct table_state *t, const struct named_cell *cells,
                        size_t count, const uint32_t *rows, size_t row_count, size_t *left_out,
                        struct err *e)
{
    for (size_t i = 0; i < count; i++) {
        const struct cell *value = &cells[i].value;
        struct column_state *s = NULL;
        bool set = is_set(value);
        if (!set)
            s = column_find(t, i, cells[i].name);
        else if (!column_take(c, t, i, cells[i].name, column_type_for(value), &s, e))
            return false;
        *left_out += set && !s;
        if (!s || !is_first_touch(c, s))
            continue;
        uint64_t image = 0;
        if (set && !column_image(c, t, s, value, NULL, &image, e))
            return false;
        if (!cells_plan(c, t, s, set, image, rows, row_count))
            return no_memory(e);
    }
    return true;
}

static bool change_rows(struct columns *c, struct table_state *t, const struct named_cell *cells,
                        size_t count, const uint32_t *rows, size_t row_count, struct err *e)
{
    size_t left_out = 0;
    c->change++;
    bool ok = change_plan(c, t, cells, count, rows, row_count, &left_out, e);
    if (ok)
        plan_carry_out(c);
    else
        plan_drop(c);
    return ok;
}

/* All of a row anew: what is not among the cells is unset. */
static bool row_replace(struct columns *c, struct table_state *t, uint32_t row,
                        const struct named_cell *cells, size_t count, size_t *left_out,
                        struct err *e)
{
    bool ok = change_plan(c, t, cells, count, &row, 1, left_out, e);
    for (size_t i = 0; ok && i < t->columns.len; i++) {
        struct column_state *s = t->columns.at[i];
        if (is_first_touch(c, s) && !cells_plan(c, t, s, false, 0, &row, 1))
            ok = no_memory(e);
    }
    if (ok)
        plan_carry_out(c);
    else
        plan_drop(c);
    return ok;
}

bool columns_put(struct columns *c, struct str project, enum table_kind kind, uint64_t key,
                 const struct named_cell *cells, size_t count, size_t *left_out, struct err *e)
{
    struct table_state *t;
    size_t left = 0;
    if (!table_take(c, project, kind, &t, e))
        return false;
    c->change++;
    uint32_t row = ROW_NONE;
    if (t->rows > 0 && key <= t->greatest) {
        struct keys_seen seen = keys_seen(t);
        row = keys_find(&seen, key);
    }
    bool ok = row == ROW_NONE ? row_append(c, t, key, cells, count, &left, e)
                              : row_replace(c, t, row, cells, count, &left, e);
    if (left_out)
        *left_out = left;
    return ok;
}

/* Columns that a change would make; a name that is too long counts as too many. */
static bool check_limit(struct columns *c, struct table_state *t, const struct named_cell *cells,
                        size_t count, struct err *e)
{
    size_t new_columns = 0, kept_free = 1;
    for (size_t i = 0; i < count; i++) {
        if (!is_set(&cells[i].value))
            continue;
        if (cells[i].name.len > COLUMNS_NAME_MAX)
            return err_set(e, ERR_LIMIT, 0, "the name of an attribute has at most %u bytes",
                           COLUMNS_NAME_MAX);
        if (column_find(t, i, cells[i].name))
            continue;
        new_columns++;
        kept_free &= columns_kept_free(c, t, cells[i].name);
    }
    if (t->columns.len + new_columns + kept_free > c->max_columns && new_columns > 0)
        return err_set(e, ERR_LIMIT, 0, "a project has at most %zu attributes", c->max_columns);
    return true;
}

bool columns_change(struct columns *c, struct str project, enum table_kind kind, uint64_t key,
                    const struct named_cell *cells, size_t count, struct err *e)
{
    struct table_state *t = table_find(c, project, kind);
    struct keys_seen seen;
    uint32_t row = ROW_NONE;
    if (t) {
        seen = keys_seen(t);
        row = keys_find(&seen, key);
    }
    if (row == ROW_NONE)
        return err_set(e, ERR_NOT_FOUND, 0, "there is no object %llx", (unsigned long long)key);
    return check_limit(c, t, cells, count, e) && change_rows(c, t, cells, count, &row, 1, e);
}

static int row_order(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The rows that keys have, rising, each once: in c->rows. */
static bool rows_of(struct columns *c, const struct table_state *t, const uint64_t *keys,
                    size_t key_count, struct err *e)
{
    struct keys_seen seen = keys_seen(t);
    c->rows.len = 0;
    bool rise = true;
    for (size_t i = 0; i < key_count; i++) {
        uint32_t row = keys_find(&seen, keys[i]);
        if (row == ROW_NONE)
            continue;
        rise &= c->rows.len == 0 || row > c->rows.at[c->rows.len - 1];
        if (!VEC_PUSH(&c->rows, row))
            return no_memory(e);
    }
    if (rise)
        return true;
    qsort(c->rows.at, c->rows.len, sizeof *c->rows.at, row_order);
    size_t kept = 0;
    for (size_t i = 0; i < c->rows.len; i++) {
        if (kept == 0 || c->rows.at[kept - 1] != c->rows.at[i])
            c->rows.at[kept++] = c->rows.at[i];
    }
    c->rows.len = kept;
    return true;
}

bool columns_change_all(struct columns *c, struct str project, enum table_kind kind,
                        const uint64_t *keys, size_t key_count, const struct named_cell *cells,
                        size_t count, struct err *e)
{
    struct table_state *t = table_find(c, project, kind);
    if (!t)
        return true;
    if (!rows_of(c, t, keys, key_count, e))
        return false;
    return c->rows.len == 0 || (check_limit(c, t, cells, count, e) &&
                                change_rows(c, t, cells, count, c->rows.at, c->rows.len, e));
}

/* Removal. */

/* Rows of a block that are to be removed now. */
struct removal {
    uint32_t block;
    const uint32_t *rows;
    uint32_t count;
};

/* The next of them; false: no more. */
static bool removal_next(const struct columns *c, size_t *at, struct removal *out)
{
    if (*at >= c->rows.len)
        return false;
    *out = (struct removal){ c->rows.at[*at] / COLUMNS_BLOCK_ROWS, c->rows.at + *at, 0 };
    for (; *at < c->rows.len && c->rows.at[*at] / COLUMNS_BLOCK_ROWS == out->block; (*at)++)
        out->count++;
    return true;
}

/* Whether all rows of the block, which is complete, are removed then. */
static bool is_last_removal(const struct dead_rows *dead, uint32_t more)
{
    return dead->count + more == COLUMNS_BLOCK_ROWS;
}

static bool removal_prepare(struct columns *c, struct table_state *t, const struct removal *r)
{
    struct dead_rows **dead = (struct dead_rows **)&t->dead.at[r->block];
    if (!*dead || (*dead)->born != c->memory.period) {
        struct dead_rows *copy = memory_new(&c->memory, sizeof *copy);
        if (!copy)
            return false;
        if (*dead)
            *copy = **dead;
        copy->born = c->memory.period;
        memory_retire(&c->memory, *dead);
        *dead = copy;
    }
    if (!is_last_removal(*dead, r->count))
        return true;
    for (size_t i = 0; i < t->columns.len; i++) {
        if (column_block(t->columns.at[i], r->block) && !column_own(c, t, t->columns.at[i]))
            return false;
    }
    return (r->block >= t->key_blocks.count || keys_drop_prepare(c, t));
}

static void removal_carry_out(struct columns *c, struct table_state *t, const struct removal *r)
{
    struct dead_rows *dead = t->dead.at[r->block];
    bool last = is_last_removal(dead, r->count);
    for (uint32_t i = 0; i < r->count; i++)
        dead->bits[r->rows[i] % COLUMNS_BLOCK_ROWS / 64] |= UINT64_C(1) << r->rows[i] % 64;
    dead->count += r->count;
    if (!last)
        return;
    for (size_t i = 0; i < t->columns.len; i++) {
        if (column_block(t->columns.at[i], r->block))
            column_block_replace(c, t->columns.at[i], r->block, NULL);
    }
    if (r->block < t->key_blocks.count)
        keys_drop(c, t, r->block);
    t->blocks_gone++;
    t->blocks_gone_new++;
}

bool columns_remove(struct columns *c, struct str project, enum table_kind kind,
                    const uint64_t *keys, size_t key_count, struct err *e)
{
    struct table_state *t = table_find(c, project, kind);
    if (!t)
        return true;
    if (!rows_of(c, t, keys, key_count, e))
        return false;
    if (c->rows.len == 0)
        return true;
    struct removal r;
    uint32_t last_block = c->rows.at[c->rows.len - 1] / COLUMNS_BLOCK_ROWS;
    if (!table_touch(c, t) || !block_list_own(&c->memory, &t->dead) ||
        !block_list_extend(&c->memory, &t->dead, last_block + 1))
        return no_memory(e);
    for (size_t at = 0; removal_next(c, &at, &r);) {
        if (!removal_prepare(c, t, &r))
            return no_memory(e);
    }
    for (size_t at = 0; removal_next(c, &at, &r);)
        removal_carry_out(c, t, &r);
    recode_some(c, t);
    return true;
}
