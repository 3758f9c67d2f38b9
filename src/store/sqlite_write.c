/* sqlite_write.c - a batch of the engine as one transaction: all of it, or nothing.
 *
 * In this order: reports, what they supersede, uploads, attachments, counts, changes (which may be
 * of an upload of the same batch), what is removed, merges, issues, whose rows change, the marks.
 * The writer calls it, one thread. */
#include "store/sqlite.h"

#include "report/report.h"

#include <assert.h>

#define BUCKETS_BLOB_MAX (1024 * 1024) /* names of all buckets of one report */

bool writing_project(struct writing *w, struct str name, sqlite3_int64 *out, struct err *e)
{
    if (w->project_number == 0 || !str_eq(w->project, name)) {
        bool added;
        if (!project_find(w->c, name, &w->project_number, e))
            return false;
        if (w->project_number == 0) {
            if (!project_add(w->c, name, UNIVERSE_FIRST, &added, e))
                return false;
            w->project_number = sqlite3_last_insert_rowid(w->c->db);
            w->access_changed = true;
        }
        w->project = name;
    }
    *out = w->project_number;
    return true;
}

static bool mark_raise(struct connection *c, const char *name, uint64_t value, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, SQL_MARK_RAISE, e);
    if (!st)
        return false;
    assert(value <= OBJECT_MAX);
    bind_str(st, 1, str_from_c(name));
    sqlite3_bind_int64(st, 2, (sqlite3_int64)value);
    return connection_run(c, SQL_MARK_RAISE, e);
}

static bool marks_raise(struct writing *w, struct err *e)
{
    return (w->object == 0 || mark_raise(w->c, MARK_OBJECT, w->object, e)) &&
           (w->attachment == 0 || mark_raise(w->c, MARK_ATTACHMENT, w->attachment, e)) &&
           (!w->access_changed || connection_run(w->c, SQL_ACCESS_CHANGED, e));
}

bool store_write(struct store *s, const struct store_batch *batch, struct err *e)
{
    struct writing w = { .store = s, .c = &s->writer };
    buf_init(&w.buckets, BUCKETS_BLOB_MAX);
    pthread_mutex_lock(&s->write_mu);
    bool ok = connection_run(w.c, SQL_BEGIN, e) && reports_add(&w, batch, e) &&
              superseded_add(&w, batch, e) && uploads_put(&w, batch, e) &&
              attachments_add(&w, batch, e) && counts_put(&w, batch, e) &&
              changes_apply(&w, batch, e) && removals_apply(&w, batch, e) &&
              merges_apply(&w, batch, e) && issues_apply(&w, batch, e) &&
              row_log_add(&w, batch, e) && marks_raise(&w, e) && connection_run(w.c, SQL_COMMIT, e);
    if (!ok)
        connection_rollback(w.c);
    pthread_mutex_unlock(&s->write_mu);
    buf_done(&w.buckets);
    return ok;
}

bool store_delete_all(struct store *s, uint64_t gone_below, struct err *e)
{
    struct connection *c = &s->writer;
    pthread_mutex_lock(&s->write_mu);
    bool ok =
        connection_run(c, SQL_BEGIN, e) && connection_run(c, SQL_REPORTS_DELETE, e) &&
        connection_run(c, SQL_SUPERSEDED_DELETE, e) && connection_run(c, SQL_REMOVED_DELETE, e) &&
        connection_run(c, SQL_MERGES_DELETE, e) && connection_run(c, SQL_ISSUES_DELETE, e) &&
        connection_run(c, SQL_UPLOADS_DELETE, e) && connection_run(c, SQL_ATTACHMENTS_DELETE, e) &&
        connection_run(c, SQL_COUNTS_DELETE, e) && connection_run(c, SQL_AMENDMENTS_DELETE, e) &&
        connection_run(c, SQL_MISSING_DELETE, e) && row_log_cut(c, e) &&
        mark_raise(c, MARK_GONE, gone_below, e) && connection_run(c, SQL_COMMIT, e);
    if (!ok)
        connection_rollback(c);
    pthread_mutex_unlock(&s->write_mu);
    return ok;
}

bool store_last_ids(struct store *s, uint64_t *object, uint64_t *attachment, struct err *e)
{
    struct connection *c = store_reader_take(s, e);
    if (!c)
        return false;
    bool ok = connection_mark(c, MARK_OBJECT, object, e) &&
              connection_mark(c, MARK_ATTACHMENT, attachment, e);
    store_reader_give(s, c);
    return ok;
}

bool store_gone_below(struct store *s, uint64_t *out, struct err *e)
{
    struct connection *c = store_reader_take(s, e);
    if (!c)
        return false;
    bool ok = connection_mark(c, MARK_GONE, out, e);
    store_reader_give(s, c);
    return ok;
}
