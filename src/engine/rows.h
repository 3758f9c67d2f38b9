/* rows.h - what an object is in the columns: a row of cells. Inside src/engine only.
 *
 * A row is made of what the store has, so that it is the same after a restart: of the attributes of
 * an upload; of the texts and the call stack of a report of the PartyCrasher API.
 * docs/backtrace-mapping.md has the list. Workers make the cells (row_of_*); the writer adds what
 * is decided at commit, and puts the row into the columns (row_put), after the transaction and
 * before anybody is told.
 *
 * Memory: the arena; texts borrow what they were made of. */
#ifndef CRUMPLE_ENGINE_ROWS_H
#define CRUMPLE_ENGINE_ROWS_H

#include "columns/columns.h"
#include "report/amended.h"
#include "report/fingerprint.h"
#include "report/report.h"
#include "store/store.h"

struct engine;

/* Raised whenever rows are made otherwise than before: then those that an earlier version kept in a
 * file are of no use. */
#define ROWS_VERSION 1

struct row {
    struct named_cell *cells; /* the first ROW_DECIDED are for row_put */
    size_t count;
};
#define ROW_DECIDED 2 /* the fingerprint, now and before it was merged */

/* Of an upload; `attributes` are its row's. ERR_NOMEM. */
MUST_CHECK bool row_of_upload(struct row *out, const struct stored_upload *u,
                              const struct attributes *attributes, struct arena *a, struct err *e);
/* The same from u->attributes, as the store gives them: a third of the time. ERR_INPUT, ERR_LIMIT:
 * they are damaged. */
MUST_CHECK bool row_of_stored(struct row *out, const struct stored_upload *u, struct arena *a,
                              struct err *e);
/* Of a report of the PartyCrasher API, as it is stored: what was amended is in it, too. The stack
 * is the one that the fingerprint is made of. ERR_NOMEM. */
MUST_CHECK bool row_of_report(struct row *out, const struct report *r,
                              const struct callstack *stack, const struct amended *m,
                              struct arena *a, struct err *e);
/* The attributes of that row; and its `timestamp` is the report's date. False: no memory. */
MUST_CHECK bool row_attributes(struct attributes *out, const struct report *r,
                               const struct callstack *stack, const struct amended *m,
                               struct arena *a);
/* What an attribute is in the columns. */
struct cell cell_of_attribute(enum attribute_type type, struct str text);
/* Whether a row has this name for something of its own, so that no attribute can be called so. */
bool row_owns(struct str name);

/* en->columns, empty: with a place for the `error` that says which attributes are left out. */
MUST_CHECK bool rows_columns_new(struct engine *en, struct err *e);
/* The writer. fingerprint NULL: it has none. What goes wrong is in the log: the object is stored,
 * and only queries do not know it, or not all of it. */
void row_put(struct engine *en, struct str project, uint64_t object, const struct row *row,
             const uint8_t *fingerprint);

/* Some cells of it. */
void row_change(struct engine *en, struct str project, uint64_t object,
                const struct named_cell *cells, size_t count);

#endif
