/* sqlite_reports.c - reports in the SQLite store: written in batches by one thread, read by any.
 * The table is described in sqlite_schema.c.
 *
 * Everything in a row is checked before it is believed: the file may be damaged. */
#include "store/sqlite.h"

#include "report/report.h"
#include "store/bucket_names.h"

#include <assert.h>
#include <inttypes.h>

/* Columns of SQL_REPORT_READ and SQL_REPORT_SCAN, and, from 1, the parameters of SQL_REPORT_ADD. */
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
    COLUMN_PAYLOAD,
    COLUMN_OBJECT,
    COLUMN_FINGERPRINT,
    COLUMN_AMENDED /* of SQL_POST_SCAN alone */
};

static const uint8_t no_fingerprint[STORE_FINGERPRINT_BYTES];

/* Writing. */

static bool insert(struct connection *c, const struct stored_report *r, sqlite3_int64 project,
                   struct str buckets, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_REPORT_ADD, e);
    if (!st)
        return false;
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
    bind_hash(st, 1 + COLUMN_CONTENT_HASH, r->content_hash);
    bind_blob(st, 1 + COLUMN_SHORTHAND, r->shorthand);
    bind_blob(st, 1 + COLUMN_PAYLOAD, r->packed);
    assert(r->object <= OBJECT_MAX);
    sqlite3_bind_int64(st, 1 + COLUMN_OBJECT, (sqlite3_int64)r->object);
    if (memcmp(r->fingerprint, no_fingerprint, sizeof no_fingerprint) == 0)
        sqlite3_bind_null(st, 1 + COLUMN_FINGERPRINT);
    else
        bind_hash(st, 1 + COLUMN_FINGERPRINT, r->fingerprint);
    return connection_run(c, SQL_REPORT_ADD, e);
}

static bool next_number(struct connection *c, uint32_t *out, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_REPORT_NEXT, e);
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

bool reports_add(struct writing *w, const struct store_batch *b, struct err *e)
{
    uint32_t next = 0;
    sqlite3_int64 project = 0;
    if (b->report_count == 0)
        return true;
    if (!next_number(w->c, &next, e))
        return false;
    for (size_t i = 0; i < b->report_count; i++) {
        const struct stored_report *r = &b->reports[i];
        assert(r->bucket_count == w->store->threshold_count);
        if (r->number != next + i)
            return err_set(e, ERR_IO, 0, "report %" PRIu32 " does not follow on what is stored",
                           r->number);
        if (!writing_project(w, r->project, &project, e))
            return false;
        buf_reset(&w->buckets);
        bucket_names_encode(&w->buckets, r->database_id, r->buckets, r->bucket_count);
        if (!buf_ok(&w->buckets))
            return err_set(e, ERR_NOMEM, 0, "names of buckets");
        if (!insert(w->c, r, project, buf_view(&w->buckets), e))
            return false;
        if (r->object > w->object)
            w->object = r->object;
    }
    return true;
}

bool superseded_add(struct writing *w, const struct store_batch *b, struct err *e)
{
    for (size_t i = 0; i < b->superseded_count; i++) {
        const struct stored_superseding *r = &b->superseded[i];
        sqlite3_stmt *st = connection_statement(w->c, SQL_SUPERSEDED_ADD, e);
        if (!st)
            return false;
        assert(r->number < r->by);
        sqlite3_bind_int64(st, 1, r->number);
        sqlite3_bind_int64(st, 2, r->by);
        if (!connection_run(w->c, SQL_SUPERSEDED_ADD, e))
            return false;
    }
    return true;
}

/* Reading. */

/* Fills *out with views into the row, names of buckets into names[bucket_count]. */
static bool row_read(sqlite3_stmt *st, struct stored_report *out, struct str *names,
                     size_t bucket_count, struct err *e)
{
    sqlite3_int64 number = sqlite3_column_int64(st, COLUMN_NUMBER);
    if (number < 0 || number >= STORE_NONE)
        return row_damaged(e, "report", number, "number");
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
        return row_damaged(e, "report", number, "database_id");
    if (out->project.len == 0 || out->project.len > REPORT_NAME_MAX)
        return row_damaged(e, "report", number, "project");
    if (sqlite3_column_type(st, COLUMN_TOP_MATCH) != SQLITE_NULL) {
        sqlite3_int64 match = sqlite3_column_int64(st, COLUMN_TOP_MATCH);
        if (match < 0 || match >= number)
            return row_damaged(e, "report", number, "top match");
        out->top_match = (uint32_t)match;
    }
    if (!column_hash(st, COLUMN_CONTENT_HASH, out->content_hash))
        return row_damaged(e, "report", number, "content hash");
    sqlite3_int64 object = sqlite3_column_int64(st, COLUMN_OBJECT);
    if (object < 0)
        return row_damaged(e, "report", number, "object");
    out->object = (uint64_t)object;
    if (sqlite3_column_type(st, COLUMN_FINGERPRINT) != SQLITE_NULL &&
        !column_hash(st, COLUMN_FINGERPRINT, out->fingerprint))
        return row_damaged(e, "report", number, "fingerprint");
    if (!bucket_names_decode(column_str(st, COLUMN_BUCKETS), out->database_id, names, bucket_count))
        return row_damaged(e, "report", number, "buckets");
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
    r->packed = r->payload = STR("");
    return packed.len == 0 || store_unpack(packed, a, &r->payload, e);
}

