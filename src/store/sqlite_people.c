/* sqlite_people.c - users, what they are bound to, their sessions, and what they configure, in the
 * SQLite store. These are rows of access, as in sqlite_access.c: few, all read anew when one has
 * changed, and not believed when they are read. */
#include "store/sqlite.h"

#include <inttypes.h>

/* Columns of SQL_USERS; up to USER_EMAIL the parameters of SQL_USER_ADD, too: the number is given.
 */
enum user_column {
    USER_NUMBER,
    USER_NAME,
    USER_ROLE,
    USER_PASSWORD,
    USER_CREATED,
    USER_EMAIL,
    USER_UNIVERSE
};
/* Columns of SQL_SESSIONS; its parameters in SQL_SESSION_ADD are one higher. */
enum session_column {
    SESSION_HASH,
    SESSION_USER,
    SESSION_CREATED,
    SESSION_USED,
    SESSION_EXPIRES,
    SESSION_RESOURCES
};
enum configuration_column {
    CONFIGURATION_NUMBER,
    CONFIGURATION_TYPE,
    CONFIGURATION_KEY,
    CONFIGURATION_OBJECT
};

/* Runs what has one number bound. */
static bool run_with(struct connection *c, enum sql which, uint32_t number, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, which, e);
    if (!st)
        return false;
    sqlite3_bind_int64(st, 1, number);
    return connection_run(c, which, e);
}

/* --- users ------------------------------------------------------------------------------------ */

static bool find_universe(struct connection *c, struct str name, sqlite3_int64 *number,
                          struct err *e)
{
    *number = UNIVERSE_FIRST;
    return name.len == 0 || (rights_find(c, SQL_UNIVERSE_FIND, name, number, e) &&
                             (*number != 0 || rights_name_unknown(name, "universe", e)));
}

static bool user_add(struct connection *c, const struct stored_user *u, uint32_t *number,
                     struct err *e)
{
    sqlite3_int64 universe;
    if (!rights_check_name(u->name, "user", e) || !find_universe(c, u->universe, &universe, e))
        return false;
    sqlite3_stmt *st = connection_statement(c, SQL_USER_ADD, e);
    if (!st)
        return false;
    bind_str(st, USER_NAME, u->name);
    bind_str(st, USER_ROLE, u->role);
    bind_str(st, USER_PASSWORD, u->password);
    sqlite3_bind_int64(st, USER_CREATED, u->created_ms);
    bind_str(st, USER_EMAIL, u->email);
    sqlite3_bind_int64(st, USER_UNIVERSE, universe);
    return connection_run(c, SQL_USER_ADD, e) &&
           (sqlite3_changes(c->db) > 0 || rights_name_taken(u->name, "user", e)) &&
           rights_given(c, "users", number, e);
}

bool store_user_add(struct store *s, const struct stored_user *u, uint32_t *number, struct err *e)
{
    bool ok = rights_change_begin(s, e) && user_add(&s->writer, u, number, e);
    return rights_change_end(s, ok, e);
}

/* Whether it is the user's password already; ERR_NOT_FOUND. */
static bool same_password(struct connection *c, const struct stored_user *u, bool *same,
                          struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_USER_SAME_PASSWORD, e);
    bool row = false;
    if (!st)
        return false;
    sqlite3_bind_int64(st, 1, u->number);
    bind_str(st, 2, u->password);
    bool ok = connection_step(c, st, &row, e);
    *same = ok && row && sqlite3_column_int64(st, 0) != 0;
    connection_end(c, SQL_USER_SAME_PASSWORD);
    return ok && (row || err_set(e, ERR_NOT_FOUND, 0, "there is no user %" PRIu32, u->number));
}

static bool user_change(struct connection *c, const struct stored_user *u, struct err *e)
{
    sqlite3_int64 universe;
    bool same;
    if (!find_universe(c, u->universe, &universe, e) || !same_password(c, u, &same, e))
        return false;
    sqlite3_stmt *st = connection_statement(c, SQL_USER_CHANGE, e);
    if (!st)
        return false;
    sqlite3_bind_int64(st, 1, u->number);
    bind_str(st, 2, u->role);
    bind_str(st, 3, u->password);
    bind_str(st, 4, u->email);
    sqlite3_bind_int64(st, 5, universe);
    return connection_run(c, SQL_USER_CHANGE, e) &&
           (same || run_with(c, SQL_SESSIONS_OF_USER_REMOVE, u->number, e));
}

