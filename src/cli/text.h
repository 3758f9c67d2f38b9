/* text.h - a file of lines in memory, read before the clock of a measurement runs.
 *
 * Threads: one at a time. */
#ifndef CRUMPLE_CLI_TEXT_H
#define CRUMPLE_CLI_TEXT_H

#include "base/err.h"
#include "base/str.h"
#include "base/vec.h"

struct text {
    char *ptr;
    VEC(struct str) lines; /* views into ptr; empty lines are left out */
};

/* "-" is standard input. Into a zeroed one. Also on failure the caller frees it. */
MUST_CHECK bool text_read(struct text *t, const char *path, struct err *e);
void text_free(struct text *t);

#endif
