/* columns.c - tables: made, shown, cleared; and the views of their readers. */
#include "columns/columns_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

bool columns_new(struct columns **out, size_t max_columns, struct err *e)
{
    struct columns *c = calloc(1, sizeof *c);
    if (!c)
        return err_set(e, ERR_NOMEM, 0, "columns");
    c->max_columns = max_columns;
    if (!memory_pool_init(&c->memory, c)) {
        free(c);
        return err_set(e, ERR_NOMEM, 0, "columns");
    }
    seglist_init(&c->tables, sizeof(struct table_state *));
    if (!idmap_init(&c->by_name)) {
        memory_pool_done(&c->memory);
        free(c);
        return err_set(e, ERR_NOMEM, 0, "columns");
    }
    int rc = getentropy(&c->parts.dice, sizeof c->parts.dice);
    assert(rc == 0); /* fails only on systems without a source of random numbers */
    *out = c;
    return true;
}

void columns_reserve(struct columns *c, struct str name)
{
    c->reserved = name;
}

/* All rows and columns go. */
static void table_empty(struct columns *c, struct table_state *t)
{
    for (size_t i = 0; i < t->columns.len; i++) {
        struct column_state *s = t->columns.at[i];
        column_retire(c, s);
        memory_retire(&c->memory, (void *)(uintptr_t)s->shown);
        memory_free(&c->memory, s->next);
        memory_free(&c->memory, s);
    }
    t->columns.len = t->touched.len = t->usual.len = 0;
    column_retire(c, &t->keys);
    dictionary_retire(&t->names, &c->memory);
    for (uint32_t b = 0; b < t->key_blocks.count; b++) {
        struct key_block *k = t->key_blocks.at[b];
        memory_retire(&c->memory, k ? (void *)(uintptr_t)k->order : NULL);
        memory_retire(&c->memory, k);
    }
    memory_retire(&c->memory, t->key_blocks.at);
    for (uint32_t b = 0; b < t->dead.count; b++)
        memory_retire(&c->memory, t->dead.at[b]);
    memory_retire(&c->memory, t->dead.at);
    memory_free(&c->memory, t->tail.order);
    t->key_blocks = t->dead = (struct block_list){ 0 };
    t->tail = (struct key_tail){ 0 };
    t->blocks_gone = t->blocks_gone_new = 0;
    t->recode_left = 0;
    t->rows = 0;
    t->greatest = 0;
    t->keys_fall = false;
}

/* What it shows, and what it was about to show. */
static void table_free(struct columns *c, struct table_state *t)
{
    const struct table_version *shown = atomic_load_explicit(&t->shown, memory_order_relaxed);
    table_empty(c, t);
    if (shown) {
        memory_retire(&c->memory, (void *)(uintptr_t)shown->columns);
        memory_retire(&c->memory, (void *)(uintptr_t)shown);
    }
    memory_free(&c->memory, t->next);
    memory_free(&c->memory, t->next_columns);
    VEC_FREE(&t->columns);
    VEC_FREE(&t->touched);
    VEC_FREE(&t->usual);
    memory_free(&c->memory, t);
}

void columns_free(struct columns *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->tables.len; i++)
        table_free(c, table_at(c, i));
    seglist_done(&c->tables);
    idmap_done(&c->by_name);
    VEC_FREE(&c->touched);
    VEC_FREE(&c->row);
    VEC_FREE(&c->plan);
    VEC_FREE(&c->rows);
    memory_pool_done(&c->memory);
    free(c);
}

size_t columns_bytes(const struct columns *c)
{
    return memory_bytes(&c->memory) + sizeof *c;
}

/* Tables. */

struct table_wanted {
    const struct columns *columns;
    struct str project;
    enum table_kind kind;
};

static bool is_wanted(const void *ctx, uint32_t id)
{
    const struct table_wanted *w = ctx;
    const struct table_state *t = table_at(w->columns, id);
    return t->kind == w->kind && str_eq(t->project, w->project);
}

struct table_state *table_find(const struct columns *c, struct str project, enum table_kind kind)
{
    struct table_wanted w = { c, project, kind };
    uint32_t id = idmap_find(&c->by_name, idmap_hash(project, kind), is_wanted, &w);
    return id == IDMAP_NONE ? NULL : table_at(c, id);
}

