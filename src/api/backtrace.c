/* backtrace.c - errors of the Backtrace API, and who is let in. */
#include "api/backtrace.h"

#include "api/measures.h"
#include "base/log.h"

#define BEARER "Bearer "

void backtrace_error(struct buf *out, unsigned status, const struct err *e)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_object(&w);
    json_key(&w, STR("error"));
    json_object(&w);
    json_key(&w, STR("code"));
    json_int(&w, (int64_t)status);
    json_member(&w, "message", str_from_c(e->msg));
    json_object_end(&w);
    json_object_end(&w);
    buf_char(out, '\n');
}

void backtrace_refuse(struct http_exchange *x, unsigned status, const struct err *e)
{
    buf_reset(http_out(x));
    if (e->code == ERR_BUSY || e->code == ERR_NOMEM)
        http_set_header(x, "Retry-After", STR("1"));
    backtrace_error(http_out(x), status, e);
    http_answer(x, status);
}

void backtrace_refuse_err(struct http_exchange *x, const struct err *e)
{
    backtrace_refuse(x, http_status_of(e->code), e);
}

static void free_arena(void *arena)
{
    arena_free(arena);
}

struct arena *backtrace_arena(struct http_exchange *x, struct api *api)
{
    struct err e = { 0 };
    struct arena *a = arena_new_in(&api->memory, api->memory.limit_bytes);
    if (a && arena_defer(http_arena(x), free_arena, a))
        return a;
    arena_free(a);
    (void)err_set(&e, ERR_NOMEM, 0, "no memory for this request");
    backtrace_refuse_err(x, &e);
    return NULL;
}

void backtrace_write_errors(struct json_writer *w, struct str lines)
{
    struct str line;
    json_key(w, STR("errors"));
    json_list(w);
    while (str_take_line(&lines, &line))
        json_str(w, line);
    json_list_end(w);
}

static unsigned fail(struct err *e, unsigned status, enum err_code code, const char *word,
                     const char *message)
{
    (void)err_word(e, code, word, "%s", message);
    return status;
}

static struct str token_text(const struct http_exchange *x, struct str given)
{
    struct str s;
    if (given.len > 0)
        return given;
    if (http_header(x, "X-Coroner-Token", &s))
        return s;
    if (http_header(x, "Authorization", &s) && s.len > sizeof BEARER - 1 &&
        strncasecmp(s.ptr, BEARER, sizeof BEARER - 1) == 0)
        return (struct str){ s.ptr + sizeof BEARER - 1, s.len - (sizeof BEARER - 1) };
    return STR("");
}

static int64_t monotonic_ms(void)
{
    return metric_clock_us() / 1000;
}

unsigned backtrace_refuse_token(struct http_exchange *x, struct api *a, struct err *e)
{
    bool may_try_again = attempts_failed(a->attempts, http_client(x), monotonic_ms());
    metric_add(may_try_again ? &api_measures.bad_token : &api_measures.too_many, 1);
    if (may_try_again)
        return fail(e, 403, ERR_INPUT, "invalid_token", "invalid token");
    http_set_header(x, "Retry-After", STR("1"));
    return fail(e, 429, ERR_LIMIT, "too_many_attempts",
                "too many requests with invalid tokens came from this address");
}

unsigned backtrace_check_scopes(const struct token *t, uint32_t scopes, struct err *e)
{
    static const struct {
        uint32_t scope;
        const char *name;
    } names[] = {
        { SCOPE_ERROR_POST, "error:post" }, { SCOPE_SYMBOL_POST, "symbol:post" },
        { SCOPE_OBJECT_GET, "object:get" }, { SCOPE_QUERY_POST, "query:post" },
        { SCOPE_SYNC_POST, "sync:post" },   { SCOPE_CHANGE, "query:post, and to change things" },
    };
    uint32_t missing = scopes & ~t->scopes;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (missing & names[i].scope) {
            metric_add(&api_measures.no_scope, 1);
            (void)err_word(e, ERR_INPUT, "missing_scope", "invalid token: it lacks the scope %s",
                           names[i].name);
            return 403;
        }
    return 0;
}

/* A snapshot of who may do what, for as long as the exchange. */
struct held_view {
    struct access *access;
    const struct access_view *view;
};

static void release(void *arg)
{
    struct held_view *h = arg;
    access_release(h->access, h->view);
}

const struct access_view *backtrace_view(struct http_exchange *x, struct api *a, struct err *e)
{
    struct held_view *h = arena_zalloc(http_arena(x), sizeof *h);
    if (!h) {
        (void)err_set(e, ERR_NOMEM, 0, "no memory for this request");
        return NULL;
    }
    h->access = a->access;
    h->view = access_acquire(a->access, e);
    if (!h->view)
        return NULL;
    if (!arena_defer(http_arena(x), release, h)) {
        release(h);
        (void)err_set(e, ERR_NOMEM, 0, "no memory for this request");
        return NULL;
    }
    return h->view;
}

/* What a session may do in the project that is asked for, as if it were a token of it. Whether
 * there is no such project, or the user may not see it, is not told apart. */
