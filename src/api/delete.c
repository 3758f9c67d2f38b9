/* delete.c - POST /api/delete: objects by their ids or by a query, and single attachments (`morgue
 * delete`, `morgue attachment delete`). docs/removal.md tells what is removed.
 *
 * All that can be wrong with the request is found before anything is removed. Then the engine does
 * one thing after the other, while the exchange is parked. */
#include "api/console.h"
#include "api/door.h"
#include "api/objects.h"
#include "api/query.h"

#define DELETE_DEPTH_MAX 16
#define DELETE_NODES_MAX 100000
#define DELETE_OBJECTS_MAX 16384 /* named in one request */
#define DELETE_QUERY_MS 30000    /* of looking at rows */

/* An attachment that is to go. */
struct detachment {
    uint64_t object, attachment;
};

struct deletion {
    struct http_exchange *x;
    struct api *api;
    struct arena *arena;
    const struct json *body;
    struct str project;
    struct detachment *detachments;
    size_t detachment_count, next_detachment;
    const uint64_t *objects;
    size_t object_count;
    enum removal removal;
    struct engine_edit edit;
    size_t changed;
    struct err err; /* of what the engine could not do */
};

static bool refuse(const struct deletion *d, unsigned status, const char *word, const char *message)
{
    struct err e = { 0 };
    (void)err_word(&e, status == 404 ? ERR_NOT_FOUND : ERR_INPUT, word, "%s", message);
    backtrace_refuse(d->x, status, &e);
    return false;
}

static bool refuse_err(const struct deletion *d, const struct err *e)
{
    backtrace_refuse_err(d->x, e);
    return false;
}

static bool no_memory(const struct deletion *d)
{
    struct err e = { 0 };
    (void)err_set(&e, ERR_NOMEM, 0, "no memory for this request");
    return refuse_err(d, &e);
}

/* What is asked for. All of these: false, it has been answered. */

/* What of the objects: no subsets are all of it. */
static bool read_subsets(struct deletion *d)
{
    const struct json *list = json_get(d->body, STR("subsets"));
    bool physical = false, row = false;
    if (list && list->type != JSON_LIST)
        return refuse(d, 400, "bad_parameter", "subsets must be a list");
    for (const struct json *j = list ? list->first : NULL; j; j = j->next) {
        bool is_physical = j->type == JSON_STRING && str_eq(j->text, STR("physical"));
        bool is_row = j->type == JSON_STRING && str_eq(j->text, STR("crdb"));
        if (!is_physical && !is_row)
            return refuse(d, 400, "bad_parameter", "subsets are physical and crdb");
        physical |= is_physical;
        row |= is_row;
    }
    d->removal = physical == row ? REMOVE_ALL : physical ? REMOVE_PHYSICAL : REMOVE_ROW;
    return true;
}

/* Attachments. */

static bool refuse_attachment(const struct deletion *d)
{
    return refuse(d, 404, "not_found", "the object has no such attachment");
}

/* By its id, or the newest of the name. */
static bool find_attachment(const struct deletion *d, const struct json *j, struct detachment *out)
{
    struct str id = door_text(j, "attachment_id"), name = door_text(j, "attachment_name");
    struct stored_attachment *all;
    struct err e = { 0 };
    uint64_t number = 0;
    size_t count;
    if (id.len > 0 ? !attachment_id_parse(id, &number) : name.len == 0)
        return refuse_attachment(d);
    if (!engine_attachments(d->api->engine, out->object, d->project, d->arena, &all, &count, &e))
        return refuse_err(d, &e);
    for (size_t i = count; i > 0; i--)
        if (id.len > 0 ? all[i - 1].id == number : str_eq(all[i - 1].name, name)) {
            out->attachment = all[i - 1].id;
            return true;
        }
    return refuse_attachment(d);
}

/* Objects. */

static bool is_attachment(const struct json *j)
{
    return json_get(j, STR("attachment_id")) || json_get(j, STR("attachment_name"));
}

/* One thing of the list. An object that is not there is passed over; an attachment is not. */
static bool read_one(struct deletion *d, const struct json *j, uint64_t *objects)
{
    struct str id = j->type == JSON_STRING ? j->text : door_text(j, "id");
    uint64_t object = 0;
    if (j->type != JSON_STRING && j->type != JSON_OBJECT)
        return refuse(d, 400, "bad_parameter", "objects must be ids, or objects with an id");
    bool known = object_parse(engine_secret(d->api->engine), id, &object);
    if (is_attachment(j)) {
        struct detachment *at = &d->detachments[d->detachment_count];
        at->object = object;
        if (!known || !find_attachment(d, j, at))
            return known ? false : refuse_attachment(d);
        d->detachment_count++;
    } else if (known) {
        objects[d->object_count++] = object;
    }
    return true;
}

