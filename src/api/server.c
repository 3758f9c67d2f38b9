/* server.c - the routes that are about the server and its projects, not about single reports:
 * root, projects, configuration, health, metrics, and deleting everything. */
#include "api/measures.h"
#include "api/shared.h"

/* Whether the first media type that the client names is HTML: browsers do so, programs do not. */
static bool is_browser(const struct http_exchange *x)
{
    struct str accept;
    if (!http_header(x, "Accept", &accept))
        return false;
    while (accept.len > 0 && (*accept.ptr == ' ' || *accept.ptr == '\t'))
        accept = (struct str){ accept.ptr + 1, accept.len - 1 };
    return accept.len >= 9 && strncasecmp(accept.ptr, "text/html", 9) == 0;
}

static void redirect_to_page(struct http_exchange *x)
{
    struct str location;
    struct str base = http_base(x);
    struct err e = { 0 };
    if (!arena_printf(http_arena(x), &location, "%.*s/ui/", STR_ARG(base))) {
        (void)err_set(&e, ERR_NOMEM, 0, "no memory for the answer");
        http_answer_err(x, &e);
        return;
    }
    http_set_header(x, "Location", location);
    http_set_header(x, "Vary", STR("Accept"));
    http_answer(x, 302);
}

static void render_projects(struct json_writer *w, struct links *l, const struct str *names,
                            size_t count)
{
    json_list(w);
    for (size_t i = 0; i < count; i++) {
        json_object(w);
        json_member(w, "name", names[i]);
        json_member(w, "href", link_project(l, names[i]));
        json_object_end(w);
    }
    json_list_end(w);
}

void api_root(struct http_exchange *x, void *ctx)
{
    struct api *api = ctx;
    struct err e = { 0 };
    struct str *names, only;
    size_t count = 1;
    if (is_browser(x)) {
        redirect_to_page(x);
        return;
    }
    if (!guard_pass(x, api, GUARD_READ, &only))
        return;
    names = &only;
    if (only.len == 0 && !engine_projects(api->engine, http_arena(x), &names, &count, &e)) {
        http_answer_err(x, &e);
        return;
    }
    struct links l;
    struct json_writer w;
    links_init(&l, x);
    json_writer_init(&w, http_out(x));
    json_object(&w);
    json_member(&w, "href", link_root(&l));
    json_key(&w, STR("partycrasher"));
    json_object(&w);
    json_member(&w, "version", STR("0.2.0"));
    json_member(&w, "server", STR("crumple"));
    json_object_end(&w);
    json_key(&w, STR("projects"));
    render_projects(&w, &l, names, count);
    json_key(&w, STR("config"));
    render_config(&w, api, true);
    json_object_end(&w);
    links_done(&l);
    http_set_header(x, "Vary", STR("Accept"));
    http_answer(x, 200);
}

static bool is_project(struct api *api, struct http_exchange *x, struct str name, bool *out,
                       struct err *e)
{
    struct str *names;
    size_t count;
    *out = false;
    if (!report_project_check(name, e)) {
        e->code = ERR_NONE; /* a name that no project can have is simply not there */
        return true;
    }
    if (!engine_projects(api->engine, http_arena(x), &names, &count, e))
        return false;
    for (size_t i = 0; i < count && !*out; i++)
        *out = str_eq(names[i], name);
    return true;
}

void api_project(struct http_exchange *x, void *ctx)
{
    struct api *api = ctx;
    struct str name;
    struct err e = { 0 };
    bool found;
    if (!guard_pass(x, api, GUARD_READ, &name))
        return;
    if (!is_project(api, x, name, &found, &e)) {
        http_answer_err(x, &e);
        return;
    }
    if (!found) {
        answer_no_route(x);
        return;
    }
    struct links l;
    struct json_writer w;
    links_init(&l, x);
    json_writer_init(&w, http_out(x));
    json_object(&w);
    json_member(&w, "name", name);
    json_member(&w, "href", link_project(&l, name));
    json_key(&w, STR("config"));
    render_config(&w, api, true);
    json_object_end(&w);
    links_done(&l);
    http_answer(x, 200);
}

void api_config_get(struct http_exchange *x, void *ctx)
{
    struct str project;
    struct json_writer w;
    struct err e = { 0 };
    if (!guard_pass(x, ctx, GUARD_READ, &project))
        return;
    if (project.len > 0 && !report_project_check(project, &e)) {
        answer_no_route(x);
        return;
    }
    json_writer_init(&w, http_out(x));
    render_config(&w, ctx, false);
    http_answer(x, 200);
}

void api_health(struct http_exchange *x, void *ctx)
{
    struct api *api = ctx;
    struct json_writer w;
    if (!engine_ready(api->engine)) {
        error_begin(&w, x, "not_ready", "the server does not take in reports at present");
        error_end(&w, x, 503);
        return;
    }
    json_writer_init(&w, http_out(x));
    json_object(&w);
    json_member(&w, "status", STR("ready"));
    json_object_end(&w);
    http_answer(x, 200);
}

void api_metrics(struct http_exchange *x, void *ctx)
{
    struct api *api = ctx;
    struct str project;
    size_t count;
    if (!guard_pass(x, api, GUARD_READ, &project))
        return;
    struct metric *const *metrics = engine_metrics(api->engine, &count);
    metrics_write(metrics, count, http_out(x));
    metrics = api_metrics_all(&count);
    metrics_write(metrics, count, http_out(x));
    struct http_server *http = atomic_load(&api->http);
    if (http) {
        metrics = http_metrics(http, &count);
        metrics_write(metrics, count, http_out(x));
    }
    http_set_type(x, "text/plain; version=0.0.4; charset=utf-8");
    http_answer(x, 200);
}

void api_delete_all(struct http_exchange *x, void *ctx)
{
    struct api *api = ctx;
    struct err e = { 0 };
    struct json_writer w;
    struct str project;
    if (!guard_pass(x, api, GUARD_READ, &project))
        return;
    /* It deletes the reports of all projects, and a token is for one. */
    if (!engine_config_of(api->engine)->allow_delete_all || api->partycrasher_needs_token) {
        error_begin(&w, x, "delete_not_allowed",
                    "deleting all reports is not allowed: see allow_delete_all in the "
                    "configuration of the server");
        error_end(&w, x, 403);
        return;
    }
    if (!engine_delete_all(api->engine, &e)) {
        http_answer_err(x, &e);
        return;
    }
    json_writer_init(&w, http_out(x));
    json_object(&w);
    json_member(&w, "status", STR("All reports deleted"));
    json_object_end(&w);
    http_answer(x, 200);
}
