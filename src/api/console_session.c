/* console_session.c - the session itself, and small questions about the server. */
#include "api/console.h"

/* --- logout ----------------------------------------------------------------------------------- */

static void answer_ok(struct http_exchange *x)
{
    buf_str(http_out(x), STR("{\"status\":\"ok\"}"));
    http_answer(x, 200);
}

void api_logout(struct http_exchange *x, void *ctx)
{
    struct console c;
    struct err e = { 0 };
    if (!console_begin(&c, x, ctx))
        return;
    /* Another request may have ended it meanwhile: that is as good. */
    if (store_session_remove(engine_store(c.api->engine), c.session->row->hash, &e) ||
        e.code == ERR_NOT_FOUND)
        answer_ok(x);
    else
        backtrace_refuse_err(x, &e);
}

/* --- session ---------------------------------------------------------------------------------- */

static bool read_resources(const struct console *c, const struct json **out)
{
    const struct json_limits limits = { CONSOLE_DEPTH_MAX, CONSOLE_NODES_MAX };
    struct str text = c->session->row->resources;
    struct err e = { 0 };
    *out = NULL;
    return text.len == 0 ||
           (json_parse(out, text, limits, c->arena, &e) && (*out)->type == JSON_OBJECT);
}

static void write_members(struct json_writer *w, const struct json *resources)
{
    for (const struct json *m = resources ? resources->first : NULL; m; m = m->next) {
        json_key(w, m->key);
        json_tree(w, m);
    }
}

static void write_time(struct json_writer *w, const char *key, int64_t ms)
{
    json_key(w, str_from_c(key));
    json_int(w, ms / 1000);
}

void api_session_get(struct http_exchange *x, void *ctx)
{
    struct console c;
    const struct json *resources;
    struct json_writer w;
    if (!console_begin(&c, x, ctx))
        return;
    (void)read_resources(&c, &resources);
    json_writer_init(&w, http_out(x));
    json_object(&w);
    json_member(&w, "status", STR("ok"));
    json_key(&w, STR("resources"));
    json_object(&w);
    write_members(&w, resources);
    json_object_end(&w);
    json_member(&w, "username", c.user->row->name);
    json_member(&w, "role", role_name(c.user->role));
    write_time(&w, "created", c.session->row->created_ms);
    write_time(&w, "used", c.session->row->used_ms);
    write_time(&w, "expires", c.session->row->expires_ms);
    json_object_end(&w);
    http_answer(x, 200);
}

static bool named_in(const struct json *list, struct str name)
{
    if (list->type == JSON_OBJECT)
        return json_get(list, name) != NULL;
    if (list->type == JSON_STRING)
        return str_eq(list->text, name);
    for (const struct json *j = list->first; j; j = j->next)
        if (j->type == JSON_STRING && str_eq(j->text, name))
            return true;
    return false;
}

/* What there was, without those named in `change`; then, to set them, those of `change`. */
static void write_changed(struct buf *out, const struct json *was, const struct json *change,
                          bool set)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_object(&w);
    for (const struct json *m = was ? was->first : NULL; m; m = m->next)
        if (!named_in(change, m->key)) {
            json_key(&w, m->key);
            json_tree(&w, m);
        }
    if (set)
        write_members(&w, change);
    json_object_end(&w);
}

static void keep_resources(const struct console *c, const struct json *change, bool set)
{
    struct stored_session row = *c->session->row;
    const struct json *was;
    struct err e = { 0 };
    struct buf text;
    (void)read_resources(c, &was);
    buf_init(&text, SESSION_RESOURCES_MAX);
    write_changed(&text, was, change, set);
    row.resources = buf_view(&text);
    if (!buf_ok(&text)) {
        console_refuse(c->x, 400, "too_large", "a session keeps at most 4096 bytes of resources");
    } else if (!store_session_change(engine_store(c->api->engine), &row, &e)) {
        backtrace_refuse_err(c->x, &e);
    } else {
        buf_str(http_out(c->x), STR("{\"status\":\"ok\",\"form\":{\"resources\":"));
        buf_str(http_out(c->x), row.resources);
        buf_str(http_out(c->x), STR("}}"));
        http_answer(c->x, 200);
    }
    buf_done(&text);
}

