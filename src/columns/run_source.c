/* run_source.c - finds what a column name means and gives its values. */
#include "columns/run_source.h"

#include "columns/attribute_formats.h"
#include "columns/run_virtual.h"

#define NAME_ARG(s) (int)((s).len < 60 ? (s).len : 60), (s).ptr

bool source_list_init(struct source_list *l, const struct ask *q, const struct columns_view *v,
                      struct str project, const struct run_limits *limits, struct arena *a,
                      struct err *e)
{
    *l = (struct source_list){ .ask = q, .arena = a, .pace = { .until_us = limits->until_us } };
    columns_table(v, project, q->table, &l->table);
    columns_table(v, project, TABLE_ISSUES, &l->issues);
    l->scratch = arena_array(a, COLUMNS_BLOCK_ROWS, sizeof *l->scratch);
    return l->scratch || run_no_memory(e);
}

static bool keep_source(struct source_list *l, struct source *s, struct err *e)
{
    if (l->count == l->room) {
        size_t room = l->room ? l->room * 2 : 16;
        struct source **at = arena_array(l->arena, room, sizeof *at);
        if (!at)
            return run_no_memory(e);
        if (l->count > 0)
            memcpy(at, l->at, l->count * sizeof *at);
        l->at = at;
        l->room = room;
    }
    l->at[l->count++] = s;
    return true;
}

bool source_refuse_name(const struct source *s, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, 0, "column not found: '%.*s'", NAME_ARG(s->name));
}

static const struct ask_virtual *find_virtual(const struct source_list *l, struct str name)
{
    for (size_t i = 0; i < l->ask->virtual_count; i++)
        if (str_eq(l->ask->virtuals[i].name, name))
            return &l->ask->virtuals[i];
    return NULL;
}

static bool refuse_backing(const struct ask_virtual *v, const char *why, struct err *e)
{
    return err_word(e, ERR_INPUT, "backing_column",
                    "virtual column '%.*s': %s backing column not found: '%.*s'%s",
                    NAME_ARG(v->name),
                    v->type == VIRTUAL_QUANTIZE ? "quantize_uint" : "truncate_timestamp",
                    NAME_ARG(v->backing), why);
}

/* Follows the chain of virtual columns from the name down to one that is not; what they do is done
 * in the other order. */
static bool find_steps(struct source_list *l, struct source *s, const struct ask_virtual *v,
                       struct err *e)
{
    size_t most = l->ask->virtual_count, first = most;
    const struct ask_virtual **steps = arena_array(l->arena, most, sizeof *steps);
    if (!steps)
        return run_no_memory(e);
    for (; v; v = find_virtual(l, v->backing)) {
        if (first == 0)
            return refuse_backing(v, " (it is made of itself)", e);
        if (v->type == VIRTUAL_QUANTIZE && v->size <= 0)
            return err_set(e, ERR_INPUT, 0, "virtual column '%.*s': the size must be positive",
                           NAME_ARG(v->name));
        steps[--first] = v;
    }
    s->steps = steps + first;
    s->step_count = most - first;
    return true;
}

static bool make_virtual(struct source_list *l, struct source *s, const struct ask_virtual *v,
                         struct err *e)
{
    struct source made = { .name = s->name };
    const struct source *backing;
    if (!find_steps(l, &made, v, e))
        return false;
    if (!source_find(l, made.steps[0]->backing, &backing, e))
        return e->code == ERR_NOT_FOUND ? refuse_backing(made.steps[0], "", e) : false;
    if (backing->kind != SOURCE_UNSET && type_has_codes(backing->type))
        return refuse_backing(made.steps[0], " holds no numbers", e);
    *s = *backing;
    s->name = made.name;
    s->steps = made.steps;
    s->step_count = made.step_count;
    if (type_has_codes(s->type)) /* without values; but they would be numbers */
        s->type = s->base = COLUMN_UINT;
    for (size_t i = 0; i < s->step_count; i++)
        s->type = virtual_type_of(s->steps[i], s->type);
    return true;
}

static bool find_stored(struct source_list *l, struct source *s, struct err *e)
{
    if (str_eq(s->name, STR("_tx")) || str_eq(s->name, STR("object"))) {
        s->kind = SOURCE_KEY;
        s->type = COLUMN_UINT;
        return true;
    }
    s->column = table_column(&l->table, s->name);
    if (s->column) {
        s->kind = SOURCE_STORED;
        s->type = column_type(s->column);
        s->texts = s->type == COLUMN_STRING ? s->column : NULL;
        return true;
    }
    if (str_starts(s->name, STR("fingerprint;")))
        return source_join(l, s, e);
    const struct standard_attribute *known = attribute_standard(l->ask->table, s->name);
    if (!known)
        return source_refuse_name(s, e);
    s->kind = SOURCE_UNSET;
    s->type = known->type;
    return true;
}

static bool source_make(struct source_list *l, struct source *s, struct err *e)
{
    const struct ask_virtual *v = find_virtual(l, s->name);
    if (v)
        return make_virtual(l, s, v, e);
    if (!find_stored(l, s, e))
        return false;
    s->base = s->type;
    return true;
}

