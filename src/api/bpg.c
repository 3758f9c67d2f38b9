/* bpg.c - POST /api/bpg: {"actions":[...]}, one result for each.
 *
 * Each action is a transaction of its own, in their order; one that fails says so in its `text`,
 * and those behind it are done all the same. Changes of all requests wait for one another, so that
 * what was checked still holds when it is stored. */
#include "api/bpg.h"

#include <pthread.h>

#define CODE_NOT_CONFIGURED 5 /* clients tell their users to run setup */

static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;

/* --- who may ---------------------------------------------------------------------------------- */

bool bpg_need_admin(const struct bpg *b, struct err *e)
{
    return b->user->role == ROLE_ADMIN || err_set(e, ERR_INPUT, 0, "only an admin may do this");
}

const struct stored_project *bpg_project(const struct bpg *b, const struct bpg_value *number,
                                         struct err *e)
{
    bool ok = number->is == BPG_GIVEN && number->number > 0 && number->number < STORE_NONE;
    const struct stored_project *p = ok ? access_project(b->view, (uint32_t)number->number) : NULL;
    if (!p || !user_sees(b->user, p)) {
        (void)err_set(e, ERR_NOT_FOUND, 0, "there is no such project");
        return NULL;
    }
    if (b->user->role == ROLE_GUEST) {
        (void)err_set(e, ERR_INPUT, 0, "a guest may change nothing");
        return NULL;
    }
    return p;
}

const struct stored_universe *bpg_universe(const struct bpg *b, const struct bpg_value *number,
                                           struct err *e)
{
    const struct stored_access *rows = access_rows(b->view);
    const struct stored_universe *found = NULL;
    if (number->is != BPG_GIVEN || number->number == 0)
        found = access_universe(b->view, user_universe(b->view, b->user));
    for (size_t i = 0; i < rows->universe_count && !found; i++)
        if (rows->universes[i].number == number->number)
            found = &rows->universes[i];
    if (found && user_sees_universe(b->view, b->user, found->name))
        return found;
    (void)err_set(e, ERR_NOT_FOUND, 0, "there is no such universe");
    return NULL;
}

const struct user *bpg_user(const struct bpg *b, const struct bpg_value *number, struct err *e)
{
    bool ok = number->is == BPG_GIVEN && number->number > 0 && number->number < STORE_NONE;
    const struct user *u = ok ? access_user(b->view, (uint32_t)number->number) : NULL;
    if (!u)
        (void)err_set(e, ERR_NOT_FOUND, 0, "there is no such user");
    return u;
}

/* Clients look owners up among the users, and break when there is none. */
int64_t bpg_owner(const struct bpg *b, const struct user *owner)
{
    const struct user *users, *first = NULL;
    size_t n = access_users(b->view, &users);
    if (owner)
        return owner->row->number;
    for (size_t i = 0; i < n; i++)
        if (users[i].role == ROLE_ADMIN && (!first || users[i].row->number < first->row->number))
            first = &users[i];
    return first ? first->row->number : b->user->row->number;
}

/* --- actions ---------------------------------------------------------------------------------- */

static void write_constraints(struct json_writer *w, const struct bpg_field *f)
{
    json_list(w);
    for (size_t i = 0; i < sizeof f->constraints / sizeof *f->constraints; i++)
        if (f->constraints[i])
            json_str(w, str_from_c(f->constraints[i]));
    json_list_end(w);
}

static void write_schema(struct json_writer *w)
{
    static const char *const kinds[] = { "integer", "text", "blob" };
    json_object(w);
    for (size_t i = 0; i < bpg_type_count; i++) {
        json_key(w, bpg_types[i].name);
        json_object(w);
        for (size_t k = 0; k < bpg_types[i].field_count; k++) {
            const struct bpg_field *f = &bpg_types[i].fields[k];
            json_key(w, f->name);
            json_object(w);
            json_member(w, "type", str_from_c(kinds[f->kind]));
            json_key(w, STR("constraints"));
            write_constraints(w, f);
            json_object_end(w);
        }
        json_object_end(w);
    }
    json_object_end(w);
}

static void begin_result(struct bpg *b, struct str text)
{
    json_object(&b->w);
    json_member(&b->w, "text", text);
    json_key(&b->w, STR("result"));
}