bool store_user_change(struct store *s, const struct stored_user *u, struct err *e)
{
    bool ok = rights_change_begin(s, e) && user_change(&s->writer, u, e);
    return rights_change_end(s, ok, e);
}

static bool user_remove(struct connection *c, struct str name, struct err *e)
{
    sqlite3_int64 found;
    if (!rights_find(c, SQL_USER_FIND, name, &found, e))
        return false;
    if (found <= 0 || found >= STORE_NONE)
        return rights_name_unknown(name, "user", e);
    uint32_t number = (uint32_t)found;
    return run_with(c, SQL_USER_REMOVE, number, e) &&
           run_with(c, SQL_BINDINGS_OF_USER_REMOVE, number, e) &&
           run_with(c, SQL_SESSIONS_OF_USER_REMOVE, number, e);
}

bool store_user_remove(struct store *s, struct str name, struct err *e)
{
    bool ok = rights_change_begin(s, e) && user_remove(&s->writer, name, e);
    return rights_change_end(s, ok, e);
}

/* --- bindings --------------------------------------------------------------------------------- */

static bool binding_run(struct connection *c, enum sql which, struct stored_binding b,
                        struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, which, e);
    if (!st)
        return false;
    sqlite3_bind_int64(st, 1, b.user);
    sqlite3_bind_int64(st, 2, b.project);
    return connection_run(c, which, e);
}

bool store_binding_add(struct store *s, struct stored_binding b, struct err *e)
{
    struct connection *c = &s->writer;
    bool ok = rights_change_begin(s, e) && binding_run(c, SQL_BINDING_ADD, b, e) &&
              (sqlite3_changes(c->db) > 0 ||
               err_set(e, ERR_CONFLICT, 0,
                       "the user is bound to the project already, or one of them is not there"));
    return rights_change_end(s, ok, e);
}

bool store_binding_remove(struct store *s, struct stored_binding b, struct err *e)
{
    struct connection *c = &s->writer;
    bool ok = rights_change_begin(s, e) && binding_run(c, SQL_BINDING_REMOVE, b, e) &&
              (sqlite3_changes(c->db) > 0 ||
               err_set(e, ERR_CONFLICT, 0, "the user is not bound to the project"));
    return rights_change_end(s, ok, e);
}

/* --- sessions --------------------------------------------------------------------------------- */

static bool sessions_sweep(struct connection *c, int64_t now_ms, int64_t unused_since_ms,
                           struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_SESSIONS_OLD_REMOVE, e);
    if (!st)
        return false;
    sqlite3_bind_int64(st, 1, now_ms);
    sqlite3_bind_int64(st, 2, unused_since_ms);
    return connection_run(c, SQL_SESSIONS_OLD_REMOVE, e);
}

static bool sessions_limit(struct connection *c, uint32_t user, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_SESSIONS_SURPLUS_REMOVE, e);
    if (!st)
        return false;
    sqlite3_bind_int64(st, 1, user);
    sqlite3_bind_int64(st, 2, STORE_USER_SESSIONS_MAX);
    return connection_run(c, SQL_SESSIONS_SURPLUS_REMOVE, e);
}

static bool session_insert(struct connection *c, const struct stored_session *now, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_SESSION_ADD, e);
    if (!st)
        return false;
    bind_hash(st, SESSION_HASH + 1, now->hash);
    sqlite3_bind_int64(st, SESSION_USER + 1, now->user);
    sqlite3_bind_int64(st, SESSION_CREATED + 1, now->created_ms);
    sqlite3_bind_int64(st, SESSION_USED + 1, now->used_ms);
    sqlite3_bind_int64(st, SESSION_EXPIRES + 1, now->expires_ms);
    bind_str(st, SESSION_RESOURCES + 1, now->resources);
    return connection_run(c, SQL_SESSION_ADD, e) &&
           (sqlite3_changes(c->db) > 0 ||
            err_set(e, ERR_CONFLICT, 0, "there is such a session already, or no such user"));
}

bool store_session_add(struct store *s, const struct stored_session *now, int64_t unused_since_ms,
                       struct err *e)
{
    struct connection *c = &s->writer;
    bool ok = rights_change_begin(s, e) && sessions_sweep(c, now->created_ms, unused_since_ms, e) &&
              session_insert(c, now, e) && sessions_limit(c, now->user, e);
    return rights_change_end(s, ok, e);
}

