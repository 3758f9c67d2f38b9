/* progress.h - tells on standard error how far a long command has come.
 *
 * On a terminal a bar, drawn anew a few times a second; elsewhere a plain line every two seconds.
 * Threads: one at a time. */
#ifndef CRUMPLE_CLI_PROGRESS_H
#define CRUMPLE_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
    bool terminal;
    bool drawn; /* a bar stands on the line */
    int64_t begin_us, next_us;
};
struct progress_state {
    uint64_t bytes, bytes_total; /* total 0: not known, then no bar and no time left */
    uint64_t reports;
};

void progress_begin(struct progress *p);
/* Cheap when nothing is due. */
void progress_update(struct progress *p, const struct progress_state *s);
/* Takes the bar away, so that other lines can be printed. */
void progress_clear(struct progress *p);
double progress_seconds(const struct progress *p); /* since progress_begin */

/* The text of the bar or line without its end, for `columns` columns; `seconds` since the begin.
 * Writes at most size bytes with the NUL. */
void progress_text(char *out, size_t size, const struct progress_state *s, double seconds,
                   size_t columns, bool bar);

#endif
