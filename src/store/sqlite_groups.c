/* sqlite_groups.c - fingerprints that are merged, and issues, in the SQLite store. The tables are
 * described in sqlite_schema.c.
 *
 * Everything in a row is checked before it is believed: the file may be damaged. */
#include "store/sqlite.h"

#include "report/report.h"

/* Merges. */

static bool merge_apply(struct writing *w, const struct stored_merge *m, struct err *e)
{
    enum sql which = m->is_parted ? SQL_MERGE_DELETE : SQL_MERGE_PUT;
    sqlite3_int64 project;
    if (!writing_project(w, m->project, &project, e))
        return false;
    sqlite3_stmt *st = connection_statement(w->c, which, e);
    if (!st)
        return false;
    sqlite3_bind_int64(st, 1, project);
    bind_hash(st, 2, m->fingerprint);
    if (!m->is_parted)
        bind_hash(st, 3, m->into);
    return connection_run(w->c, which, e);
}

bool merges_apply(struct writing *w, const struct store_batch *b, struct err *e)
{
    for (size_t i = 0; i < b->merge_count; i++)
        if (!merge_apply(w, &b->merges[i], e))
            return false;
    return true;
}

static bool merge_row(sqlite3_stmt *st, struct stored_merge *out, struct err *e)
{
    *out = (struct stored_merge){ .project = column_str(st, 0) };
    return (out->project.len > 0 && out->project.len <= REPORT_NAME_MAX &&
            column_hash(st, 1, out->fingerprint) && column_hash(st, 2, out->into)) ||
           err_set(e, ERR_IO, 0, "the database is damaged: a merged fingerprint");
}

struct merges_scan {
    bool (*each)(void *ctx, const struct stored_merge *m, struct err *e);
    void *ctx;
};

static bool each_merge(void *ctx, sqlite3_stmt *st, struct err *e)
{
    const struct merges_scan *to = ctx;
    struct stored_merge m;
    return merge_row(st, &m, e) && to->each(to->ctx, &m, e);
}

bool store_scan_merges(struct store *s,
                       bool (*each)(void *ctx, const struct stored_merge *m, struct err *e),
                       void *ctx, struct err *e)
{
    struct merges_scan to = { each, ctx };
    return store_rows(s, SQL_MERGE_SCAN, each_merge, &to, e);
}

/* Issues. */

static bool issue_put(struct writing *w, const struct stored_issue *i, struct err *e)
{
    sqlite3_int64 project;
    if (!writing_project(w, i->project, &project, e))
        return false;
    sqlite3_stmt *st = connection_statement(w->c, SQL_ISSUE_PUT, e);
    if (!st)
        return false;
    sqlite3_bind_int64(st, 1, project);
    bind_hash(st, 2, i->fingerprint);
    bind_str(st, 3, i->attributes);
    return connection_run(w->c, SQL_ISSUE_PUT, e);
}

bool issues_apply(struct writing *w, const struct store_batch *b, struct err *e)
{
    for (size_t i = 0; i < b->issue_count; i++)
        if (!issue_put(w, &b->issues[i], e))
            return false;
    return true;
}

static bool issue_row(sqlite3_stmt *st, struct stored_issue *out, struct err *e)
{
    *out = (struct stored_issue){ .project = column_str(st, 0), .attributes = column_str(st, 2) };
    return (out->project.len > 0 && out->project.len <= REPORT_NAME_MAX &&
            column_hash(st, 1, out->fingerprint)) ||
           err_set(e, ERR_IO, 0, "the database is damaged: an issue");
}

struct issues_scan {
    bool (*each)(void *ctx, const struct stored_issue *i, struct err *e);
    void *ctx;
};

static bool each_issue(void *ctx, sqlite3_stmt *st, struct err *e)
{
    const struct issues_scan *to = ctx;
    struct stored_issue i;
    return issue_row(st, &i, e) && to->each(to->ctx, &i, e);
}

bool store_scan_issues(struct store *s,
                       bool (*each)(void *ctx, const struct stored_issue *i, struct err *e),
                       void *ctx, struct err *e)
{
    struct issues_scan to = { each, ctx };
    return store_rows(s, SQL_ISSUE_SCAN, each_issue, &to, e);
}
