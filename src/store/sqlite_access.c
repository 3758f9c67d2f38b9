/* sqlite_access.c - who may do what, in the SQLite store: universes, projects, tokens, and what all
 * rows of access share. Users and what is theirs: sqlite_people.c. The tables are described in
 * sqlite_schema.c.
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

/* Changes. */

bool rights_change_begin(struct store *s, struct err *e)
{
    pthread_mutex_lock(&s->write_mu);
    return connection_run(&s->writer, SQL_BEGIN, e);
}

bool rights_change_end(struct store *s, bool ok, struct err *e)
{
    struct connection *c = &s->writer;
    ok = ok && connection_run(c, SQL_ACCESS_CHANGED, e) && connection_run(c, SQL_COMMIT, e);
    if (!ok)
        connection_rollback(c);
    pthread_mutex_unlock(&s->write_mu);
    return ok;
}

bool rights_check_name(struct str name, const char *kind, struct err *e)
{
    if (name.len == 0)
        return err_set(e, ERR_INPUT, 0, "the name of a %s is empty", kind);
    if (name.len > REPORT_NAME_MAX)
        return err_set(e, ERR_LIMIT, 0, "the name of a %s has %zu bytes; at most %d", kind,
                       name.len, REPORT_NAME_MAX);
    return true;
}

bool rights_name_taken(struct str name, const char *kind, struct err *e)
{
    int shown = name.len < 100 ? (int)name.len : 100;
    return err_set(e, ERR_CONFLICT, 0, "there is a %s \"%.*s\" already", kind, shown, name.ptr);
}

bool rights_name_unknown(struct str name, const char *kind, struct err *e)
{
    int shown = name.len < 100 ? (int)name.len : 100;
    return err_set(e, ERR_NOT_FOUND, 0, "there is no %s \"%.*s\"", kind, shown, name.ptr);
}

bool rights_find(struct connection *c, enum sql which, struct str name, sqlite3_int64 *number,
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
    return rights_find(c, SQL_PROJECT_FIND, name, number, e);
}

bool project_add(struct connection *c, struct str name, sqlite3_int64 universe, bool *added,
                 struct err *e)
{
    if (!rights_check_name(name, "project", e))
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

bool rights_given(struct connection *c, const char *kind, uint32_t *number, struct err *e)
{
    sqlite3_int64 given = sqlite3_last_insert_rowid(c->db);
    if (given >= STORE_NONE)
        return err_set(e, ERR_LIMIT, 0, "there have been too many %s", kind);
    *number = (uint32_t)given;
    return true;
}

/* When it is not there. */
static bool universe_add(struct connection *c, struct str name, struct err *e)
{
    if (!rights_check_name(name, "universe", e))
        return false;
    sqlite3_stmt *st = connection_statement(c, SQL_UNIVERSE_ADD, e);
    if (!st)
        return false;
    bind_str(st, 1, name);
    return connection_run(c, SQL_UNIVERSE_ADD, e);
}

bool store_universe_add(struct store *s, struct str name, uint32_t *number, struct err *e)
{
    struct connection *c = &s->writer;
    bool ok = rights_change_begin(s, e) && universe_add(c, name, e) &&
              (sqlite3_changes(c->db) > 0 || rights_name_taken(name, "universe", e)) &&
              rights_given(c, "universes", number, e);
    return rights_change_end(s, ok, e);
}

static bool universe_remove(struct connection *c, uint32_t number, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_UNIVERSE_REMOVE, e);
    if (!st)
        return false;
    sqlite3_bind_int64(st, 1, number);
    return connection_run(c, SQL_UNIVERSE_REMOVE, e) &&
           (sqlite3_changes(c->db) > 0 ||
            err_set(e, ERR_CONFLICT, 0,
                    "the universe is not there, or is the first, or has projects or users"));
}

bool store_universe_remove(struct store *s, uint32_t number, struct err *e)
{
    bool ok = rights_change_begin(s, e) && universe_remove(&s->writer, number, e);
    return rights_change_end(s, ok, e);
}

static bool project_change(struct connection *c, const struct stored_project *p, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_PROJECT_CHANGE, e);
    if (!st)
        return false;
    sqlite3_bind_int64(st, 1, p->number);
    sqlite3_bind_int64(st, 2, p->owner);
    sqlite3_bind_int64(st, 3, p->deleted);
    return connection_run(c, SQL_PROJECT_CHANGE, e) &&
           (sqlite3_changes(c->db) > 0 ||
            err_set(e, ERR_NOT_FOUND, 0, "there is no project %" PRIu32, p->number));
}

bool store_project_change(struct store *s, const struct stored_project *p, struct err *e)
{
    bool ok = rights_change_begin(s, e) && project_change(&s->writer, p, e);
    return rights_change_end(s, ok, e);
}

static bool project_make(struct connection *c, const struct stored_project *p, uint32_t *number,
                         struct err *e)
{
    sqlite3_int64 universe;
    bool added;
    if (!rights_find(c, SQL_UNIVERSE_FIND, p->universe, &universe, e))
        return false;
    if (universe == 0)
        return rights_name_unknown(p->universe, "universe", e);
    if (!project_add(c, p->name, universe, &added, e) ||
        !(added || rights_name_taken(p->name, "project", e)) ||
        !rights_given(c, "projects", number, e))
        return false;
    const struct stored_project made = { .number = *number, .owner = p->owner };
    return project_change(c, &made, e);
}