static void get(struct bpg *b, const struct bpg_type *t, struct err *e)
{
    struct bpg_rows rows = { .at = NULL };
    if (!t->list(b, t, &rows, e))
        return;
    begin_result(b, STR("success"));
    json_list(&b->w);
    for (size_t i = 0; i < rows.count; i++)
        if (!rows.at[i].hidden)
            bpg_write_row(&b->w, t, &rows.at[i]);
    json_list_end(&b->w);
}

static bool refuse_action(const struct bpg_type *t, const char *what, struct err *e)
{
    return err_set(e, ERR_INPUT, 0, "%.*s cannot be %s here", STR_ARG(t->name), what);
}

static bool create(struct bpg *b, const struct bpg_type *t, const struct json *action,
                   struct bpg_row *row, struct err *e)
{
    return bpg_read_row(t, json_get(action, STR("object")), row, e) &&
           bpg_check_needed(t, row, e) &&
           (t->create ? t->create(b, t, row, e) : refuse_action(t, "created", e));
}

static bool modify(struct bpg *b, const struct bpg_type *t, const struct json *action,
                   struct bpg_row *row, struct err *e)
{
    const struct json *fields = json_get(action, STR("fields"));
    struct bpg_row was;
    if (!bpg_find_row(b, t, json_get(action, STR("key")), &was, e))
        return false;
    *row = was;
    return bpg_read_row(t, fields ? fields : json_get(action, STR("object")), row, e) &&
           (t->modify ? t->modify(b, t, &was, row, e) : refuse_action(t, "changed", e));
}

static bool remove_row(struct bpg *b, const struct bpg_type *t, const struct json *action,
                       struct bpg_row *row, struct err *e)
{
    return bpg_find_row(b, t, json_get(action, STR("key")), row, e) &&
           (t->remove ? t->remove(b, t, row, e) : refuse_action(t, "deleted", e));
}

typedef bool (*change)(struct bpg *b, const struct bpg_type *t, const struct json *action,
                       struct bpg_row *row, struct err *e);

static change change_of(struct str action)
{
    return str_eq(action, STR("create"))   ? create
           : str_eq(action, STR("modify")) ? modify
           : str_eq(action, STR("delete")) ? remove_row
                                           : NULL;
}

/* What the rows are now; the user may be gone. */
static bool look_again(struct bpg *b, struct err *e)
{
    b->view = access_acquire(b->c->api->access, e);
    if (!b->view)
        return false;
    b->user = access_user(b->view, b->c->user->row->number);
    return b->user || err_set(e, ERR_INPUT, 0, "you are no user any more");
}

/* An action begins a result and leaves it open, or fails before. */
static void act(struct bpg *b, const struct json *action, struct err *e)
{
    const struct json *name = json_get(action, STR("action"));
    const struct json *type = json_get(action, STR("type"));
    if (!name || name->type != JSON_STRING) {
        (void)err_set(e, ERR_INPUT, 0, "an action needs the member action");
        return;
    }
    if (str_eq(name->text, STR("schema"))) {
        begin_result(b, STR("success"));
        write_schema(&b->w);
        return;
    }
    const struct bpg_type *t = type && type->type == JSON_STRING ? bpg_type_find(type->text) : NULL;
    if (!t) {
        (void)err_set(e, ERR_NOT_FOUND, 0, "there is no such type");
        return;
    }
    change f = change_of(name->text);
    struct bpg_row row = { .number = 0 };
    if (f) {
        if (f(b, t, action, &row, e)) {
            begin_result(b, STR("success"));
            bpg_write_row(&b->w, t, &row);
        }
    } else if (str_eq(name->text, STR("get"))) {
        get(b, t, e);
    } else {
        (void)err_set(e, ERR_INPUT, 0, "action must be schema, get, create, modify or delete");
    }
}

static bool changes(const struct json *action)
{
    const struct json *name = json_get(action, STR("action"));
    return name && name->type == JSON_STRING && change_of(name->text);
}

/* One result, whatever happens. Clients read the rows of `get` without looking at its text. */
static void act_once(struct bpg *b, const struct json *action)
{
    struct err e = { 0 };
    bool locked = changes(action);
    arena_reset(b->arena);
    if (locked)
        pthread_mutex_lock(&changing);
    if (look_again(b, &e))
        act(b, action, &e);
    if (b->view)
        access_release(b->c->api->access, b->view);
    b->view = NULL;
    if (locked)
        pthread_mutex_unlock(&changing);
    if (e.code != ERR_NONE) {
        begin_result(b, str_from_c(e.msg));
        json_list(&b->w);
        json_list_end(&b->w);
    }
    json_object_end(&b->w);
}

