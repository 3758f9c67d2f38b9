/* run_pace.c - ends a query that takes too long, or too much memory, with the same words
 * everywhere. */
#include "columns/run_pace.h"

bool pace_look(const struct pace *p, struct err *e)
{
    return metric_clock_us() < p->until_us ||
           err_word(e, ERR_LIMIT, "query_too_slow",
                    "the query takes longer than it may: ask for fewer rows");
}

bool run_no_memory(struct err *e)
{
    return err_word(e, ERR_NOMEM, "query_too_large",
                    "the query needs more memory than a request may take");
}
