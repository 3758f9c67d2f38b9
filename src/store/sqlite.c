/* sqlite.c - the store in one SQLite file: connections, statements and errors. The tables are in
 * sqlite_schema.c.
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
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BUSY_TIMEOUT_MS 10000     /* waiting for `crumple token ...` in another process */
#define CHECKPOINT_PAGES "1000"   /* 4 MB */
#define WAL_KEPT_BYTES "67108864" /* what the log is cut back to after it has grown */
#define QUERY_ONLY "PRAGMA query_only=1; PRAGMA cell_size_check=1"

#define REPORT_COLUMNS                                                                             \
    "r.number, r.database_id, p.name, r.date_ms, r.received_ms, r.has_date, r.top_match, r.score," \
    " r.buckets, r.content_hash, r.shorthand, r.payload, r.object, r.fingerprint"
#define REPORTS " FROM reports r LEFT JOIN projects p ON p.number = r.project"
#define REPORT_ROWS "SELECT " REPORT_COLUMNS REPORTS
#define UPLOAD_COLUMNS                                                                             \
    "u.object, p.name, u.format, u.state, u.received_ms, u.report, u.fingerprint, u.type, u.uuid," \
    " u.error, u.body_size, u.body_hash, u.body_in_file"
#define UPLOAD_ROWS " FROM uploads u LEFT JOIN projects p ON p.number = u.project"
/* Neither symbols nor source maps nor mappings of ProGuard: as upload_format_is_error. */
#define IS_ERROR "NOT IN (5, 6, 7)"
#define SYMBOL_FILE_ROWS                                                                           \
    "SELECT f.number, f.object, p.name, f.entry, f.kind, f.cpu, f.debug_file, f.debug_id,"         \
    " f.code_file, f.code_id, f.parts, f.size, f.hash, f.source, f.version, f.duplicate, f.tag,"   \
    " f.error, f.converted_ms, ifnull(u.received_ms, 0) FROM symbol_files f"                       \
    " LEFT JOIN projects p ON p.number = f.project LEFT JOIN uploads u ON u.object = f.object"
#define MISSING_OF_PROJECT                                                                         \
    " FROM missing_symbols m LEFT JOIN projects p ON p.number = m.project"                         \
    " WHERE (?1 = '' OR m.project = (SELECT number FROM projects WHERE name = ?1))"
#define PROJECT_ROWS                                                                               \
    "SELECT p.number, p.name, u.name, p.owner, p.deleted FROM projects p"                          \
    " LEFT JOIN universes u ON u.number = p.universe"
#define ATTACHMENT_COLUMNS "id, object, received_ms, name, type, size, hash, in_file"