static bool read_objects(struct deletion *d)
{
    const struct json *list = json_get(d->body, STR("objects"));
    if (!list || list->type != JSON_LIST)
        return refuse(d, 400, "bad_parameter", "objects must be a list of ids");
    if (list->count > DELETE_OBJECTS_MAX)
        return refuse(d, 400, "bad_parameter", "at most 16384 objects can be named at once");
    uint64_t *objects = arena_array(d->arena, list->count + 1, sizeof *objects);
    d->detachments = arena_array(d->arena, list->count + 1, sizeof *d->detachments);
    if (!objects || !d->detachments)
        return no_memory(d);
    d->objects = objects;
    for (const struct json *j = list->first; j; j = j->next)
        if (!read_one(d, j, objects))
            return false;
    return true;
}

/* Those that the query's filter lets through; columns and order do not matter. */
static bool read_query(struct deletion *d)
{
    struct columns *columns = engine_columns(d->api->engine);
    const struct run_limits limits = { metric_clock_us() + (int64_t)DELETE_QUERY_MS * 1000 };
    struct ask ask;
    struct err e = { 0 };
    if (json_get(d->body, STR("objects")))
        return refuse(d, 400, "bad_parameter", "either objects or a query");
    bool ok =
        ask_read(&ask, json_get(d->body, STR("query")), d->arena, &e) && query_check_rows(&ask, &e);
    if (ok) {
        const struct columns_view *v = columns_acquire(columns);
        ask.table = TABLE_OBJECTS;
        ok = run_match(&ask, v, d->project, &limits, d->arena, &d->objects, &d->object_count, &e);
        columns_release(columns, v);
    }
    if (!ok && (e.code == ERR_INPUT || e.code == ERR_LIMIT))
        backtrace_refuse(d->x, 400, &e);
    else if (!ok)
        (void)refuse_err(d, &e);
    return ok;
}

/* Doing it. */

static void finish(struct http_exchange *x, void *arg)
{
    const struct deletion *d = arg;
    struct json_writer w;
    if (d->err.code != ERR_NONE) {
        backtrace_refuse_err(x, &d->err);
        return;
    }
    json_writer_init(&w, http_out(x));
    json_object(&w);
    json_member(&w, "response", STR("ok"));
    json_key(&w, STR("deleted"));
    json_uint(&w, d->changed);
    json_object_end(&w);
    http_answer(x, 200);
}

static void edit_done(struct engine_edit *t);

/* The next thing to do, attachments first; false: there is none. */
static bool next_edit(struct deletion *d)
{
    d->edit = (struct engine_edit){
        .arena = d->arena, .project = d->project, .done = edit_done, .owner = d
    };
    if (d->next_detachment < d->detachment_count) {
        const struct detachment *at = &d->detachments[d->next_detachment++];
        d->edit.kind = EDIT_DETACH;
        d->edit.objects = &at->object;
        d->edit.object_count = 1;
        d->edit.attachment = at->attachment;
        return true;
    }
    d->edit.kind = EDIT_REMOVE;
    d->edit.removal = d->removal;
    d->edit.objects = d->objects;
    d->edit.object_count = d->object_count;
    d->object_count = 0;
    return d->edit.object_count > 0;
}

/* The exchange is parked. */
static void go_on(struct deletion *d)
{
    if (!next_edit(d) || !engine_edit(d->api->engine, &d->edit, &d->err))
        http_wake(d->x, finish, d);
}

static void edit_done(struct engine_edit *t)
{
    struct deletion *d = t->owner;
    d->changed += t->changed;
    if (!t->ok) {
        d->err = t->err;
        http_wake(d->x, finish, d);
    } else {
        go_on(d);
    }
}

void api_delete(struct http_exchange *x, void *ctx)
{
    const struct json_limits limits = { DELETE_DEPTH_MAX, DELETE_NODES_MAX };
    const uint32_t scopes = SCOPE_OBJECT_GET | SCOPE_QUERY_POST | SCOPE_CHANGE;
    struct deletion *d = arena_zalloc(http_arena(x), sizeof *d);
    struct door door;
    struct err e = { 0 };
    if (!d) {
        (void)err_set(&e, ERR_NOMEM, 0, "no memory for this request");
        backtrace_refuse_err(x, &e);
        return;
    }
    *d = (struct deletion){ .x = x, .api = ctx };
    d->arena = backtrace_arena(x, d->api);
    if (!d->arena || !door_open(&door, x, d->api, limits, scopes, d->arena))
        return;
    d->body = door.body;
    d->project = door.token->project;
    if (!read_subsets(d))
        return;
    if (json_get(d->body, STR("query")) ? !read_query(d) : !read_objects(d))
        return;
    http_park(x);
    go_on(d);
}