bool table_take(struct columns *c, struct str project, enum table_kind kind,
                struct table_state **out, struct err *e)
{
    *out = table_find(c, project, kind);
    if (*out)
        return true;
    struct table_state *t = memory_new(&c->memory, sizeof *t + project.len);
    if (!t || !seglist_grow(&c->tables, 1)) {
        memory_free(&c->memory, t);
        return err_set(e, ERR_NOMEM, 0, "a table");
    }
    if (project.len > 0)
        memcpy(t + 1, project.ptr, project.len);
    t->project = (struct str){ (const char *)(t + 1), project.len };
    t->kind = kind;
    t->names.plain = true;
    t->keys.type = COLUMN_UINT;
    size_t id = c->tables.len - 1;
    *(struct table_state **)seglist_at(&c->tables, id) = t;
    if (!idmap_insert(&c->by_name, idmap_hash(project, kind), (uint32_t)id)) {
        seglist_truncate(&c->tables, id);
        memory_free(&c->memory, t);
        return err_set(e, ERR_NOMEM, 0, "a table");
    }
    atomic_store_explicit(&c->table_count, (uint32_t)id + 1, memory_order_release);
    *out = t;
    return true;
}

/* Publishing. */

bool table_touch(struct columns *c, struct table_state *t)
{
    if (t->next)
        return true;
    if (!memory_turn_prepare(&c->memory) || !VEC_RESERVE(&c->touched, 1))
        return false;
    t->next = memory_new(&c->memory, sizeof *t->next);
    return t->next && VEC_PUSH(&c->touched, t);
}

/* The list of shown columns, with those that were touched as they are now. */
static const struct column *const *columns_show(struct columns *c, struct table_state *t,
                                                const struct table_version *before)
{
    if (t->touched.len == 0)
        return before && t->columns.len > 0 ? before->columns : NULL;
    const struct column **list = t->next_columns;
    t->next_columns = NULL;
    t->next_columns_cap = 0;
    if (before && before->column_count > 0 && before->column_count <= t->columns.len)
        memcpy(list, before->columns, before->column_count * sizeof *list);
    for (size_t i = 0; i < t->touched.len; i++) {
        struct column_state *s = t->columns.at[t->touched.at[i]];
        column_show(s, s->next);
        memory_retire(&c->memory, (void *)(uintptr_t)s->shown);
        s->shown = list[s->number] = s->next;
        s->next = NULL;
    }
    t->touched.len = 0;
    return list;
}

static void table_show(struct columns *c, struct table_state *t)
{
    const struct table_version *before = atomic_load_explicit(&t->shown, memory_order_relaxed);
    struct table_version *v = t->next;
    t->next = NULL;
    *v = (struct table_version){
        .columns = columns_show(c, t, before),
        .column_count = (uint32_t)t->columns.len,
        .names = dictionary_show(&t->names),
        .keys = keys_seen(t),
        .keys_rise = !t->keys_fall,
        .newest = t->newest,
    };
    v->keys.tail_mixed = t->tail.order != NULL;
    v->keys.tail.order = NULL; /* the writer's own */
    if (before) {
        if (before->columns != v->columns)
            memory_retire(&c->memory, (void *)(uintptr_t)before->columns);
        memory_retire(&c->memory, (void *)(uintptr_t)before);
    }
    /* All that it points to was written before. */
    atomic_store_explicit(&t->shown, v, memory_order_release);
}

void columns_publish(struct columns *c)
{
    if (c->touched.len == 0)
        return;
    for (size_t i = 0; i < c->touched.len; i++)
        table_show(c, c->touched.at[i]);
    c->touched.len = 0;
    memory_turn(&c->memory);
}

/* Clearing. */

bool columns_clear(struct columns *c, struct err *e)
{
    for (size_t i = 0; i < c->tables.len; i++) {
        if (!table_touch(c, table_at(c, i)))
            return err_set(e, ERR_NOMEM, 0, "clearing tables");
    }
    for (size_t i = 0; i < c->tables.len; i++)
        table_empty(c, table_at(c, i));
    return true;
}

void columns_forget(struct columns *c)
{
    for (size_t i = 0; i < c->tables.len; i++) {
        struct table_state *t = table_at(c, i);
        table_empty(c, t);
        t->newest = 0;
    }
}

/* Readers. */

const struct columns_view *columns_acquire(struct columns *c)
{
    return memory_enter(&c->memory);
}

void columns_release(struct columns *c, const struct columns_view *v)
{
    memory_leave(&c->memory, v);
}

bool columns_table(const struct columns_view *v, struct str project, enum table_kind kind,
                   struct table *out)
{
    static const struct table_version none = { .keys_rise = true };
    struct table_state *t = table_find(memory_owner(v), project, kind);
    const struct table_version *shown =
        t ? atomic_load_explicit(&t->shown, memory_order_acquire) : NULL;
    if (!shown) {
        *out = (struct table){ .version = &none };
        return false;
    }
    *out = (struct table){ shown, shown->keys.rows, shown->newest };
    return true;
}
