/* err.h - how a function says what went wrong.
 *
 * A function that can fail returns bool and takes `struct err *e` last. It does not log: it tells
 * its caller, who adds context (err_prefix) and passes it up. src/http turns codes into statuses.
 * Threads: an err belongs to whoever made it. */
#ifndef CRUMPLE_BASE_ERR_H
#define CRUMPLE_BASE_ERR_H

#include <stdbool.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

/* One code for each thing that a caller would do differently. */
enum err_code {
    ERR_NONE,
    ERR_INPUT,     /* the sender must change what it sends */
    ERR_LIMIT,     /* too large, too deep or too many for a named limit */
    ERR_NOT_FOUND, /* no such thing */
    ERR_CONFLICT,  /* it is there already, and different */
    ERR_BUSY,      /* a queue or a budget is full: try again later */
    ERR_FULL,      /* no room on disk */
    ERR_IO,        /* the system failed us */
    ERR_NOMEM      /* out of memory, or over an arena's limit */
};

struct err {
    enum err_code code;
    const char *word; /* a stable word for programs ("no_project"); static, NULL: made from code */
    uint64_t offset;  /* byte of the input where it went wrong; 0 when there is no input */
    char msg[200];    /* one line, for the log and for the sender; always valid UTF-8 */
};

/* Fills *e and returns false, so that a failing function can end in one line. */
PRINTF_LIKE(4, 5)
bool err_set(struct err *e, enum err_code code, uint64_t offset, const char *fmt, ...);

/* The same with a stable word of its own. `word` must be a literal. */
PRINTF_LIKE(4, 5)
bool err_word(struct err *e, enum err_code code, const char *word, const char *fmt, ...);

/* Puts context before the message ("item 3: ..."); returns false. */
PRINTF_LIKE(2, 3) bool err_prefix(struct err *e, const char *fmt, ...);

#endif
