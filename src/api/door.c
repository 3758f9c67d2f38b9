/* door.c - see the header. */
#include "api/door.h"

struct str door_text(const struct json *body, const char *member)
{
    const struct json *found = json_get(body, str_from_c(member));
    return found && found->type == JSON_STRING ? found->text : STR("");
}

static bool refuse(struct http_exchange *x, unsigned status, const struct err *e)
{
    backtrace_refuse(x, status, e);
    return false;
}

static void read_url(struct http_exchange *x, struct claim *claim)
{
    (void)http_param(x, "token", &claim->token);
    (void)http_param(x, "universe", &claim->universe);
    (void)http_param(x, "project", &claim->project);
}

static bool read_body(struct door *d, struct http_exchange *x, struct json_limits limits,
                      struct arena *arena)
{
    struct err e = { 0 };
    if (!json_parse(&d->body, http_body(x), limits, arena, &e))
        return refuse(x, e.code == ERR_NOMEM ? 503 : 400, &e);
    if (d->body->type == JSON_OBJECT)
        return true;
    (void)err_word(&e, ERR_INPUT, "bad_body", "the body must be a JSON object");
    return refuse(x, 400, &e);
}

bool door_open(struct door *d, struct http_exchange *x, struct api *api, struct json_limits limits,
               uint32_t scopes, struct arena *arena)
{
    struct claim claim = { 0 };
    struct err e = { 0 };
    bool named = false;
    *d = (struct door){ 0 };
    read_url(x, &claim);
    unsigned status = backtrace_admit_early(x, api, claim.token, scopes, &named, &e);
    if (status)
        return refuse(x, status, &e);
    if (!read_body(d, x, limits, arena))
        return false;
    claim = (struct claim){ .universe = door_text(d->body, "universe"),
                            .token = named ? STR("") : door_text(d->body, "token"),
                            .project = door_text(d->body, "project") };
    read_url(x, &claim);
    status = backtrace_admit(x, api, &claim, scopes, &d->token, &e);
    return status == 0 || refuse(x, status, &e);
}
