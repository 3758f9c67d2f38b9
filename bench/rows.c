/* rows.c - see the header. */
#include "bench/rows.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct rows {
    sqlite3 *db;
    sqlite3_stmt *insert;
};

static bool failed(struct rows *r, struct err *e)
{
    return err_set(e, ERR_IO, 0, "sqlite: %s", r->db ? sqlite3_errmsg(r->db) : "no memory");
}

static void remove_old(const char *path)
{
    static const char *const endings[] = { "", "-wal", "-shm" };
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char name[4096];
        snprintf(name, sizeof name, "%s%s", path, endings[i]);
        (void)unlink(name);
    }
}

bool rows_open(struct rows **out, const char *path, struct err *e)
{
    static const char start[] =
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cell_size_check=1;"
        "CREATE TABLE rows (number INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT";
    struct rows *r = calloc(1, sizeof *r);
    if (!r)
        return err_set(e, ERR_NOMEM, 0, "no memory");
    remove_old(path);
    if (sqlite3_open(path, &r->db) != SQLITE_OK ||
        sqlite3_exec(r->db, start, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(r->db, "INSERT INTO rows (body) VALUES (?1)", -1, &r->insert, NULL) !=
            SQLITE_OK) {
        failed(r, e);
        rows_close(r);
        return false;
    }
    *out = r;
    return true;
}

void rows_close(struct rows *r)
{
    if (!r)
        return;
    sqlite3_finalize(r->insert);
    sqlite3_close(r->db);
    free(r);
}

bool rows_write(struct rows *r, const struct str *bodies, size_t count, struct err *e)
{
    bool ok = sqlite3_exec(r->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;
    for (size_t i = 0; i < count && ok; i++) {
        sqlite3_bind_blob64(r->insert, 1, bodies[i].ptr, bodies[i].len, SQLITE_STATIC);
        ok = sqlite3_step(r->insert) == SQLITE_DONE;
        ok = sqlite3_reset(r->insert) == SQLITE_OK && ok;
    }
    ok = ok && sqlite3_exec(r->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
    return ok || failed(r, e);
}