/* --- the request ------------------------------------------------------------------------------ */

/* As it came, but for passwords. */
static void echo(struct json_writer *w, const struct json *j)
{
    if (j->type != JSON_OBJECT) {
        json_tree(w, j);
        return;
    }
    json_object(w);
    for (const struct json *m = j->first; m; m = m->next) {
        json_key(w, m->key);
        if (str_eq(m->key, STR("password")))
            json_null(w);
        else if (m->type == JSON_OBJECT)
            echo(w, m); /* no deeper than CONSOLE_DEPTH_MAX */
        else
            json_tree(w, m);
    }
    json_object_end(w);
}

static void answer(struct bpg *b)
{
    struct err e = { 0 };
    json_writer_init(&b->w, http_out(b->c->x));
    json_object(&b->w);
    json_key(&b->w, STR("actions"));
    json_list(&b->w);
    for (const struct json *j = b->actions->first; j; j = j->next)
        echo(&b->w, j);
    json_list_end(&b->w);
    json_key(&b->w, STR("results"));
    json_list(&b->w);
    for (const struct json *j = b->actions->first; j; j = j->next)
        act_once(b, j);
    json_list_end(&b->w);
    json_object_end(&b->w);
    http_set_header(b->c->x, "Cache-Control", STR("no-store")); /* tokens are in it */
    if (buf_ok(http_out(b->c->x))) {
        http_answer(b->c->x, 200);
        return;
    }
    (void)err_word(&e, ERR_LIMIT, "answer_too_large", "the answer got too large");
    backtrace_refuse(b->c->x, 400, &e);
}

/* Before there are users nobody can log in; clients know what to say then by the code. */
static bool is_configured(struct http_exchange *x, struct api *api)
{
    const struct user *users;
    struct err e = { 0 };
    const struct access_view *view = backtrace_view(x, api, &e);
    if (!view || access_users(view, &users) > 0)
        return true; /* or it comes out elsewhere */
    (void)err_word(&e, ERR_INPUT, "not_configured",
                   "this server has no users yet: `crumple user create NAME --role admin` on its "
                   "machine makes one");
    backtrace_error(http_out(x), CODE_NOT_CONFIGURED, &e);
    http_answer(x, 403);
    return false;
}

static void finish(struct http_exchange *x, void *arg)
{
    (void)x;
    answer(arg);
}

/* On the desk's thread. */
static void hash(struct desk_job *job)
{
    struct bpg *b = (struct bpg *)job; /* its first member */
    bpg_passwords_hash(b);
    http_wake(b->c->x, finish, b);
}

static void start(struct bpg *b)
{
    struct err e = { 0 };
    if (!bpg_passwords_find(b, &e)) {
        backtrace_refuse(b->c->x, e.code == ERR_NOMEM ? 503 : 400, &e);
    } else if (b->password_count == 0) {
        answer(b);
    } else {
        b->job.work = hash;
        desk_put(b->c->api->logins, &b->job, b->c->x);
    }
}

void api_bpg(struct http_exchange *x, void *ctx)
{
    struct bpg_request {
        struct bpg b; /* as long as the exchange: it may be parked */
        struct console c;
    } *r = arena_zalloc(http_arena(x), sizeof *r);
    struct err e = { 0 };
    if (!r) {
        (void)err_set(&e, ERR_NOMEM, 0, "no memory for this request");
        backtrace_refuse_err(x, &e);
        return;
    }
    if (!is_configured(x, ctx) || !console_begin(&r->c, x, ctx) || !console_read_body(&r->c))
        return;
    r->b.c = &r->c;
    r->b.arena = backtrace_arena(x, r->c.api);
    r->b.actions = json_get(r->c.body, STR("actions"));
    if (!r->b.arena)
        return;
    if (!r->b.actions || r->b.actions->type != JSON_LIST || r->b.actions->count > BPG_ACTIONS_MAX)
        console_refuse(x, 400, "bad_actions", "actions must be a list of at most 256");
    else
        start(&r->b);
}
