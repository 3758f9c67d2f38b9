/* sqlite_buckets.c - what submission buckets leave behind in the SQLite store: how often each
 * combination of attributes came, and what they changed in uploads. The tables are described in
 * sqlite_schema.c.
 *
 * Everything in a row is checked before it is believed: the file may be damaged. */
#include "store/sqlite.h"

#include <assert.h>
#include <inttypes.h>

/* Columns of SQL_COUNT_SCAN, and, from 1, the parameters of SQL_COUNT_PUT. */
enum count_column { COUNT_KEY, COUNT_TOKEN, COUNT_BUCKET, COUNT_COMBINATION, COUNT_COUNT };

/* Columns of SQL_AMENDMENT_SCAN. */
enum amendment_column { AMENDMENT_OBJECT, AMENDMENT_UPLOAD, AMENDMENT_REPORT, AMENDMENT_AMENDED };

bool counts_put(struct writing *w, const struct store_batch *b, struct err *e)
{
    for (size_t i = 0; i < b->count_count; i++) {
        const struct stored_count *n = &b->counts[i];
        sqlite3_stmt *st = connection_statement(w->c, SQL_COUNT_PUT, e);
        if (!st)
            return false;
        assert(n->count <= INT64_MAX);
        bind_hash(st, 1 + COUNT_KEY, n->key);
        sqlite3_bind_int64(st, 1 + COUNT_TOKEN, n->token);
        bind_str(st, 1 + COUNT_BUCKET, n->bucket);
        bind_str(st, 1 + COUNT_COMBINATION, n->combination);
        sqlite3_bind_int64(st, 1 + COUNT_COUNT, (sqlite3_int64)n->count);
        if (!connection_run(w->c, SQL_COUNT_PUT, e))
            return false;
    }
    return true;
}

/* Replaces something of row `number`. */
static bool replace(struct connection *c, enum sql which, sqlite3_int64 number, struct str by,
                    bool is_text, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, which, e);
    if (!st)
        return false;
    sqlite3_bind_int64(st, 1, number);
    if (is_text)
        bind_str(st, 2, by);
    else
        bind_blob(st, 2, by);
    return connection_run(c, which, e);
}

static bool change_apply(struct connection *c, const struct stored_change *change, struct err *e)
{
    assert(change->object > 0 && change->object <= OBJECT_MAX);
    sqlite3_int64 object = (sqlite3_int64)change->object;
    if (!change->no_upload && !replace(c, SQL_UPLOAD_CHANGE, object, change->attributes, true, e))
        return false;
    if (!change->no_upload && sqlite3_changes(c->db) == 0)
        return err_set(e, ERR_NOT_FOUND, 0, "there is no upload %" PRIu64 " to change",
                       change->object);
    if (!replace(c, SQL_AMENDMENT_PUT, object, change->amended, true, e))
        return false;
    if (change->report == STORE_NONE)
        return true;
    return replace(c, SQL_REPORT_CHANGE, change->report, change->packed_payload, false, e) &&
           (sqlite3_changes(c->db) > 0 ||
            err_set(e, ERR_NOT_FOUND, 0, "there is no report %" PRIu32 " to change",
                    change->report));
}

bool changes_apply(struct writing *w, const struct store_batch *b, struct err *e)
{
    for (size_t i = 0; i < b->change_count; i++)
        if (!change_apply(w->c, &b->changes[i], e))
            return false;
    return true;
}

static bool count_row(sqlite3_stmt *st, struct stored_count *out, struct err *e)
{
    sqlite3_int64 count = sqlite3_column_int64(st, COUNT_COUNT);
    *out = (struct stored_count){
        .bucket = column_str(st, COUNT_BUCKET),
        .combination = column_str(st, COUNT_COMBINATION),
        .count = (uint64_t)count,
    };
    if (!column_u32(st, COUNT_TOKEN, &out->token) || count < 0 ||
        !column_hash(st, COUNT_KEY, out->key))
        return err_set(e, ERR_IO, 0, "the database is damaged: a count of token %" PRId64,
                       (int64_t)sqlite3_column_int64(st, COUNT_TOKEN));
    return true;
}

struct counts_scan {
    bool (*each)(void *ctx, const struct stored_count *c, struct err *e);
    void *ctx;
};

static bool each_count(void *ctx, sqlite3_stmt *st, struct err *e)
{
    const struct counts_scan *to = ctx;
    struct stored_count n;
    return count_row(st, &n, e) && to->each(to->ctx, &n, e);
}

bool store_scan_counts(struct store *s,
                       bool (*each)(void *ctx, const struct stored_count *c, struct err *e),
                       void *ctx, struct err *e)
{
    struct counts_scan to = { each, ctx };
    return store_rows(s, SQL_COUNT_SCAN, each_count, &to, e);
}

static bool amendment_row(sqlite3_stmt *st, struct stored_change *out, struct err *e)
{
    sqlite3_int64 object = sqlite3_column_int64(st, AMENDMENT_OBJECT);
    *out = (struct stored_change){
        .object = (uint64_t)object,
        .no_upload = sqlite3_column_type(st, AMENDMENT_UPLOAD) == SQLITE_NULL,
        .amended = column_str(st, AMENDMENT_AMENDED),
        .report = STORE_NONE,
    };
    if (object <= 0)
        return row_damaged(e, "amendment", object, "object");
    return sqlite3_column_type(st, AMENDMENT_REPORT) == SQLITE_NULL ||
           column_u32(st, AMENDMENT_REPORT, &out->report) ||
           row_damaged(e, "upload", object, "report");
}

struct amendments_scan {
    bool (*each)(void *ctx, const struct stored_change *c, struct err *e);
    void *ctx;
};

static bool each_amendment(void *ctx, sqlite3_stmt *st, struct err *e)
{
    const struct amendments_scan *to = ctx;
    struct stored_change change;
    return amendment_row(st, &change, e) && to->each(to->ctx, &change, e);
}

bool store_scan_changes(struct store *s,
                        bool (*each)(void *ctx, const struct stored_change *c, struct err *e),
                        void *ctx, struct err *e)
{
    struct amendments_scan to = { each, ctx };
    return store_rows(s, SQL_AMENDMENT_SCAN, each_amendment, &to, e);
}

static bool amended_read(struct connection *c, uint64_t object, struct arena *a, struct str *out,
                         struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_AMENDMENT_READ, e);
    bool row;
    if (!st)
        return false;
    sqlite3_bind_int64(st, 1, object <= OBJECT_MAX ? (sqlite3_int64)object : 0);
    if (!connection_step(c, st, &row, e))
        return false;
    return arena_str(a, row ? column_str(st, 0) : STR(""), out) ||
           err_set(e, ERR_NOMEM, 0, "reading an amendment");
}

bool store_amended(struct store *s, uint64_t object, struct arena *a, struct str *out,
                   struct err *e)
{
    struct connection *c = store_reader_take(s, e);
    if (!c)
        return false;
    bool ok = amended_read(c, object, a, out, e);
    connection_end(c, SQL_AMENDMENT_READ);
    store_reader_give(s, c);
    return ok;
}