static const char *const sql_text[SQL_STATEMENTS] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_BEGIN_READING] = "BEGIN",
    [SQL_COMMIT] = "COMMIT",

    [SQL_REPORT_ADD] =
        "INSERT INTO reports VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)",
    [SQL_REPORT_READ] = REPORT_ROWS " WHERE r.number = ?1",
    [SQL_REPORT_SCAN] = REPORT_ROWS " WHERE r.number >= ?1 ORDER BY r.number",
    [SQL_REPORT_NEXT] = "SELECT ifnull(max(number) + 1, 0) FROM reports",
    [SQL_POST_SCAN] = "SELECT " REPORT_COLUMNS ", ifnull(a.amended, '')" REPORTS
                      " LEFT JOIN amendments a ON a.object = r.object WHERE r.object > 0"
                      " AND NOT EXISTS (SELECT 1 FROM uploads u WHERE u.object = r.object)"
                      " ORDER BY r.number",
    [SQL_POST_READ] = "SELECT " REPORT_COLUMNS ", ifnull(a.amended, '')" REPORTS
                      " LEFT JOIN amendments a ON a.object = r.object WHERE r.number = ?1",
    [SQL_REPORT_CHANGE] = "UPDATE reports SET payload = ?2 WHERE number = ?1",
    [SQL_REPORTS_DELETE] = "DELETE FROM reports",
    [SQL_SUPERSEDED_ADD] = "INSERT INTO superseded VALUES (?1, ?2)",
    [SQL_SUPERSEDED_SCAN] = "SELECT number, by FROM superseded ORDER BY by, number",
    [SQL_SUPERSEDED_DELETE] = "DELETE FROM superseded",
    [SQL_REPORT_EMPTY] = "UPDATE reports SET payload = x'', content_hash = zeroblob(32), object = 0"
                         " WHERE number = ?1",
    [SQL_REMOVED_ADD] = "INSERT OR IGNORE INTO removed VALUES (?1, ?2)",
    [SQL_REMOVED_SCAN] = "SELECT number, since FROM removed ORDER BY since, number",
    [SQL_REMOVED_DELETE] = "DELETE FROM removed",
    [SQL_GONE_ADD] = "INSERT OR IGNORE INTO gone VALUES (?1)",
    [SQL_GONE_FIND] = "SELECT 1 FROM gone WHERE object = ?1",

    [SQL_MERGE_PUT] = "INSERT OR REPLACE INTO merges VALUES (?1, ?2, ?3)",
    [SQL_MERGE_DELETE] = "DELETE FROM merges WHERE project = ?1 AND fingerprint = ?2",
    [SQL_MERGE_SCAN] = "SELECT p.name, m.fingerprint, m.merged FROM merges m"
                       " LEFT JOIN projects p ON p.number = m.project",
    [SQL_MERGES_DELETE] = "DELETE FROM merges",
    [SQL_ISSUE_PUT] = "INSERT OR REPLACE INTO issues VALUES (?1, ?2, ?3)",
    [SQL_ISSUE_SCAN] = "SELECT p.name, i.fingerprint, i.attributes FROM issues i"
                       " LEFT JOIN projects p ON p.number = i.project",
    [SQL_ISSUES_DELETE] = "DELETE FROM issues",

    [SQL_UPLOAD_PUT] = "INSERT OR REPLACE INTO uploads"
                       " VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)",
    [SQL_UPLOAD_REMAKE] = "UPDATE uploads SET state = ?2, report = ?3, fingerprint = ?4,"
                          " error = ?5, attributes = ?6 WHERE object = ?1",
    [SQL_UPLOAD_READ] = "SELECT " UPLOAD_COLUMNS ", u.attributes, u.fields, u.body,"
                        " ifnull(a.amended, '')" UPLOAD_ROWS
                        " LEFT JOIN amendments a ON a.object = u.object WHERE u.object = ?1",
    [SQL_UPLOAD_SCAN] = "SELECT " UPLOAD_COLUMNS UPLOAD_ROWS " ORDER BY u.object",
    [SQL_UPLOAD_LIST] = "SELECT " UPLOAD_COLUMNS ", u.attributes" UPLOAD_ROWS " WHERE u.object < ?1"
                        " AND u.project = (SELECT number FROM projects WHERE name = ?2)"
                        " AND (?3 IS NULL OR u.format IN (?3, ?6)) AND (?4 IS NULL OR u.state = ?4)"
                        " ORDER BY u.object DESC LIMIT ?5",
    [SQL_ATTRIBUTES_SCAN] = "SELECT " UPLOAD_COLUMNS ", u.attributes" UPLOAD_ROWS
                            " WHERE u.format " IS_ERROR " ORDER BY u.object",
    [SQL_UPLOAD_CHANGE] = "UPDATE uploads SET attributes = ?2 WHERE object = ?1",
    [SQL_UPLOAD_EMPTY] = /* UPLOAD_REMOVED */
    "UPDATE uploads SET state = 4, report = NULL, type = '', fields = '[]',"
    " body = x'', body_in_file = 0, body_hash = zeroblob(32)"
    " WHERE object = ?1",
    [SQL_UPLOAD_DELETE] = "DELETE FROM uploads WHERE object = ?1",
    [SQL_UPLOADS_DELETE] = "DELETE FROM uploads WHERE format " IS_ERROR,

    [SQL_ATTACHMENT_ADD] = "INSERT INTO attachments VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9)",
    [SQL_ATTACHMENT_READ] = "SELECT " ATTACHMENT_COLUMNS ", bytes FROM attachments WHERE id = ?1",
    [SQL_ATTACHMENT_LIST] =
        "SELECT " ATTACHMENT_COLUMNS " FROM attachments WHERE object = ?1 ORDER BY id",
    [SQL_ATTACHMENT_DELETE] = "DELETE FROM attachments WHERE id = ?1",
    [SQL_ATTACHMENTS_OF_OBJECT_DELETE] = "DELETE FROM attachments WHERE object = ?1",
    [SQL_ATTACHMENTS_DELETE] = "DELETE FROM attachments WHERE object NOT IN"
                               " (SELECT object FROM uploads)",
    [SQL_FILES_SCAN] = "SELECT body_hash FROM uploads WHERE body_in_file"
                       " UNION ALL SELECT hash FROM attachments WHERE in_file",

    [SQL_COUNT_PUT] = "INSERT INTO counts VALUES (?1,?2,?3,?4,?5)"
                      " ON CONFLICT(key) DO UPDATE SET count = excluded.count",
    [SQL_COUNT_SCAN] = "SELECT key, token, bucket, combination, count FROM counts",
    [SQL_COUNTS_DELETE] = "DELETE FROM counts",
    [SQL_AMENDMENT_PUT] = "INSERT OR REPLACE INTO amendments VALUES (?1, ?2)",
    [SQL_AMENDMENT_READ] = "SELECT amended FROM amendments WHERE object = ?1",
    [SQL_AMENDMENT_SCAN] = "SELECT a.object, u.object, u.report, a.amended FROM amendments a"
                           " LEFT JOIN uploads u ON u.object = a.object ORDER BY a.object",
    [SQL_AMENDMENT_DELETE] = "DELETE FROM amendments WHERE object = ?1",
    [SQL_AMENDMENTS_DELETE] = "DELETE FROM amendments WHERE object NOT IN"
                              " (SELECT object FROM uploads)",

    [SQL_SYMBOL_FILE_ADD] =
        "INSERT INTO symbol_files(object, project, entry, kind, cpu, debug_file, debug_id,"
        " code_file, code_id, parts, size, hash, source, version, duplicate, tag, error,"
        " converted_ms) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18)",
    [SQL_SYMBOL_FILES_OF_OBJECT_DELETE] = "DELETE FROM symbol_files WHERE object = ?1",
    [SQL_SYMBOL_FILE_SCAN] = SYMBOL_FILE_ROWS " ORDER BY f.number",
    [SQL_SYMBOL_FILE_LIST] = SYMBOL_FILE_ROWS
    " WHERE f.number < ?1"
    " AND (?2 = '' OR f.project = (SELECT number FROM projects WHERE name = ?2))"
    " AND (?3 OR (f.hash <> x'' AND NOT f.duplicate))"
    " ORDER BY f.number DESC LIMIT ?4",
    [SQL_SYMBOL_FILES_OF_OBJECT] = SYMBOL_FILE_ROWS " WHERE f.object = ?1 ORDER BY f.number",
    [SQL_SYMBOL_FILE_KNOWN] =
        SYMBOL_FILE_ROWS " WHERE f.source = ?2 AND f.version = ?3"
                         " AND f.project = (SELECT number FROM projects WHERE name = ?1)"
                         " ORDER BY f.number LIMIT 1",
    [SQL_SYMBOL_COUNTS] = "SELECT count(*) FILTER (WHERE hash <> x'' AND NOT duplicate),"
                          " count(*) FILTER (WHERE hash <> x'' AND duplicate),"
                          " count(*) FILTER (WHERE hash = x''), ifnull(max(tag), '')"
                          " FROM symbol_files WHERE object = ?1",
    [SQL_SYMBOL_UPLOAD_FIND] =
        "SELECT object FROM uploads WHERE format = 5 AND body_hash = ?2 AND body_in_file"
        " AND project = (SELECT number FROM projects WHERE name = ?1) AND object < ?3"
        " ORDER BY object LIMIT 1",
    [SQL_SYMBOL_SUMMARY] =
        "WITH p AS (SELECT number FROM projects WHERE name = ?1)"
        " SELECT * FROM (SELECT count(*), min(received_ms), max(received_ms) FROM ("
        "SELECT object, received_ms FROM uploads WHERE format = 5 AND project IN p"
        " UNION SELECT object, received_ms FROM uploads" /* of source maps, when converted */
        " WHERE object IN (SELECT object FROM symbol_files WHERE project IN p))), (SELECT "
        "count(*), min(converted_ms),"
        " max(converted_ms) FROM symbol_files WHERE project IN p AND hash <> x''"
        " AND NOT duplicate)",
    [SQL_SYMBOL_IDS] =
        "SELECT p.name, i.way, i.id FROM ("
        "SELECT project, 0 AS way, upper(debug_id) AS id FROM symbol_files"
        " WHERE object = ?1 AND hash <> x'' AND debug_id <> ''"
        " UNION SELECT project, 1, upper(code_id) FROM symbol_files"
        " WHERE object = ?1 AND hash <> x'' AND code_id <> ''"
        " UNION SELECT project, 2, debug_file FROM symbol_files" /* source maps, scripts */
        " WHERE object = ?1 AND hash <> x'' AND kind IN (10, 11) AND debug_file <> '') i"
        " LEFT JOIN projects p ON p.number = i.project WHERE (i.way, i.id) > (?2, ?3)"
        " ORDER BY i.way, i.id LIMIT ?4",
    [SQL_MISSING_ADD] = "INSERT OR IGNORE INTO missing_symbols VALUES (?1,?2,?3,?4,?5,?6,?7)",
    [SQL_MISSING_OF_OBJECT_DELETE] = "DELETE FROM missing_symbols WHERE object = ?1",
    [SQL_MISSING_DELETE] = "DELETE FROM missing_symbols",
    [SQL_MISSING_SUMMARY] =
        "SELECT count(*), min(first), max(last) FROM (SELECT min(m.since_ms) AS first,"
        " max(m.since_ms) AS last" MISSING_OF_PROJECT
        " GROUP BY m.project, m.debug_id, m.code_id, m.debug_file, m.code_file)",
    [SQL_MISSING_LIST] =
        "SELECT p.name, m.debug_file, m.debug_id, m.code_file, m.code_id, count(*) AS n,"
        " min(m.since_ms), max(m.since_ms)" MISSING_OF_PROJECT
        " GROUP BY m.project, m.debug_id, m.code_id, m.debug_file, m.code_file"
        " ORDER BY n DESC, m.debug_file, m.debug_id, m.code_file, m.code_id, m.project"
        " LIMIT ?2 OFFSET ?3",
    [SQL_MISSING_OBJECTS] =
        "SELECT object FROM missing_symbols WHERE debug_id = ?2 AND debug_file = ?3"
        " AND code_id = ?4 AND code_file = ?5 AND object > ?6"
        " AND project = (SELECT number FROM projects WHERE name = ?1) ORDER BY object LIMIT ?7",
    [SQL_MISSING_WANTS] =
        "SELECT debug_file, debug_id, code_file, code_id, object FROM missing_symbols"
        " WHERE project = (SELECT number FROM projects WHERE name = ?1)"
        " AND (debug_id, code_id, debug_file, code_file, object) > (?2, ?3, ?4, ?5, ?6)"
        " AND (debug_id, code_id, debug_file) <= (?7, ?8, ?9)"
        " ORDER BY debug_id, code_id, debug_file, code_file, object LIMIT ?10",

    [SQL_ROW_LOG_ADD] = "INSERT INTO row_log(object) VALUES (?1)",
    [SQL_ROW_LOG_LAST] = "SELECT max(number) FROM row_log",
    [SQL_ROW_LOG_HAS] = "SELECT 1 FROM row_log WHERE number = ?1",
    [SQL_ROW_LOG_SCAN] =
        "SELECT DISTINCT object FROM row_log WHERE number > ?1 AND object > 0 ORDER BY object",
    [SQL_ROW_LOG_PRUNE] = "DELETE FROM row_log WHERE number < ?1 AND number <"
                          " (SELECT min(number) + ?2 FROM row_log)",
    [SQL_ROW_LOG_DELETE] = "DELETE FROM row_log WHERE number < (SELECT max(number) FROM row_log)",
    [SQL_CHECKPOINT_PUT] = "INSERT OR REPLACE INTO row_checkpoint VALUES (1, ?1, ?2, ?3)",
    [SQL_CHECKPOINT_READ] = "SELECT token, number, made_with FROM row_checkpoint",
    [SQL_CHECKPOINT_DELETE] = "DELETE FROM row_checkpoint",

    [SQL_SETTING_GET] = "SELECT value FROM settings WHERE name = ?1",
    [SQL_SETTING_ADD] = "INSERT INTO settings VALUES (?1, ?2)",
    [SQL_MARK_GET] = "SELECT value FROM marks WHERE name = ?1",
    [SQL_MARK_RAISE] = "UPDATE marks SET value = ?2 WHERE name = ?1 AND value < ?2",
    [SQL_ACCESS_CHANGED] = "UPDATE marks SET value = value + 1 WHERE name = '" MARK_ACCESS "'",

    [SQL_UNIVERSE_ADD] = "INSERT INTO universes(name) VALUES (?1) ON CONFLICT DO NOTHING",
    [SQL_UNIVERSE_FIND] = "SELECT number FROM universes WHERE name = ?1",
    [SQL_UNIVERSE_REMOVE] = "DELETE FROM universes WHERE number = ?1 AND number <> 1"
                            " AND number NOT IN (SELECT universe FROM projects)"
                            " AND number NOT IN (SELECT universe FROM users)",
    [SQL_UNIVERSES] = "SELECT name, number FROM universes ORDER BY name",
    [SQL_PROJECT_ADD] = "INSERT INTO projects(name, universe) VALUES (?1, ?2)"
                        " ON CONFLICT DO NOTHING",
    [SQL_PROJECT_FIND] = "SELECT number FROM projects WHERE name = ?1",
    [SQL_PROJECT_CHANGE] = "UPDATE projects SET owner = ?2, deleted = ?3 WHERE number = ?1",
    [SQL_PROJECTS] = PROJECT_ROWS " ORDER BY p.name",
    [SQL_PROJECTS_NOT_DELETED] = PROJECT_ROWS " WHERE NOT p.deleted ORDER BY p.name",
    [SQL_TOKEN_ADD] = "INSERT INTO tokens(hash, text, project, owner, scopes, metadata, created_ms)"
                      " VALUES (?1,?2,?3,?4,?5,?6,?7) ON CONFLICT(hash) DO NOTHING",
    [SQL_TOKEN_CHANGE] = "UPDATE tokens SET text = ?2, owner = ?3, scopes = ?4, metadata = ?5"
                         " WHERE number = ?1",
    [SQL_TOKEN_REMOVE] = "DELETE FROM tokens WHERE number = ?1",
    [SQL_TOKENS] = "SELECT t.number, t.hash, t.text, p.name, t.owner, t.scopes, t.metadata,"
                   " t.created_ms FROM tokens t LEFT JOIN projects p ON p.number = t.project"
                   " ORDER BY t.number",
    [SQL_USER_ADD] = "INSERT INTO users(name, role, password, created_ms, email, universe)"
                     " VALUES (?1,?2,?3,?4,?5,?6) ON CONFLICT(name) DO NOTHING",
    [SQL_USER_FIND] = "SELECT number FROM users WHERE name = ?1",
    [SQL_USER_SAME_PASSWORD] = "SELECT password = ?2 FROM users WHERE number = ?1",
    [SQL_USER_CHANGE] = "UPDATE users SET role = ?2, password = ?3, email = ?4, universe = ?5"
                        " WHERE number = ?1",
    [SQL_USER_REMOVE] = "DELETE FROM users WHERE number = ?1",
    [SQL_USERS] = "SELECT u.number, u.name, u.role, u.password, u.created_ms, u.email, v.name"
                  " FROM users u LEFT JOIN universes v ON v.number = u.universe ORDER BY u.name",
    [SQL_BINDING_ADD] = "INSERT INTO bindings SELECT u.number, p.number FROM users u, projects p"
                        " WHERE u.number = ?1 AND p.number = ?2 ON CONFLICT DO NOTHING",
    [SQL_BINDING_REMOVE] = "DELETE FROM bindings WHERE user = ?1 AND project = ?2",
    [SQL_BINDINGS_OF_USER_REMOVE] = "DELETE FROM bindings WHERE user = ?1",
    [SQL_BINDINGS] = "SELECT user, project FROM bindings ORDER BY user, project",
    [SQL_SESSION_ADD] = "INSERT INTO sessions SELECT ?1, number, ?3, ?4, ?5, ?6 FROM users"
                        " WHERE number = ?2 ON CONFLICT DO NOTHING",
    [SQL_SESSION_CHANGE] = "UPDATE sessions SET used_ms = ?2, resources = ?3 WHERE hash = ?1",
    [SQL_SESSION_REMOVE] = "DELETE FROM sessions WHERE hash = ?1",
    [SQL_SESSIONS_OF_USER_REMOVE] = "DELETE FROM sessions WHERE user = ?1",
    [SQL_SESSIONS_OLD_REMOVE] = "DELETE FROM sessions WHERE expires_ms <= ?1 OR used_ms < ?2",
    [SQL_SESSIONS_SURPLUS_REMOVE] =
        "DELETE FROM sessions WHERE hash IN (SELECT hash FROM sessions WHERE user = ?1"
        " ORDER BY used_ms DESC, created_ms DESC LIMIT -1 OFFSET ?2)",
    [SQL_SESSIONS] = "SELECT hash, user, created_ms, used_ms, expires_ms, resources FROM sessions"
                     " ORDER BY hash",
    [SQL_CONFIGURATION_ADD] = "INSERT INTO configuration(type, key, object) VALUES (?1, ?2, ?3)"
                              " ON CONFLICT(type, key) DO NOTHING",
    [SQL_CONFIGURATION_CHANGE] =
        "UPDATE OR IGNORE configuration SET key = ?2, object = ?3 WHERE number = ?1",
    [SQL_CONFIGURATION_REMOVE] = "DELETE FROM configuration WHERE number = ?1",
    [SQL_CONFIGURATION_COUNT] = "SELECT count(*), ifnull(sum(length(object)), 0)"
                                " FROM configuration",
    [SQL_CONFIGURATION] = "SELECT number, type, key, object FROM configuration ORDER BY type, key",
};

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

