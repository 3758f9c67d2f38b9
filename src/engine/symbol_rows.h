/* symbol_rows.h - what is found in one upload of symbols: a row for each file, and what is wrong
 * with them in sentences. Only process_symbols.c uses it.
 *
 * Threads: one. */
#ifndef CRUMPLE_ENGINE_SYMBOL_ROWS_H
#define CRUMPLE_ENGINE_SYMBOL_ROWS_H

#include "base/idmap.h"
#include "base/vec.h"
#include "engine/inside.h"

struct symbol_rows {
    struct upload_work *w;
    struct str tag;
    VEC(struct stored_symbol_file) list; /* texts in the work's arena */
    struct idmap by_source;
    size_t
        failure; /* one more than the place of the row that tells how the reading ended; 0: none */
};
/* Borrows the work. ERR_NOMEM alone, as below where nothing else is said. */
MUST_CHECK bool symbol_rows_init(struct symbol_rows *r, struct upload_work *w);
void symbol_rows_done(struct symbol_rows *r);

/* What is the same in all rows. */
struct stored_symbol_file symbol_rows_new(const struct symbol_rows *r);
/* ERR_LIMIT: there are too many. */
MUST_CHECK bool symbol_rows_push(struct symbol_rows *r, const struct stored_symbol_file *row,
                                 struct err *e);
/* The upload as a whole cannot be read (on); later: not now. */
MUST_CHECK bool symbol_rows_push_failure(struct symbol_rows *r, struct str why, bool later,
                                         struct err *e);
/* The first of these bytes; NULL. */
const struct stored_symbol_file *symbol_rows_find(const struct symbol_rows *r,
                                                  const uint8_t source[CONTENT_HASH_BYTES]);
/* All of them, and what is wrong, into the work's row. */
MUST_CHECK bool symbol_rows_finish(struct symbol_rows *r, struct err *e);

#endif
