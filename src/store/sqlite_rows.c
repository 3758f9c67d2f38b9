/* sqlite_rows.c - all rows of a statement, one after the other. */
#include "store/sqlite.h"

static bool scan(struct connection *c, enum sql which,
                 bool (*row)(void *ctx, sqlite3_stmt *st, struct err *e), void *ctx, struct err *e)
{
    sqlite3_stmt *st = connection_statement(c, which, e);
    bool more = st;
    while (more)
        if (!connection_step(c, st, &more, e) || (more && !row(ctx, st, e)))
            return false;
    return st;
}

bool store_rows(struct store *s, enum sql which,
                bool (*row)(void *ctx, sqlite3_stmt *st, struct err *e), void *ctx, struct err *e)
{
    struct connection *c = store_reader_take(s, e);
    if (!c)
        return false;
    bool ok = scan(c, which, row, ctx, e);
    connection_end(c, which);
    store_reader_give(s, c);
    return ok;
}