bool connection_step(struct connection *c, sqlite3_stmt *st, bool *row, struct err *e)
{
    int rc = sqlite3_step(st);
    *row = rc == SQLITE_ROW;
    return rc == SQLITE_ROW || rc == SQLITE_DONE || connection_failed(c, rc, e);
}

bool row_damaged(struct err *e, const char *kind, sqlite3_int64 number, const char *what)
{
    return err_set(e, ERR_IO, 0, "the database is damaged: %s %" PRId64 " has no good %s", kind,
                   (int64_t)number, what);
}

/* Room for one more; what is left behind goes with the arena. */
static bool array_reserve(void **at, size_t len, size_t *cap, size_t size, struct arena *a)
{
    if (len < *cap)
        return true;
    size_t more = *cap ? 2 * *cap : 16;
    void *p = arena_array(a, more, size);
    if (!p)
        return false;
    if (len > 0)
        memcpy(p, *at, len * size);
    *at = p;
    *cap = more;
    return true;
}

bool connection_collect(struct connection *c, sqlite3_stmt *st,
                        bool (*fill)(void *to, sqlite3_stmt *st, struct arena *a, struct err *e),
                        size_t size, struct arena *a, void **out, size_t *count, struct err *e)
{
    void *rows = NULL;
    size_t len = 0, cap = 0;
    for (;;) {
        bool row;
        if (!connection_step(c, st, &row, e))
            return false;
        if (!row)
            break;
        if (!array_reserve(&rows, len, &cap, size, a))
            return err_set(e, ERR_NOMEM, 0, "no memory for more than %zu rows", len);
        if (!fill((char *)rows + len * size, st, a, e))
            return false;
        len++;
    }
    *out = rows;
    *count = len;
    return true;
}

