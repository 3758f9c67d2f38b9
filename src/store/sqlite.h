/* sqlite.h - what the files of the SQLite store share. Inside the store only.
 *
 * sqlite.c: connections, statements, errors.  sqlite_schema.c: the tables, and older ones.
 * sqlite_write.c: a batch as one transaction.  sqlite_reports.c, sqlite_uploads.c (with
 * attachments), sqlite_symbols.c (with what is missing), sqlite_buckets.c (counts and changes),
 * sqlite_removal.c (what is removed), sqlite_groups.c (merges, issues), sqlite_row_log.c (whose
 * rows changed): its rows, in and out. sqlite_access.c: universes, projects, tokens, users. */
#ifndef CRUMPLE_STORE_SQLITE_H
#define CRUMPLE_STORE_SQLITE_H

#include "base/buf.h"
#include "store/store.h"

#include <pthread.h>
#include <sqlite3.h>

#define SQLITE_READERS 4 /* connections that read; one more reader waits */
#define UNIVERSE_FIRST 1 /* the number of "default", which the schema makes */
#define OBJECT_MAX                                                                                 \
    INT64_MAX /* of an object's or an attachment's id: SQLite's numbers have a sign */

/* Rows of `marks`: numbers that only grow. */
#define MARK_OBJECT "object"         /* the highest id ever stored */
#define MARK_ATTACHMENT "attachment" /* the same */
#define MARK_GONE "gone_below"       /* objects that a deletion of all took away */
#define MARK_ACCESS "access"         /* see store_access_version */

