/* console_login.c - POST /api/login: a name and a password, or a session that is good already, and
 * the answer tells the client all that it wants to know.
 *
 *     handler: read, look up, park ─► desk (a queue and a thread): argon2id ─► http_wake
 *                                                                                │
 *     200, 403, 429 ◄─ session_start, or one more failure of this address ◄──────┘
 *
 * Whether a user exists cannot be told from the time that a refusal takes. */
#include "api/console.h"
#include "api/door.h"

#include "base/log.h"
#include "http/url.h"

#define BODY_MAX 16384 /* bytes */

struct login {
    struct desk_job job; /* the first member */
    struct http_exchange *x;
    struct api *api;
    const struct access_view *view;
    const struct user *user; /* NULL: there is none of that name */
    struct str username, password, token;
    bool good; /* the password */
};

/* --- the answer ------------------------------------------------------------------------------- */

static void write_projects(struct json_writer *w, const struct login *l, const struct user *u,
                           struct str universe)
{
    const struct stored_access *rows = access_rows(l->view);
    json_key(w, universe);
    json_list(w);
    for (size_t i = 0; i < rows->project_count; i++)
        if (str_eq(rows->projects[i].universe, universe) && user_sees(u, &rows->projects[i]))
            json_str(w, rows->projects[i].name);
    json_list_end(w);
}

/* Clients take the first one when none is named. */
static void write_universes(struct json_writer *w, const struct login *l, const struct user *u,
                            struct str home)
{
    const struct stored_access *rows = access_rows(l->view);
    json_key(w, STR("universes"));
    json_object(w);
    write_projects(w, l, u, home);
    for (size_t i = 0; i < rows->universe_count; i++)
        if (!str_eq(rows->universes[i].name, home) &&
            user_sees_universe(l->view, u, rows->universes[i].name))
            write_projects(w, l, u, rows->universes[i].name);
    json_object_end(w);
}

/* Where to submit: here. */
static void write_endpoints(struct json_writer *w, struct http_exchange *x)
{
    struct console_address at = console_address(x);
    json_key(w, STR("endpoints"));
    json_object(w);
    json_key(w, STR("post"));
    json_list(w);
    json_object(w);
    json_member(w, "protocol", at.protocol);
    json_key(w, STR("port"));
    json_int(w, at.port);
    json_object_end(w);
    json_list_end(w);
    json_object_end(w);
}

static void write_user(struct json_writer *w, const struct user *u)
{
    json_key(w, STR("uid"));
    json_int(w, u->row->number);
    json_key(w, STR("user"));
    json_object(w);
    json_key(w, STR("uid"));
    json_int(w, u->row->number);
    json_member(w, "username", u->row->name);
    json_member(w, "email", u->row->email);
    json_member(w, "role", role_name(u->role));
    json_object_end(w);
}

static void welcome(const struct login *l, const struct user *u, struct str token)
{
    struct str home = user_universe(l->view, u);
    const struct stored_universe *universe = access_universe(l->view, home);
    struct json_writer w;
    json_writer_init(&w, http_out(l->x));
    json_object(&w);
    json_member(&w, "token", token);
    write_user(&w, u);
    json_key(&w, STR("universe"));
    json_object(&w);
    json_key(&w, STR("id"));
    json_int(&w, universe ? universe->number : 0);
    json_member(&w, "name", home);
    json_object_end(&w);
    write_universes(&w, l, u, home);
    write_endpoints(&w, l->x);
    json_key(&w, STR("services"));
    json_list(&w);
    json_list_end(&w);
    json_object_end(&w);
    http_set_header(l->x, "Cache-Control", STR("no-store"));
    http_answer(l->x, 200);
}

static void refuse(const struct login *l)
{
    struct err e = { 0 };
    unsigned status = backtrace_refuse_token(l->x, l->api, &e);
    /* A name that nobody has may be a password that was typed too early. */
    log_line(LOG_WARN, "login_refused", "user=%s client=%s",
             l->user ? log_str(l->user->row->name) : "-", log_str(http_client(l->x)));
    if (status == 403)
        (void)err_word(&e, ERR_INPUT, "wrong_password", "the user name or the password is wrong");
    backtrace_refuse(l->x, status, &e);
}