bool source_find(struct source_list *l, struct str name, const struct source **out, struct err *e)
{
    for (size_t i = 0; i < l->count; i++) {
        if (str_eq(l->at[i]->name, name)) {
            *out = l->at[i];
            return true;
        }
    }
    struct source *s = arena_zalloc(l->arena, sizeof *s);
    if (!s)
        return run_no_memory(e);
    s->name = name;
    if (!source_make(l, s, e) || !keep_source(l, s, e))
        return false;
    *out = s;
    return true;
}

/* --- values ---------------------------------------------------------------------------------- */

bool source_is_unset(const struct source_list *l, const struct source *s, uint32_t block)
{
    return s->kind == SOURCE_UNSET ||
           (s->kind != SOURCE_KEY && column_is_unset(&l->table, s->column, block));
}

void source_codes(struct source_list *l, const struct source *s, uint32_t block, uint32_t *out)
{
    uint32_t rows = table_block_rows(&l->table, block);
    if (source_is_unset(l, s, block)) {
        memset(out, 0, rows * sizeof *out);
        return;
    }
    column_codes(&l->table, s->column, block, out);
    if (s->kind == SOURCE_BY_FINGERPRINT)
        for (uint32_t i = 0; i < rows; i++)
            out[i] = s->codes[out[i]];
}

static void set_all(uint64_t *set, uint32_t rows)
{
    memset(set, 0xff, rows / 64 * sizeof *set);
    if (rows % 64)
        set[rows / 64] = (UINT64_C(1) << rows % 64) - 1;
}

static void numbers_by_fingerprint(struct source_list *l, const struct source *s, uint32_t block,
                                   uint64_t *out, uint64_t *set)
{
    uint32_t rows = table_block_rows(&l->table, block);
    column_codes(&l->table, s->column, block, l->scratch);
    memset(set, 0, (rows + 63) / 64 * sizeof *set);
    for (uint32_t i = 0; i < rows; i++) {
        out[i] = s->numbers[l->scratch[i]];
        set[i / 64] |= (uint64_t)s->number_set[l->scratch[i]] << i % 64;
    }
}

static void apply_steps(const struct source *s, uint64_t *numbers, size_t count)
{
    enum column_type t = s->base;
    for (size_t i = 0; i < s->step_count; i++) {
        virtual_apply(s->steps[i], t, numbers, count);
        t = virtual_type_of(s->steps[i], t);
    }
}

void source_numbers(struct source_list *l, const struct source *s, uint32_t block, uint64_t *out,
                    uint64_t *set)
{
    uint32_t rows = table_block_rows(&l->table, block);
    if (source_is_unset(l, s, block)) {
        memset(out, 0, rows * sizeof *out);
        memset(set, 0, (rows + 63) / 64 * sizeof *set);
        return;
    }
    if (s->kind == SOURCE_KEY) {
        table_keys(&l->table, block, out);
        set_all(set, rows);
    } else if (s->kind == SOURCE_BY_FINGERPRINT) {
        numbers_by_fingerprint(l, s, block, out, set);
    } else {
        column_numbers(&l->table, s->column, block, out, set);
    }
    apply_steps(s, out, rows);
}

bool source_code_cell(struct source_list *l, const struct source *s, uint32_t code,
                      struct cell *out, struct err *e)
{
    *out = (struct cell){ .type = CELL_UNSET };
    if (code == 0)
        return true;
    if (s->type == COLUMN_BOOL) {
        *out = (struct cell){ .type = CELL_BOOL, .b = code == 2 };
        return true;
    }
    out->type = CELL_STRING;
    return column_text_keep(s->texts, code - 1, l->arena, &out->s) || run_no_memory(e);
}

/* A text that was spelt out into the room is copied out of it. */
static bool keep_cell(struct source_list *l, struct cell c, const struct text_room *room,
                      struct cell *out, struct err *e)
{
    *out = c;
    if (c.type != CELL_STRING || (uintptr_t)c.s.ptr - (uintptr_t)room->at >= sizeof room->at)
        return true;
    return arena_str(l->arena, c.s, &out->s) || run_no_memory(e);
}

/* The bits of a cell of numbers as column_numbers has them. */
static uint64_t cell_bits(const struct cell *c)
{
    return c->type == CELL_UINT     ? c->u
           : c->type == CELL_INT    ? (uint64_t)c->i
           : c->type == CELL_DOUBLE ? value_bits(c->d)
                                    : 0;
}

bool source_cell(struct source_list *l, const struct source *s, uint32_t row, struct cell *out,
                 struct err *e)
{
    struct text_room room;
    uint64_t bits = 0;
    *out = (struct cell){ .type = CELL_UNSET };
    if (source_is_unset(l, s, row / COLUMNS_BLOCK_ROWS))
        return true;
    if (s->kind == SOURCE_KEY) {
        bits = table_key(&l->table, row);
    } else {
        struct cell c = column_cell(&l->table, s->column, row, &room);
        if (c.type == CELL_UNSET)
            return true;
        if (s->kind == SOURCE_BY_FINGERPRINT) {
            uint32_t code = column_code(s->column, c.s) + 1;
            if (s->codes)
                return source_code_cell(l, s, s->codes[code], out, e);
            if (!s->number_set[code])
                return true;
            bits = s->numbers[code];
        } else if (type_has_codes(s->type)) {
            return keep_cell(l, c, &room, out, e);
        } else {
            bits = cell_bits(&c);
        }
    }
    apply_steps(s, &bits, 1);
    *out = value_of_bits(s->type, bits);
    return true;
}
