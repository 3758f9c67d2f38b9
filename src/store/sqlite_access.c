/* sqlite_access.c - who may do what, in the SQLite store: universes, projects, tokens, users. The
 * tables are described in sqlite_schema.c.
 *
 * These rows are few and change by hand, often in another process: `crumple token ...` beside a
 * server. Each change counts up a number in the same transaction, and the server, which asks for
 * that number with every request, then reads all of them anew.
 *
 * Everything in a row is checked before it is believed: the file may be damaged. */
#include "store/sqlite.h"

#include "report/report.h"

#include <inttypes.h>

/* Columns of SQL_TOKENS, and the parameters of SQL_TOKEN_ADD: the number is given. */
enum token_column {
    TOKEN_NUMBER,
    TOKEN_HASH,
    TOKEN_TEXT,
    TOKEN_PROJECT,
    TOKEN_OWNER,
    TOKEN_SCOPES,
    TOKEN_METADATA,
    TOKEN_CREATED
};

/* The same for users. */
enum user_column { USER_NUMBER, USER_NAME, USER_ROLE, USER_PASSWORD, USER_CREATED };

/* Changes. */

/* Takes the writer and begins; change_end in any case. */
static bool change_begin(struct store *s, struct err *e)
{
    pthread_mutex_lock(&s->write_mu);
    return connection_run(&s->writer, SQL_BEGIN, e);
}

/* Commits when all went well, with the version that tells others; else nothing has happened. */
static bool change_end(struct store *s, bool ok, struct err *e)
{
    struct connection *c = &s->writer;
    ok = ok && connection_run(c, SQL_ACCESS_CHANGED, e) && connection_run(c, SQL_COMMIT, e);
    if (!ok)
        connection_rollback(c);
    pthread_mutex_unlock(&s->write_mu);
    return ok;
}

/* A longer one would be taken for damage when it is read. */
static bool name_check(struct str name, const char *kind, struct err *e)
{
    if (name.len == 0)
        return err_set(e, ERR_INPUT, 0, "the name of a %s is empty", kind);
    if (name.len > REPORT_NAME_MAX)
        return err_set(e, ERR_LIMIT, 0, "the name of a %s has %zu bytes; at most %d", kind,
                       name.len, REPORT_NAME_MAX);
    return true;
}

static bool name_taken(struct str name, const char *kind, struct err *e)
{
    int shown = name.len < 100 ? (int)name.len : 100;
    return err_set(e, ERR_CONFLICT, 0, "there is a %s \"%.*s\" already", kind, shown, name.ptr);
}

static bool name_unknown(struct str name, const char *kind, struct err *e)
{
    int shown = name.len < 100 ? (int)name.len : 100;
    return err_set(e, ERR_NOT_FOUND, 0, "there is no %s \"%.*s\"", kind, shown, name.ptr);
}

/* The number of the row with this name; 0 when there is none. */
static bool find(struct connection *c, enum sql which, struct str name, sqlite3_int64 *number,
                 struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, which, e);
    bool row;
    if (!st)
        return false;
    bind_str(st, 1, name);
    bool ok = connection_step(c, st, &row, e);
    *number = ok && row ? sqlite3_column_int64(st, 0) : 0;
    connection_end(c, which);
    return ok;
}

bool project_find(struct connection *c, struct str name, sqlite3_int64 *number, struct err *e)
{
    return find(c, SQL_PROJECT_FIND, name, number, e);
}

bool project_add(struct connection *c, struct str name, sqlite3_int64 universe, bool *added,
                 struct err *e)
{
    if (!name_check(name, "project", e))
        return false;
    sqlite3_stmt *st = connection_statement(c, SQL_PROJECT_ADD, e);
    if (!st)
        return false;
    bind_str(st, 1, name);
    sqlite3_bind_int64(st, 2, universe);
    if (!connection_run(c, SQL_PROJECT_ADD, e))
        return false;
    *added = sqlite3_changes(c->db) > 0;
    return true;
}

/* When it is not there. */
static bool universe_add(struct connection *c, struct str name, struct err *e)
{
    if (!name_check(name, "universe", e))
        return false;
    sqlite3_stmt *st = connection_statement(c, SQL_UNIVERSE_ADD, e);
    if (!st)
        return false;
    bind_str(st, 1, name);
    return connection_run(c, SQL_UNIVERSE_ADD, e);
}

static bool project_create(struct connection *c, struct str name, struct str universe,
                           struct err *e)
{
    sqlite3_int64 number;
    bool added;
    return universe_add(c, universe, e) && find(c, SQL_UNIVERSE_FIND, universe, &number, e) &&
           project_add(c, name, number, &added, e) && (added || name_taken(name, "project", e));
}

bool store_project_create(struct store *s, struct str name, struct str universe, struct err *e)
{
    bool ok = change_begin(s, e) && project_create(&s->writer, name, universe, e);
    return change_end(s, ok, e);
}