void connection_end(struct connection *c, enum sql which)
{
    if (c->statements[which])
        sqlite3_reset(c->statements[which]);
}

static bool mark_read(struct connection *c, const char *name, uint64_t *out, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_MARK_GET, e);
    bool row;
    if (!st)
        return false;
    bind_str(st, 1, str_from_c(name));
    if (!connection_step(c, st, &row, e))
        return false;
    sqlite3_int64 value = row ? sqlite3_column_int64(st, 0) : -1;
    *out = (uint64_t)value;
    return value >= 0 ||
           err_set(e, ERR_IO, 0, "the database is damaged: it has no good mark \"%s\"", name);
}

bool connection_mark(struct connection *c, const char *name, uint64_t *out, struct err *e)
{
    bool ok = mark_read(c, name, out, e);
    connection_end(c, SQL_MARK_GET);
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

bool connection_exec(struct connection *c, const char *sql, struct err *e)
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

struct connection *store_version_connection(struct store *s, struct err *e)
{
    bool open = s->version.db || connection_open(&s->version, s->path, 0, QUERY_ONLY, e);
    return open ? &s->version : NULL;
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
    else if (connection_open(c, s->path, 0, QUERY_ONLY, e))
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
    pthread_mutex_init(&s->version_mu, NULL);
    pthread_cond_init(&s->reader_back, NULL);
    return s;
}

/* SQLite would make it for all to read, and it will hold secrets. The log is made like it. */
static bool file_make(const char *path, struct err *e)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(e, directory_err_code(errno), 0, "cannot open %s: %s", path,
                       strerror(errno));
    close(fd);
    return true;
}

