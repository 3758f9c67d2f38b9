/* guard.c - the PartyCrasher API when it asks for tokens, as it does on addresses that other
 * machines can reach.
 *
 * Every handler of that API asks guard_pass first, and takes the project from it and from nowhere
 * else: so a token sees and posts to its own project, also on routes that name none. When no tokens
 * are needed guard_pass only gives the route's project. */
#include "api/backtrace.h"
#include "api/measures.h"

/* The query string is for those who cannot set headers. */
static bool has_token(const struct http_exchange *x, struct str *text)
{
    struct str s;
    *text = STR("");
    if (http_param(x, "token", text) && text->len > 0)
        return true;
    return http_header(x, "Authorization", &s) || http_header(x, "X-Coroner-Token", &s);
}

static bool refuse(struct http_exchange *x, unsigned status, const char *word, const char *message)
{
    struct json_writer w;
    error_begin(&w, x, word, message);
    error_end(&w, x, status);
    return false;
}

static bool may(const struct token *t, enum guard_need need)
{
    return need == GUARD_POST ? (t->scopes & SCOPE_ERROR_POST) != 0
                              : (t->scopes & SCOPES_READING) != 0;
}

/* A project that was deleted is not there, for anybody. */
static bool is_deleted(struct http_exchange *x, struct api *a, struct str project)
{
    struct err ignored = { 0 };
    const struct access_view *view = project.len > 0 ? backtrace_view(x, a, &ignored) : NULL;
    const struct stored_project *p = view ? access_find_project(view, project) : NULL;
    return p && p->deleted;
}

bool guard_pass(struct http_exchange *x, struct api *a, enum guard_need need, struct str *project)
{
    struct claim claim = { 0 };
    const struct token *t;
    struct err e = { 0 };
    *project = http_segment(x, "project");
    if (is_deleted(x, a, *project)) {
        answer_no_route(x);
        return false;
    }
    if (!a->partycrasher_needs_token)
        return true;
    if (!has_token(x, &claim.token)) {
        metric_add(&api_measures.no_token, 1);
        http_set_header(x, "WWW-Authenticate", STR("Bearer"));
        return refuse(x, 401, "no_token", "this server asks for a token: Authorization: Bearer");
    }
    claim.session_project = *project;
    unsigned status = backtrace_admit(x, a, &claim, 0, &t, &e);
    if (status)
        return refuse(x, status, e.word ? e.word : "not_ready", e.msg);
    if (!may(t, need)) {
        metric_add(&api_measures.no_scope, 1);
        return refuse(x, 403, "missing_scope",
                      need == GUARD_POST
                          ? "invalid token: it lacks the scope error:post"
                          : "invalid token: it has neither the scope object:get nor query:post");
    }
    if (project->len > 0 && !str_eq(*project, t->project)) {
        answer_no_route(x);
        return false;
    }
    *project = t->project;
    return true;
}
