/* columns_model.c - every rule of columns.h, told again without blocks, codes and views. */
#include "columns_model.h"

#include "base/json.h"

#include "../cmocka_all.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct str model_name(size_t column, char *room)
{
    snprintf(room, 16, "column %zu", column);
    return str_from_c(room);
}

struct cell model_cell(const struct model_value *v)
{
    struct cell c = { .type = v->type };
    if (v->type == CELL_STRING)
        c.s = str_from_c(v->text);
    else if (v->type == CELL_BOOL)
        c.b = v->b;
    else
        c.u = v->u;
    return c;
}

struct model_row *model_find(struct model *m, uint64_t key)
{
    for (size_t i = m->count; i-- > 0;) {
        if (m->rows[i].key == key)
            return m->rows[i].live ? &m->rows[i] : NULL;
    }
    return NULL;
}

struct model_row *model_put(struct model *m, uint64_t key)
{
    struct model_row *row = model_find(m, key);
    if (row)
        return row;
    if (m->count == m->cap) {
        m->cap = m->cap ? 2 * m->cap : 64;
        m->rows = realloc(m->rows, m->cap * sizeof *m->rows);
        assert_non_null(m->rows);
    }
    row = &m->rows[m->count++];
    *row = (struct model_row){ .key = key, .live = true };
    m->newest = key > m->newest ? key : m->newest;
    return row;
}

static bool is_number(enum column_type t)
{
    return t == COLUMN_UINT || t == COLUMN_INT || t == COLUMN_DOUBLE;
}

static enum column_type type_of(const struct model_value *v)
{
    static const enum column_type types[] = {
        [CELL_UINT] = COLUMN_UINT, [CELL_INT] = COLUMN_INT,       [CELL_DOUBLE] = COLUMN_DOUBLE,
        [CELL_BOOL] = COLUMN_BOOL, [CELL_STRING] = COLUMN_STRING,
    };
    return types[v->type];
}

static double as_double(const struct model_value *v)
{
    return v->type == CELL_UINT ? (double)v->u : v->type == CELL_INT ? (double)v->i : v->d;
}

static struct model_value converted(const struct model_value *v, enum column_type to)
{
    struct model_value out = { .type = CELL_UNSET };
    if (v->type == CELL_UNSET)
        return out;
    switch (to) {
    case COLUMN_UINT:
        out.type = CELL_UINT;
        out.u = v->u;
        break;
    case COLUMN_INT:
        out.type = CELL_INT;
        out.i = v->i;
        break;
    case COLUMN_DOUBLE:
        out.type = CELL_DOUBLE;
        out.d = as_double(v);
        break;
    case COLUMN_BOOL:
        return *v;
    case COLUMN_STRING:
        if (v->type == CELL_STRING)
            return *v;
        out.type = CELL_STRING;
        if (v->type == CELL_BOOL) {
            snprintf(out.text, sizeof out.text, "%s", v->b ? "true" : "false");
        } else if (v->type == CELL_UINT) {
            snprintf(out.text, sizeof out.text, "%" PRIu64, v->u);
        } else if (v->type == CELL_INT) {
            snprintf(out.text, sizeof out.text, "%" PRId64, v->i);
        } else {
            char room[JSON_DOUBLE_ROOM];
            struct str text = json_double_text(v->d, room);
            snprintf(out.text, sizeof out.text, "%.*s", STR_ARG(text));
        }
        break;
    }
    return out;
}

static bool holds(enum column_type t, const struct model_value *v)
{
    if (t == COLUMN_UINT)
        return v->type == CELL_UINT || (v->type == CELL_INT && v->i >= 0);
    if (t == COLUMN_INT)
        return v->type == CELL_INT || (v->type == CELL_UINT && v->u <= INT64_MAX);
    if (t == COLUMN_DOUBLE)
        return is_number(type_of(v));
    return t == COLUMN_STRING || v->type == CELL_BOOL;
}

static enum column_type type_for_both(const struct model *m, size_t column,
                                      const struct model_value *v)
{
    enum column_type from = m->types[column], to = type_of(v);
    if (!is_number(from) || !is_number(to))
        return COLUMN_STRING;
    if (from != COLUMN_UINT || to != COLUMN_INT)
        return COLUMN_DOUBLE;
    for (size_t i = 0; i < m->count; i++) {
        const struct model_value *there = &m->rows[i].cells[column];
        if (m->rows[i].live && there->type == CELL_UINT && there->u > INT64_MAX)
            return COLUMN_DOUBLE;
    }
    return COLUMN_INT;
}

void model_set(struct model *m, struct model_row *row, size_t column, const struct model_value *v)
{
    if (v->type == CELL_UNSET) {
        row->cells[column] = *v;
        return;
    }
    if (!m->has[column]) {
        m->has[column] = true;
        m->types[column] = type_of(v);
    }
    if (!holds(m->types[column], v)) {
        enum column_type to = type_for_both(m, column, v);
        for (size_t i = 0; i < m->count; i++)
            m->rows[i].cells[column] = converted(&m->rows[i].cells[column], to);
        m->types[column] = to;
    }
    row->cells[column] = converted(v, m->types[column]);
}