static bool read_one(struct store *s, struct connection *c, uint32_t number, struct arena *a,
                     struct stored_report *out, struct err *e)
{
    struct str *names = arena_array(a, s->threshold_count, sizeof *names);
    if (!names)
        return err_set(e, ERR_NOMEM, 0, "reading a report");
    sqlite3_stmt *st = connection_statement(c, SQL_REPORT_READ, e);
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
    sqlite3_stmt *st = connection_statement(c, SQL_REPORT_SCAN, e);
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

static bool posts_scan(struct store *s, struct connection *c,
                       bool (*each)(void *ctx, const struct stored_report *r, struct str amended,
                                    struct err *e),
                       void *ctx, struct err *e)
{
    struct str names[STORE_THRESHOLDS_MAX];
    sqlite3_stmt *st = connection_statement(c, SQL_POST_SCAN, e);
    bool row = st;
    while (row) {
        struct stored_report r;
        if (!connection_step(c, st, &row, e))
            return false;
        if (row && (!row_read(st, &r, names, s->threshold_count, e) ||
                    !each(ctx, &r, column_str(st, COLUMN_AMENDED), e)))
            return false;
    }
    return st;
}

bool store_scan_posts(struct store *s,
                      bool (*each)(void *ctx, const struct stored_report *r, struct str amended,
                                   struct err *e),
                      void *ctx, struct err *e)
{
    struct connection *c = store_reader_take(s, e);
    if (!c)
        return false;
    bool ok = posts_scan(s, c, each, ctx, e);
    connection_end(c, SQL_POST_SCAN);
    store_reader_give(s, c);
    return ok;
}

static bool post_read(struct store *s, struct connection *c, uint32_t number,
                      bool (*each)(void *ctx, const struct stored_report *r, struct str amended,
                                   struct err *e),
                      void *ctx, struct err *e)
{
    struct str names[STORE_THRESHOLDS_MAX];
    struct stored_report r;
    bool row;
    sqlite3_stmt *st = connection_statement(c, SQL_POST_READ, e);
    if (!st)
        return false;
    sqlite3_bind_int64(st, 1, number);
    return connection_step(c, st, &row, e) &&
           (row || err_set(e, ERR_NOT_FOUND, 0, "there is no report %u", number)) &&
           row_read(st, &r, names, s->threshold_count, e) &&
           each(ctx, &r, column_str(st, COLUMN_AMENDED), e);
}

bool store_post_read(struct store *s, uint32_t number,
                     bool (*each)(void *ctx, const struct stored_report *r, struct str amended,
                                  struct err *e),
                     void *ctx, struct err *e)
{
    struct connection *c = store_reader_take(s, e);
    if (!c)
        return false;
    bool ok = post_read(s, c, number, each, ctx, e);
    connection_end(c, SQL_POST_READ);
    store_reader_give(s, c);
    return ok;
}

struct superseded_scan {
    bool (*each)(void *ctx, const struct stored_superseding *r, struct err *e);
    void *ctx;
};

static bool each_superseded(void *ctx, sqlite3_stmt *st, struct err *e)
{
    const struct superseded_scan *to = ctx;
    struct stored_superseding r;
    if (!column_u32(st, 0, &r.number) || !column_u32(st, 1, &r.by) || r.number >= r.by)
        return row_damaged(e, "superseded report", sqlite3_column_int64(st, 0), "number");
    return to->each(to->ctx, &r, e);
}

bool store_scan_superseded(struct store *s,
                           bool (*each)(void *ctx, const struct stored_superseding *r,
                                        struct err *e),
                           void *ctx, struct err *e)
{
    struct superseded_scan to = { each, ctx };
    return store_rows(s, SQL_SUPERSEDED_SCAN, each_superseded, &to, e);
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
