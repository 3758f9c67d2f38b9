/* edit_set.c - attributes of objects that somebody sets or clears: in their rows, in the payloads
 * of their reports, in search, and in the columns. */
#include "engine/amend.h"
#include "engine/edit.h"

#include "base/utf8.h"

#define PORTION 256    /* objects in one transaction */
#define VALUES_MAX 256 /* attributes in one request */

static_assert(STORE_NONE == OBJECT_NO_REPORT, "both say that there is no report");

/* What follows from the upload, or from what others decide, and so is not to be set. */
static bool is_made_by_server(struct str name)
{
    return row_owns(name) || str_eq(name, STR("callstack")) || str_starts(name, STR("_mod_"));
}

static bool check_value(const struct edit_value *v, struct err *e)
{
    if (v->name.len == 0 || v->name.len > UPLOAD_NAME_MAX ||
        utf8_valid_prefix(v->name) != v->name.len)
        return err_set(e, ERR_INPUT, 0, "names of attributes have 1 to %d bytes", UPLOAD_NAME_MAX);
    if (is_made_by_server(v->name))
        return err_set(e, ERR_INPUT, 0,
                       "the attribute %.*s is made by the server: it cannot be set",
                       STR_ARG(v->name));
    return v->clear || v->text.len <= UPLOAD_VALUE_MAX ||
           err_set(e, ERR_LIMIT, 0, "the value of %.*s has %zu bytes, at most %d are kept",
                   (int)(v->name.len < 60 ? v->name.len : 60), v->name.ptr, v->text.len,
                   UPLOAD_VALUE_MAX);
}

/* Whether the project's table has columns for all of them, or room. */
static bool check_room(struct engine *en, const struct engine_edit *t, struct err *e)
{
    const struct columns_view *v = columns_acquire(en->columns);
    struct table table;
    size_t fresh = 0, most = en->config.columns_max;
    bool keeps_free; /* a place for `error`: see columns_reserve */
    (void)columns_table(v, t->project, TABLE_OBJECTS, &table);
    keeps_free = !table_column(&table, STR("error"));
    for (size_t i = 0; i < t->value_count; i++) {
        bool is_new = !t->values[i].clear && !table_column(&table, t->values[i].name);
        keeps_free &= !(is_new && str_eq(t->values[i].name, STR("error")));
        fresh += is_new;
    }
    bool ok = fresh == 0 || table_column_count(&table) + fresh + keeps_free <= most;
    columns_release(en->columns, v);
    return ok ||
           err_set(e, ERR_LIMIT, 0, "the project has %zu attributes, which is the limit", most);
}

static bool set_check(struct engine *en, const struct engine_edit *t, struct err *e)
{
    if (t->project.len == 0)
        return err_set(e, ERR_INPUT, 0, "a project must be named");
    if (t->value_count > VALUES_MAX)
        return err_set(e, ERR_LIMIT, 0, "%zu attributes at once; at most %d can be set",
                       t->value_count, VALUES_MAX);
    for (size_t i = 0; i < t->value_count; i++)
        if (!check_value(&t->values[i], e))
            return false;
    return check_room(en, t, e);
}

static size_t set_count(const struct engine_edit *t)
{
    return t->object_count;
}

/* All that is made of the object on the way goes; what the batch needs of it stays. */
static bool set_one(struct batch *b, struct edit *d, uint64_t object, uint32_t report,
                    struct err *e)
{
    const struct engine_edit *t = d->request;
    struct stored_upload u;
    bool ok;
    arena_reset(d->one);
    if (store_upload_head(b->engine->store, object, d->one, &u, e)) {
        if (!upload_format_is_error(u.format))
            return true;
        u.project = t->project;
        ok = amend_upload(b, &u, t->values, t->value_count, d->one, e);
    } else {
        ok = e->code == ERR_NOT_FOUND &&
             amend_report(b, object, t->project, report, t->values, t->value_count, d->one, e);
    }
    return ok && amend_keep(b, d->arena, e);
}

static bool set_prepare(struct batch *b, struct edit *d, struct err *e)
{
    const struct engine_edit *t = d->request;
    for (size_t i = d->at; i < d->end; i++) {
        struct object o = objects_find(&b->engine->objects, t->objects[i], t->project);
        if (o.state == OBJECT_COMMITTED && !set_one(b, d, t->objects[i], o.report, e))
            return false;
        if (edit_end_if_full(d, i))
            break;
    }
    d->changed = b->amendments.len;
    return true;
}

const struct edit_steps edit_set = {
    .portion = PORTION,
    .check = set_check,
    .count = set_count,
    .prepare = set_prepare,
};
