/* sqlite.c - the store in one SQLite file: connections, errors and the schema.
 *
 *     reports    number (rowid: the order of commit)   one row a report
 *                database_id, project -> projects.number, date_ms, received_ms, has_date,
 *                top_match (NULL: none), score,
 *                buckets (see bucket_names.h), content_hash (32 bytes),
 *                shorthand (the engine's), payload (one zstd frame, see pack.c)
 *     projects   number, name
 *     settings   name, value: "thresholds" -> "1,2,3"
 *
 * There is no index beside the rowid's: the engine knows all ids, and every further index costs
 * each commit a random page. A row is read by its number, or all of them in order.
 *
 * WAL with synchronous=FULL: a commit is one append to the log and one fsync. The log is copied
 * into the database by the writer whenever it has grown by CHECKPOINT_PAGES: some milliseconds,
 * since reports are appended and so the pages are mostly next to each other.
 *
 * What is hard: a full disk. It shows as SQLITE_FULL when the log cannot grow, but also as I/O
 * errors of several kinds (the shared memory of the log, an fsync that finds no room, a limit on
 * file sizes); connection_failed knows them. After any failure the transaction is rolled back, and
 * the next one finds the log as it was. */
#include "store/sqlite.h"

#include "store/directory.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define SCHEMA_VERSION 1
#define APPLICATION_ID 0x4372706c /* "Crpl", for file(1) */
#define BUSY_TIMEOUT_MS 10000     /* waiting for `crumple project create` in another process */
#define CHECKPOINT_PAGES "1000"   /* 4 MB */
#define WAL_KEPT_BYTES "67108864" /* what the log is cut back to after it has grown */

static const char *const sql_text[SQL_STATEMENTS] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_INSERT] = "INSERT INTO reports VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)",
    [SQL_DELETE_ALL] = "DELETE FROM reports",
    [SQL_NEXT_NUMBER] = "SELECT ifnull(max(number) + 1, 0) FROM reports",
    [SQL_READ] = "SELECT r.number, r.database_id, p.name, r.date_ms, r.received_ms, r.has_date,"
                 " r.top_match, r.score, r.buckets, r.content_hash, r.shorthand,"
                 " r.payload"
                 " FROM reports r LEFT JOIN projects p ON p.number = r.project WHERE r.number = ?1",
    [SQL_SCAN] = "SELECT r.number, r.database_id, p.name, r.date_ms, r.received_ms, r.has_date,"
                 " r.top_match, r.score, r.buckets, r.content_hash, r.shorthand,"
                 " r.payload"
                 " FROM reports r LEFT JOIN projects p ON p.number = r.project"
                 " WHERE r.number >= ?1 ORDER BY r.number",
    [SQL_PROJECT_ADD] = "INSERT INTO projects(name) VALUES (?1) ON CONFLICT DO NOTHING",
    [SQL_PROJECT_FIND] = "SELECT number FROM projects WHERE name = ?1",
    [SQL_PROJECTS] = "SELECT name FROM projects ORDER BY name",
    [SQL_SETTING_GET] = "SELECT value FROM settings WHERE name = ?1",
    [SQL_SETTING_ADD] = "INSERT INTO settings VALUES (?1, ?2)",
};

static const char schema[] =
    "CREATE TABLE reports("
    " number INTEGER PRIMARY KEY, database_id TEXT NOT NULL, project INTEGER NOT NULL,"
    " date_ms INTEGER NOT NULL, received_ms INTEGER NOT NULL, has_date INTEGER NOT NULL,"
    " top_match INTEGER, score REAL NOT NULL, buckets BLOB NOT NULL, content_hash BLOB NOT NULL,"
    " shorthand BLOB NOT NULL, payload BLOB NOT NULL) STRICT;"
    "CREATE TABLE projects(number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE settings(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;";

/* What the system said. SQLite hands it on for some calls only; else the log's file, which a commit
 * writes to, remembers it. */
static int connection_errno(struct connection *c)
{
    int errnum = sqlite3_system_errno(c->db);
    sqlite3_file *wal = NULL;
    if (errnum == 0 &&
        sqlite3_file_control(c->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal) == SQLITE_OK &&
        wal && wal->pMethods)
        wal->pMethods->xFileControl(wal, SQLITE_FCNTL_LAST_ERRNO, &errnum);
    return errnum;
}

