/* sqlite_row_log.c - whose rows changed since when, and the file that holds them all, in the SQLite
 * store. The tables are described in sqlite_schema.c.
 *
 * The number of a checkpoint is always one of the log: the entry itself stays when those before it
 * are forgotten. So a deletion of all, which leaves one new entry, is seen by whoever has an older
 * number. */
#include "store/sqlite.h"

#include <assert.h>

#define PRUNED_ENTRIES 20000 /* in one transaction: some milliseconds */

static bool log_object(struct connection *c, uint64_t object, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_ROW_LOG_ADD, e);
    if (!st)
        return false;
    assert(object <= OBJECT_MAX);
    sqlite3_bind_int64(st, 1, (sqlite3_int64)object);
    return connection_run(c, SQL_ROW_LOG_ADD, e);
}

/* Its report, with the same object, is in the batch, too. */
static bool comes_with_report(const struct store_batch *b, const struct stored_upload *u)
{
    return b->report_count > 0 && u->report != STORE_NONE && u->report >= b->reports[0].number;
}

bool row_log_add(struct writing *w, const struct store_batch *b, struct err *e)
{
    bool ok = true;
    for (size_t i = 0; i < b->report_count && ok; i++)
        ok = b->reports[i].object == 0 || log_object(w->c, b->reports[i].object, e);
    for (size_t i = 0; i < b->upload_count && ok; i++)
        ok = comes_with_report(b, &b->uploads[i]) || log_object(w->c, b->uploads[i].object, e);
    for (size_t i = 0; i < b->change_count && ok; i++)
        ok = log_object(w->c, b->changes[i].object, e);
    for (size_t i = 0; i < b->removal_count && ok; i++)
        ok = log_object(w->c, b->removals[i].object, e);
    return ok;
}

bool row_log_cut(struct connection *c, struct err *e)
{
    return log_object(c, 0, e) && connection_run(c, SQL_ROW_LOG_DELETE, e) &&
           connection_run(c, SQL_CHECKPOINT_DELETE, e);
}

/* Reading. */

static bool last_read(struct connection *c, uint64_t *out, struct err *e)
{
    bool row;
    sqlite3_stmt *st = connection_statement(c, SQL_ROW_LOG_LAST, e);
    if (!st || !connection_step(c, st, &row, e))
        return false;
    sqlite3_int64 last = row ? sqlite3_column_int64(st, 0) : 0;
    *out = (uint64_t)last;
    return last > 0 || row_damaged(e, "log of rows", last, "number");
}

bool store_row_log_last(struct store *s, uint64_t *out, struct err *e)
{
    struct connection *c = store_reader_take(s, e);
    if (!c)
        return false;
    bool ok = last_read(c, out, e);
    connection_end(c, SQL_ROW_LOG_LAST);
    store_reader_give(s, c);
    return ok;
}

static bool log_scan(struct connection *c, uint64_t after,
                     bool (*each)(void *ctx, uint64_t object, struct err *e), void *ctx,
                     struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_ROW_LOG_SCAN, e);
    bool row = st;
    if (st)
        sqlite3_bind_int64(st, 1, after <= OBJECT_MAX ? (sqlite3_int64)after : OBJECT_MAX);
    while (row) {
        if (!connection_step(c, st, &row, e))
            return false;
        if (row && !each(ctx, (uint64_t)sqlite3_column_int64(st, 0), e))
            return false;
    }
    return st;
}

bool store_scan_row_log(struct store *s, uint64_t after,
                        bool (*each)(void *ctx, uint64_t object, struct err *e), void *ctx,
                        struct err *e)
{
    struct connection *c = store_reader_take(s, e);
    if (!c)
        return false;
    bool ok = log_scan(c, after, each, ctx, e);
    connection_end(c, SQL_ROW_LOG_SCAN);
    store_reader_give(s, c);
    return ok;
}

/* Whether the log has this entry. */
static bool log_has(struct connection *c, uint64_t number, bool *out, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_ROW_LOG_HAS, e);
    if (st)
        sqlite3_bind_int64(st, 1, number <= OBJECT_MAX ? (sqlite3_int64)number : 0);
    bool ok = st && connection_step(c, st, out, e);
    connection_end(c, SQL_ROW_LOG_HAS);
    return ok;
}

/* Checkpoints. */

static bool checkpoint_read(struct connection *c, struct stored_checkpoint *out, struct err *e)
{
    bool row;
    sqlite3_stmt *st = connection_statement(c, SQL_CHECKPOINT_READ, e);
    if (!st || !connection_step(c, st, &row, e))
        return false;
    if (!row)
        return err_set(e, ERR_NOT_FOUND, 0, "there is no checkpoint");
    *out = (struct stored_checkpoint){ .token = (uint64_t)sqlite3_column_int64(st, 0),
                                       .number = (uint64_t)sqlite3_column_int64(st, 1),
                                       .made_with = (uint64_t)sqlite3_column_int64(st, 2) };
    return true;
}

bool store_checkpoint_read(struct store *s, struct stored_checkpoint *out, struct err *e)
{
    bool has = false;
    struct connection *c = store_reader_take(s, e);
    if (!c)
        return false;
    bool ok = checkpoint_read(c, out, e);
    connection_end(c, SQL_CHECKPOINT_READ);
    ok = ok && log_has(c, out->number, &has, e) &&
         (has || row_damaged(e, "checkpoint", (sqlite3_int64)out->number, "number"));
    store_reader_give(s, c);
    return ok;
}

static bool checkpoint_put(struct connection *c, const struct stored_checkpoint *p, struct err *e)
{
    bool has;
    if (!log_has(c, p->number, &has, e))
        return false;
    if (!has)
        return err_set(e, ERR_CONFLICT, 0, "all was deleted since the checkpoint was begun");
    sqlite3_stmt *st = connection_statement(c, SQL_CHECKPOINT_PUT, e);
    if (!st)
        return false;
    sqlite3_bind_int64(st, 1, (sqlite3_int64)p->token);
    sqlite3_bind_int64(st, 2, (sqlite3_int64)p->number);
    sqlite3_bind_int64(st, 3, (sqlite3_int64)p->made_with);
    return connection_run(c, SQL_CHECKPOINT_PUT, e);
}

bool store_checkpoint_put(struct store *s, const struct stored_checkpoint *p, struct err *e)
{
    struct connection *c = &s->writer;
    pthread_mutex_lock(&s->write_mu);
    bool ok = connection_run(c, SQL_BEGIN, e) && checkpoint_put(c, p, e) &&
              connection_run(c, SQL_COMMIT, e);
    if (!ok)
        connection_rollback(c);
    pthread_mutex_unlock(&s->write_mu);
    return ok;
}

static bool prune(struct connection *c, uint64_t before, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_ROW_LOG_PRUNE, e);
    if (!st)
        return false;
    assert(before <= OBJECT_MAX);
    sqlite3_bind_int64(st, 1, (sqlite3_int64)before);
    sqlite3_bind_int64(st, 2, PRUNED_ENTRIES);
    return connection_run(c, SQL_ROW_LOG_PRUNE, e);
}

bool store_row_log_prune(struct store *s, uint64_t before, bool *more, struct err *e)
{
    struct connection *c = &s->writer;
    pthread_mutex_lock(&s->write_mu);
    bool ok = prune(c, before, e); /* a transaction by itself */
    *more = ok && sqlite3_changes(c->db) > 0;
    pthread_mutex_unlock(&s->write_mu);
    return ok;
}
