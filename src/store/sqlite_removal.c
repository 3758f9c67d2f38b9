/* sqlite_removal.c - what is removed from the SQLite store: objects, and single attachments. The
 * tables are described in sqlite_schema.c.
 *
 * Rows of reports are emptied and stay, since later ones lean on them. SQLite writes zeros over
 * what is removed (secure_delete); the log keeps older pages until it has gone round. */
#include "store/sqlite.h"

#include <assert.h>

/* Runs a statement whose one parameter is a number. */
static bool run_on(struct connection *c, enum sql which, uint64_t number, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, which, e);
    if (!st)
        return false;
    assert(number <= OBJECT_MAX);
    sqlite3_bind_int64(st, 1, (sqlite3_int64)number);
    return connection_run(c, which, e);
}

static bool note_removed(struct connection *c, uint32_t number, uint32_t since, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_REMOVED_ADD, e);
    if (!st)
        return false;
    assert(number < since);
    sqlite3_bind_int64(st, 1, number);
    sqlite3_bind_int64(st, 2, since);
    return connection_run(c, SQL_REMOVED_ADD, e);
}

static bool empty_reports(struct connection *c, const struct stored_removal *r, struct err *e)
{
    for (size_t i = 0; i < r->report_count; i++)
        if (!run_on(c, SQL_REPORT_EMPTY, r->reports[i], e))
            return false;
    return r->report_count == 0 || note_removed(c, r->reports[r->report_count - 1], r->since, e);
}

/* What belongs to an object beside its row. */
static bool remove_belongings(struct connection *c, uint64_t object, struct err *e)
{
    return run_on(c, SQL_ATTACHMENTS_OF_OBJECT_DELETE, object, e) &&
           run_on(c, SQL_AMENDMENT_DELETE, object, e) &&
           run_on(c, SQL_MISSING_OF_OBJECT_DELETE, object, e);
}

static bool remove_one(struct connection *c, const struct stored_removal *r, struct err *e)
{
    bool with_row = r->part != STORED_BYTES;
    return remove_belongings(c, r->object, e) && empty_reports(c, r, e) &&
           run_on(c, with_row ? SQL_UPLOAD_DELETE : SQL_UPLOAD_EMPTY, r->object, e) &&
           (!with_row || run_on(c, SQL_GONE_ADD, r->object, e));
}

bool removals_apply(struct writing *w, const struct store_batch *b, struct err *e)
{
    for (size_t i = 0; i < b->removal_count; i++) {
        assert(b->removals[i].object > 0);
        if (!remove_one(w->c, &b->removals[i], e))
            return false;
    }
    for (size_t i = 0; i < b->detached_count; i++)
        if (!run_on(w->c, SQL_ATTACHMENT_DELETE, b->detached[i], e))
            return false;
    return true;
}

/* Reading. */

struct removed_scan {
    bool (*each)(void *ctx, const struct stored_removed *r, struct err *e);
    void *ctx;
};

static bool each_removed(void *ctx, sqlite3_stmt *st, struct err *e)
{
    const struct removed_scan *to = ctx;
    struct stored_removed r;
    if (!column_u32(st, 0, &r.number) || !column_u32(st, 1, &r.since) || r.number >= r.since)
        return row_damaged(e, "removed report", sqlite3_column_int64(st, 0), "number");
    return to->each(to->ctx, &r, e);
}

bool store_scan_removed(struct store *s,
                        bool (*each)(void *ctx, const struct stored_removed *r, struct err *e),
                        void *ctx, struct err *e)
{
    struct removed_scan to = { each, ctx };
    return store_rows(s, SQL_REMOVED_SCAN, each_removed, &to, e);
}

bool store_is_removed(struct store *s, uint64_t object, bool *out, struct err *e)
{
    struct connection *c = store_reader_take(s, e);
    if (!c)
        return false;
    sqlite3_stmt *st = connection_statement(c, SQL_GONE_FIND, e);
    if (st)
        sqlite3_bind_int64(st, 1, object <= OBJECT_MAX ? (sqlite3_int64)object : 0);
    bool ok = st && connection_step(c, st, out, e);
    connection_end(c, SQL_GONE_FIND);
    store_reader_give(s, c);
    return ok;
}
