/* asked.c - see the header. */
#include "api/asked.h"

#include "base/date.h"

static bool refuse(struct http_exchange *x, unsigned status, const struct err *e)
{
    backtrace_refuse(x, status, e);
    return false;
}

static bool room_for(struct asked *out, struct http_exchange *x, size_t count)
{
    struct err e = { 0 };
    out->projects = arena_array(http_arena(x), count + 1, sizeof *out->projects);
    if (out->projects)
        return true;
    (void)err_set(&e, ERR_NOMEM, 0, "no memory for this request");
    return refuse(x, 503, &e);
}

/* One project: the token's, or the one that is named. */
static bool one_project(struct asked *out, struct http_exchange *x, struct api *api,
                        const struct claim *claim, uint32_t scopes)
{
    const struct token *t;
    struct err e = { 0 };
    unsigned status = backtrace_admit(x, api, claim, scopes, &t, &e);
    if (status)
        return refuse(x, status, &e);
    const struct stored_project *p = access_find_project(out->view, t->project);
    out->has_named = claim->project.len > 0;
    if (!room_for(out, x, 1))
        return false;
    if (p)
        out->projects[out->count++] = p;
    return true;
}

static bool all_projects(struct asked *out, struct http_exchange *x, struct api *api,
                         const struct claim *claim, uint32_t scopes)
{
    const struct session *session;
    struct err e = { 0 };
    unsigned status = backtrace_admit_person(x, api, claim->token, &out->view, &session, &e);
    if (status)
        return refuse(x, status, &e);
    const struct stored_access *rows = access_rows(out->view);
    const struct token may = { .scopes = user_scopes(session->user) };
    status = backtrace_check_scopes(&may, scopes, &e);
    if (status)
        return refuse(x, status, &e);
    if (!room_for(out, x, rows->project_count))
        return false;
    for (size_t i = 0; i < rows->project_count; i++) {
        const struct stored_project *p = &rows->projects[i];
        bool is_meant = claim->universe.len == 0 || str_eq(claim->universe, p->universe);
        if (is_meant && !p->deleted && user_sees(session->user, p))
            out->projects[out->count++] = p;
    }
    return true;
}

bool asked_projects(struct asked *out, struct http_exchange *x, struct api *api,
                    const struct json *body, uint32_t scopes)
{
    const struct claim claim = { .universe = door_text(body, "universe"),
                                 .token = door_text(body, "token"),
                                 .project = door_text(body, "project") };
    struct err e = { 0 };
    *out = (struct asked){ .view = backtrace_view(x, api, &e) };
    if (!out->view) {
        backtrace_refuse_err(x, &e);
        return false;
    }
    bool is_person =
        claim.token.len > 0 && access_find_session(out->view, claim.token, date_now_ms()) != NULL;
    return is_person && claim.project.len == 0 ? all_projects(out, x, api, &claim, scopes)
                                               : one_project(out, x, api, &claim, scopes);
}

bool asked_has(const struct asked *asked, struct str universe)
{
    for (size_t i = 0; i < asked->count; i++)
        if (str_eq(asked->projects[i]->universe, universe))
            return true;
    return false;
}