static bool token_add(struct connection *c, const struct stored_token *t, uint32_t *number,
                      struct err *e)
{
    sqlite3_int64 project;
    if (!project_find(c, t->project, &project, e))
        return false;
    if (project == 0)
        return name_unknown(t->project, "project", e);
    sqlite3_stmt *st = connection_statement(c, SQL_TOKEN_ADD, e);
    if (!st)
        return false;
    bind_hash(st, TOKEN_HASH, t->hash);
    bind_str(st, TOKEN_TEXT, t->text);
    sqlite3_bind_int64(st, TOKEN_PROJECT, project);
    bind_str(st, TOKEN_OWNER, t->owner);
    sqlite3_bind_int64(st, TOKEN_SCOPES, t->scopes);
    bind_str(st, TOKEN_METADATA, t->metadata);
    sqlite3_bind_int64(st, TOKEN_CREATED, t->created_ms);
    if (!connection_run(c, SQL_TOKEN_ADD, e))
        return false;
    if (sqlite3_changes(c->db) == 0)
        return err_set(e, ERR_CONFLICT, 0, "there is such a token already");
    sqlite3_int64 given = sqlite3_last_insert_rowid(c->db);
    if (given >= STORE_NONE)
        return err_set(e, ERR_LIMIT, 0, "there have been too many tokens");
    *number = (uint32_t)given;
    return true;
}

bool store_token_add(struct store *s, const struct stored_token *t, uint32_t *number, struct err *e)
{
    bool ok = change_begin(s, e) && token_add(&s->writer, t, number, e);
    return change_end(s, ok, e);
}

static bool token_remove(struct connection *c, uint32_t number, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_TOKEN_REMOVE, e);
    if (!st)
        return false;
    sqlite3_bind_int64(st, 1, number);
    return connection_run(c, SQL_TOKEN_REMOVE, e) &&
           (sqlite3_changes(c->db) > 0 ||
            err_set(e, ERR_NOT_FOUND, 0, "there is no token %" PRIu32, number));
}

bool store_token_remove(struct store *s, uint32_t number, struct err *e)
{
    bool ok = change_begin(s, e) && token_remove(&s->writer, number, e);
    return change_end(s, ok, e);
}

static bool user_add(struct connection *c, const struct stored_user *u, struct err *e)
{
    if (!name_check(u->name, "user", e))
        return false;
    sqlite3_stmt *st = connection_statement(c, SQL_USER_ADD, e);
    if (!st)
        return false;
    bind_str(st, USER_NAME, u->name);
    bind_str(st, USER_ROLE, u->role);
    bind_str(st, USER_PASSWORD, u->password);
    sqlite3_bind_int64(st, USER_CREATED, u->created_ms);
    return connection_run(c, SQL_USER_ADD, e) &&
           (sqlite3_changes(c->db) > 0 || name_taken(u->name, "user", e));
}

bool store_user_add(struct store *s, const struct stored_user *u, struct err *e)
{
    bool ok = change_begin(s, e) && user_add(&s->writer, u, e);
    return change_end(s, ok, e);
}

static bool user_remove(struct connection *c, struct str name, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_USER_REMOVE, e);
    if (!st)
        return false;
    bind_str(st, 1, name);
    return connection_run(c, SQL_USER_REMOVE, e) &&
           (sqlite3_changes(c->db) > 0 || name_unknown(name, "user", e));
}

bool store_user_remove(struct store *s, struct str name, struct err *e)
{
    bool ok = change_begin(s, e) && user_remove(&s->writer, name, e);
    return change_end(s, ok, e);
}

/* Reading. */

/* A name as it was checked before it was stored; a view into the row. */
static bool name_column(sqlite3_stmt *st, int at, struct str *out)
{
    *out = column_str(st, at);
    return out->len > 0 && out->len <= REPORT_NAME_MAX;
}

/* Makes views into a row the arena's. */
static bool keep(struct str *const *views, size_t count, struct arena *a, struct err *e)
{
    for (size_t i = 0; i < count; i++)
        if (!arena_str(a, *views[i], views[i]))
            return err_set(e, ERR_NOMEM, 0, "no memory for the rows of access");
    return true;
}

static bool universe_fill(void *to, sqlite3_stmt *st, struct arena *a, struct err *e)
{
    struct str *name = to;
    return name_column(st, 0, name)
               ? keep(&name, 1, a, e)
               : row_damaged(e, "universe", sqlite3_column_int64(st, 1), "name");
}

static bool project_fill(void *to, sqlite3_stmt *st, struct arena *a, struct err *e)
{
    struct stored_project *p = to;
    sqlite3_int64 number = sqlite3_column_int64(st, 0);
    *p = (struct stored_project){ 0 };
    if (!column_u32(st, 0, &p->number))
        return row_damaged(e, "project", number, "number");
    if (!name_column(st, 1, &p->name))
        return row_damaged(e, "project", number, "name");
    if (!name_column(st, 2, &p->universe))
        return row_damaged(e, "project", number, "universe");
    return keep((struct str *const[]){ &p->name, &p->universe }, 2, a, e);
}