bool store_open(struct store **out, const char *dir, const struct store_settings *settings,
                struct err *e)
{
    static const char pragmas[] =
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cell_size_check=1;"
        "PRAGMA secure_delete=1;" /* what was removed is not left in free pages */
        "PRAGMA wal_autocheckpoint=" CHECKPOINT_PAGES "; PRAGMA journal_size_limit=" WAL_KEPT_BYTES;
    assert(!settings || settings->threshold_count <= STORE_THRESHOLDS_MAX);
    if (!directory_make(dir, e))
        return false;
    CLEANUP(store_close_p) struct store *s = store_new(dir);
    if (!s)
        return err_set(e, ERR_NOMEM, 0, "store");
    if (!file_make(s->path, e))
        return false;
    if (!connection_open(&s->writer, s->path, 0, pragmas, e) || !schema_check(&s->writer, e) ||
        (settings && !schema_check_thresholds(&s->writer, settings, e)))
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
    assert(s->opened == 0); /* no reader may be left */
    connection_done(&s->version);
    connection_done(&s->writer); /* the last one: copies the log into the database */
    pthread_cond_destroy(&s->reader_back);
    pthread_mutex_destroy(&s->read_mu);
    pthread_mutex_destroy(&s->version_mu);
    pthread_mutex_destroy(&s->write_mu);
    free(s->path);
    free(s);
}
