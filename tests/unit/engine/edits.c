/* edits.c - see the header. */
#include "unit/engine/edits.h"

#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

static void edit_done(struct engine_edit *t)
{
    call_come(t->owner);
}

struct edit_sent *edit_new(const char *project, enum edit_kind kind)
{
    struct edit_sent *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->t = (struct engine_edit){ .arena = arena_new(UPLOAD_BYTES),
                                 .project = str_from_c(project),
                                 .kind = kind,
                                 .done = edit_done,
                                 .owner = &s->call };
    assert_non_null(s->t.arena);
    return s;
}

bool edit_send(struct place *p, struct edit_sent *s, struct err *e)
{
    call_init(&s->call);
    if (!engine_edit(p->engine, &s->t, e))
        return false;
    call_wait(&s->call);
    *e = s->t.err;
    return s->t.ok;
}

void edit_free(struct edit_sent *s)
{
    arena_free(s->t.arena);
    free(s);
}

size_t set_attribute(struct place *p, const uint64_t *objects, size_t count, const char *name,
                     enum attribute_type type, const char *text)
{
    struct edit_sent *s = edit_new("p", EDIT_SET);
    const struct edit_value value = { .name = str_from_c(name),
                                      .clear = !text,
                                      .type = type,
                                      .text = text ? str_from_c(text) : STR("") };
    struct err e = { 0 };
    s->t.objects = objects;
    s->t.object_count = count;
    s->t.values = &value;
    s->t.value_count = 1;
    if (!edit_send(p, s, &e))
        fail_msg("set %s: %s", name, e.msg);
    size_t changed = s->t.changed;
    edit_free(s);
    return changed;
}

/* The columns. */

static void write_cell(struct buf *out, struct cell c)
{
    switch (c.type) {
    case CELL_UNSET:
        buf_printf(out, "-");
        break;
    case CELL_UINT:
        buf_printf(out, "uint:%llu", (unsigned long long)c.u);
        break;
    case CELL_INT:
        buf_printf(out, "int:%lld", (long long)c.i);
        break;
    case CELL_DOUBLE:
        buf_printf(out, "double:%.17g", c.d);
        break;
    case CELL_BOOL:
        buf_printf(out, "bool:%d", c.b);
        break;
    case CELL_STRING:
        buf_printf(out, "str:%.*s", STR_ARG(c.s));
        break;
    }
}

static int by_key(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int by_name(const void *a, const void *b)
{
    const struct column *const *x = a, *const *y = b;
    struct str p = column_name(*x), q = column_name(*y);
    int order = memcmp(p.ptr, q.ptr, p.len < q.len ? p.len : q.len);
    return order ? order : (p.len > q.len) - (p.len < q.len);
}

static uint64_t *live_keys(const struct table *t, size_t *count)
{
    uint64_t *all = calloc(t->rows + 1, sizeof *all);
    uint64_t *keys = calloc(COLUMNS_BLOCK_ROWS, sizeof *keys);
    uint64_t *live = calloc(COLUMNS_BLOCK_ROWS / 64, sizeof *live);
    assert_true(all && keys && live);
    *count = 0;
    for (uint32_t b = 0; b < table_blocks(t); b++) {
        table_keys(t, b, keys);
        table_live(t, b, live);
        for (uint32_t i = 0; i < table_block_rows(t, b); i++)
            if (live[i / 64] >> (i % 64) & 1)
                all[(*count)++] = keys[i];
    }
    free(keys);
    free(live);
    qsort(all, *count, sizeof *all, by_key);
    return all;
}

char *rows_text(struct place *p, const char *project)
{
    struct columns *c = engine_columns(p->engine);
    const struct columns_view *v = columns_acquire(c);
    struct table t;
    struct buf out;
    size_t rows;
    buf_init(&out, (size_t)1 << 30);
    (void)columns_table(v, str_from_c(project), TABLE_OBJECTS, &t);
    size_t count = table_column_count(&t);
    const struct column **columns = calloc(count + 1, sizeof(struct column *));
    uint64_t *keys = live_keys(&t, &rows);
    assert_non_null(columns);
    for (size_t i = 0; i < count; i++)
        columns[i] = table_column_at(&t, i);
    qsort(columns, count, sizeof *columns, by_name);
    for (size_t k = 0; k < rows; k++) {
        buf_printf(&out, "%llx:", (unsigned long long)keys[k]);
        for (size_t i = 0; i < count; i++) {
            struct text_room room;
            struct cell cell = column_cell(&t, columns[i], table_row(&t, keys[k]), &room);
            if (cell.type == CELL_UNSET)
                continue;
            buf_printf(&out, " %.*s=", STR_ARG(column_name(columns[i])));
            write_cell(&out, cell);
        }
        buf_char(&out, '\n');
    }
    buf_char(&out, '\0');
    assert_true(buf_ok(&out));
    char *text = strdup(buf_view(&out).ptr);
    buf_done(&out);
    free(columns);
    free(keys);
    columns_release(c, v);
    return text;
}

const char *cell_text_of(struct place *p, const char *project, uint64_t object, const char *name)
{
    static char text[4096];
    struct columns *c = engine_columns(p->engine);
    const struct columns_view *v = columns_acquire(c);
    struct table t;
    struct text_room room;
    struct buf out;
    struct cell cell = { .type = CELL_UNSET };
    (void)columns_table(v, str_from_c(project), TABLE_OBJECTS, &t);
    uint32_t row = table_row(&t, object);
    const struct column *column = table_column(&t, str_from_c(name));
    if (row == UINT32_MAX)
        fail_msg("object %llx has no row", (unsigned long long)object);
    if (column)
        cell = column_cell(&t, column, row, &room);
    buf_init(&out, sizeof text);
    write_cell(&out, cell);
    snprintf(text, sizeof text, "%.*s", STR_ARG(buf_view(&out)));
    buf_done(&out);
    columns_release(c, v);
    return text;
}

void assert_cell(struct place *p, uint64_t object, const char *name, const char *want)
{
    const char *got = cell_text_of(p, "p", object, name);
    if (strcmp(got, want) != 0)
        fail_msg("%s of object %llx is %s, not %s", name, (unsigned long long)object, got, want);
}