static bool token_fill(void *to, sqlite3_stmt *st, struct arena *a, struct err *e)
{
    struct stored_token *t = to;
    sqlite3_int64 number = sqlite3_column_int64(st, TOKEN_NUMBER);
    *t = (struct stored_token){
        .text = column_str(st, TOKEN_TEXT),
        .owner = column_str(st, TOKEN_OWNER),
        .metadata = column_str(st, TOKEN_METADATA),
        .created_ms = sqlite3_column_int64(st, TOKEN_CREATED),
    };
    if (!column_u32(st, TOKEN_NUMBER, &t->number))
        return row_damaged(e, "token", number, "number");
    if (!column_hash(st, TOKEN_HASH, t->hash))
        return row_damaged(e, "token", number, "hash");
    if (!name_column(st, TOKEN_PROJECT, &t->project))
        return row_damaged(e, "token", number, "project");
    if (!column_u32(st, TOKEN_SCOPES, &t->scopes))
        return row_damaged(e, "token", number, "scopes");
    return keep((struct str *const[]){ &t->text, &t->owner, &t->metadata, &t->project }, 4, a, e);
}

static bool user_fill(void *to, sqlite3_stmt *st, struct arena *a, struct err *e)
{
    struct stored_user *u = to;
    sqlite3_int64 number = sqlite3_column_int64(st, USER_NUMBER);
    *u = (struct stored_user){
        .role = column_str(st, USER_ROLE),
        .password = column_str(st, USER_PASSWORD),
        .created_ms = sqlite3_column_int64(st, USER_CREATED),
    };
    if (!column_u32(st, USER_NUMBER, &u->number))
        return row_damaged(e, "user", number, "number");
    if (!name_column(st, USER_NAME, &u->name))
        return row_damaged(e, "user", number, "name");
    return keep((struct str *const[]){ &u->name, &u->role, &u->password }, 3, a, e);
}

/* All rows of one table. */
static bool read_all(struct connection *c, enum sql which,
                     bool (*fill)(void *to, sqlite3_stmt *st, struct arena *a, struct err *e),
                     size_t size, struct arena *a, void **out, size_t *count, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, which, e);
    bool ok = st && connection_collect(c, st, fill, size, a, out, count, e);
    connection_end(c, which);
    return ok;
}

static bool access_read(struct connection *c, struct arena *a, struct stored_access *out,
                        struct err *e)
{
    void *universes, *projects, *tokens, *users;
    if (!connection_mark(c, MARK_ACCESS, &out->version, e) ||
        !read_all(c, SQL_UNIVERSES, universe_fill, sizeof *out->universes, a, &universes,
                  &out->universe_count, e) ||
        !read_all(c, SQL_PROJECTS, project_fill, sizeof *out->projects, a, &projects,
                  &out->project_count, e) ||
        !read_all(c, SQL_TOKENS, token_fill, sizeof *out->tokens, a, &tokens, &out->token_count,
                  e) ||
        !read_all(c, SQL_USERS, user_fill, sizeof *out->users, a, &users, &out->user_count, e))
        return false;
    out->universes = universes;
    out->projects = projects;
    out->tokens = tokens;
    out->users = users;
    return true;
}

bool store_access_read(struct store *s, struct arena *a, struct stored_access *out, struct err *e)
{
    struct connection *c = store_reader_take(s, e);
    if (!c)
        return false;
    bool ok = connection_run(c, SQL_BEGIN_READING, e) && access_read(c, a, out, e) &&
              connection_run(c, SQL_COMMIT, e);
    if (!ok)
        connection_rollback(c);
    store_reader_give(s, c);
    return ok;
}

bool store_access_version(struct store *s, uint64_t *out, struct err *e)
{
    pthread_mutex_lock(&s->version_mu);
    struct connection *c = store_version_connection(s, e);
    bool ok = c && connection_mark(c, MARK_ACCESS, out, e);
    pthread_mutex_unlock(&s->version_mu);
    return ok;
}

static bool project_name_fill(void *to, sqlite3_stmt *st, struct arena *a, struct err *e)
{
    struct stored_project p;
    if (!project_fill(&p, st, a, e))
        return false;
    memcpy(to, &p.name, sizeof p.name);
    return true;
}

bool store_projects(struct store *s, struct arena *a, struct str **out, size_t *count,
                    struct err *e)
{
    void *names = NULL;
    struct connection *c = store_reader_take(s, e);
    if (!c)
        return false;
    bool ok = read_all(c, SQL_PROJECTS, project_name_fill, sizeof **out, a, &names, count, e);
    store_reader_give(s, c);
    *out = names;
    return ok;
}