static unsigned admit_session(struct http_exchange *x, const struct claim *claim,
                              const struct access_view *view, const struct session *session,
                              const struct token **out, struct err *e)
{
    struct str project = claim->project.len > 0 ? claim->project : claim->session_project;
    const struct stored_project *p = access_find_project(view, project);
    if (project.len == 0)
        return fail(e, 400, ERR_INPUT, "no_project",
                    "with a session the request must name a project: project=");
    if (!p || !user_sees(session->user, p) ||
        (claim->universe.len > 0 && !str_eq(claim->universe, p->universe))) {
        (void)err_word(e, ERR_NOT_FOUND, "no_such_project", "no such project '%.*s'",
                       project.len < 80 ? (int)project.len : 80, project.ptr);
        return 404;
    }
    struct token *t = arena_zalloc(http_arena(x), sizeof *t);
    if (!t)
        return fail(e, 503, ERR_NOMEM, "out_of_memory", "no memory for this request");
    t->scopes = user_scopes(session->user);
    t->project = p->name;
    t->universe = p->universe;
    t->user = session->user->row->name;
    t->bucket.name = t->metadata = STR("");
    *out = t;
    return 0;
}

static unsigned admit_token(const struct claim *claim, const struct token *t, struct err *e)
{
    bool elsewhere = (claim->universe.len > 0 && !str_eq(claim->universe, t->universe)) ||
                     (claim->project.len > 0 && !str_eq(claim->project, t->project));
    if (elsewhere || t->project_deleted)
        metric_add(&api_measures.bad_token, 1);
    if (elsewhere)
        return fail(e, 403, ERR_INPUT, "invalid_token", "invalid token");
    if (t->project_deleted)
        return fail(e, 403, ERR_INPUT, "project_deleted", "invalid token: the project was deleted");
    return 0;
}

static const struct session *find_session(struct api *a, const struct access_view *view,
                                          struct str text)
{
    int64_t now_ms = date_now_ms();
    const struct session *s = access_find_session(view, text, now_ms);
    struct err ignored = { 0 };
    /* A store that cannot be written to is no reason to keep people from reading. */
    if (s && !session_touch(engine_store(a->engine), s, now_ms, &ignored))
        log_line(LOG_WARN, "session_not_touched", "error=%s", log_str(str_from_c(ignored.msg)));
    return s;
}

unsigned backtrace_admit(struct http_exchange *x, struct api *a, const struct claim *claim,
                         uint32_t scopes, const struct token **out, struct err *e)
{
    const struct session *session = NULL;
    const struct access_view *view = backtrace_view(x, a, e);
    if (!view)
        return http_status_of(e->code);
    if (claim->universe.len > 0 && !access_has_universe(view, claim->universe)) {
        (void)err_word(e, ERR_NOT_FOUND, "no_such_universe", "no such universe '%.*s'",
                       STR_ARG(claim->universe));
        return 503;
    }
    struct str text = token_text(x, claim->token);
    const struct token *t = access_find_token(view, text);
    if (!t && !claim->no_session)
        session = find_session(a, view, text);
    if (!t && !session)
        return backtrace_refuse_token(x, a, e);
    unsigned status =
        session ? admit_session(x, claim, view, session, &t, e) : admit_token(claim, t, e);
    if (status)
        return status;
    *out = t;
    return backtrace_check_scopes(t, scopes, e);
}

unsigned backtrace_admit_early(struct http_exchange *x, struct api *a, struct str token,
                               uint32_t scopes, bool *named, struct err *e)
{
    struct str text = token_text(x, token);
    *named = text.len > 0;
    if (!*named)
        return 0;
    const struct access_view *view = backtrace_view(x, a, e);
    if (!view)
        return http_status_of(e->code);
    const struct token *t = access_find_token(view, text);
    const struct session *session = t ? NULL : find_session(a, view, text);
    if (!t && !session)
        return backtrace_refuse_token(x, a, e);
    struct token may = { .scopes = t ? t->scopes : user_scopes(session->user) };
    return backtrace_check_scopes(&may, scopes, e);
}

const struct token *backtrace_let_in(struct http_exchange *x, struct api *a, uint32_t scopes)
{
    struct claim claim = { 0 };
    const struct token *t;
    struct err e = { 0 };
    (void)http_param(x, "universe", &claim.universe);
    (void)http_param(x, "token", &claim.token);
    (void)http_param(x, "project", &claim.project);
    unsigned status = backtrace_admit(x, a, &claim, scopes, &t, &e);
    if (status == 0)
        return t;
    backtrace_refuse(x, status, &e);
    return NULL;
}

unsigned backtrace_admit_person(struct http_exchange *x, struct api *a, struct str token,
                                const struct access_view **view, const struct session **out,
                                struct err *e)
{
    *view = backtrace_view(x, a, e);
    if (!*view)
        return http_status_of(e->code);
    *out = find_session(a, *view, token_text(x, token));
    return *out ? 0 : backtrace_refuse_token(x, a, e);
}