bool store_project_add(struct store *s, const struct stored_project *p, uint32_t *number,
                       struct err *e)
{
    bool ok = rights_change_begin(s, e) && project_make(&s->writer, p, number, e);
    return rights_change_end(s, ok, e);
}

bool store_project_create(struct store *s, struct str name, struct str universe, struct err *e)
{
    const struct stored_project p = { .name = name, .universe = universe };
    uint32_t number;
    bool ok = rights_change_begin(s, e) && universe_add(&s->writer, universe, e) &&
              project_make(&s->writer, &p, &number, e);
    return rights_change_end(s, ok, e);
}

static bool token_add(struct connection *c, const struct stored_token *t, uint32_t *number,
                      struct err *e)
{
    sqlite3_int64 project;
    if (!project_find(c, t->project, &project, e))
        return false;
    if (project == 0)
        return rights_name_unknown(t->project, "project", e);
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
    return rights_given(c, "tokens", number, e);
}

bool store_token_add(struct store *s, const struct stored_token *t, uint32_t *number, struct err *e)
{
    bool ok = rights_change_begin(s, e) && token_add(&s->writer, t, number, e);
    return rights_change_end(s, ok, e);
}

static bool token_change(struct connection *c, const struct stored_token *t, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_TOKEN_CHANGE, e);
    if (!st)
        return false;
    sqlite3_bind_int64(st, 1, t->number);
    bind_str(st, 2, t->text);
    bind_str(st, 3, t->owner);
    sqlite3_bind_int64(st, 4, t->scopes);
    bind_str(st, 5, t->metadata);
    return connection_run(c, SQL_TOKEN_CHANGE, e) &&
           (sqlite3_changes(c->db) > 0 ||
            err_set(e, ERR_NOT_FOUND, 0, "there is no token %" PRIu32, t->number));
}

bool store_token_change(struct store *s, const struct stored_token *t, struct err *e)
{
    bool ok = rights_change_begin(s, e) && token_change(&s->writer, t, e);
    return rights_change_end(s, ok, e);
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
    bool ok = rights_change_begin(s, e) && token_remove(&s->writer, number, e);
    return rights_change_end(s, ok, e);
}

/* Reading. */

bool rights_name_column(sqlite3_stmt *st, int at, struct str *out)
{
    *out = column_str(st, at);
    return out->len > 0 && out->len <= REPORT_NAME_MAX;
}

bool rights_keep(struct str *const *views, size_t count, struct arena *a, struct err *e)
{
    for (size_t i = 0; i < count; i++)
        if (!arena_str(a, *views[i], views[i]))
            return err_set(e, ERR_NOMEM, 0, "no memory for the rows of access");
    return true;
}

static bool universe_fill(void *to, sqlite3_stmt *st, struct arena *a, struct err *e)
{
    struct stored_universe *u = to;
    sqlite3_int64 number = sqlite3_column_int64(st, 1);
    *u = (struct stored_universe){ 0 };
    if (!column_u32(st, 1, &u->number))
        return row_damaged(e, "universe", number, "number");
    if (!rights_name_column(st, 0, &u->name))
        return row_damaged(e, "universe", number, "name");
    return rights_keep((struct str *const[]){ &u->name }, 1, a, e);
}

static bool project_fill(void *to, sqlite3_stmt *st, struct arena *a, struct err *e)
{
    struct stored_project *p = to;
    sqlite3_int64 number = sqlite3_column_int64(st, 0);
    *p = (struct stored_project){ .deleted = sqlite3_column_int64(st, 4) != 0 };
    if (!column_u32(st, 0, &p->number))
        return row_damaged(e, "project", number, "number");
    if (!rights_name_column(st, 1, &p->name))
        return row_damaged(e, "project", number, "name");
    if (!rights_name_column(st, 2, &p->universe))
        return row_damaged(e, "project", number, "universe");
    if (!column_u32(st, 3, &p->owner))
        return row_damaged(e, "project", number, "owner");
    return rights_keep((struct str *const[]){ &p->name, &p->universe }, 2, a, e);
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
    if (!rights_name_column(st, TOKEN_PROJECT, &t->project))
        return row_damaged(e, "token", number, "project");
    if (!column_u32(st, TOKEN_SCOPES, &t->scopes))
        return row_damaged(e, "token", number, "scopes");
    return rights_keep((struct str *const[]){ &t->text, &t->owner, &t->metadata, &t->project }, 4,
                       a, e);
}

bool rights_rows(struct connection *c, enum sql which,
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
    void *universes, *projects, *tokens;
    if (!connection_mark(c, MARK_ACCESS, &out->version, e) ||
        !rights_rows(c, SQL_UNIVERSES, universe_fill, sizeof *out->universes, a, &universes,
                     &out->universe_count, e) ||
        !rights_rows(c, SQL_PROJECTS, project_fill, sizeof *out->projects, a, &projects,
                     &out->project_count, e) ||
        !rights_rows(c, SQL_TOKENS, token_fill, sizeof *out->tokens, a, &tokens, &out->token_count,
                     e) ||
        !people_read(c, a, out, e))
        return false;
    out->universes = universes;
    out->projects = projects;
    out->tokens = tokens;
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
    bool ok = rights_rows(c, SQL_PROJECTS_NOT_DELETED, project_name_fill, sizeof **out, a, &names,
                          count, e);
    store_reader_give(s, c);
    *out = names;
    return ok;
}