bool connection_failed(struct connection *c, int rc, struct err *e)
{
    int errnum = c->db ? connection_errno(c) : 0;
    const char *why = c->db ? sqlite3_errmsg(c->db) : sqlite3_errstr(rc);
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return err_set(e, ERR_NOMEM, 0, "database: out of memory");
    case SQLITE_FULL:
        return err_set(e, ERR_FULL, 0, "the disk with the database is full");
    case SQLITE_BUSY:
        return err_set(e, ERR_BUSY, 0, "another process is writing to the database");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return err_set(e, ERR_IO, 0, "the database is damaged: %s", why);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        /* The log's shared memory is grown with errors of its own, and without an errno. */
        if (rc == SQLITE_IOERR_SHMSIZE || directory_err_code(errnum) == ERR_FULL)
            return err_set(e, ERR_FULL, 0, "the disk with the database is full");
        return err_set(e, ERR_IO, 0, "database: %s%s%s", why, errnum ? ": " : "",
                       errnum ? strerror(errnum) : "");
    default:
        return err_set(e, ERR_IO, 0, "database: %s", why);
    }
}

sqlite3_stmt *connection_statement(struct connection *c, enum sql which, struct err *e)
{
    sqlite3_stmt **at = &c->statements[which];
    if (*at) {
        sqlite3_reset(*at); /* repeats the error of the last step, which its caller has seen */
        return *at;
    }
    int rc = sqlite3_prepare_v3(c->db, sql_text[which], -1, SQLITE_PREPARE_PERSISTENT, at, NULL);
    if (rc != SQLITE_OK) {
        connection_failed(c, rc, e);
        return NULL;
    }
    return *at;
}

bool connection_run(struct connection *c, enum sql which, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, which, e);
    if (!st)
        return false;
    int rc = sqlite3_step(st);
    bool ok = rc == SQLITE_DONE || connection_failed(c, rc, e);
    sqlite3_reset(st);
    return ok;
}

void connection_rollback(struct connection *c)
{
    if (!sqlite3_get_autocommit(c->db))
        sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
}

static void connection_done(struct connection *c)
{
    for (size_t i = 0; i < SQL_STATEMENTS; i++)
        sqlite3_finalize(c->statements[i]);
    sqlite3_close(c->db);
    *c = (struct connection){ 0 };
}