void model_clear(struct model *m)
{
    m->count = 0;
    memset(m->has, 0, sizeof m->has);
}

void model_copy(const struct model *m, struct model *out)
{
    *out = *m;
    out->cap = m->count ? m->count : 1;
    out->rows = malloc(out->cap * sizeof *out->rows);
    assert_non_null(out->rows);
    if (m->count > 0)
        memcpy(out->rows, m->rows, m->count * sizeof *out->rows);
}

void model_done(struct model *m)
{
    free(m->rows);
    *m = (struct model){ 0 };
}

static bool is_same(const struct model_value *want, const struct cell *have)
{
    if (want->type != have->type)
        return false;
    if (want->type == CELL_STRING)
        return str_eq(str_from_c(want->text), have->s);
    if (want->type == CELL_BOOL)
        return want->b == have->b;
    if (want->type == CELL_DOUBLE)
        return want->d == have->d;
    return want->type == CELL_UNSET || want->u == have->u;
}

/* A cell as the loops over blocks give it. */
static struct cell unpacked(const struct column *c, uint32_t code, uint64_t number, bool set,
                            struct text_room *room)
{
    struct cell v = { .type = CELL_UNSET };
    switch (column_type(c)) {
    case COLUMN_STRING:
        if (code != 0) {
            v.type = CELL_STRING;
            v.s = column_text(c, code - 1, room);
            assert_int_equal(column_code(c, v.s), code - 1);
        }
        return v;
    case COLUMN_BOOL:
        if (code != 0) {
            v.type = CELL_BOOL;
            v.b = code == 2;
        }
        return v;
    default:
        if (set) {
            v.type = column_type(c) == COLUMN_UINT  ? CELL_UINT
                     : column_type(c) == COLUMN_INT ? CELL_INT
                                                    : CELL_DOUBLE;
            v.u = number;
        } else {
            assert_true(number == 0);
        }
        return v;
    }
}

static void compare_column(const struct model *m, const struct table *t, size_t column)
{
    char room[16];
    const struct column *c = table_column(t, model_name(column, room));
    assert_true((c != NULL) == m->has[column]);
    if (!c)
        return;
    assert_true(str_eq(column_name(c), model_name(column, room)));
    assert_int_equal(column_type(c), m->types[column]);
    static uint32_t codes[COLUMNS_BLOCK_ROWS];
    static uint64_t numbers[COLUMNS_BLOCK_ROWS], set[COLUMNS_BLOCK_ROWS / 64];
    bool is_code = column_type(c) == COLUMN_STRING || column_type(c) == COLUMN_BOOL;
    for (uint32_t b = 0; b < table_blocks(t); b++) {
        bool any = false;
        if (is_code)
            column_codes(t, c, b, codes);
        else
            column_numbers(t, c, b, numbers, set);
        for (uint32_t i = 0; i < table_block_rows(t, b); i++) {
            uint32_t row = b * COLUMNS_BLOCK_ROWS + i;
            struct text_room text_room, cell_room;
            struct cell have = unpacked(c, is_code ? codes[i] : 0, is_code ? 0 : numbers[i],
                                        !is_code && (set[i / 64] >> i % 64 & 1) != 0, &text_room);
            any |= have.type != CELL_UNSET;
            if (!m->rows[row].live)
                continue;
            if (!is_same(&m->rows[row].cells[column], &have))
                print_message("row %u, column %zu\n", row, column);
            assert_true(is_same(&m->rows[row].cells[column], &have));
            struct cell cell = column_cell(t, c, row, &cell_room);
            assert_true(is_same(&m->rows[row].cells[column], &cell));
        }
        if (column_is_unset(t, c, b))
            assert_false(any);
    }
}

void model_compare(const struct model *m, const struct table *t)
{
    assert_int_equal(t->rows, m->count);
    assert_true(t->newest == m->newest);
    size_t columns = 0;
    for (size_t i = 0; i < MODEL_COLUMNS; i++) {
        compare_column(m, t, i);
        columns += m->has[i];
    }
    assert_int_equal(table_column_count(t), columns);
    static uint64_t keys[COLUMNS_BLOCK_ROWS], live[COLUMNS_BLOCK_ROWS / 64];
    bool rise = true;
    for (uint32_t b = 0; b < table_blocks(t); b++) {
        table_keys(t, b, keys);
        table_live(t, b, live);
        for (uint32_t i = 0; i < table_block_rows(t, b); i++) {
            uint32_t row = b * COLUMNS_BLOCK_ROWS + i;
            bool is_live = (live[i / 64] >> i % 64 & 1) != 0;
            assert_int_equal(is_live, m->rows[row].live);
            rise &= row == 0 || m->rows[row].key > m->rows[row - 1].key;
            if (!is_live)
                continue;
            assert_true(keys[i] == m->rows[row].key);
            assert_true(table_key(t, row) == m->rows[row].key);
            assert_int_equal(table_row(t, m->rows[row].key), row);
        }
        for (uint32_t i = table_block_rows(t, b); i < COLUMNS_BLOCK_ROWS; i++)
            assert_true((live[i / 64] >> i % 64 & 1) == 0);
    }
    assert_int_equal(table_keys_rise(t), rise);
}
