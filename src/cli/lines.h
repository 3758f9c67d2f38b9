/* lines.h - a file of JSON lines, line by line, however long they are.
 *
 * Lines of nothing but white space are passed over. Threads: one at a time. */
#ifndef CRUMPLE_CLI_LINES_H
#define CRUMPLE_CLI_LINES_H

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"

#define LINES_LENGTH_MAX ((size_t)64 << 20) /* bytes of one line, as of one request */

struct lines;

/* "-" is standard input. ERR_NOT_FOUND, ERR_IO, ERR_NOMEM. */
MUST_CHECK bool lines_open(struct lines **out, const char *path, struct err *e);
void lines_close(struct lines *l);
DEFINE_CLEANUP(struct lines, lines_close)

enum lines_outcome {
    LINES_LINE,
    LINES_TOO_LONG, /* passed over; the next call goes on behind it */
    LINES_END,
    LINES_FAILED /* *e says why */
};
/* The line stays until the next call. */
enum lines_outcome lines_next(struct lines *l, struct str *line, struct err *e);

uint64_t lines_number(const struct lines *l); /* of the last line, from 1, empty ones counted */
uint64_t lines_read(const struct lines *l);   /* bytes given so far */
uint64_t lines_size(const struct lines *l);   /* bytes in all; 0 when that is not known */

#endif
