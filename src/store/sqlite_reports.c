/* sqlite_reports.c - reports and projects in the SQLite store: written in batches by one
 * thread, read by any. The tables are described in sqlite.c.
 *
 * Everything in a row is checked before it is believed: the file may be damaged. */
#include "store/sqlite.h"

#include "report/report.h"
#include "store/bucket_names.h"

#include <assert.h>
#include <inttypes.h>

#define BUCKETS_BLOB_MAX (1024 * 1024) /* names of all buckets of one report */

/* Columns of SQL_READ and SQL_SCAN, and, from 1, the parameters of SQL_INSERT. */
enum column {
    COLUMN_NUMBER,
    COLUMN_DATABASE_ID,
    COLUMN_PROJECT,
    COLUMN_DATE,
    COLUMN_RECEIVED,
    COLUMN_HAS_DATE,
    COLUMN_TOP_MATCH,
    COLUMN_SCORE,
    COLUMN_BUCKETS,
    COLUMN_CONTENT_HASH,
    COLUMN_SHORTHAND,
    COLUMN_PAYLOAD
};

static void bind_str(sqlite3_stmt *st, int at, struct str s)
{
    sqlite3_bind_text64(st, at, s.ptr ? s.ptr : "", s.len, SQLITE_STATIC, SQLITE_UTF8);
}

static void bind_blob(sqlite3_stmt *st, int at, struct str s)
{
    sqlite3_bind_blob64(st, at, s.ptr ? s.ptr : "", s.len, SQLITE_STATIC);
}

static struct str column_str(sqlite3_stmt *st, int at)
{
    const char *p = sqlite3_column_blob(st, at); /* of a text: its bytes, NULs and all */
    return p ? (struct str){ p, (size_t)sqlite3_column_bytes(st, at) } : STR("");
}

/* Writing. */

/* The number of a project, added when it is new. */
static bool project_number(struct connection *c, struct str name, sqlite3_int64 *out, struct err *e)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        sqlite3_stmt *find = connection_statement(c, SQL_PROJECT_FIND, e);
        if (!find)
            return false;
        bind_str(find, 1, name);
        int rc = sqlite3_step(find);
        if (rc == SQLITE_ROW)
            *out = sqlite3_column_int64(find, 0);
        else if (rc != SQLITE_DONE)
            return connection_failed(c, rc, e);
        sqlite3_reset(find);
        if (rc == SQLITE_ROW)
            return true;
        sqlite3_stmt *add = connection_statement(c, SQL_PROJECT_ADD, e);
        if (!add)
            return false;
        bind_str(add, 1, name);
        if (!connection_run(c, SQL_PROJECT_ADD, e))
            return false;
    }
    return err_set(e, ERR_IO, 0, "the database is damaged: a project cannot be found again");
}

static bool insert(struct connection *c, const struct stored_report *r, sqlite3_int64 project,
                   struct str buckets, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_INSERT, e);
    if (!st)
        return false;
    struct str hash = { (const char *)r->content_hash, sizeof r->content_hash };
    sqlite3_bind_int64(st, 1 + COLUMN_NUMBER, r->number);
    bind_str(st, 1 + COLUMN_DATABASE_ID, r->database_id);
    sqlite3_bind_int64(st, 1 + COLUMN_PROJECT, project);
    sqlite3_bind_int64(st, 1 + COLUMN_DATE, r->date_ms);
    sqlite3_bind_int64(st, 1 + COLUMN_RECEIVED, r->received_ms);
    sqlite3_bind_int(st, 1 + COLUMN_HAS_DATE, r->has_date);
    if (r->top_match == STORE_NONE)
        sqlite3_bind_null(st, 1 + COLUMN_TOP_MATCH);
    else
        sqlite3_bind_int64(st, 1 + COLUMN_TOP_MATCH, r->top_match);
    sqlite3_bind_double(st, 1 + COLUMN_SCORE, (double)r->score);
    bind_blob(st, 1 + COLUMN_BUCKETS, buckets);
    bind_blob(st, 1 + COLUMN_CONTENT_HASH, hash);
    bind_blob(st, 1 + COLUMN_SHORTHAND, r->shorthand);
    bind_blob(st, 1 + COLUMN_PAYLOAD, r->packed);
    return connection_run(c, SQL_INSERT, e);
}

static bool next_number(struct connection *c, uint32_t *out, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_NEXT_NUMBER, e);
    if (!st)
        return false;
    int rc = sqlite3_step(st);
    sqlite3_int64 n = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    bool ok = rc == SQLITE_ROW || connection_failed(c, rc, e);
    sqlite3_reset(st);
    if (ok && (n < 0 || n > STORE_NONE))
        return err_set(e, ERR_IO, 0, "the database is damaged: report number %" PRId64, (int64_t)n);
    *out = (uint32_t)n;
    return ok;
}