/* Every statement there is, by its place in the table of sqlite.c. */
enum sql {
    SQL_BEGIN,
    SQL_BEGIN_READING,
    SQL_COMMIT,
    SQL_REPORT_ADD,
    SQL_REPORT_READ,
    SQL_REPORT_SCAN,
    SQL_REPORT_NEXT,
    SQL_POST_SCAN,
    SQL_POST_READ,
    SQL_REPORT_CHANGE,
    SQL_REPORTS_DELETE,
    SQL_SUPERSEDED_ADD,
    SQL_SUPERSEDED_SCAN,
    SQL_SUPERSEDED_DELETE,
    SQL_REPORT_EMPTY,
    SQL_REMOVED_ADD,
    SQL_REMOVED_SCAN,
    SQL_REMOVED_DELETE,
    SQL_GONE_ADD,
    SQL_GONE_FIND,
    SQL_MERGE_PUT,
    SQL_MERGE_DELETE,
    SQL_MERGE_SCAN,
    SQL_MERGES_DELETE,
    SQL_ISSUE_PUT,
    SQL_ISSUE_SCAN,
    SQL_ISSUES_DELETE,
    SQL_UPLOAD_PUT,
    SQL_UPLOAD_REMAKE,
    SQL_UPLOAD_READ,
    SQL_UPLOAD_SCAN,
    SQL_UPLOAD_LIST,
    SQL_ATTRIBUTES_SCAN,
    SQL_UPLOAD_CHANGE,
    SQL_UPLOAD_EMPTY,
    SQL_UPLOAD_DELETE,
    SQL_UPLOADS_DELETE,
    SQL_ATTACHMENT_ADD,
    SQL_ATTACHMENT_READ,
    SQL_ATTACHMENT_LIST,
    SQL_ATTACHMENT_DELETE,
    SQL_ATTACHMENTS_OF_OBJECT_DELETE,
    SQL_ATTACHMENTS_DELETE,
    SQL_FILES_SCAN,
    SQL_COUNT_PUT,
    SQL_COUNT_SCAN,
    SQL_COUNTS_DELETE,
    SQL_AMENDMENT_PUT,
    SQL_AMENDMENT_READ,
    SQL_AMENDMENT_SCAN,
    SQL_AMENDMENT_DELETE,
    SQL_AMENDMENTS_DELETE,
    SQL_SYMBOL_FILE_ADD,
    SQL_SYMBOL_FILES_OF_OBJECT_DELETE,
    SQL_SYMBOL_FILE_SCAN,
    SQL_SYMBOL_FILE_LIST,
    SQL_SYMBOL_FILES_OF_OBJECT,
    SQL_SYMBOL_FILE_KNOWN,
    SQL_SYMBOL_COUNTS,
    SQL_SYMBOL_UPLOAD_FIND,
    SQL_SYMBOL_SUMMARY,
    SQL_SYMBOL_IDS,
    SQL_MISSING_ADD,
    SQL_MISSING_OF_OBJECT_DELETE,
    SQL_MISSING_DELETE,
    SQL_MISSING_SUMMARY,
    SQL_MISSING_LIST,
    SQL_MISSING_OBJECTS,
    SQL_MISSING_WANTS,
    SQL_ROW_LOG_ADD,
    SQL_ROW_LOG_LAST,
    SQL_ROW_LOG_HAS,
    SQL_ROW_LOG_SCAN,
    SQL_ROW_LOG_PRUNE,
    SQL_ROW_LOG_DELETE,
    SQL_CHECKPOINT_PUT,
    SQL_CHECKPOINT_READ,
    SQL_CHECKPOINT_DELETE,
    SQL_SETTING_GET,
    SQL_SETTING_ADD,
    SQL_MARK_GET,
    SQL_MARK_RAISE,
    SQL_ACCESS_CHANGED,
    SQL_UNIVERSE_ADD,
    SQL_UNIVERSE_FIND,
    SQL_UNIVERSE_REMOVE,
    SQL_UNIVERSES,
    SQL_PROJECT_ADD,
    SQL_PROJECT_FIND,
    SQL_PROJECT_CHANGE,
    SQL_PROJECTS,
    SQL_PROJECTS_NOT_DELETED,
    SQL_TOKEN_ADD,
    SQL_TOKEN_CHANGE,
    SQL_TOKEN_REMOVE,
    SQL_TOKENS,
    SQL_USER_ADD,
    SQL_USER_FIND,
    SQL_USER_SAME_PASSWORD,
    SQL_USER_CHANGE,
    SQL_USER_REMOVE,
    SQL_USERS,
    SQL_BINDING_ADD,
    SQL_BINDING_REMOVE,
    SQL_BINDINGS_OF_USER_REMOVE,
    SQL_BINDINGS,
    SQL_SESSION_ADD,
    SQL_SESSION_CHANGE,
    SQL_SESSION_REMOVE,
    SQL_SESSIONS_OF_USER_REMOVE,
    SQL_SESSIONS_OLD_REMOVE,
    SQL_SESSIONS_SURPLUS_REMOVE,
    SQL_SESSIONS,
    SQL_CONFIGURATION_ADD,
    SQL_CONFIGURATION_CHANGE,
    SQL_CONFIGURATION_REMOVE,
    SQL_CONFIGURATION_COUNT,
    SQL_CONFIGURATION,
    SQL_STATEMENTS
};

/* One thread at a time uses a connection. */
struct connection {
    sqlite3 *db;
    sqlite3_stmt *statements[SQL_STATEMENTS]; /* prepared when first used, then kept */
    struct connection *next;                  /* among the idle readers */
};

struct store {
    /* Set by store_open, then never changed. */
    char *path;
    size_t threshold_count; /* 0: opened for administration */

    /* Guards writer: the engine's writer and those who change rows of access use it. */
    pthread_mutex_t write_mu;
    struct connection writer;

    /* Guards version: a connection for store_access_version alone, opened when first asked, so
     * that no request waits for a long reading. */
    pthread_mutex_t version_mu;
    struct connection version;

    /* Guarded by read_mu. Invariant: opened <= SQLITE_READERS; idle holds those not lent out. */
    pthread_mutex_t read_mu;
    pthread_cond_t reader_back;
    struct connection *idle;
    size_t opened;
};

/* The reset statement, ready to be bound; NULL with *e. */
sqlite3_stmt *connection_statement(struct connection *c, enum sql which, struct err *e);
/* Runs one that gives no rows and has nothing bound (or was bound by the caller). */
MUST_CHECK bool connection_run(struct connection *c, enum sql which, struct err *e);
/* The next row, or *row is false and there are no more. connection_end is called by whoever lent
 * the connection or owns the transaction. */
