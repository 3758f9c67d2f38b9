/* events.c - what SDKs send for their own metrics: how many users there are, how many launches.
 * Crumple does not keep them. They are taken and counted, for an SDK that is refused tries again
 * and tells its user; and the answer must be JSON, for the newer SDK parses it where an exception
 * ends the user's program. */
#include "api/backtrace.h"
#include "api/measures.h"

#define EVENTS_DEPTH_MAX 32
#define EVENTS_NODES_MAX 200000

static bool let_in(struct http_exchange *x, struct api *api)
{
    struct claim claim = { 0 };
    const struct token *t;
    struct err e = { 0 };
    (void)http_param(x, "universe", &claim.universe);
    (void)http_param(x, "token", &claim.token);
    (void)http_param(x, "project", &claim.session_project);
    unsigned status = backtrace_admit(x, api, &claim, SCOPE_ERROR_POST, &t, &e);
    if (status)
        backtrace_refuse(x, status, &e);
    return status == 0;
}

static bool count_events(struct http_exchange *x, struct arena *arena, struct str member,
                         struct metric *counter, struct err *e)
{
    const struct json_limits limits = { EVENTS_DEPTH_MAX, EVENTS_NODES_MAX };
    const struct json *body;
    if (!json_parse(&body, http_body(x), limits, arena, e))
        return false;
    if (body->type != JSON_OBJECT)
        return err_set(e, ERR_INPUT, 0, "the body must be a JSON object");
    const struct json *events = json_get(body, member);
    metric_add(counter, events && events->type == JSON_LIST ? (int64_t)events->count : 0);
    return true;
}

static void take(struct http_exchange *x, struct api *api, struct str member,
                 struct metric *counter)
{
    struct err e = { 0 };
    struct arena *arena = let_in(x, api) ? backtrace_arena(x, api) : NULL;
    if (!arena)
        return;
    if (!count_events(x, arena, member, counter, &e)) {
        bool theirs = e.code == ERR_INPUT || e.code == ERR_LIMIT;
        backtrace_refuse(x, theirs ? 400 : http_status_of(e.code), &e);
        return;
    }
    buf_str(http_out(x), STR("{\"response\":\"ok\"}"));
    http_answer(x, 200);
}

void api_unique_events(struct http_exchange *x, void *ctx)
{
    take(x, ctx, STR("unique_events"), &api_measures.unique_events);
}

void api_summed_events(struct http_exchange *x, void *ctx)
{
    take(x, ctx, STR("summed_events"), &api_measures.summed_events);
}