/* On a thread of the server. */
static void finish(struct http_exchange *x, void *arg)
{
    const struct login *l = arg;
    char text[TOKEN_TEXT_BYTES + 1];
    struct err e = { 0 };
    if (!l->good) {
        refuse(l);
        return;
    }
    if (!session_start(engine_store(l->api->engine), l->user, date_now_ms(), text, &e)) {
        backtrace_refuse_err(x, &e);
        return;
    }
    log_line(LOG_INFO, "login", "user=%s client=%s", log_str(l->user->row->name),
             log_str(http_client(x)));
    welcome(l, l->user, (struct str){ text, TOKEN_TEXT_BYTES });
}

/* On the desk's thread. */
static void look(struct desk_job *job)
{
    struct login *l = (struct login *)job; /* its first member */
    l->good = user_has_password(l->user, l->password);
    http_wake(l->x, finish, l);
}

/* --- the request ------------------------------------------------------------------------------ */

static bool read_json(struct login *l, struct str body, struct err *e)
{
    const struct json_limits limits = { 2, 32 };
    const struct json *j;
    if (!json_parse(&j, body, limits, http_arena(l->x), e))
        return false;
    l->username = door_text(j, "username");
    l->password = door_text(j, "password");
    l->token = door_text(j, "token");
    return true;
}

static bool read_form(struct login *l, struct str body, struct err *e)
{
    const struct url_param *params;
    size_t count;
    if (!url_params(body, http_arena(l->x), &params, &count, e))
        return false;
    for (size_t i = 0; i < count; i++) {
        struct str *to = str_eq(params[i].name, STR("username"))   ? &l->username
                         : str_eq(params[i].name, STR("password")) ? &l->password
                         : str_eq(params[i].name, STR("token"))    ? &l->token
                                                                   : NULL;
        if (to)
            *to = params[i].value;
    }
    return true;
}

/* False: it has been answered. */
static bool read_body(struct login *l)
{
    struct str body = http_body(l->x);
    struct err e = { 0 };
    if (body.len > BODY_MAX) {
        console_refuse(l->x, 413, "body_too_large", "a login has at most 16384 bytes");
        return false;
    }
    while (body.len > 0 && (unsigned char)*body.ptr <= 0x20)
        body = (struct str){ body.ptr + 1, body.len - 1 };
    bool ok = body.len > 0 && *body.ptr == '{' ? read_json(l, body, &e) : read_form(l, body, &e);
    if (!ok)
        backtrace_refuse(l->x, e.code == ERR_NOMEM ? 503 : 400, &e);
    return ok;
}

/* By a session that is good already: it goes on. */
static void login_by_token(struct login *l)
{
    const struct access_view *view;
    const struct session *s;
    struct err e = { 0 };
    unsigned status = backtrace_admit_person(l->x, l->api, l->token, &view, &s, &e);
    if (status) {
        backtrace_refuse(l->x, status, &e);
        return;
    }
    l->view = view;
    welcome(l, s->user, l->token);
}

void api_login(struct http_exchange *x, void *ctx)
{
    struct err e = { 0 };
    struct login *l = arena_zalloc(http_arena(x), sizeof *l);
    if (!l) {
        (void)err_set(&e, ERR_NOMEM, 0, "no memory for this login");
        backtrace_refuse_err(x, &e);
        return;
    }
    *l = (struct login){ .x = x, .api = ctx };
    if (!read_body(l))
        return;
    if (l->username.len == 0 && l->token.len > 0) {
        login_by_token(l);
        return;
    }
    l->view = backtrace_view(x, l->api, &e);
    if (!l->view) {
        backtrace_refuse_err(x, &e);
        return;
    }
    if (attempts_spent(l->api->attempts, http_client(x), metric_clock_us() / 1000)) {
        refuse(l); /* before any work is done for it */
        return;
    }
    l->user = access_find_user(l->view, l->username);
    l->job.work = look;
    desk_put(l->api->logins, &l->job, x);
}