MUST_CHECK bool connection_step(struct connection *c, sqlite3_stmt *st, bool *row, struct err *e);
/* The statement gives no more rows: its read transaction ends. Also when it failed, or was never
 * prepared. */
void connection_end(struct connection *c, enum sql which);
/* Statements that are needed once. */
MUST_CHECK bool connection_exec(struct connection *c, const char *sql, struct err *e);
/* Ends the transaction when there is one. Never fails: SQLite may have done it already. */
void connection_rollback(struct connection *c);
/* Fills *e from a result code of SQLite on this connection; returns false. */
bool connection_failed(struct connection *c, int rc, struct err *e);
/* The value of a row of `marks`. */
MUST_CHECK bool connection_mark(struct connection *c, const char *name, uint64_t *out,
                                struct err *e);

/* A connection to read with; waits when all are lent out. NULL with *e. */
struct connection *store_reader_take(struct store *s, struct err *e);
void store_reader_give(struct store *s, struct connection *c);
/* Calls `row` for each row of a statement without parameters, on such a connection, until one
 * fails.
 */
MUST_CHECK bool store_rows(struct store *s, enum sql which,
                           bool (*row)(void *ctx, sqlite3_stmt *st, struct err *e), void *ctx,
                           struct err *e);
/* s->version, open. Under version_mu. NULL with *e. */
struct connection *store_version_connection(struct store *s, struct err *e);

/* sqlite_schema.c: makes the tables of a new file, brings older ones up to date, refuses newer. */
MUST_CHECK bool schema_check(struct connection *c, struct err *e);
/* The first who opens a database for reports settles its thresholds. */
MUST_CHECK bool schema_check_thresholds(struct connection *c, const struct store_settings *settings,
                                        struct err *e);

/* A batch on its way into the tables, inside a transaction of the writer. */
struct writing {
    struct store *store;
    struct connection *c;
    struct buf buckets; /* of one report */
    /* Of the last row: neighbours mostly share it. */
    struct str project;
    sqlite3_int64 project_number;
    bool access_changed;         /* there are new projects */
    uint64_t object, attachment; /* the highest of the batch */
};
/* The number of a project, added when it is new. */
MUST_CHECK bool writing_project(struct writing *w, struct str name, sqlite3_int64 *out,
                                struct err *e);
MUST_CHECK bool reports_add(struct writing *w, const struct store_batch *b, struct err *e);
MUST_CHECK bool superseded_add(struct writing *w, const struct store_batch *b, struct err *e);
MUST_CHECK bool uploads_put(struct writing *w, const struct store_batch *b, struct err *e);
MUST_CHECK bool attachments_add(struct writing *w, const struct store_batch *b, struct err *e);
MUST_CHECK bool counts_put(struct writing *w, const struct store_batch *b, struct err *e);
MUST_CHECK bool changes_apply(struct writing *w, const struct store_batch *b, struct err *e);
MUST_CHECK bool removals_apply(struct writing *w, const struct store_batch *b, struct err *e);
MUST_CHECK bool merges_apply(struct writing *w, const struct store_batch *b, struct err *e);
MUST_CHECK bool issues_apply(struct writing *w, const struct store_batch *b, struct err *e);
/* sqlite_row_log.c: all objects of the batch whose rows change; and that all are gone. */
MUST_CHECK bool row_log_add(struct writing *w, const struct store_batch *b, struct err *e);
MUST_CHECK bool row_log_cut(struct connection *c, struct err *e);
/* sqlite_symbols.c: what an upload brings of symbols, or wants of them; its row's project. */
MUST_CHECK bool symbols_put(struct writing *w, const struct stored_upload *u, sqlite3_int64 project,
                            struct err *e);

/* Rows of access. A change takes the writer and begins; rights_change_end in any case: it commits
 * when all went well, with the version that tells others; else nothing has happened. */