void api_session_post(struct http_exchange *x, void *ctx)
{
    struct console c;
    if (!console_begin(&c, x, ctx) || !console_read_body(&c))
        return;
    const struct json *action = json_get(c.body, STR("action"));
    const struct json *change = json_get(json_get(c.body, STR("form")), STR("resources"));
    bool set = action && str_eq(action->text, STR("set"));
    bool unset = action && str_eq(action->text, STR("unset"));
    if (!set && !unset)
        console_refuse(x, 400, "bad_action", "action must be set or unset");
    else if (!change || (set && change->type != JSON_OBJECT))
        console_refuse(x, 400, "bad_form",
                       "form.resources must be an object; to unset, a list of names will do");
    else
        keep_resources(&c, change, set);
}

/* --- the server ------------------------------------------------------------------------------- */

/* A digit: whether somebody can log in. */
void api_is_configured(struct http_exchange *x, void *ctx)
{
    const struct user *users;
    struct err e = { 0 };
    const struct access_view *view = backtrace_view(x, ctx, &e);
    if (!view) {
        backtrace_refuse_err(x, &e);
        return;
    }
    buf_char(http_out(x), access_users(view, &users) > 0 ? '1' : '0');
    http_answer(x, 200);
}

/* No services beside this server: what clients would ask of them they ask here. */
void api_console_config(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    buf_str(http_out(x), STR("{\"services\":[]}"));
    http_answer(x, 200);
}

/* --- limits ----------------------------------------------------------------------------------- */

/* {"submissions":{"limit":[n, n]}}, as clients write it; 0: there is none. */
static int64_t limit_of(const struct console *c, const struct stored_universe *u)
{
    const struct json_limits limits = { CONSOLE_DEPTH_MAX, CONSOLE_NODES_MAX };
    const struct configuration *row;
    const struct json *text, *definition;
    struct str key;
    struct err e = { 0 };
    int64_t n = 0;
    if (!arena_printf(c->arena, &key, "%u", u->number) ||
        !(row = access_find_configuration(c->view, STR("limits"), key)) ||
        !(text = json_get(row->object, STR("definition"))) || text->type != JSON_STRING ||
        !json_parse(&definition, text->text, limits, c->arena, &e))
        return 0;
    const struct json *limit = json_get(json_get(definition, STR("submissions")), STR("limit"));
    if (limit && limit->type == JSON_LIST)
        limit = limit->first;
    for (size_t i = 0; limit && i < limit->text.len && i < 15; i++) {
        if (limit->text.ptr[i] < '0' || limit->text.ptr[i] > '9')
            return 0;
        n = n * 10 + (limit->text.ptr[i] - '0');
    }
    return n;
}

static void write_limits(struct json_writer *w, const struct console *c,
                         const struct stored_universe *u)
{
    json_key(w, u->name);
    json_object(w);
    json_key(w, STR("id"));
    json_int(w, u->number);
    json_key(w, STR("submissions"));
    json_object(w);
    json_key(w, STR("limit"));
    json_int(w, limit_of(c, u));
    json_key(w, STR("counter"));
    json_int(w, 0);
    json_key(w, STR("rejected"));
    json_int(w, 0);
    json_object_end(w);
    json_object_end(w);
}

void api_limits(struct http_exchange *x, void *ctx)
{
    struct console c;
    struct json_writer w;
    struct str only = STR("");
    if (!console_begin(&c, x, ctx))
        return;
    (void)http_param(x, "universe", &only);
    const struct stored_access *rows = access_rows(c.view);
    json_writer_init(&w, http_out(x));
    json_object(&w);
    for (size_t i = 0; i < rows->universe_count; i++)
        if ((only.len == 0 || str_eq(only, rows->universes[i].name)) &&
            user_sees_universe(c.view, c.user, rows->universes[i].name))
            write_limits(&w, &c, &rows->universes[i]);
    json_object_end(&w);
    http_answer(x, 200);
}