static bool connection_exec(struct connection *c, const char *sql, struct err *e)
{
    int rc = sqlite3_exec(c->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK || connection_failed(c, rc, e);
}

/* On failure nothing stays open. */
static bool connection_open(struct connection *c, const char *path, int flags, const char *pragmas,
                            struct err *e)
{
    *c = (struct connection){ 0 };
    flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int rc = sqlite3_open_v2(path, &c->db, flags, NULL);
    bool ok = rc == SQLITE_OK || connection_failed(c, rc, e);
    if (ok) {
        sqlite3_busy_timeout(c->db, BUSY_TIMEOUT_MS);
        ok = connection_exec(c, pragmas, e);
    }
    if (!ok)
        connection_done(c);
    return ok;
}

struct connection *store_reader_take(struct store *s, struct err *e)
{
    pthread_mutex_lock(&s->read_mu);
    while (!s->idle && s->opened == SQLITE_READERS)
        pthread_cond_wait(&s->reader_back, &s->read_mu);
    struct connection *c = s->idle;
    if (c)
        s->idle = c->next;
    else
        s->opened++;
    pthread_mutex_unlock(&s->read_mu);
    if (c)
        return c;

    c = malloc(sizeof *c);
    if (!c)
        err_set(e, ERR_NOMEM, 0, "database connection");
    else if (connection_open(c, s->path, 0, "PRAGMA query_only=1; PRAGMA cell_size_check=1", e))
        return c;
    free(c);
    pthread_mutex_lock(&s->read_mu);
    s->opened--;
    pthread_cond_signal(&s->reader_back);
    pthread_mutex_unlock(&s->read_mu);
    return NULL;
}

void store_reader_give(struct store *s, struct connection *c)
{
    pthread_mutex_lock(&s->read_mu);
    c->next = s->idle;
    s->idle = c;
    pthread_cond_signal(&s->reader_back);
    pthread_mutex_unlock(&s->read_mu);
}

static bool pragma_number(struct connection *c, const char *sql, int64_t *out, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(c->db, sql, -1, &st, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    bool ok = rc == SQLITE_ROW || connection_failed(c, rc, e);
    if (ok)
        *out = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return ok;
}

/* Inside a transaction: makes the tables, when no other process was faster. */
static bool schema_make(struct connection *c, struct err *e)
{
    int64_t version, tables;
    if (!pragma_number(c, "PRAGMA user_version", &version, e))
        return false;
    if (version != 0)
        return true;
    if (!pragma_number(c, "SELECT count(*) FROM sqlite_schema", &tables, e))
        return false;
    if (tables > 0)
        return err_set(e, ERR_CONFLICT, 0, "the file is a database, but not one of Crumple");
    char marks[128];
    snprintf(marks, sizeof marks, "PRAGMA user_version=%d; PRAGMA application_id=%d",
             SCHEMA_VERSION, APPLICATION_ID);
    return connection_exec(c, schema, e) && connection_exec(c, marks, e);
}

static bool schema_check(struct connection *c, struct err *e)
{
    int64_t version;
    if (!pragma_number(c, "PRAGMA user_version", &version, e))
        return false;
    if (version == 0) {
        bool ok = connection_run(c, SQL_BEGIN, e) && schema_make(c, e) &&
                  connection_run(c, SQL_COMMIT, e);
        if (!ok)
            connection_rollback(c);
        return ok;
    }
    if (version != SCHEMA_VERSION)
        return err_set(e, ERR_CONFLICT, 0,
                       "the database was made by a newer Crumple (schema %lld; this one knows %d)",
                       (long long)version, SCHEMA_VERSION);
    return true;
}

/* "1,2.5,3": each in the fewest digits that read back as the same number. */
static void thresholds_format(char *out, size_t room, const struct store_settings *settings)
{
    size_t used = 0;
    for (size_t i = 0; i < settings->threshold_count; i++) {
        char text[32];
        for (int digits = 1; digits <= 17; digits++) {
            snprintf(text, sizeof text, "%.*g", digits, settings->thresholds[i]);
            if (strtod(text, NULL) == settings->thresholds[i])
                break;
        }
        used += (size_t)snprintf(out + used, room - used, "%s%s", i ? "," : "", text);
        assert(used < room);
    }
}

/* The first who opens a database for reports settles its thresholds. */
static bool thresholds_check(struct connection *c, const struct store_settings *settings,
                             struct err *e)
{
    char want[STORE_THRESHOLDS_MAX * 32] = "";
    thresholds_format(want, sizeof want, settings);
    sqlite3_stmt *get = connection_statement(c, SQL_SETTING_GET, e);
    if (!get)
        return false;
    sqlite3_bind_text(get, 1, "thresholds", -1, SQLITE_STATIC);
    int rc = sqlite3_step(get);
    if (rc == SQLITE_ROW) {
        const char *have = (const char *)sqlite3_column_text(get, 0);
        bool same = have && strcmp(have, want) == 0;
        if (!same)
            err_set(e, ERR_CONFLICT, 0,
                    "the database was made with the thresholds %s, and not with %s",
                    have ? have : "?", want);
        sqlite3_reset(get);
        return same;
    }
    if (rc != SQLITE_DONE)
        return connection_failed(c, rc, e);
    sqlite3_stmt *add = connection_statement(c, SQL_SETTING_ADD, e);
    if (!add)
        return false;
    sqlite3_bind_text(add, 1, "thresholds", -1, SQLITE_STATIC);
    sqlite3_bind_text(add, 2, want, -1, SQLITE_TRANSIENT);
    return connection_run(c, SQL_SETTING_ADD, e);
}

static struct store *store_new(const char *dir)
{
    struct store *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    if (asprintf(&s->path, "%s/crumple.db", dir) < 0) {
        free(s);
        return NULL;
    }
    pthread_mutex_init(&s->write_mu, NULL);
    pthread_mutex_init(&s->read_mu, NULL);
    pthread_cond_init(&s->reader_back, NULL);
    return s;
}

bool store_open(struct store **out, const char *dir, const struct store_settings *settings,
                struct err *e)
{
    static const char pragmas[] =
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cell_size_check=1;"
        "PRAGMA wal_autocheckpoint=" CHECKPOINT_PAGES "; PRAGMA journal_size_limit=" WAL_KEPT_BYTES;
    assert(!settings || settings->threshold_count <= STORE_THRESHOLDS_MAX);
    if (!directory_make(dir, e))
        return false;
    CLEANUP(store_close_p) struct store *s = store_new(dir);
    if (!s)
        return err_set(e, ERR_NOMEM, 0, "store");
    if (!connection_open(&s->writer, s->path, SQLITE_OPEN_CREATE, pragmas, e) ||
        !schema_check(&s->writer, e) || (settings && !thresholds_check(&s->writer, settings, e)))
        return err_prefix(e, "%s: ", s->path);
    if (!directory_sync(dir, e))
        return false;
    s->threshold_count = settings ? settings->threshold_count : 0;
    *out = s;
    s = NULL;
    return true;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    while (s->idle) {
        struct connection *c = s->idle;
        s->idle = c->next;
        connection_done(c);
        free(c);
        s->opened--;
    }
    assert(s->opened == 0);      /* no reader may be left */
    connection_done(&s->writer); /* the last one: copies the log into the database */
    pthread_cond_destroy(&s->reader_back);
    pthread_mutex_destroy(&s->read_mu);
    pthread_mutex_destroy(&s->write_mu);
    free(s->path);
    free(s);
}