static bool insert_all(struct store *s, const struct stored_report *reports, size_t count,
                       struct buf *buckets, struct err *e)
{
    struct connection *c = &s->writer;
    uint32_t next;
    if (!next_number(c, &next, e))
        return false;
    struct str project = { 0 };
    sqlite3_int64 number = 0;
    for (size_t i = 0; i < count; i++) {
        const struct stored_report *r = &reports[i];
        assert(r->bucket_count == s->threshold_count);
        if (r->number != next + i)
            return err_set(e, ERR_IO, 0, "report %" PRIu32 " does not follow on what is stored",
                           r->number);
        if (i == 0 || !str_eq(project, r->project)) {
            project = r->project;
            if (!project_number(c, project, &number, e))
                return false;
        }
        buf_reset(buckets);
        bucket_names_encode(buckets, r->database_id, r->buckets, r->bucket_count);
        if (!buf_ok(buckets))
            return err_set(e, ERR_NOMEM, 0, "names of buckets");
        if (!insert(c, r, number, buf_view(buckets), e))
            return false;
    }
    return true;
}

bool store_write(struct store *s, const struct store_batch *batch, struct err *e)
{
    struct buf buckets;
    buf_init(&buckets, BUCKETS_BLOB_MAX);
    pthread_mutex_lock(&s->write_mu);
    bool ok = connection_run(&s->writer, SQL_BEGIN, e) &&
              insert_all(s, batch->reports, batch->report_count, &buckets, e) &&
              connection_run(&s->writer, SQL_COMMIT, e);
    if (!ok)
        connection_rollback(&s->writer);
    pthread_mutex_unlock(&s->write_mu);
    buf_done(&buckets);
    return ok;
}

bool store_delete_all(struct store *s, struct err *e)
{
    pthread_mutex_lock(&s->write_mu);
    bool ok = connection_run(&s->writer, SQL_DELETE_ALL, e);
    pthread_mutex_unlock(&s->write_mu);
    return ok;
}

bool store_project_create(struct store *s, struct str name, struct str universe, struct err *e)
{
    (void)universe;
    pthread_mutex_lock(&s->write_mu);
    sqlite3_stmt *add = connection_statement(&s->writer, SQL_PROJECT_ADD, e);
    bool ok = add;
    if (ok) {
        bind_str(add, 1, name);
        ok = connection_run(&s->writer, SQL_PROJECT_ADD, e);
    }
    if (ok && sqlite3_changes(s->writer.db) == 0)
        ok = err_set(e, ERR_CONFLICT, 0, "there is a project \"%.*s\" already", STR_ARG(name));
    pthread_mutex_unlock(&s->write_mu);
    return ok;
}

/* Reading. */

static bool row_damaged(struct err *e, sqlite3_int64 number, const char *what)
{
    return err_set(e, ERR_IO, 0, "the database is damaged: report %" PRId64 " has no good %s",
                   (int64_t)number, what);
}

/* Fills *out with views into the row, names of buckets into names[bucket_count]. */
static bool row_read(sqlite3_stmt *st, struct stored_report *out, struct str *names,
                     size_t bucket_count, struct err *e)
{
    sqlite3_int64 number = sqlite3_column_int64(st, COLUMN_NUMBER);
    if (number < 0 || number >= STORE_NONE)
        return row_damaged(e, number, "number");
    *out = (struct stored_report){
        .number = (uint32_t)number,
        .database_id = column_str(st, COLUMN_DATABASE_ID),
        .project = column_str(st, COLUMN_PROJECT),
        .date_ms = sqlite3_column_int64(st, COLUMN_DATE),
        .received_ms = sqlite3_column_int64(st, COLUMN_RECEIVED),
        .has_date = sqlite3_column_int(st, COLUMN_HAS_DATE) != 0,
        .top_match = STORE_NONE,
        .score = (float)sqlite3_column_double(st, COLUMN_SCORE),
        .buckets = names,
        .bucket_count = bucket_count,
        .shorthand = column_str(st, COLUMN_SHORTHAND),
        .packed = column_str(st, COLUMN_PAYLOAD),
    };
    if (out->database_id.len == 0 || out->database_id.len > REPORT_ID_MAX)
        return row_damaged(e, number, "database_id");
    if (out->project.len == 0 || out->project.len > REPORT_NAME_MAX)
        return row_damaged(e, number, "project");
    if (sqlite3_column_type(st, COLUMN_TOP_MATCH) != SQLITE_NULL) {
        sqlite3_int64 match = sqlite3_column_int64(st, COLUMN_TOP_MATCH);
        if (match < 0 || match >= number)
            return row_damaged(e, number, "top match");
        out->top_match = (uint32_t)match;
    }
    struct str hash = column_str(st, COLUMN_CONTENT_HASH);
    if (hash.len != sizeof out->content_hash)
        return row_damaged(e, number, "content hash");
    memcpy(out->content_hash, hash.ptr, hash.len);
    if (!bucket_names_decode(column_str(st, COLUMN_BUCKETS), out->database_id, names, bucket_count))
        return row_damaged(e, number, "buckets");
    return true;
}