static bool session_unknown(struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, 0, "there is no such session");
}

static bool session_update(struct connection *c, const struct stored_session *session,
                           struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_SESSION_CHANGE, e);
    if (!st)
        return false;
    bind_hash(st, 1, session->hash);
    sqlite3_bind_int64(st, 2, session->used_ms);
    bind_str(st, 3, session->resources);
    return connection_run(c, SQL_SESSION_CHANGE, e) &&
           (sqlite3_changes(c->db) > 0 || session_unknown(e));
}

bool store_session_change(struct store *s, const struct stored_session *session, struct err *e)
{
    bool ok = rights_change_begin(s, e) && session_update(&s->writer, session, e);
    return rights_change_end(s, ok, e);
}

static bool session_remove(struct connection *c, const uint8_t hash[32], struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_SESSION_REMOVE, e);
    if (!st)
        return false;
    bind_hash(st, 1, hash);
    return connection_run(c, SQL_SESSION_REMOVE, e) &&
           (sqlite3_changes(c->db) > 0 || session_unknown(e));
}

bool store_session_remove(struct store *s, const uint8_t hash[32], struct err *e)
{
    bool ok = rights_change_begin(s, e) && session_remove(&s->writer, hash, e);
    return rights_change_end(s, ok, e);
}

/* --- configuration ---------------------------------------------------------------------------- */

/* With what has just been added or changed. All of it is read into memory with every change. */
static bool configuration_fits(struct connection *c, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_CONFIGURATION_COUNT, e);
    bool row;
    if (!st || !connection_step(c, st, &row, e))
        return false;
    bool fits = row && sqlite3_column_int64(st, 0) <= STORE_CONFIGURATION_MAX &&
                sqlite3_column_int64(st, 1) <= STORE_CONFIGURATION_BYTES;
    connection_end(c, SQL_CONFIGURATION_COUNT);
    return fits || err_set(e, ERR_LIMIT, 0,
                           "the configuration is full: it may have %d objects and %d bytes",
                           STORE_CONFIGURATION_MAX, STORE_CONFIGURATION_BYTES);
}

static bool configuration_taken(const struct stored_configuration *c, struct err *e)
{
    return err_set(e, ERR_CONFLICT, 0, "there is such a %.*s already", STR_ARG(c->type));
}

static bool configuration_add(struct connection *c, const struct stored_configuration *row,
                              uint32_t *number, struct err *e)
{
    if (!rights_check_name(row->type, "type", e))
        return false;
    sqlite3_stmt *st = connection_statement(c, SQL_CONFIGURATION_ADD, e);
    if (!st)
        return false;
    bind_str(st, CONFIGURATION_TYPE, row->type);
    bind_str(st, CONFIGURATION_KEY, row->key);
    bind_str(st, CONFIGURATION_OBJECT, row->object);
    return connection_run(c, SQL_CONFIGURATION_ADD, e) &&
           (sqlite3_changes(c->db) > 0 || configuration_taken(row, e)) &&
           configuration_fits(c, e) && rights_given(c, "objects of configuration", number, e);
}

bool store_configuration_add(struct store *s, const struct stored_configuration *c,
                             uint32_t *number, struct err *e)
{
    bool ok = rights_change_begin(s, e) && configuration_add(&s->writer, c, number, e);
    return rights_change_end(s, ok, e);
}

static bool configuration_change(struct connection *c, const struct stored_configuration *row,
                                 struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_CONFIGURATION_CHANGE, e);
    if (!st)
        return false;
    sqlite3_bind_int64(st, 1, row->number);
    bind_str(st, 2, row->key);
    bind_str(st, 3, row->object);
    return connection_run(c, SQL_CONFIGURATION_CHANGE, e) &&
           (sqlite3_changes(c->db) > 0 ||
            err_set(e, ERR_CONFLICT, 0, "it is not there any more, or there is another such %.*s",
                    STR_ARG(row->type))) &&
           configuration_fits(c, e);
}

bool store_configuration_change(struct store *s, const struct stored_configuration *c,
                                struct err *e)
{
    bool ok = rights_change_begin(s, e) && configuration_change(&s->writer, c, e);
    return rights_change_end(s, ok, e);
}