MUST_CHECK bool rights_change_begin(struct store *s, struct err *e);
MUST_CHECK bool rights_change_end(struct store *s, bool ok, struct err *e);
/* A longer one would be taken for damage when it is read. */
MUST_CHECK bool rights_check_name(struct str name, const char *kind, struct err *e);
/* Return false. */
bool rights_name_taken(struct str name, const char *kind, struct err *e);
bool rights_name_unknown(struct str name, const char *kind, struct err *e);
/* The number of the row with this name, by one of the SQL_..._FIND; 0 when there is none. */
MUST_CHECK bool rights_find(struct connection *c, enum sql which, struct str name,
                            sqlite3_int64 *number, struct err *e);
/* The number that the last row got. */
MUST_CHECK bool rights_given(struct connection *c, const char *kind, uint32_t *number,
                             struct err *e);
/* A name as it was checked before it was stored; a view into the row. */
bool rights_name_column(sqlite3_stmt *st, int at, struct str *out);
/* Makes views into a row the arena's. */
MUST_CHECK bool rights_keep(struct str *const *views, size_t count, struct arena *a, struct err *e);
/* All rows of one table, as connection_collect. */
MUST_CHECK bool rights_rows(struct connection *c, enum sql which,
                            bool (*fill)(void *to, sqlite3_stmt *st, struct arena *a,
                                         struct err *e),
                            size_t size, struct arena *a, void **out, size_t *count, struct err *e);
/* sqlite_people.c: its parts of *out. */
MUST_CHECK bool people_read(struct connection *c, struct arena *a, struct stored_access *out,
                            struct err *e);

/* sqlite_access.c: a project in a universe; *added is false when there is one of that name. */
MUST_CHECK bool project_add(struct connection *c, struct str name, sqlite3_int64 universe,
                            bool *added, struct err *e);
/* By its name; *number 0 when there is none. */
MUST_CHECK bool project_find(struct connection *c, struct str name, sqlite3_int64 *number,
                             struct err *e);

/* Fills *e: a row that was read is not as rows are written; returns false. */
bool row_damaged(struct err *e, const char *kind, sqlite3_int64 number, const char *what);
/* All rows of a statement, whose parameters are bound, as an array of things of `size` bytes in the
 * arena. fill() makes one of the present row, all of it the arena's. `out` is the address of the
 * array's pointer; it and *count are set on success only. */
MUST_CHECK bool
connection_collect(struct connection *c, sqlite3_stmt *st,
                   bool (*fill)(void *to, sqlite3_stmt *st, struct arena *a, struct err *e),
                   size_t size, struct arena *a, void **out, size_t *count, struct err *e);

/* Parameters borrow until the statement has run. */
static inline void bind_str(sqlite3_stmt *st, int at, struct str s)
{
    sqlite3_bind_text64(st, at, s.ptr ? s.ptr : "", s.len, SQLITE_STATIC, SQLITE_UTF8);
}

static inline void bind_blob(sqlite3_stmt *st, int at, struct str s)
{
    sqlite3_bind_blob64(st, at, s.ptr ? s.ptr : "", s.len, SQLITE_STATIC);
}

static inline void bind_hash(sqlite3_stmt *st, int at, const uint8_t hash[32])
{
    sqlite3_bind_blob(st, at, hash, 32, SQLITE_STATIC);
}

/* Columns lend until the next step. Of a text: its bytes, NULs and all; of NULL: none. */
static inline struct str column_str(sqlite3_stmt *st, int at)
{
    const char *p = sqlite3_column_blob(st, at);
    return p ? (struct str){ p, (size_t)sqlite3_column_bytes(st, at) } : STR("");
}

static inline bool column_hash(sqlite3_stmt *st, int at, uint8_t out[32])
{
    struct str hash = column_str(st, at);
    if (hash.len != 32)
        return false;
    memcpy(out, hash.ptr, 32);
    return true;
}

/* A number of 32 bits, below the one that means none. */
static inline bool column_u32(sqlite3_stmt *st, int at, uint32_t *out)
{
    sqlite3_int64 n = sqlite3_column_int64(st, at);
    *out = (uint32_t)n;
    return n >= 0 && n < STORE_NONE;
}

#endif
