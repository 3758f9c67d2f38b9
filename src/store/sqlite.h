/* sqlite.h - what the files of the SQLite store share. Inside the store only.
 *
 * sqlite.c: connections, statements, errors, the schema.  sqlite_reports.c: reports and projects.
 */
#ifndef CRUMPLE_STORE_SQLITE_H
#define CRUMPLE_STORE_SQLITE_H

#include "store/store.h"

#include <pthread.h>
#include <sqlite3.h>

#define SQLITE_READERS 4 /* connections that read; one more reader waits */

/* Every statement there is, by its place in the table of sqlite.c. */
enum sql {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_INSERT,
    SQL_DELETE_ALL,
    SQL_NEXT_NUMBER,
    SQL_READ,
    SQL_SCAN,
    SQL_PROJECT_ADD,
    SQL_PROJECT_FIND,
    SQL_PROJECTS,
    SQL_SETTING_GET,
    SQL_SETTING_ADD,
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

    /* Guards writer: the engine's writer and store_project_create use it. */
    pthread_mutex_t write_mu;
    struct connection writer;

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
/* Ends the transaction when there is one. Never fails: SQLite may have done it already. */
void connection_rollback(struct connection *c);
/* Fills *e from a result code of SQLite on this connection; returns false. */
bool connection_failed(struct connection *c, int rc, struct err *e);

/* A connection to read with; waits when all are lent out. NULL with *e. */
struct connection *store_reader_take(struct store *s, struct err *e);
void store_reader_give(struct store *s, struct connection *c);

#endif
