/* run_pace.h - when a query is given up.
 *
 * Loops read the clock once for every block of rows, or for as much work. Threads: belongs to one
 * query. */
#ifndef CRUMPLE_COLUMNS_RUN_PACE_H
#define CRUMPLE_COLUMNS_RUN_PACE_H

#include "base/metrics.h"

#define PACE_STEPS 65536u /* a step is some nanoseconds: a row, a comparison */

struct pace {
    int64_t until_us; /* by metric_clock_us */
    uint32_t steps;   /* taken since the clock was read */
};

/* ERR_LIMIT with the word query_too_slow. */
MUST_CHECK bool pace_look(const struct pace *p, struct err *e);

/* Says that `steps` more are done or are about to be. */
MUST_CHECK static inline bool pace_check(struct pace *p, uint32_t steps, struct err *e)
{
    p->steps += steps < PACE_STEPS ? steps : PACE_STEPS;
    if (p->steps < PACE_STEPS)
        return true;
    p->steps = 0;
    return pace_look(p, e);
}

/* What every part of a query says when the arena is full. Returns false. */
bool run_no_memory(struct err *e);

#endif