/* Makes what *r borrows from the row the arena's. */
static bool row_keep(struct stored_report *r, struct str *names, struct arena *a, struct err *e)
{
    bool ok = arena_str(a, r->database_id, &r->database_id) &&
              arena_str(a, r->project, &r->project) && arena_str(a, r->shorthand, &r->shorthand);
    for (size_t i = 0; i < r->bucket_count && ok; i++)
        ok = arena_str(a, names[i], &names[i]);
    if (!ok)
        return err_set(e, ERR_NOMEM, 0, "reading a report");
    struct str packed = r->packed;
    r->packed = STR("");
    return store_unpack(packed, a, &r->payload, e);
}

static bool read_one(struct store *s, struct connection *c, uint32_t number, struct arena *a,
                     struct stored_report *out, struct err *e)
{
    struct str *names = arena_array(a, s->threshold_count, sizeof *names);
    if (!names)
        return err_set(e, ERR_NOMEM, 0, "reading a report");
    sqlite3_stmt *st = connection_statement(c, SQL_READ, e);
    if (!st)
        return false;
    sqlite3_bind_int64(st, 1, number);
    int rc = sqlite3_step(st);
    bool ok;
    if (rc == SQLITE_ROW)
        ok = row_read(st, out, names, s->threshold_count, e) && row_keep(out, names, a, e);
    else if (rc == SQLITE_DONE)
        ok = err_set(e, ERR_NOT_FOUND, 0, "no report has the number %" PRIu32, number);
    else
        ok = connection_failed(c, rc, e);
    sqlite3_reset(st); /* ends the read transaction, too */
    return ok;
}

bool store_read(struct store *s, uint32_t number, struct arena *a, struct stored_report *out,
                struct err *e)
{
    struct connection *c = store_reader_take(s, e);
    if (!c)
        return false;
    bool ok = read_one(s, c, number, a, out, e);
    store_reader_give(s, c);
    return ok;
}

static bool scan(struct store *s, struct connection *c, uint32_t first,
                 bool (*each)(void *ctx, const struct stored_report *r, struct err *e), void *ctx,
                 struct err *e)
{
    struct str names[STORE_THRESHOLDS_MAX];
    sqlite3_stmt *st = connection_statement(c, SQL_SCAN, e);
    if (!st)
        return false;
    sqlite3_bind_int64(st, 1, first);
    uint32_t next = first;
    bool ok = true;
    while (ok) {
        int rc = sqlite3_step(st);
        if (rc == SQLITE_DONE)
            break;
        if (rc != SQLITE_ROW) {
            ok = connection_failed(c, rc, e);
            break;
        }
        struct stored_report r;
        ok = row_read(st, &r, names, s->threshold_count, e);
        if (ok && r.number != next)
            ok = err_set(e, ERR_IO, 0, "the database is damaged: report %" PRIu32 " is missing",
                         next);
        ok = ok && each(ctx, &r, e);
        next++;
    }
    sqlite3_reset(st);
    return ok;
}

bool store_scan(struct store *s, uint32_t first,
                bool (*each)(void *ctx, const struct stored_report *r, struct err *e), void *ctx,
                struct err *e)
{
    struct connection *c = store_reader_take(s, e);
    if (!c)
        return false;
    bool ok = scan(s, c, first, each, ctx, e);
    store_reader_give(s, c);
    return ok;
}

bool store_count(struct store *s, uint32_t *out, struct err *e)
{
    struct connection *c = store_reader_take(s, e);
    if (!c)
        return false;
    bool ok = next_number(c, out, e);
    store_reader_give(s, c);
    return ok;
}

static bool projects_read(struct connection *c, struct arena *a, struct str **out, size_t *count,
                          struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_PROJECTS, e);
    if (!st)
        return false;
    struct str *names = NULL;
    size_t len = 0, cap = 0;
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        if (len == cap) { /* doubles; what it leaves behind goes with the arena */
            struct str *more = arena_array(a, cap ? 2 * cap : 16, sizeof *more);
            if (!more)
                break;
            if (len > 0)
                memcpy(more, names, len * sizeof *names);
            names = more;
            cap = cap ? 2 * cap : 16;
        }
        if (!arena_str(a, column_str(st, 0), &names[len]))
            break;
        len++;
    }
    bool ok = rc == SQLITE_DONE || (rc == SQLITE_ROW ? err_set(e, ERR_NOMEM, 0, "projects")
                                                     : connection_failed(c, rc, e));
    sqlite3_reset(st);
    *out = names;
    *count = len;
    return ok;
}

bool store_projects(struct store *s, struct arena *a, struct str **out, size_t *count,
                    struct err *e)
{
    struct connection *c = store_reader_take(s, e);
    if (!c)
        return false;
    bool ok = projects_read(c, a, out, count, e);
    store_reader_give(s, c);
    return ok;
}