bool store_configuration_remove(struct store *s, uint32_t number, struct err *e)
{
    struct connection *c = &s->writer;
    bool ok =
        rights_change_begin(s, e) && run_with(c, SQL_CONFIGURATION_REMOVE, number, e) &&
        (sqlite3_changes(c->db) > 0 || err_set(e, ERR_NOT_FOUND, 0, "it is not there any more"));
    return rights_change_end(s, ok, e);
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool user_fill(void *to, sqlite3_stmt *st, struct arena *a, struct err *e)
{
    struct stored_user *u = to;
    sqlite3_int64 number = sqlite3_column_int64(st, USER_NUMBER);
    *u = (struct stored_user){
        .role = column_str(st, USER_ROLE),
        .password = column_str(st, USER_PASSWORD),
        .email = column_str(st, USER_EMAIL),
        .created_ms = sqlite3_column_int64(st, USER_CREATED),
    };
    if (!column_u32(st, USER_NUMBER, &u->number))
        return row_damaged(e, "user", number, "number");
    if (!rights_name_column(st, USER_NAME, &u->name))
        return row_damaged(e, "user", number, "name");
    if (!rights_name_column(st, USER_UNIVERSE, &u->universe))
        return row_damaged(e, "user", number, "universe");
    return rights_keep(
        (struct str *const[]){ &u->name, &u->role, &u->password, &u->email, &u->universe }, 5, a,
        e);
}

static bool binding_fill(void *to, sqlite3_stmt *st, struct arena *a, struct err *e)
{
    struct stored_binding *b = to;
    (void)a;
    *b = (struct stored_binding){ 0 };
    return (column_u32(st, 0, &b->user) && column_u32(st, 1, &b->project)) ||
           row_damaged(e, "binding of user", sqlite3_column_int64(st, 0), "number");
}

static bool session_fill(void *to, sqlite3_stmt *st, struct arena *a, struct err *e)
{
    struct stored_session *s = to;
    sqlite3_int64 user = sqlite3_column_int64(st, SESSION_USER);
    *s = (struct stored_session){
        .created_ms = sqlite3_column_int64(st, SESSION_CREATED),
        .used_ms = sqlite3_column_int64(st, SESSION_USED),
        .expires_ms = sqlite3_column_int64(st, SESSION_EXPIRES),
        .resources = column_str(st, SESSION_RESOURCES),
    };
    if (!column_hash(st, SESSION_HASH, s->hash))
        return row_damaged(e, "session of user", user, "hash");
    if (!column_u32(st, SESSION_USER, &s->user))
        return row_damaged(e, "session of user", user, "number");
    return rights_keep((struct str *const[]){ &s->resources }, 1, a, e);
}

static bool configuration_fill(void *to, sqlite3_stmt *st, struct arena *a, struct err *e)
{
    struct stored_configuration *c = to;
    sqlite3_int64 number = sqlite3_column_int64(st, CONFIGURATION_NUMBER);
    *c = (struct stored_configuration){
        .key = column_str(st, CONFIGURATION_KEY),
        .object = column_str(st, CONFIGURATION_OBJECT),
    };
    if (!column_u32(st, CONFIGURATION_NUMBER, &c->number))
        return row_damaged(e, "configuration", number, "number");
    if (!rights_name_column(st, CONFIGURATION_TYPE, &c->type))
        return row_damaged(e, "configuration", number, "type");
    return rights_keep((struct str *const[]){ &c->type, &c->key, &c->object }, 3, a, e);
}

bool people_read(struct connection *c, struct arena *a, struct stored_access *out, struct err *e)
{
    void *users, *bindings, *sessions, *configuration;
    if (!rights_rows(c, SQL_USERS, user_fill, sizeof *out->users, a, &users, &out->user_count, e) ||
        !rights_rows(c, SQL_BINDINGS, binding_fill, sizeof *out->bindings, a, &bindings,
                     &out->binding_count, e) ||
        !rights_rows(c, SQL_SESSIONS, session_fill, sizeof *out->sessions, a, &sessions,
                     &out->session_count, e) ||
        !rights_rows(c, SQL_CONFIGURATION, configuration_fill, sizeof *out->configuration, a,
                     &configuration, &out->configuration_count, e))
        return false;
    out->users = users;
    out->bindings = bindings;
    out->sessions = sessions;
    out->configuration = configuration;
    return true;
}
