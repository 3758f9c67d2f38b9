/* raw_log.h - raw bodies appended to a file, and nothing else: the ceiling for the inbox.
 *
 * Threads: one at a time. */
#ifndef CRUMPLE_BENCH_RAW_LOG_H
#define CRUMPLE_BENCH_RAW_LOG_H

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>

struct raw_log;

/* A new file; one that is there is emptied. */
MUST_CHECK bool raw_log_open(struct raw_log **out, const char *path, struct err *e);
void raw_log_close(struct raw_log *l); /* NULL is fine */
/* All of them with one fdatasync, durable on return. */
MUST_CHECK bool raw_log_write(struct raw_log *l, const struct str *bodies, size_t count,
                              struct err *e);

#endif
