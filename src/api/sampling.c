/* sampling.c - POST /api/sampling: what sampling has counted, and to have it forgotten (`morgue
 * sampling status` and `reset`). */
#include "api/asked.h"
#include "engine/sampler.h"

#define FINGERPRINTS_MAX 1024 /* in one reset */

static void write_project(struct json_writer *w, struct sampler *s, const struct stored_project *p)
{
    json_object(w);
    json_member(w, "name", p->name);
    if (sampler_has_rules(s, p->name)) {
        json_key(w, STR("backoffs"));
        json_object(w);
        (void)sampler_write(s, p->name, w);
        json_object_end(w);
    }
    json_object_end(w);
}

/* The projects of one universe. */
static void write_universe(struct json_writer *w, struct sampler *s, const struct asked *asked,
                           struct str name)
{
    json_object(w);
    json_member(w, "name", name);
    json_key(w, STR("projects"));
    json_list(w);
    for (size_t i = 0; i < asked->count; i++)
        if (str_eq(asked->projects[i]->universe, name))
            write_project(w, s, asked->projects[i]);
    json_list_end(w);
    json_object_end(w);
}

static void answer_status(struct http_exchange *x, struct api *api, const struct json *body)
{
    struct asked asked;
    struct json_writer w;
    if (!asked_projects(&asked, x, api, body, SCOPE_QUERY_POST))
        return;
    const struct stored_access *rows = access_rows(asked.view);
    json_writer_init(&w, http_out(x));
    json_object(&w);
    json_key(&w, STR("universes"));
    json_list(&w);
    for (size_t i = 0; i < rows->universe_count; i++)
        if (asked_has(&asked, rows->universes[i].name))
            write_universe(&w, engine_sampler(api->engine), &asked, rows->universes[i].name);
    json_list_end(&w);
    json_object_end(&w);
    http_answer(x, 200);
}

/* `fingerprints`: a list of texts, or nothing. */
static bool check_fingerprints(const struct json *list)
{
    bool ok = !list || (list->type == JSON_LIST && list->count <= FINGERPRINTS_MAX);
    for (const struct json *j = ok && list ? list->first : NULL; j && ok; j = j->next)
        ok = j->type == JSON_STRING && j->text.len > 0;
    return ok;
}

static void reset(struct http_exchange *x, struct api *api, const struct json *body)
{
    const struct json *list = json_get(body, STR("fingerprints"));
    struct sampler *s = engine_sampler(api->engine);
    struct asked asked;
    if (!asked_projects(&asked, x, api, body, SCOPE_QUERY_POST | SCOPE_CHANGE))
        return;
    if (!check_fingerprints(list)) {
        console_refuse(x, 400, "bad_parameter",
                       "fingerprints must be a list of at most 1024, or of their beginnings");
        return;
    }
    for (size_t i = 0; i < asked.count; i++) {
        if (!list)
            sampler_reset(s, asked.projects[i]->name, NULL);
        for (const struct json *j = list ? list->first : NULL; j; j = j->next)
            sampler_reset(s, asked.projects[i]->name, &j->text);
    }
    buf_str(http_out(x), STR("{\"status\":\"ok\"}"));
    http_answer(x, 200);
}

void api_sampling(struct http_exchange *x, void *ctx)
{
    struct console c = { .x = x, .api = ctx, .arena = backtrace_arena(x, ctx) };
    if (!c.arena || !console_read_body(&c))
        return;
    struct str action = door_text(c.body, "action");
    if (str_eq(action, STR("status")))
        answer_status(x, ctx, c.body);
    else if (str_eq(action, STR("reset")))
        reset(x, ctx, c.body);
    else
        console_refuse(x, 400, "bad_action", "action must be status or reset");
}
