/* bpg_kept.c - types that are kept as they came: objects of JSON, by a key that makes them
 * different from any other of their type. Who reads them asks access_configuration. */
#include "api/bpg.h"

#include <stdio.h>

#define OBJECT_MAX ((size_t)3 * BPG_TEXT_MAX) /* bytes of one, as JSON */

/* --- from the store --------------------------------------------------------------------------- */

static bool is_id(const struct bpg_field *f)
{
    return f->constraints[1] && strcmp(f->constraints[1], "autoincrement") == 0;
}

/* An object that was stored was a row of the type; what does not fit it now is null. */
static bool fill_row(const struct bpg_type *t, const struct configuration *c, struct bpg_row *row)
{
    struct bpg_row read = { .number = 0 };
    struct err bad;
    if (!bpg_read_row(t, c->object, &read, &bad))
        return false;
    for (size_t i = 0; i < t->field_count; i++)
        if (read.at[i].is == BPG_GIVEN)
            row->at[i] = read.at[i];
    row->number = c->number;
    if (is_id(&t->fields[0]))
        bpg_set_number(row, 0, c->number);
    return true;
}

/* Where it belongs: a project or a universe that the user sees; what belongs to neither is for all
 * to see. */
static bool is_seen(const struct bpg *b, const struct bpg_type *t, const struct bpg_row *row)
{
    size_t project = bpg_field_find(t, STR("project"));
    size_t universe = bpg_field_find(t, STR("universe"));
    struct err hidden;
    if (project < BPG_FIELDS_MAX) {
        const struct stored_project *p =
            bpg_has(row, project) ? access_project(b->view, (uint32_t)row->at[project].number)
                                  : NULL;
        return p && user_sees(b->user, p);
    }
    return universe == BPG_FIELDS_MAX || bpg_universe(b, &row->at[universe], &hidden);
}

BPG_LIST(bpg_kept_list)
{
    const struct configuration *all;
    size_t n = access_configuration(b->view, t->name, &all);
    for (size_t i = 0; i < n; i++) {
        struct bpg_row *row = bpg_add_row(b, out, e);
        if (!row)
            return false;
        if (!fill_row(t, &all[i], row) || !is_seen(b, t, row))
            out->count--;
    }
    return true;
}

/* The rules that are built in have a row in each project: clients that list rules break when there
 * is none at all. */
BPG_LIST(bpg_deduplication_list)
{
    const struct stored_access *rows = access_rows(b->view);
    for (size_t i = 0; i < rows->project_count; i++) {
        if (!user_sees(b->user, &rows->projects[i]))
            continue;
        struct bpg_row *row = bpg_add_row(b, out, e);
        if (!row)
            return false;
        bpg_set_number(row, bpg_field_find(t, STR("id")), 0);
        bpg_set_text(row, bpg_field_find(t, STR("name")), STR("built in"));
        bpg_set_number(row, bpg_field_find(t, STR("project")), rows->projects[i].number);
        bpg_set_text(row, bpg_field_find(t, STR("rules")), STR("[]"));
        bpg_set_text(row, bpg_field_find(t, STR("languages")), STR(""));
        bpg_set_text(row, bpg_field_find(t, STR("platforms")), STR(""));
        bpg_set_number(row, bpg_field_find(t, STR("enabled")), 1);
        bpg_set_number(row, bpg_field_find(t, STR("owner")), bpg_owner(b, NULL));
        bpg_set_number(row, bpg_field_find(t, STR("priority")), -1);
    }
    return bpg_kept_list(b, t, out, e);
}

/* --- into the store --------------------------------------------------------------------------- */

