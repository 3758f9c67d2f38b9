/* console.c - what all requests of people have in common: who asks, and what the user sees. */
#include "api/console.h"

void console_refuse(struct http_exchange *x, unsigned status, const char *word, const char *message)
{
    struct err e = { 0 };
    (void)err_word(&e, ERR_INPUT, word, "%s", message);
    backtrace_refuse(x, status, &e);
}

bool console_begin(struct console *c, struct http_exchange *x, struct api *api)
{
    struct str token = STR("");
    struct err e = { 0 };
    *c = (struct console){ .api = api, .x = x };
    (void)http_param(x, "token", &token);
    unsigned status = backtrace_admit_person(x, api, token, &c->view, &c->session, &e);
    if (status) {
        backtrace_refuse(x, status, &e);
        return false;
    }
    c->user = c->session->user;
    c->arena = backtrace_arena(x, api);
    return c->arena != NULL;
}

bool console_read_body(struct console *c)
{
    const struct json_limits limits = { CONSOLE_DEPTH_MAX, CONSOLE_NODES_MAX };
    struct err e = { 0 };
    if (!json_parse(&c->body, http_body(c->x), limits, c->arena, &e)) {
        backtrace_refuse(c->x, e.code == ERR_NOMEM ? 503 : 400, &e);
        return false;
    }
    if (c->body->type == JSON_OBJECT)
        return true;
    console_refuse(c->x, 400, "bad_body", "the body must be a JSON object");
    return false;
}

/* A user without projects still has a universe to be in. */
bool user_sees_universe(const struct access_view *v, const struct user *u, struct str universe)
{
    const struct stored_access *rows = access_rows(v);
    if (u->role == ROLE_ADMIN || str_eq(universe, user_universe(v, u)))
        return true;
    for (size_t i = 0; i < rows->project_count; i++)
        if (str_eq(rows->projects[i].universe, universe) && user_sees(u, &rows->projects[i]))
            return true;
    return false;
}

/* The user's own; but a user all of whose projects are elsewhere means the first of these. */
struct str user_universe(const struct access_view *v, const struct user *u)
{
    const struct stored_access *rows = access_rows(v);
    struct str first = u->row->universe;
    bool found = false;
    if (u->role == ROLE_ADMIN)
        return first;
    for (size_t i = 0; i < rows->project_count; i++) {
        const struct stored_project *p = &rows->projects[i];
        if (!user_sees(u, p))
            continue;
        if (str_eq(p->universe, u->row->universe))
            return p->universe;
        if (!found)
            first = p->universe;
        found = true;
    }
    return first;
}

/* Digits at the end behind a ':' that is not inside of "[::1]". */
static bool split_port(struct str *host, uint16_t *port)
{
    size_t at = host->len;
    unsigned n = 0;
    while (at > 0 && host->ptr[at - 1] >= '0' && host->ptr[at - 1] <= '9')
        at--;
    if (at == host->len || host->len - at > 5 || at == 0 || host->ptr[at - 1] != ':')
        return false;
    for (size_t i = at; i < host->len; i++)
        n = n * 10 + (unsigned)(host->ptr[i] - '0');
    if (n == 0 || n > UINT16_MAX)
        return false;
    host->len = at - 1;
    *port = (uint16_t)n;
    return true;
}

struct console_address console_address(struct http_exchange *x)
{
    struct str base = http_base(x);
    bool tls = str_starts(base, STR("https://"));
    struct console_address at = { .protocol = tls ? STR("https") : STR("http"),
                                  .port = tls ? 443 : 80 };
    size_t skip = at.protocol.len + 3;
    at.host = base.len > skip ? (struct str){ base.ptr + skip, base.len - skip } : STR("localhost");
    (void)split_port(&at.host, &at.port);
    return at;
}
