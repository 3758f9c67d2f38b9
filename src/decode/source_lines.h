/* source_lines.h - finds one line in a piece of source code that came with a report.
 *
 * Threads: one at a time, since the first question makes the index. Memory: the arena, about 1/500
 * of the text; lines point into the text. */
#ifndef CRUMPLE_DECODE_SOURCE_LINES_H
#define CRUMPLE_DECODE_SOURCE_LINES_H

#include "base/arena.h"

#define SOURCE_LINE_MAX 1000 /* bytes of a line that are given; the rest is cut off */

struct source_lines {
    struct str text;
    uint64_t first_line; /* the number of the text's first line */
    /* The index: before[k] newlines stand before byte k * SOURCE_CHUNK. NULL until asked for. */
    size_t *before;
    size_t chunks;
};

/* The line without its end; empty when the text does not have it. False: no memory. */
MUST_CHECK bool source_lines_find(struct source_lines *s, uint64_t line, struct arena *a,
                                  struct str *out);

#endif