/* "12/version": the fields that t->key names. At most the last is a text. */
static bool make_key(struct bpg *b, const struct bpg_type *t, const struct bpg_row *row,
                     struct str *out, struct err *e)
{
    *out = STR("");
    for (const char *at = t->key; *at; at++) {
        size_t i = (size_t)(*at - '0');
        bool number = t->fields[i].kind == BPG_INTEGER;
        const char *slash = out->len > 0 ? "/" : "";
        bool ok = number ? arena_printf(b->arena, out, "%.*s%s%lld", STR_ARG(*out), slash,
                                        (long long)row->at[i].number)
                         : arena_printf(b->arena, out, "%.*s%s%.*s", STR_ARG(*out), slash,
                                        STR_ARG(row->at[i].text));
        if (!ok)
            return err_set(e, ERR_NOMEM, 0, "no memory for this request");
    }
    return true;
}

/* All fields but the id. */
static void write_object(struct buf *out, const struct bpg_type *t, const struct bpg_row *row)
{
    struct bpg_row kept = *row;
    struct json_writer w;
    if (is_id(&t->fields[0]))
        kept.at[0] = (struct bpg_value){ .is = BPG_NULL };
    json_writer_init(&w, out);
    bpg_write_row(&w, t, &kept);
}

/* Members change what belongs to their projects, and what is their own; all else is the admins'. */
static bool may_change(struct bpg *b, const struct bpg_type *t, const struct bpg_row *row,
                       struct err *e)
{
    size_t project = bpg_field_find(t, STR("project")), uid = bpg_field_find(t, STR("uid"));
    size_t universe = bpg_field_find(t, STR("universe"));
    if (project < BPG_FIELDS_MAX)
        return bpg_project(b, &row->at[project], e) != NULL;
    if (universe < BPG_FIELDS_MAX && !bpg_universe(b, &row->at[universe], e))
        return false;
    if (uid < BPG_FIELDS_MAX && bpg_has(row, uid) && row->at[uid].number == b->user->row->number &&
        b->user->role != ROLE_GUEST)
        return true;
    return bpg_need_admin(b, e);
}

/* `c` borrows what is in `text`. */
static bool make_object(struct bpg *b, const struct bpg_type *t, const struct bpg_row *row,
                        struct buf *text, struct stored_configuration *c, struct err *e)
{
    *c = (struct stored_configuration){ .number = row->number, .type = t->name };
    if (!bpg_check_needed(t, row, e) || !may_change(b, t, row, e) ||
        !t->check(t, row, b->arena, e) || !make_key(b, t, row, &c->key, e))
        return false;
    write_object(text, t, row);
    c->object = buf_view(text);
    return buf_ok(text) || err_set(e, ERR_INPUT, 0, "%.*s is too large", STR_ARG(t->name));
}

BPG_CREATE(bpg_kept_create)
{
    struct stored_configuration c;
    struct buf text;
    buf_init(&text, OBJECT_MAX);
    bool ok = make_object(b, t, now, &text, &c, e) &&
              store_configuration_add(engine_store(b->c->api->engine), &c, &now->number, e);
    buf_done(&text);
    if (ok && is_id(&t->fields[0]))
        bpg_set_number(now, 0, now->number);
    return ok;
}

static bool is_built_in(const struct bpg_row *was, struct err *e)
{
    return was->number == 0 && !err_set(e, ERR_INPUT, 0, "what is built in cannot be changed");
}

BPG_MODIFY(bpg_kept_modify)
{
    struct stored_configuration c;
    struct buf text;
    if (is_built_in(was, e) || !may_change(b, t, was, e) ||
        (is_id(&t->fields[0]) && !bpg_keeps(t, was, now, 0, e)))
        return false;
    buf_init(&text, OBJECT_MAX);
    bool ok = make_object(b, t, now, &text, &c, e) &&
              store_configuration_change(engine_store(b->c->api->engine), &c, e);
    buf_done(&text);
    return ok;
}

BPG_REMOVE(bpg_kept_remove)
{
    return !is_built_in(was, e) && may_change(b, t, was, e) &&
           store_configuration_remove(engine_store(b->c->api->engine), was->number, e);
}
