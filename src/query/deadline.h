/* deadline.h - when a search is given up.
 *
 * Loops say how many steps they have taken or are about to take; a step is some nanoseconds of work
 * (a value looked at, a place of a word). The clock is read once in DEADLINE_STEPS of them. A
 * deadline that has passed stays so: a function that cannot fail may stop early and leave the
 * refusal to its caller. Threads: belongs to one search. */
#ifndef CRUMPLE_QUERY_DEADLINE_H
#define CRUMPLE_QUERY_DEADLINE_H

#include "base/err.h"

#include <stddef.h>

#define DEADLINE_STEPS 4096 /* as many steps for something slow: then the clock is always read */

struct deadline {
    uint32_t timeout_ms; /* 0: none */
    int64_t at_us;       /* by metric_clock_us */
    size_t steps_left;   /* until the clock is read again */
    bool passed;
};

/* From now on. All zero is a deadline that never comes. */
void deadline_begin(struct deadline *d, uint32_t timeout_ms);
/* Reads the clock. */
bool deadline_look(struct deadline *d);
/* Fills *e (ERR_LIMIT, word search_too_long), returns false. */
bool deadline_refuse(const struct deadline *d, struct err *e);

static inline bool deadline_passed(struct deadline *d, size_t steps)
{
    if (steps >= d->steps_left)
        return deadline_look(d);
    d->steps_left -= steps;
    return false;
}

MUST_CHECK static inline bool deadline_check(struct deadline *d, size_t steps, struct err *e)
{
    return !deadline_passed(d, steps) || deadline_refuse(d, e);
}

#endif
