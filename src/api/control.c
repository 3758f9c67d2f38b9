/* control.c - POST /api/control: what operators ask of the server. "reload" has objects of a
 * project processed again (`morgue reprocess`): the answer comes at once; the work is done behind
 * all fresh uploads. "rpstatus" asks for rules of retention (retention_status.c). */
#include "access/receipt.h"
#include "api/asked.h"

#include "base/vec.h"

#include <inttypes.h>

#define CONTROL_DEPTH_MAX 8
#define CONTROL_NODES_MAX 40000
#define CONTROL_OBJECTS_MAX 16384 /* named in one request */
#define CONTROL_PAGE 1000         /* uploads that are read at once */

struct control {
    struct http_exchange *x;
    struct api *api;
    struct arena *arena;
    const struct json *body;
    struct str project;
    uint64_t first, last;
    VEC(uint64_t) objects;
};

static bool refuse(const struct control *c, const char *word, const char *message)
{
    struct err e = { 0 };
    (void)err_word(&e, ERR_INPUT, word, "%s", message);
    backtrace_refuse(c->x, 400, &e);
    return false;
}

/* False: it has been answered. */
static bool read_body(struct control *c)
{
    const struct json_limits limits = { CONTROL_DEPTH_MAX, CONTROL_NODES_MAX };
    struct err e = { 0 };
    c->arena = backtrace_arena(c->x, c->api);
    if (!c->arena)
        return false;
    if (!json_parse(&c->body, http_body(c->x), limits, c->arena, &e)) {
        backtrace_refuse(c->x, e.code == ERR_NOMEM ? 503 : 400, &e);
        return false;
    }
    return c->body->type == JSON_OBJECT || refuse(c, "bad_body", "the body must be a JSON object");
}

static bool admit(struct control *c)
{
    const struct claim claim = { .universe = door_text(c->body, "universe"),
                                 .token = door_text(c->body, "token"),
                                 .project = door_text(c->body, "project") };
    const struct token *t;
    struct err e = { 0 };
    unsigned status =
        backtrace_admit(c->x, c->api, &claim, SCOPE_QUERY_POST | SCOPE_CHANGE, &t, &e);
    if (status) {
        backtrace_refuse(c->x, status, &e);
        return false;
    }
    c->project = t->project;
    return true;
}

/* An id that the body may hold. */
static bool read_id(struct control *c, const char *member, uint64_t missing, uint64_t *out)
{
    *out = missing;
    if (!json_get(c->body, str_from_c(member)))
        return true;
    return object_parse(engine_secret(c->api->engine), door_text(c->body, member), out) ||
           refuse(c, "bad_parameter", "first and last must be ids of objects");
}

static bool add(struct control *c, uint64_t object, struct err *e)
{
    return VEC_PUSH(&c->objects, object) || err_set(e, ERR_NOMEM, 0, "no memory for the list");
}

/* The list is made from the newest back; the oldest is to be made again first, as it came. */
static void turn_round(struct control *c)
{
    for (size_t i = 0; i < c->objects.len / 2; i++) {
        uint64_t *a = &c->objects.at[i], *b = &c->objects.at[c->objects.len - 1 - i], kept = *a;
        *a = *b;
        *b = kept;
    }
}

/* Those from `first` to `last`, page by page: rows outside are not looked at, and a page's memory
 * serves the next. The body goes with it: all that it says has been read. */
static bool add_range(struct control *c, struct err *e)
{
    struct upload_filter f = { .project = c->project,
                               .before = c->last < UINT64_MAX ? c->last + 1 : 0,
                               .limit = CONTROL_PAGE };
    struct stored_upload *page;
    bool more = true;
    c->body = NULL;
    while (more) {
        size_t count, i;
        arena_reset(c->arena);
        if (!store_upload_list(engine_store(c->api->engine), &f, c->arena, &page, &count, e))
            return false;
        for (i = 0; i < count && page[i].object >= c->first; i++)
            if (upload_format_is_error(page[i].format) && !add(c, page[i].object, e))
                return false;
        more = i == CONTROL_PAGE;
        f.before = count > 0 ? page[count - 1].object : 0;
    }
    turn_round(c);
    return true;
}

/* Those that are not uploads of the project are passed over. */
static bool add_named(struct control *c, const struct json *list, struct err *e)
{
    for (const struct json *j = list->first; j; j = j->next) {
        struct stored_upload u;
        uint64_t object;
        if (j->type != JSON_STRING ||
            !object_parse(engine_secret(c->api->engine), j->text, &object))
            continue;
        if (!store_upload_head(engine_store(c->api->engine), object, c->arena, &u, e)) {
            if (e->code != ERR_NOT_FOUND)
                return false;
            continue;
        }
        if (str_eq(u.project, c->project) && !add(c, object, e))
            return false;
    }
    return true;
}

static void answer(struct control *c)
{
    static _Atomic uint64_t requests; /* since the server was started */
    struct json_writer w;
    json_writer_init(&w, http_out(c->x));
    json_object(&w);
    json_key(&w, STR("id"));
    json_int(&w, (int64_t)(1 + atomic_fetch_add_explicit(&requests, 1, memory_order_relaxed)));
    json_key(&w, STR("objects"));
    json_int(&w, (int64_t)c->objects.len);
    json_object_end(&w);
    http_answer(c->x, 200);
}

static void reload(struct control *c)
{
    const struct json *list = json_get(c->body, STR("objects"));
    struct engine *en = c->api->engine;
    struct err e = { 0 };
    if (list && (list->type != JSON_LIST || list->count > CONTROL_OBJECTS_MAX)) {
        (void)refuse(c, "bad_parameter", "objects must be a list of at most 16384 ids");
        return;
    }
    if (!read_id(c, "first", 0, &c->first) || !read_id(c, "last", UINT64_MAX, &c->last))
        return;
    bool ok = list ? add_named(c, list, &e) : add_range(c, &e);
    if (ok && engine_reprocess(en, c->objects.at, c->objects.len, &e))
        answer(c);
    else
        backtrace_refuse_err(c->x, &e);
}

void api_control(struct http_exchange *x, void *ctx)
{
    struct control c = { .x = x, .api = ctx };
    if (!read_body(&c))
        return;
    struct str action = door_text(c.body, "action");
    if (str_eq(action, STR("rpstatus")))
        retention_status(x, ctx, c.body);
    else if (!admit(&c))
        return;
    else if (str_eq(action, STR("reload")))
        reload(&c);
    else
        (void)refuse(&c, "bad_action", "action must be reload or rpstatus");
    VEC_FREE(&c.objects);
}
