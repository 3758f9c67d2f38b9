/* rows.h - raw bodies into SQLite, with the settings that the store has and nothing else: the
 * ceiling for what the store does.
 *
 * Threads: one at a time. */
#ifndef CRUMPLE_BENCH_ROWS_H
#define CRUMPLE_BENCH_ROWS_H

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>

struct rows;

/* A new file; one that is there goes. */
MUST_CHECK bool rows_open(struct rows **out, const char *path, struct err *e);
void rows_close(struct rows *r); /* NULL is fine */
/* One transaction, durable on return. */
MUST_CHECK bool rows_write(struct rows *r, const struct str *bodies, size_t count, struct err *e);

#endif
